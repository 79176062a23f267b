// Package handler runs a gateway model: model in, http.Handler out.
//
// The handler is the same on every front. What differs between fronts is said by the entry point: who the client is and
// how it came ([Front] and the request's RemoteAddr), and how an answer that cannot be finished ends ([Options]).
package handler

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"polygate.example/shared/gateway"
	"polygate.example/shared/health"
	"polygate.example/shared/secret"
)

// Truncation says how an answer ends whose head is out and whose body cannot be finished, because the upstream died in
// the middle of it or a handler panicked.
type Truncation int

const (
	// TruncateByAbort lets http.ErrAbortHandler pass to the server, which cuts the connection: the client sees that the
	// body is incomplete. It is right wherever net/http serves the client or a proxy that passes the cut on.
	TruncateByAbort Truncation = iota
	// TruncateByMarker never cuts a connection and never panics. It is for Azure Functions, whose host takes a cut for a
	// crash and calls the handler again, up to ten times, POST too (observed on host 4.1045). An answer whose length is
	// declared, up to 16 MiB, is held until it is whole, so that the client gets a 502 in place of half of it. An answer of unknown or
	// greater length is streamed without Content-Length; if it breaks, it ends like a whole one but for the trailer
	// X-Polygate-Truncated, which carries the request id, and an error in the log.
	TruncateByMarker
)

// Options are what a handler needs to know beside the model. The zero value is a gateway at no particular region that
// logs nothing.
type Options struct {
	// Instance goes into /health and /ready; its Region chooses the targets of each upstream. Its Model is filled in if
	// it is empty and must be the model's digest if it is not.
	Instance health.Instance
	// Logger gets one line per request (Info; Debug for /health and /ready) and one per failure (Error). nil is silence.
	Logger *slog.Logger
	// Transport carries requests to targets; nil is a pooled http.Transport per upstream with the upstream's timeouts. A
	// given one has its own timeouts for connect and response.
	Transport http.RoundTripper
	// Hosts are the names the gateway answers for; a request by another is refused with 421. None: every host is served.
	// [Load] takes them from the environment. The first is the one that clients of a front ask for.
	Hosts []string
	// Buffered is for fronts that send an answer only when the handler has returned (Lambda without streaming): the
	// whole answer, up to 16 MiB, is held, so that one that breaks in the middle becomes a 502. Nothing is flushed,
	// upgrades are refused with 501, no panic leaves the handler, and Truncate has no meaning.
	Buffered bool
	// Admission says whom requests are taken from: from the front of the hostname alone, where it has one. See HeaderFront.
	Admission Admission
	// Secrets are what the model's references ${secret.NAME} stand for; it may be nil for a model without any.
	Secrets *secret.Store
	// Getenv reads the variables that policies name; nil is a process without any. [Load] sets it.
	Getenv func(string) string
	// Now is the wall clock of policies; nil is time.Now. It is for tests.
	Now func() time.Time
	// Drill is a fault on purpose, until its time is over; nil for none. [Load] takes it from the environment.
	Drill *health.Drill
	// BodyTimeout is how long a request's body may take for which neither its route nor a policy says it; 0 is as long as the front lets it. It is for
	// servers that clients connect to themselves: see the constant.
	BodyTimeout time.Duration
	// Truncate says how a broken answer ends on fronts that are not Buffered.
	Truncate Truncation
}

// New compiles a model. The error says what in the options does not fit the model.
//
// The handler is an [io.Closer] too. A process that serves one model until it ends need not close it; one that serves another in its place does, when no
// request is served by it any more.
func New(m *gateway.Model, opts Options) (http.Handler, error) {
	if m == nil {
		return nil, errors.New("handler: no model: decode the packed model.json first")
	}
	if opts.Instance.Model == "" {
		opts.Instance.Model = m.Digest()
	}
	if opts.Instance.Model != m.Digest() {
		return nil, fmt.Errorf("handler: the instance says it runs model %s but was given %s: build and deploy again", opts.Instance.Model, m.Digest())
	}
	log := opts.Logger
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	if names := m.Secrets(); len(names) > 0 && opts.Secrets == nil {
		return nil, fmt.Errorf("handler: the model needs the secrets %s, and nothing was given that reads them", strings.Join(names, ", "))
	}
	pools, err := newPools(m, opts)
	if err != nil {
		return nil, err
	}
	shared := stores{}
	routes, err := newRouter(m, pools, log, opts, shared)
	if err != nil {
		return nil, err
	}

	// The stack, innermost first. A request passes it from the bottom line to the top one.
	h := refuseOverrides(routes)               // the most specific route, if the query names no other method's: proxy, respond or fault
	h = endToEnd(h)                            // nobody goes by headers that Connection has taken off on the way
	h = answerHealth(h, log, m, opts, pools)   // /health and /ready, before any route
	h = refuseDotSegments(h, log)              // nothing below sees a path that means another
	h = behindFront(h, opts)                   // whom the front brings, from where, and by which name they came
	h = refuseForeignHosts(h, opts.Hosts, log) // nobody comes around the fronts by a cloud's own name
	h = hold(h, opts)                          // answers that must be whole before they go out
	h = recoverPanics(h, log, opts)            // a panic becomes a 500, or a truncated answer
	h = drill(h, opts.Drill, opts.Instance)    // fails on purpose, until a time; nothing where there is no drill
	h = requireFront(h, opts.Admission, log)   // who comes around the front gets a 403
	h = limitBodies(h, opts.BodyTimeout)       // no body takes as long as its client likes
	h = logRequests(h, log)                    // one line each, whatever happened below
	h = identify(h, opts.Instance.Region)      // request id and region; the exchange that the rest shares
	return &closing{h, func() error { return errors.Join(pools.close(), shared.close()) }}, nil
}

// closing is a handler that holds connections.
type closing struct {
	http.Handler
	close func() error
}

// Close ends them.
func (c *closing) Close() error { return c.close() }

var _ io.Closer = (*closing)(nil)
