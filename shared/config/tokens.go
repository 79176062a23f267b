package config

import (
	"fmt"

	"github.com/goccy/go-yaml/token"
)

// What the parser is not asked to cope with: it recurses, so depth has to be refused before it, and its time grows with
// the square of the keys of one mapping and the items of one list (go-yaml v1.19.2, parser.parseMap and parseSequence). A
// valid document is eight deep and has at most a thousand keys in one place, and as many items as there may be routes.
const (
	maxFlowDepth = 32     // [ and {
	maxColumn    = 256    // of a block's key or dash: every level of a block begins further right
	maxKeys      = 2_000  // of one mapping
	maxItems     = 20_000 // of one list
)

// size is what a mapping or a list holds so far.
type size struct{ keys, items int }

// forbidden are the parts of YAML that a gateway document does without. Anchors and aliases let a small file stand for an
// enormous one, tags let a value lie about its type, and explicit keys allow keys that are not names.
var forbidden = map[token.Type][2]string{
	token.AnchorType:     {"anchors (&) are not allowed", "write the value where it is used"},
	token.AliasType:      {"aliases (*) are not allowed", "write the value again; in quotes if it is text that begins with *"},
	token.TagType:        {"tags (!) are not allowed", "remove it; put text that begins with ! in quotes"},
	token.MergeKeyType:   {"merge keys (<<) are not allowed", "write the keys out"},
	token.DirectiveType:  {"directives (%) are not allowed", "remove the line"},
	token.MappingKeyType: {"explicit keys (?) are not allowed", "write key: value"},
}

// acceptable notes every token that must not occur, and whether the parser may be let loose on the text.
func (s *source) acceptable(tokens token.Tokens) bool {
	var (
		flow  []size              // of each open bracket
		block [maxColumn + 1]size // of the open mapping, and of the open list, at each column
	)
	fits := func(tk *token.Token, n size) bool {
		switch {
		case n.keys > maxKeys:
			_ = s.object(tk.Position, "the mapping has too many keys", fmt.Sprintf("keep to %d in one mapping", maxKeys))
		case n.items > maxItems:
			_ = s.object(tk.Position, "the list has too many items", fmt.Sprintf("keep to %d in one list", maxItems))
		default:
			return true
		}
		return false
	}
	for _, tk := range tokens {
		if why, bad := forbidden[tk.Type]; bad && !(s.aliases && (tk.Type == token.AnchorType || tk.Type == token.AliasType)) {
			_ = s.object(tk.Position, why[0], why[1])
		}
		switch tk.Type {
		case token.MappingStartType, token.SequenceStartType:
			if flow = append(flow, size{}); len(flow) > maxFlowDepth {
				_ = s.object(tk.Position, "the document is nested too deeply", fmt.Sprintf("keep to %d levels of brackets", maxFlowDepth))
				return false
			}
		case token.MappingEndType, token.SequenceEndType:
			flow = flow[:max(0, len(flow)-1)]
		case token.CollectEntryType:
			if n := len(flow); n > 0 {
				if flow[n-1].items++; !fits(tk, flow[n-1]) {
					return false
				}
			}
		case token.SequenceEntryType, token.MappingValueType:
			if n := len(flow); n > 0 {
				if flow[n-1].keys++; !fits(tk, flow[n-1]) {
					return false
				}
				continue
			}
			column := blockColumn(tk)
			if column > maxColumn {
				_ = s.object(tk.Position, "the document is indented too far", fmt.Sprintf("keep keys and dashes within column %d", maxColumn))
				return false
			}
			column = max(column, 0)
			clear(block[column+1:]) // whatever stood further right has ended
			if tk.Type == token.MappingValueType {
				block[column] = size{keys: block[column].keys + 1} // a list may stand at its key's own column, and ends here
			} else {
				block[column].items++
			}
			if !fits(tk, block[column]) {
				return false
			}
		}
	}
	return true
}

// blockColumn is where the block entry that a token makes begins: the dash itself, or the key before a colon.
func blockColumn(tk *token.Token) int {
	if tk.Type == token.MappingValueType && tk.Prev != nil && tk.Prev.Position.Line == tk.Position.Line {
		return tk.Prev.Position.Column
	}
	return tk.Position.Column
}
