package ratelimit

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"
)

// Backoff between two tries to reach a store that failed: from the first to the most, twice as long each time. A store that is
// back is in use after the most and the time of one try, if requests come.
const (
	firstBackoff = 100 * time.Millisecond
	mostBackoff  = time.Second
	// openLimit is how long one try may take: TLS and a secret of AWS's extension may need most of it. A request does not wait for
	// it longer than for anything else of the store, but for the first try of a process.
	openLimit = 2 * time.Second
	firstWait = time.Second
)

// ErrDown is a store that is not asked, because it failed a moment ago.
var ErrDown = errors.New("ratelimit: the store does not answer")

// Guard has a store asked by many at a time, and keeps one that fails from being waited for.
//
// Those who ask while others wait for an answer go to the store together: see line. A store fails that refuses, whose connection
// breaks, or that says nothing for as long as it may take: an exchange without an answer while others get theirs fails alone, as
// a packet that was lost is not the end of a server. After a failure nobody asks it until a try to reach it, one at a time and
// with backoff, has succeeded. Tries are made by requests, not by a clock: a function may be frozen between two of them.
//
// It is safe for concurrent use, and for several limiters.
type Guard struct {
	store Store
	now   func() time.Time
	tell  func(err error) // of a failure, and with nil of the end of one

	mu       sync.Mutex
	up       bool
	since    time.Time     // when it went up
	tried    bool          // the first try is over
	failures uint64        // counts the times that the store went down
	next     time.Time     // when it may be tried again
	backoff  time.Duration // before the try after that
	trying   chan struct{} // closed when the try ends; nil when there is none
	line     line
	limiters []*Limiter // that count in the store
	closed   bool
}

// NewGuard guards a store. tell is called once when the store fails and once when it is back; it must not block.
func NewGuard(store Store, now func() time.Time, tell func(err error)) *Guard {
	g := &Guard{store: store, now: now, tell: tell, backoff: firstBackoff, failures: 1}
	g.line.grower, _ = store.(Grower)
	return g
}

// Close has the limiters tell the store what it does not know yet, for no longer than it has to answer, and ends its connections, if it has any to end.
// After that nothing is sent, and nothing is told to be a failure: the limiters are not to be used any more.
func (g *Guard) Close() error {
	g.mu.Lock()
	limiters := g.limiters
	g.limiters = nil
	g.mu.Unlock()
	var all sync.WaitGroup
	for _, l := range limiters {
		all.Go(l.finish)
	}
	all.Wait()
	g.mu.Lock()
	g.closed, g.up = true, false
	g.line.clear()
	g.mu.Unlock()
	if c, ok := g.store.(io.Closer); ok {
		return c.Close()
	}
	return nil
}

// serve notes a limiter that counts in the store.
func (g *Guard) serve(l *Limiter) {
	g.mu.Lock()
	g.limiters = append(g.limiters, l)
	g.mu.Unlock()
}

// report tells of a failure, or the end of one. It is called with the lock, so that they are told in their order.
func (g *Guard) report(err error) {
	if g.tell != nil && !g.closed {
		g.tell(err)
	}
}

// state is the number of failures so far, and whether the store is in use.
func (g *Guard) state() (failures uint64, up bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.failures, g.up
}

// apply does operations, together with those of others. The limit is the store's: from when they are sent until it answers.
//
// It does not end with the client of the request: others need what it finds out.
func (g *Guard) apply(ctx context.Context, limit time.Duration, ops []Op) ([]Result, error) {
	if !g.reach(ctx, limit) {
		return nil, ErrDown
	}
	j := g.line.job(ops, limit)
	g.mu.Lock()
	g.enqueue(j)
	g.mu.Unlock()
	<-j.told
	results, err := j.results, j.err
	if j.lead != nil {
		results, err = g.make(j.lead, len(ops))
	}
	g.line.free(j)
	return results, err
}

// reach reports whether the store is in use, after a try to reach it if one is due. Who makes the try waits for it, not longer
// than the limit; others are told at once, but for those that came before the end of the first one.
func (g *Guard) reach(ctx context.Context, limit time.Duration) bool {
	g.mu.Lock()
	if g.up {
		g.mu.Unlock()
		return true
	}
	due := g.due() && !g.closed
	switch {
	case g.trying == nil && due:
		g.trying = make(chan struct{})
		go g.try(context.WithoutCancel(ctx))
	case g.trying == nil || g.tried:
		g.mu.Unlock()
		return false
	}
	if !g.tried {
		limit = max(limit, firstWait)
	}
	done := g.trying
	g.mu.Unlock()

	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C:
	}
	_, up := g.state()
	return up
}

// due reports whether the backoff is over.
func (g *Guard) due() bool {
	now := g.now()
	return !now.Before(g.next) || g.next.Sub(now) > mostBackoff // the clock was set back
}

func (g *Guard) try(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, openLimit)
	defer cancel()
	err := g.store.Open(ctx)
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case g.closed: // meanwhile
	case err == nil:
		g.up, g.since = true, g.now()
		if g.tried {
			g.report(nil)
		}
		g.line.vacate(g.now())
	default:
		if !g.tried {
			g.report(err)
		}
		g.delay()
	}
	g.tried = true
	close(g.trying)
	g.trying = nil
}

// delay puts the next try off.
func (g *Guard) delay() {
	g.next = g.now().Add(g.backoff)
	g.backoff = min(2*g.backoff, mostBackoff)
}

// fail takes the store out of use, and those who wait for their turn are told. One that served for a while is tried again by the
// next request: more often than not it is a connection that broke, or an answer that took a little longer.
func (g *Guard) fail(err error) {
	if now := g.now(); now.Sub(g.since) >= mostBackoff || now.Before(g.since) {
		g.backoff, g.next = firstBackoff, now
	} else {
		g.delay()
	}
	g.up = false
	g.failures++
	g.report(err)
	g.line.clear()
}
