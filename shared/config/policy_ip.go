package config

import (
	"github.com/goccy/go-yaml/ast"

	"polygate.example/shared/gateway"
)

func (d *decoder) ip(at gateway.Pointer, n ast.Node) *gateway.IP {
	p := &gateway.IP{}
	d.mapping(at, n,
		field{"allow", func(at gateway.Pointer, n ast.Node) { p.Allow = d.texts(at, n) }},
		field{"deny", func(at gateway.Pointer, n ast.Node) { p.Deny = d.texts(at, n) }},
	)
	return p
}
