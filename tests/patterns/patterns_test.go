package patterns

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"polygate.example/tests/harness"
	"polygate.example/tests/harness/harnesstest"
)

// fast is more than the speed at which bounds are measured: nothing fails here, and what waits is grants and certificates. It is not
// more than it needs to be, as every region is probed from all over the world that much more often.
const fast = 20

// environment is one that no test shares.
func environment(t *testing.T, speed float64, c Combination) *harness.Environment {
	t.Helper()
	return harnesstest.New(t, harness.Options{Speed: speed, Dials: c.Dials()})
}

func must(t *testing.T, env *harness.Environment, args ...string) harness.Result {
	t.Helper()
	return harnesstest.Must(t, env, args...)
}

// TestForbidden: what a manager cannot do is refused before anything exists, with the reason and with what would work, and
// what it can do is not.
func TestForbidden(t *testing.T) {
	env := environment(t, fast, All()[0])
	refused := 0
	for _, c := range All() {
		t.Run(c.String(), func(t *testing.T) {
			if err := env.Turn(c.Dials()); err != nil {
				t.Fatal(err)
			}
			r, err := env.Polygate(t.Context(), "check")
			if err != nil {
				t.Fatal(err)
			}
			want := c.Refusal()
			switch {
			case want == "" && r.Code != 0:
				t.Errorf("refused:\n%s%s", r.Stdout, r.Stderr)
			case want != "" && r.Code != 2:
				t.Errorf("check ended with %d, want it refused because: %s", r.Code, want)
			case want != "" && !strings.Contains(r.Stdout+r.Stderr, want):
				t.Errorf("refused, without the reason %q:\n%s%s", want, r.Stdout, r.Stderr)
			}
			if want != "" {
				refused++
			}
		})
	}
	t.Logf("%d combinations, %d of them refused", len(All()), refused)
}

// TestAllowed deploys what is allowed: with -every all combinations there are, as `make allowed` does, otherwise each manager's patterns and
// steerings once, over all providers where the manager can. Those of one manager and one set of providers follow each other on
// the same stack, as a team would change its mind: each serves over TLS with the right certificates from all regions, previews
// clean, and no region's function or front was replaced on the way. In the end all of it is destroyed, and the clouds hold nothing.
func TestAllowed(t *testing.T) {
	stacks := Stacks(three, []string{"aws"})
	if *every {
		stacks = Stacks()
	}
	for _, s := range stacks {
		t.Run(s.Name, func(t *testing.T) {
			t.Parallel()
			env := environment(t, fast, s.Rows[0])
			var targets map[string]string
			for _, c := range s.Rows {
				begun := time.Now()
				if err := env.Turn(c.Dials()); err != nil {
					t.Fatal(err)
				}
				must(t, env, "up")
				got := serves(t, env, c)
				for region, target := range targets {
					if got[region] != target {
						t.Errorf("%s: %s has another front than before: %s, it was %s", c, region, got[region], target)
					}
				}
				targets = got
				if r := must(t, env, "preview", "--exit-code"); !strings.Contains(r.Stdout, "no changes") {
					t.Errorf("%s: preview after up says:\n%s", c, r.Stdout)
				}
				t.Logf("%s in %.0f s", c, time.Since(begun).Seconds())
			}
			inPlace(t, env)
			if err := env.Destroy(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

// serves waits until everything is healthy and sees that each region answers under its own name and the shared name is
// answered, with certificates that hold for the name. It returns where each region's own name leads.
func serves(t *testing.T, env *harness.Environment, c Combination) map[string]string {
	t.Helper()
	healthy(t, env)
	s, err := newSeat(t.Context(), env)
	if err != nil {
		t.Fatal(err)
	}
	targets := map[string]string{}
	for _, r := range s.status.Regions {
		from, err := s.at(s.places[0])
		if err != nil {
			t.Fatal(err)
		}
		if !c.Proxied { // behind a proxy that shows the regions a secret nobody else may ask them
			got, err := s.who(t.Context(), s.places[0], r.Host())
			if err != nil {
				t.Errorf("%s: own name of %s: %v", c, r.Name, err)
			} else if got != r.Name {
				t.Errorf("%s: %s is answered by %s, want %s", c, r.Host(), got, r.Name)
			}
		}
		res, err := from.Get(t.Context(), r.URL+"health")
		from.Close()
		if err == nil {
			targets[r.Name] = fmt.Sprint(res.Address)
		}
		if !c.Proxied && err == nil { // whoever leads: each has to be ready to
			if err := shows(t.Context(), res.Address, s.status.Hostname, s.roots); err != nil {
				t.Errorf("%s: %s, asked for %s: %v", c, r.Name, s.status.Hostname, err)
			}
		}
		if c.Proxied && (err != nil || res.Status != 403) {
			t.Errorf("%s: %s can be reached around the proxy: %d, %v", c, r.Host(), res.Status, err)
		}
	}
	if _, err := s.who(t.Context(), s.places[0], s.status.Hostname); err != nil {
		t.Errorf("%s: the shared name: %v", c, err)
	}
	return targets
}

// shows sees that a front presents a certificate that holds for a name.
func shows(ctx context.Context, front netip.AddrPort, name string, roots *x509.CertPool) error {
	d := tls.Dialer{Config: &tls.Config{ServerName: name, RootCAs: roots, MinVersion: tls.VersionTLS12}}
	conn, err := d.DialContext(ctx, "tcp", front.String())
	if err != nil {
		return err
	}
	return conn.Close()
}

// healthy waits until status finds nothing wrong.
func healthy(t *testing.T, env *harness.Environment) harness.Status {
	t.Helper()
	return harnesstest.Healthy(t, env)
}

// inPlace turns a dial that no cloud replaces anything for.
func inPlace(t *testing.T, env *harness.Environment) {
	t.Helper()
	if err := env.Turn(map[string]any{"check": map[string]any{"interval": 10, "threshold": 3, "path": "/health"}}); err != nil {
		t.Fatal(err)
	}
	r, err := env.Polygate(t.Context(), "preview", "--exit-code")
	if err != nil {
		t.Fatal(err)
	}
	if r.Code != 1 || !strings.Contains(r.Stdout, "update") || harnesstest.Would(r.Stdout, "replace") || harnesstest.Would(r.Stdout, "delete") || harnesstest.Would(r.Stdout, "create") {
		t.Errorf("another threshold is not an update in place:\n%s", r.Stdout)
	}
	must(t, env, "up")
}
