package balancer

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"polygate.example/tools/internal/localcloud/clock"
	"polygate.example/tools/internal/localcloud/dns"
	"polygate.example/tools/internal/localcloud/pki"
	"polygate.example/tools/internal/localcloud/place"
	"polygate.example/tools/internal/localcloud/plane"
)

const hostname = "api.polygate.test"

// bed has origins o1, o2, ... at 127.7.0.1, 127.7.0.2, ..., each a real TLS server under a certificate for its own name, and
// balancers that reach them.
type bed struct {
	t    *testing.T
	ca   *pki.CA
	b    *Balancers
	draw float64 // what the die shows

	mu      sync.Mutex
	servers map[string]*httptest.Server // by name
	dial    map[string]error            // names that cannot be connected to
	seen    map[string]*http.Request    // last request that is no probe, by name
	dialled []string                    // names that were connected to, or should have been
	failing map[string]bool             // names whose /health answers 503
	answer  http.HandlerFunc            // nil: 200 and the name
}

// newBed runs n origins at a speed of cloud seconds per second. At speed 1 nobody probes within a test.
func newBed(t *testing.T, n int, speed float64) *bed {
	t.Helper()
	ca, err := pki.Open(filepath.Join(t.TempDir(), "ca"))
	if err != nil {
		t.Fatal(err)
	}
	d := &bed{t: t, ca: ca, servers: map[string]*httptest.Server{}, dial: map[string]error{}, seen: map[string]*http.Request{}, failing: map[string]bool{}}
	for i := range n {
		d.serve(fmt.Sprintf("o%d", i+1))
	}
	d.b, err = New(Options{Clock: clock.New(speed), Dial: d.Dial, Resolve: d.Resolve, Roots: ca.Pool(), Floor: 50 * time.Millisecond,
		Draw: func() float64 { return d.draw }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.b.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

func own(name string) string { return name + ".polygate.test" }

func (d *bed) serve(name string, certFor ...string) {
	d.t.Helper()
	if len(certFor) == 0 {
		certFor = []string{own(name)}
	}
	cert, key, err := d.ca.Issue(certFor...)
	if err != nil {
		d.t.Fatal(err)
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		d.t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { d.serveOrigin(name, w, r) }))
	s.TLS = &tls.Config{Certificates: []tls.Certificate{pair}}
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	s.StartTLS()
	d.t.Cleanup(s.Close)
	d.mu.Lock()
	d.servers[own(name)] = s
	d.mu.Unlock()
}

func (d *bed) serveOrigin(name string, w http.ResponseWriter, r *http.Request) {
	d.mu.Lock()
	failing, answer := d.failing[own(name)], d.answer
	if r.URL.Path != "/health" {
		d.seen[own(name)] = r.Clone(context.Background())
	}
	d.mu.Unlock()
	switch {
	case r.URL.Path == "/health" && failing:
		w.WriteHeader(http.StatusServiceUnavailable)
	case r.URL.Path == "/health":
	case answer != nil:
		answer(w, r)
	default:
		fmt.Fprint(w, name)
	}
}

// fail has the probes of an origin fail, or pass again.
func (d *bed) fail(name string, failing bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.failing[own(name)] = failing
}

// cut has connections to an origin fail.
func (d *bed) cut(name string, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.dial[own(name)] = err
}

func (d *bed) Dial(ctx context.Context, host string, _ int) (net.Conn, error) {
	d.mu.Lock()
	s, err := d.servers[host], d.dial[host]
	d.dialled = append(d.dialled, host)
	d.mu.Unlock()
	switch {
	case err != nil:
		return nil, err
	case s == nil:
		return nil, fmt.Errorf("resolve %s: %w", host, dns.ErrNoAddress)
	}
	return (&net.Dialer{}).DialContext(ctx, "tcp", s.Listener.Addr().String())
}

func (d *bed) Resolve(_ context.Context, name string) (dns.Resolution, error) {
	var n byte
	if _, err := fmt.Sscanf(name, "o%d.polygate.test", &n); err != nil {
		return dns.Resolution{}, dns.ErrNoAddress
	}
	return dns.Resolution{Addrs: []netip.Addr{netip.AddrFrom4([4]byte{127, 7, 0, n})}}, nil
}

// unmonitored is a pool of origins that are not probed, and so always healthy.
func unmonitored(id string, names ...string) plane.Pool {
	p := plane.Pool{ID: id, MinimumOrigins: 1, Regions: []string{"ENAM"}}
	for _, n := range names {
		p.Origins = append(p.Origins, plane.Origin{Name: n, Address: own(n), Host: own(n), Weight: 1})
	}
	return p
}

// monitored is a pool that is probed as the stacks do it.
func monitored(id string, names ...string) plane.Pool {
	p := unmonitored(id, names...)
	p.Regions = []string{"ENAM", "SEAS", "WEU"}
	p.Monitor = &plane.PoolMonitor{Type: "https", Method: "GET", Path: "/health", Port: 443, ExpectedCodes: "200", Interval: 10, Timeout: 4, Retries: 1, ConsecutiveUp: 2, ConsecutiveDown: 2}
	return p
}

// balance serves one load balancer over pools, the first of which is the fallback.
func (d *bed) balance(change func(*plane.Balancer), pools ...plane.Pool) plane.Balancer {
	d.t.Helper()
	lb := plane.Balancer{ID: "lb", Name: hostname, TTL: 30, Steering: "off", Pools: pools, Fallback: pools[0].ID}
	for _, p := range pools {
		lb.Default = append(lb.Default, p.ID)
	}
	if change != nil {
		change(&lb)
	}
	if err := d.b.Apply([]plane.Balancer{lb}, []plane.Site{{ID: "lb", Front: plane.Cloudflare, Listen: netip.MustParseAddrPort("127.7.9.9:8443")}}); err != nil {
		d.t.Fatal(err)
	}
	return lb
}

// asks is the answer to a client, as "o1 30" for the address of o1 and the TTL 30.
func (d *bed) asks(code string) string {
	d.t.Helper()
	from, ok := place.Client(code)
	if !ok {
		d.t.Fatalf("no place %s", code)
	}
	a, ok := d.b.Answer(hostname, from)
	switch {
	case !ok:
		return "not ours"
	case a.None:
		return "none"
	case len(a.Addrs) != 1 || a.Manager != "cloudflare":
		d.t.Fatalf("answer is %+v", a)
	}
	if ip := a.Addrs[0].As4(); ip[2] == 0 {
		return fmt.Sprintf("o%d %d", ip[3], a.TTL)
	}
	return fmt.Sprintf("edge %d", a.TTL)
}

// until waits for a condition, which real probes over real connections bring about.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s never came", what)
		}
	}
}

// Errors of connections.
var (
	errRefused = &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}
	errNoRoute = &net.OpError{Op: "dial", Err: syscall.EHOSTUNREACH}
	errTooLong = &net.OpError{Op: "dial", Err: context.DeadlineExceeded}
)
