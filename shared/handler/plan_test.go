package handler

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"polygate.example/shared/gateway"
)

func newPlan(t testing.TB, m *gateway.Model, hosts ...string) *Plan {
	t.Helper()
	p, err := NewPlan(m, hosts)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// agrees checks that a plan says of a request what the handler has done, that its order of routes is the one by which they are found, and that
// it knows which of the others would take the request.
func agrees(t *testing.T, p *Plan, r *http.Request, resp *http.Response, route string, takes func(name string) bool) {
	t.Helper()
	d := p.Decide(r)
	status := 0
	if d.Refusal != nil {
		status = d.Refusal.Status
		if d.Refusal.Allow != resp.Header.Get("Allow") {
			t.Errorf("%s %s: Allow is %q, want %q", r.Method, r.URL, d.Refusal.Allow, resp.Header.Get("Allow"))
		}
	}
	if d.Route != route || (route == "") != (status == resp.StatusCode) {
		t.Errorf("%s %s%s: the plan says %q or %d, the handler %q and %d", r.Method, r.Host, r.URL, d.Route, status, route, resp.StatusCode)
	}
	for _, o := range d.Others {
		if (o.Miss == MissSpecificity) != takes(o.Route) || o.Why == "" {
			t.Errorf("%s %s%s %v: %q does not take it by %s: %s", r.Method, r.Host, r.URL, r.Header, o.Route, o.Miss, o.Why)
		}
	}
	if r.Method == http.MethodHead {
		return
	}
	routes := p.Routes()
	if i := slices.IndexFunc(routes, func(r gateway.Route) bool { return takes(r.Name) }); route != "" && routes[i].Name != route {
		t.Errorf("%s %s%s: %q is before %q, which takes the request", r.Method, r.Host, r.URL, routes[i].Name, route)
	}
}

func planned(t *testing.T, hosts ...string) *Plan {
	exact := func(name, v string) map[string]gateway.Condition {
		return map[string]gateway.Condition{name: {Kind: gateway.KindExact, Value: v}}
	}
	get := []string{"GET"}
	spec := gateway.Spec{
		Policies: map[string]gateway.Policy{
			"office": {IP: &gateway.IP{Allow: []string{"192.0.2.0/24"}}},
			"pages":  {CORS: &gateway.CORS{Origins: []string{"https://app.example.com"}}},
		},
		Routes: routes(
			say("order", "", "/orders/{id}", get, nil, nil),
			say("order-v2", "", "/orders/{id}", get, exact("X-Version", "2"), nil),
			say("order-debug", "", "/orders/{id}", get, nil, map[string]gateway.Condition{"debug": {Kind: gateway.KindRegexp, Value: "[01]"}}),
			say("any-order", "", "/orders/{id}", nil, nil, nil),
			say("new", "", "/orders/new", []string{"POST"}, nil, nil),
			say("items", "", "/orders/{id}/items", get, nil, nil),
			say("api", "api.example.com", "/orders/{id}", get, nil, nil),
			say("files", "", "/files/{kind}/{rest...}", get, nil, nil),
			say("static", "", "/static", get, nil, nil),
			say("paged", "", "/paged", get, nil, nil),
		),
	}
	spec.Routes[9].Policies = []string{"office", "pages"}
	return newPlan(t, model(t, spec), hosts...)
}

func TestDecide(t *testing.T) {
	p := planned(t)
	for _, c := range []struct {
		request, header string
		want            string
		others          map[string]string
	}{
		{"GET /orders/7%2F8", "", "order id=7/8", map[string]string{
			"order-v2":    `header: it wants the header X-Version to be "2", and the request has none`,
			"order-debug": `query: it wants the query parameter debug to match [01], and the request has none`,
			"any-order":   "specificity: it takes the request too; the other lists the method",
			"new":         `path: segment 2 of the path is "7/8", and it wants "new"`,
			"items":       `path: its path goes on with "items", where the request's ends`,
			"api":         "host: it is for the host api.example.com, and the request is for other.example.com",
			"files":       `path: segment 1 of the path is "orders", and it wants "files"`,
		}},
		{"GET /orders/7?debug=2", "X-Version: 3", "order id=7", map[string]string{
			"order-v2":    `header: it wants the header X-Version to be "2", and the request has "3"`,
			"order-debug": `query: it wants the query parameter debug to match [01], and the request has "2"`,
		}},
		{"GET /orders/new", "", "order id=new", map[string]string{"new": "method: it takes POST, and the request is a GET"}},
		{"POST /orders/new", "", "new", map[string]string{
			"any-order": "specificity: it takes the request too; the other's path is more specific",
			"order":     "method: it takes GET, and the request is a POST",
		}},
		{"GET /orders/7", "X-Version: 2", "order-v2 id=7", map[string]string{"order": "specificity: it takes the request too; the other has more conditions, or more exact ones"}},
		{"GET /files/a/b/c%20d", "", "files kind=a rest=b/c d", map[string]string{"static": `path: segment 1 of the path is "files", and it wants "static"`}},
		{"GET /files/a", "", "404 No route takes this request.", map[string]string{"files": `path: its path goes on with "{rest...}", where the request's ends`}},
		{"GET /files//x", "", "404 No route takes this request.", map[string]string{"files": `path: segment 2 of the path is empty, and it wants "{kind}"`}},
		{"GET /static/x", "", "404 No route takes this request.", map[string]string{"static": `path: its path ends, where the request's goes on with "x"`}},
		{"POST /static", "", "405 This path does not take the request's method; see Allow. Allow: GET, HEAD", map[string]string{"static": "method: it takes GET, and the request is a POST"}},
		{"GET /a/%2e%2E/b", "", "400 The path holds a dot segment; send the path it stands for.", nil},
		{"GET /health", "", "own", nil},
		{"HEAD /ready", "", "own", nil},
		{"POST /health", "", "405 This path does not take the request's method; see Allow. Allow: GET, HEAD", nil},
		{"OPTIONS /paged", "Access-Control-Request-Method: GET", "preflight paged", nil},
		{"OPTIONS /static", "Access-Control-Request-Method: GET", "405 This path does not take the request's method; see Allow. Allow: GET, HEAD", nil},
	} {
		t.Run(c.request, func(t *testing.T) {
			method, target, _ := strings.Cut(c.request, " ")
			r := httptest.NewRequest(method, target, nil)
			r.Host = "other.example.com"
			if name, v, ok := strings.Cut(c.header, ": "); ok {
				r.Header.Set(name, v)
				r.Header.Set("Origin", "https://app.example.com")
			}
			d := p.Decide(r)
			got := d.Route
			for _, param := range d.Params {
				got += " " + param.Name + "=" + param.Value
			}
			switch {
			case d.Own:
				got = "own"
			case d.Preflight:
				got = "preflight " + d.Route
			case d.Refusal != nil:
				got = map[int]string{400: "400", 404: "404", 405: "405"}[d.Refusal.Status] + " " + d.Refusal.Detail
				if d.Refusal.Allow != "" {
					got += " Allow: " + d.Refusal.Allow
				}
			}
			if got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
			why := map[string]string{}
			for _, o := range d.Others {
				why[o.Route] = string(o.Miss) + ": " + o.Why
			}
			for name, want := range c.others {
				if why[name] != want {
					t.Errorf("%s: %s\nwant %s", name, why[name], want)
				}
			}
		})
	}
}

// The nearest come first; what has nothing in common with the request comes last.
func TestOthersAreSorted(t *testing.T) {
	r := httptest.NewRequest("GET", "http://other.example.com/orders/7", nil)
	var got []string
	for _, o := range planned(t).Decide(r).Others {
		name := o.Route
		if !o.Nearby {
			name = "(" + name + ")"
		}
		got = append(got, name)
	}
	if want := "any-order order-v2 order-debug api items new (files) (paged) (static)"; strings.Join(got, " ") != want {
		t.Errorf("got  %s\nwant %s", strings.Join(got, " "), want)
	}
}

func TestDecideByHosts(t *testing.T) {
	p := planned(t, "api.example.com")
	r := httptest.NewRequest("GET", "http://other.example.com/orders/7", nil)
	if d := p.Decide(r); d.Refusal == nil || d.Refusal.Status != http.StatusMisdirectedRequest || d.Route != "" || d.Others != nil {
		t.Errorf("a foreign host: %+v", d)
	}
	r.Host = "API.example.com:8443"
	if d := p.Decide(r); d.Route != "api" {
		t.Errorf("our own: %+v", d)
	}
	if r.Host != "API.example.com:8443" || len(r.Header) != 0 {
		t.Errorf("the request was changed: %s %v", r.Host, r.Header)
	}
}

func TestPlanOrder(t *testing.T) {
	p := planned(t)
	var names []string
	for _, r := range p.Routes() {
		names = append(names, r.Name)
		if want := "pages office"; r.Name == "paged" && strings.Join(p.Policies(r), " ") != want {
			t.Errorf("policies of paged are %v, want %s: cors comes first", p.Policies(r), want)
		}
	}
	if want := "api files new order-v2 order-debug order any-order items paged static"; strings.Join(names, " ") != want {
		t.Errorf("got  %s\nwant %s", strings.Join(names, " "), want)
	}
}
