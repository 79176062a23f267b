package gateway

import (
	"encoding/json"
	"fmt"
	"testing"
)

// A route takes an operation if some request may be for both.
func TestTakes(t *testing.T) {
	for _, c := range []struct {
		route, operation string
		want             bool
	}{
		{"/a/b", "/a/b", true}, {"/a/{x}", "/a/b", true}, {"/a/b", "/a/{x}", true}, {"/a/b", "/a/c", false}, {"/a", "/a/b", false}, {"/a/{x}", "/a/", false}, {"/a/", "/a/{x}", false},
		{"/a/{x...}", "/a/b/c", true}, {"/a/{x...}", "/a", true}, {"/{x...}", "/a/b", true}, {"/a/{x...}", "/b/{x...}", false},
		{"/a/{x...}", "/a/{y...}", true}, {"/a/b", "/a/{y...}", true}, {"/a/b/c", "/a/{y...}", true}, {"/a/{x}/c", "/a/{y...}", true}, {"/a/b/", "/a/{y...}", true},
		{"/a", "/a/{y...}", false}, {"/a/", "/a/{y...}", false}, {"/b/c", "/a/{y...}", false}, {"/{x}/c", "/a/{y...}", true},
	} {
		taker, ok := NewTaker(Match{Path: c.route})
		path, err := ParsePattern(c.operation)
		if !ok || err != nil {
			t.Fatal(c, err)
		}
		if got := taker.Takes("GET", path); got != c.want {
			t.Errorf("%s takes %s: %v, want %v", c.route, c.operation, got, c.want)
		}
	}
}

// BenchmarkDescribed is what a model costs whose operations each have a route, as an import makes them: each route is asked about all of them.
func BenchmarkDescribed(b *testing.B) {
	for _, n := range []int{100, 800} {
		api := &Validate{}
		spec := Spec{Version: Version, Policies: map[string]Policy{"api": {Validate: api}}}
		for i := range n {
			path := fmt.Sprintf("/service-%d/{id}/action-%d", i%20, i)
			api.Operations = append(api.Operations, Operation{Method: "GET", Path: path, Checks: Checks{Parameters: []Parameter{{Name: "id", In: InPath, Required: true, Style: StyleSimple, Schema: json.RawMessage(`{"type":"integer"}`)}}}})
			spec.Routes = append(spec.Routes, Route{Name: fmt.Sprintf("r%d", i), Match: Match{Path: path, Methods: []string{"GET"}}, Policies: []string{"api"}, Respond: &Respond{Status: 204}})
		}
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := New(spec); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/route")
		})
	}
}
