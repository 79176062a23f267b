package handler

import (
	"net/http"
	"strings"
	"testing"

	"polygate.example/shared/gateway"
)

// BenchmarkMisread is what the longest paths cost of which it is asked what else they may mean. Whoever sends them need not be let in.
func BenchmarkMisread(b *testing.B) {
	long := func(between string) string {
		return "/refs/" + strings.Repeat(strings.Repeat("a", maxDoubtful/maxSpanned-10)+between, maxSpanned-3) + "a"
	}
	for name, c := range map[string]struct {
		slashes bool
		path    string
	}{
		"plain": {true, long("/")}, "one slash": {true, strings.Replace(long("/"), "a/", "a;%2F", 1)}, "slashes": {true, long(";%2F")},
		"and one is empty": {true, strings.Replace(long(";%2F"), "%2F", "%2F%2F", 1)}, "no spans": {false, long(";%2F")},
	} {
		b.Run(name, func(b *testing.B) {
			parameter := gateway.Parameter{Name: "name", In: "path", Required: true, Style: "simple", Slashes: c.slashes, Schema: []byte(`true`)}
			api := gateway.Policy{Validate: &gateway.Validate{Operations: []gateway.Operation{{Method: "GET", Path: "/refs/{name}", Checks: gateway.Checks{Parameters: []gateway.Parameter{parameter}}}}}}
			to := func(name, path string, policies ...string) gateway.Route {
				return gateway.Route{Name: name, Match: gateway.Match{Path: path, Methods: []string{"GET"}}, Policies: policies, Upstream: "up"}
			}
			h := newHandler(b, model(b, gateway.Spec{Upstreams: map[string]gateway.Upstream{"up": upstream("http://a.example")},
				Policies: map[string]gateway.Policy{"api": api, "office": {IP: &gateway.IP{Allow: []string{"10.0.0.0/8"}}}},
				Routes:   routes(to("ref", "/refs/{name}", "api"), to("log", "/refs/{name}/{at}/log"), to("secret", "/refs/{name}/secret/{id}", "office"), to("all", "/{rest...}"))}), Options{Transport: canned{}})
			r, err := http.NewRequest(http.MethodGet, "http://gw.example"+c.path, nil)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				h.ServeHTTP(nowhere{http.Header{}}, r)
			}
		})
	}
}
