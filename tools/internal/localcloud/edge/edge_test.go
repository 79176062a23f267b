package edge

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/netip"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"polygate.example/tools/internal/localcloud/dns"
	"polygate.example/tools/internal/localcloud/plane"
)

// front is a TLS site that answers with its name. Its certificate is for the names it is given.
func front(t *testing.T, answer string, names ...string) (plane.Site, *x509.Certificate) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: names,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}})
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sum := sha256.New()
		n, err := io.Copy(sum, r.Body)
		if err != nil {
			t.Errorf("front %s: %v", answer, err)
		}
		_, _ = fmt.Fprintf(w, "%s %s %d %x", answer, r.Host, n, sum.Sum(nil)[:4])
	})}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = srv.Serve(l)
	}()
	t.Cleanup(func() {
		_ = srv.Close()
		<-done
	})
	return site(l.Addr().String(), names...), cert
}

func open(t *testing.T, resolve Resolve, sites ...plane.Site) *Edge {
	t.Helper()
	e, err := New(Options{Listen: netip.MustParseAddrPort("127.0.0.1:0"), Resolve: resolve, Sites: sites})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return e
}

// through is an HTTP client whose every connection goes to the edge, as curl's does with --connect-to.
func through(t *testing.T, e *Edge, roots ...*x509.Certificate) *http.Client {
	t.Helper()
	pool := x509.NewCertPool()
	for _, c := range roots {
		pool.AddCert(c)
	}
	tr := &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: pool},
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, network, e.Addr().String())
		}}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr, Timeout: 20 * time.Second}
}

func get(t *testing.T, c *http.Client, url string) string {
	t.Helper()
	resp, err := c.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// The shared name moves from front to front with DNS, from one connection to the next; own names stay. All of it on
// one address, told apart by owner names.
func TestForwardFollowsDNS(t *testing.T) {
	one, oneCert := front(t, "one", "use1.aws.api.polygate.test", "api.polygate.test")
	two, twoCert := front(t, "two", "usc1.gcp.api.polygate.test", "api.polygate.test")
	var down atomic.Bool
	server, err := dns.New(dns.Options{Listen: netip.MustParseAddrPort("127.0.0.1:0"), Health: func(string) bool { return !down.Load() }})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = server.Close() }()
	member := func(slot, target string) plane.Record {
		return plane.Record{Name: "api.polygate.test", Type: "CNAME", TTL: 60, Values: []string{target}, SetIdentifier: slot, Failover: slot, HealthCheck: "hc"}
	}
	secondary := member("SECONDARY", "usc1.gcp.api.polygate.test")
	secondary.HealthCheck = ""
	a := func(name string) plane.Record {
		return plane.Record{Name: name, Type: "A", TTL: 60, Values: []string{"127.0.0.1"}}
	}
	if err := server.Apply([]plane.Zone{{ID: "Z", Name: "polygate.test", Records: []plane.Record{
		member("PRIMARY", "use1.aws.api.polygate.test"), secondary, a("use1.aws.api.polygate.test"), a("usc1.gcp.api.polygate.test"),
	}}}); err != nil {
		t.Fatal(err)
	}
	e := open(t, server.Resolve, one, two)
	c := through(t, e, oneCert, twoCert)
	for _, step := range []struct {
		down bool
		url  string
		want string
	}{
		{false, "https://api.polygate.test/", "one api.polygate.test"},
		{true, "https://api.polygate.test/", "two api.polygate.test"},
		{true, "https://use1.aws.api.polygate.test/", "one use1.aws.api.polygate.test"},
		{false, "https://API.polygate.test/", "one api.polygate.test"},
	} {
		down.Store(step.down)
		if got := get(t, c, step.url); !strings.HasPrefix(strings.ToLower(got), step.want) {
			t.Errorf("down %t, %s: %q, want %q", step.down, step.url, got, step.want)
		}
	}
	// The same way in process, without the edge's listener.
	tr := &http.Transport{DisableKeepAlives: true, DialContext: e.Dialer().DialContext, TLSClientConfig: through(t, e, oneCert, twoCert).Transport.(*http.Transport).TLSClientConfig}
	if got := get(t, &http.Client{Transport: tr}, "https://api.polygate.test/"); !strings.HasPrefix(got, "one ") {
		t.Errorf("dialer: %q", got)
	}
}

func TestForwardLargeBody(t *testing.T) {
	one, cert := front(t, "one", "a.test")
	c := through(t, open(t, book("a.test = 127.0.0.1"), one), cert)
	body := bytes.Repeat([]byte("0123456789abcdef"), 256<<10) // 4 MiB
	resp, err := c.Post("https://a.test/", "application/octet-stream", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	got, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(body)
	if want := fmt.Sprintf("one a.test %d %x", len(body), sum[:4]); string(got) != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// What the edge does by itself when it cannot forward.
func TestRefusals(t *testing.T) {
	gone := site("127.0.0.1:1", "down.test") // nobody listens on port 1
	e := open(t, book("down.test = 127.0.0.1"), gone)
	tests := []struct {
		name string
		send []byte
		want []byte // nil is a reset
	}{
		{"unknown name: alert unrecognized_name", clientHello(t, &tls.Config{ServerName: "unknown.test"}), []byte{21, 3, 1, 0, 2, 2, 112}},
		{"no name: alert missing_extension", clientHello(t, &tls.Config{InsecureSkipVerify: true}), []byte{21, 3, 1, 0, 2, 2, 109}},
		{"not TLS: closed", []byte("GET / HTTP/1.1\r\n\r\n"), []byte{}},
		{"front is down: reset", clientHello(t, &tls.Config{ServerName: "down.test"}), nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			conn, err := net.Dial("tcp", e.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = conn.Close() }()
			if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
				t.Fatal(err)
			}
			if _, err := conn.Write(tt.send); err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(conn)
			if tt.want == nil {
				if !errors.Is(err, syscall.ECONNRESET) {
					t.Errorf("read %q, %v: want a reset", got, err)
				}
				return
			}
			if err != nil || !bytes.Equal(got, tt.want) {
				t.Errorf("read %v, %v: want %v", got, err, tt.want)
			}
		})
	}
	t.Run("crypto/tls understands the alert", func(t *testing.T) {
		_, err := tls.Dial("tcp", e.Addr().String(), &tls.Config{ServerName: "unknown.test"})
		if err == nil || !strings.Contains(err.Error(), "unrecognized name") {
			t.Errorf("error %v", err)
		}
	})
}

// A client that shuts its sending side still gets its answer, and one that goes away takes the front's side with it.
func TestHalfCloseAndGone(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	e := open(t, book("raw.test = 127.0.0.1"), site(l.Addr().String(), "raw.test"))
	hello := clientHello(t, &tls.Config{ServerName: "raw.test"})
	connect := func(t *testing.T) (client, server *net.TCPConn) {
		t.Helper()
		c, err := net.Dial("tcp", e.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		for _, part := range [][]byte{hello[:3], hello[3:100], hello[100:]} { // the hello may come in pieces
			if _, err := c.Write(part); err != nil {
				t.Fatal(err)
			}
		}
		s, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		for _, conn := range []net.Conn{c, s} {
			if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
				t.Fatal(err)
			}
		}
		got := make([]byte, len(hello))
		if _, err := io.ReadFull(s, got); err != nil || !bytes.Equal(got, hello) {
			t.Fatalf("the hello did not arrive as it was sent: %v", err)
		}
		return c.(*net.TCPConn), s.(*net.TCPConn)
	}
	t.Run("half close", func(t *testing.T) {
		c, s := connect(t)
		if err := c.CloseWrite(); err != nil {
			t.Fatal(err)
		}
		if rest, err := io.ReadAll(s); err != nil || len(rest) != 0 {
			t.Fatalf("front reads %q, %v: want the end", rest, err)
		}
		if _, err := io.WriteString(s, "answer"); err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(c); err != nil || string(got) != "answer" {
			t.Errorf("client reads %q, %v", got, err)
		}
	})
	t.Run("client gone", func(t *testing.T) {
		c, s := connect(t)
		reset(c)
		if _, err := io.ReadAll(s); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("front reads %v, want a reset", err)
		}
	})
	t.Run("front gone", func(t *testing.T) {
		c, s := connect(t)
		reset(s)
		if _, err := io.ReadAll(c); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("client reads %v, want a reset", err)
		}
	})
}

func TestCloseLeavesNothing(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	e, err := New(Options{Listen: netip.MustParseAddrPort("127.0.0.1:0"), Resolve: book("raw.test = 127.0.0.1"),
		Sites: []plane.Site{site(l.Addr().String(), "raw.test")}})
	if err != nil {
		t.Fatal(err)
	}
	var conns []net.Conn
	for _, send := range [][]byte{nil, clientHello(t, &tls.Config{ServerName: "raw.test"})} { // one waiting, one forwarded
		c, err := net.Dial("tcp", e.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close() }()
		if _, err := c.Write(send); err != nil {
			t.Fatal(err)
		}
		conns = append(conns, c)
	}
	s, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	for range 2 {
		if err := e.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for i, c := range conns {
		if err := c.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Read(make([]byte, 1)); err == nil || errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("connection %d outlived the edge: %v", i, err)
		}
	}
	if c, err := net.Dial("tcp", e.Addr().String()); err == nil {
		_ = c.Close()
		t.Error("the port is still open")
	}
	buf := make([]byte, 1<<20)
	for deadline := time.Now().Add(5 * time.Second); ; runtime.Gosched() {
		stacks := string(buf[:runtime.Stack(buf, true)])
		if !strings.Contains(stacks, "edge.(*Edge)") {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("goroutines left:\n%s", stacks)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	for name, o := range map[string]Options{
		"off loopback": {Listen: netip.MustParseAddrPort("0.0.0.0:0"), Resolve: book()},
		"no resolver":  {Listen: netip.MustParseAddrPort("127.0.0.1:0")},
	} {
		if e, err := New(o); err == nil {
			t.Errorf("%s: no error", name)
			_ = e.Close()
		}
	}
}

// seenFrom is a connection whose far end is at an address.
type seenFrom struct {
	net.Conn
	from string
}

func (s seenFrom) RemoteAddr() net.Addr {
	return net.TCPAddrFromAddrPort(netip.MustParseAddrPort(s.from))
}

// Who comes from a loopback address of choice is seen there by the front, too.
func TestSourceOf(t *testing.T) {
	for from, want := range map[string]string{
		"127.18.7.1:4711": "127.18.7.1:0", "127.0.0.1:4711": "", "[::1]:4711": "", "192.0.2.1:4711": "",
	} {
		got := ""
		if a := sourceOf(seenFrom{from: from}); a != nil {
			got = a.String()
		}
		if got != want {
			t.Errorf("a client at %s is taken on from %q, want %q", from, got, want)
		}
	}
}
