package ratelimit

import (
	"context"
	"sync"
	"time"
)

// DefaultKeys is how many keys a limiter knows at a time, if its options do not say.
const DefaultKeys = 100_000

// OnError is what is done while the store does not answer.
type OnError string

// What can be done then.
const (
	Local OnError = "local" // the limit holds in this gateway alone, and each other grants it whole as well
	Allow OnError = "allow" // there is no limit
	Deny  OnError = "deny"  // nothing is granted
)

// Sharing is how a limiter counts together with others.
type Sharing struct {
	Guard   *Guard
	Prefix  string        // of keys in the store
	Sync    time.Duration // how old a shared count may become; 0 asks the store for every request
	Timeout time.Duration // that the store has to answer, from when it is asked
	OnError OnError
}

// Options are what a limiter is made of.
type Options struct {
	Keys   int              // that are known at a time; 0 is DefaultKeys
	Now    func() time.Time // the wall clock: a monotonic one stands still while a function is frozen
	Shared *Sharing         // nil: this gateway counts alone
	// After calls a function once, later, on another goroutine; nil leaves what was not sent to the next request. Otherwise it is
	// time.AfterFunc.
	After func(d time.Duration, f func()) *time.Timer
}

// Limiter counts the requests of one policy. It is safe for concurrent use.
//
// The bound of what is granted. Alone, or with a store that is asked every time, it is what the rule says. With n gateways that
// share every sync:
//
//	burst + rate*t + (n-1)*burst + n*rate*3*(sync+2*timeout)
//
// for any time t in which the store answers. Why: a grant is decided on a count that the store gave at most 2*sync before, and that
// took at most timeout to come; what another gateway has granted is there at most sync + 4*timeout after it was: an exchange takes
// at most 2*timeout, as it may wait for a connection that is in use, and another of the same gateway may be under way. So when the
// last request of the time was granted, only what each of the n-1 others had granted in the 3*(sync+2*timeout) before was not
// counted; and none grants by itself more than burst + rate*t. What was counted was below burst, but that a batch may be taken for as old as
// its first request, which is the n-th part. It is a debt: nobody grants anything until it is paid back.
type Limiter struct {
	now    func() time.Time
	after  func(d time.Duration, f func()) *time.Timer
	shared *Sharing

	mu       sync.Mutex
	table    *table
	dirty    []*entry // to be sent
	oldest   int64    // when the first of them became so
	sending  bool     // a goroutine is at it
	sent     sync.Cond
	awaiting *time.Timer // nil if no call of after is to come
	closed   bool        // nothing is sent any more
}

// New makes a limiter.
func New(o Options) *Limiter {
	if o.Keys == 0 {
		o.Keys = DefaultKeys
	}
	l := &Limiter{now: o.Now, after: o.After, shared: o.Shared, table: newTable(o.Keys)}
	l.sent.L = &l.mu
	if l.shared != nil {
		l.shared.Guard.serve(l)
	}
	return l
}

// Take asks for one request of a key. One limiter may have several rules; a key has always the same of them, or begins anew.
func (l *Limiter) Take(ctx context.Context, key Key, rule *Rule) Decision {
	now := l.now().UnixNano()
	if l.shared == nil {
		l.mu.Lock()
		defer l.mu.Unlock()
		return l.local(l.table.entry(key, rule), now)
	}
	failures, up := l.shared.Guard.state()
	l.mu.Lock()
	e := l.table.entry(key, rule)
	if age := now - e.synced; up && e.failures == failures && age >= 0 && age < 2*int64(l.shared.Sync) {
		d := l.local(e, now)
		if d.Allowed {
			l.owe(e, now)
		}
		l.mark(e, now)
		l.mu.Unlock()
		return d
	}
	op, sent := l.prepare(e, now, failures)
	op.Take = true
	l.mu.Unlock()

	results, err := l.shared.Guard.apply(ctx, l.shared.Timeout, []Op{op})
	now = l.now().UnixNano()
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil {
		l.failed(e, sent, err)
		return l.without(e, now)
	}
	l.heard(e, sent, results[0], now)
	if results[0].Allowed {
		rule.settle(&e.own, now)
		e.own.spent = min(e.own.spent+rule.cost, rule.capacity)
	}
	return rule.decide(results[0].Allowed, results[0].Spent, now)
}

// local decides by what this gateway knows. Nothing is granted that it could not grant alone.
func (l *Limiter) local(e *entry, now int64) Decision {
	r := e.rule
	r.settle(&e.own, now)
	spent := e.own.spent
	if l.shared != nil {
		r.settle(&e.view, now)
		spent = max(spent, e.view.spent)
	}
	if spent+r.cost > r.capacity {
		return r.decide(false, spent, now)
	}
	e.own.spent += r.cost
	if l.shared != nil {
		e.view.spent += r.cost
	}
	return r.decide(true, spent+r.cost, now)
}

// without decides while the store does not answer.
func (l *Limiter) without(e *entry, now int64) Decision {
	switch l.shared.OnError {
	case Allow:
		return Decision{Allowed: true, Unknown: true}
	case Deny:
		return Decision{Unknown: true, Retry: mostBackoff}
	}
	d := l.local(e, now)
	if d.Allowed {
		l.owe(e, now)
	}
	return d
}
