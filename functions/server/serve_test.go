package main

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"polygate.example/shared/handler"
)

// pipes is a listener whose connections are net.Pipes: no network, so that time costs none in a synctest bubble.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { p.once.Do(func() { close(p.closed) }); return nil }
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

// serving runs serveOn in a bubble and returns a client's connection, how to stop the server, and its end.
func serving(t *testing.T, h http.HandlerFunc) (client net.Conn, stop context.CancelFunc, ended chan error) {
	t.Helper()
	l := &pipes{conns: make(chan net.Conn), closed: make(chan struct{})}
	ctx, stop := context.WithCancel(t.Context())
	ended = make(chan error, 1)
	go func() { ended <- serveOn(ctx, l, h, slog.New(slog.DiscardHandler)) }()
	client, server := net.Pipe()
	l.conns <- server
	return client, stop, ended
}

// A client that sends its request's head too slowly is hung up on.
func TestHeaderTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, stop, ended := serving(t, func(http.ResponseWriter, *http.Request) { t.Error("served half a head") })
		started := time.Now()
		if _, err := io.WriteString(client, "GET / HTTP/1.1\r\nHost: a"); err != nil {
			t.Fatal(err)
		}
		client.SetReadDeadline(started.Add(time.Hour))
		if _, err := io.ReadAll(client); err != nil {
			t.Errorf("reading ended with %v, want the server to hang up", err)
		}
		if took := time.Since(started); took != headerTimeout {
			t.Errorf("hung up after %s, want %s", took, headerTimeout)
		}
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// A client whose request's body never comes to an end is hung up on, also when nobody wants the body.
func TestBodyTimeout(t *testing.T) {
	path := filepath.Join(t.TempDir(), "model.json")
	if err := os.WriteFile(path, []byte(model), 0o644); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		h, err := load(path, func(string) string { return "" }, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		client, stop, ended := serving(t, h.ServeHTTP)
		started := time.Now()
		client.SetDeadline(started.Add(time.Hour))
		if _, err := io.WriteString(client, "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n{"); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadAll(client); err != nil {
			t.Errorf("reading ended with %v, want the server to hang up", err)
		}
		if took := time.Since(started); took != handler.BodyTimeout {
			t.Errorf("hung up after %s, want %s", took, handler.BodyTimeout)
		}
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// A request in flight at shutdown is answered if it ends in time; else its connection is cut, and the server ends.
func TestDrain(t *testing.T) {
	for name, c := range map[string]struct {
		takes time.Duration
		whole bool
	}{"in time": {drainTimeout - time.Second, true}, "too late": {time.Hour, false}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client, stop, ended := serving(t, func(w http.ResponseWriter, r *http.Request) {
					select {
					case <-time.After(c.takes):
						io.WriteString(w, "done")
					case <-r.Context().Done():
					}
				})
				if _, err := io.WriteString(client, "GET / HTTP/1.1\r\nHost: a\r\n\r\n"); err != nil {
					t.Fatal(err)
				}
				synctest.Wait() // until the request is being served
				started := time.Now()
				stop()
				resp, err := http.ReadResponse(bufio.NewReader(client), nil)
				if c.whole {
					if err != nil {
						t.Fatal(err)
					}
					defer resp.Body.Close()
					if b, err := io.ReadAll(resp.Body); err != nil || string(b) != "done" {
						t.Errorf("the request in flight got %q, %v", b, err)
					}
				} else if !errors.Is(err, io.ErrUnexpectedEOF) {
					t.Errorf("got %v, want a connection that was cut", err)
				}
				if err := <-ended; err != nil {
					t.Error(err)
				}
				if took := time.Since(started); took < min(c.takes, drainTimeout) || took > drainTimeout+time.Second {
					t.Errorf("the server ended after %s", took)
				}
			})
		})
	}
}
