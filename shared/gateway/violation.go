package gateway

import (
	"strconv"
	"strings"
)

// Violation is one rule that a spec breaks.
type Violation struct {
	Path    string // RFC 6901 pointer into the spec, such as /routes/3/match/path
	Key     bool   // the objection is to the key that Path ends in, not to its value
	What    string // what is wrong
	Remedy  string // what would be right
	Related string // pointer to another place that is part of the story, or ""
	Warning bool   // it is to be told, and does not refuse the document; no rule of this package is so mild
	Premise string // pointer to a part that all of has to be understood for the objection to stand, or ""
}

// Violations is every rule that a spec breaks, in the order they were found.
type Violations []Violation

// Error prints one violation per line: pointer: what; remedy.
func (v Violations) Error() string {
	lines := make([]string, len(v))
	for i, one := range v {
		lines[i] = one.Path + ": " + one.What + "; " + one.Remedy
	}
	return strings.Join(lines, "\n")
}

// Pointer is an RFC 6901 pointer under construction. The zero value is the whole spec.
type Pointer string

// Key descends into a mapping.
func (p Pointer) Key(name string) Pointer {
	return p + "/" + Pointer(pointerEscape.Replace(name))
}

// Index descends into a list.
func (p Pointer) Index(i int) Pointer { return p + "/" + Pointer(strconv.Itoa(i)) }

// Parent is the pointer without its last part; the parent of the whole is the whole.
func (p Pointer) Parent() Pointer {
	i := strings.LastIndexByte(string(p), '/')
	if i < 0 {
		return ""
	}
	return p[:i]
}

var pointerEscape = strings.NewReplacer("~", "~0", "/", "~1")

// report collects violations; its methods are the two ways a rule can object.
type report struct{ found Violations }

func (r *report) value(at Pointer, what, remedy string) {
	r.found = append(r.found, Violation{Path: string(at), What: what, Remedy: remedy})
}

func (r *report) key(at Pointer, what, remedy string) {
	r.found = append(r.found, Violation{Path: string(at), Key: true, What: what, Remedy: remedy})
}

var _ error = Violations(nil)
