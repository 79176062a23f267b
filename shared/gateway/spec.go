package gateway

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"
)

// Spec is the plain form of a model: the fields of model.json. Nothing about a Spec has been checked; see [New].
type Spec struct {
	Version    int                 `json:"version"`
	Upstreams  map[string]Upstream `json:"upstreams,omitempty"`
	Policies   map[string]Policy   `json:"policies,omitempty"`
	Everywhere []string            `json:"everywhere,omitempty"` // policies of every route, before its own
	Routes     []Route             `json:"routes"`
}

// Upstream is a named service behind the gateway.
type Upstream struct {
	Targets      []Target          `json:"targets,omitempty"`  // used by regions without an entry of their own
	Fallback     []string          `json:"fallback,omitempty"` // regions whose targets come after Targets
	Regions      map[string]Region `json:"regions,omitempty"`  // by "provider/region"
	Timeouts     Timeouts          `json:"timeouts"`
	Ready        Ready             `json:"ready,omitzero"`
	PreserveHost bool              `json:"preserveHost,omitempty"` // send the client's Host, not the target's

	// KeepsSlashes says that the targets tell the segments of a path apart before they decode it, so that a slash or backslash that is escaped is
	// text of a segment to them.
	KeepsSlashes bool `json:"keepsSlashes,omitempty"`
}

// Region is what one region uses instead of an upstream's general targets.
type Region struct {
	Targets  []Target `json:"targets,omitempty"`
	Fallback []string `json:"fallback,omitempty"` // other regions of the same upstream, tried in this order
}

// Target is one address of an upstream.
type Target struct {
	URL string `json:"url"` // http or https, host, optional port and base path; nothing else
}

// Timeouts bound one exchange with a target. Each is 10 ms to 15 min.
type Timeouts struct {
	Connect  Duration `json:"connect"`  // TCP connect, and again TLS handshake
	Response Duration `json:"response"` // from the request sent to the response's head
	Idle     Duration `json:"idle"`     // longest silence inside a response body
}

// Ready says how /ready finds out whether a target is reachable.
type Ready struct {
	Path string `json:"path,omitempty"` // GET answers below 500; "" means that a TCP connect is enough
}

// Route says which requests it takes and what happens to them. Exactly one of Upstream, Respond and Fault is set.
type Route struct {
	Name     string   `json:"name"`
	Match    Match    `json:"match"`
	Policies []string `json:"policies,omitempty"` // in the order in which a request passes them
	Upstream string   `json:"upstream,omitempty"`
	Rewrite  Rewrite  `json:"rewrite,omitzero"` // only with Upstream
	Respond  *Respond `json:"respond,omitempty"`
	Fault    string   `json:"fault,omitempty"`
	Request  Edit     `json:"request,omitzero"`  // only with Upstream
	Response Edit     `json:"response,omitzero"` // of Upstream's answer and of the gateway's own in its place
	Timeout  Duration `json:"timeout,omitzero"`  // of the whole exchange, 10 ms to 15 min; 0 is none
}

// Match is the condition of a route; all parts must hold.
type Match struct {
	Host    string               `json:"host,omitempty"`    // "api.example.com", "*.example.com" (one or more labels), "" for any
	Methods []string             `json:"methods,omitempty"` // none for any; GET includes HEAD
	Path    string               `json:"path"`              // see ParsePattern
	Headers map[string]Condition `json:"headers,omitempty"`
	Query   map[string]Condition `json:"query,omitempty"`
}

// Kinds of a Condition.
const (
	KindExact   = "exact"   // the value, byte for byte
	KindPrefix  = "prefix"  // the value begins so
	KindRegexp  = "regexp"  // the whole value matches an RE2 expression
	KindPresent = "present" // any value, even an empty one
)

// Condition is a test of one header or one query parameter. A header that came several times is tested as one value
// joined with ", ", because some clouds' fronts deliver it so; of a repeated query parameter the first value is tested.
type Condition struct {
	Kind  string `json:"kind"`
	Value string `json:"value,omitempty"`
}

// Rewrite changes the path on its way to the target. At most one field is set; with none the path is passed as it came.
// Whatever it becomes is appended to the target's base path.
type Rewrite struct {
	StripPrefix string `json:"stripPrefix,omitempty"` // leading segments of the route's path, all literal
	Path        string `json:"path,omitempty"`        // a new path; {name} and {name...} of the route's pattern may be used
}

// Respond is a fixed answer.
type Respond struct {
	Status  int               `json:"status"`            // 200 to 599
	Headers map[string]string `json:"headers,omitempty"` // each value is a Template
	Body    string            `json:"body,omitempty"`    // up to 64 KiB, as it is
}

// Values of Route.Fault: ways to fail on purpose, so that a deployment can be seen to survive them.
const (
	FaultPanic    = "panic"    // the handler panics before it has written anything: 500
	FaultTruncate = "truncate" // the handler panics in the middle of its body
)

// Edit changes one direction of an exchange.
type Edit struct {
	Headers HeaderOps `json:"headers,omitzero"`
}

// HeaderOps are applied in the order remove, set. Names are matched without case; a value that is set is a Template.
type HeaderOps struct {
	Set    map[string]string `json:"set,omitempty"`
	Remove []string          `json:"remove,omitempty"`
}

// IsZero reports whether there is nothing to do; encoding/json asks it for omitzero.
func (o HeaderOps) IsZero() bool { return len(o.Set) == 0 && len(o.Remove) == 0 }

// IsZero reports whether there is nothing to do.
func (e Edit) IsZero() bool { return e.Headers.IsZero() }

// Duration is a time.Duration that is written as "1m30s" in JSON.
type Duration time.Duration

// String is the duration as Go writes it.
func (d Duration) String() string { return time.Duration(d).String() }

// MarshalJSON writes the duration as a string.
func (d Duration) MarshalJSON() ([]byte, error) { return json.Marshal(d.String()) }

// UnmarshalJSON reads what MarshalJSON wrote; a bare number is refused, as it has no unit.
func (d *Duration) UnmarshalJSON(b []byte) error {
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		return fmt.Errorf("duration %s: want a string with a unit, such as \"2s\": %w", b, err)
	}
	v, err := time.ParseDuration(s)
	if err != nil {
		return fmt.Errorf("duration %q: %w", s, err)
	}
	*d = Duration(v)
	return nil
}

// clone copies everything a Spec points to.
func (s Spec) clone() Spec {
	ups := make(map[string]Upstream, len(s.Upstreams))
	for name, u := range s.Upstreams {
		ups[name] = u.clone()
	}
	s.Upstreams = ups
	s.Policies, s.Everywhere = clonePolicies(s.Policies), slices.Clone(s.Everywhere)
	routes := make([]Route, len(s.Routes))
	for i, r := range s.Routes {
		routes[i] = r.clone()
	}
	s.Routes = routes
	return s
}

func (u Upstream) clone() Upstream {
	u.Targets, u.Fallback = slices.Clone(u.Targets), slices.Clone(u.Fallback)
	u.Regions = maps.Clone(u.Regions)
	for name, r := range u.Regions {
		u.Regions[name] = Region{Targets: slices.Clone(r.Targets), Fallback: slices.Clone(r.Fallback)}
	}
	return u
}

func (r Route) clone() Route {
	r.Match.Methods, r.Policies = slices.Clone(r.Match.Methods), slices.Clone(r.Policies)
	r.Match.Headers, r.Match.Query = maps.Clone(r.Match.Headers), maps.Clone(r.Match.Query)
	r.Request.Headers, r.Response.Headers = r.Request.Headers.clone(), r.Response.Headers.clone()
	if r.Respond != nil {
		p := *r.Respond
		p.Headers = maps.Clone(p.Headers)
		r.Respond = &p
	}
	return r
}

func (o HeaderOps) clone() HeaderOps {
	return HeaderOps{Set: maps.Clone(o.Set), Remove: slices.Clone(o.Remove)}
}

var (
	_ json.Marshaler   = Duration(0)
	_ json.Unmarshaler = (*Duration)(nil)
)
