// Package openapiimport makes a gateway document of an OpenAPI document, 3.0 or 3.1, for `polygate import openapi`.
//
// What it makes refers to the OpenAPI document for the checks of requests, and has the rest in keys of its own: a route for each operation, an
// upstream for each server, a policy for each security scheme. What a gateway document cannot say is left out and told, with a pointer into the
// OpenAPI document; what only the user knows is left open, so that `polygate check` asks for it.
package openapiimport

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"slices"
	"strings"

	"polygate.example/shared/config"
	"polygate.example/shared/gateway"
	"polygate.example/shared/openapi"
)

// Options say how a document is imported.
type Options struct {
	Name     string   // of the OpenAPI document in messages; .json for one of JSON, else it is read as YAML
	File     string   // its path from the folder of the gateway document, with slashes
	Files    fs.FS    // that folder, in which File lies already
	Location *url.URL // where it came from, which relative servers are below; nil for a file
	Server   string   // URL in place of the document's first server; "" for none
	PerPath  bool     // operations of one path share a route where they can
}

// Result is a gateway document and what there is to say about it.
type Result struct {
	Text   []byte // YAML
	Report Report
}

// importer is one run of Import.
type importer struct {
	Options
	doc       *openapi.Document
	root      map[string]any
	extension extension // of the document
	report    Report
	told      map[string]bool // notes there are, by pointer and text

	upstreams []named
	targets   map[string]string // upstreams by their target
	policies  []named
	schemes   map[string]*scheme
	made      map[string]string // policies that schemes share
	names     map[string]bool   // that policies have
	routeName map[string]bool
	routes    []*route
	taking    map[string][]*route // by operation, see takers

	readRoutes map[*route]gateway.Taker
	ignored    map[gateway.Pointer]bool // parameters that are not looked at
}

// named is an upstream or policy of the gateway document, in the order of first use.
type named struct {
	name    string
	value   any
	comment []string
}

// route is one of the gateway document, and the operation that it is of.
type route struct {
	name     string
	chosen   bool // its name is by x-polygate
	methods  []string
	path     string
	base     string // the part of path that is the server's
	policies []string
	upstream string
	timeout  string
	of       openapi.Operation
}

func (r *route) match() gateway.Match { return gateway.Match{Methods: r.methods, Path: r.path} }

// Import makes a gateway document. The error is config.Problems if the OpenAPI document as such cannot be read.
func Import(src []byte, o Options) (*Result, error) {
	doc, err := config.ReadAPI(o.Name, src)
	if err != nil {
		return nil, err
	}
	im := &importer{Options: o, doc: doc, root: doc.Root(), told: map[string]bool{}, targets: map[string]string{}, schemes: map[string]*scheme{},
		made: map[string]string{}, taking: map[string][]*route{}, ignored: map[gateway.Pointer]bool{}, names: map[string]bool{}, routeName: map[string]bool{}, report: Report{FormatVersion: FormatVersion, OpenAPI: o.File, Notes: []Note{}, Open: []Open{}}}
	im.extension = im.readExtension(im.root, "", ofDocument)
	for name, value := range sorted(im.extension.upstreams) {
		im.upstreams = append(im.upstreams, named{name: name, value: plain(value)})
	}
	for name, value := range sorted(im.extension.policies) {
		im.names[name] = true
		im.policies = append(im.policies, named{name: name, value: plain(value)})
	}
	im.broken()
	im.operations()
	im.report.Imported = len(im.routes)
	im.validate()
	if o.PerPath {
		im.mergePaths()
	}
	im.dropUnused()
	text, err := im.write()
	if err != nil {
		return nil, fmt.Errorf("write the gateway document: %w", err)
	}
	im.check(text)
	slices.SortStableFunc(im.report.Notes, func(a, b Note) int { return cmp.Compare(a.Kind.order(), b.Kind.order()) })
	return &Result{text, im.report}, nil
}

// broken tells of paths that cannot be read.
func (im *importer) broken() {
	paths, _ := im.root["paths"].(map[string]any)
	for path, item := range sorted(paths) {
		if !strings.HasPrefix(path, "/") {
			continue // an extension
		}
		if _, _, err := im.doc.Resolve(item, gateway.Pointer("/paths").Key(path)); err != nil {
			var problems openapi.Problems
			errors.As(err, &problems)
			for _, p := range problems {
				im.note(LeftOut, p.At, "path "+path+": "+p.What, p.Remedy)
			}
		}
	}
	if hooks, _ := im.root["webhooks"].(map[string]any); len(hooks) > 0 {
		im.note(LeftOut, "/webhooks", fmt.Sprintf("%d webhooks", len(hooks)), "they are requests that the API sends, which do not come by the gateway")
	}
}

// operations makes the routes.
func (im *importer) operations() {
	paths := im.root["paths"].(map[string]any) // Read has seen that it is one
	taken := map[string]openapi.Operation{}
	all := im.doc.Operations()
	for _, o := range all { // a name that is chosen is nobody else's
		if own, is := im.operation(o, paths)[extensionKey].(map[string]any); is {
			if name, is := own["name"].(string); is {
				im.routeName[name] = true
			}
		}
	}
	for _, o := range all {
		im.report.Operations++
		item, itemAt, err := im.doc.Resolve(paths[o.Path], gateway.Pointer("/paths").Key(o.Path))
		if err != nil {
			continue // told, and no operation of it is listed
		}
		operation := im.operation(o, paths)
		e := im.extension.with(im.readExtension(item, itemAt, ofPath)).with(im.readExtension(operation, o.At, ofOperation))
		skip := func(what, remedy string) { im.skip(o, what, remedy) }
		if e.skip {
			skip("x-polygate says so", "remove skip to import it")
			continue
		}
		server := im.serverOf(operation, o.At, item, itemAt)
		r := &route{methods: []string{o.Method}, base: server.base, path: server.base + o.Pattern, timeout: e.timeout, of: o}
		pattern, err := gateway.ParsePattern(r.path)
		var bad *gateway.PatternError
		if errors.As(err, &bad) {
			skip(bad.What, bad.Remedy)
			continue
		}
		shape := pattern.Shape()
		if shape == "/health" || shape == "/ready" {
			skip("the gateway answers "+shape+" itself", "give it another path, such as by a server with a base path")
			continue
		}
		if first, there := taken[o.Method+" "+shape]; there {
			skip(fmt.Sprintf("it takes the same requests as %s, which is imported", first.At), "paths that differ in the names of parameters only are one path: keep one of them")
			continue
		}
		taken[o.Method+" "+shape] = o
		if r.upstream = e.upstream; r.upstream == "" {
			r.upstream = im.upstream(server)
		}
		im.spans(o)
		r.name, r.chosen = im.nameRoute(e.name, o), e.name != ""
		r.policies = append(im.secure(operation, o.At), e.use...)
		im.routes = append(im.routes, r)
	}
}

// spans tells what became of parameters of a path that may hold slashes, once for all of its operations.
func (im *importer) spans(o openapi.Operation) {
	at := gateway.Pointer("/paths").Key(o.Path)
	for _, name := range o.Single {
		im.note(Changed, at, fmt.Sprintf("path %s: %s may hold slashes, and takes one segment", o.Path, name), "let clients write a slash in it as %2F")
	}
	if strings.HasSuffix(o.Pattern, "...}") {
		im.note(Changed, at, fmt.Sprintf("path %s: the last parameter may hold slashes, and takes the rest of the path", o.Path), "see that it may: paths that begin so come to the upstream, however they go on")
	}
}

// operation is one as it is written, nil for one that cannot be read.
func (im *importer) operation(o openapi.Operation, paths map[string]any) map[string]any {
	item, _, err := im.doc.Resolve(paths[o.Path], gateway.Pointer("/paths").Key(o.Path))
	if err != nil {
		return nil
	}
	operation, _ := item[strings.ToLower(o.Method)].(map[string]any)
	return operation
}

// mergePaths makes one route of those that differ in their methods only.
func (im *importer) mergePaths() {
	var out []*route
	by := map[string]*route{}
	for _, r := range im.routes {
		key := strings.Join([]string{r.path, r.upstream, r.timeout, strings.Join(r.policies, " ")}, "\n")
		first := by[key]
		if r.chosen || first == nil {
			out = append(out, r)
			if !r.chosen {
				by[key] = r
			}
			continue
		}
		if len(first.methods) == 1 {
			delete(im.routeName, first.name)
			first.name = unique(kebab("path", first.of.Path), im.routeName)
		}
		delete(im.routeName, r.name)
		first.methods = append(first.methods, r.methods...)
	}
	im.routes = out
}

// dropUnused leaves out what x-polygate defines and no route has, which a gateway document must not hold.
func (im *importer) dropUnused() {
	used, routed := map[string]bool{}, map[string]bool{}
	for _, name := range im.extension.everywhere {
		used[name] = true
	}
	for _, r := range im.routes {
		routed[r.upstream] = true
		for _, name := range r.policies {
			used[name] = true
		}
	}
	at := gateway.Pointer("/" + extensionKey)
	drop := func(list []named, used map[string]bool, key string) []named {
		return slices.DeleteFunc(list, func(n named) bool {
			if used[n.name] {
				return false
			}
			im.note(LeftOut, at.Key(key).Key(n.name), n.name+" is used by no route", "name it in x-polygate of a path or an operation, or remove it")
			return true
		})
	}
	im.policies = drop(im.policies, used, "policies")
	im.upstreams = drop(im.upstreams, routed, "upstreams")
}

// check holds the result against what `polygate check` knows, so that all that is still open is told at once.
func (im *importer) check(text []byte) {
	_, err := config.ParseIn(im.Files, "gateway.yaml", text)
	var problems config.Problems
	if !errors.As(err, &problems) {
		return
	}
	for _, p := range problems {
		im.report.Open = append(im.report.Open, Open{p.Line, p.Column, p.Pointer, p.What, p.Remedy})
	}
}
