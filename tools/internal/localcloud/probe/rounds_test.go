package probe

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"polygate.example/tools/internal/localcloud/clock"
)

// An interval counts from start to start, whatever a probe takes, and what hangs into the floor gives way to the next probe early.
func TestRounds(t *testing.T) {
	for _, c := range []struct {
		name   string
		takes  time.Duration // cloud time
		starts []float64     // cloud seconds since the first, of one location
	}{
		{"at once", 0, []float64{0, 10, 20, 30}},
		{"as long as the rules allow", 5 * time.Second, []float64{0, 10, 20, 30}},
		{"into the floor", 8 * time.Second, []float64{0, 7, 14, 21}}, // 3 s over: the next comes 3 s early
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				clk := clock.New(10)
				var mu sync.Mutex
				var starts []float64
				begun := time.Now()
				r := &Rounds{
					Clock: clk, Key: "a", Interval: 10 * time.Second, Longest: 5 * time.Second, Least: 8 * time.Second, Locations: 1,
					Send: func(ctx context.Context) Result {
						mu.Lock()
						starts = append(starts, time.Since(begun).Seconds()*10)
						mu.Unlock()
						clk.Sleep(ctx, c.takes)
						return Result{}
					},
					Count: func(int, Result, time.Time) {},
				}
				r.Start(t.Context())
				time.Sleep(5 * time.Second)
				r.Stop()
				var since []float64
				for _, at := range starts[:len(c.starts)] {
					since = append(since, float64(int(at-starts[0]+0.5)))
				}
				if diff := cmp.Diff(c.starts, since); diff != "" {
					t.Error(diff)
				}
				if first := time.Duration(starts[0] * float64(time.Second)); (first - Phase("a", 0, 1, 10*time.Second)).Abs() > 50*time.Millisecond {
					t.Errorf("the first probe is sent after %s", first)
				}
			})
		})
	}
}

// What a probe tells after a later one of its location has told counts no more; another location's does.
func TestLateResult(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var counted []string
		first := map[int]bool{}
		var mu sync.Mutex
		n := 0
		r := &Rounds{
			Clock: clock.New(1), Interval: 10 * time.Second, Longest: time.Second, Least: time.Second, Locations: 1,
			Send: func(context.Context) Result {
				mu.Lock()
				n++
				serial := n
				mu.Unlock()
				if serial == 1 {
					time.Sleep(25 * time.Second) // past two more probes
				}
				return Result{Reason: fmt.Sprint(serial)}
			},
			Count: func(location int, r Result, _ time.Time) {
				first[location] = true
				counted = append(counted, r.Reason)
			},
		}
		r.Start(t.Context())
		time.Sleep(45 * time.Second)
		r.Stop()
		if len(counted) < 3 || slices.Contains(counted, "1") || !slices.IsSorted(counted) {
			t.Errorf("counted %q: want none of the first probe", counted)
		}
	})
}

// Whoever stops the probing waits for no probe, and hears of none that was cut short.
func TestStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &Rounds{
			Clock: clock.New(1), Interval: 10 * time.Second, Longest: time.Hour, Least: time.Second, Locations: 3,
			Send: func(ctx context.Context) Result {
				<-ctx.Done()
				return Result{}
			},
			Count: func(int, Result, time.Time) { t.Error("a probe that was cut short counts") },
		}
		r.Start(t.Context())
		time.Sleep(time.Minute)
		stopped := time.Now()
		r.Stop()
		if took := time.Since(stopped); took > 0 {
			t.Errorf("stopping takes %s", took)
		}
	})
}

// Locations and targets are spread over the interval and never start together.
func TestPhase(t *testing.T) {
	const interval, locations = 10 * time.Second, 8
	seen := map[time.Duration]string{}
	for c := range 6 {
		key := fmt.Sprintf("hc%d", c+1)
		for i := range locations {
			p := Phase(key, i, locations, interval)
			slot := interval / locations
			if p < slot*time.Duration(i) || p >= slot*time.Duration(i+1) {
				t.Errorf("%s location %d starts after %s, outside its eighth of the interval", key, i, p)
			}
			if other, ok := seen[p]; ok {
				t.Errorf("%s location %d starts with %s", key, i, other)
			}
			seen[p] = fmt.Sprintf("%s location %d", key, i)
		}
	}
}
