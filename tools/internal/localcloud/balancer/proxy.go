package balancer

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/netip"
	"strings"
	"time"

	"polygate.example/tools/internal/localcloud/place"
	"polygate.example/tools/internal/localcloud/plane"
)

// Limits of the proxy. Source: "Connection limits", developers.cloudflare.com/fundamentals/reference/connection-limits. The
// times are wall time: code is not sped up.
const (
	connectLimit = 19 * time.Second
	readLimit    = 100 * time.Second
	maxURL       = 16 << 10
	maxHeaders   = 32 << 10
)

// Statuses that only Cloudflare answers. Source: "Cloudflare 5xx errors", developers.cloudflare.com/support/troubleshooting/
// http-status-codes/cloudflare-5xx-errors.
const (
	unknownError  = 520 // the origin's answer was cut off, or none
	refused       = 521 // the origin refuses connections
	timedOut      = 522 // no connection in time
	unreachable   = 523 // no way to the origin
	noAnswer      = 524 // a connection, and no answer in time
	handshake     = 525 // the TLS handshake failed
	untrusted     = 526 // the certificate is not valid
	internalError = 530 // with an error of the 1000s
	noOrigin      = 1016
)

// Proxy is the front of a proxied load balancer: it takes a client's request to an origin. ok is false for an id that is none.
func (b *Balancers) Proxy(id string) (http.Handler, bool) {
	lb, ok := b.steering().byID[id]
	if !ok || !lb.Proxied {
		return nil, false
	}
	return &proxy{b: b, id: id}, true
}

// proxy serves one load balancer as it is at the time of each request.
type proxy struct {
	b  *Balancers
	id string
}

// visit is one client's request on its way.
type visit struct {
	lb   plane.Balancer
	from place.Place
	host string
	ray  string
}

type visitKey struct{}

// ServeHTTP proxies a request.
func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	client := clientOf(r)
	v := visit{from: place.Of(client), host: r.Host}
	v.ray = ray(v.from)
	switch lb, ok := p.b.steering().byID[p.id]; {
	case !ok:
		fail(w, v.ray, http.StatusConflict, 1001) // "DNS resolution error": the name has gone
		return
	case len(r.RequestURI) > maxURL:
		fail(w, v.ray, http.StatusRequestURITooLong, 0)
		return
	case headerBytes(r.Header) > maxHeaders:
		fail(w, v.ray, http.StatusRequestHeaderFieldsTooLarge, 0)
		return
	default:
		v.lb = lb
	}
	rp := &httputil.ReverseProxy{
		Transport: p, FlushInterval: -1,
		Rewrite: func(pr *httputil.ProxyRequest) { rewrite(pr, v, client) },
		ModifyResponse: func(resp *http.Response) error {
			for _, name := range []string{"X-Accel-Buffering", "X-Accel-Charset", "X-Accel-Limit-Rate", "X-Accel-Redirect"} {
				resp.Header.Del(name)
			}
			resp.Header.Set("Server", "cloudflare")
			resp.Header.Set("Cf-Ray", v.ray)
			resp.Header.Set("Cf-Cache-Status", "DYNAMIC")
			return nil
		},
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			var e *originError
			switch {
			case !errors.As(err, &e):
				fail(w, v.ray, unknownError, unknownError)
			case e.code >= 1000:
				fail(w, v.ray, internalError, e.code)
			default:
				fail(w, v.ray, e.code, e.code)
			}
			p.b.log.Info("no answer from an origin", "host", r.Host, "err", err)
		},
	}
	rp.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), visitKey{}, v)))
}

// rewrite makes the origin's request. Source: "Cloudflare HTTP headers", developers.cloudflare.com/fundamentals/reference/
// http-headers. What the client accepts is left as it is: the local proxy does not unpack for it. "Cloudflare passes all HTTP request headers to your
// origin web server and adds additional headers": of the country nobody says that the client's own is taken off where none is added.
func rewrite(pr *httputil.ProxyRequest, v visit, client netip.Addr) {
	out := pr.Out
	out.URL.Scheme = "https"
	forwarded := append(pr.In.Header.Values("X-Forwarded-For"), client.String())
	out.Header.Set("X-Forwarded-For", strings.Join(forwarded, ","))
	out.Header.Set("X-Forwarded-Proto", "https")
	out.Header.Set("Cf-Connecting-Ip", client.String())
	if v.lb.Country {
		out.Header.Set("Cf-Ipcountry", v.from.Country)
	}
	out.Header.Set("Cf-Ray", v.ray)
	out.Header.Set("Cf-Visitor", `{"scheme":"https"}`)
	out.Header.Set("Cdn-Loop", "cloudflare")
	for name, value := range v.lb.Headers {
		if value == "" {
			out.Header.Del(name)
			continue
		}
		out.Header.Set(name, value)
	}
}

// RoundTrip sends a request to an origin that steering picks, and once to another one when no connection came about:
// "Zero-downtime failover will trigger a single retry only if there is another healthy endpoint in the pool and a 521, 522,
// 523, 525 or 526 error code is occurring" ("Adaptive routing"). By then nothing of the request has been sent.
func (p *proxy) RoundTrip(r *http.Request) (*http.Response, error) {
	v, _ := r.Context().Value(visitKey{}).(visit)
	t := p.b.steering()
	c, ok := p.b.choose(t, v.lb, v.from)
	if !ok { // "you will see a 530 HTTP/1016 Origin DNS failure" ("How a load balancer becomes unhealthy")
		return nil, &originError{noOrigin, errors.New("no pool is left")}
	}
	conn, err := p.b.connect(r.Context(), v, c)
	if err != nil && retried(err) {
		if other, ok := p.b.another(t, v.lb, v.from, c); ok {
			c = other
			conn, err = p.b.connect(r.Context(), v, c)
		}
	}
	if err != nil {
		return nil, err
	}
	return p.b.send(r, v, c, conn)
}

// send has one request answered over a connection of its own.
func (b *Balancers) send(r *http.Request, v visit, c choice, conn net.Conn) (*http.Response, error) {
	out := r.Clone(r.Context())
	out.URL.Host = c.origin.Address
	out.Host = v.host
	if c.origin.Host != "" {
		out.Host = c.origin.Host
	}
	tr := &http.Transport{
		DialTLSContext:    func(context.Context, string, string) (net.Conn, error) { return conn, nil },
		DisableKeepAlives: true, DisableCompression: true, ResponseHeaderTimeout: b.patience(conn.RemoteAddr(), out.Host, readLimit),
	}
	resp, err := tr.RoundTrip(out)
	if err == nil {
		return resp, nil
	}
	_ = conn.Close() // the request has failed; there is nothing more to lose
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		return nil, &originError{noAnswer, err}
	}
	return nil, &originError{unknownError, err}
}

// clientOf is where a request comes from.
func clientOf(r *http.Request) netip.Addr {
	if ap, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
		return ap.Addr().Unmap()
	}
	return netip.Addr{}
}

// ray names a request, and the data centre that took it: the nearest to the client.
func ray(from place.Place) string {
	var id [8]byte
	_, _ = rand.Read(id[:]) // never fails, by its documentation
	return hex.EncodeToString(id[:]) + "-" + from.Code
}

func headerBytes(h http.Header) int {
	n := 0
	for name, values := range h {
		for _, v := range values {
			n += len(name) + len(v) + 4
		}
	}
	return n
}

// fail is an answer of Cloudflare's own, in the form that clients get who ask for no HTML.
func fail(w http.ResponseWriter, ray string, status, code int) {
	w.Header().Set("Server", "cloudflare")
	w.Header().Set("Cf-Ray", ray)
	w.Header().Set("Content-Type", "text/plain; charset=UTF-8")
	w.Header().Set("Cache-Control", "private, max-age=0, no-store, no-cache, must-revalidate, post-check=0, pre-check=0")
	w.WriteHeader(status)
	if code != 0 {
		_, _ = io.WriteString(w, fmt.Sprintf("error code: %d", code)) // the client may be gone
	}
}

var (
	_ http.Handler      = (*proxy)(nil)
	_ http.RoundTripper = (*proxy)(nil)
)
