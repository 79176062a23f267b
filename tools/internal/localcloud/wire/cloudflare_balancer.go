package wire

import (
	"encoding/json"
	"net/http"

	"polygate.example/tools/internal/localcloud/resource"
)

const (
	tokenBalancer = "cloudflare:index/loadBalancer:LoadBalancer"
	balancersPath = "/client/v4/zones/{zone}/load_balancers/{id}"
)

// cfBalancer is a load balancer as the API shows it, as far as the control seat looks at it. Source: "Load Balancer Details",
// developers.cloudflare.com/api/resources/load_balancers/methods/get.
type cfBalancer struct {
	ID       string    `json:"id"`
	Name     string    `json:"name"`
	Enabled  bool      `json:"enabled"`
	Proxied  bool      `json:"proxied"`
	Steering string    `json:"steering_policy"`
	Fallback string    `json:"fallback_pool"`
	Default  []string  `json:"default_pools"`
	Random   *cfRandom `json:"random_steering,omitempty"`
	TTL      *float64  `json:"ttl,omitempty"`
	Created  string    `json:"created_on"`
	Modified string    `json:"modified_on"`
}

type cfRandom struct {
	Standard *float64           `json:"default_weight,omitempty"`
	Weights  map[string]float64 `json:"pool_weights"`
}

// cfBalancerChange is what a change may name here.
type cfBalancerChange struct {
	Fallback *string   `json:"fallback_pool"`
	Random   *cfRandom `json:"random_steering"`
}

// props are the inputs that differ by it. "overwriting the supplied properties" ("Patch Load Balancer"), of which random_steering is one.
func (c cfBalancerChange) props() resource.Props {
	out := resource.Props{}
	if c.Fallback != nil {
		out["fallbackPool"] = *c.Fallback
	}
	if c.Random != nil {
		weights, random := resource.Props{}, resource.Props{"defaultWeight": 1.0}
		for id, w := range c.Random.Weights {
			weights[id] = w
		}
		if c.Random.Standard != nil {
			random["defaultWeight"] = *c.Random.Standard
		}
		random["poolWeights"] = weights
		out["randomSteering"] = random
	}
	return out
}

func cfFindBalancer(v resource.View, r *http.Request) (resource.Record, error) {
	b, ok := v.Get(tokenBalancer, r.PathValue("id"))
	if !ok || b.Inputs.Str("zoneId") != r.PathValue("zone") {
		return b, cfRefuse(http.StatusNotFound, cfNotFound, "load balancer %s not found", r.PathValue("id")) // the words are ours
	}
	return b, nil
}

func cfBalancerOf(b resource.Record) cfBalancer {
	in, all := b.Inputs, b.Outputs()
	out := cfBalancer{
		ID: b.ID, Name: in.Str("name"), Enabled: in.Bool("enabled"), Proxied: in.Bool("proxied"), Steering: in.Str("steeringPolicy"), Fallback: in.Str("fallbackPool"),
		Default: in.Strings("defaultPools"), TTL: cfNumber(in, "ttl"), Created: all.Str("createdOn"), Modified: all.Str("modifiedOn"),
	}
	if random := in.Object("randomSteering"); len(random) > 0 {
		out.Random = &cfRandom{Standard: cfNumber(random, "defaultWeight"), Weights: map[string]float64{}}
		for id := range random.Object("poolWeights") {
			if w := cfNumber(random.Object("poolWeights"), id); w != nil {
				out.Random.Weights[id] = *w
			}
		}
	}
	return out
}

// getBalancer is "Load Balancer Details".
func (c cfAPI) getBalancer(r *http.Request) (any, error) {
	b, err := cfFindBalancer(c.store.View(), r)
	if err != nil {
		return nil, err
	}
	return cfBalancerOf(b), nil
}

// patchBalancer changes a load balancer under the rules of its resource type: DNS answers and the proxy go by it at once.
func (c cfAPI) patchBalancer(r *http.Request) (any, error) {
	var change cfBalancerChange
	dec := json.NewDecoder(http.MaxBytesReader(nil, r.Body, maxPatch))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&change); err != nil {
		return nil, cfRefuse(http.StatusBadRequest, cfInvalid, "%v: validation failed (the local clouds take fallback_pool and random_steering)", err)
	}
	var changed resource.Record
	err := c.store.Amend(r.Context(), func(v resource.View) ([]resource.Record, error) {
		old, err := cfFindBalancer(v, r)
		if err != nil {
			return nil, err
		}
		changed, err = c.amend(r.Context(), tokenBalancer, old, old.Inputs.With(change.props()))
		return []resource.Record{changed}, err
	})
	if err != nil {
		return nil, err
	}
	return cfBalancerOf(changed), nil
}
