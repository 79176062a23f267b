package cli

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"polygate.example/tools/internal/store"
	"polygate.example/tools/internal/store/file"
)

// silent is a store that takes a request and says nothing.
type silent struct{}

func (silent) Where() string { return "nowhere" }

func (silent) Read(ctx context.Context, _ string) (store.Object, error) {
	<-ctx.Done()
	return store.Object{}, ctx.Err()
}

func (silent) Write(ctx context.Context, _ string, _ []byte, _ string) (string, error) {
	<-ctx.Done()
	return "", ctx.Err()
}

// TestLeverOutage: the emergency lever is engaged and seen though a store, and the first one, says nothing; which one is told, and who looks
// while a drill runs does not wait for it.
func TestLeverOutage(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		at := &drillSeat{stores: []*store.Store{store.New("aws", silent{}), store.New("gcp", file.New(dir))}}
		ctx := t.Context()
		look := at.engaged(7, t.Logf)
		if engaged, why, err := look(ctx); engaged || err != nil {
			t.Fatalf("%t, %s, %v", engaged, why, err)
		}
		begun := time.Now()
		missed, err := at.raise(ctx, leverObject, notice{Engaged: true, Why: "an incident", At: time.Now()})
		if err != nil || missed == nil || time.Since(begun) > 10*time.Second {
			t.Fatalf("missed %v, %v after %s: want the silent one named, soon", missed, err, time.Since(begun))
		}
		for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(time.Second) {
			begun := time.Now()
			engaged, _, err := look(ctx)
			if time.Since(begun) > 0 || err != nil {
				t.Fatalf("it took %s, %v", time.Since(begun), err)
			}
			if engaged {
				break
			}
			if time.Now().After(deadline) {
				t.Fatal("nobody sees that it is engaged")
			}
		}
		none := &drillSeat{stores: at.stores[:1]}
		if _, err := none.raise(ctx, abortObject, notice{}); err == nil {
			t.Error("no store took it, and it is said to be told")
		}
		if _, _, err := none.leverNow(ctx); err == nil {
			t.Error("no store could be asked, and nothing is said of it")
		}
	})
}

// A report is there as a whole or not at all.
func TestKeepFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "outcome.json")
	for _, text := range []string{"one", "2"} {
		if err := keepFile(path, []byte(text)); err != nil {
			t.Fatal(err)
		}
		if b, err := os.ReadFile(path); err != nil || string(b) != text {
			t.Errorf("%q, %v", b, err)
		}
	}
	if err := keepFile(filepath.Join(path, "x"), nil); err == nil {
		t.Error("a file below a file")
	}
}

var _ store.Driver = silent{}
