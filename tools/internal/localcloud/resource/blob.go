package resource

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/archive"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/asset"
)

// Blob is an asset or archive: where it came from, and the copy the store keeps of it.
type Blob struct {
	Archive bool           `json:"archive"`          // a zip, else a plain file
	Source  map[string]any `json:"source"`           // the engine's own description, handed back to it unchanged
	Hash    string         `json:"hash"`             // the engine's content hash, by which a Diff compares
	SHA256  string         `json:"sha256,omitempty"` // of the store's copy, hex; "" until it was staged
	Size    int64          `json:"size,omitempty"`   // bytes of the store's copy
}

// storedBlob has Blob's fields without its marshaller.
type storedBlob Blob

// MarshalJSON marks the blob so that it is told apart from a plain object when it is read back.
func (b Blob) MarshalJSON() ([]byte, error) {
	return json.Marshal(map[string]storedBlob{blobKey: storedBlob(b)})
}

// write copies the blob's present content to w. Archives become a zip, whatever they were made of.
func (b Blob) write(w io.Writer) (err error) {
	if b.Archive {
		a, _, err := archive.Deserialize(b.Source)
		if err != nil {
			return err
		}
		if path, ok := a.GetPath(); ok {
			if !filepath.IsAbs(path) {
				return fmt.Errorf("the archive path %q is relative: the local clouds run in another folder, give an absolute path", path)
			}
			if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
				return copyFile(w, path) // as it is, so that the digest is the one that was built
			}
		}
		return a.Archive(archive.ZIPArchive, w)
	}
	a, _, err := asset.Deserialize(b.Source)
	if err != nil {
		return err
	}
	if path, ok := a.GetPath(); ok && !filepath.IsAbs(path) {
		return fmt.Errorf("the asset path %q is relative: the local clouds run in another folder, give an absolute path", path)
	}
	r, err := a.Read()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	_, err = io.Copy(w, r)
	return err
}

func copyFile(w io.Writer, path string) (err error) {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	_, err = io.Copy(w, f)
	return err
}

// stage copies the blob's content into the store under its SHA-256, and returns the blob with digest and size.
func (s *Store) stage(b Blob) (_ Blob, err error) {
	if b.SHA256 != "" {
		if _, err := os.Stat(s.blobFile(b)); err == nil {
			return b, nil
		}
	}
	tmp, err := os.CreateTemp(s.blobDir(), "staging-*")
	if err != nil {
		return Blob{}, fmt.Errorf("stage an asset: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(tmp.Name()))
		}
	}()
	h := sha256.New()
	err = b.write(io.MultiWriter(tmp, h))
	if err := errors.Join(err, tmp.Close()); err != nil {
		return Blob{}, fmt.Errorf("read an asset: %w", err)
	}
	info, err := os.Stat(tmp.Name())
	if err != nil {
		return Blob{}, err
	}
	b.SHA256, b.Size = hex.EncodeToString(h.Sum(nil)), info.Size()
	if err := os.Rename(tmp.Name(), s.blobFile(b)); err != nil {
		return Blob{}, fmt.Errorf("stage an asset: %w", err)
	}
	return b, nil
}

// stageAll stages every blob among the values of p. It also returns the digests, which the caller must release.
func (s *Store) stageAll(p Props) (Props, []string, error) {
	var digests []string
	var walk func(v any) (any, error)
	walk = func(v any) (any, error) {
		switch v := v.(type) {
		case Blob:
			b, err := s.stage(v)
			if err != nil {
				return nil, err
			}
			digests = append(digests, b.SHA256)
			return b, nil
		case Props:
			out := Props{}
			for k, e := range v {
				w, err := walk(e)
				if err != nil {
					return nil, fmt.Errorf("%s: %w", k, err)
				}
				out[k] = w
			}
			return out, nil
		case []any:
			out := make([]any, len(v))
			for i, e := range v {
				w, err := walk(e)
				if err != nil {
					return nil, fmt.Errorf("[%d]: %w", i, err)
				}
				out[i] = w
			}
			return out, nil
		}
		return v, nil
	}
	s.blobMu.Lock()
	defer s.blobMu.Unlock()
	v, err := walk(p)
	if err != nil {
		return nil, nil, err
	}
	s.staged = append(s.staged, digests...)
	return v.(Props), digests, nil
}

// release says that staged digests are now held by a record or not needed, and removes every copy nobody holds. A copy
// that cannot be removed now is no reason to fail the operation: it is tried again at the next release, and Open reports it.
func (s *Store) release(digests []string) {
	if loose := s.loose.Swap(false); !loose && len(digests) == 0 {
		return
	}
	s.blobMu.Lock()
	defer s.blobMu.Unlock()
	for _, d := range digests {
		if i := slices.Index(s.staged, d); i >= 0 {
			s.staged = slices.Delete(s.staged, i, i+1)
		}
	}
	if s.sweep() != nil {
		s.loose.Store(true)
	}
}

// holdsBlob reports whether a record holds a copy.
func (r Record) holdsBlob() bool {
	found := false
	for _, p := range []Props{r.Inputs, r.Computed, r.Private} {
		eachBlob(p, func(Blob) { found = true })
	}
	return found
}

// eachBlob visits the blobs among the values of a property.
func eachBlob(v any, visit func(Blob)) {
	switch v := v.(type) {
	case Blob:
		visit(v)
	case Props:
		for _, e := range v {
			eachBlob(e, visit)
		}
	case []any:
		for _, e := range v {
			eachBlob(e, visit)
		}
	}
}

// sweep removes the copies that no record holds. The caller holds blobMu.
func (s *Store) sweep() error {
	held := map[string]bool{}
	for _, d := range s.staged {
		held[d] = true
	}
	for _, r := range s.View().All() {
		for _, p := range []Props{r.Inputs, r.Computed, r.Private} {
			eachBlob(p, func(b Blob) { held[b.SHA256] = true })
		}
	}
	entries, err := os.ReadDir(s.blobDir())
	if err != nil {
		return fmt.Errorf("sweep assets: %w", err)
	}
	for _, e := range entries {
		if !held[e.Name()] {
			if err := os.Remove(filepath.Join(s.blobDir(), e.Name())); err != nil {
				return fmt.Errorf("sweep assets: %w", err)
			}
		}
	}
	return nil
}

func (s *Store) blobDir() string        { return filepath.Join(s.dir, "blobs") }
func (s *Store) blobFile(b Blob) string { return filepath.Join(s.blobDir(), b.SHA256) }

var _ json.Marshaler = Blob{}
