package conformance

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

// TestForeignHosts asks each front for a name that is not the gateway's, with the Host header alone: TLS is told the region's
// own name. The fronts know which names they have, and the gateway is not asked.
func TestForeignHosts(t *testing.T) {
	env := deployed(t)
	status := map[string]int{"aws": http.StatusForbidden, "gcp": http.StatusNotFound, "azure": http.StatusNotFound}
	for _, p := range env.providers() {
		for _, path := range []string{"/echo", "/health"} {
			t.Run(p.name+path, func(t *testing.T) {
				req := p.request(t, t.Context(), http.MethodGet, path, nil, nil)
				req.Host = "foreign.example"
				res, err := p.client(t).Do(req)
				if err != nil {
					t.Fatal(err)
				}
				defer res.Body.Close()
				equal(t, "status", res.StatusCode, status[p.region.Provider])
			})
		}
	}
}

// TestNameOfTheCloud asks Azure's app by the name that Azure gives to it and that cannot be switched off: whoever knows it
// must not come around what stands before the names that are ours.
func TestNameOfTheCloud(t *testing.T) {
	env := deployed(t)
	for _, p := range env.providers() {
		if p.region.Provider != "azure" {
			continue
		}
		name, err := env.canonical(t.Context(), p.host)
		if err != nil || !strings.HasSuffix(name, ".azurewebsites.net") {
			t.Fatalf("the region's own name leads to %q: %v", name, err)
		}
		p.host = name
		for _, path := range []string{"/echo", "/health", "/ready"} {
			t.Run(path, func(t *testing.T) {
				a := p.ask(t, http.MethodGet, path, nil, nil)
				equal(t, "status", a.status, http.StatusMisdirectedRequest)
				var problem struct{ Title string }
				if err := json.Unmarshal(a.body, &problem); err != nil || problem.Title != "Misdirected Request" {
					t.Errorf("not the gateway's refusal: %v\n%s", err, a.body)
				}
			})
		}
	}
}
