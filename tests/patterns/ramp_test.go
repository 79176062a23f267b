package patterns

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
)

// TestRampByHand: under every manager that leads by weight a region has its clients back in steps: each step's share is seen by them, nothing is
// lost, and nothing of it is left over. One that loses requests on its way is taken back.
func TestRampByHand(t *testing.T) {
	t.Parallel()
	for _, c := range []Combination{
		{Manager: "route53", Pattern: "active-active", Steering: "weighted"},
		{Manager: "trafficmanager", Pattern: "active-active", Steering: "weighted"},
		{Manager: "cloudflare", Pattern: "active-active", Steering: "weighted"},
	} {
		t.Run(c.Manager, func(t *testing.T) {
			t.Parallel()
			c.Providers = []string{"gcp"}
			env := environment(t, measured, c)
			all := regions(c.Providers)
			must(t, env, "up")
			healthy(t, env)
			s := sit(t, env)
			must(t, env, "drain", all[0], "--yes")
			s.only(t, all[1])

			if r := must(t, env, "failback", "--ramp", "25,100", "--dry-run"); !strings.Contains(r.Stdout, "25 % "+all[1]+" 66.7 %, "+all[0]+" 33.3 %") {
				t.Errorf("the dry run says\n%s", r.Stdout)
			}
			s.only(t, all[1])
			for _, refused := range []string{"25,50", "100", "50,25,100", "0,100"} {
				if r, err := env.Polygate(t.Context(), "failback", "--ramp", refused, "--yes"); err != nil || r.Code != 2 {
					t.Errorf("--ramp %s: %d, %v\n%s", refused, r.Code, err, r.Stderr)
				}
			}
			r := must(t, env, "failback", "--ramp", "25,100", "--yes", "--json")
			var m struct {
				Done  bool
				Steps []struct {
					Percent  int
					Shares   map[string]float64
					Answers  map[string]int
					Requests int
					Failed   int
				}
			}
			if err := json.Unmarshal([]byte(r.Stdout), &m); err != nil || !m.Done || len(m.Steps) != 2 {
				t.Fatalf("%v\n%s", err, r.Stdout)
			}
			for i, want := range []float64{25. / 75, 100. / 150} { // of 100 beside 50
				step := m.Steps[i]
				got := float64(step.Answers[all[0]]) / float64(max(1, step.Answers[all[0]]+step.Answers[all[1]]))
				if math.Abs(got-want) > 0.12 || math.Abs(step.Shares[all[0]]-want) > 1e-6 || step.Failed > 0 {
					t.Errorf("at %d %%: %.2f of the answers were of %s, want %.2f\n%s", step.Percent, got, all[0], want, r.Stdout)
				}
			}
			clean := func(after string) {
				t.Helper()
				if r := must(t, env, "preview", "--exit-code"); !strings.Contains(r.Stdout, "no changes") {
					t.Errorf("preview after %s says\n%s", after, r.Stdout)
				}
			}
			clean("a ramp")

			must(t, env, "drain", all[0], "--yes")
			must(t, env, "local", "fail", all[0])
			lost, err := env.Polygate(t.Context(), "failback", all[0], "--ramp", "25,100", "--mode", "ungraceful", "--yes")
			if err != nil || lost.Code != 1 || !strings.Contains(lost.Stdout, "taken back") {
				t.Errorf("a region that does not answer: %d, %v\n%s%s", lost.Code, err, lost.Stdout, lost.Stderr)
			}
			s.only(t, all[1])
			must(t, env, "local", "heal")
			must(t, env, "failback", "--yes", "--mode", "ungraceful")
			clean("one that was taken back")
		})
	}
}
