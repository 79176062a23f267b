package handler

import (
	"cmp"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"

	"polygate.example/shared/gateway"
)

// The rules of priority, read from shared/config/README.md and written down once more without any of the code under test:
// every route is held against every request, one by one.

// taker returns whether a route takes a request.
func taker(m gateway.Match) func(*http.Request) bool {
	path := "^"
	for _, s := range strings.Split(m.Path[1:], "/") {
		switch {
		case strings.HasSuffix(s, "...}"):
			path += "/.*"
		case strings.HasPrefix(s, "{"):
			path += "/[^/]+"
		default:
			path += "/" + regexp.QuoteMeta(s)
		}
	}
	paths := regexp.MustCompile(path + "$")
	meets := func(c gateway.Condition) func(string) bool {
		switch c.Kind {
		case gateway.KindExact:
			return func(v string) bool { return v == c.Value }
		case gateway.KindPrefix:
			return func(v string) bool { return strings.HasPrefix(v, c.Value) }
		case gateway.KindRegexp:
			re := regexp.MustCompile(c.Value)
			re.Longest() // a match of the whole is the longest there can be
			return func(v string) bool {
				at := re.FindStringIndex(v)
				return at != nil && at[0] == 0 && at[1] == len(v)
			}
		}
		return func(string) bool { return true }
	}
	headers, query := map[string]func(string) bool{}, map[string]func(string) bool{}
	for name, c := range m.Headers {
		headers[name] = meets(c)
	}
	for name, c := range m.Query {
		query[name] = meets(c)
	}
	all := func(conditions map[string]func(string) bool, values map[string][]string) bool {
		for name, meets := range conditions {
			if v := values[name]; v == nil || !meets(v[0]) {
				return false
			}
		}
		return true
	}
	return func(r *http.Request) bool {
		return (m.Host == "" || m.Host == r.Host || m.Host[0] == '*' && strings.HasSuffix(r.Host, m.Host[1:])) &&
			(len(m.Methods) == 0 || slices.Contains(m.Methods, r.Method) || r.Method == "HEAD" && slices.Contains(m.Methods, "GET")) &&
			paths.MatchString(r.URL.Path) && all(headers, r.Header) && all(query, r.URL.Query())
	}
}

// order compares two routes that both take a request: negative if a goes first, zero if neither does.
func order(a, b gateway.Match, r *http.Request) int {
	host := func(m gateway.Match) int {
		switch {
		case m.Host == "":
			return 1000
		case m.Host[0] == '*':
			return 500 - len(m.Host)
		}
		return 0
	}
	path := func(m gateway.Match) (kinds []int) {
		for _, s := range strings.Split(m.Path[1:], "/") {
			switch {
			case strings.HasSuffix(s, "...}"):
				kinds = append(kinds, 2)
			case strings.HasPrefix(s, "{"):
				kinds = append(kinds, 1)
			default:
				kinds = append(kinds, 0)
			}
		}
		return kinds
	}
	method := func(m gateway.Match) int {
		switch {
		case slices.Contains(m.Methods, r.Method):
			return 0
		case len(m.Methods) > 0:
			return 1
		}
		return 2
	}
	count := func(m gateway.Match, kind string) (n int) {
		for _, c := range m.Headers {
			n += map[bool]int{true: 1}[c.Kind == kind]
		}
		for _, c := range m.Query {
			n += map[bool]int{true: 1}[c.Kind == kind]
		}
		return n
	}
	return cmp.Or(
		cmp.Compare(host(a), host(b)),
		slices.Compare(path(a), path(b)),
		cmp.Compare(method(a), method(b)),
		cmp.Compare(len(b.Headers), len(a.Headers)),
		cmp.Compare(len(b.Query), len(a.Query)),
		cmp.Compare(count(b, gateway.KindExact), count(a, gateway.KindExact)),
		cmp.Compare(count(a, gateway.KindPresent), count(b, gateway.KindPresent)),
	)
}

// Random gateways against all requests of a small world. A model is refused if, and only if, two of its routes tie for
// some request or one is never taken, and for those routes; and the handler gives each request to the route that goes first.
func TestRoutingAgainstEveryRequest(t *testing.T) {
	pick := func(rnd *rand.Rand, of ...string) string { return of[rnd.IntN(len(of))] }
	methods := func(rnd *rand.Rand) []string {
		return [][]string{nil, nil, {"GET"}, {"GET"}, {"HEAD"}, {"GET", "POST"}, {"GET", "HEAD", "POST"}}[rnd.IntN(7)]
	}
	condition := func(rnd *rand.Rand) gateway.Condition {
		return []gateway.Condition{
			{Kind: gateway.KindExact, Value: pick(rnd, "1", "2", "12", "")}, {Kind: gateway.KindExact, Value: pick(rnd, "1", "2")},
			{Kind: gateway.KindPrefix, Value: pick(rnd, "1", "12", "2")},
			{Kind: gateway.KindRegexp, Value: pick(rnd, "1", "[12]", "1|12", "12?", "(?:|1|^2$)", "1.*", "1(?s:.*)", ".*", "a|.*")},
			{Kind: gateway.KindPresent},
		}[rnd.IntN(5)]
	}
	conditions := func(rnd *rand.Rand, names ...string) map[string]gateway.Condition {
		out := map[string]gateway.Condition{}
		for _, n := range names {
			if rnd.IntN(8) > 0 {
				out[n] = condition(rnd)
			}
		}
		return out
	}
	type world struct {
		route    func(rnd *rand.Rand) gateway.Match
		requests []*http.Request
	}
	request := func(method, host, path string) *http.Request {
		r := httptest.NewRequest(method, "http://h"+path, nil)
		r.Host = host
		return r
	}
	worlds := map[string]world{}

	w := world{route: func(rnd *rand.Rand) gateway.Match {
		m := gateway.Match{Host: pick(rnd, "", "", "a.x", "*.x", "*.x", "*.b.x"), Methods: methods(rnd)}
		for i := range 1 + rnd.IntN(2) {
			m.Path += "/" + pick(rnd, "a", "a", "b", fmt.Sprintf("{p%d}", i))
		}
		m.Path += pick(rnd, "", "", "", "/", "/{rest...}")
		return m
	}}
	segments := []string{"a", "b", "c", ""}
	for _, s1 := range segments {
		paths := []string{"/" + s1}
		for _, s2 := range segments {
			paths = append(paths, "/"+s1+"/"+s2)
			for _, s3 := range segments {
				paths = append(paths, "/"+s1+"/"+s2+"/"+s3)
			}
		}
		for _, path := range paths {
			for _, host := range []string{"a.x", "b.x", "c.b.x", "x"} {
				for _, method := range []string{"GET", "HEAD", "POST", "PURGE"} {
					w.requests = append(w.requests, request(method, host, path))
				}
			}
		}
	}
	worlds["hosts and paths"] = w

	w = world{route: func(rnd *rand.Rand) gateway.Match {
		return gateway.Match{Path: "/", Methods: methods(rnd), Headers: conditions(rnd, "A"), Query: conditions(rnd, "b")}
	}}
	values := []string{"none", "", "1", "2", "12", "13", "122", "21", "3"}
	for _, a := range values {
		for _, b := range append(values, "1%0A", "%0A") {
			for _, method := range []string{"GET", "HEAD", "POST", "PURGE"} {
				path := "/"
				if b != "none" {
					path += "?b=" + b
				}
				r := request(method, "x", path)
				if a != "none" {
					r.Header["A"] = []string{a}
				}
				w.requests = append(w.requests, r)
			}
		}
	}
	worlds["methods and conditions"] = w

	for name, w := range worlds {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const gateways = 60
			refused := 0
			for seed := range uint64(gateways) {
				rnd := rand.New(rand.NewPCG(seed, 2))
				spec := gateway.Spec{Version: gateway.Version}
				for i := range 2 + rnd.IntN(10) {
					spec.Routes = append(spec.Routes, gateway.Route{Name: fmt.Sprintf("r%d", i), Match: w.route(rnd), Respond: &gateway.Respond{Status: 200, Headers: map[string]string{"Route": fmt.Sprintf("r%d", i)}}})
				}
				takes := make([]func(*http.Request) bool, len(spec.Routes))
				for i, route := range spec.Routes {
					takes[i] = taker(route.Match)
				}
				tied, taken, want := map[int]bool{}, map[int]bool{}, make([]int, len(w.requests))
				for n, r := range w.requests {
					want[n] = -1
					for i, route := range spec.Routes {
						if !takes[i](r) {
							continue
						}
						if best := want[n]; best < 0 || order(route.Match, spec.Routes[best].Match, r) < 0 {
							want[n] = i
						}
						for j := range i {
							if takes[j](r) && order(route.Match, spec.Routes[j].Match, r) == 0 {
								tied[i] = true
							}
						}
					}
					if want[n] >= 0 {
						taken[want[n]] = true
					}
				}
				m, err := gateway.New(spec)
				var violations gateway.Violations
				if errors.As(err, &violations) {
					refused++
				} else if err != nil {
					t.Fatal(err)
				}
				blamed := map[int]string{}
				for _, v := range violations {
					var i int
					if _, err := fmt.Sscanf(v.Path, "/routes/%d/match", &i); err != nil {
						t.Fatalf("seed %d: %+v", seed, v)
					}
					blamed[i] = v.What
				}
				for i := range spec.Routes {
					if bad := tied[i] || !taken[i]; bad != (blamed[i] != "") {
						t.Errorf("seed %d: route %d of\n%+v\ntied %v, taken %v, but found: %q", seed, i, spec.Routes, tied[i], taken[i], blamed[i])
					}
				}
				if err != nil || t.Failed() {
					continue
				}
				h, plan := newHandler(t, m, Options{}), newPlan(t, m)
				for n, r := range w.requests {
					resp, route := ask(h, r), ""
					if want[n] >= 0 {
						route = spec.Routes[want[n]].Name
					}
					if got := resp.Header.Get("Route"); got != route {
						t.Fatalf("seed %d: %s %s%s %v went to %q (%d), want %q of\n%+v", seed, r.Method, r.Host, r.URL, r.Header, got, resp.StatusCode, route, spec.Routes)
					}
					if n%13 == int(seed)%13 { // it is slower by far
						agrees(t, plan, r, resp, route, func(name string) bool {
							return takes[slices.IndexFunc(spec.Routes, func(r gateway.Route) bool { return r.Name == name })](r)
						})
					}
				}
			}
			if refused < 5 || refused > gateways-5 {
				t.Errorf("%d of %d gateways were refused: too few of one kind to prove anything", refused, gateways)
			}
		})
	}
}
