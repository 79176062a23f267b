package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
)

// grace is how long before Lambda's own deadline the handler's context ends, so that the gateway still says 504 itself:
// past the deadline Lambda kills the process, and the front answers for it without a word why.
const grace = 250 * time.Millisecond

// An adapter serves Lambda invocations with an http.Handler. It is safe for concurrent use.
type adapter struct {
	next http.Handler
	log  *slog.Logger
}

// Invoke implements lambda.Handler. It returns an error only for events that are not HTTP requests; everything that goes
// wrong with one that is, a panic too, is answered in the event's own format.
func (a *adapter) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	e, err := decode(payload)
	if err != nil {
		return nil, err
	}
	ctx, cancel := withGrace(ctx)
	defer cancel() // as net/http does once the handler has returned

	r, err := e.request(ctx)
	if err != nil {
		return a.encode(ctx, e, problem(ctx, http.StatusBadRequest, err.Error()))
	}
	return a.encode(ctx, e, a.serve(r, e.limit()))
}

// serve runs the handler. Nothing of the response has left yet when a handler panics, so it is always answered in full.
func (a *adapter) serve(r *http.Request, limit int) (out response) {
	defer func() {
		switch p := recover(); p {
		case nil:
		case http.ErrAbortHandler:
			out = problem(r.Context(), http.StatusBadGateway, "the upstream's response ended early")
		default:
			a.log.ErrorContext(r.Context(), "panic in the handler", "panic", p, "stack", string(debug.Stack()), "request_id", requestID(r.Context()))
			out = problem(r.Context(), http.StatusInternalServerError, "the gateway failed while answering")
		}
	}()
	rec := newRecorder(r.Method, limit)
	a.next.ServeHTTP(rec, r)
	out, err := rec.result()
	if unsendable := errAnswer(""); errors.As(err, &unsendable) {
		a.log.ErrorContext(r.Context(), "response cannot be sent", "reason", string(unsendable), "path", r.URL.Path, "request_id", requestID(r.Context()))
		return problem(r.Context(), http.StatusBadGateway, string(unsendable))
	}
	return out
}

// encode is the event's response as JSON, within the front's limit: base64 and escapes make a body that fits too large.
func (a *adapter) encode(ctx context.Context, e event, r response) ([]byte, error) {
	if e.method() == http.MethodHead {
		r.body = nil // a problem's, too
	}
	out, err := marshal(e.response(r))
	if err != nil || len(out) <= e.limit() {
		return out, err
	}
	a.log.ErrorContext(ctx, "response cannot be sent", "reason", "too large", "bytes", len(out), "limit", e.limit(), "request_id", requestID(ctx))
	return marshal(e.response(problem(ctx, http.StatusBadGateway, fmt.Sprintf(
		"the response takes %d bytes as this front wants it encoded, and it takes at most %d", len(out), e.limit()))))
}

// marshal encodes without HTML escapes, which would make six bytes of each <, > and & and reach the limit that much sooner.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, fmt.Errorf("encode the response event: %w", err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// withGrace ends the context a little before its deadline, by at most a quarter of the time that is left.
func withGrace(ctx context.Context) (context.Context, context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return context.WithCancel(ctx)
	}
	return context.WithDeadline(ctx, deadline.Add(-min(grace, time.Until(deadline)/4)))
}

// problem is an RFC 9457 answer of the adapter's own.
func problem(ctx context.Context, status int, detail string) response {
	body, err := marshal(struct {
		Type      string `json:"type"`
		Title     string `json:"title"`
		Status    int    `json:"status"`
		Detail    string `json:"detail"`
		RequestID string `json:"requestId,omitempty"`
	}{"about:blank", http.StatusText(status), status, detail, requestID(ctx)})
	if err != nil { // a struct of strings: cannot be
		body = []byte(detail)
	}
	return response{status: status, header: http.Header{"Content-Type": {"application/problem+json"}}, body: body}
}

// requestID is the invocation's id, by which its lines are found in the function's log.
func requestID(ctx context.Context) string {
	if lc, ok := lambdacontext.FromContext(ctx); ok {
		return lc.AwsRequestID
	}
	return ""
}

var _ lambda.Handler = (*adapter)(nil)
