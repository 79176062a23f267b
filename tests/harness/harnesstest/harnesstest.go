// Package harnesstest gives a test an environment of its own, and ends the test when a step of it does not go as it must.
package harnesstest

import (
	"context"
	"strings"
	"testing"

	"polygate.example/tests/harness"
)

// New makes an environment that echoes what it is asked, unless the options bring a document. It is destroyed when the test
// ends.
func New(t *testing.T, opts harness.Options) *harness.Environment {
	t.Helper()
	opts.Log = t.Logf
	if opts.Document == nil {
		opts.Document = harness.EchoDocument
	}
	env, err := harness.New(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := env.Close(context.Background()); err != nil { // t.Context has ended by now
			t.Error(err)
		}
	})
	return env
}

// Must runs a command that has to succeed.
func Must(t *testing.T, env *harness.Environment, args ...string) harness.Result {
	t.Helper()
	r, err := env.Must(t.Context(), args...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// Fails runs a command that has to end with a code and to name a reason.
func Fails(t *testing.T, env *harness.Environment, code int, reason string, args ...string) {
	t.Helper()
	r, err := env.Polygate(t.Context(), args...)
	if err != nil {
		t.Fatal(err)
	}
	if r.Code != code || !strings.Contains(r.Stdout+r.Stderr, reason) {
		t.Fatalf("polygate %s ended with %d, want %d and %q\n%s%s", strings.Join(args, " "), r.Code, code, reason, r.Stdout, r.Stderr)
	}
}

// Turn turns dials of the stack file; nil values are taken out. What is deployed follows with the next `up`.
func Turn(t *testing.T, env *harness.Environment, dials map[string]any) {
	t.Helper()
	if err := env.Turn(dials); err != nil {
		t.Fatal(err)
	}
}

// Settled sees that a preview finds nothing to change; after says what.
func Settled(t *testing.T, env *harness.Environment, after string) {
	t.Helper()
	if r := Must(t, env, "preview", "--exit-code"); !strings.Contains(r.Stdout, "no changes") {
		t.Errorf("preview after %s says:\n%s", after, r.Stdout)
	}
}

// Status asks how the environment is.
func Status(t *testing.T, env *harness.Environment) harness.Status {
	t.Helper()
	s, err := env.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Healthy waits until status finds nothing wrong.
func Healthy(t *testing.T, env *harness.Environment) harness.Status {
	t.Helper()
	s, err := env.Healthy(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Would reports whether a preview does something to a resource. The topology in the stores is left out: it tells of every change, and an object
// of Google's or a blob of Azure's with other content is another one.
func Would(preview, verb string) bool {
	found := false
	for line := range strings.Lines(preview) {
		switch {
		case strings.HasSuffix(strings.TrimSpace(line), "("+verb+")"):
			found = true
		case found && strings.Contains(line, "[urn="):
			if !strings.HasSuffix(strings.TrimSpace(line), "-topology]") {
				return true
			}
			found = false
		}
	}
	return false
}
