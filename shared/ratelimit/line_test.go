package ratelimit_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"polygate.example/shared/ratelimit"
	"polygate.example/shared/ratelimit/ratelimittest"
)

// pooled is a store by connections, each of which takes a while to be made, and does one exchange at a time.
type pooled struct {
	*ratelimittest.Memory
	dial time.Duration

	mu   sync.Mutex
	free int
	made int
	fate func(ops []ratelimit.Op) (lost bool, late time.Duration) // of an exchange; nil if nothing happens to any
}

func (p *pooled) connect(ctx context.Context) error {
	select {
	case <-time.After(p.dial):
	case <-ctx.Done():
		return ctx.Err()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.made++
	return nil
}

func (p *pooled) release() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.free++
}

func (p *pooled) Grow(ctx context.Context) error {
	if err := p.connect(ctx); err != nil {
		return err
	}
	p.release()
	return nil
}

func (p *pooled) Open(ctx context.Context) error {
	if err := p.Grow(ctx); err != nil {
		return err
	}
	return p.Memory.Open(ctx)
}

func (p *pooled) Apply(ctx context.Context, ops []ratelimit.Op, sent func()) ([]ratelimit.Result, error) {
	p.mu.Lock()
	lost, late := false, time.Duration(0)
	if p.fate != nil {
		lost, late = p.fate(ops)
	}
	has := p.free > 0
	if has {
		p.free--
	}
	p.mu.Unlock()
	if !has {
		if err := p.connect(ctx); err != nil {
			return nil, err
		}
	}
	if lost {
		sent()
		<-ctx.Done()
		return nil, ctx.Err()
	}
	results, err := p.Memory.Apply(ctx, ops, sent)
	if err != nil {
		return nil, err // the connection is gone
	}
	select {
	case <-time.After(late):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	p.release()
	return results, nil
}

// once has something happen to the first exchange, from now on, that holds an operation.
func (p *pooled) once(of func(ratelimit.Op) bool, lost bool, late time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fate = func(ops []ratelimit.Op) (bool, time.Duration) {
		if !slices.ContainsFunc(ops, of) {
			return false, 0
		}
		p.fate = nil
		return lost, late
	}
}

func every(ratelimit.Op) bool { return true }

// forget is what happens to connections that nobody used for long.
func (p *pooled) forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.free = 0
}

// crowd is what many were told who asked at once, and how long the slowest of them waited.
type crowd struct {
	granted, unknown int
	longest          time.Duration
}

// ask has n ask at once: for a key of their own each, from the first on, or all for one.
func ask(ctx context.Context, l *ratelimit.Limiter, r *ratelimit.Rule, n int, first uint64, own bool) (c crowd) {
	var mu sync.Mutex
	var wg sync.WaitGroup
	for i := range uint64(n) {
		wg.Go(func() {
			k := first
			if own {
				k += i
			}
			asked := time.Now()
			d := l.Take(ctx, key(k), r)
			mu.Lock()
			defer mu.Unlock()
			c.longest = max(c.longest, time.Since(asked))
			switch {
			case d.Unknown:
				c.unknown++
			case d.Allowed:
				c.granted++
			}
		})
	}
	wg.Wait()
	return c
}

// However many ask at once, before there is a connection, when there are some, and when they are not there any more: each is told
// what the store says, in a few round trips, and nobody takes a store that answers for one that fails.
func TestCrowd(t *testing.T) {
	for _, every := range []time.Duration{0, period} {
		bubble(t, func(t *testing.T) {
			const latency, dial = 8 * time.Millisecond, 4 * timeout // making a connection takes longer than an answer may
			store := &pooled{Memory: &ratelimittest.Memory{Latency: latency}, dial: dial}
			l := gateway(store, every, ratelimit.Deny, func(err error) { t.Errorf("told %v", err) })
			r := rate(t, 1, time.Hour, 20)
			for i, c := range []struct {
				what       string
				pause      time.Duration
				own        bool
				n, granted int
				most       time.Duration
				exchanges  int
			}{
				{"the first of all", 0, false, 400, 20, dial + 10*latency, 8},
				{"of new keys", time.Second, true, 400, 400, 8 * latency, 16},
				{"after a long pause", 3 * time.Minute, true, 400, 400, dial + 10*latency, 8},
				{"with all connections", 10 * time.Second, true, 4000, 4000, 10 * latency, 4000/64 + 10},
			} {
				wait(c.pause)
				if c.pause > ratelimit.IdleLimit {
					store.forget()
				}
				_, _, before := store.Counts()
				got := ask(t.Context(), l, r, c.n, uint64(i)<<20, c.own)
				_, _, after := store.Counts()
				t.Logf("sync %v, %s: %+v, %d exchanges", every, c.what, got, after-before)
				if got.granted != c.granted || got.unknown > 0 || got.longest > c.most || after-before > c.exchanges {
					t.Errorf("sync %v, %s: want %d granted, each in %v, in %d exchanges", every, c.what, c.granted, c.most, c.exchanges)
				}
				if i == 0 || i == 2 { // more connections are made meanwhile
					for j := range uint64(ratelimit.Connections) {
						ask(t.Context(), l, r, 20, uint64(i)<<20+1<<16*(j+1), true)
						wait(dial)
					}
				}
			}
			if store.made > 2*(ratelimit.Connections+1) {
				t.Errorf("%d connections were made", store.made)
			}
		})
	}
}

// An answer that comes too late is one request's loss: alone, while others get theirs; and when nobody does, the next request finds out
// that the store is there.
func TestLateAnswer(t *testing.T) {
	bubble(t, func(t *testing.T) {
		store := &pooled{Memory: &ratelimittest.Memory{Latency: time.Millisecond}}
		told := 0
		l := gateway(store, 0, ratelimit.Deny, func(error) { told++ })
		r := rate(t, 1, time.Hour, 20)
		for range 10 {
			ask(t.Context(), l, r, 20, 0, true)
			wait(time.Second)
		}
		store.once(every, false, timeout)
		unknown := 0
		var wg sync.WaitGroup
		for i := range 200 { // every millisecond one
			wg.Go(func() {
				if ask(t.Context(), l, r, 1, uint64(i), true).unknown > 0 {
					unknown++
				}
			})
			wait(time.Millisecond)
		}
		wg.Wait()
		if unknown != 1 || told != 0 {
			t.Errorf("among others: %d not decided, want 1; told %d times", unknown, told)
		}
		wait(5 * time.Second)
		store.once(every, false, timeout)
		for i, want := range []int{1, 0, 0} {
			if got := ask(t.Context(), l, r, 1, uint64(i), true); got.unknown != want || got.longest > timeout {
				t.Errorf("alone, request %d: %+v, want %d not decided", i, got, want)
			}
		}
		if told != 2 {
			t.Errorf("told %d times, want 2: that it failed, and that it is back", told)
		}
	})
}

// A store that always takes too long is not asked by everybody again and again.
func TestAlwaysLate(t *testing.T) {
	bubble(t, func(t *testing.T) {
		store := &ratelimittest.Memory{Latency: timeout + 10*time.Millisecond}
		l := gateway(store, 0, ratelimit.Local, nil)
		r := rate(t, 1_000_000, time.Second, 1000)
		slow := 0
		for range 6000 {
			if ask(t.Context(), l, r, 1, 0, false).longest > 0 {
				slow++
			}
			wait(10 * time.Millisecond)
		}
		if opens, _, _ := store.Counts(); slow > 150 || opens > 75 {
			t.Errorf("%d of 6000 requests in a minute waited for it, and it was tried %d times", slow, opens)
		}
	})
}

// A store that hangs holds up those that were on their way, and not one after the other of those behind them.
func TestCrowdAndStoreHangs(t *testing.T) {
	bubble(t, func(t *testing.T) {
		store := &pooled{Memory: &ratelimittest.Memory{Latency: time.Millisecond}}
		l := gateway(store, 0, ratelimit.Local, nil)
		r := rate(t, 1, time.Hour, 20)
		for range 10 {
			ask(t.Context(), l, r, 50, 0, true)
			wait(time.Second)
		}
		store.Set(false, true, false)
		got := ask(t.Context(), l, r, 2000, 1<<20, false)
		if got.granted != 20 || got.longest > timeout {
			t.Errorf("%+v, want 20 granted after at most %v", got, timeout)
		}
		ask(t.Context(), l, r, 1, 1<<21, false) // tries
		if again := ask(t.Context(), l, r, 2000, 1<<21, true); again.granted != 2000 || again.longest > 0 {
			t.Errorf("%+v, want all granted at once", again)
		}
	})
}

// What was under way when a process was frozen keeps nobody waiting afterwards, and is not held against the store.
func TestFrozenOnTheWay(t *testing.T) {
	bubble(t, func(t *testing.T) {
		store := &pooled{Memory: &ratelimittest.Memory{Latency: time.Millisecond}}
		var ahead time.Duration
		now := func() time.Time { return time.Now().Add(ahead) }
		l := ratelimit.New(ratelimit.Options{Now: now, Shared: &ratelimit.Sharing{Guard: ratelimit.NewGuard(store, now, func(err error) { t.Errorf("told %v", err) }), Timeout: timeout, OnError: ratelimit.Deny}})
		r := rate(t, 1, time.Hour, 20)
		ask(t.Context(), l, r, 1, 0, true)
		store.once(every, false, timeout)
		go ask(t.Context(), l, r, 1, 1, true)
		wait(2 * time.Millisecond)
		synctest.Wait()
		ahead = time.Minute // and no timer has run
		for i := range 3 {
			if got := ask(t.Context(), l, r, 1, 2, false); got.granted != 1 || got.longest > 2*time.Millisecond {
				t.Errorf("request %d after it: %+v", i, got)
			}
		}
	})
}

// Of requests that were granted and whose exchange failed alone the store is told next, once: whether it knows of them already or not.
func TestFailsAlone(t *testing.T) {
	const one = "0000000000000001" + "0000000000000000"
	for _, lost := range []bool{true, false} {
		bubble(t, func(t *testing.T) {
			store := &pooled{Memory: &ratelimittest.Memory{Latency: time.Millisecond}}
			l := gateway(store, period, ratelimit.Local, func(err error) { t.Errorf("told %v", err) })
			r := rate(t, 1, time.Hour, 100)
			for range 5 {
				ask(t.Context(), l, r, 20, 1<<20, true)
				wait(2 * period)
			}
			for range 10 {
				ask(t.Context(), l, r, 1, 1, false) // the first asks, nine are granted here
			}
			store.once(func(op ratelimit.Op) bool { return op.Count == 9 }, lost, timeout)
			for i := range uint64(300) {
				ask(t.Context(), l, r, 1, i<<30, false) // others get theirs
				wait(time.Millisecond)
			}
			ask(t.Context(), l, r, 1, 1, false)
			wait(2 * period)
			if spent := store.Of(one) + int64(time.Minute); spent/int64(time.Hour) != 11 {
				t.Errorf("lost %v: the store counts %v, want 11 h", lost, time.Duration(spent))
			}
		})
	}
}

// An answer to what was asked before an exchange failed does not hide that what that one carried may be lost.
func TestAnswerAfterFailure(t *testing.T) {
	bubble(t, func(t *testing.T) {
		store := &pooled{Memory: &ratelimittest.Memory{}}
		l := gateway(store, period, ratelimit.Local, func(err error) { t.Errorf("told %v", err) })
		r := rate(t, 1, time.Hour, 100)
		one := func(n uint64) { ask(t.Context(), l, r, 1, n, false) }
		for range 5 {
			ask(t.Context(), l, r, 20, 1<<20, true)
			wait(2 * period)
		}
		one(1)
		wait(period - time.Millisecond)
		for range 9 {
			one(1)
		}
		store.once(func(op ratelimit.Op) bool { return op.Count == 9 }, true, 0)
		wait(period + 2*time.Millisecond) // a millisecond after they were sent, and too long after the first for the next to be decided here
		store.once(every, false, timeout-3*time.Millisecond/2)
		go one(1)
		for i := range uint64(timeout / time.Millisecond) {
			wait(time.Millisecond)
			one(2 + i) // others get theirs
		}
		one(1)
		wait(2 * period)
		if spent := store.Of("0000000000000001"+"0000000000000000") + int64(time.Minute); spent/int64(time.Hour) != 12 {
			t.Errorf("the store counts %v, want 12 h", time.Duration(spent))
		}
	})
}

// Who gives a store less time goes by that, and with nobody who gives it more.
func TestOwnTimes(t *testing.T) {
	bubble(t, func(t *testing.T) {
		store := &pooled{Memory: &ratelimittest.Memory{Latency: 20 * time.Millisecond}, dial: time.Second}
		guard := ratelimit.NewGuard(store, time.Now, nil)
		r := rate(t, 1, time.Hour, 20)
		of := func(limit time.Duration) *ratelimit.Limiter {
			return ratelimit.New(ratelimit.Options{Now: time.Now, Shared: &ratelimit.Sharing{Guard: guard, Timeout: limit, OnError: ratelimit.Deny}})
		}
		hasty, patient := of(10*time.Millisecond), of(2*time.Second)
		ask(t.Context(), patient, r, 1, 0, true)
		var wg sync.WaitGroup
		var late, fine crowd
		wg.Go(func() { fine = ask(t.Context(), patient, r, 50, 0, true) })
		synctest.Wait() // one is on its way, the others wait
		wg.Go(func() { late = ask(t.Context(), hasty, r, 1, 1<<20, true) })
		wg.Wait()
		if late.unknown != 1 || fine.granted != 50 {
			t.Errorf("hasty %+v, patient %+v", late, fine)
		}
	})
}
