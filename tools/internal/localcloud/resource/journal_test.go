package resource_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"polygate.example/tools/internal/localcloud/resource"
)

// reopen opens the folder of a desk's store as the next run does.
func (d *desk) reopen() *resource.Store {
	d.t.Helper()
	s, err := resource.Open(filepath.Join(d.dir, "store"))
	if err != nil {
		d.t.Fatal(err)
	}
	return s
}

// TestLog: what was made, changed and deleted since records.json was written is there after reopening, in the same order.
func TestLog(t *testing.T) {
	t.Parallel()
	d := newDesk(t, resource.Services{})
	for _, name := range []string{"a", "b", "c"} {
		d.must(tBox, resource.Props{"name": name})
	}
	d.reopen() // writes records.json; the rest stands in the log alone
	d.must(tBox, resource.Props{"name": "d"})
	if err := d.c.Delete(t.Context(), tBox, "b", resource.Props{"region": "north"}, nil); err != nil {
		t.Fatal(err)
	}
	if err := d.store.Amend(t.Context(), func(v resource.View) ([]resource.Record, error) {
		r, _ := v.Get(tBox, "a")
		r.Private = resource.Props{"amended": true}
		return []resource.Record{r}, nil
	}); err != nil {
		t.Fatal(err)
	}
	got, want := d.reopen().View().All(), d.store.View().All()
	if len(got) != 3 || !got[0].Private.Bool("amended") || !sameRecords(t, got, want) {
		t.Errorf("after reopening:\n%v\nbefore:\n%v", got, want)
	}
}

// TestLogCutOff: a change that a kill kept from being written to its end was never told of, and is left out; what comes after it
// is kept.
func TestLogCutOff(t *testing.T) {
	t.Parallel()
	d := newDesk(t, resource.Services{})
	d.must(tBox, resource.Props{"name": "a"})
	d.must(tBox, resource.Props{"name": "b"})
	log := filepath.Join(d.dir, "store", "records.log")
	b, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(log, b[:len(b)-10], 0o600); err != nil {
		t.Fatal(err)
	}
	again := d.reopen()
	if _, ok := again.View().Get(tBox, "b"); ok || len(again.View().All()) != 1 {
		t.Errorf("records %v, want the one that was written whole", again.View().All())
	}
	if err := again.SetNote("k", "v"); err != nil {
		t.Fatal(err)
	}
	if v, ok := d.reopen().Note("k"); !ok || v != "v" {
		t.Errorf("the note after the cut is %q %t", v, ok)
	}
}

// TestLogDamaged says what to do, and leaves the log alone.
func TestLogDamaged(t *testing.T) {
	t.Parallel()
	d := newDesk(t, resource.Services{})
	d.must(tBox, resource.Props{"name": "a"})
	log := filepath.Join(d.dir, "store", "records.log")
	damaged := []byte("{\n{}\n")
	if err := os.WriteFile(log, damaged, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := resource.Open(filepath.Dir(log)); err == nil || !strings.Contains(err.Error(), log) {
		t.Errorf("opened: %v", err)
	}
	if b, err := os.ReadFile(log); err != nil || !bytes.Equal(b, damaged) {
		t.Errorf("the log was changed: %q %v", b, err)
	}
}

// TestLogStaysShort: the log is folded into records.json when it has grown longer than that, and nothing is lost by it.
func TestLogStaysShort(t *testing.T) {
	t.Parallel()
	d := newDesk(t, resource.Services{})
	d.must(tBox, resource.Props{"name": "a"})
	value := strings.Repeat("x", 100_000)
	for i := range 30 { // 3 MB
		if err := d.store.SetNote("k", fmt.Sprint(i, value)); err != nil {
			t.Fatal(err)
		}
	}
	info, err := os.Stat(filepath.Join(d.dir, "store", "records.log"))
	if err != nil || info.Size() > 1<<20 {
		t.Fatalf("the log has %d bytes after 3 MB of notes, want at most one: %v", info.Size(), err)
	}
	again := d.reopen()
	if v, _ := again.Note("k"); v != "29"+value || len(again.View().All()) != 1 {
		t.Errorf("the note is %.5s..., and there are %d records: want 29x..., 1", v, len(again.View().All()))
	}
}
