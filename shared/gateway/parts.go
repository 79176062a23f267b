package gateway

import "slices"

// Part is something heavy that a gateway's binary holds only for documents that need it: the build tag without_<part> leaves it out.
// A handler without a part refuses a model that needs it when it is made, not when a request comes.
type Part string

// The parts there are, with what is in each.
const (
	PartJWT        Part = "jwt"        // tokens and the fetching of keys
	PartRedis      Part = "redis"      // limits that several gateways share
	PartExpression Part = "expression" // conditions on claims and requests
	PartSchema     Part = "schema"     // JSON Schema
	PartZones      Part = "zones"      // the time zone database
)

// Parts are all of them.
func Parts() []Part { return []Part{PartExpression, PartJWT, PartRedis, PartSchema, PartZones} }

// Parts are those that the model needs, sorted, each once.
func (m *Model) Parts() []Part {
	var out []Part
	for _, p := range m.spec.Policies {
		for _, k := range p.kinds() {
			out = append(out, k.kind.parts()...)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
