package config

import (
	"fmt"
	"strings"
	"testing"
)

// BenchmarkParse is what a document costs until its model is made, with all checks: the time for each route does not grow with their number.
func BenchmarkParse(b *testing.B) {
	for _, n := range []int{10, 1_000, 10_000} {
		document := []byte(routes(n))
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Parse("gateway.yaml", document); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/route")
		})
	}
}

// routes is a document with n routes to one upstream, each with a parameter, two methods and a policy.
func routes(n int) string {
	var s strings.Builder
	s.WriteString("version: 1\nupstreams:\n  orders:\n    targets: [{ url: https://orders.internal.example }]\npolicies:\n  headers: { securityHeaders: {} }\nroutes:\n")
	for i := range n {
		fmt.Fprintf(&s, "  - name: r%d\n    match: { path: \"/service-%d/action-%d/{id}\", methods: [GET, POST] }\n    policies: [headers]\n    upstream: orders\n", i, i%100, i)
	}
	return s.String()
}
