package handler

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"net/http"
	"net/netip"
	"strconv"

	"polygate.example/shared/gateway"
	"polygate.example/shared/ratelimit"
)

// keyPart is one thing by which requests are counted. It appends its value, and reports whether there is one.
type keyPart func(b []byte, r *http.Request, x *exchange) ([]byte, bool)

func keyParts(by []gateway.CountBy, env environment) ([]keyPart, error) {
	out := make([]keyPart, len(by))
	for i, one := range by {
		if one.Kind == gateway.ByExpression {
			e, err := newKeyExpression(one.Name, env)
			if err != nil {
				return nil, err
			}
			out[i] = e
			continue
		}
		out[i] = newKeyPart(one)
	}
	return out, nil
}

func newKeyPart(by gateway.CountBy) keyPart {
	text := func(get func(r *http.Request, x *exchange) string) keyPart {
		return func(b []byte, r *http.Request, x *exchange) ([]byte, bool) {
			v := get(r, x)
			return append(b, v...), v != ""
		}
	}
	switch by.Kind {
	case gateway.ByConsumer:
		return text(func(_ *http.Request, x *exchange) string { return x.caller.Consumer })
	case gateway.ByPlan:
		return text(func(_ *http.Request, x *exchange) string { return x.caller.Plan })
	case gateway.ByRoute:
		return text(func(_ *http.Request, x *exchange) string { return x.route })
	case gateway.ByHeader:
		name := http.CanonicalHeaderKey(by.Name)
		return func(b []byte, r *http.Request, _ *exchange) ([]byte, bool) { return appendHeader(b, r.Header[name]) }
	case gateway.ByClaim:
		return func(b []byte, _ *http.Request, x *exchange) ([]byte, bool) {
			return appendClaim(b, x.caller.claim(by.Name))
		}
	case gateway.ByEveryone:
		return func(b []byte, _ *http.Request, _ *exchange) ([]byte, bool) { return b, true }
	default:
		return func(b []byte, r *http.Request, _ *exchange) ([]byte, bool) { return appendAddr(b, r.RemoteAddr), true }
	}
}

// appendHeader takes a header that came several times for one value joined with ", ", as some fronts deliver it.
func appendHeader(b []byte, values []string) ([]byte, bool) {
	n := len(b)
	for i, v := range values {
		if i > 0 {
			b = append(b, ", "...)
		}
		b = append(b, v...)
	}
	return b, len(b) > n
}

// appendClaim takes a text, a number or a truth value; anything else is none.
func appendClaim(b []byte, v any) ([]byte, bool) {
	switch v := v.(type) {
	case string:
		return append(b, v...), v != ""
	case json.Number: // of a token
		return append(b, v...), v != ""
	case float64:
		return strconv.AppendFloat(b, v, 'g', -1, 64), true
	case bool:
		return strconv.AppendBool(b, v), true
	}
	return b, false
}

// appendAddr takes an IPv6 address by its first 64 bits: a client has at least as many addresses as those leave (RFC 6177). All
// whose address is not known are one client.
func appendAddr(b []byte, remote string) []byte {
	a, _ := clientAddr(remote)
	if a.Is6() {
		if p, err := a.Prefix(64); err == nil {
			a = p.Addr()
		}
	}
	if a == (netip.Addr{}) {
		return b
	}
	return append(b, a.AsSlice()...)
}

// Kinds of what a key's part holds.
const (
	partValue byte = iota
	partAddr       // in place of a value that the request does not have
)

// key is whom a request is counted for: a digest of the plan and of all parts, each with its length, so that no two lists of values
// have the same one. A part of which the request has no value is the client's address.
func (c *counter) key(r *http.Request, x *exchange, plan string) ratelimit.Key {
	var space [256]byte
	b := append(append(space[:0], plan...), 0)
	for _, part := range c.parts {
		at := len(b)
		b = append(b, 0, 0, 0, 0, partValue)
		var there bool
		if b, there = part(b, r, x); !there {
			b = appendAddr(append(b[:at+4], partAddr), r.RemoteAddr)
		}
		binary.BigEndian.PutUint32(b[at:], uint32(len(b)-at-5))
	}
	sum := sha256.Sum256(b)
	return ratelimit.Key(sum[:16])
}
