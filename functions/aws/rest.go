package main

import (
	"context"
	"net/http"

	"github.com/aws/aws-lambda-go/events"
	"github.com/awslabs/aws-lambda-go-api-proxy/core"

	"polygate.example/shared/clientcert"
)

// request converts a REST API event ("Input format of a Lambda function for proxy integration"), and an HTTP API's with
// payload format 1.0, which has the same shape. The path is encoded and without the stage; query values are decoded.
func (e *restEvent) request(ctx context.Context) (*http.Request, error) {
	var accessor core.RequestAccessor
	bare := events.APIGatewayProxyRequest{
		HTTPMethod: e.HTTPMethod, StageVariables: e.StageVariables, RequestContext: e.RequestContext,
		Body: e.Body, IsBase64Encoded: e.IsBase64Encoded,
	}
	bare.RequestContext.DomainName = "" // the converter would glue it into a URL
	r, err := accessor.EventToRequestWithContext(ctx, bare)
	if err != nil {
		return nil, err
	}
	shown := clientcert.Record{}
	if c := e.RequestContext.Identity.ClientCert; c != nil {
		// As of HTTP APIs, elsewhere in the event ("How to turn on mutual TLS authentication for your REST APIs").
		shown = clientcert.FromPEM(c.ClientCertPem)
	}
	return r, dress(r, seen{
		shown:  shown,
		method: e.HTTPMethod,
		target: target(e.Path, query(e.QueryStringParameters, e.MultiValueQueryStringParameters, escapeQuery)),
		header: headers(e.Headers, e.MultiValueHeaders),
		domain: e.RequestContext.DomainName,
		client: e.RequestContext.Identity.SourceIP,
		https:  true, // API Gateway serves nothing else
	})
}

// response is "Output format of a Lambda function for proxy integration". A binary body reaches the client as such where
// the API's binary media types admit it; the infrastructure sets */*.
func (e *restEvent) response(r response) any {
	body, encoded := r.text()
	return events.APIGatewayProxyResponse{
		StatusCode: r.status, MultiValueHeaders: r.header, Body: body, IsBase64Encoded: encoded,
	}
}

func (e *restEvent) method() string { return e.HTTPMethod }
func (e *restEvent) limit() int     { return limitLambda }
