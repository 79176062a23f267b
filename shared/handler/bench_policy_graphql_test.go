package handler

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"

	"polygate.example/shared/gateway"
)

// BenchmarkGraphQL is what the policy takes for a request that passes, upstream and all.
func BenchmarkGraphQL(b *testing.B) {
	p := gateway.GraphQL{Depth: 20, Aliases: 100, RootFields: 100, Cost: 1_000_000, Tokens: 10_000, Bytes: 1 << 20, Lists: []string{"first"}}
	small := `{"query":"query($n: Int) { orders(first: $n) { id lines(first: 5) { sku price } } }","variables":{"n":20}}`
	large := `{"query":"{ ...all ` + strings.Repeat(`orders(first: 3) { id lines(first: 5) { sku price } } `, 40) + `} fragment all on Query { viewer { name } }"}`
	for name, text := range map[string]string{"100 B": small, "2 KiB": large} {
		b.Run(name, func(b *testing.B) {
			h := newHandler(b, model(b, gateway.Spec{Policies: map[string]gateway.Policy{"api": {GraphQL: &p}}, Upstreams: map[string]gateway.Upstream{"up": upstream("http://a.example")},
				Routes: routes(gateway.Route{Name: "all", Match: gateway.Match{Path: "/{rest...}"}, Policies: []string{"api"}, Upstream: "up"})}), Options{Transport: swallow{}})
			r := posted("application/json", strings.NewReader(text))
			b.ReportAllocs()
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				r.Body = io.NopCloser(bytes.NewReader([]byte(text)))
				h.ServeHTTP(nowhere{http.Header{}}, r)
			}
		})
	}
}
