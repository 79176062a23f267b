//go:build !without_schema

package handler

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"polygate.example/shared/gateway"
	"polygate.example/shared/schema"
)

// maxNested is how many brackets a name may have.
const maxNested = 10

// nested is a value that is written under several names, a[b]=1&a[c][0]=2, as frameworks read them from queries and forms: a text, or several of one
// name, or parts of its own by what stands in brackets, where "" is one more item of a list, a[]=1.
type nested struct {
	texts []string
	parts map[string]*nested
}

// brackets divides a name that is written so: a[b][] into a and b and "". It has no brackets, or they do not fit together, if keys is nil.
func brackets(name string) (base string, keys []string) {
	base, rest, found := strings.Cut(name, "[")
	if !found || base == "" || !strings.HasSuffix(rest, "]") {
		return name, nil
	}
	keys = strings.Split(strings.TrimSuffix(rest, "]"), "][")
	if slices.ContainsFunc(keys, func(key string) bool { return strings.ContainsAny(key, "[]") }) {
		return name, nil
	}
	return base, keys
}

// put adds texts at a place; false if there is something else.
func (n *nested) put(keys, texts []string) bool {
	switch {
	case len(keys) == 0:
		if n.parts != nil || n.texts != nil {
			return false
		}
		n.texts = texts
		return true
	case n.texts != nil:
		return false
	}
	if n.parts == nil {
		n.parts = map[string]*nested{}
	}
	part := n.parts[keys[0]]
	if part == nil {
		part = &nested{}
		n.parts[keys[0]] = part
	}
	return part.put(keys[1:], texts)
}

// value is what the texts stand for by a schema. why says what keeps it from being a value, and at is where.
func (n *nested) value(t *schema.Text, here gateway.Pointer) (v any, at gateway.Pointer, why string) {
	if n.parts == nil {
		switch {
		case t.MayBeList() && !t.MayHoldParts() && (len(n.texts) > 1 || t.IsList()):
			return t.Values(n.texts), "", ""
		case len(n.texts) > 1:
			return nil, here, isTwice
		}
		return t.Value(n.texts[0]), "", ""
	}
	keys := slices.Sorted(maps.Keys(n.parts))
	if !t.IsObject() && !slices.ContainsFunc(keys, func(key string) bool { return strings.Trim(key, "0123456789") != "" }) {
		return n.list(t, here)
	}
	object := map[string]any{}
	for _, key := range keys {
		v, at, why := n.parts[key].value(t.Member(key), here.Key(key))
		if why == "" && (key == "" || schema.Prototype(key, v)) {
			at, why = here, isMalformed
		}
		if why != "" {
			return nil, at, why
		}
		object[key] = v
	}
	return object, "", ""
}

// list makes items of parts that have numbers, from 0 without gaps, or none, all of them texts: of anything else frameworks differ on what it is.
func (n *nested) list(t *schema.Text, here gateway.Pointer) (any, gateway.Pointer, string) {
	items := t.Items()
	if more, only := n.parts[""]; only {
		if len(n.parts) > 1 || more.parts != nil {
			return nil, here, isMalformed
		}
		out := make([]any, len(more.texts))
		for i, text := range more.texts {
			out[i] = items.Value(text)
		}
		return out, "", ""
	}
	out := make([]any, len(n.parts))
	for i := range out {
		part := n.parts[strconv.Itoa(i)]
		if part == nil {
			return nil, here, isMalformed
		}
		v, at, why := part.value(items, here.Index(i))
		if why != "" {
			return nil, at, why
		}
		out[i] = v
	}
	return out, "", ""
}
