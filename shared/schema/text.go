package schema

import (
	"encoding/json"
	"slices"
	"strings"
)

// maxHops is how far references are followed to find out of what type something is.
const maxHops = 32

// Text makes values of the text of parameters and forms, which has no types of its own: what a text stands for follows from the schema.
type Text struct {
	types []string // that the value may have; none for any
	items *Text    // of a list
	doc   *document
	node  any
}

// Text tells how text becomes a value of the schema.
func (s *Schema) Text() *Text { return s.doc.text(s.node) }

func (d *document) text(node any) *Text {
	t := &Text{types: d.types(node, 0), doc: d, node: node}
	if t.IsList() {
		items, _ := d.keyword(node, "items", 0)
		t.items = &Text{types: d.types(items, 0), doc: d, node: items}
	}
	return t
}

// IsList reports whether the value is a list and nothing else, but for null.
func (t *Text) IsList() bool { return t.only("array") }

// IsObject reports the same of an object.
func (t *Text) IsObject() bool { return t.only("object") }

func (t *Text) only(name string) bool {
	return slices.Contains(t.types, name) && !slices.ContainsFunc(t.types, func(other string) bool { return other != name && other != "null" })
}

// MayHoldParts reports whether the value may be a list or an object, or such may be in the list that it is.
func (t *Text) MayHoldParts() bool {
	parts := func(t *Text) bool { return slices.Contains(t.types, "array") || slices.Contains(t.types, "object") }
	if t.IsList() {
		return parts(t.items)
	}
	return parts(t)
}

// Member tells how text becomes a member of an object.
func (t *Text) Member(name string) *Text {
	node, there := t.doc.find(t.node, 0, func(s map[string]any) (any, bool) {
		properties, _ := s["properties"].(map[string]any)
		v, there := properties[name]
		return v, there
	})
	if !there {
		node, _ = t.doc.keyword(t.node, "additionalProperties", 0)
	}
	return t.doc.text(node)
}

// Has reports whether an object has a member of a name by its schema.
func (t *Text) Has(name string) bool {
	_, there := t.doc.find(t.node, 0, func(s map[string]any) (any, bool) {
		properties, _ := s["properties"].(map[string]any)
		v, there := properties[name]
		return v, there
	})
	return there
}

// Items tells how text becomes an item of a list.
func (t *Text) Items() *Text {
	items, _ := t.doc.keyword(t.node, "items", 0)
	return t.doc.text(items)
}

// Value is what a text stands for. A number is one if it is written as in JSON and the schema takes numbers; then true and false; then text. What
// is nothing of that stays text, which the schema refuses.
func (t *Text) Value(text string) any {
	if t.takes("integer") || t.takes("number") {
		if json.Valid([]byte(text)) && strings.IndexAny(text, "-0123456789") == 0 {
			if n, err := number(text); err == nil {
				return n
			}
		}
	}
	if t.takes("boolean") && (text == "true" || text == "false") {
		return text == "true"
	}
	return text
}

// Values are the items of a list.
func (t *Text) Values(texts []string) any {
	out := make([]any, len(texts))
	for i, text := range texts {
		out[i] = t.items.Value(text)
	}
	return out
}

func (t *Text) takes(name string) bool { return slices.Contains(t.types, name) }

// types are those that a value may have by a schema, as far as it says; none if it does not.
func (d *document) types(node any, hops int) []string {
	s, is := node.(map[string]any)
	if !is || hops > maxHops {
		return nil
	}
	switch t := s["type"].(type) {
	case string:
		return []string{t}
	case []any:
		var out []string
		for _, one := range t {
			if name, is := one.(string); is {
				out = append(out, name)
			}
		}
		return out
	}
	if ref, is := s["$ref"].(string); is {
		if target, there := d.at(ref); there {
			if out := d.types(target, hops+1); out != nil {
				return out
			}
		}
	}
	if c, there := s["const"]; there {
		return []string{typeOf(c)}
	}
	if values, is := s["enum"].([]any); is {
		var out []string
		for _, v := range values {
			if name := typeOf(v); !slices.Contains(out, name) {
				out = append(out, name)
			}
		}
		return out
	}
	if all, is := s["allOf"].([]any); is {
		for _, one := range all {
			if out := d.types(one, hops+1); out != nil {
				return out
			}
		}
	}
	for _, name := range []string{"anyOf", "oneOf"} {
		var out []string
		choices, _ := s[name].([]any)
		for _, one := range choices {
			types := d.types(one, hops+1)
			if types == nil {
				return nil // any
			}
			out = append(out, types...)
		}
		if out != nil {
			return out
		}
	}
	return nil
}

// keyword finds a keyword in a schema, or in what that refers to or consists of.
func (d *document) keyword(node any, name string, hops int) (any, bool) {
	return d.find(node, hops, func(s map[string]any) (any, bool) {
		v, there := s[name]
		return v, there
	})
}

// find finds something in a schema, or in what that refers to or consists of.
func (d *document) find(node any, hops int, in func(map[string]any) (any, bool)) (any, bool) {
	s, is := node.(map[string]any)
	if !is || hops > maxHops {
		return nil, false
	}
	if v, there := in(s); there {
		return v, true
	}
	if ref, is := s["$ref"].(string); is {
		if target, there := d.at(ref); there {
			if v, there := d.find(target, hops+1, in); there {
				return v, true
			}
		}
	}
	all, _ := s["allOf"].([]any)
	for _, one := range all {
		if v, there := d.find(one, hops+1, in); there {
			return v, true
		}
	}
	return nil, false
}

func typeOf(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case bool:
		return "boolean"
	case string:
		return "string"
	case json.Number:
		return "number"
	case []any:
		return "array"
	}
	return "object"
}
