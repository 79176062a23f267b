// Package lock lets one operation at a time work on a stack, wherever it is started from. The lock is a document in every store of the stack.
//
// It is taken in all stores that answer, in the same order by everybody, and in a majority of all of them, so that of two who try at once one
// has it. It is held for a lease, and renewed until it is released. Each holder has a fencing token, higher than those of all before it, to be
// shown where something is changed: whoever has been replaced without noticing is refused there.
package lock

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"time"

	"polygate.example/tools/internal/store"
)

var (
	// ErrHeld says that somebody else has the lock; errors.As tells who, by a *HeldError.
	ErrHeld = errors.New("the lock is held")
	// ErrNoQuorum says that too few stores could be asked to know whether somebody has the lock.
	ErrNoQuorum = errors.New("too few stores can be asked")
	// ErrLost says that the lock is no longer held.
	ErrLost = errors.New("the lock is lost")
	// ErrTaken is the ErrLost of a lock that somebody else has now, where it was seen that they have.
	ErrTaken = errors.New("the lock is another's")
)

// HeldError tells who has the lock.
type HeldError struct {
	Holder Holder
	Store  string // where it was seen
	Now    time.Time
}

// Error says who, for what, and what can be done.
func (e *HeldError) Error() string {
	h := e.Holder
	text := fmt.Sprintf("%v by %s for a %s since %s, at least until %s (token %d, seen at %s)",
		ErrHeld, h.Owner, h.Purpose, h.Since.Format(time.RFC3339), h.Until.Format(time.RFC3339), h.Token, e.Store)
	if off := h.Until.Sub(e.Now) - h.Lease(); off > time.Minute {
		text += fmt.Sprintf("; its lease is of %s, so that its clock is ahead of this one by %s", h.Lease(), off.Round(time.Second))
	}
	return text
}

// Unwrap makes it an ErrHeld.
func (e *HeldError) Unwrap() error { return ErrHeld }

// Leases.
const (
	DefaultLease = 30 * time.Second
	longest      = 10 * time.Minute
	longestBeat  = 10 * time.Second // between two renewals
)

// Options say who takes the lock, and for what.
type Options struct {
	Purpose string        // one word: "release", "failover", "drill"
	Owner   string        // who, for people: "alice@laptop"
	Lease   time.Duration // for which a holder that has died keeps others out; 0 is DefaultLease, at most 10 min
	// Place is a working folder that one process at a time works in, by a name that no other has: a holder from the same place is dead. "" is
	// none.
	Place string
	// InNeed takes the lock where any store answers, though it is no majority: for what has to be done in the outage that the others are
	// lost in. Of two who cannot reach each other's stores both may have it then.
	InNeed bool
	Notice func(format string, args ...any) // told of stores that cannot be asked, and of waiting; nil tells nobody
	Now    func() time.Time                 // the wall clock, by which a record says until when it holds; nil is time.Now. Leases are measured by the monotonic clock
}

func (o Options) complete() (Options, error) {
	if o.Purpose == "" || o.Owner == "" {
		return o, errors.New("take the lock: it is not said by whom, or for what")
	}
	if o.Lease == 0 {
		o.Lease = DefaultLease
	}
	if o.Lease < 0 || o.Lease > longest {
		return o, fmt.Errorf("take the lock: a lease of %s: want at most %s", o.Lease, longest)
	}
	if o.Notice == nil {
		o.Notice = func(string, ...any) {}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o, nil
}

// beat is how often a lease is renewed: three times before it ends.
func beat(lease time.Duration) time.Duration { return min(lease/3, longestBeat) }

// majority of n stores.
func majority(n int) int { return n/2 + 1 }

// Lock is held until it is released or lost.
type Lock struct {
	opts    Options
	token   uint64
	id      string
	since   time.Time
	stores  []*held
	enough  int // stores that have to be renewed within a lease
	lost    chan struct{}
	stop    context.CancelFunc
	keepers sync.WaitGroup

	mu  sync.Mutex
	why error // why it is lost
}

// held is the lock in one store.
type held struct {
	store   *store.Store
	version string    // of our record; "" where there is none
	beats   uint64    // how often it was written
	renewed time.Time // when the last writing that was seen to succeed began, by the monotonic clock
	err     error     // why it could not be asked last; nil if it could
}

// Acquire takes the lock in every store that answers. It fails with ErrHeld where somebody else has it, and with ErrNoQuorum where too few
// stores answer. A holder whose lease has ended is waited for, for two of its renewals: only if it makes none is it taken for dead, so that a
// clock which is off does not take the lock from the living. The lock is kept when ctx ends: whoever cleans up still has it.
func Acquire(ctx context.Context, stores []*store.Store, o Options) (*Lock, error) {
	o, err := o.complete()
	if err != nil {
		return nil, err
	}
	if len(stores) == 0 {
		return nil, fmt.Errorf("take the lock: %w: the stack has none", ErrNoQuorum)
	}
	a := &attempt{opts: o, id: rand.Text(), stores: ordered(stores)}
	l, err := a.take(ctx)
	if err != nil {
		return nil, fmt.Errorf("take the lock: %w", err)
	}
	for _, h := range l.stores {
		if h.err != nil {
			o.Notice("the lock is taken without the store at %s, which cannot be asked: %v", h.store.Name(), h.err)
		}
	}
	l.keep(ctx)
	return l, nil
}

// Token is higher than that of every holder before.
func (l *Lock) Token() uint64 { return l.token }

// Lost is closed when the lock is held no longer though nobody has released it: a store shows a higher token, or the lease has ended because
// too few stores could be renewed. Too few is when the others are a majority, who could give the lock to somebody else.
func (l *Lock) Lost() <-chan struct{} { return l.lost }

// Err says why the lock is lost; nil while it is held, and after its release.
func (l *Lock) Err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.why
}

// Release gives the lock up, in all stores that answer; in others it ends with its lease. The token stays there, for the next one to be
// higher. It fails with ErrLost where the lock was lost before. A second call does nothing.
func (l *Lock) Release(ctx context.Context) error {
	l.stop()
	l.keepers.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.why != nil {
		return l.why
	}
	var wg sync.WaitGroup
	for _, h := range l.stores {
		if h.version == "" {
			continue
		}
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, patience(l.opts.Lease))
			defer cancel()
			r := l.record(h)
			r.Released = true
			_, h.err = h.store.Write(ctx, store.Lock, r.encode(), h.version)
			h.version = ""
		})
	}
	wg.Wait()
	return nil
}

// lose says that the lock is lost, and why; only the first reason counts.
func (l *Lock) lose(why error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.why == nil {
		l.why = fmt.Errorf("%w: %w", ErrLost, why)
		close(l.lost)
	}
}

// record is what a store is to hold next.
func (l *Lock) record(h *held) record {
	h.beats++
	return record{
		Holder: Holder{
			Token: l.token, Place: l.opts.Place, Purpose: l.opts.Purpose, Owner: l.opts.Owner, Since: l.since,
			Until: l.opts.Now().Add(l.opts.Lease).UTC().Round(0), LeaseSeconds: l.opts.Lease.Seconds(),
		},
		ID: l.id, Beat: h.beats,
	}
}

// patience is how long one store is waited for.
func patience(lease time.Duration) time.Duration { return min(lease/3, 5*time.Second) }
