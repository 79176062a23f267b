package handler

import (
	"net/http"
	"strings"

	"polygate.example/shared/gateway"
)

// condition is a compiled test of a header or a query parameter.
type condition struct {
	header bool
	name   string // of a header in canonical form
	test   func(string) bool
}

func compileConditions(m gateway.Match) []condition {
	var out []condition
	for name, c := range m.Headers {
		out = append(out, condition{true, http.CanonicalHeaderKey(name), c.Test()})
	}
	for name, c := range m.Query {
		out = append(out, condition{false, name, c.Test()})
	}
	return out
}

// holds reports whether all conditions do. A repeated header counts as one value joined by ", ", which is how some
// fronts deliver it; of a repeated query parameter the first value counts.
func (l *lookup) holds(conditions []condition) bool {
	for _, c := range conditions {
		var values []string
		if c.header {
			values = l.r.Header[c.name]
			if len(values) == 0 && tokenListed(l.announced, c.name) {
				continue
			}
		} else {
			if l.query == nil {
				l.query = l.r.URL.Query()
			}
			values = l.query[c.name]
		}
		if len(values) == 0 {
			return false
		}
		value := values[0]
		if c.header && len(values) > 1 {
			value = strings.Join(values, ", ")
		}
		if !c.test(value) {
			return false
		}
	}
	return true
}
