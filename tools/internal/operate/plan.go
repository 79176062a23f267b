// Package operate moves traffic by hand: it plans which regions a traffic manager is to take out or give back, refuses what would leave
// too little, has it done, and watches from the clients' seat until it has happened.
package operate

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"polygate.example/shared/topology"
	"polygate.example/tools/internal/control"
)

// Patterns and steerings as a topology spells them.
const (
	patternActive = "active-active"
	patternGroups = "multi-region"
	byWeight      = "weighted"
)

// Modes of a failover.
const (
	Graceful   = "graceful"   // planned: only out of a steady state, and only to regions that are well
	Ungraceful = "ungraceful" // in need: whatever is not well stays behind
)

// Order is what is asked for.
type Order struct {
	From  []string // regions, or providers for all their regions, that are to have no traffic
	To    []string // regions or providers that alone are to serve; none: whoever comes next
	Back  []string // regions or providers that are to have their traffic again
	Mode  string   // Graceful or Ungraceful
	Least int      // regions that have to be well and in traffic afterwards, at least 1
}

// Plan is what would be done, and what comes of it.
type Plan struct {
	Drain   []string      `json:"drain"`          // regions to take out, in failover order
	Undrain []string      `json:"undrain"`        // regions to give back
	Held    []string      `json:"held,omitempty"` // of these, who has a part of its share from a ramp that did not end
	Before  []string      `json:"before"`         // regions that serve while all stays as it is
	After   []string      `json:"after"`          // regions that serve afterwards
	Moved   float64       `json:"moved"`          // share of the traffic that is served by another region afterwards, 0 to 1; by latency and place, as if all had as many clients
	Load    float64       `json:"load"`           // traffic of the region that has most of it afterwards, by what it has now; 0 where it has none now
	Left    int           `json:"left"`           // regions that are well and in traffic afterwards
	Bound   time.Duration `json:"-"`              // until the last client has moved, in cloud time
}

// Nothing reports whether all is as asked for already.
func (p Plan) Nothing() bool { return len(p.Drain)+len(p.Undrain) == 0 }

// ErrUnsafe says that an order was refused by a rule that keeps the service up.
var ErrUnsafe = errors.New("refused")

// Make plans an order against what is deployed and what is known of it: what its manager says of each region, and for those that are drained,
// which a manager need not look at, whether they answer under their own name. An error that wraps ErrUnsafe is a safety rule's; any other
// one is of an order that cannot be meant.
func Make(t topology.Topology, seen map[string]control.Region, o Order) (Plan, error) {
	from, err := chosen(t, o.From)
	if err != nil {
		return Plan{}, err
	}
	to, err := chosen(t, o.To)
	if err != nil {
		return Plan{}, err
	}
	back, err := chosen(t, o.Back)
	if err != nil {
		return Plan{}, err
	}
	w := world{t, map[string]control.Region{}}
	for _, r := range t.Regions {
		w.seen[r.Name] = seen[r.Name]
	}
	p := Plan{Before: w.serving(), Bound: time.Duration(t.Bound) * time.Second}
	after := world{t, map[string]control.Region{}}
	for name, r := range w.seen {
		if slices.Contains(from, name) {
			r.Drained = true
		}
		if slices.Contains(back, name) {
			r.Drained = false
		}
		after.seen[name] = r
	}
	for _, name := range to {
		switch r := after.seen[name]; {
		case r.Drained:
			return Plan{}, fmt.Errorf("%w: %s is drained, and cannot take over: `polygate undrain %s` first", ErrUnsafe, name, name)
		case !r.Healthy && (o.Mode == Graceful || len(to) == 1):
			return Plan{}, fmt.Errorf("%w: %s is %s, and cannot take over: name another%s", ErrUnsafe, name, cmp.Or(r.State, "unhealthy"), because(r.Why))
		}
	}
	// Whoever would serve before those that are meant to is taken out as well.
	for len(to) > 0 {
		ahead := slices.DeleteFunc(after.serving(), func(name string) bool { return slices.Contains(to, name) })
		if len(ahead) == 0 {
			break
		}
		for _, name := range ahead {
			r := after.seen[name]
			r.Drained = true
			after.seen[name] = r
		}
	}
	for _, r := range t.Regions {
		switch was, is := w.seen[r.Name].Drained, after.seen[r.Name].Drained; {
		case is && !was:
			p.Drain = append(p.Drain, r.Name)
		case was && !is, w.seen[r.Name].Held > 0 && !is && slices.Contains(back, r.Name):
			p.Undrain = append(p.Undrain, r.Name)
			if w.seen[r.Name].Held > 0 {
				p.Held = append(p.Held, r.Name)
			}
		}
	}
	p.After = after.serving()
	p.Left = len(after.well())
	p.Moved, p.Load = moved(w, p.Before, p.After)
	if p.Nothing() {
		return p, nil
	}
	return p, after.safe(w, p, o)
}

// safe holds a plan against the safety rules.
func (w world) safe(before world, p Plan, o Order) error {
	least := max(1, o.Least)
	if p.Left < least && len(p.Drain) > 0 {
		return fmt.Errorf("%w: %s would be well and in traffic, and at least %d must be: mend or undrain another first", ErrUnsafe, regions(p.Left), least)
	}
	if o.Mode == Ungraceful {
		return nil
	}
	for _, name := range p.Undrain {
		if r := w.seen[name]; !r.Healthy {
			return fmt.Errorf("%w: %s is %s: mend it first, or say --mode ungraceful%s", ErrUnsafe, name, cmp.Or(r.State, "unhealthy"), because(r.Why))
		}
	}
	for _, name := range p.After {
		if r := w.seen[name]; !r.Healthy {
			return fmt.Errorf("%w: %s is to serve, and is %s: take it out as well, or say --mode ungraceful%s", ErrUnsafe, name, cmp.Or(r.State, "unhealthy"), because(r.Why))
		}
	}
	if o.Mode == Graceful {
		for _, name := range p.Before {
			if r := before.seen[name]; !r.Healthy {
				return fmt.Errorf("%w: %s serves and is not well, and a graceful failover begins from a steady state: say --mode ungraceful%s", ErrUnsafe, name, because(r.Why))
			}
		}
	}
	return nil
}

func because(why string) string {
	if why == "" {
		return ""
	}
	return " (" + why + ")"
}

// world is a deployment, and what its manager says of each region.
type world struct {
	t    topology.Topology
	seen map[string]control.Region
}

// well are the regions that are healthy and in traffic.
func (w world) well() []string {
	var out []string
	for _, r := range w.t.Regions {
		if s := w.seen[r.Name]; s.Healthy && !s.Drained {
			out = append(out, r.Name)
		}
	}
	return out
}

// serving are the regions that clients are led to. Where none is well every manager answers as if all were.
func (w world) serving() []string {
	can := w.well()
	if len(can) == 0 {
		for _, r := range w.t.Regions {
			if !w.seen[r.Name].Drained {
				can = append(can, r.Name)
			}
		}
	}
	switch {
	case len(can) == 0, w.t.Pattern == patternActive:
		return can
	case w.t.Pattern == patternGroups:
		group, _, _ := strings.Cut(can[0], "/")
		return slices.DeleteFunc(can, func(name string) bool { return !strings.HasPrefix(name, group+"/") })
	}
	return can[:1]
}

// shares are how much of the traffic each of those that serve has.
func (w world) shares(serving []string) map[string]float64 {
	out := map[string]float64{}
	sum := 0.0
	for _, r := range w.t.Regions {
		if !slices.Contains(serving, r.Name) {
			continue
		}
		out[r.Name] = 1
		if w.t.Steering == byWeight {
			out[r.Name] = float64(r.Weight)
		}
		sum += out[r.Name]
	}
	for name := range out {
		out[name] /= max(sum, 1e-9)
	}
	return out
}

// moved is the share of the traffic that changes places, and how many times its present load the one that is hit hardest gets.
func moved(w world, before, after []string) (share, load float64) {
	was, is := w.shares(before), w.shares(after)
	for name, s := range is {
		share += max(0, s-was[name])
		if was[name] > 0 {
			load = max(load, s/was[name])
		}
	}
	return share, load
}

// Load is how many times its present traffic the region gets that is hit hardest when some are lost. Where whoever takes over has none now, it is by
// what one has that serves now: all are provisioned alike. It is 0 where nobody takes over, or nobody serves now.
func Load(t topology.Topology, seen map[string]control.Region, lost []string) float64 {
	before := world{t, seen}
	after := world{t, maps.Clone(seen)}
	for _, name := range lost {
		r := after.seen[name]
		r.Healthy = false
		after.seen[name] = r
	}
	if len(after.well()) == 0 {
		return 0
	}
	_, load := moved(before, before.serving(), after.serving())
	if was := most(before.shares(before.serving())); load == 0 && was > 0 {
		load = most(before.shares(after.serving())) / was
	}
	return load
}

// most is the largest share.
func most(shares map[string]float64) (m float64) {
	for _, s := range shares {
		m = max(m, s)
	}
	return m
}

// chosen are the regions that names stand for, in failover order.
func chosen(t topology.Topology, names []string) ([]string, error) {
	var out []string
	for _, name := range names {
		known := false
		for _, r := range t.Regions {
			if r.Name == name || r.Provider == name {
				known = true
				if !slices.Contains(out, r.Name) {
					out = append(out, r.Name)
				}
			}
		}
		if !known {
			return nil, fmt.Errorf("%q is not deployed: want one of %s", name, strings.Join(choice(t), ", "))
		}
	}
	return out, nil
}

// choice is what an order may name.
func choice(t topology.Topology) []string {
	var providers, regions []string
	for _, r := range t.Regions {
		if !slices.Contains(providers, r.Provider) {
			providers = append(providers, r.Provider)
		}
		regions = append(regions, r.Name)
	}
	return append(providers, regions...)
}

func regions(n int) string {
	if n == 1 {
		return "1 region"
	}
	return fmt.Sprintf("%d regions", n)
}
