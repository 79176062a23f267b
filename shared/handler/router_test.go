package handler

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"polygate.example/shared/gateway"
)

// say is a route that answers with its own name.
func say(name, host, path string, methods []string, headers, query map[string]gateway.Condition) gateway.Route {
	return gateway.Route{Name: name, Match: gateway.Match{Host: host, Path: path, Methods: methods, Headers: headers, Query: query},
		Respond: &gateway.Respond{Status: 200, Body: name}}
}

func TestRouting(t *testing.T) {
	exact := func(name, v string) map[string]gateway.Condition {
		return map[string]gateway.Condition{name: {Kind: gateway.KindExact, Value: v}}
	}
	get, post := []string{"GET"}, []string{"POST"}
	all := routes(
		say("rest", "", "/files/{rest...}", nil, nil, nil),
		say("any-order", "", "/orders/{id}", nil, nil, nil),
		say("get-order", "", "/orders/{id}", get, nil, nil),
		say("get-order-2", "", "/orders/{id}", get, exact("X-Version", "2"), nil),
		say("get-order-3", "", "/orders/{id}", get, exact("x-version", "3, 4"), nil),
		say("get-order-debug", "", "/orders/{id}", get, nil, exact("debug", "a b")),
		say("post-new", "", "/orders/new", post, nil, nil),
		say("items", "", "/orders/{id}/items", get, nil, nil),
		say("new-deep", "", "/orders/new/deep", get, nil, nil),
		say("api", "api.example.com", "/orders/{id}", get, nil, nil),
		say("wild", "*.example.com", "/orders/{id}", get, nil, nil),
		say("wilder", "*.eu.example.com", "/orders/{id}", get, nil, nil),
		say("slash", "", "/dir/", get, nil, nil),
		say("escaped", "", "/a%2Fb/{x}", get, nil, nil),
		say("root", "", "/", get, nil, nil),
		say("tagged", "", "/tag", get, map[string]gateway.Condition{"X-A": {Kind: gateway.KindPresent}}, nil),
		say("numbered", "", "/tag", get, map[string]gateway.Condition{"X-A": {Kind: gateway.KindRegexp, Value: "[0-9]+"}}, nil),
	)
	h := newHandler(t, model(t, gateway.Spec{Routes: all}), Options{})
	reversed := make([]gateway.Route, len(all))
	for i, r := range all {
		reversed[len(all)-1-i] = r
	}
	hReversed := newHandler(t, model(t, gateway.Spec{Routes: reversed}), Options{})

	for _, c := range []struct {
		method, url string
		header      http.Header
		want        string // route, or status
	}{
		{"GET", "/orders/7", nil, "get-order"},
		{"HEAD", "/orders/7", nil, ""},
		{"DELETE", "/orders/7", nil, "any-order"},
		{"PROPFIND", "/orders/7", nil, "any-order"},
		{"GET", "/orders/7", http.Header{"X-Version": {"2"}}, "get-order-2"},
		{"GET", "/orders/7", http.Header{"X-Version": {"3", "4"}}, "get-order-3"},
		{"GET", "/orders/7", http.Header{"X-Version": {"3, 4"}}, "get-order-3"},
		{"GET", "/orders/7", http.Header{"X-Version": {"5"}}, "get-order"},
		{"GET", "/orders/7?debug=a+b", nil, "get-order-debug"},
		{"GET", "/orders/7?debug=a%20b&debug=c", nil, "get-order-debug"},
		{"GET", "/orders/7?debug=c&debug=a%20b", nil, "get-order"},
		{"GET", "/orders/7?debug=a+b", http.Header{"X-Version": {"2"}}, "get-order-2"},
		{"POST", "/orders/new", nil, "post-new"},
		{"GET", "/orders/new", nil, "get-order"},
		{"GET", "/orders/new/items", nil, "items"}, // the literal branch leads nowhere
		{"GET", "/orders/new/deep", nil, "new-deep"},
		{"GET", "/orders/a%2Fb", nil, "get-order"},
		{"GET", "/orders/", nil, "404"},
		{"GET", "/orders/7/", nil, "404"},
		{"GET", "/orders//items", nil, "404"},
		{"POST", "/orders/7/items", nil, "405"},
		{"GET", "http://api.example.com/orders/7", nil, "api"},
		{"GET", "http://API.example.com.:8443/orders/7", nil, "api"},
		{"POST", "http://api.example.com/orders/7", nil, "any-order"},
		{"GET", "http://www.example.com/orders/7", nil, "wild"},
		{"GET", "http://a.b.example.com/orders/7", nil, "wild"},
		{"GET", "http://a.eu.example.com/orders/7", nil, "wilder"},
		{"GET", "http://example.com/orders/7", nil, "get-order"},
		{"GET", "http://badexample.com/orders/7", nil, "get-order"},
		{"GET", "http://[::1]:80/orders/7", nil, "get-order"},
		{"GET", "/files/", nil, "rest"},
		{"GET", "/files/a/b//c", nil, "rest"},
		{"GET", "/files", nil, "404"},
		{"GET", "/dir/", nil, "slash"},
		{"GET", "/dir", nil, "404"},
		{"GET", "/a%2Fb/1", nil, "escaped"},
		{"GET", "/a%2fb/1", nil, "escaped"},
		{"GET", "/a/b/1", nil, "404"},
		{"GET", "/", nil, "root"},
		{"GET", "/tag", http.Header{"X-A": {"x"}}, "tagged"},
		{"GET", "/tag", http.Header{"X-A": {"17"}}, "numbered"},
		{"GET", "/tag", http.Header{"X-A": {""}}, "tagged"},
		{"GET", "/tag", nil, "404"},
		{"POST", "/tag", nil, "404"}, // another method would not help
		{"GET", "/orders/../admin", nil, "400"},
		{"GET", "/orders/%2e%2E/admin", nil, "400"},
		{"GET", "/./orders/7", nil, "400"},
		{"GET", "/files/..%2Fadmin", nil, "400"},
		{"GET", "/files/a%2f%2e%2e%2Fadmin", nil, "400"},
		{"GET", "/files/..%5Cadmin", nil, "400"},
		{"GET", "/files/..;/admin", nil, "400"},
		{"GET", "/files/..;v=1%2Fadmin", nil, "400"},
		{"GET", "/files/.%2F", nil, "400"},
		{"GET", "/files/...", nil, "rest"},
		{"GET", "/files/..a/a..%2F.b;..", nil, "rest"},
	} {
		t.Run(c.method+" "+c.url+" "+fmt.Sprint(c.header), func(t *testing.T) {
			for _, h := range []http.Handler{h, hReversed} {
				r := httptest.NewRequest(c.method, "http://gateway.test/", nil)
				u, err := url.Parse(c.url)
				if err != nil {
					t.Fatal(err)
				}
				r.URL = u
				if u.Host != "" {
					r.Host = u.Host
				}
				for k, v := range c.header {
					r.Header[k] = v
				}
				resp := ask(h, r)
				got := body(t, resp)
				if resp.StatusCode != 200 {
					got = fmt.Sprint(resp.StatusCode)
				}
				if got != c.want {
					t.Errorf("got %q, want %q", got, c.want)
				}
			}
		})
	}
}

func TestMethodNotAllowed(t *testing.T) {
	h := newHandler(t, model(t, gateway.Spec{Routes: routes(
		say("a", "", "/a", []string{"GET", "POST"}, nil, nil),
		say("b", "", "/{x}", []string{"PUT"}, nil, nil),
		say("c", "", "/{x}", []string{"PATCH"}, map[string]gateway.Condition{"X-A": {Kind: gateway.KindPresent}}, nil),
	)}), Options{})
	resp := ask(h, httptest.NewRequest("DELETE", "/a", nil))
	wantProblem(t, resp, http.StatusMethodNotAllowed)
	if got := resp.Header.Get("Allow"); got != "GET, HEAD, POST, PUT" {
		t.Errorf("Allow is %q", got)
	}
	wantProblem(t, ask(h, httptest.NewRequest("DELETE", "/a/b", nil)), http.StatusNotFound)
}

func manyRoutes(t testing.TB, n int) *gateway.Model {
	var all []gateway.Route
	for i := range n {
		all = append(all, say(fmt.Sprintf("r%d", i), "", fmt.Sprintf("/v1/service-%d/{id}/action-%d", i/100, i), []string{"GET"}, nil, nil))
	}
	return model(t, gateway.Spec{Routes: all})
}

func TestCompileManyRoutes(t *testing.T) {
	m := manyRoutes(t, 10_000)
	started := time.Now()
	h := newHandler(t, m, Options{})
	// It takes a third of a second; the bound is for what would grow with the square of the routes, on a busy machine.
	if d := time.Since(started); d > 30*time.Second {
		t.Errorf("compiling 10,000 routes took %s", d)
	}
	if got := body(t, ask(h, get("/v1/service-99/x/action-9999"))); got != "r9999" {
		t.Errorf("got %q", got)
	}
}
