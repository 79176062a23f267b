package balancer

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"slices"
	"syscall"
	"time"

	"polygate.example/tools/internal/localcloud/dns"
)

// httpsPort is where origins are connected to: the client's own port, which the front takes for 443.
const httpsPort = 443

// originError is a failure to get an answer from an origin, by the code that clients are told.
type originError struct {
	code int
	err  error
}

// Error tells people why.
func (e *originError) Error() string { return fmt.Sprintf("%d: %v", e.code, e.err) }

// Unwrap gives errors.Is and errors.As the cause.
func (e *originError) Unwrap() error { return e.err }

// retried reports whether a failure is one that another origin may mend.
func retried(err error) bool {
	var e *originError
	return errors.As(err, &e) && slices.Contains([]int{refused, timedOut, unreachable, handshake, untrusted}, e.code)
}

// connect opens a TLS connection to an origin. Its name in the handshake is the Host header that it gets. In the mode Full any
// certificate will do; in Full (strict) it must be valid and for that name. Source: "Encryption modes",
// developers.cloudflare.com/ssl/origin-configuration/ssl-modes.
func (b *Balancers) connect(ctx context.Context, v visit, c choice) (net.Conn, error) {
	dialing, cancel := context.WithTimeout(ctx, connectLimit)
	defer cancel()
	raw, err := b.o.Dial(dialing, c.origin.Address, httpsPort)
	if err != nil {
		return nil, &originError{dialCode(err), err}
	}
	name := c.origin.Host
	if name == "" {
		name = v.host
	}
	conn := tls.Client(raw, &tls.Config{
		ServerName: name, RootCAs: b.o.Roots, MinVersion: tls.VersionTLS10, NextProtos: []string{"http/1.1"},
		InsecureSkipVerify: !v.lb.Strict, //nolint:gosec // G402: the mode Full takes any certificate
	})
	shaking, cancel := context.WithTimeout(dialing, b.patience(raw.RemoteAddr(), name, connectLimit))
	defer cancel()
	if err := conn.HandshakeContext(shaking); err != nil {
		_ = raw.Close() // the handshake's error is the one that counts
		var invalid *tls.CertificateVerificationError
		if errors.As(err, &invalid) {
			return nil, &originError{untrusted, err}
		}
		return nil, &originError{handshake, err}
	}
	return conn, nil
}

// patience is how long the proxy waits for an origin, in wall time: by the limits, which are for code that is not sped up. What was
// injected is cloud time: one that is held back on purpose for longer than a limit is waited for in cloud time.
func (b *Balancers) patience(at net.Addr, host string, limit time.Duration) time.Duration {
	if b.o.Delay != nil && b.o.Delay(at, host) > limit {
		return b.o.Clock.Wall(limit)
	}
	return limit
}

// dialCode tells failures to connect apart.
func dialCode(err error) int {
	var timeout net.Error
	switch {
	case errors.Is(err, dns.ErrNoAddress):
		return noOrigin // "Origin DNS error"
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.ECONNRESET):
		return refused
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return timedOut
	}
	return unreachable
}

var _ error = (*originError)(nil)
