package handler

import (
	"iter"
	"net/url"
	"slices"
	"strings"

	"polygate.example/shared/gateway"
)

// maxDoubtful is the longest path, in bytes, of which it is asked what else it may mean: to ask takes some times as long as to find its route.
const maxDoubtful = 8 << 10

// reading is a way in which servers make another path of one that is written as it should be.
type reading struct {
	merge bool // empty segments are left out: nginx (merge_slashes) and Apache (MergeSlashes) do so unless they are told not to
	cut   bool // what follows a semicolon is a parameter of the segment and no part of its name (RFC 3986, 3.3): servers in Java
	split bool // what is escaped is decoded before segments are told apart, and a backslash is a slash: nginx, servers on Windows
}

// readings are all ways together, as one server may have several of them.
func readings() []reading {
	var all []reading
	for bits := 1; bits < 8; bits++ {
		all = append(all, reading{merge: bits&1 != 0, cut: bits&2 != 0, split: bits&4 != 0})
	}
	return all
}

// of is the escaped segments of the path that a server takes some segments for. An empty one at the end stays: it is the slash there.
func (by reading) of(segments []string) []string {
	var out []string
	for i, s := range segments {
		parts := []string{unescape(s)}
		if by.split {
			parts = strings.Split(strings.ReplaceAll(parts[0], `\`, "/"), "/")
		}
		for j, text := range parts {
			if by.cut {
				text, _, _ = strings.Cut(text, ";")
			}
			if text != "" || !by.merge || i == len(segments)-1 && j == len(parts)-1 {
				out = append(out, url.PathEscape(text))
			}
		}
	}
	return out
}

// misread reports whether an upstream may take the path of a request, which a route sends to it, for one of another route whose policies the
// request would go around: /public stands open, and so does all that no route names, and //admin is neither /admin nor one of those to
// every server.
func (rt *router) misread(l *lookup, found *route) bool {
	if !l.x.doubtful || !found.sends {
		return false
	}
	length := 0
	for _, s := range l.x.segments {
		length += len(s) + 1
	}
	if length > maxDoubtful {
		return true
	}
	return slices.ContainsFunc(readings(), func(by reading) bool {
		segments := by.of(l.x.segments)
		switch {
		case slices.Equal(segments, l.x.segments):
			return false
		case rt.goesAround(l, found, segments):
			return true
		case !rt.spans || !by.split:
			return false
		case len(segments) > maxSpanned:
			return true
		}
		for one := range spanned(segments) {
			if rt.goesAround(l, found, one) {
				return true
			}
		}
		return false
	})
}

// goesAround reports whether a request whose path means other segments than it has would go around policies.
func (rt *router) goesAround(l *lookup, found *route, segments []string) bool {
	other := lookup{r: l.r, x: &exchange{segments: segments}, method: l.method, announced: l.announced}
	meant := rt.find(&other)
	return meant != nil && meant != found && meant.keepsOutMore(found)
}

// maxSpanned is how many segments a path may have of which it is asked what it means where parameters span several: it is asked about all that lie
// together. No pattern has as many.
const maxSpanned = 40

// spanned yields a path once for each place where a parameter may take several of its segments.
func spanned(segments []string) iter.Seq[[]string] {
	return func(yield func([]string) bool) {
		for i := range segments {
			for j := i + 2; j <= len(segments); j++ {
				if !yield(slices.Concat(segments[:i], []string{strings.Join(segments[i:j], "%2F")}, segments[j:])) {
					return
				}
			}
		}
	}
}

// spansSegments reports whether an operation has a parameter that may hold slashes: its upstream takes several segments for one.
func spansSegments(all map[string]gateway.Policy) bool {
	for _, p := range all {
		if p.Validate == nil {
			continue
		}
		for _, o := range p.Validate.Operations {
			if slices.ContainsFunc(o.Parameters, func(p gateway.Parameter) bool { return p.Slashes }) {
				return true
			}
		}
	}
	return false
}

// keepsOutMore reports whether a route has a policy that another has not, or answers by itself where the other asks an upstream.
func (r *route) keepsOutMore(than *route) bool {
	return !r.sends || slices.ContainsFunc(r.policies, func(name string) bool { return !slices.Contains(than.policies, name) })
}
