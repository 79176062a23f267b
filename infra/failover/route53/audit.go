package route53

import (
	"slices"
	"strconv"
	"strings"

	"polygate.example/infra/failover"
	"polygate.example/infra/settings"
)

// Audit reports what Route 53 cannot do, each with the reason and with what would work.
func (Manager) Audit(s settings.Settings) []settings.Problem {
	problems := auditControls(s)
	switch s.Steering {
	case settings.Latency:
		return append(problems, auditLatency(s)...)
	case settings.Geo:
		return append(problems, auditGeo(s)...)
	case settings.Weighted:
		return append(problems, auditRamp(s)...)
	}
	return problems
}

// auditControls refuses routing controls beside another manager, whose zone knows nothing of them.
func auditControls(s settings.Settings) []settings.Problem {
	if !s.Route53.RoutingControls || s.Spare == "" {
		return nil
	}
	return []settings.Problem{settings.Problemf("route53", []string{"routingControls"}, "is set, and the switches act in Route 53 only, so that the other zone "+
		"would lead clients to regions that are switched off: take the switches out and use polygate:drained, or take polygate:spare out")}
}

// auditLatency refuses latency records of regions that are not AWS's: Route 53 measures the latency to its own regions and knows
// no others (API reference, ResourceRecordSet, Region). With groups, only those that choose among several regions matter: a
// region that is a group by itself is a failover target, for which no latency is asked.
func auditLatency(s settings.Settings) []settings.Problem {
	var others []string
	for _, group := range s.Groups() {
		if len(group) < 2 {
			continue
		}
		for _, r := range group {
			if r.Provider != "aws" {
				others = append(others, r.String())
			}
		}
	}
	if len(others) == 0 {
		return nil
	}
	return []settings.Problem{settings.Problemf("steering", nil,
		"is %q, and Route 53 knows AWS regions only, not %s: use the steering %q or %q, or the manager trafficmanager or cloudflare",
		s.Steering, settings.List(others), settings.Weighted, settings.Geo)}
}

// auditGeo refuses places that Route 53 does not know: it has the countries of ISO 3166-1, and of subdivisions only the states of
// the United States (API reference, GeoLocation).
func auditGeo(s settings.Settings) []settings.Problem {
	var problems []settings.Problem
	for _, r := range s.Regions {
		for i, code := range s.Geo[r.String()].Countries {
			country, subdivision, has := strings.Cut(code, "-")
			at := []string{r.String(), "countries", strconv.Itoa(i)}
			switch {
			case !slices.Contains(countries, country):
				problems = append(problems, settings.Problemf("geo", at, "%q is no country that Route 53 knows: want a code of ISO 3166-1, for example GB for the United Kingdom", country))
			case has && country != "US":
				problems = append(problems, settings.Problemf("geo", at,
					"is %q, and Route 53 knows no subdivisions but the states of the US: want %q, or the manager trafficmanager", code, country))
			case has && !slices.Contains(states, subdivision):
				problems = append(problems, settings.Problemf("geo", at, "%q is no state of the US that Route 53 knows: want two letters, for example US-CA", subdivision))
			}
		}
	}
	return problems
}

// auditRamp refuses a ramp whose checks or weights do not fit Route 53's bounds.
func auditRamp(s settings.Settings) []settings.Problem {
	if len(s.Ramp) == 0 {
		return nil
	}
	var problems []settings.Problem
	if s.Check.Threshold != 0 { // zero did not pass the form check
		if _, err := slowThresholds(s.Check.Threshold, len(s.Ramp)); err != nil {
			problems = append(problems, settings.Problemf("ramp", nil, "has %d steps, and %s: take a step out, or want check.threshold at most %d",
				len(s.Ramp), err, maxThreshold-len(s.Ramp)+1))
		}
	}
	for _, group := range s.Groups() {
		if len(group) < 2 {
			continue
		}
		g := failover.Group{Method: failover.Weighted}
		for _, r := range group {
			g.Shares = append(g.Shares, failover.Share{Weight: s.Weight(r)})
		}
		if _, err := sliceWeights(g, s.Ramp); err != nil {
			problems = append(problems, settings.Problemf("ramp", nil,
				"cannot be had exactly with the weights of %s: %s; use simpler weights (1 and 2 rather than 100 and 199) or steps (10, 50, 100)", regions(group), err))
		}
	}
	return problems
}

func regions(group []settings.Region) string {
	names := make([]string, 0, len(group))
	for _, r := range group {
		names = append(names, r.String())
	}
	return strings.Join(names, ", ")
}
