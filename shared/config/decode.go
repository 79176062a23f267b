package config

import (
	"time"

	"github.com/goccy/go-yaml/ast"

	"polygate.example/shared/gateway"
)

// Defaults of an upstream's timeouts. Together with the connect timeout the response timeout stays below the 30 s after
// which AWS HTTP APIs give up on an integration (Amazon API Gateway quotas, "Integration timeout": 30 seconds), so that
// the client reads the gateway's answer and not the front's.
const (
	defaultConnect  = gateway.Duration(2 * time.Second)
	defaultResponse = gateway.Duration(20 * time.Second)
	defaultIdle     = gateway.Duration(60 * time.Second)
)

// schemaKey names the schema for editors, and says nothing to the gateway.
const schemaKey = "$schema"

// document reads the whole document.
func (d *decoder) document(root ast.Node) {
	root = bare(root)
	spec := &d.doc.spec
	d.doc.places[""] = place{value: start(root)}
	d.mapping("", root,
		field{schemaKey, func(at gateway.Pointer, n ast.Node) { d.text(at, n) }},
		field{"version", func(at gateway.Pointer, n ast.Node) { spec.Version = d.integer(at, n) }},
		field{"upstreams", func(at gateway.Pointer, n ast.Node) {
			spec.Upstreams = map[string]gateway.Upstream{}
			d.entries(at, n, func(at gateway.Pointer, kv *ast.MappingValueNode, name string) {
				spec.Upstreams[name] = d.upstream(at, kv.Value)
			})
		}},
		field{"policies", func(at gateway.Pointer, n ast.Node) {
			spec.Policies = map[string]gateway.Policy{}
			d.entries(at, n, func(at gateway.Pointer, kv *ast.MappingValueNode, name string) {
				spec.Policies[name] = d.policy(at, kv.Value)
			})
		}},
		field{"everywhere", func(at gateway.Pointer, n ast.Node) { spec.Everywhere = d.texts(at, n) }},
		field{"routes", func(at gateway.Pointer, n ast.Node) {
			d.list(at, n, func(at gateway.Pointer, n ast.Node) { spec.Routes = append(spec.Routes, d.route(at, n)) })
		}},
	)
}

func (d *decoder) upstream(at gateway.Pointer, n ast.Node) gateway.Upstream {
	u := gateway.Upstream{Timeouts: gateway.Timeouts{Connect: defaultConnect, Response: defaultResponse, Idle: defaultIdle}}
	d.mapping(at, n,
		field{"targets", func(at gateway.Pointer, n ast.Node) { u.Targets = d.targets(at, n) }},
		field{"fallback", func(at gateway.Pointer, n ast.Node) { u.Fallback = d.texts(at, n) }},
		field{"regions", func(at gateway.Pointer, n ast.Node) {
			u.Regions = map[string]gateway.Region{}
			d.entries(at, n, func(at gateway.Pointer, kv *ast.MappingValueNode, name string) {
				u.Regions[name] = d.region(at, kv.Value)
			})
		}},
		field{"timeouts", func(at gateway.Pointer, n ast.Node) { d.timeouts(at, n, &u.Timeouts) }},
		field{"ready", func(at gateway.Pointer, n ast.Node) {
			d.mapping(at, n, field{"path", func(at gateway.Pointer, n ast.Node) { u.Ready.Path = d.text(at, n) }})
		}},
		field{"preserveHost", func(at gateway.Pointer, n ast.Node) { u.PreserveHost = d.boolean(at, n) }},
		field{"keepsSlashes", func(at gateway.Pointer, n ast.Node) { u.KeepsSlashes = d.boolean(at, n) }},
	)
	return u
}

func (d *decoder) region(at gateway.Pointer, n ast.Node) gateway.Region {
	var r gateway.Region
	d.mapping(at, n,
		field{"targets", func(at gateway.Pointer, n ast.Node) { r.Targets = d.targets(at, n) }},
		field{"fallback", func(at gateway.Pointer, n ast.Node) { r.Fallback = d.texts(at, n) }},
	)
	return r
}

func (d *decoder) targets(at gateway.Pointer, n ast.Node) []gateway.Target {
	var out []gateway.Target
	d.list(at, n, func(at gateway.Pointer, n ast.Node) {
		var t gateway.Target
		d.mapping(at, n, field{"url", func(at gateway.Pointer, n ast.Node) { t.URL = d.text(at, n) }})
		out = append(out, t)
	})
	return out
}

func (d *decoder) timeouts(at gateway.Pointer, n ast.Node, t *gateway.Timeouts) {
	// A default stays in place of a duration that cannot be read: its problem is known already.
	read := func(to *gateway.Duration) func(gateway.Pointer, ast.Node) {
		return func(at gateway.Pointer, n ast.Node) {
			if v := d.duration(at, n); v != 0 {
				*to = v
			}
		}
	}
	d.mapping(at, n,
		field{"connect", read(&t.Connect)},
		field{"response", read(&t.Response)},
		field{"idle", read(&t.Idle)},
	)
}

func (d *decoder) route(at gateway.Pointer, n ast.Node) gateway.Route {
	var r gateway.Route
	d.mapping(at, n,
		field{"name", func(at gateway.Pointer, n ast.Node) { r.Name = d.text(at, n) }},
		field{"match", func(at gateway.Pointer, n ast.Node) { r.Match = d.match(at, n) }},
		field{"policies", func(at gateway.Pointer, n ast.Node) { r.Policies = d.texts(at, n) }},
		field{"upstream", func(at gateway.Pointer, n ast.Node) { r.Upstream = d.filled(at, n) }},
		field{"rewrite", func(at gateway.Pointer, n ast.Node) {
			d.mapping(at, n,
				field{"stripPrefix", func(at gateway.Pointer, n ast.Node) { r.Rewrite.StripPrefix = d.filled(at, n) }},
				field{"path", func(at gateway.Pointer, n ast.Node) { r.Rewrite.Path = d.filled(at, n) }},
			)
		}},
		field{"respond", func(at gateway.Pointer, n ast.Node) { r.Respond = d.respond(at, n) }},
		field{"fault", func(at gateway.Pointer, n ast.Node) { r.Fault = d.filled(at, n) }},
		field{"request", func(at gateway.Pointer, n ast.Node) { r.Request = d.edit(at, n) }},
		field{"response", func(at gateway.Pointer, n ast.Node) { r.Response = d.edit(at, n) }},
		field{"timeout", func(at gateway.Pointer, n ast.Node) { r.Timeout = d.duration(at, n) }},
	)
	return r
}

func (d *decoder) match(at gateway.Pointer, n ast.Node) gateway.Match {
	var m gateway.Match
	d.mapping(at, n,
		field{"host", func(at gateway.Pointer, n ast.Node) { m.Host = d.filled(at, n) }},
		field{"methods", func(at gateway.Pointer, n ast.Node) {
			m.Methods = d.texts(at, n)
			if len(m.Methods) == 0 && !d.doc.broken[at] {
				d.wrong(at, n, "the list of methods is empty", "list at least one, or remove the key to take any method")
			}
		}},
		field{"path", func(at gateway.Pointer, n ast.Node) { m.Path = d.text(at, n) }},
		field{"headers", func(at gateway.Pointer, n ast.Node) { m.Headers = d.conditions(at, n) }},
		field{"query", func(at gateway.Pointer, n ast.Node) { m.Query = d.conditions(at, n) }},
	)
	return m
}

func (d *decoder) conditions(at gateway.Pointer, n ast.Node) map[string]gateway.Condition {
	out := map[string]gateway.Condition{}
	d.entries(at, n, func(at gateway.Pointer, kv *ast.MappingValueNode, name string) {
		out[name] = d.condition(at, kv.Value)
	})
	return out
}

// condition reads a value to be equal to, or a mapping with the kind of condition as its one key.
func (d *decoder) condition(at gateway.Pointer, n ast.Node) gateway.Condition {
	switch n.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
	default:
		return gateway.Condition{Kind: gateway.KindExact, Value: d.text(at, n)}
	}
	var found []gateway.Condition
	text := func(kind string) field {
		return field{kind, func(at gateway.Pointer, n ast.Node) {
			found = append(found, gateway.Condition{Kind: kind, Value: d.text(at, n)})
		}}
	}
	d.mapping(at, n, text(gateway.KindExact), text(gateway.KindPrefix), text(gateway.KindRegexp),
		field{gateway.KindPresent, func(at gateway.Pointer, n ast.Node) {
			found = append(found, gateway.Condition{Kind: gateway.KindPresent})
			if !d.boolean(at, n) && !d.doc.broken[at] {
				d.wrong(at, n, "a condition cannot ask for absence", "write present: true, or give the requests without it a route without the condition")
			}
		}},
	)
	if len(found) != 1 {
		if !d.doc.holds[at] {
			d.wrong(at, n, "a condition is one of exact, prefix, regexp and present", "write one of them")
		}
		return gateway.Condition{Kind: gateway.KindPresent}
	}
	return found[0]
}

func (d *decoder) respond(at gateway.Pointer, n ast.Node) *gateway.Respond {
	p := &gateway.Respond{}
	d.mapping(at, n,
		field{"status", func(at gateway.Pointer, n ast.Node) { p.Status = d.integer(at, n) }},
		field{"headers", func(at gateway.Pointer, n ast.Node) { p.Headers = d.textMap(at, n) }},
		field{"body", func(at gateway.Pointer, n ast.Node) { p.Body = d.text(at, n) }},
	)
	return p
}

func (d *decoder) edit(at gateway.Pointer, n ast.Node) gateway.Edit {
	var e gateway.Edit
	d.mapping(at, n, field{"headers", func(at gateway.Pointer, n ast.Node) {
		d.mapping(at, n,
			field{"set", func(at gateway.Pointer, n ast.Node) { e.Headers.Set = d.textMap(at, n) }},
			field{"remove", func(at gateway.Pointer, n ast.Node) { e.Headers.Remove = d.texts(at, n) }},
		)
	}})
	return e
}

// filled reads text where the model takes "" for "not there": written out, an empty value is a mistake.
func (d *decoder) filled(at gateway.Pointer, n ast.Node) string {
	s := d.text(at, n)
	if s == "" && !d.doc.broken[at] {
		d.wrong(at, n, "the value is empty", "write one or remove the key")
	}
	return s
}
