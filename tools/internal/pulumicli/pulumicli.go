// Package pulumicli finds a Pulumi CLI that will do, or builds the pinned one, and runs it for the Automation API.
package pulumicli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/blang/semver"
	"github.com/pulumi/pulumi/sdk/v3/go/auto"
	"golang.org/x/mod/modfile"

	"polygate.example/tools/internal/process"
)

// modulePath is the module the CLI is built from; tools/pulumi/go.mod pins its version.
const modulePath = "github.com/pulumi/pulumi/pkg/v3"

// grace is how long an interrupted CLI may take to finish the operations in flight and save its state before it is killed.
const grace = 2 * time.Minute

// Options says where to look and where to build.
type Options struct {
	Module   string                           // folder of the module that pins the CLI, <checkout>/tools/pulumi
	Cache    string                           // folder the built CLI is kept in, shared by all checkouts of a user
	Progress func(format string, args ...any) // told of a build, which takes minutes; may be nil
}

// Command runs one Pulumi CLI. It implements auto.PulumiCommand.
type Command struct {
	path    string
	version semver.Version
}

var _ auto.PulumiCommand = (*Command)(nil)

// Path is the absolute path of the CLI.
func (c *Command) Path() string { return c.path }

// Version is the CLI's own version.
func (c *Command) Version() semver.Version { return c.version }

// Find returns the `pulumi` on PATH when its version is at least the pinned one and of the same major, else the one
// built before, else builds it once.
func Find(ctx context.Context, opts Options) (*Command, error) {
	if opts.Progress == nil {
		opts.Progress = func(string, ...any) {}
	}
	found, want, err := look(ctx, opts)
	if err != nil || found != nil {
		return found, err
	}
	built := opts.built(want)
	if err := os.MkdirAll(filepath.Dir(built), 0o755); err != nil {
		return nil, fmt.Errorf("make room for the Pulumi CLI: %w", err)
	}
	// Of several that find nothing at the same time one builds, and the others wait for it.
	unlock, err := process.Lock(ctx, built+".lock", func() { opts.Progress("another process is building the Pulumi CLI: waiting for it") })
	if err != nil {
		return nil, err
	}
	defer unlock()
	have, err := versionOf(ctx, built)
	if err != nil || !have.EQ(want) {
		if err := build(ctx, opts, want, built); err != nil {
			return nil, err
		}
		if have, err = versionOf(ctx, built); err != nil {
			return nil, fmt.Errorf("the Pulumi CLI just built does not run: %w", err)
		}
	}
	return &Command{path: built, version: have}, nil
}

// ErrAbsent says that no CLI was found that will do: Find would build one.
var ErrAbsent = errors.New("there is no Pulumi CLI that will do")

// Present returns what Find would without building anything, or ErrAbsent.
func Present(ctx context.Context, opts Options) (*Command, error) {
	if opts.Progress == nil {
		opts.Progress = func(string, ...any) {}
	}
	found, want, err := look(ctx, opts)
	if err == nil && found == nil {
		return nil, fmt.Errorf("%w: want %s or newer of the same major version", ErrAbsent, want)
	}
	return found, err
}

// built is where the CLI of a version is kept once it was built.
func (o Options) built(v semver.Version) string { return filepath.Join(o.Cache, v.String(), "pulumi") }

// look finds a CLI on PATH or one that was built before; nil when there is none that will do.
func look(ctx context.Context, opts Options) (*Command, semver.Version, error) {
	want, err := pinned(opts.Module)
	if err != nil {
		return nil, want, err
	}
	if path, err := exec.LookPath("pulumi"); err == nil {
		path, err = filepath.Abs(path)
		if err != nil {
			return nil, want, fmt.Errorf("resolve %s: %w", path, err)
		}
		have, err := versionOf(ctx, path)
		switch {
		case err != nil:
			opts.Progress("ignoring %s: %v", path, err)
		case have.Major == want.Major && have.GE(want):
			return &Command{path: path, version: have}, want, nil
		default:
			opts.Progress("ignoring %s %s: polygate wants %s or newer of the same major version", path, have, want)
		}
	}
	built := opts.built(want)
	if have, err := versionOf(ctx, built); err == nil && have.EQ(want) {
		return &Command{path: built, version: have}, want, nil
	}
	return nil, want, nil
}

// pinned reads the version of the CLI's module from the go.mod that pins it.
func pinned(module string) (semver.Version, error) {
	path := filepath.Join(module, "go.mod")
	b, err := os.ReadFile(path)
	if err != nil {
		return semver.Version{}, fmt.Errorf("read the pinned Pulumi version: %w", err)
	}
	f, err := modfile.ParseLax(path, b, nil)
	if err != nil {
		return semver.Version{}, fmt.Errorf("read the pinned Pulumi version: %w", err)
	}
	for _, r := range f.Require {
		if r.Mod.Path == modulePath {
			return semver.ParseTolerant(r.Mod.Version)
		}
	}
	return semver.Version{}, fmt.Errorf("%s does not require %s", path, modulePath)
}

func versionOf(ctx context.Context, path string) (semver.Version, error) {
	// The CLI keeps a log of every run in its home, of this one as well: it gets a home for the moment.
	home, err := os.MkdirTemp("", "polygate-pulumi-")
	if err != nil {
		return semver.Version{}, fmt.Errorf("make room for `%s version`: %w", path, err)
	}
	defer os.RemoveAll(home)
	cmd := exec.CommandContext(ctx, path, "version")
	cmd.Env = append(os.Environ(), "PULUMI_SKIP_UPDATE_CHECK=true", "PULUMI_HOME="+home)
	out, err := cmd.Output()
	if err != nil {
		return semver.Version{}, fmt.Errorf("run `%s version`: %w", path, err)
	}
	v, err := semver.ParseTolerant(strings.TrimSpace(string(out)))
	if err != nil {
		return semver.Version{}, fmt.Errorf("`%s version` answered %q: %w", path, strings.TrimSpace(string(out)), err)
	}
	return v, nil
}

// build compiles the CLI beside its destination and renames it into place, so that an interrupted build leaves nothing
// that looks finished, and a killed one nothing that the next does not clear. The caller holds the lock.
func build(ctx context.Context, opts Options, v semver.Version, dest string) error {
	tmp := dest + ".part"
	if err := os.RemoveAll(tmp); err != nil { // the go command overwrites no file that it does not know
		return fmt.Errorf("clear what an earlier build left: %w", err)
	}
	defer os.Remove(tmp)
	// The version is linked in: a CLI built from its module says 0.0.0 otherwise, which the Automation API refuses.
	ldflags := "-s -w -X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=" + v.String()
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", ldflags, "-o", tmp, modulePath+"/cmd/pulumi")
	cmd.Dir = opts.Module
	// Whatever the user builds for, and with: this is for this machine, from this module alone.
	cmd.Env = append(os.Environ(), "GOOS="+runtime.GOOS, "GOARCH="+runtime.GOARCH, "GOFLAGS=-mod=readonly", "GOWORK=off")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	start := time.Now()
	opts.Progress("building the Pulumi CLI %s from its module: once, 3 to 6 minutes on two cores", v)
	done := make(chan error, 1)
	go func() { done <- cmd.Run() }()
	tick := time.NewTicker(15 * time.Second)
	defer tick.Stop()
	for {
		select {
		case err := <-done:
			if err != nil {
				return fmt.Errorf("build the Pulumi CLI: %w\n%s\nor install Pulumi %s or newer yourself and put it on PATH", err, strings.TrimSpace(stderr.String()), v)
			}
			opts.Progress("built the Pulumi CLI in %s", time.Since(start).Round(time.Second))
			return os.Rename(tmp, dest)
		case <-tick.C:
			opts.Progress("still building the Pulumi CLI, %s so far", time.Since(start).Round(time.Second))
		}
	}
}

// Run executes the CLI for the Automation API. When ctx ends the CLI is interrupted once, finishes what is in flight and
// saves its state. It runs in a process group of its own, because a terminal's Ctrl-C would otherwise interrupt it a second
// time, which Pulumi takes as an order to drop everything.
func (c *Command) Run(ctx context.Context, workdir string, stdin io.Reader, stdout, stderr []io.Writer, env []string, args ...string) (string, string, int, error) {
	cmd := exec.CommandContext(ctx, c.path, append([]string{"--non-interactive"}, args...)...)
	cmd.Dir = workdir
	cmd.Env = append(append(os.Environ(), env...), "PULUMI_AUTOMATION_API=true")
	var out, errs bytes.Buffer
	cmd.Stdout = io.MultiWriter(append(stdout, &out)...)
	cmd.Stderr = io.MultiWriter(append(stderr, &errs)...)
	cmd.Stdin = stdin
	ownGroup(cmd)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = grace
	err := cmd.Run()
	code := -1
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		code = exit.ExitCode()
	} else if err == nil {
		code = 0
	}
	return out.String(), errs.String(), code, err
}
