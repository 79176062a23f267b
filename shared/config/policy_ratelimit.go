package config

import (
	"time"

	"github.com/goccy/go-yaml/ast"

	"polygate.example/shared/gateway"
)

// Defaults of policies that count. The store of a count is in the same region, where an answer takes a millisecond or two.
const (
	defaultKeys         = 100_000
	defaultSync         = gateway.Duration(200 * time.Millisecond)
	defaultStoreTimeout = gateway.Duration(50 * time.Millisecond)
)

func (d *decoder) rateLimit(at gateway.Pointer, n ast.Node) *gateway.RateLimit {
	p := &gateway.RateLimit{Keys: defaultKeys}
	var own gateway.Rates
	fields := append(d.ratesFields(&own),
		field{"by", func(at gateway.Pointer, n ast.Node) { p.By = d.countBy(at, n) }},
		field{"plans", func(at gateway.Pointer, n ast.Node) {
			p.Plans = map[string]gateway.Rates{}
			d.entries(at, n, func(at gateway.Pointer, kv *ast.MappingValueNode, name string) {
				var plan gateway.Rates
				d.mapping(at, kv.Value, d.ratesFields(&plan)...)
				p.Plans[name] = completed(plan)
			})
		}},
		field{"keys", func(at gateway.Pointer, n ast.Node) { p.Keys = d.integer(at, n) }},
		field{"shared", func(at gateway.Pointer, n ast.Node) { p.Shared = d.shared(at, n) }},
	)
	d.mapping(at, n, fields...)
	own = completed(own)
	p.Rate, p.Per, p.Burst = own.Rate, own.Per, own.Burst
	return p
}

func (d *decoder) ratesFields(p *gateway.Rates) []field {
	return []field{
		{"rate", func(at gateway.Pointer, n ast.Node) { p.Rate = d.integer(at, n) }},
		{"per", func(at gateway.Pointer, n ast.Node) { p.Per = d.duration(at, n) }},
		{"burst", func(at gateway.Pointer, n ast.Node) { p.Burst = d.positive(at, n) }},
	}
}

// completed has as large a burst as the rate, if none is written.
func completed(p gateway.Rates) gateway.Rates {
	if p.Burst == 0 {
		p.Burst = min(max(1, p.Rate), 1_000_000)
	}
	return p
}

// positive reads a number where the model takes 0 for "not there".
func (d *decoder) positive(at gateway.Pointer, n ast.Node) int {
	v := d.integer(at, n)
	if v == 0 && !d.doc.broken[at] {
		d.wrong(at, n, "the number is zero", "write one above it or remove the key")
	}
	return v
}

// countBy reads one part of a key, or a list of them.
func (d *decoder) countBy(at gateway.Pointer, n ast.Node) []gateway.CountBy {
	if _, ok := n.(*ast.SequenceNode); !ok {
		return []gateway.CountBy{d.countByOne(at, n)}
	}
	var out []gateway.CountBy
	d.list(at, n, func(at gateway.Pointer, n ast.Node) { out = append(out, d.countByOne(at, n)) })
	return out
}

func (d *decoder) countByOne(at gateway.Pointer, n ast.Node) gateway.CountBy {
	switch n.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
	default:
		kind := d.text(at, n)
		if (kind == gateway.ByHeader || kind == gateway.ByClaim || kind == gateway.ByExpression) && !d.doc.broken[at] {
			what, remedy := "it does not say which "+kind, "write its name: { "+kind+": name }"
			if kind == gateway.ByExpression {
				remedy = "write it: { expression: caller.plan + request.method }"
			}
			d.wrong(at, n, what, remedy)
		}
		return gateway.CountBy{Kind: kind}
	}
	var found []gateway.CountBy
	d.mapping(at, n,
		field{"header", func(at gateway.Pointer, n ast.Node) {
			found = append(found, gateway.CountBy{Kind: gateway.ByHeader, Name: d.filled(at, n)})
		}},
		field{"claim", func(at gateway.Pointer, n ast.Node) {
			found = append(found, gateway.CountBy{Kind: gateway.ByClaim, Name: d.filled(at, n)})
		}},
		field{"expression", func(at gateway.Pointer, n ast.Node) {
			found = append(found, gateway.CountBy{Kind: gateway.ByExpression, Name: d.filled(at, n)})
		}},
	)
	if len(found) != 1 {
		if !d.doc.holds[at] {
			d.wrong(at, n, "a part of the key is one of header, claim and expression", "write one of them, and a list [a, b] for several parts")
		}
		return gateway.CountBy{Kind: gateway.ByEveryone}
	}
	return found[0]
}

func (d *decoder) shared(at gateway.Pointer, n ast.Node) *gateway.Shared {
	s := &gateway.Shared{Timeout: defaultStoreTimeout}
	d.mapping(at, n,
		field{"redis", func(at gateway.Pointer, n ast.Node) { s.Redis = d.redis(at, n) }},
		field{"mode", func(at gateway.Pointer, n ast.Node) { s.Mode = d.filled(at, n) }},
		field{"sync", func(at gateway.Pointer, n ast.Node) { s.Sync = d.duration(at, n) }},
		field{"timeout", func(at gateway.Pointer, n ast.Node) { s.Timeout = d.duration(at, n) }},
		field{"onStoreError", func(at gateway.Pointer, n ast.Node) { s.OnStoreError = d.filled(at, n) }},
	)
	if s.Mode == "" {
		s.Mode = gateway.ShareAsync
	}
	if s.Mode == gateway.ShareAsync && s.Sync == 0 {
		s.Sync = defaultSync
	}
	if s.OnStoreError == "" {
		s.OnStoreError = gateway.StoreErrorLocal
	}
	return s
}

// redis reads a URL, or the parts of one.
func (d *decoder) redis(at gateway.Pointer, n ast.Node) gateway.Redis {
	var p gateway.Redis
	switch n.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
	default:
		p.URL = d.filled(at, n)
		return p
	}
	d.mapping(at, n,
		field{"address", func(at gateway.Pointer, n ast.Node) { p.Address = d.filled(at, n) }},
		field{"username", func(at gateway.Pointer, n ast.Node) { p.Username = d.filled(at, n) }},
		field{"password", func(at gateway.Pointer, n ast.Node) { p.Password = d.filled(at, n) }},
		field{"database", func(at gateway.Pointer, n ast.Node) { p.Database = d.integer(at, n) }},
		field{"tls", func(at gateway.Pointer, n ast.Node) { p.TLS = d.boolean(at, n) }},
	)
	return p
}
