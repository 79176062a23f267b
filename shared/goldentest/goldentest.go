// Package goldentest holds what tests get against files that are kept beside them. `go test <package> -update` writes these anew.
package goldentest

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files of the package anew; read the difference before committing it")

// Compare fails a test whose file is not byte for byte as what it got; with -update it writes the file first.
func Compare(t testing.TB, file string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v; -update writes it", err)
	}
	if d := difference(string(want), string(got)); d != "" {
		t.Errorf("%s differs; if it should, run the test with -update: %s", filepath.ToSlash(file), d)
	}
}

// context is how many lines of each text a difference is told with.
const context = 5

// difference is where two texts differ first, with some lines of each from there on; "" where they are the same.
func difference(want, got string) string {
	if want == got {
		return ""
	}
	w, g := strings.SplitAfter(want, "\n"), strings.SplitAfter(got, "\n")
	at := 0
	for at < len(w) && at < len(g) && w[at] == g[at] {
		at++
	}
	from := func(lines []string) string {
		return strings.Join(lines[min(at, len(lines)):min(at+context, len(lines))], "")
	}
	return fmt.Sprintf("line %d\nwant: %q\n got: %q", at+1, from(w), from(g))
}
