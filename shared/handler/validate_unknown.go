//go:build !without_schema

package handler

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"polygate.example/shared/gateway"
)

const (
	isUnknown   = "is not known here"
	ruleUnknown = "unknownQuery"
	maxUnknown  = 64 // characters of a name that is told
)

// unknown adds the parameters of the query that nothing describes, by name. OpenAPI has no word for what becomes of them; Kong's plugin OAS
// Validation has query_parameter_check for it (developer.konghq.com/plugins/oas-validation/reference).
func (v *validate) unknown(c *checks, r *http.Request, out []fieldError) []fieldError {
	if !v.closed || r.URL.RawQuery == "" {
		return out
	}
	query, err := url.ParseQuery(r.URL.RawQuery)
	switch {
	case err != nil && c.query: // told already
		return out
	case err != nil:
		return append(out, fieldError{In: gateway.InQuery, Detail: isUnreadable})
	}
	asked := v.env.query[exchangeOf(r).route]
	for _, name := range slices.Sorted(maps.Keys(query)) {
		if !asked[name] && !c.knows(name) {
			out = append(out, fieldError{In: gateway.InQuery, Parameter: beginning(name), Detail: isUnknown, rule: ruleUnknown})
		}
	}
	return out
}

// knows reports whether a parameter of the query is described, or a part of one is that has parts. It does of all where one that is ignored may have
// whatever name.
func (c *checks) knows(name string) bool {
	if slices.ContainsFunc(c.ignored, func(p gateway.Ignored) bool {
		return p.Any || p.Name == name || p.Parts && strings.HasPrefix(name, p.Name+"[")
	}) {
		return true
	}
	return slices.ContainsFunc(c.parameters, func(p parameter) bool {
		return p.In == gateway.InQuery && (p.Name == name || p.Style == gateway.StyleDeep && strings.HasPrefix(name, p.Name+"["))
	})
}

// beginning is as much of a name that a client has made up as is repeated to it.
func beginning(name string) string {
	n := 0
	for i := range name {
		if n == maxUnknown {
			return name[:i] + "…"
		}
		n++
	}
	return name
}

// where says for the log which part of a request an error is of. A name that a client has made up is not in it.
func (f fieldError) where() string {
	switch {
	case f.rule == ruleUnknown:
		return "its query has a parameter that is not known"
	case f.In != "":
		return strings.TrimSpace("its "+f.In+" "+f.Parameter) + " is not as described"
	}
	return "its body is not as described"
}
