package gateway

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

// Whether two routes on one host and path may stand side by side.
func TestOverlap(t *testing.T) {
	exact := func(v string) Condition { return Condition{KindExact, v} }
	prefix := func(v string) Condition { return Condition{KindPrefix, v} }
	header := func(c Condition) Match { return Match{Headers: map[string]Condition{"X-A": c}} }
	query := func(c Condition) Match { return Match{Query: map[string]Condition{"a": c}} }
	get := []string{"GET"}
	for name, c := range map[string]struct {
		a, b Match
		want string // part of the violation, "" for none
	}{
		"same":                          {Match{}, Match{}, "can never be reached"},
		"same with conditions":          {header(exact("1")), Match{Headers: map[string]Condition{"x-a": exact("1")}}, "can never be reached"},
		"listed and any method":         {Match{Methods: get}, Match{}, ""},
		"different methods":             {Match{Methods: get}, Match{Methods: []string{"POST"}}, ""},
		"HEAD and GET":                  {Match{Methods: get}, Match{Methods: []string{"HEAD"}}, ""},
		"common method":                 {Match{Methods: get}, Match{Methods: []string{"PUT", "GET"}}, "GET"},
		"different hosts":               {Match{Host: "a.example"}, Match{Host: "*.example"}, ""},
		"more headers":                  {header(exact("1")), Match{}, ""},
		"header before query":           {header(exact("1")), query(exact("1")), ""},
		"exact before present":          {header(exact("1")), header(Condition{Kind: KindPresent}), ""},
		"prefix before present":         {header(prefix("1")), header(Condition{Kind: KindPresent}), ""},
		"different exact values":        {header(exact("1")), header(exact("2")), ""},
		"different query values":        {query(exact("1")), query(exact("2")), ""},
		"different header names":        {header(exact("1")), Match{Headers: map[string]Condition{"X-B": exact("2")}}, "neither is more specific"},
		"prefixes that exclude":         {header(prefix("a")), header(prefix("b")), ""},
		"prefixes that include":         {header(prefix("a")), header(prefix("ab")), "neither is more specific"},
		"expressions":                   {header(Condition{KindRegexp, ".*a"}), header(Condition{KindRegexp, ".*b"}), "neither is more specific"},
		"expressions with few values":   {header(Condition{KindRegexp, "[ab]"}), header(Condition{KindRegexp, "(?:c|dd?)"}), ""},
		"expressions with other starts": {header(Condition{KindRegexp, "a.*"}), header(Condition{KindRegexp, "b+"}), ""},
		"query names differ by case":    {query(exact("1")), Match{Query: map[string]Condition{"A": exact("2")}}, "neither is more specific"},
		"exact excluded by expression":  {Match{Headers: map[string]Condition{"X-A": exact("1"), "X-B": {KindRegexp, "x"}}}, Match{Headers: map[string]Condition{"X-A": {KindRegexp, "[2-9]"}, "X-B": exact("x")}}, ""},
		"exact included by expression":  {Match{Headers: map[string]Condition{"X-A": exact("1"), "X-B": {KindRegexp, "x"}}}, Match{Headers: map[string]Condition{"X-A": {KindRegexp, "[1-9]"}, "X-B": exact("x")}}, "neither is more specific"},
		"expression on the whole value": {Match{Headers: map[string]Condition{"X-A": exact("11"), "X-B": {KindRegexp, "x"}}}, Match{Headers: map[string]Condition{"X-A": {KindRegexp, "1"}, "X-B": exact("x")}}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			c.a.Path, c.b.Path = "/p/{x}", "/p/{y}"
			_, err := New(Spec{Version: 1, Routes: []Route{
				{Name: "a", Match: c.a, Respond: &Respond{Status: 200}}, {Name: "b", Match: c.b, Respond: &Respond{Status: 200}},
			}})
			var v Violations
			switch errors.As(err, &v); {
			case c.want == "" && err != nil, c.want != "" && (len(v) != 1 || !strings.Contains(v[0].What, c.want)):
				t.Errorf("got %v, want one violation with %q", err, c.want)
			case c.want != "" && (!strings.Contains(v[0].What, `"a"`) || !strings.Contains(v[0].What, `"b"`) || v[0].Related != "/routes/0/match"):
				t.Errorf("violation does not name both routes: %+v", v[0])
			}
		})
	}
}

// Checking does not grow with the square of the routes.
func TestManyRoutes(t *testing.T) {
	spec := Spec{Version: 1}
	for i := range 10_000 {
		spec.Routes = append(spec.Routes, Route{Name: fmt.Sprintf("r%d", i),
			Match: Match{Path: fmt.Sprintf("/v1/t%d/{id}/x%d", i/100, i)}, Respond: &Respond{Status: 200}})
	}
	started := time.Now()
	if _, err := New(spec); err != nil {
		t.Fatal(err)
	}
	// It takes a fraction of a second; the machine that runs the tests may be busy.
	if d := time.Since(started); d > 30*time.Second {
		t.Errorf("checking 10,000 routes took %s", d)
	}
}
