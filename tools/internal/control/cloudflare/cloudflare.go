// Package cloudflare is the control seat at Cloudflare's load balancing, by its API: which data centres find a region healthy, and pools
// and origins that are enabled or not.
package cloudflare

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"

	"polygate.example/shared/topology"
	"polygate.example/tools/internal/control"
)

// together is how many calls are on their way at a time. The API takes 1,200 in five minutes from a user. Source: "Rate limits",
// developers.cloudflare.com/fundamentals/api/reference/limits.
const together = 8

// Manager is Cloudflare as the manager of one stack.
type Manager struct {
	api      api
	zone     string // that has the load balancer, by id
	balancer string // the load balancer's id
	pattern  string
	weighted bool // traffic is shared by weights
	regions  []topology.Region
}

// New asks the API at base, https://api.cloudflare.com/client/v4, with an API token.
func New(client *http.Client, base, token string, t topology.Topology) *Manager {
	return &Manager{
		api:  api{client, strings.TrimSuffix(base, "/"), t.Details["account"], token},
		zone: t.Details["zone"], balancer: t.Details["loadBalancer"], pattern: t.Pattern, weighted: t.Steering == weighted, regions: t.Regions,
	}
}

// seat is a region in a pool that has it.
type seat struct {
	pool   pool
	origin origin
}

func (s seat) serves() bool { return s.pool.serves(s.origin) }

// seats are the pools that have a region, by its own name: those first where it may have traffic, and of these the one that the topology
// names its check by.
func seats(pools []pool, r topology.Region) []seat {
	var out []seat
	for _, p := range pools {
		i := p.find(r.Hostname)
		switch {
		case i < 0:
		case p.ID+"/"+p.Origins[i].text("name") == r.HealthCheck:
			out = slices.Insert(out, 0, seat{p, p.Origins[i]})
		default:
			out = append(out, seat{p, p.Origins[i]})
		}
	}
	slices.SortStableFunc(out, func(a, b seat) int {
		switch {
		case a.serves() == b.serves():
			return 0
		case a.serves():
			return -1
		}
		return 1
	})
	return out
}

// unknown says that no pool has a region.
func (m *Manager) unknown(r topology.Region) error {
	return fmt.Errorf("no pool of the Cloudflare account %s has %s, the own name of %s: %w", m.api.account, r.Hostname, r.Name, control.ErrUnknown)
}

func (m *Manager) pools(ctx context.Context) ([]pool, error) {
	if m.api.account == "" {
		return nil, errors.New("the topology does not name the Cloudflare account that has the pools: `polygate up` writes it anew")
	}
	return m.api.pools(ctx)
}

// Regions tells of all regions that can be told of, also when there are others, which the error names.
//
// A region in several pools is told of by the one that it returns to first, which is the first step of its ramp. Cloudflare probes from
// three data centres in each of a pool's regions, and has an origin healthy by a majority of regions, each by a majority of its data
// centres ("How an endpoint becomes unhealthy", developers.cloudflare.com/load-balancing/understand-basics/health-details). Its API names
// the data centres by their places and not by these regions, so that the verdict is taken from the list of pools, which has it ("use
// the List Pools command, paying attention to the healthy value for pools and origins", "Confirm pool health", cloudflare/cloudflare-docs
// pull request 9974). Where it is not there, a majority of the data centres stands for it.
func (m *Manager) Regions(ctx context.Context) (map[string]control.Region, error) {
	pools, err := m.pools(ctx)
	if err != nil {
		return nil, err
	}
	var b balancer
	if m.weighted {
		if b, err = m.look(ctx); err != nil {
			return nil, err
		}
	}
	ask := map[string]bool{}
	held := map[string][]seat{}
	for _, r := range m.regions {
		held[r.Name] = seats(pools, r)
		if found := held[r.Name]; len(found) > 0 && found[0].pool.probed() {
			ask[found[0].pool.ID] = true
		}
	}
	told, errs := m.healths(ctx, slices.Sorted(maps.Keys(ask)))
	out := map[string]control.Region{}
	for _, r := range m.regions {
		found := held[r.Name]
		if len(found) == 0 {
			errs = append(errs, m.unknown(r))
			continue
		}
		if h, ok := told[found[0].pool.ID]; ok || !ask[found[0].pool.ID] {
			seen := judge(found, h.of(r.Hostname))
			if m.weighted {
				seen.Held = m.held(b, pools, r)
			}
			out[r.Name] = seen
		}
	}
	return out, errors.Join(errs...)
}

// healths asks for the health of pools, several at a time.
func (m *Manager) healths(ctx context.Context, ids []string) (map[string]health, []error) {
	var mu sync.Mutex
	out, errs := map[string]health{}, make([]error, len(ids))
	slots := make(chan struct{}, together)
	var asked sync.WaitGroup
	for i, id := range ids {
		slots <- struct{}{}
		asked.Go(func() {
			defer func() { <-slots }()
			h, err := m.api.health(ctx, id)
			if unavailable(err) {
				err = nil
			}
			if err != nil {
				errs[i] = fmt.Errorf("ask Cloudflare for the health of the pool %s: %w", id, err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			out[id] = h
		})
	}
	asked.Wait()
	return out, errs
}

// unavailable reports whether the API has no health of a pool that it has listed. It then answers "Health info unavailable"
// (turbot/steampipe-plugin-cloudflare pull request 175); by which status and code nobody says. Unconfirmed: that it is one of these two.
func unavailable(err error) bool {
	var r *refusal
	return errors.As(err, &r) && (r.status == http.StatusBadRequest || r.status == http.StatusNotFound)
}

// Drain changes one pool after the other, in the account's order, and which of them the load balancer falls back to: before a pool is taken
// out that it names, and after one is given back that it is to name.
func (m *Manager) Drain(ctx context.Context, regions []string, drained bool) error {
	if len(regions) == 0 {
		return nil
	}
	pools, err := m.pools(ctx)
	if err != nil {
		return err
	}
	var addresses []string
	for _, name := range regions {
		r, err := m.named(name)
		if err != nil {
			return err
		}
		if len(seats(pools, r)) == 0 {
			return m.unknown(r)
		}
		addresses = append(addresses, r.Hostname)
	}
	b, err := m.look(ctx)
	if err != nil {
		return err
	}
	changes, enabled := make([]change, len(pools)), map[string]bool{}
	for i, p := range pools {
		changes[i] = p.drain(addresses, drained)
		enabled[p.ID] = p.enabled()
		if changes[i].Enabled != nil {
			enabled[p.ID] = *changes[i].Enabled
		}
	}
	to := b.fallback(enabled)
	if to != "" && drained {
		if err := m.edit(ctx, balancerChange{Fallback: to}); err != nil {
			return err
		}
	}
	for i, p := range pools {
		if changes[i].none() {
			continue
		}
		if err := m.api.patch(ctx, p.ID, changes[i]); err != nil {
			return fmt.Errorf("change the pool %s in Cloudflare: %w", p.Name, err)
		}
	}
	if to != "" && !drained {
		return m.edit(ctx, balancerChange{Fallback: to})
	}
	return nil
}

var _ control.Manager = (*Manager)(nil)
