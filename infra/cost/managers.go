package cost

import (
	"polygate.example/infra/settings"
)

// fastInterval is the probe interval that Route 53 and Traffic Manager charge for, in seconds.
const fastInterval = 10

// route53 puts down the zone, a check of each region, and what the stack's options add. A check is of an "AWS endpoint"
// when it probes what runs in AWS; HTTPS and the fast interval are options that are paid for each.
func (b *bill) route53(s settings.Settings) {
	const of = "route53"
	b.add(of, "route53.zone", 1, "hosted zone, which exists already")
	inside := count(s, "aws")
	outside := float64(len(s.Regions)) - inside
	slow := float64(slowChecks(s))
	b.add(of, "route53.check.aws", inside*(1+slow), "health checks of regions on AWS")
	b.add(of, "route53.check.other", outside*(1+slow), "health checks of regions elsewhere")
	b.add(of, "route53.option.aws", inside*(1+slow), "HTTPS, for a check on AWS")
	b.add(of, "route53.option.other", outside*(1+slow), "HTTPS, for a check elsewhere")
	if s.Check.Interval == fastInterval {
		b.add(of, "route53.option.aws", inside*(1+slow), "10 s interval, for a check on AWS")
		b.add(of, "route53.option.other", outside*(1+slow), "10 s interval, for a check elsewhere")
	}
	b.add(of, "route53.check.derived", float64(len(s.Regions)*derivedChecks(s)), "calculated checks and routing control checks")
	if s.Route53.RoutingControls && s.Manager == of {
		b.add(of, "route53.arc.cluster", 1, "Application Recovery Controller cluster")
	}
}

// slowChecks is how many endpoint checks more a region has for its way back in slices: one for each step but the first,
// which goes by the ordinary check.
func slowChecks(s settings.Settings) int {
	return max(0, len(s.Ramp)-1)
}

// derivedChecks is how many checks a region has that probe nothing: one that combines for each slice but the first, and
// with routing controls the switch and what joins it to the rest.
func derivedChecks(s settings.Settings) int {
	n := slowChecks(s)
	if s.Route53.RoutingControls {
		n += 2
	}
	return n
}

// trafficManager puts down an external endpoint for each region, also for one on Azure: endpoints are told by their own
// names. With geo steering each region has a profile in which the others of its group stand in for it, and an endpoint is paid
// for in each profile. What a profile nests is not probed.
func (b *bill) trafficManager(s settings.Settings) {
	const of = "trafficmanager"
	endpoints := float64(len(s.Regions))
	if s.Steering == settings.Geo {
		endpoints = 0
		for _, group := range s.Groups() {
			endpoints += float64(len(group) * len(group))
		}
	}
	b.add(of, "trafficmanager.zone", 1, "Azure DNS zone, which exists already")
	b.add(of, "trafficmanager.endpoint", endpoints, "external endpoints")
	if s.Check.Interval == fastInterval {
		b.add(of, "trafficmanager.fast", endpoints, "10 s interval")
	}
}

// cloudflare puts down load balancing with an endpoint for each region; the zone may be of any plan.
func (b *bill) cloudflare(s settings.Settings) {
	const of = "cloudflare"
	b.add(of, "cloudflare.balancing", 1, "load balancing, two endpoints included")
	b.add(of, "cloudflare.endpoint", max(0, float64(len(s.Regions))-2), "endpoints beyond two")
}
