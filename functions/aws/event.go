package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/aws/aws-lambda-go/events"
)

// Largest JSON a function may return. Beyond it the front answers 502 without saying why, so the adapter says it.
const (
	// "Lambda quotas": 6 MB for synchronous invocations, request and response each.
	limitLambda = 6 << 20
	// "Use Lambda functions as targets of an Application Load Balancer": the response JSON is at most 1 MB.
	limitALB = 1 << 20
)

// An event is one front's way to put an HTTP request into JSON and to be told the response.
type event interface {
	// request is the request as a plain HTTP server would have received it. An error means that the client's request
	// cannot be understood, and is answered with 400.
	request(ctx context.Context) (*http.Request, error)
	// response is the value to be returned as JSON.
	response(response) any
	// method is the request's method, even where request fails.
	method() string
	// limit is the greatest size of the returned JSON in bytes.
	limit() int
}

// shape holds the fields that tell the events apart.
type shape struct {
	Version        string `json:"version"`
	HTTPMethod     string `json:"httpMethod"`
	RequestContext struct {
		ELB        *json.RawMessage `json:"elb"`
		DomainName string           `json:"domainName"`
		HTTP       *struct {
			Method string `json:"method"`
		} `json:"http"`
	} `json:"requestContext"`
}

// decode finds out which front sent the event and decodes it. An event of no known shape is an error that lists what is
// understood: it has no response format, so only the caller of Lambda can be told.
func decode(payload []byte) (event, error) {
	var s shape
	if err := json.Unmarshal(payload, &s); err != nil {
		return nil, fmt.Errorf("the event is not an HTTP event: %w", err)
	}
	switch {
	case s.RequestContext.ELB != nil && s.HTTPMethod != "":
		return decodeAs[albEvent](payload, "an Application Load Balancer")
	case s.Version == "2.0" && s.RequestContext.HTTP != nil && s.RequestContext.HTTP.Method != "":
		e, err := decodeAs[v2Event](payload, "an HTTP API or function URL")
		if err != nil {
			return nil, err
		}
		e.functionURL = isFunctionURL(s.RequestContext.DomainName)
		return e, nil
	case s.RequestContext.ELB == nil && s.HTTPMethod != "":
		return decodeAs[restEvent](payload, "a REST API")
	}
	return nil, fmt.Errorf("the event has no known shape (version %q, httpMethod %q): want an API Gateway REST API or HTTP API "+
		"(payload 2.0) request, a function URL request or an Application Load Balancer request; "+
		"the function must be invoked by one of these, not directly", s.Version, s.HTTPMethod)
}

// decodeAs decodes the payload into a new T.
func decodeAs[T any](payload []byte, front string) (*T, error) {
	e := new(T)
	if err := json.Unmarshal(payload, e); err != nil {
		return nil, fmt.Errorf("decode the event of %s: %w", front, err)
	}
	return e, nil
}

// isFunctionURL reports whether a domain is a function URL's: <url-id>.lambda-url.<region>.on.aws ("Creating and
// managing Lambda function URLs"). Its events are otherwise those of an HTTP API, but their path is still encoded.
func isFunctionURL(domain string) bool {
	_, rest, ok := strings.Cut(domain, ".")
	return ok && strings.HasPrefix(rest, "lambda-url.") && strings.HasSuffix(rest, ".on.aws")
}

// The events, as the vendor's package describes them.
type (
	restEvent struct{ events.APIGatewayProxyRequest }
	albEvent  struct{ events.ALBTargetGroupRequest }
	v2Event   struct {
		events.APIGatewayV2HTTPRequest
		functionURL bool
	}
)

var (
	_ event = (*restEvent)(nil)
	_ event = (*v2Event)(nil)
	_ event = (*albEvent)(nil)
)
