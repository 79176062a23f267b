package lock

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"polygate.example/tools/internal/store"
)

// attempt is one try to take the lock.
type attempt struct {
	opts   Options
	id     string
	stores []*store.Store
}

// tries is how often the attempt is begun anew after somebody else came between and let go again.
const tries = 5

// take looks who has the lock and, if nobody does, writes itself into all stores.
func (a *attempt) take(ctx context.Context) (*Lock, error) {
	dead := map[string]bool{} // ids of holders that were watched and made no renewal
	var err error
	for try := range tries {
		if try > 0 { // apart from who tries at the same time
			if err := sleep(ctx, time.Duration(1+rand.Int64N(50*int64(try)))*time.Millisecond); err != nil {
				return nil, err
			}
		}
		var now []seen
		if now, err = a.free(ctx, dead); err != nil {
			return nil, err
		}
		var l *Lock
		if l, err = a.write(ctx, now); !errors.Is(err, store.ErrConflict) {
			return l, err
		}
	}
	return nil, fmt.Errorf("others try at the same time: %w", err)
}

// free waits until nobody has the lock, as far as that is a matter of watching the dead, and gives what the stores said then.
func (a *attempt) free(ctx context.Context, dead map[string]bool) ([]seen, error) {
	for {
		now := look(ctx, a.stores, patience(a.opts.Lease))
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if err := a.quorum(now); err != nil {
			return nil, err
		}
		holder, found := a.holder(now, dead)
		if !found {
			return now, nil
		}
		wall := a.opts.Now()
		if wall.Before(holder.record.Until) {
			return nil, &HeldError{Holder: holder.record.Holder, Store: holder.store.Name(), Now: wall}
		}
		wait := 2 * beat(holder.record.Lease())
		a.opts.Notice("the lease of %s, who has the lock for a %s, has ended: it is taken over in %s, unless renewed", holder.record.Owner, holder.record.Purpose, wait)
		if err := sleep(ctx, wait); err != nil {
			return nil, err
		}
		after := lookAt(ctx, holder.store, patience(a.opts.Lease))
		if after.err == nil && after.record.ID == holder.record.ID && !after.record.Released && after.version != holder.version {
			return nil, &HeldError{Holder: after.record.Holder, Store: holder.store.Name(), Now: a.opts.Now()}
		}
		if after.err == nil { // where it cannot be asked now, that shows in the next look
			dead[holder.record.ID] = true
		}
	}
}

// quorum tells whether enough stores answer.
func (a *attempt) quorum(now []seen) error {
	answer := 0
	var errs []error
	for _, s := range now {
		if s.err == nil {
			answer++
		} else {
			errs = append(errs, s.err)
		}
	}
	if need := a.need(); answer < need {
		return fmt.Errorf("%w: %d of %d answer, want %d: %w", ErrNoQuorum, answer, len(now), need, errors.Join(errs...))
	}
	return nil
}

// need is in how many stores the lock has to be.
func (a *attempt) need() int {
	if a.opts.InNeed {
		return 1
	}
	return majority(len(a.stores))
}

// holder finds who has the lock: somebody who has not released it and has not been replaced. A token below the highest is of somebody whom
// the holder of a higher one has seen released or dead. The same token may have been tried by several, of whom one had it.
func (a *attempt) holder(now []seen, dead map[string]bool) (seen, bool) {
	token := highest(now)
	let := map[string]bool{a.id: true} // who is not in the way
	for _, s := range now {
		if mine := a.opts.Place != "" && s.record.Place == a.opts.Place; mine || s.record.Released { // said in one store, it holds for those that did not hear of it
			let[s.record.ID] = true
		}
	}
	var latest seen
	for _, s := range now {
		r := s.record
		if s.err == nil && !s.none() && r.Token == token && !let[r.ID] && !dead[r.ID] && (latest.none() || r.Until.After(latest.record.Until)) {
			latest = s
		}
	}
	return latest, !latest.none()
}

// write takes the lock in all stores that answered, one after the other. When somebody else was faster in one of them, what was written is
// taken back and the error is store.ErrConflict.
func (a *attempt) write(ctx context.Context, now []seen) (*Lock, error) {
	l := &Lock{
		opts: a.opts, token: highest(now) + 1, id: a.id, since: a.opts.Now().UTC().Round(0), lost: make(chan struct{}), stop: func() {},
		enough: len(now) - majority(len(now)) + 1,
	}
	if a.opts.InNeed {
		l.enough = 1
	}
	taken, errs := 0, []error(nil)
	for _, s := range now {
		h := &held{store: s.store, err: s.err}
		l.stores = append(l.stores, h)
		if s.err != nil {
			errs = append(errs, s.err)
			continue
		}
		begun := time.Now()
		version, err := a.writeOne(ctx, l, h, s.version)
		switch {
		case err == nil:
			h.version, h.renewed = version, begun
			taken++
			continue
		case errors.Is(err, store.ErrConflict):
			return nil, errors.Join(err, l.Release(context.WithoutCancel(ctx)))
		}
		h.err = err
		errs = append(errs, err)
	}
	if need := a.need(); taken < need || ctx.Err() != nil {
		_ = l.Release(context.WithoutCancel(ctx))
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		return nil, fmt.Errorf("%w: %d of %d took it, want %d: %w", ErrNoQuorum, taken, len(now), need, errors.Join(errs...))
	}
	return l, nil
}

func (a *attempt) writeOne(ctx context.Context, l *Lock, h *held, ifVersion string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, patience(a.opts.Lease))
	defer cancel()
	return h.store.Write(ctx, store.Lock, l.record(h).encode(), ifVersion)
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
