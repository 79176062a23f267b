package config

import (
	"github.com/goccy/go-yaml/ast"

	"polygate.example/shared/gateway"
)

// holder are the keys that say whom a credential belongs to; the consumer is where a kind has it.
func (d *decoder) holder(h *gateway.Holder) []field {
	return []field{
		{"plan", func(at gateway.Pointer, n ast.Node) { h.Plan = d.filled(at, n) }},
		{"roles", func(at gateway.Pointer, n ast.Node) { h.Roles = d.texts(at, n) }},
		{"scopes", func(at gateway.Pointer, n ast.Node) { h.Scopes = d.texts(at, n) }},
		{"metadata", func(at gateway.Pointer, n ast.Node) { h.Metadata = d.textMap(at, n) }},
		{"expires", func(at gateway.Pointer, n ast.Node) { h.Expires = d.filled(at, n) }},
	}
}

func (d *decoder) forwardAs(at gateway.Pointer, n ast.Node) gateway.ForwardAs {
	var f gateway.ForwardAs
	d.mapping(at, n,
		field{"consumer", func(at gateway.Pointer, n ast.Node) { f.Consumer = d.filled(at, n) }},
		field{"plan", func(at gateway.Pointer, n ast.Node) { f.Plan = d.filled(at, n) }},
	)
	return f
}

// credentials reads a list of mappings that hold credentials.
func (d *decoder) credentials(at gateway.Pointer, n ast.Node, read func(at gateway.Pointer, n ast.Node)) {
	if _, ok := n.(*ast.SequenceNode); !ok {
		d.wrong(at, n, "want a list", "write - before each item")
		return
	}
	d.list(at, n, func(at gateway.Pointer, n ast.Node) {
		switch n.(type) {
		case *ast.MappingNode, *ast.MappingValueNode:
			read(at, n)
		default:
			d.wrong(at, n, "want a mapping", "write key: value lines")
		}
	})
}

// hidden reads text that may be a credential by mistake: whatever it is, no message repeats it, as a build's log is read by many.
func (d *decoder) hidden(at gateway.Pointer, n ast.Node, remedy string) string {
	var text string
	switch n := n.(type) {
	case *ast.StringNode:
		text = n.Value
	case *ast.LiteralNode:
		text = n.Value.Value
	default:
		d.wrong(at, n, "want text", remedy)
		return ""
	}
	if text == "" {
		d.wrong(at, n, "the value is empty", remedy)
	}
	return text
}

// clear refuses a credential that stands in the document itself.
func (d *decoder) clear(what, remedy string) func(gateway.Pointer, ast.Node) {
	return func(at gateway.Pointer, n ast.Node) {
		d.wrong(at, n, what+" must not stand in the document: whoever reads it could call with it", remedy)
		d.doc.fail(at.Parent()) // what it should have in its place is said here
	}
}
