//go:build !without_expression

package handler

import (
	"testing"

	"polygate.example/shared/gateway"
)

// BenchmarkAuthorize is what the policy takes for a request that passes.
func BenchmarkAuthorize(b *testing.B) {
	who := caller{Consumer: "ada", Plan: "gold", Roles: []string{"reader", "admin"}, Scopes: []string{"a", "b"}, By: "keys", Claims: map[string]any{"team": "blue"}}
	for name, p := range map[string]gateway.Authorize{
		"lists": {Roles: []string{"owner", "admin"}, Scopes: []string{"a", "b"}, Claims: map[string][]string{"team": {"blue"}}},
		"when":  {When: `caller.claims.team == request.params.team and "admin" in caller.roles`},
		"geo":   {Geo: &gateway.Geo{Allow: []string{"DE"}, Unknown: gateway.UnknownAllow}},
	} {
		b.Run(name, func(b *testing.B) {
			h := authorizing(b, p, &who, &logBuffer{})
			r := get("/teams/blue")
			b.ReportAllocs()
			for b.Loop() {
				h.ServeHTTP(nowhere{map[string][]string{}}, r)
			}
		})
	}
}
