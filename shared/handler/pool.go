package handler

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"sync/atomic"
	"time"

	"polygate.example/shared/gateway"
)

const (
	// A target that could not be reached is tried last for this long, so that not every request pays for finding out.
	coolDown = 5 * time.Second
	// A request is sent to at most this many targets, so that a long list of dead ones cannot keep it forever.
	maxAttempts = 6
)

// pool is an upstream as one region sees it. It is a RoundTripper that chooses the target: round robin over those of the
// first tier that are not known to be down, then over the next tier's, then, last, over those that are.
type pool struct {
	name         string
	tiers        [][]*target
	ready        gateway.Ready
	preserveHost bool
	idle         time.Duration
	transport    http.RoundTripper
	own          *http.Transport // the same, unless it was given
	turn         atomic.Uint64
}

// target is one address with what this process has seen of it.
type target struct {
	url       *url.URL
	path      string       // base path, escaped, without a slash at the end
	downUntil atomic.Int64 // Unix nanoseconds
}

func (t *target) markDown()    { t.downUntil.Store(time.Now().Add(coolDown).UnixNano()) }
func (t *target) markUp()      { t.downUntil.Store(0) }
func (t *target) isDown() bool { return t.downUntil.Load() > time.Now().UnixNano() }

// pools are those of all upstreams, by name.
type pools map[string]*pool

// close ends connections that nobody uses, of transports that are the pools' own.
func (ps pools) close() error {
	for _, p := range ps {
		if p.own != nil {
			p.own.CloseIdleConnections()
		}
	}
	return nil
}

// newPools builds the pool of every upstream, for the instance's region.
func newPools(m *gateway.Model, opts Options) (pools, error) {
	all := pools{}
	for _, name := range m.Upstreams() {
		u, _ := m.Upstream(name)
		p := &pool{name: name, ready: u.Ready, preserveHost: u.PreserveHost, idle: time.Duration(u.Timeouts.Idle), transport: opts.Transport}
		if p.transport == nil {
			p.own = newTransport(u.Timeouts)
			p.transport = p.own
		}
		for _, tier := range m.Tiers(name, opts.Instance.Region) {
			var targets []*target
			for _, t := range tier {
				address, err := url.Parse(t.URL)
				if err != nil {
					return nil, fmt.Errorf("handler: upstream %q: %w", name, err) // no model has one
				}
				path := address.EscapedPath()
				for len(path) > 0 && path[len(path)-1] == '/' {
					path = path[:len(path)-1]
				}
				targets = append(targets, &target{url: address, path: path})
			}
			p.tiers = append(p.tiers, targets)
		}
		all[name] = p
	}
	return all, nil
}

// newTransport is tuned for few hosts with many requests each. Idle connections are given up before common servers and
// load balancers do (60 s), also because a frozen function cannot notice that they did. Bodies are passed as they are
// compressed. Proxies named by the environment are not used: a target is what the document says.
func newTransport(t gateway.Timeouts) *http.Transport {
	dialer := &net.Dialer{Timeout: time.Duration(t.Connect), KeepAlive: 15 * time.Second}
	return &http.Transport{
		DialContext:            dialer.DialContext,
		ForceAttemptHTTP2:      true,
		TLSHandshakeTimeout:    time.Duration(t.Connect),
		ResponseHeaderTimeout:  time.Duration(t.Response),
		ExpectContinueTimeout:  time.Second,
		MaxIdleConns:           512,
		MaxIdleConnsPerHost:    128,
		IdleConnTimeout:        50 * time.Second,
		MaxResponseHeaderBytes: 1 << 20,
		WriteBufferSize:        bufferSize,
		ReadBufferSize:         bufferSize,
		DisableCompression:     true,
	}
}

// order returns the targets in the order in which a request tries them.
func (p *pool) order() []*target {
	turn := int(p.turn.Add(1) % (1 << 30))
	var up, down []*target
	for _, tier := range p.tiers {
		for i := range tier {
			t := tier[(turn+i)%len(tier)]
			if t.isDown() {
				down = append(down, t)
			} else {
				up = append(up, t)
			}
		}
	}
	return append(up, down...)
}

// RoundTrip sends the request to the first target that takes it. It goes on to the next one if the connection failed
// before anything was sent, whatever the method, or if it broke before a response came and the request is idempotent and
// has no body. It never goes on after a timeout of the response: the target may be at work.
func (p *pool) RoundTrip(req *http.Request) (*http.Response, error) {
	x, body := exchangeOf(req), routingOf(req.Context()).body
	var last error
	for i, t := range p.order() {
		if i == maxAttempts {
			break
		}
		x.target = t.url.Host
		resp, unsent, err := p.attempt(req, t)
		if err == nil {
			t.markUp()
			if resp.StatusCode != http.StatusSwitchingProtocols {
				resp.Body = p.watch(resp.Body, x.cancel)
			}
			return resp, nil
		}
		last = err
		if req.Context().Err() != nil {
			break
		}
		if unsent {
			t.markDown()
		}
		if body.touched() || !unsent && (body != nil || !idempotent(req.Method) || isTimeout(err)) {
			break
		}
	}
	return nil, last
}

// attempt sends the request to one target; unsent reports that it failed without a connection.
func (p *pool) attempt(req *http.Request, t *target) (resp *http.Response, unsent bool, err error) {
	// Positive evidence only: a transport that does not trace leaves unsent false.
	var asked, connected atomic.Bool
	ctx := httptrace.WithClientTrace(req.Context(), &httptrace.ClientTrace{
		GetConn: func(string) { asked.Store(true) },
		GotConn: func(httptrace.GotConnInfo) { connected.Store(true) },
	})
	out := req.WithContext(ctx)
	address := *req.URL
	address.Scheme, address.Host = t.url.Scheme, t.url.Host
	address.RawPath = t.path + req.URL.EscapedPath()
	address.Path = unescape(address.RawPath)
	out.URL = &address
	if !p.preserveHost {
		out.Host = t.url.Host
	}
	if out.Body != nil {
		// The transport closes the body of a failed attempt; the next one needs it open. ReverseProxy closes it in the end.
		out.Body = io.NopCloser(out.Body)
	}
	resp, err = p.transport.RoundTrip(out)
	return resp, asked.Load() && !connected.Load(), err
}

// watch cancels the exchange when a body is silent for the idle timeout.
func (p *pool) watch(body io.ReadCloser, cancel context.CancelCauseFunc) io.ReadCloser {
	if p.idle <= 0 || cancel == nil {
		return body
	}
	timer := time.AfterFunc(p.idle, func() { cancel(errIdle) })
	timer.Stop() // nobody reads yet
	return &watchedBody{ReadCloser: body, idle: p.idle, timer: timer}
}

// watchedBody is a response body with a limit to its silence. Time in which nobody reads does not count: a slow client
// is not the upstream's fault.
type watchedBody struct {
	io.ReadCloser
	idle  time.Duration
	timer *time.Timer
}

// Read reads with the clock running.
func (b *watchedBody) Read(p []byte) (int, error) {
	b.timer.Reset(b.idle)
	n, err := b.ReadCloser.Read(p)
	b.timer.Stop()
	return n, err
}

// Close stops the clock.
func (b *watchedBody) Close() error {
	b.timer.Stop()
	return b.ReadCloser.Close()
}

// idempotent is RFC 9110, 9.2.2.
func idempotent(method string) bool {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace, http.MethodPut, http.MethodDelete:
		return true
	}
	return false
}

var _ http.RoundTripper = (*pool)(nil)

func isTimeout(err error) bool {
	var t net.Error
	return errors.As(err, &t) && t.Timeout()
}
