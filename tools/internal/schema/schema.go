// Package schema makes JSON Schemas of the files that people write: the gateway document and the stack file. Editors complete and check
// by them while somebody types.
//
// The schema of the gateway document is not written anywhere. Its keys and types are those that the decoder itself tells of
// (config.Describe), its descriptions are the tables of the reference, and what known.go adds has to be so by the gateway's own rules. A key
// that is new is in it at once; what is wanting is a row in its page, which a test asks for.
//
// A schema says less than `polygate check`: what it refuses is wrong, and what it takes may be.
package schema

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"

	"polygate.example/shared/config"
)

// draft is that of JSON Schema: 07 is what all editors know. Source: json-schema.org/draft-07.
const draft = "http://json-schema.org/draft-07/schema#"

// node is a schema, with the keywords that are used here.
type node struct {
	Schema               string         `json:"$schema,omitempty"`
	Title                string         `json:"title,omitempty"`
	Description          string         `json:"description,omitempty"`
	Type                 string         `json:"type,omitempty"`
	Const                any            `json:"const,omitempty"`
	Enum                 []any          `json:"enum,omitempty"`
	Pattern              string         `json:"pattern,omitempty"`
	MinLength            int            `json:"minLength,omitempty"`
	Minimum              *float64       `json:"minimum,omitempty"`
	Maximum              *float64       `json:"maximum,omitempty"`
	MinItems             int            `json:"minItems,omitempty"`
	Items                *node          `json:"items,omitempty"`
	Properties           map[string]any `json:"properties,omitempty"` // *node, or false for a key that is known only to be refused
	PropertyNames        *node          `json:"propertyNames,omitempty"`
	AdditionalProperties any            `json:"additionalProperties,omitempty"` // *node or false
	MinProperties        int            `json:"minProperties,omitempty"`
	MaxProperties        int            `json:"maxProperties,omitempty"`
	Required             []string       `json:"required,omitempty"`
	AnyOf                []*node        `json:"anyOf,omitempty"`
	Not                  *node          `json:"not,omitempty"`
	Default              any            `json:"default,omitempty"`
}

// Document is the JSON Schema of the gateway document.
func Document() ([]byte, error) {
	ref, err := readReference()
	if err != nil {
		return nil, err
	}
	m := maker{ref: ref}
	root := m.node("", config.Describe(), found{page: readme, container: "document"})
	root.Schema, root.Title = draft, "polygate gateway document"
	root.Description = "Which requests the gateway takes and where they go."
	return encode(root)
}

func encode(n *node) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	err := enc.Encode(n)
	return b.Bytes(), err
}

// maker makes the schema of shapes.
type maker struct {
	ref     reference
	missing []string // keys that the reference says nothing of
}

// node is the schema of one place: the path has a name for each key, "*" for one that is free, and "[]" for an item of a list.
func (m *maker) node(path string, s config.Shape, at found) *node {
	var forms []*node
	if s.Fields != nil {
		forms = append(forms, m.mapping(path, s.Fields, at))
	}
	if s.Free != nil {
		at.container = containers[path+".*"]
		forms = append(forms, &node{Type: "object", AdditionalProperties: m.node(path+".*", *s.Free, at)})
	}
	if s.List != nil {
		at := at
		at.container = containers[path+"[]"]
		n := &node{Type: "array", Items: m.node(path+"[]", *s.List, at)}
		if s.NotEmpty {
			n.MinItems = 1
		}
		forms = append(forms, n)
	}
	forms = append(forms, scalars(s)...)
	n := &node{}
	switch {
	case s.Any:
	case len(forms) == 1:
		n = forms[0]
	default:
		n.AnyOf = forms
	}
	if k, ok := known[strings.TrimPrefix(path, ".")]; ok {
		k.add(n)
	}
	return n
}

// mapping is the schema of a mapping with these keys.
func (m *maker) mapping(path string, fields []config.Field, at found) *node {
	n := &node{Type: "object", Properties: map[string]any{}, AdditionalProperties: false}
	for _, f := range fields {
		inner := path + "." + f.Name
		if f.Shape.Refused() {
			n.Properties[f.Name] = false
			continue
		}
		here := m.ref.find(at, inner, f.Name)
		here.container = containers[inner]
		one := m.node(inner, f.Shape, here)
		one.Description = here.text
		if one.Description == "" {
			m.missing = append(m.missing, inner)
		}
		if k := known[strings.TrimPrefix(inner, ".")]; !k.computed {
			one.Default = f.Shape.Default
		}
		n.Properties[f.Name] = one
		if here.own && here.required {
			n.Required = append(n.Required, f.Name)
		}
	}
	slices.Sort(n.Required)
	return n
}

// scalars are the schemas of what may stand in a place that has no parts.
func scalars(s config.Shape) []*node {
	var out []*node
	if s.Text != "" {
		n := &node{Type: "string", Pattern: patterns[s.Text]}
		if s.NotBlank {
			n.MinLength = 1
		}
		out = append(out, n)
	}
	if s.Number {
		out = append(out, &node{Type: "number"})
	} else if s.Integer {
		n := &node{Type: "integer"}
		if s.Positive {
			n.Minimum = number(1)
		}
		out = append(out, n)
	}
	switch {
	case s.True && s.False:
		out = append(out, &node{Type: "boolean"})
	case s.True:
		out = append(out, &node{Const: true})
	case s.False:
		out = append(out, &node{Const: false})
	}
	if s.Null {
		out = append(out, &node{Type: "null"})
	}
	return out
}

func number(v float64) *float64 { return &v }

// patterns are how text of a form is written.
var patterns = map[config.Form]string{
	config.FormDuration: `^\+?(([0-9]+(\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h))+$`,
	config.FormSize:     `^[0-9]+ ?(KiB|MiB|GiB|kB|MB|GB|B)?$`,
}
