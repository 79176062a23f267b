package ratelimit

import (
	"context"
	"sync"
	"time"
)

// exchange is one round trip, and the context of it: how long it may take is known in two parts, that to connect and, from when it is
// sent, that of the store.
type exchange struct {
	others  []*job // beside that of who makes it
	ops     []Op
	limit   time.Duration
	session uint64 // of the line
	answers uint64 // of the line, when it was sent

	mu       sync.Mutex
	deadline time.Time
	timer    *time.Timer
	over     chan struct{}
}

// begin has the exchange end after a time, whatever it had before.
func (x *exchange) begin(limit time.Duration) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.deadline = time.Now().Add(limit)
	if x.timer == nil {
		x.over = make(chan struct{})
		x.timer = time.AfterFunc(limit, x.expire)
		return
	}
	x.timer.Reset(limit)
}

func (x *exchange) expire() {
	x.mu.Lock()
	defer x.mu.Unlock()
	select {
	case <-x.over:
	default:
		if !time.Now().Before(x.deadline) { // else it was given a new one as this one came
			close(x.over)
		}
	}
}

// end keeps the time from running out when nobody needs it any more.
func (x *exchange) end() { x.timer.Stop() }

// Deadline is when it ends now.
func (x *exchange) Deadline() (time.Time, bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.deadline, true
}

// Done is closed when it has ended.
func (x *exchange) Done() <-chan struct{} { return x.over }

// Err is why it has ended.
func (x *exchange) Err() error {
	select {
	case <-x.over:
		return context.DeadlineExceeded
	default:
		return nil
	}
}

// Value is nothing.
func (x *exchange) Value(any) any { return nil }

var _ context.Context = (*exchange)(nil)
