package handler

import (
	"maps"
	"net/http"
	"slices"
	"strings"

	"polygate.example/shared/claim"
	"polygate.example/shared/gateway"
)

// Codes of answers to those who may not.
const (
	codeNotAllowed = "not_allowed"
	codeCountry    = "country_not_allowed"
)

// authorize is a compiled gateway.Authorize.
type authorize struct {
	gateway.Authorize
	env      environment
	ofCaller bool
	claims   []claimOneOf
	when     func(r *http.Request, x *exchange) (bool, error) // nil for none
}

// claimOneOf is a claim that has to be one of some values.
type claimOneOf struct {
	name   string
	path   []string
	values []string
}

// newAuthorize lets requests pass by what is known of the caller, of the request, and of the country it comes from.
func newAuthorize(p gateway.Authorize, env environment) (policy, error) {
	a := &authorize{Authorize: p, env: env, ofCaller: p.OfCaller()}
	for _, name := range slices.Sorted(maps.Keys(p.Claims)) {
		path, err := gateway.ParseClaim(name)
		if err != nil {
			return nil, err // no model has such a one
		}
		a.claims = append(a.claims, claimOneOf{name, path, p.Claims[name]})
	}
	if p.When != "" {
		var err error
		if a.when, err = newCondition(p.When, env); err != nil {
			return nil, err
		}
	}
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			x := exchangeOf(r)
			if why := a.outside(x.country); why != "" {
				env.deny(w, r, coded(http.StatusForbidden, codeCountry, "This path may not be called from where the client is."), why)
				return
			}
			if why := a.refuses(r, x); why != "" {
				env.deny(w, r, coded(http.StatusForbidden, codeNotAllowed, "The caller may not do this."), why)
				return
			}
			next.ServeHTTP(w, r)
		})
	}, nil
}

// outside says why a country does not do, "" if it does.
func (a *authorize) outside(country string) string {
	switch g := a.Geo; {
	case g == nil:
	case country == "":
		if g.Unknown != gateway.UnknownAllow {
			return "its country is not known"
		}
	case slices.Contains(g.Deny, country):
		return "its country " + country + " is denied"
	case len(g.Allow) > 0 && !slices.Contains(g.Allow, country):
		return "its country " + country + " is not one of those allowed"
	}
	return ""
}

// refuses says why the caller or the request does not do, "" if they do. It names what is wanted and not what is there.
func (a *authorize) refuses(r *http.Request, x *exchange) string {
	who := x.caller
	if a.ofCaller && !who.known() {
		return "nobody is known to call"
	}
	has := func(role string) bool { return slices.Contains(who.Roles, role) }
	switch {
	case len(a.Roles) > 0 && !slices.ContainsFunc(a.Roles, has):
		return "the caller has none of the roles " + strings.Join(a.Roles, ", ")
	case len(a.Plans) > 0 && !slices.Contains(a.Plans, who.Plan):
		return "the caller has none of the plans " + strings.Join(a.Plans, ", ")
	case len(a.Consumers) > 0 && !slices.Contains(a.Consumers, who.Consumer):
		return "the caller is none of the consumers that may"
	}
	for _, scope := range a.Scopes {
		if !slices.Contains(who.Scopes, scope) {
			return "the caller lacks the scope " + scope
		}
	}
	for _, c := range a.claims {
		v, _ := claim.Lookup(who.Claims, c.path)
		if !slices.ContainsFunc(claim.Texts(v), func(s string) bool { return slices.Contains(c.values, s) }) {
			return "the claim " + c.name + " is none of the values that do"
		}
	}
	if a.when == nil {
		return ""
	}
	switch holds, err := a.when(r, x); {
	case err != nil:
		return err.Error()
	case !holds:
		return "the condition does not hold"
	}
	return ""
}
