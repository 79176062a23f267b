package main

import (
	"fmt"
	"strings"
)

// policy is a policy of a document, in YAML, that needs a part.
type policy struct{ name, text string }

// Each needs one part. Nobody is there at the addresses: a start waits for none of them.
var (
	token = policy{"user", `jwt: { issuer: https://login.example.com, audience: [orders], keys: '{"keys": [{"kty": "EC", "crv": "P-256", "kid": "2026", "use": "sig",
      "x": "qv6EJ6-Hpq3ZLa6oriV02bXR66-nfreeTGUBnZ6G3Gs", "y": "Yvdy2aYXdMnNTrjTWmoN8L2Bi2-VXWDm2BH3QlzuZ2U"}]}' }`}
	together  = policy{"together", `rateLimit: { rate: 100, per: 1m, by: ip, shared: { redis: "redis://127.0.0.1:1" } }`}
	condition = policy{"condition", `authorize: { when: 'request.method == "GET" or request.path == "/hello"' }`}
	body      = policy{"body", `validate: { parameters: [{ name: n, in: query, schema: { type: integer, minimum: 1 } }] }`}
	monthly   = policy{"monthly", `quota: { limit: 1000, period: month, zone: Europe/Berlin, by: ip }`}
)

// documents are gateways with no part, with each, and with all. The first one has none.
var documents = []struct {
	name     string
	policies []policy
}{
	{"no part", nil},
	{"conditions", []policy{condition}},
	{"tokens", []policy{token}},
	{"shared limits", []policy{together}},
	{"schemas", []policy{body}},
	{"time zones", []policy{monthly}},
	{"all of them", []policy{condition, token, together, body, monthly}},
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
