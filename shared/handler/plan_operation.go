package handler

import (
	"net/http"

	"polygate.example/shared/gateway"
)

// operations are, by the names of a route's policies that describe the operations of an API, those that the request is for: "" where it is for none.
func (p *Plan) operations(r *http.Request, x *exchange, found *route) map[string]string {
	out := map[string]string{}
	for _, name := range found.policies {
		if v := p.policies[name].Validate; v != nil && len(v.Operations) > 0 {
			out[name] = asker{r: r, x: x}.operation(v.Operations)
		}
	}
	return out
}

// operation is the one that the request is for, as its method and path. They are tried as routes are, which the policy does by a tree.
func (a asker) operation(all []gateway.Operation) string {
	var routes []gateway.Route
	for _, o := range all {
		routes = append(routes, gateway.Route{Match: gateway.Match{Path: o.Path, Methods: []string{o.Method}}})
	}
	for _, one := range inOrder(routes) {
		pattern, err := gateway.ParsePattern(one.Match.Path)
		if err != nil {
			continue // a model has no such operation
		}
		last := len(pattern.Segments) - 1
		if pattern.Segments[last].Kind == gateway.SegmentRest && last == len(a.x.segments)-1 && a.x.segments[last] == "" {
			continue // a rest of an operation is of one segment at least
		}
		if ok, _ := a.takes(one.Match); ok {
			return one.Match.Methods[0] + " " + one.Match.Path
		}
	}
	return ""
}
