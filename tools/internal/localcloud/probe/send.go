package probe

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/textproto"
	"slices"
	"strconv"
	"strings"
	"time"

	"polygate.example/tools/internal/localcloud/clock"
)

// Bounds of what a probe reads of an answer, bytes. They are our own: no service says where it stops.
const (
	maxHeader = 64 << 10
	maxBody   = 1 << 20
)

// Protocol is what a probe speaks.
type Protocol string

// The protocols there are.
const (
	HTTP  Protocol = "HTTP"
	HTTPS Protocol = "HTTPS"
	TCP   Protocol = "TCP" // only that a connection can be made
)

// Target is what one probe asks for, and what counts as a good answer.
type Target struct {
	Protocol Protocol
	Dial     string // host name or address to connect to
	Port     int
	Host     string              // Host header; "" is Dial. A port that is not the protocol's own is added
	SNI      string              // server name in the TLS handshake; "" sends none
	Roots    *x509.CertPool      // HTTPS: the certificate must lead to one of them and be for SNI, or else for Dial; nil validates nothing
	Lasting  time.Duration       // with Roots: how much longer the certificate must be valid, wall time as certificates are
	Method   string              // "" is GET
	Path     string              // with its query; "" is /
	Headers  map[string][]string // beside Host, which Host says
	Timeout  time.Duration       // cloud time, from the first packet to the verdict
	Expect   func(status int) bool
	Body     string // the first megabyte of the answer must hold it, whatever its letter case; "" wants nothing
}

// Sender sends probes, each over a connection of its own. Its methods are safe for concurrent use.
type Sender struct {
	Clock *clock.Clock
	Dial  Dial
	Floor time.Duration // least wall time of a probe; 0 is DefaultFloor
	Delay Delay         // may be nil
}

// Least is the least time, in cloud time, that a probe is given whatever its timeout.
func (s Sender) Least() time.Duration { return s.Clock.Cloud(s.floor()) }

func (s Sender) floor() time.Duration {
	if s.Floor <= 0 {
		return DefaultFloor
	}
	return s.Floor
}

// Send probes once and always returns a result. Redirects count by their status and are not followed.
func (s Sender) Send(ctx context.Context, t Target) Result {
	start := time.Now()
	reason, err := s.attempt(ctx, t, start)
	r := Result{OK: err == nil, Reason: reason, Took: s.Clock.Cloud(time.Since(start))}
	if err != nil {
		r.Reason = err.Error()
	}
	return r
}

func (s Sender) attempt(ctx context.Context, t Target, start time.Time) (string, error) {
	timeout, floor := start.Add(s.Clock.Wall(t.Timeout)), start.Add(s.floor())
	dialCtx, cancel := context.WithDeadline(ctx, later(timeout, floor))
	defer cancel()
	raw, err := s.Dial(dialCtx, t.Dial, t.Port)
	if err != nil {
		return "", fmt.Errorf("no connection: %w", err)
	}
	// The result stands, whatever the end of the connection. TLS is not closed in form: that would wait for a silent peer.
	defer func() { _ = raw.Close() }()
	if t.Protocol == TCP {
		return "TCP connection established", nil
	}
	stop := context.AfterFunc(ctx, func() { _ = raw.Close() }) // whoever stops the probing does not wait for a probe
	defer stop()
	if s.Delay != nil && s.Delay(raw.RemoteAddr(), t.host()) > t.Timeout {
		floor = timeout // what was injected is cloud time, and no laptop's fault
	}
	if err := raw.SetDeadline(later(timeout, floor)); err != nil {
		return "", err
	}
	conn := raw
	if t.Protocol == HTTPS {
		c := tls.Client(raw, t.tls())
		if err := c.HandshakeContext(ctx); err != nil {
			return "", fmt.Errorf("TLS: %w", err)
		}
		conn = c
	}
	if _, err := conn.Write(t.request()); err != nil {
		return "", fmt.Errorf("send request: %w", err)
	}
	return t.judge(conn)
}

func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}

func (t Target) host() string {
	if t.Host != "" {
		return t.Host
	}
	return t.Dial
}

// tls is the client's side of a handshake. Without roots any certificate will do, as long as there is one. One elliptic
// curve keeps the handshake cheap, for dozens of them a second run on the laptop that also runs the clouds.
func (t Target) tls() *tls.Config {
	cfg := &tls.Config{
		MinVersion: tls.VersionTLS10, CurvePreferences: []tls.CurveID{tls.X25519, tls.CurveP256},
		ServerName: t.SNI, InsecureSkipVerify: true, //nolint:gosec // G402: with roots, VerifyConnection below validates
	}
	if t.Roots == nil {
		return cfg
	}
	// By hand, because a certificate is validated also where no name is sent.
	name := t.SNI
	if name == "" {
		name = t.Dial
	}
	cfg.VerifyConnection = func(s tls.ConnectionState) error {
		opts := x509.VerifyOptions{Roots: t.Roots, DNSName: name, Intermediates: x509.NewCertPool()}
		for _, c := range s.PeerCertificates[1:] {
			opts.Intermediates.AddCert(c)
		}
		if _, err := s.PeerCertificates[0].Verify(opts); err != nil {
			return err
		}
		if left := time.Until(s.PeerCertificates[0].NotAfter); left < t.Lasting {
			return fmt.Errorf("the certificate ends in %s, within %s", left.Round(time.Second), t.Lasting)
		}
		return nil
	}
	return cfg
}

// request is what goes over the wire.
func (t Target) request() []byte {
	host, own := t.host(), 80
	if t.Protocol == HTTPS {
		own = 443
	}
	if t.Port != own && !strings.Contains(host, ":") {
		host = net.JoinHostPort(host, strconv.Itoa(t.Port))
	}
	method, path := t.Method, t.Path
	if method == "" {
		method = http.MethodGet
	}
	if !strings.HasPrefix(path, "/") {
		path = "/" + path
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: %s\r\n", method, path, host)
	headers := map[string][]string{"Accept": {"*/*"}, "Accept-Encoding": {"identity"}}
	for k, v := range t.Headers {
		headers[textproto.CanonicalMIMEHeaderKey(k)] = v
	}
	for _, k := range slices.Sorted(maps.Keys(headers)) {
		if k == "Host" || k == "Connection" {
			continue
		}
		for _, v := range headers[k] {
			fmt.Fprintf(&b, "%s: %s\r\n", k, v)
		}
	}
	b.WriteString("Connection: close\r\n\r\n")
	return b.Bytes()
}

// judge reads the answer and holds it to what is expected.
func (t Target) judge(conn net.Conn) (string, error) {
	resp, err := ReadResponse(conn, t.Method, maxHeader+maxBody)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	if !t.Expect(resp.StatusCode) {
		return "", fmt.Errorf("HTTP status %s", resp.Status)
	}
	if t.Body != "" {
		b, err := io.ReadAll(io.LimitReader(resp.Body, maxBody))
		if !strings.Contains(strings.ToLower(string(b)), strings.ToLower(t.Body)) {
			if err != nil {
				return "", fmt.Errorf("read body: %w", err)
			}
			return "", fmt.Errorf("the body does not contain %q", t.Body)
		}
	}
	return "HTTP status " + resp.Status, nil
}

// ReadResponse reads the head of the final response, past any informational ones, and leaves the body to be read. Nothing is
// read after most bytes of it all.
func ReadResponse(conn net.Conn, method string, most int64) (*http.Response, error) {
	r := bufio.NewReader(io.LimitReader(conn, most))
	for range 5 {
		resp, err := http.ReadResponse(r, &http.Request{Method: method})
		if err != nil {
			return nil, fmt.Errorf("read response: %w", err)
		}
		if resp.StatusCode >= 200 || resp.StatusCode == http.StatusSwitchingProtocols {
			return resp, nil
		}
	}
	return nil, errors.New("read response: informational responses without end")
}
