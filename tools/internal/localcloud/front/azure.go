package front

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"polygate.example/tools/internal/localcloud/plane"
)

// azure is the App Service front end before the Functions host.
type azure struct {
	site      plane.Site
	functions Functions
	timeout   time.Duration
}

// ServeHTTP passes a request on to the host, and gives up on it after the load balancer's idle timeout.
func (a *azure) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f, ok := a.functions.Serve(a.site.Function)
	if !ok || f.HTTP == nil || a.site.InvokeError {
		page(w, http.StatusServiceUnavailable)
		return
	}
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	out := r.Clone(ctx)
	a.setHeaders(out)

	guarded := &guard{w: w, header: http.Header{}}
	ended := make(chan any, 1)
	go func() {
		defer func() { ended <- recover() }()
		f.HTTP.ServeHTTP(guarded, out)
	}()
	timer := time.NewTimer(a.timeout)
	defer timer.Stop()
	select {
	case p := <-ended:
		guarded.finish()
		if p != nil {
			panic(p) // http.ErrAbortHandler, mostly; the server deals with it
		}
	case <-timer.C:
		if guarded.giveUp() { // nothing sent yet
			page(w, http.StatusBadGateway)
			return
		}
		if p := <-ended; p != nil { // an answer in progress is not idle
			panic(p)
		}
		guarded.finish()
	}
}

// setHeaders adds what the front end tells the app. Source: headers of requests as received by apps, for example
// H4ad/serverless-adapter, test/core (Azure HTTP trigger), and "Hub and spoke labs" of App Service on Linux; that the
// client's X-Forwarded-For comes first is unconfirmed: the host, behind it, was observed to pass the header on as it is.
func (a *azure) setHeaders(r *http.Request) {
	app := a.site.Function[strings.LastIndex(a.site.Function, "/")+1:]
	ip, port, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		ip, port = r.RemoteAddr, "0"
	}
	client := net.JoinHostPort(ip, port)
	h := r.Header
	h.Set("X-Forwarded-For", appendTo(h.Values("X-Forwarded-For"), client))
	h.Set("Client-Ip", client)
	h.Set("X-Client-Ip", ip)
	h.Set("X-Client-Port", port)
	h.Set("Disguised-Host", r.Host)
	h.Set("Was-Default-Hostname", app+".azurewebsites.net")
	h.Set("X-Site-Deployment-Id", app)
	h.Set("X-Original-Url", r.RequestURI)
	h.Set("X-Waws-Unencoded-Url", r.RequestURI)
	h.Set("X-Arr-Log-Id", logID())
	h.Set("X-Forwarded-Proto", "https")
	h.Set("X-Appservice-Proto", "https")
	h.Set("X-Forwarded-Tlsversion", tlsVersion(r.TLS))
	h.Set("Max-Forwards", "10")
}

func tlsVersion(state *tls.ConnectionState) string {
	if state != nil && state.Version == tls.VersionTLS12 {
		return "1.2"
	}
	return "1.3"
}

// logID is a random UUID.
func logID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails, by its documentation
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// guard lets the front answer in place of an app that has not begun to. The app writes its header into a map of its
// own until then, so that it cannot touch the front's.
type guard struct {
	mu     sync.Mutex
	w      http.ResponseWriter
	header http.Header
	sent   bool // the app's header
	given  bool // up: what the app writes is dropped
}

var errGivenUp = errors.New("the front has answered in place of the app")

// Header is the app's header.
func (g *guard) Header() http.Header {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.sent {
		return g.w.Header() // for trailers
	}
	return g.header
}

// WriteHeader sends the app's header.
func (g *guard) WriteHeader(status int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.writeHeader(status)
}

func (g *guard) writeHeader(status int) {
	if g.given || g.sent {
		return
	}
	for name, values := range g.header {
		g.w.Header()[name] = values
	}
	g.w.WriteHeader(status)
	g.sent = status >= 200
}

// Write sends a piece of the app's body.
func (g *guard) Write(b []byte) (int, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.given {
		return 0, errGivenUp
	}
	g.writeHeader(http.StatusOK)
	return g.w.Write(b)
}

// FlushError passes on what has been written.
func (g *guard) FlushError() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.given {
		return errGivenUp
	}
	g.writeHeader(http.StatusOK)
	return http.NewResponseController(g.w).Flush()
}

// finish sends the header of an app that ended without writing anything.
func (g *guard) finish() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.writeHeader(http.StatusOK)
}

// giveUp takes the response from an app that has sent nothing, and reports whether it had sent nothing.
func (g *guard) giveUp() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.given = !g.sent
	return g.given
}

var (
	_ http.Handler        = (*azure)(nil)
	_ http.ResponseWriter = (*guard)(nil)
)
