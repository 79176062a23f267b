// Package file keeps documents in a folder, for stacks that have no other place yet.
package file

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"polygate.example/tools/internal/process"
	"polygate.example/tools/internal/store"
)

// Folder is a place on this machine.
type Folder struct{ dir string }

// New keeps documents in a folder, which is made by the first of them.
func New(dir string) *Folder { return &Folder{dir: dir} }

// Where is the folder.
func (f *Folder) Where() string { return f.dir }

// Read gives a document. Its version is its digest: the same bytes are the same version.
func (f *Folder) Read(ctx context.Context, name string) (store.Object, error) {
	if err := ctx.Err(); err != nil {
		return store.Object{}, err
	}
	file, err := os.Open(filepath.Join(f.dir, name))
	if errors.Is(err, fs.ErrNotExist) {
		return store.Object{}, store.ErrNotFound
	}
	if err != nil {
		return store.Object{}, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return store.Object{}, err
	}
	if info.Size() > store.Most {
		return store.Object{}, fmt.Errorf("it has %d bytes, and a document has at most %d", info.Size(), store.Most)
	}
	data := make([]byte, info.Size()) // files here are replaced and never written to: the size is final
	if _, err := file.ReadAt(data, 0); err != nil && len(data) > 0 {
		return store.Object{}, err
	}
	return store.Object{Data: data, Version: version(data), Modified: info.ModTime()}, nil
}

// Write replaces a document in one step, one writer after the other.
func (f *Folder) Write(ctx context.Context, name string, data []byte, ifVersion string) (string, error) {
	if err := os.MkdirAll(f.dir, 0o755); err != nil {
		return "", err
	}
	unlock, err := process.Lock(ctx, filepath.Join(f.dir, ".writing"), func() {})
	if err != nil {
		return "", err
	}
	defer unlock()
	now, err := f.Read(ctx, name)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return "", err
	}
	if now.Version != ifVersion {
		return "", store.ErrConflict
	}
	part, err := os.CreateTemp(f.dir, ".new-*")
	if err != nil {
		return "", err
	}
	defer os.Remove(part.Name()) // after the renaming there is none
	_, err = part.Write(data)
	if err := errors.Join(err, part.Sync(), part.Close()); err != nil {
		return "", err
	}
	if err := os.Rename(part.Name(), filepath.Join(f.dir, name)); err != nil {
		return "", err
	}
	return version(data), nil
}

func version(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

var _ store.Driver = (*Folder)(nil)
