package fault_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"polygate.example/tools/internal/localcloud/clock"
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
		{fault.Fault{Target: "aws/us-east-1", Kind: fault.Stale}, `not the region "aws/us-east-1"`},
		{fault.Fault{Target: "aws", Kind: fault.Down, SparesHealth: true}, `fault "down" cannot spare health checks: only "errors" can`},
		{fault.Fault{Target: "aws", Kind: fault.Down, Lease: -time.Second}, "a lease above zero, or none, got -1s"},
		{fault.Fault{Target: "aws", Kind: fault.Down, Drill: "d"}, `of the drill "d" wants the token`},
		{fault.Fault{Target: "aws", Kind: fault.Down, Token: 7}, "a fault by hand has no token, got 7"},
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
		fault.Fault{Target: "azure/eastus", Kind: fault.Blackhole},
		fault.Fault{Target: "azure/eastus", Kind: fault.HealthFail},
		fault.Fault{Target: "azure/eastus", Kind: fault.Errors, Rate: 0.5, SparesHealth: true},
		fault.Fault{Target: "azure", Kind: fault.Errors, Rate: 0.1},
		fault.Fault{Target: "gcp", Kind: fault.Errors, Rate: 0.2, SparesHealth: true},
		fault.Fault{Target: "gcp/us-central1", Kind: fault.Errors, Rate: 0.4},
	)
	for region, want := range map[string]fault.State{
		"aws/us-east-1":    {Down: true, Delay: 2 * time.Second, Errors: 0.5, Expired: true},
		"aws/us-east-11":   {Delay: 2 * time.Second, Errors: 0.1},
		"gcp/us-central1":  {Errors: 0.4}, // the control plane is none of a front's business, and those spared are among those that are not
		"gcp/europe-west1": {Others: 0.2},
		"azure/eastus":     {Blackhole: true, HealthFail: true, Errors: 0.1, Others: 0.5},
		"awsome/nowhere":   {},
	} {
		if got := s.Region(region); got != want {
			t.Errorf("%s: %+v, want %+v", region, got, want)
		}
	}
	if got := s.Whole("aws"); got != (fault.State{Delay: 2 * time.Second, Errors: 0.1}) {
		t.Errorf("the whole of aws: %+v", got)
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

// A fault whose lease is over is gone from every read at that moment of cloud time, and nobody healed it.
func TestLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := fault.New(clock.New(10), 0, nil)
		const lease = 30 * time.Second
		for _, f := range []fault.Fault{
			{Target: "aws", Kind: fault.Down}, {Target: "aws", Kind: fault.ControlPlane}, {Target: "route53", Kind: fault.Stale}, {Target: "aws", Kind: fault.Slow, Delay: time.Second},
		} {
			f.Lease, f.Left = lease, time.Hour // what is left is for the clock to say
			if err := s.Inject(f); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Inject(fault.Fault{Target: "gcp", Kind: fault.Down}); err != nil {
			t.Fatal(err)
		}
		seen := func() string {
			return fmt.Sprint(len(s.List()), s.Region("aws/us-east-1"), s.Whole("aws"), s.Refuses("aws"), s.Lost("aws"), s.Stale("route53"))
		}
		broken := seen()
		time.Sleep(lease/10 - time.Nanosecond)
		if got := seen(); got != broken || !strings.HasPrefix(got, "5 ") {
			t.Errorf("just before the end: %s, want %s", got, broken)
		}
		for _, f := range s.List() {
			if f.Target != "gcp" && (f.Left <= 0 || f.Left > 10*time.Nanosecond) || f.Target == "gcp" && f.Left != 0 {
				t.Errorf("%s of %s has %s left", f.Kind, f.Target, f.Left)
			}
		}
		// One is renewed, and has been broken since it began.
		since := s.List()[0].Since
		if err := s.Inject(fault.Fault{Target: "aws", Kind: fault.Down, Lease: lease}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Nanosecond)
		if got, want := seen(), fmt.Sprint(2, fault.State{Down: true}, fault.State{Down: true}, false, true, false); got != want {
			t.Errorf("at the end: %s, want %s", got, want)
		}
		if got := s.List()[1]; got.Target != "aws" || !got.Since.Equal(since) {
			t.Errorf("renewed is %+v, want it broken since %s", got, since)
		}
		time.Sleep(lease / 10)
		if got, want := seen(), fmt.Sprint(1, fault.State{}, fault.State{}, false, false, false); got != want {
			t.Errorf("at the end of the renewed one: %s, want %s", got, want)
		}
		if n, err := s.Heal(fault.Cure{}); n != 1 || err != nil {
			t.Errorf("healed %d, %v: want the one that had no lease", n, err)
		}
	})
}

// Who is to keep what was known is told of a fault before it is in force, and not of its renewal; of one that begins anew after its
// lease, again.
func TestBegin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var begun []fault.Kind
		s := fault.New(clock.New(1), 0, func(f fault.Fault) { begun = append(begun, f.Kind) })
		inject := func(kind fault.Kind) {
			t.Helper()
			if err := s.Inject(fault.Fault{Target: "route53", Kind: kind, Lease: time.Second}); err != nil {
				t.Fatal(err)
			}
		}
		inject(fault.Stale)
		inject(fault.Stale)
		inject(fault.Down)
		time.Sleep(time.Second)
		inject(fault.Stale)
		if want := []fault.Kind{fault.Stale, fault.Down, fault.Stale}; !slices.Equal(begun, want) {
			t.Errorf("begun: %v, want %v", begun, want)
		}
	})
}

// A drill whose lock has gone to a later one changes nothing any more, neither by injecting nor by healing; who works by hand does.
func TestFence(t *testing.T) {
	s := fault.New(nil, 3, nil)
	of := func(drill string, token uint64) fault.Fault {
		return fault.Fault{Target: "aws", Kind: fault.Slow, Delay: time.Duration(token+1) * time.Second, Drill: drill, Token: token}
	}
	fenced := func(what string, err error, token, highest uint64) {
		t.Helper()
		var e *fault.FencedError
		if !errors.As(err, &e) || e.Token != token || e.Highest != highest {
			t.Errorf("%s: %v, want it fenced off by %d", what, err, highest)
		}
	}
	fenced("a token from before the clouds were started", s.Inject(of("old", 2)), 2, 3)
	if len(s.List()) != 0 {
		t.Errorf("in force though fenced off: %+v", s.List())
	}
	for _, f := range []fault.Fault{of("same", 3), of("later", 5)} {
		if err := s.Inject(f); err != nil {
			t.Fatal(err)
		}
	}
	fenced("injecting", s.Inject(of("same", 3)), 3, 5)
	_, err := s.Heal(fault.Cure{Target: "aws", Token: 4})
	fenced("healing", err, 4, 5)
	if got := s.List(); len(got) != 1 || got[0].Drill != "later" || got[0].Token != 5 || s.Highest() != 5 {
		t.Errorf("in force: %+v, highest %d", got, s.Highest())
	}
	// Healing shows a token, too, and a fault that is refused for another reason shows none.
	if err := s.Inject(fault.Fault{Target: "aws", Kind: "flood", Drill: "d", Token: 9}); err == nil || s.Highest() != 5 {
		t.Errorf("%v, highest %d", err, s.Highest())
	}
	if n, err := s.Heal(fault.Cure{Target: "gcp", Token: 6}); n != 0 || err != nil || s.Highest() != 6 {
		t.Errorf("healed %d, %v, highest %d", n, err, s.Highest())
	}
	if err := s.Inject(of("", 0)); err != nil {
		t.Errorf("by hand: %v", err)
	}
	if n, err := s.Heal(fault.Cure{}); n != 1 || err != nil {
		t.Errorf("healing by hand: %d, %v", n, err)
	}
}

// A kind narrows what is healed.
func TestHealKind(t *testing.T) {
	for _, tt := range []struct {
		cure fault.Cure
		want int
		err  string
	}{
		{fault.Cure{Target: "aws", Kind: fault.Down}, 2, ""},
		{fault.Cure{Target: "aws/us-east-1", Kind: fault.Down}, 1, ""},
		{fault.Cure{Target: "aws/us-east-1", Kind: fault.Blackhole}, 0, ""},
		{fault.Cure{Kind: fault.Down}, 3, ""},
		{fault.Cure{Target: "aws", Kind: "flood"}, 0, `unknown fault kind "flood"`},
	} {
		s := set(t,
			fault.Fault{Target: "aws", Kind: fault.Down}, fault.Fault{Target: "aws", Kind: fault.Expired},
			fault.Fault{Target: "aws/us-east-1", Kind: fault.Down}, fault.Fault{Target: "gcp", Kind: fault.Down},
		)
		got, err := s.Heal(tt.cure)
		if got != tt.want || len(s.List()) != 4-tt.want || (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
			t.Errorf("%+v: %d, %v, %d left, want %d", tt.cure, got, err, len(s.List()), tt.want)
		}
	}
}
