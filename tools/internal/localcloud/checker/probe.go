package checker

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"polygate.example/tools/internal/localcloud/clock"
	"polygate.example/tools/internal/localcloud/plane"
	"polygate.example/tools/internal/localcloud/probe"
)

// Limits of one probe, in cloud time. Source: Determining.
const (
	connectTimeout  = 4 * time.Second  // HTTP and HTTPS: until the TCP connection stands
	responseTimeout = 2 * time.Second  // HTTP and HTTPS: from there to the status code, TLS included
	bodyTimeout     = 2 * time.Second  // STR_MATCH: from the status code to the body
	tcpTimeout      = 10 * time.Second // TCP: until the connection stands
	matchWindow     = 5120             // STR_MATCH: "the string must appear entirely in the first 5,120 bytes"
	maxHeader       = 64 << 10         // our own bound on a response's head, bytes
)

// kind is how a type of check probes.
type kind struct{ http, tls, match bool }

var kinds = map[string]kind{
	"HTTP":            {http: true},
	"HTTPS":           {http: true, tls: true},
	"HTTP_STR_MATCH":  {http: true, match: true},
	"HTTPS_STR_MATCH": {http: true, tls: true, match: true},
	"TCP":             {},
}

// timeout is the longest a probe of this kind lasts in production.
func (k kind) timeout() time.Duration {
	switch {
	case !k.http:
		return tcpTimeout
	case k.match:
		return connectTimeout + responseTimeout + bodyTimeout
	default:
		return connectTimeout + responseTimeout
	}
}

// prober sends probes. Each opens a connection of its own, as Route 53's do.
type prober struct {
	clock *clock.Clock
	dial  probe.Dial
	floor time.Duration
	delay probe.Delay // may be nil
}

// probe checks once and always returns a result.
func (p prober) probe(ctx context.Context, hc plane.HealthCheck, location string) probe.Result {
	start := time.Now()
	reason, err := p.attempt(ctx, hc, location, start)
	r := probe.Result{OK: err == nil, Reason: reason, Took: p.clock.Cloud(time.Since(start))}
	if err != nil {
		r.Reason = err.Error()
	}
	return r
}

// deadline is when a phase must be over: its documented time, counted in cloud time from when the phase began, or the
// floor, counted from the probe's start, whichever is later. The floor is for the whole probe: phases do not add up.
func (p prober) deadline(start, phase time.Time, cloud time.Duration) time.Time {
	at, floor := phase.Add(p.clock.Wall(cloud)), start.Add(p.floor)
	if at.Before(floor) {
		return floor
	}
	return at
}

func (p prober) attempt(ctx context.Context, hc plane.HealthCheck, location string, start time.Time) (string, error) {
	k := kinds[hc.Type]
	connect := connectTimeout
	if !k.http {
		connect = tcpTimeout
	}
	host := hc.IP // an address wins; the name is then only for Host and SNI (Values: "Host name")
	if host == "" {
		host = hc.FQDN
	}
	dialCtx, cancel := context.WithDeadline(ctx, p.deadline(start, start, connect))
	defer cancel()
	raw, err := p.dial(dialCtx, host, hc.Port)
	if err != nil {
		return "", fmt.Errorf("no connection: %w", err)
	}
	// The result stands, whatever the end of the connection. TLS is not closed in form: that would wait for a silent peer.
	defer func() { _ = raw.Close() }()
	if !k.http {
		return "TCP connection established", nil
	}
	stop := context.AfterFunc(ctx, func() { _ = raw.Close() }) // a stopped check does not wait for its probe
	defer stop()

	if p.delay != nil && p.delay(raw.RemoteAddr(), hc.FQDN) > responseTimeout {
		p.floor = 0
	}
	connected := time.Now()
	if err := raw.SetDeadline(p.deadline(start, connected, responseTimeout)); err != nil {
		return "", err
	}
	conn := raw
	if k.tls {
		tlsConn := tls.Client(raw, tlsConfig(hc))
		if err := tlsConn.HandshakeContext(ctx); err != nil {
			return "", fmt.Errorf("TLS: %w", err)
		}
		conn = tlsConn
	}
	if _, err := io.WriteString(conn, request(hc, location)); err != nil {
		return "", fmt.Errorf("send request: %w", err)
	}
	resp, err := probe.ReadResponse(conn, http.MethodGet, maxHeader+matchWindow)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	if resp.StatusCode < 200 || resp.StatusCode > 399 { // 3xx counts as it is: no redirect is followed
		return "", fmt.Errorf("HTTP Status Code %s", resp.Status)
	}
	if k.match {
		if err := raw.SetDeadline(p.deadline(start, time.Now(), bodyTimeout)); err != nil {
			return "", err
		}
		if err := match(resp.Body, hc.SearchString); err != nil {
			return "", err
		}
	}
	return "HTTP Status Code " + resp.Status, nil
}

// tlsConfig is the client side of an HTTPS check. "HTTPS health checks don't validate SSL/TLS certificates, so checks
// don't fail if a certificate is invalid or expired" (Determining). The name is sent only with SNI enabled (Values:
// "Enable SNI"). One elliptic curve keeps the handshake cheap: dozens of them a second run on the laptop that also
// runs the clouds.
func tlsConfig(hc plane.HealthCheck) *tls.Config {
	cfg := &tls.Config{
		InsecureSkipVerify: true,             //nolint:gosec // G402: Route 53's own rule, see above
		MinVersion:         tls.VersionTLS10, // Values, "Protocol": "the endpoint must support TLS v1.0 or later"
		CurvePreferences:   []tls.CurveID{tls.X25519, tls.CurveP256},
	}
	if hc.SNI {
		cfg.ServerName = hc.FQDN
	}
	return cfg
}

// request is what a checker sends. The Host header names the domain, or the address if there is none, and the port
// unless it is the protocol's own (Values: "Host name").
func request(hc plane.HealthCheck, location string) string {
	host := hc.FQDN
	if host == "" {
		host = hc.IP
	}
	own := 80
	if kinds[hc.Type].tls {
		own = 443
	}
	if hc.Port != own {
		host = net.JoinHostPort(host, strconv.Itoa(hc.Port))
	}
	path := hc.Path
	if !strings.HasPrefix(path, "/") { // Values, "Path": "Route 53 automatically adds one"
		path = "/" + path
	}
	return "GET " + path + " HTTP/1.1\r\n" +
		"Host: " + host + "\r\n" +
		"User-Agent: Amazon-Route53-Health-Check-Service (ref " + hc.ID + "; " + location + ")\r\n" +
		"Accept: */*\r\nAccept-Encoding: identity\r\nConnection: close\r\n\r\n"
}

// match looks for a string in the first part of a body.
func match(body io.Reader, want string) error {
	b, err := io.ReadAll(io.LimitReader(body, matchWindow))
	if bytes.Contains(b, []byte(want)) {
		return nil // whatever became of the rest of the body
	}
	if err != nil {
		return fmt.Errorf("read body: %w", err)
	}
	return fmt.Errorf("the first %d bytes of the body do not contain %q", matchWindow, want)
}
