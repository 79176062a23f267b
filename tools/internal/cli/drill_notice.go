package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
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
	Engaged bool      `json:"engaged"`
	Token   uint64    `json:"token,omitempty"` // of the drill that is to be given up
	Why     string    `json:"why,omitempty"`
	By      string    `json:"by,omitempty"`
	At      time.Time `json:"at,omitzero"`
}

// String says who did it, when and why.
func (f notice) String() string {
	return fmt.Sprintf("%s, by %s at %s", cmp.Or(f.Why, "no reason given"), f.By, f.At.Format(time.RFC3339))
}

// toldPatience is how long one store is waited for, for what people are waiting for: that of the provider that is lost may say nothing at all.
const toldPatience = 5 * time.Second

// each does something with all stores at once, each of which has its time, and says what went wrong at which of them, in their order.
func (at *drillSeat) each(ctx context.Context, do func(context.Context, *store.Store) error) []error {
	errs := make([]error, len(at.stores))
	var all sync.WaitGroup
	for i, s := range at.stores {
		all.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, toldPatience)
			defer cancel()
			if err := do(ctx, s); err != nil {
				errs[i] = fmt.Errorf("%s: %w", s.Name(), err)
			}
		})
	}
	all.Wait()
	return slices.DeleteFunc(errs, func(err error) bool { return err == nil })
}

// raised reads an object from all stores: what any of them says counts. A store that cannot be read is an error only where none can be.
func (at *drillSeat) raised(ctx context.Context, name string, is func(notice) bool) (notice, bool, error) {
	var mu sync.Mutex
	var found []notice
	errs := at.each(ctx, func(ctx context.Context, s *store.Store) error {
		b, _, err := s.Read(ctx, name)
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		var f notice
		if err == nil {
			err = json.Unmarshal(b, &f)
		}
		if err == nil && is(f) {
			mu.Lock()
			defer mu.Unlock()
			found = append(found, f)
		}
		return err
	})
	switch {
	case len(found) > 0:
		return slices.MaxFunc(found, func(a, b notice) int { return a.At.Compare(b.At) }), true, nil
	case len(errs) == len(at.stores):
		return notice{}, false, errors.Join(errs...)
	}
	return notice{}, false, nil
}

// raise writes an object to all stores that take it, at least one. Those that do not are named: what they said before counts when they answer
// again.
func (at *drillSeat) raise(ctx context.Context, name string, f notice) (missed, err error) {
	b, err := json.Marshal(f)
	if err != nil {
		return nil, err
	}
	errs := at.each(ctx, func(ctx context.Context, s *store.Store) error {
		_, version, err := s.Read(ctx, name)
		if err == nil || errors.Is(err, store.ErrNotFound) {
			_, err = s.Write(ctx, name, b, version)
		}
		return err
	})
	if len(errs) == len(at.stores) {
		return nil, errors.Join(errs...)
	}
	return errors.Join(errs...), nil
}

// engaged says whether a drill is to be given up: the emergency lever is engaged, or it was told to. Stores are asked no more often than every
// two seconds, and but for the first time nobody waits for them: whoever asks has limits to look at as well.
func (at *drillSeat) engaged(token uint64) func(context.Context) (bool, string, error) {
	var mu sync.Mutex
	var asked time.Time
	var looking bool
	var why string
	var last error
	look := func(ctx context.Context) (string, error) {
		f, is, err := at.raised(ctx, leverObject, func(f notice) bool { return f.Engaged })
		if is {
			return "it is engaged: " + f.String(), nil
		}
		f, is, aborted := at.raised(ctx, abortObject, func(f notice) bool { return f.Token == token })
		if is {
			return "it was told to be given up: " + f.String(), nil
		}
		return "", errors.Join(err, aborted)
	}
	return func(ctx context.Context) (bool, string, error) {
		mu.Lock()
		defer mu.Unlock()
		switch {
		case asked.IsZero():
			why, last = look(ctx)
			asked = time.Now()
		case why == "" && !looking && time.Since(asked) >= 2*time.Second:
			looking = true
			go func() {
				said, err := look(ctx)
				mu.Lock()
				defer mu.Unlock()
				why, last, looking, asked = said, err, false, time.Now()
			}()
		}
		return why != "", why, last
	}
}
