package handler

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"polygate.example/shared/gateway"
)

// Codes of the answers to credentials.
const (
	codeCredentialMissing = "credential_missing"
	codeCredentialRefused = "credential_refused"
)

// holding is whom a credential belongs to, compiled.
type holding struct {
	caller caller
	until  int64 // Unix time in seconds; 0 for a credential that does not end
}

// newHolding compiles a holder; by is the policy's name.
func newHolding(h gateway.Holder, by string) (*holding, error) {
	until, err := h.Until()
	if err != nil {
		return nil, err // no model has one
	}
	out := &holding{caller: caller{Consumer: h.Consumer, Plan: h.Plan, Roles: h.Roles, Scopes: h.Scopes, By: by}}
	if !until.IsZero() {
		out.until = until.Unix()
	}
	if len(h.Metadata) > 0 {
		out.caller.Claims = make(map[string]any, len(h.Metadata))
		for key, value := range h.Metadata {
			out.caller.Claims[key] = value
		}
	}
	return out, nil
}

// ended reports whether the credential is good no longer.
func (h *holding) ended(now time.Time) bool { return h.until != 0 && now.Unix() >= h.until }

// introduction tells upstreams who calls, by headers that no client can write.
type introduction struct {
	consumer, plan string // names of headers, "" for none
	forged         forged
}

func newIntroduction(f gateway.ForwardAs) introduction {
	return introduction{f.Consumer, f.Plan, newForged(f.Consumer, f.Plan)}
}

// clean takes off what the client sent under the names of the headers.
func (i introduction) clean(r *http.Request) { i.forged.clean(r) }

// forged are the names of headers that a client would write in place of the gateway.
type forged []string

func newForged(names ...string) forged {
	return slices.DeleteFunc(names, func(name string) bool { return name == "" })
}

// clean takes them off, in whichever spelling: one that is not plain is still there if the route speaks of it, see spellings.
func (f forged) clean(r *http.Request) {
	if len(f) == 0 {
		return
	}
	for name := range r.Header {
		if slices.ContainsFunc(f, func(own string) bool { return sameVariable(name, own) }) {
			delete(r.Header, name)
		}
	}
}

// sameVariable compares names of headers as servers do that hand them to an application as variables: see [gateway.PlainHeader].
func sameVariable(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range len(a) {
		if fold(a[i]) != fold(b[i]) {
			return false
		}
	}
	return a != ""
}

func fold(c byte) byte {
	switch {
	case 'A' <= c && c <= 'Z':
		return c + 'a' - 'A'
	case 'a' <= c && c <= 'z' || '0' <= c && c <= '9':
		return c
	}
	return '-'
}

// tell has the headers set on the request for the upstream.
func (i introduction) tell(x *exchange) {
	set := func(name, value string) {
		if name != "" && value != "" {
			x.toUpstream(name, fieldText(value))
		}
	}
	set(i.consumer, x.caller.Consumer)
	set(i.plan, x.caller.Plan)
}

// fieldText is a name as a header carries it: what is not visible ASCII is escaped as in URLs, and so is the % that would make the
// escape ambiguous.
func fieldText(s string) string {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return url.PathEscape(s)
		}
	}
	return strings.ReplaceAll(s, "%", "%25")
}

// refuse answers a request whose credential is missing or wrong: 401, with the challenge that RFC 9110 (11.6.1) wants. One answer stands for
// all that can be wrong, so that nobody learns from it how near a guess was; why is for the log.
func (e environment) refuse(w http.ResponseWriter, r *http.Request, challenge, code, detail, why string) {
	w.Header().Set("WWW-Authenticate", challenge)
	answer := fail(http.StatusUnauthorized, detail)
	answer.Code = code
	e.deny(w, r, answer, why)
}

// unreadable answers a request that cannot be decided because a secret of the policy cannot be read.
func (e environment) unreadable(w http.ResponseWriter, r *http.Request, err error) {
	x := exchangeOf(r)
	e.log.ErrorContext(r.Context(), "secret unavailable", "id", x.id, "route", x.route, "policy", e.name, "error", err)
	answer := fail(http.StatusServiceUnavailable, "The gateway cannot read a secret that this route needs.")
	answer.Code = codeSecret
	answer.write(w, x.id)
}
