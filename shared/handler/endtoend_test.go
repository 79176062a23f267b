//go:build !without_schema

package handler

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"polygate.example/shared/gateway"
	"polygate.example/shared/secret"
)

// One who adds headers to a request takes nothing out of it and puts nothing into it that routes and policies have not seen. What they go by is what the
// upstream gets.
func TestEndToEnd(t *testing.T) {
	when := func(text string) gateway.Policy { return gateway.Policy{Authorize: &gateway.Authorize{When: text}} }
	tenant := gateway.Policy{Validate: &gateway.Validate{Checks: gateway.Checks{Parameters: []gateway.Parameter{
		{Name: "X-Tenant", In: gateway.InHeader, Required: true, Style: gateway.StyleSimple, Schema: schemaText(`{"type":"string","pattern":"^[a-z]+$"}`)}}}}}
	typed := gateway.Policy{Limits: &gateway.Limits{ContentTypes: []string{"application/json"}}}
	keyed := gateway.Policy{APIKey: &gateway.APIKey{Header: "api_key", Forward: true, Keys: []gateway.Key{ada(sha("k1"))}}}
	legacy := gateway.Policy{Transform: &gateway.Transform{Request: &gateway.RequestTransform{Headers: gateway.Changes{Rename: map[string]string{"X_Old": "X-New"}}}}}
	for name, c := range map[string]struct {
		policy gateway.Policy
		lines  []string
		body   string
		want   int
		sent   string // headers that the upstream gets of those that are looked for
	}{
		"mode":                                    {policy: when(`request.header("X-Mode") != "admin"`), lines: []string{"X-Mode: user"}, want: 200, sent: "X-Mode=user"},
		"mode that is not let in":                 {policy: when(`request.header("X-Mode") != "admin"`), lines: []string{"X-Mode: admin"}, want: 403},
		"mode by an underscore":                   {policy: when(`request.header("X-Mode") != "admin"`), lines: []string{"X_Mode: admin"}, want: 200},
		"mode by a dot":                           {policy: when(`request.header("X-Mode") != "admin"`), lines: []string{"X.Mode: admin", "X-Mode: user"}, want: 200, sent: "X-Mode=user"},
		"mode by what else a name may have":       {policy: when(`request.header("X-Mode") != "admin"`), lines: []string{"X!Mode: admin", "X~Mode: admin", "X`Mode: admin", "x+mode: admin", "X|MODE: admin"}, want: 200},
		"mode that Connection names":              {policy: when(`request.header("X-Mode") == "safe"`), lines: []string{"X-Mode: safe", "Connection: X-Mode"}, want: 403},
		"mode that Connection names among others": {policy: when(`request.header("X-Mode") == "safe"`), lines: []string{"X-Mode: safe", "Connection: keep-alive", "Connection: close ,\tx-mode, TE"}, want: 403},
		"tenant":                         {policy: tenant, lines: []string{"X-Tenant: acme"}, want: 200, sent: "X-Tenant=acme"},
		"tenant by an underscore":        {policy: tenant, lines: []string{"X-Tenant: acme", "X_Tenant: ../evil"}, want: 200, sent: "X-Tenant=acme"},
		"tenant that Connection names":   {policy: tenant, lines: []string{"X-Tenant: acme", "Connection: X-Tenant"}, want: 400},
		"type that Connection names":     {policy: typed, lines: []string{"Content-Type: application/json", "Connection: Content-Type"}, body: "{}", want: 415},
		"type by an underscore":          {policy: typed, lines: []string{"Content-Type: application/json", "Content_Type: text/xml"}, body: "{}", want: 200, sent: "Content-Type=application/json"},
		"name that the document has":     {policy: keyed, lines: []string{"api_key: k1"}, want: 200, sent: "Api_key=k1"},
		"another spelling of it":         {policy: keyed, lines: []string{"api-key: k1"}, want: 401},
		"another spelling beside it":     {policy: keyed, lines: []string{"api_key: k1", "api-key: k2", "api.key: k3"}, want: 200, sent: "Api_key=k1"},
		"name that the document changes": {policy: legacy, lines: []string{"X_Old: 1", "X-Old: 2"}, want: 200, sent: "X-New=1"},
		"name that is not there":         {policy: legacy, lines: []string{"X-New: 2"}, want: 200, sent: "X-New=2"},
		"no more named":                  {policy: legacy, lines: []string{"X_Old: 1", "Connection: X-New"}, want: 200, sent: "X-New=1"},
	} {
		t.Run(name, func(t *testing.T) {
			up := &received{}
			m := model(t, gateway.Spec{Upstreams: map[string]gateway.Upstream{"up": upstream("http://up.example")}, Policies: map[string]gateway.Policy{"all": c.policy},
				Routes: routes(gateway.Route{Name: "all", Match: gateway.Match{Path: "/{rest...}"}, Upstream: "up", Policies: []string{"all"}})})
			r := with("/", c.lines...)
			if c.body != "" {
				r = bodied(http.MethodPost, "/", "", c.body)
				r.Header = with("/", c.lines...).Header
			}
			if resp := ask(newHandler(t, m, Options{Transport: up}), r); resp.StatusCode != c.want {
				t.Fatalf("%s %s, want %d", resp.Status, body(t, resp), c.want)
			}
			if c.want == 200 {
				wantSent(t, up.last.Header, c.sent)
			}
		})
	}
}

// What is named is named no more: what a policy puts in later stays.
func TestTakeHops(t *testing.T) {
	for _, c := range []struct{ lines, sent, want []string }{
		{nil, []string{"X-A"}, []string{"X-A"}},
		{[]string{"keep-alive", "Upgrade"}, []string{"Keep-Alive", "Upgrade"}, []string{"Connection: keep-alive|Upgrade", "Keep-Alive", "Upgrade"}},
		{[]string{"TE, close"}, []string{"Te"}, []string{"Connection: TE, close", "Te"}},
		{[]string{"X-A"}, []string{"X-A", "X-B"}, []string{"X-B"}},
		{[]string{" upgrade ,, http2-settings", "\tTE"}, []string{"Http2-Settings", "Upgrade"}, []string{"Connection: upgrade|TE", "Upgrade"}},
		{[]string{"x_a, connection, \x80"}, []string{"X_a", "X-A", "\x80"}, []string{"X-A"}},
	} {
		h := http.Header{}
		if c.lines != nil {
			h["Connection"] = c.lines
		}
		for _, name := range c.sent {
			h[name] = nil
		}
		takeHops(h)
		var got []string
		for _, name := range slices.Sorted(maps.Keys(h)) {
			if h[name] != nil {
				name += ": " + strings.Join(h[name], "|")
			}
			got = append(got, name)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("of %q with %q stays %q, want %q", c.sent, c.lines, got, c.want)
		}
	}
}

// wantSent looks at what came of the client's headers.
func wantSent(t testing.TB, h http.Header, want string) {
	t.Helper()
	var sent []string
	for name, values := range h {
		if !tellsForwarding(name) && name != "X-Request-Id" && name != "User-Agent" {
			sent = append(sent, name+"="+strings.Join(values, "|"))
		}
	}
	if got := strings.Join(sent, " "); got != want {
		t.Errorf("upstream got %q, want %q", got, want)
	}
}

// Routes go by what the upstream gets, and so does what explains them.
func TestEndToEndRoutes(t *testing.T) {
	m := model(t, gateway.Spec{Upstreams: map[string]gateway.Upstream{"up": upstream("http://up.example")}, Policies: map[string]gateway.Policy{"speaks": speakingOf("X.Real.IP")}, Routes: routes(
		gateway.Route{Name: "named", Match: gateway.Match{Path: "/x", Headers: map[string]gateway.Condition{"X-Env": {Kind: gateway.KindExact, Value: "test"}}}, Upstream: "up"},
		gateway.Route{Name: "all", Match: gateway.Match{Path: "/{rest...}"}, Upstream: "up", Policies: []string{"speaks"},
			Request: gateway.Edit{Headers: gateway.HeaderOps{Set: map[string]string{"X_Legacy": "${request.header.X_Legacy}"}}}})})
	up := &received{}
	h, plan := newHandler(t, m, Options{Transport: up}), newPlan(t, m)
	for _, c := range []struct {
		lines       []string
		route, sent string
	}{
		{[]string{"X-Env: test"}, "named", "X-Env=test"},
		{[]string{"X_Env: test"}, "all", ""},
		{[]string{"X-Env: test", "Connection: x-env"}, "all", ""},
		{[]string{"X-Env: test", "Connection: close, keep-alive, te, Upgrade", "Te: trailers"}, "named", "X-Env=test Te=trailers"},
		{[]string{"X_Legacy: 7", "X-Legacy: 8"}, "all", "X_legacy=7"},
		{[]string{"X.Real.IP: 192.0.2.1", "X-Real-IP: 192.0.2.1", "X_Real_IP: 192.0.2.1"}, "all", ""}, // the route speaks of the first, and it is taken for one of a front's
	} {
		if d := plan.Decide(with("/x", c.lines...)); d.Route != c.route {
			t.Errorf("%q would go to route %q, want %q", c.lines, d.Route, c.route)
		}
		if resp := ask(h, with("/x", c.lines...)); resp.StatusCode != 200 {
			t.Fatalf("%q: %s", c.lines, resp.Status)
		}
		if strings.Contains(c.sent, " ") { // of two
			if up.last.Header.Get("Te") != "trailers" {
				t.Errorf("%q: upstream got %v", c.lines, up.last.Header)
			}
			up.last.Header.Del("Te")
		}
		first, _, _ := strings.Cut(c.sent, " ")
		wantSent(t, up.last.Header, first)
	}
}

// What one route speaks of is for that route, and no other name for what a policy of its goes by.
func TestSpellings(t *testing.T) {
	when := gateway.Policy{Authorize: &gateway.Authorize{When: `request.header("X-Mode") != "admin"`}}
	change := func(c gateway.Changes) gateway.Policy {
		return gateway.Policy{Transform: &gateway.Transform{Request: &gateway.RequestTransform{Headers: c}}}
	}
	m := model(t, gateway.Spec{Upstreams: map[string]gateway.Upstream{"up": upstream("http://up.example")},
		Policies: map[string]gateway.Policy{"when": when, "old": change(gateway.Changes{Rename: map[string]string{"X_Mode": "X-Mode"}}), "removes": change(gateway.Changes{Remove: []string{"X_Mode"}}),
			"sets": change(gateway.Changes{Set: map[string]string{"X_Mode": "ours"}}), "speaks": speakingOf("X_Mode"), "key": {APIKey: &gateway.APIKey{Header: "api_key", Keys: []gateway.Key{ada(sha("k1"))}}}},
		Routes: routes(
			gateway.Route{Name: "plain", Match: gateway.Match{Path: "/plain"}, Upstream: "up"},
			gateway.Route{Name: "goes-by", Match: gateway.Match{Path: "/goes-by"}, Upstream: "up", Policies: []string{"when"}},
			gateway.Route{Name: "goes-by-both", Match: gateway.Match{Path: "/goes-by-both"}, Upstream: "up", Policies: []string{"when", "speaks"}},
			gateway.Route{Name: "old", Match: gateway.Match{Path: "/old"}, Upstream: "up", Policies: []string{"old"}},
			gateway.Route{Name: "removes", Match: gateway.Match{Path: "/removes"}, Upstream: "up", Policies: []string{"removes"}},
			gateway.Route{Name: "sets", Match: gateway.Match{Path: "/sets"}, Upstream: "up", Policies: []string{"sets"}},
			gateway.Route{Name: "speaks", Match: gateway.Match{Path: "/speaks"}, Upstream: "up", Policies: []string{"speaks"}},
			gateway.Route{Name: "key", Match: gateway.Match{Path: "/key"}, Upstream: "up", Policies: []string{"key"}},
		)})
	up := &received{}
	h := newHandler(t, m, Options{Transport: up})
	for _, c := range []struct {
		path  string
		lines []string
		sent  string
	}{
		{"/plain", []string{"X-Mode: user", "X_Mode: admin", "X.Mode: admin"}, "X-Mode=user"},
		{"/plain", []string{"Api-Key: azure"}, "Api-Key=azure"},
		{"/goes-by", []string{"X-Mode: user", "X_Mode: admin"}, "X-Mode=user"},
		{"/goes-by-both", []string{"X-Mode: user", "X_Mode: admin"}, "X-Mode=user"},
		{"/old", []string{"X-Mode: admin", "X_Mode: user"}, "X-Mode=user"},
		{"/removes", []string{"X-Mode: user", "X_Mode: admin"}, ""}, // in whichever spelling: see transform
		{"/sets", []string{"X-Mode: admin", "X_Mode: admin"}, "X_mode=ours"},
		{"/speaks", []string{"X-Mode: admin", "X_Mode: user", "X.Mode: admin"}, "X_mode=user"},
		{"/key", []string{"api_key: k1", "Api-Key: azure"}, ""},
	} {
		if resp := ask(h, with(c.path, c.lines...)); resp.StatusCode != 200 {
			t.Errorf("%s with %q: %s", c.path, c.lines, resp.Status)
			continue
		}
		wantSent(t, up.last.Header, c.sent)
	}
}

// Nobody can change what is signed by what is not.
func TestSignedHeaders(t *testing.T) {
	spec := signed()
	spec.Components, spec.ForwardAs = append(spec.Components, "x-amount"), gateway.ForwardAs{}
	amount := func(t *testing.T, lines ...string) *http.Request {
		s := sample()
		s.components += ` "x-amount"`
		r := s.sign(t, with("https://example.com/foo", "X-Amount: 5"))
		for name, values := range with("/", lines...).Header {
			r.Header[name] = append(r.Header[name], values...)
		}
		r.Trailer = http.Header{"X-Amount": {"500"}}
		return r
	}
	for name, c := range map[string]struct {
		lines []string
		want  int
	}{
		"as it was signed":     {nil, 200},
		"once more":            {[]string{"X-Amount: 500"}, 401},
		"by an underscore":     {[]string{"X_Amount: 500", "x.amount: 500"}, 200},
		"named in Connection":  {[]string{"Connection: x-amount"}, 401},
		"named beside another": {[]string{"Connection: close, X-Amount"}, 401},
	} {
		t.Run(name, func(t *testing.T) {
			h, got := keyed(t, gateway.Policy{Signature: &spec}, Options{Secrets: secret.New(vault{"SHARED": rfcSecret}, nil), Now: func() time.Time { return time.Unix(rfcCreated, 0) }})
			if resp := ask(h, amount(t, c.lines...)); resp.StatusCode != c.want {
				t.Fatalf("%s %s, want %d", resp.Status, body(t, resp), c.want)
			}
			if c.want != 200 {
				return
			}
			for name, values := range (*got).header {
				if strings.Contains(strings.Join(values, "|"), "500") || (*got).trailer != nil || (*got).header.Get("X-Amount") != "5" {
					t.Errorf("upstream got %s: %s, and trailers %v", name, values, (*got).trailer)
				}
			}
		})
	}
}
