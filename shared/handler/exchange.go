package handler

import (
	"context"
	"net/http"

	"polygate.example/shared/clientcert"
)

// Front is what an entry point knows about how a request came to it. The client's address is not here: it is the
// request's RemoteAddr, "ip:port" or "ip", which an entry point behind a cloud's front sets to what that front recorded.
type Front struct {
	// Proto is how the client came: "https" or "http". Empty means https if the request has a TLS state, else http.
	Proto string
	// Certificate is what the front wrote down of the TLS certificate that the client showed it: never what a header says that the client could
	// have written. Where it is the zero value, the request's TLS state counts.
	Certificate clientcert.Record
	// Country is where the client's address is, ISO 3166-1 alpha-2, as a front recorded it that clients cannot come around; "" where it is
	// not known. A code of no country is as none.
	Country string
}

type frontKey struct{}

// WithFront tells the handler how a request came: http.Request.WithContext(WithFront(r.Context(), front)).
func WithFront(ctx context.Context, f Front) context.Context {
	return context.WithValue(ctx, frontKey{}, f)
}

// frontOf returns what the entry point said, completed.
func frontOf(r *http.Request) Front {
	f, _ := r.Context().Value(frontKey{}).(Front)
	if f.Proto == "" {
		f.Proto = "http"
		if r.TLS != nil {
			f.Proto = "https"
		}
	}
	return f
}

// certificateOf is the certificate that the client has shown. Behind a front of the hostname's it is not known: that front ends the client's TLS,
// and a certificate on its own connection to the region is the front's (Cloudflare's "Authenticated Origin Pulls"). What such a front could tell of
// the client's in headers is not read: Cloudflare has them written by rules of a zone's, over what clients send only where a rule says so
// ("Forward a client certificate", developers.cloudflare.com/ssl/client-certificates/forward-a-client-certificate).
func certificateOf(r *http.Request) clientcert.Record {
	if exchangeOf(r).fronted {
		return clientcert.Record{}
	}
	if f, _ := r.Context().Value(frontKey{}).(Front); f.Certificate.Shown() {
		return f.Certificate
	}
	if r.TLS != nil {
		return clientcert.FromTLS(r.TLS.PeerCertificates)
	}
	return clientcert.Record{}
}

// exchange is what the policies share about one request. It belongs to the goroutine that serves it.
type exchange struct {
	id     string
	answer *answer
	client context.Context // ends when the client goes, not when a timeout of ours does

	country string // of the client, as the front told it; "" if it is not known
	caller  caller
	fronted bool         // it has shown the secret of the front
	told    []headerLine // for the upstream, whatever the client sends

	route     string                                    // name, "" until one matched
	segments  []string                                  // of the escaped path
	doubtful  bool                                      // some servers read the path as another one: see readings
	captured  []int                                     // segments that the route's parameters took, in the pattern's order
	params    []string                                  // their names
	rest      bool                                      // the last of them took all segments that were left
	paths     []func(escaped string) (string, *refusal) // what policies do to the path for the upstream
	sends     []func(out *http.Request)                 // what policies do to the request for the upstream, when all that is the client's connection's is off it
	answered  bool                                      // the answer is an upstream's
	target    string                                    // host of the target that was tried last
	cancel    context.CancelCauseFunc
	unhurried *haste   // of a body whose time nobody has named: see limitBodies
	cut       bool     // the reading of its body was ended
	failure   *problem // what to answer in place of a 500, if the handler panics
	left      bool     // the client was gone before its answer was whole
}

type exchangeKey struct{}

func exchangeOf(r *http.Request) *exchange {
	return r.Context().Value(exchangeKey{}).(*exchange)
}

// beforeHead has the head of the answer changed before it goes out, whoever answers. What came to the request first sees the answer
// last, as with handlers that wrap each other.
func (x *exchange) beforeHead(edit func(status int, h http.Header)) {
	x.answer.edits = append(x.answer.edits, edit)
}

// headerLine is a header and its one value.
type headerLine struct{ name, value string }

// toUpstream has a header set on the request for the upstream, whatever policies to come make of the request.
func (x *exchange) toUpstream(name, value string) {
	x.told = append(x.told, headerLine{name, value})
}

// gone reports whether the client has left. A deadline of the client's context is not that: it is the invocation's own
// time limit, and somebody still waits for the answer.
func (x *exchange) gone() bool {
	return context.Cause(x.client) != nil && x.client.Err() == context.Canceled
}
