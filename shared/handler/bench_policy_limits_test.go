package handler

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"

	"polygate.example/shared/gateway"
)

// swallow is an upstream that reads the body and answers.
type swallow struct{}

func (swallow) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			return nil, err
		}
	}
	return canned{}.RoundTrip(r)
}

// BenchmarkLimits is what limits add to a request with a body of 10 KiB of JSON; "none" is the same without them.
func BenchmarkLimits(b *testing.B) {
	text := []byte(`[` + strings.Repeat(`{"id": [1, 2, 3], "name": "a name"},`, 280) + `{}]`)
	for name, p := range map[string]gateway.Limits{
		"none":        {URI: 1000},
		"head":        {Body: 1 << 20, URI: 1000, Query: 10, Headers: gateway.HeaderLimits{Count: 100, Bytes: 8192}, ContentTypes: []string{"application/json"}},
		"depth":       {Depth: 20},
		"bodyTimeout": {BodyTimeout: ms(10_000)},
	} {
		b.Run(name, func(b *testing.B) {
			h := limited(b, p, "http://a.example", Options{Transport: swallow{}})
			r := posted("application/json", bytes.NewReader(text))
			b.ReportAllocs()
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				r.Body = io.NopCloser(bytes.NewReader(text))
				h.ServeHTTP(nowhere{http.Header{}}, r)
			}
		})
	}
}
