package handler

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"

	"polygate.example/shared/health"
)

// HeaderFront carries the secret of the front before the gateway: a CDN whose rules and limits would mean nothing if
// clients could come around it. It is the gateway's own and never goes upstream.
const HeaderFront = "X-Polygate-Front"

// Admission says whom the gateway takes requests from. The zero value takes everybody's.
type Admission struct {
	Digests [][]byte // SHA-256 of each secret that the front may show: of one, and of another while the secret is changed
	Open    bool     // whoever shows nothing may come as well, while a front is being put before the gateway
}

// admissionOf reads whom to take requests from: digests in hex, and health.FrontOpen, joined by commas.
func admissionOf(getenv func(string) string) (Admission, error) {
	text := getenv(health.EnvFrontDigest)
	if text == "" {
		return Admission{}, nil
	}
	var f Admission
	for part := range strings.SplitSeq(text, ",") {
		if part == health.FrontOpen {
			f.Open = true
			continue
		}
		digest, err := hex.DecodeString(part)
		if err != nil || len(digest) != sha256.Size {
			return Admission{}, fmt.Errorf("%s has a part of %d characters: want the SHA-256 of the front's secret in %d hex digits", health.EnvFrontDigest, len(part), 2*sha256.Size)
		}
		f.Digests = append(f.Digests, digest)
	}
	if len(f.Digests) == 0 {
		return Admission{}, fmt.Errorf("%s has no digest: want the SHA-256 of the front's secret", health.EnvFrontDigest)
	}
	return f, nil
}

// requireFront refuses, with 403, requests that do not show a secret of the digests, health paths included: what answers
// to probes from anywhere can be measured, and loaded, from anywhere. Without a digest everybody may come. The header is
// taken off in any case, before anything else can see it.
//
// Digests are compared and not the secrets, in constant time: neither says how much of a guess is right.
func requireFront(next http.Handler, admission Admission) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		shown := r.Header[HeaderFront]
		delete(r.Header, HeaderFront)
		if len(admission.Digests) > 0 && !admission.admits(shown) {
			fail(http.StatusForbidden, "This address serves requests that come through the front of its hostname only.").write(w, exchangeOf(r).id)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (f Admission) admits(shown []string) bool {
	if len(shown) != 1 {
		return f.Open && len(shown) == 0
	}
	sum := sha256.Sum256([]byte(shown[0]))
	found := 0
	for _, digest := range f.Digests {
		found |= subtle.ConstantTimeCompare(sum[:], digest)
	}
	return found == 1
}
