// Package devserver serves one gateway document on this machine while somebody writes it: what is saved is served at once, and what is saved
// and wrong is told of while the last good version serves on.
package devserver

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"sync/atomic"
	"time"
)

const (
	headerTimeout = 10 * time.Second // bounds how slowly a client may send a request's head
	idleTimeout   = 2 * time.Minute
	drainTimeout  = 10 * time.Second // of the requests in flight at the end; then their connections are cut
)

// Version is a gateway as its files have it. A handler that is an io.Closer is closed when another version serves in its place and no request is
// served by it any more, or when Run ends.
type Version struct {
	Handler http.Handler
	ID      string // what has the same is the same
	Asks    bool   // it goes by certificates of clients, who are asked for them where there is TLS
}

// Options say what to serve and where.
type Options struct {
	Listener  net.Listener
	Authority Authority                        // of the certificates that clients are shown; nil for no TLS
	Files     func() []string                  // those there are now, whose folders are watched; it is asked after each load
	Load      func() (Version, error)          // reads them
	Say       func(format string, args ...any) // one line for whoever develops; it is safe for concurrent use
	Swapped   func(Version)                    // after a new version has been taken up; nil for nobody
}

// Run serves the first version, and each one after it that can be loaded, until ctx ends; then it lets the requests in flight end. A request
// is served to its end by the version that it came to.
func Run(ctx context.Context, first Version, opts Options) error {
	var current atomic.Pointer[serving]
	current.Store(&serving{Handler: first.Handler, asks: first.Asks})
	s := &http.Server{
		Handler:           http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { serve(&current, w, r) }),
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       idleTimeout,
		ErrorLog:          slog.NewLogLogger(slog.DiscardHandler, slog.LevelError), // of clients that speak no HTTP
	}
	accept := func() error { return s.Serve(opts.Listener) }
	if opts.Authority != nil {
		secured := &secured{authority: opts.Authority, current: &current}
		var err error
		if s.TLSConfig, err = secured.config(); err != nil {
			return fmt.Errorf("serve: %w", errors.Join(err, opts.Listener.Close(), current.Load().retire()))
		}
		s.ConnContext = secured.remember
		accept = func() error { return s.ServeTLS(opts.Listener, "", "") }
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	l := loader{Options: opts, id: first.ID, current: &current}
	ended := make(chan error, 2)
	go func() { ended <- watch(ctx, opts.Files, l.load) }()
	go func() { ended <- accept() }()
	var failed []error
	running := 2
	select {
	case err := <-ended:
		failed = append(failed, err)
		running--
	case <-ctx.Done():
	}
	stop()
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
	defer cancel()
	if s.Shutdown(drain) != nil {
		failed = append(failed, s.Close())
		opts.Say("cut off requests that had not ended after %s", drainTimeout)
	}
	for range running {
		failed = append(failed, <-ended)
	}
	failed = append(failed, current.Load().retire())
	failed = slices.DeleteFunc(failed, func(err error) bool { return err == nil || errors.Is(err, http.ErrServerClosed) })
	if len(failed) > 0 {
		return fmt.Errorf("serve: %w", errors.Join(failed...))
	}
	return nil
}

// loader takes up new versions. It belongs to the goroutine that watches.
type loader struct {
	Options
	id      string // of the version that is served
	broken  string // what was wrong with the files when they were read last, "" for nothing
	current *atomic.Pointer[serving]
}

// load reads the files. It says nothing of what it has said already, and nothing of files that mean what is served.
func (l *loader) load() {
	v, err := l.Load()
	if err != nil {
		if l.broken != err.Error() {
			l.Say("not taken, the version before serves on:\n%v", err)
		}
		l.broken = err.Error()
		return
	}
	mended := l.broken != ""
	l.broken = ""
	if v.ID == l.id {
		_ = closeOf(v.Handler) // nobody has asked it
		if mended {
			l.Say("the files are as they are served again")
		}
		return
	}
	l.id = v.ID
	if err := l.current.Swap(&serving{Handler: v.Handler, asks: v.Asks}).retire(); err != nil {
		l.Say("the version before did not end well: %v", err)
	}
	if l.Swapped != nil {
		l.Swapped(v)
	}
}
