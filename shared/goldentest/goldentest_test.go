package goldentest

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// seen is a test that notes what it was told.
type seen struct {
	testing.TB
	errors []string
}

func (s *seen) Helper() {}

func (s *seen) Errorf(format string, args ...any) {
	s.errors = append(s.errors, fmt.Sprintf(format, args...))
}

// updating sets the flag until the test ends.
func updating(t *testing.T, on bool) {
	t.Helper()
	before := *update
	*update = on
	t.Cleanup(func() { *update = before })
}

func TestCompare(t *testing.T) {
	updating(t, false)
	file := filepath.Join(t.TempDir(), "kept.txt")
	if err := os.WriteFile(file, []byte("first\nsecond\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, file, got string
		says            []string // nothing, if there is no difference
	}{
		{"the same", file, "first\nsecond\n", nil},
		{"another line", file, "first\nthird\n", []string{"kept.txt", "second", "third", "-want +got", "-update"}},
		{"no end of line", file, "first\nsecond", []string{"kept.txt"}},
		{"nothing", file, "", []string{"kept.txt"}},
		{"no file", file + ".json", "first\nsecond\n", []string{"kept.txt.json", "no such file", "-update"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			text, bytes := &seen{TB: t}, &seen{TB: t}
			Compare(text, c.file, c.got)
			Compare(bytes, c.file, []byte(c.got))
			for kind, s := range map[string]*seen{"text": text, "bytes": bytes} {
				if (len(s.errors) == 0) != (c.says == nil) {
					t.Errorf("%s: said %q, want %q", kind, s.errors, c.says)
				}
				for _, want := range c.says {
					if !strings.Contains(strings.Join(s.errors, "\n"), want) {
						t.Errorf("%s: %q does not say %s", kind, s.errors, want)
					}
				}
			}
		})
	}
	if b, err := os.ReadFile(file); string(b) != "first\nsecond\n" || err != nil {
		t.Errorf("a comparison changed the file to %q, %v", b, err)
	}
	if _, err := os.Stat(file + ".json"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a comparison wrote a file: %v", err)
	}
}

func TestUpdate(t *testing.T) {
	updating(t, true)
	file := filepath.Join(t.TempDir(), "testdata", "new.txt")
	for _, content := range []string{"first\n", "second\n"} {
		Compare(t, file, content)
		if b, err := os.ReadFile(file); string(b) != content || err != nil {
			t.Errorf("the file holds %q, %v: want %q", b, err, content)
		}
	}
	updating(t, false)
	Compare(t, file, "second\n")
}
