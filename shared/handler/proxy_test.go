package handler

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"

	"polygate.example/shared/gateway"
)

// seen is what an upstream got.
type seen struct {
	r    *http.Request
	body []byte
}

// recording is an upstream that keeps its last request and answers 200 "ok".
func recording(t testing.TB) (*httptest.Server, chan seen) {
	ch := make(chan seen, 16)
	return serveFunc(t, func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		ch <- seen{r, b}
		io.WriteString(w, "ok")
	}), ch
}

func TestProxyRequest(t *testing.T) {
	up, ch := recording(t)
	h := newHandler(t, toAll(t, upstream(up.URL+"/base/")), Options{})
	r := httptest.NewRequest("POST", "http://api.example.com/a%2Fb/c%20d/?q=1&q=2%26+x", strings.NewReader("hello"))
	r.Header = http.Header{
		"Connection": {"close, X-Hop"}, "X-Hop": {"1"}, "Keep-Alive": {"5"}, "Te": {"trailers, deflate"}, "Proxy-Authorization": {"secret"},
		"Accept": {"a", "b"}, "Cookie": {"a=b; c=d"}, "X-Forwarded-For": {"203.0.113.66"}, "Forwarded": {"for=203.0.113.66"},
		"X-Forwarded-Proto": {"https"}, "X-Real-Ip": {"203.0.113.66"}, "X-Request-Id": {"client-id-1"},
	}
	r.RemoteAddr = "192.0.2.9:1234"
	if resp := ask(h, r); resp.StatusCode != 200 || body(t, resp) != "ok" {
		t.Fatalf("status %d", resp.StatusCode)
	}
	got := <-ch
	if got.r.RequestURI != "/base/a%2Fb/c%20d/?q=1&q=2%26+x" || got.r.Method != "POST" || string(got.body) != "hello" || got.r.Host != strings.TrimPrefix(up.URL, "http://") {
		t.Errorf("upstream got %s %s with %q for %s", got.r.Method, got.r.RequestURI, got.body, got.r.Host)
	}
	want := http.Header{
		"Accept": {"a", "b"}, "Cookie": {"a=b; c=d"}, "Content-Length": {"5"}, "Te": {"trailers"}, "X-Request-Id": {"client-id-1"},
		"X-Forwarded-For": {"192.0.2.9"}, "X-Forwarded-Host": {"api.example.com"}, "X-Forwarded-Proto": {"http"},
		"Forwarded": {"for=192.0.2.9;host=api.example.com;proto=http"},
	}
	if !reflect.DeepEqual(got.r.Header, want) {
		t.Errorf("upstream got headers\n%v\nwant\n%v", got.r.Header, want)
	}
}

func TestForwarded(t *testing.T) {
	sent := http.Header{"Forwarded": {"for=203.0.113.1"}, "X-Forwarded-For": {"203.0.113.1", "203.0.113.2"}, "X-Forwarded-Host": {"shop.example"}, "X-Forwarded-Proto": {"https"}, "X-Forwarded-Port": {"99"}, "X-Forwarded-User": {"admin"}, "X-Original-Url": {"/admin"}}
	spoofed := http.Header{"Via": {"1.1 edge"}, "X-Original-Filename": {"a.txt"}}
	for _, name := range []string{"X-Real-IP", "X-Client-IP", "X-Client-Port", "CLIENT-IP", "True-Client-IP", "X-Cluster-Client-IP", "CF-Connecting-IP",
		"CF-Connecting-IPv6", "Fastly-Client-IP", "X-Azure-ClientIP", "X-Azure-SocketIP", "X-AppEngine-User-IP", "X-Envoy-External-Address",
		"X-Original-For", "X-Original-Forwarded-For", "X-Original-Host", "X-Original-Proto", "X-Original-URL", "X-Rewrite-URL",
		"DISGUISED-HOST", "WAS-DEFAULT-HOSTNAME", "X-WAWS-Unencoded-URL", "X-AppService-Proto", "Client-Cert", "X-ARR-ClientCert", "X_SSL_Client_Cert",
		"X_Forwarded_For", "X-Forwarded_User", "x_real_ip", "X_Original_URL", "X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override", "X_HTTP_Method_Override"} {
		spoofed.Set(name, "spoofed")
	}
	for name, c := range map[string]struct {
		remote, host string
		front        Front
		sent, want   http.Header
	}{
		"IPv4":       {"192.0.2.1:5", "a.example", Front{Proto: "http"}, nil, http.Header{"Forwarded": {"for=192.0.2.1;host=a.example;proto=http"}, "X-Forwarded-For": {"192.0.2.1"}, "X-Forwarded-Host": {"a.example"}, "X-Forwarded-Proto": {"http"}}},
		"no port":    {"192.0.2.1", "a.example", Front{Proto: "https"}, nil, http.Header{"Forwarded": {"for=192.0.2.1;host=a.example;proto=https"}, "X-Forwarded-For": {"192.0.2.1"}, "X-Forwarded-Host": {"a.example"}, "X-Forwarded-Proto": {"https"}}},
		"IPv6":       {"[2001:db8::1]:5", "a.example:8080", Front{Proto: "http"}, nil, http.Header{"Forwarded": {`for="[2001:db8::1]";host="a.example:8080";proto=http`}, "X-Forwarded-For": {"2001:db8::1"}, "X-Forwarded-Host": {"a.example:8080"}, "X-Forwarded-Proto": {"http"}}},
		"mapped":     {"[::ffff:192.0.2.1]:5", "a.example", Front{Proto: "http"}, nil, http.Header{"Forwarded": {"for=192.0.2.1;host=a.example;proto=http"}, "X-Forwarded-For": {"192.0.2.1"}, "X-Forwarded-Host": {"a.example"}, "X-Forwarded-Proto": {"http"}}},
		"unknown":    {"", "a.example", Front{Proto: "http"}, nil, http.Header{"Forwarded": {"for=unknown;host=a.example;proto=http"}, "X-Forwarded-Host": {"a.example"}, "X-Forwarded-Proto": {"http"}}},
		"client's":   {"192.0.2.1:5", "a.example", Front{Proto: "http"}, sent, http.Header{"Forwarded": {"for=192.0.2.1;host=a.example;proto=http"}, "X-Forwarded-For": {"192.0.2.1"}, "X-Forwarded-Host": {"a.example"}, "X-Forwarded-Proto": {"http"}}},
		"of fronts":  {"192.0.2.1:5", "a.example", Front{Proto: "http"}, spoofed, http.Header{"Forwarded": {"for=192.0.2.1;host=a.example;proto=http"}, "X-Forwarded-For": {"192.0.2.1"}, "X-Forwarded-Host": {"a.example"}, "X-Forwarded-Proto": {"http"}, "Via": {"1.1 edge"}, "X-Original-Filename": {"a.txt"}}},
		"bad quotes": {"192.0.2.1:5", `a"b`, Front{Proto: "http"}, nil, http.Header{"Forwarded": {`for=192.0.2.1;host="a\"b";proto=http`}, "X-Forwarded-For": {"192.0.2.1"}, "X-Forwarded-Host": {`a"b`}, "X-Forwarded-Proto": {"http"}}},
	} {
		t.Run(name, func(t *testing.T) {
			in := get("/")
			in.RemoteAddr, in.Host = c.remote, c.host
			if c.sent != nil {
				in.Header = c.sent.Clone()
			}
			out := in.Header.Clone()
			setForwarded(out, in, c.front)
			if !reflect.DeepEqual(out, c.want) {
				t.Errorf("got  %v\nwant %v", out, c.want)
			}
		})
	}
}

// Whoever knows that the upstream may take another method from a header says so.
func TestMethodOverrideThatIsMeant(t *testing.T) {
	const name = "X-Http-Method-Override"
	up := &received{}
	h := newHandler(t, model(t, gateway.Spec{Upstreams: map[string]gateway.Upstream{"up": upstream("http://a.example")}, Routes: routes(
		gateway.Route{Name: "all", Match: gateway.Match{Path: "/{rest...}"}, Upstream: "up",
			Request: gateway.Edit{Headers: gateway.HeaderOps{Set: map[string]string{name: "${request.header." + name + "}"}}}},
	)}), Options{Transport: up})
	r := get("/x")
	r.Header.Set(name, "SEARCH")
	if ask(h, r); up.last.Header.Get(name) != "SEARCH" {
		t.Errorf("upstream got %v", up.last.Header)
	}
}

func TestRewriteAndHeaderOps(t *testing.T) {
	up, ch := recording(t)
	u := upstream(up.URL)
	u.PreserveHost = true
	edit := func(set map[string]string, remove ...string) gateway.Edit {
		return gateway.Edit{Headers: gateway.HeaderOps{Set: set, Remove: remove}}
	}
	h := newHandler(t, model(t, gateway.Spec{Upstreams: map[string]gateway.Upstream{"up": u}, Routes: routes(
		gateway.Route{Name: "strip", Match: gateway.Match{Path: "/api/v1/{rest...}"}, Upstream: "up", Rewrite: gateway.Rewrite{StripPrefix: "/api/v1"}},
		gateway.Route{Name: "all", Match: gateway.Match{Path: "/only"}, Upstream: "up", Rewrite: gateway.Rewrite{StripPrefix: "/only"}, Request: edit(map[string]string{"x-forwarded-port": "443"})},
		gateway.Route{Name: "path", Match: gateway.Match{Path: "/u/{user}/o/{order}/{rest...}"}, Upstream: "up", Rewrite: gateway.Rewrite{Path: "/x%20y/{order}/{rest...}"},
			Request: edit(map[string]string{"x-set": "1"}, "x-remove"), Response: edit(map[string]string{"content-type": "text/x", "x-new": "2"}, "date")},
	)}), Options{})
	for in, want := range map[string]string{
		"/api/v1/a%2Fb/c":          "/a%2Fb/c",
		"/api/v1/":                 "/",
		"/only":                    "/",
		"/u/me/o/4%2F2/deep//er/":  "/x%20y/4%2F2/deep//er/",
		"/u/me/o/42/?user=7&x=%2F": "/x%20y/42/?user=7&x=%2F",
	} {
		t.Run(in, func(t *testing.T) {
			r := get("http://api.example.com" + in)
			r.Header = http.Header{"X-Remove": {"1"}, "X-Set": {"0", "00"}, "X-Forwarded-Port": {"99"}}
			resp := ask(h, r)
			got := <-ch
			if got.r.RequestURI != want || got.r.Host != "api.example.com" {
				t.Errorf("upstream got %s for %s, want %s", got.r.RequestURI, got.r.Host, want)
			}
			if in == "/only" && got.r.Header.Get("X-Forwarded-Port") != "443" {
				t.Errorf("upstream got headers %v without the one that the document sets", got.r.Header)
			}
			if !strings.HasPrefix(in, "/u/") {
				return
			}
			if got.r.Header["X-Remove"] != nil || !reflect.DeepEqual(got.r.Header["X-Set"], []string{"1"}) {
				t.Errorf("upstream got headers %v", got.r.Header)
			}
			if resp.Header.Get("Content-Type") != "text/x" || resp.Header.Get("X-New") != "2" || resp.Header.Get("Date") != "" {
				t.Errorf("client got headers %v", resp.Header)
			}
		})
	}
}

// The same response whether or not a net/http server or an adapter writes it, held or streamed.
func TestProxyResponse(t *testing.T) {
	up := serveFunc(t, func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h["Set-Cookie"] = []string{"a=1, b", "c=2"}
		h.Set("Connection", "X-Hop")
		h.Set("X-Hop", "1")
		h.Set("X-Request-Id", "upstream's own")
		h["Date"] = nil
		switch r.URL.Path {
		case "/empty":
			h.Set("Content-Length", "0")
		case "/untyped":
			h["Content-Type"] = nil
			w.Write([]byte("<html>"))
		case "/304":
			h.Set("Etag", `"x"`)
			w.WriteHeader(304)
		case "/418":
			w.WriteHeader(418)
			w.Write([]byte{0, 255, 1})
		}
	})
	for name, opts := range map[string]Options{"abort": {}, "marker": {Truncate: TruncateByMarker}, "buffered": {Buffered: true}} {
		t.Run(name, func(t *testing.T) {
			h := newHandler(t, toAll(t, upstream(up.URL)), opts)
			for _, c := range []struct {
				method, path string
				status       int
				body         string
				header       http.Header
			}{
				{"GET", "/empty", 200, "", http.Header{"Content-Length": {"0"}}},
				{"GET", "/untyped", 200, "<html>", http.Header{"Content-Length": {"6"}, "Content-Type": {"application/octet-stream"}}},
				{"HEAD", "/untyped", 200, "", http.Header{"Content-Length": {"6"}, "Content-Type": {"application/octet-stream"}}},
				{"GET", "/304", 304, "", http.Header{"Etag": {`"x"`}}},
				{"GET", "/418", 418, "\x00\xff\x01", http.Header{"Content-Length": {"3"}, "Content-Type": {"application/octet-stream"}}},
			} {
				r := httptest.NewRequest(c.method, c.path, nil)
				r.Header.Set("X-Request-Id", "client-id-1")
				resp := ask(h, r)
				c.header["Set-Cookie"] = []string{"a=1, b", "c=2"}
				c.header["X-Request-Id"] = []string{"client-id-1"}
				if b := body(t, resp); b != c.body || resp.StatusCode != c.status || !reflect.DeepEqual(resp.Header, c.header) {
					t.Errorf("%s %s: status %d, body %q, header\n%v\nwant\n%v", c.method, c.path, resp.StatusCode, b, resp.Header, c.header)
				}
			}
		})
	}
}

func TestUpgrade(t *testing.T) {
	up := serveFunc(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") != "websocket" {
			w.WriteHeader(426)
			return
		}
		conn, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		rw.WriteString("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
		rw.Flush()
		line, _ := rw.ReadString('\n')
		rw.WriteString("echo " + line)
		rw.Flush()
	})
	m := toAll(t, upstream(up.URL))
	dial := func(t *testing.T, opts Options) (*http.Response, net.Conn, *bufio.Reader) {
		s := serve(t, newHandler(t, m, opts))
		conn, err := net.Dial("tcp", strings.TrimPrefix(s.URL, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		io.WriteString(conn, "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
		r := bufio.NewReader(conn)
		resp, err := http.ReadResponse(r, nil)
		if err != nil {
			t.Fatal(err)
		}
		return resp, conn, r
	}
	t.Run("streaming front", func(t *testing.T) {
		resp, conn, r := dial(t, Options{})
		if resp.StatusCode != 101 || resp.Header.Get("X-Request-Id") == "" {
			t.Fatalf("status %d, header %v", resp.StatusCode, resp.Header)
		}
		io.WriteString(conn, "hi\n")
		if line, err := r.ReadString('\n'); line != "echo hi\n" {
			t.Errorf("got %q, %v", line, err)
		}
	})
	for name, opts := range map[string]Options{"marker": {Truncate: TruncateByMarker}, "buffered": {Buffered: true}} {
		t.Run(name, func(t *testing.T) {
			resp, _, _ := dial(t, opts)
			wantProblem(t, resp, http.StatusNotImplemented)
		})
	}
}

// An upgrade that is not passed on is not asked for: by h2c a client would get to paths that no route has seen.
func TestOtherUpgradesAreIgnored(t *testing.T) {
	up, ch := recording(t)
	for name, opts := range map[string]Options{"abort": {}, "marker": {Truncate: TruncateByMarker}, "buffered": {Buffered: true}} {
		h := newHandler(t, toAll(t, upstream(up.URL)), opts)
		for _, protocols := range [][]string{{"h2c"}, {"websocket, h2c"}, {"websocket", "h2c"}, {""}} {
			t.Run(name+" "+strings.Join(protocols, "+"), func(t *testing.T) {
				r := get("/")
				r.Header = http.Header{"Connection": {"Upgrade, HTTP2-Settings"}, "Upgrade": protocols, "Http2-Settings": {"AAMAAABkAARAAAAAAAIAAAAA"}}
				if resp := ask(h, r); resp.StatusCode != 200 {
					t.Fatalf("status %d", resp.StatusCode)
				}
				got := (<-ch).r.Header
				for _, hop := range []string{"Upgrade", "Connection", "Http2-Settings"} {
					if got[hop] != nil {
						t.Errorf("upstream got %s: %q", hop, got[hop])
					}
				}
			})
		}
	}
}

func TestInformationalResponseKeepsRequestID(t *testing.T) {
	up := serveFunc(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Link", "</style.css>; rel=preload")
		w.WriteHeader(http.StatusEarlyHints)
		w.WriteHeader(200)
	})
	s := serve(t, newHandler(t, toAll(t, upstream(up.URL)), Options{}))
	resp, err := http.Get(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.Header.Get("X-Request-Id") == "" {
		t.Error("the answer after a 103 has no request id")
	}
}
