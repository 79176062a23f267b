package azurehost

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// route is one function's address: an ASP.NET route template and the methods it takes.
type route struct {
	function string
	segments []segment
	methods  []string // upper case; none means all
	auth     string   // anonymous, function, admin
}

type kind int

const (
	literal kind = iota // matched without regard to case, as ASP.NET routing does
	parameter
	optional // {name?}, last only
	catchAll // {*name}, last only
)

type segment struct {
	kind kind
	text string // lower case, of a literal
}

// newRoute reads a template such as "api/items/{id}" or "{*path}". Source: "Azure Functions HTTP trigger", customize
// the HTTP endpoint. Constraints such as {id:int} are refused: nothing here would check them.
func newRoute(function, template string, methods []string, auth string) (route, error) {
	r := route{function: function, auth: strings.ToLower(auth)}
	switch r.auth {
	case "":
		r.auth = "function" // Source: "Azure Functions HTTP trigger", authLevel default
	case "anonymous", "function", "admin":
	default:
		return route{}, fmt.Errorf("authLevel %q: want anonymous, function or admin", auth)
	}
	for _, m := range methods {
		r.methods = append(r.methods, strings.ToUpper(m))
	}
	parts := split(template)
	for i, p := range parts {
		s, err := newSegment(p)
		if err != nil {
			return route{}, fmt.Errorf("route %q: %w", template, err)
		}
		if (s.kind == optional || s.kind == catchAll) && i != len(parts)-1 {
			return route{}, fmt.Errorf("route %q: %s can only be the last segment", template, p)
		}
		r.segments = append(r.segments, s)
	}
	return r, nil
}

func newSegment(p string) (segment, error) {
	name, ok := strings.CutPrefix(p, "{")
	if !ok {
		if strings.ContainsAny(p, "{}") {
			return segment{}, fmt.Errorf("segment %q mixes text and a parameter, which the local clouds do not match", p)
		}
		return segment{kind: literal, text: strings.ToLower(p)}, nil
	}
	name, ok = strings.CutSuffix(name, "}")
	s := segment{kind: parameter}
	if rest, is := strings.CutPrefix(name, "*"); is {
		s.kind, name = catchAll, strings.TrimPrefix(rest, "*")
	} else if rest, is := strings.CutSuffix(name, "?"); is {
		s.kind, name = optional, rest
	}
	if !ok || name == "" || strings.ContainsAny(name, "{}*?") {
		return segment{}, fmt.Errorf("segment %q is not a parameter", p)
	}
	if strings.ContainsAny(name, ":=") {
		return segment{}, fmt.Errorf("segment %q has a constraint or default, which the local clouds do not check", p)
	}
	return s, nil
}

// split cuts a path into its segments; the empty path has none.
func split(path string) []string {
	path = strings.Trim(path, "/")
	if path == "" {
		return nil
	}
	return strings.Split(path, "/")
}

// matches reports whether a path, decoded except for %2F, is one of the route's.
func (r route) matches(path string) bool {
	parts := split(path)
	for i, s := range r.segments {
		switch s.kind {
		case catchAll:
			return true
		case optional:
			return len(parts) <= i+1
		}
		if i >= len(parts) || s.kind == literal && s.text != strings.ToLower(parts[i]) {
			return false
		}
	}
	return len(parts) == len(r.segments)
}

// allows reports whether the route takes a method.
func (r route) allows(method string) bool {
	return len(r.methods) == 0 || slices.Contains(r.methods, method)
}

// compare orders routes as ASP.NET does: segment by segment, text before parameters before catch-alls.
func (r route) compare(o route) int {
	for i := range min(len(r.segments), len(o.segments)) {
		if c := cmp.Compare(r.segments[i].kind, o.segments[i].kind); c != 0 {
			return c
		}
	}
	return cmp.Compare(len(o.segments), len(r.segments))
}
