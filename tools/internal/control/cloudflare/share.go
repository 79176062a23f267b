package cloudflare

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"

	"polygate.example/shared/topology"
	"polygate.example/tools/internal/control"
)

const (
	weighted = "weighted"     // steering
	groups   = "multi-region" // pattern
	byRandom = "random"       // steering_policy
)

// whole is the weight, 0.01 to 1, that a deployment gives a region: in hundredths of that of the region of its group that has most. Source:
// infra/failover/cloudflare, shares.
func (m *Manager) whole(r topology.Region) float64 {
	most := 0
	for _, other := range m.regions {
		if m.pattern != groups || other.Provider == r.Provider {
			most = max(most, other.Weight)
		}
	}
	if most == 0 {
		return 1
	}
	return hundredth(float64(r.Weight) / float64(most))
}

func hundredth(w float64) float64 { return math.Round(100*w) / 100 }

// sharing is the seat by whose weight a region has its share: the origin in a pool of several, or a pool of its own under random steering.
func (m *Manager) sharing(b balancer, pools []pool, r topology.Region) (seat, error) {
	its := slices.DeleteFunc(seats(pools, r), func(s seat) bool { return !slices.Contains(b.Default, s.pool.ID) })
	switch {
	case len(its) == 0:
		return seat{}, m.unknown(r)
	case len(its) > 1:
		return seat{}, fmt.Errorf("%s: %w: the stack has steps of its own (polygate:ramp), by which it gets its traffic back without --ramp", r.Name, control.ErrNoSteps)
	case len(its[0].pool.Origins) == 1 && b.Steering != byRandom:
		return seat{}, fmt.Errorf("%s: %w: it shares its pool with nobody, and the load balancer leads to pools in order: give it back without --ramp", r.Name, control.ErrNoSteps)
	}
	return its[0], nil
}

// weight is what a seat has now.
func (b balancer) of(s seat) float64 {
	if len(s.pool.Origins) == 1 {
		return b.weight(s.pool.ID)
	}
	w := 1.0
	_ = json.Unmarshal(s.origin["weight"], &w) // what is no number is as if it were not said, and then it is 1
	return w
}

// both asks for the load balancer and the pools.
func (m *Manager) both(ctx context.Context) (balancer, []pool, error) {
	pools, err := m.pools(ctx)
	if err != nil {
		return balancer{}, nil, err
	}
	b, err := m.look(ctx)
	return b, pools, err
}

// Steps looks at the load balancer and the pools.
func (m *Manager) Steps(ctx context.Context, regions []string, percents []int) error {
	b, pools, err := m.both(ctx)
	if err != nil {
		return err
	}
	var errs []error
	for _, name := range regions {
		r, err := m.named(name)
		if err == nil {
			_, err = m.sharing(b, pools, r)
		}
		if err != nil {
			errs = append(errs, err)
			continue
		}
		for _, percent := range percents {
			if hundredth(m.whole(r)*float64(percent)/100) < 0.01 {
				errs = append(errs, fmt.Errorf("%s: %w: its weight is %g of the greatest, of which Cloudflare has no %d %%, weights being hundredths: begin with a greater step, or give it a greater weight (polygate:weights)",
					name, control.ErrNoSteps, m.whole(r), percent))
				break
			}
		}
	}
	return errors.Join(errs...)
}

// Share changes the weight of a region's pool in the load balancer, or of its origin in a pool of several. Source: "Weights",
// developers.cloudflare.com/load-balancing/understand-basics/traffic-steering/origin-level-steering.
func (m *Manager) Share(ctx context.Context, region string, percent int) error {
	r, err := m.named(region)
	if err != nil {
		return err
	}
	b, pools, err := m.both(ctx)
	if err != nil {
		return err
	}
	s, err := m.sharing(b, pools, r)
	if err != nil {
		return err
	}
	weight := hundredth(m.whole(r) * float64(percent) / 100)
	switch {
	case math.Abs(b.of(s)-weight) < 0.005:
		return nil
	case len(s.pool.Origins) == 1:
		return m.edit(ctx, balancerChange{Random: b.with(s.pool.ID, weight)})
	}
	origins := make([]origin, len(s.pool.Origins))
	for i, o := range s.pool.Origins {
		origins[i] = o.with(o.enabled())
		if o.is(r.Hostname) {
			origins[i]["weight"] = json.RawMessage(fmt.Sprint(weight))
		}
	}
	if err := m.api.patch(ctx, s.pool.ID, change{Origins: origins}); err != nil {
		return fmt.Errorf("change the pool %s in Cloudflare: %w", s.pool.Name, err)
	}
	return nil
}

// held is how much of its share a ramp keeps from a region; 0 for one that cannot have a part of it.
func (m *Manager) held(b balancer, pools []pool, r topology.Region) int {
	s, err := m.sharing(b, pools, r)
	whole := m.whole(r)
	if err != nil || b.of(s) > whole-0.005 {
		return 0
	}
	return min(99, max(1, 100-int(math.Round(100*b.of(s)/whole))))
}

// named is the region of a name.
func (m *Manager) named(name string) (topology.Region, error) {
	i := slices.IndexFunc(m.regions, func(r topology.Region) bool { return r.Name == name })
	if i < 0 {
		return topology.Region{}, fmt.Errorf("the topology has no region %q: %w", name, control.ErrUnknown)
	}
	return m.regions[i], nil
}

var _ control.Ramp = (*Manager)(nil)
