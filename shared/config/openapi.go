package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"polygate.example/shared/gateway"
	"polygate.example/shared/openapi"
	"polygate.example/shared/schema"
)

// maxFiles is how many OpenAPI documents one gateway document may name.
const maxFiles = 100

// maxValues is how many values of JSON an OpenAPI document may have.
const maxValues = 4_000_000

// apiSource is what a policy says of the OpenAPI document that describes its requests.
type apiSource struct {
	file, operation, basePath string
	at                        gateway.Pointer     // of the key openapi
	node                      ast.Node            // its value
	others                    map[string]ast.Node // values of the keys beside it
	ignore                    []ignored
}

// ignored is a parameter of the OpenAPI document that is not looked at, and where that is said.
type ignored struct {
	parameter gateway.Pointer
	at        gateway.Pointer
	node      ast.Node
}

// describedBy is a policy that is still to be filled in: which operations it has goes by the routes that name it.
type describedBy struct {
	apiSource
	policy gateway.Pointer // of the kind's key
	name   string          // of the policy
	to     *gateway.Validate
}

// api notes that a policy is described by a file.
func (d *decoder) api(at gateway.Pointer, p *gateway.Validate, from apiSource) {
	switch {
	case d.doc.broken[at] || d.doc.broken[at.Key("openapi")]:
	case from.file == "" && from.operation != "":
		d.breaks(at.Key("operation"), from.others["operation"], "operation chooses from an OpenAPI document, and none is named", "write openapi: its file, or remove operation")
	case from.file == "" && from.basePath != "":
		d.breaks(at.Key("basePath"), from.others["basePath"], "basePath is that of an OpenAPI document, and none is named", "write openapi: its file, or remove basePath")
	case from.file == "" && from.ignore != nil:
		d.breaks(at.Key("ignore"), from.others["ignore"], "ignore passes over parameters of an OpenAPI document, and none is named", "write openapi: its file, or remove ignore")
	case from.file == "":
	case len(p.Parameters) > 0 || p.Body != nil || p.Responses != nil || p.Defs != nil:
		d.breaks(from.at, from.node, "requests are described both here and by an OpenAPI document", "keep openapi, or parameters, body, responses and $defs")
	case from.basePath != "" && !strings.HasPrefix(from.basePath, "/"):
		d.breaks(at.Key("basePath"), from.others["basePath"], "basePath "+short(from.basePath)+" does not begin with a slash", `write such as "/v1", or "/" if the paths of the OpenAPI document are those that clients ask for`)
	default:
		name := strings.TrimPrefix(string(at.Parent()), "/policies/")
		d.described = append(d.described, describedBy{from, at, pointerText(name), p})
	}
}

// breaks notes that a part can be read and is not what it has to be, so that no other rule is held against it.
func (d *decoder) breaks(at gateway.Pointer, n ast.Node, what, remedy string) {
	d.doc.fail(at)
	_ = d.note(at, start(n), KindRule, what, remedy)
}

// pointerText is a part of a pointer as it was before it was escaped.
func pointerText(s string) string {
	return strings.NewReplacer("~1", "/", "~0", "~").Replace(s)
}

// describe fills in the policies that OpenAPI documents describe. It comes when all of the gateway document has been read.
func (d *decoder) describe() {
	files := map[string]*apiFile{}
	for _, one := range d.described {
		f := files[one.file]
		if f == nil {
			if f = d.open(one); f == nil {
				continue
			}
			files[one.file] = f
		}
		if f.doc == nil {
			d.doc.fail(one.at) // told already, with its own place
			continue
		}
		d.lower(one, f)
	}
}

// lower fills in one policy with the operations that requests of its routes may be for.
func (d *decoder) lower(one describedBy, f *apiFile) {
	var routes []gateway.Taker // none where it is not known which have the policy, or nobody has it, which is told elsewhere
	known := false
	if !d.doc.unreadable("/routes") && !d.doc.unreadable("/everywhere") {
		for _, r := range d.doc.spec.Routes {
			if slices.Contains(r.Policies, one.name) || slices.Contains(d.doc.spec.Everywhere, one.name) {
				known = true
				if t, ok := gateway.NewTaker(r.Match); ok {
					routes = append(routes, t)
				}
			}
		}
	}
	var ids []string
	found := false
	keep := func(id string, o gateway.Operation) bool {
		ids = append(ids, id)
		if one.operation != "" && id != one.operation {
			return false
		}
		found = true
		path, err := gateway.ParsePattern(o.Path)
		return !known || err == nil && slices.ContainsFunc(routes, func(r gateway.Taker) bool { return r.Takes(o.Method, path) })
	}
	ignore, ok := d.ignored(one, f)
	if !ok {
		return
	}
	lowered, err := f.doc.Lower(openapi.Options{BasePath: one.basePath, Keep: keep, Responses: one.to.Response != "", Ignore: ignore})
	if err != nil {
		d.doc.fail(one.at)
		d.problems = append(d.problems, f.problems(err)...)
		return
	}
	switch {
	case !found && one.operation != "":
		remedy := "write an operationId of it"
		if near := gateway.Nearest(one.operation, ids); near != "" {
			remedy = fmt.Sprintf("did you mean %q?", near)
		}
		d.breaks(one.at, one.node, fmt.Sprintf("%s has no operation %s", one.file, short(one.operation)), remedy)
		return
	case len(lowered.Operations) == 0:
		d.breaks(one.at, one.node, fmt.Sprintf("no operation of %s takes a request of a route with policy %s", one.file, short(one.name)),
			"name the policy in a route whose path is one of its, and write basePath if clients ask for them below another path than its server says")
		return
	}
	one.to.Operations, one.to.Defs = lowered.Operations, lowered.Defs
	for here, there := range lowered.Origins {
		d.doc.origins[one.policy+here] = origin{f, there}
	}
}

// ignored are the parameters that a policy passes over; false if one of them is none.
func (d *decoder) ignored(one describedBy, f *apiFile) ([]gateway.Pointer, bool) {
	out, ok := make([]gateway.Pointer, len(one.ignore)), true
	for i, p := range one.ignore {
		if out[i] = p.parameter; !f.doc.IsParameter(p.parameter) {
			d.breaks(p.at, p.node, fmt.Sprintf("%s has no parameter at %s", one.file, short(string(p.parameter))), `write its place as a pointer (RFC 6901), such as "/paths/~1orders/get/parameters/0", or remove it`)
			ok = false
		}
	}
	return out, ok
}

// apiFile is an OpenAPI document that was read; doc is nil for one that has problems.
type apiFile struct {
	name   string
	doc    *openapi.Document
	places map[gateway.Pointer]place // none for JSON
}

// origin is where in an OpenAPI document something comes from.
type origin struct {
	file *apiFile
	at   gateway.Pointer
}

// open reads a file of the gateway document's folder. What is wrong with its name or with the file as such is a problem of the key openapi; nil then.
func (d *decoder) open(one describedBy) *apiFile {
	bad := func(what, remedy string) *apiFile {
		d.breaks(one.at, one.node, what, remedy)
		return nil
	}
	name := one.file
	extension := path.Ext(name)
	switch {
	case d.files == nil:
		return bad("an OpenAPI document can only be read beside a gateway document that is a file", "write parameters, body and responses here")
	case !fs.ValidPath(name) || strings.ContainsAny(name, `\:`):
		return bad("file "+short(name)+" is not one below the folder of this document", `write its path from there, with slashes and without "..", such as "api/orders.yaml"`)
	case extension != ".yaml" && extension != ".yml" && extension != ".json":
		return bad("file "+short(name)+" is neither YAML nor JSON by its name", "name it .yaml, .yml or .json")
	case d.opened >= maxFiles:
		return bad("there are too many OpenAPI documents", fmt.Sprintf("keep to %d", maxFiles))
	}
	d.opened++
	src, err := readFile(d.files, name)
	if err != nil {
		return bad(fmt.Sprintf("file %s cannot be read: %v", short(name), err), fmt.Sprintf("put an OpenAPI document there, at most %d MiB", MaxAPIBytes>>20))
	}
	f, problems := readAPI(path.Join(path.Dir(d.name), name), src)
	d.problems = append(d.problems, problems...)
	return f
}

// ReadAPI reads an OpenAPI document, of JSON if its name says so, else of YAML. The error is Problems.
func ReadAPI(name string, src []byte) (*openapi.Document, error) {
	f, problems := readAPI(name, src)
	if len(problems) > 0 {
		return nil, problems
	}
	return f.doc, nil
}

// readAPI reads an OpenAPI document; it has none if there are problems.
func readAPI(name string, src []byte) (*apiFile, Problems) {
	f := &apiFile{name: name, places: map[gateway.Pointer]place{}}
	v, problems := f.tree(src, path.Ext(name) == ".json")
	if len(problems) > 0 {
		return f, problems
	}
	doc, err := openapi.Read(v)
	if err != nil {
		return f, f.problems(err)
	}
	f.doc = doc
	return f, nil
}

// readFile reads a file that is one: no folder, pipe or device.
func readFile(files fs.FS, name string) ([]byte, error) {
	info, err := fs.Stat(files, name)
	if err != nil {
		var at *fs.PathError
		if errors.As(err, &at) {
			err = at.Err
		}
		return nil, err
	}
	switch {
	case !info.Mode().IsRegular():
		return nil, errors.New("it is no plain file")
	case info.Size() > MaxAPIBytes:
		return nil, errors.New("it is too large")
	}
	f, err := files.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // it was only read
	src, err := io.ReadAll(io.LimitReader(f, MaxAPIBytes+1))
	if err == nil && len(src) > MaxAPIBytes {
		err = errors.New("it is too large")
	}
	return src, err
}

// problems gives what package openapi, or a rule, objects to its place in the file.
func (f *apiFile) problems(err error) Problems {
	var found openapi.Problems
	errors.As(err, &found)
	var out Problems
	for _, p := range found {
		out = append(out, f.problem(p.At, p.What, p.Remedy))
	}
	return out
}

func (f *apiFile) problem(at gateway.Pointer, what, remedy string) Problem {
	p := Problem{File: f.name, Line: 1, Column: 1, What: what, Remedy: remedy, Kind: KindRule}
	if len(f.places) == 0 && at != "" {
		p.What = "at " + string(at) + ": " + what // of JSON no lines are known
	}
	for up, key := at, false; ; up, key = up.Parent(), true {
		if place, ok := f.places[up]; ok {
			pos := place.value
			if key && place.key != nil {
				pos = place.key
			}
			if pos != nil {
				p.Line, p.Column = max(pos.Line, 1), max(pos.Column, 1)
			}
			return p
		}
		if up == "" {
			return p
		}
	}
}

// tree reads a file as plain values, and notes where they stand.
func (f *apiFile) tree(src []byte, isJSON bool) (any, Problems) {
	if isJSON {
		v, err := schema.Decode(src, schema.Options{Values: maxValues})
		if err != nil {
			return nil, Problems{{File: f.name, Line: 1, Column: 1, What: "this cannot be read: " + err.Error(), Remedy: "mend the file", Kind: KindSyntax}}
		}
		return v, nil
	}
	s := source{name: f.name, most: MaxAPIBytes, aliases: true}
	root := s.parse(src)
	if root == nil {
		return nil, s.problems
	}
	r := valueReader{decoder: &decoder{source: &s, doc: newDocument(f.name)}, targets: s.resolveAliases(root)}
	v := r.value("", root)
	f.places = r.doc.places
	return v, s.problems
}

// valueReader reads nodes as plain values of JSON. Keys that are numbers, such as statuses, are text.
type valueReader struct {
	*decoder
	targets  map[*ast.AliasNode]ast.Node // what aliases stand for
	within   int                         // how many aliases what is read is in
	expanded int                         // values that were read in place of aliases
}

func (r *valueReader) value(at gateway.Pointer, n ast.Node) any {
	n = bare(n)
	if _, there := r.doc.places[at]; !there {
		r.doc.places[at] = place{value: start(n)}
	}
	if r.within > 0 {
		if r.expanded++; r.expanded > maxExpanded {
			if r.expanded == maxExpanded+1 {
				r.wrong(at, n, fmt.Sprintf("aliases stand for more than %d values", maxExpanded), `write what is used often under components, and refer to it by $ref`)
			}
			return nil
		}
	}
	switch n := n.(type) {
	case *ast.AliasNode:
		target, known := r.targets[n]
		if !known || r.within >= maxAliases {
			return nil // told already
		}
		r.within++
		defer func() { r.within-- }()
		return r.value(at, target)
	case *ast.MappingNode, *ast.MappingValueNode:
		out := map[string]any{}
		textual(n)
		r.entries(at, n, func(at gateway.Pointer, kv *ast.MappingValueNode, name string) { out[name] = r.value(at, kv.Value) })
		return out
	case *ast.SequenceNode:
		out := make([]any, 0, len(n.Values))
		r.list(at, n, func(at gateway.Pointer, n ast.Node) { out = append(out, r.value(at, n)) })
		return out
	case *ast.StringNode:
		return n.Value
	case *ast.LiteralNode:
		return n.Value.Value
	case *ast.BoolNode:
		return n.Value
	case *ast.IntegerNode, *ast.FloatNode:
		return json.Number(r.jsonValue(at, n))
	case *ast.NullNode, nil:
		return nil
	}
	r.wrong(at, n, "want a value that JSON has, found "+describe(n), "write another")
	return nil
}

// textual makes text of the keys of a mapping that are numbers or truth values as they are written.
func textual(n ast.Node) {
	var values []*ast.MappingValueNode
	switch n := n.(type) {
	case *ast.MappingNode:
		values = n.Values
	case *ast.MappingValueNode:
		values = []*ast.MappingValueNode{n}
	}
	for _, kv := range values {
		switch key := kv.Key.(type) {
		case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.NullNode:
			if tk := key.GetToken(); tk != nil {
				text := ast.String(tk)
				text.Value = tk.Value
				kv.Key = text
			}
		}
	}
}
