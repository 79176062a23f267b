package monitor

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"polygate.example/tools/internal/localcloud/clock"
)

const endpointName = "eastus.azure.api.polygate.test"

// certificate makes a self-signed certificate for a name, and the pool that trusts it.
func certificate(t testing.TB, name string) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC), NotAfter: time.Now().Add(100 * 365 * 24 * time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(parsed)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}

// server answers at the other end of a pipe: time in a synctest bubble is exact, and nothing is listened on.
type server struct {
	connect, response time.Duration // before the connection stands, and before the answer
	status            int           // 0 is 200
	text              string
	tls               *tls.Config

	target  string
	request *http.Request
	sni     string
}

func (s *server) dial(ctx context.Context, host string, port int) (net.Conn, error) {
	s.target = fmt.Sprintf("%s:%d", host, port)
	select {
	case <-time.After(s.connect):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	client, far := net.Pipe()
	go s.serve(far)
	return client, nil
}

func (s *server) serve(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	if s.tls != nil {
		cfg := s.tls.Clone()
		cfg.GetConfigForClient = func(h *tls.ClientHelloInfo) (*tls.Config, error) { s.sni = h.ServerName; return nil, nil }
		conn = tls.Server(conn, cfg)
	}
	req, err := http.ReadRequest(bufio.NewReader(conn))
	if err != nil {
		return
	}
	s.request = req
	time.Sleep(s.response)
	status := s.status
	if status == 0 {
		status = 200
	}
	_, _ = io.WriteString(conn, fmt.Sprintf("HTTP/1.1 %d Status\r\nContent-Length: %d\r\n\r\n%s", status, len(s.text), s.text))
}

func ok200(status int) bool { return status == 200 }

func TestProbe(t *testing.T) {
	cert, pool := certificate(t, endpointName)
	secure := func() *tls.Config { return &tls.Config{Certificates: []tls.Certificate{cert}} }
	_, strangers := certificate(t, endpointName)
	const almost = -50 * time.Millisecond
	for _, tt := range []struct {
		name   string
		at     server
		edit   func(*Target)
		ok     bool
		reason string
	}{
		{name: "200", ok: true, reason: "HTTP status 200"},
		{name: "a status that is not expected", at: server{status: 204}, reason: "HTTP status 204"},
		{name: "a redirect is not followed", at: server{status: 301}, edit: func(t *Target) { t.Expect = func(s int) bool { return s == 301 } }, ok: true},
		{name: "within the timeout", at: server{connect: 3 * time.Second, response: 2*time.Second + almost}, ok: true},
		{name: "after the timeout, which connecting is part of", at: server{connect: 3 * time.Second, response: 2*time.Second - almost}, reason: "read response"},
		{name: "no connection", at: server{connect: time.Hour}, reason: "no connection"},
		{name: "TCP wants a connection and no answer", at: server{response: time.Hour}, edit: func(t *Target) { t.Protocol = TCP }, ok: true},
		{name: "any certificate", at: server{tls: secure()}, edit: func(t *Target) { t.Protocol, t.SNI = HTTPS, "other.test" }, ok: true},
		{name: "a certificate that is validated", at: server{tls: secure()}, edit: func(t *Target) { t.Protocol, t.Roots, t.SNI = HTTPS, pool, endpointName }, ok: true},
		{name: "by the name that is dialled where none is sent", at: server{tls: secure()}, edit: func(t *Target) { t.Protocol, t.Roots = HTTPS, pool }, ok: true},
		{name: "for another name", at: server{tls: secure()}, edit: func(t *Target) { t.Protocol, t.Roots, t.SNI = HTTPS, pool, "other.test" }, reason: "TLS"},
		{name: "of a stranger", at: server{tls: secure()}, edit: func(t *Target) { t.Protocol, t.Roots, t.SNI = HTTPS, strangers, endpointName }, reason: "TLS"},
		{name: "TLS to a plain server", edit: func(t *Target) { t.Protocol = HTTPS }, reason: "TLS"},
		{name: "body found, whatever its case", at: server{text: "all GOOD"}, edit: func(t *Target) { t.Body = "Good" }, ok: true},
		{name: "body not found", at: server{text: "all bad"}, edit: func(t *Target) { t.Body = "good" }, reason: "does not contain"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				target := Target{Protocol: HTTP, Dial: endpointName, Port: 443, Path: "/health", Timeout: 5 * time.Second, Expect: ok200}
				if tt.edit != nil {
					tt.edit(&target)
				}
				r := Probe{Clock: clock.New(1), Dial: tt.at.dial, Floor: time.Nanosecond}.Send(t.Context(), target)
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
				s := &server{}
				target := Target{Protocol: HTTP, Dial: endpointName, Port: 80, Path: "/health", Timeout: time.Second, Expect: ok200,
					Method: http.MethodHead, Headers: map[string][]string{"x-probe": {"a", "b"}, "Accept": {"text/plain"}}}
				tt.edit(&target)
				if r := (Probe{Clock: clock.New(1), Dial: s.dial}).Send(t.Context(), target); !r.OK {
					t.Fatal(r.Reason)
				}
				synctest.Wait()
				if s.target != tt.target || s.request.Host != tt.host || s.request.RequestURI != tt.path {
					t.Errorf("connected to %q, Host %q, path %q; want %q, %q, %q", s.target, s.request.Host, s.request.RequestURI, tt.target, tt.host, tt.path)
				}
				if got := s.request.Header["X-Probe"]; len(got) != 2 || s.request.Header.Get("Accept") != "text/plain" || s.request.Method != http.MethodHead {
					t.Errorf("%s with %v", s.request.Method, s.request.Header)
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
			s := &server{tls: &tls.Config{Certificates: []tls.Certificate{cert}}}
			r := Probe{Clock: clock.New(1), Dial: s.dial}.Send(t.Context(), Target{Protocol: HTTPS, Dial: endpointName, Port: 443, SNI: sni, Timeout: time.Second, Expect: ok200})
			synctest.Wait()
			if !r.OK || s.sni != sni {
				t.Errorf("%s: SNI %q, want %q", r.Reason, s.sni, sni)
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
				s := &server{response: tt.response}
				start := time.Now()
				r := Probe{Clock: clock.New(10), Dial: s.dial, Delay: func(_ net.Addr, host string) time.Duration {
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
		s := &server{response: time.Minute}
		time.AfterFunc(time.Second, cancel)
		start := time.Now()
		r := Probe{Clock: clock.New(1), Dial: s.dial}.Send(ctx, Target{Protocol: HTTP, Dial: endpointName, Port: 80, Timeout: time.Hour, Expect: ok200})
		if r.OK || time.Since(start) != time.Second {
			t.Errorf("ok %t after %s, want a failure after 1s", r.OK, time.Since(start))
		}
		time.Sleep(time.Minute)
	})
}
