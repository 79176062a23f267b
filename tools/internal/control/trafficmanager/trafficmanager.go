// Package trafficmanager is the control seat of a gateway behind Azure Traffic Manager, by the management API of its profiles.
package trafficmanager

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/arm"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/trafficmanager/armtrafficmanager"

	"polygate.example/shared/topology"
	"polygate.example/tools/internal/control"
	"polygate.example/tools/internal/control/resourcemanager"
)

// profileType is the type of the resource that topology.Details names.
const profileType = "Microsoft.Network/trafficManagerProfiles"

// Manager is Traffic Manager, as far as the profiles of one stack go. They are all in one resource group.
type Manager struct {
	group     string
	regions   []topology.Region
	profiles  *armtrafficmanager.ProfilesClient
	endpoints *armtrafficmanager.EndpointsClient
}

// New returns the manager of the stack that a topology is of. opts may be nil, for Azure's public cloud.
func New(credential azcore.TokenCredential, opts *arm.ClientOptions, t topology.Topology) (*Manager, error) {
	id, err := arm.ParseResourceID(t.Details["profile"])
	if err != nil {
		return nil, fmt.Errorf("the topology of %s names the Traffic Manager profile %q, want an id of Azure Resource Manager: `polygate up` writes it: %w",
			t.Environment, t.Details["profile"], err)
	}
	if !strings.EqualFold(id.ResourceType.String(), profileType) {
		return nil, fmt.Errorf("the topology of %s names the Traffic Manager profile %q, which is one of %s: want a %s", t.Environment, id, id.ResourceType, profileType)
	}
	clients, err := armtrafficmanager.NewClientFactory(id.SubscriptionID, credential, opts)
	if err != nil {
		return nil, fmt.Errorf("set up the API of Traffic Manager: %w", err)
	}
	return &Manager{group: id.ResourceGroupName, regions: t.Regions, profiles: clients.NewProfilesClient(), endpoints: clients.NewEndpointsClient()}, nil
}

// Regions tells of the regions by their endpoints' monitor status. Traffic Manager tells neither how many of its places see what nor when
// they did. What is known of the others comes with the error about a region that has no endpoint.
func (m *Manager) Regions(ctx context.Context) (map[string]control.Region, error) {
	found, err := m.find(ctx)
	if err != nil {
		return nil, err
	}
	out := map[string]control.Region{}
	var missing []error
	for _, r := range m.regions {
		if its := found[fold(r.Hostname)]; len(its) > 0 {
			seen := judge(its)
			seen.Held = held(r, its)
			out[r.Name] = seen
		} else {
			missing = append(missing, m.without(r))
		}
	}
	return out, errors.Join(missing...)
}

// Drain disables or enables the endpoints of regions in every profile that has one of theirs. Nothing is changed when one of the regions
// is unknown. That others are left to answer is for the caller to see to: a profile whose endpoints are all disabled answers nothing.
func (m *Manager) Drain(ctx context.Context, regions []string, drained bool) error {
	if len(regions) == 0 {
		return nil
	}
	found, err := m.find(ctx)
	if err != nil {
		return err
	}
	var change []endpoint
	var missing []error
	for _, name := range regions {
		if !slices.ContainsFunc(m.regions, func(r topology.Region) bool { return r.Name == name }) {
			missing = append(missing, fmt.Errorf("region %s: it is not in the topology, which has %s: %w", name, m.names(), control.ErrUnknown))
		}
	}
	for _, r := range m.regions {
		if !slices.Contains(regions, r.Name) {
			continue
		}
		its := found[fold(r.Hostname)]
		if len(its) == 0 {
			missing = append(missing, m.without(r))
		}
		for _, e := range its {
			if e.disabled != drained {
				change = append(change, e)
			}
		}
	}
	if len(missing) > 0 {
		return errors.Join(missing...)
	}
	for _, e := range change {
		if err := m.set(ctx, e, drained); err != nil {
			return err
		}
	}
	return nil
}

// set changes the status of an endpoint and nothing else: what a PATCH does not name stays. Name and type are sent because Azure's own
// Disable-AzTrafficManagerEndpoint does. Source: EnableDisableTrafficManagerEndpoint in TrafficManagerClient.cs of Azure/azure-powershell.
func (m *Manager) set(ctx context.Context, e endpoint, drained bool) error {
	status, does := armtrafficmanager.EndpointStatusEnabled, "enable"
	if drained {
		status, does = armtrafficmanager.EndpointStatusDisabled, "disable"
	}
	_, err := m.endpoints.Update(ctx, m.group, e.profile, armtrafficmanager.EndpointTypeExternalEndpoints, e.name, armtrafficmanager.Endpoint{
		Name: to.Ptr(e.name), Type: to.Ptr(externalType), Properties: &armtrafficmanager.EndpointProperties{EndpointStatus: &status},
	}, nil)
	if err != nil {
		return fmt.Errorf("%s the endpoint %s of the Traffic Manager profile %s (what was done before it stays; do it again for the rest): %w",
			does, e.name, e.profile, resourcemanager.Explain(err))
	}
	return nil
}

// without says that a region has no endpoint.
func (m *Manager) without(r topology.Region) error {
	return fmt.Errorf("region %s: no Traffic Manager profile in the resource group %s has an external endpoint with the target %s: `polygate up` makes one: %w",
		r.Name, m.group, r.Hostname, control.ErrUnknown)
}

// names lists the regions there are.
func (m *Manager) names() string {
	var out []string
	for _, r := range m.regions {
		out = append(out, r.Name)
	}
	return strings.Join(out, ", ")
}

var _ control.Manager = (*Manager)(nil)
