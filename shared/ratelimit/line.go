package ratelimit

import (
	"context"
	"errors"
	"sync"
	"time"
)

const (
	// Connections is how many exchanges there are with a store at a time, of one process.
	Connections = 8
	// IdleLimit is how long a connection that is not used is taken for one that serves: fronts and firewalls of clouds forget them
	// silently after minutes.
	IdleLimit = time.Minute
	// maxTogether is how many operations of several go in one exchange. With those of all connections it is some 500 that are on
	// their way, which are 5 to 10 ms of a server's time: more would be late by their own number.
	maxTogether = 64
)

// job is what one caller asks for.
type job struct {
	ops     []Op
	limit   time.Duration
	lead    *exchange // that the caller has to make, for others as well; else there is a result
	results []Result
	err     error
	told    chan struct{}
}

func (l *line) job(ops []Op, limit time.Duration) *job {
	j, _ := l.jobs.Get().(*job)
	if j == nil {
		j = &job{told: make(chan struct{}, 1)}
	}
	j.ops, j.limit = ops, limit
	return j
}

// free is called by who has got what it waited for.
func (l *line) free(j *job) {
	j.ops, j.lead, j.results, j.err = nil, nil, nil, nil
	l.jobs.Put(j)
}

func (j *job) settle(results []Result, err error) {
	j.results, j.err = results, err
	j.told <- struct{}{}
}

// line is who waits to go to the store, and the connections that they go by. A job goes at once if a connection is free; those
// that come while none is go together by the next one that is, so that more of them make larger exchanges, not longer waits.
// Whose job is the first of them makes the exchange for all, on its own goroutine: who is alone pays for no other. Meanwhile
// connections are added, one at a time: nobody waits for one to be made who can go by another.
//
// It is guarded by the guard's lock.
type line struct {
	jobs    sync.Pool // those that are over, without the lock
	grower  Grower    // nil if connections are not made by one
	waiting []*job
	busy    int         // exchanges under way
	idle    []time.Time // when the connections that are free were used last, the last one at the end: that is taken first, as a pool does
	growing bool
	regrow  time.Time // not before
	session uint64    // between two failures
	answers uint64    // so far
}

// vacate frees a connection.
func (l *line) vacate(now time.Time) {
	if len(l.idle)+l.busy < Connections {
		l.idle = append(l.idle, now)
	}
}

// take takes a connection that is free. If there is none at all, one is made on the way.
func (l *line) take(now time.Time) bool {
	n := len(l.idle)
	if n > 0 {
		if age := now.Sub(l.idle[n-1]); age >= 0 && age < IdleLimit {
			l.idle = l.idle[:n-1]
			l.busy++
			return true
		}
		l.idle = l.idle[:0]
	}
	if l.busy == 0 || l.grower == nil && l.busy < Connections {
		l.busy++
		return true
	}
	return false
}

// clear tells those who wait that the store is down. What is under way does not count any more, neither for the connections nor against
// the store.
func (l *line) clear() {
	l.session++
	l.busy, l.idle = 0, l.idle[:0]
	for _, j := range l.waiting {
		j.settle(nil, ErrDown)
	}
	l.waiting = nil
}

// enqueue has a job go to the store. What was granted already goes before who asks for more: the sooner it is known the better.
func (g *Guard) enqueue(j *job) {
	l := &g.line
	if !g.up {
		j.settle(nil, ErrDown) // since a moment ago
		return
	}
	if j.ops[0].Take {
		l.waiting = append(l.waiting, j)
	} else {
		l.waiting = append([]*job{j}, l.waiting...)
	}
	g.dispatch()
}

// dispatch sends who waits by connections that are free.
func (g *Guard) dispatch() {
	l := &g.line
	for len(l.waiting) > 0 {
		now := g.now()
		if !l.take(now) {
			g.grow(now)
			return
		}
		first := l.waiting[0]
		first.lead = l.gather()
		first.told <- struct{}{}
	}
}

// gather makes an exchange of those who wait: of the first, and of others that give the store as much time.
func (l *line) gather() *exchange {
	first := l.waiting[0]
	x := &exchange{ops: first.ops, session: l.session, answers: l.answers}
	x.limit = first.limit
	rest := l.waiting[:0]
	for _, j := range l.waiting[1:] {
		if j.limit != first.limit || len(x.ops)+len(j.ops) > maxTogether {
			rest = append(rest, j)
			continue
		}
		if len(x.others) == 0 {
			x.ops = append(make([]Op, 0, maxTogether), x.ops...)
		}
		x.ops = append(x.ops, j.ops...)
		x.others = append(x.others, j)
	}
	clear(l.waiting[len(rest):])
	l.waiting = rest
	return x
}

// make makes an exchange, and tells the others what came of it.
func (g *Guard) make(x *exchange, own int) (results []Result, err error) {
	err = errors.New("ratelimit: the store did not come to an end") // if it panics
	defer func() {
		x.end()
		if err == nil && len(results) != len(x.ops) {
			err = errors.New("ratelimit: the store answers with another number of results")
		}
		results = g.settle(x, own, results, err)
	}()
	x.begin(max(x.limit, firstWait))
	return g.store.Apply(x, x.ops, func() { g.sent(x) })
}

// settle tells the others, and returns the first results, which are not theirs.
func (g *Guard) settle(x *exchange, own int, results []Result, err error) []Result {
	g.mu.Lock()
	defer g.mu.Unlock()
	if x.session == g.line.session {
		g.line.busy--
	}
	if err == nil {
		g.line.answers++
		if g.up {
			g.line.vacate(g.now())
		}
	} else {
		results = nil
		g.blame(x, err)
	}
	rest := results[min(own, len(results)):]
	for _, j := range x.others {
		if err != nil {
			j.settle(nil, err)
			continue
		}
		n := len(j.ops)
		j.settle(rest[:n:n], nil)
		rest = rest[n:]
	}
	g.dispatch()
	return results[:min(own, len(results))]
}

// sent begins the store's time.
func (g *Guard) sent(x *exchange) {
	x.begin(x.limit)
	g.mu.Lock()
	x.answers = g.line.answers
	g.mu.Unlock()
}

// blame takes the store for one that fails, if it has answered nobody since the exchange was sent.
func (g *Guard) blame(x *exchange, err error) {
	if g.up && x.session == g.line.session && x.answers == g.line.answers {
		g.fail(err)
	}
}

// grow has a connection more made, if there may be one.
func (g *Guard) grow(now time.Time) {
	l := &g.line
	if l.grower == nil || l.growing || len(l.idle)+l.busy >= Connections || now.Before(l.regrow) && l.regrow.Sub(now) <= mostBackoff {
		return
	}
	l.growing = true
	session := l.session
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), openLimit)
		defer cancel()
		err := l.grower.Grow(ctx)
		g.mu.Lock()
		defer g.mu.Unlock()
		l.growing = false
		switch {
		case err != nil: // the others serve
			l.regrow = g.now().Add(mostBackoff)
		case session == l.session:
			l.vacate(g.now())
		}
		g.dispatch()
	}()
}
