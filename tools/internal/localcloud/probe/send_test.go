package probe

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"polygate.example/tools/internal/localcloud/clock"
	"polygate.example/tools/internal/localcloud/probe/probetest"
)

const endpointName = "eastus.azure.api.polygate.test"

// certificate makes a certificate for a name, and the pool that trusts it.
func certificate(t *testing.T, name string) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	return probetest.Certificate(t, name, time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC), time.Now().Add(100*365*24*time.Hour))
}

func ok200(status int) bool { return status == 200 }

func TestProbe(t *testing.T) {
	cert, pool := certificate(t, endpointName)
	secure := func() *tls.Config { return &tls.Config{Certificates: []tls.Certificate{cert}} }
	_, strangers := certificate(t, endpointName)
	status := func(code int) string { return fmt.Sprintf("HTTP/1.1 %d Status\r\nContent-Length: 0\r\n\r\n", code) }
	const almost = -50 * time.Millisecond
	for _, tt := range []struct {
		name   string
		at     probetest.Endpoint
		edit   func(*Target)
		ok     bool
		reason string
	}{
		{name: "200", ok: true, reason: "HTTP status 200"},
		{name: "a status that is not expected", at: probetest.Endpoint{Head: status(204)}, reason: "HTTP status 204"},
		{name: "a redirect is not followed", at: probetest.Endpoint{Head: status(301)}, edit: func(t *Target) { t.Expect = func(s int) bool { return s == 301 } }, ok: true},
		{name: "within the timeout", at: probetest.Endpoint{Connect: 3 * time.Second, Response: 2*time.Second + almost}, ok: true},
		{name: "after the timeout, which connecting is part of", at: probetest.Endpoint{Connect: 3 * time.Second, Response: 2*time.Second - almost}, reason: "read response"},
		{name: "no connection", at: probetest.Endpoint{Connect: time.Hour}, reason: "no connection"},
		{name: "TCP wants a connection and no answer", at: probetest.Endpoint{Response: time.Hour}, edit: func(t *Target) { t.Protocol = TCP }, ok: true},
		{name: "any certificate", at: probetest.Endpoint{TLS: secure()}, edit: func(t *Target) { t.Protocol, t.SNI = HTTPS, "other.test" }, ok: true},
		{name: "a certificate that is validated", at: probetest.Endpoint{TLS: secure()}, edit: func(t *Target) { t.Protocol, t.Roots, t.SNI = HTTPS, pool, endpointName }, ok: true},
		{name: "by the name that is dialled where none is sent", at: probetest.Endpoint{TLS: secure()}, edit: func(t *Target) { t.Protocol, t.Roots = HTTPS, pool }, ok: true},
		{name: "for another name", at: probetest.Endpoint{TLS: secure()}, edit: func(t *Target) { t.Protocol, t.Roots, t.SNI = HTTPS, pool, "other.test" }, reason: "TLS"},
		{name: "of a stranger", at: probetest.Endpoint{TLS: secure()}, edit: func(t *Target) { t.Protocol, t.Roots, t.SNI = HTTPS, strangers, endpointName }, reason: "TLS"},
		{name: "TLS to a plain server", edit: func(t *Target) { t.Protocol = HTTPS }, reason: "TLS"},
		{name: "body found, whatever its case", at: probetest.Endpoint{Text: "all GOOD"}, edit: func(t *Target) { t.Body = "Good" }, ok: true},
		{name: "body not found", at: probetest.Endpoint{Text: "all bad"}, edit: func(t *Target) { t.Body = "good" }, reason: "does not contain"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				target := Target{Protocol: HTTP, Dial: endpointName, Port: 443, Path: "/health", Timeout: 5 * time.Second, Expect: ok200}
				if tt.edit != nil {
					tt.edit(&target)
				}
				r := Sender{Clock: clock.New(1), Dial: tt.at.Dial, Floor: time.Nanosecond}.Send(t.Context(), target)
				if r.OK != tt.ok || !strings.Contains(r.Reason, tt.reason) {
					t.Errorf("ok %t, %q: want %t, %q", r.OK, r.Reason, tt.ok, tt.reason)
				}
				if r.Took > target.Timeout {
					t.Errorf("took %s", r.Took)
				}
				time.Sleep(2 * time.Hour) // the server's end finishes: the bubble must not end with it
			})
		})
	}
}

// Where it connects to and what it says there.
func TestProbeRequest(t *testing.T) {
	for _, tt := range []struct {
		name               string
		edit               func(*Target)
		target, host, path string
	}{
		{"as it is", func(*Target) {}, endpointName + ":80", endpointName, "/health"},
		{"another Host than is dialled", func(t *Target) { t.Host = "api.polygate.test" }, endpointName + ":80", "api.polygate.test", "/health"},
		{"a port that is not HTTP's own", func(t *Target) { t.Port = 8080 }, endpointName + ":8080", endpointName + ":8080", "/health"},
		{"a Host header by name is Host's to say", func(t *Target) { t.Headers["host"] = []string{"x.test"} }, endpointName + ":80", endpointName, "/health"},
		{"no path", func(t *Target) { t.Path = "" }, endpointName + ":80", endpointName, "/"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &probetest.Endpoint{}
				target := Target{Protocol: HTTP, Dial: endpointName, Port: 80, Path: "/health", Timeout: time.Second, Expect: ok200,
					Method: http.MethodHead, Headers: map[string][]string{"x-probe": {"a", "b"}, "Accept": {"text/plain"}}}
				tt.edit(&target)
				if r := (Sender{Clock: clock.New(1), Dial: s.Dial}).Send(t.Context(), target); !r.OK {
					t.Fatal(r.Reason)
				}
				synctest.Wait()
				if s.Target != tt.target || s.Request.Host != tt.host || s.Request.RequestURI != tt.path {
					t.Errorf("connected to %q, Host %q, path %q; want %q, %q, %q", s.Target, s.Request.Host, s.Request.RequestURI, tt.target, tt.host, tt.path)
				}
				if got := s.Request.Header["X-Probe"]; len(got) != 2 || s.Request.Header.Get("Accept") != "text/plain" || s.Request.Method != http.MethodHead {
					t.Errorf("%s with %v", s.Request.Method, s.Request.Header)
				}
			})
		})
	}
}

// SNI is sent as it is told, and only then.
func TestProbeSNI(t *testing.T) {
	cert, _ := certificate(t, endpointName)
	for _, sni := range []string{"", "api.polygate.test"} {
		synctest.Test(t, func(t *testing.T) {
			s := &probetest.Endpoint{TLS: &tls.Config{Certificates: []tls.Certificate{cert}}}
			r := Sender{Clock: clock.New(1), Dial: s.Dial}.Send(t.Context(), Target{Protocol: HTTPS, Dial: endpointName, Port: 443, SNI: sni, Timeout: time.Second, Expect: ok200})
			synctest.Wait()
			if !r.OK || s.SNI != sni {
				t.Errorf("%s: SNI %q, want %q", r.Reason, s.SNI, sni)
			}
		})
	}
}

// No probe is cut before the floor; an injected delay that is longer than the timeout has no floor.
func TestProbeFloor(t *testing.T) {
	for _, tt := range []struct {
		name     string
		response time.Duration // wall
		injected time.Duration // cloud
		ok       bool
		took     time.Duration // wall
	}{
		{"slow laptop", 900 * time.Millisecond, 0, true, 900 * time.Millisecond},
		{"no answer", time.Hour, 0, false, time.Second},
		{"injected and tolerated", 400 * time.Millisecond, 4 * time.Second, true, 400 * time.Millisecond},
		{"injected and too long", 700 * time.Millisecond, 7 * time.Second, false, 500 * time.Millisecond},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &probetest.Endpoint{Response: tt.response}
				start := time.Now()
				r := Sender{Clock: clock.New(10), Dial: s.Dial, Delay: func(_ net.Addr, host string) time.Duration {
					if host != "api.polygate.test" {
						t.Errorf("asked for the delay of %q", host)
					}
					return tt.injected
				}}.Send(t.Context(), Target{Protocol: HTTP, Dial: endpointName, Host: "api.polygate.test", Port: 80, Timeout: 5 * time.Second, Expect: ok200})
				if took := time.Since(start); r.OK != tt.ok || took != tt.took {
					t.Errorf("ok %t after %s (%s), want %t after %s", r.OK, took, r.Reason, tt.ok, tt.took)
				}
				time.Sleep(2 * time.Hour)
			})
		})
	}
}

// Whoever stops the probing does not wait for a probe.
func TestProbeEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		s := &probetest.Endpoint{Response: time.Minute}
		time.AfterFunc(time.Second, cancel)
		start := time.Now()
		r := Sender{Clock: clock.New(1), Dial: s.Dial}.Send(ctx, Target{Protocol: HTTP, Dial: endpointName, Port: 80, Timeout: time.Hour, Expect: ok200})
		if r.OK || time.Since(start) != time.Second {
			t.Errorf("ok %t after %s, want a failure after 1s", r.OK, time.Since(start))
		}
		time.Sleep(time.Minute)
	})
}
