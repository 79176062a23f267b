package gateway

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// check tests all but the schemas themselves: to compile them takes a library that most gateways do without, so package config does it.
func (p *Validate) check(r *report, at Pointer) {
	inline := len(p.Parameters) > 0 || p.Body != nil || len(p.Responses) > 0
	switch {
	case !inline && len(p.Operations) == 0:
		r.value(at, "nothing is described", "write parameters, body or responses, or openapi: the file of an OpenAPI document")
	case inline && len(p.Operations) > 0:
		r.value(at, "both every request and the operations of an API are described", "keep openapi, or parameters, body and responses")
	}
	if len(p.Operations) > maxOperations {
		r.value(at, fmt.Sprintf("there are %d operations", len(p.Operations)), fmt.Sprintf("keep to %d", maxOperations))
		return
	}
	if p.MaxBody < 0 || p.MaxBody > maxValidatedBytes {
		r.value(at.Key("maxBody"), fmt.Sprintf("maxBody %d is out of range", p.MaxBody), fmt.Sprintf("write at most %d: bodies are held while they are looked at", maxValidatedBytes))
	}
	if p.Response != "" && p.Response != ResponseEnforce && p.Response != ResponseLog {
		r.value(at.Key("response"), fmt.Sprintf("response %s is not known", quote(p.Response)), "write enforce or log")
	}
	if p.UnknownQuery != "" && p.UnknownQuery != UnknownAllow && p.UnknownQuery != UnknownDeny {
		r.value(at.Key("unknownQuery"), fmt.Sprintf("unknownQuery %s is not known", quote(p.UnknownQuery)), "write allow or deny")
	}
	p.checkSizes(r, at)
	p.Checks.check(r, at, p.Response)
	answers := len(p.Responses) > 0
	seen := map[string]bool{}
	for i, o := range p.Operations {
		at := at.Key("operations").Index(i)
		o.check(r, at, seen)
		o.Checks.check(r, at, p.Response)
		if len(o.Ignored) > maxParameters {
			r.value(at.Key("ignored"), fmt.Sprintf("there are %d parameters that are ignored", len(o.Ignored)), fmt.Sprintf("keep to %d", maxParameters))
		}
		answers = answers || len(o.Responses) > 0
	}
	if p.Response != "" && !answers {
		r.value(at.Key("response"), "no answer is described", "write responses, or remove response")
	}
}

// checkSizes bounds what has to be compiled when a function starts.
func (p *Validate) checkSizes(r *report, at Pointer) {
	size := 0
	for name, text := range p.Defs {
		size += len(text)
		if name == "" || !json.Valid(text) {
			r.value(at.Key("$defs").Key(name), fmt.Sprintf("definition %s is none", quote(name)), "write a name and a schema")
		}
	}
	for _, s := range p.Schemas() {
		size += len(s.JSON)
		if !json.Valid(s.JSON) {
			r.value(at+s.At, "the schema is missing", "write one, such as {type: string}")
		}
	}
	if size > maxSchemaBytes {
		r.value(at, fmt.Sprintf("the schemas have %d bytes together", size), fmt.Sprintf("keep them within %d", maxSchemaBytes))
	}
}

func (o Operation) check(r *report, at Pointer, seen map[string]bool) {
	if !slices.Contains(methods, o.Method) {
		r.value(at.Key("method"), fmt.Sprintf("method %s is not known", quote(o.Method)), suggest(strings.ToUpper(o.Method), methods))
	}
	pattern, err := ParsePattern(o.Path)
	if err != nil {
		r.value(at.Key("path"), err.Error(), "write the path as OpenAPI has it")
		return
	}
	key := o.Method + " " + pattern.Shape()
	if seen[key] {
		r.value(at, fmt.Sprintf("there are two operations for %s", quote(key)), "keep one of them")
	}
	seen[key] = true
	have := pattern.Params()
	for i, p := range o.Parameters {
		if _, ok := have[ParamName(p.Name)]; p.In == InPath && !ok {
			r.value(at.Key("parameters").Index(i), fmt.Sprintf("path %s has no parameter {%s}", quote(o.Path), p.Name), suggest(p.Name, slices.Sorted(maps.Keys(have))))
		}
	}
}

var responseKey = regexp.MustCompile(`^(default|[2-5]([0-9][0-9]|xx))$`)

func (c Checks) check(r *report, at Pointer, response string) {
	if len(c.Parameters) > maxParameters {
		r.value(at.Key("parameters"), fmt.Sprintf("there are %d parameters", len(c.Parameters)), fmt.Sprintf("keep to %d", maxParameters))
		return
	}
	seen := map[string]bool{}
	for i, p := range c.Parameters {
		at := at.Key("parameters").Index(i)
		p.check(r, at)
		key := p.In + " " + p.Name
		if p.In == InHeader {
			key = strings.ToLower(key)
		}
		if seen[key] {
			r.value(at.Key("name"), fmt.Sprintf("parameter %s is described twice", quote(p.Name)), "keep one of them")
		}
		seen[key] = true
	}
	if c.Body != nil {
		if len(c.Body.Content) == 0 {
			r.value(at.Key("body"), "no content is described", "write content, with a schema for each media type, such as application/json: {type: object}")
		}
		c.Body.Content.check(r, at.Key("body").Key("content"))
	}
	if len(c.Responses) > 0 && response == "" {
		r.key(at.Key("responses"), "answers are described, and nobody looks at them", "write response: enforce, which makes a 502 of others, or response: log")
	}
	for _, status := range slices.Sorted(maps.Keys(c.Responses)) {
		at := at.Key("responses").Key(status)
		if !responseKey.MatchString(status) {
			r.key(at, fmt.Sprintf("status %s is none", quote(status)), "write such as 404, 4xx or default")
		}
		c.Responses[status].check(r, at)
	}
}

// stylesOf are the styles by place, the default first.
func stylesOf(in string) []string {
	switch in {
	case InPath, InHeader:
		return []string{StyleSimple}
	case InCookie:
		return []string{StyleForm}
	case InQuery:
		return []string{StyleForm, StyleSpace, StylePipe, StyleDeep}
	}
	return nil
}

// DefaultStyle is how a parameter is written if nothing else is said, and whether it is exploded (OpenAPI 3.1, 4.8.12.2).
func DefaultStyle(in string) (style string, explode bool) {
	if styles := stylesOf(in); styles != nil {
		style = styles[0]
	}
	return style, style == StyleForm
}

// IgnoredHeader reports a header that is no parameter (OpenAPI 3.1, 4.8.12.2): other parts of a description tell of it.
func IgnoredHeader(name string) bool {
	switch strings.ToLower(name) {
	case "accept", "content-type", "authorization":
		return true
	}
	return false
}

func (p Parameter) check(r *report, at Pointer) {
	styles := stylesOf(p.In)
	bad := func(what, remedy string) {
		r.value(at.Key("name"), fmt.Sprintf("%s parameter %s %s", p.In, quote(p.Name), what), remedy)
	}
	switch {
	case styles == nil:
		r.value(at.Key("in"), fmt.Sprintf("in %s is not known", quote(p.In)), suggest(p.In, []string{InCookie, InHeader, InPath, InQuery}))
		return
	case p.Name == "" || len(p.Name) > 256:
		bad("has no name, or a very long one", "write the name as clients send it, decoded")
	case (p.In == InHeader || p.In == InCookie) && !isToken(p.Name):
		bad("has a name that cannot be sent", "use letters, digits, hyphens and underscores")
	case p.In == InHeader && IgnoredHeader(p.Name):
		bad("is none", "remove it: the content type is tested by body, and credentials by policies of their own")
	}
	if p.In == InPath && !p.Required {
		r.value(at.Key("required"), fmt.Sprintf("path parameter %s is always there", quote(p.Name)), "write required: true, or leave it out")
	}
	if !p.JSON && !slices.Contains(styles, p.Style) {
		what := "style %s is not known"
		if slices.Contains([]string{StyleSimple, StyleForm, StyleSpace, StylePipe, StyleDeep}, p.Style) {
			what = "style %s is not one for " + p.In
		}
		r.value(at.Key("style"), fmt.Sprintf(what, quote(p.Style)), "write one of "+strings.Join(styles, ", "))
	}
}

// check tests media ranges.
func (c Content) check(r *report, at Pointer) {
	if len(c) > maxMediaTypes {
		r.value(at, fmt.Sprintf("there are %d media types", len(c)), fmt.Sprintf("keep to %d", maxMediaTypes))
		return
	}
	for _, media := range slices.Sorted(maps.Keys(c)) {
		m, ok := ParseMediaRange(media)
		switch at := at.Key(media); {
		case media == AnyMedia:
		case !ok:
			r.key(at, fmt.Sprintf("media type %s is none", quote(media)), `write such as "application/json", "image/*", "application/*+json" or "*/*", in lower case and without parameters`)
		case m.IsOne() && string(c[media]) != "true" && !Structured(media):
			r.value(at, fmt.Sprintf("a body of %s cannot be held against a schema", media), "write true, which lets it pass, or describe JSON or application/x-www-form-urlencoded")
		}
	}
}

// FormMedia is the media type of the forms that can be held against a schema.
const FormMedia = "application/x-www-form-urlencoded"

// Structured reports whether a body of a media type, in lower case and without parameters, can be held against a schema: JSON (RFC 6839, 3.1) and forms.
func Structured(mediaType string) bool {
	return mediaType == "application/json" || mediaType == "text/json" || strings.HasSuffix(mediaType, "+json") || mediaType == FormMedia
}

// describedPath is what of an operation says which requests it is for.
type describedPath struct {
	method string
	path   Pattern
}

// describedPaths are those of the operations that policies have, by the names of these, read once for all routes.
func describedPaths(s *Spec) map[string][]describedPath {
	out := map[string][]describedPath{}
	for name, p := range s.Policies {
		if p.Validate == nil {
			continue
		}
		for _, o := range p.Validate.Operations {
			path, err := ParsePattern(o.Path)
			if err != nil {
				path = Pattern{[]Segment{{SegmentRest, ""}}} // reported already, and no reason to say more
			}
			out[name] = append(out[name], describedPath{o.Method, path})
		}
	}
	return out
}

// checkValidated tests a route against the policies of the kind that it has: that the parameters they describe are in its path, and that some
// operation takes its requests.
func checkValidated(r *report, i int, s *Spec, described map[string][]describedPath) {
	route := s.Routes[i]
	pattern, err := ParsePattern(route.Match.Path)
	if err != nil {
		return // reported already
	}
	have := pattern.Params()
	taker := Taker{route.Match.Methods, pattern}
	at := Pointer("/routes").Index(i)
	for _, list := range []struct {
		names []string
		at    func(int) Pointer
	}{{s.Everywhere, func(int) Pointer { return at.Key("match").Key("path") }}, {route.Policies, at.Key("policies").Index}} {
		for j, name := range list.names {
			p := s.Policies[name].Validate
			if p == nil {
				continue
			}
			for _, param := range p.Parameters {
				if kind, ok := have[param.Name]; param.In == InPath && (!ok || kind == SegmentRest) {
					r.value(list.at(j), fmt.Sprintf("policy %s describes the path parameter %s, which match.path does not have as a segment", quote(name), quote(param.Name)), "name it in the path, or give the route another policy")
				}
			}
			if o := described[name]; len(o) > 0 && !slices.ContainsFunc(o, func(o describedPath) bool { return taker.Takes(o.method, o.path) }) {
				r.value(list.at(j), fmt.Sprintf("policy %s has no operation that takes a request of route %s", quote(name), quote(route.Name)), "write basePath if the API lies below another path than it says, describe the operation, or give the route another policy")
			}
		}
	}
}

// ParamName is the name that a path parameter has in a pattern: OpenAPI's may hold what names there do not, such as hyphens.
func ParamName(name string) string {
	var b strings.Builder
	for i, c := range name {
		if s := string(c); isParamName(s) || i > 0 && isParamName("_"+s) {
			b.WriteString(s)
		} else {
			b.WriteByte('_')
		}
	}
	return b.String()
}

// Taker is what of a route says which requests are its own, read once: an API may have a thousand operations, and a gateway as many routes for them.
type Taker struct {
	methods []string
	pattern Pattern
}

// NewTaker reads what a route takes; false for a path that is none, which takes nothing.
func NewTaker(m Match) (Taker, bool) {
	p, err := ParsePattern(m.Path)
	return Taker{m.Methods, p}, err == nil
}

// Takes reports whether an operation, by its method and path, could be what a request of the route is for.
func (t Taker) Takes(method string, path Pattern) bool {
	taken := func(method string) bool { return slices.Contains(t.methods, method) }
	if len(t.methods) > 0 && !taken(method) && !(method == "GET" && taken("HEAD")) && !(method == "HEAD" && taken("GET")) {
		return false
	}
	for i, s := range t.pattern.Segments {
		if s.Kind == SegmentRest {
			return true
		}
		if i < len(path.Segments) && path.Segments[i].Kind == SegmentRest {
			return s != Segment{SegmentLiteral, ""} // which is no segment of its own
		}
		if i >= len(path.Segments) || s.Kind == SegmentLiteral && path.Segments[i].Kind == SegmentLiteral && s.Text != path.Segments[i].Text ||
			s.Kind == SegmentParam && path.Segments[i] == (Segment{SegmentLiteral, ""}) || s == (Segment{SegmentLiteral, ""}) && path.Segments[i].Kind == SegmentParam {
			return false
		}
	}
	return len(path.Segments) == len(t.pattern.Segments)
}

// Unwritable says why the text of a parameter cannot be a value of its schema, "" if it can.
func (p Parameter) Unwritable(shape interface {
	MayBeList() bool
	MayHaveParts() bool
	MayHoldParts() bool
}) string {
	switch {
	case p.JSON:
	case p.Style == StyleDeep && !shape.MayHaveParts():
		return "is a deepObject and neither of type object nor of type array"
	case p.Style == StyleDeep:
	case (p.Style == StyleSpace || p.Style == StylePipe) && !shape.MayBeList():
		return "is delimited and not of type array"
	case shape.MayHoldParts():
		return "has parts that its style cannot carry"
	}
	return ""
}
