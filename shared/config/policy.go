package config

import (
	"github.com/goccy/go-yaml/ast"

	"polygate.example/shared/gateway"
)

// policy reads a policy: its kind as the one key, a field of this list for each. What a kind has is read in a file of its own.
func (d *decoder) policy(at gateway.Pointer, n ast.Node) gateway.Policy {
	var p gateway.Policy
	d.mapping(at, n,
		field{"apiKey", func(at gateway.Pointer, n ast.Node) { p.APIKey = d.apiKey(at, n) }},
		field{"authorize", func(at gateway.Pointer, n ast.Node) { p.Authorize = d.authorize(at, n) }},
		field{"basic", func(at gateway.Pointer, n ast.Node) { p.Basic = d.basic(at, n) }},
		field{"clientCertificate", func(at gateway.Pointer, n ast.Node) { p.ClientCertificate = d.clientCertificate(at, n) }},
		field{"cors", func(at gateway.Pointer, n ast.Node) { p.CORS = d.cors(at, n) }},
		field{"graphql", func(at gateway.Pointer, n ast.Node) { p.GraphQL = d.graphql(at, n) }},
		field{"ip", func(at gateway.Pointer, n ast.Node) { p.IP = d.ip(at, n) }},
		field{"jwt", func(at gateway.Pointer, n ast.Node) { p.JWT = d.jwt(at, n) }},
		field{"limits", func(at gateway.Pointer, n ast.Node) { p.Limits = d.limits(at, n) }},
		field{"quota", func(at gateway.Pointer, n ast.Node) { p.Quota = d.quota(at, n) }},
		field{"rateLimit", func(at gateway.Pointer, n ast.Node) { p.RateLimit = d.rateLimit(at, n) }},
		field{"securityHeaders", func(at gateway.Pointer, n ast.Node) { p.SecurityHeaders = d.securityHeaders(at, n) }},
		field{"signature", func(at gateway.Pointer, n ast.Node) { p.Signature = d.signature(at, n) }},
		field{"transform", func(at gateway.Pointer, n ast.Node) { p.Transform = d.transform(at, n) }},
		field{"validate", func(at gateway.Pointer, n ast.Node) { p.Validate = d.validate(at, n) }},
	)
	return p
}
