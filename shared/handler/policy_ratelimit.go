package handler

import (
	"time"

	"polygate.example/shared/gateway"
	"polygate.example/shared/ratelimit"
)

// newRateLimit lets so many requests pass in a time, and answers 429 to the others.
func newRateLimit(p gateway.RateLimit, env environment) (policy, error) {
	rules := map[string]gateway.Rates{"": {Rate: p.Rate, Per: p.Per, Burst: p.Burst}}
	for name, plan := range p.Plans {
		rules[name] = plan
	}
	c, err := newCounter(env, p.By, p.Keys, p.Shared)
	if err != nil {
		return nil, err
	}
	for plan, r := range rules {
		if c.rules[plan], err = ratelimit.NewRate(r.Rate, time.Duration(r.Per), r.Burst); err != nil {
			return nil, err
		}
	}
	c.detail, c.code = "Too many requests: see Retry-After.", "rate_limited"
	return c.policy, nil
}
