package wire_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"polygate.example/shared/topology"
	"polygate.example/tools/internal/control"
	cloudflarecontrol "polygate.example/tools/internal/control/cloudflare"
	"polygate.example/tools/internal/localcloud/cloudflare"
	"polygate.example/tools/internal/localcloud/plane"
	"polygate.example/tools/internal/localcloud/resource"
)

func TestCloudflareRegions(t *testing.T) {
	for name, world := range map[string]func(*cfBed) topology.Topology{"a ramp": (*cfBed).ramp, "a group": (*cfBed).group} {
		t.Run(name, func(t *testing.T) {
			b := newCFBed(t)
			w := world(b)
			b.probed(w.Regions[0].HealthCheck, true, "", "", "TLS: expired")
			want := map[string]control.Region{
				"aws/us-east-1":    {Healthy: true, State: "healthy", Passing: 2, Of: 3, Why: "WEU-3: TLS: expired"},
				"gcp/europe-west1": {State: "health unknown"},
			}
			got, err := b.manager(w).Regions(t.Context())
			unvoted(t, got)
			if diff := cmp.Diff(want, got); diff != "" || err != nil {
				t.Errorf("with one that nobody has looked at, %v:\n%s", err, diff)
			}
			b.probed(w.Regions[0].HealthCheck, false, "no connection", "no connection", "")
			b.probed(w.Regions[1].HealthCheck, true, "")
			if err := b.manager(w).Drain(t.Context(), []string{"gcp/europe-west1"}, true); err != nil {
				t.Fatal(err)
			}
			want = map[string]control.Region{
				"aws/us-east-1":    {State: "unhealthy", Passing: 1, Of: 3, Why: "WEU-1: no connection"},
				"gcp/europe-west1": {Drained: true, State: "disabled"},
			}
			got, err = b.manager(w).Regions(t.Context())
			unvoted(t, got)
			if diff := cmp.Diff(want, got); diff != "" || err != nil {
				t.Errorf("with one that is drained, %v:\n%s", err, diff)
			}
		})
	}
}

func TestCloudflareDrain(t *testing.T) {
	const aws, gcp = "aws/us-east-1", "gcp/europe-west1"
	steps := []string{"api-aws-use1/aws-use1", "api-aws-use1-ramp2/aws-use1", "api-aws-use1-ramp3/aws-use1"}
	for _, c := range []struct {
		name  string
		world func(*cfBed) topology.Topology
		first []string // drained before
		ask   []string
		drain bool
		sent  int
		want  []string
	}{
		{"a ramp", (*cfBed).ramp, nil, []string{aws}, true, 4, []string{"api-gcp-euw1/gcp-euw1"}},
		{"a ramp back", (*cfBed).ramp, []string{aws, gcp}, []string{aws}, false, 3, steps},
		{"everything", (*cfBed).ramp, nil, []string{aws, gcp}, true, 4, []string{}},
		{"one of a group", (*cfBed).group, nil, []string{aws}, true, 1, []string{"api-primary/gcp-euw1"}},
		{"a whole group", (*cfBed).group, []string{aws}, []string{gcp}, true, 1, []string{}},
		{"one of a group back", (*cfBed).group, []string{aws, gcp}, []string{gcp}, false, 1, []string{"api-primary/gcp-euw1"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newCFBed(t)
			w := c.world(b)
			m := b.manager(w)
			if err := m.Drain(t.Context(), c.first, true); err != nil {
				t.Fatal(err)
			}
			before, sent := b.store.View().List(tPool), b.changes()
			for _, again := range []string{"", ", again"} {
				if err := m.Drain(t.Context(), c.ask, c.drain); err != nil {
					t.Fatalf("drain%s: %v", again, err)
				}
				if n := b.changes() - sent; n != c.sent {
					t.Errorf("drain%s: %d changes, want %d", again, n, c.sent)
				}
			}
			if diff := cmp.Diff(c.want, b.served()); diff != "" {
				t.Errorf("who may have traffic:\n%s", diff)
			}
			for i, p := range b.store.View().List(tPool) {
				if diff := cmp.Diff(others(before[i].Inputs), others(p.Inputs)); diff != "" {
					t.Errorf("something else of %s changed:\n%s", p.Inputs.Str("name"), diff)
				}
				if disabled := p.Computed.Str("disabledAt") != ""; disabled == p.Inputs.Bool("enabled") {
					t.Errorf("%s is enabled: %t, and has a time when it was disabled: %t", p.Inputs.Str("name"), p.Inputs.Bool("enabled"), disabled)
				}
			}
		})
	}
}

// others are the inputs of a pool without who is enabled.
func others(in resource.Props) resource.Props {
	var origins []any
	for _, o := range in.Objects("origins") {
		o = o.Clone()
		delete(o, "enabled")
		origins = append(origins, o)
	}
	return in.With(resource.Props{"enabled": nil, "origins": origins})
}

// The load balancer goes by a share as soon as the call returns, and is as before when all of it is given back.
func TestCloudflareShare(t *testing.T) {
	for _, c := range []struct {
		name  string
		world func(*cfBed) topology.Topology
		want  string // weights in the data plane at 25 %
	}{
		{"pools", func(b *cfBed) topology.Topology {
			b.steering = "random"
			first, second := b.pool("api-aws-use1", map[string]float64{"aws-use1": 1}), b.pool("api-gcp-euw1", map[string]float64{"gcp-euw1": 1})
			b.balance()
			return b.world(first, second)
		}, "pools 0.25 1, origins 1 1"},
		{"origins", func(b *cfBed) topology.Topology {
			id := b.pool("api-primary", map[string]float64{"aws-use1": 1, "gcp-euw1": 1})
			b.balance()
			return b.world(id, id)
		}, "pools, origins 0.25 1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newCFBed(t)
			w := c.world(b)
			w.Steering, w.Pattern = "weighted", "active-active"
			for i := range w.Regions {
				w.Regions[i].Weight = 50
			}
			m, before := b.manager(w), b.weights()
			for _, step := range []struct {
				percent int
				want    string
			}{{25, c.want}, {100, before}} {
				if err := m.Share(t.Context(), "aws/us-east-1", step.percent); err != nil {
					t.Fatal(err)
				}
				if got := b.weights(); got != step.want && step.percent != 100 || step.percent == 100 && !strings.HasSuffix(got, "origins 1 1") {
					t.Errorf("at %d %%: %s, want %s", step.percent, got, step.want)
				}
				seen, err := m.Regions(t.Context())
				if err != nil || seen["aws/us-east-1"].Held != 100-step.percent || seen["gcp/europe-west1"].Held != 0 {
					t.Errorf("at %d %%, %v: %+v", step.percent, err, seen)
				}
			}
		})
	}
}

// What a store announces on a drain is what the local balancers are given.
func TestCloudflareDrainIsAnnounced(t *testing.T) {
	b := newCFBed(t)
	w := b.ramp()
	var seen []plane.Balancer
	b.store.OnChange(func() {
		world, err := cloudflare.Project(resource.NewEnv(b.store, cloudflare.Cloud(), b.services))
		if err != nil {
			t.Error(err)
		}
		seen = world.Balancers
	})
	if err := b.manager(w).Drain(t.Context(), []string{"gcp/europe-west1"}, true); err != nil {
		t.Fatal(err)
	}
	if len(seen) != 1 || !seen[0].Pools[3].Disabled || seen[0].Pools[0].Disabled {
		t.Errorf("announced: %+v", seen)
	}
}

// What the control seat makes of refusals.
func TestCloudflareControlRefused(t *testing.T) {
	b := newCFBed(t)
	w := b.ramp()
	b.lost = true
	if _, err := b.manager(w).Regions(t.Context()); err == nil || !strings.Contains(err.Error(), "503 Service Unavailable: service failure (code 10000)") {
		t.Errorf("lost: %v", err)
	}
	if err := b.manager(w).Drain(t.Context(), []string{"aws/us-east-1"}, true); err == nil || b.changes() != 0 {
		t.Errorf("lost: %v after %d changes", err, b.changes())
	}
	b.lost = false
	_, err := cloudflarecontrol.New(b.server.Client(), b.server.URL+"/client/v4", "other-secret", w).Regions(t.Context())
	if err == nil || !strings.Contains(err.Error(), "403 Forbidden: Authentication error (code 10000)") || strings.Contains(err.Error(), "other-secret") {
		t.Errorf("another token: %v", err)
	}
}
