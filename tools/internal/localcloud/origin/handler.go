package origin

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Bounds that keep one request from hurting the machine.
const (
	maxHeader = 128 << 10        // request head, bytes
	maxBody   = 256 << 20        // request body, bytes: above the largest any front lets through; never held in memory
	maxShown  = 64 << 10         // body echoed as text up to this size, bytes
	maxBytes  = 64 << 20         // /bytes
	maxChunks = 1000             // /stream
	maxWait   = 60 * time.Second // /slow and /stream, wall time
)

// Echo is the answer to every request that has no endpoint of its own: the request as it arrived here.
type Echo struct {
	Origin           string      `json:"origin"` // Options.Name
	Method           string      `json:"method"`
	Host             string      `json:"host"`
	URI              string      `json:"uri"`       // the request line's target, untouched
	Path             string      `json:"path"`      // decoded
	RawQuery         string      `json:"raw_query"` // untouched
	Query            url.Values  `json:"query"`     // decoded
	QueryError       string      `json:"query_error,omitempty"`
	Proto            string      `json:"proto"`
	Headers          http.Header `json:"headers"` // without Host
	Trailers         http.Header `json:"trailers,omitempty"`
	ContentLength    int64       `json:"content_length"` // -1 when chunked
	TransferEncoding []string    `json:"transfer_encoding,omitempty"`
	BodyBytes        int64       `json:"body_bytes"`
	BodySHA256       string      `json:"body_sha256"`    // hex
	Body             string      `json:"body,omitempty"` // only UTF-8 up to 64 KiB
}

// ServeHTTP chooses by the first path segment. It is no http.ServeMux, because that answers paths like /a//b and
// /a/../b with a redirect of its own, and those are just what an echo must show.
func (o *Origin) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !o.begin() {
		panic(http.ErrAbortHandler) // the connection is being cut as well
	}
	defer o.handling.Done()
	endpoint, arg, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	if endpoint == "stats" {
		writeJSON(w, http.StatusOK, o.Stats())
		return
	}
	o.requests.Add(1)
	o.active.Add(1)
	defer func() {
		if r.Context().Err() != nil {
			o.cancelled.Add(1)
		}
		o.active.Add(-1)
	}()
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	switch endpoint {
	case "health":
		writeJSON(w, http.StatusOK, map[string]string{"status": "ok", "origin": o.name})
	case "bytes":
		o.bytes(w, r, arg)
	case "status":
		o.status(w, arg)
	case "cookies":
		o.cookies(w)
	case "headers":
		o.headers(w)
	case "stream":
		o.stream(w, r)
	case "abort":
		o.abort(w)
	case "slow":
		o.slow(w, r, arg)
	case "trailers":
		o.trailers(w)
	case "empty":
		w.WriteHeader(http.StatusOK)
	default:
		o.echo(w, r)
	}
}

// echo tells what arrived.
func (o *Origin) echo(w http.ResponseWriter, r *http.Request) {
	body := shown{sum: sha256.New()}
	n, err := io.Copy(&body, r.Body)
	if err != nil {
		writeJSON(w, http.StatusBadRequest, map[string]string{"error": fmt.Sprintf("body ended after %d bytes: %v", n, err)})
		return
	}
	query, err := url.ParseQuery(r.URL.RawQuery)
	e := Echo{
		Origin: o.name, Method: r.Method, Host: r.Host, URI: r.RequestURI, Path: r.URL.Path,
		RawQuery: r.URL.RawQuery, Query: query, Proto: r.Proto, Headers: r.Header, Trailers: r.Trailer,
		ContentLength: r.ContentLength, TransferEncoding: r.TransferEncoding,
		BodyBytes: n, BodySHA256: hex.EncodeToString(body.sum.Sum(nil)), Body: body.text(n),
	}
	if err != nil {
		e.QueryError = err.Error()
	}
	writeJSON(w, http.StatusOK, e)
}

// shown hashes a body and keeps its beginning.
type shown struct {
	sum  hash.Hash
	head []byte
}

func (s *shown) Write(p []byte) (int, error) {
	if room := maxShown - len(s.head); room > 0 {
		s.head = append(s.head, p[:min(room, len(p))]...)
	}
	return s.sum.Write(p)
}

// text is the whole body, if it was small and is text.
func (s *shown) text(n int64) string {
	if n > maxShown || !utf8.Valid(s.head) {
		return ""
	}
	return string(s.head)
}

// Pattern fills p with the bytes /bytes answers from an offset on: every value of a byte, in an order that shows
// when a piece is missing or twice.
func Pattern(p []byte, offset int64) {
	for i := range p {
		at := offset + int64(i)
		p[i] = byte(at) ^ byte(at>>8) ^ byte(at>>16)
	}
}

// bytes answers /bytes/{n}: n bytes of Pattern, with a Content-Length.
func (o *Origin) bytes(w http.ResponseWriter, r *http.Request, arg string) {
	n, ok := number(w, arg, 0, maxBytes)
	if !ok {
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Length", strconv.Itoa(n))
	if r.Method == http.MethodHead {
		return
	}
	buf := make([]byte, 32<<10)
	for at := 0; at < n; at += len(buf) {
		buf = buf[:min(len(buf), n-at)]
		Pattern(buf, int64(at))
		if _, err := w.Write(buf); err != nil {
			return // the client has gone, which the context tells
		}
	}
}

// status answers /status/{code} with that code; with a body where the code allows one.
func (o *Origin) status(w http.ResponseWriter, arg string) {
	code, ok := number(w, arg, 200, 599)
	if !ok {
		return
	}
	if code == http.StatusNoContent || code == http.StatusNotModified {
		w.WriteHeader(code)
		return
	}
	if code >= 300 && code < 400 {
		w.Header().Set("Location", "/health")
	}
	writeJSON(w, code, map[string]any{"status": code, "origin": o.name})
}

// cookies sets two cookies, one of them with a comma in a date: joined into one header they are both lost.
func (o *Origin) cookies(w http.ResponseWriter) {
	w.Header().Add("Set-Cookie", "first=1; Path=/; Expires=Wed, 01 Jan 2098 00:00:00 GMT")
	w.Header().Add("Set-Cookie", "second=2; Path=/; HttpOnly")
	writeJSON(w, http.StatusOK, map[string]string{"cookies": "first second"})
}

// headers answers with a header sent twice, one with a comma inside, a quoted one and an empty one.
func (o *Origin) headers(w http.ResponseWriter) {
	h := w.Header()
	h.Add("X-Repeated", "one")
	h.Add("X-Repeated", "two")
	h.Set("X-Comma", "a, b")
	h.Set("X-Quoted", `"a, b", "c"`)
	h.Set("X-Empty", "")
	h.Add("Vary", "Accept")
	h.Add("Vary", "Origin")
	writeJSON(w, http.StatusOK, map[string]string{"headers": "repeated"})
}

// stream answers /stream?chunks=5&delay=20: so many lines, each flushed, delay ms apart.
func (o *Origin) stream(w http.ResponseWriter, r *http.Request) {
	chunks, ok := number(w, or(r.URL.Query().Get("chunks"), "5"), 1, maxChunks)
	if !ok {
		return
	}
	delay, ok := number(w, or(r.URL.Query().Get("delay"), "20"), 0, int(maxWait.Milliseconds())/chunks)
	if !ok {
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	flusher := http.NewResponseController(w)
	for i := range chunks {
		if i > 0 {
			wait(r, time.Duration(delay)*time.Millisecond)
		}
		if _, err := fmt.Fprintf(w, "chunk %d of %d\n", i+1, chunks); err != nil {
			return
		}
		if err := flusher.Flush(); err != nil {
			return
		}
	}
}

// abort promises a body, sends a part of it and breaks the connection.
func (o *Origin) abort(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Length", "1000")
	part := make([]byte, 100)
	Pattern(part, 0)
	_, _ = w.Write(part) // about to break it anyway
	_ = http.NewResponseController(w).Flush()
	o.aborted.Add(1)
	panic(http.ErrAbortHandler) // net/http's own way to cut a response short
}

// slow answers /slow/{ms} after that time on the wall clock, unless the client leaves before.
func (o *Origin) slow(w http.ResponseWriter, r *http.Request, arg string) {
	ms, ok := number(w, arg, 0, int(maxWait.Milliseconds()))
	if !ok {
		return
	}
	wait(r, time.Duration(ms)*time.Millisecond)
	writeJSON(w, http.StatusOK, map[string]any{"slow_ms": ms, "origin": o.name})
}

// trailers answers with one announced trailer and one that is not.
func (o *Origin) trailers(w http.ResponseWriter) {
	const body = "body before trailers\n"
	w.Header().Set("Trailer", "X-Checksum")
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = io.WriteString(w, body) // a client that has gone needs no trailer
	sum := sha256.Sum256([]byte(body))
	w.Header().Set("X-Checksum", hex.EncodeToString(sum[:]))
	w.Header().Set(http.TrailerPrefix+"X-Unannounced", "yes")
}

// wait sleeps. If the client leaves or the origin closes before the time is up, the response is cut short: whatever
// there is of it must not pass for the answer. The rest of the request's body is read first, because only then does
// net/http notice a client that leaves.
func wait(r *http.Request, d time.Duration) {
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		panic(http.ErrAbortHandler)
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-r.Context().Done():
		panic(http.ErrAbortHandler)
	}
}

// number reads a number in a range, or answers 400 and says which range.
func number(w http.ResponseWriter, s string, low, high int) (int, bool) {
	n, err := strconv.Atoi(s)
	if err != nil || n < low || n > high {
		writeJSON(w, http.StatusBadRequest, map[string]string{"error": fmt.Sprintf("%q: want a number from %d to %d", s, low, high)})
		return 0, false
	}
	return n, true
}

func or(s, fallback string) string {
	if s == "" {
		return fallback
	}
	return s
}

// writeJSON answers with a value of ours, which always encodes.
func writeJSON(w http.ResponseWriter, code int, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	b = append(b, '\n')
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(b)))
	w.WriteHeader(code)
	_, _ = w.Write(b) // the client may have gone; the context tells
}

var _ http.Handler = (*Origin)(nil)
