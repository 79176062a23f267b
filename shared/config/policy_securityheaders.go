package config

import (
	"time"

	"github.com/goccy/go-yaml/ast"

	"polygate.example/shared/gateway"
)

// defaultHSTS is a year: what the browsers' own lists ask for, in case the domain is to be put there some day.
const defaultHSTS = gateway.Duration(365 * 24 * time.Hour)

func (d *decoder) securityHeaders(at gateway.Pointer, n ast.Node) *gateway.SecurityHeaders {
	p := &gateway.SecurityHeaders{
		HSTS: &gateway.HSTS{MaxAge: defaultHSTS}, NoSniff: true, ReferrerPolicy: "strict-origin-when-cross-origin", FrameOptions: "DENY",
		CrossOriginOpenerPolicy: "same-origin", CrossOriginResourcePolicy: "same-origin",
		Remove: []string{"Server", "X-Powered-By", "X-AspNet-Version", "X-AspNetMvc-Version"},
	}
	d.mapping(at, n,
		field{"hsts", func(at gateway.Pointer, n ast.Node) { p.HSTS = d.hsts(at, n) }},
		field{"noSniff", func(at gateway.Pointer, n ast.Node) { p.NoSniff = d.boolean(at, n) }},
		field{"referrerPolicy", d.textOrFalse(&p.ReferrerPolicy)},
		field{"frameOptions", d.textOrFalse(&p.FrameOptions)},
		field{"contentSecurityPolicy", d.textOrFalse(&p.ContentSecurityPolicy)},
		field{"permissionsPolicy", d.textOrFalse(&p.PermissionsPolicy)},
		field{"crossOriginOpenerPolicy", d.textOrFalse(&p.CrossOriginOpenerPolicy)},
		field{"crossOriginEmbedderPolicy", d.textOrFalse(&p.CrossOriginEmbedderPolicy)},
		field{"crossOriginResourcePolicy", d.textOrFalse(&p.CrossOriginResourcePolicy)},
		field{"remove", func(at gateway.Pointer, n ast.Node) { p.Remove = d.texts(at, n) }},
		field{"override", func(at gateway.Pointer, n ast.Node) { p.Override = d.boolean(at, n) }},
	)
	return p
}

func (d *decoder) hsts(at gateway.Pointer, n ast.Node) *gateway.HSTS {
	if b, ok := n.(*ast.BoolNode); ok && !b.Value {
		return nil
	}
	h := &gateway.HSTS{MaxAge: defaultHSTS}
	d.mapping(at, n,
		field{"maxAge", func(at gateway.Pointer, n ast.Node) {
			if v := d.duration(at, n); v != 0 {
				h.MaxAge = v
			}
		}},
		field{"includeSubDomains", func(at gateway.Pointer, n ast.Node) { h.IncludeSubDomains = d.boolean(at, n) }},
		field{"preload", func(at gateway.Pointer, n ast.Node) { h.Preload = d.boolean(at, n) }},
	)
	return h
}

// textOrFalse reads text, or false for none at all where there is a default.
func (d *decoder) textOrFalse(to *string) func(gateway.Pointer, ast.Node) {
	return func(at gateway.Pointer, n ast.Node) {
		if b, ok := n.(*ast.BoolNode); ok && !b.Value {
			*to = ""
			return
		}
		*to = d.filled(at, n)
	}
}
