package process

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestIdentify: a binary is known by what the go command says its build ID is, and one without by its content.
func TestIdentify(t *testing.T) {
	self, err := Self()
	if err != nil {
		t.Fatal(err)
	}
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), "go", "tool", "buildid", path).Output()
	if err != nil {
		t.Fatal(err)
	}
	if want := strings.TrimSpace(string(out)); self != want {
		t.Errorf("this test is %q, the go command says %q", self, want)
	}

	file := func(name, content string) string {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, []byte(content), 0o700); err != nil {
			t.Fatal(err)
		}
		id, err := identify(path)
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	long := strings.Repeat("x", 2*headSize)
	ids := map[string]string{"short": file("a", "x"), "long": file("b", long), "other at the end": file("c", long+"y")}
	seen := map[string]string{}
	for name, id := range ids {
		if other, ok := seen[id]; ok || id == "" {
			t.Errorf("%s and %q are both %q", name, other, id)
		}
		seen[id] = name
	}
	if again := file("d", long); again != ids["long"] {
		t.Errorf("the same content is %q and %q", again, ids["long"])
	}
}
