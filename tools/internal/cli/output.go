package cli

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"
)

// output writes results to out and everything else (progress, notices, errors) to err, so that a result can be piped.
type output struct {
	out, err io.Writer
	colour   bool // err is a terminal and NO_COLOR is unset
	redraw   bool // out is a terminal that can
	start    time.Time

	mu      sync.Mutex
	last    time.Time // of the last line
	secrets *secrets  // see conceal; nil knows none
}

func newOutput(out, errw io.Writer, getenv func(string) string) *output {
	able := getenv("TERM") != "dumb"
	// https://no-color.org: any non-empty value switches colour off.
	return &output{out: out, err: errw, colour: able && isTerminal(errw) && getenv("NO_COLOR") == "", redraw: able && isTerminal(out), start: time.Now()}
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// step reports progress: one line, stamped with the time since the verb began.
func (o *output) step(format string, args ...any) {
	o.line(fmt.Sprintf("%6.1fs  ", time.Since(o.start).Seconds()), "\x1b[2m", fmt.Sprintf(format, args...))
}

// fail reports an error.
func (o *output) fail(err error) { o.line("error: ", "\x1b[31m", err.Error()) }

func (o *output) line(head, style, text string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.colour {
		head = style + head + "\x1b[0m"
	}
	fmt.Fprintln(o.err, head+o.public(text))
	o.last = time.Now()
}

// patience is how long a verb may say nothing.
const patience = 10 * time.Second

// heartbeat says that a verb still works whenever nothing else was said for a while, until stop is called.
func (o *output) heartbeat(text func() string) (stop func()) {
	done := make(chan struct{})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(patience / 4)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
			}
			o.mu.Lock()
			silent := time.Since(o.last) > patience
			o.mu.Unlock()
			if silent {
				o.step("%s", text())
			}
		}
	}()
	return func() {
		close(done)
		<-ended
	}
}

// result writes to standard output.
func (o *output) result(format string, args ...any) { fmt.Fprintf(o.out, format, args...) }

// shellQuote writes a word so that a POSIX shell reads it as one, whatever is in it.
func shellQuote(s string) string {
	safe := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("/._-:,=@+", r)
	}
	if s != "" && strings.IndexFunc(s, func(r rune) bool { return !safe(r) }) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
