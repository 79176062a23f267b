// Package command is what the commands among the tests share: they end when they are told to, and leave what they found in dist.
package command

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"polygate.example/tests/harness"
)

// Main runs a command with the arguments it was given until it ends, or until a signal ends its context, and returns what to
// exit with: 1 when it fails. A second signal kills.
func Main(run func(ctx context.Context, args []string, out, progress io.Writer) error) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		return 1
	}
	return 0
}

// Results are the files that a command writes into a checkout's dist: NAME.json and NAME.svg.
type Results struct {
	dist, name string
}

// Begin takes away what an earlier run wrote: it says nothing about this one, however it ends.
func Begin(ctx context.Context, name string) (Results, error) {
	checkout, err := harness.Checkout(ctx)
	if err != nil {
		return Results{}, err
	}
	r := Results{dist: filepath.Join(checkout, "dist"), name: name}
	for _, kind := range []string{".json", ".svg"} {
		if err := os.Remove(filepath.Join(r.dist, name+kind)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return Results{}, err
		}
	}
	return r, nil
}

// Write writes what was found and a picture of it, and says so.
func (r Results) Write(out io.Writer, found any, picture string) error {
	b, err := json.MarshalIndent(found, "", " ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(r.dist, 0o755); err != nil {
		return err
	}
	for _, file := range []struct {
		name    string
		content []byte
	}{{r.name + ".json", append(b, '\n')}, {r.name + ".svg", []byte(picture)}} {
		if err := os.WriteFile(filepath.Join(r.dist, file.name), file.content, 0o644); err != nil {
			return err
		}
		fmt.Fprintln(out, "wrote", filepath.Join("dist", file.name))
	}
	return nil
}
