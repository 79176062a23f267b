package infra

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"polygate.example/infra/cost"
	"polygate.example/infra/settings"
	"polygate.example/shared/config"
)

// root is the project's folder as seen from this package.
const root = ".."

var environments = []string{"local", "dev", "staging", "prod"}

// Every stack file and gateway document of the repository holds up, alone and together.
func TestStacks(t *testing.T) {
	for _, env := range environments {
		t.Run(env, func(t *testing.T) {
			s, err := Settings(root, env)
			if err != nil {
				t.Fatal(err)
			}
			if s.Environment != env {
				t.Errorf("environment is %q, want %q", s.Environment, env)
			}
			model, err := config.Load(filepath.Join(root, "stacks", env+".gateway.yaml"), DocumentRule(s))
			if err != nil {
				t.Fatal(err)
			}
			faults := 0
			for _, r := range model.Routes() {
				if r.Fault != "" {
					faults++
				}
			}
			if wants := env == "local" || env == "staging"; (faults > 0) != wants {
				t.Errorf("%d routes fail on purpose: only local and staging have any", faults)
			}
		})
	}
}

// There is a stack file and a document for each environment and for no other.
func TestStacksAreComplete(t *testing.T) {
	entries, err := os.ReadDir(filepath.Join(root, "stacks"))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]bool{"gateway": true, "ci": true}
	if _, err := os.Stat(cost.Override(root)); err == nil { // which nobody needs
		want[filepath.Base(cost.Override(root))] = true
	}
	for _, env := range environments {
		want["Pulumi."+env+".yaml"] = true
		want[env+".gateway.yaml"] = true
	}
	for _, e := range entries {
		if !want[e.Name()] {
			t.Errorf("stacks/%s belongs to no environment", e.Name())
		}
		delete(want, e.Name())
	}
	for name := range want {
		t.Errorf("stacks/%s is missing", name)
	}
}

// What is promised of production is in its file.
func TestStacksDials(t *testing.T) {
	prod, err := Settings(root, "prod")
	if err != nil {
		t.Fatal(err)
	}
	if !prod.Protect {
		t.Error("prod does not refuse deletion")
	}
	if prod.Alarms == nil || prod.Budget == nil || prod.Certificate == nil || prod.Certificate.ACME == nil {
		t.Error("prod tells nobody when it fails or costs too much, or cannot have its certificate renewed")
	}
	staging, err := Settings(root, "staging")
	if err != nil {
		t.Fatal(err)
	}
	if staging.Check != prod.Check || staging.TTL != prod.TTL || len(staging.Regions) != len(prod.Regions) {
		t.Error("staging and prod differ in checks, TTL or regions: a drill in staging would say nothing about prod")
	}
	b, err := os.ReadFile(settings.Path(root, "local"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(b), "encryptionsalt: v1:") {
		t.Error("stacks/Pulumi.local.yaml has no salt: `pulumi up -s local` would write one into it")
	}
}
