package drill

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

// Files of a drill, in the folder of its id.
const (
	EventsFile  = "events.jsonl" // what happened, as it happened
	OutcomeFile = "outcome.json"
)

// Event is a line of a journal.
type Event struct {
	Seq     int             `json:"seq"`     // from 1
	At      time.Time       `json:"at"`      // by the wall clock
	Elapsed float64         `json:"elapsed"` // wall seconds since the first event, by a clock that nobody sets
	Name    string          `json:"event"`   // one of the constants
	Data    json.RawMessage `json:"data,omitempty"`
}

// Names of events.
const (
	EventBegun     = "begun"     // Begun
	EventCheck     = "check"     // report.Check
	EventBreaking  = "breaking"  // Breaking: before the order, so that whoever reads it knows what may be broken
	EventBroken    = "broken"    // Fault
	EventEvidence  = "evidence"  // Evidence
	EventMending   = "mending"   // []Fault
	EventMended    = "mended"    // []Fault
	EventRun       = "run"       // Run
	EventEnded     = "ended"     // Ended
	EventRecovered = "recovered" // Ended: another run found that this one had died, and mended what it broke
)

// Begun is the data of the first event.
type Begun struct {
	ID          string          `json:"id"`
	Environment string          `json:"environment"`
	Title       string          `json:"title"`
	Faults      []Fault         `json:"faults"`
	Token       uint64          `json:"token"`
	Process     int             `json:"process"`
	Experiment  json.RawMessage `json:"experiment"`
	Expected    Expected        `json:"expected"`
}

// Breaking is a fault that is about to be ordered.
type Breaking struct {
	Fault Fault `json:"fault"`
	Lease Lease `json:"lease"`
}

// Ended is how it ended.
type Ended struct {
	Verdict Verdict `json:"verdict"`
	Because string  `json:"because"`
	Outcome string  `json:"outcome,omitempty"` // digest of it
}

// Journal is written while a drill runs. Each event is on disk before the next step is taken, so that after a crash the journal says what may
// be broken. All methods are safe for concurrent use.
type Journal struct {
	mu    sync.Mutex
	file  *os.File
	begun time.Time
	wall  func() time.Time
	seq   int
	sum   hash.Hash
	err   error
	after func(Event)
}

// NewJournal begins one in a folder, which must not have any yet.
func NewJournal(dir string, wall func() time.Time) (*Journal, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("keep a journal: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(dir, EventsFile), os.O_CREATE|os.O_EXCL|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return nil, fmt.Errorf("keep a journal: %w", err)
	}
	if wall == nil {
		wall = time.Now
	}
	return &Journal{file: f, begun: time.Now(), wall: wall, sum: sha256.New()}, nil
}

// Each has something done with every event from now on, once it is on disk and before the next step is taken.
func (j *Journal) Each(do func(Event)) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.after = do
}

// Note appends an event and has it written to disk.
func (j *Journal) Note(name string, data any) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	b, err := json.Marshal(data)
	if err != nil {
		return fmt.Errorf("journal: %s: %w", name, err)
	}
	j.seq++
	e := Event{Seq: j.seq, At: j.wall().UTC(), Elapsed: time.Since(j.begun).Seconds(), Name: name, Data: b}
	line, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("journal: %s: %w", name, err)
	}
	line = append(line, '\n')
	_, err = j.file.Write(line)
	if err = errors.Join(err, j.file.Sync()); err != nil {
		j.err = errors.Join(j.err, fmt.Errorf("journal: %s: %w", name, err))
		return j.err
	}
	j.sum.Write(line)
	if j.after != nil {
		j.after(e)
	}
	return nil
}

// Digest is of all events so far.
func (j *Journal) Digest() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return "sha256:" + hex.EncodeToString(j.sum.Sum(nil))
}

// Close ends it.
func (j *Journal) Close() error { return j.file.Close() }

// Append adds an event to the journal of a drill that has died.
func Append(dir, name string, data any) error {
	events, err := Events(dir)
	if err != nil {
		return err
	}
	b, err := json.Marshal(data)
	if err != nil {
		return err
	}
	line, err := json.Marshal(Event{Seq: len(events) + 1, At: time.Now().UTC(), Name: name, Data: b})
	if err != nil {
		return err
	}
	path := filepath.Join(dir, EventsFile)
	old, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	if n := len(old); n > 0 && old[n-1] != '\n' { // the last line was cut off by the crash
		line = append([]byte{'\n'}, line...)
	}
	_, err = f.Write(append(line, '\n'))
	return errors.Join(err, f.Sync(), f.Close())
}

// Events reads a journal. A line that a crash cut off is left out; there is one at most, since each is on disk before the next.
func Events(dir string) ([]Event, error) {
	b, err := os.ReadFile(filepath.Join(dir, EventsFile))
	if err != nil {
		return nil, err
	}
	var out []Event
	lines := bufio.NewScanner(bytes.NewReader(b))
	lines.Buffer(nil, 64<<20)
	torn := ""
	for lines.Scan() {
		var e Event
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			if torn != "" {
				return out, fmt.Errorf("%s: line %d is no event, nor is one before it: the file is damaged: %w", filepath.Join(dir, EventsFile), len(out)+2, err)
			}
			torn = lines.Text()
			continue
		}
		out = append(out, e)
	}
	return out, lines.Err()
}

// Past is a drill that was run.
type Past struct {
	ID      string
	Dir     string
	Begun   Begun
	Started time.Time
	Ended   *Ended   // nil while it runs, or where it died
	Outcome *Outcome // nil without one
	Err     error    // why its journal cannot be read
}

// History lists what was run in a folder of drills, oldest first.
func History(dir string) ([]Past, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var out []Past
	for _, e := range entries {
		if e.IsDir() {
			out = append(out, Recall(dir, e.Name()))
		}
	}
	slices.SortFunc(out, func(a, b Past) int { return a.Started.Compare(b.Started) })
	return out, nil
}

// Recall reads one drill.
func Recall(dir, id string) Past {
	p := Past{ID: id, Dir: filepath.Join(dir, id)}
	events, err := Events(p.Dir)
	if err != nil {
		p.Err = err
		return p
	}
	for _, e := range events {
		switch e.Name {
		case EventBegun:
			p.Started = e.At
			p.Err = errors.Join(p.Err, json.Unmarshal(e.Data, &p.Begun))
		case EventEnded, EventRecovered:
			p.Ended = &Ended{}
			p.Err = errors.Join(p.Err, json.Unmarshal(e.Data, p.Ended))
		}
	}
	b, err := os.ReadFile(filepath.Join(p.Dir, OutcomeFile))
	switch {
	case err == nil:
		p.Outcome = &Outcome{}
		p.Err = errors.Join(p.Err, json.Unmarshal(b, p.Outcome))
		if p.Err == nil {
			p.Err = p.sealed()
		}
	case !errors.Is(err, fs.ErrNotExist):
		p.Err = errors.Join(p.Err, err)
	}
	return p
}

// sealed holds the outcome and the journal against each other: each has the digest of the other.
func (p Past) sealed() error {
	b, err := os.ReadFile(filepath.Join(p.Dir, EventsFile))
	if err != nil {
		return err
	}
	sum := sha256.New()
	for line := range bytes.Lines(b) {
		var e Event
		if json.Unmarshal(line, &e) == nil && e.Name == EventEnded {
			break
		}
		sum.Write(line)
	}
	switch journal := "sha256:" + hex.EncodeToString(sum.Sum(nil)); {
	case p.Outcome.Digests.Journal != journal:
		return fmt.Errorf("%s is not what %s was made of: its digest is another", filepath.Join(p.Dir, EventsFile), OutcomeFile)
	case p.Ended != nil && p.Ended.Outcome != "" && p.Ended.Outcome != p.Outcome.Digest():
		return fmt.Errorf("%s is not what the journal has the digest of: it was changed since", filepath.Join(p.Dir, OutcomeFile))
	}
	return nil
}
