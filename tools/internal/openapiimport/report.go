package openapiimport

import (
	"fmt"
	"io"

	"polygate.example/shared/gateway"
	"polygate.example/shared/openapi"
)

// FormatVersion is that of a report in JSON. A field that is new is a new minor version, any other change a new major one.
const FormatVersion = "1.0"

// Kind says what a note means for the gateway.
type Kind string

// The kinds there are.
const (
	Skipped Kind = "skipped" // an operation has no route
	LeftOut Kind = "leftOut" // a part of the document is not in the gateway document
	Changed Kind = "changed" // a part is there, and does not mean quite the same
	FillIn  Kind = "fillIn"  // the user has to say, or set, something
)

func (k Kind) order() int {
	return map[Kind]int{Skipped: 0, LeftOut: 1, Changed: 2, FillIn: 3}[k]
}

// Note is one thing to know about what was imported.
type Note struct {
	Kind    Kind            `json:"kind"`
	Pointer gateway.Pointer `json:"pointer"` // RFC 6901, into the OpenAPI document
	What    string          `json:"what"`
	Remedy  string          `json:"remedy"`
}

// Open is what `polygate check` still objects to in the gateway document.
type Open struct {
	Line    int    `json:"line"`    // from 1
	Column  int    `json:"column"`  // from 1, in characters
	Pointer string `json:"pointer"` // RFC 6901, into the gateway document
	What    string `json:"what"`
	Remedy  string `json:"remedy"`
}

// Report is all there is to say about an import.
type Report struct {
	FormatVersion string `json:"formatVersion"`
	OpenAPI       string `json:"openapi"`    // file, by its path from the gateway document's folder
	Operations    int    `json:"operations"` // that the OpenAPI document has
	Imported      int    `json:"imported"`   // of which there is a route
	Skipped       int    `json:"skipped"`    // the others; each has a note
	Validated     int    `json:"validated"`  // of those that are imported: whose requests are held against the document
	Notes         []Note `json:"notes"`      // by kind, each kind in the order of the document; never null
	Open          []Open `json:"open"`       // never null
}

func (im *importer) note(kind Kind, at gateway.Pointer, what, remedy string) {
	key := string(at) + "\n" + what
	if im.told[key] {
		return
	}
	im.told[key] = true
	im.report.Notes = append(im.report.Notes, Note{kind, at, what, remedy})
}

func (im *importer) skip(o openapi.Operation, what, remedy string) {
	im.report.Skipped++
	im.note(Skipped, o.At, fmt.Sprintf("%s %s: %s", o.Method, o.Path, what), remedy)
}

// Write prints a report for people. document is the gateway document's name, of which what is open is told.
func (r Report) Write(w io.Writer, document string) error {
	title := map[Kind]string{Skipped: "operations without a route", LeftOut: "not carried over", Changed: "carried over with a change", FillIn: "to fill in or to set"}
	var last Kind
	for _, n := range r.Notes {
		if n.Kind != last {
			last = n.Kind
			if _, err := fmt.Fprintf(w, "%s:\n", title[n.Kind]); err != nil {
				return err
			}
		}
		if _, err := fmt.Fprintf(w, "  %s#%s: %s; %s\n", r.OpenAPI, n.Pointer, n.What, n.Remedy); err != nil {
			return err
		}
	}
	if len(r.Open) > 0 {
		if _, err := fmt.Fprintln(w, "polygate check asks for:"); err != nil {
			return err
		}
	}
	for _, o := range r.Open {
		if _, err := fmt.Fprintf(w, "  %s:%d:%d: %s; %s\n", document, o.Line, o.Column, o.What, o.Remedy); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(w, "%d of %d operations are imported, %d skipped; requests of %d are validated; %d open\n", r.Imported, r.Operations, r.Skipped, r.Validated, len(r.Open))
	return err
}
