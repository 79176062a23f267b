package resource

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Kind is the kind of value a property takes.
type Kind int

// The kinds of values. Any takes everything but assets and archives.
const (
	Any Kind = iota
	String
	Bool
	Int    // a whole number
	Number // any number
	Array  // a list of Elem
	Map    // names the author chooses, values of Elem
	Object // the names of Fields
	Archive
	Asset
)

func (k Kind) String() string {
	return [...]string{"any value", "a string", "a boolean", "a whole number", "a number", "a list", "a map", "an object",
		"an archive", "an asset"}[k]
}

// Property describes one input property, or one field of an object.
type Property struct {
	Name       string
	Kind       Kind
	Required   bool
	Immutable  bool                    // a change replaces the resource
	Ignored    bool                    // a change is no difference (client-side settings)
	Secret     bool                    // the output is marked secret
	Default    any                     // filled in when absent; must be a value that Props may hold
	FromConfig string                  // provider setting that fills it in when absent
	OneOf      []any                   // the values there are
	Min, Max   *float64                // of a number; of the length of a string, list or map. Inclusive
	Pattern    *regexp.Regexp          // the whole string must match; anchor it
	Elem       *Property               // of Array and Map
	Fields     []Property              // of Object
	Unmodelled []string                // of Object: fields the real cloud knows and the local one refuses
	Computed   []string                // of Object: fields the cloud adds in the outputs; unknown in the preview of a create
	Set        bool                    // an Array whose order does not matter
	Fold       bool                    // a String whose letter case does not matter
	JSON       bool                    // a String, or any value, that is compared as a JSON document
	Same       func(old, new any) bool // more ways to be equal, for example a trailing dot
	Complain   func(v any) string      // more checks of a known value, in the cloud's words; "" when it is fine
}

// Failure is one thing wrong with the inputs of a resource.
type Failure struct {
	Property string // path from the top, for example "environment.variables"
	Reason   string
}

// At is a bound for Property.Min and Max.
func At(f float64) *float64 { return &f }

// check reports what is wrong with a value at path. Unknown values are fine.
func (p Property) check(path string, v any) []Failure {
	if _, ok := v.(Unknown); ok || v == nil {
		return nil
	}
	fail := func(format string, args ...any) []Failure {
		return []Failure{{Property: path, Reason: fmt.Sprintf(format, args...)}}
	}
	if !p.fits(v) {
		return fail("want %s, got %s", p.Kind, Show(v))
	}
	if len(p.OneOf) > 0 && !slices.ContainsFunc(p.OneOf, func(w any) bool { return w == v }) {
		names := make([]string, len(p.OneOf))
		for i, w := range p.OneOf {
			names[i] = Show(w)
		}
		return fail("expected %s to be one of [%s], got %s", path, strings.Join(names, ", "), Show(v))
	}
	if msg := p.bounds(path, v); msg != "" {
		return fail("%s", msg)
	}
	if s, ok := v.(string); ok && p.Pattern != nil && !p.Pattern.MatchString(s) {
		return fail("invalid value for %s (%q): must match %s", path, s, p.Pattern)
	}
	var out []Failure
	if p.Complain != nil && !HasUnknown(v) {
		if msg := p.Complain(v); msg != "" {
			out = append(out, Failure{Property: path, Reason: msg})
		}
	}
	return append(out, p.checkInside(path, v)...)
}

// checkInside checks elements and fields.
func (p Property) checkInside(path string, v any) []Failure {
	var out []Failure
	switch v := v.(type) {
	case []any:
		if p.Elem != nil {
			for i, e := range v {
				out = append(out, p.Elem.check(path+"["+strconv.Itoa(i)+"]", e)...)
			}
		}
	case Props:
		switch p.Kind {
		case Object:
			out = append(out, checkFields(path+".", p.Fields, p.Unmodelled, v)...)
		case Map:
			if p.Elem != nil {
				for _, k := range v.Keys() {
					out = append(out, p.Elem.check(path+"."+k, v[k])...)
				}
			}
		}
	}
	return out
}

// fits reports whether a value is of the property's kind.
func (p Property) fits(v any) bool {
	ok := false
	switch p.Kind {
	case Any:
		_, blob := v.(Blob)
		ok = !blob
	case String:
		_, ok = v.(string)
	case Bool:
		_, ok = v.(bool)
	case Int:
		f, number := v.(float64)
		ok = number && f == math.Trunc(f)
	case Number:
		_, ok = v.(float64)
	case Array:
		_, ok = v.([]any)
	case Map, Object:
		_, ok = v.(Props)
	case Archive, Asset:
		b, blob := v.(Blob)
		ok = blob && b.Archive == (p.Kind == Archive)
	}
	return ok
}

// bounds checks Min and Max.
func (p Property) bounds(path string, v any) string {
	var n float64
	what := path
	switch v := v.(type) {
	case float64:
		n = v
	case string:
		n, what = float64(len(v)), "length of "+path
	case []any:
		n, what = float64(len(v)), "number of items in "+path
	case Props:
		n, what = float64(len(v)), "number of entries in "+path
	default:
		return ""
	}
	switch {
	case p.Min != nil && p.Max != nil && (n < *p.Min || n > *p.Max):
		return fmt.Sprintf("expected %s to be in the range (%v - %v), got %v", what, *p.Min, *p.Max, n)
	case p.Min != nil && n < *p.Min:
		return fmt.Sprintf("expected %s to be at least (%v), got %v", what, *p.Min, n)
	case p.Max != nil && n > *p.Max:
		return fmt.Sprintf("expected %s to be at most (%v), got %v", what, *p.Max, n)
	}
	return ""
}

// checkFields checks an object, or the inputs of a resource, against its fields. Engine-internal keys are left alone.
func checkFields(prefix string, fields []Property, unmodelled []string, in Props) []Failure {
	var out []Failure
	for _, k := range in.Keys() {
		if strings.HasPrefix(k, "__") || slices.ContainsFunc(fields, func(f Property) bool { return f.Name == k }) {
			continue
		}
		if in[k] == nil {
			continue // an explicit null is the same as absent
		}
		reason := fmt.Sprintf("Invalid or unknown key %q", k)
		if slices.Contains(unmodelled, k) {
			reason = fmt.Sprintf("the local clouds do not model %q: what it does would be missing without a sign of it", prefix+k)
		}
		out = append(out, Failure{Property: prefix + k, Reason: reason})
	}
	for _, f := range fields {
		v, ok := in[f.Name]
		if !ok || v == nil {
			if f.Required {
				out = append(out, Failure{Property: prefix + f.Name, Reason: fmt.Sprintf("Missing required argument: the argument %q is required, but no definition was found", prefix+f.Name)})
			}
			continue
		}
		out = append(out, f.check(prefix+f.Name, v)...)
	}
	return out
}

// fillFields adds defaults, and those of nested objects, without changing in.
func fillFields(fields []Property, in, config Props) Props {
	out := in.Clone()
	for k, v := range out {
		if v == nil {
			delete(out, k)
		}
	}
	for _, f := range fields {
		v, ok := out[f.Name]
		switch {
		case !ok && f.FromConfig != "" && config.Has(f.FromConfig):
			out[f.Name] = config[f.FromConfig]
		case !ok && f.Default != nil:
			out[f.Name] = f.fill(f.Default)
		case ok:
			out[f.Name] = f.fill(v)
		}
	}
	return out
}

// fill adds defaults inside a value.
func (p Property) fill(v any) any {
	switch v := v.(type) {
	case Props:
		if p.Kind == Object {
			return fillFields(p.Fields, v, nil)
		}
	case []any:
		if p.Elem != nil && p.Elem.Kind == Object {
			out := make([]any, len(v))
			for i, e := range v {
				out[i] = p.Elem.fill(e)
			}
			return out
		}
	}
	return v
}

// Show spells a value in a message. Lists and objects are named only by their kind.
func Show(v any) string {
	switch v := v.(type) {
	case string:
		return strconv.Quote(v)
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case bool:
		return strconv.FormatBool(v)
	case []any:
		return "a list"
	case Props:
		return "an object"
	case Blob:
		if v.Archive {
			return "an archive"
		}
		return "an asset"
	case nil:
		return "nothing"
	}
	return fmt.Sprintf("%T", v)
}
