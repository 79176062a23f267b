package client

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"polygate.example/shared/clientcert/clientcerttest"
)

// site is an HTTPS server; its certificate is httptest's, for example.com.
func site(t *testing.T, h http.HandlerFunc) (*httptest.Server, *x509.CertPool) {
	t.Helper()
	srv := httptest.NewUnstartedServer(h)
	srv.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	srv.StartTLS()
	t.Cleanup(srv.Close)
	pool := x509.NewCertPool()
	pool.AddCert(srv.Certificate())
	return srv, pool
}

func port(t *testing.T, srv *httptest.Server) uint16 {
	t.Helper()
	return netip.MustParseAddrPort(srv.Listener.Addr().String()).Port()
}

func newClient(t *testing.T, o Options) *Client {
	t.Helper()
	c, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func TestGet(t *testing.T) {
	var sni atomic.Value
	srv, pool := site(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Trailer", "X-End")
		_, _ = fmt.Fprintf(w, "%s %s", r.Host, r.URL.Path)
		w.Header().Set("X-End", "yes")
	})
	srv.TLS.GetConfigForClient = func(h *tls.ClientHelloInfo) (*tls.Config, error) {
		sni.Store(h.ServerName)
		return nil, nil
	}
	s := newScript(t)
	s.say("example.com.", "example.com. 60 IN CNAME owner.test.\nowner.test. 60 IN A 127.0.0.1")
	mapped := 0
	c := newClient(t, Options{Resolver: resolver(t, ResolverOptions{Server: s.addr}), RootCAs: pool,
		Address: func(chain []string, ip netip.Addr, p int) (netip.AddrPort, error) {
			mapped++
			if chain[len(chain)-1] != "owner.test" || p != 443 {
				t.Errorf("mapping asked for %v %s %d", chain, ip, p)
			}
			return netip.AddrPortFrom(ip, port(t, srv)), nil
		}})
	r, err := c.Get(t.Context(), "https://example.com/orders")
	if err != nil {
		t.Fatal(err)
	}
	if r.Status != 200 || string(r.Body) != "example.com /orders" || r.Trailer.Get("X-End") != "yes" {
		t.Errorf("%d %q %v", r.Status, r.Body, r.Trailer)
	}
	if sni.Load() != "example.com" {
		t.Errorf("server name %v", sni.Load())
	}
	if r.Answer.Owner() != "owner.test" || r.Address.Port() != port(t, srv) || r.Reused || mapped != 1 {
		t.Errorf("answer %+v, address %s, reused %t, mapped %d times", r.Answer, r.Address, r.Reused, mapped)
	}
	ts := r.Times
	if !(0 < ts.Resolved && ts.Resolved <= ts.Connected && ts.Connected < ts.Secured && ts.Secured < ts.FirstByte && ts.FirstByte <= ts.Done) {
		t.Errorf("times are out of order: %+v", ts)
	}
}

// With Reuse a connection stays where it is while DNS moves on; without, each request goes where DNS points.
// A client connects from where it is told to, and asks with the subnet it is in.
// TestCertificateIsShown: who asks for a certificate is shown the client's.
func TestCertificateIsShown(t *testing.T) {
	srv, pool := site(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprint(w, r.TLS.PeerCertificates[0].Subject.CommonName)
	})
	srv.TLS.ClientAuth = tls.RequireAnyClientCert
	s := newScript(t)
	s.say("example.com.", "example.com. 60 IN A 127.0.0.1")
	acme := clientcerttest.Alone(t, "acme")
	o := Options{Resolver: resolver(t, ResolverOptions{Server: s.addr}), RootCAs: pool, Timeout: 5 * time.Second}
	if r, err := newClient(t, o).Get(t.Context(), fmt.Sprintf("https://example.com:%d/", port(t, srv))); err == nil {
		t.Errorf("answered without one: %s", r.Body)
	}
	o.Certificates = []tls.Certificate{{Certificate: [][]byte{acme.Cert.Raw}, PrivateKey: acme.Key}}
	r, err := newClient(t, o).Get(t.Context(), fmt.Sprintf("https://example.com:%d/", port(t, srv)))
	if err != nil || string(r.Body) != "acme" {
		t.Errorf("seen as %q, %v", r.Body, err)
	}
}

func TestFromSomewhere(t *testing.T) {
	var peer atomic.Value
	srv, pool := site(t, func(w http.ResponseWriter, r *http.Request) { peer.Store(r.RemoteAddr) })
	s := newScript(t)
	s.say("example.com.", "example.com. 60 IN A 127.0.0.1")
	for _, source := range []string{"127.18.3.1", "127.18.4.1"} {
		subnet := netip.MustParsePrefix("198.18.3.7/24")
		c := newClient(t, Options{
			Resolver: resolver(t, ResolverOptions{Server: s.addr, Subnet: subnet}), RootCAs: pool, Source: netip.MustParseAddr(source),
			Address: func(_ []string, ip netip.Addr, _ int) (netip.AddrPort, error) {
				return netip.AddrPortFrom(ip, port(t, srv)), nil
			},
		})
		if _, err := c.Get(t.Context(), "https://example.com/"); err != nil {
			t.Fatal(err)
		}
		if got := peer.Load().(string); !strings.HasPrefix(got, source+":") {
			t.Errorf("the server saw %s, want %s", got, source)
		}
		if got := s.lastSubnet(); got != "198.18.3.0/24/0" {
			t.Errorf("the name server saw the subnet %q: want the network alone", got)
		}
	}
}

func TestReuse(t *testing.T) {
	for _, reuse := range []bool{false, true} {
		t.Run(fmt.Sprint(reuse), func(t *testing.T) {
			answer := func(name string) http.HandlerFunc {
				return func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, name) }
			}
			one, pool := site(t, answer("one"))
			two, _ := site(t, answer("two")) // httptest's certificate is the same for all
			s := newScript(t)
			s.say("example.com.", "example.com. 0 IN CNAME one.test.\none.test. 0 IN A 127.0.0.1")
			c := newClient(t, Options{Resolver: resolver(t, ResolverOptions{Server: s.addr}), RootCAs: pool, Reuse: reuse,
				Address: func(chain []string, ip netip.Addr, _ int) (netip.AddrPort, error) {
					if chain[1] == "one.test" {
						return netip.AddrPortFrom(ip, port(t, one)), nil
					}
					return netip.AddrPortFrom(ip, port(t, two)), nil
				}})
			get := func() Result {
				r, err := c.Get(t.Context(), "https://example.com/")
				if err != nil {
					t.Fatal(err)
				}
				return r
			}
			if r := get(); string(r.Body) != "one" || r.Reused {
				t.Errorf("first: %s, reused %t", r.Body, r.Reused)
			}
			s.say("example.com.", "example.com. 0 IN CNAME two.test.\ntwo.test. 0 IN A 127.0.0.1")
			r := get()
			if want := map[bool]string{false: "two", true: "one"}[reuse]; string(r.Body) != want || r.Reused != reuse || r.Answer.Chain[1] != want+".test" {
				t.Errorf("second: %s, reused %t, by way of %v; want %s", r.Body, r.Reused, r.Answer.Chain, want)
			}
			if reuse && (r.Times.Resolved != 0 || r.Times.Connected != 0 || r.Times.Secured != 0) {
				t.Errorf("times of a reused connection: %+v", r.Times)
			}
			if reuse { // once the old connection is gone, DNS decides again
				one.CloseClientConnections()
				one.Close()
				if r := get(); string(r.Body) != "two" {
					t.Errorf("third: %s", r.Body)
				}
			}
		})
	}
}

func TestFailures(t *testing.T) {
	srv, pool := site(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/hang":
			<-r.Context().Done()
		case "/cut":
			w.Header().Set("Content-Length", "100")
			_, _ = io.WriteString(w, "part")
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		case "/redirect":
			http.Redirect(w, r, "/elsewhere", http.StatusFound)
		}
	})
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = closed.Close()
	s := newScript(t)
	for _, n := range []string{"example.com.", "other.test.", "down.test."} {
		s.say(n, n+" 60 IN A 127.0.0.1")
	}
	s.say("half.example.com.", "half.example.com. 60 IN A 127.0.0.9\nhalf.example.com. 60 IN A 127.0.0.1")
	o := Options{Resolver: resolver(t, ResolverOptions{Server: s.addr}), RootCAs: pool, Timeout: 20 * time.Second,
		Address: func(chain []string, ip netip.Addr, _ int) (netip.AddrPort, error) {
			switch {
			case chain[0] == "down.test":
				return netip.MustParseAddrPort(closed.Addr().String()), nil
			case ip.String() == "127.0.0.9":
				return netip.AddrPort{}, errors.New("no front there")
			}
			return netip.AddrPortFrom(ip, port(t, srv)), nil
		}}
	c := newClient(t, o)
	var unknown *tls.CertificateVerificationError
	tests := []struct {
		name, url string
		check     func(Result, error) bool
	}{
		{"no such name", "https://none.test/", func(r Result, err error) bool { return errors.Is(err, ErrServer) && r.Status == 0 }},
		{"down: what was known is told", "https://down.test/", func(r Result, err error) bool {
			return err != nil && r.Answer.Owner() == "down.test" && r.Address.Port() != 0 && r.Times.Resolved > 0 && r.Times.Connected == 0
		}},
		{"wrong certificate", "https://other.test/", func(r Result, err error) bool { return errors.As(err, &unknown) }},
		{"cut short", "https://example.com/cut", func(r Result, err error) bool {
			return errors.Is(err, io.ErrUnexpectedEOF) && r.Status == 200 && string(r.Body) == "part"
		}},
		{"a redirect is an answer", "https://example.com/redirect", func(r Result, err error) bool { return err == nil && r.Status == 302 }},
		{"not a URL", "https://exa mple/", func(r Result, err error) bool { return err != nil && strings.Contains(err.Error(), "client:") }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r, err := c.Get(t.Context(), tt.url)
			if !tt.check(r, err) {
				t.Errorf("%+v, %v", r, err)
			}
		})
	}
	t.Run("hangs", func(t *testing.T) {
		o.Timeout = time.Second
		r, err := newClient(t, o).Get(t.Context(), "https://example.com/hang")
		if !errors.Is(err, context.DeadlineExceeded) || r.Times.Done < time.Second {
			t.Errorf("%+v, %v", r, err)
		}
	})
	t.Run("the second address is tried", func(t *testing.T) {
		r, err := c.Get(t.Context(), "https://half.example.com/") // the certificate covers *.example.com
		if err != nil || r.Address.Addr().String() != "127.0.0.1" {
			t.Errorf("%+v, %v", r, err)
		}
	})
}

func TestClientWantsAResolver(t *testing.T) {
	if _, err := New(Options{}); err == nil {
		t.Error("no error")
	}
}
