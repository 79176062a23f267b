package gateway

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// forward is what a policy tells upstreams of a caller, by the header that it is told in.
type forward struct {
	fields  map[string]string
	most    int                                   // headers
	carries string                                // the header that the caller's credentials come in, besides the usual ones
	instead string                                // of a header of credentials
	field   func(r *report, at Pointer, f string) // tests what is told
}

func (f forward) check(r *report, at Pointer) {
	if len(f.fields) > f.most {
		r.value(at, fmt.Sprintf("there are %d headers", len(f.fields)), fmt.Sprintf("keep to %d", f.most))
		return
	}
	seen := headerNames{}
	for _, name := range slices.Sorted(maps.Keys(f.fields)) {
		at, low := at.Key(name), strings.ToLower(name)
		checkHeaderName(r.key, at, name, requestOwned)
		if low == "authorization" || low == "cookie" || f.carries != "" && low == strings.ToLower(f.carries) {
			r.key(at, fmt.Sprintf("header %s holds credentials", quote(name)), f.instead)
		}
		seen.once(r, at, name)
		f.field(r, at, f.fields[name])
	}
}

// headerNames are the headers of a mapping that have been seen, as they are written there, by what they are without case.
type headerNames map[string]string

// once objects to a name that is there already in another spelling.
func (n headerNames) once(r *report, at Pointer, name string) {
	low := strings.ToLower(name)
	if other, ok := n[low]; ok {
		r.key(at, fmt.Sprintf("header %s is listed twice, as %s too", quote(name), quote(other)), "list it once: header names have no case")
	}
	n[low] = name
}
