package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
)

// answer is what a front reads out of a response event, whichever it is.
type answer struct {
	StatusCode        int
	StatusDescription string
	Headers           map[string]string
	MultiValueHeaders map[string][]string
	Cookies           []string
	Body              string
	IsBase64Encoded   bool
}

// header is all values of a header as a client would get them.
func (a answer) header(name string) []string {
	var out []string
	if name == "Set-Cookie" {
		out = append(out, a.Cookies...)
	}
	for _, k := range slices.Sorted(func(yield func(string) bool) {
		for k := range a.Headers {
			if !yield(k) {
				return
			}
		}
	}) {
		if strings.EqualFold(k, name) {
			out = append(out, a.Headers[k])
		}
	}
	for k, v := range a.MultiValueHeaders {
		if strings.EqualFold(k, name) {
			out = append(out, v...)
		}
	}
	slices.Sort(out)
	return out
}

// bytes is the body as a client would get it.
func (a answer) bytes(t testing.TB) []byte {
	t.Helper()
	if !a.IsBase64Encoded {
		return []byte(a.Body)
	}
	b, err := base64.StdEncoding.DecodeString(a.Body)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// invoke lets a handler answer an event.
func invoke(t testing.TB, payload []byte, h http.HandlerFunc) answer {
	t.Helper()
	out, err := (&adapter{next: h, log: quiet}).Invoke(t.Context(), payload)
	if err != nil {
		t.Fatal(err)
	}
	var a answer
	if err := json.Unmarshal(out, &a); err != nil {
		t.Fatalf("the response is not JSON: %v", err)
	}
	return a
}

var binary = []byte{0x00, 0xff, 0x80, 0x0a, 0xfe}

// TestSameResponseAsPlainHTTP lets each handler answer behind each front and behind net/http, and wants the same of both.
func TestSameResponseAsPlainHTTP(t *testing.T) {
	cases := []struct {
		name string
		h    http.HandlerFunc
	}{
		{"writes nothing", func(http.ResponseWriter, *http.Request) {}},
		{"status only", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) }},
		{"text", func(w http.ResponseWriter, _ *http.Request) { write(w, "hello") }},
		{"sniffed HTML", func(w http.ResponseWriter, _ *http.Request) { write(w, "<!DOCTYPE html><p>a & b") }},
		{"sniffed over two writes", func(w http.ResponseWriter, _ *http.Request) { write(w, "plain"); write(w, "<html>") }},
		{"no type wanted", func(w http.ResponseWriter, _ *http.Request) { w.Header()["Content-Type"] = nil; write(w, "x") }},
		{"own type", func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Content-Type", "a/b"); write(w, "x") }},
		{"binary", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "image/png")
			write(w, string(binary))
		}},
		{"compressed", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "br")
			write(w, "only looks like text")
		}},
		{"separators of JSON and lines", func(w http.ResponseWriter, _ *http.Request) { write(w, "a\u2028b\u0000c\"\\<&>") }},
		{"cookies", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Add("Set-Cookie", "a=1; Expires=Wed, 21 Oct 2026 07:28:00 GMT")
			w.Header().Add("Set-Cookie", "b=2")
			w.Header().Add("Set-Cookie", "c=3")
		}},
		{"no content", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204); write(w, "dropped") }},
		{"not modified", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Etag", `"x"`)
			w.WriteHeader(304)
			write(w, "dropped")
		}},
		{"first status counts", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(201); w.WriteHeader(500) }},
		{"informational first", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(103); w.WriteHeader(201) }},
		{"headers after the status", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(200); w.Header().Set("Late", "1") }},
		{"headers after a flush", func(w http.ResponseWriter, _ *http.Request) {
			flush(w)
			w.Header().Set("Late", "1")
			write(w, "x")
		}},
		{"line break in a header", func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X-Text", "a\r\nInjected: 1") }},
		{"invalid header name", func(w http.ResponseWriter, _ *http.Request) { w.Header()["No Name"] = []string{"x"} }},
		{"declared length", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "2")
			write(w, "ok")
			write(w, "too much")
		}},
	}
	for _, front := range fronts {
		for _, method := range []string{http.MethodGet, http.MethodHead} {
			payload := withMethod(t, fixture(t, front), method)
			for _, c := range cases {
				t.Run(front+"/"+method+"/"+c.name, func(t *testing.T) {
					got, want := invoke(t, payload, c.h), plain(t, method, c.h)
					same(t, "status", got.StatusCode, want.StatusCode)
					same(t, "body", string(got.bytes(t)), want.Body)
					for name := range want.MultiValueHeaders {
						if name == "Date" || name == "Content-Length" {
							continue // the front's own
						}
						w := want.header(name)
						slices.Sort(w)
						same(t, name, got.header(name), w)
					}
					for _, name := range []string{"Late", "Injected", "No Name"} {
						same(t, name, got.header(name), []string(nil))
					}
				})
			}
		}
	}
}

// TestRepeatedHeaders: as they are where the front takes several values, else joined.
func TestRepeatedHeaders(t *testing.T) {
	for front, want := range map[string][]string{
		"rest": {"no-cache", "no-store"}, "alb-multi": {"no-cache", "no-store"},
		"http-api": {"no-cache, no-store"}, "function-url": {"no-cache, no-store"}, "alb-single": {"no-cache, no-store"},
	} {
		t.Run(front, func(t *testing.T) {
			a := invoke(t, fixture(t, front), func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Add("Cache-Control", "no-cache")
				w.Header().Add("Cache-Control", "no-store")
				w.Header().Set("Connection", "close")
				w.Header().Set("Trailer", "Late")
			})
			same(t, "Cache-Control", a.header("Cache-Control"), want)
			same(t, "Connection", a.header("Connection"), []string(nil))
			same(t, "Trailer", a.header("Trailer"), []string(nil))
		})
	}
}

// TestNoContentHasNoLength: a 204 must not have a Content-Length (RFC 9110, 8.6), which net/http would have passed on.
func TestNoContentHasNoLength(t *testing.T) {
	for _, front := range fronts {
		t.Run(front, func(t *testing.T) {
			a := invoke(t, fixture(t, front), func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Length", "0")
				w.WriteHeader(http.StatusNoContent)
			})
			same(t, "status", a.StatusCode, http.StatusNoContent)
			same(t, "Content-Length", a.header("Content-Length"), []string(nil))
		})
	}
}

// TestLoadBalancerModes: a target group reads only the field of its own mode, and the description has the number in it.
func TestLoadBalancerModes(t *testing.T) {
	h := func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X-A", "1"); w.WriteHeader(404) }
	single := invoke(t, fixture(t, "alb-single"), h)
	if single.Headers["X-A"] != "1" || single.MultiValueHeaders != nil {
		t.Errorf("single-value mode answered %+v", single)
	}
	multi := invoke(t, fixture(t, "alb-multi"), h)
	if len(multi.MultiValueHeaders["X-A"]) != 1 || multi.Headers != nil {
		t.Errorf("multi-value mode answered %+v", multi)
	}
	same(t, "description", single.StatusDescription, "404 Not Found")
}

func TestSpelling(t *testing.T) {
	seen := map[string]bool{}
	for i := range 512 {
		s := spelling("set-cookie", i)
		if !strings.EqualFold(s, "set-cookie") || seen[s] {
			t.Fatalf("spelling %d is %q: another name, or used before", i, s)
		}
		seen[s] = true
	}
}

// TestTooLarge: a response no front can take is said to be one, with the limit, and memory stays bounded.
func TestTooLarge(t *testing.T) {
	for _, c := range []struct {
		name, front string
		body        []byte
		want        int
	}{
		{"4 MB of binary fit", "http-api", bytes.Repeat(binary, 4<<20/len(binary)), 200},
		{"5 MB of binary do not fit as base64", "http-api", bytes.Repeat(binary, 5<<20/len(binary)), 502},
		{"5 MB of text fit", "http-api", bytes.Repeat([]byte("<&>x"), 5<<20/4), 200},
		{"7 MB of text", "rest", bytes.Repeat([]byte("text"), 7<<20/4), 502},
		{"2 MB through a load balancer", "alb-multi", bytes.Repeat([]byte("text"), 2<<20/4), 502},
	} {
		t.Run(c.name, func(t *testing.T) {
			var last error
			a := invoke(t, withMethod(t, fixture(t, c.front), "GET"), func(w http.ResponseWriter, _ *http.Request) {
				for part := range slices.Chunk(c.body, 64<<10) {
					if _, last = w.Write(part); last != nil {
						return
					}
				}
			})
			same(t, "status", a.StatusCode, c.want)
			if c.want == 200 {
				if !bytes.Equal(a.bytes(t), c.body) {
					t.Error("the body did not survive")
				}
				return
			}
			if !strings.Contains(a.Body, "bytes") || !strings.Contains(a.Body, "front takes") && !strings.Contains(a.Body, "it takes at most") {
				t.Errorf("the problem does not name the limit: %s", a.Body)
			}
		})
	}
}

// TestFailures: whatever the handler does, there is an answer, and the next invocation works.
func TestFailures(t *testing.T) {
	for _, c := range []struct {
		name   string
		h      http.HandlerFunc
		status int
		detail string
	}{
		{"panic", func(http.ResponseWriter, *http.Request) { panic("secret") }, 500, "the gateway failed"},
		{"panic after half an answer", func(w http.ResponseWriter, _ *http.Request) { write(w, "half"); panic("secret") }, 500, "the gateway failed"},
		{"aborted", func(w http.ResponseWriter, _ *http.Request) { write(w, "half"); panic(http.ErrAbortHandler) }, 502, "ended early"},
		{"shorter than declared", func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Content-Length", "9"); write(w, "half") }, 502, "4 of 9 bytes"},
		{"status out of range", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(42) }, 502, "status 42"},
		{"upgrade", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusSwitchingProtocols) }, 502, "status 101"},
	} {
		for _, front := range fronts {
			t.Run(c.name+"/"+front, func(t *testing.T) {
				a := invoke(t, fixture(t, front), c.h)
				same(t, "status", a.StatusCode, c.status)
				if !strings.Contains(a.Body, c.detail) || strings.Contains(a.Body, "secret") {
					t.Errorf("the body is %q, want it to say %q and nothing of the panic", a.Body, c.detail)
				}
				same(t, "type", a.header("Content-Type"), []string{"application/problem+json"})
			})
		}
	}
}

// plain is the handler's answer over a real HTTP server.
func plain(t testing.TB, method string, h http.HandlerFunc) answer {
	t.Helper()
	s := httptest.NewServer(h)
	defer s.Close()
	req, err := http.NewRequestWithContext(t.Context(), method, s.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := (&http.Transport{DisableCompression: true, DisableKeepAlives: true}).RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var body bytes.Buffer
	if _, err := body.ReadFrom(res.Body); err != nil {
		t.Fatal(err)
	}
	return answer{StatusCode: res.StatusCode, MultiValueHeaders: res.Header, Body: body.String()}
}

// withMethod is an event with another method.
func withMethod(t testing.TB, payload []byte, method string) []byte {
	t.Helper()
	var e map[string]any
	if err := json.Unmarshal(payload, &e); err != nil {
		t.Fatal(err)
	}
	if _, ok := e["httpMethod"]; ok {
		e["httpMethod"] = method
	}
	if c, ok := e["requestContext"].(map[string]any)["http"].(map[string]any); ok {
		c["method"] = method
	}
	b, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// write writes as handlers do that do not look at the error.
func write(w http.ResponseWriter, s string) { _, _ = w.Write([]byte(s)) }

// flush flushes as httputil.ReverseProxy does.
func flush(w http.ResponseWriter) { _ = http.NewResponseController(w).Flush() }
