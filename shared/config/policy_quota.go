package config

import (
	"github.com/goccy/go-yaml/ast"

	"polygate.example/shared/gateway"
)

func (d *decoder) quota(at gateway.Pointer, n ast.Node) *gateway.Quota {
	p := &gateway.Quota{Keys: defaultKeys, Zone: "UTC"}
	d.mapping(at, n,
		field{"limit", func(at gateway.Pointer, n ast.Node) { p.Limit = d.integer(at, n) }},
		field{"period", func(at gateway.Pointer, n ast.Node) { p.Period = d.text(at, n) }},
		field{"zone", func(at gateway.Pointer, n ast.Node) { p.Zone = d.text(at, n) }},
		field{"by", func(at gateway.Pointer, n ast.Node) { p.By = d.countBy(at, n) }},
		field{"plans", func(at gateway.Pointer, n ast.Node) {
			p.Plans = map[string]gateway.Limit{}
			d.entries(at, n, func(at gateway.Pointer, kv *ast.MappingValueNode, name string) {
				var plan gateway.Limit
				d.mapping(at, kv.Value, field{"limit", func(at gateway.Pointer, n ast.Node) { plan.Limit = d.integer(at, n) }})
				p.Plans[name] = plan
			})
		}},
		field{"keys", func(at gateway.Pointer, n ast.Node) { p.Keys = d.integer(at, n) }},
		field{"shared", func(at gateway.Pointer, n ast.Node) { p.Shared = d.shared(at, n) }},
	)
	return p
}
