package gcp

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"strings"
	"time"

	"polygate.example/tools/internal/localcloud/plane"
	"polygate.example/tools/internal/localcloud/resource"
)

// Tokens of what a load balancer asks clients for certificates by.
const (
	tokenTrust     = "gcp:certificatemanager/trustConfig:TrustConfig"
	tokenServerTLS = "gcp:networksecurity/serverTlsPolicy:ServerTlsPolicy"
)

// Modes of a server TLS policy. Source: Network Security API, projects.locations.serverTlsPolicies, ClientValidationMode.
const (
	ModeAllow  = "ALLOW_INVALID_OR_MISSING_CLIENT_CERT"
	ModeReject = "REJECT_INVALID"
	modeNone   = "CLIENT_VALIDATION_MODE_UNSPECIFIED" // "Not allowed"
)

// maxTrustedPEM is how long a certificate of a trust config may be: "Each certificate provided in PEM format may occupy up to 5kB". Source:
// Certificate Manager API, projects.locations.trustConfigs, TrustAnchor and IntermediateCA.
const maxTrustedPEM = 5000

// trusted is a list of certificates.
func trusted(name string) resource.Property {
	return resource.Property{Name: name, Kind: resource.Array, Elem: &resource.Property{Kind: resource.Object, Fields: []resource.Property{
		{Name: "pemCertificate", Kind: resource.String, Required: true, Secret: true}}}}
}

// trustConfig holds whom clients' certificates are believed of. Source: Certificate Manager API, projects.locations.trustConfigs; "Mutual TLS
// overview", docs.cloud.google.com/load-balancing/docs/mtls: "contains a single trust store".
func trustConfig() *resource.Type {
	at := location
	at.Required, at.Default = true, nil
	return &resource.Type{
		Token: tokenTrust, Label: "TrustConfig",
		Properties: []resource.Property{
			named(certificateManagerName), project, description, labels, at,
			{Name: "trustStores", Kind: resource.Array, Max: resource.At(1), Elem: &resource.Property{Kind: resource.Object, Fields: []resource.Property{
				trusted("trustAnchors"), trusted("intermediateCas")}}},
		},
		Unmodelled: []string{"allowlistedCertificates", "deletionPolicy"},
		Computed:   append([]string{"createTime", "updateTime"}, labelOutputs...),
		Volatile:   append([]string{"updateTime"}, labelOutputs...),
		Unique:     []string{"name", "location", "project"},
		AutoName:   autoName(64),
		Conflict:   func(in resource.Props) error { return alreadyExists(managerID(in, "trustConfigs")) },
		Create: func(_ context.Context, env *resource.Env, in resource.Props) (string, resource.Props, error) {
			if err := checkTrust(in); err != nil {
				return "", nil, err
			}
			now := env.Now().Format(time.RFC3339)
			return managerID(in, "trustConfigs"), computedLabels(in).With(resource.Props{"createTime": now, "updateTime": now}), nil
		},
		Update: func(_ context.Context, env *resource.Env, _ resource.Record, in resource.Props) (resource.Props, error) {
			if err := checkTrust(in); err != nil {
				return nil, err
			}
			return computedLabels(in).With(resource.Props{"updateTime": env.Now().Format(time.RFC3339)}), nil
		},
		Delete: func(_ context.Context, env *resource.Env, old resource.Record) error {
			for _, p := range env.View().List(tokenServerTLS) {
				if trustOf(p.Inputs) == old.ID {
					return stillUsed("trust config", old.ID, p.ID)
				}
			}
			return nil
		},
	}
}

// checkTrust wants every certificate to be one, and not too long. The words are not known, and are ours.
func checkTrust(in resource.Props) error {
	for i, store := range in.Objects("trustStores") {
		for _, list := range []struct{ property, field string }{{"trustAnchors", "trust_anchors"}, {"intermediateCas", "intermediate_cas"}} {
			for j, c := range store.Objects(list.property) {
				text := c.Str("pemCertificate")
				field := fmt.Sprintf("Validation failed: trust_stores[%d].%s[%d].pem_certificate: ", i, list.field, j)
				if len(text) > maxTrustedPEM {
					return apiError(400, ReasonBad, "%smust be at most %d bytes long, and is %d", field, maxTrustedPEM, len(text))
				}
				block, rest := pem.Decode([]byte(text))
				if block == nil || block.Type != "CERTIFICATE" || strings.TrimSpace(string(rest)) != "" {
					return apiError(400, ReasonBad, "%smust be one certificate in PEM", field)
				}
				if _, err := x509.ParseCertificate(block.Bytes); err != nil {
					return apiError(400, ReasonBad, "%scannot be parsed", field)
				}
			}
		}
	}
	return nil
}

// trustOf is the trust config that a policy refers to, by the project's id: the API takes its number too, and answers with that.
func trustOf(policy resource.Props) string {
	ref := relative(policy.Object("mtlsPolicy").Str("clientValidationTrustConfig"))
	if rest, ok := strings.CutPrefix(ref, "projects/"+Account+"/"); ok {
		return "projects/" + policy.Str("project") + "/" + rest
	}
	return ref
}

// serverTLSPolicy has the load balancers that refer to it ask clients for certificates. Those of meshes are not modelled. Source: Network Security
// API, projects.locations.serverTlsPolicies.
func serverTLSPolicy() *resource.Type {
	return &resource.Type{
		Token: tokenServerTLS, Label: "ServerTlsPolicy",
		Properties: []resource.Property{
			named(rfc1035), project, description, labels, location,
			{Name: "allowOpen", Kind: resource.Bool},
			{Name: "mtlsPolicy", Kind: resource.Object, Unmodelled: []string{"clientValidationCas"}, Fields: []resource.Property{
				choice("clientValidationMode", modeNone, ModeAllow, ModeReject), {Name: "clientValidationTrustConfig", Kind: resource.String}}},
		},
		Unmodelled: []string{"deletionPolicy", "serverCertificate"},
		Computed:   append([]string{"createTime", "updateTime"}, labelOutputs...),
		Volatile:   append([]string{"updateTime"}, labelOutputs...),
		Unique:     []string{"name", "location", "project"},
		AutoName:   autoName(63),
		Conflict:   func(in resource.Props) error { return alreadyExists(managerID(in, "serverTlsPolicies")) },
		Create: func(_ context.Context, env *resource.Env, in resource.Props) (string, resource.Props, error) {
			if err := checkServerTLS(env.View(), in); err != nil {
				return "", nil, err
			}
			now := env.Now().Format(time.RFC3339)
			return managerID(in, "serverTlsPolicies"), computedLabels(in).With(resource.Props{"createTime": now, "updateTime": now}), nil
		},
		Update: func(_ context.Context, env *resource.Env, _ resource.Record, in resource.Props) (resource.Props, error) {
			if err := checkServerTLS(env.View(), in); err != nil {
				return nil, err
			}
			return computedLabels(in).With(resource.Props{"updateTime": env.Now().Format(time.RFC3339)}), nil
		},
		Delete: func(_ context.Context, env *resource.Env, old resource.Record) error {
			if p, ok := referrer(env.View(), tokenHTTPSProxy, old.ID, "serverTlsPolicy"); ok {
				return inUse("server_tls_policy", old.ID, p.ID) // "you will receive a resourceInUseByAnotherResource error", provider schema of the proxy
			}
			return nil
		},
	}
}

// checkServerTLS checks what a policy says of clients. The words are not known, and are ours.
func checkServerTLS(v resource.View, in resource.Props) error {
	mtls := in.Object("mtlsPolicy")
	mode, ref := mtls.Str("clientValidationMode"), mtls.Str("clientValidationTrustConfig")
	switch {
	case len(mtls) == 0:
		return nil
	case mode == "" || mode == modeNone:
		return apiError(400, ReasonBad, "Validation failed: mtls_policy.client_validation_mode: must be %s or %s", ModeAllow, ModeReject)
	case ref == "" && mode == ModeReject:
		return apiError(400, ReasonBad, "Validation failed: mtls_policy.client_validation_trust_config: is required with %s", ModeReject)
	case ref == "":
		return nil
	case !strings.HasPrefix(relative(ref), "projects/"):
		return apiError(400, ReasonBad, "Validation failed: mtls_policy.client_validation_trust_config: invalid name '%s'", ref)
	}
	trust, ok := v.Get(tokenTrust, trustOf(in))
	if !ok {
		return apiError(404, ReasonNotFound, "Resource '%s' was not found", ref)
	}
	if anchors, _ := certificatesOf(trust); mode == ModeReject && len(anchors) == 0 {
		return apiError(400, ReasonBad, "Validation failed: mtls_policy.client_validation_trust_config: is empty, which %s does not take", ModeReject)
	}
	return nil
}

// checkClients checks the policy that a proxy refers to. Source: provider schema of compute.TargetHttpsProxy, and of networksecurity.ServerTlsPolicy:
// of external load balancers allowOpen "must be set to false" and mtlsPolicy "is required".
func checkClients(v resource.View, in resource.Props) error {
	ref := in.Str("serverTlsPolicy")
	if ref == "" {
		return nil
	}
	if err := mustExist(v, tokenServerTLS, "serverTlsPolicy", ref); err != nil {
		return err
	}
	policy, _ := v.Get(tokenServerTLS, relative(ref))
	if policy.Inputs.Bool("allowOpen") || len(policy.Inputs.Object("mtlsPolicy")) == 0 {
		return invalidField("serverTlsPolicy", ref, "The policy cannot be used with this load balancer: it must have mtlsPolicy and no allowOpen.")
	}
	return nil
}

// clientsOf is what a proxy asks clients for; nil without a policy.
func clientsOf(v resource.View, proxy resource.Record) *plane.Clients {
	policy, ok := v.Get(tokenServerTLS, relative(proxy.Inputs.Str("serverTlsPolicy")))
	if !ok {
		return nil
	}
	trust, ok := v.Get(tokenTrust, trustOf(policy.Inputs))
	c := &plane.Clients{Required: policy.Inputs.Object("mtlsPolicy").Str("clientValidationMode") == ModeReject, Unchecked: !ok}
	c.Anchors, c.Steps = certificatesOf(trust)
	return c
}

// certificatesOf are those of a trust config, in PEM.
func certificatesOf(trust resource.Record) (anchors, steps []string) {
	for _, store := range trust.Inputs.Objects("trustStores") {
		for _, c := range store.Objects("trustAnchors") {
			anchors = append(anchors, c.Str("pemCertificate"))
		}
		for _, c := range store.Objects("intermediateCas") {
			steps = append(steps, c.Str("pemCertificate"))
		}
	}
	return anchors, steps
}
