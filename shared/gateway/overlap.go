package gateway

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Which route takes a request, when several could, never depends on the order in the file. The most specific one does:
//
//  1. host: an exact host before *.a.example.com before *.example.com before any host;
//  2. path: compared segment by segment from the left, literal before {param} before {rest...};
//  3. method: listed before (for HEAD) covered by GET before any;
//  4. conditions: more header conditions, then more query conditions, then more exact ones, then fewer that ask only
//     for presence.
//
// Rules 1 to 4 follow the Kubernetes Gateway API ("HTTPRouteRule: matches", precedence), but where it goes on to compare
// creation times, two routes that still tie are an error, unless no request can meet the conditions of both.

// maxSiblings bounds the routes on one host and path. They differ in methods and conditions only, which are tried one by
// one; the bound keeps a lookup's cost independent of the number of routes.
const maxSiblings = 100

// contender is a route among those of its host and path.
type contender struct {
	index int
	Route
	conditions map[string]language // headers by "h:" and their name in lower case, query parameters by "q:" and theirs
}

// checkOverlap reports routes that could take the same request with equal right, and routes that never take any.
func checkOverlap(r *report, routes []Route) {
	groups := map[string][]int{}
	var order []string
	for i, route := range routes {
		p, err := ParsePattern(route.Match.Path)
		if err != nil {
			continue // reported already
		}
		key := route.Match.Host + p.Shape()
		if groups[key] == nil {
			order = append(order, key)
		}
		groups[key] = append(groups[key], i)
	}
	for _, key := range order {
		indices := groups[key]
		if len(indices) == 1 {
			continue
		}
		if len(indices) > maxSiblings {
			r.value(Pointer("/routes").Index(indices[maxSiblings]).Key("match"),
				fmt.Sprintf("%d routes share one host and path", len(indices)), fmt.Sprintf("keep to %d: they are tried one by one", maxSiblings))
			continue
		}
		group := make([]contender, len(indices))
		for n, i := range indices {
			group[n] = contender{i, routes[i], languages(routes[i].Match)}
			for _, before := range group[:n] {
				checkPair(r, before, group[n])
			}
		}
		for _, c := range group {
			checkReachable(r, c, group)
		}
	}
}

func checkPair(r *report, a, b contender) {
	shared, ok := commonMethod(a.Match.Methods, b.Match.Methods)
	if !ok || a.Match.Compare(b.Match) != 0 || a.excludes(b) {
		return
	}
	at := Pointer("/routes").Index(b.index).Key("match")
	if a.sameMatch(b) {
		r.value(at, fmt.Sprintf("route %s can never be reached: it takes the same requests as route %s", quote(b.Name), quote(a.Name)), "remove one of them")
	} else {
		r.value(at, fmt.Sprintf("routes %s and %s could both take the same %s request and neither is more specific", quote(b.Name), quote(a.Name), shared),
			"add a condition to one of them or let their methods or conditions exclude each other")
	}
	r.found[len(r.found)-1].Related = string(Pointer("/routes").Index(a.index).Key("match"))
}

// checkReachable reports a route all of whose requests more specific ones take. Only routes with conditions on the same
// names can do that to each other: a more specific one has no fewer, and one on a name of its own leaves the requests
// without that name.
func checkReachable(r *report, c contender, group []contender) {
	var rivals []contender
	for _, other := range group {
		if len(other.conditions) == len(c.conditions) && other.Match.Compare(c.Match) < 0 {
			rivals = append(rivals, other)
		}
	}
	rights := c.Match.Methods
	if len(rights) == 0 {
		rights = []string{""} // any method, for which only routes that list none compete
	}
	var takers []string
	var first *contender
	for _, method := range rights {
		taken := c.samples(func(sample map[string]language) bool {
			for i, other := range rivals {
				if (method == "" && len(other.Match.Methods) == 0 || slices.Contains(other.Match.Methods, method)) && other.covers(sample) {
					if name := quote(other.Name); !slices.Contains(takers, name) {
						takers = append(takers, name)
					}
					first = cmp.Or(first, &rivals[i])
					return true
				}
			}
			return false
		})
		if !taken {
			return
		}
	}
	if first == nil {
		return // no request meets its conditions at all, which has been reported
	}
	r.value(Pointer("/routes").Index(c.index).Key("match"), fmt.Sprintf("route %s can never be reached: all its requests go to %s, more specific", quote(c.Name), strings.Join(takers, ", ")),
		"remove it, or let it take a value that they do not")
	r.found[len(r.found)-1].Related = string(Pointer("/routes").Index(first.index).Key("match"))
}

// Compare orders two matches of the same host and path shape by rule 4: negative if m is more specific, zero if neither is.
func (m Match) Compare(o Match) int {
	me, other := m.kinds(), o.kinds()
	return cmp.Or(
		cmp.Compare(len(o.Headers), len(m.Headers)),
		cmp.Compare(len(o.Query), len(m.Query)),
		cmp.Compare(other[KindExact], me[KindExact]),
		cmp.Compare(me[KindPresent], other[KindPresent]),
	)
}

func (m Match) kinds() map[string]int {
	n := map[string]int{}
	for _, c := range m.Headers {
		n[c.Kind]++
	}
	for _, c := range m.Query {
		n[c.Kind]++
	}
	return n
}

// commonMethod returns a method that two routes of equal right both take. A list and no list are of different right, and
// so are a listed HEAD and one covered by GET.
func commonMethod(a, b []string) (string, bool) {
	if len(a) == 0 && len(b) == 0 {
		return "GET", true
	}
	for _, m := range a {
		if slices.Contains(b, m) {
			return m, true
		}
	}
	return "", false
}
