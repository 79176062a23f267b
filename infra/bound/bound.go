// Package bound computes, before a deployment, how long each failure can keep clients without answers, and what the
// service levels of the regions come to when failing over takes time. Its functions are pure.
package bound

import (
	"fmt"
	"slices"
	"time"

	"polygate.example/infra/failover"
	"polygate.example/infra/settings"
	"polygate.example/shared/forecast"
)

// Failures lists what can fail, with the bound of each: a region, each provider of the stack, and the traffic manager.
// b is the manager's own bound, with which it notices any number of regions at the same time.
func Failures(s settings.Settings, b failover.Bound) []forecast.Failure {
	out := []forecast.Failure{region(s, b)}
	for _, p := range s.Providers() {
		out = append(out, provider(s, b, p))
	}
	return append(out, manager(s, b))
}

// serving are the regions that may have traffic.
func serving(s settings.Settings) []settings.Region {
	return slices.DeleteFunc(slices.Clone(s.Regions), s.IsDrained)
}

func region(s settings.Settings, b failover.Bound) forecast.Failure {
	f := forecast.Failure{Of: forecast.Region}
	if n := len(serving(s)); n < 2 {
		f.Words = "there is no other region to go to"
		if n < len(s.Regions) {
			f.Words = "all others are drained"
		}
		return f
	}
	f.Seconds, f.Words = seconds(b.Total()), parts(b)
	if s.Pattern.Active() {
		f.Words += "; only clients of that region are concerned"
	}
	return f
}

// provider is the loss of all regions of one at once. They are probed side by side and nested answers are computed in one
// go, so that it takes no longer than the loss of one region.
func provider(s settings.Settings, b failover.Bound, name string) forecast.Failure {
	f := forecast.Failure{Of: forecast.Provider, Name: name}
	if !slices.ContainsFunc(serving(s), func(r settings.Region) bool { return r.Provider != name }) {
		f.Words = "no region of another provider may serve"
		return f
	}
	f.Seconds, f.Words = seconds(b.Total()), parts(b)+"; its regions are noticed at the same time"
	if owner[s.Manager] == name {
		f.Words += fmt.Sprintf("; should it take %s along, the line of the manager holds", s.Manager)
	}
	return f
}

// owner is the provider that runs a traffic manager as well.
var owner = map[string]string{"route53": "aws", "trafficmanager": "azure"}

// manager is the loss of what answers for the name. Nobody can be told elsewhere to go: what clients and resolvers hold
// runs out, and what is in the zone above is changed by hand.
func manager(s settings.Settings, b failover.Bound) forecast.Failure {
	f := forecast.Failure{Of: forecast.Manager, Name: s.Manager}
	held := fmt.Sprintf("answers that are held live for up to %d s, and then the name has none", s.TTL)
	if b.Propagate == 0 {
		held = fmt.Sprintf("clients talk to %s itself, so that nothing answers", s.Manager)
	}
	if s.Spare == "" {
		f.Words = fmt.Sprintf("%s, until %s is back; polygate:spare names a second manager", held, s.Manager)
		return f
	}
	f.Words = fmt.Sprintf("%s, until somebody changes the delegation of %s to %s, which holds the same zone and answers by the same plan, "+
		"and the TTL of the old delegation at the zone above has passed (two days for .com)", held, s.Zone, s.Spare)
	if s.Spare == "cloudflare" { // see the manager's README, As a spare
		f.Words += "; until Cloudflare has seen the delegation, a minute later or when it is asked to look, the first region alone is answered"
	}
	return f
}

func parts(b failover.Bound) string {
	if b.Propagate == 0 {
		return fmt.Sprintf("%d s to notice, and no answer that has to expire", seconds(b.Detect))
	}
	return fmt.Sprintf("%d s to notice and %d s for held answers to expire", seconds(b.Detect), seconds(b.Propagate))
}

func seconds(d time.Duration) int { return int(d / time.Second) }
