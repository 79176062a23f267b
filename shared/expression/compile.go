//go:build !without_expression

package expression

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/vm"
)

const (
	maxNodes = 200 // of the tree
	// maxMemory is how many members lists may have, together, that an evaluation makes.
	maxMemory = 10_000
)

// Program is a compiled expression. It may be used by many goroutines at once.
type Program struct {
	program *vm.Program
	text    string
	uses    usage
}

// Check says what keeps a text from being an expression with a result, or "".
func Check(text string, result Result) (what, remedy string) {
	_, err := Compile(text, result)
	var bad *Error
	if errors.As(err, &bad) {
		return bad.What, bad.Remedy
	}
	return "", ""
}

// Compile reads an expression. The error is an *Error, whose words go on after "the expression".
func Compile(text string, result Result) (*Program, error) {
	if len(text) > MaxBytes {
		return nil, &Error{fmt.Sprintf("is %d bytes long", len(text)), fmt.Sprintf("keep it within %d, or ask an upstream that knows", MaxBytes)}
	}
	if strings.TrimSpace(text) == "" {
		return nil, &Error{"is empty", `write a condition, such as caller.plan == "gold"`}
	}
	c := &cost{}
	opts := []expr.Option{expr.Env(Values{}), expr.MaxNodes(maxNodes), expr.DisableIfOperator(), expr.Function("string", asText, new(func(any) string))}
	if result == Truth {
		opts = append(opts, expr.AsBool(), expr.WarnOnAny()) // what may be anything is no condition: a claim "false" would be one
	} else {
		opts = append(opts, expr.AsKind(reflect.String))
	}
	// Once only to look at it: what is done with constants, when it is compiled, has to be looked at before.
	if _, err := expr.Compile(text, append(slices.Clone(opts), expr.Optimize(false), expr.Patch(c))...); c.found == nil && err != nil {
		return nil, explain(err, text, result)
	}
	if c.found != nil {
		return nil, c.found
	}
	p, err := expr.Compile(text, opts...)
	if err != nil {
		return nil, explain(err, text, result)
	}
	return &Program{program: p, text: text, uses: c.uses()}, nil
}

// explain says in a line what the compiler objects to.
func explain(err error, text string, result Result) *Error {
	var f *file.Error
	if !errors.As(err, &f) { // it is of the result as a whole
		return &Error{fmt.Sprintf("does not give %s", result), giving(result)}
	}
	what := strings.TrimSpace(strings.ToValidUTF8(f.Message, ""))
	switch {
	case strings.Contains(what, "exceeds maximum allowed nodes"):
		return &Error{fmt.Sprintf("has more than %d parts", maxNodes), "write a shorter one, or ask an upstream that knows"}
	case strings.HasPrefix(what, "expected "):
		return &Error{fmt.Sprintf("does not give %s", result), giving(result)}
	case strings.HasPrefix(what, "unknown name "):
		return &Error{fmt.Sprintf("names %s, which is not known,", strings.TrimPrefix(what, "unknown name ")) + where(text, f.From), "known are " + known("Values")}
	}
	if m := noField.FindStringSubmatch(what); m != nil {
		return &Error{fmt.Sprintf("names %s, which %s does not have,", m[2], strings.Replace(strings.ToLower(m[1]), "clock", "time", 1)) + where(text, f.From), "known are " + known(m[1])}
	}
	return &Error{"cannot be understood: " + cut(what, 200) + where(text, f.From), "see the language's definition, expr-lang.org/docs/language-definition, and the values on the page of authorize"}
}

// noField is what the compiler says of a name that a value does not have.
var noField = regexp.MustCompile(`^type \*?expression\.(\w+) has no field (\w+)`)

// known are the names that a value has, by its type.
func known(of string) string {
	var names []string
	for _, t := range []any{Values{}, Caller{}, Request{}, Client{}, Clock{}} {
		if t := reflect.TypeOf(t); t.Name() == of {
			for i := range t.NumField() {
				names = append(names, t.Field(i).Tag.Get("expr"))
			}
		}
	}
	return strings.Join(names, ", ")
}

func giving(result Result) string {
	if result == Truth {
		return `write a comparison, such as caller.claims.level == "gold"`
	}
	return "write string(...) around it"
}

// where is a place in an expression, in characters from 1 on.
func where(text string, from int) string {
	return fmt.Sprintf(" at its character %d", min(from, utf8.RuneCountInString(text))+1)
}

func cut(s string, n int) string {
	if len(s) > n {
		return strings.ToValidUTF8(s[:n], "") + "..."
	}
	return s
}

// Test evaluates a condition. An error is for logs: it names a place in the expression and none of the values.
func (p *Program) Test(v Values) (bool, error) {
	out, err := p.run(v)
	truth, _ := out.(bool)
	return truth && err == nil, err
}

// Text evaluates what gives a text. For the error see Test.
func (p *Program) Text(v Values) (string, error) {
	out, err := p.run(v)
	text, ok := out.(string)
	if err == nil && !ok {
		err = errors.New("the expression gives no text")
	}
	return text, err
}

// asText is the function string. Of what is not there it gives no text: in a key all who lack a claim would be one.
func asText(args ...any) (any, error) {
	switch v := args[0].(type) {
	case string:
		return v, nil
	case int, float64, bool:
		return fmt.Sprint(v), nil
	}
	return nil, &ValueError{"what string is to make a text of is no text, number or truth value"}
}

func (p *Program) run(v Values) (any, error) {
	if p.uses.claims {
		v.Caller.Claims = p.uses.plain(v.Caller.Claims)
	}
	machine := vm.VM{MemoryBudget: maxMemory}
	out, err := machine.Run(p.program, &v)
	if err == nil {
		return out, nil
	}
	var f *file.Error
	if !errors.As(err, &f) {
		return nil, errors.New("the expression fails")
	}
	place := where(p.text, f.From)
	if f.Prev != nil {
		var own *ValueError
		if errors.As(f.Prev, &own) {
			return nil, fmt.Errorf("the expression fails%s: %w", place, own)
		}
	}
	if strings.Contains(f.Message, "memory budget exceeded") {
		return nil, fmt.Errorf("the expression takes too much memory%s", place)
	}
	return nil, fmt.Errorf("the expression fails%s, for the values that it has there", place)
}

// plain is those claims that the expression names, with numbers as the language knows them.
func (u usage) plain(claims map[string]any) map[string]any {
	out := make(map[string]any, len(claims))
	for name, v := range claims {
		if u.names == nil || slices.Contains(u.names, name) {
			out[name] = plain(v)
		}
	}
	return out
}

func plain(v any) any {
	switch v := v.(type) {
	case json.Number:
		if i, err := v.Int64(); err == nil {
			return int(i)
		}
		if f, err := v.Float64(); err == nil {
			return f
		}
		return v.String()
	case []any:
		out := make([]any, len(v))
		for i, one := range v {
			out[i] = plain(one)
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(v))
		for name, one := range v {
			out[name] = plain(one)
		}
		return out
	}
	return v
}

var _ ast.Visitor = (*cost)(nil)
