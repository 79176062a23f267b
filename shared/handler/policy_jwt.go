//go:build !without_jwt

package handler

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"polygate.example/shared/gateway"
	"polygate.example/shared/jwk"
	"polygate.example/shared/token"
)

// maxConsumer is the longest name of a consumer that a token may give.
const maxConsumer = 256

// Codes of answers to requests whose token does not do.
const (
	codeTokenMissing  = "token_missing"
	codeTokenInvalid  = "token_invalid"
	codeTokenExpired  = "token_expired"
	codeTokenTwice    = "token_ambiguous"
	codeScope         = "insufficient_scope"
	codeTokenKeysGone = "keys_unavailable"
)

// bearer is a compiled gateway.JWT.
type bearer struct {
	environment
	spec     gateway.JWT
	place    tokenPlace
	verifier *token.Verifier[holder]
	consumer []string
	roles    []string
	plan     []string
	claims   []claimRule
	forward  []claimHeader
	forged   forged
}

// claimRule is a claim that has to be one of some values.
type claimRule struct {
	path   []string
	values []string
}

// holder is what a token says, as far as the policy looks at it.
type holder struct {
	caller
	why    string   // it is not valid here, "" if it is
	lacks  string   // scope that it should have, "" if it has all
	values []string // of the headers of forward, in their order; "" for one whose claim is not there, or that a header cannot carry
}

// claimHeader is a claim that upstreams are told of.
type claimHeader struct {
	header string // canonical
	path   []string
}

// newJWT lets requests pass that bear a token of the right issuer.
func newJWT(p gateway.JWT, env environment) (policy, error) {
	keys, err := tokenKeys(p, env)
	if err != nil {
		return nil, err
	}
	b := &bearer{environment: env, spec: p, place: newTokenPlace(p.From)}
	b.verifier = token.NewVerifier(token.Rules{
		Algorithms: p.Algorithms, Issuer: p.Issuer, Audience: p.Audience, Type: p.Type, Leeway: time.Duration(p.Leeway), RequireExpiry: p.RequireExpiry,
	}, keys, env.now, b.holderOf)
	if b.consumer, err = gateway.ParseClaim(p.ConsumerClaim); err != nil {
		return nil, err // no model has such a one
	}
	if p.RolesClaim != "" {
		if b.roles, err = gateway.ParseClaim(p.RolesClaim); err != nil {
			return nil, err
		}
	}
	if p.PlanClaim != "" {
		if b.plan, err = gateway.ParseClaim(p.PlanClaim); err != nil {
			return nil, err
		}
	}
	for name, values := range p.Claims {
		path, err := gateway.ParseClaim(name)
		if err != nil {
			return nil, err
		}
		b.claims = append(b.claims, claimRule{path, values})
	}
	for header, claim := range p.Forward {
		path, err := gateway.ParseClaim(claim)
		if err != nil {
			return nil, err
		}
		b.forward, b.forged = append(b.forward, claimHeader{http.CanonicalHeaderKey(header), path}), append(b.forged, header)
	}
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { b.serve(w, r, next) })
	}, nil
}

// tokenKeys are the keys of the document, or those that its address has.
func tokenKeys(p gateway.JWT, env environment) (token.Keys, error) {
	if p.Keys != "" {
		keys, unusable := jwk.Read([]byte(p.Keys))
		if len(unusable) > 0 {
			return nil, unusable[0] // no model has one
		}
		return token.NewFixed(keys), nil
	}
	from := token.FromURL(p.JWKSURL)
	if p.Discovery {
		from = token.FromIssuer(p.Issuer, func(address string) error {
			if what, _ := gateway.CheckKeysURL(address); what != "" {
				return errors.New(what)
			}
			if strings.HasPrefix(p.Issuer, "https:") && !strings.HasPrefix(address, "https:") {
				return errors.New("it is not https, as the issuer is")
			}
			return nil
		})
	}
	ages := token.Ages{Refresh: time.Duration(p.Refresh), Cooldown: time.Duration(p.Cooldown), MaxStale: time.Duration(p.MaxStale)}
	return token.NewRemote(from.Fetch, ages, env.now, env.log.With("policy", env.name)), nil
}

func (b *bearer) serve(w http.ResponseWriter, r *http.Request, next http.Handler) {
	x := exchangeOf(r)
	b.forged.clean(r)
	text, found := b.place.find(r)
	switch {
	case found == 0 && b.spec.Optional:
		next.ServeHTTP(w, r)
		return
	case found == 0:
		challenge(w, "")
		b.deny(w, r, coded(http.StatusUnauthorized, codeTokenMissing, "This path wants a token."), "there is no token")
		return
	case found > 1:
		challenge(w, `error="invalid_request"`)
		b.deny(w, r, coded(http.StatusBadRequest, codeTokenTwice, "The request bears more than one token."), "there is more than one token")
		return
	}
	who, err := b.verifier.Verify(r.Context(), text)
	if err != nil {
		b.refuse(w, r, err)
		return
	}
	if who.why != "" {
		challenge(w, `error="invalid_token"`)
		b.deny(w, r, coded(http.StatusUnauthorized, codeTokenInvalid, "The token is not valid here."), who.why)
		return
	}
	x.caller = who.caller
	if who.lacks != "" {
		challenge(w, `error="insufficient_scope", scope="`+strings.Join(b.spec.Scopes, " ")+`"`)
		b.deny(w, r, coded(http.StatusForbidden, codeScope, "The token does not give the right to this."), "the token lacks the scope "+who.lacks)
		return
	}
	if !b.spec.ForwardToken {
		b.place.remove(r)
	}
	b.tell(x, r.Header, who.values)
	next.ServeHTTP(w, r)
}

// refuse answers for a token that does not do, or that cannot be looked at.
func (b *bearer) refuse(w http.ResponseWriter, r *http.Request, err error) {
	var none *token.KeysError
	var why token.Reason
	switch {
	case errors.As(err, &none):
		w.Header().Set("Retry-After", "1")
		b.deny(w, r, coded(http.StatusServiceUnavailable, codeTokenKeysGone, "The gateway cannot verify tokens at the moment."), none.Error())
	case errors.Is(err, token.Expired):
		challenge(w, `error="invalid_token", error_description="The token has expired"`)
		b.deny(w, r, coded(http.StatusUnauthorized, codeTokenExpired, "The token has expired."), string(token.Expired))
	default:
		errors.As(err, &why) // Verify has no other errors
		challenge(w, `error="invalid_token"`)
		b.deny(w, r, coded(http.StatusUnauthorized, codeTokenInvalid, "The token is not valid here."), string(why))
	}
}

// holderOf reads the claims of a token.
func (b *bearer) holderOf(claims map[string]any) holder {
	for _, rule := range b.claims {
		v, _ := token.Lookup(claims, rule.path)
		if !slices.ContainsFunc(token.Texts(v), func(s string) bool { return slices.Contains(rule.values, s) }) {
			return holder{why: "the claim " + strings.Join(rule.path, ".") + " is none of the values that do"}
		}
	}
	v, _ := token.Lookup(claims, b.consumer)
	name := token.Texts(v)
	if len(name) != 1 || name[0] == "" || len(name[0]) > maxConsumer {
		return holder{why: "the claim " + strings.Join(b.consumer, ".") + " does not say who calls"}
	}
	who := holder{caller: caller{Consumer: name[0], Scopes: token.Scopes(claims), Claims: claims, By: b.name}}
	if b.roles != nil {
		v, _ := token.Lookup(claims, b.roles)
		who.Roles = token.Texts(v)
	}
	if b.plan != nil {
		v, _ := token.Lookup(claims, b.plan)
		if plan := token.Texts(v); len(plan) == 1 && len(plan[0]) <= maxConsumer {
			who.Plan = plan[0]
		}
	}
	for _, scope := range b.spec.Scopes {
		if !slices.Contains(who.Scopes, scope) {
			who.lacks = scope
			break
		}
	}
	for _, f := range b.forward {
		v, _ := token.Lookup(claims, f.path)
		text := strings.Join(token.Texts(v), ", ")
		if !gateway.IsFieldValue(text) {
			text = ""
		}
		who.values = append(who.values, text)
	}
	return who
}

// tell tells the upstream, and the policies on the way, of the claims.
func (b *bearer) tell(x *exchange, h http.Header, values []string) {
	for i, f := range b.forward {
		if values[i] != "" {
			h[f.header] = []string{values[i]}
			x.toUpstream(f.header, values[i])
		}
	}
}

// challenge tells a client what is wanted of it (RFC 6750, 3).
func challenge(w http.ResponseWriter, params string) {
	text := `Bearer realm="gateway"`
	if params != "" {
		text += ", " + params
	}
	w.Header().Set("WWW-Authenticate", text)
}
