// Package ratelimit counts requests: how many may come in a time ([NewRate]), and how many in a period of the calendar
// ([NewQuota]). It decides by itself, or together with other gateways through a [Store].
//
// It knows no network: package redis below it has the store.
package ratelimit

import (
	"errors"
	"time"
)

// Key is whom a limit counts: a digest, so that a key has the same size whatever a client sent, and no store holds a credential.
type Key [16]byte

// Rule is one limit. A request costs something, and what a key has spent stays below the capacity: of a rate both are time, and
// what was spent drains as time passes; of a quota both are requests, and what was spent is gone when the period ends.
type Rule struct {
	cost, capacity int64
	calendar       *Calendar // of a quota; nil for a rate
	quota          int64     // requests in the window, for headers
	per            time.Duration
}

// maxSpan is how long what was spent may take to drain: nanoseconds stay exact in a script's numbers, which are floating-point,
// up to 104 days.
const maxSpan = 31 * 24 * time.Hour

// NewRate is a limit of so many requests per time, of which burst may come at once: the generic cell rate algorithm, in the form
// of a leaky bucket (ITU-T I.371, annex A). In any time t there are at most burst + rate*t/per requests. The time between two
// requests is rounded up to whole nanoseconds, so that the rate is never exceeded.
func NewRate(rate int, per time.Duration, burst int) (*Rule, error) {
	switch {
	case rate < 1 || burst < 1 || per <= 0:
		return nil, errors.New("ratelimit: rate, per and burst have to be above zero")
	case int64(rate) > per.Microseconds():
		return nil, errors.New("ratelimit: more than a million requests a second")
	}
	cost := (int64(per) + int64(rate) - 1) / int64(rate)
	if cost > int64(maxSpan)/int64(burst) {
		return nil, errors.New("ratelimit: a spent burst takes more than 31 days to come back")
	}
	return &Rule{cost: cost, capacity: cost * int64(burst), quota: int64(rate), per: per}, nil
}

// NewQuota is a limit of so many requests in each period of a calendar.
func NewQuota(limit int, c *Calendar) (*Rule, error) {
	if limit < 1 || c == nil {
		return nil, errors.New("ratelimit: a quota wants a limit above zero and a calendar")
	}
	return &Rule{cost: 1, capacity: int64(limit), calendar: c, quota: int64(limit)}, nil
}

// Quota is how many requests the rule grants in its window.
func (r *Rule) Quota() int64 { return r.quota }

// Window is how long the rule's window is: of a quota the period that now is in.
func (r *Rule) Window(now time.Time) time.Duration {
	if r.calendar == nil {
		return r.per
	}
	start, end := r.calendar.Period(now)
	return end.Sub(start)
}

// Decision is what became of a request.
type Decision struct {
	Allowed   bool
	Remaining int64         // requests that could come now
	Reset     time.Duration // until all of them could, if none came
	Retry     time.Duration // until the next one can, of a request that was refused
	Unknown   bool          // nothing was counted: the store does not answer, and the rest is not known
}

// decide is the decision for a key that has spent so much after the request.
func (r *Rule) decide(allowed bool, spent, now int64) Decision {
	d := Decision{Allowed: allowed, Remaining: max(0, (r.capacity-spent)/r.cost)}
	if r.calendar != nil {
		_, end := r.calendar.Period(time.Unix(0, now))
		d.Reset = time.Duration(end.UnixNano() - now)
		d.Retry = d.Reset
	} else {
		d.Reset = time.Duration(spent)
		d.Retry = time.Duration(spent + r.cost - r.capacity)
	}
	if allowed {
		d.Retry = 0
	}
	return d
}

// mark is what a key has spent, as of a time.
type mark struct {
	spent int64 // nanoseconds or requests
	at    int64 // of a rate when it was looked at last, of a quota the start of its period; nanoseconds since 1970
}

// A clock that is set back by more than this is believed, and by less taken for two goroutines that looked at it in another order
// than they got here, or for a small correction.
const (
	backwards       = int64(time.Second)
	backwardsPeriod = int64(time.Minute)
)

// settle brings a mark to a time. A clock that was set back takes nothing from a key and gives it nothing: what was spent stays.
func (r *Rule) settle(m *mark, now int64) {
	if r.calendar != nil {
		start, _ := r.calendar.Period(time.Unix(0, now))
		if at := start.UnixNano(); at != m.at && (now >= m.at || m.at-now > backwardsPeriod) {
			*m = mark{at: at}
		}
		return
	}
	passed := now - m.at
	switch {
	case passed > 0:
		*m = mark{spent: max(0, m.spent-passed), at: now}
	case passed < -backwards:
		m.at = now
	}
}
