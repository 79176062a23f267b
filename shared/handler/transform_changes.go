package handler

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"polygate.example/shared/gateway"
)

// pair is a name and its value, or its new name.
type pair struct{ name, value string }

// changes are compiled gateway.Changes.
type changes struct {
	remove   []string
	rename   []pair
	set, add []namedTemplate
}

type namedTemplate struct {
	name  string
	value gateway.Template
}

// filledChanges are changes for one request.
type filledChanges struct {
	remove   []string
	rename   []pair
	set, add []pair
}

// compileChanges sorts what has no order, so that the same request is always changed in the same way.
func compileChanges(c gateway.Changes, canonical func(string) string) (changes, error) {
	var out changes
	for _, name := range c.Remove {
		out.remove = append(out.remove, canonical(name))
	}
	for _, from := range slices.Sorted(maps.Keys(c.Rename)) {
		out.rename = append(out.rename, pair{canonical(from), canonical(c.Rename[from])})
	}
	for _, list := range []struct {
		from map[string]string
		to   *[]namedTemplate
	}{{c.Set, &out.set}, {c.Add, &out.add}} {
		for _, name := range slices.Sorted(maps.Keys(list.from)) {
			t, err := gateway.ParseTemplate(list.from[name])
			if err != nil {
				return changes{}, err // no model has one
			}
			*list.to = append(*list.to, namedTemplate{canonical(name), t})
		}
	}
	return out, nil
}

func (c changes) fill(text func(gateway.Template) (string, error)) (filledChanges, error) {
	out := filledChanges{remove: c.remove, rename: c.rename}
	for _, list := range []struct {
		from []namedTemplate
		to   *[]pair
	}{{c.set, &out.set}, {c.add, &out.add}} {
		if len(list.from) == 0 {
			continue
		}
		*list.to = make([]pair, len(list.from))
		for i, one := range list.from {
			value, err := text(one.value)
			if err != nil {
				return filledChanges{}, err
			}
			(*list.to)[i] = pair{one.name, value}
		}
	}
	return out, nil
}

func (c filledChanges) empty() bool { return len(c.remove)+len(c.rename)+len(c.set)+len(c.add) == 0 }

// headers changes headers. One that is set to nothing is removed, so that what the other side sent under its name does not pass for it.
func (c filledChanges) headers(h http.Header) {
	for _, name := range c.remove {
		delete(h, name)
	}
	var moved []http.Header
	for _, p := range c.rename { // all are taken before any is put, so that names can be exchanged
		if values, there := h[p.name]; there {
			moved = append(moved, http.Header{p.value: values})
			delete(h, p.name)
		}
	}
	for _, m := range moved {
		maps.Copy(h, m)
	}
	for _, p := range c.set {
		if p.value == "" {
			delete(h, p.name)
			continue
		}
		h[p.name] = []string{p.value}
	}
	for _, p := range c.add {
		if p.value != "" {
			h[p.name] = append(slices.Clip(h[p.name]), p.value)
		}
	}
}

// clean takes off what is another spelling of a header that is removed or set, see introduction.clean.
func (c filledChanges) clean(out *http.Request) {
	if c.empty() {
		return
	}
	for name := range out.Header {
		same := func(other string) bool { return name != other && sameVariable(name, other) }
		if slices.ContainsFunc(c.remove, same) || slices.ContainsFunc(c.set, func(p pair) bool { return same(p.name) }) {
			delete(out.Header, name)
		}
	}
}

// query changes a query string. What is not touched stays as it is written and where it is.
func (c filledChanges) query(raw string) string {
	type parameter struct{ name, text string }
	var all []parameter
	for text := range strings.SplitSeq(raw, "&") {
		key, _, _ := strings.Cut(text, "=")
		if name, err := url.QueryUnescape(key); err == nil && text != "" {
			all = append(all, parameter{name, text})
		}
	}
	drop := func(name string) {
		all = slices.DeleteFunc(all, func(p parameter) bool { return p.name == name })
	}
	for _, name := range c.remove {
		drop(name)
	}
	var moved []parameter
	for _, p := range c.rename {
		for _, one := range all {
			if one.name == p.name {
				_, value, _ := strings.Cut(one.text, "=")
				moved = append(moved, parameter{p.value, url.QueryEscape(p.value) + "=" + value})
			}
		}
	}
	for _, p := range c.rename {
		drop(p.name)
	}
	for _, m := range moved {
		drop(m.name)
	}
	all = append(all, moved...)
	for _, p := range c.set {
		drop(p.name)
	}
	for _, p := range slices.Concat(c.set, c.add) {
		all = append(all, parameter{p.name, url.QueryEscape(p.name) + "=" + url.QueryEscape(p.value)})
	}
	texts := make([]string, len(all))
	for i, p := range all {
		texts[i] = p.text
	}
	return strings.Join(texts, "&")
}

// cookies changes the cookies of a request. Those that are not touched stay as they are written; one that is set to nothing is removed.
func (c filledChanges) cookies(h http.Header) {
	var kept []string
	for _, line := range h["Cookie"] {
		for text := range strings.SplitSeq(line, ";") {
			text = strings.TrimSpace(text)
			name, _, _ := strings.Cut(text, "=")
			name = strings.TrimSpace(name)
			if text != "" && !slices.Contains(c.remove, name) && !slices.ContainsFunc(c.set, func(p pair) bool { return p.name == name }) {
				kept = append(kept, text)
			}
		}
	}
	for _, p := range c.set {
		if p.value != "" {
			kept = append(kept, p.name+"="+p.value)
		}
	}
	if delete(h, "Cookie"); len(kept) > 0 {
		h["Cookie"] = []string{strings.Join(kept, "; ")}
	}
}
