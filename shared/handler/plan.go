package handler

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"slices"

	"polygate.example/shared/gateway"
	"polygate.example/shared/health"
)

// Plan says what a handler of a model does with a request, and serves nothing: no policy is asked and nobody is called. It finds routes by the
// router that serves, behind what stands before that.
type Plan struct {
	model    *gateway.Model
	policies map[string]gateway.Policy // of the model, which copies them each time
	router   *router
	routes   []gateway.Route // in order
	front    http.Handler    // all that is done to a request up to its route
}

// NewPlan compiles the routes of a model. hosts are those of Options.
func NewPlan(m *gateway.Model, hosts []string) (*Plan, error) {
	log := slog.New(slog.DiscardHandler)
	of := newCompiler(m, log)
	rt := &router{hosts: map[string]*node{}, guard: guarding("paths", log), spans: spansSegments(of.policies)}
	p := &Plan{model: m, policies: of.policies, router: rt, routes: inOrder(m.Routes())}
	for _, spec := range p.routes {
		pattern, r, err := of.route(spec)
		if err != nil {
			return nil, err
		}
		p.router.insert(pattern, r)
	}
	for _, n := range p.router.hosts {
		n.sort()
	}
	var h http.Handler = http.HandlerFunc(p.decide)
	h = endToEnd(h)
	h = p.ownPaths(h, log)
	h = refuseDotSegments(h, log)
	h = refuseForeignHosts(h, hosts, log)
	p.front = identify(h, "")
	return p, nil
}

// Routes are all routes, the more specific one of two that could take the same request first. HEAD is an exception: of two routes that
// list methods the one that lists HEAD goes before the one that takes it by GET.
func (p *Plan) Routes() []gateway.Route { return slices.Clone(p.routes) }

// Policies are the names of a route's policies in the order in which a request passes them.
func (p *Plan) Policies(r gateway.Route) []string { return policyOrder(p.model, p.policies, r) }

// Decision is what becomes of a request. One of Route, Own and Refusal says it.
type Decision struct {
	Route     string   // name of the route that takes it
	Params    []Param  // what the parameters of its path are, decoded, in the path's order
	Preflight bool     // it is a preflight, and the route's policy of the kind cors answers it
	Own       bool     // it is for /health or /ready, which the gateway answers itself
	Refusal   *Refusal // it comes to no route
	Others    []Other  // the other routes, the nearest first

	Operations map[string]string // by the route's policies that describe those of an API: the one that it is for, such as "GET /a/{id}"; "" for none
}

// Param is a parameter of a path.
type Param struct{ Name, Value string }

// Refusal is how a request is answered that comes to no route.
type Refusal struct {
	Status int    // 400, 404, 405 or 421
	Detail string // what its client reads
	Allow  string // with 405: the methods that would do
	Why    string // what the log has and the client does not read, if there is more to say
}

// Decide says what becomes of a request, as net/http gives it to a handler. The request is not changed.
func (p *Plan) Decide(r *http.Request) Decision {
	var heard hearer
	p.front.ServeHTTP(&heard, r.Clone(r.Context()))
	d := heard.decision
	if heard.status != 0 {
		d.Refusal = &Refusal{Status: heard.status, Allow: heard.Header().Get("Allow"), Why: heard.why}
		var said problem
		if json.Unmarshal(heard.body, &said) == nil {
			d.Refusal.Detail = said.Detail
		}
	}
	return d
}

// ownPaths notes requests for the gateway's own paths; by another method they are refused as ever.
func (p *Plan) ownPaths(next http.Handler, log *slog.Logger) http.Handler {
	refuse := answerHealth(next, log, p.model, Options{Instance: health.Instance{}}, nil)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if isHealthPath(r.URL.Path) && (r.Method == http.MethodGet || r.Method == http.MethodHead) {
			hearerOf(r).decision.Own = true
			return
		}
		refuse.ServeHTTP(w, r)
	})
}

// decide is the innermost handler: it finds the route as the router does, and notes it.
func (p *Plan) decide(w http.ResponseWriter, r *http.Request) {
	x, d := exchangeOf(r), &hearerOf(r).decision
	if p.router.overridden(r, x.segments) {
		hearerOf(r).why = whyOverridden
		p.router.refuseOverride(w, r)
		d.Others = p.others(r, "")
		return
	}
	found := p.router.preflighted(r, x)
	d.Preflight = found != nil
	l := lookup{r: r, x: x, method: r.Method}
	if found == nil {
		found = p.router.choose(&l)
	}
	if found == nil {
		hearerOf(r).why = l.misread
		l.refuse(w, p.router.guard)
	} else {
		d.Route = found.name
		x.params, x.rest = found.params, found.rest
		v := values{r: r, x: x}
		for _, name := range found.params {
			d.Params = append(d.Params, Param{name, v.param(name)})
		}
		d.Operations = p.operations(r, x, found)
	}
	d.Others = p.others(r, d.Route)
}

// hearer is a ResponseWriter that keeps what is said.
type hearer struct {
	header   http.Header
	status   int
	body     []byte
	why      string // of a refusal, for the log
	decision Decision
}

func hearerOf(r *http.Request) *hearer {
	return exchangeOf(r).answer.ResponseWriter.(*hearer) // Decide is the only way in
}

// Header is what would be sent.
func (h *hearer) Header() http.Header {
	if h.header == nil {
		h.header = http.Header{}
	}
	return h.header
}

// WriteHeader keeps the status.
func (h *hearer) WriteHeader(status int) { h.status = status }

// Write keeps the body.
func (h *hearer) Write(b []byte) (int, error) {
	h.body = append(h.body, b...)
	return len(b), nil
}

var _ http.ResponseWriter = (*hearer)(nil)
