package ratelimit_test

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"
	"time"

	"polygate.example/shared/ratelimit"
)

// clock is a time that a test sets.
type clock struct{ t time.Time }

func (c *clock) now() time.Time          { return c.t }
func (c *clock) advance(d time.Duration) { c.t = c.t.Add(d) }

func newClock() *clock { return &clock{time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)} }

func key(n uint64) (k ratelimit.Key) {
	binary.BigEndian.PutUint64(k[:], n)
	return k
}

func rate(t testing.TB, n int, per time.Duration, burst int) *ratelimit.Rule {
	t.Helper()
	r, err := ratelimit.NewRate(n, per, burst)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// A request that comes a nanosecond too early is refused, and one in time is not.
func TestRateIsExact(t *testing.T) {
	c := newClock()
	l := ratelimit.New(ratelimit.Options{Now: c.now})
	r := rate(t, 100, time.Minute, 20)
	take := func() ratelimit.Decision { return l.Take(t.Context(), key(1), r) }
	for i := range int64(20) {
		d := take()
		if !d.Allowed || d.Remaining != 19-i || d.Reset != time.Duration(i+1)*600*time.Millisecond || d.Retry != 0 {
			t.Fatalf("request %d of the burst: %+v", i+1, d)
		}
	}
	want := ratelimit.Decision{Reset: 12 * time.Second, Retry: 600 * time.Millisecond}
	for range 3 { // a refusal costs nothing
		if d := take(); d != want {
			t.Fatalf("after the burst: %+v, want %+v", d, want)
		}
	}
	c.advance(600*time.Millisecond - 1)
	if d := take(); d.Allowed || d.Retry != 1 {
		t.Fatalf("a nanosecond early: %+v", d)
	}
	c.advance(1)
	if d := take(); !d.Allowed || d.Remaining != 0 {
		t.Fatalf("in time: %+v", d)
	}
	if d := l.Take(t.Context(), key(2), r); !d.Allowed || d.Remaining != 19 {
		t.Fatalf("another key: %+v", d)
	}
	c.advance(time.Hour)
	if d := take(); !d.Allowed || d.Remaining != 19 {
		t.Fatalf("after an hour: %+v", d)
	}
}

// Whatever comes when, no time t has more than burst + rate*t/per requests; and who comes at the rate is never refused.
func TestRateProperty(t *testing.T) {
	for seed := range uint64(200) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		n, burst, per := 1+rnd.IntN(200), 1+rnd.IntN(50), time.Duration(1+rnd.Int64N(int64(2*time.Minute)))+200*time.Microsecond
		r := rate(t, n, per, burst)
		c := newClock()
		l := ratelimit.New(ratelimit.Options{Now: c.now})
		var granted []time.Time
		for range 600 {
			if rnd.IntN(3) == 0 {
				c.advance(time.Duration(rnd.Int64N(4 * int64(per) / int64(n))))
			}
			if l.Take(t.Context(), key(1), r).Allowed {
				granted = append(granted, c.t)
			}
		}
		for i := range granted {
			for j := i; j < len(granted); j++ {
				most := float64(burst) + float64(n)*float64(granted[j].Sub(granted[i]))/float64(per)
				if got := float64(j - i + 1); got > most {
					t.Fatalf("seed %d: %v requests in %v, at most %v for %d per %v and a burst of %d", seed, got, granted[j].Sub(granted[i]), most, n, per, burst)
				}
			}
		}
		every := (per + time.Duration(n) - 1) / time.Duration(n)
		for range 100 {
			c.advance(every)
			if !l.Take(t.Context(), key(2), r).Allowed {
				t.Fatalf("seed %d: refused at the rate", seed)
			}
		}
	}
}

// A time between requests that is no whole number of nanoseconds does not add up to a request too many.
func TestRateIsNeverExceeded(t *testing.T) {
	const n, per, grants = 7, 8 * time.Microsecond, 5000
	c := newClock()
	l := ratelimit.New(ratelimit.Options{Now: c.now})
	r := rate(t, n, per, 1)
	begin := c.t
	for i := range int64(grants) {
		if d := l.Take(t.Context(), key(1), r); !d.Allowed {
			t.Fatalf("request %d is refused in its time", i)
		}
		if elapsed := int64(c.t.Sub(begin)); i*int64(per) > elapsed*n {
			t.Fatalf("%d requests after the first in %d ns, at most %d in %v", i, elapsed, n, per)
		}
		c.advance(l.Take(t.Context(), key(1), r).Retry)
	}
}

// A clock that is set back neither locks anybody out nor gives anything away.
func TestClockBackwards(t *testing.T) {
	for _, back := range []time.Duration{time.Millisecond, time.Second, time.Hour, 365 * 24 * time.Hour} {
		c := newClock()
		l := ratelimit.New(ratelimit.Options{Now: c.now})
		r := rate(t, 60, time.Minute, 5)
		count := func() (n int) {
			for range 10 {
				if l.Take(t.Context(), key(1), r).Allowed {
					n++
				}
			}
			return n
		}
		if n := count(); n != 5 {
			t.Fatalf("burst of %d", n)
		}
		c.advance(-back)
		if n := count(); n != 0 {
			t.Errorf("%v back gave %d requests", back, n)
		}
		c.advance(2*time.Second + 1) // a small step back is taken for none, and lasts as long as it is
		if n := count(); n < 1 || n > 2 {
			t.Errorf("two seconds after %v back: %d requests", back, n)
		}
	}
}

func TestRulesThatCannotBe(t *testing.T) {
	for _, c := range []struct {
		rate  int
		per   time.Duration
		burst int
	}{{0, time.Second, 1}, {1, 0, 1}, {1, time.Second, 0}, {-1, time.Second, 1}, {1_000_001, time.Second, 1}, {1, 24 * time.Hour, 32}, {1, 1 << 62, 1 << 30}} {
		if _, err := ratelimit.NewRate(c.rate, c.per, c.burst); err == nil {
			t.Errorf("%+v is a rule", c)
		}
	}
}

// The key that was used the longest time ago makes room.
func TestEviction(t *testing.T) {
	c := newClock()
	l := ratelimit.New(ratelimit.Options{Now: c.now, Keys: 3})
	r := rate(t, 1, time.Hour, 1)
	take := func(n uint64) bool { return l.Take(t.Context(), key(n), r).Allowed }
	for _, step := range []struct {
		key  uint64
		want bool
	}{{1, true}, {2, true}, {3, true}, {1, false}, {4, true}, {1, false}, {3, false}, {2, true}, {4, true}, {2, false}} {
		if got := take(step.key); got != step.want {
			t.Errorf("key %d: %v, want %v", step.key, got, step.want)
		}
	}
	if n := l.Len(); n != 3 {
		t.Errorf("%d keys are known", n)
	}
}

// Who sends a new key each time fills no memory, and makes nobody forgotten who keeps coming.
func TestFlood(t *testing.T) {
	c := newClock()
	l := ratelimit.New(ratelimit.Options{Now: c.now, Keys: 1000})
	r := rate(t, 1, time.Hour, 1)
	l.Take(t.Context(), key(0), r)
	for i := range uint64(100_000) {
		l.Take(t.Context(), key(i+1), r)
		if i%500 == 0 && l.Take(t.Context(), key(0), r).Allowed {
			t.Fatalf("after %d keys the limit of one in use is forgotten", i)
		}
	}
	if n := l.Len(); n != 1000 {
		t.Errorf("%d keys are known, want 1000", n)
	}
}
