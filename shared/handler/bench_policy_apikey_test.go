package handler

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"polygate.example/shared/gateway"
	"polygate.example/shared/secret"
)

// BenchmarkAPIKey is what a key costs a request; "none" is the same request without the policy.
func BenchmarkAPIKey(b *testing.B) {
	many := []gateway.Key{ada(sha("k1"))}
	for i := range 5_000 {
		many = append(many, gateway.Key{SHA256: sha(strings.Repeat("x", i)), Holder: gateway.Holder{Consumer: "c"}})
	}
	peppered := []gateway.Key{{HMAC: mac(pepper, "k1"), Holder: gateway.Holder{Consumer: "ada"}}}
	for _, c := range []struct {
		name   string
		policy gateway.APIKey
	}{
		{"sha256", gateway.APIKey{Header: "X-Api-Key", Keys: many[:1]}},
		{"sha256 of 5001", gateway.APIKey{Header: "X-Api-Key", Keys: many}},
		{"forwardAs", gateway.APIKey{Header: "X-Api-Key", Keys: many[:1], ForwardAs: forwarded}},
		{"hmac", gateway.APIKey{Header: "X-Api-Key", Keys: peppered, Pepper: "${secret.PEPPER}"}},
		{"secret", gateway.APIKey{Header: "X-Api-Key", Secret: "LIST"}},
	} {
		b.Run(c.name, func(b *testing.B) {
			benchPolicy(b, gateway.Policy{APIKey: &c.policy}, Options{Secrets: secret.New(vault{"PEPPER": pepper, "LIST": sha("k1") + " ada"}, nil)},
				func(r *http.Request) { r.Header["X-Api-Key"] = []string{"k1"} })
		})
	}
}

// benchPolicy runs a policy alone before an endpoint that does nothing. before prepares the request each time, as policies take credentials off.
func benchPolicy(b *testing.B, p gateway.Policy, opts Options, before func(*http.Request)) {
	b.Helper()
	m := withPolicies(b, map[string]gateway.Policy{"who": p}, "who")
	env := environment{name: "who", secrets: opts.Secrets, getenv: opts.Getenv, now: opts.Now}
	if env.now == nil {
		env.now = time.Now
	}
	compiled, err := newPolicy(m.Policies()["who"], env)
	if err != nil {
		b.Fatal(err)
	}
	passed := 0
	h := compiled(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { passed++ }))
	r := get("/orders/42")
	x := &exchange{}
	r = r.WithContext(context.WithValue(r.Context(), exchangeKey{}, x))
	runs := 0
	b.ReportAllocs()
	for b.Loop() {
		runs++
		x.caller, x.told = caller{}, x.told[:0]
		before(r)
		h.ServeHTTP(nowhere{}, r)
	}
	if passed != runs {
		b.Fatalf("%d of %d passed", passed, runs)
	}
}
