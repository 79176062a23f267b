package handler

import (
	"net/http"
	"testing"

	"polygate.example/shared/gateway"
)

// BenchmarkCORS is the answer to a preflight, and what is added to a request that passes.
func BenchmarkCORS(b *testing.B) {
	h := newHandler(b, withPolicies(b, map[string]gateway.Policy{"apps": {CORS: &gateway.CORS{Origins: []string{"https://a.example.com", "https://*.example.org", page}, Credentials: true}}}, "apps"), Options{})
	for name, r := range map[string]*http.Request{"preflight": asPage("OPTIONS", "/a", page, "PUT"), "request": asPage("GET", "/a", page, ""), "no origin": get("/a")} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				h.ServeHTTP(nowhere{http.Header{}}, r)
			}
		})
	}
}
