//go:build !without_expression

package handler

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"

	"polygate.example/shared/gateway"
	"polygate.example/shared/health"
)

// authorizing is the policy behind one that finds out who calls.
func authorizing(t testing.TB, p gateway.Authorize, who *caller, log *logBuffer) http.Handler {
	t.Helper()
	pass, err := newPolicy(gateway.Policy{Authorize: &p}, environment{name: "may", region: "aws/us-east-1", log: log.logger(), now: func() time.Time { return time.Unix(1_800_000_000, 0) }})
	if err != nil {
		t.Fatal(err)
	}
	end := pass(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) }))
	return identify(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		x := exchangeOf(r)
		x.caller, x.route = *who, "all"
		x.segments, x.params, x.captured = []string{"teams", "blue"}, []string{"team"}, []int{1}
		end.ServeHTTP(w, r)
	}), "")
}

func TestAuthorize(t *testing.T) {
	ada := caller{Consumer: "ada", Plan: "gold", Roles: []string{"reader", "admin"}, Scopes: []string{"a", "b"}, By: "keys",
		Claims: map[string]any{"team": "blue", "level": json.Number("7"), "realm_access": map[string]any{"roles": []any{"x", "y"}}, "https://e.example/t": true}}
	for name, c := range map[string]struct {
		p    gateway.Authorize
		who  caller
		want int
		why  string
	}{
		"one of the roles":             {gateway.Authorize{Roles: []string{"owner", "admin"}}, ada, 200, ""},
		"none of the roles":            {gateway.Authorize{Roles: []string{"owner"}}, ada, 403, "none of the roles owner"},
		"a part of a role":             {gateway.Authorize{Roles: []string{"adm"}}, ada, 403, "none of the roles"},
		"all scopes":                   {gateway.Authorize{Scopes: []string{"b", "a"}}, ada, 200, ""},
		"not all scopes":               {gateway.Authorize{Scopes: []string{"a", "c"}}, ada, 403, "lacks the scope c"},
		"plan":                         {gateway.Authorize{Plans: []string{"tin", "gold"}}, ada, 200, ""},
		"another plan":                 {gateway.Authorize{Plans: []string{"tin"}}, ada, 403, "none of the plans tin"},
		"consumer":                     {gateway.Authorize{Consumers: []string{"ada"}}, ada, 200, ""},
		"another consumer":             {gateway.Authorize{Consumers: []string{"bob"}}, ada, 403, "none of the consumers"},
		"claim":                        {gateway.Authorize{Claims: map[string][]string{"team": {"red", "blue"}, "realm_access.roles": {"y"}, "/https:~1~1e.example~1t": {"true"}}}, ada, 200, ""},
		"another claim":                {gateway.Authorize{Claims: map[string][]string{"team": {"blue"}, "level": {"8"}}}, ada, 403, "the claim level"},
		"no such claim":                {gateway.Authorize{Claims: map[string][]string{"none.at.all": {"x"}}}, ada, 403, "the claim none.at.all"},
		"all of it":                    {gateway.Authorize{Roles: []string{"admin"}, Scopes: []string{"a"}, Plans: []string{"gold"}, Consumers: []string{"ada"}}, ada, 200, ""},
		"all but one":                  {gateway.Authorize{Roles: []string{"admin"}, Scopes: []string{"a"}, Plans: []string{"gold"}, Consumers: []string{"bob"}}, ada, 403, "consumers"},
		"nobody, by role":              {gateway.Authorize{Roles: []string{"admin"}}, caller{}, 403, "nobody"},
		"nobody, by what they lack":    {gateway.Authorize{When: `caller.plan != "tin"`}, caller{}, 403, "nobody"},
		"nobody, by the request":       {gateway.Authorize{When: `request.method == "GET"`}, caller{}, 200, ""},
		"condition":                    {gateway.Authorize{When: `caller.claims.team == request.params.team and caller.claims.level > 6 and region == "aws/us-east-1" and time.hour == 8`}, ada, 200, ""},
		"condition that is not":        {gateway.Authorize{When: `caller.claims.level > 7`}, ada, 403, "the condition does not hold"},
		"condition that fails":         {gateway.Authorize{When: `caller.claims.team > 7`}, ada, 403, "fails at its character 20"},
		"condition whose denial fails": {gateway.Authorize{When: `not (caller.claims.team > 7)`}, ada, 403, "fails at its character 25"},
		"client":                       {gateway.Authorize{When: `client.ip == "192.0.2.7" and client.country == ""`}, ada, 200, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var log logBuffer
			resp := ask(authorizing(t, c.p, &c.who, &log), from("192.0.2.7:1", "/teams/blue"))
			if resp.StatusCode != c.want {
				t.Errorf("status %d, want %d", resp.StatusCode, c.want)
			}
			lines := log.lines(t, "denied")
			if c.want == 200 {
				if len(lines) != 0 {
					t.Errorf("denied: %v", lines)
				}
				return
			}
			text := body(t, resp)
			if !strings.Contains(text, `"code":"not_allowed"`) || strings.Contains(text, "role") || strings.Contains(text, "character") {
				t.Errorf("the answer is %s", text)
			}
			if len(lines) != 1 || !strings.Contains(fmt.Sprint(lines[0]["why"]), c.why) || lines[0]["policy"] != "may" {
				t.Errorf("denied: %v, want why %s", lines, c.why)
			}
		})
	}
}

// What a request carries is in no line of the log, not even when an expression fails over it.
func TestAuthorizeTellsNothing(t *testing.T) {
	for _, when := range []string{`int(request.header("Authorization")) == 1`, `request.header("Authorization") == "x"`, `request.query("long") == ""`} {
		var log logBuffer
		r := get("/teams/blue?long=s3cret" + strings.Repeat("x", maxReferred))
		r.Header.Set("Authorization", "s3cret")
		resp := ask(authorizing(t, gateway.Authorize{When: when}, &caller{}, &log), r)
		if said := body(t, resp) + log.b.String(); resp.StatusCode != 403 || strings.Contains(said, "s3cret") {
			t.Errorf("%s: %d, %s", when, resp.StatusCode, said)
		}
	}
}

// Whoever brings as much as a request may makes no expression take long: what could is refused when the document is checked.
func TestExpressionsAreBounded(t *testing.T) {
	for _, when := range []string{
		`all(1..1000000, all(1..1000000, true))`, `any(caller.roles, any(caller.roles, true))`, `let a = request.path + request.path; let b = a + a; b == ""`,
		`request.path matches request.query("pattern")`, `reduce(caller.roles, #acc + #acc) == ""`,
	} {
		_, err := gateway.New(gateway.Spec{Version: 1, Policies: map[string]gateway.Policy{"may": {Authorize: &gateway.Authorize{When: when}}}, Everywhere: []string{"may"},
			Routes: routes(gateway.Route{Name: "all", Match: gateway.Match{Path: "/a"}, Respond: &gateway.Respond{Status: 200}})})
		if err == nil || !strings.Contains(err.Error(), "/policies/may/authorize/when: the expression ") {
			t.Errorf("%s: %v", when, err)
		}
	}
}

// The country is what the front told. Nothing that a client writes is.
func TestGeo(t *testing.T) {
	near := gateway.Geo{Allow: []string{"DE", "AT"}, Unknown: gateway.UnknownDeny}
	only := Admission{Digests: [][]byte{digestOf(frontSecret)}, Country: "Cf-Ipcountry"}
	open := Admission{Digests: only.Digests, Country: only.Country, Open: true}
	silent := Admission{Digests: only.Digests}
	for name, c := range map[string]struct {
		geo       gateway.Geo
		admission Admission
		entry     string   // what the entry point tells
		shown     bool     // the front's secret
		told      []string // in Cf-Ipcountry
		want      int
	}{
		"the entry point tells":                       {near, Admission{}, "DE", false, nil, 200},
		"another":                                     {near, Admission{}, "FR", false, nil, 403},
		"nobody tells":                                {near, Admission{}, "", false, nil, 403},
		"only the client tells":                       {near, Admission{}, "", false, []string{"DE"}, 403},
		"the client tells otherwise":                  {near, Admission{}, "FR", false, []string{"DE"}, 403},
		"the front tells":                             {near, only, "", true, []string{"AT"}, 200},
		"the front tells another":                     {near, only, "", true, []string{"FR"}, 403},
		"the front tells twice":                       {near, only, "", true, []string{"FR", "DE"}, 403},
		"joined":                                      {near, only, "", true, []string{"DE, FR"}, 403},
		"the entry point tells where the front is":    {near, only, "DE", true, []string{"FR"}, 403},
		"the front tells nothing":                     {near, only, "DE", true, nil, 403},
		"a front that tells nothing, and a client's":  {near, silent, "", true, []string{"DE"}, 403},
		"around the front, while it is open":          {near, open, "", false, []string{"DE"}, 403},
		"around the front, and the entry point tells": {near, open, "DE", false, []string{"FR"}, 200},
		"Tor":                               {gateway.Geo{Deny: []string{"FR"}, Unknown: gateway.UnknownDeny}, only, "", true, []string{"T1"}, 403},
		"no country":                        {near, only, "", true, []string{"XX"}, 403},
		"in small letters":                  {near, only, "", true, []string{"de"}, 403},
		"denied":                            {gateway.Geo{Deny: []string{"FR"}, Unknown: gateway.UnknownDeny}, only, "", true, []string{"FR"}, 403},
		"not denied":                        {gateway.Geo{Deny: []string{"FR"}, Unknown: gateway.UnknownDeny}, only, "", true, []string{"DE"}, 200},
		"unknown may":                       {gateway.Geo{Deny: []string{"FR"}, Unknown: gateway.UnknownAllow}, only, "", true, []string{"XX"}, 200},
		"unknown may where some are listed": {gateway.Geo{Allow: []string{"FR"}, Unknown: gateway.UnknownAllow}, Admission{}, "", false, nil, 200},
		"denied where unknown may":          {gateway.Geo{Deny: []string{"FR"}, Unknown: gateway.UnknownAllow}, Admission{}, "FR", false, nil, 403},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var log logBuffer
			m := withPolicies(t, map[string]gateway.Policy{"near": {Authorize: &gateway.Authorize{Geo: &c.geo}}}, "near")
			r := get("/x")
			r = r.WithContext(WithFront(context.Background(), Front{Country: c.entry}))
			for _, header := range []string{"Cloudfront-Viewer-Country", "X-Client-Geo-Location", "X-Polygate-Country", "X-Country"} {
				r.Header.Set(header, "DE")
			}
			r.Header["Cf-Ipcountry"] = c.told
			if c.shown {
				r.Header.Set(HeaderFront, frontSecret)
			}
			resp := ask(newHandler(t, m, Options{Admission: c.admission, Logger: log.logger()}), r)
			if resp.StatusCode != c.want {
				t.Errorf("status %d, want %d", resp.StatusCode, c.want)
			}
			if c.want == 403 {
				if code := codeOf(t, resp); code != "country_not_allowed" {
					t.Errorf("code %q", code)
				}
				if lines := log.lines(t, "denied"); len(lines) != 1 || !strings.Contains(fmt.Sprint(lines[0]["why"]), "country") {
					t.Errorf("denied: %v", lines)
				}
			}
		})
	}
}

// Where a front is tells the environment, and a header without a secret would be anybody's.
func TestCountryHeaderIsLoaded(t *testing.T) {
	env := map[string]string{health.EnvFrontCountry: "CF-IPCountry"}
	getenv := func(name string) string { return env[name] }
	if _, err := admissionOf(getenv); err == nil || !strings.Contains(err.Error(), health.EnvFrontCountry) {
		t.Errorf("a country without a secret: %v", err)
	}
	env[health.EnvFrontDigest] = fmt.Sprintf("%x", digestOf(frontSecret))
	if a, err := admissionOf(getenv); err != nil || a.Country != "Cf-Ipcountry" {
		t.Errorf("%+v, %v", a, err)
	}
}

// Requests are counted by what an expression gives, and by address where it gives nothing.
func TestLimitByExpression(t *testing.T) {
	now, who := time.Unix(1_800_000_000, 0), caller{}
	p := limit(gateway.CountBy{Kind: gateway.ByExpression, Name: `caller.claims.org + "/" + request.method`})
	h := counting(t, gateway.Policy{RateLimit: &p}, &who, &now)
	for i, c := range []struct {
		org, method, from string
		want              int
	}{
		{"a", "GET", "192.0.2.1:1", 200}, {"a", "GET", "192.0.2.2:1", 429}, {"a", "POST", "192.0.2.1:1", 200}, {"b", "GET", "192.0.2.1:1", 200},
		{"", "GET", "192.0.2.1:1", 200}, {"", "POST", "192.0.2.1:1", 429}, {"", "GET", "192.0.2.2:1", 200}, // it fails: there is no such claim
	} {
		who = caller{Claims: map[string]any{}}
		if c.org != "" {
			who.Claims["org"] = c.org
		}
		r := from(c.from, "/")
		r.Method = c.method
		if got := ask(h, r).StatusCode; got != c.want {
			t.Errorf("request %d of %+v: %d", i, c, got)
		}
	}
}

// A binary without the language holds nothing of it, and what remains does for a document without expressions.
func TestWithoutExpression(t *testing.T) {
	for tags, want := range map[string]bool{"": true, "without_expression": false, "without_expression,without_jwt": false} {
		out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "-tags", tags, ".").Output()
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(string(out), "expr-lang/expr"); got != want {
			t.Errorf("tags %q: the language is there: %v", tags, got)
		}
		if strings.Contains(tags, "without_jwt") && strings.Contains(string(out), "golang-jwt") {
			t.Errorf("tags %q: tokens are there", tags)
		}
	}
}
