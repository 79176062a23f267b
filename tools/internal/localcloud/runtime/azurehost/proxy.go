package azurehost

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// ProxyAttempts is how often proxying mode calls the handler when it breaks the connection without an answer, for every
// method (observed on the Azure Functions host 4.1045; RetryProxyHandler.MaxRetries).
const ProxyAttempts = 10

// Pauses between attempts, doubling (RetryProxyHandler: InitialDelay, MaximumDelay).
const (
	firstPause = 50 * time.Millisecond
	lastPause  = 250 * time.Millisecond
)

// proxy is enableProxyingHttpRequest: request and response stream through the host's reverse proxy. What changes
// on the way was observed on host 4.1045 and read in its DefaultHttpProxyService.
func (h *Host) proxy(w http.ResponseWriter, r *http.Request) {
	addr := h.address()
	header := handlerHeader(r)
	header.Set("X-Ms-Invocation-Id", newID())
	peer, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		peer = r.RemoteAddr
	}
	header.Set("X-Forwarded-For", peer)
	header.Set("X-Forwarded-Host", r.Host)
	header.Set("X-Forwarded-Proto", "https")
	target := "http://" + addr + proxyPath(r.URL.EscapedPath())
	if r.URL.RawQuery != "" {
		target += "?" + r.URL.RawQuery
	}
	body := &replay{src: r.Body}
	resp, err := h.retry(r, target, addr, header, body)
	if err != nil {
		switch {
		case r.Context().Err() != nil:
			panic(http.ErrAbortHandler) // the client is gone; there is no one to answer
		case bodyTooLarge(err):
			w.WriteHeader(http.StatusRequestEntityTooLarge)
		default:
			h.o.Log.Add("Failed to proxy request: " + err.Error())
			w.WriteHeader(http.StatusBadGateway) // the forwarder's answer to a request it could not send
		}
		return
	}
	defer func() { _ = resp.Body.Close() }()
	body.forget()
	copyResponse(w, resp)
	for name := range resp.Trailer {
		w.Header().Add("Trailer", name)
	}
	w.WriteHeader(resp.StatusCode)
	if err := stream(w, resp.Body); err != nil {
		panic(http.ErrAbortHandler) // half an answer must not look like a whole one
	}
	for name, values := range resp.Trailer {
		w.Header()[name] = values
	}
}

// retry calls the handler until it answers.
func (h *Host) retry(r *http.Request, target, addr string, header http.Header, body *replay) (*http.Response, error) {
	pause := firstPause
	for attempt := 1; ; attempt++ {
		resp, err := h.attempt(r.Context(), r, target, addr, header, body.again())
		if err == nil || attempt == ProxyAttempts || r.Context().Err() != nil || bodyTooLarge(err) {
			return resp, err
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-r.Context().Done():
			timer.Stop()
			return nil, r.Context().Err()
		}
		pause = min(2*pause, lastPause)
	}
}

// stream copies the answer, passing on each piece as it comes.
func stream(w http.ResponseWriter, from io.Reader) error {
	rc := http.NewResponseController(w)
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		if n > 0 {
			if _, werr := w.Write(buf[:n]); werr != nil {
				return werr
			}
			if ferr := rc.Flush(); ferr != nil && !errors.Is(ferr, http.ErrNotSupported) {
				return ferr
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// replay lets a body that can be read once be sent several times: what an attempt has read is kept for the next.
type replay struct {
	mu   sync.Mutex
	src  io.Reader
	seen []byte
	turn int         // the attempt that may read
	done atomic.Bool // nothing more is kept; not under mu, which a read of a slow upload holds
}

var errStale = errors.New("a later attempt reads the body now")

// again starts the next attempt's reading from the beginning.
func (p *replay) again() io.Reader {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.turn++
	return &replayReader{p: p, turn: p.turn}
}

// forget ends the keeping, once there will be no further attempt.
func (p *replay) forget() { p.done.Store(true) }

type replayReader struct {
	p    *replay
	turn int
	off  int
}

// Read gives what earlier attempts have read, then goes on in the source.
func (r *replayReader) Read(b []byte) (int, error) {
	r.p.mu.Lock()
	defer r.p.mu.Unlock()
	if r.turn != r.p.turn {
		return 0, errStale
	}
	if r.off < len(r.p.seen) {
		n := copy(b, r.p.seen[r.off:])
		r.off += n
		return n, nil
	}
	n, err := r.p.src.Read(b)
	if !r.p.done.Load() {
		r.p.seen = append(r.p.seen, b[:n]...)
	}
	r.off += n
	return n, err
}

// detached is a request's context without its cancellation.
func detached(r *http.Request) context.Context { return context.WithoutCancel(r.Context()) }

// proxyPath rewrites a path as the proxy does: decoded except for %2F, then encoded again with every "%", so that %2F
// becomes %252F (observed on host 4.1045).
func proxyPath(escaped string) string {
	var b strings.Builder
	encode(&b, decodePath(escaped), pathKeeps)
	return b.String()
}
