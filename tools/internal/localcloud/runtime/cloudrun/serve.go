package cloudrun

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"strings"
	"time"
)

var (
	errPending  = errors.New("no instance became available in time")
	errResponse = errors.New("response size was too large, please consider reducing response size")
	errTimeout  = errors.New("the request has been terminated because it has reached the maximum request timeout")
)

// reserved are paths Cloud Run never hands to a container. Source: "Known issues in Cloud Run", reserved URL paths: it
// names /eventlog and "some paths ending with z"; of those /healthz is the one reports agree on.
func reserved(path string) bool { return path == "/eventlog" || path == "/healthz" }

// ServeHTTP answers one request. Request and response stream; a client that goes away cancels the request.
func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if reserved(r.URL.Path) {
		Refuse(w, http.StatusNotFound)
		return
	}
	// The limit is on HTTP/1 to the container, which is what Cloud Run speaks to it unless told otherwise.
	if r.ContentLength > MaxRequest {
		Refuse(w, http.StatusRequestEntityTooLarge)
		return
	}
	ctx, cancel := context.WithTimeoutCause(r.Context(), s.o.Function.Timeout, errTimeout)
	defer cancel()
	c := &carrier{s: s}
	defer c.leave()
	r = r.WithContext(ctx)
	if r.Body != nil && r.Body != http.NoBody {
		r.Body = http.MaxBytesReader(w, r.Body, MaxRequest)
	}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(p *httputil.ProxyRequest) {
			p.Out.URL.Scheme, p.Out.URL.Host = "http", "instance" // each instance's transport dials its own
			p.Out.Host = p.In.Host
			p.Out.URL.RawQuery = p.In.URL.RawQuery // the proxy would clean it of what it cannot parse
			// The proxy drops forwarding headers by default; here they are the front's to set.
			for _, name := range []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto"} {
				if v, ok := p.In.Header[name]; ok {
					p.Out.Header[name] = v
				}
			}
		},
		Transport: c,
		ModifyResponse: func(resp *http.Response) error {
			if resp.ContentLength > MaxResponse && resp.Request.Method != http.MethodHead {
				return errResponse
			}
			return nil
		},
		FlushInterval: -1,
		ErrorHandler:  s.refuse,
		ErrorLog:      slog.NewLogLogger(slog.DiscardHandler, slog.LevelError),
	}
	proxy.ServeHTTP(w, r)
}

// carrier takes one request to an instance. One that has just died may still be in the list; as long as it could not
// even be connected to, the request goes to another.
type carrier struct {
	s    *Service
	inst *instance
}

// RoundTrip sends the request to an instance with room for it.
func (c *carrier) RoundTrip(r *http.Request) (*http.Response, error) {
	for {
		inst, err := c.s.enter(r.Context())
		if err != nil {
			return nil, err
		}
		c.inst = inst
		resp, err := inst.transport.RoundTrip(r)
		var op *net.OpError
		if errors.As(err, &op) && op.Op == "dial" && r.Context().Err() == nil {
			c.leave()
			c.s.drop(inst)
			continue // the body is untouched: nothing has been sent
		}
		if err != nil && r.Context().Err() == nil {
			c.s.bury(inst)
		}
		return resp, err
	}
}

// deathWait is how long a broken connection is given to turn out to be the end of the process.
const deathWait = 100 * time.Millisecond

// bury takes an instance that broke a connection out of the list if it is dying. Its connections close before the
// process is gone, and until then it would be offered to the next request.
func (s *Service) bury(inst *instance) {
	timer := time.NewTimer(deathWait)
	defer timer.Stop()
	select {
	case <-inst.proc.Done():
		s.drop(inst)
	case <-timer.C: // it lives: the function broke the connection
	}
}

// leave frees the request's place on its instance.
func (c *carrier) leave() {
	if c.inst != nil {
		c.s.leave(c.inst)
		c.inst = nil
	}
}

// refuse answers a request that came to nothing.
func (s *Service) refuse(w http.ResponseWriter, r *http.Request, err error) {
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		Refuse(w, http.StatusRequestEntityTooLarge)
	case errors.Is(err, errResponse):
		s.o.Log.Add(errResponse.Error())
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(http.StatusInternalServerError)
	case errors.Is(context.Cause(r.Context()), errTimeout), errors.Is(err, context.DeadlineExceeded):
		// Source: "Troubleshoot Cloud Run issues", 504; the body is the one its proxy answers with.
		s.o.Log.Add(errTimeout.Error())
		plain(w, http.StatusGatewayTimeout, "upstream request timeout")
	case errors.Is(err, errPending):
		// Source: "Troubleshoot Cloud Run issues", 429: "The request was aborted because there was no available instance".
		s.o.Log.Add("The request was aborted because there was no available instance.")
		plain(w, http.StatusTooManyRequests, "Rate exceeded.")
	case r.Context().Err() != nil:
		panic(http.ErrAbortHandler) // the client is gone; there is no one to answer
	default:
		// Source: "Troubleshoot Cloud Run issues", 503: the instance ended or broke the connection.
		s.o.Log.Add("The request failed because either the HTTP response was malformed or connection to the instance had an error.")
		plain(w, http.StatusServiceUnavailable, "Service Unavailable")
	}
}

func plain(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "text/plain")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body) // the client may be gone
}

// Refuse answers with the kind of HTML page Google's front end has for a status; the wording is ours.
func Refuse(w http.ResponseWriter, status int) {
	title := http.StatusText(status)
	w.Header().Set("Content-Type", "text/html; charset=UTF-8")
	w.Header().Set("Referrer-Policy", "no-referrer")
	w.WriteHeader(status)
	var b strings.Builder
	b.WriteString("<!DOCTYPE html>\n<html lang=en><meta charset=utf-8><title>")
	b.WriteString(title)
	b.WriteString("</title>\n<h1>Error: ")
	b.WriteString(title)
	b.WriteString("</h1>\n</html>\n")
	_, _ = io.WriteString(w, b.String()) // the client may be gone
}

var _ http.RoundTripper = (*carrier)(nil)
