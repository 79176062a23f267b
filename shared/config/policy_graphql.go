package config

import (
	"github.com/goccy/go-yaml/ast"

	"polygate.example/shared/gateway"
)

func (d *decoder) graphql(at gateway.Pointer, n ast.Node) *gateway.GraphQL {
	p := &gateway.GraphQL{Depth: 10, Aliases: 15, RootFields: 20, Cost: 1000, Tokens: 2000, Bytes: 100 << 10, Lists: []string{"first", "last", "limit"}}
	number := func(to *int) func(gateway.Pointer, ast.Node) {
		return func(at gateway.Pointer, n ast.Node) { *to = d.integer(at, n) }
	}
	d.mapping(at, n,
		field{"depth", number(&p.Depth)},
		field{"aliases", number(&p.Aliases)},
		field{"rootFields", number(&p.RootFields)},
		field{"cost", number(&p.Cost)},
		field{"weights", func(at gateway.Pointer, n ast.Node) {
			p.Weights = map[string]int{}
			d.entries(at, n, func(at gateway.Pointer, kv *ast.MappingValueNode, name string) {
				p.Weights[name] = d.integer(at, kv.Value)
			})
		}},
		field{"lists", func(at gateway.Pointer, n ast.Node) { p.Lists = d.texts(at, n) }},
		field{"tokens", number(&p.Tokens)},
		field{"bytes", func(at gateway.Pointer, n ast.Node) { p.Bytes = d.size(at, n) }},
		field{"batch", number(&p.Batch)},
		field{"introspection", func(at gateway.Pointer, n ast.Node) { p.Introspection = d.boolean(at, n) }},
	)
	return p
}
