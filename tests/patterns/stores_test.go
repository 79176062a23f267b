package patterns

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// locked is what `lock show --json` says.
type locked struct {
	Token  uint64 `json:"token"`
	Holder *struct {
		Owner string `json:"owner"`
	} `json:"holder"`
	Stores []struct {
		Name   string `json:"name"`
		Held   bool   `json:"held"`
		Detail string `json:"detail"`
	} `json:"stores"`
}

// TestStores: with Pulumi's state gone, nothing saved here, and a provider lost with its API, an environment is operated by what the stores of
// the other providers have; and each operation holds the lock there, with a token of its own.
func TestStores(t *testing.T) {
	t.Parallel()
	providers := []string{"aws", "gcp", "azure"}
	env := environment(t, measured, Combination{Manager: "cloudflare", Pattern: "active-passive", Providers: providers})
	must(t, env, "up")
	lock := func() (l locked) {
		t.Helper()
		if err := json.Unmarshal([]byte(must(t, env, "lock", "show", "--json").Stdout), &l); err != nil {
			t.Fatal(err)
		}
		return l
	}
	if l := lock(); l.Token != 0 || l.Holder != nil || len(l.Stores) != 3 {
		t.Errorf("after the first up: %+v", l)
	}
	must(t, env, "up")
	first := lock()
	if first.Token == 0 || first.Holder != nil {
		t.Errorf("after another up: %+v", first)
	}
	healthy(t, env)

	must(t, env, "local", "fail", "aws")
	must(t, env, "local", "fail", "aws", "--kind", "control-plane")
	work := filepath.Join(env.Root, ".polygate", "local")
	for _, gone := range []string{"topology.json", "state"} {
		if err := os.Rename(filepath.Join(work, gone), filepath.Join(work, gone+".gone")); err != nil {
			t.Fatal(err)
		}
	}
	r, err := env.Polygate(t.Context(), "status")
	if err != nil || !strings.Contains(r.Stdout, "azure/eastus") || !strings.Contains(r.Stderr, "has kept since") || strings.Contains(r.Stderr, "this is what aws") {
		t.Errorf("status: %d, %v\n%s%s", r.Code, err, r.Stdout, r.Stderr)
	}
	r = must(t, env, "failover", "--from", "aws", "--mode", "ungraceful", "--yes", "--json")
	var m struct {
		Done bool `json:"done"`
	}
	if err := json.Unmarshal([]byte(r.Stdout), &m); err != nil || !m.Done || !strings.Contains(r.Stderr, "the lock is taken without the store at aws") {
		t.Errorf("failover: %v\n%s%s", err, r.Stdout, r.Stderr)
	}
	sit(t, env).only(t, "gcp/us-central1")
	if l := lock(); l.Token <= first.Token || l.Holder != nil || l.Stores[0].Detail == "" || l.Stores[1].Detail != "" {
		t.Errorf("after the failover, with token %d before: %+v", first.Token, l)
	}

	must(t, env, "local", "heal")
	must(t, env, "failback", "--yes")
	for _, gone := range []string{"state", "topology.json"} {
		if err := os.Rename(filepath.Join(work, gone+".gone"), filepath.Join(work, gone)); err != nil {
			t.Fatal(err)
		}
	}
	if r := must(t, env, "preview", "--exit-code"); !strings.Contains(r.Stdout, "no changes") {
		t.Errorf("preview afterwards says\n%s", r.Stdout)
	}
}
