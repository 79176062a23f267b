package trafficmanager

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/trafficmanager/armtrafficmanager"

	"polygate.example/tools/internal/control"
	"polygate.example/tools/internal/control/resourcemanager"
)

// externalType is the type of a region's endpoint. What is nested is no region.
const externalType = profileType + "/externalEndpoints"

// endpoint is a region's endpoint in one of the profiles.
type endpoint struct {
	profile, name string
	disabled      bool
	weighted      bool  // its profile leads clients by weight
	weight        int64 // there
	status        armtrafficmanager.EndpointMonitorStatus
}

// find lists the endpoints of all profiles by target. Under nested profiles a region has one in several of them.
func (m *Manager) find(ctx context.Context) (map[string][]endpoint, error) {
	found := map[string][]endpoint{}
	for pages := m.profiles.NewListByResourceGroupPager(m.group, nil); pages.More(); {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("list the Traffic Manager profiles of the resource group %s: %w", m.group, resourcemanager.Explain(err))
		}
		for _, p := range page.Value {
			if p == nil || p.Properties == nil {
				continue
			}
			for _, e := range p.Properties.Endpoints {
				if e == nil || e.Properties == nil || !strings.EqualFold(value(e.Type), externalType) {
					continue
				}
				target := fold(value(e.Properties.Target))
				found[target] = append(found[target], endpoint{
					profile: value(p.Name), name: value(e.Name), status: value(e.Properties.EndpointMonitorStatus),
					disabled: value(e.Properties.EndpointStatus) == armtrafficmanager.EndpointStatusDisabled,
					weighted: value(p.Properties.TrafficRoutingMethod) == armtrafficmanager.TrafficRoutingMethodWeighted, weight: value(e.Properties.Weight),
				})
			}
		}
	}
	return found, nil
}

// severity orders the statuses there are, the worst first; what Azure may add to them comes before. Source: "Traffic Manager endpoint
// monitoring", Endpoint monitor status, learn.microsoft.com/azure/traffic-manager/traffic-manager-monitoring; so for the two below.
var severity = []armtrafficmanager.EndpointMonitorStatus{
	armtrafficmanager.EndpointMonitorStatusDegraded, armtrafficmanager.EndpointMonitorStatusStopped, armtrafficmanager.EndpointMonitorStatusInactive,
	armtrafficmanager.EndpointMonitorStatusDisabled, armtrafficmanager.EndpointMonitorStatusCheckingEndpoint,
	armtrafficmanager.EndpointMonitorStatusUnmonitored, armtrafficmanager.EndpointMonitorStatusOnline,
}

// reasons are what is the matter with an endpoint by its status.
var reasons = map[armtrafficmanager.EndpointMonitorStatus]string{
	armtrafficmanager.EndpointMonitorStatusDegraded: "its health checks fail",
	armtrafficmanager.EndpointMonitorStatusStopped:  "what it leads to does not run, and it is not checked",
	armtrafficmanager.EndpointMonitorStatusInactive: "the profile is disabled, and its endpoints are not checked",
	armtrafficmanager.EndpointMonitorStatusDisabled: "the endpoint is disabled, and not checked",
}

// healthy reports whether an endpoint is in answers while others are: an endpoint that is online, one whose first probe has not come back
// ("an endpoint in this state is included in DNS responses") and one that always serves.
func healthy(s armtrafficmanager.EndpointMonitorStatus) bool {
	switch s {
	case armtrafficmanager.EndpointMonitorStatusOnline, armtrafficmanager.EndpointMonitorStatusCheckingEndpoint, armtrafficmanager.EndpointMonitorStatusUnmonitored:
		return true
	}
	return false
}

// judge is what a region's endpoints say of it. The worst of them counts, because each profile goes by its own; drained is a region that
// none of them answers.
func judge(its []endpoint) control.Region {
	worst := slices.MinFunc(its, func(a, b endpoint) int {
		return cmp.Compare(slices.Index(severity, a.status), slices.Index(severity, b.status))
	})
	out := control.Region{
		Healthy: healthy(worst.status), State: string(worst.status),
		Drained: !slices.ContainsFunc(its, func(e endpoint) bool { return !e.disabled }),
	}
	if !out.Healthy {
		out.Why = fmt.Sprintf("the endpoint %s of the profile %s is %s: %s", worst.name, worst.profile,
			cmp.Or(out.State, "without a status"), cmp.Or(reasons[worst.status], "Azure's documentation has no such status"))
	}
	return out
}

// fold makes the spellings of a host name one.
func fold(host string) string { return strings.ToLower(strings.TrimSuffix(host, ".")) }

// value is what a pointer leads to, zero for none: the SDK's fields are all pointers.
func value[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}
