package resource_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"polygate.example/tools/internal/localcloud/resource"
)

// TestPreview makes nothing and says what is not known yet.
func TestPreview(t *testing.T) {
	t.Parallel()
	d := newDesk(t, resource.Services{})
	in := resource.Props{"name": "a", "region": resource.Unknown{}, "lock": resource.Props{"kind": "k"}}
	id, out, err := d.c.Create(t.Context(), tBox, "", in, nil, true)
	if err != nil || id != "" {
		t.Fatal(id, err)
	}
	if !out.Unknown("url") || !out.Unknown("region") || !out.Object("lock").Unknown("serial") || out.Str("name") != "a" {
		t.Errorf("preview of a create: %v", out)
	}
	if len(d.store.View().All()) > 0 {
		t.Error("a preview made something")
	}
	id, old := d.must(tBox, resource.Props{"name": "a"})
	out, err = d.c.Update(t.Context(), tBox, id, old, resource.Props{"name": "a", "size": 20.0}, nil, true)
	if err != nil || !out.Unknown("version") || out.Str("url") != "box://a" || out.Int("size") != 20 {
		t.Errorf("preview of an update: %v %v", out, err)
	}
	if rec, _ := d.store.View().Get(tBox, "a"); rec.Inputs.Int("size") != 10 {
		t.Error("a preview changed something")
	}
	// What is computed stays, unless the program gives it.
	made := old.With(resource.Props{"lock": resource.Props{"kind": "k", "serial": "made"}})
	for want, lock := range map[string]resource.Props{"made": {"kind": "k"}, "given": {"kind": "k", "serial": "given"}} {
		out, err = d.c.Update(t.Context(), tBox, id, made, resource.Props{"name": "a", "lock": lock}, nil, true)
		if err != nil || out.Object("lock").Str("serial") != want {
			t.Errorf("preview with lock %v: %v %v, want serial %q", lock, out, err, want)
		}
	}
	// What the update itself answers is what its preview said: an input that is taken away is no output any more.
	in = resource.Props{"name": "b", "region": "north", "size": 10.0, "colour": "red"}
	id, old = d.must(tBox, in)
	delete(in, "colour")
	preview, err := d.c.Update(t.Context(), tBox, id, old, in, nil, true)
	if err != nil {
		t.Fatal(err)
	}
	out, err = d.c.Update(t.Context(), tBox, id, old, in, nil, false)
	if err != nil || !slices.Equal(preview.Keys(), out.Keys()) {
		t.Errorf("previewed outputs %v, then got %v (%v)", preview.Keys(), out.Keys(), err)
	}
}

// TestLifecycle walks one resource through its life.
func TestLifecycle(t *testing.T) {
	t.Parallel()
	d := newDesk(t, resource.Services{})
	id, out := d.must(tBox, resource.Props{"name": "a", "colour": "red"})
	if out.Str("url") != "box://a" || out[resource.PrivateKey] != nil || out["key"] != nil {
		t.Errorf("outputs %v", out)
	}
	if rec, ok, err := d.c.Read(tBox, id, out); err != nil || !ok || rec.Private.Str("key") != "hidden" || rec.Inputs.Int("size") != 10 {
		t.Errorf("read: %v %t %v", rec, ok, err)
	}
	in := resource.Props{"name": "a", "region": "north", "size": 20.0, "colour": "red"}
	out, err := d.c.Update(t.Context(), tBox, id, out, in, nil, false)
	if err != nil || out.Int("version") != 2 || out.Int("size") != 20 || out.Str("url") != "box://a" {
		t.Errorf("update: %v %v", out, err)
	}
	if _, err := d.c.Update(t.Context(), tBox, id, out, in.With(resource.Props{"colour": "blue"}), nil, false); err == nil {
		t.Error("a refused update went through")
	}
	if rec, _ := d.store.View().Get(tBox, id); rec.Inputs.Str("colour") != "red" {
		t.Error("a refused update left something behind")
	}
	for range 2 { // the second time there is nothing: no error either
		if err := d.c.Delete(t.Context(), tBox, id, out, nil); err != nil {
			t.Error(err)
		}
	}
	if _, ok, err := d.c.Read(tBox, id, out); ok || err != nil {
		t.Errorf("read after delete: %t %v", ok, err)
	}
	if _, err := d.c.Update(t.Context(), tBox, id, out, in, nil, false); resource.Code(err) != resource.CodeNotFound {
		t.Errorf("update after delete: %v", err)
	}
}

// TestScope: one id in two regions are two resources, and an import names the region.
func TestScope(t *testing.T) {
	t.Parallel()
	d := newDesk(t, resource.Services{})
	_, north := d.must(tBox, resource.Props{"name": "a", "region": "north"})
	_, south := d.must(tBox, resource.Props{"name": "a", "region": "south"})
	if _, _, err := d.create(tBox, resource.Props{"name": "a", "region": "south"}); resource.Code(err) != resource.CodeConflict {
		t.Errorf("a second box of the name in the region: %v", err)
	}
	if _, ok, _ := d.c.Read(tBox, "a", nil); ok {
		t.Error("an id without region found one of two")
	}
	if rec, ok, _ := d.c.Read(tBox, "a@south", nil); !ok || rec.Inputs.Str("region") != "south" {
		t.Errorf("import a@south: %t %v", ok, rec)
	}
	if err := d.c.Delete(t.Context(), tBox, "a", north, nil); err != nil {
		t.Fatal(err)
	}
	if _, ok, _ := d.c.Read(tBox, "a", south); !ok {
		t.Error("deleting the northern box took the southern one")
	}
}

// TestReferences: hooks see and amend other records, and what is in use stays.
func TestReferences(t *testing.T) {
	t.Parallel()
	d := newDesk(t, resource.Services{})
	if _, _, err := d.create(tThing, resource.Props{"box": "a"}); resource.Code(err) != "NoSuchBox" {
		t.Errorf("a thing without its box: %v", err)
	}
	box, out := d.must(tBox, resource.Props{"name": "a"})
	thing, _ := d.must(tThing, resource.Props{"box": "a"})
	if rec, _ := d.store.View().Get(tBox, box); rec.Computed.Int("version") != 99 {
		t.Error("the amended record was not committed")
	}
	if err := d.c.Delete(t.Context(), tBox, box, out, nil); resource.Code(err) != "BoxNotEmpty" {
		t.Errorf("delete in use: %v", err)
	}
	if err := d.c.Delete(t.Context(), tThing, thing, nil, nil); err != nil {
		t.Fatal(err)
	}
	if err := d.c.Delete(t.Context(), tBox, box, out, nil); err != nil {
		t.Error(err)
	}
}

// TestWaitEndsWithChange: a Prepare hook that waits goes on as soon as the record is there, however slow the clock is.
func TestWaitEndsWithChange(t *testing.T) {
	t.Parallel()
	d := newDesk(t, resource.Services{Clock: slow()})
	done := make(chan error, 1)
	go func() {
		_, _, err := d.c.Create(t.Context(), tThing, "", resource.Props{"box": "a"}, nil, false)
		done <- err
	}()
	d.must(tBox, resource.Props{"name": "a"})
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// TestCancel: an operation whose engine is gone ends, and leaves nothing behind that the engine does not know of.
func TestCancel(t *testing.T) {
	t.Parallel()
	d := newDesk(t, resource.Services{Clock: slow()})
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(10*time.Millisecond, cancel)
	if _, _, err := d.c.Create(ctx, tThing, "", resource.Props{"box": "never"}, nil, false); !errors.Is(err, context.Canceled) {
		t.Errorf("a waiting create ended with %v", err)
	}
	if _, _, err := d.c.Create(ctx, tBox, "", resource.Props{"name": "late", "region": "north"}, nil, false); !errors.Is(err, context.Canceled) {
		t.Errorf("a create of an engine that is gone ended with %v", err)
	}
	if n := len(d.store.View().All()); n != 0 {
		t.Errorf("%d records were left behind", n)
	}
}

// TestOutage: a broken control plane refuses everything but checks, in the provider's words, and nothing else of the
// world is touched.
func TestOutage(t *testing.T) {
	t.Parallel()
	var down atomic.Bool
	d := newDesk(t, resource.Services{Refuse: func(p string) bool { return p == "toy" && down.Load() }})
	id, out := d.must(tBox, resource.Props{"name": "a"})
	down.Store(true)
	in := resource.Props{"name": "b", "region": "north"}
	for name, op := range map[string]func() error{
		"create": func() error { _, _, err := d.c.Create(t.Context(), tBox, "", in, nil, false); return err },
		"read":   func() error { _, _, err := d.c.Read(tBox, id, out); return err },
		"update": func() error { _, err := d.c.Update(t.Context(), tBox, id, out, in, nil, false); return err },
		"delete": func() error { return d.c.Delete(t.Context(), tBox, id, out, nil) },
	} {
		if err := op(); resource.Code(err) != "ServiceUnavailable" {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, _, err := d.c.Create(t.Context(), tBox, "", in, nil, true); err != nil {
		t.Errorf("a preview asks no control plane: %v", err)
	}
	down.Store(false)
	if _, ok, err := d.c.Read(tBox, id, out); !ok || err != nil {
		t.Errorf("after the outage: %t %v", ok, err)
	}
}

// TestConcurrency: many creates at once are all kept, in a store that saves after each.
func TestConcurrency(t *testing.T) {
	t.Parallel()
	d := newDesk(t, resource.Services{})
	var runs atomic.Int32
	d.store.OnChange(func() { runs.Add(1) })
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			in := resource.Props{"name": fmt.Sprintf("box-%d", i), "region": "north"}
			if _, _, err := d.c.Create(t.Context(), tBox, "", in, nil, false); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := len(d.store.View().All()); n != 20 {
		t.Errorf("%d records, want 20", n)
	}
	if runs.Load() == 0 {
		t.Error("the change hook never ran")
	}
}

// TestUnsupported names what there is.
func TestUnsupported(t *testing.T) {
	t.Parallel()
	d := newDesk(t, resource.Services{})
	_, _, err := d.c.Check(t.Context(), resource.Checking{Token: "toy:x/cup:Cup"})
	want := "the local clouds do not have toy:x/cup:Cup; supported of toy: toy:x/box:Box, toy:x/thing:Thing"
	if resource.Code(err) != resource.CodeUnsupported || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

// TestDescription: mistakes in a description are found when the controller is made.
func TestDescription(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(*resource.Type){
		"property twice":         func(b *resource.Type) { b.Properties = append(b.Properties, b.Properties[0]) },
		"unique of nothing":      func(b *resource.Type) { b.Unique = []string{"nothing"} },
		"modelled and not":       func(b *resource.Type) { b.Unmodelled = []string{"size"} },
		"volatile, not computed": func(b *resource.Type) { b.Volatile = []string{"size"} },
		"automatic name nowhere": func(b *resource.Type) { b.AutoName = &resource.AutoName{Property: "nothing"} },
		"no Create":              func(b *resource.Type) { b.Create = nil },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cloud := toy()
			spoil(cloud.Types[0])
			store, err := resource.Open(t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			if _, err := resource.NewController(cloud, store, resource.Services{}); err == nil {
				t.Error("accepted")
			}
		})
	}
}
