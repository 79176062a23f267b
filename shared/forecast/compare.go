package forecast

import (
	"cmp"
	"maps"
	"math"
	"slices"
)

// Change is one thing that differs between two forecasts.
type Change struct {
	What   string   `json:"what"`             // "bound of aws", "route53.zone", "monthly"
	Before *float64 `json:"before,omitempty"` // seconds of a bound, 0 for none, or US dollars a month; missing when it was not there
	After  *float64 `json:"after,omitempty"`
}

// What a change is of.
const (
	ofBound   = "bound of "
	ofMonthly = "monthly"
)

// IsBound reports whether the change is of a bound, in seconds, and not of a cost.
func (c Change) IsBound() bool { return len(c.What) > len(ofBound) && c.What[:len(ofBound)] == ofBound }

// Subject is what a failure hits, in words.
func (f Failure) Subject() string {
	switch f.Of {
	case Region:
		return "a region"
	case Provider:
		return "all of " + f.Name
	}
	return cmp.Or(f.Name, f.Of)
}

// Compare lists what differs from what was deployed to what is forecast: bounds first, then what is paid for each item, then
// the sum, each in alphabetical order.
func Compare(before Summary, after Forecast) []Change {
	now := after.Summary()
	var out []Change
	add := func(what string, was, is *float64) {
		if was != nil && is != nil && math.Abs(*was-*is) < 0.005 {
			return
		}
		out = append(out, Change{What: what, Before: was, After: is})
	}
	for _, name := range keys(before.Bounds, now.Bounds) {
		add(ofBound+name, at(before.Bounds, name), at(now.Bounds, name))
	}
	for _, name := range keys(before.Costs, now.Costs) {
		add(name, at(before.Costs, name), at(now.Costs, name))
	}
	add(ofMonthly, &before.Monthly, &now.Monthly)
	return out
}

// keys are those of both maps, in alphabetical order.
func keys[V any](a, b map[string]V) []string {
	all := maps.Clone(b)
	if all == nil {
		all = map[string]V{}
	}
	maps.Copy(all, a)
	return slices.Sorted(maps.Keys(all))
}

func at[V int | float64](m map[string]V, name string) *float64 {
	v, ok := m[name]
	if !ok {
		return nil
	}
	n := float64(v)
	return &n
}
