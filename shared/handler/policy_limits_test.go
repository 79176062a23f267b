package handler

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"polygate.example/shared/gateway"
)

// limited is a gateway with the policy before an upstream.
func limited(t testing.TB, p gateway.Limits, up string, opts Options) http.Handler {
	t.Helper()
	return newHandler(t, model(t, gateway.Spec{Policies: map[string]gateway.Policy{"small": {Limits: &p}}, Upstreams: map[string]gateway.Upstream{"up": upstream(up)},
		Routes: routes(gateway.Route{Name: "all", Match: gateway.Match{Path: "/{rest...}"}, Policies: []string{"small"}, Upstream: "up"})}), opts)
}

// reader is an upstream that answers with the body it got whole, and counts how often that was.
func reader(t testing.TB, whole *atomic.Int32) string {
	return serveFunc(t, func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		whole.Add(1)
		w.Header().Set("X-Coding", r.Header.Get("Content-Encoding"))
		w.Header().Set("X-Length", strconv.FormatInt(r.ContentLength, 10))
		w.Write(b)
	}).URL
}

func posted(contentType string, body io.Reader, headers ...string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/x", body)
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	return r
}

// chunked hides the length of a body.
func chunked(s string) io.Reader { return io.MultiReader(strings.NewReader(s)) }

func zipped(t testing.TB, coding, s string) string {
	t.Helper()
	var b bytes.Buffer
	var w io.WriteCloser = gzip.NewWriter(&b)
	if coding == "deflate" {
		w = zlib.NewWriter(&b)
	}
	if _, err := io.WriteString(w, s); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestLimits(t *testing.T) {
	var whole atomic.Int32
	up := reader(t, &whole)
	const deep, json = "[[[[[]]]]]", "application/json"
	bomb := zipped(t, "gzip", strings.Repeat("\x00", 4<<20))
	nested := zipped(t, "gzip", strings.Repeat("[", 200))
	wide := utf16("[\"\u2200\"," + strings.Repeat("[", 50)) // half of the character is a quote
	for _, c := range []struct {
		name   string
		p      gateway.Limits
		r      *http.Request
		status int
		code   string
		body   string // that the upstream got
	}{
		{"body that fits", gateway.Limits{Body: 5}, posted("", strings.NewReader("12345")), 200, "", "12345"},
		{"body a byte too long", gateway.Limits{Body: 5}, posted("", strings.NewReader("123456")), 413, "", ""},
		{"chunked body that fits", gateway.Limits{Body: 5}, posted("", chunked("12345")), 200, "", "12345"},
		{"chunked body a byte too long", gateway.Limits{Body: 5}, posted("", chunked("123456")), 413, "", ""},
		{"chunked body much too long", gateway.Limits{Body: 5}, posted("", chunked(strings.Repeat("x", 1<<20))), 413, "", ""},
		{"uri that fits", gateway.Limits{URI: 5}, get("/a?b=c"[:6]), 414, "", ""},
		{"uri too long by its query", gateway.Limits{URI: 6}, get("/a?b=cd"), 414, "", ""},
		{"uri in bounds", gateway.Limits{URI: 6}, get("/a?b=c"), 200, "", ""},
		{"parameters", gateway.Limits{Query: 2}, get("/?a&b"), 200, "", ""},
		{"too many parameters", gateway.Limits{Query: 2}, get("/?a&b&c"), 400, "too_many_parameters", ""},
		{"header lines", gateway.Limits{Headers: gateway.HeaderLimits{Count: 2}}, posted("", http.NoBody, "A", "1", "A", "2"), 200, "", ""},
		{"too many header lines", gateway.Limits{Headers: gateway.HeaderLimits{Count: 2}}, posted("", http.NoBody, "A", "1", "A", "2", "A", "3"), 431, "", ""},
		{"too long headers", gateway.Limits{Headers: gateway.HeaderLimits{Bytes: 9}}, posted("", http.NoBody, "Ab", "1234"), 431, "", ""},
		{"long headers", gateway.Limits{Headers: gateway.HeaderLimits{Bytes: 10}}, posted("", http.NoBody, "Ab", "1234"), 200, "", ""},
		{"method", gateway.Limits{Methods: []string{"GET"}}, posted("", http.NoBody), 405, "", ""},
		{"HEAD by GET", gateway.Limits{Methods: []string{"GET"}}, httptest.NewRequest("HEAD", "/", nil), 200, "", ""},
		{"content type", gateway.Limits{ContentTypes: []string{json}}, posted("Application/JSON; charset=utf-8", strings.NewReader("1")), 200, "", "1"},
		{"suffix", gateway.Limits{ContentTypes: []string{"application/*+json"}}, posted("application/a+json", strings.NewReader("1")), 200, "", "1"},
		{"no content type", gateway.Limits{ContentTypes: []string{json}}, posted("", strings.NewReader("1")), 415, "", ""},
		{"no body needs none", gateway.Limits{ContentTypes: []string{json}}, posted("", http.NoBody), 200, "", ""},
		{"two content types", gateway.Limits{ContentTypes: []string{json}}, posted(json, strings.NewReader("1"), "Content-Type", "text/plain"), 415, "", ""},
		{"two in one", gateway.Limits{ContentTypes: []string{json}}, posted(json+", text/plain", strings.NewReader("1")), 415, "", ""},
		{"another content type", gateway.Limits{ContentTypes: []string{"image/*"}}, posted("imagex/png", strings.NewReader("1")), 415, "", ""},
		{"deep enough", gateway.Limits{Depth: 5}, posted(json, strings.NewReader(deep)), 200, "", deep},
		{"too deep", gateway.Limits{Depth: 4}, posted(json, strings.NewReader(deep)), 400, "json_too_deep", ""},
		{"too deep after a string", gateway.Limits{Depth: 4}, posted(json, strings.NewReader(`["\\",`+deep+`]`)), 400, "json_too_deep", ""},
		{"brackets in a string", gateway.Limits{Depth: 1}, posted(json, strings.NewReader(`["[[[\"[[[",{}`)), 400, "json_too_deep", ""},
		{"brackets only in a string", gateway.Limits{Depth: 1}, posted(json, strings.NewReader(`["[[[\"[[["]`)), 200, "", `["[[[\"[[["]`},
		{"very deep", gateway.Limits{Depth: 100}, posted("application/vnd.api+json", chunked(strings.Repeat(`{"a":`, 1<<20))), 400, "json_too_deep", ""},
		{"too deep, of a type that cannot be read", gateway.Limits{Depth: 4}, posted(json+"; charset", strings.NewReader(deep)), 400, "json_too_deep", ""},
		{"too deep, of two types", gateway.Limits{Depth: 4}, posted("text/plain", strings.NewReader(deep), "Content-Type", json), 400, "json_too_deep", ""},
		{"deep enough, in UTF-8", gateway.Limits{Depth: 5}, posted(json+`;charset="UTF-8"; a=b`, strings.NewReader(deep)), 200, "", deep},
		{"too deep, in UTF-8", gateway.Limits{Depth: 4}, posted(json+`; charset=utf-8 `, strings.NewReader(deep)), 400, "json_too_deep", ""},
		{"deep enough, in UTF-8 by another label", gateway.Limits{Depth: 5}, posted(json+"; charset=UTF8", strings.NewReader(deep)), 200, "", deep},
		{"deep enough, in UTF-8 in other quotes", gateway.Limits{Depth: 5}, posted(json+"; charset='utf-8'", strings.NewReader(deep)), 200, "", deep},
		{"deep enough, in ASCII", gateway.Limits{Depth: 5}, posted(json+`; charset="US-ASCII"`, strings.NewReader(deep)), 200, "", deep},
		{"too deep, in ASCII", gateway.Limits{Depth: 4}, posted(json+"; charset=us-ascii", strings.NewReader(deep)), 400, "json_too_deep", ""},
		{"deep by a charset whose name begins as ours", gateway.Limits{Depth: 3}, posted(json+"; charset=utf8-16", strings.NewReader(wide)), 415, "", ""},
		{"deep by another charset", gateway.Limits{Depth: 3}, posted(json+"; charset=utf-16", strings.NewReader(wide)), 415, "", ""},
		{"deep by another charset of a type that cannot be read", gateway.Limits{Depth: 3}, posted(json+"; Charset = \"UTF-16\"; ;", strings.NewReader(wide)), 415, "", ""},
		{"deep by one of two charsets", gateway.Limits{Depth: 3}, posted(json+"; charset=utf-8; charset=utf-16", strings.NewReader(wide)), 415, "", ""},
		{"deep by a charset in parts", gateway.Limits{Depth: 3}, posted(json+"; charset*0=utf-; charset*1=16", strings.NewReader(wide)), 415, "", ""},
		{"deep by a charset that nobody says", gateway.Limits{Depth: 3}, posted(json, chunked(wide)), 400, "bad_json", ""},
		{"deep by a charset that a mark says", gateway.Limits{Depth: 3}, posted(json, strings.NewReader("\xff\xfe\x22\x22")), 400, "bad_json", ""},
		{"deep by a charset inside", gateway.Limits{Depth: 3, Inflate: 1 << 20}, posted(json, strings.NewReader(zipped(t, "gzip", wide)), "Content-Encoding", "gzip"), 400, "bad_json", ""},
		{"another charset of what is not JSON", gateway.Limits{Depth: 3}, posted("text/plain; charset=utf-16", strings.NewReader(wide)), 200, "", wide},
		{"another charset that nobody looks into", gateway.Limits{Body: 1 << 20}, posted(json+"; charset=utf-16", strings.NewReader(wide)), 200, "", wide},
		{"not JSON", gateway.Limits{Depth: 1}, posted("text/plain", strings.NewReader(deep)), 200, "", deep},
		{"deep and compressed", gateway.Limits{Depth: 9}, posted(json, strings.NewReader(nested), "Content-Encoding", "gzip"), 415, "", ""},
		{"deep inside", gateway.Limits{Depth: 9, Inflate: 1 << 20}, posted(json, strings.NewReader(nested), "Content-Encoding", "gzip"), 400, "json_too_deep", ""},
		{"compressed", gateway.Limits{Compressed: "refuse"}, posted("", strings.NewReader("x"), "Content-Encoding", "gzip"), 415, "", ""},
		{"identity", gateway.Limits{Compressed: "refuse"}, posted("", strings.NewReader("x"), "Content-Encoding", "identity"), 200, "", "x"},
		{"gzip", gateway.Limits{Inflate: 5}, posted("", strings.NewReader(zipped(t, "gzip", "12345")), "Content-Encoding", "gzip"), 200, "", "12345"},
		{"two members", gateway.Limits{Inflate: 5}, posted("", strings.NewReader(zipped(t, "gzip", "123")+zipped(t, "gzip", "45")), "Content-Encoding", "x-gzip"), 200, "", "12345"},
		{"deflate", gateway.Limits{Inflate: 5}, posted("", strings.NewReader(zipped(t, "deflate", "12345")), "Content-Encoding", "Deflate"), 200, "", "12345"},
		{"a byte too much inside", gateway.Limits{Inflate: 4}, posted("", strings.NewReader(zipped(t, "gzip", "12345")), "Content-Encoding", "gzip"), 413, "inflated_too_large", ""},
		{"bomb", gateway.Limits{Inflate: 1 << 20, Body: 64 << 10}, posted("", strings.NewReader(bomb), "Content-Encoding", "gzip"), 413, "inflated_too_large", ""},
		{"large and compressed", gateway.Limits{Inflate: 8 << 20, Body: 1 << 10}, posted("", chunked(bomb), "Content-Encoding", "gzip"), 413, "", ""},
		{"twice compressed", gateway.Limits{Inflate: 5}, posted("", strings.NewReader("x"), "Content-Encoding", "gzip, gzip"), 415, "", ""},
		{"brotli", gateway.Limits{Inflate: 5}, posted("", strings.NewReader("x"), "Content-Encoding", "br"), 415, "", ""},
		{"no gzip", gateway.Limits{Inflate: 5}, posted("", strings.NewReader("plain text, no gzip"), "Content-Encoding", "gzip"), 400, "not_inflated", ""},
		{"half a gzip", gateway.Limits{Inflate: 500}, posted("", strings.NewReader(zipped(t, "gzip", "12345")[:20]), "Content-Encoding", "gzip"), 400, "not_inflated", ""},
		{"more after deflate", gateway.Limits{Inflate: 5}, posted("", strings.NewReader(zipped(t, "deflate", "12345")+"x"), "Content-Encoding", "deflate"), 400, "not_inflated", ""},
		{"in time", gateway.Limits{BodyTimeout: ms(10_000)}, posted("", chunked("12345")), 200, "", "12345"},
	} {
		for _, opts := range []Options{{}, {Buffered: true}, {Truncate: TruncateByMarker}} {
			r := c.r.Clone(t.Context())
			if c.r.Body != nil && c.r.Body != http.NoBody {
				sent, err := io.ReadAll(c.r.Body)
				if err != nil {
					t.Fatal(err)
				}
				r.Body, c.r.Body = io.NopCloser(bytes.NewReader(sent)), io.NopCloser(bytes.NewReader(sent))
			}
			before := whole.Load()
			resp := ask(limited(t, c.p, up, opts), r)
			got := body(t, resp)
			if resp.StatusCode != c.status || c.code != "" && !strings.Contains(got, `"code":"`+c.code+`"`) || c.status == 200 && got != c.body {
				t.Errorf("%s: %d %.200q, want %d %s", c.name, resp.StatusCode, got, c.status, c.code)
			}
			if c.status != 200 && whole.Load() != before {
				t.Errorf("%s: the upstream got a whole request", c.name)
			}
			if c.status == 200 && c.p.Inflate > 0 && resp.Header.Get("X-Coding") != "" {
				t.Errorf("%s: sent on as %s", c.name, resp.Header.Get("X-Coding"))
			}
		}
	}
}

// utf16 is a text in UTF-16, the first byte first.
func utf16(text string) string {
	var b []byte
	for _, c := range text {
		b = append(b, byte(c>>8), byte(c))
	}
	return string(b)
}

// What is refused while the body is read is in the audit log, and not taken for a failure of the upstream.
func TestLimitsAudit(t *testing.T) {
	var log logBuffer
	var whole atomic.Int32
	h := limited(t, gateway.Limits{Body: 5}, reader(t, &whole), Options{Logger: log.logger()})
	if resp := ask(h, posted("", chunked("123456"))); resp.StatusCode != 413 {
		t.Fatal(resp.Status)
	}
	if denied := log.lines(t, "denied"); len(denied) != 1 || denied[0]["policy"] != "small" || denied[0]["why"] != "its body is too large" {
		t.Errorf("audit log: %v", denied)
	}
	if failed := log.lines(t, "upstream failed"); len(failed) != 0 {
		t.Errorf("the upstream is blamed: %v", failed)
	}
}

// A client that sends its body slowly gets a 408 from a server, and the connection is not used again.
func TestSlowBody(t *testing.T) {
	var log logBuffer
	var whole atomic.Int32
	s := serve(t, limited(t, gateway.Limits{BodyTimeout: ms(50)}, reader(t, &whole), Options{Logger: log.logger()}))
	for _, head := range []string{"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", "Content-Length: 100\r\n\r\nabc"} {
		c, err := net.Dial("tcp", s.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if err := c.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(c, "POST /x HTTP/1.1\r\nHost: a\r\n%s", head)
		all, err := io.ReadAll(c) // ends when the gateway closes
		if err != nil {
			t.Fatalf("after %q: %v", all, err)
		}
		if !strings.HasPrefix(string(all), "HTTP/1.1 408 ") || strings.Count(string(all), "HTTP/1.1") != 1 {
			t.Errorf("answer: %q", all)
		}
	}
	if whole.Load() != 0 {
		t.Error("the upstream got a whole request")
	}
	if denied := log.lines(t, "denied"); len(denied) != 2 {
		t.Errorf("audit log: %v", denied)
	}
}

// A route's timeout ends an exchange that waits for the client, whoever reads the body: the proxy, or a policy before it.
func TestSlowBodyOfRoute(t *testing.T) {
	var log logBuffer
	var whole atomic.Int32
	to := func(path string, policies ...string) gateway.Route {
		return gateway.Route{Name: path[1:], Match: gateway.Match{Path: path}, Policies: policies, Upstream: "up", Timeout: ms(50)}
	}
	m := model(t, gateway.Spec{Upstreams: map[string]gateway.Upstream{"up": upstream(reader(t, &whole))},
		Policies: map[string]gateway.Policy{"adds": {Transform: &gateway.Transform{Request: &gateway.RequestTransform{JSON: &gateway.JSONChanges{Bytes: 1000, Remove: []string{"/a"}}}}},
			"small": {Limits: &gateway.Limits{Body: 1000, Depth: 9, BodyTimeout: gateway.Duration(time.Minute)}}},
		Routes: routes(to("/plain"), to("/held", "adds"), to("/watched", "small"))})
	s := serve(t, newHandler(t, m, Options{Logger: log.logger()}))
	for _, path := range []string{"/plain", "/held", "/watched"} {
		for _, head := range []string{"Transfer-Encoding: chunked\r\n\r\n3\r\n{  \r\n", "Content-Length: 100\r\n\r\n{  "} {
			c, err := net.Dial("tcp", s.Listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if err := c.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(c, "POST %s HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n%s", path, head)
			all, err := io.ReadAll(c) // ends when the gateway closes
			if err != nil {
				t.Fatalf("%s, after %q: %v", path, all, err)
			}
			if !strings.HasPrefix(string(all), "HTTP/1.1 408 ") || strings.Count(string(all), "HTTP/1.1") != 1 {
				t.Errorf("%s: answer: %q", path, all)
			}
		}
	}
	if whole.Load() != 0 {
		t.Error("the upstream got a whole request")
	}
	if n := len(log.lines(t, "denied")) + len(log.lines(t, "upstream failed")); n != 0 {
		t.Errorf("%d lines blame a policy or the upstream", n)
	}
}

// A body that was there in time is not the client's fault: the upstream that does not answer is.
func TestRouteTimeoutAfterTheBody(t *testing.T) {
	release := make(chan struct{})
	up := serveFunc(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.ReadAll(r.Body)
		<-release
	})
	defer close(release)
	m := model(t, gateway.Spec{Upstreams: map[string]gateway.Upstream{"up": upstream(up.URL)},
		Routes: routes(gateway.Route{Name: "all", Match: gateway.Match{Path: "/{rest...}"}, Upstream: "up", Timeout: ms(50)})})
	s := serve(t, newHandler(t, m, Options{}))
	resp, err := s.Client().Post(s.URL, "text/plain", strings.NewReader("abc"))
	if err != nil {
		t.Fatal(err)
	}
	wantProblem(t, resp, 504)
}

// The time is the body's: what comes after it takes its own, on the same connection.
func TestBodyTimeoutEndsWithTheBody(t *testing.T) {
	up := serveFunc(t, func(_ http.ResponseWriter, r *http.Request) {
		if _, err := io.ReadAll(r.Body); err == nil {
			time.Sleep(150 * time.Millisecond) // the upstream at work, past the time of the body: a deadline of a real connection, which no bubble has
		}
	})
	s := serve(t, limited(t, gateway.Limits{BodyTimeout: ms(100)}, up.URL, Options{}))
	for range 2 {
		resp, err := s.Client().Post(s.URL, "text/plain", strings.NewReader("abc"))
		if err != nil {
			t.Fatal(err)
		}
		if body(t, resp); resp.StatusCode != 200 {
			t.Errorf("status %s", resp.Status)
		}
	}
}

// On a front that cannot end a read the exchange with the upstream ends all the same.
func TestSlowBodyWithoutDeadlines(t *testing.T) {
	var whole atomic.Int32
	body, stuck := io.Pipe()
	defer stuck.Close()
	resp := ask(limited(t, gateway.Limits{BodyTimeout: ms(50)}, reader(t, &whole), Options{}), posted("", body).WithContext(patience(t)))
	wantProblem(t, resp, 408)
	if whole.Load() != 0 {
		t.Error("the upstream got a whole request")
	}
}

// A length that is declared is refused before anybody reads, and although nobody would.
func TestDeclaredLength(t *testing.T) {
	h := newHandler(t, withPolicies(t, map[string]gateway.Policy{"small": {Limits: &gateway.Limits{Body: 5}}}, "small"), Options{})
	wantProblem(t, ask(h, posted("", strings.NewReader("123456"))), 413)
}
