package process

import (
	"bytes"
	"sync"
)

// Limits of a Log. The oldest lines go first.
const (
	MaxLines     = 1000
	MaxLineBytes = 16 << 10 // a longer line is cut; what is cut is lost
)

// Log keeps the last lines of what one function wrote. The zero value is ready. It is safe for concurrent use.
type Log struct {
	mu      sync.Mutex
	lines   []string // ring once it is full
	next    int      // where the next line goes once it is full
	partial []byte
}

// Write takes output as it comes and splits it into lines. It never fails.
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := len(p)
	for len(p) > 0 {
		line, rest, complete := bytes.Cut(p, []byte{'\n'})
		if room := MaxLineBytes - len(l.partial); room > 0 {
			l.partial = append(l.partial, line[:min(room, len(line))]...)
		}
		if !complete {
			break
		}
		l.add(string(bytes.TrimSuffix(l.partial, []byte{'\r'})))
		l.partial = l.partial[:0]
		p = rest
	}
	return n, nil
}

// Add appends a line of the platform's own.
func (l *Log) Add(line string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.add(line)
}

func (l *Log) add(line string) {
	if len(l.lines) < MaxLines {
		l.lines = append(l.lines, line)
		return
	}
	l.lines[l.next] = line
	l.next = (l.next + 1) % MaxLines
}

// Lines returns what is kept, oldest first, with an unfinished line last.
func (l *Log) Lines() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := make([]string, 0, len(l.lines)+1)
	out = append(out, l.lines[l.next:]...)
	out = append(out, l.lines[:l.next]...)
	if len(l.partial) > 0 {
		out = append(out, string(l.partial))
	}
	return out
}
