package ratelimit

import (
	"context"
	"encoding/hex"
	"errors"
	"strconv"
	"time"
)

// maxBatch is how many keys go to the store in one exchange.
const maxBatch = 500

// sent is what an operation carries.
type sent struct {
	count, first int64
	period       int64 // of a quota: its start
	failures     uint64
	known        bool // what the store has was known
}

// owe notes that a request was granted that the store does not know of.
func (l *Limiter) owe(e *entry, now int64) {
	if e.pending == 0 {
		e.first = now
	}
	e.pending++
}

// mark has an entry sent when its turn comes: a period after the first of those that wait, by the timer, or by the first request
// after it where the timer's process was frozen.
func (l *Limiter) mark(e *entry, now int64) {
	if l.closed {
		return
	}
	if !e.dirty {
		if len(l.dirty) == 0 {
			l.oldest = now
		}
		e.dirty = true
		l.dirty = append(l.dirty, e)
	}
	if age := now - l.oldest; !l.sending && (age >= int64(l.shared.Sync) || age < 0) {
		l.sending = true
		go l.send()
	}
	l.await()
}

// await has the timer come, if there is something to send and nobody at it.
func (l *Limiter) await() {
	if l.after == nil || l.closed || l.awaiting != nil || l.sending || len(l.dirty) == 0 {
		return
	}
	l.awaiting = l.after(l.shared.Sync, func() {
		l.mu.Lock()
		l.awaiting = nil
		begin := !l.closed && !l.sending && len(l.dirty) > 0
		l.sending = l.sending || begin
		l.mu.Unlock()
		if begin {
			l.send()
		}
	})
}

// send sends what is dirty now. Who calls it has set sending.
func (l *Limiter) send() {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := l.dirty
	l.dirty = nil
	for _, e := range all {
		e.dirty = false
	}
	for len(all) > 0 {
		n := min(len(all), maxBatch)
		if !l.exchange(all[:n]) {
			break // the next request finds out when the store is back
		}
		all = all[n:]
	}
	l.sending = false
	l.sent.Broadcast()
	l.await()
}

// finish sends what is left, once, and nothing after it. It does not wait for that any longer than the store has to answer.
func (l *Limiter) finish() {
	l.mu.Lock()
	l.closed = true
	if l.awaiting != nil {
		l.awaiting.Stop()
		l.awaiting = nil
	}
	left := l.sending || len(l.dirty) > 0
	l.mu.Unlock()
	if !left {
		return
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		l.mu.Lock()
		for l.sending {
			l.sent.Wait()
		}
		l.sending = true
		l.mu.Unlock()
		l.send()
	}()
	patience := time.NewTimer(l.shared.Timeout)
	defer patience.Stop()
	select {
	case <-done:
	case <-patience.C:
	}
}

// exchange sends a batch and takes over the answers. It is called with the lock, and gives it away meanwhile.
func (l *Limiter) exchange(batch []*entry) bool {
	failures, up := l.shared.Guard.state()
	if !up {
		return false
	}
	now := l.now().UnixNano()
	ops, carried := make([]Op, len(batch)), make([]sent, len(batch))
	for i, e := range batch {
		ops[i], carried[i] = l.prepare(e, now, failures)
	}
	l.mu.Unlock()
	results, err := l.shared.Guard.apply(context.Background(), l.shared.Timeout, ops)
	l.mu.Lock()
	now = l.now().UnixNano()
	for i, e := range batch {
		if err != nil {
			l.failed(e, carried[i], err)
			continue
		}
		l.heard(e, carried[i], results[i], now)
	}
	return err == nil
}

// prepare makes the operation that brings the store up to date about an entry.
//
// After a failure it is not known what the store has: what was sent last may be there or not, or nothing may be there any more. Of
// a rate it is then told no more than how much is spent here, which it takes for all if it knew of less: to add up what each
// gateway granted alone, for hours perhaps, would lock everybody out for as long. Of a quota it is told all that is certain not to
// be there, and how much there was at least.
func (l *Limiter) prepare(e *entry, now int64, failures uint64) (Op, sent) {
	r := e.rule
	r.settle(&e.own, now)
	r.settle(&e.view, now)
	op := Op{Key: l.name(e), Rate: r.calendar == nil, Cost: r.cost, Capacity: r.capacity}
	if r.calendar != nil {
		_, end := r.calendar.Period(time.Unix(0, e.view.at))
		op.Keep = time.Duration(end.UnixNano()-now) + time.Minute
		if e.first < e.view.at {
			e.pending = 0 // of a period that is over
		}
	}
	known := e.failures == failures
	switch {
	case r.calendar != nil:
		op.Count = e.pending
		if !known {
			op.Floor = e.view.spent
		}
	case known:
		op.Count, op.Age = e.pending, time.Duration(max(0, now-e.first))
	default:
		op.Floor = e.own.spent
	}
	carried := sent{count: e.pending, first: e.first, period: e.view.at, failures: failures, known: known}
	e.pending = 0
	return op, carried
}

// failed takes note that an operation did not get there. If it was not even sent, what it carried is still to be sent. Otherwise
// nobody knows, and adding it once more would count it twice: it is in what was spent, which the store is told next.
func (l *Limiter) failed(e *entry, carried sent, err error) {
	switch {
	case !errors.Is(err, ErrDown):
		e.failures = 0
	case carried.count > 0:
		e.pending += carried.count
		e.first = carried.first
	}
}

// heard takes over what the store said.
func (l *Limiter) heard(e *entry, carried sent, answer Result, now int64) {
	r := e.rule
	r.settle(&e.view, now)
	if r.calendar != nil && e.view.at != carried.period {
		return // it ended meanwhile
	}
	spent := answer.Spent + e.pending*r.cost
	switch {
	case e.failures == carried.failures:
		spent = max(spent, e.view.spent) // an older answer may come after a newer one
	case carried.known: // and it is not any more
		e.view.spent = max(spent, e.view.spent)
		return
	}
	e.view.spent = spent
	e.synced, e.failures = now, carried.failures
}

// name is an entry's key in the store.
func (l *Limiter) name(e *entry) string {
	b := make([]byte, 0, len(l.shared.Prefix)+2*len(e.key)+24)
	b = append(b, l.shared.Prefix...)
	b = hex.AppendEncode(b, e.key[:])
	if e.rule.calendar != nil {
		b = append(b, ':')
		b = strconv.AppendInt(b, e.view.at/int64(time.Second), 10)
	}
	return string(b)
}
