package handler

import (
	"net/http"
	"testing"

	"polygate.example/shared/gateway"
)

func BenchmarkSecurityHeaders(b *testing.B) {
	p := careful()
	h := newHandler(b, withPolicies(b, map[string]gateway.Policy{"careful": {SecurityHeaders: &p}}, "careful"), Options{})
	r := get("/a")
	b.ReportAllocs()
	for b.Loop() {
		h.ServeHTTP(nowhere{http.Header{}}, r)
	}
}
