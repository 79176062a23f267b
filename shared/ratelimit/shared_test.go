package ratelimit_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"polygate.example/shared/ratelimit"
	"polygate.example/shared/ratelimit/ratelimittest"
)

// wait lets time pass inside a synctest bubble, where it costs none and is exact.
func wait(d time.Duration) { time.Sleep(d) }

// bubble runs a test in a time of its own, and lets end what it began. All that waits in this file does so in one.
func bubble(t *testing.T, f func(t *testing.T)) {
	synctest.Test(t, func(t *testing.T) {
		f(t)
		wait(5 * time.Second)
	})
}

func TestMemory(t *testing.T) {
	bubble(t, func(t *testing.T) { ratelimittest.Suite(t, &ratelimittest.Memory{}, wait, true) })
}

const (
	period  = 200 * time.Millisecond
	timeout = 50 * time.Millisecond
)

// gateways are limiters of as many processes that share a store.
func gateways(n int, store ratelimit.Store, every time.Duration, on ratelimit.OnError) []*ratelimit.Limiter {
	out := make([]*ratelimit.Limiter, n)
	for i := range out {
		out[i] = gateway(store, every, on, nil)
	}
	return out
}

func gateway(store ratelimit.Store, every time.Duration, on ratelimit.OnError, tell func(error)) *ratelimit.Limiter {
	return ratelimit.New(ratelimit.Options{Now: time.Now, After: time.AfterFunc,
		Shared: &ratelimit.Sharing{Guard: ratelimit.NewGuard(store, time.Now, tell), Sync: every, Timeout: timeout, OnError: on}})
}

// storm asks every gateway every so often, for a time, and returns when something was granted.
func storm(ctx context.Context, all []*ratelimit.Limiter, r *ratelimit.Rule, every, long time.Duration) []time.Time {
	var mu sync.Mutex
	var granted []time.Time
	var wg sync.WaitGroup
	for i, l := range all {
		wg.Go(func() {
			wait(time.Duration(i) * every / time.Duration(len(all))) // one after the other: who is first is not left to chance
			for end := time.Now().Add(long); time.Now().Before(end); wait(every) {
				if l.Take(ctx, key(1), r).Allowed {
					mu.Lock()
					granted = append(granted, time.Now())
					mu.Unlock()
				}
			}
		})
	}
	wg.Wait()
	return granted
}

// excess is how many more than burst + rate*t were granted in the time that had the most of them.
func excess(granted []time.Time, n int, per time.Duration, burst int) (most float64) {
	for i := range granted {
		for j := i; j < len(granted); j++ {
			most = max(most, float64(j-i+1)-float64(burst)-float64(n)*float64(granted[j].Sub(granted[i]))/float64(per))
		}
	}
	return most
}

// bound is the formula that Limiter documents, without burst + rate*t.
func bound(gateways, n int, per time.Duration, burst int) float64 {
	return float64(gateways-1)*float64(burst) + float64(gateways)*float64(n)/float64(per)*3*float64(period+2*timeout)
}

// What several gateways grant together stays below the documented bound, and is the limit where the store is asked every time.
func TestOvershoot(t *testing.T) {
	const n, per, burst = 50, time.Second, 40
	for _, c := range []struct {
		name  string
		every time.Duration
	}{{"strict", 0}, {"async", period}} {
		for _, count := range []int{1, 2, 6} {
			t.Run(c.name, func(t *testing.T) {
				bubble(t, func(t *testing.T) {
					store := &ratelimittest.Memory{Latency: 4 * time.Millisecond}
					all := gateways(count, store, c.every, ratelimit.Local)
					r := rate(t, n, per, burst)
					granted := storm(t.Context(), all, r, 5*time.Millisecond, 12*time.Second)
					got, most := excess(granted, n, per, burst), 0.0
					if c.every > 0 {
						most = bound(count, n, per, burst)
					} else {
						most = float64(n)*store.Latency.Seconds() + 1 // when it was granted is noted later
					}
					_, _, exchanges := store.Counts()
					t.Logf("%s, %d gateways: %.1f more than the limit, bound %.1f; %d granted in 12 s, %d exchanges", c.name, count, got, most, len(granted), exchanges)
					if got > most {
						t.Errorf("%.1f more than the limit, and the bound is %.1f", got, most)
					}
					// What was too much is paid back: over time it is the rate.
					if total, want := float64(len(granted)), float64(burst+12*n); total > want+most || total < want-float64(n) {
						t.Errorf("%v granted in all, the limit is %v", total, want)
					}
				})
			})
		}
	}
}

// A quota that is shared: exact where the store is asked every time.
func TestSharedQuota(t *testing.T) {
	for _, every := range []time.Duration{0, period} {
		bubble(t, func(t *testing.T) {
			cal, err := ratelimit.NewCalendar("day", time.UTC)
			if err != nil {
				t.Fatal(err)
			}
			r, err := ratelimit.NewQuota(500, cal)
			if err != nil {
				t.Fatal(err)
			}
			all := gateways(6, &ratelimittest.Memory{Latency: time.Millisecond}, every, ratelimit.Local)
			granted := len(storm(t.Context(), all, r, 20*time.Millisecond, 10*time.Second))
			t.Logf("sync %v: %d granted of 500", every, granted)
			most := 500
			if every > 0 {
				most += 5 * int(3*(period+2*timeout)/(20*time.Millisecond)+1) // what comes to the others meanwhile
			}
			if granted < 500 || granted > most {
				t.Errorf("sync %v: %d granted, want 500 to %d", every, granted, most)
			}
			wait(24 * time.Hour)
			if !all[0].Take(t.Context(), key(1), r).Allowed {
				t.Error("refused on the next day")
			}
		})
	}
}

// While the store fails, in whichever way, everybody goes on by the policy, no request waits for long, and one at a time tries to
// reach it; when it is back it is used within the most of the backoff and one try.
func TestStoreFails(t *testing.T) {
	const n, per, burst = 10, time.Second, 20
	for name, broken := range map[string][3]bool{"refuses": {true, false, false}, "hangs": {false, true, false}} {
		for _, every := range []time.Duration{0, period} {
			for _, on := range []ratelimit.OnError{ratelimit.Local, ratelimit.Allow, ratelimit.Deny} {
				t.Run(name+" "+string(on), func(t *testing.T) {
					bubble(t, func(t *testing.T) {
						store := &ratelimittest.Memory{Latency: time.Millisecond}
						var told []error
						l := gateway(store, every, on, func(err error) { told = append(told, err) })
						r := rate(t, n, per, burst)
						for range burst + 5 {
							l.Take(t.Context(), key(1), r)
						}
						wait(10 * time.Second) // full again
						store.Set(broken[0], broken[1], broken[2])
						opens, _, _ := store.Counts()
						begin := time.Now()
						granted := 0
						for range 6000 { // a minute, and more where requests wait
							asked := time.Now()
							d := l.Take(t.Context(), key(1), r)
							if waited := time.Since(asked); waited > 2*timeout {
								t.Fatalf("a request waited %v", waited)
							}
							switch {
							case d.Allowed:
								granted++
							case on == ratelimit.Deny && (!d.Unknown || d.Retry <= 0):
								t.Fatalf("refused with %+v", d)
							}
							wait(10 * time.Millisecond)
						}
						long := time.Since(begin)
						after, concurrent, _ := store.Counts()
						if most := int(long/time.Second) + 6; after-opens > most || after == opens || concurrent != 1 {
							t.Errorf("%d tries to reach the store in %v, want at most %d, and %d at a time", after-opens, long, most, concurrent)
						}
						limit := burst + int(float64(n)*long.Seconds()) + 1
						switch {
						case on == ratelimit.Local && (granted > limit || granted < limit-burst):
							t.Errorf("%d granted in %v, the limit alone is %d", granted, long, limit)
						case on == ratelimit.Allow && granted != 6000, on == ratelimit.Deny && granted > 0:
							t.Errorf("%d of 6000 granted", granted)
						}
						store.Set(false, false, false)
						mended := time.Now()
						_, _, before := store.Counts()
						for time.Since(mended) < 5*time.Second {
							l.Take(t.Context(), key(1), r)
							if _, _, now := store.Counts(); now > before {
								break
							}
							wait(10 * time.Millisecond)
						}
						// A try that hangs is over after two seconds, and the next comes a second later.
						if took := time.Since(mended); took > 3*time.Second+100*time.Millisecond || !broken[1] && took > time.Second+100*time.Millisecond {
							t.Errorf("the store is back in use after %v", took)
						}
						if len(told) != 2 || told[0] == nil || told[1] != nil {
							t.Errorf("told %v", told)
						}
						if broken[0] && !errors.Is(told[0], ratelimittest.ErrBroken) {
							t.Errorf("told %v", told[0])
						}
					})
				})
			}
		}
	}
}

// A store that lost everything is told what is spent; nothing that it may have had already is counted twice.
func TestStoreForgets(t *testing.T) {
	const n, per, burst = 1, time.Hour, 20 // nothing comes back during the test, to speak of
	for _, every := range []time.Duration{0, period} {
		bubble(t, func(t *testing.T) {
			store := &ratelimittest.Memory{Latency: time.Millisecond}
			all := gateways(2, store, every, ratelimit.Local)
			r := rate(t, n, per, burst)
			take := func(l *ratelimit.Limiter, times int) (granted int) {
				for range times {
					if l.Take(t.Context(), key(1), r).Allowed {
						granted++
					}
					wait(10 * time.Millisecond)
				}
				return granted
			}
			if n := take(all[0], 15); n != 15 {
				t.Fatalf("%d of 15 granted", n)
			}
			wait(time.Second)
			if n := take(all[1], 1); n != 1 {
				t.Fatalf("the second gateway is refused")
			}
			store.Set(true, false, false)
			store.Forget()
			take(all[0], 2)
			store.Set(false, false, false)
			wait(2 * time.Second)
			take(all[0], 1) // tells
			if spent := store.Spent(); spent < 17*int64(time.Hour) || spent > 18*int64(time.Hour) {
				t.Errorf("sync %v: the store knows of %v spent", every, time.Duration(spent))
			}
			if n := take(all[1], 10); n > 3 { // 18 known
				t.Errorf("sync %v: the second gateway got %d more", every, n)
			}
		})
	}
}

// An exchange that the store did, and whose answer was lost, is counted once.
func TestAnswerIsLost(t *testing.T) {
	bubble(t, func(t *testing.T) {
		store := &ratelimittest.Memory{Latency: time.Millisecond}
		l := gateway(store, period, ratelimit.Local, nil)
		r := rate(t, 1, time.Hour, 100)
		take := func(times int) {
			for range times {
				if !l.Take(t.Context(), key(1), r).Allowed {
					t.Error("refused")
				}
			}
		}
		take(10)
		store.Set(false, false, true)
		wait(2 * period) // nine are sent, and the answer is lost
		store.Set(false, false, false)
		wait(2 * time.Second)
		take(1)
		if spent := store.Spent(); spent > 11*int64(time.Hour) || spent < 10*int64(time.Hour) {
			t.Errorf("the store counts %v, want 11 h", time.Duration(spent))
		}
	})
}

// Without a timer, as in a function that is frozen between requests, the next request sends what the one before left.
func TestFrozen(t *testing.T) {
	bubble(t, func(t *testing.T) {
		store := &ratelimittest.Memory{}
		frozen := ratelimit.New(ratelimit.Options{Now: time.Now,
			Shared: &ratelimit.Sharing{Guard: ratelimit.NewGuard(store, time.Now, nil), Sync: period, Timeout: timeout, OnError: ratelimit.Deny}})
		r := rate(t, 1, time.Hour, 100)
		hours := func() int64 { return (store.Spent() + int64(time.Minute)) / int64(time.Hour) }
		for range 5 {
			frozen.Take(t.Context(), key(1), r)
		}
		wait(10 * time.Second)
		if n := hours(); n != 1 {
			t.Fatalf("the store knows of %d while the function is frozen, want 1", n)
		}
		frozen.Take(t.Context(), key(1), r)
		if n := hours(); n != 6 {
			t.Errorf("the store knows of %d after the next request, want 6", n)
		}
		wait(period + 1)
		frozen.Take(t.Context(), key(1), r) // is decided here, and sent at once: the last time was long enough ago
		synctest.Wait()
		if n := hours(); n != 7 {
			t.Errorf("the store knows of %d after one that was decided here, want 7", n)
		}
		frozen.Take(t.Context(), key(1), r)
		wait(period)
		frozen.Take(t.Context(), key(1), r)
		synctest.Wait()
		if n := hours(); n != 9 {
			t.Errorf("the store knows of %d in the end, want 9", n)
		}
	})
}
