package openapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"polygate.example/shared/gateway"
)

// Options say what of a document is lowered.
type Options struct {
	BasePath  string                                             // that clients find the API under; "" is the path of the first server, "/" none
	Keep      func(operationID string, o gateway.Operation) bool // which operations, known by method and path; nil for all
	Responses bool                                               // answers as well
	Ignore    []gateway.Pointer                                  // places of parameters that are passed over, in lists of them or where they are defined
}

// Lowered is what a policy of the kind validate has of a document.
type Lowered struct {
	Operations []gateway.Operation
	Defs       map[string]json.RawMessage
	Origins    map[gateway.Pointer]gateway.Pointer // from places in the policy, such as /operations/0 or /$defs/Order, to those in the document
	Ignored    []gateway.Pointer                   // those of Options.Ignore that were met, each once

	uses *uses
}

// Parameter is the place in the document of the parameter that has something at a place in the policy; "" if none has.
func (l Lowered) Parameter(at gateway.Pointer) gateway.Pointer {
	names, ok := gateway.ParsePointer(string(at))
	if !ok || len(names) < 4 || names[0] != "operations" || names[2] != "parameters" {
		return ""
	}
	return l.Origins[gateway.Pointer("/operations").Key(names[1]).Key("parameters").Key(names[3])]
}

// Of are the places in the document of the operations that have something at a place in the policy: in the operation itself, or in a definition that it
// refers to, by others or not. None for a place that belongs to no operation.
func (l Lowered) Of(at gateway.Pointer) []gateway.Pointer {
	names, ok := gateway.ParsePointer(string(at))
	if !ok || len(names) < 2 {
		return nil
	}
	switch names[0] {
	case "operations":
		return []gateway.Pointer{l.Origins[gateway.Pointer("/operations").Key(names[1])]}
	case "$defs":
		return l.uses.of(names[1])
	}
	return nil
}

// Lower turns operations into checks. The error is Problems.
func (d *Document) Lower(o Options) (Lowered, error) {
	base := strings.TrimSuffix(o.BasePath, "/")
	if o.BasePath == "" {
		var err error
		if base, err = d.BasePath(); err != nil {
			return Lowered{}, err
		}
	}
	l := &lowering{Document: d, uses: newUses(), ignore: o.Ignore}
	l.out = Lowered{Defs: map[string]json.RawMessage{}, Origins: map[gateway.Pointer]gateway.Pointer{}, uses: l.uses}
	paths, _ := d.root["paths"].(map[string]any)
	for _, path := range slices.Sorted(maps.Keys(paths)) {
		if !strings.HasPrefix(path, "/") {
			continue // an extension
		}
		at := gateway.Pointer("/paths").Key(path)
		item, at, err := d.resolve(paths[path], at)
		if err != nil {
			if o.mayKeep(base + path) {
				l.failed(err)
			}
			continue
		}
		for _, method := range methods {
			if operation, there := item[method]; there {
				l.operation(o, base, path, strings.ToUpper(method), item, at, operation)
			}
		}
	}
	l.definitions()
	if len(l.found) > 0 {
		for i, by := range l.foundBy {
			l.found[i].Of = l.uses.of(by)
		}
		return Lowered{}, l.found
	}
	return l.out, nil
}

// mayKeep reports whether some operation of a path may be wanted, of which it is not known what there is.
func (o Options) mayKeep(path string) bool {
	return o.Keep == nil || slices.ContainsFunc(methods, func(method string) bool {
		return o.Keep("", gateway.Operation{Method: strings.ToUpper(method), Path: PatternOf(path)})
	})
}

// lowering is one run of Lower.
type lowering struct {
	*Document
	out     Lowered
	uses    *uses
	found   Problems
	foundBy []string // for each what was read then, see uses
	pending []definition
	named   map[string]bool // definitions that are made or pending
	ignore  []gateway.Pointer

	parameterAt gateway.Pointer // of the one that is read, "" for none
}

func (l *lowering) object(at gateway.Pointer, what, remedy string) {
	l.found = append(l.found, Problem{At: at, What: what, Remedy: remedy, In: l.parameterAt})
	l.foundBy = append(l.foundBy, l.uses.now)
}

func (l *lowering) failed(err error) {
	var ps Problems
	if errors.As(err, &ps) {
		for _, p := range ps {
			l.object(p.At, p.What, p.Remedy)
		}
	}
}

// operation lowers one operation; item is the path that it is of.
func (l *lowering) operation(o Options, base, path, method string, item map[string]any, at gateway.Pointer, v any) {
	operation, is := v.(map[string]any)
	id, _ := operation["operationId"].(string)
	pattern, listed := l.patterns[key(path, method)]
	if !listed {
		pattern = PatternOf(path)
	}
	out := gateway.Operation{Method: method, Path: PatternOf(base) + pattern}
	if o.Keep != nil && !o.Keep(id, out) {
		return
	}
	defer l.uses.begin(string(at.Key(strings.ToLower(method))), true)()
	if !is {
		l.object(at.Key(strings.ToLower(method)), "an operation is a mapping", "write parameters, requestBody and responses, or remove it")
		return
	}
	if _, err := gateway.ParsePattern(out.Path); err != nil {
		var bad *gateway.PatternError
		if errors.As(err, &bad) {
			l.object(at, bad.What, bad.Remedy)
		}
		return
	}
	here := gateway.Pointer("/operations").Index(len(l.out.Operations))
	at, itemAt := at.Key(strings.ToLower(method)), at
	l.out.Origins[here] = at
	l.parameters(&out, here, item["parameters"], itemAt.Key("parameters"), operation["parameters"], at.Key("parameters"))
	if body, there := operation["requestBody"]; there {
		l.body(&out, here, body, at.Key("requestBody"))
	}
	if o.Responses {
		l.responses(&out, here, operation["responses"], at.Key("responses"))
	}
	l.out.Operations = append(l.out.Operations, out)
}

func (l *lowering) body(out *gateway.Operation, here gateway.Pointer, v any, at gateway.Pointer) {
	body, at, err := l.resolve(v, at)
	if err != nil {
		l.failed(err)
		return
	}
	required, _ := body["required"].(bool)
	content := l.content(body["content"], at.Key("content"), here.Key("body").Key("content"), request)
	if len(content) == 0 {
		l.object(at, "the body has no content", "write content, with a schema for each media type")
		return
	}
	out.Body = &gateway.BodyCheck{Required: required, Content: content}
}

func (l *lowering) responses(out *gateway.Operation, here gateway.Pointer, v any, at gateway.Pointer) {
	responses, _ := v.(map[string]any)
	for _, status := range slices.Sorted(maps.Keys(responses)) {
		if strings.HasPrefix(status, "x-") || strings.HasPrefix(status, "1") {
			continue
		}
		response, at, err := l.resolve(responses[status], at.Key(status))
		if err != nil {
			l.failed(err)
			continue
		}
		key := strings.ToLower(status)
		if out.Responses == nil {
			out.Responses = map[string]gateway.Content{}
		}
		out.Responses[key] = l.content(response["content"], at.Key("content"), here.Key("responses").Key(key), answer)
	}
}

// content lowers schemas by media type. What can be neither JSON nor a form passes as it is.
func (l *lowering) content(v any, at, here gateway.Pointer, side side) gateway.Content {
	media, _ := v.(map[string]any)
	out := gateway.Content{}
	for _, name := range slices.Sorted(maps.Keys(media)) {
		at := at.Key(name)
		entry, _ := media[name].(map[string]any)
		key, _, _ := strings.Cut(strings.ToLower(name), ";")
		key = strings.TrimSpace(key)
		m, ok := gateway.ParseMediaRange(key)
		if !ok && key != gateway.AnyMedia {
			l.object(at, fmt.Sprintf("media type %q is none", cut(name)), `write such as application/json`)
			continue
		}
		if _, twice := out[key]; twice {
			l.object(at, fmt.Sprintf("media type %q is there twice, but for its parameters", cut(key)), "keep one of them")
			continue
		}
		schema, there := entry["schema"]
		if !there || !gateway.Structured(key) && (ok && m.IsOne() || opaque(schema)) {
			out[key] = json.RawMessage("true")
			continue
		}
		out[key] = l.schema(schema, at.Key("schema"), here.Key(key), side)
	}
	return out
}

// opaque reports a schema that stands for bytes of any kind.
func opaque(schema any) bool {
	s, _ := schema.(map[string]any)
	_, media := s["contentMediaType"]
	return media || len(s) == 0 || s["format"] == "binary" || s["format"] == "base64"
}
