// Package storetest is what every driver of package store has to keep.
package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"polygate.example/tools/internal/store"
)

// Bed is an empty place, and a second way to the same place, as from another machine.
type Bed struct {
	Driver, Another store.Driver
	// Gone makes the place stop answering; nil where it cannot.
	Gone func()
}

// Run holds a driver to the contract. It makes a bed for each test.
func Run(t *testing.T, bed func(*testing.T) Bed) {
	open := func(t *testing.T) (one, other *store.Store, b Bed) {
		b = bed(t)
		return store.New("one", b.Driver), store.New("other", b.Another), b
	}
	t.Run("missing", func(t *testing.T) {
		one, _, _ := open(t)
		if _, _, err := one.Read(t.Context(), store.Lock); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("reading what is not there: %v, want ErrNotFound", err)
		}
	})
	t.Run("written and read", func(t *testing.T) {
		one, other, _ := open(t)
		for _, data := range []string{`{"a":1}`, "", "\x00\xff\r\n", strings.Repeat("0123456789", 100_000)} {
			name := "d" + strconv.Itoa(len(data)) + ".json"
			before := time.Now()
			v := write(t, one, name, data, "")
			got, err := other.Object(t.Context(), name)
			if err != nil {
				t.Fatal(err)
			}
			if string(got.Data) != data {
				t.Errorf("%d bytes were written and %d others read", len(data), len(got.Data))
			}
			if got.Version != v {
				t.Errorf("written as version %q and read as %q", v, got.Version)
			}
			if age := got.Modified.Sub(before); age < -2*time.Second || age > time.Minute {
				t.Errorf("written at %s, and called %s off", before, age)
			}
		}
	})
	t.Run("only where there is none", func(t *testing.T) {
		one, other, _ := open(t)
		write(t, one, store.Lock, "first", "")
		conflict(t, other, store.Lock, "second", "")
		holds(t, one, store.Lock, "first")
	})
	t.Run("only what was read", func(t *testing.T) {
		one, other, _ := open(t)
		v1 := write(t, one, store.Lock, "first", "")
		v2 := write(t, other, store.Lock, "second", v1)
		if v1 == v2 {
			t.Errorf("another content has the same version %q", v1)
		}
		conflict(t, one, store.Lock, "third", v1)
		holds(t, one, store.Lock, "second")
		write(t, one, store.Lock, "third", v2)
		holds(t, other, store.Lock, "third")
	})
	t.Run("a version where there is nothing", func(t *testing.T) {
		one, _, _ := open(t)
		v := write(t, one, "other.json", "here", "")
		conflict(t, one, store.Lock, "first", v)
		if _, _, err := one.Read(t.Context(), store.Lock); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("after a refused write: %v, want ErrNotFound", err)
		}
	})
	t.Run("documents apart", func(t *testing.T) {
		one, _, _ := open(t)
		write(t, one, "a.json", "a", "")
		write(t, one, "b.json", "b", "")
		holds(t, one, "a.json", "a")
		holds(t, one, "b.json", "b")
	})
	t.Run("names", func(t *testing.T) {
		one, _, _ := open(t)
		for _, name := range []string{"", "../x", "a/b", ".hidden", "A", "a b", strings.Repeat("a", 64)} {
			if _, _, err := one.Read(t.Context(), name); err == nil || errors.Is(err, store.ErrNotFound) {
				t.Errorf("%q was asked for: %v", name, err)
			}
			if _, err := one.Write(t.Context(), name, nil, ""); err == nil {
				t.Errorf("%q was written", name)
			}
		}
	})
	t.Run("too large", func(t *testing.T) {
		one, _, _ := open(t)
		if _, err := one.Write(t.Context(), store.Lock, bytes.Repeat([]byte("x"), store.Most+1), ""); err == nil {
			t.Error("a document above the limit was written")
		}
	})
	t.Run("race", func(t *testing.T) { race(t, open) })
	t.Run("given up", func(t *testing.T) {
		one, _, _ := open(t)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, _, err := one.Read(ctx, store.Lock); !errors.Is(err, context.Canceled) {
			t.Errorf("reading for nobody: %v, want context.Canceled", err)
		}
	})
	t.Run("gone", func(t *testing.T) {
		one, _, b := open(t)
		if b.Gone == nil {
			return // a folder on this machine does not go away
		}
		v := write(t, one, store.Lock, "first", "")
		b.Gone()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		_, _, err := one.Read(ctx, store.Lock)
		unreachable(t, "read", err)
		_, err = one.Write(ctx, store.Lock, []byte("second"), v)
		unreachable(t, "write", err)
	})
}

// race has writers count in one document: none may be lost, and each failure is a conflict.
func race(t *testing.T, open func(*testing.T) (*store.Store, *store.Store, Bed)) {
	one, other, _ := open(t)
	write(t, one, store.Lock, "0", "")
	const writers, each = 4, 5
	var wg sync.WaitGroup
	for i := range writers {
		s := []*store.Store{one, other}[i%2]
		wg.Go(func() {
			for range each {
				if err := increment(t.Context(), s); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	holds(t, one, store.Lock, strconv.Itoa(writers*each))
}

func increment(ctx context.Context, s *store.Store) error {
	for {
		data, v, err := s.Read(ctx, store.Lock)
		if err != nil {
			return err
		}
		n, err := strconv.Atoi(string(data))
		if err != nil {
			return fmt.Errorf("half a document was read: %q", data)
		}
		_, err = s.Write(ctx, store.Lock, []byte(strconv.Itoa(n+1)), v)
		if !errors.Is(err, store.ErrConflict) {
			return err
		}
	}
}

func write(t *testing.T, s *store.Store, name, data, ifVersion string) (version string) {
	t.Helper()
	v, err := s.Write(t.Context(), name, []byte(data), ifVersion)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func conflict(t *testing.T, s *store.Store, name, data, ifVersion string) {
	t.Helper()
	if _, err := s.Write(t.Context(), name, []byte(data), ifVersion); !errors.Is(err, store.ErrConflict) {
		t.Errorf("writing %q over another version: %v, want ErrConflict", data, err)
	}
}

func holds(t *testing.T, s *store.Store, name, want string) {
	t.Helper()
	got, _, err := s.Read(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("%s holds %q, want %q", name, got, want)
	}
}

func unreachable(t *testing.T, what string, err error) {
	t.Helper()
	if err == nil || errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrConflict) {
		t.Errorf("%s of a place that does not answer: %v, want an error that is neither ErrNotFound nor ErrConflict", what, err)
	}
}
