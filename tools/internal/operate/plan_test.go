package operate

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"polygate.example/shared/topology"
	"polygate.example/tools/internal/control"
)

// four are two regions of each of two providers.
func four(pattern, steering string, weights ...int) topology.Topology {
	t := topology.Topology{Pattern: pattern, Steering: steering, Bound: 62}
	for i, name := range []string{"aws/use1", "aws/euw1", "gcp/usc1", "gcp/euw1"} {
		provider, _, _ := strings.Cut(name, "/")
		r := topology.Region{Name: name, Provider: provider, Weight: 100}
		if i < len(weights) {
			r.Weight = weights[i]
		}
		t.Regions = append(t.Regions, r)
	}
	return t
}

// seen are regions that are well, but for some that are "ill" or "drained".
func seen(t topology.Topology, but map[string]string) map[string]control.Region {
	out := map[string]control.Region{}
	for _, r := range t.Regions {
		s := but[r.Name]
		out[r.Name] = control.Region{Healthy: s != "ill", Drained: s == "drained", State: s, Why: map[bool]string{true: "HTTP 503"}[s == "ill"]}
	}
	return out
}

func TestMake(t *testing.T) {
	ordered, weighted, groups := four("active-passive", ""), four("active-active", "weighted", 100, 50, 50, 0), four("multi-region", "latency")
	for _, c := range []struct {
		name string
		t    topology.Topology
		but  map[string]string
		o    Order
		want Plan
	}{
		{"the next one takes over", ordered, nil, Order{From: []string{"aws/use1"}},
			Plan{Drain: []string{"aws/use1"}, Before: []string{"aws/use1"}, After: []string{"aws/euw1"}, Moved: 1, Left: 3}},
		{"a whole provider", ordered, nil, Order{From: []string{"aws"}},
			Plan{Drain: []string{"aws/use1", "aws/euw1"}, Before: []string{"aws/use1"}, After: []string{"gcp/usc1"}, Moved: 1, Left: 2}},
		{"a standby: nobody moves", ordered, nil, Order{From: []string{"gcp/euw1"}},
			Plan{Drain: []string{"gcp/euw1"}, Before: []string{"aws/use1"}, After: []string{"aws/use1"}, Load: 1, Left: 3}},
		{"to one that is not the next", ordered, nil, Order{From: []string{"aws/use1"}, To: []string{"gcp/usc1"}},
			Plan{Drain: []string{"aws/use1", "aws/euw1"}, Before: []string{"aws/use1"}, After: []string{"gcp/usc1"}, Moved: 1, Left: 2}},
		{"to a provider", ordered, nil, Order{From: []string{"aws/use1"}, To: []string{"gcp"}},
			Plan{Drain: []string{"aws/use1", "aws/euw1"}, Before: []string{"aws/use1"}, After: []string{"gcp/usc1"}, Moved: 1, Left: 2}},
		{"one that is ill stays behind", ordered, map[string]string{"aws/euw1": "ill"}, Order{From: []string{"aws/use1"}, Mode: Ungraceful},
			Plan{Drain: []string{"aws/use1"}, Before: []string{"aws/use1"}, After: []string{"gcp/usc1"}, Moved: 1, Left: 2}},
		{"as it is already", ordered, map[string]string{"aws/use1": "drained"}, Order{From: []string{"aws/use1"}},
			Plan{Before: []string{"aws/euw1"}, After: []string{"aws/euw1"}, Load: 1, Left: 3}},
		{"back again", ordered, map[string]string{"aws/use1": "drained"}, Order{Back: []string{"aws"}},
			Plan{Undrain: []string{"aws/use1"}, Before: []string{"aws/euw1"}, After: []string{"aws/use1"}, Moved: 1, Left: 4}},
		{"by weight", weighted, nil, Order{From: []string{"aws/use1"}},
			Plan{Drain: []string{"aws/use1"}, Before: []string{"aws/use1", "aws/euw1", "gcp/usc1", "gcp/euw1"}, After: []string{"aws/euw1", "gcp/usc1", "gcp/euw1"}, Moved: 0.5, Load: 2, Left: 3}},
		{"within a group", groups, nil, Order{From: []string{"aws/euw1"}},
			Plan{Drain: []string{"aws/euw1"}, Before: []string{"aws/use1", "aws/euw1"}, After: []string{"aws/use1"}, Moved: 0.5, Load: 2, Left: 3}},
		{"from group to group", groups, nil, Order{From: []string{"aws"}},
			Plan{Drain: []string{"aws/use1", "aws/euw1"}, Before: []string{"aws/use1", "aws/euw1"}, After: []string{"gcp/usc1", "gcp/euw1"}, Moved: 1, Left: 2}},
		{"nobody is well: all are answered", ordered, map[string]string{"aws/use1": "ill", "aws/euw1": "ill", "gcp/usc1": "ill", "gcp/euw1": "drained"},
			Order{Back: []string{"gcp/euw1"}, Mode: Ungraceful},
			Plan{Undrain: []string{"gcp/euw1"}, Before: []string{"aws/use1"}, After: []string{"gcp/euw1"}, Moved: 1, Left: 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := Make(c.t, seen(c.t, c.but), c.o)
			if err != nil {
				t.Fatal(err)
			}
			c.want.Bound = 62e9
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestRefused(t *testing.T) {
	ordered := four("active-passive", "")
	for _, c := range []struct {
		name   string
		but    map[string]string
		o      Order
		unsafe bool
		want   string
	}{
		{"nobody of that name", nil, Order{From: []string{"aws/mars"}}, false, `"aws/mars" is not deployed: want one of aws, gcp, aws/use1`},
		{"everything", nil, Order{From: []string{"aws", "gcp"}, Mode: Ungraceful}, true, "0 regions would be well"},
		{"more than may go", nil, Order{From: []string{"aws"}, Least: 3}, true, "2 regions would be well and in traffic, and at least 3"},
		{"the rest is ill", map[string]string{"aws/euw1": "ill", "gcp/usc1": "ill", "gcp/euw1": "ill"}, Order{From: []string{"aws/use1"}, Mode: Ungraceful}, true, "0 regions"},
		{"to one that is drained", map[string]string{"gcp/usc1": "drained"}, Order{From: []string{"aws"}, To: []string{"gcp/usc1"}}, true, "`polygate undrain gcp/usc1`"},
		{"gracefully to one that is ill", map[string]string{"gcp/usc1": "ill"}, Order{From: []string{"aws"}, To: []string{"gcp/usc1"}, Mode: Graceful}, true, "(HTTP 503)"},
		{"gracefully out of a failure", map[string]string{"aws/use1": "ill", "aws/euw1": "ill", "gcp/usc1": "ill", "gcp/euw1": "ill"}, Order{From: []string{"aws/use1"}, Mode: Graceful}, true, "0 regions"},
		{"back to one that is ill", map[string]string{"gcp/usc1": "ill"}, Order{Back: []string{"gcp/usc1"}}, false, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Make(ordered, seen(ordered, c.but), c.o)
			if c.want == "" {
				if err != nil {
					t.Errorf("%v: what is not drained has nothing to be refused", err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), c.want) || errors.Is(err, ErrUnsafe) != c.unsafe {
				t.Errorf("%v: want %q, a safety rule's: %t", err, c.want, c.unsafe)
			}
		})
	}
	ill := seen(ordered, nil)
	ill["aws/use1"] = control.Region{Drained: true, State: "drained", Why: "connection refused"}
	if _, err := Make(ordered, ill, Order{Back: []string{"aws/use1"}}); !errors.Is(err, ErrUnsafe) || !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("back to one that does not answer: %v", err)
	}
	if _, err := Make(ordered, ill, Order{Back: []string{"aws/use1"}, Mode: Ungraceful}); err != nil {
		t.Errorf("the same ungracefully: %v", err)
	}
}
