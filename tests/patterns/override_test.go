package patterns

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"polygate.example/tests/harness"
)

var three = []string{"aws", "gcp", "azure"}

// TestDrained: a region that is drained has no clients, whatever its health, and gets none back by itself: not when it is
// healthy all along, and not when what took over fails and comes back. It has them again when it is taken out of the list.
func TestDrained(t *testing.T) {
	t.Parallel()
	for _, manager := range managers {
		t.Run(manager, func(t *testing.T) {
			t.Parallel()
			c := Combination{Manager: manager, Pattern: "active-passive", Providers: three}
			env := environment(t, measured, c)
			all := regions(three)
			must(t, env, "up")
			healthy(t, env)
			s := sit(t, env)
			s.only(t, all[0])

			turn(t, env, map[string]any{"drained": []string{all[0]}})
			s.only(t, all[1])
			s.within(t, env, "fail", all[1])
			s.only(t, all[2])
			s.within(t, env, "heal", all[1])
			s.only(t, all[1])

			turn(t, env, map[string]any{"drained": nil})
			s.only(t, all[0])
		})
	}
}

// TestSpare: when the servers of a DNS provider are lost, clients have no answer once theirs have expired. With the zone
// delegated to the spare manager they have the same answers as before, and failover goes on there.
func TestSpare(t *testing.T) {
	t.Parallel()
	for _, pair := range [][2]string{{"route53", "cloudflare"}, {"trafficmanager", "route53"}} {
		t.Run(pair[0]+" to "+pair[1], func(t *testing.T) {
			t.Parallel()
			c := Combination{Manager: pair[0], Pattern: "active-passive", Providers: three}
			env := environment(t, measured, c)
			all := regions(three)
			dials := map[string]any{"spare": pair[1]}
			if slices.Contains(pair[:], "trafficmanager") {
				dials["trafficmanager"] = map[string]any{"zoneGroup": "dns"}
			}
			turn(t, env, dials)
			healthy(t, env)
			s := sit(t, env)
			s.only(t, all[0])

			must(t, env, "local", "fail", pair[0])
			if region, err := s.who(t.Context(), s.places[0], s.status.Hostname); err == nil {
				t.Errorf("%s answers through lost name servers", region)
			}
			must(t, env, "local", "delegate", pair[1])
			s.only(t, all[0])
			s.within(t, env, "fail", all[0])
			s.only(t, all[1])
			s.within(t, env, "heal", all[0])
			must(t, env, "local", "heal", pair[0])
			must(t, env, "local", "delegate", pair[0])
			s.only(t, all[0])
		})
	}
}

// TestLostAPI: while the API of one of two managers is down, a region is drained and a release goes out through the other, which
// leads the clients; afterwards a plain `up` brings both zones level.
func TestLostAPI(t *testing.T) {
	t.Parallel()
	env := environment(t, measured, Combination{Manager: "route53", Pattern: "active-passive", Providers: []string{"aws"}})
	all := regions([]string{"aws"})
	turn(t, env, map[string]any{"spare": "cloudflare"})
	healthy(t, env)
	s := sit(t, env)
	s.only(t, all[0])
	for _, step := range []struct {
		lost, led string
		drained   []string
		serves    string
	}{
		{"cloudflare", "route53", []string{all[0]}, all[1]},
		{"route53", "cloudflare", nil, all[0]},
	} {
		must(t, env, "local", "delegate", step.led)
		must(t, env, "local", "fail", step.lost, "--kind", "control-plane")
		dials := map[string]any{"drained": nil}
		if step.drained != nil {
			dials["drained"] = step.drained
		}
		if err := env.Turn(dials); err != nil {
			t.Fatal(err)
		}
		r, err := env.Polygate(t.Context(), "up")
		if err != nil || r.Code != 1 || !strings.Contains(r.Stdout+r.Stderr, "`polygate up --without "+step.lost+"` deploys the rest") {
			t.Errorf("up without the API of %s: %d, %v\n%s%s", step.lost, r.Code, err, r.Stdout, r.Stderr)
		}
		before := digests(t, env)
		release(t, env)
		if r := must(t, env, "up", "--without", step.lost); !strings.Contains(r.Stdout+r.Stderr, "what "+step.lost+" holds is as it was") {
			t.Errorf("up says nothing of %s:\n%s%s", step.lost, r.Stdout, r.Stderr)
		}
		s.only(t, step.serves)
		for region, digest := range digests(t, env) {
			if before[region] == digest {
				t.Errorf("%s still has the release of before", region)
			}
		}
		if r := must(t, env, "preview", "--exit-code", "--without", step.lost); !strings.Contains(r.Stdout, "no changes") {
			t.Errorf("a preview without %s says:\n%s", step.lost, r.Stdout)
		}
		must(t, env, "local", "heal", step.lost)
		r, err = env.Polygate(t.Context(), "preview", "--exit-code")
		if err != nil || r.Code != 1 || !strings.Contains(r.Stdout, "update") {
			t.Errorf("%s is to be brought level, and a preview says %d, %v:\n%s%s", step.lost, r.Code, err, r.Stdout, r.Stderr)
		}
		must(t, env, "up")
		if r := must(t, env, "preview", "--exit-code"); !strings.Contains(r.Stdout, "no changes") {
			t.Errorf("preview after up says:\n%s", r.Stdout)
		}
		must(t, env, "local", "delegate", step.lost)
		s.only(t, step.serves)
	}
}

// release changes the gateway document, so that the next `up` brings another release.
func release(t *testing.T, env *harness.Environment) {
	t.Helper()
	path := filepath.Join(env.Root, "stacks", "local.gateway.yaml")
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	text := string(b)
	text = strings.Replace(text, "routes:\n", "routes:\n  - name: added"+strconv.Itoa(strings.Count(text, "- name: added"))+"\n    match: {path: \"/added"+
		strconv.Itoa(strings.Count(text, "- name: added"))+"\"}\n    upstream: origin\n", 1)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// digests are what each region is to run, by the deployment's own account.
func digests(t *testing.T, env *harness.Environment) map[string]string {
	t.Helper()
	st, err := env.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, r := range st.Regions {
		out[r.Name] = r.Digest
	}
	return out
}

// TestFront: a stack that serves is put behind a proxy, and the secret that the proxy shows is changed, and no client is refused.
func TestFront(t *testing.T) {
	t.Parallel()
	env := environment(t, measured, Combination{Manager: "cloudflare", Pattern: "active-passive", Providers: []string{"aws"}})
	must(t, env, "up")
	healthy(t, env)
	s := sit(t, env)
	const one, two = "0123456789abcdef0123456789abcdef", "fedcba9876543210fedcba9876543210"
	g, err := s.gather(t.Context(), time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer g.stop()
	begun := time.Now()
	if err := env.Turn(map[string]any{"cloudflare": map[string]any{"proxied": true}, "frontSecret": one}); err != nil {
		t.Fatal(err)
	}
	if r, err := env.Polygate(t.Context(), "up"); err != nil || r.Code != 2 || !strings.Contains(r.Stderr, "polygate:frontSecretBefore: open") {
		t.Errorf("a front at once: %d, %v\n%s", r.Code, err, r.Stderr)
	}
	for _, dials := range []map[string]any{
		{"cloudflare": map[string]any{"proxied": true}, "frontSecret": one, "frontSecretBefore": "open"},
		{"frontSecretBefore": nil},
		{"frontSecret": two, "frontSecretBefore": one},
		{"frontSecretBefore": nil},
	} {
		turn(t, env, dials)
		wait(t, env, 40) // longer than any client holds an answer
	}
	calls := g.during(begun, time.Now())
	lost := 0
	for _, k := range calls {
		if k.region == "" {
			if lost++; lost <= 3 {
				t.Errorf("after %.1f s: %s", k.done.Sub(begun).Seconds(), k.why)
			}
		}
	}
	t.Logf("%d requests, %d lost", len(calls), lost)
}

// TestRamp: a region that comes back has its clients back in steps, never more than the dial says, and all of them at last.
func TestRamp(t *testing.T) {
	t.Parallel()
	for _, manager := range []string{"route53", "cloudflare"} {
		t.Run(manager, func(t *testing.T) {
			t.Parallel()
			c := Combination{Manager: manager, Pattern: "active-active", Steering: "weighted", Providers: []string{"aws"}}
			env := environment(t, measured, c)
			all := regions(c.Providers)
			// Threshold 2 for the failure; each step back takes longer.
			turn(t, env, map[string]any{"weights": nil, "ramp": []int{10, 50, 100}})
			healthy(t, env)
			s := sit(t, env)
			// A region that is down still has its clients until its check has failed: who gets no answer asked it.
			share := func() float64 {
				asked, its := 0, 0
				for _, p := range s.places {
					for range 4 {
						region, err := s.who(t.Context(), p, s.status.Hostname)
						asked++
						if err != nil || region == all[0] {
							its++
						}
					}
				}
				return float64(its) / float64(asked)
			}
			if f := share(); f < 0.25 || f > 0.75 {
				t.Errorf("healthy it has %.0f %%, want about half", 100*f)
			}
			must(t, env, "local", "fail", all[0])
			// Until then those whom it has left have no answer, rather than another's.
			s.until(t, 180, "without clients", func() bool {
				shares, err := s.tally(t.Context(), 4)
				return err == nil && fraction(shares, all[0]) == 0
			})
			// Long enough that the slowest check has failed as well: a shorter outage needs no ramp.
			wait(t, env, 300)
			must(t, env, "local", "heal", all[0])
			var seen []float64
			s.until(t, 600, "back whole", func() bool {
				f := share()
				seen = append(seen, f)
				return f > 0.4
			})
			t.Logf("shares on the way back: %.2f", seen)
			// 10 % of its weight beside the other's whole weight is 9 % of the clients; of 72 answers more than 20 would be one in 10,000.
			if !slices.ContainsFunc(seen, func(f float64) bool { return f > 0 && f < 0.28 }) {
				t.Errorf("no step between nothing and all: %.2f", seen)
			}
		})
	}
}

func fraction(shares map[string]map[string]int, region string) float64 {
	all, its := 0, 0
	for _, at := range shares {
		for r, n := range at {
			all += n
			if r == region {
				its += n
			}
		}
	}
	return float64(its) / float64(max(1, all))
}

func turn(t *testing.T, env *harness.Environment, dials map[string]any) {
	t.Helper()
	if err := env.Turn(dials); err != nil {
		t.Fatal(err)
	}
	must(t, env, "up")
	if r := must(t, env, "preview", "--exit-code"); !strings.Contains(r.Stdout, "no changes") {
		t.Errorf("preview after up says:\n%s", r.Stdout)
	}
}

func sit(t *testing.T, env *harness.Environment) *seat {
	t.Helper()
	s, err := newSeat(t.Context(), env)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// within gives an order and waits as long as the bound allows it to take.
func (s *seat) within(t *testing.T, env *harness.Environment, args ...string) {
	t.Helper()
	must(t, env, append([]string{"local"}, args...)...)
	wait(t, env, env.Bound+settled)
}

// wait lets cloud seconds go by.
func wait(t *testing.T, env *harness.Environment, cloud int) {
	t.Helper()
	if !pause(t.Context(), time.Duration(float64(cloud)/env.Speed*float64(time.Second))) {
		t.Fatal(t.Context().Err())
	}
}

// only sees that every place is answered by a region and no other. A change of the dials takes a moment to arrive.
func (s *seat) only(t *testing.T, region string) {
	t.Helper()
	var last map[string]map[string]int
	s.until(t, 120, "served by "+region+" alone", func() bool {
		shares, err := s.tally(t.Context(), 1)
		last = shares
		return err == nil && fraction(shares, region) == 1
	})
	if t.Failed() {
		t.Fatalf("want %s alone: %v", region, last)
	}
}

// until waits for something at most so many cloud seconds.
func (s *seat) until(t *testing.T, cloud float64, what string, done func() bool) {
	t.Helper()
	deadline := time.Now().Add(time.Duration(cloud / s.status.Speed * float64(time.Second)))
	for !done() {
		if time.Now().After(deadline) {
			t.Errorf("not %s within %.0f s of cloud time", what, cloud)
			return
		}
		if !pause(t.Context(), 50*time.Millisecond) {
			t.Fatal(t.Context().Err())
		}
	}
}
