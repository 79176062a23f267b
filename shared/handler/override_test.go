package handler

import (
	"testing"

	"polygate.example/shared/gateway"
)

// A query by which an upstream may take a request for one of another method does not go around the route of that method, nor make up for none.
func TestMethodInQuery(t *testing.T) {
	to := func(name, path string, policies []string, methods ...string) gateway.Route {
		return gateway.Route{Name: name, Match: gateway.Match{Path: path, Methods: methods}, Policies: policies, Upstream: "up"}
	}
	closed := []string{"office"}
	m := model(t, gateway.Spec{Upstreams: map[string]gateway.Upstream{"up": upstream("http://a.example")},
		Policies: map[string]gateway.Policy{"office": {IP: &gateway.IP{Allow: []string{"10.0.0.0/8"}}}, "safe": {SecurityHeaders: &gateway.SecurityHeaders{NoSniff: true}}},
		Routes: routes(
			to("add", "/items/{id}", nil, "POST", "GET"),
			to("delete", "/items/{id}", closed, "DELETE"),
			to("patch", "/items/{id}", closed, "PATCH"),
			to("open", "/rest", nil, "POST"),
			to("closed", "/rest", closed),
			to("post", "/only", nil, "POST"),
			to("both", "/both", nil, "POST"),
			to("other", "/both", nil, "DELETE"),
			to("safer", "/safer", nil, "POST"),
			to("guarded", "/safer", []string{"safe"}, "PUT"),
			to("any", "/any", nil),
			to("harder", "/harder", nil, "POST"),
			to("hard", "/harder", closed, "PUT"),
			to("one", "/shut/one", nil, "POST"),
			gateway.Route{Name: "shut", Match: gateway.Match{Path: "/shut/{rest...}"}, Respond: &gateway.Respond{Status: 404}},
			gateway.Route{Name: "said", Match: gateway.Match{Path: "/said", Methods: []string{"POST"}}, Respond: &gateway.Respond{Status: 200}},
		)})
	up := &received{}
	h := newHandler(t, m, Options{Transport: up})
	plan := newPlan(t, m)
	for request, status := range map[string]int{
		"POST /items/7":                           200,
		"POST /items/7?a=1":                       200,
		"DELETE /items/7":                         403,
		"POST /items/7?_method=DELETE":            400,
		"POST /items/7?a=1&_method=delete":        400,
		"POST /items/7?a=1;_method=delete":        400,
		"POST /items/7?_method=POST":              200,
		"POST /items/7?_method=GET":               200,
		"POST /items/7?_method=GET&_method=PATCH": 400,
		"POST /items/7?_method=PUT":               400, // nobody may
		"GET /items/7?_method=DELETE":             400,
		"HEAD /items/7?_method=DELETE":            400,
		"DELETE /items/7?_method=POST":            403,
		"POST /items/7?%5fmethod=%44ELETE":        400,
		"POST /items/7?.method=DELETE":            400,
		"POST /items/7?+_METHOD=+DELETE":          400,
		"POST /items/7?_method[]=DELETE":          400,
		"POST /items/7?_method%5B0%5D=DELETE":     400,
		"POST /items/7?_method%00x=DELETE":        400,
		"POST /items/7?_method=%zz":               200,
		"POST /items/7?_method":                   200,
		"POST /items/7?method=DELETE":             200,
		"POST /items/7?x_method=DELETE":           200,
		"POST /items/7?_methods=DELETE":           200,
		"POST /items/7?_method=listUsers":         200,
		"POST /items/7?q=_method=DELETE":          200,
		"POST /rest?_method=PURGE":                400, // a word that the gateway does not know, and its routes take
		"POST /only?_method=DELETE":               400,
		"POST /both?_method=DELETE":               200,
		"POST /safer?_method=PUT":                 200,
		"POST /harder?_method=PUT":                400,
		"POST /shut/one?_method=PUT":              400,
		"POST /shut/one?_method=list":             200,
		"POST /shut/one":                          200,
		"PUT /safer?_method=POST":                 200,
		"POST /any?_method=DELETE":                200,
		"GET /nowhere?_method=DELETE":             404,
		"GET /only?_method=POST":                  405,
	} {
		t.Run(request, func(t *testing.T) {
			up.last = nil
			resp := ask(h, lined(request))
			if resp.StatusCode != status || (up.last != nil) != (status == 200) {
				t.Errorf("answered %d, want %d; sent upstream: %v", resp.StatusCode, status, up.last != nil)
			}
			if d := plan.Decide(lined(request)); (d.Refusal != nil && d.Refusal.Status == 400 && d.Refusal.Why == whyOverridden) != (status == 400) {
				t.Errorf("the plan says %+v", d)
			}
		})
	}
	if resp := ask(h, lined("POST /said?_method=DELETE")); resp.StatusCode != 200 {
		t.Errorf("what no upstream sees is answered %d", resp.StatusCode)
	}
}
