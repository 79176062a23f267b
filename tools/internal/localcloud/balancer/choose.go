package balancer

import (
	"cmp"
	"slices"

	"polygate.example/tools/internal/localcloud/place"
	"polygate.example/tools/internal/localcloud/plane"
)

// choice is an origin of a pool.
type choice struct {
	pool   plane.Pool
	origin plane.Origin
}

// healthy reports whether an origin may have traffic. "When no monitor is attached to a pool, the health status is not
// considered during steering" (Health).
func (t *table) healthy(p plane.Pool, o plane.Origin) bool {
	switch {
	case p.Disabled || o.Disabled:
		return false
	case p.Monitor == nil:
		return true
	}
	key := watchKey(p, o)
	if healthy, ok := t.known[key]; ok {
		return healthy
	}
	w := t.watches[key]
	return w != nil && w.Healthy()
}

// serves reports whether a pool takes part in steering: "The minimum number of origins that must be healthy for this pool to
// serve traffic" (pulumi-cloudflare, LoadBalancerPool.MinimumOrigins), and one in any case.
func (t *table) serves(p plane.Pool) bool {
	n := 0
	for _, o := range p.Origins {
		if t.healthy(p, o) {
			n++
		}
	}
	return n >= max(1, p.MinimumOrigins)
}

// order lists the pools that may serve a client, the preferred one first, whatever their health.
func (b *Balancers) order(lb plane.Balancer, from place.Place) []plane.Pool {
	ids := lb.Default
	if lb.Steering == "geo" {
		ids = listOf(lb, from)
	}
	var out []plane.Pool
	for _, id := range ids {
		if p, ok := pool(lb, id); ok {
			out = append(out, p)
		}
	}
	switch lb.Steering {
	case "proximity":
		slices.SortStableFunc(out, func(p, q plane.Pool) int { return cmp.Compare(away(from, p), away(from, q)) })
	case "random":
		out = b.shuffle(lb, out)
	}
	return out
}

// away is how far a pool is from a client, in kilometres.
func away(from place.Place, p plane.Pool) float64 {
	return place.Distance(from, place.Place{Lat: p.Lat, Lon: p.Lon})
}

// listOf are the pools of a client's country, else of its region, else the default ones: "Any country not explicitly defined
// will fall back to using the corresponding region_pool mapping (if it exists), then to the associated default pools" ("Geo
// steering"). A resolver that tells nothing of its client stands for it, and both are at the data centre nearest to them.
func listOf(lb plane.Balancer, from place.Place) []string {
	if ids, ok := lb.Countries[from.Country]; ok {
		return ids
	}
	if ids, ok := lb.Regions[RegionOf(from)]; ok {
		return ids
	}
	return lb.Default
}

// shuffle draws an order without putting back: "a random pool is selected with probability proportional to pool weights", of
// those that are left when it is unhealthy, too (pulumi-cloudflare, LoadBalancer.RandomSteering). One of weight 0 has no part.
func (b *Balancers) shuffle(lb plane.Balancer, pools []plane.Pool) []plane.Pool {
	var out []plane.Pool
	left := slices.DeleteFunc(slices.Clone(pools), func(p plane.Pool) bool { return lb.Weights[p.ID] <= 0 })
	for len(left) > 0 {
		i := b.draw(len(left), func(i int) float64 { return lb.Weights[left[i].ID] })
		out, left = append(out, left[i]), slices.Delete(left, i, i+1)
	}
	return out
}

// draw picks one of n by weight. All weights together are above 0.
func (b *Balancers) draw(n int, weight func(int) float64) int {
	total := 0.0
	for i := range n {
		total += weight(i)
	}
	at := b.o.Draw() * total
	for i := range n {
		if at -= weight(i); at < 0 {
			return i
		}
	}
	return n - 1
}

// choose picks a pool and an origin for a client. Without a healthy pool it is the fallback pool, "meaning that its health is
// not taken into account when directing traffic"; ok is false when that one is disabled (Health).
func (b *Balancers) choose(t *table, lb plane.Balancer, from place.Place) (choice, bool) {
	for _, p := range b.order(lb, from) {
		if c, ok := b.within(t, p, nil); ok && t.serves(p) {
			return c, true
		}
	}
	p, ok := pool(lb, lb.Fallback)
	if !ok || p.Disabled {
		return choice{}, false
	}
	if c, ok := b.within(t, p, nil); ok {
		return c, true
	}
	enabled := slices.DeleteFunc(slices.Clone(p.Origins), func(o plane.Origin) bool { return o.Disabled })
	if len(enabled) == 0 {
		return choice{}, false
	}
	return choice{p, enabled[b.draw(len(enabled), func(i int) float64 { return max(enabled[i].Weight, 1e-9) })]}, true
}

// within picks a healthy origin of a pool by weight, other than one: "% of traffic to endpoint = endpoint weight ÷ sum of all
// weights in the pool", of the healthy ones; "an endpoint with a weight of 0 should not receive any traffic" ("Weights").
func (b *Balancers) within(t *table, p plane.Pool, but *plane.Origin) (choice, bool) {
	var left []plane.Origin
	for _, o := range p.Origins {
		if t.healthy(p, o) && o.Weight > 0 && (but == nil || o.Name != but.Name) {
			left = append(left, o)
		}
	}
	if len(left) == 0 {
		return choice{}, false
	}
	return choice{p, left[b.draw(len(left), func(i int) float64 { return left[i].Weight })]}, true
}

// another is where a request goes whose origin failed: "if there is another healthy endpoint in the pool", and, where failover
// across pools is on, "to healthy endpoints in alternate pools according to the failover order defined by traffic and
// endpoint steering" ("Adaptive routing"). ok is false when there is none.
func (b *Balancers) another(t *table, lb plane.Balancer, from place.Place, failed choice) (choice, bool) {
	if c, ok := b.within(t, failed.pool, &failed.origin); ok {
		return c, true
	}
	if !lb.FailoverAcrossPools {
		return choice{}, false
	}
	for _, p := range b.order(lb, from) {
		// A pool of the same origin, as the steps of a ramp have, is no other endpoint.
		if p.ID == failed.pool.ID || !t.serves(p) {
			continue
		}
		if c, ok := b.within(t, p, nil); ok && c.origin.Address != failed.origin.Address {
			return c, true
		}
	}
	return choice{}, false
}

// regionsOf are Cloudflare's regions of the places that clients can be at. The regions are documented by name only ("List of
// Load Balancer regions"); the Regions API knows the countries.
var regionsOf = map[string]string{
	"IAD": "ENAM", "YUL": "ENAM", "SFO": "WNAM", "MEX": "NSAM", "GRU": "SSAM", "DUB": "WEU", "LHR": "WEU", "FRA": "WEU", "CDG": "WEU", "KBP": "EEU",
	"DXB": "ME", "BOM": "SAS", "SIN": "SEAS", "NRT": "NEAS", "SYD": "OC", "JNB": "SAF", "LOS": "NAF", "MCM": "OC",
}

// RegionOf is Cloudflare's region of a place, "" for one that no client is at.
func RegionOf(p place.Place) string { return regionsOf[p.Code] }
