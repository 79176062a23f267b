package cloudflare

import (
	"slices"
	"strings"

	"polygate.example/tools/internal/localcloud/plane"
	"polygate.example/tools/internal/localcloud/resource"
)

// edgeKey is what the front of all proxied names is known by to the allocation of addresses: they share Cloudflare's.
const edgeKey = "cloudflare/edge"

// edgeRegion is what the proxy's front is said to be in. It is no region that could be deployed to or broken.
const edgeRegion = "cloudflare/edge"

// Project derives what the data plane serves from the records: the zones with their records, the load balancers with all they
// refer to, and a site for each proxied one. The result is in a stable order.
func Project(env *resource.Env) (plane.World, error) {
	v := env.View()
	var w plane.World
	for _, z := range v.List(tokenZone) {
		w.Zones = append(w.Zones, hosted(v, z))
	}
	for _, b := range v.List(tokenBalancer) {
		p := balancer(v, b)
		w.Balancers = append(w.Balancers, p)
		if p.Proxied && !p.Disabled {
			w.Sites = append(w.Sites, site(env, b, p))
		}
	}
	return w, nil
}

// hosted is a zone with its records, those of one name and type together.
func hosted(v resource.View, z resource.Record) plane.Zone {
	out := plane.Zone{ID: z.ID, Name: z.Inputs.Str("name"), Manager: "cloudflare"}
	index := map[string]int{}
	for _, r := range v.Where(tokenRecord, "zoneId", z.ID) {
		rec := plane.Record{Name: recordName(v, r.Inputs), Type: r.Inputs.Str("type"), TTL: r.Inputs.Int("ttl")}
		if rec.TTL == automatic {
			rec.TTL = autoTTL
		}
		content := r.Outputs().Str("content")
		if i, ok := index[rec.Type+" "+rec.Name]; ok {
			out.Records[i].Values = append(out.Records[i].Values, content)
			continue
		}
		index[rec.Type+" "+rec.Name] = len(out.Records)
		rec.Values = []string{content}
		out.Records = append(out.Records, rec)
	}
	return out
}

func balancer(v resource.View, r resource.Record) plane.Balancer {
	in := r.Inputs
	b := plane.Balancer{
		ID: r.ID, Name: fqdn(in.Str("name")), Zone: in.Str("zoneId"), Proxied: in.Bool("proxied"), TTL: in.Int("ttl"),
		Disabled: !in.Bool("enabled") || inactive(v, in.Str("zoneId")),
		Steering: policyOf(in), Default: in.Strings("defaultPools"), Fallback: in.Str("fallbackPool"), Regions: lists(in.Object("regionPools")),
		Countries: lists(in.Object("countryPools")), FailoverAcrossPools: in.Object("adaptiveRouting").Bool("failoverAcrossPools"),
	}
	if b.TTL == 0 {
		b.TTL = defaultTTL
	}
	if b.Steering == "random" {
		b.Weights = weights(in)
	}
	seen := map[string]bool{}
	for _, id := range slices.Concat(b.Default, poolsOf(in)) {
		if p, ok := v.Get(tokenPool, id); ok && !seen[id] {
			seen[id] = true
			b.Pools = append(b.Pools, pool(v, p))
		}
	}
	if b.Proxied {
		b.Headers, b.Strict = marks(v, b)
		b.Country = tellsCountry(v, b.Zone)
	}
	return b
}

// lists are pools by place.
func lists(by resource.Props) map[string][]string {
	if len(by) == 0 {
		return nil
	}
	out := map[string][]string{}
	for place := range by {
		out[place] = by.Strings(place)
	}
	return out
}

// weights are those of the default pools; a pool that none is given for has the default one.
func weights(in resource.Props) map[string]float64 {
	random, out := in.Object("randomSteering"), map[string]float64{}
	for _, id := range in.Strings("defaultPools") {
		out[id] = 1
		for _, w := range []any{random["defaultWeight"], random.Object("poolWeights")[id]} {
			if w, ok := w.(float64); ok {
				out[id] = w
			}
		}
	}
	return out
}

func pool(v resource.View, r resource.Record) plane.Pool {
	in := r.Inputs
	p := plane.Pool{ID: r.ID, Name: in.Str("name"), Disabled: !in.Bool("enabled"), MinimumOrigins: in.Int("minimumOrigins"), Regions: in.Strings("checkRegions")}
	if len(p.Regions) == 0 || slices.Contains(p.Regions, allRegions) {
		p.Regions = regions
	}
	p.Lat, _ = in["latitude"].(float64)
	p.Lon, _ = in["longitude"].(float64)
	for _, o := range in.Objects("origins") {
		w, _ := o["weight"].(float64)
		origin := plane.Origin{Name: o.Str("name"), Address: fqdn(o.Str("address")), Weight: w, Disabled: !o.Bool("enabled")}
		for _, h := range o.Object("header").Strings("hosts") {
			origin.Host = fqdn(h)
		}
		p.Origins = append(p.Origins, origin)
	}
	if m, ok := v.Get(tokenMonitor, in.Str("monitor")); ok {
		p.Monitor = monitor(m.Inputs)
	}
	return p
}

func monitor(in resource.Props) *plane.PoolMonitor {
	m := &plane.PoolMonitor{
		Type: in.Str("type"), Method: in.Str("method"), Path: in.Str("path"), Port: in.Int("port"), ExpectedCodes: strings.ReplaceAll(in.Str("expectedCodes"), " ", ""),
		ExpectedBody: in.Str("expectedBody"), Interval: in.Int("interval"), Timeout: in.Int("timeout"), Retries: in.Int("retries"),
		ConsecutiveUp: max(1, in.Int("consecutiveUp")), ConsecutiveDown: max(1, in.Int("consecutiveDown")), AllowInsecure: in.Bool("allowInsecure"),
	}
	if m.Port == 0 {
		m.Port = map[string]int{"http": 80, "https": 443}[m.Type]
	}
	if h := in.Object("header"); len(h) > 0 {
		m.Headers = lists(h)
	}
	return m
}

// marks are what the zone's rulesets do with a proxied name: the headers they set, and whether origins must have a valid
// certificate. Without a rule a zone is in the mode Full, which takes any certificate. Source: "Encryption modes",
// developers.cloudflare.com/ssl/origin-configuration/ssl-modes.
func marks(v resource.View, b plane.Balancer) (map[string]string, bool) {
	var headers map[string]string
	strict := false
	for _, set := range v.Where(tokenRuleset, "zoneId", b.Zone) {
		for _, rule := range set.Inputs.Objects("rules") {
			if hostOf(rule) != b.Name || !rule.Bool("enabled") {
				continue
			}
			parameters := rule.Object("actionParameters")
			for name := range parameters.Object("headers") {
				if headers == nil {
					headers = map[string]string{}
				}
				headers[name] = parameters.Object("headers").Object(name).Str("value") // "" removes it
			}
			if parameters.Has("ssl") {
				strict = parameters.Str("ssl") == "strict"
			}
		}
	}
	return headers, strict
}

// site is the front of a proxied name. Universal SSL covers the zone's top and what is directly below it; a deeper name has
// no certificate, and clients get no connection.
func site(env *resource.Env, r resource.Record, b plane.Balancer) plane.Site {
	h := plane.Host{Name: b.Name}
	zone := r.Computed.Str("zoneName")
	if label := strings.TrimSuffix(strings.TrimSuffix(b.Name, zone), "."); !strings.Contains(label, ".") {
		h.Cert, h.Key = []byte(r.Private.Str(privateCert)), []byte(r.Private.Str(privateKey))
	}
	return plane.Site{ID: b.ID, Region: edgeRegion, Front: plane.Cloudflare, Listen: env.Addresses.Allocate(edgeKey), Hosts: []plane.Host{h}}
}
