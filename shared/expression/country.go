//go:build !without_expression

package expression

import (
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/parser"
)

// OfCountry reports whether an expression looks at the client's country, which only a front can tell. In doubt it does: where client as a whole is
// used, or what is looked at of it is not written out. A country too many asks for a front that nobody needs; one too few would be unknown.
func OfCountry(text string) bool {
	tree, err := parser.Parse(text)
	if err != nil {
		return mayBeOfCountry(text)
	}
	var c country
	ast.Walk(&tree.Node, &c)
	return c.clients > c.others
}

// country counts what an expression looks at of the client.
type country struct {
	clients int // times that client, or everything, is there
	others  int // times that one of its values is looked at that is not the country
}

// Visit looks at a part.
func (c *country) Visit(node *ast.Node) {
	switch n := (*node).(type) {
	case *ast.IdentifierNode:
		if n.Value == "client" || n.Value == "$env" {
			c.clients++
		}
	case *ast.MemberNode:
		of, is := n.Node.(*ast.IdentifierNode)
		name, written := n.Property.(*ast.StringNode)
		if is && written && of.Value == "client" && name.Value != "country" {
			c.others++
		}
	}
}

var _ ast.Visitor = (*country)(nil)
