package config

import (
	"fmt"
	"io/fs"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"

	"polygate.example/shared/gateway"
)

// decoder reads nodes of the tree into Go values, noting each part's place and everything that has the wrong shape.
type decoder struct {
	*source
	doc       *Document
	files     fs.FS // the document's folder, nil for none
	opened    int   // files of it
	described []describedBy
	probed    *probed // what is asked about the reader of a value; nil unless shapes are found out, see shapeOf
}

// field is one key that a mapping may have and what reads its value.
type field struct {
	name string
	read func(at gateway.Pointer, n ast.Node)
}

// wrong notes a problem with a part's value and that the part cannot be read.
func (d *decoder) wrong(at gateway.Pointer, n ast.Node, what, remedy string) {
	d.doc.fail(at)
	if !isForbidden(n) {
		_ = d.note(at, start(n), KindValue, what, remedy)
	}
}

// note notes a problem of a part.
func (d *decoder) note(at gateway.Pointer, pos *token.Position, kind Kind, what, remedy string) *Problem {
	p := d.object(pos, what, remedy)
	p.Pointer, p.Kind = string(at), kind
	return p
}

// isForbidden reports whether a node is there because of a forbidden token, which has been noted already.
func isForbidden(n ast.Node) bool {
	switch n.(type) {
	case *ast.AliasNode, *ast.AnchorNode, *ast.TagNode, *ast.MergeKeyNode, *ast.MappingKeyNode, *ast.DirectiveNode:
		return true
	}
	return false
}

// bare is a node without its anchor and tag, so that what is wrong inside is found as well.
func bare(n ast.Node) ast.Node {
	for {
		switch m := n.(type) {
		case *ast.AnchorNode:
			n = m.Value
		case *ast.TagNode:
			n = m.Value
		default:
			return n
		}
	}
}

// mapping reads the keys of a mapping by the given fields; any other key is a problem.
func (d *decoder) mapping(at gateway.Pointer, n ast.Node, fields ...field) bool {
	if d.probed.fields(d, n, fields) {
		return true
	}
	var names []string
	for _, f := range fields {
		if f.name != schemaKey { // an editor's: nobody is told to write it
			names = append(names, f.name)
		}
	}
	return d.entries(at, n, func(at gateway.Pointer, key *ast.MappingValueNode, name string) {
		for _, f := range fields {
			if f.name == name {
				f.read(at, key.Value)
				return
			}
		}
		d.doc.fail(at)
		remedy := "known here are " + strings.Join(names, ", ")
		if near := gateway.Nearest(name, names); near != "" {
			// Whatever is missing under the right name is here, under the wrong one: one problem, not two.
			d.doc.fail(at.Parent().Key(near))
			remedy = "did you mean " + strconv.Quote(near) + "?"
		}
		_ = d.note(at, key.Key.GetToken().Position, KindKey, "unknown key "+short(name), remedy)
	})
}

// entries calls read for each key of a mapping, in order, and reports repeated keys and keys that are not text.
func (d *decoder) entries(at gateway.Pointer, n ast.Node, read func(gateway.Pointer, *ast.MappingValueNode, string)) bool {
	if d.probed.free(d, n, read) {
		return true
	}
	var values []*ast.MappingValueNode
	switch n := n.(type) {
	case *ast.MappingNode:
		values = n.Values
	case *ast.MappingValueNode:
		values = []*ast.MappingValueNode{n}
	default:
		d.wrong(at, n, "want a mapping, found "+describe(n), "write key: value lines below the key")
		return false
	}
	first := map[string]int{}
	for _, kv := range values {
		key, ok := kv.Key.(*ast.StringNode)
		pos := kv.Key.GetToken().Position
		if !ok {
			d.doc.fail(at)
			if text := kv.Key.GetToken().Value; !isForbidden(kv.Key) {
				_ = d.note(at, pos, KindKey, "key "+short(text)+" is not text", "put it in quotes: "+short(text))
			}
			continue
		}
		name := key.Value
		if line, again := first[name]; again {
			p := d.note(at.Key(name), pos, KindKey, fmt.Sprintf("key %s is repeated (see line %d)", short(name), line), "keep one of them")
			p.Related = d.doc.place(at.Key(name), true)
			continue
		}
		first[name] = pos.Line
		kv.Value = bare(kv.Value)
		child := at.Key(name)
		d.doc.places[child] = place{key: pos, value: start(kv.Value)}
		read(child, kv, name)
	}
	return true
}

// list calls read for each item of a list.
func (d *decoder) list(at gateway.Pointer, n ast.Node, read func(at gateway.Pointer, n ast.Node)) {
	seq, ok := n.(*ast.SequenceNode)
	if ok && d.probed.items(d, read) {
		return
	}
	if !ok {
		d.wrong(at, n, "want a list, found "+describe(n), "write - before each item, or [a, b]")
		return
	}
	for i, item := range seq.Values {
		child, item := at.Index(i), bare(item)
		d.doc.places[child] = place{value: start(item)}
		read(child, item)
	}
}

// text reads a string. Numbers and the like are refused rather than converted: 1.10 would become 1.1.
func (d *decoder) text(at gateway.Pointer, n ast.Node) string {
	switch n := n.(type) {
	case *ast.StringNode:
		d.probed.text(FormAny)
		return n.Value
	case *ast.LiteralNode:
		return n.Value.Value
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		d.wrong(at, n, "want text, found "+describe(n), "put it in quotes: "+short(n.GetToken().Value))
	default:
		d.wrong(at, n, "want text, found "+describe(n), "write a value, in quotes if it is empty")
	}
	return ""
}

// texts reads a list of strings. One string alone is refused, so that there is one way to write it.
func (d *decoder) texts(at gateway.Pointer, n ast.Node) []string {
	if s, ok := n.(*ast.StringNode); ok {
		d.wrong(at, n, "want a list, found "+describe(n), "write ["+s.Value+"]")
		return nil
	}
	var out []string
	d.list(at, n, func(at gateway.Pointer, n ast.Node) { out = append(out, d.text(at, n)) })
	return out
}

// textMap reads a mapping whose keys are free.
func (d *decoder) textMap(at gateway.Pointer, n ast.Node) map[string]string {
	out := map[string]string{}
	d.entries(at, n, func(at gateway.Pointer, kv *ast.MappingValueNode, name string) { out[name] = d.text(at, kv.Value) })
	return out
}

// integer reads a whole number in plain decimal.
func (d *decoder) integer(at gateway.Pointer, n ast.Node) int {
	if i, ok := n.(*ast.IntegerNode); ok {
		if v, err := strconv.ParseInt(i.GetToken().Value, 10, 32); err == nil {
			return int(v)
		}
		d.wrong(at, n, "want a whole number, found "+describe(n), fmt.Sprintf("write it in decimal digits, at most %d", math.MaxInt32))
		return 0
	}
	d.wrong(at, n, "want a whole number, found "+describe(n), "write digits without quotes")
	return 0
}

// boolean reads true or false.
func (d *decoder) boolean(at gateway.Pointer, n ast.Node) bool {
	if b, ok := n.(*ast.BoolNode); ok {
		return b.Value
	}
	d.wrong(at, n, "want true or false, found "+describe(n), "write true or false without quotes")
	return false
}

// duration reads a Go duration above zero.
func (d *decoder) duration(at gateway.Pointer, n ast.Node) gateway.Duration {
	switch n := n.(type) {
	case *ast.StringNode:
		d.probed.text(FormDuration)
		v, err := time.ParseDuration(n.Value)
		switch {
		case err != nil:
			d.wrong(at, n, "duration "+short(n.Value)+" cannot be read", `write a number and a unit, such as "500ms", "2s" or "1m30s"`)
		case v <= 0:
			d.wrong(at, n, "duration "+short(n.Value)+" is not above zero", "write how long to wait, or leave it out")
		default:
			return gateway.Duration(v)
		}
	case *ast.IntegerNode, *ast.FloatNode:
		text, remedy := n.GetToken().Value, `write a decimal number and a unit, such as "500ms", "2s" or "1m30s"`
		if v, err := time.ParseDuration(text + "s"); err == nil && v > 0 {
			remedy = "write " + text + "s if seconds are meant"
		}
		d.wrong(at, n, "duration "+text+" has no unit", remedy)
	default:
		d.wrong(at, n, "want a duration, found "+describe(n), `write a number and a unit, such as "2s"`)
	}
	return 0
}

// start is where a node's text begins. A block mapping's own token is its first colon, so its first key is asked.
func start(n ast.Node) *token.Position {
	switch m := n.(type) {
	case *ast.MappingNode:
		if len(m.Values) > 0 && !m.IsFlowStyle {
			return start(m.Values[0])
		}
	case *ast.MappingValueNode:
		return m.Key.GetToken().Position
	}
	if n == nil || n.GetToken() == nil {
		return nil
	}
	return n.GetToken().Position
}

// describe names a node's type and, where it is short, its value.
func describe(n ast.Node) string {
	switch n := n.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		return "a mapping"
	case *ast.SequenceNode:
		return "a list"
	case *ast.StringNode:
		return "the text " + short(n.Value)
	case *ast.LiteralNode:
		return "a block of text"
	case *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		return "the number " + cut(n.GetToken().Value)
	case *ast.BoolNode:
		return "the truth value " + n.GetToken().Value
	case *ast.NullNode, nil:
		return "nothing"
	default:
		return "something else"
	}
}

// short is s in quotes, cut to a length that fits a message.
func short(s string) string { return strconv.Quote(cut(s)) }

func cut(s string) string {
	if len(s) > 60 {
		return strings.ToValidUTF8(s[:60], "") + "..."
	}
	return s
}
