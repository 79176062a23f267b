package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"polygate.example/tools/internal/store"
	"polygate.example/tools/internal/store/file"
)

// outage is a store that answers unless it is away, and does something before it writes.
type outage struct {
	store.Driver
	away   bool
	before func()
}

var errAway = errors.New("503")

func (o *outage) Read(ctx context.Context, name string) (store.Object, error) {
	if o.away {
		return store.Object{}, errAway
	}
	return o.Driver.Read(ctx, name)
}

func (o *outage) Write(ctx context.Context, name string, data []byte, ifVersion string) (string, error) {
	if o.away {
		return "", errAway
	}
	if before := o.before; before != nil {
		o.before = nil
		before()
	}
	return o.Driver.Write(ctx, name, data, ifVersion)
}

// threeStores are a seat with a store at each provider.
func threeStores(t *testing.T) (*drillSeat, map[string]*outage) {
	at, drivers := &drillSeat{}, map[string]*outage{}
	for _, name := range []string{"aws", "azure", "gcp"} {
		drivers[name] = &outage{Driver: file.New(t.TempDir())}
		at.stores = append(at.stores, store.New(name, drivers[name]))
	}
	return at, drivers
}

// has is what one store says.
func has(t *testing.T, o *outage) (f notice, is bool) {
	t.Helper()
	got, err := o.Driver.Read(t.Context(), leverObject)
	if errors.Is(err, store.ErrNotFound) {
		return f, false
	}
	if err == nil {
		err = json.Unmarshal(got.Data, &f)
	}
	if err != nil {
		t.Fatal(err)
	}
	return f, true
}

func (at *drillSeat) mustRaise(t *testing.T, f notice) {
	t.Helper()
	if _, err := at.raise(t.Context(), leverObject, f); err != nil {
		t.Fatal(err)
	}
}

// isEngaged reads the emergency lever, and fails when none could.
func (at *drillSeat) isEngaged(t *testing.T) (bool, told) {
	t.Helper()
	f, all, err := at.leverNow(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return f.Engaged, all
}

// TestLeverReleasedInOutage: a store that missed the release does not engage the emergency lever again when it answers, and is told what counts by
// whoever looks next.
func TestLeverReleasedInOutage(t *testing.T) {
	at, drivers := threeStores(t)
	at.mustRaise(t, notice{Engaged: true, Why: "incident", At: time.Now()})
	drivers["gcp"].away = true
	missed, err := at.raise(t.Context(), leverObject, notice{At: time.Now()})
	if err != nil || missed == nil || !strings.Contains(missed.Error(), "gcp: ") || !errors.Is(missed, errAway) {
		t.Fatalf("missed %v, %v: want the one that is away named", missed, err)
	}
	engaged, all := at.isEngaged(t)
	if unread := all.unread(); engaged || unread == nil || !strings.Contains(unread.Error(), "gcp: ") {
		t.Errorf("engaged: %t, not read: %v", engaged, unread)
	}

	drivers["gcp"].away = false
	if f, _ := has(t, drivers["gcp"]); !f.Engaged {
		t.Fatal("the store that was away knows of the release: this test shows nothing")
	}
	engaged, all = at.isEngaged(t)
	if engaged || all.unread() != nil {
		t.Errorf("engaged again by a store that missed the release: %t, %v", engaged, all.unread())
	}
	var told []string
	stop, why, err := at.engaged(7, func(format string, args ...any) { told = append(told, fmt.Sprintf(format, args...)) })(t.Context())
	if stop || err != nil || len(told) != 1 || !strings.Contains(told[0], "the store of gcp had missed") {
		t.Errorf("a drill is refused: %t, %s, %v; told %q", stop, why, err, told)
	}
	if f, _ := has(t, drivers["gcp"]); f.Engaged {
		t.Error("the store was not told what counts")
	}
	drivers["aws"].away, drivers["azure"].away = true, true
	if engaged, _ := at.isEngaged(t); engaged {
		t.Error("engaged again when it is the only one that answers")
	}
}

// TestLeverEngagedInOutage: and one that missed that it was engaged keeps drills away when it is the only one left that answers.
func TestLeverEngagedInOutage(t *testing.T) {
	at, drivers := threeStores(t)
	drivers["aws"].away, drivers["azure"].away = true, true
	at.mustRaise(t, notice{Engaged: true, Why: "incident", At: time.Now()})
	drivers["azure"].away = false
	engaged, all := at.isEngaged(t)
	if mended, err := at.settle(t.Context(), leverObject, all); !engaged || err != nil || !slices.Equal(mended, []string{"azure"}) {
		t.Fatalf("engaged: %t; mended %v, %v", engaged, mended, err)
	}
	drivers["gcp"].away = true
	if engaged, _ := at.isEngaged(t); !engaged {
		t.Error("not engaged, by a store that was told")
	}
	drivers["azure"].away = true
	if _, _, err := at.leverNow(t.Context()); !errors.Is(err, errAway) {
		t.Errorf("no store can tell, and nothing is said of it: %v", err)
	}
	if stop, why, err := at.engaged(7, t.Logf)(t.Context()); stop || err == nil {
		t.Errorf("no store can tell, and a drill may begin: %t, %s, %v", stop, why, err)
	}
}

// TestLeverLater: what is said later counts, though by a clock that is behind; of two of one moment the one that keeps drills away.
func TestLeverLater(t *testing.T) {
	at, drivers := threeStores(t)
	ahead := time.Now().Add(time.Hour)
	at.mustRaise(t, notice{Engaged: true, At: ahead})
	drivers["gcp"].away = true
	at.mustRaise(t, notice{At: time.Now()})
	drivers["gcp"].away = false
	if engaged, _ := at.isEngaged(t); engaged {
		t.Error("released by somebody whose clock is behind, and engaged still")
	}
	at.mustRaise(t, notice{Engaged: true, At: time.Now()})
	if engaged, _ := at.isEngaged(t); !engaged {
		t.Error("engaged by somebody whose clock is behind, and not engaged")
	}
	one, other := notice{Engaged: true, At: ahead}, notice{At: ahead}
	for _, all := range []told{{{notice: one}, {notice: other}}, {{notice: other}, {notice: one}}} {
		if !all.newest().Engaged {
			t.Error("released and engaged at one moment: not engaged")
		}
	}
	if f := (told{{}, {notice: notice{Engaged: true}}}).newest(); !f.Engaged {
		t.Error("what does not say when it was engaged is not engaged")
	}
}

// TestLeverNothingSaid: a store that has nothing is as good as one that says it is released, and is left alone.
func TestLeverNothingSaid(t *testing.T) {
	at, drivers := threeStores(t)
	drivers["aws"].away = true
	at.mustRaise(t, notice{At: time.Now()})
	drivers["aws"].away = false
	engaged, all := at.isEngaged(t)
	if mended, err := at.settle(t.Context(), leverObject, all); engaged || mended != nil || err != nil {
		t.Errorf("engaged: %t; mended %v, %v", engaged, mended, err)
	}
	if _, is := has(t, drivers["aws"]); is {
		t.Error("it was written to")
	}
}

// TestLeverDamaged: what is no notice is told as not read, and written over by the next one.
func TestLeverDamaged(t *testing.T) {
	at, drivers := threeStores(t)
	for _, o := range drivers {
		if _, err := o.Write(t.Context(), leverObject, []byte("{"), ""); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := at.leverNow(t.Context()); err == nil {
		t.Error("nobody can tell, and nothing is said of it")
	}
	missed, err := at.raise(t.Context(), leverObject, notice{Engaged: true, At: time.Now()})
	if err != nil || missed != nil {
		t.Fatalf("missed %v, %v", missed, err)
	}
	if engaged, all := at.isEngaged(t); !engaged || all.unread() != nil {
		t.Errorf("engaged: %t, not read: %v", engaged, all.unread())
	}
}

// TestLeverRaces: whoever writes at the same time does not keep a later notice out, and an earlier one does not take its place.
func TestLeverRaces(t *testing.T) {
	now := time.Now()
	for name, c := range map[string]struct {
		theirs  time.Time
		engaged bool // in the end
		missed  string
	}{
		"theirs is earlier": {now.Add(-time.Second), true, ""},
		"theirs is later":   {now.Add(time.Second), false, "gcp: somebody else was faster"},
	} {
		t.Run(name, func(t *testing.T) {
			at, drivers := threeStores(t)
			drivers["gcp"].before = func() {
				b, err := json.Marshal(notice{At: c.theirs})
				if err == nil {
					_, err = drivers["gcp"].Driver.Write(t.Context(), leverObject, b, "")
				}
				if err != nil {
					t.Error(err)
				}
			}
			missed, err := at.raise(t.Context(), leverObject, notice{Engaged: true, At: now})
			if err != nil || (missed == nil) != (c.missed == "") || missed != nil && !strings.Contains(missed.Error(), c.missed) {
				t.Errorf("missed %v, %v, want %q", missed, err, c.missed)
			}
			if engaged, _ := at.isEngaged(t); engaged != c.engaged {
				t.Errorf("engaged: %t, want %t", engaged, c.engaged)
			}
		})
	}
}

// TestAbortFromAnywhere: an order to give a drill up is obeyed from whatever store has it, also beside a later one for another drill.
func TestAbortFromAnywhere(t *testing.T) {
	at, drivers := threeStores(t)
	drivers["gcp"].away = true
	if _, err := at.raise(t.Context(), abortObject, notice{Token: 7, Why: "customers", At: time.Now()}); err != nil {
		t.Fatal(err)
	}
	drivers["gcp"].away, drivers["aws"].away = false, true
	if _, err := at.raise(t.Context(), abortObject, notice{Token: 8, At: time.Now()}); err != nil {
		t.Fatal(err)
	}
	drivers["aws"].away = false
	for token, want := range map[uint64]bool{7: true, 8: true, 6: false} {
		if stop, why, err := at.engaged(token, t.Logf)(t.Context()); stop != want || err != nil {
			t.Errorf("the drill with token %d is to be given up: %t, %s, %v, want %t", token, stop, why, err, want)
		}
	}
}

var _ store.Driver = (*outage)(nil)
