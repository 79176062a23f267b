package handler

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"polygate.example/shared/gateway"
)

// A path that some servers take for another route's does not go around that route's policies; one that means the same to all, or to no route
// that keeps out more, passes as it came.
func TestMisread(t *testing.T) {
	closed := []string{"office"}
	to := func(name, path string, policies []string, methods ...string) gateway.Route {
		return gateway.Route{Name: name, Match: gateway.Match{Path: path, Methods: methods}, Policies: policies, Upstream: "up"}
	}
	m := model(t, gateway.Spec{Upstreams: map[string]gateway.Upstream{"up": upstream("http://a.example")},
		Policies: map[string]gateway.Policy{"office": {IP: &gateway.IP{Allow: []string{"10.0.0.0/8"}}}, "safe": {SecurityHeaders: &gateway.SecurityHeaders{NoSniff: true}}},
		Routes: routes(
			to("all", "/{rest...}", []string{"safe"}),
			to("admin", "/admin/{rest...}", closed),
			to("one", "/api/{id}", []string{"safe"}),
			to("secret", "/api/{id}/secret", closed),
			to("same", "/api/{id}/same", []string{"safe"}),
			to("delete", "/items/{id}", closed, "DELETE"),
			to("below", "/desk/{rest...}", closed),
			gateway.Route{Name: "shut", Match: gateway.Match{Path: "/shut"}, Respond: &gateway.Respond{Status: 404}},
		)})
	up := &received{}
	h := newHandler(t, m, Options{Transport: up})
	plan := newPlan(t, m)
	for _, c := range []struct {
		request string
		status  int
	}{
		{"GET /admin/x", 403},
		{"GET //admin/x", 400},
		{"GET ///admin//x", 400},
		{"GET /admin;a=b/x", 400},
		{"GET /;a/admin/x", 400},
		{"GET //;/admin;/x", 400},
		{"GET /admin%2Fx", 400},
		{"GET /admin%5cx", 400},
		{"GET /admin\\x", 400},
		{"GET /desk/", 403},
		{"GET /desk%2F", 400},
		{"GET /desk%5C", 400},
		{"GET /desk%2F;v=1", 400},
		{"GET /desk%2F%2Fx", 400},
		{"GET /%2Fadmin/x", 400},
		{"GET /api/7%2Fsecret", 400},
		{"GET //api/7%2F8/secret", 400},
		{"GET /api/7%2Fsame", 200},
		{"GET /api/7;v=1", 200},
		{"GET /api/a%2Fb", 200},
		{"GET /x//y", 200},
		{"GET /x/;v=1/", 200},
		{"GET //items/7", 200},
		{"DELETE //items/7", 400},
		{"GET //shut", 400},
		{"GET //shut/", 200},
		{"GET /a/b/", 200},
		{"GET //", 200},
		{"GET /" + strings.Repeat("x", maxDoubtful), 200},
		{"GET //" + strings.Repeat("x", maxDoubtful-2), 200},
		{"GET //" + strings.Repeat("x", maxDoubtful), 400},
	} {
		t.Run(c.request[:min(40, len(c.request))], func(t *testing.T) {
			up.last = nil
			r := lined(c.request)
			resp := ask(h, r)
			if resp.StatusCode != c.status || (up.last != nil) != (c.status == 200) {
				t.Errorf("answered %d, want %d; sent upstream: %v", resp.StatusCode, c.status, up.last != nil)
			}
			if up.last != nil && up.last.URL.EscapedPath() != r.URL.EscapedPath() {
				t.Errorf("upstream got %s", up.last.URL.EscapedPath())
			}
			if d := plan.Decide(lined(c.request)); (d.Refusal != nil && d.Refusal.Status == 400) != (c.status == 400) {
				t.Errorf("the plan says %+v", d)
			}
		})
	}
}

// lined is a request by its method and target, as a server reads them.
func lined(line string) *http.Request {
	method, target, _ := strings.Cut(line, " ")
	return httptest.NewRequest(method, target, nil)
}

// Where an upstream takes several segments for one parameter, an escaped slash may stand between two segments of the same one.
func TestMisreadSpans(t *testing.T) {
	for _, slashes := range []bool{true, false} {
		name := gateway.Parameter{Name: "name", In: "path", Required: true, Style: "simple", Slashes: slashes, Schema: []byte(`true`)}
		operation := func(path string) gateway.Operation {
			return gateway.Operation{Method: "GET", Path: path, Checks: gateway.Checks{Parameters: []gateway.Parameter{name}}}
		}
		to := func(name, path string, policies ...string) gateway.Route {
			return gateway.Route{Name: name, Match: gateway.Match{Path: path, Methods: []string{"GET"}}, Policies: policies, Upstream: "up"}
		}
		m := model(t, gateway.Spec{Upstreams: map[string]gateway.Upstream{"up": upstream("http://a.example")},
			Policies: map[string]gateway.Policy{"office": {IP: &gateway.IP{Allow: []string{"10.0.0.0/8"}}}, "api": {Validate: &gateway.Validate{Operations: []gateway.Operation{operation("/refs/{name}"), operation("/refs/{name}/log")}}}},
			Routes:   routes(to("ref", "/refs/{name}", "api"), to("log", "/refs/{name}/log", "api"), to("secret", "/refs/{name}/secret/{id}", "office"))})
		up := &received{}
		h := newHandler(t, m, Options{Transport: up})
		plan := newPlan(t, m)
		for target, want := range map[string]int{
			"/refs/a": 200, "/refs/a/log": 200, "/refs/a%2Fb": 200, "/refs/a%2Fb/log": 200, "/refs/a%2Flog": 200, "/refs/a%2Fb%2Fc%2Fd%2Fe": 200,
			"/refs/a/secret/7": 403, "/refs/a%2Fsecret%2F7": 400, "/refs/a%2Fb%2Fsecret%2F7": 400, "/refs/a%2Fb%2Fsecret%2F7/log": 200, "/refs/a%2F%2Fsecret%2F7": 400,
			"/refs/a%2Fsecret%2F7%2F8": 400, "/refs/" + strings.Repeat("a%2F", maxSpanned-2) + "a": 200, "/refs/" + strings.Repeat("a%2F", maxSpanned-1) + "a": 400,
		} {
			if !slashes && want == 200 && strings.Contains(target, "%2F") {
				want = 400 // by the policy, not by what stands before it
			}
			w := httptest.NewRecorder()
			h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, target, nil))
			if w.Code != want {
				t.Errorf("%s: %d, want %d", target, w.Code, want)
			}
			if d := plan.Decide(httptest.NewRequest(http.MethodGet, target, nil)); slashes && (d.Refusal != nil && d.Refusal.Status == 400) != (want == 400) {
				t.Errorf("%s is explained as %+v", target, d)
			}
		}
	}
}
