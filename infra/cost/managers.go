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
	slow, slowInside := slowChecks(s)
	inside := count(s, "aws") + slowInside
	outside := float64(len(s.Regions)) - count(s, "aws") + slow - slowInside
	b.add(of, "route53.check.aws", inside, "health checks of regions on AWS")
	b.add(of, "route53.check.other", outside, "health checks of regions elsewhere")
	b.add(of, "route53.option.aws", inside, "HTTPS, for a check on AWS")
	b.add(of, "route53.option.other", outside, "HTTPS, for a check elsewhere")
	if s.Check.Interval == fastInterval {
		b.add(of, "route53.option.aws", inside, "10 s interval, for a check on AWS")
		b.add(of, "route53.option.other", outside, "10 s interval, for a check elsewhere")
	}
	derived := slow // each is combined with what the first slice goes by
	if s.Route53.RoutingControls {
		derived += 2 * float64(len(s.Regions)) // the switch, and what joins it to the rest
	}
	b.add(of, "route53.check.derived", derived, "calculated checks and routing control checks")
	if s.Route53.RoutingControls && s.Manager == of {
		b.add(of, "route53.arc.cluster", 1, "Application Recovery Controller cluster")
	}
}

// slowChecks is how many endpoint checks more the regions have for their way back in slices, and how many of these are on AWS:
// one for each step but the first, which goes by the ordinary check. A region that is alone in its group has no ramp.
func slowChecks(s settings.Settings) (all, inside float64) {
	for _, group := range s.Groups() {
		if len(group) < 2 || len(s.Ramp) == 0 {
			continue
		}
		for _, r := range group {
			all += float64(len(s.Ramp) - 1)
			if r.Provider == "aws" {
				inside += float64(len(s.Ramp) - 1)
			}
		}
	}
	return all, inside
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
