package main

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"polygate.example/shared/gateway"
	"polygate.example/shared/handler"
	"polygate.example/shared/health"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	if err := run(ctx, os.Getenv, time.Now()); err != nil {
		// The host shows a worker's stderr and restarts it; after three exits it shuts down itself.
		fmt.Fprintln(os.Stderr, "polygate:", err)
		os.Exit(1)
	}
}

// run serves the gateway from the model beside the executable until ctx ends.
func run(ctx context.Context, getenv func(string) string, started time.Time) error {
	exe, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find the executable: %w", err)
	}
	log := slog.New(slog.NewJSONHandler(os.Stderr, nil))
	h, err := load(filepath.Join(filepath.Dir(exe), "model.json"), getenv, started, log)
	if err != nil {
		return fmt.Errorf("cannot start: %w", err)
	}
	return serve(ctx, getenv, behindHost(h, log))
}

// load builds the gateway from a model file.
func load(path string, getenv func(string) string, started time.Time, log *slog.Logger) (http.Handler, error) {
	encoded, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the model: %w; pack the function with `polygate build`", err)
	}
	m, err := gateway.Decode(encoded)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	instance, err := health.FromEnvironment(getenv, m.Digest(), started)
	if err != nil {
		return nil, err
	}
	return handler.New(m, handler.Options{Instance: instance, Logger: log, Truncate: handler.TruncateByMarker})
}
