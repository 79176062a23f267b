package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"
)

// envPort is where the host says which port it expects the handler on ("Azure Functions custom handlers").
const envPort = "FUNCTIONS_CUSTOMHANDLER_PORT"

const (
	// headerTimeout ends connections on which no request comes to a head. The host sends heads in one piece.
	headerTimeout = 30 * time.Second
	// idleTimeout outlives the host's own pooled connections, so that it is the host which closes them: closing one that it
	// is about to use would look like a crash to it.
	idleTimeout = 30 * time.Minute
	// drainTimeout is how long requests in flight may take to end when the host stops the worker.
	drainTimeout = 20 * time.Second
)

// serve answers the host until ctx ends.
func serve(ctx context.Context, getenv func(string) string, h http.Handler) error {
	l, err := listen(ctx, getenv)
	if err != nil {
		return err
	}
	return serveOn(ctx, l, h)
}

// listen opens the port the host names, on which its connections wait from then on.
func listen(ctx context.Context, getenv func(string) string) (net.Listener, error) {
	port := getenv(envPort)
	if port == "" {
		return nil, fmt.Errorf("%s is not set: this program is a custom handler and is started by the Azure Functions host", envPort)
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", net.JoinHostPort("127.0.0.1", port))
	if err != nil {
		return nil, fmt.Errorf("listen for the host: %w", err)
	}
	return l, nil
}

// serveOn answers until ctx ends, then lets the requests in flight end. There is no read and no write timeout:
// both cut connections.
func serveOn(ctx context.Context, l net.Listener, h http.Handler) error {
	s := &http.Server{Handler: h, ReadHeaderTimeout: headerTimeout, IdleTimeout: idleTimeout}
	failed := make(chan error, 1)
	go func() { failed <- s.Serve(l) }()
	select {
	case err := <-failed:
		return fmt.Errorf("serve the host: %w", err)
	case <-ctx.Done():
	}
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
	defer cancel()
	if err := s.Shutdown(drain); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("shut down: %w", err)
	}
	return nil
}
