package checker

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"polygate.example/tools/internal/localcloud/clock"
	"polygate.example/tools/internal/localcloud/plane"
	"polygate.example/tools/internal/localcloud/probe"
	"polygate.example/tools/internal/localcloud/probe/probetest"
)

// ways an endpoint behaves.
const (
	up int32 = iota
	refused
	blackhole // no answer to the connection attempt
	silent    // connected, no response
	failing   // 503
)

// target is an endpoint whose behaviour changes at run time.
type target struct {
	mode  atomic.Int32
	dials atomic.Int64
}

func (g *target) dial(ctx context.Context, host string, port int) (net.Conn, error) {
	g.dials.Add(1)
	e := probetest.Endpoint{}
	switch g.mode.Load() {
	case refused:
		return nil, errors.New("connection refused")
	case blackhole:
		<-ctx.Done()
		return nil, ctx.Err()
	case silent:
		client, server := net.Pipe()
		go func() { // reads what comes and says nothing, until the client has had enough
			buf := make([]byte, 1024)
			for {
				if _, err := server.Read(buf); err != nil {
					_ = server.Close()
					return
				}
			}
		}()
		return client, nil
	case failing:
		e.Head = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"
	}
	return e.Dial(ctx, host, port)
}

func start(t *testing.T, speed float64, dial probe.Dial, checks ...plane.HealthCheck) (*Checker, *clock.Clock) {
	t.Helper()
	clk := clock.New(speed)
	c, err := New(Options{Clock: clk, Dial: dial})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Apply(checks); err != nil {
		t.Fatal(err)
	}
	return c, clk
}

func plain(interval, threshold int) plane.HealthCheck {
	hc := base()
	hc.Type, hc.Port, hc.Interval, hc.Threshold = "HTTP", 80, interval, threshold
	return hc
}

// poll is how often until looks, in cloud time.
const poll = 50 * time.Millisecond

// until waits for a check to become healthy or not and returns how long that took, in cloud time.
func until(t *testing.T, c *Checker, clk *clock.Clock, healthy bool, limit time.Duration) time.Duration {
	t.Helper()
	begin := clk.Now()
	for c.Healthy("hc1") != healthy {
		if clk.Now().Sub(begin) > limit {
			st, _ := c.Status("hc1")
			t.Fatalf("healthy is still %t after %s: %s", !healthy, limit, st.Why)
		}
		clk.Sleep(t.Context(), poll)
	}
	return clk.Now().Sub(begin)
}

// Detection and recovery keep the documented bound n(I+t) for interval I, threshold n and probe time t of up to 6 s,
// whenever in the interval the outage begins, and never come before n-1 intervals have passed.
// Source: Determining and Values; see the package comment. Time is synctest's: exact, and free.
func TestDetectionTime(t *testing.T) {
	const slack = 2 * poll
	tests := []struct {
		name                string
		speed               float64
		interval, threshold int
		mode                int32
	}{
		{"real time, refused", 1, 10, 2, refused},
		{"real time, defaults", 1, 30, 3, failing},
		{"real time, black hole", 1, 10, 2, blackhole},
		{"real time, silent, defaults", 1, 30, 3, silent},
		{"speed 10, refused", 10, 10, 2, refused},
		{"speed 10, 503", 10, 10, 3, failing},
		{"speed 10, black hole under the floor", 10, 10, 2, blackhole},
		{"speed 10, silent under the floor", 10, 10, 2, silent},
		{"speed 10, black hole, threshold 5", 10, 10, 5, blackhole},
		{"speed 20, silent, 30 s", 20, 30, 2, silent},
		{"speed 50, refused", 50, 10, 2, refused},
		{"speed 50, refused, threshold 1", 50, 10, 1, refused},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			interval := time.Duration(tt.interval) * time.Second
			bound := time.Duration(tt.threshold)*(interval+6*time.Second) + slack
			atLeast := time.Duration(tt.threshold-1) * interval
			var slowest time.Duration
			for offset := range 12 {
				synctest.Test(t, func(t *testing.T) {
					var g target
					c, clk := start(t, tt.speed, g.dial, plain(tt.interval, tt.threshold))
					clk.Sleep(t.Context(), 100*time.Second+interval*time.Duration(offset)/12)
					if !c.Healthy("hc1") {
						t.Fatal("unhealthy before the outage")
					}
					g.mode.Store(tt.mode)
					took := until(t, c, clk, false, bound)
					slowest = max(slowest, took)
					if took < atLeast {
						t.Errorf("offset %d: detected after %s, before %d intervals", offset, took, tt.threshold-1)
					}
					clk.Sleep(t.Context(), 100*time.Second)
					g.mode.Store(up)
					until(t, c, clk, true, bound)
					if err := c.Close(); err != nil {
						t.Error(err)
					}
				})
			}
			t.Logf("slowest detection %s, bound %s", slowest, bound)
		})
	}
}

// One location that alone sees an outage changes nothing; neither do six of eight.
func TestOneLocationCannotFlip(t *testing.T) {
	for _, broken := range []int{1, 6, 7} {
		t.Run(fmt.Sprint(broken), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var down atomic.Int64
				var g target
				dial := func(ctx context.Context, host string, port int) (net.Conn, error) {
					// Locations take turns, so every run of eight probes starts with the same ones.
					if down.Add(1)%8 < int64(broken) {
						return nil, errors.New("connection refused")
					}
					return g.dial(ctx, host, port)
				}
				c, clk := start(t, 1, dial, plain(10, 2))
				clk.Sleep(t.Context(), 5*time.Minute)
				st, ok := c.Status("hc1")
				if !ok || st.Passing != 8-broken || st.Of != 8 || st.Healthy != (8-broken >= 2) {
					t.Errorf("status %+v, want %d passing", st, 8-broken)
				}
				if err := c.Close(); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

func TestApply(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g target
		c, clk := start(t, 1, g.dial, plain(10, 2))
		g.mode.Store(refused)
		clk.Sleep(t.Context(), time.Minute)
		failed, _ := c.Status("hc1")
		if failed.Healthy || failed.Passing != 0 {
			t.Fatalf("status %+v", failed)
		}

		// Unchanged: undisturbed, in the middle of its runs.
		before := failed.Votes[0].Consecutive
		if err := c.Apply([]plane.HealthCheck{plain(10, 2)}); err != nil {
			t.Fatal(err)
		}
		if st, _ := c.Status("hc1"); st.Votes[0].Consecutive != before || st.Since != failed.Since {
			t.Errorf("an unchanged check was disturbed: %+v", st)
		}

		// Changed: the votes stay, the runs begin anew.
		changed := plain(10, 3)
		if err := c.Apply([]plane.HealthCheck{changed}); err != nil {
			t.Fatal(err)
		}
		if st, _ := c.Status("hc1"); st.Healthy || st.Votes[0].Consecutive != 0 || st.Since != failed.Since {
			t.Errorf("a changed check: %+v", st)
		}

		// Inverted: at once the other way round.
		changed.Inverted = true
		if err := c.Apply([]plane.HealthCheck{changed}); err != nil {
			t.Fatal(err)
		}
		if !c.Healthy("hc1") {
			t.Error("inverted, a failing check is healthy")
		}

		// Disabled: nothing is sent any more.
		changed.Disabled = true
		if err := c.Apply([]plane.HealthCheck{changed}); err != nil {
			t.Fatal(err)
		}
		sent := g.dials.Load()
		clk.Sleep(t.Context(), time.Minute)
		if got := g.dials.Load(); got != sent {
			t.Errorf("%d probes of a disabled check", got-sent)
		}

		// A bad check is named and left out; the good one beside it runs.
		bad := plain(20, 2)
		bad.ID = "hc2"
		err := c.Apply([]plane.HealthCheck{plain(10, 2), bad})
		if err == nil || !strings.Contains(err.Error(), "health check hc2: request interval 20") {
			t.Errorf("error %v", err)
		}
		_, good := c.Status("hc1")
		if _, left := c.Status("hc2"); !good || left {
			t.Errorf("hc1 has a status: %t, hc2: %t", good, left)
		}

		// Removed: stopped, and healthy as every unknown one.
		if err := c.Apply(nil); err != nil {
			t.Fatal(err)
		}
		sent = g.dials.Load()
		clk.Sleep(t.Context(), time.Minute)
		if g.dials.Load() != sent || !c.Healthy("hc1") {
			t.Error("a removed check still works")
		}
		if _, ok := c.Status("hc1"); ok {
			t.Error("a removed check has a status")
		}

		for range 2 {
			if err := c.Close(); err != nil {
				t.Error(err)
			}
		}
		if err := c.Apply(nil); err == nil {
			t.Error("Apply after Close: no error")
		}
		if _, ok := c.Status("hc1"); ok || !c.Healthy("hc1") {
			t.Error("a closed checker still tells things")
		}
	})
}

// A probe resolves names, and the DNS asks the checker for health: Apply and Close must not hold the answer back.
func TestApplyWhileProbesAskForHealth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c *Checker
		dial := func(ctx context.Context, _ string, _ int) (net.Conn, error) {
			<-ctx.Done() // in progress until the check is replaced ...
			c.Healthy("hc1")
			c.Status("hc1") // ... and asks while Apply waits for it
			return nil, ctx.Err()
		}
		clk := clock.New(1)
		var err error
		if c, err = New(Options{Clock: clk, Dial: dial}); err != nil {
			t.Fatal(err)
		}
		for threshold := 1; threshold <= 5; threshold++ {
			if err := c.Apply([]plane.HealthCheck{plain(10, threshold)}); err != nil {
				t.Fatal(err)
			}
			clk.Sleep(t.Context(), 11*time.Second)
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestNewWantsClockAndDial(t *testing.T) {
	for _, o := range []Options{{}, {Clock: clock.New(1)}, {Dial: (&target{}).dial}} {
		if _, err := New(o); err == nil {
			t.Errorf("New(%+v): no error", o)
		}
	}
}
