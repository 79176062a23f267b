package handler

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"polygate.example/shared/gateway"
)

// mirrored is what an upstream got, as it says itself.
type mirrored struct {
	Method, URL, Body string
	Length            int64
	Header            http.Header
}

// mirror is an upstream that answers with what it got. The answer's status, headers and body can be asked for by X-Status, X-Set and X-Body.
func mirror(t testing.TB) string {
	return serveFunc(t, func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		for _, line := range r.Header["X-Set"] {
			name, value, _ := strings.Cut(line, ":")
			w.Header().Set(name, value)
		}
		status := 200
		if s := r.Header.Get("X-Status"); s != "" {
			fmt.Sscan(s, &status)
		}
		answer, err := json.Marshal(mirrored{r.Method, r.RequestURI, string(b), r.ContentLength, r.Header})
		if err != nil {
			panic(err)
		}
		if s := r.Header.Get("X-Body"); s != "" {
			answer = []byte(s)
		}
		w.WriteHeader(status)
		if r.Header.Get("X-Chunked") != "" {
			http.NewResponseController(w).Flush() // and no length is declared
		}
		w.Write(answer)
	}).URL
}

// transforming is a gateway with the policy before an upstream, on a route with parameters.
func transforming(t testing.TB, p gateway.Transform, up string, opts Options) http.Handler {
	t.Helper()
	return newHandler(t, model(t, gateway.Spec{Policies: map[string]gateway.Policy{"adapt": {Transform: &p}}, Upstreams: map[string]gateway.Upstream{"up": upstream(up)},
		Routes: routes(gateway.Route{Name: "all", Match: gateway.Match{Path: "/a/{id}/{rest...}"}, Policies: []string{"adapt"}, Upstream: "up"})}), opts)
}

// got asks and returns what the upstream saw.
func got(t testing.TB, h http.Handler, r *http.Request) mirrored {
	t.Helper()
	resp := ask(h, r)
	b := body(t, resp)
	var s mirrored
	if err := json.Unmarshal([]byte(b), &s); err != nil || resp.StatusCode != 200 {
		t.Fatalf("%s %.300s", resp.Status, b)
	}
	return s
}

func request(q gateway.RequestTransform) gateway.Transform { return gateway.Transform{Request: &q} }

func TestTransformRequest(t *testing.T) {
	up := mirror(t)
	h := transforming(t, request(gateway.RequestTransform{
		Headers: gateway.Changes{Remove: []string{"X-Gone"}, Rename: map[string]string{"X-One": "X-Two", "X-Two": "X-One"}, Add: map[string]string{"X-List": "b"}, Set: map[string]string{
			"X-All":  "${request.method} ${request.path} ${request.host} ${request.id} ${request.header.x-in} ${request.query.q} ${request.path.id} ${request.path.rest} ${client.ip} ${region}",
			"X-User": "${request.header.X-Absent}", "X-Plain": "$${x}", "X-Name": "${request.query.name}"}},
		Query:   gateway.Changes{Remove: []string{"gone"}, Rename: map[string]string{"old": "new name"}, Set: map[string]string{"id": "${request.path.id}&x=y"}, Add: map[string]string{"q": "2"}},
		Cookies: gateway.Changes{Remove: []string{"tracking"}, Set: map[string]string{"who": "${request.query.name}", "old": "${request.header.X-Absent}"}},
	}), up, Options{Instance: instance})
	r := httptest.NewRequest("PUT", "/a/x%20y/b/c%20d?q=1&gone=1&old=a%20b&new+name=z&name=Jos%C3%A9%3B+path=/&id=9", nil)
	r.RemoteAddr = "192.0.2.7:1"
	for name, value := range map[string]string{"X-In": "in", "X-Gone": "1", "X-One": "1", "X-Two": "2", "X-List": "a", "X-User": "admin", "X_User": "admin", "X_gone": "1", "X-Request-Id": "request-1",
		"Cookie": "a=1; tracking=x;old=1; who=admin", "Connection": "X-All, X-Plain"} {
		r.Header.Set(name, value)
	}
	s := got(t, h, r)
	for name, want := range map[string]string{
		"X-All": "PUT /a/x%20y/b/c%20d example.com request-1 in 1 x y b/c d 192.0.2.7 aws/us-east-1", "X-User": "", "X_user": "", "X_gone": "", "X-Plain": "${x}", "X-Gone": "", "X-One": "2", "X-Two": "1",
		"X-List": "a, b", "X-Name": "Jos%C3%A9; path=/", "Cookie": "a=1; who=Jos%C3%A9%3B%20path=%2F",
	} {
		if v := strings.Join(s.Header[name], ", "); v != want {
			t.Errorf("%s is %q, want %q", name, v, want)
		}
	}
	if want := "/a/x%20y/b/c%20d?q=1&name=Jos%C3%A9%3B+path=/&new+name=a%20b&id=x+y%26x%3Dy&q=2"; s.URL != want {
		t.Errorf("url is %s, want %s", s.URL, want)
	}
}

// What comes from a request never ends a header or begins another.
func TestTransformInjection(t *testing.T) {
	up := mirror(t)
	p := request(gateway.RequestTransform{Headers: gateway.Changes{Set: map[string]string{"X-A": "a ${request.query.q}"}}})
	q := gateway.Transform{Response: []gateway.ResponseTransform{{Headers: gateway.Changes{Set: map[string]string{"Location": "/to/${request.path.rest}"}}}}}
	for _, evil := range []string{"%0d%0aX-Admin:%20yes", "%0a", "%00", "%7f", "a%0D", "%09", strings.Repeat("x", 5000)} {
		for name, c := range map[string]struct {
			p    gateway.Transform
			path string
		}{"request": {p, "/a/b/?q=" + evil}, "answer": {q, "/a/b/" + evil}} {
			resp := ask(transforming(t, c.p, up, Options{}), get(c.path))
			if b := body(t, resp); resp.StatusCode != 400 || !strings.Contains(b, `"code":"bad_value"`) {
				t.Errorf("%s %.40q: %s %.200s", name, evil, resp.Status, b)
			}
		}
	}
	resp := ask(transforming(t, q, up, Options{}), get("/a/b/%2Fevil.example"))
	if got := resp.Header.Get("Location"); got != "/to//evil.example" {
		t.Errorf("location %q", got)
	}
}

func TestTransformPath(t *testing.T) {
	up := mirror(t)
	for _, c := range []struct{ pattern, replace, path, want string }{
		{"/a/(.*)/", "/b/$1", "/a/x%20y/", "/b/x%20y"},
		{"/a/([^/]*)/(?P<rest>.*)", "/${rest}/${1}s", "/a/x/y", "/y/xs"},
		{"/a/x", "/b", "/a/x/y", "/a/x/y"}, // not the whole path
		{"/a/.(.*)/", "/b/$$1", "/a/x/", "/b/$1"},
		{"/a/(.*)/(.*)", "/$1$2", "/a/./x", ""},         // as it came, which is refused before
		{"/a/([^/]*)/([^/]*)", "/b/.$1", "/a/./", ""},   //
		{"/a/x([^/]*)/(.*)", "/b/.$1/c", "/a/x./c", ""}, // two dots
		{"/a/x(.*)/(.*)", "/b/$1.;/c", "/a/x./c", ""},   // for Java
		{"/a/x(.*)/(.*)", "/b/%2$1", "/a/xe%2E/", ""},   // two dots in an escape that came about
		{"/a/x(.*)/(.*)", "/b/%2$1", "/a/xf/", ""},      // a slash in an escape that came about
		{"/a/(.*)/(.*)", "/b/$1", "/a/x%2Fy/", ""},      // an encoded slash
		{"/a/(.*)/(.*)", "/b/$1", "/a/x%5cy/", ""},      // and one for Windows
		{"/a/x(.*)/(.*)", "/$1/y", "/a/x/y", ""},        // a host at the beginning
		{"/a/(.)[^/]*/(.*)", "/b/$1", "/a/%20/", ""},    // half an escape
		{"/a/((a+)+)+/", "/b", "/a/" + strings.Repeat("a", 7000) + "!/", "/a/" + strings.Repeat("a", 7000) + "!/"},
	} {
		h := transforming(t, request(gateway.RequestTransform{Path: &gateway.PathRewrite{Pattern: c.pattern, Replace: c.replace}}), up, Options{})
		if c.want != "" {
			if s := got(t, h, get(c.path)); s.URL != c.want {
				t.Errorf("%s of %s: %.100s, want %.100s", c.pattern, c.path, s.URL, c.want)
			}
		} else if resp := ask(h, get(c.path)); resp.StatusCode != 400 {
			t.Errorf("%s of %s: %s %.300s", c.pattern, c.path, resp.Status, body(t, resp))
		}
	}
	h := transforming(t, request(gateway.RequestTransform{Path: &gateway.PathRewrite{Pattern: "(.*)*", Replace: "/b"}}), up, Options{})
	if resp := ask(h, get("/a/b/"+strings.Repeat("x", maxRewritten))); resp.StatusCode != 414 {
		t.Errorf("a path that is too long: %s", resp.Status)
	}
}

func TestTransformJSON(t *testing.T) {
	var c jsonChanges
	for _, one := range []struct{ doc, remove, from, to, set, value, want string }{
		{`{"a":1,"b":2}`, "/a", "", "", "", "", `{"b":2}`},
		{`{"a":{"b":[1,2,3]}}`, "/a/b/1", "", "", "", "", `{"a":{"b":[1,3]}}`},
		{`{"a":1}`, "/b/c", "", "", "", "", `{"a":1}`},
		{`[1,2]`, "/01", "", "", "", "", `[1,2]`}, // RFC 6901, 4: no zeros at the beginning
		{`{"a/b":1,"m~n":2}`, "/a~1b", "/m~0n", "/c", "", "", `{"c":2}`},
		{`{"a":1,"b":2}`, "", "/a", "/b", "", "", `{"b":1}`},
		{`{"a":1}`, "", "/b", "/c", "", "", `{"a":1}`},
		{`{"a":1}`, "", "/a", "/b/c", "", "", `{"b":{"c":1}}`},
		{`{}`, "", "", "", "/a/b/c", `"<x>"`, `{"a":{"b":{"c":"<x>"}}}`},
		{`{"a":[1]}`, "", "", "", "/a/-", `null`, `{"a":[1,null]}`},
		{`{"a":[1]}`, "", "", "", "/a/0", `2`, `{"a":[2]}`},
		{`{"a":[1]}`, "", "", "", "/a/1", `2`, `shape`},
		{`{"a":5}`, "", "", "", "/a/b", `2`, `shape`},
		{`{}`, "", "", "", "/a/-", `2`, `{"a":[2]}`},
		{`{}`, "", "", "", "/a/b/-", `2`, `{"a":{"b":[2]}}`},
		{`[]`, "", "", "", "/-", `2`, `[2]`},
		{`{"a":null}`, "", "", "", "/a/-", `2`, `shape`},
		{`{"a":{}}`, "", "", "", "/a/-", `2`, `shape`}, // an object has no place after its last one
		{`{}`, "", "", "", "/-", `2`, `shape`},
		{`{}`, "", "", "", "/a/0", `2`, `shape`}, // the item of a list, or a member of that name?
		{`{}`, "", "", "", "/a/0/b", `2`, `shape`},
		{`{}`, "", "", "", "/a/12", `2`, `shape`},
		{`{"a":{}}`, "", "", "", "/a/12", `2`, `{"a":{"12":2}}`},
		{`{}`, "", "", "", "/12", `2`, `{"12":2}`},
		{`{}`, "", "", "", "/a/012", `2`, `{"a":{"012":2}}`},
		{`{"a":1}`, "", "/a", "/b/-", "", "", `{"b":[1]}`},
		{`{"a":1,"b":[0]}`, "", "/a", "/b/-", "", "", `{"b":[0,1]}`},
		{`[]`, "", "", "", "/a", `2`, `shape`},
		{`{"n":123456789012345678901234567890.10e5,"a":1}`, "/a", "", "", "", "", `{"n":123456789012345678901234567890.10e5}`},
		{`{"isAdmin":false,"isAdmin":true}`, "/isAdmin", "", "", "", "", `{}`},
		{`{"a":1} {"a":2}`, "/a", "", "", "", "", `json`},
		{`{"a":1`, "/a", "", "", "", "", `json`},
		{strings.Repeat("[", 20_000), "/a", "", "", "", "", `json`},
	} {
		changed := &gateway.JSONChanges{}
		if one.remove != "" {
			changed.Remove = []string{one.remove}
		}
		if one.from != "" {
			changed.Rename = map[string]string{one.from: one.to}
		}
		if one.set != "" {
			changed.Set = map[string]json.RawMessage{one.set: json.RawMessage(one.value)}
		}
		edit, err := compileJSON(changed)
		if err != nil {
			t.Fatal(err)
		}
		c = *edit
		b, err := c.apply([]byte(one.doc))
		switch {
		case err == nil:
			if string(b) != one.want {
				t.Errorf("%.60s: %s, want %s", one.doc, b, one.want)
			}
		case errors.Is(err, errShape):
			if one.want != "shape" {
				t.Errorf("%.60s: %v", one.doc, err)
			}
		default:
			if one.want != "json" {
				t.Errorf("%.60s: %v", one.doc, err)
			}
		}
	}
}

func TestTransformRequestBody(t *testing.T) {
	up := mirror(t)
	p := request(gateway.RequestTransform{JSON: &gateway.JSONChanges{Bytes: 64, Remove: []string{"/isAdmin"}, Set: map[string]json.RawMessage{"/by": json.RawMessage(`"${request.query.q}"`)}}})
	const typ = "application/json"
	for _, c := range []struct {
		name, contentType string
		body              io.Reader
		status            int
		code, want        string
		headers           []string
	}{
		{"changed", typ, strings.NewReader(`{"isAdmin":true,"n":1.0}`), 200, "", "{\"by\":\"a\\\"\\n\",\"n\":1.0}", []string{"Content-MD5", "x", "Digest", "y"}},
		{"chunked", "application/merge-patch+json", chunked(`{"isAdmin":true}`), 200, "", "{\"by\":\"a\\\"\\n\"}", nil},
		{"a type that cannot be read", typ + "; charset", strings.NewReader(`{"isAdmin":true}`), 200, "", "{\"by\":\"a\\\"\\n\"}", nil},
		{"a parameter twice", typ + ";a=b;a=c", strings.NewReader(`{"isAdmin":true}`), 200, "", "{\"by\":\"a\\\"\\n\"}", nil},
		{"two types", "text/plain", strings.NewReader(`{"isAdmin":true}`), 200, "", "{\"by\":\"a\\\"\\n\"}", []string{"Content-Type", typ}},
		{"two types in one", "text/plain, APPLICATION/json", strings.NewReader(`{"isAdmin":true}`), 200, "", "{\"by\":\"a\\\"\\n\"}", nil},
		{"another type", "text/plain", strings.NewReader(`{"isAdmin":true}`), 200, "", `{"isAdmin":true}`, nil},
		{"no body", typ, http.NoBody, 200, "", "", nil},
		{"too large", typ, strings.NewReader(`["` + strings.Repeat("x", 70) + `"]`), 413, "", "", nil},
		{"too large, chunked", typ, chunked(`["` + strings.Repeat("x", 70) + `"]`), 413, "", "", nil},
		{"compressed", typ, strings.NewReader("x"), 415, "", "", []string{"Content-Encoding", "gzip"}},
		{"no JSON", typ, strings.NewReader("x"), 400, "bad_json", "", nil},
		{"no place", typ, strings.NewReader("[]"), 400, "bad_shape", "", nil},
	} {
		r := posted(c.contentType, c.body, c.headers...)
		r.URL.Path, r.URL.RawQuery = "/a/b/", "q=a%22%0a"
		resp := ask(transforming(t, p, up, Options{}), r)
		b := body(t, resp)
		var s mirrored
		if resp.StatusCode == 200 {
			if err := json.Unmarshal([]byte(b), &s); err != nil {
				t.Fatal(err)
			}
			if s.Length != int64(len(c.want)) || s.Header.Get("Content-Md5")+s.Header.Get("Digest") != "" {
				t.Errorf("%s: length %d, %v", c.name, s.Length, s.Header)
			}
		}
		if resp.StatusCode != c.status || s.Body != c.want || c.code != "" && !strings.Contains(b, `"code":"`+c.code+`"`) {
			t.Errorf("%s: %s %s", c.name, resp.Status, b)
		}
	}
}

func TestTransformAnswer(t *testing.T) {
	up := mirror(t)
	p := gateway.Transform{Response: []gateway.ResponseTransform{
		{Status: []string{"200", "4xx"}, Headers: gateway.Changes{Set: map[string]string{"X-By": "${request.path.id}"}, Remove: []string{"X-Upstream"}},
			JSON: &gateway.JSONChanges{Bytes: 100, Remove: []string{"/secret"}, Set: map[string]json.RawMessage{"/a/b": json.RawMessage("1")}}},
		{Status: []string{"404"}, JSON: &gateway.JSONChanges{Set: map[string]json.RawMessage{"/missing": json.RawMessage("true")}}},
	}}
	const typ = "Content-Type:application/json"
	for _, c := range []struct {
		name, method, status, body string
		set                        []string
		want                       int
		text                       string
	}{
		{"changed", "GET", "200", `{"secret":1,"n":1.0}`, []string{typ, `ETag:"x"`, "X-Upstream:1", "Accept-Ranges:bytes"}, 200, `{"a":{"b":1},"n":1.0}`},
		{"what has no place", "GET", "200", `{"secret":1,"a":2}`, []string{typ}, 200, `{"a":2}`},
		{"both", "GET", "404", `{"secret":1}`, []string{typ}, 404, `{"a":{"b":1},"missing":true}`},
		{"another status", "GET", "500", `{"secret":1}`, []string{typ}, 500, `{"secret":1}`},
		{"another type", "GET", "200", `{"secret":1}`, []string{"Content-Type:text/plain"}, 200, `{"secret":1}`},
		{"no JSON", "GET", "200", `{"secret":`, []string{typ}, 502, ""},
		{"too large", "GET", "200", `{"secret":"` + strings.Repeat("x", 200) + `"}`, []string{typ}, 502, ""},
		{"too large, chunked", "GET", "200", `{"secret":"` + strings.Repeat("x", 200) + `"}`, []string{typ}, 502, ""},
		{"compressed", "GET", "200", `xx`, []string{typ, "Content-Encoding:gzip"}, 502, ""},
		{"HEAD", "HEAD", "200", `{}`, []string{typ, "Content-Length:20"}, 200, ""},
		{"not modified", "GET", "304", ``, []string{typ, `ETag:"x"`}, 304, ""},
		{"no content", "DELETE", "204", ``, []string{typ}, 204, ""},
	} {
		for _, opts := range []Options{{}, {Buffered: true}, {Truncate: TruncateByMarker}} {
			r := httptest.NewRequest(c.method, "/a/b/", nil)
			r.Header.Set("X-Status", c.status)
			r.Header.Set("X-Body", c.body)
			r.Header["X-Set"] = c.set
			if c.name == "too large, chunked" {
				r.Header.Set("X-Chunked", "1")
			}
			resp := ask(transforming(t, p, up, opts), r)
			b := body(t, resp)
			if resp.StatusCode != c.want || c.text != "" && b != c.text || c.want == 502 && strings.Contains(b, "secret") {
				t.Errorf("%s: %s %s", c.name, resp.Status, b)
			}
			h := resp.Header
			if fits := c.status == "200" || c.status == "404"; c.want != 502 && (h.Get("X-By") == "b") != fits {
				t.Errorf("%s: X-By %q", c.name, h.Get("X-By"))
			}
			if c.name == "changed" && (h.Get("Etag") != `W/"x"` || h.Get("X-Upstream")+h.Get("Accept-Ranges") != "" || h.Get("Content-Length") != fmt.Sprint(len(b))) {
				t.Errorf("%s: %v", c.name, h)
			}
			if c.name == "HEAD" && h.Get("Content-Length") != "" {
				t.Errorf("%s: %v", c.name, h)
			}
		}
	}
	r := get("/a/b/")
	r.Header.Set("Range", "bytes=0-1")
	r.Header.Set("Accept-Encoding", "gzip")
	if s := got(t, transforming(t, p, up, Options{}), r); s.Header.Get("Range") != "" || s.Header.Get("Accept-Encoding") != "identity" {
		t.Errorf("asked for %v", s.Header)
	}
}

// An answer that is not JSON streams although JSON would be changed.
func TestTransformStreams(t *testing.T) {
	release := make(chan struct{})
	up := serveFunc(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		io.WriteString(w, "data: 1\n\n")
		http.NewResponseController(w).Flush()
		select {
		case <-release:
		case <-r.Context().Done():
		}
	})
	p := gateway.Transform{Response: []gateway.ResponseTransform{{JSON: &gateway.JSONChanges{Remove: []string{"/a"}}}}}
	s := serve(t, transforming(t, p, up.URL, Options{}))
	r, err := http.NewRequestWithContext(patience(t), "GET", s.URL+"/a/b/", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := s.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	first := make([]byte, 9)
	if _, err := io.ReadFull(resp.Body, first); err != nil || string(first) != "data: 1\n\n" {
		t.Errorf("%q, %v", first, err)
	}
	close(release)
}

// A slow body is refused by the limits before, also while a transform holds it.
func TestTransformAfterLimits(t *testing.T) {
	var slow io.Reader = struct{ io.Reader }{strings.NewReader(`{"a":[[[]]]}`)}
	m := model(t, gateway.Spec{Policies: map[string]gateway.Policy{
		"adapt": {Transform: &gateway.Transform{Request: &gateway.RequestTransform{JSON: &gateway.JSONChanges{Remove: []string{"/b"}}}}},
		"small": {Limits: &gateway.Limits{Depth: 3, BodyTimeout: gateway.Duration(time.Minute)}},
	}, Routes: routes(gateway.Route{Name: "all", Match: gateway.Match{Path: "/x"}, Policies: []string{"small", "adapt"}, Respond: &gateway.Respond{Status: 200}})})
	resp := ask(newHandler(t, m, Options{}), posted("application/json", slow))
	if b := body(t, resp); resp.StatusCode != 400 || !strings.Contains(b, codeTooDeep) {
		t.Errorf("%s %s", resp.Status, b)
	}
}

// Claims and callers come from the policy that found them out.
func TestValuesOfCallers(t *testing.T) {
	x := &exchange{caller: caller{Consumer: "ann", Plan: "gold", Claims: map[string]any{"sub": "s", "n": json.Number("12345678901234567890"), "ok": true, "roles": []any{"a", "b"}, "o": map[string]any{}}}}
	tpl, err := gateway.ParseTemplate("${caller.consumer} ${caller.plan} ${claim.sub} ${claim.n} ${claim.ok} ${claim.roles} ${claim.o}${claim.none}")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := (values{r: get("/"), x: x}).header(tpl); err != nil || got != "ann gold s 12345678901234567890 true a,b" {
		t.Errorf("%q, %v", got, err)
	}
	x.caller.Consumer = "ann\r\nX-Admin: yes"
	if got, err := (values{r: get("/"), x: x}).header(tpl); err == nil {
		t.Errorf("passed: %q", got)
	}
}

// FuzzSoundPath: what passes has no segment that a server could take for the one above.
func FuzzSoundPath(f *testing.F) {
	for _, s := range []string{"/a/b", "/a/../b", "/%2e%2e/", "//a", "/a%2Fb", "/a/..;/b", "/%", "/a?b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, p string) {
		if !soundPath(p) {
			return
		}
		r, err := http.NewRequest("GET", "http://up.example"+p, nil)
		if err != nil || r.URL.Host != "up.example" || r.URL.RawQuery != "" || r.URL.Fragment != "" || !bytes.HasPrefix([]byte(p), []byte("/")) {
			t.Fatalf("%q: %v", p, err)
		}
		for s := range strings.SplitSeq(r.URL.Path, "/") {
			if gateway.HoldsDots(s) {
				t.Fatalf("%q leads to %q", p, r.URL.Path)
			}
		}
	})
}
