package gateway

import (
	"cmp"
	"fmt"
	"regexp"
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

// checkOverlap reports routes that could take the same request with equal right.
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
		group := groups[key]
		if len(group) > maxSiblings {
			r.value(Pointer("/routes").Index(group[maxSiblings]).Key("match"),
				fmt.Sprintf("%d routes share one host and path", len(group)), fmt.Sprintf("keep to %d: they are tried one by one", maxSiblings))
			continue
		}
		for n, j := range group {
			for _, i := range group[:n] {
				checkPair(r, routes, i, j)
			}
		}
	}
}

func checkPair(r *report, routes []Route, i, j int) {
	a, b := routes[i], routes[j]
	shared, ok := commonMethod(a.Match.Methods, b.Match.Methods)
	if !ok || a.Match.Compare(b.Match) != 0 || disjoint(a.Match.Headers, b.Match.Headers, strings.ToLower) ||
		disjoint(a.Match.Query, b.Match.Query, func(s string) string { return s }) {
		return
	}
	at := Pointer("/routes").Index(j).Key("match")
	if sameMatch(a.Match, b.Match) {
		r.value(at, fmt.Sprintf("route %s can never be reached: it takes the same requests as route %s", quote(b.Name), quote(a.Name)), "remove one of them")
	} else {
		r.value(at, fmt.Sprintf("routes %s and %s could both take the same %s request and neither is more specific", quote(b.Name), quote(a.Name), shared),
			"add a condition to one of them or let their methods or conditions exclude each other")
	}
	r.found[len(r.found)-1].Related = string(Pointer("/routes").Index(i).Key("match"))
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

// disjoint reports whether some name has conditions in both that no value meets together. fold makes names comparable.
func disjoint(a, b map[string]Condition, fold func(string) string) bool {
	for name, ca := range a {
		for other, cb := range b {
			if fold(name) == fold(other) && excludes(ca, cb) {
				return true
			}
		}
	}
	return false
}

// excludes reports whether no single value meets both conditions. It errs on the side of "some value might".
func excludes(a, b Condition) bool {
	switch {
	case a.Kind == KindExact:
		return !b.Holds(a.Value)
	case b.Kind == KindExact:
		return !a.Holds(b.Value)
	case a.Kind == KindPrefix && b.Kind == KindPrefix:
		return !strings.HasPrefix(a.Value, b.Value) && !strings.HasPrefix(b.Value, a.Value)
	}
	return false
}

// Holds tests one value. It compiles a regular expression each time: whoever tests often uses Test.
func (c Condition) Holds(value string) bool { return c.Test()(value) }

// Test returns the condition as a function. A regular expression must match the whole value; one that does not compile,
// which no Model has, never matches.
func (c Condition) Test() func(string) bool {
	switch c.Kind {
	case KindExact:
		return func(v string) bool { return v == c.Value }
	case KindPrefix:
		return func(v string) bool { return strings.HasPrefix(v, c.Value) }
	case KindRegexp:
		re, err := regexp.Compile(`^(?:` + c.Value + `)$`)
		if err != nil {
			return func(string) bool { return false }
		}
		return re.MatchString
	default:
		return func(string) bool { return true }
	}
}

func sameMatch(a, b Match) bool {
	return slices.Equal(sortedMethods(a.Methods), sortedMethods(b.Methods)) && sameConditions(a.Headers, b.Headers, strings.ToLower) &&
		sameConditions(a.Query, b.Query, func(s string) string { return s })
}

func sameConditions(a, b map[string]Condition, fold func(string) string) bool {
	folded := make(map[string]Condition, len(a))
	for name, c := range a {
		folded[fold(name)] = c
	}
	for name, c := range b {
		if folded[fold(name)] != c {
			return false
		}
	}
	return len(a) == len(b)
}
