package config

import (
	"time"

	"github.com/goccy/go-yaml/ast"

	"polygate.example/shared/gateway"
)

// Defaults of tokens. The algorithms are those that issuers sign by unless told otherwise, one for each type of key.
const (
	defaultLeeway   = gateway.Duration(30 * time.Second)
	defaultRefresh  = gateway.Duration(15 * time.Minute)
	defaultCooldown = gateway.Duration(30 * time.Second)
	defaultMaxStale = gateway.Duration(24 * time.Hour)
	defaultConsumer = "sub"
)

func (d *decoder) jwt(at gateway.Pointer, n ast.Node) *gateway.JWT {
	p := &gateway.JWT{
		Algorithms: []string{"RS256", "ES256", "EdDSA", "PS256"}, Leeway: defaultLeeway, RequireExpiry: true, ConsumerClaim: defaultConsumer, ForwardToken: true,
	}
	// A default stays in place of a duration that cannot be read: its problem is known already.
	duration := func(to *gateway.Duration) func(gateway.Pointer, ast.Node) {
		return func(at gateway.Pointer, n ast.Node) {
			if v := d.duration(at, n); v != 0 {
				*to = v
			}
		}
	}
	text := func(to *string) func(gateway.Pointer, ast.Node) {
		return func(at gateway.Pointer, n ast.Node) { *to = d.filled(at, n) }
	}
	truth := func(to *bool) func(gateway.Pointer, ast.Node) {
		return func(at gateway.Pointer, n ast.Node) { *to = d.boolean(at, n) }
	}
	d.mapping(at, n,
		field{"from", func(at gateway.Pointer, n ast.Node) {
			d.mapping(at, n, field{"header", text(&p.From.Header)}, field{"cookie", text(&p.From.Cookie)}, field{"query", text(&p.From.Query)})
		}},
		field{"optional", truth(&p.Optional)},
		field{"algorithms", func(at gateway.Pointer, n ast.Node) { p.Algorithms = d.texts(at, n) }},
		field{"jwksUrl", text(&p.JWKSURL)},
		field{"discovery", truth(&p.Discovery)},
		field{"keys", text(&p.Keys)},
		field{"refresh", duration(&p.Refresh)},
		field{"cooldown", duration(&p.Cooldown)},
		field{"maxStale", duration(&p.MaxStale)},
		field{"issuer", text(&p.Issuer)},
		field{"audience", func(at gateway.Pointer, n ast.Node) { p.Audience = d.texts(at, n) }},
		field{"typ", text(&p.Type)},
		field{"leeway", duration(&p.Leeway)},
		field{"requireExpiry", truth(&p.RequireExpiry)},
		field{"claims", func(at gateway.Pointer, n ast.Node) { p.Claims = d.accepted(at, n) }},
		field{"scopes", func(at gateway.Pointer, n ast.Node) { p.Scopes = d.texts(at, n) }},
		field{"consumerClaim", text(&p.ConsumerClaim)},
		field{"rolesClaim", text(&p.RolesClaim)},
		field{"planClaim", text(&p.PlanClaim)},
		field{"forward", func(at gateway.Pointer, n ast.Node) { p.Forward = d.textMap(at, n) }},
		field{"forwardToken", truth(&p.ForwardToken)},
	)
	if p.Keys == "" {
		for _, one := range []struct {
			to    *gateway.Duration
			value gateway.Duration
		}{{&p.Refresh, defaultRefresh}, {&p.Cooldown, defaultCooldown}, {&p.MaxStale, defaultMaxStale}} {
			if *one.to == 0 {
				*one.to = one.value
			}
		}
	}
	return p
}

// accepted reads what claims may be: one value, or a list of which any will do.
func (d *decoder) accepted(at gateway.Pointer, n ast.Node) map[string][]string {
	out := map[string][]string{}
	d.entries(at, n, func(at gateway.Pointer, kv *ast.MappingValueNode, name string) {
		if _, ok := kv.Value.(*ast.SequenceNode); ok {
			out[name] = d.texts(at, kv.Value)
			return
		}
		out[name] = []string{d.text(at, kv.Value)}
	})
	return out
}
