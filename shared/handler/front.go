package handler

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"net/http"

	"polygate.example/shared/health"
)

// HeaderFront carries the secret of the front before the gateway: a CDN whose rules and limits would mean nothing if
// clients could come around it. It is the gateway's own and never goes upstream.
const HeaderFront = "X-Polygate-Front"

// frontDigest reads the digest of the front's secret; nil where no front is configured.
func frontDigest(getenv func(string) string) ([]byte, error) {
	text := getenv(health.EnvFrontDigest)
	if text == "" {
		return nil, nil
	}
	digest, err := hex.DecodeString(text)
	if err != nil || len(digest) != sha256.Size {
		return nil, fmt.Errorf("%s has %d characters: want the SHA-256 of the front's secret in %d hex digits", health.EnvFrontDigest, len(text), 2*sha256.Size)
	}
	return digest, nil
}

// requireFront refuses, with 403, requests that do not show the secret of the digest, health paths included: what answers
// to probes from anywhere can be measured, and loaded, from anywhere. Without a digest everybody may come. The header is
// taken off in any case, before anything else can see it.
//
// Digests are compared and not the secrets, in constant time: neither says how much of a guess is right.
func requireFront(next http.Handler, digest []byte) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		shown := r.Header[HeaderFront]
		delete(r.Header, HeaderFront)
		if len(digest) > 0 && !isFront(shown, digest) {
			fail(http.StatusForbidden, "This address serves requests that come through the front of its hostname only.").write(w, exchangeOf(r).id)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func isFront(shown []string, digest []byte) bool {
	if len(shown) != 1 {
		return false
	}
	sum := sha256.Sum256([]byte(shown[0]))
	return subtle.ConstantTimeCompare(sum[:], digest) == 1
}
