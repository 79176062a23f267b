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
	defer func() { l.parameterAt = "" }()
	index := map[string]int{}
	for _, list := range []struct {
		v  any
		at gateway.Pointer
	}{{ofPath, pathAt}, {own, ownAt}} {
		items, _ := list.v.([]any)
		seen := map[string]bool{}
		for i, item := range items {
			v, at, err := l.resolve(item, list.at.Index(i))
			if l.ignored(list.at.Index(i), at) {
				out.Ignored = l.known(out.Ignored, v)
				continue
			}
			if err != nil {
				l.parameterAt = list.at.Index(i)
				l.failed(err)
				continue
			}
			l.parameterAt = at
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

// known adds how an ignored parameter may be named, if it is in the query, or nobody can tell where it is as its reference leads nowhere (v is nil).
func (l *lowering) known(to []gateway.Ignored, v map[string]any) []gateway.Ignored {
	if v != nil && v["in"] != gateway.InQuery {
		return to
	}
	name, _ := v["name"].(string)
	one := gateway.Ignored{Name: name}
	style, explode := gateway.DefaultStyle(gateway.InQuery)
	if text, is := v["style"].(string); is {
		style, explode = text, text == gateway.StyleForm
	}
	if own, is := v["explode"].(bool); is {
		explode = own
	}
	switch _, whole := v["content"]; {
	case name == "":
		one.Any = true
	case whole:
	case style == gateway.StyleDeep:
		one.Parts = !l.plain(v["schema"], 0)
	case style == gateway.StyleForm && explode && l.mayBeObject(v["schema"], 0):
		one = gateway.Ignored{Any: true}
	}
	if slices.Contains(to, one) {
		return to
	}
	return append(to, one)
}

// mayBeObject reports whether a schema, which may be one that cannot be used, speaks of objects.
func (l *lowering) mayBeObject(v any, hops int) bool {
	s, is := v.(map[string]any)
	if !is {
		return false
	}
	if ref, is := s["$ref"].(string); is {
		to, err := local(ref)
		if err != nil || hops > maxHops {
			return true
		}
		target, there := l.at(to)
		return !there || l.mayBeObject(target, hops+1)
	}
	switch t := s["type"].(type) {
	case string:
		return t == "object"
	case []any:
		return slices.Contains(t, any("object"))
	}
	for _, name := range []string{"properties", "patternProperties", "additionalProperties", "propertyNames", "required", "minProperties", "maxProperties", "$dynamicRef"} {
		if _, there := s[name]; there {
			return true
		}
	}
	for _, name := range []string{"allOf", "anyOf", "oneOf"} {
		choices, _ := s[name].([]any)
		if hops > maxHops || slices.ContainsFunc(choices, func(one any) bool { return l.mayBeObject(one, hops+1) }) {
			return true
		}
	}
	return false
}

func (l *lowering) parameter(name, in string, v map[string]any, at, here gateway.Pointer) gateway.Parameter {
	l.out.Origins[here] = at
	p := gateway.Parameter{Name: name, In: in}
	p.Required, _ = v["required"].(bool)
	p.Slashes = in == gateway.InPath && v[multiSegment] == true
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
	if p.Style == gateway.StyleDeep && l.plain(schema, 0) {
		p.Style = gateway.StyleForm // what has no parts has no form as a deepObject (OpenAPI 3.1, 4.8.12.4), and descriptions that say so mean name=value
	}
	p.Schema = l.schema(schema, at.Key("schema"), here.Key("schema"), request)
	return p
}

// plain reports whether a schema is of texts, numbers and truth values alone.
func (l *lowering) plain(v any, hops int) bool {
	s, is := v.(map[string]any)
	if !is || hops > maxHops {
		return false
	}
	if ref, is := s["$ref"].(string); is {
		to, err := local(ref)
		if err != nil {
			return false
		}
		target, _ := l.at(to)
		return l.plain(target, hops+1)
	}
	switch t := s["type"].(type) {
	case string:
		return isPlain(t)
	case []any:
		return len(t) > 0 && !slices.ContainsFunc(t, func(one any) bool { return !isPlain(one) })
	}
	for _, name := range []string{"anyOf", "oneOf"} {
		if choices, is := s[name].([]any); is {
			return len(choices) > 0 && !slices.ContainsFunc(choices, func(one any) bool { return !l.plain(one, hops+1) })
		}
	}
	return false
}

func isPlain(t any) bool {
	return t == "string" || t == "integer" || t == "number" || t == "boolean" || t == "null"
}

// ignored reports whether a parameter is to be passed over, by where it stands in a list or where it is defined.
func (l *lowering) ignored(listed, defined gateway.Pointer) bool {
	for _, at := range l.ignore {
		if at == listed || at == defined {
			if !slices.Contains(l.out.Ignored, at) {
				l.out.Ignored = append(l.out.Ignored, at)
			}
			return true
		}
	}
	return false
}

// IsParameter reports whether there is a parameter at a place, or a reference to one.
func (d *Document) IsParameter(at gateway.Pointer) bool {
	keys, ok := gateway.ParsePointer(string(at))
	if !ok || len(keys) < 2 || keys[len(keys)-2] != "parameters" {
		return false
	}
	v, _ := d.at(at)
	p, _ := v.(map[string]any)
	_, named := p["name"].(string)
	_, refers := p["$ref"].(string)
	return named || refers
}
