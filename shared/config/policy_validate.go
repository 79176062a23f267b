package config

import (
	"encoding/json"

	"github.com/goccy/go-yaml/ast"

	"polygate.example/shared/gateway"
)

func (d *decoder) validate(at gateway.Pointer, n ast.Node) *gateway.Validate {
	p := &gateway.Validate{}
	from := apiSource{others: map[string]ast.Node{}}
	d.mapping(at, n,
		field{"parameters", func(at gateway.Pointer, n ast.Node) {
			d.list(at, n, func(at gateway.Pointer, n ast.Node) { p.Parameters = append(p.Parameters, d.parameter(at, n)) })
		}},
		field{"body", func(at gateway.Pointer, n ast.Node) {
			p.Body = &gateway.BodyCheck{}
			d.mapping(at, n,
				field{"required", func(at gateway.Pointer, n ast.Node) { p.Body.Required = d.boolean(at, n) }},
				field{"content", func(at gateway.Pointer, n ast.Node) { p.Body.Content = d.content(at, n) }},
			)
		}},
		field{"responses", func(at gateway.Pointer, n ast.Node) {
			p.Responses = map[string]gateway.Content{}
			d.entries(at, n, func(at gateway.Pointer, kv *ast.MappingValueNode, name string) {
				p.Responses[name] = d.content(at, kv.Value)
			})
		}},
		field{"response", func(at gateway.Pointer, n ast.Node) { p.Response = d.filled(at, n) }},
		field{"unknownQuery", func(at gateway.Pointer, n ast.Node) { p.UnknownQuery = d.filled(at, n) }},
		field{"$defs", func(at gateway.Pointer, n ast.Node) { p.Defs = d.content(at, n) }},
		field{"maxBody", func(at gateway.Pointer, n ast.Node) { p.MaxBody = d.size(at, n) }},
		field{"openapi", func(at gateway.Pointer, n ast.Node) { from.file, from.at, from.node = d.filled(at, n), at, n }},
		field{"operation", func(at gateway.Pointer, n ast.Node) { from.operation, from.others["operation"] = d.filled(at, n), n }},
		field{"ignore", func(at gateway.Pointer, n ast.Node) {
			from.others["ignore"] = n
			d.list(at, n, func(at gateway.Pointer, n ast.Node) {
				from.ignore = append(from.ignore, ignored{gateway.Pointer(d.filled(at, n)), at, n})
			})
		}},
		field{"basePath", func(at gateway.Pointer, n ast.Node) { from.basePath, from.others["basePath"] = d.filled(at, n), n }},
	)
	d.api(at, p, from)
	return p
}

// content reads schemas by name.
func (d *decoder) content(at gateway.Pointer, n ast.Node) map[string]json.RawMessage {
	out := map[string]json.RawMessage{}
	d.entries(at, n, func(at gateway.Pointer, kv *ast.MappingValueNode, name string) { out[name] = d.json(at, kv.Value) })
	return out
}

func (d *decoder) parameter(at gateway.Pointer, n ast.Node) gateway.Parameter {
	var p gateway.Parameter
	var required, explode *bool
	read := func(to **bool) func(gateway.Pointer, ast.Node) {
		return func(at gateway.Pointer, n ast.Node) {
			v := d.boolean(at, n)
			*to = &v
		}
	}
	d.mapping(at, n,
		field{"name", func(at gateway.Pointer, n ast.Node) { p.Name = d.text(at, n) }},
		field{"in", func(at gateway.Pointer, n ast.Node) { p.In = d.text(at, n) }},
		field{"required", read(&required)},
		field{"schema", func(at gateway.Pointer, n ast.Node) { p.Schema = d.json(at, n) }},
		field{"style", func(at gateway.Pointer, n ast.Node) { p.Style = d.filled(at, n) }},
		field{"explode", read(&explode)},
	)
	p.Required = p.In == gateway.InPath
	if required != nil {
		p.Required = *required
	}
	style, explodes := gateway.DefaultStyle(p.In)
	if p.Style == "" {
		p.Style = style
	}
	p.Explode = p.Style == style && explodes || p.Style == gateway.StyleDeep
	if explode != nil {
		p.Explode = *explode
	}
	return p
}

// json reads a value of any shape, as it is written in JSON.
func (d *decoder) json(at gateway.Pointer, n ast.Node) json.RawMessage {
	var v any
	switch n.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		v = d.content(at, n)
	case *ast.SequenceNode:
		items := []json.RawMessage{}
		d.list(at, n, func(at gateway.Pointer, n ast.Node) { items = append(items, d.json(at, n)) })
		v = items
	default:
		return d.jsonValue(at, n)
	}
	b, err := json.Marshal(v)
	if err != nil { // of what has a form in JSON there is always one
		d.wrong(at, n, "the value cannot be written in JSON", "mend it")
		return json.RawMessage("null")
	}
	return b
}
