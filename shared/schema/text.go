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
	items *Text    // of a list, if it may be one
	doc   *document
	nodes []any // the schemas that it may be by: more than one where a schema has alternatives
}

// Text tells how text becomes a value of the schema.
func (s *Schema) Text() *Text { return s.doc.text([]any{s.node}) }

func (d *document) text(nodes []any) *Text {
	t := d.typed(nodes)
	if t.MayBeList() {
		t.items = d.typed(d.keyword(nodes, "items"))
	}
	return t
}

func (d *document) typed(nodes []any) *Text {
	t := &Text{doc: d, nodes: nodes}
	for _, node := range nodes {
		types := d.types(node, 0)
		if types == nil {
			t.types = nil // any
			break
		}
		t.types = append(t.types, types...)
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

// MayBeList reports whether the value may be a list.
func (t *Text) MayBeList() bool { return t.takes("array") }

// MayHaveParts reports whether the value may be a list or an object.
func (t *Text) MayHaveParts() bool { return t.takes("array") || t.takes("object") }

// MayHoldParts reports whether the value may be an object, or a list with lists or objects in it.
func (t *Text) MayHoldParts() bool {
	return t.takes("object") || t.takes("array") && t.items.MayHaveParts()
}

// Member tells how text becomes a member of an object.
func (t *Text) Member(name string) *Text {
	nodes := t.members(name)
	if nodes == nil {
		nodes = t.doc.keyword(t.nodes, "additionalProperties")
	}
	return t.doc.text(nodes)
}

// Has reports whether an object has a member of a name by its schema.
func (t *Text) Has(name string) bool { return t.members(name) != nil }

func (t *Text) members(name string) []any {
	return t.doc.find(t.nodes, func(s map[string]any) (any, bool) {
		properties, _ := s["properties"].(map[string]any)
		v, there := properties[name]
		return v, there
	})
}

// Items tells how text becomes an item of a list.
func (t *Text) Items() *Text { return t.doc.text(t.doc.keyword(t.nodes, "items")) }

// Value is what a text stands for. A number is one if it is written as in JSON and the schema takes numbers; where it takes whole numbers alone, without
// a fraction and an exponent: JSON Schema has 1000000e-5 be the integer 10 (core, 4.2.3), and most of what reads integers from text stops at the e and
// has a million. Then true and false; then text. What is nothing of that stays text, which the schema refuses.
func (t *Text) Value(text string) any {
	if t.takes("number") || t.takes("integer") && !strings.ContainsAny(text, ".eE") {
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

// keyword finds a keyword in schemas, or in what they refer to or consist of.
func (d *document) keyword(nodes []any, name string) []any {
	return d.find(nodes, func(s map[string]any) (any, bool) {
		v, there := s[name]
		return v, there
	})
}

// find finds something in schemas, or in what they refer to or consist of: of what holds together the first, of alternatives what each has.
func (d *document) find(nodes []any, in func(map[string]any) (any, bool)) []any {
	seen := map[string]bool{} // references that were followed: alternatives may share them
	var one func(node any) []any
	each := func(nodes any) (out []any) {
		list, _ := nodes.([]any)
		for _, node := range list {
			out = append(out, one(node)...)
		}
		return out
	}
	one = func(node any) []any {
		s, is := node.(map[string]any)
		if !is {
			return nil
		}
		if v, there := in(s); there {
			return []any{v}
		}
		if ref, is := s["$ref"].(string); is && !seen[ref] {
			seen[ref] = true
			target, _ := d.at(ref)
			if out := one(target); out != nil {
				return out
			}
		}
		all, _ := s["allOf"].([]any)
		for _, node := range all {
			if out := one(node); out != nil {
				return out
			}
		}
		return append(each(s["anyOf"]), each(s["oneOf"])...)
	}
	return each(nodes)
}

func typeOf(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case bool:
		return "boolean"
	case string:
		return "string"
	case json.Number:
		if !strings.ContainsAny(string(v), ".eE") {
			return "integer"
		}
		return "number"
	case []any:
		return "array"
	}
	return "object"
}
