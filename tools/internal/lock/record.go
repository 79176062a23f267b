package lock

import (
	"bytes"
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

// Holder is who has the lock, or had it last.
type Holder struct {
	Token        uint64    `json:"token"`
	Purpose      string    `json:"purpose"`
	Owner        string    `json:"owner"`
	Place        string    `json:"place,omitempty"` // see Options
	Since        time.Time `json:"since"`
	Until        time.Time `json:"until"` // by the holder's clock
	LeaseSeconds float64   `json:"lease_seconds"`
}

// Lease is how long it holds without being renewed.
func (h Holder) Lease() time.Duration { return time.Duration(h.LeaseSeconds * float64(time.Second)) }

// record is the document in a store.
type record struct {
	Holder
	ID       string `json:"id"`   // of one attempt to take the lock: two may have tried with the same token, of whom one had it
	Beat     uint64 `json:"beat"` // counts the writings, no two of which are the same bytes
	Released bool   `json:"released,omitempty"`
}

func (r record) encode() []byte {
	b, err := json.Marshal(r)
	if err != nil {
		panic(err) // strings, numbers and times of this century
	}
	return append(b, '\n')
}

func decode(b []byte) (record, error) {
	var r record
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&r); err != nil {
		return record{}, fmt.Errorf("%s is no record of a lock: %w", store.Lock, err)
	}
	if r.Token == 0 || r.ID == "" || r.LeaseSeconds <= 0 || r.Lease() > longest {
		return record{}, fmt.Errorf("%s is no record of a lock: token %d, id %q, lease of %g s", store.Lock, r.Token, r.ID, r.LeaseSeconds)
	}
	return r, nil
}

// seen is what one store says.
type seen struct {
	store   *store.Store
	record  record // zero where nobody has ever had the lock
	version string // "" where there is no document
	err     error  // why it could not be asked
}

// none reports whether a store has no record.
func (s seen) none() bool { return s.record.Token == 0 }

// look asks all stores at the same time.
func look(ctx context.Context, stores []*store.Store, wait time.Duration) []seen {
	out := make([]seen, len(stores))
	var wg sync.WaitGroup
	for i, s := range stores {
		wg.Go(func() { out[i] = lookAt(ctx, s, wait) })
	}
	wg.Wait()
	return out
}

func lookAt(ctx context.Context, s *store.Store, wait time.Duration) seen {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	out := seen{store: s}
	data, version, err := s.Read(ctx, store.Lock)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return out
	case err != nil:
		out.err = err
		return out
	}
	out.version = version
	if out.record, err = decode(data); err != nil {
		out.err = fmt.Errorf("%s at %s: %w", s.Where(), s.Name(), err)
	}
	return out
}

// highest token that any store shows, 0 for none.
func highest(all []seen) (token uint64) {
	for _, s := range all {
		token = max(token, s.record.Token)
	}
	return token
}

// ordered are the stores by name: everybody takes them in the same order, so that of two who try at once one gets further.
func ordered(stores []*store.Store) []*store.Store {
	out := slices.Clone(stores)
	slices.SortFunc(out, func(a, b *store.Store) int { return strings.Compare(a.Name()+" "+a.Where(), b.Name()+" "+b.Where()) })
	return out
}
