package handler

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"polygate.example/shared/gateway"
)

const page = "https://app.example.com"

// asPage is a request of a page; with asks it is a preflight for that method.
func asPage(method, target, origin, asks string, announced ...string) *http.Request {
	r := httptest.NewRequest(method, target, nil)
	if origin != "" {
		r.Header.Set("Origin", origin)
	}
	if asks != "" {
		r.Header.Set("Access-Control-Request-Method", asks)
	}
	for _, name := range announced {
		r.Header.Add("Access-Control-Request-Headers", name)
	}
	return r
}

func TestPreflight(t *testing.T) {
	m := model(t, gateway.Spec{
		Policies: map[string]gateway.Policy{
			"apps":   {CORS: &gateway.CORS{Origins: []string{page}, Methods: []string{"PUT"}, Headers: []string{"X-Version"}, PrivateNetwork: true}},
			"all":    {CORS: &gateway.CORS{Origins: []string{"*"}, Methods: []string{"*"}, Headers: []string{"*"}}},
			"nobody": {IP: &gateway.IP{Allow: []string{"198.51.100.1"}}},
		},
		Routes: routes(
			gateway.Route{Name: "get", Match: gateway.Match{Path: "/a", Methods: []string{"GET"}}, Policies: []string{"nobody", "apps"}, Respond: &gateway.Respond{Status: 200}},
			gateway.Route{Name: "delete", Match: gateway.Match{Path: "/a", Methods: []string{"DELETE"}}, Respond: &gateway.Respond{Status: 200}},
			gateway.Route{Name: "own", Match: gateway.Match{Path: "/own", Methods: []string{"OPTIONS", "GET"}}, Policies: []string{"apps"}, Respond: &gateway.Respond{Status: 200, Body: "own"}},
			gateway.Route{Name: "any", Match: gateway.Match{Path: "/any"}, Policies: []string{"all"}, Respond: &gateway.Respond{Status: 200}},
			gateway.Route{Name: "v2", Match: gateway.Match{Path: "/v", Headers: map[string]gateway.Condition{"X-Version": {Kind: gateway.KindExact, Value: "2"}}},
				Policies: []string{"apps"}, Respond: &gateway.Respond{Status: 200}},
		),
	})
	h := newHandler(t, m, Options{})
	for _, c := range []struct {
		name   string
		r      *http.Request
		status int
		origin string // Access-Control-Allow-Origin
	}{
		{"before those who deny, of a route that lists GET alone", asPage("OPTIONS", "/a", page, "GET"), 204, page},
		{"HEAD goes by GET", asPage("OPTIONS", "/a", page, "HEAD"), 204, page},
		{"another origin", asPage("OPTIONS", "/a", "https://evil.example", "GET"), 403, ""},
		{"a route without the policy", asPage("OPTIONS", "/a", page, "DELETE"), 405, ""},
		{"no such method", asPage("OPTIONS", "/a", page, "PATCH"), 405, ""},
		{"no such path", asPage("OPTIONS", "/b", page, "GET"), 404, ""},
		{"no preflight, for want of an origin", asPage("OPTIONS", "/a", "", "GET"), 405, ""},
		{"no preflight, for want of a method", asPage("OPTIONS", "/own", page, ""), 200, page},
		{"a route that has OPTIONS itself", asPage("OPTIONS", "/own", page, "GET"), 204, page},
		{"its other OPTIONS", asPage("OPTIONS", "/own", "", ""), 200, ""},
		{"an announced header", asPage("OPTIONS", "/v", page, "GET", "accept,x-version"), 204, page},
		{"a header that will not come", asPage("OPTIONS", "/v", page, "GET", "x-other"), 404, ""},
		{"any origin", asPage("OPTIONS", "/any", "null", "PATCH"), 204, "*"},
		{"health is no route", asPage("OPTIONS", "/health", page, "GET"), 405, ""},
	} {
		resp := ask(h, c.r)
		if got := resp.Header.Get("Access-Control-Allow-Origin"); resp.StatusCode != c.status || got != c.origin {
			t.Errorf("%s: %d for %q, want %d for %q", c.name, resp.StatusCode, got, c.status, c.origin)
		}
		if c.status == 204 {
			want := "Access-Control-Request-Method, Access-Control-Request-Headers, Access-Control-Request-Private-Network, Origin"
			if c.origin == "*" {
				want = "Access-Control-Request-Method, Access-Control-Request-Headers"
			}
			if got := strings.Join(resp.Header["Vary"], ", "); got != want {
				t.Errorf("%s: Vary is %s", c.name, got)
			}
		}
	}
	r := asPage("OPTIONS", "/a", page, "GET")
	r.Header.Set("Access-Control-Request-Private-Network", "true")
	if got := ask(h, r).Header.Get("Access-Control-Allow-Private-Network"); got != "true" {
		t.Errorf("private network: %q", got)
	}
	if got := ask(h, asPage("OPTIONS", "/any", page, "GET")).Header; got.Get("Access-Control-Allow-Methods") != "*" || got.Get("Access-Control-Allow-Credentials") != "" {
		t.Errorf("any: %v", got)
	}
}

// What upstreams say of the kind is replaced, and every answer is marked, also those that other policies and failures give.
func TestCORSOnAnswers(t *testing.T) {
	up := serveFunc(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Access-Control-Allow-Origin", "*")
		w.Header().Set("Access-Control-Allow-Credentials", "true")
		w.Header().Set("Vary", "Accept-Encoding")
		if r.URL.Path == "/origin" {
			w.Header().Set("Vary", "origin")
		}
	})
	m := model(t, gateway.Spec{
		Upstreams: map[string]gateway.Upstream{"up": upstream(up.URL), "dead": upstream(deadAddress(t))},
		Policies: map[string]gateway.Policy{
			"apps": {CORS: &gateway.CORS{Origins: []string{page}, ExposeHeaders: []string{"X-Total"}}},
			"home": {IP: &gateway.IP{Deny: []string{"192.0.2.66"}}},
		}, Everywhere: []string{"home", "apps"},
		Routes: routes(
			gateway.Route{Name: "all", Match: gateway.Match{Path: "/{rest...}"}, Upstream: "up"},
			gateway.Route{Name: "dead", Match: gateway.Match{Path: "/dead"}, Upstream: "dead"},
			gateway.Route{Name: "panic", Match: gateway.Match{Path: "/panic"}, Fault: gateway.FaultPanic},
		),
	})
	for _, opts := range []Options{{}, {Buffered: true}} {
		h := newHandler(t, m, opts)
		denied := asPage("GET", "/", page, "")
		denied.RemoteAddr = "192.0.2.66:1"
		for name, c := range map[string]struct {
			r      *http.Request
			status int
			origin string
			vary   string
		}{
			"upstream":    {asPage("GET", "/", page, ""), 200, page, "Accept-Encoding, Origin"},
			"vary once":   {asPage("GET", "/origin", page, ""), 200, page, "origin"},
			"no origin":   {asPage("GET", "/", "", ""), 200, "", "Accept-Encoding, Origin"},
			"foreign":     {asPage("GET", "/", "https://evil.example", ""), 200, "", "Accept-Encoding, Origin"},
			"denied":      {denied, 403, page, "Origin"},
			"unreachable": {asPage("GET", "/dead", page, ""), 502, page, "Origin"},
			"panic":       {asPage("GET", "/panic", page, ""), 500, page, "Origin"},
		} {
			resp := ask(h, c.r)
			h := resp.Header
			if resp.StatusCode != c.status || h.Get("Access-Control-Allow-Origin") != c.origin || strings.Join(h["Vary"], ", ") != c.vary || h.Get("Access-Control-Allow-Credentials") != "" {
				t.Errorf("%s, buffered %t: %d %v", name, opts.Buffered, resp.StatusCode, h)
			}
			if (h.Get("Access-Control-Expose-Headers") == "X-Total") != (c.origin != "") {
				t.Errorf("%s: exposed %q", name, h["Access-Control-Expose-Headers"])
			}
		}
	}
}
