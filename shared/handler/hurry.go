package handler

import (
	"context"
	"io"
	"net/http"
	"sync"
	"time"
)

// lateBody is what a client is told whose body did not come in time.
const lateBody = "The request's body did not come in time."

// hurry ends the reading of a request's body after a time: the exchange with the upstream, with late as its cause, and then, where the connection can
// be told, the read itself. In this order: a server takes a client whose body cannot be read for gone. The request is changed. What it returns has to
// be called when the request is served: after that the connection is another request's.
//
// With the answer's head the body's time is over, as from then on the answer can no longer be another one. A connection whose read was ended is
// closed: net/http would take what still comes of the body for the next request.
//
// The time may be that of more than the body: then after is why the exchange ends if the body is not what it waits for. A body that nobody is
// reading keeps nobody waiting: an upstream that is not connected to yet, or takes no more of it, is late itself.
//
// A body that is in memory already, as on AWS, is never late: see atHand.
func hurry(r *http.Request, limit time.Duration, late *refusal, cancel context.CancelCauseFunc, after error) (stop func()) {
	if x := exchangeOf(r); x.unhurried != nil { // the time that is there for want of another
		x.unhurried.bodyOver()
		x.unhurried = nil
	}
	h := &haste{limit: limit, cancel: cancel, late: late, after: after}
	connection := http.NewResponseController(exchangeOf(r).answer)
	original := r.Body
	body := original
	h.interrupt = func() { _ = connection.SetReadDeadline(time.Unix(1, 0)) } // it could be set, below
	if connection.SetReadDeadline(time.Time{}) != nil {
		// A transport waits for its read of the body, whatever becomes of the exchange: so one that can be ended stands before it.
		from, to := io.Pipe()
		go func() {
			_, err := io.Copy(to, original)
			_ = to.CloseWithError(err) // it returns none
		}()
		body, h.interrupt = from, func() { _ = to.CloseWithError(late) }
	}
	h.timer = time.AfterFunc(limit, h.end)
	exchangeOf(r).beforeHead(func(_ int, header http.Header) {
		h.bodyOver()
		if h.fired { // by bodyOver nothing changes it any more
			header.Set("Connection", "close")
			exchangeOf(r).cut = true
		}
	})
	r.Body = &hurriedBody{ReadCloser: body, haste: h}
	return func() {
		h.bodyOver()
		h.timer.Stop()
		if body != original {
			_ = body.Close() // of a pipe: lets go of who writes into it
		}
	}
}

// haste is what hurry knows of one request.
type haste struct {
	limit     time.Duration
	cancel    context.CancelCauseFunc
	late      *refusal
	after     error
	interrupt func()
	timer     *time.Timer

	mu     sync.Mutex
	rate   int64 // bytes for which the body has a second more; 0 for a time that is the same for all
	bytes  int64 // so far
	waited time.Duration
	since  time.Time // with reads
	reads  bool      // somebody waits for the body
	over   bool      // the body, or its time
	fired  bool      // the body's time has passed before
}

// end is called when the time has passed.
func (h *haste) end() {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case !h.over && h.rate > 0 && h.left() > 0:
		h.timer.Reset(h.left())
	case !h.over:
		h.fired = true
		if h.after != nil && !h.reads {
			h.cancel(h.after)
		} else {
			h.cancel(h.late)
		}
		h.interrupt() // whoever comes to read now shall not wait either
	case h.after != nil:
		h.cancel(h.after)
	}
}

// left is how long a body that has more time the more it brings may be waited for yet. What an upstream takes to take it is not waited for.
func (h *haste) left() time.Duration {
	left := h.limit + time.Duration(h.bytes/h.rate)*time.Second - h.waited
	if h.reads {
		left -= time.Since(h.since)
	}
	return left
}

// waits is called when somebody begins to wait for the body.
func (h *haste) waits() {
	h.mu.Lock()
	h.reads, h.since = true, time.Now()
	h.mu.Unlock()
}

// got is called when he has some bytes, or an error.
func (h *haste) got(n int) {
	h.mu.Lock()
	h.reads = false
	h.waited += time.Since(h.since)
	h.bytes += int64(n)
	h.mu.Unlock()
}

// bodyOver is called when the body does not count any more.
func (h *haste) bodyOver() {
	if h.after == nil {
		h.timer.Stop()
	}
	h.mu.Lock()
	h.over = true
	h.mu.Unlock()
}

// atHand reports whether a request's body was in memory before the request was made of it. Only who makes one of a text says how to get it again: a
// server never does (net/http, Request.GetBody).
func atHand(r *http.Request) bool { return r.GetBody != nil }
