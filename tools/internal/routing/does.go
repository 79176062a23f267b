package routing

import (
	"fmt"
	"strings"

	"polygate.example/shared/gateway"
	"polygate.example/tools/internal/schema"
)

// does says what a policy asks of a request, or does to it. It names no key, digest or password. A kind that has no words of its own
// here has those of the reference.
func does(p gateway.Policy, places *schema.Places) string {
	switch {
	case p.APIKey != nil:
		return optional("wants an API key in "+place(p.APIKey.Header, p.APIKey.Query, p.APIKey.Cookie), p.APIKey.Optional)
	case p.Authorize != nil:
		return authorized(*p.Authorize)
	case p.Basic != nil:
		return optional("wants a name and password (Authorization: Basic)", p.Basic.Optional)
	case p.ClientCertificate != nil:
		return certified(*p.ClientCertificate)
	case p.CORS != nil:
		return "answers preflights, and lets pages of " + few(p.CORS.Origins) + " read the answers"
	case p.GraphQL != nil:
		return queried(*p.GraphQL)
	case p.IP != nil:
		return addresses(*p.IP)
	case p.JWT != nil:
		return token(*p.JWT)
	case p.Limits != nil:
		return "refuses requests that are larger, or of another shape, than it allows"
	case p.Quota != nil:
		return fmt.Sprintf("lets %d requests pass in each %s, counted by %s", p.Quota.Limit, p.Quota.Period, countedBy(p.Quota.By)) + shared(p.Quota.Shared)
	case p.RateLimit != nil:
		return fmt.Sprintf("lets %d requests pass in %s, %d at once, counted by %s", p.RateLimit.Rate, p.RateLimit.Per, p.RateLimit.Burst, countedBy(p.RateLimit.By)) + shared(p.RateLimit.Shared)
	case p.SecurityHeaders != nil:
		return "puts headers on the answer that make browsers careful"
	case p.Signature != nil:
		return optional("wants a signature (RFC 9421) of "+strings.Join(p.Signature.Components, ", "), p.Signature.Optional)
	case p.Transform != nil:
		return "changes what goes to the upstream, or what comes back"
	case p.Validate != nil:
		return validated(*p.Validate, "")
	}
	_, text := places.Of("/policies/name/" + p.Kind())
	return text
}

func optional(text string, is bool) string {
	if is {
		return text + ", or none at all"
	}
	return text
}

// place is where a credential is.
func place(header, query, cookie string) string {
	switch {
	case query != "":
		return "the query parameter " + query
	case cookie != "":
		return "the cookie " + cookie
	}
	return "the header " + header
}

func addresses(p gateway.IP) string {
	var out []string
	if len(p.Deny) > 0 {
		out = append(out, "refuses addresses of "+few(p.Deny))
	}
	if len(p.Allow) > 0 {
		out = append(out, "wants an address of "+few(p.Allow))
	}
	return strings.Join(out, ", and ")
}

func token(p gateway.JWT) string {
	where := "the header Authorization: Bearer"
	if p.From != (gateway.TokenPlace{}) {
		where = place(p.From.Header, p.From.Query, p.From.Cookie)
	}
	text := "wants a signed token in " + where
	if p.Issuer != "" {
		text += " of " + p.Issuer
	}
	if len(p.Audience) > 0 {
		text += " for " + few(p.Audience)
	}
	if len(p.Scopes) > 0 {
		text += " with the scopes " + strings.Join(p.Scopes, ", ")
	}
	return optional(text, p.Optional)
}

func countedBy(by []gateway.CountBy) string {
	var out []string
	for _, b := range by {
		out = append(out, strings.TrimSpace(b.Kind+" "+b.Name))
	}
	return strings.Join(out, " and ")
}

func shared(s *gateway.Shared) string {
	if s == nil {
		return ", in each gateway by itself"
	}
	return ", in all gateways together"
}

// few is the first of a list.
func few(list []string) string {
	const most = 3
	if len(list) <= most {
		return strings.Join(list, ", ")
	}
	return strings.Join(list[:most], ", ") + fmt.Sprintf(" and %d more", len(list)-most)
}
