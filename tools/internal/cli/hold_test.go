package cli

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"polygate.example/infra/settings"
	"polygate.example/shared/topology"
	"polygate.example/tools/internal/lock"
	"polygate.example/tools/internal/store"
	"polygate.example/tools/internal/store/file"
)

// TestHold: a verb waits for nobody who has the lock elsewhere, takes it over from this folder's own dead, and goes on where nobody can tell.
func TestHold(t *testing.T) {
	t.Parallel()
	var said bytes.Buffer
	a := &app{output: newOutput(&bytes.Buffer{}, &said, os.Getenv), getenv: func(string) string { return "" }, root: project(t, map[string]string{"Pulumi.dev.yaml": dev}), stack: "dev"}
	deployed := &topology.Topology{Environment: "dev"} // before there were stores
	s := settings.Settings{}
	stores := []*store.Store{store.New("this machine", file.New(filepath.Join(a.workDir(), "store")))}

	_, release, err := a.hold(t.Context(), s, nil, purposeRelease)
	if err != nil {
		t.Fatal(err)
	}
	release()
	if got := lock.Show(t.Context(), stores, time.Now()); got.Token != 0 {
		t.Errorf("where nothing is deployed: %+v", got)
	}

	_, release, err = a.hold(t.Context(), s, deployed, purposeRelease)
	if err != nil {
		t.Fatal(err)
	}
	held := lock.Show(t.Context(), stores, time.Now())
	if held.Holder == nil || held.Holder.Purpose != purposeRelease || held.Holder.Owner != owner() {
		t.Errorf("while it is held: %+v", held)
	}
	_, again, err := a.hold(t.Context(), s, deployed, purposeRelease) // as after a kill -9: lock keeps the living apart
	if err != nil {
		t.Fatal(err)
	}
	again()
	release()
	if got := lock.Show(t.Context(), stores, time.Now()); got.Holder != nil || got.Token <= held.Token {
		t.Errorf("after its release: %+v", got)
	}

	other, err := lock.Acquire(t.Context(), stores, lock.Options{Purpose: "drill", Owner: "bob@elsewhere"})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err = a.hold(t.Context(), s, deployed, purposeRelease); !errors.Is(err, lock.ErrHeld) || exitCode(err) != ExitBlocked || !strings.Contains(err.Error(), "bob@elsewhere") || !strings.Contains(err.Error(), "drill abort") {
		t.Errorf("while it is held elsewhere: exit code %d, %v", exitCode(err), err)
	}
	if err := other.Release(t.Context()); err != nil {
		t.Fatal(err)
	}

	alone, release, err := a.hold(t.Context(), s, deployed, purposeRelease)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := lock.Break(t.Context(), stores, lock.Show(t.Context(), stores, time.Now()).Token, lock.Options{Owner: "bob@elsewhere"}); err != nil {
		t.Fatal(err)
	}
	if other, err = lock.Acquire(t.Context(), stores, lock.Options{Purpose: "drill", Owner: "bob@elsewhere"}); err != nil {
		t.Fatal(err)
	}
	select {
	case <-alone.Done():
	case <-time.After(30 * time.Second): // it is renewed every 10 s
		t.Fatal("a verb goes on though the stack is another's")
	}
	if err := overtaken(alone, alone.Err()); exitCode(err) != ExitLost || !strings.Contains(err.Error(), "bob@elsewhere") {
		t.Errorf("a verb whose stack was taken: exit code %d, %v", exitCode(err), err)
	}
	release()
	if err := other.Release(t.Context()); err != nil {
		t.Fatal(err)
	}

	unknown := &topology.Topology{Environment: "dev", Stores: []topology.Store{{Provider: "other", Name: "nowhere"}}}
	if _, release, err = a.hold(t.Context(), s, unknown, "failover"); err != nil {
		t.Fatalf("where nobody can tell: %v", err)
	}
	release()
	if !strings.Contains(said.String(), "nobody can tell whether somebody else is at work") {
		t.Errorf("it says %q", said.String())
	}
}

// A folder that was copied is another place: who works there is not the one that has died here.
func TestPlace(t *testing.T) {
	here := &app{stack: "dev", root: t.TempDir()}
	first, err := here.place()
	if err != nil {
		t.Fatal(err)
	}
	if again, err := here.place(); err != nil || again != first {
		t.Errorf("asked again it is %q, %v; want %q", again, err, first)
	}
	there := &app{stack: "dev", root: t.TempDir()}
	b, err := os.ReadFile(filepath.Join(here.workDir(), "place"))
	if err == nil {
		err = errors.Join(os.MkdirAll(there.workDir(), 0o755), os.WriteFile(filepath.Join(there.workDir(), "place"), b, 0o600))
	}
	if err != nil {
		t.Fatal(err)
	}
	if copied, err := there.place(); err != nil || copied == first {
		t.Errorf("a copy is %q, %v; want another place than %q", copied, err, first)
	}
}
