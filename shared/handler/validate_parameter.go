//go:build !without_schema

package handler

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"polygate.example/shared/gateway"
	"polygate.example/shared/schema"
)

// parameter is a compiled gateway.Parameter.
type parameter struct {
	gateway.Parameter
	key     string // of a header its canonical name, else the name
	segment string // of the path, see gateway.ParamName
	schema  *schema.Schema
	text    *schema.Text
}

// What is wrong with a parameter that is not its value.
const (
	isMissing    = "is missing"
	isTwice      = "is given more than once"
	hasSlash     = "holds a slash or a backslash, which would make another path of it"
	hasControl   = "holds a control character"
	isMalformed  = "is not written as it has to be"
	isUnreadable = "the query cannot be read: it has a semicolon or a percent sign that is not escaped, or too many parameters"
)

// request holds the parameters of a request against their schemas, in the order of the document.
func (c *checks) request(r *http.Request) []fieldError {
	if len(c.parameters) == 0 {
		return nil
	}
	var query url.Values
	var cookies map[string][]string
	if c.query {
		var err error
		if query, err = url.ParseQuery(r.URL.RawQuery); err != nil { // too many parameters would be none, and go to the upstream nevertheless
			return []fieldError{{In: gateway.InQuery, Detail: isUnreadable}}
		}
	}
	if c.cookies {
		cookies = cookiesOf(r.Header)
	}
	var out []fieldError
	for i := range c.parameters {
		p := &c.parameters[i]
		var values []string
		switch p.In {
		case gateway.InPath:
			text, escaped, there := c.segmentOf(p.segment, exchangeOf(r))
			if there && escaped && (strings.Contains(text, `\`) || !p.Slashes && strings.Contains(text, "/")) {
				out = append(out, p.error(hasSlash, ""))
				continue
			}
			if there {
				values = []string{text}
			}
		case gateway.InQuery:
			if p.Style == gateway.StyleDeep {
				out = p.deep(query, out)
				continue
			}
			values = query[p.key]
		case gateway.InHeader:
			if values = r.Header[p.key]; p.key == "Host" {
				values = []string{r.Host}
			}
		case gateway.InCookie:
			values = cookies[p.key]
		}
		out = p.check(values, out)
	}
	return out
}

// segmentOf is the segment that a parameter of the path took, or the rest that it did, and whether something of it was escaped.
func (c *checks) segmentOf(name string, x *exchange) (text string, escaped, there bool) {
	i, known := c.segments[name]
	if known && name == c.rest {
		var parts []string
		for _, s := range x.segments[i:] {
			parts, escaped = append(parts, unescape(s)), escaped || strings.ContainsAny(s, `%\`)
		}
		return strings.Join(parts, "/"), escaped, true
	}
	if c.segments == nil {
		n := slices.Index(x.params, name)
		if known = n >= 0 && n < len(x.captured); known {
			i = x.captured[n]
		}
	}
	if !known || i >= len(x.segments) {
		return "", false, false
	}
	return unescape(x.segments[i]), strings.ContainsAny(x.segments[i], `%\`), true
}

// check holds the values that came under the name of a parameter against its schema.
func (p *parameter) check(values []string, out []fieldError) []fieldError {
	if len(values) == 0 {
		if p.Required {
			out = append(out, p.error(isMissing, "required"))
		}
		return out
	}
	for _, v := range values {
		if strings.IndexFunc(v, func(c rune) bool { return c < ' ' && c != '\t' || c == 0x7f }) >= 0 && p.In != gateway.InQuery {
			return append(out, p.error(hasControl, ""))
		}
	}
	list := !p.JSON && p.text.MayBeList() && (p.Style != gateway.StyleDeep || p.text.IsList())
	if len(values) > 1 && (!list || !p.Explode && p.In != gateway.InHeader) {
		return append(out, p.error(isTwice, ""))
	}
	switch {
	case p.JSON:
		value, err := schema.Decode([]byte(values[0]), schema.Options{})
		if err != nil {
			return append(out, p.error("is no JSON that is taken: "+err.Error(), ""))
		}
		return p.hold(value, out)
	case list && (p.text.IsList() || len(values) > 1 || len(p.schema.Validate(p.text.Value(values[0]))) > 0 && p.listFits(values)):
		return p.hold(p.text.Values(p.split(values)), out)
	}
	return p.hold(p.text.Value(values[0]), out)
}

// listFits reports whether what may be a list or a text is right as the first.
func (p *parameter) listFits(values []string) bool {
	return len(p.schema.Validate(p.text.Values(p.split(values)))) == 0
}

// split makes the items of a list.
func (p *parameter) split(values []string) []string {
	separator := ","
	switch {
	case p.Explode && p.In != gateway.InHeader && p.In != gateway.InPath:
		return values
	case p.Style == gateway.StyleSpace:
		separator = " "
	case p.Style == gateway.StylePipe:
		separator = "|"
	}
	var out []string
	for _, v := range values {
		for item := range strings.SplitSeq(v, separator) {
			if p.In == gateway.InHeader {
				item = strings.Trim(item, " \t")
			}
			out = append(out, item)
		}
	}
	return out
}

// deep holds a parameter that is written in parts, name[member]=value or name[]=item, against its schema. One that need not have parts may be a text as well.
func (p *parameter) deep(query url.Values, out []fieldError) []fieldError {
	all := &nested{}
	for _, name := range slices.Sorted(maps.Keys(query)) {
		if !strings.HasPrefix(name, p.Name+"[") {
			continue
		}
		_, keys := brackets("p" + name[len(p.Name):])
		if keys == nil || len(keys) > maxNested || !all.put(keys, query[name]) {
			return append(out, p.error(isMalformed, ""))
		}
	}
	plain := query[p.Name]
	switch {
	case len(plain) > 0 && (all.parts != nil || p.text.IsObject() || p.text.IsList()):
		return append(out, p.error(isMalformed, ""))
	case all.parts == nil:
		return p.check(plain, out)
	}
	v, at, why := all.value(p.text, "")
	if why != "" {
		e := p.error(why, "")
		if at != "" {
			e.Pointer = pointerFragment(at)
		}
		return append(out, e)
	}
	return p.hold(v, out)
}

func (p *parameter) hold(value any, out []fieldError) []fieldError {
	for _, f := range p.schema.Validate(value) {
		e := p.error(f.Detail, f.Rule)
		if f.Pointer != "" {
			e.Pointer = pointerFragment(f.Pointer)
		}
		out = append(out, e)
	}
	return out
}

func (p *parameter) error(detail, rule string) fieldError {
	return fieldError{In: p.In, Parameter: p.Name, Detail: detail, rule: rule}
}

// pointerFragment is a pointer as RFC 9457 (3.1) shows it.
func pointerFragment(p gateway.Pointer) string {
	u := url.URL{Fragment: string(p)}
	return "#" + u.EscapedFragment()
}

// cookiesOf are the cookies of a request by name, each as often as it was sent. net/http's own reading passes over those that it takes for
// damaged, and an upstream may not.
func cookiesOf(h http.Header) map[string][]string {
	out := map[string][]string{}
	for _, line := range h["Cookie"] {
		for one := range strings.SplitSeq(line, ";") {
			name, value, _ := strings.Cut(strings.Trim(one, " \t"), "=")
			name, value = strings.Trim(name, " \t"), strings.Trim(value, " \t")
			if n := len(value); n > 1 && value[0] == '"' && value[n-1] == '"' {
				value = value[1 : n-1]
			}
			out[name] = append(out[name], value)
		}
	}
	return out
}
