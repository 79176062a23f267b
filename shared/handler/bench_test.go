package handler

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"polygate.example/shared/gateway"
	"polygate.example/shared/health"
)

// nowhere is a client that throws its answer away, so that a benchmark measures the gateway alone.
type nowhere struct{ header http.Header }

func (n nowhere) Header() http.Header         { return n.header }
func (n nowhere) Write(p []byte) (int, error) { return len(p), nil }
func (n nowhere) WriteHeader(int)             {}
func (n nowhere) Flush()                      {}

// canned is an upstream that answers at once, without a network.
type canned struct{}

func (canned) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: 200, ProtoMajor: 1, ProtoMinor: 1, Request: r, Header: http.Header{"Content-Type": {"text/plain"}}, Body: http.NoBody}, nil
}

// BenchmarkServe is what the gateway itself takes for a request, without network and server.
func BenchmarkServe(b *testing.B) {
	two := toAll(b, upstream("http://a.example", "http://b.example"))
	for name, c := range map[string]struct {
		m    *gateway.Model
		path string
		opts Options
	}{
		"respond":        {manyRoutes(b, 1_000), "/v1/service-9/42/action-999", Options{}},
		"proxy":          {two, "/orders/42", Options{Transport: canned{}}},
		"proxy buffered": {two, "/orders/42", Options{Transport: canned{}, Buffered: true}},
		"health":         {two, "/health", Options{}},
		"drill, over":    {manyRoutes(b, 1_000), "/v1/service-9/42/action-999", Options{Drill: &health.Drill{Fault: health.DrillRegionDown, Until: time.Now(), ID: "d"}}},
	} {
		b.Run(name, func(b *testing.B) {
			h := newHandler(b, c.m, c.opts)
			r := get(c.path)
			b.ReportAllocs()
			for b.Loop() {
				h.ServeHTTP(nowhere{http.Header{}}, r)
			}
		})
	}
}

// BenchmarkRouting shows that a lookup costs the same whatever the number of routes.
func BenchmarkRouting(b *testing.B) {
	for _, n := range []int{10, 1_000, 10_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			rt, err := newRouter(manyRoutes(b, n), nil, nil, Options{}, nil)
			if err != nil {
				b.Fatal(err)
			}
			r := get(fmt.Sprintf("/v1/service-%d/42/action-%d", (n-1)/100, n-1))
			x := &exchange{segments: strings.Split(r.URL.EscapedPath()[1:], "/")}
			b.ReportAllocs()
			for b.Loop() {
				if rt.find(&lookup{r: r, x: x, method: r.Method}) == nil {
					b.Fatal("no route")
				}
			}
		})
	}
}

// BenchmarkColdStart is what a function does before its first request: the packed model is decoded, with all checks, and
// compiled.
func BenchmarkColdStart(b *testing.B) {
	for _, n := range []int{10, 1_000, 10_000} {
		encoded, err := manyRoutes(b, n).Encode()
		if err != nil {
			b.Fatal(err)
		}
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				m, err := gateway.Decode(encoded)
				if err != nil {
					b.Fatal(err)
				}
				if _, err := New(m, Options{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
