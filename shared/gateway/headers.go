package gateway

import (
	"maps"
	"slices"
	"strings"

	"polygate.example/shared/expression"
)

// PlainHeader reports whether a header's name is one to all servers alike: letters, digits and hyphens. Many hand an application all other characters
// that a name may have (RFC 9110, 5.6.2) as the underscore that a hyphen becomes too (RFC 3875, 4.1.18): X_Mode and X.Mode are X-Mode to them.
func PlainHeader(name string) bool {
	for i := range len(name) {
		if c := name[i]; !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-') {
			return false
		}
	}
	return name != ""
}

// PlainHeaderOf is the plain name that many servers take a header's name for.
func PlainHeaderOf(name string) string {
	if PlainHeader(name) {
		return name
	}
	plain := []byte(name)
	for i := range plain {
		if !PlainHeader(name[i : i+1]) {
			plain[i] = '-'
		}
	}
	return string(plain)
}

// HeaderNames are the names of headers of requests that the model speaks of, in lower case, sorted, each once: those that it goes by, and those that it
// writes for upstreams.
func (m *Model) HeaderNames() []string {
	var names []string
	for _, r := range m.spec.Routes {
		names = slices.AppendSeq(names, maps.Keys(r.Match.Headers))
		names = append(names, r.Request.Headers.Remove...)
		names = slices.AppendSeq(names, maps.Keys(r.Request.Headers.Set))
		names = append(names, headersIn(maps.Values(r.Request.Headers.Set))...)
	}
	for _, p := range m.spec.Policies {
		for _, k := range p.kinds() {
			names = append(names, k.kind.headers()...)
		}
	}
	for i, name := range names {
		names[i] = strings.ToLower(name)
	}
	slices.Sort(names)
	names = slices.Compact(names)
	return slices.DeleteFunc(names, func(name string) bool { return name == "" })
}

// headersIn are the names of the headers that templates refer to.
func headersIn(values func(func(string) bool)) []string {
	var names []string
	for value := range values {
		if !strings.Contains(value, string(RefHeader)) {
			continue
		}
		if t, err := ParseTemplate(value); err == nil {
			for _, ref := range t.References() {
				if ref.Kind == RefHeader {
					names = append(names, ref.Name)
				}
			}
		}
	}
	return names
}

func (f ForwardAs) headers() []string { return []string{f.Consumer, f.Plan} }

func (p *APIKey) headers() []string    { return append(p.ForwardAs.headers(), p.Header) }
func (p *Authorize) headers() []string { return expression.Headers(p.When) }
func (p *Basic) headers() []string     { return p.ForwardAs.headers() }
func (p *CORS) headers() []string      { return p.Headers }
func (*GraphQL) headers() []string     { return nil }
func (*IP) headers() []string          { return nil }
func (p *JWT) headers() []string {
	return slices.AppendSeq([]string{p.From.Header}, maps.Keys(p.Forward))
}
func (*Limits) headers() []string          { return nil }
func (p *Quota) headers() []string         { return headersOfKey(p.By) }
func (p *RateLimit) headers() []string     { return headersOfKey(p.By) }
func (*SecurityHeaders) headers() []string { return nil }

func (p *ClientCertificate) headers() []string {
	return slices.AppendSeq(p.ForwardAs.headers(), maps.Keys(p.Forward))
}

func (p *Signature) headers() []string {
	return append(p.ForwardAs.headers(), slices.DeleteFunc(slices.Clone(p.Components), func(c string) bool { return strings.HasPrefix(c, "@") })...)
}

func (p *Transform) headers() []string {
	names := headersIn(p.templates())
	if p.Request == nil {
		return names
	}
	c := p.Request.Headers
	names = append(names, c.Remove...)
	for from, to := range c.Rename {
		names = append(names, from, to)
	}
	names = slices.AppendSeq(names, maps.Keys(c.Set))
	return slices.AppendSeq(names, maps.Keys(c.Add))
}

func (p *Validate) headers() []string {
	var names []string
	add := func(parameters []Parameter) {
		for _, one := range parameters {
			if one.In == InHeader {
				names = append(names, one.Name)
			}
		}
	}
	add(p.Parameters)
	for _, o := range p.Operations {
		add(o.Parameters)
	}
	return names
}

func headersOfKey(by []CountBy) []string {
	var names []string
	for _, one := range by {
		switch one.Kind {
		case ByHeader:
			names = append(names, one.Name)
		case ByExpression:
			names = append(names, expression.Headers(one.Name)...)
		}
	}
	return names
}
