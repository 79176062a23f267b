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
	Seconds float64 `json:"seconds"` // to build and test it
}

// runner tests mutants of a checkout.
type runner struct {
	root, temp string
	jobs, nice int
	progress   io.Writer
}

// limit is how long the test of a mutant may take: a broken rule may wait for what never comes.
const limit = "2m"

// all judges the mutants, package by package, and returns the verdicts in the order of the mutants.
func (r *runner) all(ctx context.Context, mutants []mutant) []verdict {
	order := make([]int, len(mutants))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(mutants[a].Package, mutants[b].Package) })
	out := make([]verdict, len(mutants))
	var mu sync.Mutex
	done := 0
	said := func(v verdict) {
		mu.Lock()
		defer mu.Unlock()
		done++
		fmt.Fprintf(r.progress, "%4d/%d  %-8s %5.1f s  %-18s %s  (%s)\n", done, len(mutants), v.Result, v.Seconds, v.Area, v.Rule, v.Fact)
	}
	whole := map[string]outcome{}
	var wait sync.WaitGroup
	slot := make(chan struct{}, r.jobs)
	for _, i := range order {
		slot <- struct{}{}
		if ctx.Err() != nil {
			break
		}
		m := mutants[i]
		before, ok := whole[m.Package]
		if !ok {
			before = r.test(ctx, m.Package, tops(mutants, m.Package), "")
			whole[m.Package] = before
		}
		wait.Go(func() {
			defer func() { <-slot }()
			out[i] = r.judge(ctx, m, before)
			if ctx.Err() == nil { // one cut short says nothing
				said(out[i])
			}
		})
	}
	wait.Wait()
	return out
}

// tops matches the tests of a package that have facts of the mutants.
func tops(mutants []mutant, pkg string) string {
	var names []string
	for _, m := range mutants {
		if m.Package == pkg {
			name, _, _ := strings.Cut(m.Fact, "/")
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return "^(" + strings.Join(slices.Compact(names), "|") + ")$"
}

// judge tests one mutant; before is what the tests of its package say while no rule is broken.
func (r *runner) judge(ctx context.Context, m mutant, before outcome) verdict {
	began := time.Now()
	result, why := r.verdict(ctx, m, before)
	return verdict{mutant: m, Result: result, Why: why, Seconds: time.Since(began).Seconds()}
}

func (r *runner) verdict(ctx context.Context, m mutant, before outcome) (result, why string) {
	name := reported(m.Fact)
	switch {
	case before.err != nil:
		return broken, "without a mutant: " + before.err.Error()
	case before.tests[name] == "":
		return broken, "no such test: " + name
	case before.tests[name] != "pass":
		return broken, "without a mutant the fact does not pass: " + before.tests[name]
	}
	overlay, err := r.overlay(m)
	if err != nil {
		return broken, err.Error()
	}
	after := r.test(ctx, m.Package, pattern(m.Fact), overlay)
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

// overlay writes the mutant's file and the document with which `go test` reads it in place of the file of the tree.
func (r *runner) overlay(m mutant) (string, error) {
	original := filepath.Join(r.root, filepath.FromSlash(m.File))
	source, err := os.ReadFile(original)
	if err != nil {
		return "", err
	}
	text, err := m.apply(string(source))
	if err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp(r.temp, "mutant-")
	if err != nil {
		return "", err
	}
	file := filepath.Join(dir, filepath.Base(original))
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return "", err
	}
	b, err := json.Marshal(map[string]map[string]string{"Replace": {original: file}})
	if err != nil {
		return "", err
	}
	doc := filepath.Join(dir, "overlay.json")
	return doc, os.WriteFile(doc, b, 0o600)
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

// test runs the tests of a package that match; overlay may be empty.
func (r *runner) test(ctx context.Context, pkg, match, overlay string) outcome {
	args := []string{"test", "-json", "-vet=off", "-count=1", "-p=1", "-timeout=" + limit, "-run=" + match}
	if overlay != "" {
		args = append(args, "-overlay="+overlay)
	}
	args = append(args, "./"+pkg)
	program := "go"
	if r.nice > 0 {
		program, args = "nice", append([]string{"-n", strconv.Itoa(r.nice), "go"}, args...)
	}
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = r.root
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) } // go test ends what it started
	cmd.WaitDelay = 20 * time.Second
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	b, err := cmd.Output()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		return outcome{err: fmt.Errorf("run the tests of %s: %w", pkg, err)}
	}
	o := read(b)
	if o.err == nil && err != nil && !slices.Contains(slices.Collect(maps.Values(o.tests)), "fail") {
		o.err = fmt.Errorf("the tests of %s end without a verdict: %s", pkg, firstLine(stderr.String()))
	}
	return o
}

// event is a line of `go test -json`. Source: `go doc test2json`, and `go help buildjson` for builds that fail.
type event struct {
	Action, Test, Output string
}

// enough is how many bytes of what a test says are kept, to the end of the line.
const enough = 200

// quiet are lines that say what the actions say too.
var quiet = regexp.MustCompile(`^\s*(=== |--- |FAIL|ok\s|PASS)`)

// read gathers what the events say of each test. A line that is no event is what a build has to say.
func read(b []byte) outcome {
	o := outcome{tests: map[string]string{}, said: map[string]string{}}
	var build []string
	failed := false
	for line := range bytes.Lines(b) {
		var e event
		if json.Unmarshal(line, &e) != nil {
			build = append(build, string(line))
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
		case "build-output":
			build = append(build, e.Output)
		case "build-fail":
			failed = true
		}
	}
	if failed {
		o.err = errors.New("it does not compile: " + firstLine(strings.Join(build, "")))
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
