package cloudflare

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"polygate.example/tools/internal/control"
)

// Words for what a region is. Those of its health are Cloudflare's own. Source: "How a pool becomes unhealthy",
// developers.cloudflare.com/load-balancing/understand-basics/health-details.
const (
	stateHealthy   = "healthy"
	stateUnhealthy = "unhealthy"
	stateUnknown   = "health unknown" // "either no monitors attached to pool endpoints or the monitors have not yet determined endpoint health"
	stateDisabled  = "disabled"
)

// health is what data centres say of a pool, by the name of each: "Amsterdam, NL".
type health struct {
	Places map[string]place `json:"pop_health"`
}

type place struct {
	Origins []map[string]finding `json:"origins"` // each by "the origin ipv4/ipv6 address or domain name"
}

// finding is what a data centre found of an origin. The reason is "No failures" where there is none.
type finding struct {
	Healthy bool    `json:"healthy"`
	Reason  string  `json:"failure_reason"`
	Code    float64 `json:"response_code"` // HTTP status
}

func (f finding) reason() string {
	text := f.Reason
	if f.Code > 0 {
		text += fmt.Sprintf(" (status %.0f)", f.Code)
	}
	return text
}

// of is what those data centres found that have looked at an address.
func (h health) of(address string) map[string]finding {
	out := map[string]finding{}
	for at, p := range h.Places {
		for _, each := range p.Origins {
			for name, found := range each {
				if strings.EqualFold(strings.TrimSuffix(name, "."), strings.TrimSuffix(address, ".")) {
					out[at] = found
				}
			}
		}
	}
	return out
}

// judge is what the first of a region's seats says of it, and the data centres that have looked there.
func judge(found []seat, places map[string]finding) control.Region {
	out := control.Region{Drained: !slices.ContainsFunc(found, seat.serves)}
	at := found[0]
	if reason := at.origin.text("failure_reason"); reason != "" && reason != "No failures" {
		out.Why = reason
	}
	failing := ""
	for _, name := range slices.Sorted(maps.Keys(places)) {
		v := control.Vote{From: name, Healthy: places[name].Healthy}
		out.Of++
		if v.Healthy {
			out.Passing++
		} else {
			v.Why = places[name].reason()
			failing = cmp.Or(failing, name+": "+v.Why)
		}
		out.Votes = append(out.Votes, v)
	}
	if failing != "" {
		out.Why = failing
	}
	verdict := at.origin.flag("healthy")
	switch {
	case !at.pool.probed() || !at.origin.enabled():
		verdict = nil // what is not probed has no health, whatever the list keeps of it
	case verdict == nil && out.Of > 0:
		majority := 2*out.Passing > out.Of
		verdict = &majority
	}
	switch {
	case out.Drained:
		out.State = stateDisabled
	case verdict == nil:
		out.State = stateUnknown
	case *verdict:
		out.State = stateHealthy
	default:
		out.State = stateUnhealthy
	}
	out.Healthy = verdict != nil && *verdict
	return out
}
