package gcp

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/pulumi/pulumi-gcp/sdk/v9/go/gcp/certificatemanager"
	"github.com/pulumi/pulumi-gcp/sdk/v9/go/gcp/networksecurity"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"polygate.example/infra/provider"
	"polygate.example/infra/settings"
	"polygate.example/shared/artefact"
	"polygate.example/shared/clientcert"
	"polygate.example/shared/gateway"
	"polygate.example/shared/health"
)

// countryHeader is where a load balancer tells the country of the client.
const countryHeader = "X-Polygate-Client-Region"

// told are what a load balancer tells the function of the client: "Headers added by the load balancer overwrite any existing headers that have the
// same name". They are there whatever the document goes by: a function and its balancer do not change at the same time, and what either the function
// of before or the one to come believes has to be written over all the while. A stack of an older release has none or fewer of them, and its
// functions come before its balancers: there a document by which they are to believe more is refused until the headers are deployed (see silent).
//
// A variable that is not known is empty: a country, and before a proxy has its ServerTlsPolicy all that is about certificates. Nobody says whether an
// empty value is written over what the client sent too. So the two on which all depends are never empty. Source: "Create custom headers in backend
// services", docs.cloud.google.com/load-balancing/docs/https/custom-headers-global.
var told = []string{
	clientcert.GooglePresent + ":{client_cert_present}" + health.HeaderEnd,
	clientcert.GoogleVerified + ":{client_cert_chain_verified}",
	clientcert.GoogleError + ":{client_cert_error}",
	clientcert.GoogleLeaf + ":{client_cert_leaf}",
	clientcert.GoogleChain + ":{client_cert_chain}",
	countryHeader + ":{client_region}" + health.HeaderEnd,
}

// environment is what the function is told about itself, and which of the balancer's headers it is to believe.
func (r *region) environment() map[string]string {
	env := provider.Environment(r.account.args, r.args)
	maps.Copy(env, believed(r.account.args.Settings, r.account.args.Front))
	return env
}

// believed are the variables by which functions believe the balancer.
func believed(s settings.Settings, front artefact.Front) map[string]string {
	out := map[string]string{}
	if front.Country {
		out[health.EnvCountry] = countryHeader
	}
	if asks(s, front) {
		out[health.EnvFrontCertificate] = health.ByHeaders
	}
	return out
}

// asks reports whether the balancers ask clients for certificates.
func asks(s settings.Settings, front artefact.Front) bool {
	return front.Certificates != nil && len(front.Certificates.Anchors) > 0 && !s.Fronted()
}

// silent finds the backend services of regions that stay which do not write all headers yet, while the function behind is to believe more than it
// does by the state. One that believes as much already is no worse off, and a deployment is what gives its balancer the headers.
func silent(s settings.Settings, front artefact.Front, held []provider.Held) []string {
	var out []string
	for _, r := range s.Regions {
		if r.Provider != providerName {
			continue
		}
		of := "-" + regions[r.Name]
		before := map[string]string{}
		for _, h := range held {
			if h.Type == "gcp:cloudfunctionsv2/function:Function" && strings.HasSuffix(h.Name, of+"-function") {
				before = believes(resource.NewPropertyMapFromMap(h.Inputs))
			}
		}
		for _, h := range held {
			if h.Type == "gcp:compute/backendService:BackendService" && strings.HasSuffix(h.Name, of+"-backend") && !writesTold(h.Inputs) && believesMore(before, believed(s, front)) {
				out = append(out, h.Name)
			}
		}
	}
	return out
}

// writesTold reports whether a backend service writes all that a function may believe, by its inputs in the stack's state.
func writesTold(backend map[string]any) bool {
	written, _ := backend["customRequestHeaders"].([]any)
	return !slices.ContainsFunc(told, func(header string) bool { return !slices.Contains(written, any(header)) })
}

// toldTime is how long a function that is to believe the balancer waits, so that front ends all over the world have learned of headers that the
// backend service may have since the last update only. Building the function's revision takes minutes more. Unconfirmed: how long it takes; no
// document gives a bound.
const toldTime = 5 * time.Minute

// settleTold makes a hook that waits before a function is updated, if it is to believe of the balancer what it has not believed before. Other
// updates do not wait, and neither does a new function: before its balancer there is no other, and that has the headers from the beginning.
func settleTold(ctx *pulumi.Context, name string, s settings.Settings) (*pulumi.ResourceHook, error) {
	hook, err := ctx.RegisterResourceHook(name+"-told-settle", func(args *pulumi.ResourceHookArgs) error {
		if !believesMore(believes(args.OldInputs), believes(args.NewInputs)) {
			return nil
		}
		return provider.Pause(ctx.Context(), s.Wall(toldTime))
	}, nil)
	if err != nil {
		return nil, fmt.Errorf("hook that lets load balancers learn what to tell: %w", err)
	}
	return hook, nil
}

// believesMore reports whether a function is to believe of the balancer what it does not by its variables of before.
func believesMore(before, after map[string]string) bool {
	for name, now := range after {
		if now != "" && now != before[name] {
			return true
		}
	}
	return false
}

// believes are the variables by which a function believes the balancer.
func believes(function resource.PropertyMap) map[string]string {
	return map[string]string{
		health.EnvCountry:          variable(function, health.EnvCountry),
		health.EnvFrontCertificate: variable(function, health.EnvFrontCertificate),
	}
}

// variable is one of a function's variables, "" if it has none of the name.
func variable(function resource.PropertyMap, name string) string {
	value := resource.NewObjectProperty(function)
	for _, key := range []resource.PropertyKey{"serviceConfig", "environmentVariables", resource.PropertyKey(name)} {
		if !value.IsObject() {
			return ""
		}
		value = value.ObjectValue()[key]
	}
	if !value.IsString() {
		return ""
	}
	return value.StringValue()
}

// askClients declares that all load balancers of the stack ask clients for certificates, where the document goes by any that an authority has
// issued. None is asked for behind a front that shows one of its own, or none.
//
// Who shows no certificate, or another, is let through in this mode, as the gateway has routes that want none, and health checks show none; what it
// tells of others is enough to refuse them. Sources: "Mutual TLS overview", client validation modes, docs.cloud.google.com/load-balancing/docs/mtls;
// Network Security API, projects.locations.serverTlsPolicies, MTLSPolicy. Trust config and policy are global as the balancers are.
func (a *account) askClients(ctx *pulumi.Context, name string) error {
	front := a.args.Front.Certificates
	if !asks(a.args.Settings, a.args.Front) {
		return nil
	}
	physical := pulumi.String(provider.PhysicalName(a.args.Settings.Environment, "clients"))
	labels, opts := provider.Tags(a.args, nil), []pulumi.ResourceOption{pulumi.Parent(a), provider.Replaceable()}
	var store certificatemanager.TrustConfigTrustStoreArgs
	var anchors certificatemanager.TrustConfigTrustStoreTrustAnchorArray
	for _, text := range front.Anchors {
		anchors = append(anchors, certificatemanager.TrustConfigTrustStoreTrustAnchorArgs{PemCertificate: pulumi.String(text)})
	}
	store.TrustAnchors = anchors
	if len(front.Steps) > 0 {
		var steps certificatemanager.TrustConfigTrustStoreIntermediateCaArray
		for _, text := range front.Steps {
			steps = append(steps, certificatemanager.TrustConfigTrustStoreIntermediateCaArgs{PemCertificate: pulumi.String(text)})
		}
		store.IntermediateCas = steps
	}
	trust, err := certificatemanager.NewTrustConfig(ctx, name+"-clients-trust", &certificatemanager.TrustConfigArgs{
		Name: physical, Location: pulumi.String("global"), Labels: labels,
		Description: pulumi.Sprintf("Who issues clients' certificates for the polygate gateway of %s", a.args.Settings.Environment),
		TrustStores: certificatemanager.TrustConfigTrustStoreArray{store},
	}, opts...)
	if err != nil {
		return fmt.Errorf("trust config: %w", err)
	}
	if a.clients, err = networksecurity.NewServerTlsPolicy(ctx, name+"-clients", &networksecurity.ServerTlsPolicyArgs{
		Name: physical, Location: pulumi.String("global"), Labels: labels,
		MtlsPolicy: networksecurity.ServerTlsPolicyMtlsPolicyArgs{
			ClientValidationMode: pulumi.String("ALLOW_INVALID_OR_MISSING_CLIENT_CERT"),
			// By the project's number, as the provider's own example has it (gcp.compute.TargetHttpsProxy, "Mtls").
			ClientValidationTrustConfig: pulumi.Sprintf("projects/%d/locations/global/trustConfigs/%s", a.bucket.ProjectNumber, trust.Name),
		},
	}, opts...); err != nil {
		return fmt.Errorf("server TLS policy: %w", err)
	}
	return nil
}

// maxAuthority is how long a certificate of a trust config may be in PEM: "Each certificate provided in PEM format may occupy up to 5kB".
// Source: Certificate Manager API, projects.locations.trustConfigs, TrustAnchor.
const maxAuthority = 5000

var signatures = []x509.SignatureAlgorithm{
	x509.SHA256WithRSA, x509.SHA384WithRSA, x509.SHA512WithRSA, x509.SHA256WithRSAPSS, x509.SHA384WithRSAPSS, x509.SHA512WithRSAPSS,
	x509.ECDSAWithSHA256, x509.ECDSAWithSHA384, x509.ECDSAWithSHA512,
}

// clientCertificates says why no load balancer would hand on the certificates that a policy goes by: it hands on those alone that it has found valid.
func clientCertificates(_ settings.Settings, _ gateway.Spec, policy gateway.ClientCertificate) *provider.Objection {
	if policy.CA == "" {
		return &provider.Objection{
			Reason: "Google's load balancers tell only of certificates whose authority they are told of, which the policy does not name",
			Remedy: "write the certificates of who issues them under ca: fingerprints narrow them down; or find out who calls by another policy, such as signature",
		}
	}
	bundle, bad := clientcert.ParseBundle(policy.CA)
	if len(bad) > 0 {
		return nil // reported already
	}
	for _, c := range slices.Concat(bundle.Anchors(), bundle.Steps()) {
		if !taken(c) {
			return &provider.Objection{
				Reason: fmt.Sprintf("Google's load balancers take no authority such as %.128q: want a signature with SHA-256 or stronger, a key of RSA with up to 4096 bits, or on P-256 or P-384, and up to %d bytes in PEM", c.Subject.String(), maxAuthority),
				Remedy: "issue by another, or find out who calls by another policy, such as signature",
			}
		}
	}
	return nil
}

// taken reports whether Google's load balancers go by an authority. Keys are those of "client leaf or intermediate" certificates; of roots nothing
// else is said. Source: "External Application Load Balancer logging", statusDetails client_cert_invalid_rsa_key_size,
// client_cert_unsupported_elliptic_curve_key and client_cert_unsupported_key_algorithm, docs.cloud.google.com/load-balancing/docs/https/
// https-logging-monitoring; that RSA keys are 2048 to 4096 bits long and curves P-256 and P-384 is said there of server_cert_ errors. Of signatures:
// "Mutual TLS overview", certificate requirements, docs.cloud.google.com/load-balancing/docs/mtls: SHA-256 or stronger, and neither MD5 nor SHA-1.
func taken(c *x509.Certificate) bool {
	if !slices.Contains(signatures, c.SignatureAlgorithm) || len(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})) > maxAuthority {
		return false
	}
	switch key := c.PublicKey.(type) {
	case *rsa.PublicKey:
		return key.N.BitLen() <= 4096
	case *ecdsa.PublicKey:
		return key.Curve == elliptic.P256() || key.Curve == elliptic.P384()
	}
	return false
}
