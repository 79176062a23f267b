package cloudflare

import (
	"context"
	"math"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"polygate.example/tools/internal/localcloud/resource"
)

const (
	tokenPool = "cloudflare:index/loadBalancerPool:LoadBalancerPool"
	labelPool = "load_balancers/pools"
)

// regions are Cloudflare's, and allRegions stands for each of them. Source: "List of Load Balancer regions",
// developers.cloudflare.com/load-balancing/reference/region-mapping-api.
var regions = []string{"EEU", "ENAM", "ME", "NAF", "NEAS", "NSAM", "OC", "SAF", "SAS", "SEAS", "SSAM", "WEU", "WNAM"}

const allRegions = "ALL_REGIONS"

// poolName is the form of a pool's name: "Only alphanumeric characters, hyphens, and underscores are allowed"
// (pulumi-cloudflare, LoadBalancerPoolArgs.Name).
var poolName = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)

// poolType is cloudflare:index/loadBalancerPool:LoadBalancerPool. Source: its schema in
// cloudflare/terraform-provider-cloudflare, internal/services/load_balancer_pool: all but the account changes in place.
func poolType() *resource.Type {
	weight := resource.Property{Name: "weight", Kind: resource.Number, Default: 1.0}
	return &resource.Type{
		Token: tokenPool, Label: labelPool,
		Properties: []resource.Property{
			accountProperty(), required(text("name")), text("description"), text("monitor"),
			flag("enabled", true),
			{Name: "minimumOrigins", Kind: resource.Int, Default: 1.0},
			{Name: "latitude", Kind: resource.Number}, {Name: "longitude", Kind: resource.Number},
			texts("checkRegions"),
			{Name: "originSteering", Kind: resource.Object, Fields: []resource.Property{
				{Name: "policy", Kind: resource.String, Default: "random", OneOf: oneOf("random", "hash", "least_outstanding_requests", "least_connections")}}},
			{Name: "origins", Kind: resource.Array, Required: true, Elem: &resource.Property{Kind: resource.Object, Fields: []resource.Property{
				text("name"), text("address"), flag("enabled", true), weight,
				{Name: "header", Kind: resource.Object, Fields: []resource.Property{texts("hosts")}},
			}, Unmodelled: []string{"port", "virtualNetworkId"}}},
		},
		Unmodelled: []string{"loadShedding", "monitorGroup", "notificationEmail", "notificationFilter"},
		Computed:   []string{"createdOn", "modifiedOn", "disabledAt", "networks"},
		Volatile:   []string{"modifiedOn", "disabledAt"},
		Check: func(_ context.Context, _ *resource.Env, in resource.Props) []resource.Failure {
			if p := in.Object("originSteering").Str("policy"); p != "" && p != "random" {
				return []resource.Failure{unsupported("originSteering.policy", "origin steering by %s", p)}
			}
			return nil
		},
		Create: func(_ context.Context, env *resource.Env, in resource.Props) (string, resource.Props, error) {
			c := call{"POST", "accounts/" + in.Str("accountId") + "/" + labelPool}
			if err := refusePool(env.View(), c, "", in); err != nil {
				return "", nil, err
			}
			return serial(env, tokenPool, in.Str("name")), stamps(env).With(disabledAt(env, in)), nil
		},
		Update: func(_ context.Context, env *resource.Env, old resource.Record, in resource.Props) (resource.Props, error) {
			c := call{"PUT", "accounts/" + Account + "/" + labelPool + "/" + old.ID}
			return changed(env).With(disabledAt(env, in)), refusePool(env.View(), c, old.ID, in)
		},
		// "You cannot delete pools that are in use by load balancers. This includes geo steering regions pools as well as
		// fallback pools", "Manage pools", developers.cloudflare.com/load-balancing/pools/create-pool.
		Delete: func(_ context.Context, env *resource.Env, old resource.Record) error {
			for _, b := range env.View().List(tokenBalancer) {
				if slices.Contains(poolsOf(b.Inputs), old.ID) {
					return call{"DELETE", "accounts/" + Account + "/" + labelPool + "/" + old.ID}.referenced()
				}
			}
			return nil
		},
	}
}

func disabledAt(env *resource.Env, in resource.Props) resource.Props {
	if in.Bool("enabled") {
		return resource.Props{"disabledAt": "", "networks": []any{}}
	}
	return resource.Props{"disabledAt": changed(env)["modifiedOn"], "networks": []any{}}
}

// refusePool checks what the API checks.
func refusePool(v resource.View, c call, self string, in resource.Props) error {
	if err := c.inAccount(in); err != nil {
		return err
	}
	if !poolName.MatchString(in.Str("name")) {
		return c.invalid("invalid name %q: only alphanumeric characters, hyphens, and underscores are allowed", in.Str("name"))
	}
	for _, p := range v.Where(tokenPool, "name", in.Str("name")) { // "A name (must be unique)", "Create a pool"
		if p.ID != self {
			return c.refuse(codeNotUnique, "value not unique")
		}
	}
	if m := in.Str("monitor"); m != "" {
		if _, ok := v.Get(tokenMonitor, m); !ok {
			return c.invalid("monitor %s does not exist", m)
		}
	}
	// Of an Enterprise plan; "Probing from every data centre is not allowed with this subscription" elsewhere
	// (cloudflare/cloudflare-go pull request 162).
	for _, r := range in.Strings("checkRegions") {
		if r != allRegions && !slices.Contains(regions, r) {
			return c.invalid("%q is not a region", r)
		}
	}
	if in.Has("latitude") != in.Has("longitude") { // "If this is set, longitude must also be set"
		return c.invalid("latitude and longitude must be set together")
	}
	lat, _ := in["latitude"].(float64)
	lon, _ := in["longitude"].(float64)
	if math.Abs(lat) > 90 || math.Abs(lon) > 180 {
		return c.invalid("latitude must be in range [-90, 90] and longitude in range [-180, 180]")
	}
	return refuseOrigins(v, c, in)
}

func refuseOrigins(v resource.View, c call, in resource.Props) error {
	origins := in.Objects("origins")
	if len(origins) == 0 { // hashicorp/terraform issue 17948
		return c.invalid("the origin list length must be in range [1, 100]")
	}
	if n := in.Int("minimumOrigins"); n < 0 || n > len(origins) {
		return c.invalid("minimum_origins is not in range [0, %d]", len(origins))
	}
	names, addresses := map[string]bool{}, map[string]bool{}
	for _, o := range origins {
		name, address := o.Str("name"), fqdn(o.Str("address"))
		// "Within a single pool, each endpoint address must be unique", and names must be ("Manage pools").
		if name == "" || names[name] {
			return c.invalid("origin name %q is missing or not unique", name)
		}
		if addresses[address] {
			return c.invalid("origin address %q is not unique", address)
		}
		names[name], addresses[address] = true, true
		if addr, err := netip.ParseAddr(address); err == nil {
			if addr.IsPrivate() || addr.IsUnspecified() || addr.IsMulticast() {
				return c.invalid("address %s is internal or reserved: virtual_network_id must be set", address)
			}
		} else if !hostPattern.MatchString(address) {
			return c.invalid("%q is not a valid address", o.Str("address"))
		}
		// "Set the Weight to a number between 0 and 1 (expressed in increments of .01)", "Weights".
		if w, _ := o["weight"].(float64); w < 0 || w > 1 || math.Abs(w*100-math.Round(w*100)) > 1e-6 {
			return c.invalid("weight %v is not a multiple of 0.01 in range [0, 1]", w)
		}
		if err := refuseHost(v, c, o); err != nil {
			return err
		}
	}
	return nil
}

// refuseHost checks a Host override: a subdomain of a zone of the account, the endpoint's address, or a name that leads to
// it; one only. Sources: "Override HTTP Host headers", developers.cloudflare.com/load-balancing/additional-options/
// override-http-host-headers; the message, cloudflare/cloudflare-docs pull request 2850.
func refuseHost(v resource.View, c call, o resource.Props) error {
	hosts := o.Object("header").Strings("hosts")
	if len(hosts) > 1 {
		return c.invalid("only one Host header is supported")
	}
	for _, h := range hosts {
		h, address := fqdn(h), fqdn(o.Str("address"))
		ours := slices.ContainsFunc(v.List(tokenZone), func(z resource.Record) bool { return strings.HasSuffix(h, "."+z.Inputs.Str("name")) })
		if !ours && h != address && (DNS{}).CNAME(v, h) != address {
			return c.invalid("Host header %q not allowed for origin domain %q", h, address)
		}
	}
	return nil
}
