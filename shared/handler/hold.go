package handler

import (
	"bytes"
	"errors"
	"maps"
	"net/http"
	"strconv"
	"strings"
)

// maxHeld is the largest answer that is held in memory. It is above every front's own limit for a buffered answer, so
// that the front's own refusal is what a client sees (AWS Lambda quotas, "Invocation payload: 6 MB").
const maxHeld = 16 << 20

var errTooLarge = errors.New("the answer is too large to be held")

// hold keeps an answer until it is whole, on fronts where half an answer would do harm. If the handler panics, what was
// held is dropped and the panic passes on.
func hold(next http.Handler, opts Options) http.Handler {
	if !opts.Buffered && opts.Truncate == TruncateByAbort {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		x := exchangeOf(r)
		h := &held{under: w, x: x, header: w.Header().Clone(), all: opts.Buffered, head: r.Method == http.MethodHead}
		next.ServeHTTP(h, r)
		h.release()
	})
}

// held is a ResponseWriter that keeps head and body, or, once it streams, passes them on.
type held struct {
	under     http.ResponseWriter
	x         *exchange
	header    http.Header // the handler's; under's stays clean until the head is sent
	all, head bool
	status    int
	sent      http.Header // header as it was when the handler sent the head
	body      bytes.Buffer
	streaming bool
	overflow  bool
}

// Header is the handler's header map.
func (h *held) Header() http.Header {
	if h.streaming {
		return h.under.Header()
	}
	return h.header
}

// WriteHeader notes the head, or sends it if this answer is to be streamed. Informational heads are dropped: there is
// nothing to tell a client early on a front that holds.
func (h *held) WriteHeader(status int) {
	if status < 200 || h.status != 0 {
		return
	}
	h.status, h.sent = status, h.header.Clone()
	if h.all || h.head || !allowsBody(status) {
		return
	}
	if n, err := strconv.ParseInt(h.sent.Get("Content-Length"), 10, 64); err == nil && n <= maxHeld {
		return
	}
	h.sent.Del("Content-Length") // a body shorter than declared makes net/http cut the connection
	h.streaming = true
	h.sendHead()
}

// Write keeps or passes on a part of the body.
func (h *held) Write(p []byte) (int, error) {
	if h.status == 0 {
		h.WriteHeader(http.StatusOK)
	}
	if h.streaming {
		return h.under.Write(p)
	}
	if h.head {
		return len(p), nil
	}
	if h.body.Len()+len(p) > maxHeld {
		h.overflow = true
		h.x.failure = fail(http.StatusBadGateway, "The answer is larger than this front of the gateway can carry.")
		return 0, errTooLarge
	}
	return h.body.Write(p)
}

// FlushError does nothing for an answer that is held.
func (h *held) FlushError() error {
	if h.status == 0 {
		h.WriteHeader(http.StatusOK)
	}
	if h.streaming {
		return http.NewResponseController(h.under).Flush()
	}
	return nil
}

// EnableFullDuplex passes through: an answer that is streamed may begin before the request has ended.
func (h *held) EnableFullDuplex() error {
	return http.NewResponseController(h.under).EnableFullDuplex()
}

// release sends what was held.
func (h *held) release() {
	if h.status == 0 {
		h.WriteHeader(http.StatusOK)
	}
	if h.streaming {
		return
	}
	if h.overflow {
		panic(http.ErrAbortHandler) // the handler may have taken the failed Write for a client that left
	}
	h.sendHead()
	_, _ = h.under.Write(h.body.Bytes()) // an error here means that the client has gone
	to := h.under.Header()
	for name, values := range h.header {
		if strings.HasPrefix(name, http.TrailerPrefix) || announced(h.sent, name) {
			to[name] = values
		}
	}
}

func (h *held) sendHead() {
	to := h.under.Header()
	clear(to)
	maps.Copy(to, h.sent)
	h.under.WriteHeader(h.status)
}

// announced reports whether a Trailer header names a field.
func announced(h http.Header, name string) bool {
	for _, line := range h["Trailer"] {
		for field := range strings.SplitSeq(line, ",") {
			if http.CanonicalHeaderKey(strings.TrimSpace(field)) == name {
				return true
			}
		}
	}
	return false
}

var _ http.ResponseWriter = (*held)(nil)
