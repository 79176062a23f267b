package cloudrun

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"polygate.example/tools/internal/localcloud/runtime/runtimetest"
)

// Source: GoogleCloudPlatform/buildpacks, cmd/go/functions_framework.
func TestBuildRefusesWhatTheBuildpackRefuses(t *testing.T) {
	const fn = "package fn\n"
	file := func(s string) runtimetest.File { return runtimetest.File{Content: []byte(s)} }
	for _, tt := range []struct {
		name  string
		files map[string]runtimetest.File
		want  string
	}{
		{"no go.mod", map[string]runtimetest.File{"f.go": file(fn)}, "function build requires go.mod file"},
		{"no module line", map[string]runtimetest.File{"go.mod": file("go 1.26.0\n"), "f.go": file(fn)}, "no module line"},
		{"no dot in the module path", map[string]runtimetest.File{"go.mod": file("module func\n"), "f.go": file(fn)},
			"must contain a dot in the first path element before a slash, e.g. example.com/module, found: func"},
		{"no package", map[string]runtimetest.File{"go.mod": file("module a.b/c\n")}, "unable to find Go package"},
		{"two packages", map[string]runtimetest.File{"go.mod": file("module a.b/c\n"), "f.go": file(fn), "g.go": file("package gn\n")},
			"multiple packages in user code directory: fn != gn"},
		{"a test file", map[string]runtimetest.File{"go.mod": file("module a.b/c\n"), "f.go": file(fn), "f_test.go": file("package fn_test\n")},
			"multiple packages in user code directory: f_test.go"},
		{"package main", map[string]runtimetest.File{"go.mod": file("module a.b/c\n"), "f.go": file("package main\n")},
			"is a program, not an importable package"},
		{"not Go", map[string]runtimetest.File{"go.mod": file("module a.b/c\n"), "f.go": file("?")}, "failed to parse source"},
		{"a toolchain newer than the builder's", map[string]runtimetest.File{"go.mod": file("module a.b/c\n\ngo 1.999.0\n"), "f.go": file(fn)},
			"go.mod requires go >= 1.999.0"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			src, out := t.TempDir(), t.TempDir()
			write(t, src, tt.files)
			_, err := Build(t.Context(), supervisor(t), src, out, "digest", slog.New(slog.DiscardHandler))
			var bad *BuildError
			if !errors.As(err, &bad) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want a BuildError with %q", err, tt.want)
			}
		})
	}
}

// A build that is called off ends at once, with everything the go command has started.
func TestBuildIsCalledOff(t *testing.T) {
	bin, src := t.TempDir(), t.TempDir()
	started := filepath.Join(bin, "started")
	script := "#!/bin/sh\nsleep 60 &\necho $! > " + started + ".part && mv " + started + ".part " + started + "\nwait\n"
	if err := os.WriteFile(filepath.Join(bin, "go"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	write(t, src, map[string]runtimetest.File{"go.mod": {Content: []byte("module a.b/c\n")}, "f.go": {Content: []byte("package fn\n")}})
	sup := supervisor(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error, 1)
	go func() {
		_, err := Build(ctx, sup, src, t.TempDir(), "digest", slog.New(slog.DiscardHandler))
		done <- err
	}()
	var child []byte
	for deadline := time.Now().Add(20 * time.Second); len(child) == 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the go command was never started")
		}
		child, _ = os.ReadFile(started) // not there yet
	}
	cancel()
	select {
	case err := <-done:
		if !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want the context's error", err)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("the build goes on")
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(child)))
	if err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(20 * time.Second); !gone(pid); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("process %d, which the go command had started, is still there", pid)
		}
	}
}

// gone reports whether a process has ended; one that nobody has reaped yet counts.
func gone(pid int) bool {
	if syscall.Kill(pid, 0) != nil {
		return true
	}
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	return err == nil && strings.Contains(string(stat), ") Z ")
}

func TestBuildIsKept(t *testing.T) {
	binary, _ := build(t)
	before, err := os.Stat(binary)
	if err != nil {
		t.Fatal(err)
	}
	again, _ := build(t)
	after, err := os.Stat(again)
	if err != nil || !os.SameFile(before, after) {
		t.Errorf("built twice (%v)", err)
	}
	left, err := filepath.Glob(filepath.Join(filepath.Dir(binary), "stage-*"))
	if err != nil || len(left) != 0 {
		t.Errorf("staging folders left: %q (%v)", left, err)
	}
}

// The generated main must not open the function to the network.
func TestGeneratedMainBindsLoopback(t *testing.T) {
	dir := t.TempDir()
	if err := writeMain(dir, "fn.example/gateway"); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(dir, "main.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`StartHostPort("127.0.0.1", port)`, `_ "fn.example/gateway"`, `"` + framework + `"`} {
		if !strings.Contains(string(b), want) {
			t.Errorf("%s is missing from\n%s", want, b)
		}
	}
	if strings.Contains(string(b), "funcframework.Start(") {
		t.Error("it starts the server on every interface")
	}
}
