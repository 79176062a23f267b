package openapi

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"polygate.example/shared/gateway"
)

// side is which way what a schema describes goes: readOnly members need not be in requests, writeOnly ones not in answers.
type side struct {
	prefix string // of the names of definitions
	absent string // keyword of members that need not be there
}

var (
	request = side{"", "readOnly"}
	answer  = side{"response/", "writeOnly"}
)

// definition is a schema that others refer to.
type definition struct {
	name string
	at   gateway.Pointer
	side side
}

// schema lowers a schema at a place in the policy.
func (l *lowering) schema(v any, at, here gateway.Pointer, side side) json.RawMessage {
	l.out.Origins[here] = at
	b, err := json.Marshal(l.convert(v, at, side))
	if err != nil {
		l.object(at, "the schema cannot be written as JSON", "mend it")
	}
	return b
}

// definitions lowers what is referred to, until nothing refers to anything new. A schema that refers to itself is one definition.
func (l *lowering) definitions() {
	for len(l.pending) > 0 {
		d := l.pending[0]
		l.pending = l.pending[1:]
		v, _ := l.at(d.at)
		end := l.uses.begin(d.name, false)
		l.out.Defs[d.name] = l.schema(v, d.at, gateway.Pointer("/$defs").Key(d.name), d.side)
		end()
	}
}

// reference gives the reference to a definition in place of one into the document.
func (l *lowering) reference(v any, at gateway.Pointer, side side) (string, bool) {
	ref, is := v.(string)
	if !is {
		l.object(at, "a reference is text", bundle)
		return "", false
	}
	to, err := local(ref)
	if err != nil {
		l.object(at, err.Error(), bundle)
		return "", false
	}
	if _, there := l.at(to); !there {
		l.object(at, fmt.Sprintf("reference %q leads to nothing", cut(ref)), "mend it, or define what it refers to")
		return "", false
	}
	name := strings.TrimPrefix(string(to), "/")
	if short, is := strings.CutPrefix(name, "components/schemas/"); is && !strings.Contains(short, "/") {
		name = strings.NewReplacer("~1", "/", "~0", "~").Replace(short)
	}
	name = side.prefix + name
	l.uses.note(name)
	if l.named == nil {
		l.named = map[string]bool{}
	}
	if !l.named[name] {
		l.named[name] = true
		l.pending = append(l.pending, definition{name, to, side})
	}
	u := url.URL{Fragment: string(gateway.Pointer("/$defs").Key(name))}
	return "#" + u.EscapedFragment(), true
}

// notes are keywords that nothing is tested by, or, like definitions inside of a schema, only by way of a reference.
var notes = []string{"title", "description", "default", "example", "examples", "deprecated", "$comment", "externalDocs", "xml", "discriminator",
	"readOnly", "writeOnly", "contentEncoding", "contentMediaType", "contentSchema", "$defs", "definitions"}

// convert writes a schema as JSON Schema 2020-12 without what is only for readers.
func (l *lowering) convert(v any, at gateway.Pointer, side side) any {
	s, is := v.(map[string]any)
	if !is {
		return v // true or false; of anything else the compiler tells
	}
	out := map[string]any{}
	if ref, there := s["$ref"]; there {
		if to, ok := l.reference(ref, at.Key("$ref"), side); ok {
			out["$ref"] = to
		}
		if l.old {
			return out // OpenAPI 3.0.3, 4.7.23: what stands beside it is ignored
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s)) {
		if name == "$ref" || slices.Contains(notes, name) || strings.HasPrefix(name, "x-") {
			continue
		}
		at, value := at.Key(name), s[name]
		switch name {
		case "properties", "patternProperties", "dependentSchemas":
			value = l.convertNamed(value, at, side)
		case "allOf", "anyOf", "oneOf", "prefixItems":
			value = l.convertList(value, at, side)
		case "items", "additionalProperties", "not", "contains", "propertyNames", "if", "then", "else", "unevaluatedItems", "unevaluatedProperties":
			value = l.convert(value, at, side)
		case "required":
			value = l.required(value, s["properties"], side)
		}
		out[name] = value
	}
	if l.old {
		modernize(out)
	}
	return out
}

func (l *lowering) convertNamed(v any, at gateway.Pointer, side side) any {
	m, is := v.(map[string]any)
	if !is {
		return v
	}
	out := map[string]any{}
	for _, name := range slices.Sorted(maps.Keys(m)) { // in order, so that problems are
		out[name] = l.convert(m[name], at.Key(name), side)
	}
	return out
}

func (l *lowering) convertList(v any, at gateway.Pointer, side side) any {
	list, is := v.([]any)
	if !is {
		return v
	}
	out := make([]any, len(list))
	for i, s := range list {
		out[i] = l.convert(s, at.Index(i), side)
	}
	return out
}

// required leaves out members that go the other way only (OpenAPI 3.0.3, 4.7.24.2; the same for 3.1).
func (l *lowering) required(v, properties any, side side) any {
	names, is := v.([]any)
	if !is {
		return v
	}
	members, _ := properties.(map[string]any)
	return slices.DeleteFunc(slices.Clone(names), func(name any) bool {
		text, _ := name.(string)
		member := members[text]
		for range maxHops {
			s, _ := member.(map[string]any)
			if s[side.absent] == true {
				return true
			}
			ref, is := s["$ref"].(string)
			if !is {
				return false
			}
			to, err := local(ref)
			if err != nil {
				return false
			}
			member, _ = l.at(to)
		}
		return false
	})
}

// modernize writes what OpenAPI 3.0 has of its own as draft 2020-12 has it.
func modernize(s map[string]any) {
	if s["nullable"] == true {
		if t, is := s["type"].(string); is { // without a type it says nothing (OpenAPI 3.0.3, 4.7.24)
			s["type"] = []any{t, "null"}
		}
	}
	if _, is := s["nullable"].(bool); is {
		delete(s, "nullable")
	}
	for _, pair := range [][2]string{{"exclusiveMinimum", "minimum"}, {"exclusiveMaximum", "maximum"}} {
		exclusive, is := s[pair[0]].(bool)
		if !is {
			continue
		}
		delete(s, pair[0])
		if bound, there := s[pair[1]]; exclusive && there {
			s[pair[0]] = bound
			delete(s, pair[1])
		}
	}
}
