package handler

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"polygate.example/shared/gateway"
)

// A request is sent once more where the upstream gives up the connection that it went over. It is sent as policies have made it, and not as it
// came, from an entry point that can read the body twice (AWS).
func TestWhatIsSentAgainIsWhatWasSent(t *testing.T) {
	for name, c := range map[string]struct {
		policy       gateway.Policy
		coding, body string
	}{
		"transform": {gateway.Policy{Transform: &gateway.Transform{Request: &gateway.RequestTransform{JSON: &gateway.JSONChanges{
			Bytes: 1000, Set: map[string]json.RawMessage{"/role": json.RawMessage(`"guest"`)}}}}}, "", `{"role":"admin"}`},
		"limits": {gateway.Policy{Limits: &gateway.Limits{Inflate: 1000}}, "gzip", zipped(t, "gzip", `{"role":"guest"}`)},
	} {
		t.Run(name, func(t *testing.T) {
			var asked atomic.Int32
			var last atomic.Value
			up := serveFunc(t, func(w http.ResponseWriter, r *http.Request) {
				b, err := io.ReadAll(r.Body)
				if err != nil {
					t.Error(err)
				}
				last.Store(string(b))
				if asked.Add(1) == 2 { // the first on the connection that the one before has left
					var c net.Conn
					if c, _, err = http.NewResponseController(w).Hijack(); err != nil {
						t.Error(err)
						return
					}
					c.Close()
				}
			})
			h := newHandler(t, model(t, gateway.Spec{Policies: map[string]gateway.Policy{"changes": c.policy}, Upstreams: map[string]gateway.Upstream{"up": upstream(up.URL)},
				Routes: routes(gateway.Route{Name: "all", Match: gateway.Match{Path: "/{rest...}"}, Policies: []string{"changes"}, Upstream: "up"})}), Options{})
			for range 2 {
				r, err := http.NewRequestWithContext(patience(t), http.MethodPost, "http://a.example/", strings.NewReader(c.body))
				if err != nil {
					t.Fatal(err)
				}
				r.Header.Set("Content-Type", "application/json")
				r.Header.Set("Idempotency-Key", "1") // with it net/http sends a POST again
				if c.coding != "" {
					r.Header.Set("Content-Encoding", c.coding)
				}
				ask(h, r)
			}
			if got := last.Load(); got != `{"role":"guest"}` {
				t.Errorf("the upstream got %q, in request %d", got, asked.Load())
			}
		})
	}
}
