package lock

import (
	"context"
	"errors"
	"fmt"
	"time"

	"polygate.example/tools/internal/store"
)

// State is what the stores of a stack say of its lock.
type State struct {
	Token  uint64       `json:"token"`            // the highest that was ever given; 0 for none
	Holder *Holder      `json:"holder,omitempty"` // who has it, by what was written; nil for nobody
	Ended  bool         `json:"ended,omitempty"`  // the holder's lease has ended, by this machine's clock
	Stores []StoreState `json:"stores"`
}

// StoreState is what one store says.
type StoreState struct {
	Name   string  `json:"name"`
	Where  string  `json:"where"`
	Last   *Holder `json:"last,omitempty"` // who is written there, as having it or having released it; nil for nobody
	Held   bool    `json:"held"`           // and has not released it
	Detail string  `json:"detail,omitempty"`
}

// Show asks all stores who has the lock; now is the wall clock's time. Stores that cannot be asked say so in their detail.
func Show(ctx context.Context, stores []*store.Store, now time.Time) State {
	a := attempt{stores: ordered(stores)}
	all := look(ctx, a.stores, patience(longest))
	out := State{Token: highest(all)}
	if h, found := a.holder(all, nil); found {
		out.Holder, out.Ended = &h.record.Holder, !now.Before(h.record.Until)
	}
	for _, s := range all {
		state := StoreState{Name: s.store.Name(), Where: s.store.Where()}
		if s.err != nil {
			state.Detail = s.err.Error()
		} else if !s.none() {
			state.Last, state.Held = &s.record.Holder, !s.record.Released
		}
		out.Stores = append(out.Stores, state)
	}
	return out
}

// ErrNotInForce says that nobody has the lock with the token that was to be broken.
var ErrNotInForce = errors.New("nobody has the lock with this token")

// Break takes the lock from whoever has it with a token, in all stores that answer, and says in how many. The holder finds a higher token
// there and knows that it has lost it.
func Break(ctx context.Context, stores []*store.Store, token uint64, o Options) (broken int, err error) {
	o.Purpose = "break"
	if o, err = o.complete(); err != nil {
		return 0, err
	}
	a := &attempt{opts: o, stores: ordered(stores)}
	now := look(ctx, a.stores, patience(o.Lease))
	holder, found := a.holder(now, nil)
	if !found || holder.record.Token != token {
		return 0, fmt.Errorf("break the lock: %w: %d", ErrNotInForce, token)
	}
	r := record{
		Holder: Holder{Token: token + 1, Purpose: o.Purpose, Owner: o.Owner, Since: o.Now().UTC().Round(0), Until: o.Now().UTC().Round(0), LeaseSeconds: o.Lease.Seconds()},
		ID:     "broken-" + holder.record.ID, Beat: 1, Released: true,
	}
	var errs []error
	for _, s := range now {
		if s.err == nil {
			s.err = a.overwrite(ctx, s, r)
		}
		if s.err != nil {
			errs = append(errs, s.err)
			continue
		}
		broken++
	}
	if broken == 0 {
		return 0, fmt.Errorf("break the lock: %w", errors.Join(errs...))
	}
	for _, err := range errs {
		o.Notice("the lock could not be broken everywhere: %v", err)
	}
	return broken, nil
}

// overwrite replaces what a store said, and once more if the holder has renewed it meanwhile.
func (a *attempt) overwrite(ctx context.Context, s seen, r record) error {
	for try := 0; ; try++ {
		wait, cancel := context.WithTimeout(ctx, patience(a.opts.Lease))
		_, err := s.store.Write(wait, store.Lock, r.encode(), s.version)
		cancel()
		if !errors.Is(err, store.ErrConflict) || try == tries {
			return err
		}
		if s = lookAt(ctx, s.store, patience(a.opts.Lease)); s.err != nil {
			return s.err
		}
		if s.record.Token >= r.Token {
			return nil // somebody has taken it over: the holder has lost it all the same
		}
	}
}
