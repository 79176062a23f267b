package openapi

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"polygate.example/shared/gateway"
)

// parameters lowers those of a path and of an operation, which come in place of the path's that have the same name and place.
func (l *lowering) parameters(out *gateway.Operation, here gateway.Pointer, ofPath any, pathAt gateway.Pointer, own any, ownAt gateway.Pointer) {
	index := map[string]int{}
	for _, list := range []struct {
		v  any
		at gateway.Pointer
	}{{ofPath, pathAt}, {own, ownAt}} {
		items, _ := list.v.([]any)
		seen := map[string]bool{}
		for i, item := range items {
			v, at, err := l.resolve(item, list.at.Index(i))
			if err != nil {
				l.failed(err)
				continue
			}
			name, _ := v["name"].(string)
			in, _ := v["in"].(string)
			key := in + " " + name
			if in == gateway.InHeader {
				if key = strings.ToLower(key); gateway.IgnoredHeader(name) {
					continue
				}
			}
			if seen[key] {
				l.object(at, fmt.Sprintf("parameter %q is there twice", cut(name)), "keep one of them")
				continue
			}
			seen[key] = true
			n, again := index[key]
			if !again {
				n = len(out.Parameters)
				index[key] = n
				out.Parameters = append(out.Parameters, gateway.Parameter{})
			}
			out.Parameters[n] = l.parameter(name, in, v, at, here.Key("parameters").Index(n))
		}
	}
}

func (l *lowering) parameter(name, in string, v map[string]any, at, here gateway.Pointer) gateway.Parameter {
	l.out.Origins[here] = at
	p := gateway.Parameter{Name: name, In: in}
	p.Required, _ = v["required"].(bool)
	if content, is := v["content"].(map[string]any); is {
		for _, media := range slices.Sorted(maps.Keys(content)) { // one, by the rules of OpenAPI
			entry, _ := content[media].(map[string]any)
			schema, there := entry["schema"]
			if gateway.Structured(media) && media != gateway.FormMedia && there {
				p.JSON, p.Schema = true, l.schema(schema, at.Key("content").Key(media).Key("schema"), here.Key("schema"), request)
				return p
			}
		}
		p.Style, p.Explode = gateway.DefaultStyle(in)
		p.Schema = json.RawMessage("true") // text of a kind that cannot be looked into
		return p
	}
	p.Style, p.Explode = gateway.DefaultStyle(in)
	if style, is := v["style"].(string); is {
		p.Style, p.Explode = style, style == gateway.StyleForm
	}
	if explode, is := v["explode"].(bool); is {
		p.Explode = explode
	}
	if p.Style == gateway.StyleDeep {
		p.Explode = true // it has no other form
	}
	schema, there := v["schema"]
	if !there {
		l.object(at, fmt.Sprintf("parameter %q has no schema", cut(name)), "write one, such as {type: string}")
		return p
	}
	p.Schema = l.schema(schema, at.Key("schema"), here.Key("schema"), request)
	return p
}
