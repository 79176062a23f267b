package client

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"time"
)

// Phase is a part of a request, in the order in which they come.
type Phase string

// The phases.
const (
	Resolving  Phase = "resolving"
	Connecting Phase = "connecting" // TCP
	Securing   Phase = "securing"   // TLS
	Asking     Phase = "asking"     // until the head of the response
	Reading    Phase = "reading"    // its body
	Complete   Phase = "complete"   // the whole response has come
)

// path is how a connection came about, as far as it did.
type path struct {
	phase     Phase
	answer    Answer
	address   netip.AddrPort
	resolved  time.Time // wall time
	connected time.Time
	secured   time.Time
}

// conn is a connection that remembers its path: a request learns from it, even one that finds it already open.
type conn struct {
	net.Conn
	path
}

// dialError is a connection that did not come about, with what was known by then.
type dialError struct {
	path
	err error
}

func (e *dialError) Error() string { return e.err.Error() }
func (e *dialError) Unwrap() error { return e.err }

// dial resolves and connects. The transport may let it run on after its request has been given up, so it ends by itself.
func (c *Client) dial(ctx context.Context, network, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, c.o.Timeout)
	defer cancel()
	done, err := c.queue(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	return c.open(ctx, network, address)
}

// dialTLS is dial with the TLS handshake, done here so that a failure of it is known for what it is.
func (c *Client) dialTLS(ctx context.Context, network, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, c.o.Timeout)
	defer cancel()
	done, err := c.queue(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	under, err := c.open(ctx, network, address)
	if err != nil {
		return nil, err
	}
	under.phase = Securing
	note(ctx, under.path)
	config := c.tls.Clone()
	config.ServerName, _, _ = net.SplitHostPort(address) // it went through open
	secured := tls.Client(under, config)
	if err := secured.HandshakeContext(ctx); err != nil {
		_ = under.Close() // there is no connection to lose
		return nil, &dialError{path: under.path, err: fmt.Errorf("%s at %s: %w", config.ServerName, under.address, err)}
	}
	under.secured = time.Now()
	return secured, nil
}

// patience is how long the next connection is waited with for the one before, wall time.
const patience = 50 * time.Millisecond

// errServed ends a dial whose request has found a connection meanwhile. Nobody sees it.
var errServed = errors.New("no connection needed any more")

// queue has a client that keeps connections open one after the other: the next when the one before is there, has failed,
// or has taken its time. Without it, while there is no connection every new request opens one, in vain for most, since a
// transport does not take a dial back; at thousands of requests a second the handshakes leave no time for anything else.
func (c *Client) queue(ctx context.Context) (done func(), err error) {
	if !c.o.Reuse {
		return func() {}, nil
	}
	note(ctx, path{phase: Connecting})
	select {
	case c.dialling <- struct{}{}:
	case <-ctx.Done():
		return nil, &dialError{path: path{phase: Connecting}, err: ctx.Err()}
	}
	next := func() { <-c.dialling }
	if a, ok := ctx.Value(noteKey{}).(*attempt); ok && a.served.Load() {
		next()
		return nil, errServed
	}
	slow := time.AfterFunc(patience, next)
	return func() {
		if slow.Stop() {
			next()
		}
	}, nil
}

func (c *Client) open(ctx context.Context, network, address string) (*conn, error) {
	host, portText, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	port, err := strconv.ParseUint(portText, 10, 16)
	if err != nil {
		return nil, fmt.Errorf("port %q: want a number from 1 to 65535", portText)
	}
	note(ctx, path{phase: Resolving})
	if c.o.IPv6 {
		return c.openEither(ctx, network, host, int(port))
	}
	a, err := c.o.Resolver.Lookup(ctx, host)
	if err != nil {
		return nil, &dialError{path: path{phase: Resolving}, err: err}
	}
	r := c.newRace(network, host)
	r.add(four, c.paths(a, int(port), r.lose))
	return r.run(ctx)
}

// paths are the ways to the addresses of an answer, in its order; lose is told of those that lead nowhere.
func (c *Client) paths(a Answer, port int, lose func(*dialError)) []path {
	resolved := time.Now()
	out := make([]path, 0, len(a.Addrs))
	for _, ip := range a.Addrs {
		p := path{phase: Connecting, answer: a, resolved: resolved, address: netip.AddrPortFrom(ip, uint16(port))}
		if c.o.Address != nil {
			mapped, err := c.o.Address(a.Chain, ip, port)
			if err != nil {
				lose(&dialError{path: p, err: err})
				continue
			}
			p.address = mapped
		}
		out = append(out, p)
	}
	return out
}

// connect opens one connection. A source of the other family is no source for it.
func (c *Client) connect(ctx context.Context, network string, p path) (*conn, error) {
	note(ctx, p)
	var d net.Dialer
	if s := c.o.Source; s.IsValid() && s.Is4() == p.address.Addr().Unmap().Is4() {
		d.LocalAddr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(s, 0))
	}
	nc, err := d.DialContext(ctx, network, p.address.String())
	if err != nil {
		return nil, err
	}
	p.connected = time.Now()
	return &conn{Conn: nc, path: p}, nil
}

// noteKey finds the attempt that a connection is made for.
type noteKey struct{}

// note tells the attempt how far its connection has come: when it is given up, the transport does not wait for the dial
// to say so.
func note(ctx context.Context, p path) {
	if a, ok := ctx.Value(noteKey{}).(*attempt); ok {
		a.progress.Store(&p)
	}
}

// pathOf finds our connection under the TLS one.
func pathOf(nc net.Conn) (path, bool) {
	if t, ok := nc.(*tls.Conn); ok {
		nc = t.NetConn()
	}
	if own, ok := nc.(*conn); ok {
		return own.path, true
	}
	return path{}, false
}

var (
	_ net.Conn = (*conn)(nil)
	_ error    = (*dialError)(nil)
)

// permanent reports errors that would be the same the next time: the name is not there, or the server is not who it
// says it is.
func permanent(err error) bool {
	var certificate *tls.CertificateVerificationError
	return errors.Is(err, ErrNoName) || errors.Is(err, ErrNoAddress) || errors.As(err, &certificate)
}
