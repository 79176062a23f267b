package front

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"polygate.example/tools/internal/localcloud/plane"
	"polygate.example/tools/internal/localcloud/runtime"
	"polygate.example/tools/internal/localcloud/runtime/lambda"
	"polygate.example/tools/internal/localcloud/runtime/runtimetest"
)

// gateway serves an API whose function is f.
func gateway(t *testing.T, f events, change func(*Options, *plane.Site)) *http.Client {
	t.Helper()
	s := siteOf(t, plane.APIGateway, freePort(t))
	o := Options{Runtimes: functions{lambdaID: {Event: f}}}
	if change != nil {
		change(&o, &s)
	}
	serve(t, o, s)
	return client(t, s.Listen)
}

func request(t *testing.T, c *http.Client, method, target string, header http.Header, body io.Reader) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, "https://"+name+target, body)
	if err != nil {
		t.Fatal(err)
	}
	maps.Copy(req.Header, header)
	resp, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	return resp, read(t, resp)
}

// capture returns a function that keeps the event and answers 200.
func capture(into *map[string]any) events {
	return func(_ context.Context, e []byte) (lambda.Result, error) {
		*into = map[string]any{}
		err := json.Unmarshal(e, into)
		return lambda.Result{Payload: []byte(`{"statusCode":200}`)}, err
	}
}

// Source: "Create AWS Lambda proxy integrations for HTTP APIs in API Gateway", payload format structure 2.0; that
// rawPath is decoded is from a captured event, honojs/hono issue #2156.
func TestEvent(t *testing.T) {
	var e map[string]any
	c := gateway(t, capture(&e), nil)
	request(t, c, http.MethodPost, "/a%2Fb/c%20d?q=1&q=2%26&p=a+b", http.Header{
		"Cookie": {"a=1; b=2"}, "X-Many": {"one", "two"}, "X-Forwarded-For": {"192.0.2.9"}, "User-Agent": {"test/1"},
		"Content-Type": {"application/json"}, "Connection": {"X-Drop"}, "X-Drop": {"1"}, "Te": {"trailers"},
	}, strings.NewReader(`{"k":1}`))
	for field, want := range map[string]any{
		"version": "2.0", "routeKey": "$default", "rawPath": "/a/b/c d", "rawQueryString": "q=1&q=2%26&p=a+b",
		"body": `{"k":1}`, "isBase64Encoded": false,
	} {
		if e[field] != want {
			t.Errorf("%s is %v, want %v", field, e[field], want)
		}
	}
	if got, want := e["cookies"], []any{"a=1", "b=2"}; !slices.Equal(got.([]any), want) {
		t.Errorf("cookies %v, want %v", got, want)
	}
	headers := e["headers"].(map[string]any)
	for field, want := range map[string]any{
		"x-many": "one,two", "host": name, "user-agent": "test/1", "x-forwarded-for": "192.0.2.9, 127.0.0.1",
		"x-forwarded-port": "443", "x-forwarded-proto": "https", "content-length": "7",
	} {
		if headers[field] != want {
			t.Errorf("header %s is %v, want %v", field, headers[field], want)
		}
	}
	for _, field := range []string{"cookie", "connection", "te", "x-drop"} {
		if v, ok := headers[field]; ok {
			t.Errorf("header %s is there: %v", field, v)
		}
	}
	if trace, _ := headers["x-amzn-trace-id"].(string); !strings.HasPrefix(trace, "Root=1-") {
		t.Errorf("trace %q", trace)
	}
	query := e["queryStringParameters"].(map[string]any)
	if query["q"] != "1,2&" || query["p"] != "a b" {
		t.Errorf("queryStringParameters %v", query)
	}
	rc := e["requestContext"].(map[string]any)
	for field, want := range map[string]any{
		"accountId": "123456789012", "domainName": name, "domainPrefix": "use1", "routeKey": "$default", "stage": "$default",
	} {
		if rc[field] != want {
			t.Errorf("requestContext.%s is %v, want %v", field, rc[field], want)
		}
	}
	if _, err := time.Parse("02/Jan/2006:15:04:05 -0700", rc["time"].(string)); err != nil {
		t.Error(err)
	}
	http := rc["http"].(map[string]any)
	for field, want := range map[string]any{
		"method": "POST", "path": "/a/b/c d", "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1", "userAgent": "test/1",
	} {
		if http[field] != want {
			t.Errorf("requestContext.http.%s is %v, want %v", field, http[field], want)
		}
	}
}

// Source: verified against AWS by the author of ministackorg/ministack pull request 766.
func TestBodyEncoding(t *testing.T) {
	var e map[string]any
	c := gateway(t, capture(&e), nil)
	for _, tt := range []struct {
		contentType, body, want string
		encoded                 bool
	}{
		{"text/plain", "hi", "hi", false},
		{"text/csv; charset=utf-8", "hi", "hi", false},
		{"application/json", "{}", "{}", false},
		{"application/json; charset=utf-8", "{}", "{}", false},
		{"application/xml", "<a/>", "<a/>", false},
		{"application/javascript", "1", "1", false},
		{"application/x-www-form-urlencoded", "a=1", "YT0x", true},
		{"application/octet-stream", "\x00\xff", "AP8=", true},
		{"", "hi", "aGk=", true},
		{"application/octet-stream", "", "", false},
	} {
		t.Run(tt.contentType+"/"+tt.body, func(t *testing.T) {
			header := http.Header{}
			if tt.contentType != "" {
				header.Set("Content-Type", tt.contentType)
			}
			request(t, c, http.MethodPost, "/", header, strings.NewReader(tt.body))
			got, _ := e["body"].(string)
			if got != tt.want || e["isBase64Encoded"] != tt.encoded {
				t.Errorf("body %q, isBase64Encoded %v, want %q, %v", got, e["isBase64Encoded"], tt.want, tt.encoded)
			}
		})
	}
}

// Source: the page named at TestEvent, "Lambda function response for format 2.0".
func TestAnswer(t *testing.T) {
	var payload string
	c := gateway(t, func(context.Context, []byte) (lambda.Result, error) {
		return lambda.Result{Payload: []byte(payload)}, nil
	}, nil)
	type want struct {
		status      int
		contentType string
		body        string
	}
	failed := want{500, "application/json", `{"message":"Internal Server Error"}`}
	for _, tt := range []struct {
		name, payload string
		want          want
		header        http.Header
	}{
		{"whole", `{"statusCode":201,"headers":{"Content-Type":"text/html","x-n":7,"x-b":true,"x-null":null},"body":"hi","cookies":["a=1","b=2"]}`,
			want{201, "text/html", "hi"}, http.Header{"X-N": {"7"}, "X-B": {"true"}, "Set-Cookie": {"a=1", "b=2"}, "X-Null": nil}},
		{"default type", `{"statusCode":200,"body":"hi"}`, want{200, "text/plain; charset=utf-8", "hi"}, nil},
		{"base64", `{"statusCode":200,"isBase64Encoded":true,"body":"AP+ACg=="}`, want{200, "text/plain; charset=utf-8", "\x00\xff\x80\n"}, nil},
		{"status as text", `{"statusCode":"404"}`, want{404, "text/plain; charset=utf-8", ""}, nil},
		{"several values in one header", `{"statusCode":200,"headers":{"vary":"a, b"}}`, want{200, "text/plain; charset=utf-8", ""}, http.Header{"Vary": {"a, b"}}},
		{"multiValueHeaders does not exist in 2.0", `{"statusCode":200,"multiValueHeaders":{"x-many":["a","b"]}}`,
			want{200, "text/plain; charset=utf-8", ""}, http.Header{"X-Many": nil}},
		{"no statusCode: inferred", `{"hello":"world"}`, want{200, "application/json", `{"hello":"world"}`}, nil},
		{"a string: inferred", `"hello"`, want{200, "application/json", `"hello"`}, nil},
		{"no content", `{"statusCode":204,"body":"dropped"}`, want{204, "text/plain; charset=utf-8", ""}, nil},
		{"not modified", `{"statusCode":304,"headers":{"etag":"\"x\""}}`, want{304, "", ""}, http.Header{"Etag": {`"x"`}}},
		{"not JSON", `hello`, failed, nil},
		{"nothing", ``, failed, nil},
		{"statusCode is no number", `{"statusCode":"many"}`, failed, nil},
		{"statusCode out of range", `{"statusCode":42}`, failed, nil},
		{"bad base64", `{"statusCode":200,"isBase64Encoded":true,"body":"*"}`, failed, nil},
		{"body is an object", `{"statusCode":200,"body":{}}`, failed, nil},
		{"header is a list", `{"statusCode":200,"headers":{"a":["b"]}}`, failed, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			payload = tt.payload
			resp, body := get(t, c, "https://"+name+"/")
			if resp.StatusCode != tt.want.status || body != tt.want.body || resp.Header.Get("Content-Type") != tt.want.contentType {
				t.Errorf("%d %q %q, want %+v", resp.StatusCode, resp.Header.Get("Content-Type"), body, tt.want)
			}
			for field, values := range tt.header {
				if got := resp.Header.Values(field); !slices.Equal(got, values) {
					t.Errorf("%s is %q, want %q", field, got, values)
				}
			}
			if id := resp.Header.Get("Apigw-Requestid"); len(id) != 16 || !strings.HasSuffix(id, "=") {
				t.Errorf("Apigw-Requestid %q", id)
			}
		})
	}
	t.Run("HEAD", func(t *testing.T) {
		payload = `{"statusCode":200,"body":"hello"}`
		resp, err := c.Head("https://" + name + "/")
		if err != nil {
			t.Fatal(err)
		}
		if body := read(t, resp); resp.StatusCode != 200 || body != "" || resp.ContentLength != 5 {
			t.Errorf("%d %q, length %d", resp.StatusCode, body, resp.ContentLength)
		}
	})
}

func TestGatewayRefusals(t *testing.T) {
	respond := func(r lambda.Result, err error) events {
		return func(context.Context, []byte) (lambda.Result, error) { return r, err }
	}
	ok := respond(lambda.Result{Payload: []byte(`{"statusCode":200}`)}, nil)
	for _, tt := range []struct {
		name   string
		f      events
		change func(*Options, *plane.Site)
		body   int
		header http.Header
		status int
		text   string
	}{
		// Source: "Quotas for configuring and running an HTTP API in API Gateway".
		{"payload of 10 MB", ok, nil, 10 << 20, nil, 200, ""},
		{"payload over 10 MB", ok, nil, 10<<20 + 1, nil, 413, "Request Entity Too Large"},
		{"headers over 10,240 bytes", ok, nil, 0, http.Header{"X-Large": {strings.Repeat("x", 10240)}}, 431, "Request Header Fields Too Large"},
		{"headers under it", ok, nil, 0, http.Header{"X-Large": {strings.Repeat("x", 10000)}}, 200, ""},
		// Source: "Troubleshooting issues with HTTP API Lambda integrations".
		{"the function failed", respond(lambda.Result{ErrType: "Runtime.ExitError", Payload: []byte(`{}`)}, nil), nil, 0, nil, 500, "Internal Server Error"},
		{"no permission", ok, func(_ *Options, s *plane.Site) { s.InvokeError = true }, 0, nil, 500, "Internal Server Error"},
		{"no such function", ok, func(o *Options, _ *plane.Site) { o.Runtimes = functions{} }, 0, nil, 500, "Internal Server Error"},
		{"integration with a function that was deleted", ok, func(_ *Options, s *plane.Site) { s.Function, s.InvokeError = "", true }, 0, nil, 500, "Internal Server Error"},
		{"no route", ok, func(_ *Options, s *plane.Site) { s.Function = "" }, 0, nil, 404, "Not Found"},
		{"over Lambda's 6 MB", respond(lambda.Result{}, lambda.ErrRequestTooLarge), nil, 0, nil, 413, "Request Entity Too Large"},
		{"throttled", respond(lambda.Result{}, lambda.ErrThrottled), nil, 0, nil, 503, "Service Unavailable"},
		// Source: the quota page: maximum integration timeout 30 s; a captured answer, cortexlabs/cortex issue #1225.
		{"integration timeout", func(ctx context.Context, _ []byte) (lambda.Result, error) {
			<-ctx.Done()
			return lambda.Result{}, ctx.Err()
		}, func(o *Options, _ *plane.Site) { o.Timeouts.APIGateway = 50 * time.Millisecond }, 0, nil, 503, "Service Unavailable"},
		// Source: API Gateway v2 API reference, CreateIntegration, TimeoutInMillis.
		{"integration timeout of its own", func(ctx context.Context, _ []byte) (lambda.Result, error) {
			if at, _ := ctx.Deadline(); time.Until(at) > 10*time.Second {
				return lambda.Result{}, errors.New("the front waits longer than the integration may take")
			}
			<-ctx.Done()
			return lambda.Result{}, ctx.Err()
		}, func(_ *Options, s *plane.Site) { s.Timeout = 50 * time.Millisecond }, 0, nil, 503, "Service Unavailable"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := gateway(t, tt.f, tt.change)
			resp, body := request(t, c, http.MethodPost, "/", tt.header, strings.NewReader(strings.Repeat("x", tt.body)))
			want := ""
			if tt.text != "" {
				want = `{"message":"` + tt.text + `"}`
			}
			if resp.StatusCode != tt.status || body != want {
				t.Errorf("%d %s, want %d %s", resp.StatusCode, body, tt.status, want)
			}
		})
	}
	if got := New(Options{}); got.o.Timeouts.APIGateway != 30*time.Second || got.o.Timeouts.Azure != 230*time.Second {
		t.Errorf("timeouts %+v, want the clouds' own", got.o.Timeouts)
	} else {
		got.Close()
	}
}

// The function is not told that the client went away: an integration runs to its end.
func TestGatewayClientGone(t *testing.T) {
	entered, finished := make(chan struct{}), make(chan error, 1)
	release := make(chan struct{})
	c := gateway(t, func(ctx context.Context, _ []byte) (lambda.Result, error) {
		close(entered)
		<-release
		finished <- ctx.Err()
		return lambda.Result{Payload: []byte(`{}`)}, nil
	}, nil)
	ctx, cancel := context.WithCancel(t.Context())
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+name+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		if resp, err := c.Do(req); err == nil {
			_ = resp.Body.Close()
		}
	}()
	<-entered
	cancel()
	<-gone
	close(release)
	if err := <-finished; err != nil {
		t.Errorf("the function's context ended: %v", err)
	}
}

// The whole way: a request, the front, the Runtime API, a process, and back.
func TestGatewayWithRealLambda(t *testing.T) {
	r := runtime.New(runtime.Options{Dir: t.TempDir()})
	defer r.Close()
	path, digest := runtimetest.LambdaZip(t)
	if err := r.Apply(t.Context(), []plane.Function{{
		ID: lambdaID, Region: "aws/us-east-1", Runtime: plane.Lambda, Package: path, Digest: digest, Timeout: 10 * time.Second,
		Environment: map[string]string{runtimetest.EnvRole: runtimetest.RoleLambda},
	}}); err != nil {
		t.Fatal(err)
	}
	c := gateway(t, nil, func(o *Options, _ *plane.Site) { o.Runtimes = r })
	resp, body := request(t, c, http.MethodGet, "/echo?x=%2B", nil, nil)
	if resp.StatusCode != 200 || !strings.Contains(body, `"rawQueryString":"x=%2B"`) {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
	if resp, body := request(t, c, http.MethodGet, "/exit", nil, nil); resp.StatusCode != 500 || body != `{"message":"Internal Server Error"}` {
		t.Errorf("crash: %d %s", resp.StatusCode, body)
	}
	// 4.5 MB of binary are 6 MB of base64: too large for Lambda, though not for the gateway.
	large := strings.NewReader(strings.Repeat("\x00", 4<<20+600<<10))
	if resp, body := request(t, c, http.MethodPost, "/echo", http.Header{"Content-Type": {"application/octet-stream"}}, large); resp.StatusCode != 413 {
		t.Errorf("4.6 MB of binary: %d %.100s", resp.StatusCode, body)
	}
	text := strings.NewReader(strings.Repeat("x", 4<<20))
	if resp, body := request(t, c, http.MethodPost, "/pid", http.Header{"Content-Type": {"text/plain"}}, text); resp.StatusCode != 200 {
		t.Errorf("4 MB of text: %d %.100s", resp.StatusCode, body)
	}
}
