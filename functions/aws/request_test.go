package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"polygate.example/shared/handler"
	"polygate.example/shared/health"
)

// quiet is a logger for tests that break things on purpose.
var quiet = slog.New(slog.DiscardHandler)

// fixture reads an event from testdata.
func fixture(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// fronts are the fixtures that are HTTP requests; each has the same request as plain HTTP beside it.
var fronts = []string{"rest", "rest-binary", "http-api", "http-api-stage", "function-url", "alb-single", "alb-multi"}

// TestSameRequestAsPlainHTTP puts each event and its plain HTTP twin side by side. The twin is parsed by net/http itself.
func TestSameRequestAsPlainHTTP(t *testing.T) {
	for _, name := range fronts {
		t.Run(name, func(t *testing.T) {
			raw, err := os.ReadFile(filepath.Join("testdata", name+".http"))
			if err != nil {
				t.Fatal(err)
			}
			want, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(raw)))
			if err != nil {
				t.Fatal(err)
			}
			wantBody, err := io.ReadAll(want.Body)
			if err != nil {
				t.Fatal(err)
			}
			got, gotBody := handled(t, fixture(t, name))

			same(t, "method", got.Method, want.Method)
			same(t, "request target", got.RequestURI, want.RequestURI)
			same(t, "URL", *got.URL, *want.URL)
			same(t, "query", got.URL.Query(), want.URL.Query())
			same(t, "host", got.Host, want.Host)
			same(t, "headers", got.Header, want.Header)
			same(t, "cookies", got.Cookies(), want.Cookies())
			same(t, "content length", got.ContentLength, want.ContentLength)
			same(t, "body", gotBody, wantBody)
			same(t, "protocol", got.Proto, want.Proto)
			if got.TLS == nil {
				t.Error("the request does not say that the client came over TLS")
			}
		})
	}
}

// TestClientAddress: the address is the front's record. Every fixture that has X-Forwarded-For begins it with an address
// the client made up (198.51.100.9).
func TestClientAddress(t *testing.T) {
	for name, want := range map[string]string{
		"rest": "203.0.113.7:0", "http-api": "203.0.113.7:0", "function-url": "203.0.113.7:0",
		"alb-single": "203.0.113.7:0",
		"alb-multi":  "203.0.113.7:61002", // a balancer that keeps the client's port
	} {
		t.Run(name, func(t *testing.T) {
			r, _ := handled(t, fixture(t, name))
			same(t, "remote address", r.RemoteAddr, want)
		})
	}
	for in, want := range map[string]string{
		"2001:db8::1": "[2001:db8::1]:0", "[2001:db8::1]:443": "[2001:db8::1]:443", "test-invoke-source-ip": "", "": "",
	} {
		same(t, "remote address of "+in, remoteAddr(in), want)
	}
}

// TestFramingIsNotTold: how the client framed its body ended at the front, as it does at net/http, which takes
// Transfer-Encoding out of the headers.
func TestFramingIsNotTold(t *testing.T) {
	for _, c := range []struct{ name, event string }{
		{"HTTP API", `{"version":"2.0","rawPath":"/","headers":{"transfer-encoding":"chunked","x-a":"1"},"body":"hello","requestContext":{"http":{"method":"POST"}}}`},
		{"REST API", `{"requestContext":{},"httpMethod":"POST","path":"/","multiValueHeaders":{"Transfer-Encoding":["chunked"],"X-A":["1"]},"body":"hello"}`},
		{"load balancer", `{"requestContext":{"elb":{}},"httpMethod":"POST","path":"/","headers":{"transfer-encoding":"chunked","x-a":"1"},"body":"hello"}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, body := handled(t, []byte(c.event))
			same(t, "headers", r.Header, http.Header{"X-A": {"1"}})
			same(t, "transfer encoding", r.TransferEncoding, []string(nil))
			same(t, "content length", r.ContentLength, int64(len("hello")))
			same(t, "body", string(body), "hello")
		})
	}
}

// TestStage: an HTTP API puts a named stage before the path, the default stage not; only a whole segment is one.
func TestStage(t *testing.T) {
	for _, c := range []struct{ name, stage, raw, want string }{
		{"default stage", "$default", "/prod/x", "/prod/x"},
		{"named stage", "prod", "/prod/x", "/x"},
		{"stage alone", "prod", "/prod", "/"},
		{"only a prefix", "prod", "/production/x", "/production/x"},
		{"taken off once", "prod", "/prod/prod", "/prod"},
		{"mapped without it", "prod", "/x", "/x"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var e v2Event
			e.RawPath, e.RequestContext.Stage = c.raw, c.stage
			same(t, "target", target(e.path(), ""), c.want)
		})
	}
}

// TestDecodedPathIsNotAHost: a path of an HTTP API is data, whatever it looks like.
func TestDecodedPathIsNotAHost(t *testing.T) {
	for _, path := range []string{"//evil.example/x", "/a?b#c", "/%zz", "/a%2Fb", "/ü;v=1", "/.."} {
		t.Run(path, func(t *testing.T) {
			var e v2Event
			e.RawPath = path
			e.RequestContext.HTTP.Method = "GET"
			e.RequestContext.DomainName = "api.example.com"
			r, err := e.request(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			same(t, "path", r.URL.Path, path)
			same(t, "host", r.Host, "api.example.com")
			same(t, "URL host", r.URL.Host, "")
		})
	}
}

func TestUnknownShapes(t *testing.T) {
	for _, name := range []string{"unknown-direct", "unknown-queue", "unknown-websocket"} {
		t.Run(name, func(t *testing.T) {
			_, err := (&adapter{next: unreachable(t), log: quiet}).Invoke(t.Context(), fixture(t, name))
			if err == nil || !strings.Contains(err.Error(), "no known shape") {
				t.Errorf("error %v, want one that says the event has no known shape", err)
			}
		})
	}
	if _, err := decode([]byte(`[1]`)); err == nil || !strings.Contains(err.Error(), "not an HTTP event") {
		t.Errorf("error %v, want one that says it is not an HTTP event", err)
	}
}

// TestMalformedRequests are the client's fault and answered as net/http answers them, in the event's own format.
func TestMalformedRequests(t *testing.T) {
	for _, c := range []struct{ name, event string }{
		{"bad escape in a load balancer's path", `{"requestContext":{"elb":{}},"httpMethod":"GET","path":"/%zz"}`},
		{"bad escape in a REST path", `{"requestContext":{},"httpMethod":"GET","path":"/%"}`},
		{"bad escape in a function URL's path", `{"version":"2.0","rawPath":"/%q","requestContext":{"domainName":"x.lambda-url.us-east-1.on.aws","http":{"method":"GET"}}}`},
		{"control character in the query", `{"version":"2.0","rawPath":"/","rawQueryString":"a\u0000b","requestContext":{"http":{"method":"GET"}}}`},
		{"body that is not base64", `{"requestContext":{"elb":{}},"httpMethod":"POST","path":"/","body":"*","isBase64Encoded":true}`},
		{"method that is none", `{"requestContext":{"elb":{}},"httpMethod":"GE T","path":"/"}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			out, err := (&adapter{next: unreachable(t), log: quiet}).Invoke(t.Context(), []byte(c.event))
			if err != nil {
				t.Fatal(err)
			}
			var r struct {
				StatusCode int
				Body       string
			}
			if err := json.Unmarshal(out, &r); err != nil {
				t.Fatal(err)
			}
			if r.StatusCode != http.StatusBadRequest || !strings.Contains(r.Body, `"status":400`) {
				t.Errorf("answered %s, want a 400 problem", out)
			}
		})
	}
}

// TestDeadline: the handler's context ends before Lambda's deadline, and when the handler has returned.
func TestDeadline(t *testing.T) {
	deadline := time.Now().Add(time.Minute)
	ctx, cancel := context.WithDeadline(t.Context(), deadline)
	defer cancel()
	var seen context.Context
	a := &adapter{log: quiet, next: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { seen = r.Context() })}
	if _, err := a.Invoke(ctx, fixture(t, "http-api")); err != nil {
		t.Fatal(err)
	}
	got, ok := seen.Deadline()
	if !ok || !got.Equal(deadline.Add(-grace)) {
		t.Errorf("the handler's deadline is %v, want %v before Lambda's %v", got, grace, deadline)
	}
	if seen.Err() == nil {
		t.Error("the request's context outlives the invocation")
	}
	short, cancelShort := context.WithTimeout(t.Context(), 400*time.Millisecond)
	defer cancelShort()
	c, cancelC := withGrace(short)
	defer cancelC()
	if d, _ := c.Deadline(); time.Until(d) < 200*time.Millisecond {
		t.Errorf("of 400 ms only %v are left to the handler", time.Until(d))
	}
}

// handled gives the event to an adapter and returns what its handler got.
func handled(t testing.TB, payload []byte) (got *http.Request, body []byte) {
	t.Helper()
	a := &adapter{log: quiet, next: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		got = r
		var err error
		if body, err = io.ReadAll(r.Body); err != nil {
			t.Error(err)
		}
	})}
	if _, err := a.Invoke(t.Context(), payload); err != nil {
		t.Fatal(err)
	}
	if got == nil {
		t.Fatal("the handler was not called")
	}
	return got, body
}

// unreachable is a handler that must not be called.
func unreachable(t testing.TB) http.Handler {
	return http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("the handler was called with %s %s", r.Method, r.RequestURI)
	})
}

func same(t testing.TB, what string, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s is %#v, want %#v", what, got, want)
	}
}

// TestRequireFront: the front's secret reaches the gateway in an event's headers, whatever their case.
func TestRequireFront(t *testing.T) {
	model, err := os.ReadFile(filepath.Join("..", "gcp", "model.json"))
	if err != nil {
		t.Fatal(err)
	}
	h, err := handler.Load("model.json", model, func(name string) string {
		if name == health.EnvFrontDigest {
			return fmt.Sprintf("%x", sha256.Sum256([]byte("the secret of the front")))
		}
		return ""
	}, handler.Options{Logger: quiet, Buffered: true})
	if err != nil {
		t.Fatal(err)
	}
	for headers, want := range map[string]int{
		`{}`: http.StatusForbidden,
		`{"x-polygate-front":["the secret of the front"]}`:                           http.StatusServiceUnavailable,
		`{"X-Polygate-Front":["the secret of the front"]}`:                           http.StatusServiceUnavailable,
		`{"x-polygate-front":["the secret of the front","the secret of the front"]}`: http.StatusForbidden,
	} {
		out, err := (&adapter{next: h, log: quiet}).Invoke(t.Context(), fmt.Appendf(nil,
			`{"resource":"/{proxy+}","httpMethod":"GET","path":"/x","multiValueHeaders":%s,"requestContext":{"domainName":"a.example","identity":{"sourceIp":"192.0.2.1"}}}`, headers))
		if err != nil {
			t.Fatal(err)
		}
		var answer struct{ StatusCode int }
		if err := json.Unmarshal(out, &answer); err != nil || answer.StatusCode != want {
			t.Errorf("%s: answered %s, %v, want %d", headers, out, err, want)
		}
	}
}
