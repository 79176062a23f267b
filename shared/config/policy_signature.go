package config

import (
	"slices"
	"time"

	"github.com/goccy/go-yaml/ast"

	"polygate.example/shared/gateway"
)

const (
	defaultMaxAge  = gateway.Duration(5 * time.Minute)
	defaultSkew    = gateway.Duration(30 * time.Second)
	defaultMaxBody = 1 << 20
	nameTheSecret  = "write the name of a secret of polygate:secrets"
	writeThePublic = "write the PEM of the public key"
	notThePrivate  = "write its publicKey: openssl pkey -in key.pem -pubout"
)

func (d *decoder) signature(at gateway.Pointer, n ast.Node) *gateway.Signature {
	p := &gateway.Signature{Components: []string{"@method", "@authority", "@path"},
		MaxAge: defaultMaxAge, Skew: defaultSkew, MaxBody: defaultMaxBody, Nonce: gateway.NonceRequired}
	d.mapping(at, n,
		field{"keys", func(at gateway.Pointer, n ast.Node) {
			d.credentials(at, n, func(at gateway.Pointer, n ast.Node) { p.Keys = append(p.Keys, d.signatureKey(at, n)) })
		}},
		field{"components", func(at gateway.Pointer, n ast.Node) { p.Components = d.texts(at, n) }},
		field{"tag", func(at gateway.Pointer, n ast.Node) { p.Tag = d.filled(at, n) }},
		field{"maxAge", func(at gateway.Pointer, n ast.Node) { p.MaxAge = d.duration(at, n) }},
		field{"skew", func(at gateway.Pointer, n ast.Node) { p.Skew = d.duration(at, n) }},
		field{"nonce", func(at gateway.Pointer, n ast.Node) { p.Nonce = d.text(at, n) }},
		field{"maxBody", func(at gateway.Pointer, n ast.Node) { p.MaxBody = d.integer(at, n) }},
		field{"optional", func(at gateway.Pointer, n ast.Node) { p.Optional = d.boolean(at, n) }},
		field{"forwardAs", func(at gateway.Pointer, n ast.Node) { p.ForwardAs = d.forwardAs(at, n) }},
	)
	return p
}

func (d *decoder) signatureKey(at gateway.Pointer, n ast.Node) gateway.SignatureKey {
	var k gateway.SignatureKey
	d.mapping(at, n, slices.Concat([]field{
		field{"id", func(at gateway.Pointer, n ast.Node) { k.ID = d.filled(at, n) }},
		field{"algorithm", func(at gateway.Pointer, n ast.Node) { k.Algorithm = d.text(at, n) }},
		field{"publicKey", func(at gateway.Pointer, n ast.Node) { k.PublicKey = d.hidden(at, n, writeThePublic) }},
		field{"privateKey", d.clear("a private key", notThePrivate)},
		field{"secret", func(at gateway.Pointer, n ast.Node) { k.Secret = d.hidden(at, n, nameTheSecret) }},
		field{"encoding", func(at gateway.Pointer, n ast.Node) { k.Encoding = d.filled(at, n) }},
		field{"consumer", func(at gateway.Pointer, n ast.Node) { k.Consumer = d.filled(at, n) }},
	}, d.holder(&k.Holder))...)
	return k
}
