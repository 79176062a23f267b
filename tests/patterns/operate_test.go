package patterns

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
)

// TestOperate: under every manager a region is taken out of traffic and given back by hand, with the provider's control plane lost, and
// without an `up`; clients are seen to have moved, and what would leave nobody is refused.
func TestOperate(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		manager string
		options map[string]any // of the stack file
	}{
		{"route53", "route53", nil},
		{"routing controls", "route53", map[string]any{"route53": map[string]any{"routingControls": true}}},
		{"trafficmanager", "trafficmanager", nil},
		{"cloudflare", "cloudflare", nil},
		{"cloudflare proxied", "cloudflare", map[string]any{"cloudflare": map[string]any{"proxied": true}, "frontSecret": "0123456789abcdef0123456789abcdef"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			providers := []string{"gcp"}
			env := environment(t, measured, Combination{Manager: c.manager, Pattern: "active-passive", Providers: providers})
			all := regions(providers)
			if c.options != nil {
				if err := env.Turn(c.options); err != nil {
					t.Fatal(err)
				}
			}
			t.Cleanup(func() { // before it is destroyed: what is lost cannot be asked to delete anything
				if _, err := env.Polygate(context.Background(), "local", "heal"); err != nil {
					t.Error(err)
				}
			})
			must(t, env, "up")
			if strings.Contains(c.name, "controls") {
				must(t, env, "local", "control", all[0], all[1], "on")
			}
			healthy(t, env)
			s := sit(t, env)
			s.only(t, all[0])
			must(t, env, "local", "fail", "gcp", "--kind", "control-plane")

			if r := must(t, env, "failover", "--from", all[0], "--dry-run"); !strings.Contains(r.Stdout, "serving afterwards:    "+all[1]) {
				t.Errorf("the dry run says\n%s", r.Stdout)
			}
			s.only(t, all[0])
			moves := func(args ...string) {
				t.Helper()
				r := must(t, env, append(args, "--yes", "--json")...)
				var m struct {
					Done  bool    `json:"done"`
					Moved float64 `json:"moved_seconds"`
					Bound float64 `json:"bound_seconds"`
				}
				if err := json.Unmarshal([]byte(r.Stdout), &m); err != nil || !m.Done || m.Moved > m.Bound {
					t.Errorf("%v: %v\n%s", args, err, r.Stdout)
				}
			}
			moves("failover", "--from", all[0])
			s.only(t, all[1])
			moves("failover", "--from", all[0]) // it is so already
			if r, err := env.Polygate(t.Context(), "failback", "--ramp", "25,100", "--yes"); err != nil || r.Code != 2 || !strings.Contains(r.Stderr, "active-passive leads all clients to one region") {
				t.Errorf("a failback in steps: %d, %v\n%s", r.Code, err, r.Stderr)
			}
			if r, err := env.Polygate(t.Context(), "status"); err != nil || !strings.Contains(r.Stdout, "drained by hand") && !strings.Contains(r.Stdout, "switched off") || !strings.Contains(r.Stdout, "not asked: gcp") {
				t.Errorf("status says nothing of it, or of whom it could not ask: %v\n%s%s", err, r.Stdout, r.Stderr)
			}
			for _, refused := range [][]string{{"drain", all[1]}, {"failover", "--from", "gcp", "--mode", "ungraceful"}, {"failover", "--from", all[1], "--to", all[0]}} {
				r, err := env.Polygate(t.Context(), append(refused, "--yes")...)
				if err != nil || r.Code != 6 || !strings.Contains(r.Stderr, "refused: ") {
					t.Errorf("%v: %d, %v\n%s%s", refused, r.Code, err, r.Stdout, r.Stderr)
				}
			}
			if r, err := env.Polygate(t.Context(), "drain", all[0]+"x", "--yes"); err != nil || r.Code != 2 || !strings.Contains(r.Stderr, "is not deployed: want one of gcp, "+all[0]) {
				t.Errorf("a region that is not there: %d, %v\n%s", r.Code, err, r.Stderr)
			}
			s.only(t, all[1])
			if strings.Contains(c.name, "controls") { // the data plane takes what nobody can be asked about
				must(t, env, "local", "fail", "route53", "--kind", "control-plane")
				moves("undrain", all[0], "--mode", "ungraceful")
				s.only(t, all[0])
				moves("failover", "--from", all[0], "--mode", "ungraceful")
				s.only(t, all[1])
				must(t, env, "local", "heal", "route53")
			}
			moves("failback")
			s.only(t, all[0])
			must(t, env, "local", "heal")
			if r := must(t, env, "preview", "--exit-code"); !strings.Contains(r.Stdout, "no changes") {
				t.Errorf("preview afterwards says\n%s", r.Stdout)
			}
		})
	}
}
