// Package openapi turns the operations of an OpenAPI document, 3.0 or 3.1, into checks of a gateway: at build time, so that no function reads
// OpenAPI.
//
// It reads the pieces that requests and answers are described by, and no more: paths, parameters, bodies, answers, schemas, and references between
// them. It takes a document as plain values, however it was written, and says where something is wrong by a pointer. Of a schema nothing is
// judged here but what OpenAPI 3.0 has of its own, which is written as JSON Schema 2020-12; whether it is one is package schema's to say.
//
// A reference stays inside of the document. What a document does not describe, or what has no meaning for a check, such as examples, is left out.
package openapi

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"polygate.example/shared/gateway"
)

// Problem is one thing that is wrong with an OpenAPI document.
type Problem struct {
	At     gateway.Pointer // into the document
	What   string
	Remedy string
	Of     []gateway.Pointer // places of the operations that cannot be lowered for it; none where that is not known
	In     gateway.Pointer   // place of the parameter without which they could be, "" for what is none's
}

// Problems is all that is wrong, in the order it was found. It is never empty as an error.
type Problems []Problem

// Error is one problem per line: pointer: what; remedy.
func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = fmt.Sprintf("%s: %s; %s", p.At, p.What, p.Remedy)
	}
	return strings.Join(lines, "\n")
}

func one(at gateway.Pointer, what, remedy string) Problems {
	return Problems{{At: at, What: what, Remedy: remedy}}
}

// Document is an OpenAPI document of a version that can be read.
type Document struct {
	root       map[string]any
	old        bool // 3.0, whose schemas are not JSON Schema
	operations []Operation
	patterns   map[string]string // of those, by key
}

// Operation names one operation.
type Operation struct {
	ID      string // operationId, "" for none
	Method  string // in capitals
	Path    string // as the document has it, without a server's
	Pattern string // the same as a gateway has it
	At      gateway.Pointer
	Single  []string // parameters of the path that span segments by the document, and in Pattern take one
}

// methods are the keys of a path that are operations, in the order in which they are listed.
var methods = []string{"get", "head", "post", "put", "patch", "delete", "options", "trace"}

// Read takes a document as the values of JSON: map[string]any, []any, string, json.Number, bool, nil. The error is Problems.
func Read(v any) (*Document, error) {
	root, is := v.(map[string]any)
	if !is {
		return nil, one("", "this is no OpenAPI document", "write a mapping with openapi, info and paths")
	}
	if _, swagger := root["swagger"]; swagger {
		return nil, one("/swagger", "this is Swagger 2.0", "convert it to OpenAPI 3, such as by swagger2openapi")
	}
	version, err := versionOf(root)
	if err != nil {
		return nil, err
	}
	d := &Document{root: root, old: strings.HasPrefix(version, "3.0.")}
	if dialect, is := root["jsonSchemaDialect"].(string); is && !strings.HasPrefix(dialect, "https://spec.openapis.org/oas/3.1/dialect/") && dialect != "https://json-schema.org/draft/2020-12/schema" {
		return nil, one("/jsonSchemaDialect", fmt.Sprintf("dialect %q is not known", cut(dialect)), "remove it: schemas are JSON Schema 2020-12")
	}
	if _, is := root["paths"].(map[string]any); !is {
		return nil, one("/paths", "the document has no paths", "write paths with the operations of the API")
	}
	d.list()
	return d, nil
}

// versionOf is the version of OpenAPI that a document says it is of, which has to be one that is known. Without quotes, YAML has numbers of some.
func versionOf(root map[string]any) (string, error) {
	const remedy = `write a document of OpenAPI 3.0 or 3.1, and its whole version, such as openapi: "3.1.0"`
	switch v := root["openapi"].(type) {
	case string:
		if strings.HasPrefix(v, "3.0.") || strings.HasPrefix(v, "3.1.") {
			return v, nil
		}
		return "", one("/openapi", fmt.Sprintf("version %q is not known", cut(v)), remedy)
	case json.Number:
		if v == "3.0" || v == "3.1" {
			return "", one("/openapi", fmt.Sprintf("version %s is a number here", v), fmt.Sprintf("quote it, and write it whole: openapi: \"%s.0\"", v))
		}
		return "", one("/openapi", fmt.Sprintf("version %s is a number here, and not known", cut(v.String())), "quote it: "+remedy)
	case nil:
		return "", one("/openapi", "the document does not say its version", remedy)
	}
	return "", one("/openapi", "the version is no text", remedy)
}

// Root is the document as it was read. It is not to be changed.
func (d *Document) Root() map[string]any { return d.root }

// Resolve follows references from a part of the document to an object that is no schema, and tells where that stands. The error is Problems.
func (d *Document) Resolve(v any, at gateway.Pointer) (map[string]any, gateway.Pointer, error) {
	return d.resolve(v, at)
}

// Operations lists all operations, by path. The list is not to be changed.
func (d *Document) Operations() []Operation { return d.operations }

// list finds all operations.
func (d *Document) list() {
	spans := map[string][]string{}
	paths, _ := d.root["paths"].(map[string]any)
	for _, path := range slices.Sorted(maps.Keys(paths)) {
		if !strings.HasPrefix(path, "/") {
			continue // an extension
		}
		item, at, err := d.resolve(paths[path], gateway.Pointer("/paths").Key(path))
		if err != nil {
			continue // Lower tells
		}
		for _, method := range methods {
			if o, is := item[method].(map[string]any); is {
				id, _ := o["operationId"].(string)
				one := Operation{ID: id, Method: strings.ToUpper(method), Path: path, At: at.Key(method)}
				if names := d.spanning(one, item, o); names != nil {
					spans[key(path, one.Method)] = names
				}
				d.operations = append(d.operations, one)
			}
		}
	}
	d.patterns = make(map[string]string, len(d.operations))
	for i, o := range d.operations {
		d.operations[i] = d.pattern(o, spans)
		d.patterns[key(o.Path, o.Method)] = d.operations[i].Pattern
	}
}

// BasePath is the path of the first server, which those of the document come after (OpenAPI 3.1, 4.8.8.1); "" for none. The error is Problems.
func (d *Document) BasePath() (string, error) {
	servers, _ := d.root["servers"].([]any)
	if len(servers) == 0 {
		return "", nil
	}
	server, _ := servers[0].(map[string]any)
	text, _ := server["url"].(string)
	u, err := url.Parse(text)
	if err != nil || strings.ContainsAny(text, "{}") {
		return "", one("/servers/0/url", fmt.Sprintf("the path of server %q is not known before it runs", cut(text)), "write basePath beside openapi: the path that clients find the API under, / for none")
	}
	return strings.TrimSuffix(u.EscapedPath(), "/"), nil
}

// maxHops is how many references may follow each other.
const maxHops = 32

// resolve follows references to an object that is no schema.
func (d *Document) resolve(v any, at gateway.Pointer) (map[string]any, gateway.Pointer, error) {
	for range maxHops {
		m, is := v.(map[string]any)
		if !is {
			return nil, at, one(at, "a mapping is missing here", "write one")
		}
		ref, is := m["$ref"].(string)
		if !is {
			return m, at, nil
		}
		to, err := local(ref)
		if err != nil {
			return nil, at, one(at.Key("$ref"), err.Error(), bundle)
		}
		target, there := d.at(to)
		if !there {
			return nil, at, one(at.Key("$ref"), fmt.Sprintf("reference %q leads to nothing", cut(ref)), "mend it, or define what it refers to")
		}
		v, at = target, to
	}
	return nil, at, one(at, "references lead from one to the next without an end", "let one of them lead to what is meant")
}

// bundle is what to do about a reference to elsewhere.
const bundle = `write "#/components/...": only what is in the document itself is read; tools such as "redocly bundle" put several files into one`

// local is the pointer of a reference inside of the document.
func local(ref string) (gateway.Pointer, error) {
	fragment, is := strings.CutPrefix(ref, "#")
	if !is || !strings.HasPrefix(fragment, "/") {
		return "", fmt.Errorf("reference %q does not lead to a place in this document", cut(ref))
	}
	text, err := url.PathUnescape(fragment)
	if _, ok := gateway.ParsePointer(text); err != nil || !ok {
		return "", fmt.Errorf("reference %q cannot be read", cut(ref))
	}
	return gateway.Pointer(text), nil
}

// at finds a part of the document.
func (d *Document) at(p gateway.Pointer) (any, bool) {
	return gateway.PartOf(d.root, string(p))
}

func cut(s string) string {
	if len(s) > 100 {
		return strings.ToValidUTF8(s[:100], "") + "..."
	}
	return s
}

var _ error = Problems(nil)
