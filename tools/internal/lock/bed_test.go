package lock_test

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"polygate.example/tools/internal/lock"
	"polygate.example/tools/internal/store"
	"polygate.example/tools/internal/store/storetest"
)

// bed is a stack with stores in memory. Its tests run in a bubble, where waiting takes no time.
type bed struct {
	places []*storetest.Memory
	stores []*store.Store
}

func newBed(n int) *bed {
	b := &bed{}
	for i := range n {
		m := &storetest.Memory{}
		b.places = append(b.places, m)
		b.stores = append(b.stores, store.New([]string{"aws", "azure", "gcp", "x", "y"}[i], m))
	}
	return b
}

// partly are the bed's stores, of which all but some cannot be reached from here.
func (b *bed) partly(reach ...int) []*store.Store {
	var out []*store.Store
	for i, m := range b.places {
		cut := &storetest.Memory{}
		cut.Cut(true)
		d := store.Driver(cut)
		for _, r := range reach {
			if r == i {
				d = m
			}
		}
		out = append(out, store.New(b.stores[i].Name(), d))
	}
	return out
}

func by(owner string) lock.Options {
	return lock.Options{Purpose: "drill", Owner: owner, Lease: 30 * time.Second}
}

func acquire(t *testing.T, stores []*store.Store, o lock.Options) *lock.Lock {
	t.Helper()
	l, err := lock.Acquire(t.Context(), stores, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Release(t.Context()) })
	return l
}

func release(t *testing.T, l *lock.Lock) {
	t.Helper()
	if err := l.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// heldBy asserts that the lock cannot be had because somebody has it.
func heldBy(t *testing.T, stores []*store.Store, owner string) {
	t.Helper()
	l, err := lock.Acquire(t.Context(), stores, by("another"))
	if err == nil {
		_ = l.Release(t.Context())
	}
	var held *lock.HeldError
	if !errors.As(err, &held) || !errors.Is(err, lock.ErrHeld) {
		t.Fatalf("taking the lock: %v, want ErrHeld", err)
	}
	if held.Holder.Owner != owner {
		t.Errorf("held by %q, want %q", held.Holder.Owner, owner)
	}
	if !strings.Contains(err.Error(), owner) {
		t.Errorf("%q does not say who has the lock", err)
	}
}

// lostWithin asserts that a holder learns that it has lost the lock, after at least some time.
func lostWithin(t *testing.T, l *lock.Lock, least, most time.Duration) {
	t.Helper()
	begun := time.Now()
	select {
	case <-l.Lost():
	case <-time.After(most):
		t.Fatalf("the lock is not lost after %s", most)
	}
	if took := time.Since(begun); took < least {
		t.Errorf("the lock is lost after %s already, want %s", took, least)
	}
	if err := l.Err(); !errors.Is(err, lock.ErrLost) {
		t.Errorf("why it is lost: %v", err)
	}
}

func kept(t *testing.T, l *lock.Lock, d time.Duration) {
	t.Helper()
	select {
	case <-l.Lost():
		t.Fatalf("the lock is lost: %v", l.Err())
	case <-time.After(d):
	}
}

// bubble runs a named test where time is free.
func bubble(t *testing.T, name string, test func(*testing.T)) {
	t.Run(name, func(t *testing.T) { synctest.Test(t, test) })
}
