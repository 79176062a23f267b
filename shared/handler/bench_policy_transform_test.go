package handler

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"polygate.example/shared/gateway"
)

// BenchmarkTransform is what changes add to a request with a body of 10 KiB of JSON; "none" is the same without them.
func BenchmarkTransform(b *testing.B) {
	text := []byte(`[` + strings.Repeat(`{"id": [1, 2, 3], "name": "a name"},`, 280) + `{}]`)
	for name, q := range map[string]gateway.RequestTransform{
		"none":    {Headers: gateway.Changes{Remove: []string{"X-None"}}},
		"headers": {Headers: gateway.Changes{Set: map[string]string{"X-A": "a", "X-B": "${client.ip} ${request.path.id}"}, Remove: []string{"X-C"}}},
		"query":   {Query: gateway.Changes{Set: map[string]string{"a": "${request.path.id}"}, Remove: []string{"b"}}},
		"path":    {Path: &gateway.PathRewrite{Pattern: "/a/([^/]*)/(.*)", Replace: "/b/$2/$1"}},
		"json":    {JSON: &gateway.JSONChanges{Remove: []string{"/0/id"}, Set: map[string]json.RawMessage{"/0/name": json.RawMessage(`"x"`)}}},
	} {
		b.Run(name, func(b *testing.B) {
			h := transforming(b, request(q), "http://a.example", Options{Transport: swallow{}})
			r := posted("application/json", bytes.NewReader(text))
			r.URL.Path, r.URL.RawQuery = "/a/42/c", "a=1&b=2&c=3"
			b.ReportAllocs()
			for b.Loop() {
				r.Body = io.NopCloser(bytes.NewReader(text))
				h.ServeHTTP(nowhere{http.Header{}}, r)
			}
		})
	}
}
