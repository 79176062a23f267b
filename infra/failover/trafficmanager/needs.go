package trafficmanager

import (
	"polygate.example/infra/failover"
	"polygate.example/infra/settings"
)

// mostProfiles is how many profiles a subscription has. Source: "Azure subscription and service limits, quotas, and constraints", Azure
// Traffic Manager limits, learn.microsoft.com/azure/azure-resource-manager/management/azure-subscription-service-limits. Of endpoints a
// profile takes 200, which is more than there are regions.
const mostProfiles = 200

// Needs says how many profiles a stack makes.
func (Manager) Needs(s settings.Settings) []failover.Need {
	var members []failover.Member
	for _, r := range s.Regions {
		members = append(members, failover.Member{Region: r})
	}
	return []failover.Need{{Of: "profiles", Count: profiles(failover.Plan(s, members)), Most: mostProfiles}}
}

// profiles counts that of a group, and those that it nests.
func profiles(g failover.Group) int {
	n := 1
	for _, sh := range g.Shares {
		switch {
		case sh.Group != nil:
			n += profiles(*sh.Group)
		case g.Method == failover.Geo:
			n++
		}
	}
	return n
}

var _ failover.Counter = Manager{}
