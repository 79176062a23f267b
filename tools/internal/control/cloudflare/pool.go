package cloudflare

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// pool is a pool as "List Pools" has it. Source: developers.cloudflare.com/api/resources/load_balancers/subresources/pools/methods/list.
type pool struct {
	ID      string   `json:"id"`
	Name    string   `json:"name"`
	Enabled *bool    `json:"enabled"`
	Monitor string   `json:"monitor"`
	Origins []origin `json:"origins"`
}

// enabled is so by default: "Whether to enable (the default) or disable this pool".
func (p pool) enabled() bool { return p.Enabled == nil || *p.Enabled }

// serves reports whether an origin of the pool may have traffic. "Disabled pools will not receive traffic", nor do disabled origins.
func (p pool) serves(o origin) bool { return p.enabled() && o.enabled() }

// probed reports whether the pool's origins are: disabled pools "are excluded from health checks", and without a monitor there are none.
func (p pool) probed() bool { return p.enabled() && p.Monitor != "" }

// find is the place of the origin with an address, below 0 when there is none.
func (p pool) find(address string) int {
	return slices.IndexFunc(p.Origins, func(o origin) bool { return o.is(address) })
}

// origin is an origin of a pool with all its fields, so that they can be sent back as they were: who changes one origin overwrites the list.
type origin map[string]json.RawMessage

// answers are the fields that Cloudflare adds to an origin and does not take. Sources: "Patch Pool", origins, has no other beside
// disabled_at, which is set by Cloudflare; healthy and failure_reason, cloudflare/cloudflare-go issue 767.
var answers = []string{"disabled_at", "healthy", "failure_reason"}

// text is a field that is a string, or "".
func (o origin) text(field string) string {
	var s string
	_ = json.Unmarshal(o[field], &s) // what is no string is none of ours
	return s
}

// flag is a field that is a boolean, or nil.
func (o origin) flag(field string) *bool {
	var b *bool
	_ = json.Unmarshal(o[field], &b)
	return b
}

func (o origin) is(address string) bool {
	return address != "" && strings.EqualFold(strings.TrimSuffix(o.text("address"), "."), strings.TrimSuffix(address, "."))
}

// enabled is so by default: "Whether to enable (the default) this origin within the pool".
func (o origin) enabled() bool {
	on := o.flag("enabled")
	return on == nil || *on
}

// with is the origin as it is sent back, enabled or not.
func (o origin) with(enabled bool) origin {
	out := maps.Clone(o)
	for _, field := range answers {
		delete(out, field)
	}
	out["enabled"] = json.RawMessage(fmt.Sprint(enabled))
	return out
}

// change is what is to be different in a pool; what is nil stays.
type change struct {
	Enabled *bool    `json:"enabled,omitempty"`
	Origins []origin `json:"origins,omitempty"`
}

// none reports whether nothing is to be different.
func (c change) none() bool { return c.Enabled == nil && c.Origins == nil }

// drain is what must change in the pool for the origins at these addresses to have traffic or not, and nothing when that is so already. It
// leaves things as a deployment would with the regions drained in its settings: an origin that is alone is drained by its pool, and one of
// several by itself, their pool being enabled while any of them is. Source: infra/failover/cloudflare, layout.go.
//
// Who finds a pool of several disabled, by hand, with its origins enabled, and gives traffic to one, gives none to the others.
func (p pool) drain(addresses []string, drained bool) change {
	asked := func(o origin) bool { return slices.ContainsFunc(addresses, o.is) }
	if !slices.ContainsFunc(p.Origins, func(o origin) bool { return asked(o) && p.serves(o) == drained }) {
		return change{}
	}
	alone := len(p.Origins) == 1
	anyOn, differs := false, false
	origins := make([]origin, len(p.Origins))
	for i, o := range p.Origins {
		on := p.serves(o)
		if asked(o) {
			on = !drained
		}
		anyOn = anyOn || on
		if alone && drained {
			on = o.enabled()
		}
		origins[i] = o.with(on)
		differs = differs || on != o.enabled()
	}
	var c change
	if p.enabled() != anyOn {
		c.Enabled = &anyOn
	}
	if differs {
		c.Origins = origins
	}
	return c
}
