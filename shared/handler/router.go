package handler

import (
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"

	"polygate.example/shared/gateway"
)

// router finds the route of a request. Routes stand in one tree of path segments per host, so that a lookup does not ask
// routes one by one: it takes a step per segment, and more only where a more specific branch leads nowhere. The order in which branches are tried is the
// rule of priority that package gateway documents: exact host, wildcard hosts from the longest, any host; literal,
// {param}, {rest...}; listed method, HEAD by GET, any method; most conditions.
type router struct {
	hosts map[string]*node // by host; "*.example.com" as ".example.com"; any host as ""
	guard environment      // for paths that servers read differently
	spans bool             // an upstream takes several segments for one, see spansSegments
}

// node is a place in the tree, reached by the segments on the way to it.
type node struct {
	literal map[string]*node // by decoded text
	param   *node
	here    *leaf // paths that end here
	rest    *leaf // paths that end here or go on
}

// leaf holds the routes of one host and one path shape.
type leaf struct {
	methods map[string][]*route
	any     []*route
}

// route is a compiled gateway.Route.
type route struct {
	name       string
	match      gateway.Match
	conditions []condition
	endpoint   http.Handler
	cors       *cors    // nil if it has none
	policies   []string // names of all of them
	guards     []string // of those, the ones that keep requests from the upstream, or something of them: see guards
	prefix     []string // the path's segments before {rest...}, those that are parameters as ""; all of them if there is no rest
	spellings  spellings
	sends      bool     // it has an upstream
	keeps      bool     // which keeps slashes that are escaped
	params     []string // names of the path's parameters
	rest       bool     // the last of them takes the rest
}

func newRouter(m *gateway.Model, pools pools, log *slog.Logger, opts Options, shared stores) (*router, error) {
	rt := &router{hosts: map[string]*node{}, guard: guarding("paths", log)}
	policies, err := newPolicies(m, log, opts, shared)
	if err != nil {
		return nil, err
	}
	of := newCompiler(m, log)
	rt.spans = spansSegments(of.policies)
	proxies := make(map[string]*proxy, len(pools))
	for name, p := range pools {
		proxies[name] = newProxy(p, log, opts)
	}
	for _, spec := range m.Routes() {
		pattern, r, err := of.route(spec)
		if err != nil {
			return nil, err // a model has no such route
		}
		r.endpoint = chain(endpointOf(spec, pattern, proxies), r.policies, policies)
		if r.sends {
			r.endpoint = limitTime(r.endpoint, spec.Timeout)
		}
		rt.insert(pattern, r)
	}
	for _, n := range rt.hosts {
		n.sort()
	}
	return rt, nil
}

// compiler makes the routes of a model.
type compiler struct {
	model     *gateway.Model
	policies  map[string]gateway.Policy
	headers   map[string]gateway.Headers // that the policies speak of
	upstreams map[string]gateway.Upstream
	log       *slog.Logger
}

func newCompiler(m *gateway.Model, log *slog.Logger) compiler {
	c := compiler{m, m.Policies(), map[string]gateway.Headers{}, map[string]gateway.Upstream{}, log}
	for name, p := range c.policies {
		c.headers[name] = p.Headers()
	}
	for _, name := range m.Upstreams() {
		c.upstreams[name], _ = m.Upstream(name)
	}
	return c
}

// route makes a route that can be found, without what it does then.
func (c compiler) route(spec gateway.Route) (gateway.Pattern, *route, error) {
	pattern, err := gateway.ParsePattern(spec.Match.Path)
	if err != nil {
		return pattern, nil, err
	}
	r := &route{name: spec.Name, match: spec.Match, conditions: compileConditions(spec.Match)}
	for _, s := range pattern.Segments {
		switch s.Kind {
		case gateway.SegmentLiteral:
			r.prefix = append(r.prefix, s.Text)
		case gateway.SegmentParam:
			r.params, r.prefix = append(r.params, s.Text), append(r.prefix, "")
		case gateway.SegmentRest:
			r.params, r.rest = append(r.params, s.Text), true
		}
	}
	r.sends, r.keeps = spec.Upstream != "", c.upstreams[spec.Upstream].KeepsSlashes
	r.policies = policyOrder(c.model, c.policies, spec)
	r.guards, r.spellings = guards(r.policies, c.policies), c.spellings(spec, r.policies)
	if names := r.policies; len(names) > 0 && c.policies[names[0]].CORS != nil {
		if r.cors, err = newCORS(*c.policies[names[0]].CORS, environment{name: names[0], log: c.log}); err != nil {
			return pattern, nil, fmt.Errorf("handler: policy %s: %w", names[0], err)
		}
	}
	return pattern, r, nil
}

// spellings are those of a route. Most speak of no name that is not plain.
func (c compiler) spellings(spec gateway.Route, policies []string) spellings {
	of := spec.Headers()
	for _, name := range policies {
		of.Reads, of.Writes = append(of.Reads, c.headers[name].Reads...), append(of.Writes, c.headers[name].Writes...)
	}
	if !slices.ContainsFunc(of.Reads, odd) && !slices.ContainsFunc(of.Writes, odd) {
		return spellings{}
	}
	return newSpellings(of)
}

func odd(name string) bool { return !gateway.PlainHeader(name) }

// policyOrder is the names of a route's policies in the order in which a request passes them: that of the document, but for cors, which is
// the first of them, so that what the others refuse can be read as well.
func policyOrder(m *gateway.Model, all map[string]gateway.Policy, spec gateway.Route) []string {
	names := m.PoliciesOf(spec)
	if i := slices.IndexFunc(names, func(name string) bool { return all[name].CORS != nil }); i >= 0 {
		name := names[i]
		names = slices.Insert(slices.Delete(names, i, i+1), 0, name)
	}
	return names
}

// endpointOf builds what a route does once it is chosen.
func endpointOf(spec gateway.Route, pattern gateway.Pattern, proxies map[string]*proxy) http.Handler {
	switch {
	case spec.Respond != nil:
		return newRespond(*spec.Respond, compileOps(spec.Response.Headers))
	case spec.Fault != "":
		return injectFault(spec.Fault, spec.Name)
	default:
		return proxies[spec.Upstream].serve(spec, pattern)
	}
}

func (rt *router) insert(p gateway.Pattern, r *route) {
	host := strings.TrimPrefix(r.match.Host, "*")
	n := rt.hosts[host]
	if n == nil {
		n = &node{}
		rt.hosts[host] = n
	}
	at := &n.here
	for _, s := range p.Segments {
		switch s.Kind {
		case gateway.SegmentLiteral:
			if n.literal == nil {
				n.literal = map[string]*node{}
			}
			next := n.literal[s.Text]
			if next == nil {
				next = &node{}
				n.literal[s.Text] = next
			}
			n, at = next, &next.here
		case gateway.SegmentParam:
			if n.param == nil {
				n.param = &node{}
			}
			n, at = n.param, &n.param.here
		case gateway.SegmentRest:
			at = &n.rest
		}
	}
	if *at == nil {
		*at = &leaf{methods: map[string][]*route{}}
	}
	if len(r.match.Methods) == 0 {
		(*at).any = append((*at).any, r)
	}
	for _, m := range r.match.Methods {
		(*at).methods[m] = append((*at).methods[m], r)
	}
}

// sort puts the routes of each leaf into the order in which they are tried.
func (n *node) sort() {
	byRank := func(a, b *route) int { return a.match.Compare(b.match) }
	for _, l := range []*leaf{n.here, n.rest} {
		if l == nil {
			continue
		}
		slices.SortStableFunc(l.any, byRank)
		for _, routes := range l.methods {
			slices.SortStableFunc(routes, byRank)
		}
	}
	for _, next := range n.literal {
		next.sort()
	}
	if n.param != nil {
		n.param.sort()
	}
}

// ServeHTTP hands the request to its route; 405 with Allow if only its method is wrong, 404 if there is none.
func (rt *router) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x := exchangeOf(r)
	if found := rt.preflighted(r, x); found != nil {
		x.route = found.name
		found.cors.preflight(w, r)
		return
	}
	l := lookup{r: r, x: x, method: r.Method}
	found := rt.choose(&l)
	if found == nil {
		l.refuse(w, rt.guard)
		return
	}
	x.route, x.params, x.rest = found.name, found.params, found.rest
	found.spellings.clean(r.Header)
	found.endpoint.ServeHTTP(w, r)
}

// choose finds the route of a request; nil if there is none, or none for sure.
func (rt *router) choose(l *lookup) *route {
	found := rt.find(l)
	if found == nil {
		return nil
	}
	if l.misread = rt.misread(l, found); l.misread != "" {
		return nil
	}
	return found
}

// refuse answers a request that no route takes.
func (l *lookup) refuse(w http.ResponseWriter, guard environment) {
	if l.misread != "" {
		guard.deny(w, l.r, fail(http.StatusBadRequest, "Servers differ on what the path means: write it without empty segments, semicolons and slashes that are escaped."), l.misread)
		return
	}
	if len(l.allow) == 0 {
		fail(http.StatusNotFound, "No route takes this request.").write(w, l.x.id)
		return
	}
	if l.allow[http.MethodGet] {
		l.allow[http.MethodHead] = true
	}
	w.Header().Set("Allow", strings.Join(slices.Sorted(maps.Keys(l.allow)), ", "))
	fail(http.StatusMethodNotAllowed, "This path does not take the request's method; see Allow.").write(w, l.x.id)
}

// lookup is the state of one search.
type lookup struct {
	r         *http.Request
	x         *exchange
	method    string              // of the request, or of the one that a preflight asks about
	announced []string            // Access-Control-Request-Headers of a preflight
	query     map[string][]string // parsed when the first condition asks for it
	allow     map[string]bool     // methods by which a route would have taken the request
	misread   string              // why its path is not sent upstream: see router.misread
}

func (rt *router) find(l *lookup) *route {
	host := hostname(l.r.Host)
	for key := range hostKeys(host) {
		if n := rt.hosts[key]; n != nil {
			l.x.captured = l.x.captured[:0]
			if found := n.find(l, 0); found != nil {
				return found
			}
		}
	}
	return nil
}

// hostKeys yields the keys under which routes for a host may stand, the most specific first.
func hostKeys(host string) func(func(string) bool) {
	return func(yield func(string) bool) {
		if host != "" && !yield(host) {
			return
		}
		for i := range len(host) {
			if host[i] == '.' && i > 0 && !yield(host[i:]) {
				return
			}
		}
		yield("")
	}
}

// hostname is a Host header without port and final dot, in lower case.
func hostname(host string) string {
	if i := strings.LastIndexByte(host, ':'); i >= 0 && !strings.HasSuffix(host, "]") {
		host = host[:i]
	}
	return strings.ToLower(strings.TrimSuffix(host, "."))
}

// find searches below a node for segment i and those after it. It goes back and tries the next branch when a more
// specific one leads nowhere; a tree is at most as deep as the longest pattern, 32 segments.
func (n *node) find(l *lookup, i int) *route {
	segments := l.x.segments
	if i == len(segments) {
		return n.here.find(l)
	}
	depth := len(l.x.captured)
	if next := n.literal[unescape(segments[i])]; next != nil {
		if found := next.find(l, i+1); found != nil {
			return found
		}
	}
	if n.param != nil && segments[i] != "" {
		l.x.captured = append(l.x.captured[:depth], i)
		if found := n.param.find(l, i+1); found != nil {
			return found
		}
	}
	l.x.captured = append(l.x.captured[:depth], i)
	if found := n.rest.find(l); found != nil {
		return found
	}
	l.x.captured = l.x.captured[:depth]
	return nil
}

// find picks the leaf's first route that takes the request's method and whose conditions hold.
func (lf *leaf) find(l *lookup) *route {
	if lf == nil {
		return nil
	}
	if found := first(lf.methods[l.method], l); found != nil {
		return found
	}
	if l.method == http.MethodHead {
		if found := first(lf.methods[http.MethodGet], l); found != nil {
			return found
		}
	}
	if found := first(lf.any, l); found != nil {
		return found
	}
	for method, routes := range lf.methods {
		if !l.allow[method] && first(routes, l) != nil {
			if l.allow == nil {
				l.allow = map[string]bool{}
			}
			l.allow[method] = true
		}
	}
	return nil
}

func first(routes []*route, l *lookup) *route {
	for _, r := range routes {
		if l.holds(r.conditions) {
			return r
		}
	}
	return nil
}

var _ http.Handler = (*router)(nil)
