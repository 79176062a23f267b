package trafficmanager

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/trafficmanager/armtrafficmanager"

	"polygate.example/shared/topology"
	"polygate.example/tools/internal/control"
	"polygate.example/tools/internal/control/resourcemanager"
)

// Weights of endpoints: "Possible values are from 1 to 1000" (REST reference, Endpoints - Update, properties.weight).
const leastWeight, mostWeight = 1, 1000

// Steps looks at the regions' endpoints: those of weighted profiles have weights that mean something.
func (m *Manager) Steps(ctx context.Context, regions []string, percents []int) error {
	found, err := m.find(ctx)
	if err != nil {
		return err
	}
	var errs []error
	for _, name := range regions {
		r, its, err := m.sharing(found, name)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if len(its) == 0 {
			errs = append(errs, fmt.Errorf("%s: %w: none of the profiles that have its endpoint lead clients by weight: give it back without --ramp", name, control.ErrNoSteps))
			continue
		}
		for _, percent := range percents {
			if part(r.Weight, percent) < leastWeight {
				errs = append(errs, fmt.Errorf("%s: %w: its weight is %d, of which Traffic Manager has no %d %%: begin with %d %%, or give all regions of the group greater weights (polygate:weights)",
					name, control.ErrNoSteps, r.Weight, percent, int(math.Ceil(50/float64(max(1, r.Weight))))))
				break
			}
		}
	}
	return errors.Join(errs...)
}

// Share changes the weight of a region's endpoints, and nothing else of them.
func (m *Manager) Share(ctx context.Context, region string, percent int) error {
	found, err := m.find(ctx)
	if err != nil {
		return err
	}
	r, its, err := m.sharing(found, region)
	if err != nil {
		return err
	}
	weight := min(mostWeight, max(leastWeight, part(r.Weight, percent)))
	for _, e := range its {
		if e.weight == int64(weight) {
			continue
		}
		_, err := m.endpoints.Update(ctx, m.group, e.profile, armtrafficmanager.EndpointTypeExternalEndpoints, e.name, armtrafficmanager.Endpoint{
			Name: to.Ptr(e.name), Type: to.Ptr(externalType), Properties: &armtrafficmanager.EndpointProperties{Weight: to.Ptr(int64(weight))},
		}, nil)
		if err != nil {
			return fmt.Errorf("give the endpoint %s of the Traffic Manager profile %s the weight %d: %w", e.name, e.profile, weight, resourcemanager.Explain(err))
		}
	}
	return nil
}

// sharing are a region's endpoints in profiles that lead clients by weight.
func (m *Manager) sharing(found map[string][]endpoint, name string) (topology.Region, []endpoint, error) {
	for _, r := range m.regions {
		if r.Name != name {
			continue
		}
		its := found[fold(r.Hostname)]
		if len(its) == 0 {
			return r, nil, m.without(r)
		}
		var out []endpoint
		for _, e := range its {
			if e.weighted {
				out = append(out, e)
			}
		}
		return r, out, nil
	}
	return topology.Region{}, nil, fmt.Errorf("region %s: it is not in the topology, which has %s: %w", name, m.names(), control.ErrUnknown)
}

// held is how much of its share a ramp keeps from a region, by its first endpoint with a weight.
func held(r topology.Region, its []endpoint) int {
	for _, e := range its {
		if e.weighted && r.Weight > 0 && e.weight < int64(r.Weight) {
			return min(99, max(1, 100-int(math.Round(100*float64(e.weight)/float64(r.Weight)))))
		}
	}
	return 0
}

// part is so many percent of a weight, to the nearest whole.
func part(weight, percent int) int { return (weight*percent + 50) / 100 }

var _ control.Ramp = (*Manager)(nil)
