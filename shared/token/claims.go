package token

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"polygate.example/shared/claim"
)

// maxDepth is how deep a token's claims may be nested. It is looked at before the signature, and keeps what decodes cheaply from
// being walked expensively.
const maxDepth = 32

// claims are those of a token. What MapClaims reads as dates is read here, more strictly.
type claims struct{ jwt.MapClaims }

var (
	errDepth = errors.New("nested too deeply")
	errDate  = errors.New("a date that is none")
)

// UnmarshalJSON reads claims, numbers as they are written.
func (c *claims) UnmarshalJSON(text []byte) error {
	if depth(text) > maxDepth {
		return errDepth
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	c.MapClaims = nil // so that null is no claims
	return dec.Decode((*map[string]any)(&c.MapClaims))
}

// depth is how deep valid JSON is nested.
func depth(text []byte) int {
	deep, deepest, quoted := 0, 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			deep++
			deepest = max(deepest, deep)
		case c == '}' || c == ']':
			deep--
		}
	}
	return deepest
}

// lastDate is the end of the year 9999: beyond it a number of seconds is no date that can be compared.
const lastDate = 253402300799

// date reads a NumericDate (RFC 7519, 2); nil if the claim is not there.
func (c *claims) date(name string) (*jwt.NumericDate, error) {
	v, ok := c.MapClaims[name]
	if !ok {
		return nil, nil
	}
	n, ok := v.(json.Number)
	if !ok {
		return nil, errDate
	}
	seconds, err := n.Float64()
	if err != nil || seconds < 0 || seconds > lastDate {
		return nil, errDate
	}
	return jwt.NewNumericDate(time.Unix(int64(seconds), 0)), nil
}

// GetExpirationTime is exp.
func (c *claims) GetExpirationTime() (*jwt.NumericDate, error) { return c.date("exp") }

// GetNotBefore is nbf.
func (c *claims) GetNotBefore() (*jwt.NumericDate, error) { return c.date("nbf") }

// GetIssuedAt is iat.
func (c *claims) GetIssuedAt() (*jwt.NumericDate, error) { return c.date("iat") }

// Lookup is claim.Lookup.
func Lookup(claims map[string]any, path []string) (any, bool) { return claim.Lookup(claims, path) }

// Texts is claim.Texts.
func Texts(v any) []string { return claim.Texts(v) }

// Scopes are those that claims give: scope (RFC 8693, 4.2; RFC 9068, 2.2.3) and scp, each a list, or text with spaces between.
func Scopes(claims map[string]any) []string {
	var out []string
	for _, name := range []string{"scope", "scp"} {
		switch v := claims[name].(type) {
		case string:
			out = append(out, strings.Fields(v)...)
		case []any:
			out = append(out, Texts(v)...)
		}
	}
	return out
}

var _ jwt.Claims = (*claims)(nil)
