package openapi

import (
	"maps"
	"slices"

	"polygate.example/shared/gateway"
)

// uses is which definitions are referred to by what: by operations, which are known by their places in the document, and by definitions, known by their names.
type uses struct {
	now        string // what is read; "" for none of both
	operations map[string]bool
	by         map[string]map[string]bool // of a definition
}

func newUses() *uses { return &uses{operations: map[string]bool{}, by: map[string]map[string]bool{}} }

// begin notes what is read from now on, until what it returns is called.
func (u *uses) begin(what string, operation bool) (end func()) {
	u.now = what
	if operation {
		u.operations[what] = true
	}
	return func() { u.now = "" }
}

// note notes a reference to a definition.
func (u *uses) note(definition string) {
	if u.by[definition] == nil {
		u.by[definition] = map[string]bool{}
	}
	u.by[definition][u.now] = true
}

// of are the operations that refer to a definition, by others or not, or that are the one named.
func (u *uses) of(what string) []gateway.Pointer {
	seen := map[string]bool{what: true}
	next := []string{what}
	var out []gateway.Pointer
	for len(next) > 0 {
		one := next[0]
		next = next[1:]
		if u.operations[one] {
			out = append(out, gateway.Pointer(one))
		}
		for by := range maps.Keys(u.by[one]) {
			if !seen[by] {
				seen[by] = true
				next = append(next, by)
			}
		}
	}
	slices.Sort(out)
	return out
}
