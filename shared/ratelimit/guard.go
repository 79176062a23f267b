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

// Guard keeps a store that fails from being waited for: after a failure nobody asks it until a try to reach it, one at a time and
// with backoff, has succeeded. Tries are made by requests, not by a clock: a function may be frozen between two of them.
//
// It is safe for concurrent use, and for several limiters.
type Guard struct {
	store Store
	now   func() time.Time
	tell  func(err error) // of a failure, and with nil of the end of one

	mu       sync.Mutex
	up       bool
	tried    bool          // the first try is over
	failures uint64        // counts the times that the store went down
	next     time.Time     // when it may be tried again
	backoff  time.Duration // before the try after that
	trying   chan struct{} // closed when the try ends; nil when there is none
}

// NewGuard guards a store. tell is called once when the store fails and once when it is back; it must not block.
func NewGuard(store Store, now func() time.Time, tell func(err error)) *Guard {
	return &Guard{store: store, now: now, tell: tell, backoff: firstBackoff, failures: 1}
}

// Close ends the store's connections, if it has any to end. What a limiter has not told it yet is lost to it: the limiters are not to be used any more.
func (g *Guard) Close() error {
	if c, ok := g.store.(io.Closer); ok {
		return c.Close()
	}
	return nil
}

// state is the number of failures so far, and whether the store is in use.
func (g *Guard) state() (failures uint64, up bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.failures, g.up
}

// apply does operations within a time.
//
// It does not end with the client of the request: others need what it finds out.
func (g *Guard) apply(ctx context.Context, limit time.Duration, ops []Op) ([]Result, error) {
	ctx = context.WithoutCancel(ctx)
	failures, ok := g.reach(ctx, limit)
	if !ok {
		return nil, ErrDown
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	results, err := g.store.Apply(ctx, ops)
	if err == nil && len(results) != len(ops) {
		err = errors.New("ratelimit: the store answers with another number of results")
	}
	if err != nil {
		g.fail(failures, err)
	}
	return results, err
}

// reach reports whether the store is in use, after a try to reach it if one is due. Who makes the try waits for it, not longer
// than the limit; others are told at once, but for those that came before the end of the first one.
func (g *Guard) reach(ctx context.Context, limit time.Duration) (uint64, bool) {
	g.mu.Lock()
	if g.up {
		defer g.mu.Unlock()
		return g.failures, true
	}
	due := !g.now().Before(g.next) || g.next.Sub(g.now()) > mostBackoff // the clock was set back
	switch {
	case g.trying == nil && due:
		g.trying = make(chan struct{})
		go g.try(ctx)
	case g.trying == nil || g.tried:
		defer g.mu.Unlock()
		return g.failures, false
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
	return g.state()
}

func (g *Guard) try(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, openLimit)
	defer cancel()
	err := g.store.Open(ctx)
	g.mu.Lock()
	first := !g.tried
	g.mu.Unlock()
	if g.tell != nil && (err != nil) == first { // it failed at once, or is back; told before anybody goes on
		g.tell(err)
	}
	g.mu.Lock()
	g.tried, g.up = true, err == nil
	if err == nil {
		g.backoff = firstBackoff
	} else {
		g.next = g.now().Add(g.backoff)
		g.backoff = min(2*g.backoff, mostBackoff)
	}
	close(g.trying)
	g.trying = nil
	g.mu.Unlock()
}

// fail takes the store out of use. Of those that fail together only the first counts.
func (g *Guard) fail(failures uint64, err error) {
	g.mu.Lock()
	if !g.up || failures != g.failures {
		g.mu.Unlock()
		return
	}
	g.up = false
	g.failures++
	g.next = g.now().Add(g.backoff)
	g.mu.Unlock()
	if g.tell != nil {
		g.tell(err)
	}
}
