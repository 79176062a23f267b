package file_test

import (
	"os"
	"path/filepath"
	"testing"

	"polygate.example/tools/internal/store"
	"polygate.example/tools/internal/store/file"
	"polygate.example/tools/internal/store/storetest"
)

func TestConformance(t *testing.T) {
	storetest.Run(t, func(t *testing.T) storetest.Bed {
		dir := filepath.Join(t.TempDir(), "stack", "store")
		return storetest.Bed{Driver: file.New(dir), Another: file.New(dir)}
	})
}

// What cannot be read is no missing document: whoever takes it for one would write over it.
func TestUnreadable(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, store.Lock), 0o755); err != nil {
		t.Fatal(err)
	}
	s := store.New("file", file.New(dir))
	if _, _, err := s.Read(t.Context(), store.Lock); err == nil {
		t.Error("a folder was read as a document")
	}
	if _, err := s.Write(t.Context(), store.Lock, []byte("x"), ""); err == nil {
		t.Error("a folder was written over")
	}
}

// Nothing but documents and the writers' lock stays behind.
func TestTidy(t *testing.T) {
	dir := t.TempDir()
	s := store.New("file", file.New(dir))
	v, err := s.Write(t.Context(), store.Lock, []byte("one"), "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Write(t.Context(), store.Lock, []byte("two"), v); err != nil {
		t.Fatal(err)
	}
	left, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range left {
		if e.Name() != store.Lock && e.Name() != ".writing" {
			t.Errorf("%s was left behind", e.Name())
		}
	}
}
