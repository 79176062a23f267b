// Package routing tells people and programs which routes a gateway has, and what becomes of one request: the tables and the JSON of
// `polygate routes` and `polygate explain`.
package routing

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"polygate.example/shared/gateway"
	"polygate.example/shared/handler"
	"polygate.example/tools/internal/schema"
)

// Route is one route with what is done to its requests.
type Route struct {
	Name     string      `json:"name"`
	Methods  []string    `json:"methods"` // empty for any; GET includes HEAD
	Host     string      `json:"host"`    // "" for any
	Path     string      `json:"path"`
	Headers  []Condition `json:"headers"`
	Query    []Condition `json:"query"`
	Policies []Policy    `json:"policies"` // in the order in which a request passes them
	Upstream string      `json:"upstream,omitempty"`
	Status   int         `json:"status,omitempty"` // of a fixed answer
	Fault    string      `json:"fault,omitempty"`
	Timeouts Timeouts    `json:"timeouts"`
}

// Condition is one on a header or a query parameter.
type Condition struct {
	Name  string `json:"name"`
	Kind  string `json:"kind"` // exact, prefix, regexp or present
	Value string `json:"value,omitempty"`
}

// Policy is a policy of a route, and what it asks for or does.
type Policy struct {
	Name string `json:"name"`
	Kind string `json:"kind"`
	Does string `json:"does"`
}

// Timeouts are those of a route and of its upstream, as Go writes durations; "" where there is none.
type Timeouts struct {
	Route    string `json:"route,omitempty"`
	Connect  string `json:"connect,omitempty"`
	Response string `json:"response,omitempty"`
	Idle     string `json:"idle,omitempty"`
}

// Book is what is known of a model's routes.
type Book struct {
	Plan      *handler.Plan
	policies  map[string]Policy
	apis      map[string]*gateway.Validate // policies that describe the operations of one
	upstreams map[string]Timeouts
}

// NewBook compiles a model's routes; hosts are the names that its gateway answers for, none for all.
func NewBook(m *gateway.Model, hosts []string) (*Book, error) {
	plan, err := handler.NewPlan(m, hosts)
	if err != nil {
		return nil, err
	}
	places, err := schema.NewPlaces()
	if err != nil {
		return nil, err
	}
	// Once, and not for each route: what a model gives is a copy, and of an imported document a large one.
	b := &Book{Plan: plan, policies: map[string]Policy{}, apis: map[string]*gateway.Validate{}, upstreams: map[string]Timeouts{}}
	for name, p := range m.Policies() {
		b.policies[name] = Policy{name, p.Kind(), printable(does(p, places))}
		if p.Validate != nil && len(p.Validate.Operations) > 0 {
			b.apis[name] = p.Validate
		}
	}
	for _, name := range m.Upstreams() {
		u, _ := m.Upstream(name)
		b.upstreams[name] = Timeouts{Connect: u.Timeouts.Connect.String(), Response: u.Timeouts.Response.String(), Idle: u.Timeouts.Idle.String()}
	}
	return b, nil
}

// Routes are all routes, in the order in which they go before each other, or by name.
func (b *Book) Routes(byName bool) []Route {
	out := []Route{}
	for _, r := range b.Plan.Routes() {
		out = append(out, b.route(r))
	}
	if byName {
		slices.SortFunc(out, func(a, b Route) int { return cmp.Compare(a.Name, b.Name) })
	}
	return out
}

func (b *Book) route(r gateway.Route) Route {
	out := Route{Name: r.Name, Methods: slices.Concat([]string{}, r.Match.Methods), Host: r.Match.Host, Path: r.Match.Path, Headers: conditions(r.Match.Headers),
		Query: conditions(r.Match.Query), Policies: []Policy{}, Upstream: r.Upstream, Fault: r.Fault, Timeouts: b.upstreams[r.Upstream]}
	for _, name := range b.Plan.Policies(r) {
		out.Policies = append(out.Policies, b.policies[name])
	}
	if r.Respond != nil {
		out.Status = r.Respond.Status
	}
	if r.Timeout > 0 {
		out.Timeouts.Route = r.Timeout.String()
	}
	return out
}

func conditions(in map[string]gateway.Condition) []Condition {
	out := []Condition{}
	for _, name := range slices.Sorted(maps.Keys(in)) {
		out = append(out, Condition{name, in[name].Kind, in[name].Value})
	}
	return out
}

// String is the condition as it is read aloud.
func (c Condition) String() string {
	switch c.Kind {
	case gateway.KindExact:
		return c.Name + "=" + c.Value
	case gateway.KindPrefix:
		return c.Name + "=" + c.Value + "*"
	case gateway.KindRegexp:
		return c.Name + "~" + c.Value
	}
	return c.Name
}

// action is what a route does in the end.
func (r Route) action() string {
	switch {
	case r.Upstream != "":
		return "-> " + r.Upstream
	case r.Fault != "":
		return "fault " + r.Fault
	}
	return fmt.Sprintf("answers %d", r.Status)
}

// String is the timeouts in few words.
func (t Timeouts) String() string {
	var out []string
	for _, one := range []struct{ name, value string }{{"", t.Route}, {"connect ", t.Connect}, {"response ", t.Response}, {"idle ", t.Idle}} {
		if one.value != "" {
			out = append(out, one.name+one.value)
		}
	}
	return strings.Join(out, ", ")
}

// Table prints routes for people.
func Table(w io.Writer, routes []Route) error {
	var text strings.Builder
	tw := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "ROUTE\tMETHODS\tHOST\tPATH\tIF\tPOLICIES\tDOES\tTIMEOUTS")
	for _, r := range routes {
		var when, policies []string
		for _, c := range r.Headers {
			when = append(when, "header "+c.String())
		}
		for _, c := range r.Query {
			when = append(when, "query "+c.String())
		}
		for _, p := range r.Policies {
			policies = append(policies, p.Name)
		}
		fmt.Fprintf(tw, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", r.Name, orAny(strings.Join(r.Methods, ",")), orAny(r.Host), r.Path, printable(strings.Join(when, ", ")), strings.Join(policies, " > "), r.action(), r.Timeouts)
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	for line := range strings.Lines(text.String()) {
		if _, err := fmt.Fprintln(w, strings.TrimRight(line, " \n")); err != nil {
			return err
		}
	}
	return nil
}

func orAny(s string) string {
	if s == "" {
		return "any"
	}
	return s
}

// printable is text without what would move a terminal's cursor: a condition may have any.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return '?'
		}
		return r
	}, s)
}
