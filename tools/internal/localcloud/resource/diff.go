package resource

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
)

// Change is one input property that differs.
type Change struct {
	Property string
	Added    bool // it was absent
	Removed  bool // it is absent now
	Replace  bool
}

// Difference is what an update would change.
type Difference struct {
	Changes             []Change // in order of property name
	DeleteBeforeReplace bool
}

// Replaces lists the properties that force a replacement.
func (d Difference) Replaces() []string {
	var out []string
	for _, c := range d.Changes {
		if c.Replace {
			out = append(out, c.Property)
		}
	}
	return out
}

// Diff compares checked inputs. An unknown value differs from every known one.
func (t *Type) Diff(old, new Props) Difference {
	var d Difference
	for _, p := range t.Properties {
		ov, nv := old[p.Name], new[p.Name]
		if p.Ignored || p.Equal(ov, nv) {
			continue
		}
		d.Changes = append(d.Changes, Change{Property: p.Name, Added: ov == nil, Removed: nv == nil, Replace: p.Immutable || p.replacesInside(ov, nv)})
	}
	slices.SortFunc(d.Changes, func(a, b Change) int { return strings.Compare(a.Property, b.Property) })
	if len(d.Replaces()) > 0 && len(t.Unique) > 0 {
		d.DeleteBeforeReplace = !slices.ContainsFunc(t.Unique, func(name string) bool { return !t.property(name).Equal(old[name], new[name]) })
	}
	return d
}

// property returns a property's description; a computed output is compared as any value.
func (t *Type) property(name string) Property {
	for _, p := range t.Properties {
		if p.Name == name {
			return p
		}
	}
	return Property{Name: name}
}

// Equal reports whether two values of the property mean the same.
func (p Property) Equal(old, new any) bool {
	if _, ok := new.(Unknown); ok {
		return false
	}
	if old == nil || new == nil {
		return empty(old) && empty(new)
	}
	if p.Same != nil && p.Same(old, new) {
		return true
	}
	if p.JSON && sameJSON(old, new) {
		return true
	}
	switch n := new.(type) {
	case string:
		o, ok := old.(string)
		return ok && (o == n || p.Fold && strings.EqualFold(o, n))
	case Blob:
		o, ok := old.(Blob)
		return ok && o.Archive == n.Archive && o.Hash == n.Hash && n.Hash != ""
	case []any:
		o, ok := old.([]any)
		return ok && p.sameList(o, n)
	case Props:
		o, ok := old.(Props)
		return ok && p.sameProps(o, n)
	}
	return reflect.DeepEqual(old, new)
}

func (p Property) sameList(old, new []any) bool {
	if len(old) != len(new) {
		return false
	}
	var elem Property
	if p.Elem != nil {
		elem = *p.Elem
	}
	if p.Set {
		rest := slices.Clone(old)
		for _, n := range new {
			i := slices.IndexFunc(rest, func(o any) bool { return elem.Equal(o, n) })
			if i < 0 {
				return false
			}
			rest = slices.Delete(rest, i, i+1)
		}
		return true
	}
	for i := range new {
		if !elem.Equal(old[i], new[i]) {
			return false
		}
	}
	return true
}

func (p Property) sameProps(old, new Props) bool {
	field := func(name string) Property {
		for _, f := range p.Fields {
			if f.Name == name {
				return f
			}
		}
		if p.Kind == Map && p.Elem != nil {
			return *p.Elem
		}
		return Property{}
	}
	for k := range old.With(new) {
		if strings.HasPrefix(k, "__") {
			continue
		}
		f := field(k)
		if !f.Ignored && !f.Equal(old[k], new[k]) {
			return false
		}
	}
	return true
}

// replacesInside reports whether an immutable field of an object, or of the objects in a list, differs.
func (p Property) replacesInside(old, new any) bool {
	fields := p.Fields
	if p.Elem != nil {
		fields = p.Elem.Fields
	}
	if len(fields) == 0 {
		return false
	}
	os, ns := objectsOf(old), objectsOf(new)
	for i := range max(len(os), len(ns)) {
		var o, n Props
		if i < len(os) {
			o = os[i]
		}
		if i < len(ns) {
			n = ns[i]
		}
		for _, f := range fields {
			if f.Equal(o[f.Name], n[f.Name]) {
				continue
			}
			if f.Immutable || f.replacesInside(o[f.Name], n[f.Name]) {
				return true
			}
		}
	}
	return false
}

func objectsOf(v any) []Props {
	switch v := v.(type) {
	case Props:
		return []Props{v}
	case []any:
		return Props{"": v}.Objects("")
	}
	return nil
}

// empty reports whether a value is as good as absent: clouds keep no empty lists, maps or strings.
func empty(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case string:
		return v == ""
	case []any:
		return len(v) == 0
	case Props:
		return len(v) == 0
	}
	return false
}

// sameJSON compares two documents, each a JSON text or a plain value.
func sameJSON(old, new any) bool {
	doc := func(v any) (any, bool) {
		text, ok := v.(string)
		if !ok {
			b, err := json.Marshal(v)
			if err != nil {
				return nil, false
			}
			text = string(b)
		}
		var out any
		err := json.Unmarshal([]byte(text), &out)
		return out, err == nil
	}
	o, ok1 := doc(old)
	n, ok2 := doc(new)
	return ok1 && ok2 && reflect.DeepEqual(o, n)
}
