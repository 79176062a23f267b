package steering

import (
	"maps"
	"strings"
	"testing"
	"time"

	"polygate.example/tests/harness"
	"polygate.example/tests/harness/harnesstest"
)

// TestChangeOfProfiles goes from every way that Traffic Manager steers to another, by `up` alone, in a stack that tells of alarms
// and of its budget: a region that is an external endpoint in one way is a nested one in the next, in one update of the profile.
// The shared name is answered at every moment, nothing is replaced, and a preview afterwards is clean.
func TestChangeOfProfiles(t *testing.T) {
	none := map[string]any{"manager": "trafficmanager", "trafficmanager": map[string]any{"zoneGroup": "dns"}, "steering": nil, "geo": nil, "ttl": 30,
		"regions": []string{"aws/us-east-1", "azure/eastus", "azure/westeurope"},
		"alarms":  map[string]any{"email": "ops@example.com"}, "budget": map[string]any{"email": "ops@example.com", "monthly": 100},
		"check": map[string]any{"interval": 10, "threshold": 2, "path": "/health"}}
	dials := func(change map[string]any) map[string]any {
		out := maps.Clone(none)
		maps.Copy(out, change)
		return out
	}
	env := harnesstest.New(t, harness.Options{Speed: speed, Dials: dials(map[string]any{"pattern": "active-passive"})})
	harnesstest.Must(t, env, "up")
	harnesstest.Settled(t, env, "active-passive")
	w := watch(t, env, harnesstest.Status(t, env).Hostname)
	world := map[string]any{"default": true}
	for _, step := range []struct {
		name  string
		dials map[string]any
	}{
		{"geo", map[string]any{"pattern": "active-active", "steering": "geo", "geo": map[string]any{
			"aws/us-east-1": world, "azure/eastus": map[string]any{"countries": []string{"US-CA"}}, "azure/westeurope": map[string]any{"continents": []string{"EU"}}}}},
		{"weighted", map[string]any{"pattern": "active-active", "steering": "weighted"}},
		{"groups by place", map[string]any{"pattern": "multi-region", "steering": "geo", "geo": map[string]any{
			"aws/us-east-1": world, "azure/eastus": world, "azure/westeurope": map[string]any{"continents": []string{"EU"}}}}},
		{"groups by latency", map[string]any{"pattern": "multi-region", "steering": "latency"}},
		{"active-passive again", map[string]any{"pattern": "active-passive"}},
	} {
		harnesstest.Turn(t, env, dials(step.dials))
		if before := harnesstest.Must(t, env, "preview"); harnesstest.Would(before.Stdout, "replace") {
			t.Errorf("%s: the preview speaks of replacing:\n%s", step.name, before.Stdout)
		}
		harnesstest.Must(t, env, "up")
		w.since(t, step.name)
		harnesstest.Settled(t, env, step.name)
	}
	w.cancel()
	w.done.Wait()
	alarmed(t, env)
}

// alarmed has a region show a certificate that has ended: the web test that comes in under its own name sets off the alarm, of
// that region alone, and ends it when the region is well again.
func alarmed(t *testing.T, env *harness.Environment) {
	t.Helper()
	const alarm = "alarm polygate-local-eastus-certificate: "
	until := func(what string, done func(faults string) bool) {
		t.Helper()
		deadline := time.Now().Add(2 * time.Minute) // eight times what a place takes to look again
		for {
			faults := harnesstest.Must(t, env, "local", "faults").Stdout
			if done(faults) {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("%s: `polygate local faults` says:\n%s", what, faults)
			}
			time.Sleep(time.Second)
		}
	}
	until("before anything is broken", func(faults string) bool { return !strings.Contains(faults, "alarm ") })
	harnesstest.Must(t, env, "local", "fail", "azure/eastus", "--kind", "certificate-expired")
	until("a certificate that has ended", func(faults string) bool { return strings.Contains(faults, alarm) })
	if faults := harnesstest.Must(t, env, "local", "faults").Stdout; strings.Contains(faults, "westeurope-certificate") {
		t.Errorf("the other region's alarm begins as well:\n%s", faults)
	}
	harnesstest.Must(t, env, "local", "heal", "azure/eastus")
	until("healed", func(faults string) bool { return !strings.Contains(faults, "alarm ") })
}
