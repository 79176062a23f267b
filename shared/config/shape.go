package config

import (
	"reflect"
	"slices"

	"github.com/goccy/go-yaml/ast"

	"polygate.example/shared/gateway"
)

// Shape is what may stand in one place of a document: anything of which a field says so. One that says nothing of anything is
// of a key that is known only to be refused in better words.
type Shape struct {
	Fields   []Field // of a mapping with these keys; nil if there may be none
	Free     *Shape  // of the values of a mapping whose keys are free
	List     *Shape  // of the items of a list
	NotEmpty bool    // a list needs an item
	Text     Form    // "" if text may not stand here
	NotBlank bool    // text needs a character
	Integer  bool
	Positive bool // an integer has to be above zero
	Number   bool // with a fraction
	True     bool
	False    bool
	Null     bool
	Any      bool // anything: what goes on inside itself is described once
	Default  any  // the value in the model where the key is left out, in its JSON form; nil for the zero value
}

// Field is a key with what may stand under it.
type Field struct {
	Name  string
	Shape Shape
}

// Form is how text is written.
type Form string

// The forms there are.
const (
	FormAny      Form = "text"
	FormDuration Form = "duration" // of Go, above zero: 1m30s
	FormSize     Form = "size"     // of bytes, above zero: 64KiB
)

// Refused reports whether the key is known only to be refused.
func (s Shape) Refused() bool {
	return s.Fields == nil && s.Free == nil && s.List == nil && s.Text == "" && !s.Integer && !s.Number && !s.True && !s.False && !s.Null && !s.Any
}

// Describe is the shape of a whole document, as the decoder takes it: the decoder itself is asked, by showing each of its readers a
// value of every type. So it cannot differ from what Load reads, and a new key is in it as soon as Load reads it.
func Describe() Shape {
	d := decoder{source: &source{}}
	s := d.shapeOf(func(at gateway.Pointer, n ast.Node) { d.document(n) })
	s.fillDefaults(func(inner string) string { return inner }, func(v any) any { return v })
	return s
}

// probed is what one reader does with one value. Its methods are asked on a nil one when a document is read for its own sake, and do nothing.
type probed struct {
	shape Shape
	stack []uintptr // readers that it is inside of
}

// probes are a value of each type that the decoder tells apart.
func probes() []ast.Node {
	root, ok := (&source{}).parse([]byte(`[{}, [], text, "", 1, 0, 1.5, true, false, null]`)).(*ast.SequenceNode)
	if !ok {
		return nil // it is a list
	}
	return root.Values
}

// shapeOf shows a reader one value of each type.
func (d *decoder) shapeOf(read func(gateway.Pointer, ast.Node)) Shape {
	outer, problems, doc := d.probed, d.problems, d.doc
	defer func() { d.probed, d.problems, d.doc = outer, problems, doc }()
	var stack []uintptr
	if outer != nil {
		stack = outer.stack
	}
	var out Shape
	for _, n := range probes() {
		seen := &probed{stack: stack}
		for _, d.probed = range []*probed{seen, nil} { // what is inside of it, and then whether it is taken as it is
			d.problems = nil
			d.doc = newDocument("")
			read("/probe", n)
		}
		out.learn(n, seen, len(d.problems) == 0)
	}
	return out
}

// learn adds what became of one value.
func (s *Shape) learn(n ast.Node, p *probed, taken bool) {
	switch n := n.(type) {
	case *ast.MappingNode:
		s.Fields, s.Free, s.Any = p.shape.Fields, p.shape.Free, s.Any || p.shape.Any
		if s.Fields == nil && s.Free == nil && taken {
			s.Free = &Shape{Any: true}
		}
	case *ast.SequenceNode:
		s.List, s.NotEmpty, s.Any = p.shape.List, p.shape.List != nil && !taken, s.Any || p.shape.Any
		if s.List == nil && taken {
			s.List = &Shape{Any: true}
		}
	case *ast.StringNode:
		if n.Value == "" {
			s.NotBlank = s.Text == FormAny && !taken
			return
		}
		if s.Text = p.shape.Text; s.Text == "" && taken {
			s.Text = FormAny
		}
	case *ast.IntegerNode:
		if n.GetToken().Value == "0" {
			s.Positive = s.Integer && !taken
			return
		}
		s.Integer = taken
	case *ast.FloatNode:
		s.Number = taken
	case *ast.BoolNode:
		s.True, s.False = s.True || n.Value && taken, s.False || !n.Value && taken
	case *ast.NullNode:
		s.Null = taken
	}
}

// fields notes that the value is read as a mapping with these keys; false if nothing is asked, or the value is none.
func (p *probed) fields(d *decoder, n ast.Node, fields []field) bool {
	if p == nil {
		return false
	}
	if _, ok := n.(*ast.MappingNode); !ok {
		return false
	}
	for _, f := range fields {
		if p.within(f.read) {
			p.shape.Any = true
			return true
		}
	}
	p.shape.Fields = []Field{}
	for _, f := range fields {
		d.probed = p.inside(f.read)
		p.shape.Fields = append(p.shape.Fields, Field{f.name, d.shapeOf(f.read)})
	}
	d.probed = p
	return true
}

// within reports whether the value is read inside of what the same reader reads: it can hold itself, as deep as one likes.
func (p *probed) within(read any) bool {
	return slices.Contains(p.stack, reflect.ValueOf(read).Pointer())
}

// inside is what stands around a value of a reader.
func (p *probed) inside(read any) *probed {
	return &probed{stack: append(slices.Clip(p.stack), reflect.ValueOf(read).Pointer())}
}

// free notes that the value is read as a mapping with free keys.
func (p *probed) free(d *decoder, n ast.Node, read func(gateway.Pointer, *ast.MappingValueNode, string)) bool {
	if p == nil {
		return false
	}
	m, ok := n.(*ast.MappingNode)
	if !ok {
		return false
	}
	if p.within(read) {
		p.shape.Any = true
		return true
	}
	d.probed = p.inside(read)
	s := d.shapeOf(func(at gateway.Pointer, n ast.Node) {
		read(at, &ast.MappingValueNode{BaseNode: m.BaseNode, Value: n}, "name")
	})
	d.probed, p.shape.Free = p, &s
	return true
}

// items notes that the value is read as a list.
func (p *probed) items(d *decoder, read func(gateway.Pointer, ast.Node)) bool {
	if p == nil {
		return false
	}
	if p.within(read) {
		p.shape.Any = true
		return true
	}
	d.probed = p.inside(read)
	s := d.shapeOf(read)
	d.probed, p.shape.List = p, &s
	return true
}

// text notes that the value is read as text.
func (p *probed) text(form Form) {
	if p != nil {
		p.shape.Text = form
	}
}
