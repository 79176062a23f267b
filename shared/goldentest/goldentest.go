// Package goldentest holds what tests get against golden files, which are kept beside them and are written anew with -update.
package goldentest

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files of this package anew; read the difference before committing it")

// Compare holds what was got against a file, to the byte. With -update the file becomes that, with its folder.
func Compare[Text string | []byte](t testing.TB, file string, got Text) {
	t.Helper()
	if *update {
		if err := write(file, []byte(got)); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Errorf("%v: run the test with -update to write it", err)
		return
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s differs (-want +got); if it should, run the test with -update:\n%s", file, diff)
	}
}

func write(file string, content []byte) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	return os.WriteFile(file, content, 0o644)
}
