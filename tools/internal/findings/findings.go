// Package findings is the one form in which `polygate check` says what is wrong with the files of an environment: JSON for programs, and
// SARIF for those that show findings at the lines of a change.
package findings

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"polygate.example/infra/settings"
	"polygate.example/shared/config"
	"polygate.example/tools/internal/schema"
)

// FormatVersion is that of the JSON form. A field that is new is a new minor version, any other change a new major one.
const FormatVersion = "1.0"

// Severity is how bad a finding is. The names are SARIF's levels.
type Severity string

// The severities there are.
const (
	Error   Severity = "error"   // nothing is built or deployed with it
	Warning Severity = "warning" // it works, but not as one might think
	Note    Severity = "note"    // worth a look
)

// Finding is one thing that was found.
type Finding struct {
	File     string    `json:"file"`              // as it was named on the command line, or absolute
	Line     int       `json:"line"`              // from 1
	Column   int       `json:"column"`            // from 1, in characters
	Pointer  string    `json:"pointer"`           // RFC 6901, into the document; "" for the whole of it, and in a stack file
	Severity Severity  `json:"severity"`          // one of the constants
	Rule     string    `json:"rule"`              // which one is broken: see Document and Stack
	What     string    `json:"what"`              // what is wrong
	Remedy   string    `json:"remedy,omitempty"`  // what would be right, where What does not say it
	Related  []Related `json:"related,omitempty"` // other places that are part of the story
}

// Related is another place that is part of a finding's story, in the same file.
type Related struct {
	Line    int    `json:"line"`
	Column  int    `json:"column"`
	Pointer string `json:"pointer"`
}

// String is "file:line:column: what; remedy", which editors and terminals make clickable.
func (f Finding) String() string {
	text := fmt.Sprintf("%s:%d:%d: %s", f.File, f.Line, f.Column, f.What)
	if f.Remedy != "" {
		text += "; " + f.Remedy
	}
	return text
}

// Report is all that was found.
type Report struct {
	FormatVersion string    `json:"formatVersion"`
	Valid         bool      `json:"valid"` // there is no error
	Errors        int       `json:"errors"`
	Warnings      int       `json:"warnings"`
	Model         string    `json:"model,omitempty"` // digest of what the document makes, where it is valid
	Problems      []Finding `json:"problems"`        // of each file in its order; never null

	rules map[string]string // what is known of the rules of the findings
}

// New is a report without findings.
func New() *Report {
	return &Report{FormatVersion: FormatVersion, Valid: true, Problems: []Finding{}, rules: map[string]string{}}
}

// Add adds a finding; about says what its rule is about.
func (r *Report) Add(f Finding, about string) {
	switch f.Severity {
	case Error:
		r.Errors++
		r.Valid = false
	case Warning:
		r.Warnings++
	}
	r.Problems = append(r.Problems, f)
	if r.rules[f.Rule] == "" {
		r.rules[f.Rule] = about
	}
}

// Document adds problems of a gateway document. Their rule is the part of the document that they are about, such as routes.match.path; of keys
// that are unknown or repeated it is "key", and of what is not YAML "syntax".
func (r *Report) Document(problems config.Problems, severity Severity, places *schema.Places) {
	for _, p := range problems {
		f := Finding{File: p.File, Line: p.Line, Column: p.Column, Pointer: p.Pointer, Severity: severity, What: p.What, Remedy: p.Remedy}
		about := ""
		switch p.Kind {
		case config.KindSyntax:
			f.Rule, about = "syntax", "the document is YAML, without the parts of it that make documents hard to read"
		case config.KindKey:
			f.Rule, about = "key", "keys are known, and stand once"
		default:
			f.Rule, about = places.Of(p.Pointer)
		}
		if p.Related != nil {
			f.Related = []Related{{p.Related.Line, p.Related.Column, p.Related.Pointer}}
		}
		r.Add(f, about)
	}
}

// Stack adds problems of a stack file. Their rule is "stack." and the key, such as stack.polygate:ttl. One without a place is at the
// file's beginning.
func (r *Report) Stack(file string, problems settings.Problems, severity Severity) {
	for _, p := range problems {
		f := Finding{File: file, Line: 1, Column: 1, Severity: severity, Rule: "stack." + p.Key}
		if name, line, column, ok := position(p.At); ok {
			f.File, f.Line, f.Column = name, line, column
		}
		p.At = ""
		f.What = p.String()
		r.Add(f, "the dial "+p.Key+" of the stack file")
	}
}

// Sort puts the findings of each file in the order of its lines; the files stay in the order in which something was found in them.
func (r *Report) Sort() {
	files := map[string]int{}
	for _, f := range r.Problems {
		if _, known := files[f.File]; !known {
			files[f.File] = len(files)
		}
	}
	slices.SortStableFunc(r.Problems, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(files[a.File], files[b.File]), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
}

// position reads "file:line:column".
func position(at string) (file string, line, column int, ok bool) {
	rest, last, found := cutLast(at)
	if !found {
		return "", 0, 0, false
	}
	file, first, found := cutLast(rest)
	line, lineErr := strconv.Atoi(first)
	column, columnErr := strconv.Atoi(last)
	return file, line, column, found && lineErr == nil && columnErr == nil
}

func cutLast(s string) (before, after string, found bool) {
	i := strings.LastIndexByte(s, ':')
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+1:], true
}

// WriteJSON prints the report for programs.
func (r *Report) WriteJSON(w io.Writer) error { return encode(w, r) }

func encode(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}
