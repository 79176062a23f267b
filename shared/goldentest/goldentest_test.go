package goldentest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// recorder is a test that may fail.
type recorder struct {
	testing.TB
	said string
}

func (r *recorder) Helper() {}

func (r *recorder) Errorf(format string, args ...any) { r.said += strings.TrimSpace(format) }

func TestCompare(t *testing.T) {
	file := filepath.Join(t.TempDir(), "page.txt")
	if err := os.WriteFile(file, []byte("one\ntwo\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for got, fails := range map[string]bool{"one\ntwo\n": false, "one\ntwo": true, "one\nthree\n": true, "": true} {
		r := &recorder{TB: t}
		Compare(r, file, []byte(got))
		if (r.said != "") != fails {
			t.Errorf("%q: it says %q", got, r.said)
		}
	}
}

func TestUpdate(t *testing.T) {
	*update = true
	defer func() { *update = false }()
	file := filepath.Join(t.TempDir(), "page.txt")
	Compare(t, file, []byte("new\n"))
	if b, err := os.ReadFile(file); err != nil || string(b) != "new\n" {
		t.Errorf("it wrote %q, %v", b, err)
	}
}

func TestDifference(t *testing.T) {
	for _, c := range []struct{ want, got, says string }{
		{"a\nb\n", "a\nb\n", ""},
		{"a\nb\nc\n", "a\nx\nc\n", "line 2\nwant: \"b\\nc\\n\"\n got: \"x\\nc\\n\""},
		{"a\n", "a\nb\n", "line 2\nwant: \"\"\n got: \"b\\n\""},
		{"a\nb", "a\n", "line 2\nwant: \"b\"\n got: \"\""},
	} {
		if d := difference(c.want, c.got); d != c.says {
			t.Errorf("%q and %q: %s", c.want, c.got, d)
		}
	}
}
