package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Problem is one thing that is wrong with a gateway document.
type Problem struct {
	File    string // as it was given to Load or Parse
	Line    int    // from 1
	Column  int    // from 1, in characters
	What    string // what is wrong
	Remedy  string // what would be right
	Kind    Kind   // what sort of mistake it is
	Pointer string // RFC 6901 pointer to the part it is about; "" for the document as a whole, or for a place that is no part of it
	Related *Place // another place that is part of the story, nil for none
}

// Place is where a part of a document stands.
type Place struct {
	Line, Column int    // from 1; columns in characters
	Pointer      string // RFC 6901
}

// Kind is a sort of mistake.
type Kind string

// The kinds there are.
const (
	KindSyntax Kind = "syntax" // it is not YAML, or not of the YAML that a document may use
	KindKey    Kind = "key"    // a key that is unknown, repeated, or no text
	KindValue  Kind = "value"  // a value that is of the wrong type or cannot be read
	KindRule   Kind = "rule"   // what is written can be read, and breaks a rule
)

// Error is "file:line:column: what; remedy", which editors and terminals make clickable.
func (p Problem) Error() string {
	return fmt.Sprintf("%s:%d:%d: %s; %s", p.File, p.Line, p.Column, p.What, p.Remedy)
}

// Problems is everything that is wrong with a document, sorted by position. It is never empty as an error.
type Problems []Problem

// Error prints one problem per line.
func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap makes each problem reachable for errors.As.
func (ps Problems) Unwrap() []error {
	errs := make([]error, len(ps))
	for i, p := range ps {
		errs[i] = p
	}
	return errs
}

// sort puts problems in the order of the file, those of each file together; of the same place, in the order they were found.
func (ps Problems) sort() {
	slices.SortStableFunc(ps, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
}

var (
	_ error = Problem{}
	_ error = Problems(nil)
)
