package cloudflare_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"polygate.example/shared/topology"
	"polygate.example/tools/internal/control"
)

// shared is the world with weights: gcp/b has half of what aws/a has.
func shared(pattern string) topology.Topology {
	w := world()
	w.Pattern, w.Steering = pattern, "weighted"
	w.Regions[0].Weight, w.Regions[1].Weight = 100, 50
	return w
}

func TestShare(t *testing.T) {
	for _, c := range []struct {
		name    string
		pools   []string
		region  string
		percent int
		want    string
		held    int // afterwards
	}{
		{"a pool of its own", []string{single("p1", "aws-a", "true"), single("p2", "gcp-b", "true")}, "aws/a", 25,
			`lb1 {"random_steering":{"default_weight":0.5,"pool_weights":{"p1":0.25,"p2":0.5}}}`, 75},
		{"of a half", []string{single("p1", "aws-a", "true"), single("p2", "gcp-b", "true")}, "gcp/b", 5,
			`lb1 {"random_steering":{"default_weight":0.5,"pool_weights":{"p1":1,"p2":0.03}}}`, 94},
		{"all of it is there already", []string{single("p1", "aws-a", "true"), single("p2", "gcp-b", "true")}, "gcp/b", 100, "", 0},
		{"an origin of a group", []string{strings.Replace(group("true", "true", "true"), "0.25", "1", 1)}, "aws/a", 50,
			"g1 {" + strings.Replace(origins("true", "true"), "0.25", "0.5", 1) + "}", 50},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFake(t, c.pools...)
			f.lb["steering_policy"] = "random"
			f.lb["random_steering"] = map[string]any{"default_weight": 0.5, "pool_weights": map[string]any{"p1": 1, "p2": 0.5}}
			for id := range f.pools {
				f.health[id] = looks("nobody.example.com")
			}
			m := manage(t, f, shared("active-active"))
			if err := m.Steps(t.Context(), []string{c.region}, []int{c.percent, 100}); err != nil {
				t.Fatal(err)
			}
			for range 2 { // it can be repeated
				if err := m.Share(t.Context(), c.region, c.percent); err != nil {
					t.Fatal(err)
				}
			}
			if got := strings.Join(f.writes, "\n"); got != c.want {
				t.Errorf("sent\n%s\nwant\n%s", got, c.want)
			}
			seen, err := m.Regions(t.Context())
			if err != nil || seen[c.region].Held != c.held {
				t.Errorf("%v: %d %% is held, want %d", err, seen[c.region].Held, c.held)
			}
		})
	}
}

func TestStepsRefused(t *testing.T) {
	alone := []string{single("p1", "aws-a", "true"), single("p2", "gcp-b", "true")}
	for _, c := range []struct {
		name, steering string
		pools          []string
		percents       []int
		want           string
	}{
		{"pools in order", "off", alone, []int{5, 100}, "aws/a: not in these steps: it shares its pool with nobody"},
		{"a ramp of the stack", "random", append([]string{single("p1-2", "aws-a", "true")}, alone...), []int{5, 100}, "the stack has steps of its own (polygate:ramp)"},
		{"too small a part", "random", alone, []int{1, 100}, "gcp/b: not in these steps: its weight is 0.01 of the greatest, of which Cloudflare has no 1 %"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFake(t, c.pools...)
			f.lb["steering_policy"] = c.steering
			w := shared("active-active")
			w.Regions[1].Weight = 1
			err := manage(t, f, w).Steps(t.Context(), []string{"aws/a", "gcp/b"}, c.percents)
			if !errors.Is(err, control.ErrNoSteps) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want ...%s...", err, c.want)
			}
			if diff := cmp.Diff([]string(nil), f.writes); diff != "" {
				t.Errorf("it was only asked:\n%s", diff)
			}
		})
	}
	f := newFake(t, alone...)
	f.fail["GET "+lbPath] = `503 {"success":false,"errors":[{"code":10000,"message":"service failure"}]}`
	if err := manage(t, f, shared("active-active")).Steps(t.Context(), []string{"aws/a"}, []int{100}); err == nil || errors.Is(err, control.ErrNoSteps) {
		t.Errorf("an API that does not answer: %v", err)
	}
}
