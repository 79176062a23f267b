package main

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
)

func FuzzREST(f *testing.F) { fuzz[*restEvent](f, "rest", "rest-binary") }

func FuzzHTTPAPI(f *testing.F) { fuzz[*v2Event](f, "http-api", "http-api-stage", "function-url") }

func FuzzLoadBalancer(f *testing.F) { fuzz[*albEvent](f, "alb-single", "alb-multi") }

// fuzz gives any payload to the adapter. An event of type E must be answered, never with an error; its handler, if it is
// reached, must see a request a server could have read; and the answer must be an event a front can read.
func fuzz[E event](f *testing.F, seeds ...string) {
	for _, s := range append(seeds, "unknown-direct", "unknown-websocket") {
		f.Add(fixture(f, s))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		e, err := decode(payload)
		if err != nil {
			return
		}
		if _, ok := e.(E); !ok {
			return
		}
		a := &adapter{log: quiet, next: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !strings.HasPrefix(r.URL.Path, "/") || !strings.HasPrefix(r.RequestURI, "/") || r.URL.Host != "" || r.Method == "" {
				t.Errorf("the handler saw method %q, target %q, URL %#v", r.Method, r.RequestURI, r.URL)
			}
			n, err := io.Copy(w, r.Body)
			if err != nil && r.Method != http.MethodHead {
				t.Errorf("echo: %v", err)
			}
			if n != r.ContentLength && err == nil {
				t.Errorf("the body has %d bytes, and the request says %d", n, r.ContentLength)
			}
		})}
		out, err := a.Invoke(t.Context(), payload)
		if err != nil {
			t.Fatalf("not answered: %v", err)
		}
		var got answer
		if err := json.Unmarshal(out, &got); err != nil {
			t.Fatalf("the response is not JSON: %v", err)
		}
		if got.StatusCode != http.StatusOK && got.StatusCode != http.StatusBadRequest {
			t.Errorf("status %d: an echo is 200, and a malformed request 400", got.StatusCode)
		}
	})
}
