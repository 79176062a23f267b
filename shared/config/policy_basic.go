package config

import (
	"slices"

	"github.com/goccy/go-yaml/ast"

	"polygate.example/shared/gateway"
)

const (
	defaultRealm = "gateway"

	hashPassword = "write bcrypt, the hash that this prints after the colon: htpasswd -nBC 10 USER"
)

func (d *decoder) basic(at gateway.Pointer, n ast.Node) *gateway.Basic {
	p := &gateway.Basic{Realm: defaultRealm}
	d.mapping(at, n,
		field{"realm", func(at gateway.Pointer, n ast.Node) { p.Realm = d.filled(at, n) }},
		field{"users", func(at gateway.Pointer, n ast.Node) {
			d.credentials(at, n, func(at gateway.Pointer, n ast.Node) { p.Users = append(p.Users, d.user(at, n)) })
		}},
		field{"secret", func(at gateway.Pointer, n ast.Node) { p.Secret = d.filled(at, n) }},
		field{"variable", func(at gateway.Pointer, n ast.Node) { p.Variable = d.filled(at, n) }},
		field{"optional", func(at gateway.Pointer, n ast.Node) { p.Optional = d.boolean(at, n) }},
		field{"forward", func(at gateway.Pointer, n ast.Node) { p.Forward = d.boolean(at, n) }},
		field{"forwardAs", func(at gateway.Pointer, n ast.Node) { p.ForwardAs = d.forwardAs(at, n) }},
	)
	return p
}

func (d *decoder) user(at gateway.Pointer, n ast.Node) gateway.User {
	var u gateway.User
	d.mapping(at, n, slices.Concat([]field{
		field{"user", func(at gateway.Pointer, n ast.Node) { u.User = d.filled(at, n) }},
		field{"bcrypt", func(at gateway.Pointer, n ast.Node) { u.Bcrypt = d.hidden(at, n, hashPassword) }},
		field{"password", d.clear("a password", hashPassword)},
	}, d.holder(&u.Holder))...)
	return u
}
