package handler

import (
	"context"
	"errors"
	"runtime"
	"sync/atomic"

	"polygate.example/shared/gateway"
)

var (
	errNoTurn = errors.New("the client left while it waited")
	errBusy   = errors.New("too many passwords wait to be tested")
)

// turns bound what guesses cost, which is the processor's time: no more of them are tested at once than there are processors, and no more wait than
// are tested in the time that one hash of the highest cost takes. Else a few clients could slow down whatever else the instance does, and many could
// have a right password wait for as long as they like.
type turns struct {
	taken   chan struct{} // one for each bcrypt at a time
	waiting atomic.Int64
}

func newTurns() *turns { return &turns{taken: make(chan struct{}, runtime.GOMAXPROCS(0))} }

// take waits for a turn of a hash of some cost, and returns what ends it.
func (t *turns) take(ctx context.Context, cost int) (end func(), err error) {
	end = func() { <-t.taken }
	select {
	case t.taken <- struct{}{}:
		return end, nil
	default:
	}
	defer t.waiting.Add(-1)
	if t.waiting.Add(1) > int64(cap(t.taken))<<max(gateway.MaxBcryptCost-cost, 0) {
		return nil, errBusy
	}
	select {
	case t.taken <- struct{}{}:
		return end, nil
	case <-ctx.Done():
		return nil, errNoTurn
	}
}
