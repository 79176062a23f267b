// Package wire is the clouds' own management APIs, as far as the control seat of a gateway asks them, over what the local clouds hold: so
// that the same SDKs that operate a gateway in production operate it here. Each API is a file; what it answers to is cited there.
package wire

import (
	"crypto/subtle"
	"net/http"
	"strings"
)

// Access is who may ask, and whether an API answers.
type Access struct {
	Token string                // a bearer token, and the secret key of AWS's signatures
	Lost  func(api string) bool // whether the API of a provider or manager is broken on purpose; nil: never
}

// lost reports whether the API of any of these is broken.
func (a Access) lost(names ...string) bool {
	for _, n := range names {
		if a.Lost != nil && a.Lost(n) {
			return true
		}
	}
	return false
}

// bearer reports whether a request shows the token.
func (a Access) bearer(r *http.Request) bool {
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	return ok && subtle.ConstantTimeCompare([]byte(token), []byte(a.Token)) == 1
}
