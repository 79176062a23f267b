package config

import (
	"github.com/goccy/go-yaml/ast"

	"polygate.example/shared/gateway"
)

func (d *decoder) authorize(at gateway.Pointer, n ast.Node) *gateway.Authorize {
	p := &gateway.Authorize{}
	d.mapping(at, n,
		field{"roles", func(at gateway.Pointer, n ast.Node) { p.Roles = d.someTexts(at, n) }},
		field{"scopes", func(at gateway.Pointer, n ast.Node) { p.Scopes = d.someTexts(at, n) }},
		field{"plans", func(at gateway.Pointer, n ast.Node) { p.Plans = d.someTexts(at, n) }},
		field{"consumers", func(at gateway.Pointer, n ast.Node) { p.Consumers = d.someTexts(at, n) }},
		field{"claims", func(at gateway.Pointer, n ast.Node) { p.Claims = d.accepted(at, n) }},
		field{"when", func(at gateway.Pointer, n ast.Node) { p.When = d.filled(at, n) }},
		field{"geo", func(at gateway.Pointer, n ast.Node) { p.Geo = d.geo(at, n) }},
	)
	return p
}

func (d *decoder) geo(at gateway.Pointer, n ast.Node) *gateway.Geo {
	p := &gateway.Geo{Unknown: gateway.UnknownDeny}
	d.mapping(at, n,
		field{"allow", func(at gateway.Pointer, n ast.Node) { p.Allow = d.someTexts(at, n) }},
		field{"deny", func(at gateway.Pointer, n ast.Node) { p.Deny = d.someTexts(at, n) }},
		field{"unknown", func(at gateway.Pointer, n ast.Node) { p.Unknown = d.filled(at, n) }},
	)
	return p
}

// someTexts reads a list of strings that has any: one that is empty would let everybody pass that it was to keep out.
func (d *decoder) someTexts(at gateway.Pointer, n ast.Node) []string {
	out := d.texts(at, n)
	if len(out) == 0 && !d.doc.broken[at] {
		d.wrong(at, n, "the list is empty", "list at least one, or remove the key")
	}
	return out
}
