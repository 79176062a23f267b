package routing

import (
	"fmt"
	"testing"

	"polygate.example/shared/gateway"
)

// imported is a book as an import makes it: n routes, and one policy of the kind validate that has an operation of each.
func imported(tb testing.TB, n int) (*gateway.Model, *Book) {
	tb.Helper()
	spec := gateway.Spec{Version: gateway.Version, Everywhere: []string{"api"}}
	var validate gateway.Validate
	for i := range n {
		path := fmt.Sprintf("/things%d/{id}", i)
		validate.Operations = append(validate.Operations, gateway.Operation{Method: "GET", Path: path, Checks: gateway.Checks{
			Parameters: []gateway.Parameter{{Name: "id", In: "path", Required: true, Style: "simple", Schema: []byte(`{"type":"integer"}`)}}}})
		spec.Routes = append(spec.Routes, gateway.Route{Name: fmt.Sprintf("r%d", i), Match: gateway.Match{Path: path, Methods: []string{"GET"}}, Respond: &gateway.Respond{Status: 200}})
	}
	spec.Policies = map[string]gateway.Policy{"api": {Validate: &validate}}
	m, err := gateway.New(spec)
	if err != nil {
		tb.Fatal(err)
	}
	b, err := NewBook(m, nil)
	if err != nil {
		tb.Fatal(err)
	}
	return m, b
}

// What is told of a document costs as much as it has routes. It is counted and not timed, so that a busy machine is no failure: a copy of all
// policies for each route, as there was once, is a hundred times as many allocations for ten times as many routes.
func TestLinear(t *testing.T) {
	const few, times = 100, 10
	m, small := imported(t, few)
	n, large := imported(t, few*times)
	for _, c := range []struct {
		name string
		do   func(*gateway.Model, *Book)
	}{
		{"routes", func(_ *gateway.Model, b *Book) { b.Routes(true) }},
		{"explain", func(_ *gateway.Model, b *Book) {
			r, err := Request("GET", "/things7/1", nil)
			if err != nil {
				t.Fatal(err)
			}
			b.Explain(r, nil, true)
		}},
		{"book", func(m *gateway.Model, _ *Book) {
			if _, err := NewBook(m, nil); err != nil {
				t.Fatal(err)
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, b := testing.AllocsPerRun(1, func() { c.do(m, small) }), testing.AllocsPerRun(1, func() { c.do(n, large) })
			if b > a*times*1.5 {
				t.Errorf("%.0f allocations for %d routes and %.0f for %d: want at most %d times as many", a, few, b, few*times, times)
			}
			t.Logf("%.0f and %.0f allocations", a, b)
		})
	}
}

// BenchmarkRoutes has the time of one route, which many routes beside it must not change.
func BenchmarkRoutes(b *testing.B) {
	for _, n := range []int{100, 2000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			_, book := imported(b, n)
			b.ReportAllocs()
			for b.Loop() {
				book.Routes(false)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/route")
		})
	}
}
