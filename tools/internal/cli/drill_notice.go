package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"polygate.example/tools/internal/store"
)

// The emergency lever, and orders to give up, are objects in the stack's stores.
const (
	leverObject = "emergency-lever.json"
	abortObject = "drill-abort.json"
)

// notice is what such an object says.
type notice struct {
	Engaged bool   `json:"engaged"`
	Token   uint64 `json:"token,omitempty"` // of the drill that is to be given up
	Why     string `json:"why,omitempty"`
	By      string `json:"by,omitempty"`
	// At is when, by the clock of whoever wrote it, and later than every notice that could be read then, whatever that clock said: of two the
	// later one counts.
	At time.Time `json:"at,omitzero"`
}

// String says who did it, when and why.
func (f notice) String() string {
	return fmt.Sprintf("%s, by %s at %s", cmp.Or(f.Why, "no reason given"), f.By, f.At.Format(time.RFC3339))
}

// compare is above zero where f counts rather than another. Of two of the same moment the one that keeps drills away does.
func (f notice) compare(other notice) int {
	engaged := map[bool]int{true: 1}
	return cmp.Or(f.At.Compare(other.At), engaged[f.Engaged]-engaged[other.Engaged])
}

// toldPatience is how long one store is waited for, for what people are waiting for: that of the provider that is lost may say nothing at all.
const toldPatience = 5 * time.Second

// said is what one store says.
type said struct {
	store   *store.Store
	notice  notice // the zero one where it says nothing
	version string // to write over it by; "" where it has no object
	err     error  // it could not be read, or what it has is no notice
}

// askStore asks one store.
func askStore(ctx context.Context, s *store.Store, name string) said {
	b, version, err := s.Read(ctx, name)
	if errors.Is(err, store.ErrNotFound) {
		return said{store: s}
	}
	out := said{store: s, version: version}
	if err == nil {
		err = json.Unmarshal(b, &out.notice)
	}
	if err != nil {
		out.notice, out.err = notice{}, fmt.Errorf("%s: %w", s.Name(), err)
	}
	return out
}

// each does something with all stores at once, each of which has its time, and returns what came of it in their order.
func (at *drillSeat) each(ctx context.Context, do func(context.Context, int, *store.Store) said) []said {
	out := make([]said, len(at.stores))
	var all sync.WaitGroup
	for i, s := range at.stores {
		all.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, toldPatience)
			defer cancel()
			out[i] = do(ctx, i, s)
		})
	}
	all.Wait()
	return out
}

// told is what all stores say of an object.
type told []said

// ask reads an object from all stores. Where none can be read that is an error.
func (at *drillSeat) ask(ctx context.Context, name string) (told, error) {
	out := told(at.each(ctx, func(ctx context.Context, _ int, s *store.Store) said { return askStore(ctx, s, name) }))
	if unread := out.errs(); len(unread) == len(out) {
		return out, errors.Join(unread...)
	}
	return out, nil
}

// errs are of those that could not be read, in their order.
func (t told) errs() (errs []error) {
	for _, s := range t {
		if s.err != nil {
			errs = append(errs, s.err)
		}
	}
	return errs
}

// unread names those that could not be read, and why; nil when all were.
func (t told) unread() error { return errors.Join(t.errs()...) }

// newest is the notice that counts; the zero one where no store has any. A store that missed it says something older, which counts for nothing.
func (t told) newest() (out notice) {
	for _, s := range t {
		if s.notice.compare(out) > 0 {
			out = s.notice
		}
	}
	return out
}

// leverNow asks how the emergency lever is.
func (at *drillSeat) leverNow(ctx context.Context) (notice, told, error) {
	all, err := at.ask(ctx, leverObject)
	return all.newest(), all, err
}

// ordered is the order to give the drill of a token up, from any store: nobody takes such an order back.
func (t told) ordered(token uint64) (notice, bool) {
	i := slices.IndexFunc(t, func(s said) bool { return s.notice.Token == token })
	if i < 0 {
		return notice{}, false
	}
	return t[i].notice, true
}

// raise writes an object to all stores that take it, at least one. Those that do not are named: it counts all the same, unless nobody can read
// the others when it is looked for.
func (at *drillSeat) raise(ctx context.Context, name string, f notice) (missed, err error) {
	all, err := at.ask(ctx, name)
	if err != nil && !slices.ContainsFunc(all, func(s said) bool { return s.version != "" }) {
		return nil, err
	}
	if last := all.newest().At; !f.At.After(last) { // by a clock that is ahead of this one
		f.At = last.Add(time.Nanosecond)
	}
	return at.write(ctx, name, f, all)
}

// write has a notice take the place of every older one, in at least one store.
func (at *drillSeat) write(ctx context.Context, name string, f notice, over told) (missed, err error) {
	b, err := json.Marshal(f)
	if err != nil {
		return nil, err
	}
	out := told(at.each(ctx, func(ctx context.Context, i int, s *store.Store) said {
		at := over[i]
		for (at.err == nil || at.version != "") && f.compare(at.notice) > 0 { // what is no notice is written over as well
			_, err := s.Write(ctx, name, b, at.version)
			if err == nil {
				return said{store: s, notice: f}
			}
			if !errors.Is(err, store.ErrConflict) {
				return said{store: s, err: fmt.Errorf("%s: %w", s.Name(), err)}
			}
			at = askStore(ctx, s, name)
		}
		if at.notice.compare(f) > 0 {
			at.err = fmt.Errorf("%s: somebody else was faster: %s", s.Name(), at.notice)
		}
		return at
	}))
	if errs := out.errs(); len(errs) == len(out) {
		return nil, errors.Join(errs...)
	}
	return out.unread(), nil
}

// settle writes the notice that counts to the stores which can be read and have missed it, so that it is known there as well when the others
// cannot be read. It names those that it mended.
func (at *drillSeat) settle(ctx context.Context, name string, all told) (mended []string, err error) {
	f := all.newest()
	old := slices.Clone(all)
	for i, s := range all {
		behind := s.version != "" || f.Engaged // saying nothing is as good as saying that it is released
		if s.err == nil && behind && f.compare(s.notice) > 0 {
			mended = append(mended, s.store.Name())
		} else {
			old[i] = said{store: s.store, notice: f, version: s.version} // is left alone
		}
	}
	if len(mended) == 0 {
		return nil, nil
	}
	missed, err := at.write(ctx, name, f, old)
	if err = errors.Join(missed, err); err != nil {
		return nil, fmt.Errorf("have all stores say the same: %w", err)
	}
	return mended, nil
}

// engaged says whether a drill is to be given up: the emergency lever is engaged, or it was told to. Stores are asked no more often than every
// two seconds, and but for the first time nobody waits for them: whoever asks has limits to look at as well. Which store could not be asked at
// first, or had missed what counts, is told.
func (at *drillSeat) engaged(token uint64, tell func(format string, args ...any)) func(context.Context) (bool, string, error) {
	var mu sync.Mutex
	var asked time.Time
	var looking bool
	var why string
	var last error
	look := func(ctx context.Context) (string, told, error) {
		f, all, err := at.leverNow(ctx)
		if f.Engaged {
			return "it is engaged: " + f.String(), all, nil
		}
		orders, aborted := at.ask(ctx, abortObject)
		if f, is := orders.ordered(token); is {
			return "it was told to be given up: " + f.String(), all, nil
		}
		return "", all, errors.Join(err, aborted)
	}
	return func(ctx context.Context) (bool, string, error) {
		mu.Lock()
		defer mu.Unlock()
		switch {
		case asked.IsZero():
			var all told
			why, all, last = look(ctx)
			asked = time.Now()
			if last == nil {
				at.tellLever(ctx, all, tell)
			}
		case why == "" && !looking && time.Since(asked) >= 2*time.Second:
			looking = true
			go func() {
				now, _, err := look(ctx)
				mu.Lock()
				defer mu.Unlock()
				why, last, looking, asked = now, err, false, time.Now()
			}()
		}
		return why != "", why, last
	}
}

// tellLever says which stores could not be asked for the emergency lever, and mends those that have missed what counts.
func (at *drillSeat) tellLever(ctx context.Context, all told, tell func(format string, args ...any)) {
	if unread := all.unread(); unread != nil {
		tell("the emergency lever is as the other stores say; not asked: %s", oneLine(unread))
	}
	mended, err := at.settle(ctx, leverObject, all)
	switch {
	case err != nil:
		tell("not every store knows how the emergency lever is: %s", oneLine(err))
	case mended != nil:
		tell("the store of %s had missed how the emergency lever is, and knows it now", strings.Join(mended, ", "))
	}
}
