package openapi

import (
	"slices"
	"strings"

	"polygate.example/shared/gateway"
)

// multiSegment is an extension by which a description says that a parameter of a path may hold slashes, as they are or escaped. OpenAPI has no
// way to say so (https://github.com/OAI/OpenAPI-Specification/issues/892); this one is GitHub's
// (https://github.com/github/rest-api-description/blob/main/extensions.md), and others read it too
// (https://docs.quarkiverse.io/quarkus-openapi-generator/dev/x-multi-segment.html).
const multiSegment = "x-multi-segment"

// PatternOf is a path of OpenAPI as a pattern, whose parameters have plainer names. Whether it is one is for gateway.ParsePattern to say.
func PatternOf(path string) string {
	parts := strings.Split(path, "/")
	for i, part := range parts {
		if name, is := parameterOf(part); is {
			parts[i] = "{" + gateway.ParamName(name) + "}"
		}
	}
	return strings.Join(parts, "/")
}

// parameterOf is the name of the parameter that a segment is; false for one that is none, or only partly.
func parameterOf(segment string) (string, bool) {
	name, is := strings.CutPrefix(segment, "{")
	name, closed := strings.CutSuffix(name, "}")
	return name, is && closed && !strings.ContainsAny(name, "{}")
}

// pattern gives an operation its pattern. A parameter that spans segments takes the rest of the path if it is the last one. It does not where another
// operation goes on behind such a parameter at the same place, /a/{x} beside /a/{x}/b: what is meant for that one, with a slash in x, must not come to
// the upstream by way of the first, which may let in more callers.
func (d *Document) pattern(o Operation, spans map[string][]string) Operation {
	o.Pattern = PatternOf(o.Path)
	parts := strings.Split(o.Path, "/")
	for i, part := range parts {
		name, is := parameterOf(part)
		if !is || !slices.Contains(spans[key(o.Path, o.Method)], name) {
			continue
		}
		if last := i == len(parts)-1; last && !goesOn(parts, spans) {
			o.Pattern = strings.TrimSuffix(o.Pattern, "}") + "...}"
			continue
		}
		o.Single = append(o.Single, name)
	}
	return o
}

// goesOn reports whether some path goes on where another, given by its segments, ends with a parameter, and has one there that spans segments.
func goesOn(parts []string, spans map[string][]string) bool {
	for at, names := range spans {
		path, _, _ := strings.Cut(at, " ")
		other := strings.Split(path, "/")
		if len(other) <= len(parts) {
			continue
		}
		name, is := parameterOf(other[len(parts)-1])
		if is && slices.Contains(names, name) && mayEqual(parts[:len(parts)-1], other) {
			return true
		}
	}
	return false
}

// mayEqual reports whether the segments that come first in another path can be the same as these.
func mayEqual(parts, other []string) bool {
	for i, part := range parts {
		_, is := parameterOf(part)
		_, otherIs := parameterOf(other[i])
		if part != other[i] && !is && !otherIs {
			return false
		}
	}
	return true
}

// key is that of an operation: no path has a space, which stands for none in a request.
func key(path, method string) string { return strings.ReplaceAll(path, " ", "%20") + " " + method }

// spanning are the parameters in paths that span segments, by the operations that have them.
func (d *Document) spanning(o Operation, item, operation map[string]any) []string {
	marked := map[string]bool{}
	for _, of := range []map[string]any{item, operation} { // an operation's come in place of its path's
		list, _ := of["parameters"].([]any)
		for _, one := range list {
			p, _, err := d.resolve(one, "")
			if err != nil || p["in"] != gateway.InPath {
				continue // Lower tells
			}
			if name, is := p["name"].(string); is {
				marked[name] = p[multiSegment] == true
			}
		}
	}
	var out []string
	for _, part := range strings.Split(o.Path, "/") {
		if name, is := parameterOf(part); is && marked[name] {
			out = append(out, name)
		}
	}
	return out
}
