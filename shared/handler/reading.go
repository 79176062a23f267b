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

// readings are all ways together, as one server may have several of them; those that split come last.
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

// misread says why a path is not sent upstream as the route for it would have it: the upstream may take it for one of another route, and the request
// would go around what that one keeps out. /public stands open, and so does all that no route names, and //admin is neither /admin nor one of those
// to every server. "" if there is no such route.
func (rt *router) misread(l *lookup, found *route) string {
	if !l.x.doubtful || !found.sends {
		return ""
	}
	length := 0
	for _, s := range l.x.segments {
		length += len(s) + 1
	}
	if length > maxDoubtful {
		return "its path is too long to ask what else it may mean"
	}
	ask, asked := rt.around(l, found), [][]string{l.x.segments}
	for _, by := range readings() {
		segments := by.of(l.x.segments)
		same := func(other []string) bool { return slices.Equal(other, segments) }
		if by.split && found.keeps || slices.ContainsFunc(asked, same) {
			continue
		}
		meant := ask(segments)
		if by.split { // one that does not asks for no spans
			asked = append(asked, segments)
		}
		if meant == nil && by.split && rt.spans {
			if len(segments) > maxSpanned {
				return "its path has too many segments to ask what else it may mean"
			}
			for one := range spanned(segments) {
				if meant = ask(one); meant != nil {
					break
				}
			}
		}
		if meant != nil {
			why := "its path may mean one of route " + meant.name + ", which keeps out more"
			if by.split { // readings without it come first
				why += ", unless the upstream keeps slashes that are escaped (keepsSlashes)"
			}
			return why
		}
	}
	return ""
}

// around asks for the route that a request whose path means other segments than it has would go around, nil if there is none. What it has read of the
// request for one answer serves for all.
func (rt *router) around(l *lookup, found *route) func(segments []string) *route {
	other := lookup{r: l.r, x: &exchange{}, method: l.method, announced: l.announced, query: l.query}
	return func(segments []string) *route {
		other.x.segments = segments
		if meant := rt.find(&other); meant != nil && meant != found && meant.keepsOutMore(found) {
			return meant
		}
		return nil
	}
}

// maxSpanned is how many segments a path may have of which it is asked what it means where parameters span several: it is asked about all that lie
// together, which are as many as the square. Few paths have half as many.
const maxSpanned = 24

// several stands for segments that are one parameter, whose text is all the same to routes; no pattern has a slash alone for a literal. To join them,
// and to have that decoded again and again, is most of what a hostile path would cost.
const several = "%2F"

// spanned yields a path once for each place where a parameter may take several of its segments. What it yields holds until it yields the next.
func spanned(segments []string) iter.Seq[[]string] {
	return func(yield func([]string) bool) {
		one := make([]string, 0, len(segments))
		for i := range segments {
			for j := i + 2; j <= len(segments); j++ {
				one = append(append(append(one[:0], segments[:i]...), several), segments[j:]...)
				if !yield(one) {
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

// keepsOutMore reports whether a route has a guard that another has not, or answers by itself where the other asks an upstream. It does not if it
// answers all the rest around the other: it is for paths that no route names, as if there were none.
func (r *route) keepsOutMore(than *route) bool {
	if !r.sends {
		return !r.rest || !below(than.prefix, r.prefix)
	}
	return slices.ContainsFunc(r.guards, func(name string) bool { return !slices.Contains(than.guards, name) })
}

// below reports whether all paths that begin with the first segments begin with the second ones. A parameter is "".
func below(inner, outer []string) bool {
	if len(inner) < len(outer) {
		return false
	}
	for i, text := range outer {
		if text != "" && text != inner[i] {
			return false
		}
	}
	return true
}

// guards are, of the names of some policies, those that it matters to go around. The others tell browsers what they may do with the answer.
func guards(names []string, all map[string]gateway.Policy) []string {
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool { return all[name].CORS != nil || all[name].SecurityHeaders != nil })
}
