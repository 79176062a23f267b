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
	// linger is how much longer than it may take an answer is waited for, by nobody but the guard: that it comes is a sign of life,
	// and a connection that is ended at once has to be made anew by a server that is busy already.
	linger = 2 * time.Second
	// parts is in how many parts the time of an answer is measured. A process that does not run meanwhile, as it is frozen or others
	// have its processors, misses the end of one, and has the others to read what came.
	parts = 4
)

// job is what one caller asks for.
type job struct {
	ops     []Op
	limit   time.Duration
	results []Result
	err     error
	done    chan struct{}
}

func (l *line) job(ops []Op, limit time.Duration) *job {
	j, _ := l.jobs.Get().(*job)
	if j == nil {
		j = &job{done: make(chan struct{}, 1)}
	}
	j.ops, j.limit = ops, limit
	return j
}

// free is called by who has got what it waited for.
func (l *line) free(j *job) {
	j.ops, j.results, j.err = nil, nil, nil
	l.jobs.Put(j)
}

func (j *job) settle(results []Result, err error) {
	j.results, j.err = results, err
	j.done <- struct{}{}
}

// line is who waits to go to the store, and the connections that they go by. A job goes at once if a connection is free; those
// that come while none is go together by the next one that is, so that more of them make larger exchanges, not longer waits.
// Meanwhile connections are added, one at a time: nobody waits for one to be made who can go by another.
//
// It is guarded by the guard's lock.
type line struct {
	jobs    sync.Pool // those that are over, without the lock
	grower  Grower // nil if connections are not made by one
	waiting []*job
	busy    int         // exchanges under way that are not late
	idle    []time.Time // when the connections that are free were used last, the last one at the end: that is taken first, as a pool does
	growing bool
	regrow  time.Time // not before
	session uint64    // ends when what is under way does not count any more
	sent    time.Time // the last exchange
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

// abandon has what is under way not count any more, neither for the connections nor against the store.
func (l *line) abandon() {
	l.session++
	l.busy, l.idle = 0, l.idle[:0]
}

// clear tells those who wait that the store is down.
func (l *line) clear() {
	l.abandon()
	for _, j := range l.waiting {
		j.settle(nil, ErrDown)
	}
	l.waiting = nil
}

// exchange is one round trip.
type exchange struct {
	guard   *Guard
	jobs    []*job
	one     [1]*job // in most of them
	ops     []Op
	limit   time.Duration
	session uint64
	answers uint64 // of the guard when it was sent
	timer   *time.Timer
	left    int // parts of its time, after the one that runs
	gone    bool
	over    bool // its jobs know what became of them
}

// enqueue has a job go to the store. What was granted already goes before who asks for more: the sooner it is known the better.
func (g *Guard) enqueue(j *job) {
	l := &g.line
	if !g.up {
		j.settle(nil, ErrDown) // since a moment ago
		return
	}
	// By the wall clock what is under way is long over, and its timers did not run: the process was frozen, and its connections are
	// perhaps not there any more.
	if age := g.now().Sub(l.sent); l.busy > 0 && age > j.limit+firstWait+linger {
		l.abandon()
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
		l.sent = now
		x := l.gather(g)
		x.timer = time.AfterFunc(max(x.limit, firstWait), x.tick) // to connect
		go x.run()
	}
}

// gather makes an exchange of those who wait: of the first, and of others that give the store as much time.
func (l *line) gather(g *Guard) *exchange {
	first := l.waiting[0]
	x := &exchange{guard: g, ops: first.ops, limit: first.limit, session: l.session, answers: l.answers}
	x.one[0] = first
	x.jobs = x.one[:]
	rest := l.waiting[:0]
	for _, j := range l.waiting[1:] {
		if j.limit != x.limit || len(x.ops)+len(j.ops) > maxTogether {
			rest = append(rest, j)
			continue
		}
		if len(x.jobs) == 1 {
			x.ops = append(make([]Op, 0, maxTogether), x.ops...)
		}
		x.ops = append(x.ops, j.ops...)
		x.jobs = append(x.jobs, j)
	}
	clear(l.waiting[len(rest):])
	l.waiting = rest
	return x
}

func (x *exchange) run() {
	g := x.guard
	ctx, cancel := context.WithTimeout(context.Background(), x.limit+linger)
	defer cancel()
	results, err := g.store.Apply(ctx, x.ops, x.sent)
	x.timer.Stop()
	if err == nil && len(results) != len(x.ops) {
		err = errors.New("ratelimit: the store answers with another number of results")
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	late := x.over
	x.settle(results, err)
	if x.session == g.line.session && !late {
		g.line.busy--
	}
	switch {
	case err == nil:
		g.answered()
	case !late:
		x.blame(err)
	}
	g.dispatch()
}

// blame takes the store for one that fails, if it has answered nobody since the exchange was sent.
func (x *exchange) blame(err error) {
	if g := x.guard; g.up && x.session == g.line.session && x.answers == g.line.answers {
		g.fail(err)
	}
}

// answered takes note of an answer, on time or not.
func (g *Guard) answered() {
	g.line.answers++
	if !g.up && g.tried && g.due() {
		g.rise()
	}
	if g.up {
		g.line.vacate(g.now())
	}
}

// sent begins the store's time.
func (x *exchange) sent() {
	x.guard.mu.Lock()
	defer x.guard.mu.Unlock()
	if x.gone || x.over {
		return
	}
	x.gone, x.left = true, parts-1
	x.answers = x.guard.line.answers
	x.timer.Reset(x.limit / parts)
}

// tick ends a part of the time. At the end of all of them those who wait are told.
func (x *exchange) tick() {
	g := x.guard
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case x.over:
		return
	case x.left > 0:
		x.left--
		x.timer.Reset(x.limit / parts)
		return
	}
	x.settle(nil, ErrLate)
	if x.session == g.line.session {
		g.line.busy--
	}
	x.blame(ErrLate)
	g.dispatch()
}

// settle tells the jobs what became of them, unless they know.
func (x *exchange) settle(results []Result, err error) {
	if x.over {
		return
	}
	x.over = true
	for _, j := range x.jobs {
		if err != nil {
			j.settle(nil, err)
			continue
		}
		n := len(j.ops)
		j.settle(results[:n:n], nil)
		results = results[n:]
	}
	x.jobs, x.one[0] = nil, nil
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
