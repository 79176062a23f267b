//go:build !without_expression

package expression

import (
	"fmt"
	"slices"
	"strings"

	"github.com/expr-lang/expr/ast"
)

// functions are those that an expression may use. Each takes time and memory in proportion to what it is given; predicates look at a
// list's members one by one.
var (
	predicates = []string{"all", "any", "none", "one", "count", "filter", "find"}
	functions  = []string{
		"abs", "first", "float", "hasPrefix", "hasSuffix", "indexOf", "int", "last", "len", "lower", "max", "min", "split", "string", "trim", "trimPrefix", "trimSuffix", "upper",
	}
)

// cost looks at an expression before it is compiled, part by part, the inner ones first.
type cost struct {
	found  *Error // the first objection
	claims int    // times that caller.claims is there
	names  []string
}

// usage is what of the values an expression looks at.
type usage struct {
	claims bool
	names  []string // of claims; nil for any
}

func (c *cost) uses() usage {
	u := usage{claims: c.claims > 0}
	if c.claims == len(c.names) {
		u.names = c.names
	}
	return u
}

func (c *cost) object(n ast.Node, what, remedy string) {
	if c.found == nil {
		c.found = &Error{fmt.Sprintf("%s (character %d)", what, n.Location().From+1), remedy}
	}
}

// Visit looks at a part.
func (c *cost) Visit(node *ast.Node) {
	switch n := (*node).(type) {
	case *ast.IdentifierNode:
		if n.Value == "$env" {
			c.object(n, "refers to everything at once by $env", "name what is meant: caller, request, client, region or time")
		}
	case *ast.VariableDeclaratorNode:
		c.object(n, "has a variable", "write what it stands for: by variables a text could double again and again")
	case *ast.SequenceNode:
		c.object(n, "is several expressions", "join them with and, or or")
	case *ast.BinaryNode:
		c.binary(n)
	case *ast.BuiltinNode:
		c.function(n, n.Name)
	case *ast.CallNode:
		if id, ok := n.Callee.(*ast.IdentifierNode); ok {
			c.function(n, id.Value)
		}
	case *ast.PredicateNode:
		inner := each{cost: c}
		ast.Walk(&n.Node, inner)
	case *ast.MemberNode:
		c.member(n)
	}
}

func (c *cost) binary(n *ast.BinaryNode) {
	switch n.Operator {
	case "..":
		c.object(n, "makes a list of numbers", "compare with its ends, such as time.hour >= 8 and time.hour < 18")
	case "matches":
		if _, constant := n.Right.(*ast.StringNode); !constant {
			c.object(n, "matches a pattern that is not written in it", `write the pattern in quotes after matches`)
		}
	}
}

func (c *cost) function(n ast.Node, name string) {
	if !slices.Contains(functions, name) && !slices.Contains(predicates, name) {
		c.object(n, fmt.Sprintf("uses %s, which is no function here", cut(name, 40)), "known are "+strings.Join(slices.Concat(predicates, functions), ", "))
	}
}

// member counts what is looked at of the claims.
func (c *cost) member(n *ast.MemberNode) {
	if isClaims(n) {
		c.claims++
	}
	if isClaims(n.Node) {
		if name, ok := n.Property.(*ast.StringNode); ok {
			c.names = append(c.names, name.Value)
		}
	}
}

func isClaims(n ast.Node) bool {
	m, ok := n.(*ast.MemberNode)
	if !ok {
		return false
	}
	property, ok := m.Property.(*ast.StringNode)
	id, is := m.Node.(*ast.IdentifierNode)
	return ok && is && id.Value == "caller" && property.Value == "claims"
}

// each looks at what is evaluated for each member of a list: nothing in it may go over another one.
type each struct{ cost *cost }

// Visit looks at a part.
func (e each) Visit(node *ast.Node) {
	const remedy = "look at one list at a time: two inside each other take as many steps as the one has members times those of the other"
	switch n := (*node).(type) {
	case *ast.PredicateNode:
		e.cost.object(n, "goes over a list inside of another", remedy)
	case *ast.BinaryNode:
		if _, written := n.Right.(*ast.ArrayNode); n.Operator == "in" && !written {
			e.cost.object(n, "looks for each member of a list in another", remedy)
		}
	case *ast.BuiltinNode:
		if n.Name == "split" {
			e.cost.object(n, "splits a text for each member of a list", remedy)
		}
	}
}

var _ ast.Visitor = each{}
