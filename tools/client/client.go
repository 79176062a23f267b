package client

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/netip"
	"sync/atomic"
	"time"
)

// maxBody is the most a Result keeps of a body, bytes; a larger one is an error.
const maxBody = 64 << 20

const (
	trusted = 1 << 20 // bytes of a body that are made room for because the server says that it will send them
	maxIdle = 64      // connections kept for the next request: more than requests of one client usually are under way at once
)

// Options configures a Client.
type Options struct {
	Resolver *Resolver      // required
	RootCAs  *x509.CertPool // trusted authorities; nil is the system's
	// Certificates are shown to who asks for one.
	Certificates []tls.Certificate
	Timeout      time.Duration // of a whole request or, with Retries, of each attempt; wall time; 0 is 10 s
	// Reuse keeps connections open between requests. A connection stays with the address it was made to, however DNS
	// changes, as it does in every keep-alive client. Off, each request connects anew.
	Reuse bool
	// Source is the address to connect from; the zero value leaves it to the system. A proxying front goes by it.
	Source netip.Addr
	// IPv6 has the client ask for both families and connect by whichever answers, as RFC 8305 (Happy Eyeballs) says. Off, it
	// knows IPv4 alone; of several addresses the next is tried after 250 ms in either case.
	IPv6 bool
	// Retries is how often a request is repeated that failed, or that was answered by 429, 502, 503 or 504; 0 never does.
	// Only requests that may be repeated are (RFC 9110, 9.2.2), and not after errors that would be the same again: a name
	// that does not exist, or a wrong certificate.
	Retries int
	// Backoff is the longest pause before the first retry, wall time; it doubles from retry to retry up to 32 times that,
	// and each pause is drawn from 0 to it, so that clients that failed together do not come back together; 0 is 100 ms.
	Backoff time.Duration
	// Address says where to connect for an address that DNS gave under the final owner name. nil connects to the
	// address on the port of the URL. On local clouds it maps to the fronts' own ports; (*edge.Dialer).Listener has
	// what is needed.
	Address func(chain []string, ip netip.Addr, port int) (netip.AddrPort, error)
}

// Client makes HTTPS requests to the address its resolver gives, with the URL's name as server name and Host. It
// follows no redirects, sends no cookies and speaks HTTP/1.1. All methods are safe for concurrent use.
type Client struct {
	o         Options
	tls       *tls.Config
	transport *http.Transport
	dialling  chan struct{} // holds whoever opens a connection, see queue
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

// Result is one request's outcome. After an error the fields known by then are set. Of several attempts it is the last.
type Result struct {
	Start    time.Time      // of the first attempt: wall time, with its monotonic reading
	Attempts int            // 1 without retries
	Phase    Phase          // the one that was reached
	Answer   Answer         // what DNS said for the connection used
	Address  netip.AddrPort // where the connection went or was tried to; zero before that
	Reused   bool           // the connection had been used before
	Times    Times
	Status   int // 0 without a response
	Header   http.Header
	Trailer  http.Header
	Body     []byte
}

// New returns a client.
func New(o Options) (*Client, error) {
	if o.Resolver == nil {
		return nil, errors.New("client: no Resolver given")
	}
	o.Timeout = cmp.Or(o.Timeout, 10*time.Second)
	o.Backoff = cmp.Or(o.Backoff, 100*time.Millisecond)
	c := &Client{o: o, tls: &tls.Config{RootCAs: o.RootCAs, Certificates: o.Certificates, MinVersion: tls.VersionTLS12}, dialling: make(chan struct{}, 1)}
	c.transport = &http.Transport{
		DialContext:         c.dial,
		DialTLSContext:      c.dialTLS,
		DisableKeepAlives:   !o.Reuse,
		DisableCompression:  true, // results show what the gateway sent
		IdleConnTimeout:     time.Minute,
		MaxIdleConnsPerHost: maxIdle,
	}
	return c, nil
}

// Close drops idle connections. Requests in progress go on.
func (c *Client) Close() { c.transport.CloseIdleConnections() }

// Get makes a GET request.
func (c *Client) Get(ctx context.Context, url string) (Result, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return Result{}, fmt.Errorf("client: %w", err)
	}
	return c.Do(req)
}

// Do makes a request, repeats it as Options.Retries says, and reads the whole response. Any status is a success; an
// error means that no whole response came. Errors of resolving wrap ErrNoName, ErrNoAddress or ErrServer.
func (c *Client) Do(req *http.Request) (Result, error) {
	start := time.Now()
	for n := 1; ; n++ {
		r, err := c.attempt(req, start, n)
		r.Attempts = n
		if n <= c.o.Retries && c.again(req, r, err, n) {
			continue
		}
		if err != nil {
			return r, fmt.Errorf("%s %s: %w", req.Method, req.URL, err)
		}
		return r, nil
	}
}

// attempt is what the transport tells of one attempt.
type attempt struct {
	r        *Result
	trace    httptrace.ClientTrace
	first    atomic.Int64 // ns since the start; the transport reports it from a goroutine of its own
	progress atomic.Pointer[path]
	served   atomic.Bool // it has a connection
}

// wants is told when a connection is looked for: again, when the one that was found turns out to have been closed.
func (a *attempt) wants(string) { a.served.Store(false) }

func (a *attempt) connected(info httptrace.GotConnInfo) {
	a.served.Store(true)
	a.r.Reused, a.r.Phase = info.Reused, Asking
	if p, ok := pathOf(info.Conn); ok {
		a.r.take(p)
	}
}

func (a *attempt) answered() { a.first.CompareAndSwap(0, int64(time.Since(a.r.Start))) }

// attempt makes the request once, for the nth time.
func (c *Client) attempt(req *http.Request, start time.Time, n int) (Result, error) {
	ctx, cancel := context.WithTimeout(req.Context(), c.o.Timeout)
	defer cancel()
	r := Result{Start: start, Phase: Resolving}
	a := &attempt{r: &r}
	a.trace.GetConn, a.trace.GotConn, a.trace.GotFirstResponseByte = a.wants, a.connected, a.answered
	ctx = httptrace.WithClientTrace(context.WithValue(ctx, noteKey{}, a), &a.trace)
	req = req.WithContext(ctx)
	if n > 1 && req.GetBody != nil { // the attempt before has read it
		var err error
		if req.Body, err = req.GetBody(); err != nil {
			return r, err
		}
	}
	err := c.roundTrip(req, &r)
	if err == nil {
		// A server that waits for its client to go away answers when it does: the transport says goodbye before it closes
		// the connection, and may still take that answer.
		err = ctx.Err()
	}
	r.Times.Done = time.Since(start)
	r.Times.FirstByte = time.Duration(a.first.Load())
	if err == nil {
		r.Phase = Complete
		return r, nil
	}
	var failed *dialError
	if errors.As(err, &failed) {
		r.Phase = failed.phase
		r.take(failed.path)
	} else if p := a.progress.Load(); p != nil && r.Phase == Resolving { // given up while the dial went on
		r.Phase = p.phase
		r.take(*p)
	}
	return r, err
}

func (c *Client) roundTrip(req *http.Request, r *Result) error {
	resp, err := c.transport.RoundTrip(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }() // read to its end, or given up with an error already
	r.Phase, r.Status, r.Header = Reading, resp.StatusCode, resp.Header
	r.Body, err = read(resp)
	r.Trailer = resp.Trailer
	if err != nil {
		return fmt.Errorf("body ended after %d bytes: %w", len(r.Body), err)
	}
	if len(r.Body) > maxBody {
		return fmt.Errorf("body is larger than %d bytes", maxBody)
	}
	return nil
}

// read reads a body to its end, into a buffer of its size where that is known.
func read(resp *http.Response) ([]byte, error) {
	if resp.Body == http.NoBody || resp.ContentLength < 0 || resp.ContentLength > trusted {
		return io.ReadAll(io.LimitReader(resp.Body, maxBody+1))
	}
	b := make([]byte, resp.ContentLength)
	n, err := io.ReadFull(resp.Body, b)
	return b[:n], err
}

// take notes how the connection came about. What happened before this request started, for an earlier one, has no
// time in this one.
func (r *Result) take(p path) {
	since := func(at time.Time) time.Duration {
		if at.IsZero() {
			return 0
		}
		return max(0, at.Sub(r.Start))
	}
	r.Answer, r.Address = p.answer, p.address
	r.Times.Resolved, r.Times.Connected, r.Times.Secured = since(p.resolved), since(p.connected), since(p.secured)
}
