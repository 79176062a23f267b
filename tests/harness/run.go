package harness

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// Result is how a polygate command ended.
type Result struct {
	Stdout, Stderr string
	Code           int
}

// Polygate runs the command in the environment and waits for it.
func (e *Environment) Polygate(ctx context.Context, args ...string) (Result, error) {
	wait, _, err := e.Begin(ctx, args...)
	if err != nil {
		return Result{}, err
	}
	return wait()
}

// SetSecret makes a secret in a provider's store, or a newer version of it, as somebody does by hand.
func (e *Environment) SetSecret(ctx context.Context, provider, name, value string) error {
	wait, _, err := e.begin(ctx, strings.NewReader(value), "local", "secret", "set", provider, name)
	if err != nil {
		return err
	}
	r, err := wait()
	if err == nil && r.Code != 0 {
		err = fmt.Errorf("polygate local secret set %s %s ended with %d\n%s", provider, name, r.Code, r.Stderr)
	}
	return err
}

// Begin starts the command and returns how to wait for it and how to signal it.
func (e *Environment) Begin(ctx context.Context, args ...string) (wait func() (Result, error), signal func(os.Signal) error, err error) {
	return e.begin(ctx, nil, args...)
}

// begin is Begin with a standard input.
func (e *Environment) begin(ctx context.Context, in io.Reader, args ...string) (wait func() (Result, error), signal func(os.Signal) error, err error) {
	cmd := exec.CommandContext(ctx, e.bin, append([]string{"-C", e.Root}, args...)...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 3 * time.Minute
	cmd.Dir = e.Root
	cmd.Stdin = in
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &lines{buf: &errs, log: e.log}
	if err := cmd.Start(); err != nil {
		return nil, nil, fmt.Errorf("start polygate: %w", err)
	}
	wait = func() (Result, error) {
		err := cmd.Wait()
		r := Result{Stdout: out.String(), Stderr: errs.String(), Code: cmd.ProcessState.ExitCode()}
		if exit := new(exec.ExitError); err != nil && !errors.As(err, &exit) {
			return r, err
		}
		return r, nil
	}
	return wait, cmd.Process.Signal, nil
}

// lines keeps what is written and passes each whole line on.
type lines struct {
	buf  *bytes.Buffer
	rest []byte
	log  func(format string, args ...any)
}

func (l *lines) Write(p []byte) (int, error) {
	l.buf.Write(p)
	l.rest = append(l.rest, p...)
	for {
		i := bytes.IndexByte(l.rest, '\n')
		if i < 0 {
			return len(p), nil
		}
		l.log("%s", l.rest[:i])
		l.rest = l.rest[i+1:]
	}
}

// Must runs the command and makes any exit code but 0 an error with all it said.
func (e *Environment) Must(ctx context.Context, args ...string) (Result, error) {
	r, err := e.Polygate(ctx, args...)
	if err != nil {
		return r, err
	}
	if r.Code != 0 {
		return r, fmt.Errorf("polygate %s ended with %d\n%s%s", strings.Join(args, " "), r.Code, r.Stdout, r.Stderr)
	}
	return r, nil
}
