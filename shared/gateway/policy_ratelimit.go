package gateway

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"polygate.example/shared/expression"
)

// RateLimit lets so many requests pass in a time, of each key apart: 429 for the others.
type RateLimit struct {
	Rate   int              `json:"rate"`            // requests, at least 1
	Per    Duration         `json:"per"`             // 1 s to 24 h
	Burst  int              `json:"burst"`           // requests that may come at once, at least 1
	By     []CountBy        `json:"by"`              // what makes up the key
	Plans  map[string]Rates `json:"plans,omitempty"` // of consumers that have the plan, in place of the three above
	Keys   int              `json:"keys"`            // that are known at a time, 100 to 1,000,000
	Shared *Shared          `json:"shared,omitempty"`
}

// Rates is what one plan has.
type Rates struct {
	Rate  int      `json:"rate"`
	Per   Duration `json:"per"`
	Burst int      `json:"burst"`
}

// CountBy is one part of the key by which requests are counted.
type CountBy struct {
	Kind string `json:"kind"`
	Name string `json:"name,omitempty"` // of the header or the claim; the expression
}

// Kinds of a CountBy.
const (
	ByConsumer   = "consumer"
	ByPlan       = "plan"
	ByIP         = "ip" // an IPv6 address by its first 64 bits
	ByHeader     = "header"
	ByClaim      = "claim"
	ByRoute      = "route"
	ByEveryone   = "everyone"   // all requests have the same key
	ByExpression = "expression" // what it gives, a text; see package expression
)

// Bounds of what is counted.
const (
	minPer   = Duration(time.Second)
	maxPer   = Duration(24 * time.Hour)
	maxBurst = 1_000_000
	maxBy    = 4
	maxPlans = 100
	minKeys  = 100
	maxKeys  = 1_000_000
	maxDrain = 31 * 24 * time.Hour
)

func (p *RateLimit) check(r *report, at Pointer) {
	checkRates(r, at, Rates{p.Rate, p.Per, p.Burst})
	checkBy(r, at.Key("by"), p.By)
	checkPlans(r, at.Key("plans"), p.Plans, func(at Pointer, one Rates) { checkRates(r, at, one) })
	checkKeys(r, at.Key("keys"), p.Keys)
	p.Shared.check(r, at.Key("shared"))
}

func (p *RateLimit) secrets() []string { return p.Shared.secrets() }
func (p *RateLimit) parts() []Part     { return append(p.Shared.parts(), partsOfKey(p.By)...) }
func (p *RateLimit) caller() callerUse { return countsCallers(p.By, len(p.Plans)) }

func checkRates(r *report, at Pointer, p Rates) {
	sound := true
	wrong := func(key, what, remedy string) {
		r.value(at.Key(key), what, remedy)
		sound = false
	}
	if p.Rate < 1 {
		wrong("rate", "there is no rate above zero", "write how many requests may come in the time of per, such as 100")
	}
	if p.Per == 0 {
		wrong("per", "it does not say in which time", "write per: 1m, or another duration")
	} else if p.Per < minPer || p.Per > maxPer {
		wrong("per", fmt.Sprintf("duration %s is out of range", p.Per), fmt.Sprintf("write one from %s to %s, such as 1m; a quota counts for longer", minPer, maxPer))
	}
	if p.Burst < 1 || p.Burst > maxBurst {
		wrong("burst", fmt.Sprintf("burst %d is out of range", p.Burst), fmt.Sprintf("write how many requests may come at once, 1 to %d, or leave it out for as many as rate", maxBurst))
	}
	switch per := time.Duration(p.Per); {
	case !sound:
	case int64(p.Rate) > per.Microseconds():
		wrong("rate", "the rate is more than a million requests a second", "write less, or leave the limit out")
	case (int64(per)+int64(p.Rate)-1)/int64(p.Rate) > int64(maxDrain)/int64(p.Burst):
		wrong("burst", "a burst that was spent takes more than 31 days to come back", "write a smaller one")
	}
}

// checkBy tests what makes up the key of a count.
func checkBy(r *report, at Pointer, by []CountBy) {
	known := []string{ByConsumer, ByPlan, ByIP, ByHeader, ByClaim, ByRoute, ByEveryone, ByExpression}
	switch {
	case len(by) == 0:
		r.value(at, "it does not say by what to count", "write by: ip, or another of "+list(known))
	case len(by) > maxBy:
		r.value(at, fmt.Sprintf("the key has %d parts", len(by)), fmt.Sprintf("keep to %d", maxBy))
	}
	seen := map[CountBy]bool{}
	for i, b := range by {
		one := at
		if len(by) > 1 {
			one = at.Index(i)
		}
		switch {
		case !slices.Contains(known, b.Kind):
			r.value(one, fmt.Sprintf("%s is nothing to count by", quote(b.Kind)), suggest(b.Kind, known))
		case b.Kind == ByHeader && !isToken(b.Name):
			r.value(one, fmt.Sprintf("%s is no name of a header", quote(b.Name)), `write one, such as { header: X-Tenant }`)
		case b.Kind == ByClaim && b.Name == "":
			r.value(one, "the claim has no name", `write one, such as { claim: tenant }`)
		case b.Kind == ByExpression:
			checkExpression(r, one, b.Name, expression.Text)
		case b.Kind == ByEveryone && len(by) > 1:
			r.value(one, "everyone stands beside other parts of the key", "keep it alone to count all requests together, or take it out")
		case seen[b]:
			r.value(one, "the key has this part twice", "list it once")
		}
		seen[b] = true
	}
}

func checkPlans[T any](r *report, at Pointer, plans map[string]T, one func(at Pointer, plan T)) {
	if len(plans) > maxPlans {
		r.value(at, fmt.Sprintf("there are %d plans", len(plans)), fmt.Sprintf("keep to %d", maxPlans))
		return
	}
	for _, name := range slices.Sorted(maps.Keys(plans)) {
		at := at.Key(name)
		if what, remedy := checkName("plan", name); what != "" {
			r.key(at, what, remedy)
		}
		one(at, plans[name])
	}
}

func checkKeys(r *report, at Pointer, n int) {
	if n < minKeys || n > maxKeys {
		r.value(at, fmt.Sprintf("%d keys are out of range", n), fmt.Sprintf("write a number from %d to %d: one takes about 300 bytes", minKeys, maxKeys))
	}
}

// partsOfKey are the parts that the key of a count takes.
func partsOfKey(by []CountBy) []Part {
	if slices.ContainsFunc(by, func(b CountBy) bool { return b.Kind == ByExpression }) {
		return []Part{PartExpression}
	}
	return nil
}

// countsCallers is what a count has to do with who calls.
func countsCallers(by []CountBy, plans int) callerUse {
	if plans > 0 || slices.ContainsFunc(by, func(b CountBy) bool {
		return b.Kind == ByConsumer || b.Kind == ByPlan || b.Kind == ByClaim || b.Kind == ByExpression && expression.OfCaller(b.Name)
	}) {
		return callerNeeded
	}
	return callerUnused
}

// usable tests the text of a secret that the policy reads.
func (p *RateLimit) usable(name, text string) error { return p.Shared.usable(name, text) }

var (
	_ kind         = (*RateLimit)(nil)
	_ secretReader = (*RateLimit)(nil)
)
