package forecast

import (
	"cmp"
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

// Compare lists what differs from one forecast to the next: bounds first, then what is paid for each item, then the sum.
func Compare(before, after Forecast) []Change {
	var out []Change
	add := func(what string, was, is *float64) {
		if was == nil && is == nil || was != nil && is != nil && math.Abs(*was-*is) < 0.005 {
			return
		}
		out = append(out, Change{What: what, Before: was, After: is})
	}
	was, is := bounds(before), bounds(after)
	for _, name := range keys(was, is) {
		add(ofBound+name, at(was, name), at(is, name))
	}
	was, is = items(before), items(after)
	for _, name := range keys(was, is) {
		add(name, at(was, name), at(is, name))
	}
	add(ofMonthly, &before.Monthly, &after.Monthly)
	return out
}

// series are values by name, in the order in which they were met.
type series struct {
	names  []string
	values map[string]float64
}

func (s *series) add(name string, v float64) {
	if _, ok := s.values[name]; !ok {
		s.names = append(s.names, name)
	}
	s.values[name] += v
}

func bounds(f Forecast) *series {
	s := &series{values: map[string]float64{}}
	for _, x := range f.Failures {
		s.add(x.Subject(), float64(x.Seconds))
	}
	return s
}

func items(f Forecast) *series {
	s := &series{values: map[string]float64{}}
	for _, c := range f.Costs {
		s.add(c.Item, c.USD)
	}
	return s
}

// keys are the names of both, those of the second first.
func keys(was, is *series) []string {
	out := slices.Clone(is.names)
	for _, n := range was.names {
		if !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	return out
}

func at(s *series, name string) *float64 {
	if v, ok := s.values[name]; ok {
		return &v
	}
	return nil
}
