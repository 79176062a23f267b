package main

import (
	"fmt"
	"slices"
	"strings"
)

// policy is a policy of a document, in YAML, and the part that it needs.
type policy struct{ part, name, text string }

// parts are the heavy parts of a gateway that there are, sorted.
var parts = []string{"expression", "jwt", "redis", "schema", "zones"}

// Each needs one part. Nobody is there at the addresses: a start waits for none of them.
var (
	token = policy{"jwt", "user", `jwt: { issuer: https://login.example.com, audience: [orders], keys: '{"keys": [{"kty": "EC", "crv": "P-256", "kid": "2026", "use": "sig",
      "x": "qv6EJ6-Hpq3ZLa6oriV02bXR66-nfreeTGUBnZ6G3Gs", "y": "Yvdy2aYXdMnNTrjTWmoN8L2Bi2-VXWDm2BH3QlzuZ2U"}]}' }`}
	together  = policy{"redis", "together", `rateLimit: { rate: 100, per: 1m, by: ip, shared: { redis: "redis://127.0.0.1:1" } }`}
	condition = policy{"expression", "condition", `authorize: { when: 'request.method == "GET" or request.path == "/hello"' }`}
	body      = policy{"schema", "body", `validate: { parameters: [{ name: n, in: query, schema: { type: integer, minimum: 1 } }] }`}
	monthly   = policy{"zones", "monthly", `quota: { limit: 1000, period: month, zone: Europe/Berlin, by: ip }`}
)

// gateway is what is packed.
type gateway struct {
	name     string
	policies []policy
}

// documents are gateways with no part, with each, and with all. The first one has none.
var documents = []gateway{
	{"no part", nil},
	{"conditions", []policy{condition}},
	{"tokens", []policy{token}},
	{"shared limits", []policy{together}},
	{"schemas", []policy{body}},
	{"time zones", []policy{monthly}},
	{"all of them", []policy{condition, token, together, body, monthly}},
}

// parts are those that it needs, sorted.
func (g gateway) parts() []string {
	out := []string{}
	for _, p := range g.policies {
		out = append(out, p.part)
	}
	slices.Sort(out)
	return out
}

// document is a gateway with one route and some policies in its way.
func document(policies []policy) string {
	var b strings.Builder
	var names []string
	b.WriteString("version: 1\npolicies:\n  headers: { securityHeaders: {} }\n")
	for _, p := range policies {
		fmt.Fprintf(&b, "  %s:\n    %s\n", p.name, p.text)
		names = append(names, p.name)
	}
	fmt.Fprintf(&b, "routes:\n  - name: hello\n    match: { path: /hello }\n    policies: [%s]\n    respond: { status: 200, body: hello }\n",
		strings.Join(append([]string{"headers"}, names...), ", "))
	return b.String()
}
