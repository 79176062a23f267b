package pack

import (
	"archive/zip"
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"polygate.example/shared/artefact"
)

// file is one entry of an artefact.
type file struct {
	name string      // slash-separated, relative
	mode fs.FileMode // 0755 for what is executed, 0644 for the rest
	data []byte
}

// Modes of the entries, whatever the checkout's umask.
const (
	modeExec  fs.FileMode = 0o755
	modePlain fs.FileMode = 0o644
)

// epoch is every entry's time: the first a zip can tell.
var epoch = time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)

// zipped packs the files, sorted by name. Equal files give equal bytes.
func zipped(files []file) ([]byte, error) {
	files = slices.SortedFunc(slices.Values(files), func(a, b file) int { return cmp.Compare(a.name, b.name) })
	var buf bytes.Buffer
	z := zip.NewWriter(&buf)
	for i, f := range files {
		if !fs.ValidPath(f.name) || i > 0 && files[i-1].name == f.name {
			return nil, fmt.Errorf("zip: the entry %q is twice there or is no path", f.name)
		}
		h := &zip.FileHeader{Name: f.name, Method: zip.Deflate, Modified: epoch}
		h.SetMode(f.mode)
		w, err := z.CreateHeader(h)
		if err == nil {
			_, err = w.Write(f.data)
		}
		if err != nil {
			return nil, fmt.Errorf("zip %s: %w", f.name, err)
		}
	}
	if err := z.Close(); err != nil {
		return nil, fmt.Errorf("zip: %w", err)
	}
	return buf.Bytes(), nil
}

// carries checks that a zip holds an entry with exactly these bytes.
func carries(z []byte, name string, want []byte) error {
	r, err := zip.NewReader(bytes.NewReader(z), int64(len(z)))
	if err != nil {
		return fmt.Errorf("read back the zip: %w", err)
	}
	f, err := r.Open(name)
	if err != nil {
		return fmt.Errorf("the zip has no %s: %w", name, err)
	}
	defer func() { _ = f.Close() }() // only read
	got, err := io.ReadAll(f)
	if err != nil {
		return fmt.Errorf("read back %s: %w", name, err)
	}
	if !bytes.Equal(got, want) {
		return fmt.Errorf("the zip's %s is not the one compiled from the gateway document", name)
	}
	return nil
}

// sum is the SHA-256 of b in hex.
func sum(b []byte) string {
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}

// release is the release id: "r" and 12 hex digits of a hash over the model's digest and the artefacts', in the
// manifest's order, which is that of the providers' names. It does not depend on the environment's name: what is the
// same everywhere is the same release.
func release(m artefact.Manifest) string {
	var b bytes.Buffer
	fmt.Fprintf(&b, "model %s\n", m.Model)
	for _, a := range m.Artefacts {
		fmt.Fprintf(&b, "%s %s\n", a.Provider, a.SHA256)
	}
	return "r" + sum(b.Bytes())[:12]
}

// write puts the artefacts and then the manifest into the folder, each by renaming a finished file. Artefacts of providers that
// are none of this environment's any more go last.
func write(dir string, m artefact.Manifest, artefacts []packed) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("write artefacts: %w", err)
	}
	manifest, err := m.Encode()
	if err != nil {
		return err
	}
	gone := Providers()
	for _, a := range artefacts {
		if err := writeFile(filepath.Join(dir, a.File), a.zip); err != nil {
			return err
		}
		gone = slices.DeleteFunc(gone, func(p string) bool { return p == a.Provider })
	}
	if err := writeFile(filepath.Join(dir, artefact.ManifestFile), manifest); err != nil {
		return err
	}
	for _, provider := range gone {
		if err := os.Remove(filepath.Join(dir, fileOf(provider))); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove an artefact that is none any more: %w", err)
		}
	}
	return nil
}

// writeFile replaces a file in one step. What a killed build left of the new one is overwritten.
func writeFile(path string, data []byte) error {
	part := filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+".new")
	err := os.WriteFile(part, data, modePlain)
	if err == nil {
		err = os.Chmod(part, modePlain) // whatever the umask
	}
	if err == nil {
		err = os.Rename(part, path)
	}
	if err != nil {
		_ = os.Remove(part) // the error that counts is the one before
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

// scratchDir makes a folder for what is built on the way, and a function that removes it.
func scratchDir() (string, func(), error) {
	dir, err := os.MkdirTemp("", "polygate-pack-*")
	if err != nil {
		return "", nil, fmt.Errorf("make a scratch folder: %w", err)
	}
	return dir, func() { _ = os.RemoveAll(dir) }, nil
}
