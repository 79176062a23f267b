package lock_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"polygate.example/tools/internal/lock"
	"polygate.example/tools/internal/store"
)

func TestOneAtATime(t *testing.T) {
	bubble(t, "held", func(t *testing.T) {
		b := newBed(3)
		l := acquire(t, b.stores, by("alice"))
		heldBy(t, b.stores, "alice")
		kept(t, l, time.Hour)
		heldBy(t, b.stores, "alice")
		release(t, l)
		acquire(t, b.stores, by("bob"))
		heldBy(t, b.stores, "bob")
	})
	bubble(t, "tokens rise over the life of a stack", func(t *testing.T) {
		b := newBed(3)
		var last uint64
		for i := range 20 {
			l := acquire(t, b.stores, by("alice"))
			if l.Token() <= last {
				t.Fatalf("token %d after %d", l.Token(), last)
			}
			last = l.Token()
			if i%2 == 0 {
				release(t, l)
				continue
			}
			if _, err := lock.Break(t.Context(), b.stores, l.Token(), by("bob")); err != nil {
				t.Fatal(err)
			}
		}
	})
	bubble(t, "released twice", func(t *testing.T) {
		b := newBed(3)
		l := acquire(t, b.stores, by("alice"))
		release(t, l)
		bob := acquire(t, b.stores, by("bob"))
		release(t, l)
		kept(t, bob, time.Minute)
		heldBy(t, b.stores, "bob")
	})
	bubble(t, "kept when its context ends", func(t *testing.T) {
		b := newBed(3)
		ctx, cancel := context.WithCancel(t.Context())
		l, err := lock.Acquire(ctx, b.stores, by("alice"))
		if err != nil {
			t.Fatal(err)
		}
		cancel()
		kept(t, l, time.Hour)
		heldBy(t, b.stores, "alice")
		release(t, l)
	})
}

// Two who try at the same time never both have it, whatever the stores' speed, and some round or other each of them has it.
func TestRace(t *testing.T) {
	wins := map[string]int{}
	for round := range 300 {
		bubble(t, strconv.Itoa(round), func(t *testing.T) {
			b := newBed(1 + round%3)
			for _, m := range b.places {
				m.Before(func(bool) error { time.Sleep(time.Duration(rand.Int64N(int64(20 * time.Millisecond)))); return nil })
				m.After(func(bool) error { time.Sleep(time.Duration(rand.Int64N(int64(20 * time.Millisecond)))); return nil })
			}
			var inside atomic.Int32
			var mu sync.Mutex
			tokens := map[uint64]bool{}
			var wg sync.WaitGroup
			for _, who := range []string{"alice", "bob", "carol"} {
				wg.Go(func() {
					l, err := lock.Acquire(t.Context(), b.stores, by(who))
					if err != nil {
						if !errors.Is(err, lock.ErrHeld) && !errors.Is(err, store.ErrConflict) {
							t.Errorf("%s: %v", who, err)
						}
						return
					}
					if inside.Add(1) > 1 {
						t.Error("two have the lock")
					}
					mu.Lock()
					if tokens[l.Token()] {
						t.Errorf("token %d was given twice", l.Token())
					}
					tokens[l.Token()] = true
					wins[who]++
					mu.Unlock()
					time.Sleep(time.Second)
					if l.Err() != nil {
						t.Errorf("%s lost it: %v", who, l.Err())
					}
					inside.Add(-1)
					release(t, l)
				})
			}
			wg.Wait()
			if len(tokens) == 0 {
				t.Error("nobody had the lock")
			}
		})
	}
	for _, who := range []string{"alice", "bob", "carol"} {
		if wins[who] == 0 {
			t.Errorf("%s never had the lock", who)
		}
	}
}

func TestTakeover(t *testing.T) {
	bubble(t, "of one who died", func(t *testing.T) {
		b := newBed(3)
		dead := dies(t, b, "alice")
		heldBy(t, b.stores, "alice")
		time.Sleep(31 * time.Second)
		begun := time.Now()
		l := acquire(t, b.stores, by("bob"))
		if l.Token() <= dead {
			t.Errorf("token %d after %d", l.Token(), dead)
		}
		if took := time.Since(begun); took < 15*time.Second || took > 25*time.Second {
			t.Errorf("watched for %s, want two renewals", took)
		}
	})
	bubble(t, "not of one who lives, though the clock says so", func(t *testing.T) {
		b := newBed(3)
		l := acquire(t, b.stores, by("alice"))
		o := by("bob")
		o.Now = func() time.Time { return time.Now().Add(24 * time.Hour) }
		if _, err := lock.Acquire(t.Context(), b.stores, o); !errors.Is(err, lock.ErrHeld) {
			t.Errorf("with a clock that is ahead: %v, want ErrHeld", err)
		}
		kept(t, l, time.Minute)
	})
	bubble(t, "at once, of one from the same place", func(t *testing.T) {
		b := newBed(3)
		o := by("alice")
		o.Place = "folder"
		dead := acquire(t, b.stores, o)
		begun := time.Now()
		l := acquire(t, b.stores, o)
		if l.Token() <= dead.Token() || time.Since(begun) > time.Second {
			t.Errorf("token %d after %d, in %s", l.Token(), dead.Token(), time.Since(begun))
		}
		lostWithin(t, dead, 0, 11*time.Second)
		other := o
		other.Place = "another"
		if _, err := lock.Acquire(t.Context(), b.stores, other); !errors.Is(err, lock.ErrHeld) {
			t.Errorf("from another place: %v, want ErrHeld", err)
		}
	})
	bubble(t, "by two at once", func(t *testing.T) {
		b := newBed(3)
		dies(t, b, "alice")
		time.Sleep(time.Minute)
		var won atomic.Int32
		var wg sync.WaitGroup
		for _, who := range []string{"bob", "carol"} {
			wg.Go(func() {
				l, err := lock.Acquire(t.Context(), b.stores, by(who))
				if err == nil {
					won.Add(1)
					time.Sleep(time.Minute)
					release(t, l)
				} else if !errors.Is(err, lock.ErrHeld) {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if won.Load() != 1 {
			t.Errorf("%d have taken it over", won.Load())
		}
	})
}

// dies takes the lock and never renews nor releases it, as after a kill -9. It gives the token.
func dies(t *testing.T, b *bed, owner string) uint64 {
	t.Helper()
	var cut []*gate
	var stores []*store.Store
	for i, m := range b.places {
		g := &gate{Driver: m}
		cut = append(cut, g)
		stores = append(stores, store.New(b.stores[i].Name(), g))
	}
	l, err := lock.Acquire(t.Context(), stores, by(owner))
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range cut {
		g.shut.Store(true)
	}
	t.Cleanup(func() { _ = l.Release(t.Context()) })
	return l.Token()
}

func TestClockSteps(t *testing.T) {
	for _, step := range []time.Duration{-48 * time.Hour, 48 * time.Hour} {
		bubble(t, step.String(), func(t *testing.T) {
			b := newBed(3)
			var off atomic.Int64
			o := by("alice")
			o.Now = func() time.Time { return time.Now().Add(time.Duration(off.Load())) }
			l := acquire(t, b.stores, o)
			time.Sleep(12 * time.Second)
			off.Store(int64(step))
			kept(t, l, time.Hour)
			heldBy(t, b.stores, "alice")
			release(t, l)
			acquire(t, b.stores, by("bob"))
		})
	}
	bubble(t, "what is said of a holder ahead", func(t *testing.T) {
		b := newBed(1)
		o := by("alice")
		o.Now = func() time.Time { return time.Now().Add(time.Hour) }
		acquire(t, b.stores, o)
		_, err := lock.Acquire(t.Context(), b.stores, by("bob"))
		var held *lock.HeldError
		if !errors.As(err, &held) || !contains(err, "ahead of this one by 1h") {
			t.Errorf("%v does not tell that the clocks differ", err)
		}
	})
}

func TestOptions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBed(1)
		for _, c := range []struct {
			name string
			o    lock.Options
			s    []*store.Store
			want error
		}{
			{"nobody", lock.Options{Purpose: "drill"}, b.stores, nil},
			{"for nothing", lock.Options{Owner: "alice"}, b.stores, nil},
			{"for too long", lock.Options{Owner: "alice", Purpose: "drill", Lease: time.Hour}, b.stores, nil},
			{"nowhere", by("alice"), nil, lock.ErrNoQuorum},
		} {
			if _, err := lock.Acquire(t.Context(), c.s, c.o); err == nil || (c.want != nil && !errors.Is(err, c.want)) {
				t.Errorf("%s: %v", c.name, err)
			}
		}
	})
}
