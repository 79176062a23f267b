package handler

import (
	"cmp"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"polygate.example/shared/gateway"
)

// Miss is the first thing, in the order in which the router asks, for which a route does not take a request.
type Miss string

// What there is to miss by.
const (
	MissHost        Miss = "host"
	MissPath        Miss = "path"
	MissMethod      Miss = "method"
	MissHeader      Miss = "header"
	MissQuery       Miss = "query"
	MissSpecificity Miss = "specificity" // it would take the request, and a more specific one does
)

// Other is a route that does not take a request.
type Other struct {
	Route  string
	Miss   Miss
	Why    string // in words
	Nearby bool   // it misses by one thing, or its path begins as the request's does

	segments int // of its path that fit
}

// others says of each route but the one that takes the request why it does not, the nearest first.
func (p *Plan) others(r *http.Request, winner string) []Other {
	var won gateway.Match
	for _, spec := range p.routes {
		if spec.Name == winner {
			won = spec.Match
		}
	}
	a := asker{r: r, x: exchangeOf(r)}
	var out []Other
	for _, spec := range p.routes {
		if spec.Name != winner {
			o := a.why(spec.Match, won)
			o.Route = spec.Name
			out = append(out, o)
		}
	}
	rank := []Miss{MissSpecificity, MissHeader, MissQuery, MissMethod, MissHost, MissPath}
	slices.SortStableFunc(out, func(a, b Other) int {
		near := func(o Other) int {
			if o.Nearby {
				return 0
			}
			return 1
		}
		return cmp.Or(cmp.Compare(near(a), near(b)), cmp.Compare(slices.Index(rank, a.Miss), slices.Index(rank, b.Miss)), cmp.Compare(b.segments, a.segments))
	})
	return out
}

// asker asks the router about one request. It has no rules of its own: it makes routers of one route each, with less and less of what that
// route asks for, and sees which of them takes the request.
type asker struct {
	r *http.Request
	x *exchange
}

// takes reports whether a route with these conditions takes the request, and else by which methods it would.
func (a asker) takes(m gateway.Match) (bool, map[string]bool) {
	pattern, r, err := compiler{model: &gateway.Model{}, log: slog.New(slog.DiscardHandler)}.route(gateway.Route{Match: m})
	if err != nil {
		return false, nil
	}
	rt := &router{hosts: map[string]*node{}}
	rt.insert(pattern, r)
	x := &exchange{segments: a.x.segments}
	l := lookup{r: a.r, x: x, method: a.r.Method}
	if isPreflight(a.r) && rt.find(&lookup{r: a.r, x: x, method: a.r.Header[headerAskMethod][0], announced: a.r.Header[headerAskHeaders]}) != nil {
		return true, nil
	}
	return rt.find(&l) != nil, l.allow
}

// anyPath is the path of a route that takes all.
const anyPath = "/{rest...}"

// why says for what a route does not take the request that another one, if there is one, has taken.
func (a asker) why(m, won gateway.Match) Other {
	if ok, _ := a.takes(m); ok {
		return Other{Miss: MissSpecificity, Why: moreSpecific(won, m), Nearby: true}
	}
	if ok, _ := a.takes(gateway.Match{Host: m.Host, Path: anyPath}); !ok {
		without := m
		without.Host = ""
		near, _ := a.takes(without)
		return Other{Miss: MissHost, Why: fmt.Sprintf("it is for the host %s, and the request is for %s", m.Host, quoteHost(a.r.Host)), Nearby: near}
	}
	if ok, _ := a.takes(gateway.Match{Path: m.Path}); !ok {
		fit, why := a.path(m.Path)
		return Other{Miss: MissPath, Why: why, Nearby: fit > 0, segments: fit}
	}
	if ok, allow := a.takes(gateway.Match{Path: m.Path, Methods: m.Methods}); !ok {
		return Other{Miss: MissMethod, Why: fmt.Sprintf("it takes %s, and the request is a %s", strings.Join(slices.Sorted(maps.Keys(allow)), ", "), a.r.Method), Nearby: true}
	}
	for _, name := range slices.Sorted(maps.Keys(m.Headers)) {
		if ok, _ := a.takes(gateway.Match{Path: m.Path, Headers: map[string]gateway.Condition{name: m.Headers[name]}}); !ok {
			return Other{Miss: MissHeader, Why: "it wants " + wanted("the header "+name, m.Headers[name]) + ", and " + given(a.r.Header.Values(name)), Nearby: true}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(m.Query)) {
		if ok, _ := a.takes(gateway.Match{Path: m.Path, Query: map[string]gateway.Condition{name: m.Query[name]}}); !ok {
			return Other{Miss: MissQuery, Why: "it wants " + wanted("the query parameter "+name, m.Query[name]) + ", and " + given(a.r.URL.Query()[name]), Nearby: true}
		}
	}
	return Other{Miss: MissSpecificity, Why: "it does not take the request", Nearby: true} // the router has no other conditions
}

// path finds the first segment for which a path does not fit, and how many before it do.
func (a asker) path(path string) (fit int, why string) {
	parts := strings.Split(path[1:], "/")
	for i := range parts {
		begins := "/" + strings.Join(parts[:i+1], "/")
		ends, _ := a.takes(gateway.Match{Path: begins})
		goesOn, _ := a.takes(gateway.Match{Path: begins + anyPath})
		if ends || goesOn {
			continue
		}
		switch {
		case i >= len(a.x.segments):
			return i, fmt.Sprintf("its path goes on with %q, where the request's ends", parts[i])
		case a.x.segments[i] == "":
			return i, fmt.Sprintf("segment %d of the path is empty, and it wants %q", i+1, parts[i])
		}
		return i, fmt.Sprintf("segment %d of the path is %q, and it wants %q", i+1, unescape(a.x.segments[i]), parts[i])
	}
	if len(a.x.segments) <= len(parts) {
		return len(parts), "its path ends elsewhere"
	}
	return len(parts), fmt.Sprintf("its path ends, where the request's goes on with %q", unescape(a.x.segments[len(parts)]))
}

// moreSpecific says by which rule a route goes before another that takes the same request.
func moreSpecific(won, lost gateway.Match) string {
	a, _ := gateway.ParsePattern(won.Path)
	b, _ := gateway.ParsePattern(lost.Path) // a model has no other paths
	switch {
	case compareHosts(won.Host, lost.Host) != 0:
		return "it takes the request too; the other's host is more specific"
	case a.Shape() != b.Shape():
		return "it takes the request too; the other's path is more specific"
	case (len(won.Methods) == 0) != (len(lost.Methods) == 0):
		return "it takes the request too; the other lists the method"
	case won.Compare(lost) != 0:
		return "it takes the request too; the other has more conditions, or more exact ones"
	}
	return "it takes the request too; the other lists HEAD itself"
}

func wanted(what string, c gateway.Condition) string {
	switch c.Kind {
	case gateway.KindExact:
		return what + " to be " + strconv.Quote(c.Value)
	case gateway.KindPrefix:
		return what + " to begin with " + strconv.Quote(c.Value)
	case gateway.KindRegexp:
		return what + " to match " + c.Value
	}
	return what
}

// given says what a request has. The text is the request's own, and whoever asks has written it.
func given(values []string) string {
	switch len(values) {
	case 0:
		return "the request has none"
	case 1:
		return "the request has " + strconv.Quote(values[0])
	}
	return fmt.Sprintf("the request has %q", values)
}

func quoteHost(host string) string {
	if host == "" {
		return "none"
	}
	return host
}
