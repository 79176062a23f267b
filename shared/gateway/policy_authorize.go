package gateway

import (
	"fmt"
	"maps"
	"slices"

	"polygate.example/shared/expression"
)

// Authorize lets requests pass by what is known of the caller, of the request, and of the country it comes from. All that is given has
// to hold.
type Authorize struct {
	Roles     []string            `json:"roles,omitempty"`     // one of which the caller has to have
	Scopes    []string            `json:"scopes,omitempty"`    // all of which the caller has to have
	Plans     []string            `json:"plans,omitempty"`     // one of which the caller has to have
	Consumers []string            `json:"consumers,omitempty"` // one of which has to call
	Claims    map[string][]string `json:"claims,omitempty"`    // by where they lie, see ParseClaim; each has to be one of the values
	When      string              `json:"when,omitempty"`      // an expression that has to be true, see package expression
	Geo       *Geo                `json:"geo,omitempty"`
}

// Geo lets requests pass by the country that the front recorded: never by a header that a client can write. A country that is denied
// does not pass; where Allow has any, one that is none of them does not either.
type Geo struct {
	Allow   []string `json:"allow,omitempty"` // ISO 3166-1 alpha-2, see IsCountry
	Deny    []string `json:"deny,omitempty"`
	Unknown string   `json:"unknown"` // UnknownAllow or UnknownDeny: requests of which no front tells the country
}

// Values of Geo.Unknown.
const (
	UnknownAllow = "allow"
	UnknownDeny  = "deny"
)

func (p *Authorize) check(r *report, at Pointer) {
	if len(p.Roles)+len(p.Scopes)+len(p.Plans)+len(p.Consumers)+len(p.Claims) == 0 && p.When == "" && p.Geo == nil {
		r.value(at, "it does not say who may", "write one of roles, scopes, plans, consumers, claims, when and geo")
	}
	some := func(s string) bool { return s != "" }
	checkAccepted(r, at.Key("roles"), "role", p.Roles, some, "write a role that callers have")
	checkAccepted(r, at.Key("scopes"), "scope", p.Scopes, isScope, "write one scope an item, of visible ASCII without spaces and quotes (RFC 6749, 3.3)")
	checkAccepted(r, at.Key("plans"), "plan", p.Plans, some, "write a plan that consumers have")
	checkAccepted(r, at.Key("consumers"), "consumer", p.Consumers, some, "write the name of a consumer")
	checkClaims(r, at.Key("claims"), p.Claims)
	if p.When != "" {
		checkExpression(r, at.Key("when"), p.When, expression.Truth)
	}
	if p.Geo != nil {
		p.Geo.check(r, at.Key("geo"))
	}
}

// checkClaims tests what claims may be.
func checkClaims(r *report, at Pointer, claims map[string][]string) {
	if len(claims) > maxClaims {
		r.value(at, fmt.Sprintf("there are %d claims", len(claims)), fmt.Sprintf("keep to %d", maxClaims))
		return
	}
	for _, name := range slices.Sorted(maps.Keys(claims)) {
		at := at.Key(name)
		checkClaim(r.key, at, name)
		if len(claims[name]) == 0 {
			r.value(at, fmt.Sprintf("claim %s has no value that would do", quote(name)), "list at least one")
		}
		checkAccepted(r, at, "value", claims[name], func(s string) bool { return s != "" }, "write what the claim has to be")
	}
}

// checkExpression tests an expression, in a binary that has the language.
func checkExpression(r *report, at Pointer, text string, result expression.Result) {
	if what, remedy := expression.Check(text, result); what != "" {
		r.value(at, "the expression "+what, remedy)
	}
}

func (g *Geo) check(r *report, at Pointer) {
	if len(g.Allow)+len(g.Deny) == 0 {
		r.value(at, "neither allow nor deny has a country", "list some under one of them")
	}
	if g.Unknown != UnknownAllow && g.Unknown != UnknownDeny {
		r.value(at.Key("unknown"), fmt.Sprintf("%s is nothing to do with an unknown country", quote(g.Unknown)), suggest(g.Unknown, []string{UnknownAllow, UnknownDeny}))
	}
	for _, list := range []struct {
		key          string
		given, other []string
	}{{"allow", g.Allow, nil}, {"deny", g.Deny, g.Allow}} {
		at := at.Key(list.key)
		for i, code := range list.given {
			at := at.Index(i)
			switch {
			case !IsCountry(code):
				r.value(at, fmt.Sprintf("%s is the code of no country", quote(code)), remedyCountry(code))
			case slices.Contains(list.given[:i], code):
				r.value(at, fmt.Sprintf("country %s is listed twice", code), "list it once")
			case slices.Contains(list.other, code):
				r.value(at, fmt.Sprintf("country %s is both allowed and denied", code), "keep it in one of the lists")
			}
		}
	}
}

func (*Authorize) secrets() []string { return nil }

func (p *Authorize) parts() []Part {
	if p.When == "" {
		return nil
	}
	return []Part{PartExpression}
}

func (p *Authorize) caller() callerUse {
	if p.OfCaller() {
		return callerNeeded
	}
	return callerUnused
}

// OfCaller reports whether it goes by who calls: then nobody in particular never passes.
func (p *Authorize) OfCaller() bool {
	return len(p.Roles)+len(p.Scopes)+len(p.Plans)+len(p.Consumers)+len(p.Claims) > 0 || expression.OfCaller(p.When)
}

// params are the parameters of the path that a policy's expressions speak of.
func (p Policy) params() []string {
	var names []string
	for _, text := range p.expressions() {
		names = append(names, expression.Params(text)...)
	}
	return names
}

// OfCountry reports whether a policy goes by the country of the client, which only a front can tell.
func (p Policy) OfCountry() bool {
	return p.Authorize != nil && p.Authorize.Geo != nil || slices.ContainsFunc(p.expressions(), expression.OfCountry)
}

// expressions are those of a policy.
func (p Policy) expressions() []string {
	var by []CountBy
	switch {
	case p.Authorize != nil:
		return []string{p.Authorize.When}
	case p.RateLimit != nil:
		by = p.RateLimit.By
	case p.Quota != nil:
		by = p.Quota.By
	}
	var texts []string
	for _, b := range by {
		if b.Kind == ByExpression {
			texts = append(texts, b.Name)
		}
	}
	return texts
}

var _ kind = (*Authorize)(nil)
