package handler

import (
	"encoding/json"
	"errors"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"github.com/vektah/gqlparser/v2/lexer"
	"github.com/vektah/gqlparser/v2/parser"

	"polygate.example/shared/gateway"
)

// maxNesting is how many brackets of a document may be inside each other: who reads it goes down as deep.
const maxNesting = 500

// manyMost is more than any limit. Sums and products stop there, as fragments can stand for more than a number holds.
const manyMost = math.MaxInt64 >> 2

var (
	errTokens   = errors.New("its documents have too many tokens")
	errNested   = errors.New("its document has too many brackets inside each other")
	errCircle   = errors.New("a fragment spreads itself")
	errFragment = errors.New("a fragment is spread that is not there")
)

// countTokens is how many tokens a document has, up to a number.
func countTokens(document string, most int) (int, error) {
	lex := lexer.New(&ast.Source{Input: document})
	n, nested := 0, 0
	for {
		t, err := lex.ReadToken()
		if err != nil {
			return 0, readable(err)
		}
		switch t.Kind {
		case lexer.EOF:
			return n, nil
		case lexer.BraceL, lexer.BracketL, lexer.ParenL:
			if nested++; nested > maxNesting {
				return 0, errNested
			}
		case lexer.BraceR, lexer.BracketR, lexer.ParenR:
			nested--
		}
		if n++; n > most {
			return 0, errTokens
		}
	}
}

// parseGraphQL reads a document of operations and fragments.
func parseGraphQL(document string, tokens int) (*ast.QueryDocument, error) {
	doc, err := parser.ParseQueryWithTokenLimit(&ast.Source{Input: document}, tokens+1) // it counts the end
	if err != nil {
		return nil, readable(err)
	}
	for _, f := range doc.Fragments {
		if len(f.VariableDefinition) > 0 { // not in the specification: servers differ in what it means
			return nil, errors.New("a fragment has variables of its own")
		}
	}
	return doc, nil
}

// readable is where a document is wrong, without what is there.
func readable(err error) error {
	var e *gqlerror.Error
	if errors.As(err, &e) && len(e.Locations) > 0 {
		return errors.New("line " + strconv.Itoa(e.Locations[0].Line) + ", column " + strconv.Itoa(e.Locations[0].Column))
	}
	return errors.New("it is none")
}

// tally is what selections ask for.
type tally struct {
	depth, fields, aliases, cost int64 // fields are those at its root
	introspects                  bool
}

// add takes in another's, beside it.
func (t *tally) add(o tally) {
	t.depth = max(t.depth, o.depth)
	t.fields, t.aliases, t.cost = plus(t.fields, o.fields), plus(t.aliases, o.aliases), plus(t.cost, o.cost)
	t.introspects = t.introspects || o.introspects
}

func plus(a, b int64) int64 { return min(a+b, manyMost) }

func times(a, b int64) int64 {
	if a > 0 && b > manyMost/a {
		return manyMost
	}
	return a * b
}

// walk adds up what an operation asks for.
type walk struct {
	spec      *gateway.GraphQL
	fragments map[string]*fragment
	given     map[string]any        // variables
	defaults  map[string]*ast.Value // of variables; nil for those without one
	sizes     map[string]size       // of variables, once they are known
}

// fragment is one of the document. It is looked at once, however often it is spread.
type fragment struct {
	selections ast.SelectionSet
	open, done bool
	tally      tally
}

func (w *walk) selections(set ast.SelectionSet) (tally, error) {
	var t tally
	for _, s := range set {
		var one tally
		var err error
		switch s := s.(type) {
		case *ast.Field:
			one, err = w.field(s)
		case *ast.InlineFragment:
			one, err = w.selections(s.SelectionSet)
		case *ast.FragmentSpread:
			one, err = w.spread(s.Name)
		}
		if err != nil {
			return tally{}, err
		}
		t.add(one)
	}
	return t, nil
}

func (w *walk) spread(name string) (tally, error) {
	f := w.fragments[name]
	switch {
	case f == nil:
		return tally{}, errFragment
	case f.open:
		return tally{}, errCircle
	case f.done:
		return f.tally, nil
	}
	f.open = true
	t, err := w.selections(f.selections)
	f.open, f.done, f.tally = false, err == nil, t
	return t, err
}

// field is what a field asks for: its weight and the cost of what is selected in it, as often as its arguments say.
func (w *walk) field(f *ast.Field) (tally, error) {
	t, err := w.selections(f.SelectionSet)
	if err != nil {
		return tally{}, err
	}
	weight, given := w.spec.Weights[f.Name]
	if !given {
		weight = 1
	}
	t.depth, t.fields = t.depth+1, 1
	if f.Alias != f.Name {
		t.aliases = plus(t.aliases, 1)
	}
	t.cost = times(w.many(f.Arguments), plus(t.cost, int64(weight)))
	// The last is how a subgraph of Apollo Federation tells its schema as text, { _service { sdl } }.
	t.introspects = t.introspects || f.Name == "__schema" || f.Name == "__type" || f.Name == "_service"
	return t, nil
}

// size is how many a value asks for: as the value of an argument that says it, and by the names in it.
type size struct{ number, inside int64 }

// many is the largest of what a field's arguments ask for, at least 1.
func (w *walk) many(args ast.ArgumentList) int64 {
	n := int64(1)
	for _, a := range args {
		s := w.literal(a.Value)
		if n = max(n, s.inside); slices.Contains(w.spec.Lists, a.Name) {
			n = max(n, s.number)
		}
	}
	return n
}

// literal is the size of a value in the document.
func (w *walk) literal(v *ast.Value) size {
	if v == nil {
		return size{}
	}
	switch v.Kind {
	case ast.Variable:
		return w.variable(v.Raw)
	case ast.IntValue, ast.FloatValue, ast.StringValue, ast.BlockValue:
		return size{number: asked(v.Raw)}
	case ast.ListValue, ast.ObjectValue:
		var all size
		for _, c := range v.Children {
			all.take(w.literal(c.Value), v.Kind == ast.ListValue, slices.Contains(w.spec.Lists, c.Name))
		}
		return all
	}
	return size{}
}

// take takes in the size of a member.
func (s *size) take(member size, ofList, says bool) {
	s.inside = max(s.inside, member.inside)
	if ofList {
		s.number = max(s.number, member.number)
	} else if says {
		s.inside = max(s.inside, member.number)
	}
}

// variable is the size of a variable's value, or of its default.
func (w *walk) variable(name string) size {
	if s, known := w.sizes[name]; known {
		return s
	}
	var s size
	if v, given := w.given[name]; given {
		s = w.json(v)
	} else if d := w.defaults[name]; d != nil && d.Kind != ast.Variable {
		s = w.literal(d)
	}
	w.sizes[name] = s
	return s
}

func (w *walk) json(v any) size {
	switch v := v.(type) {
	case json.Number:
		return size{number: asked(v.String())}
	case string:
		return size{number: asked(v)}
	case []any:
		var all size
		for _, one := range v {
			all.take(w.json(one), true, false)
		}
		return all
	case map[string]any:
		var all size
		for name, one := range v {
			all.take(w.json(one), false, slices.Contains(w.spec.Lists, name))
		}
		return all
	}
	return size{}
}

// asked is the number that a text is, as some servers take texts for numbers; 0 for none. One below zero is without end to many servers.
func asked(text string) int64 {
	f, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	switch {
	case err != nil && !errors.Is(err, strconv.ErrRange), math.IsNaN(f):
		return 0
	case f < 0 || f > manyMost:
		return manyMost
	}
	return int64(math.Ceil(f))
}
