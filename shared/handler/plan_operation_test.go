//go:build !without_schema

package handler

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"testing"

	"polygate.example/shared/gateway"
)

// The operation that a plan tells of is the one by which the policy holds a request against the document.
func TestPlanOperations(t *testing.T) {
	t.Parallel()
	spec := gateway.Validate{}
	for _, o := range [][2]string{{"GET", "/a"}, {"GET", "/a/{id}"}, {"PUT", "/a/{id}"}, {"GET", "/a/mine"}, {"HEAD", "/b/{id}"}, {"GET", "/b/{id}"}, {"GET", "/a/{id}/c/{c}"}, {"DELETE", "/a/mine/c/{c}"},
		{"GET", "/r/{rest...}"}, {"GET", "/r/x"}, {"OPTIONS", "/a"}} {
		spec.Operations = append(spec.Operations, gateway.Operation{Method: o[0], Path: o[1], Checks: gateway.Checks{
			Parameters: []gateway.Parameter{{Name: o[0] + " " + o[1], In: gateway.InQuery, Required: true, Style: gateway.StyleForm, Schema: schemaText(`{}`)}}}})
	}
	m := model(t, gateway.Spec{Policies: map[string]gateway.Policy{"api": {Validate: &spec}, "other": {IP: &gateway.IP{Allow: []string{"192.0.2.0/24"}}}},
		Routes: routes(gateway.Route{Name: "all", Match: gateway.Match{Path: "/{rest...}"}, Policies: []string{"api", "other"}, Respond: &gateway.Respond{Status: 200}})})
	plan, err := NewPlan(m, nil)
	if err != nil {
		t.Fatal(err)
	}
	h := newHandler(t, m, Options{Logger: slog.New(slog.DiscardHandler)})
	for _, method := range []string{"GET", "HEAD", "PUT", "DELETE", "OPTIONS", "POST"} {
		for _, target := range []string{"/a", "/a/", "/a/1", "/a/mine", "/a/m%69ne", "/b/1", "/b/", "/a/1/c/2", "/a/mine/c/2", "/a/mine/c/", "/r", "/r/", "/r/x", "/r/y", "/r/y/", "/r//", "/none", "/"} {
			r, err := http.NewRequestWithContext(t.Context(), method, "http://gateway.example"+target, nil)
			if err != nil {
				t.Fatal(err)
			}
			got := plan.Decide(r).Operations
			if method == http.MethodHead { // whose answer says nothing
				continue
			}
			var p problem
			if err := json.Unmarshal([]byte(body(t, ask(h, r))), &p); err != nil {
				t.Fatal(err)
			}
			want := ""
			if len(p.Errors) > 0 { // the one whose parameter is missing
				want = p.Errors[0].Parameter
			}
			if op, there := got["api"]; op != want || !there || len(got) != 1 {
				t.Errorf("%s %s: %q, want %q", method, target, got, want)
			}
		}
	}
	for target, want := range map[string]string{"/b/1": "HEAD /b/{id}", "/a/1": "GET /a/{id}"} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodHead, "http://gateway.example"+target, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := plan.Decide(r).Operations["api"]; got != want {
			t.Errorf("HEAD %s: %q, want %q", target, got, want)
		}
	}
}
