package handler

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync/atomic"
	"time"
)

// BodyTimeout is how long a server that clients connect to waits for a request's body for which neither the route's timeout nor a policy of kind limits
// has said how long it may take, and a second more for each BodyRate bytes of it: a large one takes the time that it takes, and a client that sends a
// byte now and then does not hold a connection, and what its request holds, for as long as it likes. The rate is what Apache comes with (mod_reqtimeout,
// RequestReadTimeout, "body=20,MinRate=500").
const (
	BodyTimeout = time.Minute
	BodyRate    = 500
)

// limitBodies ends the reading of a body after a time, with a 408 where somebody waits for it. Whoever says another time later on is obeyed: see hurry.
//
// A body that nobody reads has the time without more for its bytes: net/http takes in what is left of it before it answers, and after (http.ResponseController,
// EnableFullDuplex). An upstream's answer may go on beside the body, for as long as both do.
func limitBodies(next http.Handler, limit time.Duration) http.Handler {
	if limit <= 0 {
		return next
	}
	late := &refusal{answer: fail(http.StatusRequestTimeout, lateBody), why: "its body did not come in the server's time"}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !hasBody(r) || atHand(r) {
			next.ServeHTTP(w, r)
			return
		}
		ctx, cancel := context.WithCancelCause(r.Context())
		defer cancel(errServed)
		x := exchangeOf(r)
		left := &leftBody{ReadCloser: r.Body}
		sent := *r.WithContext(ctx)
		sent.Body = left
		drain := func() {
			if !left.ended.Load() && !x.cut {
				_ = http.NewResponseController(x.answer).SetReadDeadline(time.Now().Add(limit)) // what cannot be set ends with the front's own time
			}
		}
		x.beforeHead(func(int, http.Header) {
			if !x.answered {
				drain()
			}
		})
		stop := hurry(&sent, limit, late, cancel, nil)
		x.unhurried = sent.Body.(*hurriedBody).haste
		x.unhurried.rate = BodyRate
		defer func() {
			stop()
			drain()
		}()
		next.ServeHTTP(w, &sent)
	})
}

// leftBody knows whether a body has come to its end.
type leftBody struct {
	io.ReadCloser
	ended atomic.Bool // a transport reads beside the handler
}

// Read reads.
func (b *leftBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if errors.Is(err, io.EOF) {
		b.ended.Store(true)
	}
	return n, err
}

var _ io.ReadCloser = (*leftBody)(nil)
