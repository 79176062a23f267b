package main

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"unicode/utf8"
)

// errTooLarge is what a handler's Write gets once the response cannot be returned any more.
var errTooLarge = errors.New("the response is larger than the front takes")

// sniffed is how much of a body http.DetectContentType looks at.
const sniffed = 512

// A recorder takes a handler's response by the rules of net/http's own writer, which the vendor's recorders do not know:
// a handler that writes nothing has answered 200, headers are final once the status is, the first status counts,
// informational ones are not final, and HEAD, 204 and 304 have no body.
type recorder struct {
	head      bool
	limit     int
	header    http.Header // the handler's
	committed http.Header // as they were when the status was written
	status    int         // 0 until then
	body      bytes.Buffer
	written   int64 // as the handler sees it, of which body holds what is to be sent
	tooLarge  bool
}

// newRecorder returns a recorder for the answer to a request by the method, of at most limit bytes.
func newRecorder(method string, limit int) *recorder {
	return &recorder{head: method == http.MethodHead, limit: limit, header: http.Header{}}
}

// Header implements http.ResponseWriter.
func (r *recorder) Header() http.Header { return r.header }

// WriteHeader implements http.ResponseWriter. Informational statuses are dropped: no event can carry them.
func (r *recorder) WriteHeader(status int) {
	if r.status != 0 || (status >= 100 && status < 200 && status != http.StatusSwitchingProtocols) {
		return
	}
	r.status, r.committed = status, r.header.Clone()
}

// Write implements http.ResponseWriter.
func (r *recorder) Write(p []byte) (int, error) {
	if r.status == 0 {
		r.WriteHeader(http.StatusOK)
	}
	if !bodyAllowed(r.status) {
		return 0, http.ErrBodyNotAllowed
	}
	if declared, ok := contentLength(r.committed); ok && r.written+int64(len(p)) > declared {
		return 0, http.ErrContentLength
	}
	keep := p
	if r.head {
		keep = p[:min(len(p), max(0, sniffed-r.body.Len()))] // only to tell its type
	} else if r.body.Len()+len(p) > r.limit {
		r.tooLarge = true
		return 0, errTooLarge
	}
	r.body.Write(keep)
	r.written += int64(len(p))
	return len(p), nil
}

// Flush implements http.Flusher: it makes the status final. The event goes out in one piece all the same.
func (r *recorder) Flush() {
	if r.status == 0 {
		r.WriteHeader(http.StatusOK)
	}
}

// errAnswer is a response that cannot be sent on as it is; its text is the reason to be told to the client.
type errAnswer string

func (e errAnswer) Error() string { return string(e) }

// result is the response, ready to be put into an event. An error is an errAnswer: the handler did answer, but with
// something the front could only turn into an opaque failure.
func (r *recorder) result() (response, error) {
	r.Flush()
	declared, hasLength := contentLength(r.committed)
	switch {
	case r.status < 200 || r.status > 599:
		return response{}, errAnswer(fmt.Sprintf("the status %d cannot be answered through this front", r.status))
	case r.tooLarge:
		return response{}, errAnswer(fmt.Sprintf("the response is larger than the %d bytes this front takes", r.limit))
	case hasLength && !r.head && bodyAllowed(r.status) && r.written < declared:
		// A server would cut the connection here; an event cannot be cut.
		return response{}, errAnswer(fmt.Sprintf("the response ended after %d of %d bytes", r.written, declared))
	}
	out := response{status: r.status, header: http.Header{}}
	for name, values := range r.committed {
		if validName(name) && !hopByHop[http.CanonicalHeaderKey(name)] {
			for _, v := range values {
				out.header.Add(name, cleanValue(v))
			}
		}
	}
	_, typed := r.committed["Content-Type"] // a nil value asks for none
	if !typed && r.body.Len() > 0 && r.committed.Get("Content-Encoding") == "" {
		out.header.Set("Content-Type", http.DetectContentType(r.body.Bytes()))
	}
	switch {
	case r.head && r.written > 0 && !hasLength:
		out.header.Set("Content-Length", strconv.FormatInt(r.written, 10))
	case r.status == http.StatusNoContent:
		out.header.Del("Content-Length")
	}
	if !r.head {
		out.body = r.body.Bytes()
	}
	return out, nil
}

// hopByHop are the headers that belong to a connection (RFC 9110, section 7.6.1) and to trailers, of which an event has
// neither. The front frames the response anew.
var hopByHop = map[string]bool{
	"Connection": true, "Keep-Alive": true, "Proxy-Connection": true, "Te": true, "Trailer": true,
	"Transfer-Encoding": true, "Upgrade": true,
}

// response is a handler's finished response.
type response struct {
	status int
	header http.Header
	body   []byte
}

// text is the body as a JSON string holds it, and whether it is in base64. UTF-8 survives JSON byte for byte, anything
// else does not. What is compressed goes in base64 whatever its bytes, so that no front takes it for text.
func (r response) text() (string, bool) {
	if r.header.Get("Content-Encoding") == "" && utf8.Valid(r.body) {
		return string(r.body), false
	}
	return base64.StdEncoding.EncodeToString(r.body), len(r.body) > 0
}

// joined is the headers with repeated ones joined (RFC 9110, section 5.3), without Set-Cookie, which must not be.
func (r response) joined() map[string]string {
	out := make(map[string]string, len(r.header))
	for name, values := range r.header {
		if name != "Set-Cookie" {
			out[name] = strings.Join(values, ", ")
		}
	}
	return out
}

// bodyAllowed reports whether a status may have a body (RFC 9110, section 6.4.1).
func bodyAllowed(status int) bool {
	return status >= 200 && status != http.StatusNoContent && status != http.StatusNotModified
}

// contentLength is the length the headers declare, if they do.
func contentLength(h http.Header) (int64, bool) {
	n, err := strconv.ParseInt(h.Get("Content-Length"), 10, 64)
	return n, err == nil && n >= 0
}

// validName reports whether a header name is a token (RFC 9110, section 5.1); net/http drops others too.
func validName(name string) bool {
	for i := range len(name) {
		c := name[i]
		if c <= ' ' || c >= 0x7f || strings.IndexByte(`"(),/:;<=>?@[\]{}`, c) >= 0 {
			return false
		}
	}
	return name != ""
}

// cleanValue is a header value that JSON and the front take. Line breaks become spaces, as in net/http; bytes that are
// no UTF-8 are read as Latin-1, what header bytes once meant, where JSON would have put replacement characters.
func cleanValue(v string) string {
	v = strings.NewReplacer("\n", " ", "\r", " ").Replace(v)
	if utf8.ValidString(v) {
		return v
	}
	runes := make([]rune, len(v))
	for i := range len(v) {
		runes[i] = rune(v[i])
	}
	return string(runes)
}

var (
	_ http.ResponseWriter = (*recorder)(nil)
	_ http.Flusher        = (*recorder)(nil)
)
