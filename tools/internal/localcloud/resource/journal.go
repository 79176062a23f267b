package resource

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
)

// file is records.json: everything as it was when the journal was begun.
type file struct {
	Version int               `json:"version"`
	Records []Record          `json:"records"`
	Notes   map[string]string `json:"notes"`
}

const fileVersion = 1

// entry is a line of the journal: what one change put in place of what was there. Read twice it does no harm, so that a journal
// may stay beside a file that holds all of it already.
type entry struct {
	Removed []identity        `json:"removed,omitempty"` // before Records are put there
	Records []Record          `json:"records,omitempty"`
	Notes   map[string]string `json:"notes,omitempty"`
}

// journal keeps the store on disk in two files: records.json, and records.log with what has changed since, a line for each change.
// What saving a change costs so goes by the change, and not by all there is. Both files have mode 0600.
type journal struct {
	dir   string
	size  int64 // bytes of the log
	torn  bool  // the end of the log is of a change that did not happen
	whole int64 // bytes of records.json
}

// leastLog is how long the log may always become, in bytes. It is folded into records.json when it is longer than this and than
// that file, so that all foldings together write about as much as was logged.
const leastLog = 1 << 20

func (j *journal) path() string { return filepath.Join(j.dir, "records.json") }
func (j *journal) log() string  { return filepath.Join(j.dir, "records.log") }
func (j *journal) next() string { return j.path() + ".new" }

// read returns what is kept. A line that was never finished belongs to a change that nobody was told of: it is left out. Anything
// else that cannot be read is an error, and the files are left alone.
func (j *journal) read() (records map[identity]Record, notes map[string]string, err error) {
	records, notes = map[identity]Record{}, map[string]string{}
	b, err := os.ReadFile(j.path())
	switch {
	case errors.Is(err, os.ErrNotExist):
	case err != nil:
		return nil, nil, fmt.Errorf("open the store: %w", err)
	default:
		var f file
		if err := json.Unmarshal(b, &f); err != nil {
			return nil, nil, damaged(j.path(), err)
		}
		if f.Version != fileVersion {
			return nil, nil, fmt.Errorf("%s has version %d, this program reads %d: remove it, then run `polygate up` again", j.path(), f.Version, fileVersion)
		}
		for _, r := range f.Records {
			records[r.identity()] = r
		}
		maps.Copy(notes, f.Notes)
		j.whole = int64(len(b))
	}
	b, err = os.ReadFile(j.log())
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, nil, fmt.Errorf("open the store: %w", err)
	}
	j.size = int64(len(b))
	for line := range bytes.Lines(b) {
		if !bytes.HasSuffix(line, []byte("\n")) {
			break
		}
		var e entry
		if err := json.Unmarshal(line, &e); err != nil {
			return nil, nil, damaged(j.log(), err)
		}
		for _, id := range e.Removed {
			delete(records, id)
		}
		for _, r := range e.Records {
			records[r.identity()] = r
		}
		maps.Copy(notes, e.Notes)
	}
	return records, notes, nil
}

func damaged(path string, err error) error {
	return fmt.Errorf("%s is damaged (%w): stop the local clouds and remove it, then run `polygate up` again", path, err)
}

// append adds a change to the log. When it fails, the change is not there.
func (j *journal) append(e entry) (err error) {
	b, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("save the store: %w", err)
	}
	f, err := os.OpenFile(j.log(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("save the store: %w", err)
	}
	n, err := f.Write(append(b, '\n'))
	if err = errors.Join(err, f.Close()); err != nil {
		cut := os.Truncate(j.log(), j.size)
		j.torn = cut != nil
		return fmt.Errorf("save the store: %w", errors.Join(err, cut))
	}
	j.size += int64(n)
	return nil
}

// begun reports whether anything is kept beside records.json, were it what a kill left of the next one, private keys and all.
func (j *journal) begun() bool {
	_, err := os.Lstat(j.next())
	return j.size > 0 || err == nil
}

// long reports whether the log is to be folded into records.json.
func (j *journal) long() bool { return j.size > max(leastLog, j.whole) }

// rewrite writes everything anew beside the old file, renames it over that, and ends the log.
func (j *journal) rewrite(records []Record, notes map[string]string) error {
	b, err := json.MarshalIndent(file{Version: fileVersion, Records: records, Notes: notes}, "", " ")
	if err != nil {
		return fmt.Errorf("save the store: %w", err)
	}
	if err := os.WriteFile(j.next(), b, 0o600); err != nil {
		return fmt.Errorf("save the store: %w", errors.Join(err, os.Remove(j.next())))
	}
	if err := os.Rename(j.next(), j.path()); err != nil {
		return fmt.Errorf("save the store: %w", errors.Join(err, os.Remove(j.next())))
	}
	j.whole = int64(len(b))
	if err := os.Remove(j.log()); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("save the store: %w", err)
	}
	j.size, j.torn = 0, false
	return nil
}
