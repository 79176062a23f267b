package azurehost

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
)

// ServeHTTP answers one request as the host does.
func (h *Host) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if headerBytes(r) > MaxHeaders {
		w.Header().Set("Connection", "close") // as Kestrel does after a request it cannot read on
		w.WriteHeader(http.StatusRequestHeaderFieldsTooLarge)
		return
	}
	if h.o.App == nil {
		h.unavailable(w)
		return
	}
	if r.URL.Path == "/" && !strings.EqualFold(h.o.Function.Environment["AzureWebJobsDisableHomepage"], "true") {
		// The landing page takes the root before any function does, unless the setting is "true". Source: "Configuration
		// Settings", github.com/Azure/azure-functions-host/wiki/Configuration-Settings.
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, "<html><body>Your Azure Function App is up and running.</body></html>\n")
		return
	}
	route, ok := h.route(r)
	if !ok {
		// An unlisted method is 404, not 405 (observed on host 4.1045).
		w.WriteHeader(http.StatusNotFound)
		return
	}
	if route.auth != "anonymous" {
		w.WriteHeader(http.StatusUnauthorized) // there are no keys here that could fit
		return
	}
	if r.ContentLength > h.maxBody {
		w.WriteHeader(http.StatusRequestEntityTooLarge)
		return
	}
	if h.slots != nil { // beyond the most instances requests wait, until the front gives up
		select {
		case h.slots <- struct{}{}:
			defer func() { <-h.slots }()
		case <-r.Context().Done():
			panic(http.ErrAbortHandler)
		}
	}
	if err := h.ensure(r.Context()); err != nil {
		if r.Context().Err() != nil {
			panic(http.ErrAbortHandler) // the client is gone; there is no one to answer
		}
		h.unavailable(w)
		return
	}
	if r.Body != nil {
		r.Body = http.MaxBytesReader(w, r.Body, h.maxBody)
	}
	if h.o.App.Mode == Proxying {
		h.proxy(w, r)
		return
	}
	h.forward(w, r)
}

// unavailable is what a host without a running handler answers (src: HostAvailabilityCheckMiddleware).
func (h *Host) unavailable(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(http.StatusServiceUnavailable)
	_, _ = io.WriteString(w, "Function host is not running.") // the client may be gone
}

// route finds the function for a request.
func (h *Host) route(r *http.Request) (route, bool) {
	path := decodePath(r.URL.EscapedPath())
	for _, candidate := range h.o.App.routes {
		if candidate.matches(path) && candidate.allows(r.Method) {
			return candidate, true
		}
	}
	return route{}, false
}

// headerBytes is the size of the header block as it came over the wire.
func headerBytes(r *http.Request) int {
	n := len("Host: \r\n") + len(r.Host)
	for name, values := range r.Header {
		for _, v := range values {
			n += len(name) + len(": \r\n") + len(v)
		}
	}
	return n
}

// hopByHop are the headers of one connection only. Source: RFC 9110, section 7.6.1.
var hopByHop = []string{
	"Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization", "Proxy-Connection", "Te", "Trailer",
	"Transfer-Encoding", "Upgrade",
}

// handlerHeader is what of a request's header goes to the handler: values of one name become one, joined with ", "
// (observed on host 4.1045).
func handlerHeader(r *http.Request) http.Header {
	out := http.Header{}
	for name, values := range r.Header {
		out[name] = []string{strings.Join(values, ", ")}
	}
	for _, v := range r.Header.Values("Connection") {
		for token := range strings.SplitSeq(v, ",") {
			out.Del(strings.TrimSpace(token))
		}
	}
	for _, name := range hopByHop {
		out.Del(name)
	}
	if _, ok := out["User-Agent"]; !ok {
		out["User-Agent"] = nil // or the client in use here would add its own
	}
	return out
}

// copyResponse copies the handler's header to the caller.
func copyResponse(w http.ResponseWriter, resp *http.Response) {
	h := w.Header()
	for name, values := range resp.Header {
		h[name] = append([]string(nil), values...)
	}
	for _, name := range hopByHop {
		h.Del(name)
	}
}

// attempt sends one request to the handler. The body is never nil, which keeps the transport from sending a request
// again on its own: how often the handler is called is for the host's rules to decide.
func (h *Host) attempt(ctx context.Context, r *http.Request, target string, host string, header http.Header, body io.Reader) (*http.Response, error) {
	out, err := http.NewRequestWithContext(ctx, r.Method, target, io.NopCloser(body))
	if err != nil {
		return nil, err
	}
	out.Header, out.Host, out.ContentLength = header, host, r.ContentLength
	if r.ContentLength == 0 {
		switch r.Method {
		case http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodDelete:
			out.Body = emptyBody{}
		default: // the transport would send an unknown length chunked, and does not repeat these methods
			out.Body = http.NoBody
		}
	}
	return h.transport.RoundTrip(out)
}

// emptyBody is a body without bytes that is not http.NoBody.
type emptyBody struct{}

func (emptyBody) Read([]byte) (int, error) { return 0, io.EOF }
func (emptyBody) Close() error             { return nil }

// bodyTooLarge reports whether the error comes from a request body over the limit.
func bodyTooLarge(err error) bool {
	var tooLarge *http.MaxBytesError
	return errors.As(err, &tooLarge)
}

var (
	_ http.Handler  = (*Host)(nil)
	_ io.ReadCloser = emptyBody{}
)
