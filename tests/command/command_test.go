package command

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestResults: what an earlier run wrote is gone as soon as another begins, and what this one found is in its place afterwards.
func TestResults(t *testing.T) {
	checkout := t.TempDir()
	t.Chdir(checkout)
	dist := filepath.Join(checkout, "dist")
	if err := os.Mkdir(dist, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{"go.mod": "module example\n", "dist/run.json": "old", "dist/run.svg": "old", "dist/other.json": "another's"} {
		if err := os.WriteFile(filepath.Join(checkout, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	results, err := Begin(t.Context(), "run")
	if err != nil {
		t.Fatal(err)
	}
	if left, err := filepath.Glob(filepath.Join(dist, "*")); err != nil || len(left) != 1 || filepath.Base(left[0]) != "other.json" {
		t.Errorf("after the beginning there are %q, %v", left, err)
	}
	var said strings.Builder
	if err := results.Write(&said, map[string]int{"lost": 3}, "<svg/>\n"); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"run.json": "{\n \"lost\": 3\n}\n", "run.svg": "<svg/>\n"} {
		if got, err := os.ReadFile(filepath.Join(dist, name)); err != nil || string(got) != want {
			t.Errorf("%s holds %q, %v", name, got, err)
		}
	}
	if got, want := said.String(), "wrote dist/run.json\nwrote dist/run.svg\n"; got != want {
		t.Errorf("it says %q, want %q", got, want)
	}
}

// TestNoModule: outside a checkout nothing is removed or written.
func TestNoModule(t *testing.T) {
	t.Chdir(t.TempDir())
	if _, err := Begin(t.Context(), "run"); err == nil || !strings.Contains(err.Error(), "run it inside the checkout") {
		t.Errorf("error %v", err)
	}
}
