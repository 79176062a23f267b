package route53_test

import (
	"slices"
	"strings"
	"testing"

	"polygate.example/infra/internal/record"
)

// declared is what was declared, as Route 53 reads it, and the state of the world.
type declared struct {
	*record.Recorder
	t      *testing.T
	sets   map[string][]entry         // by name
	checks map[string]record.Resource // by id
	up     map[string]bool            // by own name
	slow   map[string]bool            // by id of a check: it has not seen enough good probes yet
	on     map[string]bool            // by ARN of a routing control
}

// entry is one record.
type entry struct {
	failover, latency     string
	country, state, earth string
	weight                int
	direct, alias, check  string
}

func read53(t *testing.T, rec *record.Recorder) *declared {
	t.Helper()
	d := &declared{rec, t, map[string][]entry{}, map[string]record.Resource{}, map[string]bool{}, map[string]bool{}, map[string]bool{}}
	for _, hc := range rec.Of("aws:route53/healthCheck:HealthCheck") {
		d.checks[hc.Name+"-id"] = hc
	}
	kinds := map[string]string{}
	for _, r := range rec.Of("aws:route53/record:Record") {
		in, name := r.Inputs, r.Inputs["name"].(string)
		e := entry{}
		e.check, _ = in["healthCheckId"].(string)
		if e.check != "" && d.checks[e.check].Name == "" {
			t.Errorf("%s has the check %s, which is not there", r.Name, e.check)
		}
		kind := ""
		for property := range map[string]bool{"failoverRoutingPolicies": true, "weightedRoutingPolicies": true, "latencyRoutingPolicies": true, "geolocationRoutingPolicies": true} {
			p, ok := in[property].([]any)
			if !ok {
				continue
			}
			values := p[0].(map[string]any)
			text := func(k string) string { v, _ := values[k].(string); return v }
			kind, e.failover, e.latency = property, text("type"), text("region")
			e.country, e.state, e.earth = text("country"), text("subdivision"), text("continent")
			if w, ok := values["weight"].(float64); ok {
				e.weight = int(w)
			}
		}
		if kinds[name] != "" && kinds[name] != kind {
			t.Errorf("%s has records of %s and of %s: Route 53 refuses that", name, kinds[name], kind)
		}
		kinds[name] = kind
		if in["type"] != "CNAME" || in["setIdentifier"] == nil || kind == "" {
			t.Errorf("%s: type %v, identifier %v, policy %q", r.Name, in["type"], in["setIdentifier"], kind)
		}
		if a, ok := in["aliases"].([]any); ok {
			alias := a[0].(map[string]any)
			e.alias = alias["name"].(string)
			if alias["evaluateTargetHealth"] != true || in["ttl"] != nil {
				t.Errorf("%s: alias %v with TTL %v", r.Name, alias, in["ttl"])
			}
		} else {
			e.direct = in["records"].([]any)[0].(string)
			if e.check == "" || in["ttl"] != 30.0 {
				t.Errorf("%s leads to %s with the check %q and TTL %v", r.Name, e.direct, e.check, in["ttl"])
			}
		}
		d.sets[name] = append(d.sets[name], e)
	}
	for _, regions := range d.sets {
		slices.SortFunc(regions, func(a, b entry) int { return strings.Compare(a.failover, b.failover) })
	}
	return d
}

// healthy is the state of a check.
func (d *declared) healthy(id string) bool {
	in := d.checks[id].Inputs
	healthy := false
	switch in["type"] {
	case "HTTPS":
		healthy = d.up[in["fqdn"].(string)] && !d.slow[id]
	case "RECOVERY_CONTROL":
		healthy = d.on[in["routingControlArn"].(string)]
	case "CALCULATED":
		n := 0.0
		for _, child := range in["childHealthchecks"].([]any) {
			if d.healthy(child.(string)) {
				n++
			}
		}
		healthy = n >= in["childHealthThreshold"].(float64)
	default:
		d.t.Fatalf("check %s is of type %v", id, in["type"])
	}
	return (in["disabled"] == true || healthy) != (in["invertHealthcheck"] == true)
}

func (d *declared) serves(e entry) bool {
	if e.check != "" && !d.healthy(e.check) {
		return false
	}
	return e.alias == "" || slices.ContainsFunc(d.sets[e.alias], d.serves)
}

// client is who asks: where it is, and the AWS regions from near to far.
type client struct {
	earth, country, state string
	near                  []string
}

// resolve is the share of answers that each own name has.
func (d *declared) resolve(name string, c client) map[string]float64 {
	set := d.sets[name]
	if len(set) == 0 {
		d.t.Fatalf("no records of %s", name)
	}
	pick := func(candidates []entry) map[string]float64 {
		for _, e := range candidates {
			if d.serves(e) {
				return d.follow(e, c)
			}
		}
		return d.follow(candidates[0], c)
	}
	switch {
	case set[0].failover != "":
		return pick(set)
	case set[0].latency != "":
		sorted := slices.Clone(set)
		slices.SortFunc(sorted, func(a, b entry) int { return slices.Index(c.near, a.latency) - slices.Index(c.near, b.latency) })
		return pick(sorted)
	case set[0].country+set[0].earth != "":
		var candidates []entry
		for _, want := range []entry{{country: c.country, state: c.state}, {country: c.country}, {earth: c.earth}, {country: "*"}} {
			for _, e := range set {
				if e.country == want.country && e.state == want.state && e.earth == want.earth && !slices.Contains(candidates, e) {
					candidates = append(candidates, e)
				}
			}
		}
		return pick(candidates)
	}
	among := slices.DeleteFunc(slices.Clone(set), func(e entry) bool { return !d.serves(e) })
	if len(among) == 0 {
		among = set
	}
	total, out := 0.0, map[string]float64{}
	for _, e := range among {
		total += float64(e.weight)
	}
	for _, e := range among {
		for name, share := range d.follow(e, c) {
			out[name] += share * float64(e.weight) / total
		}
	}
	return out
}

func (d *declared) follow(e entry, c client) map[string]float64 {
	if e.alias != "" {
		return d.resolve(e.alias, c)
	}
	return map[string]float64{e.direct: 1}
}
