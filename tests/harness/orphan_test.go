package harness

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestOrphanage: what is started for a process that ends without a word is ended, and nothing is done for one that has closed it.
func TestOrphanage(t *testing.T) {
	dir := t.TempDir()
	bin, told := filepath.Join(dir, "polygate"), filepath.Join(dir, "told")
	if err := os.WriteFile(bin, []byte("#!/bin/sh\necho \"$@\" > \""+told+".new\" && mv \""+told+".new\" \""+told+"\"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	if os.Getenv("ORPHANAGE_OF") != "" { // the process that ends without a word
		if _, err := newOrphanage(os.Getenv("ORPHANAGE_OF"), "/project"); err != nil {
			t.Fatal(err)
		}
		os.Exit(3)
	}
	o, err := newOrphanage(bin, "/project")
	if err != nil {
		t.Fatal(err)
	}
	if err := o.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(told); err == nil {
		t.Error("something is done although it was closed")
	}
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestOrphanage$")
	child.Env = append(os.Environ(), "ORPHANAGE_OF="+bin)
	if out, err := child.CombinedOutput(); child.ProcessState.ExitCode() != 3 {
		t.Fatalf("%v\n%s", err, out)
	}
	for range 1000 {
		if b, err := os.ReadFile(told); err == nil {
			if got := strings.TrimSpace(string(b)); got != "-C /project destroy --force" {
				t.Errorf("done: %s", got)
			}
			return
		}
		time.Sleep(10 * time.Millisecond) // between two looks at the file of another process
	}
	t.Error("nothing is done for a process that has ended")
}
