// Package origin is the service behind the gateway in the local environment and in tests: it says in JSON what it
// received, byte for byte where that can be shown, and has a few endpoints that misbehave in known ways. Answers
// depend on the request alone, so two gateways can be compared through it.
package origin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// Options configures an Origin.
type Options struct {
	Listen netip.AddrPort // loopback address; port 0 picks a free one
	Name   string         // told in every echo, so that several origins can be told apart; "" is "origin"
	Logger *slog.Logger   // nil discards
}

// Origin is a running HTTP server. All methods are safe for concurrent use.
type Origin struct {
	name     string
	listener net.Listener
	server   *http.Server
	log      *slog.Logger
	serving  sync.WaitGroup
	cancel   context.CancelFunc // ends every request in progress

	mu       sync.Mutex
	closed   bool
	handling sync.WaitGroup // grows only while mu is held and closed is false

	requests  atomic.Int64
	active    atomic.Int64
	cancelled atomic.Int64
	aborted   atomic.Int64
}

// Stats counts requests since the start; /stats itself is not counted.
type Stats struct {
	Requests  int64 `json:"requests"`
	Active    int64 `json:"active"`    // being answered right now
	Cancelled int64 `json:"cancelled"` // the client went away before its answer was complete
	Aborted   int64 `json:"aborted"`   // cut short by /abort
}

// New starts an origin. It fails when the address is not on the loopback range or cannot be listened on.
func New(o Options) (*Origin, error) {
	if !o.Listen.Addr().IsLoopback() {
		return nil, fmt.Errorf("origin: listen address %s is not a loopback address: the local clouds serve this machine only", o.Listen)
	}
	l, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(o.Listen))
	if err != nil {
		return nil, fmt.Errorf("origin: listen on %s: %w", o.Listen, err)
	}
	og := &Origin{name: o.Name, listener: l, log: o.Logger}
	if og.name == "" {
		og.name = "origin"
	}
	if og.log == nil {
		og.log = slog.New(slog.DiscardHandler)
	}
	ctx, cancel := context.WithCancel(context.Background())
	og.cancel = cancel
	og.server = &http.Server{
		Handler:           og,
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          slog.NewLogLogger(slog.DiscardHandler, slog.LevelError), // broken clients are part of the tests
	}
	og.serving.Go(func() {
		if err := og.server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			og.log.Error("origin ended", "addr", l.Addr(), "err", err)
		}
	})
	return og, nil
}

// Addr is where the origin listens.
func (o *Origin) Addr() netip.AddrPort { return o.listener.Addr().(*net.TCPAddr).AddrPort() }

// URL is the origin's base URL, without a trailing slash.
func (o *Origin) URL() string { return "http://" + o.Addr().String() }

// Stats returns the counters.
func (o *Origin) Stats() Stats {
	return Stats{
		Requests: o.requests.Load(), Active: o.active.Load(),
		Cancelled: o.cancelled.Load(), Aborted: o.aborted.Load(),
	}
}

// Close cuts every connection, ends every request in progress and waits for all of it. Calling it again is harmless.
func (o *Origin) Close() error {
	o.mu.Lock()
	o.closed = true
	o.mu.Unlock()
	o.cancel()
	err := o.server.Close()
	o.serving.Wait()
	o.handling.Wait() // http.Server.Close itself does not wait for handlers
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// begin admits a request unless the origin is closing.
func (o *Origin) begin() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.closed {
		o.handling.Add(1)
	}
	return !o.closed
}

var _ io.Closer = (*Origin)(nil)
