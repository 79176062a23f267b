package route53

import (
	"polygate.example/infra/failover"
	"polygate.example/infra/settings"
)

// Needs says how many health checks a stack makes, of which an account has 200 unless it asks for more; Route 53 tells how many (GetAccountLimit,
// MAX_HEALTH_CHECKS_BY_OWNER). Source: "Quotas on health checks", docs.aws.amazon.com/Route53/latest/DeveloperGuide/DNSLimitations.html.
func (Manager) Needs(s settings.Settings) []failover.Need {
	var members []failover.Member
	for _, r := range s.Regions {
		members = append(members, failover.Member{Region: r})
	}
	checks := 0
	sharing := shared(failover.Plan(s, members))
	for _, r := range s.Regions {
		checks++
		if s.Route53.RoutingControls {
			checks += 2 // the switch, and what joins it to the probe
		}
		if sharing[r.String()] {
			checks += 2 * max(0, len(s.Ramp)-1) // for each further step a slow probe, and what joins it
		}
	}
	return []failover.Need{{Of: "health checks", Count: checks}}
}

var _ failover.Counter = Manager{}
