package operate

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"polygate.example/tools/internal/control"
)

// ramps is a manager that ramps: it notes what it is told, and what clients and regions do follows from that.
type ramps struct {
	manager
	shares  map[string]int // percent by region
	refuses string         // order that it refuses
}

func (m *ramps) Steps(context.Context, []string, []int) error { return nil }

func (m *ramps) Share(_ context.Context, region string, percent int) error {
	order := fmt.Sprintf("share %s %d", region, percent)
	m.told = append(m.told, order)
	if order == m.refuses {
		return errors.New("503")
	}
	m.shares[region] = percent
	return nil
}

func (m *ramps) out() bool {
	i := slices.IndexFunc(m.told, func(s string) bool { return strings.HasPrefix(s, "undrain") })
	return i < 0
}

func TestSteps(t *testing.T) {
	weighted, groups := four("active-active", "weighted", 100, 50, 50, 50), four("multi-region", "weighted", 100, 50, 100, 100)
	for _, c := range []struct {
		name    string
		pattern string
		p       Plan
		shares  []map[string]float64 // at 50 % and at 100 %
		refused string
	}{
		{"among all", "weighted", Plan{Undrain: []string{"aws/use1"}, After: []string{"aws/use1", "aws/euw1", "gcp/usc1"}},
			[]map[string]float64{{"aws/use1": 1. / 3, "aws/euw1": 1. / 3, "gcp/usc1": 1. / 3}, {"aws/use1": 0.5, "aws/euw1": 0.25, "gcp/usc1": 0.25}}, ""},
		{"within its group", "groups", Plan{Undrain: []string{"aws/use1"}, After: []string{"aws/use1", "aws/euw1"}},
			[]map[string]float64{{"aws/use1": 0.5, "aws/euw1": 0.5}, {"aws/use1": 2. / 3, "aws/euw1": 1. / 3}}, ""},
		{"in a group that does not serve", "groups", Plan{Undrain: []string{"gcp/usc1"}, After: []string{"aws/use1", "aws/euw1"}},
			[]map[string]float64{{"aws/use1": 2. / 3, "aws/euw1": 1. / 3}, {"aws/use1": 2. / 3, "aws/euw1": 1. / 3}}, ""},
		{"the whole of a group", "groups", Plan{Undrain: []string{"aws/use1", "aws/euw1"}, After: []string{"aws/use1", "aws/euw1"}}, nil,
			"beside aws/use1 nobody serves in its group"},
		{"everybody", "weighted", Plan{Undrain: []string{"aws/use1"}, After: []string{"aws/use1"}}, nil, "so that any part of them is all"},
		{"in order", "active-passive", Plan{Undrain: []string{"aws/use1"}, After: []string{"aws/use1"}}, nil, "active-passive leads all clients to one region"},
		{"by latency", "latency", Plan{Undrain: []string{"aws/use1"}, After: []string{"aws/use1", "gcp/usc1"}}, nil, "the steering latency leads clients by where they are"},
		{"by place", "geo", Plan{Undrain: []string{"aws/use1"}, After: []string{"aws/use1", "gcp/usc1"}}, nil, "polygate:steering weighted"},
	} {
		t.Run(c.name, func(t *testing.T) {
			top := weighted
			switch c.pattern {
			case "groups":
				top = groups
			case "active-passive":
				top = four("active-passive", "")
			case "latency", "geo":
				top = four("active-active", c.pattern)
			}
			got, err := Steps(top, c.p, []int{50, 100})
			if c.refused != "" {
				if !errors.Is(err, control.ErrNoSteps) || !strings.Contains(err.Error(), c.refused) {
					t.Errorf("%v, want ...%s...", err, c.refused)
				}
				return
			}
			if err != nil || len(got) != 2 {
				t.Fatalf("%d steps, %v", len(got), err)
			}
			for i, want := range c.shares {
				if !maps.EqualFunc(want, got[i].Shares, func(a, b float64) bool { return math.Abs(a-b) < 1e-9 }) {
					t.Errorf("at %d %%: %v, want %v", got[i].Percent, got[i].Shares, want)
				}
			}
		})
	}
}

// TestRise: each step is held and watched; the first that loses too much ends it, with nobody at the region and nothing left over.
func TestRise(t *testing.T) {
	const held = 60 * time.Second
	plan := Plan{Undrain: []string{"new"}, After: []string{"new", "old"}}
	up := []string{"share new 5", "undrain new", "share new 50", "share new 100"}
	for _, c := range []struct {
		name    string
		own     func(m *ramps) error           // what the region answers by its own name
		clients func(m *ramps) (string, error) // and a client is answered, instead of by share
		errors  float64
		refuses string
		told    []string
		lost    string // "" for none
		ends    string // error of another kind
	}{
		{name: "all is well", told: up},
		{name: "it fails at once", own: func(*ramps) error { return errors.New("503") }, errors: 1, told: []string{"share new 5", "undrain new", "drain new", "share new 100"}, lost: "at 5 %: 2 of 2 requests by the regions' own names failed"},
		{name: "it fails under load", own: func(m *ramps) error {
			if m.shares["new"] > 25 {
				return errors.New("503")
			}
			return nil
		}, told: []string{"share new 5", "undrain new", "share new 50", "drain new", "share new 100"}, lost: "at 50 %: 1 of 1 requests"},
		{name: "clients fail", clients: func(m *ramps) (string, error) {
			if m.shares["new"] == 100 {
				return "", errors.New("no answer")
			}
			return "new", nil
		}, told: append(slices.Clone(up), "drain new", "share new 100"), lost: "at 100 %: 10 of 10 requests of clients failed"},
		{name: "it acknowledges and does nothing", clients: func(*ramps) (string, error) { return "old", nil },
			told: []string{"share new 5", "undrain new", "drain new", "share new 100"}, lost: "was answered by new, of which about"},
		{name: "it refuses a step", refuses: "share new 50", told: up[:3], ends: "give new 50 % of its share: 503"},
		{name: "it refuses to be taken back", own: func(*ramps) error { return errors.New("503") }, refuses: "share new 100", told: []string{"share new 5", "undrain new", "drain new", "share new 100"},
			lost: "give new the weight of its deployment, which has no traffic now: 503"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := &ramps{shares: map[string]int{}, refuses: c.refuses}
				steps, err := Steps(four("active-active", "weighted"), Plan{}, []int{5, 50, 100})
				if err != nil {
					t.Fatal(err)
				}
				for i := range steps {
					steps[i].Shares = map[string]float64{"new": 0.05, "old": 0.95}
				}
				begun, turn := time.Now(), 0
				client := func(context.Context) (string, error) {
					if c.clients != nil {
						return c.clients(m)
					}
					if m.out() {
						return "old", nil
					}
					return "new", nil
				}
				r := Ramping{Hold: held, Every: time.Second, Each: true, Errors: c.errors, Own: map[string]Ask{"new": func(context.Context) (string, error) {
					if c.own != nil {
						return "new", c.own(m)
					}
					return "new", nil
				}}, Ended: func(Step) { turn++ }}
				for range 10 {
					r.Asks = append(r.Asks, client)
				}
				done, err := Rise(t.Context(), m, plan, steps, r)
				switch {
				case c.lost != "":
					if !errors.Is(err, ErrLost) || !strings.Contains(err.Error(), c.lost) || done[len(done)-1].Lost == "" {
						t.Errorf("%v, %+v: want it taken back because of ...%s...", err, done, c.lost)
					}
				case c.ends != "":
					if err == nil || errors.Is(err, ErrLost) || !strings.Contains(err.Error(), c.ends) {
						t.Errorf("%v, want %s", err, c.ends)
					}
				default:
					if err != nil || len(done) != 3 || time.Since(begun) < 3*held || done[0].Requests < 600 || done[2].Answers["new"] < 600 {
						t.Errorf("%v after %s: %+v", err, time.Since(begun), done)
					}
				}
				if turn != len(done) {
					t.Errorf("%d steps were shown, of %d", turn, len(done))
				}
				if diff := cmp.Diff(c.told, m.told); diff != "" {
					t.Errorf("told (-want +got):\n%s", diff)
				}
			})
		})
	}
}

// TestTakenBack: of a ramp that is taken back nobody is to be led to the regions, whatever they had before it.
func TestTakenBack(t *testing.T) {
	p := Plan{Undrain: []string{"new", "part"}, Held: []string{"part"}, Before: []string{"old", "part"}, After: []string{"new", "old", "part"}, Bound: time.Minute}
	want := Plan{Drain: p.Undrain, Before: p.After, After: []string{"old"}, Bound: time.Minute}
	if diff := cmp.Diff(want, p.TakenBack()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if !slices.Equal(p.Before, []string{"old", "part"}) {
		t.Errorf("the plan itself was changed: %v", p.Before)
	}
}

// TestRiseStuck: what could not be taken back is not said to be.
func TestRiseStuck(t *testing.T) {
	if err := fall(t.Context(), &ramps{manager: manager{err: errors.New("503")}}, Plan{Undrain: []string{"new"}}); !errors.Is(err, ErrStuck) {
		t.Errorf("regions that cannot be drained: %v", err)
	}
	if err := fall(t.Context(), &ramps{shares: map[string]int{}, refuses: "share new 100"}, Plan{Undrain: []string{"new"}}); err == nil || errors.Is(err, ErrStuck) {
		t.Errorf("weights that cannot be given back: %v", err)
	}
}

// TestRiseInterrupted: who is gone has not lost anything, and it stays as it is.
func TestRiseInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	m := &ramps{shares: map[string]int{}}
	_, err := Rise(ctx, m, Plan{Undrain: []string{"new"}}, []Step{{Percent: 5}, {Percent: 100}}, Ramping{Hold: time.Hour, Every: time.Hour, Asks: []Ask{
		func(context.Context) (string, error) { cancel(); return "", context.Canceled },
	}})
	if !errors.Is(err, context.Canceled) || errors.Is(err, ErrLost) || !strings.Contains(err.Error(), "at 5 %") {
		t.Errorf("got %v", err)
	}
	if diff := cmp.Diff([]string{"share new 5", "undrain new"}, m.told); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
}

// TestHeld: what a ramp that did not end keeps from a region is given back by the next order, without any.
func TestHeld(t *testing.T) {
	top := four("active-active", "weighted")
	known := seen(top, nil)
	r := known["aws/use1"]
	r.Held = 75
	known["aws/use1"] = r
	p, err := Make(top, known, Order{Back: []string{"aws"}})
	if err != nil || !slices.Equal(p.Undrain, []string{"aws/use1"}) || !slices.Equal(p.Held, []string{"aws/use1"}) {
		t.Fatalf("%+v, %v", p, err)
	}
	m := &ramps{shares: map[string]int{}}
	if err := Carry(t.Context(), m, p); err != nil || m.shares["aws/use1"] != 100 {
		t.Errorf("%v, told %v", err, m.told)
	}
	if err := Carry(t.Context(), &manager{}, p); err == nil {
		t.Error("a manager that cannot give it is not found out")
	}
}

var _ control.Ramp = (*ramps)(nil)
