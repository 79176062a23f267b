package main

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"github.com/aws/aws-lambda-go/events"
	"github.com/awslabs/aws-lambda-go-api-proxy/core"

	"polygate.example/shared/clientcert"
)

// request converts an event of payload format 2.0, sent by HTTP APIs and function URLs ("Create AWS Lambda proxy
// integrations for HTTP APIs"; "Invoking Lambda function URLs").
func (e *v2Event) request(ctx context.Context) (*http.Request, error) {
	var accessor core.RequestAccessorV2
	method := e.RequestContext.HTTP.Method
	bare := events.APIGatewayV2HTTPRequest{
		StageVariables: e.StageVariables, RequestContext: e.RequestContext, Body: e.Body, IsBase64Encoded: e.IsBase64Encoded,
	}
	bare.RequestContext.HTTP.Path, bare.RequestContext.DomainName = "/", ""
	r, err := accessor.EventToRequestWithContext(ctx, bare)
	if err != nil {
		return nil, err
	}
	h := headers(e.Headers, nil)
	if len(e.Cookies) > 0 {
		// One header, as a client sends it (RFC 6265, section 5.4).
		h.Set("Cookie", strings.Join(e.Cookies, "; "))
	}
	return r, dress(r, seen{
		method: method,
		target: target(e.path(), e.RawQueryString),
		header: h,
		domain: e.RequestContext.DomainName,
		client: e.RequestContext.HTTP.SourceIP,
		https:  true, // neither front serves anything else
		// Of a custom domain with mutual TLS. It is the front's own, and no header of a client's is near it ("Create AWS Lambda proxy
		// integrations for HTTP APIs", payload format 2.0, requestContext.authentication.clientCert; "How to turn on mutual TLS
		// authentication for your HTTP APIs"). The chain is not told. Function URLs have no mutual TLS: there it is null.
		shown: clientcert.FromPEM(e.RequestContext.Authentication.ClientCert.ClientCertPem),
	})
}

// path is the request's encoded path without the stage. An HTTP API sends it decoded, so it is encoded anew: every
// character stays what it is, but a client's %2F has become a separator before it came here. It also puts a named
// stage in front, even behind a custom domain's mapping (aws-powertools/powertools-lambda-python#621); "$default" not.
func (e *v2Event) path() string {
	path := e.RawPath
	if e.functionURL {
		return path
	}
	if stage := e.RequestContext.Stage; stage != "" && stage != "$default" {
		if rest, ok := strings.CutPrefix(path, "/"+stage); ok && (rest == "" || rest[0] == '/') {
			path = rest
		}
	}
	return (&url.URL{Path: path}).EscapedPath()
}

// response is payload format 2.0: cookies on their own, other repeated headers joined.
func (e *v2Event) response(r response) any {
	body, encoded := r.text()
	return events.APIGatewayV2HTTPResponse{
		StatusCode: r.status, Headers: r.joined(), Cookies: r.header.Values("Set-Cookie"), Body: body, IsBase64Encoded: encoded,
	}
}

func (e *v2Event) method() string { return e.RequestContext.HTTP.Method }
func (e *v2Event) limit() int     { return limitLambda }
