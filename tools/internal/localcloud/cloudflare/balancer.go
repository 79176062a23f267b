package cloudflare

import (
	"context"
	"math"
	"slices"
	"strings"

	"polygate.example/tools/internal/localcloud/resource"
)

const (
	tokenBalancer = "cloudflare:index/loadBalancer:LoadBalancer"
	labelBalancer = "load_balancers"
)

// privateCert and privateKey name the certificate that Universal SSL holds for the balancer's zone.
const (
	privateCert = "certificate"
	privateKey  = "key"
)

// Bounds of the TTL of an answer, in seconds. Source: "a TTL from 30 seconds to 10 minutes", "Setting proxy modes",
// cloud.ibm.com/docs/cis?topic=cis-proxy-modes.
const (
	minTTL, maxTTL = 30, 600
	defaultTTL     = 30
)

// balancerType is cloudflare:index/loadBalancer:LoadBalancer. Source: its schema in cloudflare/terraform-provider-cloudflare,
// internal/services/load_balancer: all but the zone changes in place.
func balancerType() *resource.Type {
	lists := func(name string) resource.Property {
		return resource.Property{Name: name, Kind: resource.Map, Elem: &resource.Property{Kind: resource.Array, Elem: &resource.Property{Kind: resource.String}}}
	}
	return &resource.Type{
		Token: tokenBalancer, Label: labelBalancer,
		Properties: []resource.Property{
			zoneProperty(),
			{Name: "name", Kind: resource.String, Required: true, Same: sameName},
			text("description"), flag("enabled", true), flag("proxied", false),
			required(text("fallbackPool")), required(texts("defaultPools")), lists("regionPools"), lists("countryPools"),
			{Name: "steeringPolicy", Kind: resource.String, OneOf: oneOf("", "off", "geo", "random", "dynamic_latency", "proximity", "least_outstanding_requests", "least_connections")},
			{Name: "ttl", Kind: resource.Number},
			{Name: "adaptiveRouting", Kind: resource.Object, Fields: []resource.Property{flag("failoverAcrossPools", false)}},
			{Name: "locationStrategy", Kind: resource.Object, Fields: []resource.Property{
				{Name: "mode", Kind: resource.String, Default: "pop", OneOf: oneOf("pop", "resolver_ip")},
				{Name: "preferEcs", Kind: resource.String, Default: "proximity", OneOf: oneOf("always", "never", "proximity", "geo")}}},
			{Name: "randomSteering", Kind: resource.Object, Fields: []resource.Property{
				{Name: "defaultWeight", Kind: resource.Number, Default: 1.0},
				{Name: "poolWeights", Kind: resource.Map, Elem: &resource.Property{Kind: resource.Number}}}},
			{Name: "sessionAffinity", Kind: resource.String, OneOf: oneOf("none", "")},
		},
		Unmodelled: []string{"networks", "popPools", "rules", "sessionAffinityAttributes", "sessionAffinityTtl"},
		Computed:   []string{"createdOn", "modifiedOn", "zoneName"},
		Volatile:   []string{"modifiedOn"},
		Check: func(_ context.Context, _ *resource.Env, in resource.Props) []resource.Failure {
			if p := in.Str("steeringPolicy"); slices.Contains([]string{"dynamic_latency", "least_outstanding_requests", "least_connections"}, p) {
				return []resource.Failure{unsupported("steeringPolicy", "traffic steering by %s", p)}
			}
			return nil
		},
		Create: func(_ context.Context, env *resource.Env, in resource.Props) (string, resource.Props, error) {
			c := call{"POST", "zones/" + in.Str("zoneId") + "/" + labelBalancer}
			zone, err := refuseBalancer(env.View(), c, "", in)
			if err != nil {
				return "", nil, err
			}
			// Universal SSL: "coverage is limited to the root domain and first-level subdomains", "Limitations for Universal SSL",
			// developers.cloudflare.com/ssl/edge-certificates/universal-ssl/limitations.
			cert, key, err := env.CA.Issue(zone, "*."+zone)
			if err != nil {
				return "", nil, err
			}
			return serial(env, tokenBalancer, in.Str("name")), stamps(env).With(resource.Props{
				"zoneName": zone, resource.PrivateKey: resource.Props{privateCert: string(cert), privateKey: string(key)},
			}), nil
		},
		Update: func(_ context.Context, env *resource.Env, old resource.Record, in resource.Props) (resource.Props, error) {
			c := call{"PUT", "zones/" + in.Str("zoneId") + "/" + labelBalancer + "/" + old.ID}
			_, err := refuseBalancer(env.View(), c, old.ID, in)
			return changed(env), err
		},
	}
}

// poolsOf are the ids of all pools a load balancer refers to.
func poolsOf(in resource.Props) []string {
	out := append([]string{in.Str("fallbackPool")}, in.Strings("defaultPools")...)
	for _, by := range []string{"regionPools", "countryPools"} {
		for place := range in.Object(by) {
			out = append(out, in.Object(by).Strings(place)...)
		}
	}
	for id := range in.Object("randomSteering").Object("poolWeights") {
		out = append(out, id)
	}
	return out
}

// policyOf is the steering policy: `""` "will map to geo if you use region_pools/country_pools/pop_pools otherwise off"
// (the schema's description).
func policyOf(in resource.Props) string {
	switch {
	case in.Str("steeringPolicy") != "":
		return in.Str("steeringPolicy")
	case len(in.Object("regionPools")) > 0 || len(in.Object("countryPools")) > 0:
		return "geo"
	}
	return "off"
}

// refuseBalancer checks what the API checks and returns the name of the zone.
func refuseBalancer(v resource.View, c call, self string, in resource.Props) (string, error) {
	z, err := c.inZone(v, in)
	if err != nil {
		return "", err
	}
	zone, name := z.Inputs.Str("name"), fqdn(in.Str("name"))
	// Source: cloudflare/terraform-provider-cloudflare pull request 887.
	if name != zone && !strings.HasSuffix(name, "."+zone) || !hostPattern.MatchString(strings.TrimPrefix(name, "*.")) {
		return "", c.invalid("invalid hostname: %s", in.Str("name"))
	}
	for _, b := range v.List(tokenBalancer) {
		if b.ID != self && fqdn(b.Inputs.Str("name")) == name {
			return "", c.refuse(codeNotUnique, "value not unique")
		}
	}
	if len(in.Strings("defaultPools")) == 0 {
		return "", c.invalid("default_pools must not be empty")
	}
	if in.Str("fallbackPool") == "" {
		return "", c.invalid("fallback_pool is required")
	}
	for _, id := range poolsOf(in) {
		if _, ok := v.Get(tokenPool, id); !ok {
			return "", c.invalid("pool %q does not exist", id)
		}
	}
	return zone, refuseSteering(v, c, in)
}

func refuseSteering(v resource.View, c call, in resource.Props) error {
	for region := range in.Object("regionPools") {
		if !slices.Contains(regions, region) {
			return c.invalid("%q is not a region", region)
		}
	}
	for country := range in.Object("countryPools") {
		if len(country) != 2 || strings.ToUpper(country) != country {
			return c.invalid("%q is not a country", country)
		}
	}
	random := in.Object("randomSteering")
	if w, ok := random["defaultWeight"].(float64); ok && (w < 0 || w > 1 || math.Abs(w*10-math.Round(w*10)) > 1e-6) {
		return c.invalid("default_weight %v is not a multiple of 0.1 in range [0, 1]", w) // the API's own schema: multipleOf 0.1
	}
	for id, w := range random.Object("poolWeights") {
		if w, _ := w.(float64); w < 0 || w > 1 {
			return c.invalid("weight %v of pool %s is not in range [0, 1]", w, id)
		}
	}
	// "For accurate proximity steering, add GPS coordinates to all pools within the same load balancer" ("Proximity
	// steering"): without them a pool has no distance.
	if policyOf(in) == "proximity" {
		for _, id := range in.Strings("defaultPools") {
			if p, _ := v.Get(tokenPool, id); !p.Inputs.Has("latitude") {
				return c.invalid("pool %s has no coordinates, which proximity steering needs", id)
			}
		}
	}
	switch ttl, set := in["ttl"].(float64); {
	case set && in.Bool("proxied"):
		return c.invalid("ttl cannot be set on a proxied load balancer") // "This only applies to gray-clouded (unproxied) load balancers"
	case set && (ttl < minTTL || ttl > maxTTL || ttl != math.Trunc(ttl)):
		return c.invalid("ttl is not in range [%d, %d]", minTTL, maxTTL)
	}
	if in.Object("adaptiveRouting").Bool("failoverAcrossPools") && !in.Bool("proxied") {
		return c.invalid("failover_across_pools needs a proxied load balancer")
	}
	return nil
}
