package resource

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
)

// Props is a property map in plain values: nil, bool, float64, string, []any, Props, Blob and Unknown.
type Props map[string]any

// Unknown stands for a value that a preview cannot know yet.
type Unknown struct{}

// Has reports whether a property is there, known and not null.
func (p Props) Has(name string) bool {
	v, ok := p[name]
	if !ok || v == nil {
		return false
	}
	_, unknown := v.(Unknown)
	return !unknown
}

// Unknown reports whether a property is there but not known yet.
func (p Props) Unknown(name string) bool {
	_, unknown := p[name].(Unknown)
	return unknown
}

// Str returns a string property, "" when it is absent, unknown or of another kind.
func (p Props) Str(name string) string {
	s, _ := p[name].(string)
	return s
}

// Int returns a number property cut to an integer, 0 when it is absent, unknown or of another kind.
func (p Props) Int(name string) int {
	f, _ := p[name].(float64)
	return int(f)
}

// Bool returns a boolean property, false when it is absent, unknown or of another kind.
func (p Props) Bool(name string) bool {
	b, _ := p[name].(bool)
	return b
}

// Object returns a map or object property, nil (which is safe to read) when it is absent, unknown or of another kind.
func (p Props) Object(name string) Props {
	o, _ := p[name].(Props)
	return o
}

// List returns a list property, nil when it is absent, unknown or of another kind.
func (p Props) List(name string) []any {
	l, _ := p[name].([]any)
	return l
}

// Strings returns the known strings of a list property, in order.
func (p Props) Strings(name string) []string {
	var out []string
	for _, v := range p.List(name) {
		if s, ok := v.(string); ok {
			out = append(out, s)
		}
	}
	return out
}

// Objects returns the known objects of a list property, in order.
func (p Props) Objects(name string) []Props {
	var out []Props
	for _, v := range p.List(name) {
		if o, ok := v.(Props); ok {
			out = append(out, o)
		}
	}
	return out
}

// StringMap returns the known strings of a map property.
func (p Props) StringMap(name string) map[string]string {
	out := map[string]string{}
	for k, v := range p.Object(name) {
		if s, ok := v.(string); ok {
			out[k] = s
		}
	}
	return out
}

// Blob returns an asset or archive property.
func (p Props) Blob(name string) (Blob, bool) {
	b, ok := p[name].(Blob)
	return b, ok
}

// Clone copies the top level; nested values are shared and must not be changed in place.
func (p Props) Clone() Props {
	if p == nil {
		return Props{}
	}
	return maps.Clone(p)
}

// With returns a copy with other's entries laid over it.
func (p Props) With(other Props) Props {
	out := p.Clone()
	maps.Copy(out, other)
	return out
}

// Keys lists the property names in order.
func (p Props) Keys() []string { return slices.Sorted(maps.Keys(p)) }

// List makes a list value, of strings mostly.
func List[T any](items ...T) []any {
	out := make([]any, len(items))
	for i, s := range items {
		out[i] = s
	}
	return out
}

// blobKey marks a Blob in the stored JSON; no cloud property has such a name.
const blobKey = "$blob"

// UnmarshalJSON restores the plain values: nested objects become Props, and marked ones become Blob.
func (p *Props) UnmarshalJSON(b []byte) error {
	var raw map[string]any
	if err := json.Unmarshal(b, &raw); err != nil {
		return err
	}
	if raw == nil {
		*p = nil
		return nil
	}
	v, err := plain(raw)
	if err != nil {
		return err
	}
	props, ok := v.(Props)
	if !ok {
		return fmt.Errorf("a property map must not be a %T", v)
	}
	*p = props
	return nil
}

// plain turns decoded JSON into the values that Props may hold.
func plain(v any) (any, error) {
	switch v := v.(type) {
	case map[string]any:
		if raw, ok := v[blobKey]; ok && len(v) == 1 {
			b, err := json.Marshal(raw)
			if err != nil {
				return nil, err
			}
			var blob storedBlob
			if err := json.Unmarshal(b, &blob); err != nil {
				return nil, fmt.Errorf("stored asset: %w", err)
			}
			return Blob(blob), nil
		}
		out := Props{}
		for k, e := range v {
			pv, err := plain(e)
			if err != nil {
				return nil, err
			}
			out[k] = pv
		}
		return out, nil
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			pv, err := plain(e)
			if err != nil {
				return nil, err
			}
			out[i] = pv
		}
		return out, nil
	default:
		return v, nil
	}
}

// HasUnknown reports whether a value is, or holds, an Unknown.
func HasUnknown(v any) bool {
	switch v := v.(type) {
	case Unknown:
		return true
	case Props:
		for _, e := range v {
			if HasUnknown(e) {
				return true
			}
		}
	case []any:
		return slices.ContainsFunc(v, HasUnknown)
	}
	return false
}
