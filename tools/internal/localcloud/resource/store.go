package resource

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Record is one resource as its cloud knows it. Records are shared between readers: never change one in place.
type Record struct {
	Provider string    `json:"provider"` // aws, gcp, azure
	Type     string    `json:"type"`     // token
	ID       string    `json:"id"`
	Scope    string    `json:"scope,omitempty"` // makes the id unique, for example a region
	Inputs   Props     `json:"inputs"`
	Computed Props     `json:"computed"`          // outputs beyond the inputs
	Private  Props     `json:"private,omitempty"` // kept by the cloud, never shown to the engine: keys, certificates
	Created  time.Time `json:"created"`           // cloud time
	Serial   int64     `json:"serial"`            // order of creation
}

// Outputs are the inputs with the computed outputs laid over them.
func (r Record) Outputs() Props { return r.Inputs.With(r.Computed) }

// key is the record's identity in the store.
func (r Record) key() string { return r.Type + "|" + r.Scope + "|" + r.ID }

// View is an unchanging picture of all records.
type View struct{ records map[string]Record }

// All lists every record in order of creation.
func (v View) All() []Record {
	out := slices.Collect(maps.Values(v.records))
	slices.SortFunc(out, func(a, b Record) int {
		if a.Serial != b.Serial {
			return int(a.Serial - b.Serial)
		}
		return strings.Compare(a.key(), b.key())
	})
	return out
}

// List lists the records of one type in order of creation.
func (v View) List(token string) []Record {
	return slices.DeleteFunc(v.All(), func(r Record) bool { return r.Type != token })
}

// Get finds a record by type and id. With the same id in several scopes, name the scope with GetIn.
func (v View) Get(token, id string) (Record, bool) {
	for _, r := range v.List(token) {
		if r.ID == id {
			return r, true
		}
	}
	return Record{}, false
}

// GetIn finds a record by type, scope and id.
func (v View) GetIn(token, scope, id string) (Record, bool) {
	r, ok := v.records[Record{Type: token, Scope: scope, ID: id}.key()]
	return r, ok
}

// Where lists the records of one type whose output has the value.
func (v View) Where(token, property string, value any) []Record {
	return slices.DeleteFunc(v.List(token), func(r Record) bool { return r.Outputs()[property] != value })
}

// Find returns the first record of one type whose output has the value.
func (v View) Find(token, property string, value any) (Record, bool) {
	rs := v.Where(token, property, value)
	if len(rs) == 0 {
		return Record{}, false
	}
	return rs[0], true
}

// Store keeps the records of all clouds in a folder: records.json (mode 0600, replaced atomically) and blobs/. All
// methods are safe for concurrent use; the folder belongs to one Store at a time.
type Store struct {
	dir string

	write sync.Mutex // held for the length of a transaction
	snap  atomic.Pointer[map[string]Record]

	notesMu sync.Mutex
	notes   map[string]string

	saveMu sync.Mutex // one writer of the file at a time

	blobMu sync.Mutex
	staged []string // digests in use by operations under way

	changeMu sync.Mutex
	change   chan struct{} // closed at the next change
	hookMu   sync.Mutex    // one run of the hook at a time
	hook     func()
}

// file is the store on disk.
type file struct {
	Version int               `json:"version"`
	Records []Record          `json:"records"`
	Notes   map[string]string `json:"notes"`
}

const fileVersion = 1

// Open opens the store in dir, which is made when it does not exist. A damaged file is an error and left alone.
func Open(dir string) (*Store, error) {
	if err := os.MkdirAll(filepath.Join(dir, "blobs"), 0o700); err != nil {
		return nil, fmt.Errorf("open the store: %w", err)
	}
	s := &Store{dir: dir, notes: map[string]string{}, change: make(chan struct{})}
	records := map[string]Record{}
	b, err := os.ReadFile(s.path())
	switch {
	case errors.Is(err, os.ErrNotExist):
	case err != nil:
		return nil, fmt.Errorf("open the store: %w", err)
	default:
		var f file
		if err := json.Unmarshal(b, &f); err != nil {
			return nil, fmt.Errorf("%s is damaged (%w): stop the local clouds and remove it, then run `polygate up` again", s.path(), err)
		}
		if f.Version != fileVersion {
			return nil, fmt.Errorf("%s has version %d, this program reads %d: remove it, then run `polygate up` again", s.path(), f.Version, fileVersion)
		}
		for _, r := range f.Records {
			records[r.key()] = r
		}
		maps.Copy(s.notes, f.Notes)
	}
	s.snap.Store(&records)
	s.blobMu.Lock()
	defer s.blobMu.Unlock()
	if err := s.sweep(); err != nil {
		return nil, err
	}
	return s, nil
}

func (s *Store) path() string { return filepath.Join(s.dir, "records.json") }

// OnChange sets the hook that runs after each committed change, before the operation that made it returns. It runs
// once at a time and may see more than one change at once. Set it before the first operation.
func (s *Store) OnChange(f func()) {
	s.hookMu.Lock()
	defer s.hookMu.Unlock()
	s.hook = f
}

// View is the committed records.
func (s *Store) View() View { return View{*s.snap.Load()} }

// Note returns a note kept under a key.
func (s *Store) Note(key string) (string, bool) {
	s.notesMu.Lock()
	defer s.notesMu.Unlock()
	v, ok := s.notes[key]
	return v, ok
}

// SetNote keeps a note, such as an address that was given out, and saves it. It may be called from hooks.
func (s *Store) SetNote(key, value string) error {
	s.notesMu.Lock()
	s.notes[key] = value
	s.notesMu.Unlock()
	return s.save()
}

// Seed puts a record there unless one with its identity exists: what the account had before the first deployment.
func (s *Store) Seed(rec Record) error {
	return s.transact(context.Background(), func(t *tx) error {
		if _, ok := t.records[rec.key()]; ok {
			return nil
		}
		t.insert(rec)
		return nil
	})
}

// Amend changes records as one, alone like an operation: what a cloud's own data plane does to them. change returns the records
// it puts in place of those with their identity.
func (s *Store) Amend(ctx context.Context, change func(View) ([]Record, error)) error {
	return s.transact(ctx, func(t *tx) error {
		records, err := change(View{t.records})
		if err != nil {
			return err
		}
		for _, r := range records {
			if err := t.replace(r); err != nil {
				return err
			}
		}
		return nil
	})
}

// tx is a transaction: a copy of the records that replaces them when it commits.
type tx struct {
	records map[string]Record
	dirty   bool
}

func (t *tx) insert(rec Record) {
	for _, r := range t.records {
		rec.Serial = max(rec.Serial, r.Serial+1)
	}
	t.records[rec.key()] = rec
	t.dirty = true
}

func (t *tx) replace(rec Record) error {
	old, ok := t.records[rec.key()]
	if !ok {
		return &Error{Code: CodeNotFound, Message: fmt.Sprintf("there is no %s %q to change", rec.Type, rec.ID)}
	}
	rec.Serial, rec.Created = old.Serial, old.Created
	t.records[rec.key()] = rec
	t.dirty = true
	return nil
}

func (t *tx) remove(rec Record) {
	delete(t.records, rec.key())
	t.dirty = true
}

// transact runs f alone, and commits what it did when it returns no error and ctx has not ended: an engine that is gone
// would never learn of the change.
func (s *Store) transact(ctx context.Context, f func(*tx) error) error {
	changed, err := s.commit(ctx, f)
	if err != nil || !changed {
		return err
	}
	s.Announce()
	return nil
}

// Announce tells whoever waits that something has changed, and runs the change hook: after a commit, and after a note that
// decides what is served.
func (s *Store) Announce() {
	s.changeMu.Lock()
	close(s.change)
	s.change = make(chan struct{})
	s.changeMu.Unlock()
	s.hookMu.Lock()
	defer s.hookMu.Unlock()
	if s.hook != nil {
		s.hook()
	}
}

func (s *Store) commit(ctx context.Context, f func(*tx) error) (changed bool, err error) {
	s.write.Lock()
	defer s.write.Unlock()
	before := s.snap.Load()
	t := &tx{records: maps.Clone(*before)}
	if err := f(t); err != nil {
		return false, err
	}
	if err := ctx.Err(); err != nil {
		return false, fmt.Errorf("interrupted before anything was changed: %w", err)
	}
	if !t.dirty {
		return false, nil
	}
	s.snap.Store(&t.records)
	if err := s.save(); err != nil {
		s.snap.Store(before)
		return false, err
	}
	return true, nil
}

// changes is closed at the next committed change.
func (s *Store) changes() <-chan struct{} {
	s.changeMu.Lock()
	defer s.changeMu.Unlock()
	return s.change
}

// save writes the file anew beside the old one and renames it over it.
func (s *Store) save() error {
	s.saveMu.Lock()
	defer s.saveMu.Unlock()
	s.notesMu.Lock()
	f := file{Version: fileVersion, Records: s.View().All(), Notes: maps.Clone(s.notes)}
	s.notesMu.Unlock()
	b, err := json.MarshalIndent(f, "", " ")
	if err != nil {
		return fmt.Errorf("save the store: %w", err)
	}
	// Always the same name: what a kill left of it, private keys and all, is overwritten by the next save.
	tmp := s.path() + ".new"
	if err := os.WriteFile(tmp, b, 0o600); err != nil {
		return fmt.Errorf("save the store: %w", errors.Join(err, os.Remove(tmp)))
	}
	if err := os.Rename(tmp, s.path()); err != nil {
		return fmt.Errorf("save the store: %w", errors.Join(err, os.Remove(tmp)))
	}
	return nil
}
