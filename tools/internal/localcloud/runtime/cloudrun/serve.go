package cloudrun

import (
	"context"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httputil"
	"strings"
)

var (
	errPending = errors.New("no instance became available in time")
	errTimeout = errors.New("the request has been terminated because it has reached the maximum request timeout")
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
	inst, err := s.enter(ctx)
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	defer s.leave(inst)
	r = r.WithContext(ctx)
	if r.Body != nil && r.Body != http.NoBody {
		r.Body = http.MaxBytesReader(w, r.Body, MaxRequest)
	}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(p *httputil.ProxyRequest) {
			p.Out.URL.Scheme, p.Out.URL.Host = "http", inst.addr
			p.Out.Host = p.In.Host
			p.Out.URL.RawQuery = p.In.URL.RawQuery // the proxy would clean it of what it cannot parse
			// The proxy drops forwarding headers by default; here they are the front's to set.
			for _, name := range []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto"} {
				if v, ok := p.In.Header[name]; ok {
					p.Out.Header[name] = v
				}
			}
		},
		Transport:     inst.transport,
		FlushInterval: -1,
		ErrorHandler:  s.refuse,
		ErrorLog:      log.New(io.Discard, "", 0),
	}
	proxy.ServeHTTP(w, r)
}

// refuse answers a request that came to nothing.
func (s *Service) refuse(w http.ResponseWriter, r *http.Request, err error) {
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		Refuse(w, http.StatusRequestEntityTooLarge)
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
