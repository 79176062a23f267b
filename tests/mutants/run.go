package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"
)

// What becomes of a mutant.
const (
	killed   = "killed"   // its fact failed
	survived = "survived" // its fact passed: the fact is toothless
	broken   = "broken"   // there is no saying: Why tells the reason
)

// verdict is what became of one mutant.
type verdict struct {
	mutant
	Result  string  `json:"result"`
	Why     string  `json:"why"`     // what the fact said, or why it could not be asked
	Seconds float64 `json:"seconds"` // to test it, and to build it where it is built alone
}

// runner tests mutants of a checkout.
type runner struct {
	root, temp string
	jobs, nice int
	progress   io.Writer
}

// limit is how long the test of a mutant may take: a broken rule may wait for what never comes.
const limit = "2m"

// all judges the mutants, package by package, and returns the verdicts in the order of the mutants, and what the tests of each
// package say while no rule is broken.
func (r *runner) all(ctx context.Context, mutants []mutant) ([]verdict, map[string]outcome) {
	of := map[string][]int{}
	for i, m := range mutants {
		of[m.Package] = append(of[m.Package], i)
	}
	out := make([]verdict, len(mutants))
	whole := map[string]outcome{}
	var mu sync.Mutex
	done := 0
	said := func(v verdict) {
		mu.Lock()
		defer mu.Unlock()
		done++
		fmt.Fprintf(r.progress, "%4d/%d  %-8s %5.1f s  %-18s %s  (%s)\n", done, len(mutants), v.Result, v.Seconds, v.Area, v.Rule, v.Fact)
	}
	slot := make(chan struct{}, r.jobs)
	var wait sync.WaitGroup
	for _, pkg := range slices.Sorted(maps.Keys(of)) {
		together, alone := r.builds(ctx, pkg, mutants, of[pkg])
		before := r.before(ctx, pkg, tops(mutants, pkg), together)
		whole[pkg] = before
		for _, b := range append(together, alone...) {
			for at, i := range b.mutants {
				slot <- struct{}{}
				wait.Go(func() {
					defer func() { <-slot }()
					v := r.judge(ctx, mutants[i], b, at+1, before)
					if ctx.Err() == nil { // one cut short says nothing
						out[i] = v
						said(v)
					}
				})
			}
		}
		wait.Wait()
	}
	return out, whole
}

// tops matches the tests of a package that have facts: those that say so, and those that mutants name.
func tops(mutants []mutant, pkg string) string {
	var names []string
	for _, m := range mutants {
		if m.Package == pkg {
			name, _, _ := strings.Cut(m.Fact, "/")
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return "Facts|^(" + strings.Join(slices.Compact(names), "|") + ")$"
}

// judge tests one mutant, which is the numbered one of its build; before is what the tests of its package say while no rule is broken.
func (r *runner) judge(ctx context.Context, m mutant, b build, number int, before outcome) verdict {
	began := time.Now()
	result, why := r.verdict(ctx, m, b, number, before)
	return verdict{mutant: m, Result: result, Why: why, Seconds: time.Since(began).Seconds()}
}

func (r *runner) verdict(ctx context.Context, m mutant, b build, number int, before outcome) (result, why string) {
	name := reported(m.Fact)
	switch {
	case before.err != nil:
		return broken, "without a mutant: " + before.err.Error()
	case before.tests[name] == "":
		return broken, "no such test: " + name
	case before.tests[name] != "pass":
		return broken, "without a mutant the fact does not pass: " + before.tests[name]
	}
	if b.replace != nil { // it is not built yet
		if b.binary, b.err = r.compile(ctx, m.Package, b.replace); b.err == nil {
			defer os.Remove(b.binary) // the folder goes anyway
		}
	}
	if b.err != nil {
		return broken, b.err.Error()
	}
	after := r.test(ctx, m.Package, b.binary, number, pattern(m.Fact))
	switch {
	case after.err != nil:
		return broken, after.err.Error()
	case after.panicked != "":
		return broken, after.panicked // which says nothing of the fact
	case after.tests[name] == "fail":
		return killed, after.words(name)
	case after.tests[name] == "pass":
		return survived, "the fact passes while the rule is broken"
	}
	return broken, "the fact was not judged: " + cmp.Or(after.tests[name], "it never ended")
}

// outcome is what a run of `go test` said.
type outcome struct {
	tests map[string]string // pass, fail or skip, by the name of the test
	said  map[string]string // what a test said, the beginning of it
	err   error             // the tests could not be run

	panicked string // what a panic said, that of a test that ran out of time among them
}

// words are what a failed test said first, or else the first of its rows that failed.
func (o outcome) words(name string) string {
	for _, test := range slices.Sorted(maps.Keys(o.said)) {
		if o.tests[test] == "fail" && (test == name || strings.HasPrefix(test, name+"/")) {
			return o.said[test]
		}
	}
	return "it says nothing"
}

// test runs the tests of a built package that match, with one of its mutants or with none.
func (r *runner) test(ctx context.Context, pkg, binary string, number int, match string) outcome {
	cmd := r.command(ctx, binary, "-test.v=test2json", "-test.count=1", "-test.timeout="+limit, "-test.run="+match)
	cmd.Dir = filepath.Join(r.root, filepath.FromSlash(pkg))
	cmd.Env = append(os.Environ(), chosen+"="+strconv.Itoa(number))
	b, err := cmd.CombinedOutput()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		return outcome{err: fmt.Errorf("run the tests of %s: %w", pkg, err)}
	}
	convert := exec.CommandContext(ctx, "go", "tool", "test2json")
	convert.Dir, convert.Stdin = r.root, bytes.NewReader(b)
	events, failed := convert.Output()
	if failed != nil {
		return outcome{err: fmt.Errorf("read what the tests of %s say: %w", pkg, failed)}
	}
	o := read(events)
	if err != nil && !slices.Contains(slices.Collect(maps.Values(o.tests)), "fail") {
		o.err = fmt.Errorf("the tests of %s end without a verdict: %s", pkg, firstLine(string(b)))
	}
	return o
}

// command stands back behind other work, and is interrupted when the context ends.
func (r *runner) command(ctx context.Context, program string, args ...string) *exec.Cmd {
	if r.nice > 0 {
		program, args = "nice", append([]string{"-n", strconv.Itoa(r.nice), program}, args...)
	}
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) } // go ends what it started
	cmd.WaitDelay = 20 * time.Second
	return cmd
}

// event is what test2json makes of a line. Source: `go doc test2json`.
type event struct {
	Action, Test, Output string
}

// enough is how many bytes of what a test says are kept, to the end of the line.
const enough = 200

// quiet are lines that say what the actions say too.
var quiet = regexp.MustCompile(`^\s*(=== |--- |FAIL|ok\s|PASS)`)

// read gathers what the events say of each test.
func read(b []byte) outcome {
	o := outcome{tests: map[string]string{}, said: map[string]string{}}
	for line := range bytes.Lines(b) {
		var e event
		if json.Unmarshal(line, &e) != nil {
			continue
		}
		switch e.Action {
		case "pass", "fail", "skip":
			if e.Test != "" {
				o.tests[e.Test] = e.Action
			}
		case "output":
			if strings.HasPrefix(e.Output, "panic: ") && o.panicked == "" {
				o.panicked = strings.TrimSpace(e.Output)
			}
			if words := strings.TrimSpace(e.Output); e.Test != "" && words != "" && len(o.said[e.Test]) < enough && !quiet.MatchString(e.Output) {
				o.said[e.Test] = strings.TrimSpace(o.said[e.Test] + " " + words)
			}
		}
	}
	return o
}

// firstLine is the first one that says something.
func firstLine(s string) string {
	for line := range strings.Lines(s) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			return line
		}
	}
	return "it says nothing"
}

// pattern matches a fact and nothing beside it.
func pattern(fact string) string {
	parts := strings.Split(reported(fact), "/")
	for i, p := range parts {
		parts[i] = "^" + regexp.QuoteMeta(p) + "$"
	}
	return strings.Join(parts, "/")
}

// reported is a test's name as the testing package reports it: blanks are underscores, and what cannot be printed is escaped.
func reported(fact string) string {
	var b strings.Builder
	for _, c := range fact {
		switch {
		case unicode.IsSpace(c):
			b.WriteByte('_')
		case !strconv.IsPrint(c):
			q := strconv.QuoteRune(c)
			b.WriteString(q[1 : len(q)-1])
		default:
			b.WriteRune(c)
		}
	}
	return b.String()
}
