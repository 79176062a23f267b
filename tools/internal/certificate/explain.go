package certificate

import (
	"errors"
	"fmt"
	"strings"

	"github.com/go-acme/lego/v5/acme"
)

// remedies are what to do about an authority's problems, by their types (RFC 8555, section 6.7).
var remedies = map[string]string{
	acme.CaaErrorType:                "admit the authority in the zone's CAA record (polygate:caa does)",
	acme.DNSErrorType:                "see that the zone is delegated to the traffic manager whose zone the record was written into, and that all its servers answer",
	acme.UnauthorizedErrorType:       "see that the zone is delegated to the traffic manager whose zone the record was written into, and that nobody else writes there",
	acme.IncorrectResponseErrorType:  "see that the zone is delegated to the traffic manager whose zone the record was written into, and that nobody else writes there",
	acme.RateLimitedErrorType:        "wait until its limit allows more; staging directories have higher ones",
	acme.RejectedIdentifierErrorType: "use another authority, or other names",
	acme.InvalidContactErrorType:     "mend polygate:certificate.acme.email",
	acme.UnsupportedContactErrorType: "mend polygate:certificate.acme.email",
	acme.UserActionRequiredErrorType: "do what it asks for, and try again",
	acme.ServerInternalErrorType:     "try again later",
}

// explain puts an authority's refusal into words, with what to do about it. Other errors stay what they are.
func explain(err error) error {
	var p *acme.ProblemDetails
	if !errors.As(err, &p) {
		return err
	}
	parts := []string{p.Detail}
	for _, sub := range p.SubProblems {
		parts = append(parts, fmt.Sprintf("%s: %s", sub.Identifier.Value, sub.Detail))
	}
	said := &refusal{problem: p, text: fmt.Sprintf("%s (%s)", strings.Join(parts, "; "), strings.TrimPrefix(p.Type, "urn:ietf:params:acme:error:"))}
	if remedy := remedies[p.Type]; remedy != "" {
		said.text += ": " + remedy
	}
	return said
}

// refusal is an authority's problem in our words; programs find the problem behind it.
type refusal struct {
	problem *acme.ProblemDetails
	text    string
}

// Error is what the authority said, and what to do about it.
func (r *refusal) Error() string { return r.text }

// Unwrap gives errors.As the problem.
func (r *refusal) Unwrap() error { return r.problem }
