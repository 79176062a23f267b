package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/aws/aws-lambda-go/events"
	"github.com/awslabs/aws-lambda-go-api-proxy/core"
)

// request converts a load balancer's event ("Use Lambda functions as targets of an Application Load Balancer"). Path and
// query are both still encoded as the client sent them.
func (e *albEvent) request(ctx context.Context) (*http.Request, error) {
	var accessor core.RequestAccessorALB
	r, err := accessor.EventToRequestWithContext(ctx, events.ALBTargetGroupRequest{
		HTTPMethod: e.HTTPMethod, RequestContext: e.RequestContext, Body: e.Body, IsBase64Encoded: e.IsBase64Encoded,
	})
	if err != nil {
		return nil, err
	}
	h := headers(e.Headers, e.MultiValueHeaders)
	return r, dress(r, seen{
		method: e.HTTPMethod,
		target: target(e.Path, query(e.QueryStringParameters, e.MultiValueQueryStringParameters, verbatim)),
		header: h,
		// The event has no field of the balancer's own for the client. It appends the peer to X-Forwarded-For, so the
		// last element is its record and the ones before are the client's word ("HTTP headers and Application Load
		// Balancers").
		client: last(h.Values("X-Forwarded-For")),
		https:  last(h.Values("X-Forwarded-Proto")) == "https", // set by the balancer, after its listener's protocol
	})
}

// last is the last element of a list-valued header.
func last(values []string) string {
	if len(values) == 0 {
		return ""
	}
	v := values[len(values)-1]
	return strings.TrimSpace(v[strings.LastIndexByte(v, ',')+1:])
}

// response answers in the mode the event came in: a target group with multi-value headers ignores "headers", one without
// ignores "multiValueHeaders".
func (e *albEvent) response(r response) any {
	body, encoded := r.text()
	out := events.ALBTargetGroupResponse{
		StatusCode: r.status, StatusDescription: strings.TrimSpace(fmt.Sprintf("%d %s", r.status, http.StatusText(r.status))),
		Body: body, IsBase64Encoded: encoded,
	}
	if e.multiValue() {
		out.MultiValueHeaders = r.header
		return out
	}
	out.Headers = r.joined()
	// Cookies cannot be joined, and the map holds a name once. Names are case-insensitive to clients but not to the map,
	// so each further cookie takes another spelling of the name, as other adapters for load balancers do (Mangum).
	for i, cookie := range r.header.Values("Set-Cookie") {
		out.Headers[spelling("set-cookie", i)] = cookie
	}
	return out
}

// multiValue reports whether the target group has multi-value headers switched on.
func (e *albEvent) multiValue() bool { return e.MultiValueHeaders != nil }

// spelling is the n-th way to write an all-lower-case name in upper and lower case. Letters turn upper-case as the bits
// of n say, so that there are 2^letters spellings; beyond them it starts again.
func spelling(name string, n int) string {
	b := []byte(name)
	for i, c := range b {
		if c < 'a' || c > 'z' {
			continue
		}
		if n&1 == 1 {
			b[i] = c - 'a' + 'A'
		}
		n >>= 1
	}
	return string(b)
}

func (e *albEvent) method() string { return e.HTTPMethod }
func (e *albEvent) limit() int     { return limitALB }
