package gcp

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"time"

	"polygate.example/tools/internal/localcloud/resource"
)

// Tokens of Certificate Manager.
const (
	tokenAuthorization = "gcp:certificatemanager/dnsAuthorization:DnsAuthorization"
	tokenCertificate   = "gcp:certificatemanager/certificate:Certificate"
	tokenMap           = "gcp:certificatemanager/certificateMap:CertificateMap"
	tokenEntry         = "gcp:certificatemanager/certificateMapEntry:CertificateMapEntry"
)

// Types of DNS authorisation.
const (
	FixedRecord   = "FIXED_RECORD"
	ProjectRecord = "PER_PROJECT_RECORD"
)

// States of a managed certificate.
const (
	StateProvisioning = "PROVISIONING"
	StateActive       = "ACTIVE"
)

// authorities are those that issue for Certificate Manager: Google's own, and Let's Encrypt where CAA keeps that one out.
// Source: "Core components", Google-managed certificates, docs.cloud.google.com/certificate-manager/docs/core-components.
var authorities = []string{"pki.goog", "letsencrypt.org"}

// managedLife is how long a certificate is valid that Google has issued. Source: "Use Google-managed SSL certificates", Renewal,
// cloud.google.com/load-balancing/docs/ssl-certificates/google-managed-certs.
const managedLife = 90 * 24 * time.Hour

var (
	domainName = regexp.MustCompile(`^([a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?\.)+[a-z]([-a-z0-9]{0,61}[a-z0-9])?$`)
	hostName   = regexp.MustCompile(`^(\*\.)?([a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?\.)+[a-z]([-a-z0-9]{0,61}[a-z0-9])?$`)
	location   = resource.Property{Name: "location", Kind: resource.String, Immutable: true, Default: "global", OneOf: resource.List[any]("global")}
)

func managerID(in resource.Props, kind string) string {
	return fmt.Sprintf("projects/%s/locations/global/%s/%s", in.Str("project"), kind, in.Str("name"))
}

// stillUsed is Certificate Manager's refusal to delete what something refers to.
func stillUsed(kind, rel, by string) error {
	return apiError(400, ReasonInUse, "can't delete %s '%s' that is referenced by '%s'", kind, rel, by)
}

// record is the CNAME that proves a domain's ownership. With FIXED_RECORD it stands at _acme-challenge.<domain>, where it
// blocks every other issuer's DNS-01; with PER_PROJECT_RECORD its first label carries a suffix of the project. Neither
// depends on the authorisation's name, so that one record serves all authorisations of a domain in the project.
// Source: "Manage DNS authorizations", cloud.google.com/certificate-manager/docs/dns-authorizations.
func record(in resource.Props) resource.Props {
	label, seed := "_acme-challenge", "fixed"
	if in.Str("type") == ProjectRecord {
		label, seed = "_acme-challenge_"+short(16, "acme", in.Str("project")), "project"
	}
	id := uuid("authorize", seed, in.Str("project"), in.Str("domain"))
	return resource.Props{
		"name": label + "." + in.Str("domain") + ".", "type": "CNAME",
		"data": id + "." + digits(1, id) + ".authorize.certificatemanager.goog.",
	}
}

func dnsAuthorization() *resource.Type {
	return &resource.Type{
		Token: tokenAuthorization, Label: "DnsAuthorization",
		Properties: []resource.Property{
			named(certificateManagerName), project, description, labels, location,
			{Name: "domain", Kind: resource.String, Required: true, Immutable: true, Pattern: domainName},
			immutable(oneOf("type", FixedRecord, ProjectRecord)),
		},
		Unmodelled: []string{"deletionPolicy"},
		Computed:   append([]string{"dnsResourceRecords"}, labelOutputs...),
		Volatile:   labelOutputs,
		Unique:     []string{"name", "location", "project"},
		AutoName:   autoName(64),
		Conflict:   func(in resource.Props) error { return alreadyExists(managerID(in, "dnsAuthorizations")) },
		Create: func(_ context.Context, _ *resource.Env, in resource.Props) (string, resource.Props, error) {
			return managerID(in, "dnsAuthorizations"), computedLabels(in).With(resource.Props{"dnsResourceRecords": resource.List(any(record(in)))}), nil
		},
		Update: updateLabels,
		Delete: func(_ context.Context, env *resource.Env, old resource.Record) error {
			for _, c := range env.View().List(tokenCertificate) {
				for _, ref := range c.Inputs.Object("managed").Strings("dnsAuthorizations") {
					if relative(ref) == old.ID {
						return stillUsed("dns authorization", old.ID, c.ID)
					}
				}
			}
			return nil
		},
	}
}

func certificate() *resource.Type {
	ref := &resource.Property{Kind: resource.String}
	return &resource.Type{
		Token: tokenCertificate, Label: "Certificate",
		Properties: []resource.Property{
			named(certificateManagerName), project, description, labels, location,
			immutable(oneOf("scope", "DEFAULT")),
			{
				Name: "managed", Kind: resource.Object, Required: true, Immutable: true, Computed: []string{"authorizationAttemptInfos", "provisioningIssues", "state"},
				Fields: []resource.Property{
					// Source: "Quotas and limits" of Certificate Manager: up to 100 domains, 1 with load balancer authorisation aside.
					{Name: "domains", Kind: resource.Array, Required: true, Min: resource.At(1), Max: resource.At(100), Elem: &resource.Property{Kind: resource.String, Pattern: hostName}},
					{Name: "dnsAuthorizations", Kind: resource.Array, Required: true, Min: resource.At(1), Elem: ref},
				},
				Unmodelled: []string{"authorizationAttemptInfos", "issuanceConfig", "provisioningIssues", "state"},
			},
		},
		Unmodelled: []string{"deletionPolicy", "selfManaged"},
		Computed:   append([]string{"sanDnsnames"}, labelOutputs...),
		Volatile:   labelOutputs,
		Unique:     []string{"name", "location", "project"},
		AutoName:   autoName(64),
		Conflict:   func(in resource.Props) error { return alreadyExists(managerID(in, "certificates")) },
		Create:     createCertificate,
		Update: func(_ context.Context, env *resource.Env, old resource.Record, in resource.Props) (resource.Props, error) {
			return computedLabels(in).With(resource.Props{"managed": managed(env, in, issued(env, old))}), nil
		},
		Read: func(env *resource.Env, rec resource.Record) resource.Props {
			return resource.Props{"managed": managed(env, rec.Inputs, issued(env, rec))}
		},
		Delete: func(_ context.Context, env *resource.Env, old resource.Record) error {
			if e, ok := referrer(env.View(), tokenEntry, old.ID, "certificates"); ok {
				return stillUsed("certificate", old.ID, e.ID)
			}
			return nil
		},
	}
}

func createCertificate(_ context.Context, env *resource.Env, in resource.Props) (string, resource.Props, error) {
	m := in.Object("managed")
	for i, ref := range m.Strings("dnsAuthorizations") {
		// Source: pulumi-google-native issue #462: a bare name is refused with "invalid name".
		if !strings.HasPrefix(relative(ref), "projects/") {
			return "", nil, apiError(400, ReasonBad, "Validation failed: managed.dns_authorizations[%d]: invalid name", i)
		}
		if _, ok := env.View().Get(tokenAuthorization, relative(ref)); !ok {
			return "", nil, apiError(404, ReasonNotFound, "Resource '%s' was not found", relative(ref))
		}
	}
	for i, d := range m.Strings("domains") {
		if _, ok := authorizationFor(env.View(), m, d); !ok {
			return "", nil, apiError(400, ReasonBad, "Validation failed: managed.domains[%d]: domain '%s' has no matching DNS authorization", i, d)
		}
	}
	// The key pair is made with the resource and kept with it; nobody sees the certificate before it is ACTIVE.
	cert, key, err := env.CA.IssueFor(managedLife, m.Strings("domains")...)
	if err != nil {
		return "", nil, fmt.Errorf("issue the certificate: %w", err)
	}
	active := len(unauthorised(env, in)) == 0
	return managerID(in, "certificates"), computedLabels(in).With(resource.Props{
		"managed": managed(env, in, active), "sanDnsnames": m.List("domains"),
		resource.PrivateKey: resource.Props{"cert": string(cert), "key": string(key), "issued": active},
	}), nil
}

// issued reports whether a certificate is ACTIVE. One that was issued stays so when its records go, until it expires;
// one that waits becomes ACTIVE as soon as all its records are in the DNS.
func issued(env *resource.Env, c resource.Record) bool {
	return c.Private.Bool("issued") || len(unauthorised(env, c.Inputs)) == 0
}

// authorizationFor finds the authorisation that covers a domain: its own, or for a wildcard that of the parent.
func authorizationFor(v resource.View, managed resource.Props, domain string) (resource.Record, bool) {
	domain = strings.TrimPrefix(domain, "*.")
	for _, ref := range managed.Strings("dnsAuthorizations") {
		if a, ok := v.Get(tokenAuthorization, relative(ref)); ok && a.Inputs.Str("domain") == domain {
			return a, true
		}
	}
	return resource.Record{}, false
}

// attempt is a domain whose authorisation failed, and why.
type attempt struct{ domain, reason, details string }

// unauthorised lists the domains whose authorisation record is not in the DNS, or whose CAA admits none of the authorities.
// Source of the reasons: Certificate Manager API, AuthorizationAttemptInfo.FailureReason.
func unauthorised(env *resource.Env, certificate resource.Props) []attempt {
	var out []attempt
	m := certificate.Object("managed")
	for _, d := range m.Strings("domains") {
		a, ok := authorizationFor(env.View(), m, d)
		if ok {
			r := record(a.Inputs)
			ok = strings.EqualFold(env.LookupCNAME(strings.TrimSuffix(r.Str("name"), ".")), strings.TrimSuffix(r.Str("data"), "."))
		}
		switch {
		case !ok:
			out = append(out, attempt{d, "CONFIG", "The DNS authorization record is not in the DNS."})
		case !env.Admitted(d, authorities...):
			out = append(out, attempt{d, "CAA", "CAA records of the domain admit none of " + strings.Join(authorities, ", ") + "."})
		}
	}
	return out
}

// managed is the state of a managed certificate as the API reports it now.
func managed(env *resource.Env, in resource.Props, active bool) resource.Props {
	m := in.Object("managed").With(resource.Props{"state": StateActive})
	if active {
		return m
	}
	failed := unauthorised(env, in)
	attempts, missing := make([]any, len(failed)), make([]string, len(failed))
	for i, a := range failed {
		attempts[i] = resource.Props{"domain": a.domain, "state": "FAILED", "failureReason": a.reason, "details": a.details}
		missing[i] = a.domain
	}
	return m.With(resource.Props{
		"state": StateProvisioning, "authorizationAttemptInfos": attempts,
		"provisioningIssues": resource.List(any(resource.Props{"reason": "AUTHORIZATION_ISSUE", "details": "Authorization of " + strings.Join(missing, ", ") + " is not done."})),
	})
}

func certificateMap() *resource.Type {
	return &resource.Type{
		Token: tokenMap, Label: "CertificateMap",
		Properties: []resource.Property{named(certificateManagerName), project, description, labels},
		Unmodelled: []string{"deletionPolicy"},
		Computed:   append([]string{"createTime", "updateTime", "gclbTargets"}, labelOutputs...),
		Volatile:   append([]string{"updateTime"}, labelOutputs...),
		Unique:     []string{"name", "project"},
		AutoName:   autoName(64),
		Conflict:   func(in resource.Props) error { return alreadyExists(managerID(in, "certificateMaps")) },
		Create: func(_ context.Context, env *resource.Env, in resource.Props) (string, resource.Props, error) {
			now := env.Now().Format(time.RFC3339)
			return managerID(in, "certificateMaps"), computedLabels(in).With(resource.Props{"createTime": now, "updateTime": now, "gclbTargets": []any{}}), nil
		},
		Update: func(_ context.Context, env *resource.Env, _ resource.Record, in resource.Props) (resource.Props, error) {
			return computedLabels(in).With(resource.Props{"updateTime": env.Now().Format(time.RFC3339)}), nil
		},
		Delete: func(_ context.Context, env *resource.Env, old resource.Record) error {
			if p, ok := referrer(env.View(), tokenHTTPSProxy, old.ID, "certificateMap"); ok {
				return stillUsed("certificate map", old.ID, p.ID)
			}
			for _, e := range entriesOf(env.View(), old.ID) {
				return stillUsed("certificate map", old.ID, e.ID)
			}
			return nil
		},
	}
}

// mapOf is the certificate map an entry belongs to, named or referred to.
func mapOf(entry resource.Props) string {
	if rel := relative(entry.Str("map")); strings.HasPrefix(rel, "projects/") {
		return rel
	}
	return fmt.Sprintf("projects/%s/locations/global/certificateMaps/%s", entry.Str("project"), entry.Str("map"))
}

func entriesOf(v resource.View, certificateMap string) []resource.Record {
	var out []resource.Record
	for _, e := range v.List(tokenEntry) {
		if mapOf(e.Inputs) == certificateMap {
			out = append(out, e)
		}
	}
	return out
}

func entryID(in resource.Props) string { return mapOf(in) + "/certificateMapEntries/" + in.Str("name") }

func certificateMapEntry() *resource.Type {
	return &resource.Type{
		Token: tokenEntry, Label: "CertificateMapEntry",
		Properties: []resource.Property{
			named(certificateManagerName), project, description, labels,
			{Name: "map", Kind: resource.String, Required: true, Immutable: true},
			{Name: "hostname", Kind: resource.String, Immutable: true, Pattern: hostName},
			immutable(choice("matcher", "PRIMARY")),
			{Name: "certificates", Kind: resource.Array, Required: true, Min: resource.At(1), Max: resource.At(15), Elem: &resource.Property{Kind: resource.String}},
		},
		Unmodelled: []string{"deletionPolicy"},
		Computed:   append([]string{"createTime", "updateTime", "state"}, labelOutputs...),
		Volatile:   append([]string{"updateTime"}, labelOutputs...),
		Unique:     []string{"name", "map", "project"},
		AutoName:   autoName(64),
		Conflict:   func(in resource.Props) error { return alreadyExists(entryID(in)) },
		Check: func(_ context.Context, _ *resource.Env, in resource.Props) []resource.Failure {
			_, host := in["hostname"]
			_, matcher := in["matcher"]
			if host == matcher {
				return []resource.Failure{{Property: "hostname", Reason: "\"hostname\": one of `hostname,matcher` must be specified"}}
			}
			return nil
		},
		Create: func(_ context.Context, env *resource.Env, in resource.Props) (string, resource.Props, error) {
			if err := checkEntry(env.View(), in, ""); err != nil {
				return "", nil, err
			}
			now := env.Now().Format(time.RFC3339)
			return entryID(in), computedLabels(in).With(resource.Props{"createTime": now, "updateTime": now, "state": "ACTIVE"}), nil
		},
		Update: func(_ context.Context, env *resource.Env, old resource.Record, in resource.Props) (resource.Props, error) {
			if err := checkEntry(env.View(), in, old.ID); err != nil {
				return nil, err
			}
			return computedLabels(in).With(resource.Props{"updateTime": env.Now().Format(time.RFC3339)}), nil
		},
	}
}

// checkEntry checks an entry's map, its certificates, and that it is the map's only one for its name.
func checkEntry(v resource.View, in resource.Props, self string) error {
	parent := mapOf(in)
	if _, ok := v.Get(tokenMap, parent); !ok {
		return apiError(404, ReasonNotFound, "Resource '%s' was not found", parent)
	}
	for i, ref := range in.Strings("certificates") {
		rel := relative(ref)
		if !strings.HasPrefix(rel, "projects/") {
			return apiError(400, ReasonBad, "Validation failed: certificates[%d]: invalid name", i)
		}
		if _, ok := v.Get(tokenCertificate, rel); !ok {
			return apiError(404, ReasonNotFound, "Resource '%s' was not found", rel)
		}
	}
	for _, e := range entriesOf(v, parent) {
		if e.ID != self && e.Inputs.Str("hostname") == in.Str("hostname") && e.Inputs.Str("matcher") == in.Str("matcher") {
			return apiError(409, ReasonExists, "Certificate map '%s' already has an entry for %s: '%s'", parent, first(in.Str("hostname"), in.Str("matcher")), e.ID)
		}
	}
	return nil
}
