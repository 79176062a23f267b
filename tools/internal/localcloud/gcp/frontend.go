package gcp

import (
	"context"
	"strings"

	"polygate.example/tools/internal/localcloud/resource"
)

// Tokens of the front half of the load balancer.
const (
	tokenAddress        = "gcp:compute/globalAddress:GlobalAddress"
	tokenSSLPolicy      = "gcp:compute/sSLPolicy:SSLPolicy"
	tokenHTTPSProxy     = "gcp:compute/targetHttpsProxy:TargetHttpsProxy"
	tokenForwardingRule = "gcp:compute/globalForwardingRule:GlobalForwardingRule"
)

// addressKey is under which a global address gets its loopback address.
func addressKey(rel string) string { return "gcp/" + rel }

func globalAddress() *resource.Type {
	t := global(tokenAddress, "GlobalAddress", "addresses",
		labels, oneOf("addressType", "EXTERNAL"), immutable(choice("ipVersion", "IPV4")))
	t.Unmodelled = []string{"address", "deletionPolicy", "network", "prefixLength", "purpose"}
	t.Computed = append(t.Computed, append([]string{"address", "labelFingerprint"}, labelOutputs...)...)
	t.Volatile = labelOutputs
	t.Create = func(_ context.Context, env *resource.Env, in resource.Props) (string, resource.Props, error) {
		id := globalName(in, "addresses")
		address := env.Addresses.Allocate(addressKey(id)).Addr().String()
		return id, made(env, id).With(computedLabels(in)).With(resource.Props{"address": address, "labelFingerprint": short(11, "labels", id)}), nil
	}
	t.Update = updateLabels
	t.Delete = func(_ context.Context, env *resource.Env, old resource.Record) error {
		for _, r := range env.View().List(tokenForwardingRule) {
			if a, ok := addressOf(env.View(), r.Inputs); ok && a.ID == old.ID {
				return inUse("address", old.ID, r.ID)
			}
		}
		return nil
	}
	return t
}

// addressOf finds the global address of a rule: named, linked or given as an IP address. Where the system has one loopback
// address only, all global addresses are that one and differ by port: then the rule's own name decides, else the first.
func addressOf(v resource.View, rule resource.Props) (resource.Record, bool) {
	ref := rule.Str("ipAddress")
	if a, ok := v.Get(tokenAddress, relative(ref)); ok {
		return a, true
	}
	same := v.Where(tokenAddress, "address", ref)
	for _, a := range same {
		if a.Inputs.Str("name") == rule.Str("name") {
			return a, true
		}
	}
	if len(same) == 0 {
		return resource.Record{}, false
	}
	return same[0], true
}

// enabledFeatures is what a profile enables, in part. It is only reported: the front negotiates cipher suites as Go does.
var enabledFeatures = map[string][]any{
	"COMPATIBLE": resource.List[any]("TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "TLS_RSA_WITH_AES_128_CBC_SHA"),
	"MODERN": resource.List[any](
		"TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
		"TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256"),
	"RESTRICTED": resource.List[any]("TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"),
}

// sslPolicy: Source: "SSL policies overview", cloud.google.com/load-balancing/docs/ssl-policies-concepts.
func sslPolicy() *resource.Type {
	t := global(tokenSSLPolicy, "SslPolicy", "sslPolicies",
		oneOf("profile", "COMPATIBLE", "MODERN", "RESTRICTED"), oneOf("minTlsVersion", "TLS_1_0", "TLS_1_1", "TLS_1_2", "TLS_1_3"))
	t.Unmodelled = []string{"customFeatures", "deletionPolicy", "postQuantumKeyExchange"}
	t.Computed = append(t.Computed, "enabledFeatures", "fingerprint")
	t.Volatile = []string{"enabledFeatures"}
	t.Check = func(_ context.Context, _ *resource.Env, in resource.Props) []resource.Failure {
		if in.Str("minTlsVersion") == "TLS_1_3" && in.Has("profile") && in.Str("profile") != "RESTRICTED" {
			return []resource.Failure{{Property: "minTlsVersion", Reason: "TLS 1.3 as the minimum version is supported with the RESTRICTED profile only"}}
		}
		return nil
	}
	t.Create = func(_ context.Context, env *resource.Env, in resource.Props) (string, resource.Props, error) {
		id := globalName(in, "sslPolicies")
		return id, made(env, id).With(resource.Props{"enabledFeatures": enabledFeatures[in.Str("profile")], "fingerprint": short(11, "fingerprint", id)}), nil
	}
	t.Update = func(_ context.Context, _ *resource.Env, _ resource.Record, in resource.Props) (resource.Props, error) {
		return resource.Props{"enabledFeatures": enabledFeatures[in.Str("profile")]}, nil
	}
	t.Delete = refuseWhileUsed("ssl_policy", tokenHTTPSProxy, "sslPolicy")
	return t
}

// mapPrefix is how a target proxy must name its certificate map.
// Source: compute v1 targetHttpsProxies.certificateMap, "Accepted format is //certificatemanager.googleapis.com/projects/...".
const mapPrefix = "//certificatemanager.googleapis.com/"

func httpsProxy() *resource.Type {
	same := func(o, n any) bool { return relative(text(o)) == relative(text(n)) }
	t := global(tokenHTTPSProxy, "TargetHttpsProxy", "targetHttpsProxies",
		resource.Property{Name: "urlMap", Kind: resource.String, Required: true, Same: same},
		resource.Property{Name: "certificateMap", Kind: resource.String, Same: same},
		resource.Property{Name: "sslPolicy", Kind: resource.String, Same: same},
		resource.Property{Name: "serverTlsPolicy", Kind: resource.String, Same: same},
		oneOf("quicOverride", "NONE", "ENABLE", "DISABLE"),
		resource.Property{Name: "httpKeepAliveTimeoutSec", Kind: resource.Int, Immutable: true, Min: resource.At(5), Max: resource.At(1200)},
	)
	t.Unmodelled = []string{"certificateManagerCertificates", "deletionPolicy", "proxyBind", "sslCertificates", "tlsEarlyData"}
	t.Computed = append(t.Computed, "fingerprint", "proxyId")
	t.Create = func(_ context.Context, env *resource.Env, in resource.Props) (string, resource.Props, error) {
		if err := checkProxy(env.View(), in); err != nil {
			return "", nil, err
		}
		id := globalName(in, "targetHttpsProxies")
		return id, made(env, id).With(resource.Props{"fingerprint": short(11, "fingerprint", id), "proxyId": number(digits(15, "id", id))}), nil
	}
	t.Update = func(_ context.Context, env *resource.Env, _ resource.Record, in resource.Props) (resource.Props, error) {
		return nil, checkProxy(env.View(), in)
	}
	t.Delete = refuseWhileUsed("target_https_proxy", tokenForwardingRule, "target")
	return t
}

func checkProxy(v resource.View, in resource.Props) error {
	if err := mustExist(v, tokenURLMap, "urlMap", in.Str("urlMap")); err != nil {
		return err
	}
	ref := in.Str("certificateMap")
	switch {
	case ref == "":
		return invalidField("sslCertificates", "", "At least one SSL certificate or a certificate map must be specified for an HTTPS proxy.")
	case !strings.HasPrefix(ref, mapPrefix):
		return invalidField("certificateMap", ref, "The URL is malformed. Want %sprojects/<project>/locations/global/certificateMaps/<name>", mapPrefix)
	}
	if err := mustExist(v, tokenMap, "certificateMap", ref); err != nil {
		return err
	}
	if ref := in.Str("sslPolicy"); ref != "" {
		if err := mustExist(v, tokenSSLPolicy, "sslPolicy", ref); err != nil {
			return err
		}
	}
	return checkClients(v, in)
}

func forwardingRule() *resource.Type {
	t := global(tokenForwardingRule, "GlobalForwardingRule", "forwardingRules",
		labels,
		resource.Property{Name: "target", Kind: resource.String, Required: true, Same: func(o, n any) bool { return relative(text(o)) == relative(text(n)) }},
		resource.Property{Name: "ipAddress", Kind: resource.String, Required: true, Immutable: true},
		resource.Property{Name: "portRange", Kind: resource.String, Required: true, Immutable: true, Same: func(o, n any) bool { return port(text(o)) == port(text(n)) }},
		immutable(oneOf("ipProtocol", "TCP")),
		immutable(oneOf("loadBalancingScheme", SchemeClassic, SchemeManaged)),
		immutable(choice("networkTier", "PREMIUM")),
	)
	t.Unmodelled = []string{
		"allowPscGlobalAccess", "deletionPolicy", "externalManagedBackendBucketMigrationState", "externalManagedBackendBucketMigrationTestingPercentage",
		"ipVersion", "metadataFilters", "network", "noAutomateDnsZone", "serviceDirectoryRegistrations", "sourceIpRanges", "subnetwork",
	}
	t.Computed = append([]string{"selfLink", "forwardingRuleId", "labelFingerprint", "baseForwardingRule"}, labelOutputs...)
	t.Volatile = labelOutputs
	t.Create = func(_ context.Context, env *resource.Env, in resource.Props) (string, resource.Props, error) {
		id := globalName(in, "forwardingRules")
		if err := checkRule(env.View(), in, id); err != nil {
			return "", nil, err
		}
		address, _ := addressOf(env.View(), in)
		return id, computedLabels(in).With(resource.Props{
			"selfLink": selfLink(id), "forwardingRuleId": number(digits(15, "id", id)), "labelFingerprint": short(11, "labels", id),
			"baseForwardingRule": "", "ipAddress": address.Computed.Str("address"), "networkTier": "PREMIUM", "portRange": port(in.Str("portRange")) + "-" + port(in.Str("portRange")),
		}), nil
	}
	t.Update = func(_ context.Context, env *resource.Env, old resource.Record, in resource.Props) (resource.Props, error) {
		return computedLabels(in), checkRule(env.View(), in, old.ID)
	}
	return t
}

// port is the one port of a range "443" or "443-443", "" for a real range.
func port(portRange string) string {
	lo, hi, ok := strings.Cut(portRange, "-")
	if ok && lo != hi {
		return ""
	}
	return lo
}

// checkRule checks the chain a forwarding rule starts: its address, its port and that the schemes agree.
// Source: "Forwarding rules overview", cloud.google.com/load-balancing/docs/forwarding-rule-concepts (one rule per
// address and port; an HTTPS proxy takes one port; the backend service's scheme must be the rule's).
func checkRule(v resource.View, in resource.Props, self string) error {
	if port(in.Str("portRange")) != "443" {
		return invalidField("portRange", in.Str("portRange"), "Invalid port range for a target HTTPS proxy: the local load balancer serves port 443.")
	}
	if err := mustExist(v, tokenHTTPSProxy, "target", in.Str("target")); err != nil {
		return err
	}
	address, ok := addressOf(v, in)
	if !ok {
		return invalidField("IPAddress", in.Str("ipAddress"), "Invalid IP address specified: it is no reserved global address.")
	}
	for _, r := range v.List(tokenForwardingRule) {
		if a, ok := addressOf(v, r.Inputs); ok && a.ID == address.ID && r.ID != self {
			return invalidField("IPAddress", address.Computed.Str("address"), "Specified IP address is in-use and would result in a conflict.")
		}
	}
	proxy, _ := v.Get(tokenHTTPSProxy, relative(in.Str("target")))
	urls, _ := v.Get(tokenURLMap, relative(proxy.Inputs.Str("urlMap")))
	backend, _ := v.Get(tokenBackendService, relative(urls.Inputs.Str("defaultService")))
	if want, have := in.Str("loadBalancingScheme"), backend.Inputs.Str("loadBalancingScheme"); want != have {
		return invalidField("loadBalancingScheme", want, "The load balancing scheme of the forwarding rule must match that of backend service '%s', which is %s.", backend.ID, have)
	}
	return nil
}
