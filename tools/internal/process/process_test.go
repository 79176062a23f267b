//go:build unix

package process

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

func TestAlive(t *testing.T) {
	if !Alive(os.Getpid()) {
		t.Error("this process is not alive")
	}
	if Alive(0) || Alive(-1) {
		t.Error("a process group was taken for a process")
	}
	cmd := exec.Command("sleep", "60")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if !Alive(cmd.Process.Pid) {
		t.Error("the child is not alive")
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	// Not waited for yet: it is a zombie as soon as the signal has done its work.
	for deadline := time.Now().Add(10 * time.Second); Alive(cmd.Process.Pid); {
		if time.Now().After(deadline) {
			t.Fatal("a zombie counts as alive")
		}
	}
	if err := cmd.Wait(); err == nil {
		t.Error("the child ended by itself")
	}
	if Alive(cmd.Process.Pid) {
		t.Error("a process that is gone is alive")
	}
}

func TestLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	unlock, err := TryLock(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := TryLock(path); !errors.Is(err, ErrLocked) {
		t.Errorf("taken twice: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	if _, err := Lock(ctx, path, cancel); !errors.Is(err, context.Canceled) {
		t.Errorf("waiting for a lock that is held: %v", err)
	}
	unlock()
	again, err := Lock(t.Context(), path, func() { t.Error("nobody holds it") })
	if err != nil {
		t.Fatal(err)
	}
	again()
}

// TestLockOfARemovedFile: a lock on a file that has gone with its folder keeps nobody out of the next one.
func TestLockOfARemovedFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if !stands(f, path) {
		t.Error("the file is not the one at its path")
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if stands(f, path) {
		t.Error("a file that was removed stands")
	}
	again, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	again.Close()
	if stands(f, path) {
		t.Error("a file that was replaced stands")
	}
}
