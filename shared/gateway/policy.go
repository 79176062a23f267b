package gateway

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

const (
	maxPolicies        = 1_000
	maxPoliciesOfRoute = 32
)

// Policy is what the gateway does to requests, or to their answers, on behalf of every route that names it. Exactly one field is
// set: the kind. A policy is the same thing for all of its routes: what it counts, it counts for them together.
type Policy struct {
	APIKey          *APIKey          `json:"apiKey,omitempty"`
	Authorize       *Authorize       `json:"authorize,omitempty"`
	Basic           *Basic           `json:"basic,omitempty"`
	CORS            *CORS            `json:"cors,omitempty"`
	GraphQL         *GraphQL         `json:"graphql,omitempty"`
	IP              *IP              `json:"ip,omitempty"`
	JWT             *JWT             `json:"jwt,omitempty"`
	Limits          *Limits          `json:"limits,omitempty"`
	Quota           *Quota           `json:"quota,omitempty"`
	RateLimit       *RateLimit       `json:"rateLimit,omitempty"`
	SecurityHeaders *SecurityHeaders `json:"securityHeaders,omitempty"`
	Signature       *Signature       `json:"signature,omitempty"`
	Transform       *Transform       `json:"transform,omitempty"`
	Validate        *Validate        `json:"validate,omitempty"`

	ClientCertificate *ClientCertificate `json:"clientCertificate,omitempty"`
}

// kind is one of the kinds of policies.
type kind interface {
	// check tests the kind's own rules; at is its place in the spec.
	check(r *report, at Pointer)
	// secrets are the names of the secrets that it needs.
	secrets() []string
	// parts are what a binary has to hold for it, beside what all hold.
	parts() []Part
	// caller says what it has to do with who calls.
	caller() callerUse
	// headers are the names of the headers of requests that it goes by, or writes for upstreams, in any order and case; some may be "".
	headers() Headers
}

// secretReader is a kind whose secrets are no values of headers, and which tests them itself. The error does not hold the text.
type secretReader interface {
	usable(name, text string) error
}

// callerUse is what a kind has to do with who calls.
type callerUse int

const (
	callerUnused callerUse = iota
	callerMade             // it finds out who calls
	callerNeeded           // it goes by who calls: another has to have found out before
)

// named is a kind under its key in the document.
type named struct {
	key  string
	kind kind
}

// kinds are those that a policy has: one, in a model.
func (p Policy) kinds() []named {
	var out []named
	if p.APIKey != nil {
		out = append(out, named{"apiKey", p.APIKey})
	}
	if p.Authorize != nil {
		out = append(out, named{"authorize", p.Authorize})
	}
	if p.Basic != nil {
		out = append(out, named{"basic", p.Basic})
	}
	if p.ClientCertificate != nil {
		out = append(out, named{"clientCertificate", p.ClientCertificate})
	}
	if p.CORS != nil {
		out = append(out, named{"cors", p.CORS})
	}
	if p.GraphQL != nil {
		out = append(out, named{"graphql", p.GraphQL})
	}
	if p.IP != nil {
		out = append(out, named{"ip", p.IP})
	}
	if p.JWT != nil {
		out = append(out, named{"jwt", p.JWT})
	}
	if p.Limits != nil {
		out = append(out, named{"limits", p.Limits})
	}
	if p.Quota != nil {
		out = append(out, named{"quota", p.Quota})
	}
	if p.RateLimit != nil {
		out = append(out, named{"rateLimit", p.RateLimit})
	}
	if p.SecurityHeaders != nil {
		out = append(out, named{"securityHeaders", p.SecurityHeaders})
	}
	if p.Signature != nil {
		out = append(out, named{"signature", p.Signature})
	}
	if p.Transform != nil {
		out = append(out, named{"transform", p.Transform})
	}
	if p.Validate != nil {
		out = append(out, named{"validate", p.Validate})
	}
	return out
}

// KindNames are the keys of all kinds there are, in the order of the reference.
func KindNames() []string {
	return []string{"apiKey", "authorize", "basic", "clientCertificate", "cors", "graphql", "ip", "jwt", "limits", "quota", "rateLimit", "securityHeaders", "signature", "transform", "validate"}
}

// Kind is the key of a policy's kind; "" for one of none, which no model has.
func (p Policy) Kind() string {
	if all := p.kinds(); len(all) > 0 {
		return all[0].key
	}
	return ""
}

// Secrets are the names of the secrets that a policy needs, sorted, each once.
func (p Policy) Secrets() []string {
	var names []string
	for _, k := range p.kinds() {
		names = append(names, k.kind.secrets()...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Variables are the names of the variables of a function's environment that a policy reads its credentials from, sorted.
func (p Policy) Variables() []string {
	var names []string
	if p.APIKey != nil && p.APIKey.Variable != "" {
		names = append(names, p.APIKey.Variable)
	}
	if p.Basic != nil && p.Basic.Variable != "" {
		names = append(names, p.Basic.Variable)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Policies returns all policies by name.
func (m *Model) Policies() map[string]Policy { return clonePolicies(m.spec.Policies) }

// PoliciesOf returns the names of the policies that a route has, those of every route first, in the order in which a request
// passes them.
func (m *Model) PoliciesOf(r Route) []string { return slices.Concat(m.spec.Everywhere, r.Policies) }

// clonePolicies copies everything that policies point to.
func clonePolicies(in map[string]Policy) map[string]Policy {
	if in == nil {
		return nil
	}
	b, err := json.Marshal(in)
	if err != nil { // they are made of what has a JSON form
		panic(err)
	}
	out := make(map[string]Policy, len(in))
	if err := json.Unmarshal(b, &out); err != nil {
		panic(err)
	}
	return out
}

// checkPolicies tests the policies themselves, and how routes refer to them.
func checkPolicies(r *report, s *Spec) {
	if len(s.Policies) > maxPolicies {
		r.value("/policies", fmt.Sprintf("there are %d policies", len(s.Policies)), fmt.Sprintf("keep to %d: routes may share them", maxPolicies))
		return
	}
	known := slices.Sorted(maps.Keys(s.Policies))
	for _, name := range known {
		checkPolicy(r, Pointer("/policies").Key(name), name, s.Policies[name])
	}
	described := describedPaths(s)
	used := map[string]bool{}
	checkReferences(r, "/everywhere", s.Everywhere, nil, s, used)
	checkOrder(r, "/everywhere", s.Everywhere, nil, s)
	checkCORS(r, "/everywhere", s.Everywhere, nil, s)
	for i, route := range s.Routes {
		at := Pointer("/routes").Index(i).Key("policies")
		checkReferences(r, at, route.Policies, s.Everywhere, s, used)
		checkOrder(r, at, route.Policies, s.Everywhere, s)
		checkCORS(r, at, route.Policies, s.Everywhere, s)
		checkParams(r, i, s)
		checkValidated(r, i, s, described)
	}
	for _, name := range known {
		if !used[name] {
			r.key(Pointer("/policies").Key(name), fmt.Sprintf("policy %s is used by no route", quote(name)), "name it in the policies of a route, or under everywhere, or remove it")
			r.found[len(r.found)-1].Premise = "/routes"
		}
	}
}

func checkPolicy(r *report, at Pointer, name string, p Policy) {
	if what, remedy := checkName("policy", name); what != "" {
		r.key(at, what, remedy)
	}
	all := p.kinds()
	switch len(all) {
	case 0:
		r.value(at, fmt.Sprintf("policy %s does nothing", quote(name)), "write one of "+strings.Join(KindNames(), ", "))
	case 1:
		all[0].kind.check(r, at.Key(all[0].key))
	default:
		var keys []string
		for _, k := range all {
			keys = append(keys, k.key)
		}
		r.value(at, fmt.Sprintf("policy %s has %s", quote(name), strings.Join(keys, " and ")), "keep one of them, and give the others policies of their own")
	}
}

// checkReferences tests the names in a list of policies.
func checkReferences(r *report, at Pointer, names, before []string, s *Spec, used map[string]bool) {
	if len(names) > maxPoliciesOfRoute {
		r.value(at, fmt.Sprintf("there are %d policies in the list", len(names)), fmt.Sprintf("keep to %d", maxPoliciesOfRoute))
		return
	}
	seen := map[string]bool{}
	for i, name := range names {
		at := at.Index(i)
		used[name] = true
		_, known := s.Policies[name]
		switch {
		case !known:
			all := slices.Sorted(maps.Keys(s.Policies))
			used[Nearest(name, all)] = true // misspelt, and reported as that
			r.value(at, fmt.Sprintf("policy %s does not exist", quote(name)), suggest(name, all))
		case seen[name]:
			r.value(at, fmt.Sprintf("policy %s is listed twice", quote(name)), "list it once: a request passes it once")
		case slices.Contains(before, name):
			r.value(at, fmt.Sprintf("policy %s is one of every route already", quote(name)), "take it out here or under everywhere")
			r.found[len(r.found)-1].Related = "/everywhere"
		}
		seen[name] = true
	}
}

// checkOrder tests that nobody goes by who calls before somebody has found out.
func checkOrder(r *report, at Pointer, names, before []string, s *Spec) {
	made := slices.ContainsFunc(before, func(name string) bool { return s.use(name) == callerMade })
	for i, name := range names {
		switch s.use(name) {
		case callerMade:
			made = true
		case callerNeeded:
			if !made {
				r.value(at.Index(i), fmt.Sprintf("policy %s goes by who calls, and nothing before it finds that out", quote(name)), "list a policy before it that does, such as one of apiKey or jwt")
			}
		}
	}
}

// use is what a policy has to do with who calls; nothing for one that there is not.
func (s *Spec) use(name string) callerUse {
	for _, k := range s.Policies[name].kinds() {
		return k.kind.caller()
	}
	return callerUnused
}
