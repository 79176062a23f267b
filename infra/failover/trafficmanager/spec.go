// Package trafficmanager steers clients by Azure Traffic Manager: profiles that probe each region under its own name, nested
// where a pattern wants it, behind a CNAME of the shared name in an Azure DNS zone.
package trafficmanager

import (
	"cmp"
	"regexp"
	"slices"
	"strconv"
	"time"

	"polygate.example/infra/failover"
	"polygate.example/infra/provider"
	"polygate.example/infra/settings"
)

// name is what stacks call the manager.
const name = "trafficmanager"

// Bounds of a probe's timeout, seconds. Source: "Traffic Manager endpoint monitoring", Configure endpoint monitoring,
// learn.microsoft.com/azure/traffic-manager/traffic-manager-monitoring: 5 to 10 s, and with fast probing 5 to 9 s.
const (
	fastInterval   = 10
	fastTimeout    = 9
	defaultTimeout = 9 // what both intervals allow, and the service's own default with fast probing
)

// maxTTL is where a TTL begins to be more of the bound than any detection is. Traffic Manager takes 0 to 2147483647 ("Traffic
// Manager FAQ", How high or low can I set the TTL); 0 would have every client ask each time.
const maxTTL = 300

// zoneGroupForm is the name of a resource group. Source: "Naming rules and restrictions for Azure resources",
// Microsoft.Resources, resourcegroups: 1 to 90 underscores, hyphens, periods, parentheses, letters and digits, with no period at
// the end, learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules.
var zoneGroupForm = regexp.MustCompile(`^[-\pL\pN_.()]{0,89}[-\pL\pN_()]$`)

// Manager is Azure Traffic Manager.
type Manager struct{}

// Spec says what Traffic Manager can do.
func (Manager) Spec() failover.Spec {
	return failover.Spec{
		Name:      name,
		Zone:      "Azure DNS zone",
		Patterns:  settings.Patterns(),
		Steerings: settings.Steerings(),
		Interval:  provider.Allowed{Of: []int{fastInterval, 30}},
		// It tolerates 0 to 9 failures, and the next one counts.
		Threshold:    provider.Allowed{Least: 1, Most: 10},
		TTL:          provider.Allowed{Least: 1, Most: maxTTL},
		Timeout:      provider.Allowed{Least: 5, Most: 10},
		ProbeTimeout: defaultTimeout,
		// Unconfirmed: the agreement itself ("Service Level Agreements for Microsoft Online Services", Traffic Manager) was not at
		// hand. Azure DNS, which leads to the profiles, promises 100 %.
		SLA:   99.99,
		Types: []string{"azure-native:dns:", "azure-native:trafficmanager:"},
		// Wanted even when no region is of Azure: the zone and the profiles are.
		Config: []provider.ConfigKey{provider.AzureSubscription, provider.AzureLocation},
	}
}

// Bound is (k+1)*I+t+TTL with k tolerated failures: a region that fails right after a probe is noticed when k+1 more have
// failed, an interval apart from start to start, the last of them using up its time; and a resolver may have asked just before
// that. Nesting adds nothing: a parent takes its health from the child's endpoints. Source: "Traffic Manager endpoint
// monitoring", Endpoint failover and recovery.
func (Manager) Bound(s settings.Settings) failover.Bound {
	return failover.Bound{
		Detect:    time.Duration(s.Check.Threshold*s.Check.Interval+timeout(s)) * time.Second,
		Propagate: time.Duration(s.TTL) * time.Second,
	}
}

// timeout is how long a probe may take, seconds.
func timeout(s settings.Settings) int { return cmp.Or(s.Check.Timeout, defaultTimeout) }

// Audit reports what Traffic Manager cannot do.
func (Manager) Audit(s settings.Settings) []settings.Problem {
	var problems []settings.Problem
	bad := func(key string, path []string, format string, args ...any) {
		problems = append(problems, settings.Problemf(key, path, format, args...))
	}
	switch group := s.TrafficManager.ZoneGroup; {
	case group == "":
		bad(name, []string{"zoneGroup"}, "is missing: want the resource group of the Azure DNS zone, for example {zoneGroup: dns}")
	case !zoneGroupForm.MatchString(group):
		bad(name, []string{"zoneGroup"}, "is %s: want the name of the Azure DNS zone's resource group, without a path, for example dns", settings.Quote(group))
	}
	if s.Check.Interval == fastInterval && s.Check.Timeout > fastTimeout {
		bad("check", []string{"timeout"}, "is %d: with an interval of %d s Traffic Manager gives a probe 5 to %d seconds", s.Check.Timeout, fastInterval, fastTimeout)
	}
	if len(s.Ramp) > 0 {
		bad("ramp", nil, "is set, and Traffic Manager brings a region back with all of its weight at the first good probe: %s", withoutRamp(s))
	}
	if s.Cloudflare.Proxied {
		bad("cloudflare", []string{"proxied"}, "is true, and Traffic Manager leads clients to the regions themselves, past Cloudflare and what it enforces: use proxied: false, or take polygate:spare out")
	}
	if s.FrontSecret != "" && !s.Cloudflare.Proxied { // else said already
		bad("frontSecret", nil, "is set, and Traffic Manager leads clients to the regions themselves, which would refuse them without it: take it out, or use a manager that proxies, cloudflare")
	}
	return append(append(problems, auditLocations(s)...), auditGeo(s)...)
}

// withoutRamp is what works for a stack that has a ramp. Cloudflare ramps with the pattern active-active only.
func withoutRamp(s settings.Settings) string {
	var other string
	switch {
	case s.Manager == name && s.Spare == "":
		return "take it out, or use a manager that ramps, route53"
	case s.Manager == name:
		return "take it out, or use two managers that ramp, route53 and (with the pattern active-active) cloudflare"
	case s.Manager == "route53" && s.Pattern == settings.ActiveActive:
		other = "cloudflare"
	case s.Manager == "cloudflare":
		other = "route53"
	default:
		return "take it out, or take polygate:spare out"
	}
	return "take it out, or use a spare that ramps, " + other
}

// auditLocations finds regions that Traffic Manager cannot be told the place of.
func auditLocations(s settings.Settings) []settings.Problem {
	if s.Steering != settings.Latency {
		return nil
	}
	var problems []settings.Problem
	for _, r := range s.Regions {
		if _, ok := locationOf(r); !ok {
			problems = append(problems, settings.Problemf("regions", []string{strconv.Itoa(r.Position)},
				"%s has no Azure location near it that Traffic Manager knows latencies from: use the steering weighted or geo", r))
		}
	}
	return problems
}

// auditGeo finds places that Traffic Manager does not know.
func auditGeo(s settings.Settings) []settings.Problem {
	var problems []settings.Problem
	for _, r := range s.Regions {
		for i, code := range s.Geo[r.String()].Countries {
			if !knows(code) {
				problems = append(problems, settings.Problemf("geo", []string{r.String(), "countries", strconv.Itoa(i)},
					"Traffic Manager does not know %q: want a country of its list, or a state of %s", code, settings.List(slices.Sorted(slices.Values(divided())))))
			}
		}
	}
	return problems
}

var _ failover.Manager = Manager{}
