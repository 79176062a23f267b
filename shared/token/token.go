// Package token verifies signed tokens (RFC 7519) by public keys, as RFC 8725 wants it done.
//
// The algorithm is one of a list, never "none" or one with a secret, and has to fit the key. Keys come from the document or from
// one address that the document names: what a token says of keys (jku, jwk, x5u, x5c) is not looked at, and its kid only chooses
// among keys that are there. A token that lists critical headers (crit) is refused, since none are known here.
package token

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"polygate.example/shared/jwk"
)

const (
	// MaxBytes is the longest token that is looked at; headers are rarely let through beyond this.
	MaxBytes = 16 << 10
	// maxHeader is the longest first part.
	maxHeader = 4 << 10
	// maxKid is the longest name of a key.
	maxKid = 512
	// maxTries is how many keys one token is tried with, so that a token costs no more than a few signatures.
	maxTries = 4
)

// Rules are what is asked of every token.
type Rules struct {
	Algorithms    []string      // those of jwk.Algorithms that are taken
	Issuer        string        // iss, "" for any
	Audience      []string      // one of which aud has to hold; none for any
	Type          string        // typ, "" for any
	Leeway        time.Duration // by which exp, nbf and iat may be off
	RequireExpiry bool
}

// A Reason is why a token is refused, in words that may be shown to anybody: it holds nothing of the token.
type Reason string

// The reasons there are.
const (
	TooLong      Reason = "the token is too long"
	Malformed    Reason = "the token cannot be read"
	Algorithm    Reason = "the token's algorithm is not taken here"
	Critical     Reason = "the token has critical headers, which are not known here"
	WrongType    Reason = "the token is of another type"
	UnknownKey   Reason = "the token's key is not known"
	BadSignature Reason = "the token's signature is wrong"
	Expired      Reason = "the token has expired"
	NotYet       Reason = "the token is not valid yet"
	WrongIssuer  Reason = "the token is of another issuer"
	WrongAim     Reason = "the token is for somebody else"
	Incomplete   Reason = "the token lacks a claim that it has to have"
	BadClaim     Reason = "a claim of the token is not what it should be"
)

// Error is the reason.
func (r Reason) Error() string { return string(r) }

// Verifier verifies tokens, and makes a T of what is claimed in each: once, for all requests that bear the same token. It is safe
// for concurrent use.
type Verifier[T any] struct {
	rules  Rules
	keys   Keys
	now    func() time.Time
	parser *jwt.Parser
	derive func(claims map[string]any) T
	cache  *cache[T]
}

// Keys are where a verifier's keys come from.
type Keys interface {
	// Current are the keys to verify with. The error is of type *KeysError: there are none at all.
	Current(ctx context.Context) (*Set, error)
	// Newer are those after a set that did not have the key of a token. It may be the same set.
	Newer(ctx context.Context, than *Set) *Set
}

// Set is a set of keys. It does not change: other keys are another set.
type Set struct{ keys []jwk.Key }

// NewSet is a set of these.
func NewSet(keys []jwk.Key) *Set { return &Set{keys: slices.Clone(keys)} }

// Fixed are keys that are always the same.
type Fixed struct{ set *Set }

// NewFixed are these keys.
func NewFixed(keys []jwk.Key) Fixed { return Fixed{NewSet(keys)} }

// Current is the one set there is.
func (f Fixed) Current(context.Context) (*Set, error) { return f.set, nil }

// Newer is the same again.
func (f Fixed) Newer(context.Context, *Set) *Set { return f.set }

// NewVerifier returns a verifier. The clock is the wall's: a process may be frozen between two requests.
func NewVerifier[T any](rules Rules, keys Keys, now func() time.Time, derive func(claims map[string]any) T) *Verifier[T] {
	v := &Verifier[T]{rules: rules, keys: keys, now: func() time.Time { return now().Round(0) }, derive: derive, cache: newCache[T](maxCached)}
	options := []jwt.ParserOption{
		jwt.WithValidMethods(rules.Algorithms), jwt.WithStrictDecoding(), jwt.WithLeeway(rules.Leeway), jwt.WithTimeFunc(v.now), jwt.WithIssuedAt(),
	}
	if rules.Issuer != "" {
		options = append(options, jwt.WithIssuer(rules.Issuer))
	}
	if len(rules.Audience) > 0 {
		options = append(options, jwt.WithAudience(rules.Audience...))
	}
	if rules.RequireExpiry {
		options = append(options, jwt.WithExpirationRequired())
	}
	v.parser = jwt.NewParser(options...)
	return v
}

// Verify returns what is made of a token's claims. It may be what another request got: nobody changes it. The error is a Reason,
// or a *KeysError when there is no key to verify with.
func (v *Verifier[T]) Verify(ctx context.Context, token string) (T, error) {
	var none T
	if len(token) > MaxBytes {
		return none, TooLong
	}
	set, err := v.keys.Current(ctx)
	if err != nil {
		return none, err
	}
	hash := sha256.Sum256([]byte(token))
	if found, ok := v.cache.get(hash, set, v.now()); ok {
		return found, nil
	}
	c, err := v.parse(token, set)
	if errors.Is(err, UnknownKey) {
		if newer := v.keys.Newer(ctx, set); newer != set {
			set = newer
			c, err = v.parse(token, set)
		}
	}
	if err != nil {
		return none, reasonOf(err)
	}
	made := v.derive(c.MapClaims)
	if len(token) <= maxCachedToken {
		v.cache.put(hash, cached[T]{made, set, v.until(c)})
	}
	return made, nil
}

// until is the time up to which a token that is valid now stays so.
func (v *Verifier[T]) until(c *claims) time.Time {
	most := v.now().Add(maxCachedFor)
	if exp, err := c.GetExpirationTime(); err == nil && exp != nil {
		if end := exp.Add(v.rules.Leeway); end.Before(most) {
			return end
		}
	}
	return most
}

// parse verifies a token by a set of keys.
func (v *Verifier[T]) parse(token string, set *Set) (*claims, error) {
	if strings.ContainsAny(token, "\r\n") {
		return nil, Malformed // encoding/base64 passes over them, and a token has one spelling
	}
	if strings.IndexByte(token, '.') > maxHeader {
		return nil, TooLong
	}
	c := &claims{}
	asked, vague := false, false // vague: the token did not say which key it is signed with, or no key says that it is that one
	_, err := v.parser.ParseWithClaims(token, c, func(t *jwt.Token) (any, error) {
		keys, certain, err := v.choose(t.Header, set)
		asked, vague = true, !certain
		if err != nil {
			return nil, err
		}
		return jwt.VerificationKeySet{Keys: keys}, nil
	})
	switch {
	case err == nil && c.MapClaims == nil:
		return nil, Malformed
	case !asked && errors.Is(err, jwt.ErrTokenSignatureInvalid):
		return nil, Algorithm // it is none of the list
	case vague && errors.Is(err, jwt.ErrTokenSignatureInvalid):
		return nil, fmt.Errorf("%w: %w", BadSignature, UnknownKey) // the key may be a newer one
	}
	return c, err
}

// choose returns the keys that a token may be signed with, having looked at its header. It is certain if they are those of its kid.
func (v *Verifier[T]) choose(header map[string]any, set *Set) (keys []jwt.VerificationKey, certain bool, err error) {
	if _, ok := header["crit"]; ok {
		return nil, false, Critical
	}
	if v.rules.Type != "" {
		typ, ok := header["typ"].(string)
		if !ok || mediaType(typ) != mediaType(v.rules.Type) {
			return nil, false, WrongType
		}
	}
	alg, ok := header["alg"].(string)
	if !ok {
		return nil, false, Algorithm
	}
	kid, given := header["kid"]
	name, ok := kid.(string)
	if given && !ok || len(name) > maxKid {
		return nil, false, Malformed
	}
	if given {
		known := false
		for _, k := range set.keys {
			if k.ID == name && k.ID != "" {
				known = true
				if k.Fits(alg) {
					keys = append(keys, k.Public)
				}
			}
		}
		if known {
			if len(keys) == 0 {
				return nil, true, Algorithm
			}
			return keys[:min(len(keys), maxTries)], true, nil
		}
	}
	for _, k := range set.keys {
		// A kid that no key has may be the one of a key that has none.
		if (!given || k.ID == "") && k.Fits(alg) {
			keys = append(keys, k.Public)
		}
	}
	if len(keys) == 0 || len(keys) > maxTries {
		return nil, false, UnknownKey
	}
	return keys, false, nil
}

// mediaType is a typ without what may be left out (RFC 7515, 4.1.9).
func mediaType(typ string) string {
	typ = strings.ToLower(typ)
	return strings.TrimPrefix(typ, "application/")
}

// reasonOf is a reason for an error of the parser, whose own words may hold parts of the token.
func reasonOf(err error) error {
	for _, own := range []Reason{Malformed, Algorithm, Critical, WrongType, BadSignature, UnknownKey, TooLong} {
		if errors.Is(err, own) {
			return own
		}
	}
	for _, known := range []struct {
		err    error
		reason Reason
	}{
		{jwt.ErrTokenMalformed, Malformed}, {jwt.ErrTokenUnverifiable, Algorithm}, {jwt.ErrTokenSignatureInvalid, BadSignature},
		{jwt.ErrTokenExpired, Expired}, {jwt.ErrTokenNotValidYet, NotYet}, {jwt.ErrTokenUsedBeforeIssued, NotYet},
		{jwt.ErrTokenInvalidIssuer, WrongIssuer}, {jwt.ErrTokenInvalidAudience, WrongAim}, {jwt.ErrTokenRequiredClaimMissing, Incomplete},
	} {
		if errors.Is(err, known.err) {
			return known.reason
		}
	}
	return BadClaim
}

var (
	_ Keys  = Fixed{}
	_ error = Reason("")
)
