package config

import (
	"github.com/goccy/go-yaml/ast"

	"polygate.example/shared/gateway"
)

func (d *decoder) limits(at gateway.Pointer, n ast.Node) *gateway.Limits {
	p := &gateway.Limits{}
	d.mapping(at, n,
		field{"body", func(at gateway.Pointer, n ast.Node) { p.Body = d.size(at, n) }},
		field{"headers", func(at gateway.Pointer, n ast.Node) {
			d.mapping(at, n,
				field{"count", func(at gateway.Pointer, n ast.Node) { p.Headers.Count = d.count(at, n) }},
				field{"bytes", func(at gateway.Pointer, n ast.Node) { p.Headers.Bytes = int(d.size(at, n)) }},
			)
		}},
		field{"uri", func(at gateway.Pointer, n ast.Node) { p.URI = int(d.size(at, n)) }},
		field{"query", func(at gateway.Pointer, n ast.Node) { p.Query = d.count(at, n) }},
		field{"methods", func(at gateway.Pointer, n ast.Node) { p.Methods = d.texts(at, n) }},
		field{"contentTypes", func(at gateway.Pointer, n ast.Node) { p.ContentTypes = d.texts(at, n) }},
		field{"depth", func(at gateway.Pointer, n ast.Node) { p.Depth = d.count(at, n) }},
		field{"compressed", func(at gateway.Pointer, n ast.Node) { p.Compressed = d.filled(at, n) }},
		field{"inflate", func(at gateway.Pointer, n ast.Node) { p.Inflate = d.size(at, n) }},
		field{"bodyTimeout", func(at gateway.Pointer, n ast.Node) { p.BodyTimeout = d.duration(at, n) }},
	)
	return p
}

// count reads a whole number where 0 would mean that there is no limit: written out, it is a mistake.
func (d *decoder) count(at gateway.Pointer, n ast.Node) int {
	v := d.integer(at, n)
	if v == 0 && !d.doc.broken[at] {
		d.wrong(at, n, "a limit of 0 is none", "write how many there may be, or remove the key")
	}
	return v
}
