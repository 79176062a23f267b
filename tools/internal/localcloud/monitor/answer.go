package monitor

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"polygate.example/tools/internal/localcloud/dns"
	"polygate.example/tools/internal/localcloud/place"
	"polygate.example/tools/internal/localcloud/plane"
)

// manager is what stacks call Traffic Manager.
const manager = "trafficmanager"

// Answer answers for the name of a profile: ok is false for any other name. A profile that is disabled or has no endpoint that
// could be answered does not exist in DNS. Source: "Traffic Manager endpoint monitoring", Profile status; "Traffic Manager
// endpoints", Enabling and disabling endpoints.
//
// A nested profile's endpoint is answered under the parent's name and with the parent's TTL: "a single CNAME record is used
// whether you are using a single profile or nested profiles" (Traffic Manager FAQ).
func (m *Monitor) Answer(name string, from place.Place) (dns.Steered, bool) {
	t := m.answering()
	if t == nil {
		return dns.Steered{}, false
	}
	p, ok := t.byName[strings.ToLower(strings.TrimSuffix(name, "."))]
	if !ok {
		return dns.Steered{}, false
	}
	out := dns.Steered{Manager: manager, TTL: p.TTL}
	switch t.profile(p, 0) {
	case Disabled, Inactive:
		out.Missing = true
		return out, true
	}
	e, ok := m.choose(t, p, from, 0)
	if !ok {
		out.None = true
		return out, true
	}
	if ip, err := netip.ParseAddr(e.Target); err == nil {
		out.Addrs = []netip.Addr{ip}
		return out, true
	}
	out.CNAME = strings.ToLower(strings.TrimSuffix(e.Target, "."))
	return out, true
}

// choose finds the endpoint a profile answers, down through nested profiles.
func (m *Monitor) choose(t *table, p plane.Profile, from place.Place, depth int) (plane.Endpoint, bool) {
	if depth > maxDepth {
		return plane.Endpoint{}, false
	}
	e, ok := m.among(t, p, from, depth)
	if !ok || e.Profile == "" {
		return e, ok
	}
	child, ok := t.byID[foldID(e.Profile)]
	if !ok {
		return plane.Endpoint{}, false
	}
	return m.choose(t, child, from, depth+1)
}

// among chooses one of a profile's own endpoints.
func (m *Monitor) among(t *table, p plane.Profile, from place.Place, depth int) (plane.Endpoint, bool) {
	if p.Method == "Geographic" {
		return mapped(p, from)
	}
	var serving, degraded []plane.Endpoint
	for _, e := range p.Endpoints {
		switch s := t.endpoint(p, e, depth); {
		case s.serves():
			serving = append(serving, e)
		case s == Degraded:
			degraded = append(degraded, e)
		}
	}
	// "Traffic Manager ... responds as if all the Degraded status endpoints actually are in an online state ... Disabled or
	// Stopped endpoints are ... not considered eligible for traffic" (Traffic Manager endpoint monitoring, Traffic-routing methods).
	if len(serving) == 0 {
		serving = degraded
	}
	if len(serving) == 0 {
		return plane.Endpoint{}, false
	}
	switch p.Method {
	case "Weighted":
		return m.weighted(serving), true
	case "Performance":
		return m.nearest(serving, from), true
	default:
		return slices.MinFunc(serving, func(a, b plane.Endpoint) int { return a.Priority - b.Priority }), true
	}
}

// weighted chooses at random in proportion to the weights.
func (m *Monitor) weighted(of []plane.Endpoint) plane.Endpoint {
	total := 0
	for _, e := range of {
		total += max(1, e.Weight)
	}
	n := m.pick(total)
	for _, e := range of {
		if n -= max(1, e.Weight); n < 0 {
			return e
		}
	}
	return of[len(of)-1]
}

// nearest chooses an endpoint in the Azure region that is nearest to the client by latency: "if your profile contains multiple
// endpoints in the same Azure region, then Traffic Manager distributes traffic evenly across the available endpoints in that
// region" (Traffic Manager routing methods, Performance). The real one goes by its Internet Latency Table, this one by the map.
func (m *Monitor) nearest(of []plane.Endpoint, from place.Place) plane.Endpoint {
	var best []plane.Endpoint
	var least time.Duration
	where := ""
	for _, e := range of {
		at, ok := place.Region("azure/" + e.Location)
		if !ok {
			continue
		}
		d := place.RoundTrip(from, at)
		switch {
		case best == nil || d < least:
			best, least, where = []plane.Endpoint{e}, d, e.Location
		case e.Location == where:
			best = append(best, e)
		}
	}
	if len(best) == 0 {
		return of[0]
	}
	return best[m.pick(len(best))]
}

// mapped finds the endpoint that a client's place is mapped to, the most specific place first. It is the one whether it is
// healthy or not; one that is disabled is as if it were not there. One that is stopped has nothing to answer, and none above it
// is looked for. Source: "Traffic Manager routing methods", Geographic.
func mapped(p plane.Profile, from place.Place) (plane.Endpoint, bool) {
	for _, code := range codes(from) {
		for _, e := range p.Endpoints {
			if !e.Disabled && slices.Contains(e.Geo, code) {
				return e, true
			}
		}
	}
	return plane.Endpoint{}, false
}

// divided are the countries whose states or provinces can be mapped. Source: "Traffic Manager routing methods", Geographic.
var divided = []string{"AU", "CA", "GB", "US"}

// groupings are Traffic Manager's names of continents. Source: "List of regions used for geographic traffic routing", which has
// some countries of Asia in a grouping of their own.
var (
	groupings  = map[string]string{"AF": "GEO-AF", "AN": "GEO-AN", "AS": "GEO-AS", "EU": "GEO-EU", "NA": "GEO-NA", "OC": "GEO-AP", "SA": "GEO-SA"}
	middleEast = []string{"AE", "BH", "IL", "IQ", "IR", "JO", "KW", "LB", "OM", "PS", "QA", "SY", "SA", "TR", "YE"}
)

// codes are what a place can be mapped by, the most specific first.
func codes(at place.Place) []string {
	var out []string
	if at.Subdivision != "" && slices.Contains(divided, at.Country) {
		out = append(out, at.Country+"-"+at.Subdivision)
	}
	grouping := groupings[at.Continent]
	if slices.Contains(middleEast, at.Country) {
		grouping = "GEO-ME"
	}
	return append(out, at.Country, grouping, "WORLD")
}
