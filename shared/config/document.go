package config

import (
	"fmt"
	"io/fs"

	"github.com/goccy/go-yaml/token"

	"polygate.example/shared/gateway"
)

// Document is a gateway document as it was written: right in its shape, but not checked against any rule yet. It knows
// where each of its parts stands. It never leaves this package: what leaves is a *gateway.Model.
type Document struct {
	name   string
	spec   gateway.Spec // with defaults filled in
	places map[gateway.Pointer]place
	broken map[gateway.Pointer]bool // parts that could not be read, so that no rule is held against what stands in for them
	holds  map[gateway.Pointer]bool // parts that hold a broken one, at any depth

	origins map[gateway.Pointer]origin // parts that come from an OpenAPI document
}

func newDocument(name string) *Document {
	return &Document{name: name, places: map[gateway.Pointer]place{}, broken: map[gateway.Pointer]bool{}, holds: map[gateway.Pointer]bool{}, origins: map[gateway.Pointer]origin{}}
}

// fail marks a part as one that could not be read.
func (d *Document) fail(at gateway.Pointer) {
	d.broken[at] = true
	for at != "" {
		at = at.Parent()
		d.holds[at] = true
	}
}

// place is where a part of the document stands.
type place struct{ key, value *token.Position }

// read parses and decodes; the document is nil if there is nothing worth checking further. files is its folder, nil for none.
func read(name string, src []byte, files fs.FS) (*Document, Problems) {
	s := source{name: name}
	root := s.parse(src)
	if root == nil {
		return nil, s.problems
	}
	d := decoder{source: &s, doc: newDocument(name), files: files}
	d.document(root)
	d.describe()
	return d.doc, s.problems
}

// locate turns the violations of the document's spec into problems with a position. A violation that rests on a part
// which could not be read is dropped: it would only repeat, in other words, what is known already.
func (d *Document) locate(vs gateway.Violations) Problems {
	var out Problems
	for _, v := range vs {
		at := gateway.Pointer(v.Path)
		if d.unreadable(at) || v.Related != "" && d.unreadable(gateway.Pointer(v.Related)) || v.Premise != "" && d.unreadable(gateway.Pointer(v.Premise)) {
			continue
		}
		if from, there := d.origin(at); there {
			out = append(out, from.file.problem(from.at, v.What, v.Remedy))
			continue
		}
		what := v.What
		if v.Related != "" {
			if other := d.position(gateway.Pointer(v.Related), false); other != nil {
				what += fmt.Sprintf(" (see line %d)", other.Line)
			}
		}
		p := Problem{File: d.name, What: what, Remedy: v.Remedy, Kind: KindRule, Pointer: v.Path}
		p.Line, p.Column = lineColumn(d.position(at, v.Key))
		if v.Related != "" {
			p.Related = d.place(gateway.Pointer(v.Related), false)
		}
		out = append(out, p)
	}
	return out
}

// origin finds where in an OpenAPI document a part comes from, false for one that does not.
func (d *Document) origin(at gateway.Pointer) (origin, bool) {
	for up := at; up != ""; up = up.Parent() {
		if from, there := d.origins[up]; there {
			from.at += at[len(up):]
			return from, true
		}
	}
	return origin{}, false
}

// unreadable reports whether a part, one that holds it, or one that it holds was broken.
func (d *Document) unreadable(at gateway.Pointer) bool {
	for up := at; up != ""; up = up.Parent() {
		if d.broken[up] {
			return true
		}
	}
	return d.broken[""] || d.holds[at]
}

// place is where a part stands, or its key; nil for one that stands nowhere.
func (d *Document) place(at gateway.Pointer, key bool) *Place {
	pos := d.position(at, key)
	if pos == nil {
		return nil
	}
	line, column := lineColumn(pos)
	return &Place{Line: line, Column: column, Pointer: string(at)}
}

// position finds where a part stands; a part that is missing stands where what should hold it does.
func (d *Document) position(at gateway.Pointer, key bool) *token.Position {
	for {
		if p, ok := d.places[at]; ok {
			if key && p.key != nil {
				return p.key
			}
			return p.value
		}
		if at == "" {
			return nil
		}
		at, key = at.Parent(), true
	}
}
