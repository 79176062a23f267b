package operate

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"polygate.example/tools/internal/control"
)

// manager notes what it is told.
type manager struct {
	told []string
	err  error
}

func (m *manager) Regions(context.Context) (map[string]control.Region, error) { return nil, nil }

func (m *manager) Drain(_ context.Context, regions []string, drained bool) error {
	word := map[bool]string{true: "drain", false: "undrain"}[drained]
	for _, r := range regions {
		m.told = append(m.told, word+" "+r)
	}
	return m.err
}

func TestCarry(t *testing.T) {
	m := &manager{}
	if err := Carry(t.Context(), m, Plan{Drain: []string{"a", "b"}, Undrain: []string{"c"}}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"undrain c", "drain a", "drain b"}, m.told); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	lost := errors.New("503")
	m = &manager{err: lost}
	if err := Carry(t.Context(), m, Plan{Drain: []string{"a"}, Undrain: []string{"c"}}); !errors.Is(err, lost) || len(m.told) != 1 {
		t.Errorf("%v, told %v: want it ended by the first refusal", err, m.told)
	}
}

// TestWatch: what an API says is nothing; what clients are answered is all.
func TestWatch(t *testing.T) {
	// after answers with one region until some seconds have gone by, and then with another.
	after := func(seconds float64, before, then string) Ask {
		begun := time.Now()
		return func(context.Context) (string, error) {
			region := before
			if time.Since(begun).Seconds() >= seconds {
				region = then
			}
			if region == "" {
				return "", errors.New("no answer")
			}
			return region, nil
		}
	}
	plan := Plan{After: []string{"new"}}
	for _, c := range []struct {
		name   string
		plan   Plan
		each   bool
		asks   func() []Ask
		done   bool
		moved  float64 // seconds
		unseen []string
	}{
		{"at once", plan, false, func() []Ask { return []Ask{after(0, "", "new")} }, true, 0, nil},
		{"after a while", plan, false, func() []Ask { return []Ask{after(20, "old", "new"), after(5, "old", "new")} }, true, 20, nil},
		{"it acknowledges and does nothing", plan, false, func() []Ask { return []Ask{after(1e6, "old", "new")} }, false, 0, nil},
		{"one client stays behind", plan, false, func() []Ask { return []Ask{after(0, "", "new"), after(1e6, "old", "")} }, false, 0, nil},
		{"no answer is none", plan, false, func() []Ask { return []Ask{after(10, "", "new")} }, true, 10, nil},
		{"it falls back once", plan, false, func() []Ask {
			begun := time.Now()
			return []Ask{func(context.Context) (string, error) {
				if s := time.Since(begun).Seconds(); s > 12 && s < 14 {
					return "old", nil
				}
				return "new", nil
			}}
		}, true, 14, nil},
		{"one of several is never seen", Plan{After: []string{"new", "other"}}, true, func() []Ask { return []Ask{after(0, "", "new")} }, false, 0, []string{"other"}},
		{"one of several need not be seen from here", Plan{After: []string{"new", "other"}}, false, func() []Ask { return []Ask{after(0, "", "new")} }, true, 0, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o, err := Watch(t.Context(), c.plan, Watching{Asks: c.asks(), Every: time.Second, Hold: 30 * time.Second, Limit: time.Minute, Each: c.each})
				if err != nil {
					t.Fatal(err)
				}
				if o.Done != c.done || c.done && o.Moved.Seconds() != c.moved || !slices.Equal(o.Unseen, c.unseen) {
					t.Errorf("%+v; want done %t, moved after %g s, unseen %v", o, c.done, c.moved, c.unseen)
				}
			})
		})
	}
	ctx, cancel := context.WithCancel(t.Context())
	var asked atomic.Int32
	_, err := Watch(ctx, plan, Watching{Every: time.Hour, Limit: time.Hour, Asks: []Ask{func(context.Context) (string, error) {
		asked.Add(1)
		cancel()
		return "old", nil
	}}})
	if !errors.Is(err, context.Canceled) || asked.Load() != 1 {
		t.Errorf("interrupted: %v after %d requests", err, asked.Load())
	}
}
