package resource_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"polygate.example/tools/internal/localcloud/clock"
	"polygate.example/tools/internal/localcloud/resource"
)

// slow is a clock on which an hour is an hour.
func slow() *clock.Clock { return clock.New(1) }

// TestReopen: records, notes and blobs are there again, and the file is for its owner only.
func TestReopen(t *testing.T) {
	t.Parallel()
	d := newDesk(t, resource.Services{})
	d.must(tBox, resource.Props{"name": "a", "tags": resource.List("x"), "labels": resource.Props{"k": "v"}})
	d.must(tThing, resource.Props{"box": "a", "content": d.asset("file", "content")})
	if err := d.store.SetNote("address/a", "127.0.0.9:1"); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(d.dir, "store")
	again, err := resource.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := again.View().All(), d.store.View().All(); !sameRecords(t, got, want) {
		t.Errorf("after reopening:\n%v\nbefore:\n%v", got, want)
	}
	if v, ok := again.Note("address/a"); !ok || v != "127.0.0.9:1" {
		t.Errorf("note %q %t", v, ok)
	}
	thing, _ := again.View().Get(tThing, "a/thing")
	blob, ok := thing.Inputs.Blob("content")
	if !ok {
		t.Fatal("the asset is no asset any more")
	}
	content, err := os.ReadFile(resource.NewEnv(again, toy(), resource.Services{}).BlobFile(blob))
	if err != nil || string(content) != "content" {
		t.Errorf("blob %q %v", content, err)
	}
	if err := again.SetNote("k", "v"); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"records.json", "records.log"} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: mode %v %v, want 0600", name, info.Mode(), err)
		}
	}
}

// sameRecords compares by what would be written: times lose their monotonic part on disk.
func sameRecords(t *testing.T, a, b []resource.Record) bool {
	t.Helper()
	x, err := json.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	y, err := json.Marshal(b)
	if err != nil {
		t.Fatal(err)
	}
	return string(x) == string(y) && reflect.DeepEqual(a[0].Inputs, b[0].Inputs)
}

// TestDamagedFile says what to do, and leaves the file alone.
func TestDamagedFile(t *testing.T) {
	t.Parallel()
	for name, content := range map[string]string{"no JSON": "{", "other version": `{"version": 99}`} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			path := filepath.Join(dir, "records.json")
			if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := resource.Open(dir); err == nil || !strings.Contains(err.Error(), path) {
				t.Errorf("opened: %v", err)
			}
			if b, err := os.ReadFile(path); err != nil || string(b) != content {
				t.Errorf("the file was changed: %q %v", b, err)
			}
		})
	}
}

// TestBlobs: content is kept from the moment of the create, shared by digest, and goes with its last user.
func TestBlobs(t *testing.T) {
	t.Parallel()
	d := newDesk(t, resource.Services{})
	for _, box := range []string{"a", "b"} {
		d.must(tBox, resource.Props{"name": box})
		d.must(tThing, resource.Props{"box": box, "content": d.asset(box, "same")})
	}
	count := func() int {
		t.Helper()
		entries, err := os.ReadDir(filepath.Join(d.dir, "store", "blobs"))
		if err != nil {
			t.Fatal(err)
		}
		return len(entries)
	}
	if n := count(); n != 1 {
		t.Errorf("%d blobs for one content", n)
	}
	d.asset("a", "changed later")
	rec, _ := d.store.View().Get(tThing, "a/thing")
	blob, _ := rec.Inputs.Blob("content")
	b, err := os.ReadFile(resource.NewEnv(d.store, toy(), resource.Services{}).BlobFile(blob))
	if err != nil || string(b) != "same" {
		t.Errorf("kept %q %v", b, err)
	}
	for i, id := range []string{"a/thing", "b/thing"} {
		if err := d.c.Delete(t.Context(), tThing, id, nil, nil); err != nil {
			t.Fatal(err)
		}
		if n := count(); n != 1-i {
			t.Errorf("%d blobs after %d of 2 deletes", n, i+1)
		}
	}
}

// TestAssetProblems: an asset that cannot be read, or whose path means another file here, makes nothing.
func TestAssetProblems(t *testing.T) {
	t.Parallel()
	d := newDesk(t, resource.Services{})
	d.must(tBox, resource.Props{"name": "a"})
	gone := d.asset("gone", "x")
	if err := os.Remove(filepath.Join(d.dir, "gone")); err != nil {
		t.Fatal(err)
	}
	relative := d.asset("relative", "x")
	relative.Source["path"] = "relative"
	for name, tc := range map[string]struct {
		blob  resource.Blob
		words string
	}{"gone": {gone, "no such file"}, "relative": {relative, "give an absolute path"}} {
		t.Run(name, func(t *testing.T) {
			if _, _, err := d.create(tThing, resource.Props{"box": "a", "content": tc.blob}); err == nil || !strings.Contains(err.Error(), tc.words) {
				t.Errorf("got %v, want ...%s...", err, tc.words)
			}
		})
	}
	if n := len(d.store.View().List(tThing)); n != 0 {
		t.Errorf("%d things were made", n)
	}
}

// TestUnsavable: what cannot be saved did not happen.
func TestUnsavable(t *testing.T) {
	t.Parallel()
	d := newDesk(t, resource.Services{})
	d.must(tBox, resource.Props{"name": "a"})
	path := filepath.Join(d.dir, "store", "records.log")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(path, 0o700); err != nil { // nothing can be written to a folder
		t.Fatal(err)
	}
	if _, _, err := d.create(tBox, resource.Props{"name": "b"}); err == nil {
		t.Error("a create that was not saved succeeded")
	}
	if _, ok := d.store.View().Get(tBox, "b"); ok {
		t.Error("what was not saved is there")
	}
}

// TestKilledWhileSaving: the file is as it was before, and the half-written one beside it does not stay.
func TestKilledWhileSaving(t *testing.T) {
	t.Parallel()
	d := newDesk(t, resource.Services{})
	d.must(tBox, resource.Props{"name": "a"})
	dir := filepath.Join(d.dir, "store")
	if err := os.WriteFile(filepath.Join(dir, "records.json.new"), []byte(`{"version": 1, "rec`), 0o600); err != nil {
		t.Fatal(err)
	}
	again, err := resource.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := again.View().Get(tBox, "a"); !ok {
		t.Error("the record saved before is gone")
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.Name() != "blobs" && e.Name() != "records.json" {
			t.Errorf("%s was left behind", e.Name())
		}
	}
}

// TestSeed keeps what exists already.
func TestSeed(t *testing.T) {
	t.Parallel()
	d := newDesk(t, resource.Services{})
	for _, size := range []float64{1, 2} {
		if err := d.store.Seed(resource.Record{Provider: "toy", Type: tBox, ID: "a", Scope: "north", Inputs: resource.Props{"name": "a", "size": size}}); err != nil {
			t.Fatal(err)
		}
	}
	if rec, _ := d.store.View().Get(tBox, "a"); rec.Inputs.Int("size") != 1 {
		t.Errorf("seeding again changed the record: %v", rec)
	}
}

// TestDeployed: what was there before the first deployment, amended or not, and secrets are no deployment's.
func TestDeployed(t *testing.T) {
	t.Parallel()
	d := newDesk(t, resource.Services{})
	seed := resource.Record{Provider: "toy", Type: tBox, ID: "seeded", Scope: "north", Inputs: resource.Props{"name": "seeded"}}
	if err := d.store.Seed(seed); err != nil {
		t.Fatal(err)
	}
	if err := d.store.Amend(t.Context(), func(resource.View) ([]resource.Record, error) { return []resource.Record{seed}, nil }); err != nil {
		t.Fatal(err)
	}
	if _, err := d.store.AddSecret("toy", "token", "value"); err != nil {
		t.Fatal(err)
	}
	if made := d.store.View().Deployed(); len(made) != 0 {
		t.Errorf("before any deployment: %v", made)
	}
	id, _ := d.must(tBox, resource.Props{"name": "made", "size": 1.0})
	if made := d.store.View().Deployed(); len(made) != 1 || made[0].ID != id {
		t.Errorf("deployed %v, want %s alone", made, id)
	}
}
