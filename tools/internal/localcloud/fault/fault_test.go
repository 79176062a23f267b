package fault_test

import (
	"strings"
	"testing"
	"time"

	"polygate.example/tools/internal/localcloud/fault"
)

func set(t *testing.T, faults ...fault.Fault) *fault.Set {
	t.Helper()
	s := &fault.Set{}
	for _, f := range faults {
		if err := s.Inject(f); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func TestInjectRefuses(t *testing.T) {
	for _, tt := range []struct {
		f    fault.Fault
		want string
	}{
		{fault.Fault{Target: "aws", Kind: "flood"}, `unknown fault kind "flood"`},
		{fault.Fault{Target: "aws", Kind: fault.Slow}, "a delay above zero"},
		{fault.Fault{Target: "aws", Kind: fault.Slow, Delay: -time.Second}, "got -1s"},
		{fault.Fault{Target: "aws", Kind: fault.Errors}, "a rate above 0"},
		{fault.Fault{Target: "aws", Kind: fault.Errors, Rate: 1.1}, "got 1.1"},
		{fault.Fault{Target: "aws/us-east-1", Kind: fault.ControlPlane}, `not the region "aws/us-east-1"`},
	} {
		var s fault.Set
		if err := s.Inject(tt.f); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%+v: %v, want %q", tt.f, err, tt.want)
		}
		if left := s.List(); len(left) != 0 {
			t.Errorf("in force though refused: %+v", left)
		}
	}
}

// What a region does is its own faults and its provider's, the worse of each kind, and nobody else's.
func TestRegion(t *testing.T) {
	s := set(t,
		fault.Fault{Target: "aws", Kind: fault.Slow, Delay: 2 * time.Second},
		fault.Fault{Target: "aws/us-east-1", Kind: fault.Slow, Delay: time.Second},
		fault.Fault{Target: "aws", Kind: fault.Errors, Rate: 0.1},
		fault.Fault{Target: "aws/us-east-1", Kind: fault.Errors, Rate: 0.5},
		fault.Fault{Target: "aws/us-east-1", Kind: fault.Expired},
		fault.Fault{Target: "aws/us-east-1", Kind: fault.Down},
		fault.Fault{Target: "gcp", Kind: fault.ControlPlane},
	)
	for region, want := range map[string]fault.State{
		"aws/us-east-1":   {Down: true, Delay: 2 * time.Second, Errors: 0.5, Expired: true},
		"aws/us-east-11":  {Delay: 2 * time.Second, Errors: 0.1},
		"gcp/us-central1": {}, // the control plane is none of a front's business
		"awsome/nowhere":  {},
	} {
		if got := s.Region(region); got != want {
			t.Errorf("%s: %+v, want %+v", region, got, want)
		}
	}
	for provider, want := range map[string]bool{"gcp": true, "aws": false, "": false} {
		if got := s.Refuses(provider); got != want {
			t.Errorf("the control plane of %q refuses: %t, want %t", provider, got, want)
		}
	}
}

// A second fault of the same target and kind takes the place of the first.
func TestInjectReplaces(t *testing.T) {
	s := set(t,
		fault.Fault{Target: "aws", Kind: fault.Slow, Delay: 5 * time.Second},
		fault.Fault{Target: "aws", Kind: fault.Down},
		fault.Fault{Target: "aws", Kind: fault.Slow, Delay: time.Second},
	)
	got := s.List()
	if len(got) != 2 || got[0].Kind != fault.Down || got[1].Delay != time.Second || got[1].Since.IsZero() {
		t.Errorf("in force: %+v", got)
	}
}

func TestHeal(t *testing.T) {
	for target, healed := range map[string]int{"": 4, "aws": 3, "aws/us-east-1": 1, "aws/us": 0, "gcp": 1, "azure": 0} {
		s := set(t,
			fault.Fault{Target: "aws", Kind: fault.Down},
			fault.Fault{Target: "aws/us-east-1", Kind: fault.Down},
			fault.Fault{Target: "aws/us-east-11", Kind: fault.Down},
			fault.Fault{Target: "gcp", Kind: fault.Down},
		)
		if got, err := s.Heal(fault.Cure{Target: target}); got != healed || err != nil || len(s.List()) != 4-healed {
			t.Errorf("healing %q: %d, %v, %d left, want %d", target, got, err, len(s.List()), healed)
		}
	}
}

// A manager's servers are lost by a fault of its own, and by no provider's.
func TestLost(t *testing.T) {
	s := set(t, fault.Fault{Target: "route53", Kind: fault.Down}, fault.Fault{Target: "aws", Kind: fault.Down}, fault.Fault{Target: "cloudflare", Kind: fault.ControlPlane})
	for manager, want := range map[string]bool{"route53": true, "cloudflare": false, "trafficmanager": false, "": false} {
		if got := s.Lost(manager); got != want {
			t.Errorf("%q is lost: %t, want %t", manager, got, want)
		}
	}
}
