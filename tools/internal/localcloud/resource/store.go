package resource

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
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
	Seeded   bool      `json:"seeded,omitempty"`  // was there before the first deployment
	URN      string    `json:"urn,omitempty"`     // what the engine called it when it had it made
	Orphan   bool      `json:"orphan,omitempty"`  // the engine was killed before it could write down that it exists
}

// Outputs are the inputs with the computed outputs laid over them.
func (r Record) Outputs() Props { return r.Inputs.With(r.Computed) }

// output is one of Outputs.
func (r Record) output(name string) any {
	if v, ok := r.Computed[name]; ok {
		return v
	}
	return r.Inputs[name]
}

// identity is by which the store tells records apart.
type identity struct {
	Type  string `json:"type"`
	Scope string `json:"scope,omitempty"`
	ID    string `json:"id"`
}

func (r Record) identity() identity { return identity{r.Type, r.Scope, r.ID} }

// key is the record's identity as one string.
func (r Record) key() string { return r.Type + "|" + r.Scope + "|" + r.ID }

// Store keeps the records of all clouds in a folder: the journal's files (mode 0600) and blobs/. All methods are safe for
// concurrent use; the folder belongs to one Store at a time.
type Store struct {
	dir string

	write sync.Mutex // held for the length of a transaction
	last  int64      // serial of the newest record, below 0 while there was none
	snap  atomic.Pointer[tables]

	notesMu sync.Mutex
	notes   map[string]string

	saveMu  sync.Mutex // one writer of the files at a time
	journal journal

	blobMu sync.Mutex
	staged []string    // digests in use by operations under way
	loose  atomic.Bool // a blob may have lost its last holder

	changeMu  sync.Mutex
	change    chan struct{} // closed at the next change
	announced int           // changes there were

	hookMu sync.Mutex // one run of the hook at a time
	hook   func()
	shown  int // changes there were when the last run of the hook began
}

// Open opens the store in dir, which is made when it does not exist. A damaged file is an error and left alone.
func Open(dir string) (*Store, error) {
	if err := os.MkdirAll(filepath.Join(dir, "blobs"), 0o700); err != nil {
		return nil, fmt.Errorf("open the store: %w", err)
	}
	s := &Store{dir: dir, last: -1, change: make(chan struct{}), journal: journal{dir: dir}}
	records, notes, err := s.journal.read()
	if err != nil {
		return nil, err
	}
	for _, r := range records {
		s.last = max(s.last, r.Serial)
	}
	t := tablesOf(slices.Collect(maps.Values(records)))
	s.snap.Store(&t)
	s.notes = notes
	if s.journal.begun() {
		if err := s.journal.rewrite(s.View().All(), notes); err != nil {
			return nil, err
		}
	}
	s.blobMu.Lock()
	defer s.blobMu.Unlock()
	if err := s.sweep(); err != nil {
		return nil, err
	}
	return s, nil
}

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
	s.saveMu.Lock()
	defer s.saveMu.Unlock()
	return s.save(entry{Notes: map[string]string{key: value}}, *s.snap.Load())
}

// Seed puts a record there unless one with its identity exists: what the account had before the first deployment.
func (s *Store) Seed(rec Record) error {
	return s.transact(context.Background(), func(t *tx) error {
		if _, ok := t.tables.find(rec); ok {
			return nil
		}
		rec.Seeded = true
		t.insert(rec)
		return nil
	})
}

// Amend changes records as one, alone like an operation: what a cloud's own data plane does to them. change returns the records
// it puts in place of those with their identity.
func (s *Store) Amend(ctx context.Context, change func(View) ([]Record, error)) error {
	return s.transact(ctx, func(t *tx) error {
		records, err := change(t.view())
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

// Put writes one record as a cloud's own data plane does, whether there is one with its identity or not. make gives none to change nothing.
// What is new by it was made by no deployment, and goes with what it is in.
func (s *Store) Put(ctx context.Context, make func(View) (*Record, error)) error {
	return s.transact(ctx, func(t *tx) error {
		rec, err := make(t.view())
		if err != nil || rec == nil {
			return err
		}
		if _, ok := t.tables.find(*rec); ok {
			return t.replace(*rec)
		}
		rec.Seeded = true
		t.insert(*rec)
		return nil
	})
}

// BlobFile is where the copy of an asset or archive lies that a record holds.
func (s *Store) BlobFile(b Blob) string { return s.blobFile(b) }

// tx is a transaction: tables that take the place of the store's when it commits, and what is different in them.
type tx struct {
	tables  tables
	last    int64 // as Store.last
	loose   bool  // a record went that held a blob
	put     map[identity]Record
	removed map[identity]bool
}

func (t *tx) view() View { return View{t.tables} }

func (t *tx) insert(rec Record) {
	t.last++
	rec.Serial = max(rec.Serial, t.last)
	t.last = rec.Serial
	t.drop(rec)
	t.add(rec)
}

func (t *tx) replace(rec Record) error {
	old, ok := t.tables.find(rec)
	if !ok {
		return &Error{Code: CodeNotFound, Message: fmt.Sprintf("there is no %s %q to change", rec.Type, rec.ID)}
	}
	rec.Serial, rec.Created, rec.Seeded, rec.URN = old.Serial, old.Created, old.Seeded, old.URN
	t.loose = t.loose || old.holdsBlob()
	records := slices.Clone(t.tables[rec.Type].records)
	records[t.tables[rec.Type].at[rec.identity()]] = rec
	t.tables[rec.Type] = tableOf(records)
	t.put[rec.identity()] = rec
	return nil
}

func (t *tx) remove(rec Record) {
	if t.drop(rec) {
		delete(t.put, rec.identity())
		t.removed[rec.identity()] = true
	}
}

// add puts a record at the end of its table.
func (t *tx) add(rec Record) {
	t.tables[rec.Type] = tableOf(append(slices.Clone(t.tables.of(rec.Type)), rec))
	delete(t.removed, rec.identity())
	t.put[rec.identity()] = rec
}

// drop takes the record of an identity out of its table, when there is one.
func (t *tx) drop(rec Record) bool {
	old, ok := t.tables.find(rec)
	if ok {
		t.loose = t.loose || old.holdsBlob()
		i := t.tables[rec.Type].at[rec.identity()]
		t.tables[rec.Type] = tableOf(slices.Delete(slices.Clone(t.tables[rec.Type].records), i, i+1))
	}
	return ok
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

// Announce tells whoever waits that something has changed, and has the change hook run: after a commit, and after a note that
// decides what is served. Changes that come while it runs share its next run.
func (s *Store) Announce() {
	s.changeMu.Lock()
	close(s.change)
	s.change = make(chan struct{})
	s.announced++
	mine := s.announced
	s.changeMu.Unlock()
	s.hookMu.Lock()
	defer s.hookMu.Unlock()
	if s.hook == nil || s.shown >= mine {
		return
	}
	s.changeMu.Lock()
	s.shown = s.announced
	s.changeMu.Unlock()
	s.hook()
}

func (s *Store) commit(ctx context.Context, f func(*tx) error) (changed bool, err error) {
	s.write.Lock()
	defer s.write.Unlock()
	t := &tx{tables: maps.Clone(*s.snap.Load()), last: s.last, put: map[identity]Record{}, removed: map[identity]bool{}}
	if err := f(t); err != nil {
		return false, err
	}
	if err := ctx.Err(); err != nil {
		return false, fmt.Errorf("interrupted before anything was changed: %w", err)
	}
	if len(t.put) == 0 && len(t.removed) == 0 {
		return false, nil
	}
	s.saveMu.Lock()
	defer s.saveMu.Unlock()
	if err := s.save(entry{Removed: slices.Collect(maps.Keys(t.removed)), Records: slices.Collect(maps.Values(t.put))}, t.tables); err != nil {
		return false, err
	}
	s.snap.Store(&t.tables)
	s.last = t.last
	if t.loose {
		s.loose.Store(true)
	}
	return true, nil
}

// changes is closed at the next committed change.
func (s *Store) changes() <-chan struct{} {
	s.changeMu.Lock()
	defer s.changeMu.Unlock()
	return s.change
}

// save keeps a change, after which the records are these. The caller holds saveMu.
func (s *Store) save(e entry, after tables) error {
	whole := func() error {
		s.notesMu.Lock()
		notes := maps.Clone(s.notes)
		s.notesMu.Unlock()
		return s.journal.rewrite(View{after}.All(), notes)
	}
	if s.journal.torn {
		return whole()
	}
	if err := s.journal.append(e); err != nil {
		return err
	}
	if s.journal.long() {
		_ = whole() // the change is kept already; the next one tries again
	}
	return nil
}
