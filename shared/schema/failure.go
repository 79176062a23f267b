package schema

import (
	"errors"
	"fmt"
	"maps"
	"math/big"
	"net/url"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"

	"polygate.example/shared/gateway"
)

const (
	// MaxFailures is the most that a value is told of.
	MaxFailures = 20
	// maxPointer is how long the pointer of a failure may be, in bytes; one that is longer ends at a part before.
	maxPointer = 256
	// maxWanted is how many bytes of a pattern or of allowed values a message repeats.
	maxWanted = 200
)

// Failure is one thing about a value that is not as its schema says. It repeats names of members and what the schema asks for, and nothing of the
// value.
type Failure struct {
	Pointer gateway.Pointer // into the value
	Detail  string          // goes on after "the value"
	Rule    string          // keyword of the schema
}

// compare puts failures in an order that does not depend on that of maps.
func (f Failure) compare(g Failure) int {
	return strings.Compare(string(f.Pointer)+"\x00"+f.Detail, string(g.Pointer)+"\x00"+g.Detail)
}

// failures keeps the first of all.
type failures []Failure

func (all *failures) add(path []string, rule, detail string) {
	f := Failure{Detail: detail, Rule: rule}
	for _, name := range path {
		next := f.Pointer.Key(name)
		if len(next) > maxPointer {
			break
		}
		f.Pointer = next
	}
	i, same := slices.BinarySearchFunc(*all, f, Failure.compare)
	if same || i >= MaxFailures {
		return
	}
	*all = slices.Insert(*all, i, f)
	if len(*all) > MaxFailures {
		*all = (*all)[:MaxFailures]
	}
}

// Validate holds a value, as Decode gives it, against the schema; nil if all is well, else the first MaxFailures by pointer.
func (s *Schema) Validate(v any) []Failure {
	err := s.compiled.Validate(v)
	if err == nil {
		return nil
	}
	var all failures
	var why *jsonschema.ValidationError
	if errors.As(err, &why) {
		all.collect(why)
	}
	if len(all) == 0 {
		all.add(nil, "", "does not fit the schema")
	}
	return all
}

// collect tells of the errors at the ends of a tree; of a choice, that none fits.
func (all *failures) collect(e *jsonschema.ValidationError) {
	at := e.InstanceLocation
	switch k := e.ErrorKind.(type) {
	case *kind.Required:
		for _, name := range k.Missing {
			all.add(append(slices.Clip(at), name), "required", "is missing")
		}
	case *kind.DependentRequired:
		for _, name := range k.Missing {
			all.add(append(slices.Clip(at), name), "dependentRequired", fmt.Sprintf("is missing beside %q", cut(k.Prop)))
		}
	case *kind.AdditionalProperties:
		for _, name := range k.Properties {
			all.add(append(slices.Clip(at), name), "additionalProperties", "is not known here")
		}
	case *kind.PropertyNames:
		all.add(append(slices.Clip(at), k.Property), "propertyNames", "has a name that is not allowed here")
	case *kind.AnyOf:
		all.add(at, "anyOf", "fits none of the forms that it may have")
	case *kind.OneOf:
		if len(k.Subschemas) > 0 {
			all.add(at, "oneOf", "fits more than one of the forms, of which it must have one")
			return
		}
		all.add(at, "oneOf", "fits none of the forms that it may have")
	default:
		if len(e.Causes) == 0 || isContains(k) {
			rule, detail := tell(k)
			all.add(at, rule, detail)
			return
		}
		for _, cause := range e.Causes {
			all.collect(cause)
		}
	}
}

// isContains reports an error whose causes are those of all items: none of them has to fit.
func isContains(k jsonschema.ErrorKind) bool {
	switch k.(type) {
	case *kind.Contains, *kind.MinContains, *kind.MaxContains:
		return true
	}
	return false
}

// tell says what a value has to be.
func tell(k jsonschema.ErrorKind) (rule, detail string) {
	switch k := k.(type) {
	case *kind.Type:
		return "type", "must be " + strings.Join(k.Want, " or ") + ", not " + k.Got
	case *kind.Enum:
		return "enum", "must be one of " + wanted(k.Want)
	case *kind.Const:
		return "const", "must be " + wanted([]any{k.Want})
	case *kind.Format:
		return "format", "must be of the format " + k.Want
	case *kind.Pattern:
		return "pattern", "must match the pattern " + cut(k.Want)
	case *kind.MinLength:
		return "minLength", fmt.Sprintf("must have at least %d characters", k.Want)
	case *kind.MaxLength:
		return "maxLength", fmt.Sprintf("must have at most %d characters", k.Want)
	case *kind.MinItems:
		return "minItems", fmt.Sprintf("must have at least %d items", k.Want)
	case *kind.MaxItems:
		return "maxItems", fmt.Sprintf("must have at most %d items", k.Want)
	case *kind.UniqueItems:
		return "uniqueItems", "must have no two items that are equal"
	case *kind.MinProperties:
		return "minProperties", fmt.Sprintf("must have at least %d members", k.Want)
	case *kind.MaxProperties:
		return "maxProperties", fmt.Sprintf("must have at most %d members", k.Want)
	case *kind.Minimum:
		return "minimum", "must be at least " + decimal(k.Want)
	case *kind.Maximum:
		return "maximum", "must be at most " + decimal(k.Want)
	case *kind.ExclusiveMinimum:
		return "exclusiveMinimum", "must be more than " + decimal(k.Want)
	case *kind.ExclusiveMaximum:
		return "exclusiveMaximum", "must be less than " + decimal(k.Want)
	case *kind.MultipleOf:
		return "multipleOf", "must be a multiple of " + decimal(k.Want)
	case *kind.Contains:
		return "contains", "has no item of the kind that it must have"
	case *kind.MinContains:
		return "minContains", fmt.Sprintf("must have at least %d items of a kind", k.Want)
	case *kind.MaxContains:
		return "maxContains", fmt.Sprintf("must have at most %d items of a kind", k.Want)
	case *kind.Not:
		return "not", "is of a form that is not allowed"
	case *kind.FalseSchema:
		return "false", "is not allowed here"
	}
	return strings.Join(k.KeywordPath(), "/"), "does not fit the schema"
}

// wanted are values of a schema, as many as fit a message.
func wanted(values []any) string {
	var b strings.Builder
	for i, v := range values {
		text := fmt.Sprint(v)
		switch v := v.(type) {
		case string:
			text = fmt.Sprintf("%q", cut(v))
		case nil:
			text = "null"
		case map[string]any, []any:
			text = "a certain value"
		}
		if b.Len()+len(text) > maxWanted {
			fmt.Fprintf(&b, " and %d more", len(values)-i)
			break
		}
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(text)
	}
	return b.String()
}

func cut(s string) string {
	if len(s) > maxWanted {
		return strings.ToValidUTF8(s[:maxWanted], "") + "..."
	}
	return s
}

// decimal is a number of a schema in digits.
func decimal(n *big.Rat) string {
	if n.IsInt() {
		return cut(n.RatString())
	}
	places, exact := n.FloatPrec()
	if !exact || places > 20 {
		places = 20
	}
	return cut(n.FloatString(places))
}

// explain turns an error of the compiler into problems with places.
func explain(err error) Problems {
	if all := keywordsIn(err); len(all) > 0 {
		return all
	}
	at := ""
	var pattern *jsonschema.InvalidRegexError
	if errors.As(err, &pattern) {
		at = fragmentOf(pattern.URL)
	}
	return Problems{placed(at, "the schema cannot be compiled: "+err.Error(), "write it as JSON Schema 2020-12 says")}
}

// keywordsIn tells of keywords whose values are wrong, but for patterns, of which walk tells.
func keywordsIn(err error) Problems {
	var all Problems
	var invalid *jsonschema.SchemaValidationError
	var why *jsonschema.ValidationError
	if errors.As(err, &invalid) && errors.As(invalid.Err, &why) {
		before := fragmentOf(invalid.URL) // of a reference into something that is no schema
		for at, what := range ends(why) {
			all = append(all, placed(before+at, what, "write it as JSON Schema 2020-12 says"))
		}
	}
	return all
}

// fragmentOf is the pointer in the address of a schema.
func fragmentOf(address string) string {
	_, fragment, _ := strings.Cut(address, "#")
	text, err := url.PathUnescape(fragment)
	if err != nil {
		return ""
	}
	return text
}

// ends are the errors at the ends of a tree of the compiler's, by where they are.
func ends(e *jsonschema.ValidationError) func(func(string, string) bool) {
	found := map[string]string{} // of several the longest: of a choice it says the most
	var add func(*jsonschema.ValidationError)
	add = func(e *jsonschema.ValidationError) {
		if f, is := e.ErrorKind.(*kind.Format); is && f.Want == "regex" {
			return // walk tells what is wrong with patterns
		}
		if len(e.Causes) == 0 {
			at := gateway.Pointer("")
			for _, name := range e.InstanceLocation {
				at = at.Key(name)
			}
			_, detail := tell(e.ErrorKind)
			if before, there := found[string(at)]; !there || len(detail) > len(before) {
				found[string(at)] = detail
			}
		}
		for _, cause := range e.Causes {
			add(cause)
		}
	}
	add(e)
	return func(yield func(string, string) bool) {
		for _, at := range slices.Sorted(maps.Keys(found)) {
			if !yield(at, "the value of the keyword "+found[at]) {
				return
			}
		}
	}
}

// placed finds the schema that a pointer into the document leads into.
func placed(at, what, remedy string) Problem {
	p := Problem{Schema: -1, What: what, Remedy: remedy}
	names := strings.SplitN(at, "/", 4) // "", keyword, number or name, the rest
	if len(names) < 3 {
		return p
	}
	rest := ""
	if len(names) == 4 {
		rest = "/" + names[3]
	}
	if names[1] == "$defs" {
		p.Pointer = gateway.Pointer("/" + names[2] + rest)
		return p
	}
	p.Schema = 0
	for _, c := range names[2] {
		p.Schema = p.Schema*10 + int(c-'0')
	}
	p.Pointer = gateway.Pointer(rest)
	return p
}

// unique leaves out what is told twice.
func (ps Problems) unique() Problems {
	seen := map[Problem]bool{}
	return slices.DeleteFunc(ps, func(p Problem) bool {
		again := seen[p]
		seen[p] = true
		return again
	})
}
