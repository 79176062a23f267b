//go:build !without_schema

package handler

import (
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"polygate.example/shared/gateway"
)

// Parameters of the query that nothing describes pass, or are refused by their names, as the policy says.
func TestValidateUnknownQuery(t *testing.T) {
	t.Parallel()
	query := func(name, schema, style string) gateway.Parameter {
		return gateway.Parameter{Name: name, In: gateway.InQuery, Style: style, Explode: true, Schema: schemaText(schema)}
	}
	described := gateway.Checks{Parameters: []gateway.Parameter{query("limit", `{"type":"integer","maximum":50}`, gateway.StyleForm), query("ids[]", `{"type":"array"}`, gateway.StyleForm),
		query("f", `{"type":"object"}`, gateway.StyleDeep), {Name: "X-A", In: gateway.InHeader, Style: gateway.StyleSimple, Schema: schemaText(`{}`)}}}
	none := gateway.Checks{Parameters: []gateway.Parameter{{Name: "X-A", In: gateway.InHeader, Style: gateway.StyleSimple, Schema: schemaText(`{}`)}}}
	up := mirror(t)
	many := make([]string, 30)
	for i := range many {
		many[i] = fmt.Sprintf("n%02d=1", i)
	}
	for name, c := range map[string]struct {
		checks gateway.Checks
		query  string
		want   string // the errors, "" for none
	}{
		"described":            {described, "limit=7&ids[]=1&ids%5B%5D=2&f[a]=1&f[b][c]=2", ""},
		"nothing":              {described, "", ""},
		"an empty part":        {described, "&limit=7&&", ""},
		"another case":         {described, "Limit=60", "query Limit is not known here"},
		"a list":               {described, "limit[]=60", "query limit[] is not known here"},
		"parts of no object":   {described, "ids[a]=1", "query ids[a] is not known here"},
		"no list":              {described, "ids=1", "query ids is not known here"},
		"escaped":              {described, "lim%49t=60", "query limIt is not known here"},
		"without a name":       {described, "=1", "query is not known here"},
		"without a value":      {described, "debug", "query debug is not known here"},
		"beside what is wrong": {described, "limit=60&b=1&a=1", "query limit must be at most 50; query a is not known here; query b is not known here"},
		"a header's name":      {described, "X-A=1", "query X-A is not known here"},
		"none at all":          {none, "a=1", "query a is not known here"},
		"none that is read":    {none, "a=1;b=2", "query " + isUnreadable},
		"none that is read of": {described, "a=1;b=2", "query " + isUnreadable},
		"a long name":          {none, strings.Repeat("é", 80) + "=1", "query " + strings.Repeat("é", 64) + "… is not known here"},
	} {
		t.Run(name, func(t *testing.T) {
			for mode, p := range map[string]gateway.Validate{
				"here":       {Checks: c.checks},
				"operations": {Operations: []gateway.Operation{{Method: http.MethodGet, Path: "/a/{id}", Checks: c.checks}}},
			} {
				p.UnknownQuery = gateway.UnknownDeny
				h := validating(t, p, up, Options{})
				r := get("/a/1?" + c.query)
				if c.want == "" {
					if resp := ask(h, r); resp.StatusCode != http.StatusOK {
						t.Errorf("%s: %s: %s", mode, resp.Status, body(t, resp))
					}
					continue
				}
				var got []string
				answer := refusedAs(t, h, r, http.StatusBadRequest)
				for _, e := range answer.Errors {
					got = append(got, e.String())
				}
				if text := strings.Join(got, "; "); text != c.want || answer.Code != codeParameter {
					t.Errorf("%s: %q (%s), want %q", mode, text, answer.Code, c.want)
				}
			}
		})
	}
	for _, unknown := range []string{"", gateway.UnknownAllow} {
		h := validating(t, gateway.Validate{Checks: described, UnknownQuery: unknown}, up, Options{})
		if resp := ask(h, get("/a/1?Limit=60&limit[]=60")); resp.StatusCode != http.StatusOK {
			t.Errorf("%q: %s", unknown, resp.Status)
		}
	}
	h := validating(t, gateway.Validate{Checks: none, UnknownQuery: gateway.UnknownDeny}, up, Options{})
	if p := refusedAs(t, h, get("/a/1?"+strings.Join(many, "&")), http.StatusBadRequest); len(p.Errors) != 20 {
		t.Errorf("%d errors are told", len(p.Errors))
	}
}

// A parameter that is not looked at is known all the same, and where its names cannot be told, every name is.
func TestValidateUnknownQueryIgnored(t *testing.T) {
	t.Parallel()
	operation := func(path string, ignored ...gateway.Ignored) gateway.Operation {
		return gateway.Operation{Method: http.MethodGet, Path: path, Ignored: ignored}
	}
	h := validating(t, gateway.Validate{UnknownQuery: gateway.UnknownDeny, Operations: []gateway.Operation{
		operation("/a/1", gateway.Ignored{Name: "f"}, gateway.Ignored{Name: "d", Parts: true}), operation("/a/2", gateway.Ignored{Any: true}), operation("/a/3")}}, mirror(t), Options{})
	for target, status := range map[string]int{"/a/1?f=1": 200, "/a/1?F=1": 400, "/a/1?f[a]=1": 400, "/a/1?d=1": 200, "/a/1?d[a]=1&d[b][c]=2&f=": 200, "/a/1?da=1": 400, "/a/1?f=1&g=1": 400,
		"/a/2?g=1&h[a]=1": 200, "/a/3": 200, "/a/3?f=1": 400} {
		if resp := ask(h, get(target)); resp.StatusCode != status {
			t.Errorf("%s: %s, want %d", target, resp.Status, status)
		}
	}
}

// What the route asks for itself, and where its other policies look for credentials, is known, on that route alone.
func TestValidateUnknownQueryOfRoute(t *testing.T) {
	t.Parallel()
	var log strings.Builder
	h := newHandler(t, model(t, gateway.Spec{
		Policies: map[string]gateway.Policy{
			"closed": {Validate: &gateway.Validate{UnknownQuery: gateway.UnknownDeny, Checks: gateway.Checks{
				Parameters: []gateway.Parameter{{Name: "q", In: gateway.InQuery, Style: gateway.StyleForm, Schema: schemaText(`{}`)}}}}},
			"key": {APIKey: &gateway.APIKey{Query: "key", Keys: []gateway.Key{{SHA256: fmt.Sprintf("%x", digestOf("k")), Holder: gateway.Holder{Consumer: "ann"}}}}},
		},
		Routes: routes(
			gateway.Route{Name: "keyed", Match: gateway.Match{Path: "/keyed", Query: map[string]gateway.Condition{"version": {Kind: gateway.KindExact, Value: "2"}}},
				Policies: []string{"closed", "key"}, Respond: &gateway.Respond{Status: 200}},
			gateway.Route{Name: "plain", Match: gateway.Match{Path: "/plain"}, Policies: []string{"closed"}, Respond: &gateway.Respond{Status: 200}}),
	}), Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	for target, status := range map[string]int{"/keyed?version=2&q=1&key=k": 200, "/keyed?version=2&sent-by-client=k": 400, "/plain?q=1": 200, "/plain?key=k": 400, "/plain?version=2": 400} {
		if resp := ask(h, get(target)); resp.StatusCode != status {
			t.Errorf("%s: %s, want %d", target, resp.Status, status)
		}
	}
	if text := log.String(); !strings.Contains(text, `why="its query has a parameter that is not known"`) || strings.Contains(text, "sent-by-client") {
		t.Errorf("the log has\n%s", text)
	}
}
