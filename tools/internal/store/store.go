// Package store is the seam to the places where a stack keeps what has to be found without Pulumi's state: a bucket at every provider it is
// on. It holds small documents, each written under the condition that nobody else has written it since it was read. Each kind of place is a
// folder below this one; the local clouds answer the same calls.
package store

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"time"
)

// Names of what a stack keeps.
const (
	Topology = "topology.json" // topology.Topology; Pulumi writes it with everything else
	Lock     = "lock.json"     // see package lock
)

var (
	// ErrNotFound says that the place was asked and has no such document. That the place itself does not exist is another error, where it tells.
	ErrNotFound = errors.New("there is no such document")
	// ErrConflict says that somebody else has written the document since it was read, or removed it.
	ErrConflict = errors.New("somebody else has written it meanwhile")
)

// Most is the size in bytes up to which documents are read and written. A topology has some hundred bytes a region.
const Most = 4 << 20

// Driver is a place of one kind. Any error but ErrNotFound and ErrConflict means that the place could not be asked, or that it is not known
// whether it did what it was told.
type Driver interface {
	// Read gives a document as it was last written, or ErrNotFound.
	Read(ctx context.Context, name string) (Object, error)
	// Write replaces a document if its version is still ifVersion; "" means that there must be none. It gives the new version, or
	// ErrConflict. Whoever reads meanwhile sees the old one or the new one, whole.
	Write(ctx context.Context, name string, data []byte, ifVersion string) (version string, err error)
	// Where says what place it is, for people: "s3://bucket".
	Where() string
}

// Object is a document as it was read.
type Object struct {
	Data     []byte
	Version  string    // to write it by; of no meaning otherwise, never ""
	Modified time.Time // when it was written, in the place's own time
}

// Store is one place.
type Store struct {
	name   string
	driver Driver
}

// New makes a store of a driver. The name is what people call it: the provider that the place is at.
func New(name string, d Driver) *Store { return &Store{name: name, driver: d} }

// Name is what people call the store.
func (s *Store) Name() string { return s.name }

// Where says what place it is.
func (s *Store) Where() string { return s.driver.Where() }

// Read gives a document and the version to write it by, or ErrNotFound.
func (s *Store) Read(ctx context.Context, name string) (data []byte, version string, err error) {
	o, err := s.Object(ctx, name)
	return o.Data, o.Version, err
}

// Object is Read that also tells when the document was written.
func (s *Store) Object(ctx context.Context, name string) (Object, error) {
	if err := check(name); err != nil {
		return Object{}, err
	}
	o, err := s.driver.Read(ctx, name)
	if err == nil && o.Version == "" {
		err = errors.New("the place gave it no version")
	}
	if err != nil {
		return Object{}, fmt.Errorf("read %s of %s at %s: %w", name, s.Where(), s.name, err)
	}
	return o, nil
}

// Write replaces a document if its version is still ifVersion, and fails with ErrConflict otherwise; "" means that there must be none.
func (s *Store) Write(ctx context.Context, name string, data []byte, ifVersion string) (version string, err error) {
	if err := check(name); err != nil {
		return "", err
	}
	if len(data) > Most {
		return "", fmt.Errorf("write %s: it has %d bytes, and a document has at most %d", name, len(data), Most)
	}
	version, err = s.driver.Write(ctx, name, data, ifVersion)
	if err == nil && version == "" {
		err = errors.New("the place gave it no version")
	}
	if err != nil {
		return "", fmt.Errorf("write %s of %s at %s: %w", name, s.Where(), s.name, err)
	}
	return version, nil
}

// names keep to what every place takes as it is, a file system too.
var names = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,62}$`)

func check(name string) error {
	if !names.MatchString(name) {
		return fmt.Errorf("%q is no name of a document: want up to 63 of a-z, 0-9, '.', '_' and '-', beginning with a letter or digit", name)
	}
	return nil
}
