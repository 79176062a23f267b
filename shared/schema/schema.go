// Package schema holds values against JSON Schema (draft 2020-12), for the policy kind validate.
//
// It is what the part "schema" of a gateway consists of: nothing but package config, which tests schemas at build time, and the handler of
// that policy import it, so that a function whose document has no such policy does not carry the validator.
//
// All schemas of a policy are compiled as one document: a reference is #/$defs/NAME, into what the policy defines, and nothing else. Nothing is
// ever loaded. Regular expressions are RE2 (package regexp), whose time is in proportion to the text, whatever the pattern: an expression that
// needs more, with look-ahead or back-references, is refused when it is compiled.
package schema

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"polygate.example/shared/gateway"
)

// root is the address of the one document. No such scheme can be loaded.
const root = "polygate:policy"

// Formats are those that are asserted; any other is a note for readers.
func Formats() []string {
	return []string{"date", "date-time", "email", "hostname", "ipv4", "ipv6", "time", "uri", "uuid"}
}

// Schema is a compiled schema.
type Schema struct {
	compiled *jsonschema.Schema
	node     any // as it is written, for how text becomes a value
	doc      *document
}

// Problem is something wrong with one of the schemas.
type Problem struct {
	Schema  int             // its number; of a definition -1, and Pointer begins with its name
	Pointer gateway.Pointer // into it
	What    string
	Remedy  string
}

// Problems are all that is wrong, as far as it can be told at once.
type Problems []Problem

// Error is one problem per line.
func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		where := fmt.Sprintf("schema %d", p.Schema)
		if p.Schema < 0 {
			where = "$defs"
		}
		lines[i] = fmt.Sprintf("%s%s: %s; %s", where, p.Pointer, p.What, p.Remedy)
	}
	return strings.Join(lines, "\n")
}

// document is what all schemas of a policy are compiled from: {"$defs": {...}, "definitions": {"0": ...}}. The second keyword is there only so
// that each of them is a schema with an address. It is one that the compiler does not enter: with each schema it compiles the document that this
// is in, and what it compiles at once it looks up one by one, so that all of them together would take time with the square of their number
// (jsonschema v6.0.3, queue.get).
type document struct {
	defs    map[string]any
	schemas []any
}

// Compile compiles schemas that share definitions. The error is Problems.
func Compile(defs map[string]json.RawMessage, schemas []json.RawMessage) ([]*Schema, error) {
	doc := &document{defs: map[string]any{}}
	w := walk{doc: doc, number: -1}
	for _, name := range slices.Sorted(maps.Keys(defs)) {
		v, err := Decode(defs[name], Options{})
		if err != nil {
			w.object(gateway.Pointer("").Key(name), err.Error(), "write a schema")
			continue
		}
		doc.defs[name] = v
	}
	for _, text := range schemas {
		v, err := Decode(text, Options{})
		if err != nil {
			w.number = len(doc.schemas)
			w.object("", err.Error(), "write a schema")
		}
		doc.schemas = append(doc.schemas, v)
	}
	w.all()
	c := compiler()
	whole := map[string]any{"$defs": doc.defs, "definitions": byNumber(doc.schemas)}
	if len(w.found) > 0 { // what else is wrong is told as well, as far as it does not follow
		if meta, err := c.Compile(Dialect); err == nil {
			if err := meta.Validate(whole); err != nil {
				w.found = append(w.found, keywordsIn(&jsonschema.SchemaValidationError{Err: err})...)
			}
		}
		return nil, w.found.unique()
	}
	if err := c.AddResource(root, whole); err != nil {
		return nil, fmt.Errorf("schema: %w", err)
	}
	out := make([]*Schema, len(doc.schemas))
	var all Problems
	for i, node := range doc.schemas {
		compiled, err := c.Compile(root + "#/definitions/" + strconv.Itoa(i))
		if err != nil {
			all = append(all, explain(err)...)
			if errors.As(err, new(*jsonschema.SchemaValidationError)) {
				break // it tells of all schemas at once
			}
			continue
		}
		out[i] = &Schema{compiled: compiled, node: node, doc: doc}
	}
	if len(all) > 0 {
		return nil, all.unique()
	}
	return out, nil
}

// byNumber is a list as a mapping.
func byNumber(list []any) map[string]any {
	out := make(map[string]any, len(list))
	for i, v := range list {
		out[strconv.Itoa(i)] = v
	}
	return out
}

// compiler is one that loads nothing.
func compiler() *jsonschema.Compiler {
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.AssertFormat()
	c.UseLoader(nothing{})
	return c
}

// nothing is a loader that loads nothing. The library's own reads files.
type nothing struct{}

// Load refuses.
func (nothing) Load(string) (any, error) { return nil, errors.New("nothing is loaded") }

var (
	_ jsonschema.URLLoader = nothing{}
	_ error                = Problems(nil)
)
