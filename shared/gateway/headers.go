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

// Headers are the names of headers of requests that a route or a policy speaks of.
type Headers struct {
	Reads  []string // it goes by what clients send
	Writes []string // it writes for upstreams
}

func (h Headers) and(more Headers) Headers {
	return Headers{slices.Concat(h.Reads, more.Reads), slices.Concat(h.Writes, more.Writes)}
}

// Headers are those that the route itself speaks of, without its policies.
func (r Route) Headers() Headers {
	set := r.Request.Headers.Set
	return Headers{Reads: slices.AppendSeq(headersIn(maps.Values(set)), maps.Keys(r.Match.Headers)), Writes: slices.Collect(maps.Keys(set))}
}

// Headers are those that the policy speaks of. What it only takes off is not among them.
func (p Policy) Headers() Headers {
	var h Headers
	for _, k := range p.kinds() {
		h = h.and(k.kind.headers())
	}
	return h
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

func (f ForwardAs) headers() Headers {
	return Headers{Writes: slices.DeleteFunc([]string{f.Consumer, f.Plan}, func(name string) bool { return name == "" })}
}

func (p *APIKey) headers() Headers {
	h := p.ForwardAs.headers()
	if p.Header != "" {
		h.Reads = []string{p.Header}
	}
	return h
}

func (p *Authorize) headers() Headers     { return Headers{Reads: expression.Headers(p.When)} }
func (p *Basic) headers() Headers         { return p.ForwardAs.headers() }
func (p *CORS) headers() Headers          { return Headers{Reads: p.Headers} }
func (*GraphQL) headers() Headers         { return Headers{} }
func (*IP) headers() Headers              { return Headers{} }
func (*Limits) headers() Headers          { return Headers{} }
func (p *Quota) headers() Headers         { return Headers{Reads: headersOfKey(p.By)} }
func (p *RateLimit) headers() Headers     { return Headers{Reads: headersOfKey(p.By)} }
func (*SecurityHeaders) headers() Headers { return Headers{} }

func (p *JWT) headers() Headers {
	h := Headers{Writes: slices.Collect(maps.Keys(p.Forward))}
	if p.From.Header != "" {
		h.Reads = []string{p.From.Header}
	}
	return h
}

func (p *ClientCertificate) headers() Headers {
	h := p.ForwardAs.headers()
	h.Writes = slices.AppendSeq(h.Writes, maps.Keys(p.Forward))
	return h
}

func (p *Signature) headers() Headers {
	h := p.ForwardAs.headers()
	h.Reads = slices.DeleteFunc(slices.Clone(p.Components), func(c string) bool { return strings.HasPrefix(c, "@") })
	return h
}

func (p *Transform) headers() Headers {
	h := Headers{Reads: headersIn(p.templates())}
	if p.Request == nil {
		return h
	}
	c := p.Request.Headers
	for from, to := range c.Rename {
		h.Reads, h.Writes = append(h.Reads, from), append(h.Writes, to)
	}
	h.Writes = slices.AppendSeq(slices.AppendSeq(h.Writes, maps.Keys(c.Set)), maps.Keys(c.Add))
	return h
}

func (p *Validate) headers() Headers {
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
	return Headers{Reads: names}
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
