package balancer

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"polygate.example/tools/internal/localcloud/place"
	"polygate.example/tools/internal/localcloud/plane"
)

// visitAs sends a request through the proxy as a client at a place does.
func (d *bed) visitAs(code string, r *http.Request) (*http.Response, string) {
	d.t.Helper()
	from, ok := place.Client(code)
	if !ok {
		d.t.Fatalf("no place %s", code)
	}
	r.RemoteAddr = net.JoinHostPort(from.Source().String(), "4711")
	h, ok := d.b.Proxy("lb")
	if !ok {
		d.t.Fatal("no proxy")
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	resp := w.Result()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		d.t.Fatal(err)
	}
	return resp, string(body)
}

func (d *bed) get(path string) (*http.Response, string) {
	d.t.Helper()
	return d.visitAs("FRA", httptest.NewRequest(http.MethodGet, "https://"+hostname+path, nil))
}

func proxiedBy(change func(*plane.Balancer)) func(*plane.Balancer) {
	return func(lb *plane.Balancer) {
		lb.Proxied, lb.Strict = true, true
		if change != nil {
			change(lb)
		}
	}
}

// The origin gets the request under its own name, with what Cloudflare says of the client and what the rules set; what a
// client says of the kind does not come through.
func TestProxyRequest(t *testing.T) {
	d := newBed(t, 1, 1)
	d.answer = func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("Server", "origin")
		w.Header().Set("X-Accel-Redirect", "/secret")
		w.Header().Set("X-Own", "1")
		w.WriteHeader(http.StatusAccepted)
		_, _ = w.Write(body)
	}
	d.balance(proxiedBy(func(lb *plane.Balancer) {
		lb.Headers, lb.Country = map[string]string{"X-Polygate-Front": "secret", "X-Drop": ""}, true
	}), unmonitored("p1", "o1"))
	r := httptest.NewRequest(http.MethodPost, "https://"+hostname+"/a%2Fb?q=1&q=2%26", strings.NewReader("body"))
	for name, value := range map[string]string{"X-Polygate-Front": "guess", "X-Drop": "1", "Cf-Connecting-Ip": "192.0.2.9", "Cf-Ipcountry": "US", "X-Forwarded-For": "192.0.2.8", "X-Forwarded-Proto": "http", "Cookie": "a=b"} {
		r.Header.Set(name, value)
	}
	resp, body := d.visitAs("FRA", r)
	if resp.StatusCode != http.StatusAccepted || body != "body" || resp.Header.Get("X-Own") != "1" {
		t.Fatalf("%d %q %v", resp.StatusCode, body, resp.Header)
	}
	for name, want := range map[string]string{"Server": "cloudflare", "Cf-Cache-Status": "DYNAMIC", "X-Accel-Redirect": ""} {
		if got := strings.Join(resp.Header.Values(name), ", "); got != want {
			t.Errorf("the client's %s is %q, want %q (Cloudflare HTTP headers)", name, got, want)
		}
	}
	seen := d.seen[own("o1")]
	client := "127.18.7.1" // FRA
	for name, want := range map[string]string{
		"X-Polygate-Front": "secret", "X-Drop": "", "Cf-Connecting-Ip": client, "X-Forwarded-For": "192.0.2.8," + client, "X-Forwarded-Proto": "https",
		"Cf-Ipcountry": "DE", "Cf-Visitor": `{"scheme":"https"}`, "Cdn-Loop": "cloudflare", "Cookie": "a=b", "Cf-Ray": resp.Header.Get("Cf-Ray"),
	} {
		if got := seen.Header.Get(name); got != want {
			t.Errorf("the origin's %s is %q, want %q (Cloudflare HTTP headers)", name, got, want)
		}
	}
	if seen.Host != own("o1") || seen.RequestURI != "/a%2Fb?q=1&q=2%26" || !strings.HasSuffix(resp.Header.Get("Cf-Ray"), "-FRA") {
		t.Errorf("host %s, %s, ray %s", seen.Host, seen.RequestURI, resp.Header.Get("Cf-Ray"))
	}
}

// A zone that does not tell the country leaves what the client says of it.
func TestProxyTellsNoCountry(t *testing.T) {
	d := newBed(t, 1, 1)
	d.balance(proxiedBy(nil), unmonitored("p1", "o1"))
	for _, said := range []string{"", "US"} {
		r := httptest.NewRequest(http.MethodGet, "https://"+hostname+"/", nil)
		if said != "" {
			r.Header.Set("CF-IPCountry", said)
		}
		d.visitAs("FRA", r)
		if got := d.seen[own("o1")].Header.Get("Cf-Ipcountry"); got != said {
			t.Errorf("the origin's country is %q, want %q", got, said)
		}
	}
}

// Every failure has its code, and is tried once with another origin of the pool, or of the next where that is wanted.
func TestProxyFailures(t *testing.T) {
	const adaptive = "Adaptive routing: 521, 522, 523, 525 or 526"
	for _, c := range []struct {
		name   string
		cause  func(d *bed) // what is wrong with o1
		status int
		code   string
		retry  bool
	}{
		{"refused", func(d *bed) { d.cut("o1", errRefused) }, 521, "521", true},
		{"timed out", func(d *bed) { d.cut("o1", errTooLong) }, 522, "522", true},
		{"no route", func(d *bed) { d.cut("o1", errNoRoute) }, 523, "523", true},
		{"reset in the handshake", func(d *bed) { d.reset("o1") }, 525, "525", true},
		{"certificate for another name", func(d *bed) { d.serve("o1", "other.test") }, 526, "526", true},
		{"no address", func(d *bed) { delete(d.servers, own("o1")) }, 530, "1016", false},
		{"cut off", func(d *bed) {
			d.answer = func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }
		}, 520, "520", false},
		{"the origin's own 503", func(d *bed) { d.answer = func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) } }, 503, "", false},
	} {
		two, across := []plane.Pool{unmonitored("p1", "o1", "o2")}, []plane.Pool{unmonitored("p1", "o1"), unmonitored("p2", "o2")}
		for _, v := range []struct {
			name    string
			pools   []plane.Pool
			across  bool
			mayHelp bool
		}{{"alone", two[:1], false, false}, {"another in the pool", two, false, true}, {"another pool", across, false, false}, {"another pool, failover across pools", across, true, true}} {
			t.Run(c.name+", "+v.name, func(t *testing.T) {
				d := newBed(t, 2, 1)
				pools := v.pools
				if v.name == "alone" {
					pools = []plane.Pool{unmonitored("p1", "o1")}
				}
				d.balance(proxiedBy(func(lb *plane.Balancer) { lb.FailoverAcrossPools = v.across }), pools...)
				c.cause(d)
				resp, body := d.get("/x")
				if c.retry && v.mayHelp {
					if resp.StatusCode != 200 || body != "o2" {
						t.Errorf("%d %q, want o2's answer (%s)", resp.StatusCode, body, adaptive)
					}
					return
				}
				if rays := resp.Header.Values("Cf-Ray"); len(rays) != 1 || resp.Header.Get("Server") != "cloudflare" {
					t.Errorf("headers are %v", resp.Header)
				}
				if resp.StatusCode != c.status || c.code != "" && body != "error code: "+c.code {
					t.Errorf("%d %q, want %d, error code: %s (Cloudflare 5xx errors)", resp.StatusCode, body, c.status, c.code)
				}
			})
		}
	}
}

// reset has connections to an origin end in the middle of the handshake, as when a region goes down.
func (d *bed) reset(name string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = c.Read(make([]byte, 1)) // some of the ClientHello
			_ = c.(*net.TCPConn).SetLinger(0)
			_ = c.Close()
		}
	}()
	d.mu.Lock()
	defer d.mu.Unlock()
	s := httptest.NewUnstartedServer(nil)
	_ = s.Listener.Close()
	s.Listener = l
	d.servers[own(name)] = s
}

// A retry is one: the third origin is not tried, however healthy.
func TestProxyRetriesOnce(t *testing.T) {
	d := newBed(t, 3, 1)
	d.balance(proxiedBy(nil), unmonitored("p1", "o1", "o2", "o3"))
	d.cut("o1", errRefused)
	d.cut("o2", errRefused)
	if resp, _ := d.get("/x"); resp.StatusCode != 521 {
		t.Errorf("status %d, want 521 (Adaptive routing: a single retry)", resp.StatusCode)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if want := []string{own("o1"), own("o2")}; !slices.Equal(d.dialled, want) {
		t.Errorf("tried %v, want %v", d.dialled, want)
	}
}

// The steps of a ramp are pools of one origin: another step of the region that failed is no other endpoint.
func TestProxyPassesOverTheSameOrigin(t *testing.T) {
	d := newBed(t, 2, 1)
	d.balance(proxiedBy(func(lb *plane.Balancer) { lb.FailoverAcrossPools = true }), unmonitored("p1", "o1"), unmonitored("p1-ramp2", "o1"), unmonitored("p2", "o2"))
	d.cut("o1", errRefused)
	if resp, body := d.get("/x"); body != "o2" {
		t.Errorf("%d %q, want o2's answer", resp.StatusCode, body)
	}
}

// In the mode Full any certificate will do; a body that has been sent is not sent again.
func TestProxyModes(t *testing.T) {
	d := newBed(t, 1, 1)
	d.serve("o1", "other.test")
	d.balance(func(lb *plane.Balancer) { lb.Proxied = true }, unmonitored("p1", "o1"))
	if resp, body := d.get("/x"); resp.StatusCode != 200 {
		t.Errorf("%d %q (Encryption modes, Full)", resp.StatusCode, body)
	}
}

// When no pool is left there is nobody to ask.
func TestProxyWithoutPools(t *testing.T) {
	d := newBed(t, 1, 1)
	d.balance(proxiedBy(nil), disabled(unmonitored("p1", "o1")))
	if resp, body := d.get("/x"); resp.StatusCode != 530 || body != "error code: 1016" {
		t.Errorf("%d %q, want 530, error code: 1016 (How a load balancer becomes unhealthy)", resp.StatusCode, body)
	}
}

func TestProxyLimits(t *testing.T) {
	d := newBed(t, 1, 1)
	d.balance(proxiedBy(nil), unmonitored("p1", "o1"))
	if resp, _ := d.get("/" + strings.Repeat("x", 16<<10)); resp.StatusCode != http.StatusRequestURITooLong {
		t.Errorf("a URL above 16 KB: %d (Connection limits, Request limits)", resp.StatusCode)
	}
	r := httptest.NewRequest(http.MethodGet, "https://"+hostname+"/x", nil)
	for _, name := range []string{"X-A", "X-B", "X-C"} {
		r.Header.Set(name, strings.Repeat("x", 12<<10))
	}
	if resp, _ := d.visitAs("IAD", r); resp.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("headers above 32 KB: %d (Connection limits, Request limits)", resp.StatusCode)
	}
}

// Requests steer by where the client is.
func TestProxySteers(t *testing.T) {
	d := newBed(t, 2, 1)
	d.balance(proxiedBy(func(lb *plane.Balancer) { lb.Steering = "proximity" }), at(unmonitored("p1", "o1"), 39, -77), at(unmonitored("p2", "o2"), 50, 9))
	for code, want := range map[string]string{"IAD": "o1", "FRA": "o2"} {
		if _, body := d.visitAs(code, httptest.NewRequest(http.MethodGet, "https://"+hostname+"/x", nil)); body != want {
			t.Errorf("a client at %s is served by %s, want %s", code, body, want)
		}
	}
}

func TestProxyIsGone(t *testing.T) {
	d := newBed(t, 1, 1)
	if _, ok := d.b.Proxy("lb"); ok {
		t.Error("there is a proxy before there is a load balancer")
	}
	d.balance(nil, unmonitored("p1", "o1"))
	if _, ok := d.b.Proxy("lb"); ok {
		t.Error("there is a proxy for a load balancer that is DNS only")
	}
}

// Errors keep their cause.
func TestOriginError(t *testing.T) {
	if err := error(&originError{noAnswer, context.DeadlineExceeded}); !errors.Is(err, context.DeadlineExceeded) || retried(err) {
		t.Errorf("%v", err)
	}
}
