package client

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"polygate.example/tools/client/clienttest"
)

// A request tells how far it came, and where it went, however it ended.
func TestPhases(t *testing.T) {
	srv, pool := site(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/hang":
			<-r.Context().Done()
		case "/cut":
			panic(http.ErrAbortHandler)
		case "/part":
			w.Header().Set("Content-Length", "100")
			_, _ = io.WriteString(w, "part")
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		}
	})
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = closed.Close()
	silent := newScript(t)
	silent.set(func() { silent.silent = true })
	well := srv.Listener.Addr().String()
	tests := []struct {
		name, at, path string
		phase          Phase
		timeout        bool
	}{
		{"no name server", "", "", Resolving, true},
		{"nobody listens", closed.Addr().String(), "", Connecting, false},
		{"no answer to a SYN", clienttest.Full(t), "", Connecting, true},
		{"no answer to a handshake", clienttest.Mute(t), "", Securing, true},
		{"no answer to a request", well, "hang", Asking, true},
		{"cut off before the head", well, "cut", Asking, false},
		{"no end of the body", well, "part", Reading, true},
		{"a whole response", well, "", Complete, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newScript(t)
			s.say("example.com.", "example.com. 60 IN A 192.0.2.1")
			o := ResolverOptions{Server: s.addr}
			if tt.at == "" {
				o.Server = silent.addr
			}
			c := newClient(t, Options{
				Resolver: resolver(t, o), RootCAs: pool, Timeout: 300 * time.Millisecond,
				Address: func([]string, netip.Addr, int) (netip.AddrPort, error) { return netip.MustParseAddrPort(tt.at), nil },
			})
			r, err := c.Get(t.Context(), "https://example.com/"+tt.path)
			if r.Phase != tt.phase || (err == nil) != (tt.phase == Complete) {
				t.Errorf("%s, %v: want %s", r.Phase, err, tt.phase)
			}
			var network net.Error // a dial that ends by its connection's deadline says so in another way than one that ends by the context's, a moment later
			if (errors.Is(err, context.DeadlineExceeded) || errors.As(err, &network) && network.Timeout()) != tt.timeout {
				t.Errorf("%v: want a timeout: %t", err, tt.timeout)
			}
			if tt.at != "" && r.Address.String() != tt.at {
				t.Errorf("address %s, want %s", r.Address, tt.at)
			}
		})
	}
}

// Requests that begin together share the connection that the first of them opens, and do not wait for one that hangs.
func TestConnectionsAreOpenedOneAfterTheOther(t *testing.T) {
	const requests = 20
	for name, hangs := range map[string]bool{"quick": false, "the first one hangs": true} {
		t.Run(name, func(t *testing.T) {
			srv, pool := site(t, func(http.ResponseWriter, *http.Request) {})
			mute := netip.MustParseAddrPort(clienttest.Mute(t))
			s := newScript(t)
			s.say("example.com.", "example.com. 60 IN A 192.0.2.1")
			var dialled atomic.Int64
			c := newClient(t, Options{
				Resolver: resolver(t, ResolverOptions{Server: s.addr}), RootCAs: pool, Reuse: true, Timeout: 5 * time.Second,
				Address: func([]string, netip.Addr, int) (netip.AddrPort, error) {
					if dialled.Add(1) == 1 && hangs {
						return mute, nil
					}
					return netip.MustParseAddrPort(srv.Listener.Addr().String()), nil
				},
			})
			began := time.Now()
			var group sync.WaitGroup
			var slow, failed atomic.Int64
			for range requests {
				group.Go(func() {
					r, err := c.Get(t.Context(), "https://example.com/")
					if err != nil {
						failed.Add(1)
					}
					if r.Times.Done > 2*time.Second {
						slow.Add(1)
					}
				})
			}
			group.Wait()
			c.dialling <- struct{}{} // whoever waits to open a connection comes before
			if n := dialled.Load(); n > requests/2 {
				t.Errorf("%d connections for %d requests", n, requests)
			}
			if failed.Load() > 0 || slow.Load() > 0 {
				t.Errorf("%d failed and %d were slow: want the next connection after %s; all took %s", failed.Load(), slow.Load(), patience, time.Since(began))
			}
		})
	}
}

// A connection that turns out to have been closed is replaced, though the request had one already.
func TestClosedConnectionIsReplaced(t *testing.T) {
	var first atomic.Value // the peer of the connection that is closed on its second request
	var asked atomic.Int64
	srv, pool := site(t, func(w http.ResponseWriter, r *http.Request) {
		if first.CompareAndSwap(nil, r.RemoteAddr) || first.Load() != r.RemoteAddr {
			asked.Add(1)
			return
		}
		if under, _, err := http.NewResponseController(w).Hijack(); err == nil {
			_ = under.Close()
		}
	})
	s := newScript(t)
	s.say("example.com.", "example.com. 60 IN A 192.0.2.1")
	c := newClient(t, Options{
		Resolver: resolver(t, ResolverOptions{Server: s.addr}), RootCAs: pool, Reuse: true,
		Address: func([]string, netip.Addr, int) (netip.AddrPort, error) {
			return netip.MustParseAddrPort(srv.Listener.Addr().String()), nil
		},
	})
	for i := range 3 {
		if r, err := c.Get(t.Context(), "https://example.com/"); err != nil || r.Status != 200 || r.Attempts != 1 {
			t.Errorf("request %d: %d after %d attempts, %v", i+1, r.Status, r.Attempts, err)
		}
	}
	if n := asked.Load(); n != 3 {
		t.Errorf("%d answers for 3 requests", n)
	}
}
