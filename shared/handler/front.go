package handler

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"

	"polygate.example/shared/gateway"
	"polygate.example/shared/health"
)

// HeaderFront carries the secret of the front before the gateway: a CDN whose rules and limits would mean nothing if
// clients could come around it. It is the gateway's own and never goes upstream.
const HeaderFront = "X-Polygate-Front"

// headerClient is where the front tells the address of the client that came to it. Cloudflare sets it on every request,
// whatever the client sent. Source: "Cloudflare HTTP headers", CF-Connecting-IP, developers.cloudflare.com/fundamentals/
// reference/http-headers.
const headerClient = "Cf-Connecting-Ip"

// FrontWritesCertificate reports whether the front before an entry point hands clients' certificates on in headers, over whatever clients send
// under their names. An entry point that reads such headers believes them only then: a front that does not ask for certificates lets the headers
// pass as clients wrote them.
func FrontWritesCertificate(getenv func(string) string) (bool, error) {
	switch v := getenv(health.EnvFrontCertificate); v {
	case "":
		return false, nil
	case health.ByHeaders:
		return true, nil
	default:
		return false, fmt.Errorf("%s is %.80q: want %s, or nothing where the front asks clients for no certificate", health.EnvFrontCertificate, v, health.ByHeaders)
	}
}

// Admission says whom the gateway takes requests from. The zero value takes everybody's.
type Admission struct {
	Digests [][]byte // SHA-256 of each secret that the front may show: of one, and of another while the secret is changed
	Open    bool     // whoever shows nothing may come as well, while a front is being put before the gateway
	Country string   // header in which the front tells the client's country, on every request that it shows its secret with; "" if it does not
}

// admissionOf reads whom to take requests from: digests in hex, and health.FrontOpen, joined by commas.
func admissionOf(getenv func(string) string) (Admission, error) {
	text := getenv(health.EnvFrontDigest)
	country := getenv(health.EnvFrontCountry)
	if text == "" {
		if country != "" {
			return Admission{}, fmt.Errorf("%s is set without %s: a header means something only of a front that shows a secret", health.EnvFrontCountry, health.EnvFrontDigest)
		}
		return Admission{}, nil
	}
	f := Admission{Country: http.CanonicalHeaderKey(country)}
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
func requireFront(next http.Handler, admission Admission, log *slog.Logger) http.Handler {
	guard := guarding("front", log)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		shown := r.Header[HeaderFront]
		delete(r.Header, HeaderFront)
		if len(admission.Digests) > 0 && !admission.admits(shown) {
			guard.deny(w, r, fail(http.StatusForbidden, "This address serves requests that come through the front of its hostname only."), "it comes around the front")
			return
		}
		exchangeOf(r).fronted = len(admission.Digests) > 0 && len(shown) == 1
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

// behindFront undoes what a front does to a request that has shown its secret: the client is whom the front names and not the
// front itself, and asked for the shared name, the first of hosts, which the front exchanges for the region's own. Of any other
// request nothing is believed, as anybody can write the header.
//
// The country is the front's word too, where it tells one. What the entry point recorded is then that of the front, and of no use.
func behindFront(next http.Handler, opts Options) http.Handler {
	hosts, country := opts.Hosts, opts.Admission.Country
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		x := exchangeOf(r)
		if !x.fronted {
			x.country = knownCountry(frontOf(r).Country)
			delete(r.Header, country) // no upstream takes it for the front's
			next.ServeHTTP(w, r)
			return
		}
		if told := r.Header[country]; len(told) == 1 {
			x.country = knownCountry(told[0])
		}
		if told := r.Header[headerClient]; len(told) == 1 {
			if client, known := clientAddr(told[0]); known {
				r.RemoteAddr = netip.AddrPortFrom(client, 0).String() // the port is not told
			}
		}
		if len(hosts) > 0 {
			r.Host = hosts[0]
		}
		next.ServeHTTP(w, r)
	})
}

// knownCountry is a country's code, or "" for one that stands for none: networks that are nowhere in particular, such as T1 for Tor.
func knownCountry(code string) string {
	if gateway.IsCountry(code) {
		return code
	}
	return ""
}
