package config

import (
	"github.com/goccy/go-yaml/ast"

	"polygate.example/shared/gateway"
)

func (d *decoder) cors(at gateway.Pointer, n ast.Node) *gateway.CORS {
	p := &gateway.CORS{}
	d.mapping(at, n,
		field{"origins", func(at gateway.Pointer, n ast.Node) { p.Origins = d.texts(at, n) }},
		field{"methods", func(at gateway.Pointer, n ast.Node) { p.Methods = d.texts(at, n) }},
		field{"headers", func(at gateway.Pointer, n ast.Node) { p.Headers = d.texts(at, n) }},
		field{"exposeHeaders", func(at gateway.Pointer, n ast.Node) { p.ExposeHeaders = d.texts(at, n) }},
		field{"credentials", func(at gateway.Pointer, n ast.Node) { p.Credentials = d.boolean(at, n) }},
		field{"maxAge", func(at gateway.Pointer, n ast.Node) { p.MaxAge = d.duration(at, n) }},
		field{"privateNetwork", func(at gateway.Pointer, n ast.Node) { p.PrivateNetwork = d.boolean(at, n) }},
	)
	return p
}
