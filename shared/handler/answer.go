package handler

import (
	"bufio"
	"net"
	"net/http"
	"slices"
)

// answer is the ResponseWriter under all policies: it knows what has been sent, and evens out what servers and adapters
// do differently, so that an answer is the same on every front.
type answer struct {
	http.ResponseWriter
	id       string // request id, which every answer carries
	region   string // that gives the answer, and is on it; "" for none in particular
	head     bool   // the request is a HEAD
	status   int    // 0 until the head is out
	bytes    int64
	lost     bool                              // a write failed: nobody reads on
	edits    []func(status int, h http.Header) // of policies, the last one first, before the head goes out
	hijacked bool
}

// WriteHeader sends the head once. An answer with a body but without a content type gets application/octet-stream, which
// is what RFC 9110 (8.3) lets a recipient assume; left alone, each server and adapter would guess in its own way.
func (a *answer) WriteHeader(status int) {
	if informational(status) {
		a.ResponseWriter.WriteHeader(status)
		return
	}
	if a.status != 0 {
		return
	}
	a.status = status
	h := a.Header()
	for _, edit := range slices.Backward(a.edits) {
		edit(status, h)
	}
	h.Set(requestIDHeader, a.id) // ReverseProxy clears all headers when it passes on a 1xx
	if a.region != "" {
		h.Set(HeaderRegion, a.region)
	}
	if _, ok := h["Content-Type"]; !ok && allowsBody(status) && h.Get("Content-Length") != "0" {
		h.Set("Content-Type", "application/octet-stream")
	}
	a.ResponseWriter.WriteHeader(status)
}

// Write sends a part of the body. A HEAD's answer and a status without a body take it and send nothing.
func (a *answer) Write(p []byte) (int, error) {
	if a.status == 0 {
		a.WriteHeader(http.StatusOK)
	}
	if a.head || !allowsBody(a.status) {
		return len(p), nil
	}
	n, err := a.ResponseWriter.Write(p)
	a.bytes += int64(n)
	a.lost = a.lost || err != nil
	return n, err
}

// FlushError sends what has been written so far.
func (a *answer) FlushError() error {
	if a.status == 0 {
		a.WriteHeader(http.StatusOK)
	}
	return http.NewResponseController(a.ResponseWriter).Flush()
}

// Hijack takes over the connection, for upgrades.
func (a *answer) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	c, rw, err := http.NewResponseController(a.ResponseWriter).Hijack()
	if err == nil {
		a.hijacked, a.status = true, http.StatusSwitchingProtocols
	}
	return c, rw, err
}

// Unwrap is for http.ResponseController.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// informational reports whether another head follows: that of an upgrade is the last one.
func informational(status int) bool {
	return status >= 100 && status < 200 && status != http.StatusSwitchingProtocols
}

func allowsBody(status int) bool {
	return status >= 200 && status != http.StatusNoContent && status != http.StatusNotModified
}

var (
	_ http.ResponseWriter = (*answer)(nil)
	_ http.Hijacker       = (*answer)(nil)
)
