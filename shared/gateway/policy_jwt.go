package gateway

import (
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"polygate.example/shared/jwk"
)

// Bounds of a policy for tokens.
const (
	maxLeeway    = Duration(5 * time.Minute)
	minRefresh   = Duration(time.Minute)
	maxRefresh   = Duration(24 * time.Hour)
	minCooldown  = Duration(time.Second)
	maxCooldown  = Duration(time.Hour)
	maxMaxStale  = Duration(7 * 24 * time.Hour)
	maxClaims    = 64
	maxAccepted  = 64 // values that one claim may have, audiences, scopes
	maxClaimText = 1024
	maxKeysText  = 64 << 10
)

// JWT lets requests pass that bear a signed token (RFC 7519), and finds out by it who calls. What is not told here is as RFC 8725
// wants it.
type JWT struct {
	From     TokenPlace `json:"from,omitzero"`      // Authorization: Bearer (RFC 6750, 2.1) if empty
	Optional bool       `json:"optional,omitempty"` // a request without a token passes, as nobody's; one with a wrong token never

	Algorithms []string `json:"algorithms"` // of jwk.Algorithms

	// Where keys are: exactly one is set.
	JWKSURL   string `json:"jwksUrl,omitempty"`   // of a JWK set
	Discovery bool   `json:"discovery,omitempty"` // the issuer tells (OpenID Connect Discovery 1.0, 4)
	Keys      string `json:"keys,omitempty"`      // the keys themselves, see jwk.Read

	// Of keys that are fetched. They are zero with Keys.
	Refresh  Duration `json:"refresh,omitzero"`  // age at which they are fetched again, 1 min to 24 h
	Cooldown Duration `json:"cooldown,omitzero"` // least time between two fetches because of a kid that is not known, 1 s to 1 h
	MaxStale Duration `json:"maxStale,omitzero"` // age up to which they are used when they cannot be fetched, Refresh to 7 days

	Issuer        string              `json:"issuer,omitempty"`   // exactly iss, "" for any
	Audience      []string            `json:"audience,omitempty"` // one of which aud has to hold; none for any
	Type          string              `json:"typ,omitempty"`      // of the header, such as at+jwt (RFC 9068); "" for any
	Leeway        Duration            `json:"leeway,omitzero"`    // by which clocks may differ, up to 5 min
	RequireExpiry bool                `json:"requireExpiry"`
	Claims        map[string][]string `json:"claims,omitempty"` // by where they lie, see ParseClaim; each has to be one of the values
	Scopes        []string            `json:"scopes,omitempty"` // all of which it has to have

	ConsumerClaim string            `json:"consumerClaim"`
	RolesClaim    string            `json:"rolesClaim,omitempty"`
	PlanClaim     string            `json:"planClaim,omitempty"`
	Forward       map[string]string `json:"forward,omitempty"` // header to claim
	ForwardToken  bool              `json:"forwardToken"`
}

// TokenPlace is where a request bears its token: at most one field is set.
type TokenPlace struct {
	Header string `json:"header,omitempty"`
	Cookie string `json:"cookie,omitempty"`
	Query  string `json:"query,omitempty"`
}

func (p *JWT) check(r *report, at Pointer) {
	checkTokenPlace(r, at.Key("from"), p.From)
	p.checkAlgorithms(r, at.Key("algorithms"))
	p.checkSource(r, at)
	p.checkToken(r, at)
	checkClaim(r.value, at.Key("consumerClaim"), p.ConsumerClaim)
	if p.RolesClaim != "" {
		checkClaim(r.value, at.Key("rolesClaim"), p.RolesClaim)
	}
	if p.PlanClaim != "" {
		checkClaim(r.value, at.Key("planClaim"), p.PlanClaim)
	}
	forward{fields: p.Forward, most: maxClaims, carries: p.From.Header, instead: "give the claim a header of its own, such as X-User",
		field: func(r *report, at Pointer, claim string) { checkClaim(r.value, at, claim) }}.check(r, at.Key("forward"))
}

func checkTokenPlace(r *report, at Pointer, from TokenPlace) {
	var keys []string
	for _, place := range []struct{ key, name string }{{"header", from.Header}, {"cookie", from.Cookie}, {"query", from.Query}} {
		if place.name == "" {
			continue
		}
		keys = append(keys, place.key)
		switch {
		case place.key == "header" && strings.EqualFold(place.name, "Authorization"):
			r.value(at.Key("header"), "header Authorization is where a token is looked for anyway", "remove from")
		case place.key == "header":
			checkHeaderName(r.value, at.Key("header"), place.name, requestOwned)
		case place.key == "cookie" && !isToken(place.name):
			r.value(at.Key("cookie"), fmt.Sprintf("cookie name %s is not a cookie name", quote(place.name)), "use letters, digits, hyphens and underscores")
		}
	}
	if len(keys) > 1 {
		r.value(at, "the token is looked for in "+strings.Join(keys, " and "), "keep one of them: two tokens in one request would be two callers")
	}
}

func (p *JWT) checkAlgorithms(r *report, at Pointer) {
	if len(p.Algorithms) == 0 {
		r.value(at, "there are no algorithms", "list those that the issuer signs by, such as RS256")
	}
	seen := map[string]bool{}
	for i, alg := range p.Algorithms {
		at := at.Index(i)
		switch {
		case seen[alg]:
			r.value(at, fmt.Sprintf("algorithm %s is listed twice", quote(alg)), "list it once")
		case strings.EqualFold(alg, "none"):
			r.value(at, fmt.Sprintf("algorithm %s is no signature", quote(alg)), "remove it: anybody could write such a token")
		case strings.HasPrefix(strings.ToUpper(alg), "HS"):
			r.value(at, fmt.Sprintf("algorithm %s signs with a shared secret", quote(alg)),
				"use one with a key pair, such as ES256: where both kinds are taken, a public key that anybody can read becomes the secret (RFC 8725, 2.1)")
		case !slices.Contains(jwk.Algorithms(), alg):
			r.value(at, fmt.Sprintf("algorithm %s is not known", quote(alg)), suggest(alg, jwk.Algorithms()))
		}
		seen[alg] = true
	}
}

// checkSource tests where keys come from.
func (p *JWT) checkSource(r *report, at Pointer) {
	var from []string
	if p.JWKSURL != "" {
		from = append(from, "jwksUrl")
		if what, remedy := CheckKeysURL(p.JWKSURL); what != "" {
			r.value(at.Key("jwksUrl"), what, remedy)
		}
	}
	if p.Discovery {
		from = append(from, "discovery")
	}
	if p.Keys != "" {
		from = append(from, "keys")
		p.checkKeys(r, at.Key("keys"))
	}
	switch len(from) {
	case 0:
		r.value(at, "nothing says which keys tokens are signed with", "write one of jwksUrl, discovery: true and keys")
		return
	case 1:
	default:
		r.value(at, "keys come from "+strings.Join(from, " and "), "keep one of them: where there are two, the weaker one decides")
		return
	}
	if p.Keys != "" {
		for _, d := range []struct {
			key   string
			given Duration
		}{{"refresh", p.Refresh}, {"cooldown", p.Cooldown}, {"maxStale", p.MaxStale}} {
			if d.given != 0 {
				r.key(at.Key(d.key), d.key+" is of keys that are fetched", "remove it: these are in the document")
			}
		}
		return
	}
	checkSpan(r, at.Key("refresh"), p.Refresh, minRefresh, maxRefresh)
	checkSpan(r, at.Key("cooldown"), p.Cooldown, minCooldown, maxCooldown)
	checkSpan(r, at.Key("maxStale"), p.MaxStale, max(p.Refresh, minRefresh), maxMaxStale)
	if p.Issuer == "" {
		r.value(at, "nothing says who issues the tokens", "write issuer: keys at one address may be those of many issuers (RFC 8725, 3.8)")
	} else if p.Discovery {
		if what, remedy := CheckKeysURL(p.Issuer); what != "" {
			r.value(at.Key("issuer"), what, remedy)
		} else if strings.ContainsAny(p.Issuer, "?#") {
			r.value(at.Key("issuer"), fmt.Sprintf("issuer %s has a query or a fragment", quote(p.Issuer)), "remove it, or write jwksUrl in place of discovery (OpenID Connect Discovery 1.0, 3)")
		}
	}
	if len(p.Audience) == 0 && len(p.Claims) == 0 {
		r.value(at, "nothing says whom the tokens are for", "write audience, or a claim that says it: the issuer gives tokens to others too, and they would pass (RFC 8725, 3.9)")
	}
}

func checkSpan(r *report, at Pointer, d, least, most Duration) {
	if d < least || d > most {
		r.value(at, fmt.Sprintf("duration %s is out of range", d), fmt.Sprintf("write one from %s to %s", least, most))
	}
}

// checkKeys tests the keys in the document, each by itself.
func (p *JWT) checkKeys(r *report, at Pointer) {
	if len(p.Keys) > maxKeysText {
		r.value(at, fmt.Sprintf("the keys are %d bytes long", len(p.Keys)), fmt.Sprintf("keep them within %d: they are part of every artefact", maxKeysText))
		return
	}
	keys, unusable := jwk.Read([]byte(p.Keys))
	for _, bad := range unusable {
		r.value(at, bad.Subject()+" "+bad.What, bad.Remedy)
	}
	if len(p.Algorithms) == 0 || slices.ContainsFunc(p.Algorithms, func(alg string) bool { return !slices.Contains(jwk.Algorithms(), alg) }) {
		return // what is wrong with them has been said
	}
	for _, k := range keys {
		if !slices.ContainsFunc(p.Algorithms, k.Fits) {
			fitting := slices.DeleteFunc(jwk.Algorithms(), func(alg string) bool { return !k.Fits(alg) })
			r.value(at, fmt.Sprintf("a key%s fits none of the algorithms", ofKid(k.ID)), "list "+strings.Join(fitting, " or ")+" under algorithms, or remove the key")
		}
	}
}

func ofKid(kid string) string {
	if kid == "" {
		return ""
	}
	return " with kid " + quote(kid)
}

// checkToken tests what is asked of a token.
func (p *JWT) checkToken(r *report, at Pointer) {
	if p.Leeway < 0 || p.Leeway > maxLeeway {
		r.value(at.Key("leeway"), fmt.Sprintf("leeway %s is out of range", p.Leeway), fmt.Sprintf("write at most %s: that long a token is good after its end", maxLeeway))
	}
	if p.Type != "" && !isToken(strings.ReplaceAll(p.Type, "/", "")) {
		r.value(at.Key("typ"), fmt.Sprintf("typ %s is not a media type", quote(p.Type)), "write it such as at+jwt")
	}
	checkAccepted(r, at.Key("audience"), "audience", p.Audience, func(s string) bool { return s != "" }, "write what the tokens have as aud")
	checkAccepted(r, at.Key("scopes"), "scope", p.Scopes, isScope, "write one scope an item, of visible ASCII without spaces and quotes (RFC 6749, 3.3)")
	checkClaims(r, at.Key("claims"), p.Claims)
}

func checkAccepted(r *report, at Pointer, what string, values []string, good func(string) bool, remedy string) {
	if len(values) > maxAccepted {
		r.value(at, fmt.Sprintf("there are %d in the list", len(values)), fmt.Sprintf("keep to %d", maxAccepted))
		return
	}
	for i, v := range values {
		switch {
		case !good(v):
			r.value(at.Index(i), fmt.Sprintf("%s is no %s", quote(v), what), remedy)
		case len(v) > maxClaimText:
			r.value(at.Index(i), fmt.Sprintf("%s %s is %d bytes long", what, quote(v), len(v)), fmt.Sprintf("keep it within %d", maxClaimText))
		case slices.Contains(values[:i], v):
			r.value(at.Index(i), fmt.Sprintf("%s %s is listed twice", what, quote(v)), "list it once")
		}
	}
}

// isScope is the rule of RFC 6749, 3.3.
func isScope(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < '!' || c > '~' || c == '"' || c == '\\' {
			return false
		}
	}
	return s != ""
}

// CheckKeysURL says what keeps an address from being one that keys may come from, or "": https, or http on this machine.
func CheckKeysURL(text string) (what, remedy string) {
	const example = `write it such as "https://login.example.com/keys"`
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return fmt.Sprintf("url %s cannot be read", quote(text)), example
	case u.User != nil: // not repeated: it holds a password
		return fmt.Sprintf("the url of host %s holds a user name or password", quote(u.Host)), "take it out: public keys need none"
	case u.Scheme != "https" && (u.Scheme != "http" || !isLoopback(u.Hostname())):
		return fmt.Sprintf("url %s is not https", quote(text)), "keys decide who gets in: fetch them by https (http does for this machine's own addresses)"
	case u.Opaque != "" || !validHost(u.Hostname()) && !isAddress(u.Hostname()) || !validPort(u):
		return fmt.Sprintf("url %s has no host that can be asked", quote(text)), example
	case u.Fragment != "" || strings.HasSuffix(text, "#"):
		return fmt.Sprintf("url %s has a fragment", quote(text)), "remove everything from the #: it never reaches a server"
	}
	return "", ""
}

func isAddress(host string) bool { _, err := netip.ParseAddr(host); return err == nil }

// isLoopback reports whether a host is this machine: by address, or by the name that never is another's (RFC 6761, 6.3).
func isLoopback(host string) bool {
	a, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && a.IsLoopback()
}

func (*JWT) secrets() []string { return nil }
func (*JWT) parts() []Part     { return []Part{PartJWT} }
func (*JWT) caller() callerUse { return callerMade }

var _ kind = (*JWT)(nil)
