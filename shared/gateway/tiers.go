package gateway

import "slices"

// tiers resolves the targets of a region; see Model.Tiers.
func (u Upstream) tiers(region string) [][]Target {
	own, fallback := u.Targets, u.Fallback
	if r, ok := u.Regions[region]; ok {
		own, fallback = r.Targets, r.Fallback
	}
	var out [][]Target
	used := map[Target]bool{}
	add := func(targets []Target) {
		var tier []Target
		for _, t := range targets {
			if !used[t] {
				used[t] = true
				tier = append(tier, t)
			}
		}
		if len(tier) > 0 {
			out = append(out, tier)
		}
	}
	add(own)
	visited := map[string]bool{region: true}
	var follow func(names []string)
	follow = func(names []string) {
		for _, name := range names {
			if visited[name] {
				continue
			}
			visited[name] = true
			r := u.Regions[name]
			if len(r.Targets) > 0 {
				add(r.Targets)
			} else {
				follow(r.Fallback)
			}
		}
	}
	follow(fallback)
	return out
}

// fallbackCycle returns the way by which a region's fallback comes back to the region itself, through regions that have
// no targets of their own; nil if there is none. Two regions that have targets may back each other up: a fallback stops
// at the first region that has targets.
func (u Upstream) fallbackCycle(region string) []string {
	visited := map[string]bool{}
	var walk func(name string) []string // the way from name to region, backwards
	walk = func(name string) []string {
		r, ok := u.Regions[name]
		if !ok || len(r.Targets) > 0 || visited[name] {
			return nil
		}
		visited[name] = true
		for _, next := range r.Fallback {
			if next == region {
				return []string{region, name}
			}
			if way := walk(next); way != nil {
				return append(way, name)
			}
		}
		return nil
	}
	way := walk(region)
	slices.Reverse(way)
	return way
}
