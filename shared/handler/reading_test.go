package handler

import (
	"net/http"
	"net/http/httptest"
	"strconv"
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

// A path with a slash that is escaped passes where no other route keeps out more than the one that it comes to: headers for browsers keep nobody out,
// and what answers all the rest stands for paths that no route names. It passes as well to an upstream that is said to keep such slashes.
func TestKeptSlashes(t *testing.T) {
	keeps := upstream("http://keeps.example")
	keeps.KeepsSlashes = true
	respond := func(name, path string) gateway.Route {
		return gateway.Route{Name: name, Match: gateway.Match{Path: path}, Respond: &gateway.Respond{Status: 404}}
	}
	to := func(name, path, up string, policies ...string) gateway.Route {
		return gateway.Route{Name: name, Match: gateway.Match{Path: path}, Policies: policies, Upstream: up}
	}
	m := model(t, gateway.Spec{Upstreams: map[string]gateway.Upstream{"up": upstream("http://a.example"), "keeps": keeps},
		Policies: map[string]gateway.Policy{
			"office":   {IP: &gateway.IP{Allow: []string{"10.0.0.0/8"}}},
			"browsers": {SecurityHeaders: &gateway.SecurityHeaders{NoSniff: true}},
			"pages":    {CORS: &gateway.CORS{Origins: []string{"https://shop.example"}}},
		},
		Routes: routes(
			respond("rest", "/{rest...}"),
			respond("api-rest", "/api/{rest...}"),
			respond("shut", "/shut/{rest...}"),
			respond("shut-list", "/api/users/all"),
			to("project", "/projects/{id}", "up"),
			to("files", "/projects/{id}/files", "up", "browsers", "pages"),
			to("members", "/projects/{id}/members", "up", "office"),
			to("user", "/api/users/{id}", "up"),
			to("any", "/{one}", "up"),
			to("kept", "/kept/{id}", "keeps"),
			to("kept-secret", "/kept/{id}/secret", "keeps", "office"),
			to("kept-own", "/kept/own", "keeps", "office"),
		)})
	up := &received{}
	h := newHandler(t, m, Options{Transport: up})
	plan := newPlan(t, m)
	for target, want := range map[string]string{
		"/projects/group%2Fname":    "200",
		"/projects/group%2Ffiles":   "200",
		"/projects/group%2Fmembers": "400 its path may mean one of route members, which keeps out more, unless the upstream keeps slashes that are escaped (keepsSlashes)",
		"/projects/group;a/members": "403",
		"/projects//group/members":  "404",
		"/api/users/7%2F8":          "200",
		"/api%2Fusers":              "400 its path may mean one of route api-rest, which keeps out more, unless the upstream keeps slashes that are escaped (keepsSlashes)",
		"/shut%2F7":                 "400 its path may mean one of route shut, which keeps out more, unless the upstream keeps slashes that are escaped (keepsSlashes)",
		"/api/users/all;a":          "400 its path may mean one of route shut-list, which keeps out more",
		"/kept/7%2Fsecret":          "200",
		"/kept/7%5Csecret":          "200",
		"/kept/own;a":               "400 its path may mean one of route kept-own, which keeps out more",
	} {
		t.Run(target, func(t *testing.T) {
			up.last = nil
			resp := ask(h, lined("GET "+target))
			got := strconv.Itoa(resp.StatusCode)
			if d := plan.Decide(lined("GET " + target)); d.Refusal != nil && d.Refusal.Why != "" {
				got += " " + d.Refusal.Why
			}
			if got != want || (up.last != nil) != (resp.StatusCode == 200) {
				t.Errorf("answered %s, want %s; sent upstream: %v", got, want, up.last != nil)
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
