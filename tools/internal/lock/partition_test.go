package lock_test

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"polygate.example/tools/internal/lock"
	"polygate.example/tools/internal/store"
)

// gate is a way to a store that can be shut.
type gate struct {
	store.Driver
	shut atomic.Bool
}

var errShut = errors.New("shut")

func (g *gate) Read(ctx context.Context, name string) (store.Object, error) {
	if g.shut.Load() {
		return store.Object{}, errShut
	}
	return g.Driver.Read(ctx, name)
}

func (g *gate) Write(ctx context.Context, name string, data []byte, ifVersion string) (string, error) {
	if g.shut.Load() {
		return "", errShut
	}
	return g.Driver.Write(ctx, name, data, ifVersion)
}

func contains(err error, text string) bool { return err != nil && strings.Contains(err.Error(), text) }

func TestPartition(t *testing.T) {
	bubble(t, "one of three does not answer", func(t *testing.T) {
		b := newBed(3)
		b.places[1].Cut(true)
		var said atomic.Int32
		o := by("alice")
		o.Notice = func(_ string, args ...any) {
			if args[0] == "azure" {
				said.Add(1)
			}
		}
		l := acquire(t, b.stores, o)
		if said.Load() != 1 {
			t.Errorf("told of the store that does not answer %d times", said.Load())
		}
		heldBy(t, b.stores, "alice")
		b.places[1].Cut(false)
		kept(t, l, time.Minute)
		if s := lock.Show(t.Context(), b.stores[1:2], time.Now()); s.Holder == nil || s.Holder.Owner != "alice" {
			t.Errorf("the store that answers again says %+v: the lock was not put there", s)
		}
	})
	bubble(t, "a majority does not answer", func(t *testing.T) {
		b := newBed(3)
		if _, err := lock.Acquire(t.Context(), b.partly(0), by("alice")); !errors.Is(err, lock.ErrNoQuorum) {
			t.Errorf("with one of three: %v, want ErrNoQuorum", err)
		}
		acquire(t, b.stores, by("bob"))
	})
	bubble(t, "a majority is lost while writing", func(t *testing.T) {
		b := newBed(3)
		for _, m := range b.places[1:] {
			m.Before(func(write bool) error {
				if write {
					return errShut
				}
				return nil
			})
		}
		if _, err := lock.Acquire(t.Context(), b.stores, by("alice")); !errors.Is(err, lock.ErrNoQuorum) {
			t.Errorf("with one of three: %v, want ErrNoQuorum", err)
		}
		for _, m := range b.places {
			m.Before(nil)
		}
		acquire(t, b.stores, by("bob")) // at once: what was written is taken back
	})
	bubble(t, "in need any store will do", func(t *testing.T) {
		b := newBed(3)
		o := by("alice")
		o.InNeed = true
		l := acquire(t, b.partly(2), o)
		heldBy(t, b.stores, "alice")
		kept(t, l, time.Hour)
	})
	bubble(t, "from two sides", func(t *testing.T) {
		for range 50 {
			b := newBed(3)
			var won atomic.Int32
			var wg sync.WaitGroup
			for who, reach := range map[string][]int{"alice": {0, 1}, "bob": {1, 2}} {
				wg.Go(func() {
					l, err := lock.Acquire(t.Context(), b.partly(reach...), by(who))
					if err == nil {
						won.Add(1)
						time.Sleep(time.Second)
						if l.Err() != nil {
							t.Errorf("%s lost it: %v", who, l.Err())
						}
						release(t, l)
					}
				})
			}
			wg.Wait()
			if won.Load() != 1 {
				t.Fatalf("%d have the lock", won.Load())
			}
			release(t, acquire(t, b.stores, by("carol"))) // at once: who was slower has taken back what it wrote
		}
	})
}

func TestLost(t *testing.T) {
	bubble(t, "no store answers any more", func(t *testing.T) {
		b := newBed(3)
		l := acquire(t, b.stores, by("alice"))
		for _, m := range b.places {
			m.Cut(true)
		}
		lostWithin(t, l, 19*time.Second, 31*time.Second)
		if err := l.Release(t.Context()); !errors.Is(err, lock.ErrLost) {
			t.Errorf("releasing what is lost: %v", err)
		}
	})
	bubble(t, "stores that hang hold up nobody", func(t *testing.T) {
		b := newBed(3)
		l := acquire(t, b.stores, by("alice"))
		b.places[0].Before(func(bool) error { time.Sleep(time.Hour); return errShut })
		kept(t, l, 10*time.Minute)
		b.places[1].Before(func(bool) error { time.Sleep(time.Hour); return errShut })
		lostWithin(t, l, 19*time.Second, 31*time.Second)
		b.places[0].Before(nil)
		b.places[1].Before(nil)
		time.Sleep(2 * time.Hour)
	})
	bubble(t, "one of two keeps others out", func(t *testing.T) {
		b := newBed(2)
		l := acquire(t, b.stores, by("alice"))
		b.places[0].Cut(true)
		kept(t, l, time.Hour)
		b.places[0].Cut(false)
		heldBy(t, b.stores, "alice")
	})
	bubble(t, "others could have it", func(t *testing.T) {
		b := newBed(3)
		g := []*gate{{Driver: b.places[0]}, {Driver: b.places[1]}, {Driver: b.places[2]}}
		l := acquire(t, []*store.Store{store.New("aws", g[0]), store.New("azure", g[1]), store.New("gcp", g[2])}, by("alice"))
		g[1].shut.Store(true)
		g[2].shut.Store(true)
		lostWithin(t, l, 19*time.Second, 31*time.Second)
		time.Sleep(31 * time.Second)
		acquire(t, b.partly(1, 2), by("bob"))
	})
	bubble(t, "broken", func(t *testing.T) {
		b := newBed(3)
		l := acquire(t, b.stores, by("alice"))
		if _, err := lock.Break(t.Context(), b.stores, l.Token()+1, by("bob")); !errors.Is(err, lock.ErrNotInForce) {
			t.Errorf("breaking another token: %v", err)
		}
		n, err := lock.Break(t.Context(), b.stores, l.Token(), by("bob"))
		if err != nil || n != 3 {
			t.Fatalf("broken in %d stores: %v", n, err)
		}
		lostWithin(t, l, 0, 11*time.Second)
		if !contains(l.Err(), "bob") {
			t.Errorf("%v does not say by whom", l.Err())
		}
		if carol := acquire(t, b.stores, by("carol")); carol.Token() <= l.Token() {
			t.Errorf("token %d after %d", carol.Token(), l.Token())
		}
	})
	bubble(t, "an answer lost on its way is no loss", func(t *testing.T) {
		b := newBed(3)
		l := acquire(t, b.stores, by("alice"))
		for _, m := range b.places {
			n := 0
			m.After(func(write bool) error {
				if !write {
					return nil
				}
				if n++; n%2 == 0 {
					return errShut
				}
				return nil
			})
		}
		kept(t, l, time.Hour)
	})
	bubble(t, "the stack is destroyed under it", func(t *testing.T) {
		b := newBed(1)
		l := acquire(t, b.stores, by("alice"))
		b.places[0].Remove(store.Lock)
		lostWithin(t, l, 19*time.Second, 31*time.Second)
		if _, _, err := b.stores[0].Read(t.Context(), store.Lock); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("the lock was put back into what was emptied: %v", err)
		}
	})
}

// Whoever dies between two stores keeps others out for a lease and no longer, and its token is not given again.
func TestCrashAmid(t *testing.T) {
	for at := 1; at <= 3; at++ {
		bubble(t, strconv.Itoa(at)+" of 3 written", func(t *testing.T) {
			b := newBed(3)
			writes := 0
			var stores []*store.Store
			var gates []*gate
			for i, m := range b.places {
				g := &gate{Driver: m}
				gates = append(gates, g)
				stores = append(stores, store.New(b.stores[i].Name(), g))
				m.After(func(write bool) error {
					if write {
						writes++
					}
					if writes >= at {
						for _, g := range gates {
							g.shut.Store(true)
						}
					}
					return nil
				})
			}
			l, err := lock.Acquire(t.Context(), stores, by("alice"))
			if err == nil {
				t.Cleanup(func() { _ = l.Release(t.Context()) })
			}
			for _, m := range b.places {
				m.After(nil)
			}
			heldBy(t, b.stores, "alice")
			time.Sleep(31 * time.Second)
			if bob := acquire(t, b.stores, by("bob")); bob.Token() < 2 {
				t.Errorf("token %d was tried before", bob.Token())
			}
		})
	}
}

func TestDamaged(t *testing.T) {
	for _, text := range []string{"", "{}", `{"token":1}`, "null", `{"token":-1,"id":"x","lease_seconds":30}`, `{"token":1,"id":"x","lease_seconds":1e9}`} {
		bubble(t, text, func(t *testing.T) {
			b := newBed(3)
			if _, err := b.stores[0].Write(t.Context(), store.Lock, []byte(text), ""); err != nil {
				t.Fatal(err)
			}
			acquire(t, b.stores, by("alice")) // by the other two
			if _, err := lock.Acquire(t.Context(), b.partly(0), by("bob")); !errors.Is(err, lock.ErrNoQuorum) || !contains(err, "no record of a lock") {
				t.Errorf("by the damaged one alone: %v", err)
			}
		})
	}
}

func TestShow(t *testing.T) {
	bubble(t, "show", func(t *testing.T) {
		b := newBed(3)
		if s := lock.Show(t.Context(), b.stores, time.Now()); s.Holder != nil || s.Token != 0 || len(s.Stores) != 3 {
			t.Errorf("of a new stack: %+v", s)
		}
		l := acquire(t, b.stores, by("alice"))
		b.places[2].Cut(true)
		s := lock.Show(t.Context(), b.stores, time.Now())
		if s.Holder == nil || s.Holder.Owner != "alice" || s.Ended || s.Token != l.Token() || s.Stores[2].Detail == "" || !s.Stores[0].Held {
			t.Errorf("while it is held: %+v", s)
		}
		if s := lock.Show(t.Context(), b.stores, time.Now().Add(time.Minute)); !s.Ended {
			t.Errorf("after its lease: %+v", s)
		}
		release(t, l)
		s = lock.Show(t.Context(), b.stores, time.Now())
		if s.Holder != nil || s.Token != l.Token() || s.Stores[0].Last == nil || s.Stores[0].Held {
			t.Errorf("after its release: %+v", s)
		}
	})
}
