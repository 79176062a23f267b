package front

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"time"

	"polygate.example/tools/internal/localcloud/plane"
	"polygate.example/tools/internal/localcloud/runtime/lambda"
)

// Limits of an HTTP API, in bytes. Source: "Quotas for configuring and running an HTTP API in API Gateway",
// https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html
const (
	maxAPIPayload = 10 << 20 // payload size: 10 MB
	maxAPIHeader  = 10240    // total combined size of request line and header values
)

// apiGateway is an API Gateway HTTP API with one $default route to a Lambda function, payload format 2.0. It does not
// stream: request and response are whole documents.
type apiGateway struct {
	site      plane.Site
	functions Functions
	timeout   time.Duration
	clients   map[string]*clients // of names that answer nobody else
}

// ServeHTTP turns a request into an event, and the function's answer into the response.
func (a *apiGateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id := gatewayRequestID()
	w.Header().Set("Apigw-Requestid", id)
	var who *authentication
	if asks := a.clients[hostname(r.Host)]; asks != nil && !began(r) {
		who = &authentication{asks.admit(r, time.Now())}
		if who.ClientCert == nil {
			message(w, http.StatusForbidden, "Forbidden") // "fail the TLS handshake and deny the request with a 403 status code", see clients
			return
		}
	}
	if headerSize(r) > maxAPIHeader {
		// The quota page names no answer; 431 is what the status code is for, and nothing but its text is known.
		message(w, http.StatusRequestHeaderFieldsTooLarge, "Request Header Fields Too Large")
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxAPIPayload))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		message(w, http.StatusRequestEntityTooLarge, "Request Entity Too Large")
		return
	case err != nil:
		panic(http.ErrAbortHandler) // the client went away in the middle of it
	}
	if a.site.Function == "" && !a.site.InvokeError {
		message(w, http.StatusNotFound, "Not Found") // no route
		return
	}
	f, ok := a.functions.Serve(a.site.Function)
	if !ok || f.Event == nil || a.site.InvokeError {
		// Source: "Troubleshooting issues with HTTP API Lambda integrations": a missing permission, like every other
		// fault of the integration, is {"message":"Internal Server Error"}.
		internalError(w)
		return
	}
	event, err := json.Marshal(newEvent(a.site, r, who, body, id, time.Now()))
	if err != nil {
		internalError(w)
		return
	}
	// The integration is not told when the client goes away: the function runs to its end.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), a.timeout)
	defer cancel()
	result, err := f.Event.Invoke(ctx, event)
	if err != nil {
		refuseInvocation(w, err)
		return
	}
	if result.Failed() {
		internalError(w)
		return
	}
	answer(w, r, result.Payload)
}

// refuseInvocation answers a request that Lambda did not take or finish.
func refuseInvocation(w http.ResponseWriter, err error) {
	switch {
	case errors.Is(err, lambda.ErrRequestTooLarge):
		// Lambda's own 413, for an event over 6 MB, base64 included. Source: "Handling AWS Lambda Payload Limit"
		// (jun711.github.io, 2019): the client sees 413.
		message(w, http.StatusRequestEntityTooLarge, "Request Entity Too Large")
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, lambda.ErrThrottled):
		// The answer to a timeout was captured in cortexlabs/cortex issue #1225. That throttling is answered the same
		// way is unconfirmed.
		message(w, http.StatusServiceUnavailable, "Service Unavailable")
	default:
		internalError(w)
	}
}

// headerSize is what counts towards the header limit: the request line and the header values.
func headerSize(r *http.Request) int {
	n := len(r.Method) + len(r.RequestURI) + len(r.Proto) + len("  \r\n") + len(r.Host)
	for _, values := range r.Header {
		for _, v := range values {
			n += len(v)
		}
	}
	return n
}

// gatewayRequestID is an id in API Gateway's form: 16 characters of base64, the last a "=".
func gatewayRequestID() string {
	var b [11]byte
	_, _ = rand.Read(b[:]) // never fails, by its documentation
	return base64.StdEncoding.EncodeToString(b[:])
}

func internalError(w http.ResponseWriter) {
	message(w, http.StatusInternalServerError, "Internal Server Error")
}

// message is how API Gateway words its own answers.
func message(w http.ResponseWriter, status int, text string) {
	var b bytes.Buffer
	b.WriteString(`{"message":"`)
	b.WriteString(text)
	b.WriteString(`"}`)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes()) // the client may be gone
}

var _ http.Handler = (*apiGateway)(nil)
