package handler

import (
	"bytes"
	"net/http"
)

// askWhole has an upstream asked for a whole body that is not compressed: another could be neither looked into nor changed.
func askWhole(x *exchange) {
	x.sends = append(x.sends, func(out *http.Request) {
		out.Header.Set("Accept-Encoding", "identity")
		delete(out.Header, "Range")
		delete(out.Header, "If-Range")
	})
}

// wholeAnswer is the ResponseWriter of a policy that goes by whole bodies. By the head it is decided whether the answer is held until it is
// whole; every other passes at once.
type wholeAnswer struct {
	http.ResponseWriter
	decide  func() // is called once, when the status is known
	status  int    // 0 until the head has come
	holding bool   // nothing goes out before the answer is whole
	why     string // it cannot be passed on as it is
	body    bytes.Buffer
}

// WriteHeader decides, and sends the head of an answer that is not held.
func (a *wholeAnswer) WriteHeader(status int) {
	if informational(status) {
		a.ResponseWriter.WriteHeader(status)
		return
	}
	if a.status != 0 {
		return
	}
	a.status = status
	a.decide()
	if !a.holding {
		a.ResponseWriter.WriteHeader(status)
	}
}

// begin gives an answer that began without a head the usual one.
func (a *wholeAnswer) begin() {
	if a.status == 0 {
		a.WriteHeader(http.StatusOK)
	}
}

// FlushError does nothing for an answer that is held.
func (a *wholeAnswer) FlushError() error {
	a.begin()
	if a.holding {
		return nil
	}
	return http.NewResponseController(a.ResponseWriter).Flush()
}

// Unwrap is for http.ResponseController.
func (a *wholeAnswer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// send sends an answer that was held, with a body.
func (a *wholeAnswer) send(body []byte) {
	a.ResponseWriter.WriteHeader(a.status)
	_, _ = a.ResponseWriter.Write(body) // an error here means that the client has gone
}

// notPassedOn is what is answered in place of an answer that was held and cannot go on.
func notPassedOn() *problem {
	return fail(http.StatusBadGateway, "The upstream's answer is not one that the gateway can pass on.")
}
