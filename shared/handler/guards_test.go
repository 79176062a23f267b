package handler

import (
	"crypto/sha256"
	"net/http"
	"testing"

	"polygate.example/shared/gateway"
)

// TestGuardsAreAudited: what the gateway refuses before any policy is in the audit log as well, by a name that no policy can have.
func TestGuardsAreAudited(t *testing.T) {
	m := model(t, gateway.Spec{
		Policies:  map[string]gateway.Policy{"inside": {IP: &gateway.IP{Allow: []string{"10.0.0.0/8"}}}},
		Upstreams: map[string]gateway.Upstream{"u": upstream(deadAddress(t))},
		Routes: routes(
			gateway.Route{Name: "admin", Match: gateway.Match{Path: "/admin/{rest...}"}, Policies: []string{"inside"}, Upstream: "u"},
			gateway.Route{Name: "all", Match: gateway.Match{Path: "/{rest...}"}, Upstream: "u"},
		),
	})
	sum := sha256.Sum256([]byte("the secret of the front"))
	for name, c := range map[string]struct {
		opts   Options
		host   string
		path   string
		status int
		guard  string
	}{
		"around the front":       {Options{Admission: Admission{Digests: [][]byte{sum[:]}}}, "api.example.com", "/", http.StatusForbidden, "(front)"},
		"another host":           {Options{Hosts: []string{"api.example.com"}}, "gw.azurewebsites.net", "/", http.StatusMisdirectedRequest, "(hosts)"},
		"a dot segment":          {Options{}, "api.example.com", "/a/%2e%2e/b", http.StatusBadRequest, "(paths)"},
		"a path with two senses": {Options{}, "api.example.com", "//admin/x", http.StatusBadRequest, "(paths)"},
	} {
		t.Run(name, func(t *testing.T) {
			var log logBuffer
			c.opts.Logger = log.logger()
			r := get("http://placeholder" + c.path)
			r.Host = c.host
			wantProblem(t, ask(newHandler(t, m, c.opts), r), c.status)
			lines := log.lines(t, "denied")
			if len(lines) != 1 || lines[0]["policy"] != c.guard || lines[0]["why"] == "" || lines[0]["client"] == "" {
				t.Errorf("denied: %v, want one line of %s", lines, c.guard)
			}
		})
	}
}
