package dns

import (
	"cmp"
	"math"
	"slices"
	"time"

	"polygate.example/tools/internal/localcloud/place"
	"polygate.example/tools/internal/localcloud/plane"
)

// The two slots of a failover pair.
const (
	primary   = "PRIMARY"
	secondary = "SECONDARY"
)

// everybody is the country of a geolocation record that is for those whom no other is for.
const everybody = "*"

// choose picks the record of a set that is answered now, nil when none of them is for this client. A set is never empty.
//
// Source: Route 53 Developer Guide, "How Amazon Route 53 chooses records when health checking is configured": a record is
// chosen by the policy, and while it is unhealthy another one by the same criteria. "If no record is healthy, all records
// are healthy": a lone record is answered whatever its health, and a failover pair answers its primary.
func (w *walk) choose(set *recordSet) *record {
	if set.policy() == weighted {
		return w.byWeight(set)
	}
	candidates := w.candidates(set)
	for _, r := range candidates {
		if w.healthy(set, r, nil) {
			return r
		}
	}
	if len(candidates) == 0 {
		return nil
	}
	return candidates[0]
}

// candidates are the records that may answer this client, the preferred one first.
func (w *walk) candidates(set *recordSet) []*record {
	switch set.policy() {
	case latency:
		out := slices.Clone(set.records)
		slices.SortStableFunc(out, func(a, b *record) int { return cmp.Compare(w.roundTrip(a), w.roundTrip(b)) })
		return out
	case geolocation:
		return w.byPlace(set)
	default: // PRIMARY comes first in its set
		return set.records
	}
}

// roundTrip is how far the client is from the AWS region of a latency record. Route 53 measures it ("latency between hosts on
// the internet... based on latency measurements taken over a period of time", Developer Guide, "Latency-based routing") and
// does not publish it; here the map decides. A region that is on no map is the farthest.
func (w *walk) roundTrip(r *record) time.Duration {
	at, ok := place.Region("aws/" + r.Latency)
	if !ok {
		return math.MaxInt64
	}
	return place.RoundTrip(w.from, at)
}

// byPlace lists the records that are for where the client is, "priority goes to the smallest geographic region" (Developer
// Guide, "Geolocation routing"); of an unhealthy one the next larger region answers ("How health checks work in complex Amazon
// Route 53 configurations", geolocation alias records). Without any, "Route 53 returns a 'no answer' response".
func (w *walk) byPlace(set *recordSet) []*record {
	var out []*record
	for _, want := range []plane.Geo{
		{Country: w.from.Country, Subdivision: w.from.Subdivision}, {Country: w.from.Country}, {Continent: w.from.Continent}, {Country: everybody},
	} {
		for _, r := range set.records {
			if *r.Geo == want && !slices.Contains(out, r) {
				out = append(out, r)
			}
		}
	}
	return out
}

// byWeight draws among the weighted records. "Weighted records that have a weight of 0 [...] Route 53 initially considers only
// the nonzero weighted records, if any. If all the records that have a weight greater than 0 are unhealthy, then Route 53
// considers the zero-weighted records" (source as for choose). "If you set Weight to 0 for all of the records in the group,
// traffic is routed to all resources with equal probability" (Developer Guide, "Values specific for weighted records").
func (w *walk) byWeight(set *recordSet) *record {
	healthy := slices.DeleteFunc(slices.Clone(set.records), func(r *record) bool { return !w.healthy(set, r, nil) })
	if len(healthy) == 0 {
		return w.draw(set.records)
	}
	return w.draw(healthy)
}

// draw picks one in proportion to the weights, so that a weight of 0 is never drawn, or evenly where they are all 0.
func (w *walk) draw(among []*record) *record {
	total := 0
	for _, r := range among {
		total += *r.Weight
	}
	if total == 0 {
		return among[w.pick(len(among))]
	}
	n := w.pick(total)
	for _, r := range among {
		if n -= *r.Weight; n < 0 {
			return r
		}
	}
	return among[len(among)-1]
}
