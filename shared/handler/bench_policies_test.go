//go:build !without_expression && !without_schema

package handler

import (
	"maps"
	"net/http"
	"slices"
	"testing"
	"time"

	"polygate.example/shared/gateway"
)

// BenchmarkPolicies is a proxied request with no policy, with each of ten by itself (behind who needs to be asked before it), and with all of them.
func BenchmarkPolicies(b *testing.B) {
	headers := careful()
	by := []gateway.CountBy{{Kind: gateway.ByConsumer}}
	style, explode := gateway.DefaultStyle("path")
	policies := map[string]gateway.Policy{
		"a-headers":   {SecurityHeaders: &headers},
		"b-cors":      {CORS: &gateway.CORS{Origins: []string{page}, Credentials: true}},
		"c-ip":        {IP: &gateway.IP{Deny: []string{"192.0.2.66"}}},
		"d-limits":    {Limits: &gateway.Limits{Body: 1 << 20, URI: 1000, Query: 10, Headers: gateway.HeaderLimits{Count: 100, Bytes: 8192}}},
		"e-keys":      {APIKey: &gateway.APIKey{Header: "X-Api-Key", ForwardAs: forwarded, Keys: []gateway.Key{ada(sha("k1"))}}},
		"f-authorize": {Authorize: &gateway.Authorize{Roles: []string{"admin"}, When: `caller.claims.team == "blue" and request.params.id != ""`}},
		"g-rate":      {RateLimit: &gateway.RateLimit{Rate: 1_000_000, Per: gateway.Duration(time.Second), Burst: 1_000_000, By: by, Keys: 1000}},
		"h-quota":     {Quota: &gateway.Quota{Limit: 1 << 30, Period: "month", Zone: "UTC", By: by, Keys: 1000}},
		"i-validate": {Validate: &gateway.Validate{MaxBody: 1 << 20, Checks: gateway.Checks{Parameters: []gateway.Parameter{
			{In: "path", Name: "id", Required: true, Style: style, Explode: explode, Schema: schemaText(`{"type":"integer","minimum":1}`)}}}}},
		"j-transform": {Transform: &gateway.Transform{Request: &gateway.RequestTransform{Headers: gateway.Changes{Set: map[string]string{"X-B": "${client.ip} ${request.path.id}"}, Remove: []string{"X-C"}}}}},
	}
	all := slices.Sorted(maps.Keys(policies))
	lists := map[string][]string{"none": nil, "all": all}
	for _, name := range all {
		lists[name[2:]] = []string{name}
		switch name {
		case "f-authorize", "g-rate", "h-quota":
			lists[name[2:]] = []string{"e-keys", name}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(lists)) {
		b.Run(name, func(b *testing.B) {
			used := map[string]gateway.Policy{}
			for _, p := range lists[name] {
				used[p] = policies[p]
			}
			h := newHandler(b, model(b, gateway.Spec{Upstreams: map[string]gateway.Upstream{"up": upstream("http://up.example")}, Policies: used,
				Routes: routes(gateway.Route{Name: "one", Match: gateway.Match{Path: "/a/{id}"}, Upstream: "up", Policies: lists[name]})}), Options{Transport: canned{}})
			r := get("/a/42?page=1")
			r.RemoteAddr = "198.51.100.7:4711"
			r.Header.Set("Origin", page)
			shown := nowhere{http.Header{}}
			b.ReportAllocs()
			for b.Loop() {
				r.Header.Set("X-Api-Key", "k1")
				clear(shown.header)
				h.ServeHTTP(shown, r)
			}
		})
	}
}
