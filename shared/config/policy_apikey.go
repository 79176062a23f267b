package config

import (
	"slices"

	"github.com/goccy/go-yaml/ast"

	"polygate.example/shared/gateway"
)

const (
	defaultKeyHeader = "X-Api-Key"

	hashKey   = "write sha256, the digest in hex that this prints: printf %s KEY | sha256sum"
	pepperKey = `write hmac, in a policy with pepper: "${secret.NAME}", the digest in hex that this prints: printf %s KEY | openssl dgst -sha256 -hmac PEPPER`
)

func (d *decoder) apiKey(at gateway.Pointer, n ast.Node) *gateway.APIKey {
	p := &gateway.APIKey{}
	d.mapping(at, n,
		field{"header", func(at gateway.Pointer, n ast.Node) { p.Header = d.filled(at, n) }},
		field{"query", func(at gateway.Pointer, n ast.Node) { p.Query = d.filled(at, n) }},
		field{"cookie", func(at gateway.Pointer, n ast.Node) { p.Cookie = d.filled(at, n) }},
		field{"pepper", func(at gateway.Pointer, n ast.Node) { p.Pepper = d.hidden(at, n, `write "${secret.NAME}"`) }},
		field{"keys", func(at gateway.Pointer, n ast.Node) {
			d.credentials(at, n, func(at gateway.Pointer, n ast.Node) { p.Keys = append(p.Keys, d.apiKeyItem(at, n)) })
		}},
		field{"secret", func(at gateway.Pointer, n ast.Node) { p.Secret = d.filled(at, n) }},
		field{"variable", func(at gateway.Pointer, n ast.Node) { p.Variable = d.filled(at, n) }},
		field{"optional", func(at gateway.Pointer, n ast.Node) { p.Optional = d.boolean(at, n) }},
		field{"forward", func(at gateway.Pointer, n ast.Node) { p.Forward = d.boolean(at, n) }},
		field{"forwardAs", func(at gateway.Pointer, n ast.Node) { p.ForwardAs = d.forwardAs(at, n) }},
	)
	if p.Header == "" && p.Query == "" && p.Cookie == "" {
		p.Header = defaultKeyHeader
	}
	return p
}

func (d *decoder) apiKeyItem(at gateway.Pointer, n ast.Node) gateway.Key {
	var k gateway.Key
	d.mapping(at, n, slices.Concat([]field{
		field{"sha256", func(at gateway.Pointer, n ast.Node) { k.SHA256 = d.hidden(at, n, hashKey) }},
		field{"hmac", func(at gateway.Pointer, n ast.Node) { k.HMAC = d.hidden(at, n, pepperKey) }},
		field{"key", d.clear("a key", hashKey)},
		field{"consumer", func(at gateway.Pointer, n ast.Node) { k.Consumer = d.filled(at, n) }},
	}, d.holder(&k.Holder))...)
	return k
}
