package checker

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"polygate.example/tools/internal/localcloud/clock"
	"polygate.example/tools/internal/localcloud/plane"
	"polygate.example/tools/internal/localcloud/probe/probetest"
)

// expired is a certificate for another name, signed by nobody, that ran out in 2020.
func expired(t testing.TB) tls.Certificate {
	t.Helper()
	cert, _ := probetest.Certificate(t, "other.example", time.Date(2019, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC))
	return cert
}

// The limits and verdicts of one probe, from "How Amazon Route 53 determines whether a health check is healthy". The
// times are cloud time; at speed 1 with the smallest floor they are exact.
func TestProbe(t *testing.T) {
	cert := expired(t)
	secure := func() *tls.Config { return &tls.Config{Certificates: []tls.Certificate{cert}} }
	status := func(line string) string { return "HTTP/1.1 " + line + "\r\nContent-Length: 0\r\n\r\n" }
	const ( // as documented: not our own constants
		connect4, response2, body2, tcp10 = 4 * time.Second, 2 * time.Second, 2 * time.Second, 10 * time.Second
		almost                            = -50 * time.Millisecond
	)
	tests := []struct {
		name   string
		kind   string
		search string
		at     probetest.Endpoint
		ok     bool
		reason string // part of it
	}{
		{name: "200", kind: "HTTP", ok: true, reason: "HTTP Status Code 200 OK"},
		{name: "204", kind: "HTTP", at: probetest.Endpoint{Head: status("204 No Content")}, ok: true},
		{name: "301 counts and is not followed", kind: "HTTP", at: probetest.Endpoint{Head: "HTTP/1.1 301 Moved\r\nLocation: http://nowhere.test/\r\n\r\n"}, ok: true},
		{name: "399", kind: "HTTP", at: probetest.Endpoint{Head: status("399 Odd")}, ok: true},
		{name: "400", kind: "HTTP", at: probetest.Endpoint{Head: status("400 Bad Request")}, reason: "HTTP Status Code 400"},
		{name: "503", kind: "HTTP", at: probetest.Endpoint{Head: status("503 Service Unavailable")}, reason: "HTTP Status Code 503"},
		{name: "informational first", kind: "HTTP", at: probetest.Endpoint{Head: "HTTP/1.1 103 Early Hints\r\n\r\n" + status("200 OK")}, ok: true},
		{name: "informational only", kind: "HTTP", at: probetest.Endpoint{Head: strings.Repeat("HTTP/1.1 100 Continue\r\n\r\n", 9)}, reason: "without end"},
		{name: "header not as in RFC 7230", kind: "HTTP", at: probetest.Endpoint{Head: "HTTP/1.1 200 OK\r\nno colon here\r\n\r\n"}, reason: "read response"},
		{name: "endless header", kind: "HTTP", at: probetest.Endpoint{Head: "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 200<<10) + "\r\n\r\n"}, reason: "read response"},
		{name: "closed without an answer", kind: "HTTP", at: probetest.Endpoint{Drop: true}, reason: "read response"},
		{name: "connects within 4 s", kind: "HTTP", at: probetest.Endpoint{Connect: connect4 + almost}, ok: true},
		{name: "connects after 4 s", kind: "HTTP", at: probetest.Endpoint{Connect: connect4 - almost}, reason: "no connection"},
		{name: "answers within 2 s", kind: "HTTP", at: probetest.Endpoint{Response: response2 + almost}, ok: true},
		{name: "answers after 2 s", kind: "HTTP", at: probetest.Endpoint{Response: response2 - almost}, reason: "read response"},
		{name: "the 2 s count from the connection", kind: "HTTP", at: probetest.Endpoint{Connect: 3900 * time.Millisecond, Response: 1900 * time.Millisecond}, ok: true},
		{name: "a body that never comes does not matter", kind: "HTTP", at: probetest.Endpoint{Body: time.Hour, Text: "late"}, ok: true},
		{name: "HTTPS does not validate the certificate", kind: "HTTPS", at: probetest.Endpoint{TLS: secure()}, ok: true},
		{name: "HTTPS to a plain server", kind: "HTTPS", reason: "TLS"},
		{name: "HTTPS handshake belongs to the 2 s", kind: "HTTPS", at: probetest.Endpoint{TLS: secure(), Response: response2 - almost}, reason: "read response"},
		{name: "TCP connects within 10 s", kind: "TCP", at: probetest.Endpoint{Connect: tcp10 + almost}, ok: true, reason: "TCP connection"},
		{name: "TCP connects after 10 s", kind: "TCP", at: probetest.Endpoint{Connect: tcp10 - almost}, reason: "no connection"},
		{name: "string found", kind: "HTTP_STR_MATCH", search: "all good", at: probetest.Endpoint{Text: `{"status":"all good"}`}, ok: true},
		{name: "string found over TLS", kind: "HTTPS_STR_MATCH", search: "ok", at: probetest.Endpoint{Text: "ok", TLS: secure()}, ok: true},
		{name: "string not found", kind: "HTTP_STR_MATCH", search: "all good", at: probetest.Endpoint{Text: "all bad"}, reason: "do not contain"},
		{name: "string differs in case", kind: "HTTP_STR_MATCH", search: "OK", at: probetest.Endpoint{Text: "ok"}, reason: "do not contain"},
		{name: "string ends at byte 5120", kind: "HTTP_STR_MATCH", search: "end", at: probetest.Endpoint{Text: strings.Repeat("x", 5117) + "end"}, ok: true},
		{name: "string ends at byte 5121", kind: "HTTP_STR_MATCH", search: "end", at: probetest.Endpoint{Text: strings.Repeat("x", 5118) + "end"}, reason: "5120"},
		{name: "string in a 500", kind: "HTTP_STR_MATCH", search: "ok", at: probetest.Endpoint{Head: "HTTP/1.1 500 Oops\r\nContent-Length: 2\r\n\r\n", Text: "ok"}, reason: "HTTP Status Code 500"},
		{name: "body within 2 s of the status", kind: "HTTP_STR_MATCH", search: "ok", at: probetest.Endpoint{Body: body2 + almost, Text: "ok"}, ok: true},
		{name: "body after 2 s", kind: "HTTP_STR_MATCH", search: "ok", at: probetest.Endpoint{Body: body2 - almost, Text: "ok"}, reason: "read body"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				hc := base()
				hc.Type, hc.SearchString = tt.kind, tt.search
				p := prober{clock: clock.New(1), dial: tt.at.Dial, floor: time.Nanosecond}
				r := p.probe(t.Context(), hc, "us-east-1")
				if r.OK != tt.ok || !strings.Contains(r.Reason, tt.reason) {
					t.Errorf("ok %t, %q: want %t, %q", r.OK, r.Reason, tt.ok, tt.reason)
				}
				if limit := kinds[tt.kind].timeout(); r.Took > limit {
					t.Errorf("took %s, limit %s", r.Took, limit)
				}
				time.Sleep(2 * time.Hour) // let the server's end of the pipe finish: the bubble must not end with it
			})
		})
	}
}

// Host, SNI and path. Source: "Values that you specify when you create or update health checks".
func TestProbeRequest(t *testing.T) {
	cert := expired(t)
	tests := []struct {
		name              string
		edit              func(*plane.HealthCheck)
		target, host, sni string
		path              string
		plain             bool
	}{
		{name: "by name", edit: func(*plane.HealthCheck) {},
			target: "use1.aws.api.polygate.test:443", host: "use1.aws.api.polygate.test", sni: "use1.aws.api.polygate.test", path: "/health"},
		{name: "without SNI", edit: func(h *plane.HealthCheck) { h.SNI = false },
			target: "use1.aws.api.polygate.test:443", host: "use1.aws.api.polygate.test", path: "/health"},
		{name: "address and name: connects to the one, names the other", edit: func(h *plane.HealthCheck) { h.IP = "127.0.1.1" },
			target: "127.0.1.1:443", host: "use1.aws.api.polygate.test", sni: "use1.aws.api.polygate.test", path: "/health"},
		{name: "address only", edit: func(h *plane.HealthCheck) { h.FQDN, h.IP = "", "127.0.1.1" },
			target: "127.0.1.1:443", host: "127.0.1.1", path: "/health"},
		{name: "another port is in Host", edit: func(h *plane.HealthCheck) { h.Port = 8443 },
			target: "use1.aws.api.polygate.test:8443", host: "use1.aws.api.polygate.test:8443", sni: "use1.aws.api.polygate.test", path: "/health"},
		{name: "HTTP on 80", edit: func(h *plane.HealthCheck) { h.Type, h.Port = "HTTP", 80 }, plain: true,
			target: "use1.aws.api.polygate.test:80", host: "use1.aws.api.polygate.test", path: "/health"},
		{name: "HTTP on 443", edit: func(h *plane.HealthCheck) { h.Type = "HTTP" }, plain: true,
			target: "use1.aws.api.polygate.test:443", host: "use1.aws.api.polygate.test:443", path: "/health"},
		{name: "the leading slash is added, the query kept", edit: func(h *plane.HealthCheck) { h.Path = "health?deep=1" },
			target: "use1.aws.api.polygate.test:443", host: "use1.aws.api.polygate.test", sni: "use1.aws.api.polygate.test", path: "/health?deep=1"},
		{name: "no path", edit: func(h *plane.HealthCheck) { h.Path = "" },
			target: "use1.aws.api.polygate.test:443", host: "use1.aws.api.polygate.test", sni: "use1.aws.api.polygate.test", path: "/"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				hc := base()
				tt.edit(&hc)
				e := &probetest.Endpoint{}
				if !tt.plain {
					e.TLS = &tls.Config{Certificates: []tls.Certificate{cert}}
				}
				p := prober{clock: clock.New(1), floor: time.Second, dial: e.Dial}
				if r := p.probe(t.Context(), hc, "eu-west-1"); !r.OK {
					t.Fatal(r.Reason)
				}
				synctest.Wait()
				if e.Target != tt.target || e.Request.Host != tt.host || e.SNI != tt.sni || e.Request.RequestURI != tt.path {
					t.Errorf("connected to %q, Host %q, SNI %q, path %q\nwant %q, %q, %q, %q",
						e.Target, e.Request.Host, e.SNI, e.Request.RequestURI, tt.target, tt.host, tt.sni, tt.path)
				}
				if ua := e.Request.UserAgent(); !strings.HasPrefix(ua, "Amazon-Route53-Health-Check-Service (ref hc1") {
					t.Errorf("User-Agent %q", ua)
				}
				if e.Request.Method != http.MethodGet || !e.Request.Close {
					t.Errorf("%s, Connection: close %t", e.Request.Method, e.Request.Close)
				}
			})
		})
	}
}

// No phase is cut before the floor, and the floor is for all phases together.
func TestFloor(t *testing.T) {
	for _, tt := range []struct {
		name string
		at   probetest.Endpoint
		ok   bool
		took time.Duration // wall time
	}{
		{"slow answer", probetest.Endpoint{Response: 900 * time.Millisecond}, true, 900 * time.Millisecond},
		{"slow connection", probetest.Endpoint{Connect: 900 * time.Millisecond}, true, 900 * time.Millisecond},
		{"no answer", probetest.Endpoint{Response: time.Hour}, false, time.Second},
		{"no connection", probetest.Endpoint{Connect: time.Hour}, false, time.Second},
		{"both phases late", probetest.Endpoint{Connect: 500 * time.Millisecond, Response: time.Hour}, false, time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				hc := base()
				hc.Type = "HTTP"
				p := prober{clock: clock.New(50), dial: tt.at.Dial, floor: time.Second} // 2 s of cloud time are 40 ms
				start := time.Now()
				r := p.probe(t.Context(), hc, "us-east-1")
				if took := time.Since(start); r.OK != tt.ok || took != tt.took {
					t.Errorf("ok %t after %s (%s), want %t after %s", r.OK, took, r.Reason, tt.ok, tt.took)
				}
				time.Sleep(2 * time.Hour)
			})
		})
	}
}

// A delay injected at speed 10 has the outcome it has in production: what Route 53 tolerates stays healthy, what it does
// not is an outage, though it is shorter than the floor.
func TestInjectedDelay(t *testing.T) {
	for _, tt := range []struct {
		delay time.Duration // cloud time
		ok    bool
		took  time.Duration // wall time
	}{
		{1200 * time.Millisecond, true, 120 * time.Millisecond},
		{2 * time.Second, true, 200 * time.Millisecond},
		{3 * time.Second, false, 200 * time.Millisecond},
		{time.Minute, false, 200 * time.Millisecond},
	} {
		t.Run(tt.delay.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				clk := clock.New(10)
				e := probetest.Endpoint{Response: clk.Wall(tt.delay)}
				hc := base()
				hc.Type = "HTTP"
				p := prober{clock: clk, dial: e.Dial, floor: time.Second, delay: func(_ net.Addr, host string) time.Duration {
					if host != hc.FQDN {
						t.Errorf("asked for the delay of %q, want %q", host, hc.FQDN)
					}
					return tt.delay
				}}
				start := time.Now()
				r := p.probe(t.Context(), hc, "us-east-1")
				if took := time.Since(start); r.OK != tt.ok || took != tt.took {
					t.Errorf("ok %t after %s (%s), want %t after %s", r.OK, took, r.Reason, tt.ok, tt.took)
				}
				time.Sleep(time.Hour)
			})
		})
	}
}

// A check that is stopped does not wait for a probe in progress.
func TestProbeEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		e := probetest.Endpoint{Response: time.Minute}
		hc := base()
		hc.Type = "HTTP"
		p := prober{clock: clock.New(1), dial: e.Dial, floor: time.Hour}
		time.AfterFunc(time.Second, func() { cancel(errors.New("stopped")) })
		start := time.Now()
		if r := p.probe(ctx, hc, "us-east-1"); r.OK || time.Since(start) != time.Second {
			t.Errorf("ok %t after %s, want a failure after 1s", r.OK, time.Since(start))
		}
		time.Sleep(time.Minute)
	})
}

// BenchmarkProbeHTTPS is the price of one probe with a fresh connection over loopback, both ends in this process.
func BenchmarkProbeHTTPS(b *testing.B) {
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{expired(b)}})
	if err != nil {
		b.Fatal(err)
	}
	srv := &http.Server{Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})}
	go func() { _ = srv.Serve(l) }()
	defer func() { _ = srv.Close() }()
	p := prober{clock: clock.New(1), floor: time.Second, dial: func(ctx context.Context, _ string, _ int) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "tcp", l.Addr().String())
	}}
	for b.Loop() {
		if r := p.probe(b.Context(), base(), "us-east-1"); !r.OK {
			b.Fatal(r.Reason)
		}
	}
}
