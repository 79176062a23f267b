package schema

import (
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"polygate.example/shared/gateway"
)

// maxPattern is the longest regular expression, in bytes.
const maxPattern = 4096

// Dialect is the one that schemas may name under $schema.
const Dialect = "https://json-schema.org/draft/2020-12/schema"

// place is what stands under a keyword.
type place int

const (
	plain   place = iota // no schema
	one                  // a schema
	several              // a list of them
	byName               // a mapping of names to them
)

// keyword is what is known of one. Here are those that count in an object on the same value as its own schema.
type keyword struct {
	holds place
	here  bool // holds schemas of the same value, not of a part of it
}

// keywords are those of draft 2020-12 that a schema may have here.
func keywords() map[string]keyword {
	out := map[string]keyword{
		"allOf": {several, true}, "anyOf": {several, true}, "oneOf": {several, true}, "not": {one, true},
		"if": {one, true}, "then": {one, true}, "else": {one, true}, "dependentSchemas": {byName, true},
		"properties": {byName, false}, "patternProperties": {byName, false}, "additionalProperties": {one, false}, "propertyNames": {one, false},
		"unevaluatedProperties": {one, false}, "items": {one, false}, "prefixItems": {several, false}, "contains": {one, false}, "unevaluatedItems": {one, false},
		"contentSchema": {one, false},
	}
	for _, name := range []string{"$ref", "$schema", "$comment", "type", "enum", "const", "multipleOf", "maximum", "exclusiveMaximum", "minimum", "exclusiveMinimum",
		"maxLength", "minLength", "pattern", "maxItems", "minItems", "uniqueItems", "maxContains", "minContains", "maxProperties", "minProperties",
		"required", "dependentRequired", "format", "title", "description", "default", "examples", "deprecated", "readOnly", "writeOnly",
		"contentEncoding", "contentMediaType"} {
		out[name] = keyword{}
	}
	return out
}

// elsewhere are keywords that exist and have no place here, with what to do.
var elsewhere = map[string]string{
	"$id": "remove it", "$anchor": "refer to #/$defs/NAME", "$dynamicAnchor": "refer to #/$defs/NAME", "$dynamicRef": "use $ref", "$recursiveRef": "use $ref",
	"$recursiveAnchor": "remove it", "$vocabulary": "remove it", "$defs": "move what it defines to $defs of the policy", "definitions": "move what it defines to $defs of the policy",
	"additionalItems": "use items beside prefixItems", "dependencies": "use dependentRequired or dependentSchemas", "id": "remove it",
	"nullable": `add "null" to type`, "example": "use examples", "discriminator": "remove it: oneOf is tested without", "xml": "remove it", "externalDocs": "remove it",
}

// walk looks at schemas before they are compiled: at what would be passed over in silence, and at what leads out of the policy.
type walk struct {
	doc    *document
	known  map[string]keyword
	number int // of the schema, -1 for definitions
	found  Problems
}

func (w *walk) object(at gateway.Pointer, what, remedy string) {
	w.found = append(w.found, Problem{Schema: w.number, Pointer: at, What: what, Remedy: remedy})
}

func (w *walk) all() {
	w.known = keywords()
	for i, s := range w.doc.schemas {
		w.number = i
		w.schema("", s)
	}
	w.number = -1
	names := slices.Sorted(maps.Keys(w.doc.defs))
	for _, name := range names {
		w.schema(gateway.Pointer("").Key(name), w.doc.defs[name])
	}
	seen := map[string]bool{}
	for _, name := range names {
		if w.circular("#"+string(gateway.Pointer("/$defs").Key(name)), nil, seen) {
			w.object(gateway.Pointer("").Key(name), fmt.Sprintf("definition %q refers to itself and to nothing else", shown(name)), "let it refer to itself from a property or an item, or not at all")
		}
	}
}

func (w *walk) schema(at gateway.Pointer, v any) {
	s, is := v.(map[string]any)
	if !is {
		return // true, false, or what the compiler refuses
	}
	for _, name := range slices.Sorted(maps.Keys(s)) {
		at, value := at.Key(name), s[name]
		k, known := w.known[name]
		switch remedy, other := elsewhere[name]; {
		case other:
			w.object(at, fmt.Sprintf("keyword %q is not taken here", name), remedy)
		case !known:
			remedy := "write one of JSON Schema 2020-12"
			if near := gateway.Nearest(name, slices.Sorted(maps.Keys(w.known))); near != "" {
				remedy = fmt.Sprintf("did you mean %q?", near)
			}
			w.object(at, fmt.Sprintf("keyword %q is not known", name), remedy)
		case name == "$schema" && value != Dialect && value != Dialect+"#":
			w.object(at, "the schema is of another dialect", "write it in draft 2020-12, and remove $schema")
		case name == "$ref":
			w.reference(at, value)
		case name == "pattern":
			w.pattern(at, value)
		case name == "patternProperties":
			patterns, _ := value.(map[string]any)
			for _, p := range slices.Sorted(maps.Keys(patterns)) {
				w.pattern(at.Key(p), p)
			}
		case name == "format":
			if format, is := value.(string); is && !slices.Contains(Formats(), format) {
				delete(s, name)
			}
		}
		within(at, k.holds, value, w.schema)
	}
}

// pattern tests a regular expression: RE2 knows none whose time could run away, such as those with look-ahead or back-references.
func (w *walk) pattern(at gateway.Pointer, value any) {
	p, is := value.(string)
	if !is {
		return // the compiler tells
	}
	if len(p) > maxPattern {
		w.object(at, fmt.Sprintf("the pattern is %d bytes long", len(p)), fmt.Sprintf("keep it within %d", maxPattern))
	} else if _, err := regexp.Compile(p); err != nil {
		w.object(at, fmt.Sprintf("pattern %q cannot be compiled", shown(p)), "write RE2 syntax (https://github.com/google/re2/wiki/Syntax): it has no look-ahead and no back-references")
	}
}

// within calls do for the schemas under a keyword.
func within(at gateway.Pointer, holds place, v any, do func(gateway.Pointer, any)) {
	switch v := v.(type) {
	case map[string]any:
		if holds == one {
			do(at, v)
		}
		if holds == byName {
			for _, name := range slices.Sorted(maps.Keys(v)) {
				do(at.Key(name), v[name])
			}
		}
	case []any:
		if holds == several {
			for i, one := range v {
				do(at.Index(i), one)
			}
		}
	}
}

func (w *walk) reference(at gateway.Pointer, value any) {
	const remedy = "write #/$defs/NAME, and define NAME under $defs of the policy"
	ref, is := value.(string)
	switch {
	case !is:
		w.object(at, "a reference is text", remedy)
	case !strings.HasPrefix(ref, "#/$defs/"):
		w.object(at, fmt.Sprintf("reference %q leads out of the policy: nothing is loaded", shown(ref)), remedy)
	default:
		if _, there := w.doc.at(ref); !there {
			w.object(at, fmt.Sprintf("reference %q leads to nothing", shown(ref)), remedy)
		}
	}
}

// at finds what a reference refers to.
func (d *document) at(ref string) (any, bool) {
	text, err := url.PathUnescape(strings.TrimPrefix(ref, "#/$defs"))
	if err != nil {
		return nil, false
	}
	return gateway.PartOf(d.defs, text)
}

// circular reports whether a reference leads back to itself without a step into the value: no value could be held against that.
func (w *walk) circular(ref string, way []string, done map[string]bool) bool {
	if slices.Contains(way, ref) {
		return true
	}
	if done[ref] {
		return false
	}
	v, _ := w.doc.at(ref)
	found := slices.ContainsFunc(w.here(v), func(next string) bool { return w.circular(next, append(way, ref), done) })
	done[ref] = !found
	return found
}

// here are the references of a schema that are held against the same value.
func (w *walk) here(v any) []string {
	s, _ := v.(map[string]any)
	var refs []string
	if ref, is := s["$ref"].(string); is {
		refs = append(refs, ref)
	}
	for _, name := range slices.Sorted(maps.Keys(s)) {
		if k := w.known[name]; k.here {
			within("", k.holds, s[name], func(_ gateway.Pointer, v any) { refs = append(refs, w.here(v)...) })
		}
	}
	return refs
}

// shown is text of a document, cut to what fits a message.
func shown(s string) string {
	if len(s) > 100 {
		return strings.ToValidUTF8(s[:100], "") + "..."
	}
	return s
}
