package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"
)

const (
	// headerTimeout bounds how slowly a client may send a request's head.
	headerTimeout = 10 * time.Second
	// idleTimeout closes connections nobody uses.
	idleTimeout = 2 * time.Minute
	// drainTimeout is how long requests in flight may take to end at shutdown; then their connections are cut.
	drainTimeout = 20 * time.Second
)

// serve answers on an address until ctx ends.
func serve(ctx context.Context, address string, h http.Handler, log *slog.Logger) error {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	log.Info("listening", "url", "http://"+l.Addr().String()+"/")
	return serveOn(ctx, l, h, log)
}

// serveOn answers until ctx ends, then lets the requests in flight end. Bodies have no time limit of the server's,
// which would end long answers too (http.Server, ReadTimeout): they have the gateway's own, handler.BodyTimeout, a route's or a policy's.
func serveOn(ctx context.Context, l net.Listener, h http.Handler, log *slog.Logger) error {
	s := &http.Server{Handler: h, ReadHeaderTimeout: headerTimeout, IdleTimeout: idleTimeout}
	failed := make(chan error, 1)
	go func() { failed <- s.Serve(l) }()
	select {
	case err := <-failed:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	log.Info("shutting down", "grace", drainTimeout)
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
	defer cancel()
	if err := s.Shutdown(drain); err != nil {
		closed := s.Close()
		if !errors.Is(err, context.DeadlineExceeded) {
			return fmt.Errorf("shut down: %w", errors.Join(err, closed))
		}
	}
	return nil
}
