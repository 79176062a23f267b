package cloudflare

import (
	"errors"
	"fmt"

	"polygate.example/infra/failover"
	"polygate.example/infra/settings"
)

// Plans of a zone as Cloudflare's API names them (plan.legacy_id); the others are "pro" and "business".
const (
	PlanFree       = "free"
	PlanEnterprise = "enterprise"
)

// What there is of Load Balancing where the zone's plan is no Enterprise one; Enterprise has "custom" numbers. Of monitors there
// may be half as many more as of pools, which a stack never needs. Source: "Limitations",
// developers.cloudflare.com/load-balancing/reference/limitations.
const (
	LeastInterval = 15 // seconds between probes
	MostPools     = 20 // of the account
	MostEndpoints = 20 // of the account
)

// Held is what Cloudflare holds of a zone, in its API's words.
type Held struct{ Name, Setup, Status, Plan string }

// Fit refuses zones that cannot do what the stack asks. Before the zone above names Cloudflare's servers a zone is pending, and
// after it has ceased to it is moved: both answer DNS, as a spare has to, and neither proxies. Source: "Zone status",
// developers.cloudflare.com/dns/zone-setups/reference/domain-status.
func Fit(z Held, s settings.Settings) error {
	if z.Setup != "full" {
		return fmt.Errorf("the zone %q has the setup %q in Cloudflare: want a full one, whose names Cloudflare's servers answer for", z.Name, z.Setup)
	}
	var problems []error
	bad := func(format string, args ...any) { problems = append(problems, fmt.Errorf(format, args...)) }
	if s.Cloudflare.Proxied && z.Status != "active" {
		bad("the zone %q is %s in Cloudflare, which proxies for active zones only: have the zone above name Cloudflare's servers first, "+
			"or answer DNS only until then (polygate:cloudflare: {proxied: false})", z.Name, z.Status)
	}
	if s.Spare == name && z.Plan == PlanFree {
		bad("the zone %q is on the Free plan, and Cloudflare deletes such a zone when it has been pending for 28 days, or moved for 7, which a spare is until the day it is needed: "+
			"want a paid plan (Pro, Business, Enterprise)", z.Name)
	}
	if z.Plan != "" && z.Plan != PlanEnterprise {
		problems = append(problems, small(z, s))
	}
	return errors.Join(problems...)
}

// small refuses what only an Enterprise plan has.
func small(z Held, s settings.Settings) error {
	var problems []error
	if s.Check.Interval < LeastInterval {
		works := fmt.Sprintf("%d or more", LeastInterval)
		if s.Manager != name || s.Spare != "" {
			works = "30, which its other manager takes as well" // both Route 53 and Traffic Manager probe every 10 or 30 s
		}
		problems = append(problems, fmt.Errorf("the zone %q has the plan %s, with which Cloudflare probes every %d s at most, and polygate:check.interval is %d: want %s, or an Enterprise plan",
			z.Name, z.Plan, LeastInterval, s.Check.Interval, works))
	}
	pools, endpoints := size(s)
	for _, n := range []struct {
		what       string
		want, most int
	}{{"pools", pools, MostPools}, {"endpoints", endpoints, MostEndpoints}} {
		if n.want > n.most {
			problems = append(problems, fmt.Errorf("the zone %q has the plan %s, with which an account has %d %s, and the stack takes %d: want fewer regions or steps of polygate:ramp, or an Enterprise plan",
				z.Name, z.Plan, n.most, n.what, n.want))
		}
	}
	return errors.Join(problems...)
}

// size counts the pools of a stack, and the endpoints in them.
func size(s settings.Settings) (pools, endpoints int) {
	var members []failover.Member
	for _, r := range s.Regions {
		members = append(members, failover.Member{Region: r, Label: r.Name})
	}
	for _, p := range arrange(s, failover.Plan(s, members)).pools {
		pools, endpoints = pools+1, endpoints+len(p.origins)
	}
	return pools, endpoints
}

// Needs says how many pools and endpoints a stack takes. An Enterprise plan has more than is said here.
func (Manager) Needs(s settings.Settings) []failover.Need {
	pools, endpoints := size(s)
	return []failover.Need{{Of: "pools", Count: pools, Most: MostPools}, {Of: "endpoints", Count: endpoints, Most: MostEndpoints}}
}

var _ failover.Counter = Manager{}
