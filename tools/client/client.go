package client

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/netip"
	"strconv"
	"time"
)

// maxBody is the most a Result keeps of a body, bytes; a larger one is an error.
const maxBody = 64 << 20

// Options configures a Client.
type Options struct {
	Resolver *Resolver      // required
	RootCAs  *x509.CertPool // trusted authorities; nil is the system's
	Timeout  time.Duration  // of a whole request, wall time; 0 is 10 s
	// Reuse keeps connections open between requests. A connection stays with the address it was made to, however DNS
	// changes, as it does in every keep-alive client. Off, each request connects anew.
	Reuse bool
	// Source is the address to connect from; the zero value leaves it to the system. A proxying front goes by it.
	Source netip.Addr
	// Address says where to connect for an address that DNS gave under the final owner name. nil connects to the
	// address on the port of the URL. On local clouds it maps to the fronts' own ports; (*edge.Dialer).Listener has
	// what is needed.
	Address func(chain []string, ip netip.Addr, port int) (netip.AddrPort, error)
}

// Client makes HTTPS requests to the address its resolver gives, with the URL's name as server name and Host. It
// follows no redirects, sends no cookies and speaks HTTP/1.1. All methods are safe for concurrent use.
type Client struct {
	o         Options
	transport *http.Transport
}

// Times are the moments of one request as durations since its start, on the monotonic wall clock. A step that did
// not happen, such as connecting on a reused connection, is 0.
type Times struct {
	Resolved  time.Duration `json:"resolved"`
	Connected time.Duration `json:"connected"` // TCP
	Secured   time.Duration `json:"secured"`   // TLS
	FirstByte time.Duration `json:"first_byte"`
	Done      time.Duration `json:"done"` // body read to its end, or the failure
}

// Result is one request's outcome. After an error the fields known by then are set.
type Result struct {
	Start   time.Time      // wall time, with its monotonic reading
	Answer  Answer         // what DNS said for the connection used
	Address netip.AddrPort // where the connection went; zero before one was made
	Reused  bool           // the connection had been used before
	Times   Times
	Status  int // 0 without a response
	Header  http.Header
	Trailer http.Header
	Body    []byte
}

// New returns a client.
func New(o Options) (*Client, error) {
	if o.Resolver == nil {
		return nil, errors.New("client: no Resolver given")
	}
	o.Timeout = cmp.Or(o.Timeout, 10*time.Second)
	c := &Client{o: o}
	c.transport = &http.Transport{
		DialContext:        c.dial,
		TLSClientConfig:    &tls.Config{RootCAs: o.RootCAs, MinVersion: tls.VersionTLS12},
		DisableKeepAlives:  !o.Reuse,
		DisableCompression: true, // results show what the gateway sent
		IdleConnTimeout:    time.Minute,
	}
	return c, nil
}

// Close drops idle connections. Requests in progress go on.
func (c *Client) Close() { c.transport.CloseIdleConnections() }

// path is how a connection came about.
type path struct {
	answer    Answer
	address   netip.AddrPort
	resolved  time.Time // wall time
	connected time.Time
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

// dial resolves and connects, trying the addresses in the order of the answer. The transport may let it run on after
// its request has been given up, so it ends by itself.
func (c *Client) dial(ctx context.Context, network, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, c.o.Timeout)
	defer cancel()
	host, portText, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	port, err := strconv.ParseUint(portText, 10, 16)
	if err != nil {
		return nil, fmt.Errorf("port %q: want a number from 1 to 65535", portText)
	}
	a, err := c.o.Resolver.Lookup(ctx, host)
	if err != nil {
		return nil, err
	}
	p := path{answer: a, resolved: time.Now()}
	var last error
	for _, ip := range a.Addrs {
		p.address = netip.AddrPortFrom(ip, uint16(port))
		if c.o.Address != nil {
			if p.address, err = c.o.Address(a.Chain, ip, int(port)); err != nil {
				last = err
				continue
			}
		}
		var d net.Dialer
		if c.o.Source.IsValid() {
			d.LocalAddr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(c.o.Source, 0))
		}
		nc, err := d.DialContext(ctx, network, p.address.String())
		if err == nil {
			p.connected = time.Now()
			return &conn{Conn: nc, path: p}, nil
		}
		last = err
	}
	return nil, &dialError{path: p, err: fmt.Errorf("%s by way of %s: %w", host, a.Owner(), last)}
}

// Get makes a GET request.
func (c *Client) Get(ctx context.Context, url string) (Result, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return Result{}, fmt.Errorf("client: %w", err)
	}
	return c.Do(req)
}

// Do makes a request and reads the whole response. Any status is a success; an error means that no whole response
// came. Errors of resolving wrap ErrNoName, ErrNoAddress or ErrServer.
func (c *Client) Do(req *http.Request) (Result, error) {
	ctx, cancel := context.WithTimeout(req.Context(), c.o.Timeout)
	defer cancel()
	r := Result{Start: time.Now()}
	var secured time.Time
	first := make(chan time.Time, 1) // the transport reports it from a goroutine of its own
	trace := &httptrace.ClientTrace{
		GotConn: func(info httptrace.GotConnInfo) {
			r.Reused, secured = info.Reused, time.Now()
			if p, ok := pathOf(info.Conn); ok {
				r.take(p)
			}
		},
		GotFirstResponseByte: func() {
			select {
			case first <- time.Now():
			default:
			}
		},
	}
	err := c.roundTrip(req.WithContext(httptrace.WithClientTrace(ctx, trace)), &r)
	r.Times.Done = time.Since(r.Start)
	if !r.Reused && !secured.IsZero() {
		r.Times.Secured = secured.Sub(r.Start)
	}
	select {
	case at := <-first:
		r.Times.FirstByte = at.Sub(r.Start)
	default:
	}
	var failed *dialError
	if errors.As(err, &failed) {
		r.take(failed.path)
	}
	if err != nil {
		return r, fmt.Errorf("%s %s: %w", req.Method, req.URL, err)
	}
	return r, nil
}

func (c *Client) roundTrip(req *http.Request, r *Result) error {
	resp, err := c.transport.RoundTrip(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }() // read to its end, or given up with an error already
	r.Status, r.Header = resp.StatusCode, resp.Header
	r.Body, err = io.ReadAll(io.LimitReader(resp.Body, maxBody+1))
	r.Trailer = resp.Trailer
	if err != nil {
		return fmt.Errorf("body ended after %d bytes: %w", len(r.Body), err)
	}
	if len(r.Body) > maxBody {
		return fmt.Errorf("body is larger than %d bytes", maxBody)
	}
	return nil
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

// take notes how the connection came about. What happened before this request started, for an earlier one, has no
// time in this one.
func (r *Result) take(p path) {
	r.Answer, r.Address = p.answer, p.address
	r.Times.Resolved = max(0, p.resolved.Sub(r.Start))
	if !p.connected.IsZero() {
		r.Times.Connected = max(0, p.connected.Sub(r.Start))
	}
}

var _ io.Closer = (*conn)(nil)
