package handler

import (
	"context"
	"crypto/rand"
	"net/http"
)

const requestIDHeader = "X-Request-Id"

// HeaderRegion is on every answer: the region that gave it, as provider/region. Whoever watches a failover goes by it.
const HeaderRegion = "X-Polygate-Region"

// identify gives every request an id, the client's own if it is well-formed, and returns it on every answer, with the region's name.
func identify(next http.Handler, region string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := requestID(r.Header)
		x := &exchange{id: id, client: r.Context(), answer: &answer{ResponseWriter: w, id: id, region: region, head: r.Method == http.MethodHead}}
		next.ServeHTTP(x.answer, r.WithContext(context.WithValue(r.Context(), exchangeKey{}, x)))
	})
}

// requestID returns the id a request came with if it has exactly one of 8 to 128 characters that no log, header or shell
// can trip over; else a new one with 128 random bits.
func requestID(h http.Header) string {
	if ids := h[requestIDHeader]; len(ids) == 1 && wellFormed(ids[0]) {
		return ids[0]
	}
	return rand.Text()
}

func wellFormed(id string) bool {
	if len(id) < 8 || len(id) > 128 {
		return false
	}
	for i := range len(id) {
		c := id[i]
		if !('0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '-' || c == '_' || c == '.') {
			return false
		}
	}
	return true
}
