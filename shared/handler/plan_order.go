package handler

import (
	"cmp"
	"net/http"
	"slices"
	"strings"

	"polygate.example/shared/gateway"
)

// inOrder sorts routes by the rules of priority that package gateway documents; those that no request meets together by their paths and names.
func inOrder(routes []gateway.Route) []gateway.Route {
	patterns := make(map[string]gateway.Pattern, len(routes))
	for _, r := range routes {
		patterns[r.Match.Path], _ = gateway.ParsePattern(r.Match.Path) // a model has no other paths
	}
	slices.SortFunc(routes, func(a, b gateway.Route) int {
		return cmp.Or(
			compareHosts(a.Match.Host, b.Match.Host),
			comparePatterns(patterns[a.Match.Path], patterns[b.Match.Path]),
			compareMethods(a.Match, b.Match),
			cmp.Compare(a.Name, b.Name),
		)
	})
	return routes
}

// compareHosts puts exact hosts before wildcards, longer wildcards before shorter ones, and any host last.
func compareHosts(a, b string) int {
	rank := func(host string) int {
		switch {
		case host == "":
			return 2
		case strings.HasPrefix(host, "*"):
			return 1
		}
		return 0
	}
	if by := cmp.Compare(rank(a), rank(b)); by != 0 || rank(a) == 2 {
		return by
	}
	if rank(a) == 1 {
		if by := cmp.Compare(len(b), len(a)); by != 0 {
			return by
		}
	}
	return cmp.Compare(a, b)
}

// comparePatterns goes from the left: a literal before a parameter before the rest, and what ends before what goes on.
func comparePatterns(a, b gateway.Pattern) int {
	return slices.CompareFunc(a.Segments, b.Segments, func(s, t gateway.Segment) int {
		if by := cmp.Compare(s.Kind, t.Kind); by != 0 || s.Kind != gateway.SegmentLiteral {
			return by
		}
		return cmp.Compare(s.Text, t.Text)
	})
}

// compareMethods puts listed methods before any, then what has more conditions, then those that list HEAD.
func compareMethods(a, b gateway.Match) int {
	listed := func(m gateway.Match) int { return min(1, len(m.Methods)) }
	head := func(m gateway.Match) int {
		if slices.Contains(m.Methods, http.MethodHead) {
			return 1
		}
		return 0
	}
	return cmp.Or(cmp.Compare(listed(b), listed(a)), a.Compare(b), cmp.Compare(head(b), head(a)), strings.Compare(strings.Join(a.Methods, ","), strings.Join(b.Methods, ",")))
}
