package conformance

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// exchange is one row: what is asked, and what must come back from every provider alike.
type exchange struct {
	name   string
	method string // "" is GET
	target string // path and query, as it goes over the wire
	header http.Header
	body   []byte
	sign   func(host string) http.Header // what a client can only add that knows which name it asks for; nil for nothing
	status int
	check  func(t *testing.T, a answer)
}

// bodiless reports whether the answer to a row has no body by RFC 9110, section 6.4.1, and is read as it came over the wire:
// Go's client gives none for such an answer whatever was sent.
func (x exchange) bodiless() bool {
	return x.method == http.MethodHead || x.status == http.StatusNoContent || x.status == http.StatusNotModified
}

// answer is what came back.
type answer struct {
	from   string // provider
	status int
	header http.Header
	body   []byte
}

// echo is what the origin says arrived there.
type echo struct {
	Method     string      `json:"method"`
	Host       string      `json:"host"`
	URI        string      `json:"uri"`
	RawQuery   string      `json:"raw_query"`
	Headers    http.Header `json:"headers"`
	BodyBytes  int64       `json:"body_bytes"`
	BodySHA256 string      `json:"body_sha256"`
	Body       string      `json:"body"`
}

func (a answer) echo(t *testing.T) echo {
	t.Helper()
	var e echo
	if err := json.Unmarshal(a.body, &e); err != nil {
		t.Fatalf("no echo: %v\n%.300s", err, a.body)
	}
	return e
}

// problem is the body of an answer that the gateway gives itself (RFC 9457).
type problem struct {
	Title  string `json:"title"`
	Status int    `json:"status"`
}

func (a answer) problem(t *testing.T, status int) {
	t.Helper()
	if got := a.header.Get("Content-Type"); got != "application/problem+json" {
		t.Errorf("Content-Type %q, want application/problem+json", got)
	}
	var p problem
	if err := json.Unmarshal(a.body, &p); err != nil || p.Status != status || p.Title == "" {
		t.Errorf("problem %.300s (%v), want status %d and a title", a.body, err, status)
	}
	if a.header.Get("X-Request-Id") == "" {
		t.Error("no X-Request-Id")
	}
	if a.header.Get("X-Polygate-Region") == "" {
		t.Error("no X-Polygate-Region")
	}
}

func sum(b []byte) string {
	h := sha256.Sum256(b)
	return hex.EncodeToString(h[:])
}

// every is all values of a byte, over and over.
func every(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i)
	}
	return b
}

// pattern is what the origin answers to /bytes/{n}, restated here from its documentation because tests see the origin only
// as clients do: byte i is i XOR i>>8 XOR i>>16, cut to eight bits, so that a piece that is missing, twice or elsewhere shows.
func pattern(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i) ^ byte(i>>8) ^ byte(i>>16)
	}
	return b
}

// merged is a repeated header as one value. The fronts of AWS and Azure join repeated request headers with "," and ", ";
// RFC 9110, section 5.2 says that this means the same.
func merged(h http.Header, name string) string {
	var parts []string
	for _, v := range h.Values(name) {
		for _, p := range strings.Split(v, ",") {
			parts = append(parts, strings.TrimSpace(p))
		}
	}
	return strings.Join(parts, ", ")
}

func equal[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s is %v, want %v", what, got, want)
	}
}

// table is the same for every provider.
var table = []exchange{
	{name: "GET", target: "/echo", status: 200, check: func(t *testing.T, a answer) {
		e := a.echo(t)
		equal(t, "method", e.Method, "GET")
		equal(t, "uri", e.URI, "/echo")
		equal(t, "content type", a.header.Get("Content-Type"), "application/json")
	}},
	{name: "query is untouched", target: "/echo?a=1+2&b=%2F&c=%26&d=%20&a=3&e=&f&g=%E2%82%AC", status: 200, check: func(t *testing.T, a answer) {
		equal(t, "query", a.echo(t).RawQuery, "a=1+2&b=%2F&c=%26&d=%20&a=3&e=&f&g=%E2%82%AC")
	}},
	{name: "path with escapes", target: "/echo/a%20b/%E2%82%AC", status: 200, check: func(t *testing.T, a answer) {
		equal(t, "uri", a.echo(t).URI, "/echo/a%20b/%E2%82%AC")
	}},
	{name: "repeated request headers", target: "/echo", header: http.Header{"X-Multi": {"one", "two"}}, status: 200, check: func(t *testing.T, a answer) {
		equal(t, "X-Multi", merged(a.echo(t).Headers, "X-Multi"), "one, two")
	}},
	{name: "header with a comma", target: "/echo", header: http.Header{"If-Modified-Since": {"Mon, 23 Nov 2026 10:00:00 GMT"}}, status: 200, check: func(t *testing.T, a answer) {
		equal(t, "If-Modified-Since", strings.Join(a.echo(t).Headers.Values("If-Modified-Since"), "|"), "Mon, 23 Nov 2026 10:00:00 GMT")
	}},
	{name: "request cookies", target: "/echo", header: http.Header{"Cookie": {"a=1; b=2"}}, status: 200, check: func(t *testing.T, a answer) {
		equal(t, "Cookie", strings.Join(a.echo(t).Headers.Values("Cookie"), "; "), "a=1; b=2")
	}},
	{name: "response cookies", target: "/cookies", status: 200, check: func(t *testing.T, a answer) {
		equal(t, "Set-Cookie", strings.Join(a.header.Values("Set-Cookie"), "\n"),
			"first=1; Path=/; Expires=Wed, 01 Jan 2098 00:00:00 GMT\nsecond=2; Path=/; HttpOnly")
	}},
	{name: "repeated response headers", target: "/headers", status: 200, check: func(t *testing.T, a answer) {
		equal(t, "X-Repeated", merged(a.header, "X-Repeated"), "one, two")
	}},
	{name: "binary response", target: "/bytes/70000", status: 200, check: func(t *testing.T, a answer) {
		equal(t, "length", len(a.body), 70000)
		equal(t, "sha256", sum(a.body), sum(pattern(70000)))
	}},
	{name: "binary request", method: "POST", target: "/echo", header: http.Header{"Content-Type": {"application/octet-stream"}}, body: every(1000), status: 200, check: func(t *testing.T, a answer) {
		e := a.echo(t)
		equal(t, "bytes", e.BodyBytes, 1000)
		equal(t, "sha256", e.BodySHA256, sum(every(1000)))
	}},
	{name: "text request", method: "PUT", target: "/echo", header: http.Header{"Content-Type": {"text/plain; charset=utf-8"}}, body: []byte("grüße\n"), status: 200, check: func(t *testing.T, a answer) {
		e := a.echo(t)
		equal(t, "method", e.Method, "PUT")
		equal(t, "body", e.Body, "grüße\n")
		equal(t, "content type", e.Headers.Get("Content-Type"), "text/plain; charset=utf-8")
	}},
	{name: "POST without a body", method: "POST", target: "/echo", status: 200, check: func(t *testing.T, a answer) {
		equal(t, "bytes", a.echo(t).BodyBytes, 0)
	}},
	{name: "a body of 4 MB", method: "POST", target: "/echo", header: http.Header{"Content-Type": {"application/octet-stream"}}, body: every(4 << 20), status: 200, check: func(t *testing.T, a answer) {
		e := a.echo(t)
		equal(t, "bytes", e.BodyBytes, 4<<20)
		equal(t, "sha256", e.BodySHA256, sum(every(4<<20)))
	}},
	{name: "a response of 4 MB", target: "/bytes/4194304", status: 200, check: func(t *testing.T, a answer) {
		equal(t, "length", len(a.body), 4<<20)
		equal(t, "sha256", sum(a.body), sum(pattern(4<<20)))
	}},
	{name: "HEAD", method: "HEAD", target: "/bytes/10", status: 200, check: head("application/octet-stream", "10")},
	{name: "HEAD of a static answer", method: "HEAD", target: "/read-only", status: 200, check: head("text/plain", "4")},
	{name: "204", target: "/status/204", status: 204, check: empty},
	{name: "304", target: "/status/304", status: 304, check: empty},
	{name: "empty body", target: "/empty", status: 200, check: empty},
	{name: "status of the upstream", target: "/status/503", status: 503},
	{name: "redirect of the upstream is passed on", target: "/status/302", status: 302, check: func(t *testing.T, a answer) {
		equal(t, "Location", a.header.Get("Location"), "/health")
	}},
	{name: "static answer", target: "/static", status: 418, check: func(t *testing.T, a answer) {
		equal(t, "body", string(a.body), "short and stout\n")
		equal(t, "X-Kind", a.header.Get("X-Kind"), "teapot")
		equal(t, "content type", a.header.Get("Content-Type"), "text/plain; charset=utf-8")
	}},
	{name: "edited headers", target: "/edited/echo", header: http.Header{"X-Removed": {"secret"}}, status: 200, check: func(t *testing.T, a answer) {
		e := a.echo(t)
		equal(t, "X-Set", e.Headers.Get("X-Set"), "by the gateway")
		equal(t, "X-Removed", e.Headers.Get("X-Removed"), "")
		equal(t, "X-Response", a.header.Get("X-Response"), "also by the gateway")
	}},
	{name: "method that the route does not take", method: "DELETE", target: "/read-only", status: 405, check: func(t *testing.T, a answer) {
		equal(t, "Allow", merged(a.header, "Allow"), "GET, HEAD")
		a.problem(t, 405)
	}},
	{name: "the root", target: "/", status: 404, check: func(t *testing.T, a answer) { a.problem(t, 404) }},
	{name: "no route", target: "/nowhere", status: 404, check: func(t *testing.T, a answer) { a.problem(t, 404) }},
	{name: "another host's route", target: "/other", status: 404, check: func(t *testing.T, a answer) { a.problem(t, 404) }},
	{name: "secrets of the stack", target: "/keyed", header: http.Header{"X-Key": {"the client's own"}}, status: 200, check: func(t *testing.T, a answer) {
		e := a.echo(t)
		equal(t, "X-Key", strings.Join(e.Headers.Values("X-Key"), "|"), "PARTNER_KEY"+firstSuffix)
		equal(t, "Authorization", strings.Join(e.Headers.Values("Authorization"), "|"), "Bearer SIGNING_KEY"+firstSuffix)
	}},
	{name: "a secret that no header carries", target: "/unusable", status: 503, check: func(t *testing.T, a answer) {
		a.problem(t, 503)
		if !strings.Contains(string(a.body), `"code":"secret_unavailable"`) || strings.Contains(string(a.body), firstSuffix) {
			t.Errorf("the problem is %s, want a code, and nothing of the value", a.body)
		}
	}},
	{name: "a dot segment", target: "/echo/%2e%2e/secret", status: 400, check: func(t *testing.T, a answer) { a.problem(t, 400) }},
	{name: "a dot segment behind an escaped slash", target: "/echo/..%2Fsecret", status: 400, check: func(t *testing.T, a answer) { a.problem(t, 400) }},
	{name: "PUT is passed on", method: "PUT", target: "/echo", status: 200, check: arrivesAs("PUT")},
	{name: "PATCH is passed on", method: "PATCH", target: "/echo", status: 200, check: arrivesAs("PATCH")},
	{name: "DELETE is passed on", method: "DELETE", target: "/echo", status: 200, check: arrivesAs("DELETE")},
	{name: "OPTIONS is passed on", method: "OPTIONS", target: "/echo", status: 200, check: arrivesAs("OPTIONS")},
	{name: "a panic in the gateway", target: "/fault/panic", status: 500, check: func(t *testing.T, a answer) { a.problem(t, 500) }},
	{name: "a panic on POST is not replayed", method: "POST", target: "/fault/panic", body: []byte("once"), status: 500, check: func(t *testing.T, a answer) { a.problem(t, 500) }},
	{name: "an upstream nobody answers for", target: "/nobody", status: 502, check: func(t *testing.T, a answer) { a.problem(t, 502) }},
	{name: "client-sent forwarding headers are not believed", target: "/echo", header: http.Header{"X-Forwarded-For": {"203.0.113.9"}, "Forwarded": {"for=203.0.113.9"}}, status: 200, check: func(t *testing.T, a answer) {
		e := a.echo(t)
		if first, _, _ := strings.Cut(e.Headers.Get("X-Forwarded-For"), ","); first != "127.0.0.1" {
			t.Errorf("X-Forwarded-For is %q, want the peer first", e.Headers.Get("X-Forwarded-For"))
		}
		if strings.Contains(e.Headers.Get("Forwarded"), "203.0.113.9") {
			t.Errorf("Forwarded is %q", e.Headers.Get("Forwarded"))
		}
		equal(t, "X-Forwarded-Proto", e.Headers.Get("X-Forwarded-Proto"), "https")
	}},
	{name: "a client cannot speak as a proxy", target: "/echo", header: http.Header{
		"X-Forwarded-User": {"root"}, "X-Original-Url": {"/admin"}, "X-Client-Ip": {"203.0.113.9"}, "Client-Ip": {"203.0.113.9"},
		"True-Client-Ip": {"203.0.113.9"}, "Cf-Connecting-Ip": {"203.0.113.9"}, "Disguised-Host": {"admin.example.com"},
	}, status: 200, check: func(t *testing.T, a answer) {
		e := a.echo(t)
		for _, name := range []string{"X-Forwarded-User", "X-Original-Url", "X-Client-Ip", "Client-Ip", "True-Client-Ip", "Cf-Connecting-Ip", "Disguised-Host"} {
			equal(t, name, e.Headers.Get(name), "")
		}
	}},
	{name: "an upgrade to another protocol is ignored", target: "/echo", header: http.Header{"Connection": {"Upgrade"}, "Upgrade": {"h2c"}}, status: 200, check: func(t *testing.T, a answer) {
		equal(t, "Upgrade", a.echo(t).Headers.Get("Upgrade"), "")
	}},
	{name: "request id is kept", target: "/echo", header: http.Header{"X-Request-Id": {"conformance-0123456789abcdef"}}, status: 200, check: func(t *testing.T, a answer) {
		equal(t, "X-Request-Id of the answer", a.header.Get("X-Request-Id"), "conformance-0123456789abcdef")
		equal(t, "X-Request-Id upstream", a.echo(t).Headers.Get("X-Request-Id"), "conformance-0123456789abcdef")
	}},
}

func empty(t *testing.T, a answer) {
	if len(a.body) != 0 {
		t.Errorf("body of %d bytes, want none", len(a.body))
	}
}

func arrivesAs(method string) func(t *testing.T, a answer) {
	return func(t *testing.T, a answer) { equal(t, "method", a.echo(t).Method, method) }
}

// head checks an answer to HEAD: the header that GET would get, and no body. API Gateway frames its answers itself, from the
// body that the function returns, and takes the function's Content-Length away: for HEAD it gives none.
func head(contentType, length string) func(t *testing.T, a answer) {
	return func(t *testing.T, a answer) {
		empty(t, a)
		equal(t, "Content-Type", a.header.Get("Content-Type"), contentType)
		want := length
		if a.from == "aws" {
			want = ""
		}
		equal(t, "Content-Length", a.header.Get("Content-Length"), want)
	}
}

func TestTable(t *testing.T) {
	env := deployed(t)
	for _, p := range env.providers() {
		t.Run(p.name, func(t *testing.T) {
			for _, x := range table {
				t.Run(x.name, func(t *testing.T) {
					ask := p.ask
					if x.bodiless() {
						ask = p.raw
					}
					a := ask(t, x.method, x.target, x.header, bytes.NewReader(x.body))
					if a.status != x.status {
						t.Fatalf("status %d, want %d\n%v\n%.300s", a.status, x.status, a.header, a.body)
					}
					if x.check != nil {
						x.check(t, a)
					}
				})
			}
		})
	}
}

// TestSharedNameAnswersEverywhere asks each region's front for the hostname that all of them share.
func TestSharedNameAnswersEverywhere(t *testing.T) {
	env := deployed(t)
	for _, p := range env.providers() {
		t.Run(p.name, func(t *testing.T) {
			p.host, p.sharedVia = env.status.Hostname, p.host
			a := p.ask(t, "GET", "/echo", nil, nil)
			if a.status != 200 {
				t.Fatalf("status %d\n%.300s", a.status, a.body)
			}
			if got := a.echo(t).Headers.Get("X-Forwarded-Host"); got != env.status.Hostname {
				t.Errorf("X-Forwarded-Host %q, want %q", got, env.status.Hostname)
			}
		})
	}
}

// TestHealth compares what each region says of itself with what was deployed.
func TestHealth(t *testing.T) {
	env := deployed(t)
	seen := map[string]bool{}
	for _, p := range env.providers() {
		t.Run(p.name, func(t *testing.T) {
			a := p.ask(t, "GET", "/health", nil, nil)
			var h struct {
				Status, Provider, Region, Release, Artefact, Model, Started string
			}
			if err := json.Unmarshal(a.body, &h); err != nil || a.status != 200 {
				t.Fatalf("status %d: %v\n%s", a.status, err, a.body)
			}
			equal(t, "status", h.Status, "ok")
			equal(t, "region", h.Region, p.region.Name)
			equal(t, "provider", h.Provider, p.region.Provider)
			equal(t, "artefact", h.Artefact, p.region.Digest)
			if h.Started == "" || !strings.HasPrefix(h.Model, "sha256:") {
				t.Errorf("health is not complete: %s", a.body)
			}
			seen[h.Release+h.Model] = true
			ready := p.ask(t, "GET", "/ready", nil, nil)
			if ready.status != 503 || !bytes.Contains(ready.body, []byte("nobody")) {
				t.Errorf("/ready answered %d %s, want 503 for the upstream that nobody answers for", ready.status, ready.body)
			}
			secrets := `"secrets":[{"name":"LONG_KEY","readable":false,"error":"its value cannot be used"},{"name":"PARTNER_KEY","readable":true},{"name":"SIGNING_KEY","readable":true}]`
			if !bytes.Contains(ready.body, []byte(secrets)) || bytes.Contains(ready.body, []byte(firstSuffix)) {
				t.Errorf("/ready answered %s, want %s and nothing of a value", ready.body, secrets)
			}
		})
	}
	if len(seen) != 1 {
		t.Errorf("the providers run %d different releases: %v", len(seen), slices.Sorted(maps.Keys(seen)))
	}
}
