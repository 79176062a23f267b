package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"polygate.example/shared/handler"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	if err := run(ctx, os.Getenv); err != nil {
		// The host shows a worker's stderr and restarts it; after three exits it shuts down itself.
		fmt.Fprintln(os.Stderr, "polygate:", err)
		os.Exit(1)
	}
}

// run serves the gateway from the model beside the executable until ctx ends.
func run(ctx context.Context, getenv func(string) string) error {
	exe, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find the executable: %w", err)
	}
	log := slog.New(slog.NewJSONHandler(os.Stderr, nil))
	h, err := handler.LoadFile(filepath.Join(filepath.Dir(exe), "model.json"), getenv, handler.Options{Logger: log, Truncate: handler.TruncateByMarker})
	if err != nil {
		return fmt.Errorf("cannot start: %w", err)
	}
	certificates, err := handler.FrontWritesCertificate(getenv)
	if err != nil {
		return fmt.Errorf("cannot start: %w", err)
	}
	return serve(ctx, getenv, behindHost(h, log, certificates))
}
