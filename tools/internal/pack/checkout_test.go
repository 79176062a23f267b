package pack

import (
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"polygate.example/shared/artefact"
)

// scratch is one folder for all tests of the package: builds are slow and shared.
var scratch string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "pack-test-*")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	scratch = dir
	code := m.Run()
	if err := os.RemoveAll(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// A result is one build of a checkout.
type result struct {
	root     string // the checkout
	out      string
	manifest artefact.Manifest
	steps    []string
}

// original is a copy of this checkout. Every other copy is made from it, so that all have the same files even while
// somebody edits the checkout.
var original = sync.OnceValues(func() (string, error) {
	dir := filepath.Join(scratch, "a")
	return dir, copyCheckout(filepath.Join("..", "..", ".."), dir)
})

// first is the build of the original.
var first = sync.OnceValues(func() (result, error) {
	root, err := original()
	if err != nil {
		return result{}, err
	}
	return buildIn(root, filepath.Join(scratch, "first"))
})

// buildIn builds all providers for this machine, so that what is built can be run.
func buildIn(root, out string) (result, error) {
	r := result{root: root, out: out}
	var err error
	r.manifest, err = Build(context.Background(), Options{
		Root: root, Environment: "test", Document: filepath.Join("testdata", "test.gateway.yaml"), Out: out,
		GOOS: runtime.GOOS, GOARCH: runtime.GOARCH, Progress: func(s string) { r.steps = append(r.steps, s) },
	})
	return r, err
}

// built is the first build, or the end of the test.
func built(t *testing.T) result {
	t.Helper()
	r, err := first()
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// copied is a copy of the checkout that a test may change.
func copied(t *testing.T) string {
	t.Helper()
	root, err := original()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "another", "place")
	if err := copyCheckout(root, dir); err != nil {
		t.Fatal(err)
	}
	return dir
}

// copyCheckout copies what a build needs.
func copyCheckout(from, to string) error {
	for _, part := range []string{"go.mod", "go.sum", "shared", "functions"} {
		err := filepath.WalkDir(filepath.Join(from, part), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			rel, err := filepath.Rel(from, path)
			if err != nil {
				return err
			}
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			name := filepath.Join(to, rel)
			return errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, data, 0o644))
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// put writes a file into a checkout.
func put(t *testing.T, root, name, text string) {
	t.Helper()
	path := filepath.Join(root, filepath.FromSlash(name))
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
		t.Fatal(err)
	}
}

// entries are the contents of a zip by name.
func entries(t *testing.T, path string) map[string]*zip.File {
	t.Helper()
	z, err := zip.OpenReader(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { z.Close() })
	byName := map[string]*zip.File{}
	for _, f := range z.File {
		byName[f.Name] = f
	}
	return byName
}

// content is one entry's bytes.
func content(t *testing.T, f *zip.File) []byte {
	t.Helper()
	if f == nil {
		t.Fatal("the entry is not there")
	}
	r, err := f.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// unpack writes a zip's entries to a folder, with their modes.
func unpack(t *testing.T, path, dir string) {
	t.Helper()
	for name, f := range entries(t, path) {
		to := filepath.Join(dir, filepath.FromSlash(name))
		if err := errors.Join(os.MkdirAll(filepath.Dir(to), 0o755), os.WriteFile(to, content(t, f), f.Mode())); err != nil {
			t.Fatal(err)
		}
	}
}

// wantError checks that an error says all of these.
func wantError(t *testing.T, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatal("no error")
	}
	for _, p := range parts {
		if !strings.Contains(err.Error(), p) {
			t.Errorf("the error does not say %q: %v", p, err)
		}
	}
}
