package main

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

var quiet = slog.New(slog.DiscardHandler)

// asHostSends is the path that the host makes of a client's: decoded but for %2F, then encoded with every "%" escaped
// (dotnet/yarp#1219). Written from the observations in doc.go, not with the code under test.
func asHostSends(t *testing.T, clientPath string) string {
	t.Helper()
	var decoded strings.Builder
	for i := 0; i < len(clientPath); i++ {
		if clientPath[i] == '%' && !strings.EqualFold(clientPath[i:min(i+3, len(clientPath))], "%2f") {
			c, err := url.PathUnescape(clientPath[i : i+3])
			if err != nil {
				t.Fatal(err)
			}
			decoded.WriteString(c)
			i += 2
			continue
		}
		decoded.WriteByte(clientPath[i])
	}
	return (&url.URL{Path: decoded.String()}).EscapedPath()
}

func TestPath(t *testing.T) {
	for _, c := range []struct {
		name, client string
		guessed      string // without the front's header
	}{
		{"plain", "/a/b", "/a/b"},
		{"empty segments", "/a//b/", "/a//b/"},
		{"escaped letter", "/%41", "/A"},
		{"escaped slash", "/a%2Fb", "/a%2Fb"},
		{"escaped slash in lower case", "/a%2fb", "/a%2fb"},
		{"escaped percent", "/100%25", "/100%25"},
		{"text that looks escaped", "/a%2541b", "/a%2541b"},
		{"space and umlaut", "/a%20%C3%BC", "/a%20%C3%BC"},
		{"slash escaped twice", "/a%252Fb", "/a%2Fb"}, // the one that is not told without the header
		{"both", "/a%2Fb%252Fc", "/a%2Fb%2Fc"},
	} {
		came := asHostSends(t, c.client)
		t.Run(c.name+"/without the front", func(t *testing.T) {
			r := httptest.NewRequest("GET", came+"?q=%2F&q=1+2", nil)
			restorePath(r)
			same(t, r, c.guessed, "q=%2F&q=1+2")
		})
		t.Run(c.name+"/behind the front", func(t *testing.T) {
			r := httptest.NewRequest("GET", came+"?q=%2F&q=1+2", nil)
			r.Header.Set(unencodedURL, c.client+"?q=%2F&q=1+2")
			restorePath(r)
			same(t, r, c.client, "q=%2F&q=1+2")
		})
	}
}

// TestPathHeaderCannotLie: the header chooses between spellings of the path that came, and cannot bring in another.
func TestPathHeaderCannotLie(t *testing.T) {
	for _, claim := range []string{"/admin", "/public/..%2Fadmin", "//evil.example/public", "/publi", "/public%2F", "public", "", "/%", "/%FFpublic", "https://x/public"} {
		t.Run(claim, func(t *testing.T) {
			r := httptest.NewRequest("GET", "/public?x=1", nil)
			r.Header.Set(unencodedURL, claim)
			restorePath(r)
			same(t, r, "/public", "x=1")
		})
	}
}

func FuzzPath(f *testing.F) {
	for _, s := range []string{"/", "/a%252Fb", "/a%2Fb", "/100%25", "/%2541", "/%252f%252F", "//"} {
		f.Add(s, s)
		f.Add(s, "")
	}
	f.Fuzz(func(t *testing.T, came, claim string) {
		u, err := url.ParseRequestURI(came)
		if err != nil || u.Host != "" || u.Scheme != "" {
			return
		}
		r := &http.Request{URL: u, Header: http.Header{unencodedURL: {claim}}}
		before := u.Path
		restorePath(r)
		// Whatever was restored, the host would have made the same of it.
		if after, ok := hostDecoded(r.URL.EscapedPath()); ok && after != before && strings.ReplaceAll(strings.ToUpper(after), "%2F", "/") != strings.ReplaceAll(strings.ToUpper(before), "%2F", "/") {
			t.Errorf("%q with the claim %q became %q: another path", came, claim, r.URL.EscapedPath())
		}
	})
}

func TestHostAndClient(t *testing.T) {
	for _, c := range []struct {
		name, host, client string
		header             http.Header
	}{
		{"under the host's local tools", "127.0.0.1:7071", "192.0.2.1:1234", http.Header{}},
		{"host kept aside", "api.example.com", "198.51.100.9:0", http.Header{
			"X-Forwarded-Host": {"api.example.com"}, "X-Forwarded-For": {"198.51.100.9"}}},
		{"behind the front", "api.example.com", "203.0.113.7:61002", http.Header{
			"X-Forwarded-Host": {"api.example.com"}, "X-Forwarded-For": {"169.254.130.1"}, "X-Client-Ip": {"203.0.113.7"}, "X-Client-Port": {"61002"}}},
		{"front without port", "127.0.0.1:7071", "[2001:db8::1]:0", http.Header{"X-Client-Ip": {"2001:db8::1"}}},
		{"two records are no record", "127.0.0.1:7071", "203.0.113.7:0", http.Header{
			"X-Client-Ip": {"198.51.100.9", "203.0.113.7"}, "X-Forwarded-For": {"198.51.100.9, 203.0.113.7"}}},
		{"with a port in the list", "127.0.0.1:7071", "203.0.113.7:46066", http.Header{"X-Forwarded-For": {"203.0.113.7:46066"}}},
		{"no address", "127.0.0.1:7071", "192.0.2.1:1234", http.Header{"X-Forwarded-For": {"unknown"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := httptest.NewRequest("GET", "/", nil)
			r.Host, r.Header = "127.0.0.1:7071", c.header
			behindHost(http.HandlerFunc(func(_ http.ResponseWriter, got *http.Request) {
				if got.Host != c.host || got.RemoteAddr != c.client {
					t.Errorf("host %q and client %q, want %q and %q", got.Host, got.RemoteAddr, c.host, c.client)
				}
			}), quiet, false).ServeHTTP(httptest.NewRecorder(), r)
		})
	}
}

// TestEveryPanicIsAnswered, over a real connection: the host would send the request again if it were cut.
func TestEveryPanicIsAnswered(t *testing.T) {
	for _, c := range []struct {
		name   string
		h      http.HandlerFunc
		status int
		body   string
	}{
		{"panic", func(http.ResponseWriter, *http.Request) { panic("secret") }, 500, "The gateway failed"},
		{"abort", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, 500, "The gateway failed"},
		{"headers prepared", func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Content-Length", "9"); panic("secret") }, 500, "The gateway failed"},
		{"answer begun", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "half"); panic("secret") }, 200, "half"},
		{"answer flushed", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(201)
			http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		}, 201, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			calls := 0
			s := httptest.NewServer(behindHost(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { calls++; c.h(w, r) }), quiet, false))
			defer s.Close()
			res, err := http.Post(s.URL, "text/plain", strings.NewReader("x"))
			if err != nil {
				t.Fatalf("the connection was cut: %v", err)
			}
			defer res.Body.Close()
			body, err := io.ReadAll(res.Body)
			if err != nil {
				t.Fatalf("the answer was cut: %v", err)
			}
			if c.status < 500 && string(body) != c.body {
				t.Errorf("to an answer that had begun was added: %q, want %q", body, c.body)
			}
			if res.StatusCode != c.status || !strings.Contains(string(body), c.body) || strings.Contains(string(body), "secret") || calls != 1 {
				t.Errorf("answered %d %q after %d calls, want %d with %q after one", res.StatusCode, body, calls, c.status, c.body)
			}
		})
	}
}

func same(t *testing.T, r *http.Request, path, query string) {
	t.Helper()
	if got := r.URL.EscapedPath(); got != path {
		t.Errorf("the path is %s, want %s", got, path)
	}
	if r.URL.RawQuery != query {
		t.Errorf("the query is %s, want %s", r.URL.RawQuery, query)
	}
	if want := path + "?" + query; r.RequestURI != want {
		t.Errorf("the target is %s, want %s", r.RequestURI, want)
	}
}
