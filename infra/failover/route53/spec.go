// Package route53 steers clients by Amazon Route 53: a health check per region against the region's own name, and
// records for the shared name: failover pairs, nested where there are more than two regions, and below them sets of weighted,
// latency and geolocation records.
package route53

import (
	"time"

	"polygate.example/infra/failover"
	"polygate.example/infra/provider"
	"polygate.example/infra/settings"
)

// probeTimeout is how long one HTTP(S) probe may take: 4 s to connect and 2 s to answer.
// Source: "How Amazon Route 53 determines whether a health check is healthy", docs.aws.amazon.com/Route53/latest/
// DeveloperGuide/dns-failover-determining-health-of-endpoints.html.
const probeTimeout = 6 * time.Second

// Manager is Amazon Route 53.
type Manager struct{}

// Spec says what Route 53 can do.
func (Manager) Spec() failover.Spec {
	return failover.Spec{
		Name:      "route53",
		Zone:      "Route 53 hosted zone",
		Types:     []string{"aws:route53"},
		Patterns:  settings.Patterns(),
		Steerings: settings.Steerings(),
		// Source: "Values that you specify when you create or update health checks": request interval and failure
		// threshold, docs.aws.amazon.com/Route53/latest/DeveloperGuide/health-checks-creating-values.html.
		Interval:  provider.Allowed{Of: []int{10, 30}},
		Threshold: provider.Allowed{Least: 1, Most: 10},
		// Route 53 takes any TTL; it advises 60 seconds or less for records with a health check, "so that clients
		// respond quickly to changes in health status", docs.aws.amazon.com/Route53/latest/DeveloperGuide/
		// resource-record-sets-values-failover.html (TTL).
		TTL:          provider.Allowed{Least: 1, Most: 60},
		Timeout:      provider.Allowed{Of: []int{int(probeTimeout / time.Second)}},
		ProbeTimeout: int(probeTimeout / time.Second),
		// Of queries; the API that changes records is not in it. Source: aws.amazon.com/route53/sla.
		SLA:    100,
		Config: []provider.ConfigKey{provider.AWSRegion},
	}
}

// Bound is n*(I+t)+TTL: a region that fails right after a probe is noticed when n more have failed, each an interval
// after the one before and each using up its whole time; and a resolver may have asked just before that.
//
// It is the same for every plan. Sets below sets are walked when a query comes, by what is known of the checks then; and what a
// calculated check counts is its children's state, to which the documentation adds no time ("Route 53 adds up the number of child
// health checks that Route 53 considers to be healthy", source as for probeTimeout). A ramp and a routing control only keep a
// region out for longer.
func (Manager) Bound(s settings.Settings) failover.Bound {
	interval := time.Duration(s.Check.Interval) * time.Second
	return failover.Bound{
		Detect:    time.Duration(s.Check.Threshold) * (interval + probeTimeout),
		Propagate: time.Duration(s.TTL) * time.Second,
	}
}

var _ failover.Manager = Manager{}
