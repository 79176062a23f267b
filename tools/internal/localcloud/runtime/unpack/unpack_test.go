package unpack

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"polygate.example/tools/internal/localcloud/runtime/runtimetest"
)

func TestToKeepsContentAndPermissions(t *testing.T) {
	path, digest := runtimetest.Zip(t, map[string]runtimetest.File{
		"bootstrap":  {Content: []byte("run me"), Mode: 0o755},
		"a/b/c.json": {Content: []byte("{}")},
	})
	dir := t.TempDir()
	root, err := To(dir, path, digest)
	if err != nil {
		t.Fatal(err)
	}
	if want := filepath.Join(dir, digest); root != want {
		t.Errorf("unpacked to %s, want %s", root, want)
	}
	info, err := os.Stat(filepath.Join(root, "bootstrap"))
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o755 {
		t.Errorf("bootstrap has mode %v, want 0755", info.Mode())
	}
	if b, err := os.ReadFile(filepath.Join(root, "a", "b", "c.json")); err != nil || string(b) != "{}" {
		t.Errorf("nested file: %q, %v", b, err)
	}
}

func TestToUnpacksADigestOnce(t *testing.T) {
	path, digest := runtimetest.Zip(t, map[string]runtimetest.File{"f": {Content: []byte("x")}})
	dir := t.TempDir()
	root, err := To(dir, path, digest)
	if err != nil {
		t.Fatal(err)
	}
	mark := filepath.Join(root, "mark")
	if err := os.WriteFile(mark, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := To(dir, path, digest); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(mark); err != nil {
		t.Errorf("the folder was made again: %v", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("%d entries left in the folder, want the package only (%v)", len(entries), err)
	}
}

func TestToRefuses(t *testing.T) {
	good, _ := runtimetest.Zip(t, map[string]runtimetest.File{"f": {Content: []byte("x")}})
	leaves, leavesDigest := runtimetest.Zip(t, map[string]runtimetest.File{"../out": {Content: []byte("x")}})
	link, linkDigest := runtimetest.Zip(t, map[string]runtimetest.File{"l": {Content: []byte("/etc/passwd"), Mode: 0o777 | os.ModeSymlink}})
	for _, tt := range []struct {
		name, path, digest string
		want               error
	}{
		{"another digest", good, leavesDigest, ErrDigest},
		{"an entry outside", leaves, leavesDigest, ErrUnsafe},
		{"a symbolic link", link, linkDigest, ErrUnsafe},
		{"no file", filepath.Join(t.TempDir(), "none.zip"), "", os.ErrNotExist},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			if _, err := To(dir, tt.path, tt.digest); !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
			if entries, err := os.ReadDir(dir); err != nil || len(entries) != 0 {
				t.Errorf("%d entries left behind (%v)", len(entries), err)
			}
		})
	}
}
