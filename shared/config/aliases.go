package config

import (
	"fmt"

	"github.com/goccy/go-yaml/ast"
)

// What aliases may do in an OpenAPI document, so that a small file does not stand for an enormous one.
const (
	maxExpanded = 200_000 // values that are read in place of aliases
	maxAliases  = 32      // aliases in what an alias stands for
)

// aliasReader finds out what aliases stand for.
type aliasReader struct {
	*source
	anchors map[string]anchored
	targets map[*ast.AliasNode]ast.Node
	deepest int // how many aliases are in each other in what was read since it was set
}

// anchored is what the last anchor of a name so far names.
type anchored struct {
	node ast.Node
	open bool // it is still being read: an alias to it would have no end
	deep int  // how many aliases are in each other in it
}

// resolveAliases finds what each alias below a node stands for: what the last anchor of its name before it names (YAML 1.2, 7.1, "Alias Nodes"). It
// notes those that stand for nothing, or for what they are in.
func (s *source) resolveAliases(root ast.Node) map[*ast.AliasNode]ast.Node {
	r := &aliasReader{source: s, anchors: map[string]anchored{}, targets: map[*ast.AliasNode]ast.Node{}}
	r.read(root)
	return r.targets
}

func (r *aliasReader) read(n ast.Node) {
	switch n := n.(type) {
	case *ast.AnchorNode:
		r.anchor(n)
	case *ast.AliasNode:
		r.alias(n)
	case *ast.TagNode:
		r.read(n.Value)
	case *ast.MappingNode:
		for _, kv := range n.Values {
			r.read(kv)
		}
	case *ast.MappingValueNode:
		switch n.Key.(type) {
		case *ast.AnchorNode, *ast.AliasNode:
			_ = r.object(start(n.Key), "a key is or has an anchor or an alias", "write the key itself")
		}
		r.read(n.Value)
	case *ast.SequenceNode:
		for _, item := range n.Values {
			r.read(item)
		}
	}
}

func (r *aliasReader) anchor(n *ast.AnchorNode) {
	name := n.Name.GetToken().Value
	outer := r.deepest
	r.anchors[name] = anchored{open: true}
	r.deepest = 0
	r.read(n.Value)
	r.anchors[name] = anchored{node: n.Value, deep: r.deepest}
	r.deepest = max(outer, r.deepest)
}

func (r *aliasReader) alias(n *ast.AliasNode) {
	name := n.Value.GetToken().Value
	to, known := r.anchors[name]
	switch pos := n.GetToken().Position; {
	case !known:
		_ = r.object(pos, fmt.Sprintf("alias %s stands for nothing", short("*"+name)), "name an anchor before it, &"+cut(name)+"; put it in quotes if it is text that begins with *")
	case to.open:
		_ = r.object(pos, fmt.Sprintf("alias %s stands for what it is in", short("*"+name)), "let it stand for something else")
	case to.deep >= maxAliases:
		_ = r.object(pos, "aliases stand for aliases too often", fmt.Sprintf("keep to %d in each other", maxAliases))
	default:
		r.targets[n] = to.node
		r.deepest = max(r.deepest, to.deep+1)
	}
}
