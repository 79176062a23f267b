package config

import (
	"encoding/json"

	"github.com/goccy/go-yaml/ast"

	"polygate.example/shared/gateway"
)

func (d *decoder) transform(at gateway.Pointer, n ast.Node) *gateway.Transform {
	p := &gateway.Transform{}
	d.mapping(at, n,
		field{"request", func(at gateway.Pointer, n ast.Node) { p.Request = d.requestTransform(at, n) }},
		field{"response", func(at gateway.Pointer, n ast.Node) {
			d.list(at, n, func(at gateway.Pointer, n ast.Node) { p.Response = append(p.Response, d.responseTransform(at, n)) })
		}},
	)
	return p
}

func (d *decoder) requestTransform(at gateway.Pointer, n ast.Node) *gateway.RequestTransform {
	q := &gateway.RequestTransform{}
	d.mapping(at, n,
		field{"headers", func(at gateway.Pointer, n ast.Node) { q.Headers = d.changes(at, n) }},
		field{"query", func(at gateway.Pointer, n ast.Node) { q.Query = d.changes(at, n) }},
		field{"cookies", func(at gateway.Pointer, n ast.Node) {
			d.mapping(at, n,
				field{"set", func(at gateway.Pointer, n ast.Node) { q.Cookies.Set = d.textMap(at, n) }},
				field{"remove", func(at gateway.Pointer, n ast.Node) { q.Cookies.Remove = d.texts(at, n) }},
			)
		}},
		field{"path", func(at gateway.Pointer, n ast.Node) {
			q.Path = &gateway.PathRewrite{}
			d.mapping(at, n,
				field{"pattern", func(at gateway.Pointer, n ast.Node) { q.Path.Pattern = d.text(at, n) }},
				field{"replace", func(at gateway.Pointer, n ast.Node) { q.Path.Replace = d.text(at, n) }},
			)
		}},
		field{"json", func(at gateway.Pointer, n ast.Node) { q.JSON = d.jsonChanges(at, n) }},
	)
	return q
}

func (d *decoder) responseTransform(at gateway.Pointer, n ast.Node) gateway.ResponseTransform {
	var a gateway.ResponseTransform
	d.mapping(at, n,
		field{"status", func(at gateway.Pointer, n ast.Node) {
			d.list(at, n, func(at gateway.Pointer, n ast.Node) {
				if i, ok := n.(*ast.IntegerNode); ok {
					a.Status = append(a.Status, i.GetToken().Value)
					return
				}
				a.Status = append(a.Status, d.text(at, n))
			})
		}},
		field{"headers", func(at gateway.Pointer, n ast.Node) { a.Headers = d.changes(at, n) }},
		field{"json", func(at gateway.Pointer, n ast.Node) { a.JSON = d.jsonChanges(at, n) }},
	)
	return a
}

func (d *decoder) changes(at gateway.Pointer, n ast.Node) gateway.Changes {
	var c gateway.Changes
	d.mapping(at, n,
		field{"set", func(at gateway.Pointer, n ast.Node) { c.Set = d.textMap(at, n) }},
		field{"add", func(at gateway.Pointer, n ast.Node) { c.Add = d.textMap(at, n) }},
		field{"remove", func(at gateway.Pointer, n ast.Node) { c.Remove = d.texts(at, n) }},
		field{"rename", func(at gateway.Pointer, n ast.Node) { c.Rename = d.textMap(at, n) }},
	)
	return c
}

func (d *decoder) jsonChanges(at gateway.Pointer, n ast.Node) *gateway.JSONChanges {
	c := &gateway.JSONChanges{}
	d.mapping(at, n,
		field{"bytes", func(at gateway.Pointer, n ast.Node) { c.Bytes = d.size(at, n) }},
		field{"remove", func(at gateway.Pointer, n ast.Node) { c.Remove = d.texts(at, n) }},
		field{"rename", func(at gateway.Pointer, n ast.Node) { c.Rename = d.textMap(at, n) }},
		field{"set", func(at gateway.Pointer, n ast.Node) {
			c.Set = map[string]json.RawMessage{}
			d.entries(at, n, func(at gateway.Pointer, kv *ast.MappingValueNode, name string) {
				c.Set[name] = d.jsonValue(at, kv.Value)
			})
		}},
	)
	return c
}

// jsonValue reads a value that has a form in JSON and no parts.
func (d *decoder) jsonValue(at gateway.Pointer, n ast.Node) json.RawMessage {
	switch n := n.(type) {
	case *ast.BoolNode:
		return json.RawMessage(map[bool]string{true: "true", false: "false"}[n.Value])
	case *ast.NullNode:
		return json.RawMessage("null")
	case *ast.IntegerNode, *ast.FloatNode:
		if text := n.GetToken().Value; json.Valid([]byte(text)) {
			return json.RawMessage(text)
		}
		d.wrong(at, n, "number "+short(n.GetToken().Value)+" cannot be written in JSON", "write it in decimal")
	case *ast.StringNode, *ast.LiteralNode:
		if b, err := json.Marshal(d.text(at, n)); err == nil {
			return b
		}
	default:
		d.wrong(at, n, "want text, a number, true, false or null, found "+describe(n), "set its members one by one")
	}
	return json.RawMessage("null")
}
