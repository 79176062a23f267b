package gateway

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// hopByHop are the headers that belong to one connection and not to the message (RFC 9110, 7.6.1, and the historic ones
// net/http/httputil removes).
var hopByHop = []string{
	"connection", "proxy-connection", "keep-alive", "proxy-authenticate", "proxy-authorization",
	"te", "trailer", "transfer-encoding", "upgrade",
}

// requestOwned and responseOwned are the headers the gateway writes itself, with what to do instead.
var (
	requestOwned = map[string]string{
		"host":              "use preserveHost of the upstream, or the target's url",
		"content-length":    "remove it: it follows from the body",
		"x-request-id":      "remove it: the gateway always sends one",
		"forwarded":         "remove it: the gateway writes it from the connection",
		"x-forwarded-for":   "remove it: the gateway writes it from the connection",
		"x-forwarded-host":  "remove it: the gateway writes it from the request",
		"x-forwarded-proto": "remove it: the gateway writes it from the connection",
	}
	responseOwned = map[string]string{
		"content-length": "remove it: it follows from the body",
		"x-request-id":   "remove it: the gateway always sends one",
	}
)

// headerSide is whose headers a rule is about: what the gateway writes itself on that side, and who reads them.
type headerSide struct {
	owned      map[string]string
	clients    bool // clients read them, who must not see a secret
	references bool // values may refer to the request
}

var (
	requestSide  = headerSide{owned: requestOwned, references: true}
	responseSide = headerSide{owned: responseOwned, clients: true}
)

func checkOps(r *report, at Pointer, ops HeaderOps, side headerSide) {
	checkSet(r, at.Key("set"), ops.Set, side)
	set := map[string]bool{}
	for name := range ops.Set {
		set[strings.ToLower(name)] = true
	}
	removed := map[string]bool{}
	for i, name := range ops.Remove {
		at := at.Key("remove").Index(i)
		low := strings.ToLower(name)
		checkHeaderName(r.value, at, name, side.owned)
		switch {
		case removed[low]:
			r.value(at, fmt.Sprintf("header %s is removed twice", quote(name)), "list it once: header names have no case")
		case set[low]:
			r.value(at, fmt.Sprintf("header %s is both set and removed", quote(name)), "keep set alone: it replaces what was there")
		}
		removed[low] = true
	}
}

func checkSet(r *report, at Pointer, set map[string]string, side headerSide) {
	seen := headerNames{}
	for _, name := range slices.Sorted(maps.Keys(set)) {
		at, value := at.Key(name), set[name]
		checkHeaderName(r.key, at, name, side.owned)
		seen.once(r, at, name)
		switch {
		case strings.ContainsAny(value, "\r\n"):
			r.value(at, fmt.Sprintf("the value of header %s holds a line break", quote(name)), "write it on one line: a line break would begin another header")
		case !IsFieldValue(value):
			r.value(at, fmt.Sprintf("the value of header %s holds a character that headers cannot carry", quote(name)), "use visible ASCII with spaces between, none at the ends")
		case len(value) > 4096:
			r.value(at, fmt.Sprintf("the value of header %s is %d bytes long", quote(name), len(value)), "keep it within 4096")
		default:
			checkTemplate(r, at, name, value, side)
		}
	}
}

// checkTemplate tests the references in a header's value.
func checkTemplate(r *report, at Pointer, name, value string, side headerSide) {
	t, err := ParseTemplate(value)
	var bad *TemplateError
	switch {
	case errors.As(err, &bad):
		r.value(at, fmt.Sprintf("the value of header %s %s", quote(name), bad.What), bad.Remedy)
	case side.clients && len(t.Secrets()) > 0:
		r.value(at, fmt.Sprintf("header %s would show the secret %s to clients", quote(name), quote(t.Secrets()[0])), "set it under request.headers: secrets are for upstreams")
	case !side.references && len(t.References()) > 0:
		r.value(at, fmt.Sprintf("the value of header %s refers to the request", quote(name)), "use a policy of kind transform: it fills in references in answers")
	}
}

func checkHeaderName(object func(Pointer, string, string), at Pointer, name string, owned map[string]string) {
	low := strings.ToLower(name)
	switch remedy, own := owned[low]; {
	case !isToken(name):
		object(at, fmt.Sprintf("header name %s is not a header name", quote(name)), "use letters, digits and hyphens")
	case own:
		object(at, fmt.Sprintf("header %s is the gateway's own", quote(name)), remedy)
	case slices.Contains(hopByHop, low):
		object(at, fmt.Sprintf("header %s belongs to one connection, not to the message", quote(name)), "remove it: the gateway manages its connections itself")
	}
}

// isToken tests a header name (RFC 9110, 5.6.2).
func isToken(s string) bool {
	for i := range len(s) {
		c := s[i]
		if !('0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0) {
			return false
		}
	}
	return s != ""
}

// IsFieldValue tests a header value (RFC 9110, 5.5), without the obsolete bytes above 127.
func IsFieldValue(s string) bool {
	for i := range len(s) {
		if c := s[i]; c != '\t' && (c < ' ' || c > '~') {
			return false
		}
	}
	return s == strings.Trim(s, " \t")
}
