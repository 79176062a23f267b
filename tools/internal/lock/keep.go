package lock

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"polygate.example/tools/internal/store"
)

// result is what became of one renewal.
type result struct {
	i       int
	renewed time.Time // when it began; zero where it failed
	err     error
	taken   *Holder // who has taken the lock over
}

// keep renews the lock until it is released or lost. Each store is renewed by itself: one that hangs holds up no other.
func (l *Lock) keep(ctx context.Context) {
	ctx, l.stop = context.WithCancel(context.WithoutCancel(ctx))
	results := make(chan result)
	for i, h := range l.stores {
		l.keepers.Go(func() { l.renewing(ctx, i, h, results) })
	}
	renewed := make([]time.Time, len(l.stores))
	for i, h := range l.stores {
		renewed[i] = h.renewed
	}
	l.keepers.Go(func() { l.watch(ctx, renewed, results) })
}

// renewing renews the lock in one store.
func (l *Lock) renewing(ctx context.Context, i int, h *held, results chan<- result) {
	for sleep(ctx, beat(l.opts.Lease)) == nil {
		r := l.renew(ctx, h)
		r.i = i
		select {
		case <-ctx.Done():
			return
		case results <- r:
		}
	}
}

// watch says that the lock is lost when somebody else has it, or might have: so many stores have not been renewed for a lease that they are a
// majority without the others.
func (l *Lock) watch(ctx context.Context, renewed []time.Time, results <-chan result) {
	var last error
	for {
		latest := slices.SortedFunc(slices.Values(renewed), func(a, b time.Time) int { return b.Compare(a) })
		end := time.NewTimer(l.opts.Lease - time.Since(latest[l.enough-1]))
		select {
		case <-ctx.Done():
			end.Stop()
			return
		case r := <-results:
			end.Stop()
			if r.taken != nil {
				l.lose(fmt.Errorf("%w: %s has taken it for a %s, with token %d", ErrTaken, r.taken.Owner, r.taken.Purpose, r.taken.Token))
				l.stop()
				return
			}
			if r.err != nil {
				last = r.err
				continue
			}
			renewed[r.i] = r.renewed
		case <-end.C:
			l.lose(fmt.Errorf("it could not be renewed within its lease of %s: %w", l.opts.Lease, last))
			l.stop()
			return
		}
	}
}

// renew writes the lock once more into one store. Where it was not, because the store could not be asked before, it is put.
func (l *Lock) renew(ctx context.Context, h *held) result {
	ctx, cancel := context.WithTimeout(ctx, patience(l.opts.Lease))
	defer cancel()
	begun := time.Now()
	if h.version != "" {
		version, err := h.store.Write(ctx, store.Lock, l.record(h).encode(), h.version)
		if err == nil {
			h.version = version
			return result{renewed: begun}
		}
		if !errors.Is(err, store.ErrConflict) {
			return result{err: err}
		}
	}
	had := h.version != ""
	now := lookAt(ctx, h.store, patience(l.opts.Lease))
	switch {
	case now.err != nil:
		return result{err: now.err}
	case l.superseded(now.record):
		return result{taken: &now.record.Holder}
	case had && now.version == "": // with all that the stack has: it is being destroyed
		return result{err: fmt.Errorf("the lock is gone from %s at %s", h.store.Where(), h.store.Name())}
	}
	version, err := h.store.Write(ctx, store.Lock, l.record(h).encode(), now.version) // ours, from a writing whose answer was lost, or of somebody before
	if err != nil {
		return result{err: err}
	}
	h.version = version
	return result{renewed: begun}
}

// superseded reports whether a record is of somebody who has the lock instead of us. The same token by somebody else is of one who tried
// when we did and did not get it, unless the lock was taken in need, when nobody knows who did.
func (l *Lock) superseded(r record) bool {
	switch {
	case r.Token > l.token:
		return true
	case r.ID == l.id:
		return r.Released
	default:
		return r.Token == l.token && l.opts.InNeed && !r.Released
	}
}
