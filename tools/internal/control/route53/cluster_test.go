package route53

import (
	"errors"
	"strings"
	"testing"
	"time"

	"polygate.example/tools/internal/control"
)

// Routing controls are switched on the data plane alone: Route 53's own API may be lost.
func TestClusterDrain(t *testing.T) {
	f := newFake(t)
	m := f.manager(f.switched(3))
	f.lost = true
	for _, drained := range []bool{true, true, false, false} {
		if err := m.Drain(t.Context(), []string{"aws/0", "aws/2"}, drained); err != nil {
			t.Fatal(err)
		}
		want := map[bool]string{true: "Off", false: "On"}[drained]
		if f.controls[arn(0)] != want || f.controls[arn(1)] != "On" || f.controls[arn(2)] != want {
			t.Errorf("Drain(%t): %v", drained, f.controls)
		}
	}
	if len(f.bodies) != 2 || strings.Count(f.bodies[0], "RoutingControlArn") != 2 {
		t.Errorf("%q: want two changes, of both regions at once", f.bodies)
	}
	if f.count("/2013-04-01/") > 0 {
		t.Errorf("Route 53 was asked: %v", f.log)
	}
}

func TestClusterRegions(t *testing.T) {
	f := newFake(t)
	m := f.manager(f.switched(5))
	f.controls[arn(4)] = "Off"
	got, err := m.Regions(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for name, r := range got {
		if want := name == "aws/4"; r.Drained != want || (r.State == "drained") != want || !r.Healthy {
			t.Errorf("%s: %+v", name, r)
		}
	}
	delete(f.controls, arn(4))
	if _, err := m.Regions(t.Context()); !errors.Is(err, control.ErrUnknown) {
		t.Errorf("%v, want that a control is unknown", err)
	}
}

// No more than ten controls go in one call (ARC developer guide, "Quotas for routing control").
func TestClusterQuota(t *testing.T) {
	f := newFake(t)
	top := f.switched(23)
	m := f.manager(top)
	var all []string
	for _, r := range top.Regions {
		all = append(all, r.Name)
	}
	if err := m.Drain(t.Context(), all, true); err != nil {
		t.Fatal(err)
	}
	var sizes []int
	for _, b := range f.bodies {
		sizes = append(sizes, strings.Count(b, "RoutingControlArn"))
	}
	if len(sizes) != 3 || sizes[0] != 10 || sizes[1] != 10 || sizes[2] != 3 {
		t.Errorf("calls of %v controls, want 10, 10 and 3", sizes)
	}
	f.conflict = "of rule r"
	if err := m.Drain(t.Context(), all, false); !errors.Is(err, ErrSafetyRule) || !strings.Contains(err.Error(), "of rule r") || !strings.Contains(err.Error(), "aws/9 on") {
		t.Errorf("%v, want the rule's refusal of the first ten", err)
	}
}

// A region that was deployed drained has a check that is disabled and inverted beside its control.
func TestClusterDeployedDrained(t *testing.T) {
	f := newFake(t)
	top := f.switched(2)
	top.Regions[1].Drained = true
	f.checks["check-1"].disabled, f.checks["check-1"].inverted = true, true
	if err := f.manager(top).Drain(t.Context(), []string{"aws/0", "aws/1"}, false); err != nil {
		t.Fatal(err)
	}
	if c := f.checks["check-1"]; c.disabled || c.inverted || f.count("check-0") > 0 {
		t.Errorf("%+v after %v, want that of aws/1 alone to be changed", c, f.log)
	}
}

func TestClusterEndpoints(t *testing.T) {
	t.Run("two are away", func(t *testing.T) {
		f := newFake(t)
		m := f.manager(f.switched(2))
		f.away = map[string]string{"us-east-1": "EndpointTemporarilyUnavailableException", "us-west-2": "ThrottlingException"}
		for range 20 {
			if err := m.Drain(t.Context(), []string{"aws/0"}, true); err != nil {
				t.Fatal(err)
			}
		}
		for _, e := range []string{"us-east-1", "us-west-2"} {
			if n := f.count(e + " "); n == 0 || n >= f.count("eu-west-1 ") {
				t.Errorf("%s was asked %d times: want it first now and then, of %d", e, n, f.count("eu-west-1 "))
			}
		}
	})
	t.Run("all are away", func(t *testing.T) {
		f := newFake(t)
		m := f.manager(f.switched(2))
		f.away = map[string]string{"us-east-1": "X", "eu-west-1": "X", "us-west-2": "X"}
		err := m.Drain(t.Context(), []string{"aws/0"}, true)
		if err == nil || !strings.Contains(err.Error(), "none of the cluster's 3 endpoints answers") || len(f.log) != 3 {
			t.Errorf("%v after %v", err, f.log)
		}
	})
	t.Run("an answer is not asked for at another endpoint", func(t *testing.T) {
		f := newFake(t)
		m := f.manager(f.switched(2))
		f.conflict = "no"
		if err := m.Drain(t.Context(), []string{"aws/0"}, true); !errors.Is(err, ErrSafetyRule) || f.count("UpdateRoutingControlStates") != 1 {
			t.Errorf("%v after %v", err, f.log)
		}
	})
}

// A rule refuses everything for a while after each change, and the second ten of a great stack follow the first at once.
func TestClusterWaitPeriod(t *testing.T) {
	f := newFake(t)
	m := f.manager(f.switched(2))
	m.cluster.wait = time.Minute
	f.conflict, f.refusals = "of a wait period", 1
	if err := m.Drain(t.Context(), []string{"aws/0"}, true); err != nil || f.count("UpdateRoutingControlStates") != 2 || f.controls[arn(0)] != "Off" {
		t.Errorf("%v after %v, controls %v", err, f.log, f.controls)
	}
}
