package handler

import (
	"polygate.example/shared/gateway"
	"polygate.example/shared/ratelimit"
)

// newQuota lets so many requests pass in each period of the calendar, and answers 429 to the others.
func newQuota(p gateway.Quota, env environment) (policy, error) {
	zone, err := gateway.LoadZone(p.Zone)
	if err != nil {
		return nil, err
	}
	calendar, err := ratelimit.NewCalendar(p.Period, zone)
	if err != nil {
		return nil, err
	}
	c, err := newCounter(env, p.By, p.Keys, p.Shared)
	if err != nil {
		return nil, err
	}
	if c.rules[""], err = ratelimit.NewQuota(p.Limit, calendar); err != nil {
		return nil, err
	}
	for name, plan := range p.Plans {
		if c.rules[name], err = ratelimit.NewQuota(plan.Limit, calendar); err != nil {
			return nil, err
		}
	}
	c.detail, c.code = "The quota of this "+p.Period+" is used up: see Retry-After.", "quota_exceeded"
	return c.policy, nil
}
