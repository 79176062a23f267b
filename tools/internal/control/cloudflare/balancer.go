package cloudflare

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
)

// balancer is the stack's load balancer, as far as it is looked at. Source: "Load Balancer Details",
// developers.cloudflare.com/api/resources/load_balancers/methods/get.
type balancer struct {
	Fallback string   `json:"fallback_pool"`
	Default  []string `json:"default_pools"`
	Steering string   `json:"steering_policy"`
	Random   random   `json:"random_steering"`
}

// random is what "configures pool weights" under random steering. A pool without a weight has the default one, which is 1 unless said.
type random struct {
	Standard *float64           `json:"default_weight,omitempty"`
	Weights  map[string]float64 `json:"pool_weights"`
}

// weight is a pool's.
func (b balancer) weight(pool string) float64 {
	w, ok := b.Random.Weights[pool]
	switch {
	case ok:
		return w
	case b.Random.Standard != nil:
		return *b.Random.Standard
	}
	return 1
}

// balancerChange is what is to be different in a load balancer; what is not named stays. Source: "Patch Load Balancer", "overwriting the
// supplied properties", developers.cloudflare.com/api/resources/load_balancers/methods/edit.
type balancerChange struct {
	Fallback string  `json:"fallback_pool,omitempty"`
	Random   *random `json:"random_steering,omitempty"`
}

func (m *Manager) balancerPath() string {
	return "/zones/" + url.PathEscape(m.zone) + "/load_balancers/" + url.PathEscape(m.balancer)
}

// look asks for the load balancer.
func (m *Manager) look(ctx context.Context) (balancer, error) {
	if m.zone == "" || m.balancer == "" {
		return balancer{}, errors.New("the topology does not name the Cloudflare load balancer of the stack: `polygate up` writes it anew")
	}
	var got balancer
	if _, err := m.api.ask(ctx, http.MethodGet, m.balancerPath(), nil, &got); err != nil {
		return got, fmt.Errorf("ask Cloudflare for the load balancer %s: %w", m.balancer, err)
	}
	return got, nil
}

// edit changes the load balancer.
func (m *Manager) edit(ctx context.Context, c balancerChange) error {
	if _, err := m.api.ask(ctx, http.MethodPatch, m.balancerPath(), c, nil); err != nil {
		return fmt.Errorf("change the load balancer %s in Cloudflare: %w", m.balancer, err)
	}
	return nil
}

// fallback is the pool that is to be answered when none is healthy, "" where the present one is right. It is the one that a deployment names
// with the regions drained in its settings: the first that is enabled (infra/failover/cloudflare, lastResort). "Health is not taken into
// account for the fallback pool", so that a drained region would get traffic by it ("Fallback pools", developers.cloudflare.com/
// load-balancing/understand-basics/health-details). One that is no pool of the stack's regions, and so was named by hand, stays.
func (b balancer) fallback(enabled map[string]bool) string {
	if len(b.Default) == 0 || !slices.Contains(b.Default, b.Fallback) {
		return ""
	}
	wanted := b.Default[max(0, slices.IndexFunc(b.Default, func(id string) bool { return enabled[id] }))]
	if wanted == b.Fallback {
		return ""
	}
	return wanted
}

// with is what is to be sent for a pool to have a weight: the whole of random_steering, as it was but for that.
func (b balancer) with(pool string, weight float64) *random {
	out := b.Random
	out.Weights = maps.Clone(out.Weights)
	if out.Weights == nil {
		out.Weights = map[string]float64{}
	}
	out.Weights[pool] = weight
	return &out
}
