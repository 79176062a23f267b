package lever

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"polygate.example/shared/health"
	"polygate.example/shared/topology"
	"polygate.example/tools/internal/control"
	"polygate.example/tools/internal/drill"
	"polygate.example/tools/internal/localcloud"
	"polygate.example/tools/internal/localcloud/fault"
)

// register is local clouds as a lever sees them.
type register struct{ faults []fault.Fault }

func (r *register) Inject(_ context.Context, f fault.Fault) error {
	r.faults = append(r.faults, f)
	return nil
}

func (r *register) Cure(_ context.Context, c fault.Cure) (int, error) {
	before := len(r.faults)
	r.faults = slices.DeleteFunc(r.faults, func(f fault.Fault) bool { return f.Target == c.Target && f.Kind == c.Kind && f.Token <= c.Token })
	return before - len(r.faults), nil
}

func (r *register) Overview(context.Context) (localcloud.Overview, error) {
	return localcloud.Overview{Faults: r.faults}, nil
}

// Every fault that drills know can be made on local clouds, comes back as the same, and is mended.
func TestLocal(t *testing.T) {
	for _, kind := range drill.Kinds() {
		t.Run(string(kind), func(t *testing.T) {
			f := drill.Fault{Kind: kind, Target: "aws/us-east-1"}
			switch kind {
			case drill.ProviderDown, drill.ControlPlaneDown:
				f.Target = "aws"
			case drill.DNSStale:
				f.Target = "route53"
			case drill.Latency:
				f.Delay = 9 * time.Second
			case drill.ErrorRate:
				f.Rate, f.SparesHealth = 0.5, true
			}
			r := &register{}
			l := Local{r}
			if err := l.Can(f); err != nil {
				t.Fatal(err)
			}
			if err := l.Pull(t.Context(), f, drill.Lease{Drill: "d", Token: 3, For: time.Minute}); err != nil {
				t.Fatal(err)
			}
			if got := r.faults[0]; got.Lease != time.Minute || got.Token != 3 || got.Drill != "d" {
				t.Errorf("the register has %+v", got)
			}
			in, err := l.InForce(t.Context())
			if err != nil || len(in) != 1 || in[0].Fault != f || in[0].Drill != "d" {
				t.Errorf("in force: %+v, %v; want %+v", in, err, f)
			}
			if err := l.Release(t.Context(), f, 3); err != nil || len(r.faults) != 0 {
				t.Errorf("left: %+v, %v", r.faults, err)
			}
		})
	}
}

// account is a provider's levers.
type account struct {
	mu     sync.Mutex
	leases map[string]control.Lease
	err    error
}

func (a *account) Pull(_ context.Context, region string, l control.Lease) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.err != nil {
		return a.err
	}
	a.leases[region] = l
	return nil
}

func (a *account) Release(_ context.Context, region string, token uint64) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.leases[region].Token > token {
		return control.ErrFenced
	}
	delete(a.leases, region)
	return nil
}

func (a *account) Pulled(context.Context) (map[string]control.Lease, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return maps.Clone(a.leases), nil
}

func deployed() topology.Topology {
	return topology.Topology{Regions: []topology.Region{{Name: "aws/a", Provider: "aws"}, {Name: "aws/b", Provider: "aws"}, {Name: "gcp/c", Provider: "gcp"}}}
}

func leasedOn(now time.Time, speed float64) (*Leased, *account) {
	a := &account{leases: map[string]control.Lease{}}
	l := NewLeased(deployed(), map[string]control.Lever{"aws": a}, speed)
	l.now = func() time.Time { return now }
	return l, a
}

func TestLeased(t *testing.T) {
	now := time.Date(2026, 11, 30, 12, 0, 0, 500, time.UTC)
	l, a := leasedOn(now, 10)
	f := drill.Fault{Kind: drill.ProviderDown, Target: "aws"}
	if err := l.Pull(t.Context(), f, drill.Lease{Drill: "d", Token: 3, For: 100 * time.Second}); err != nil {
		t.Fatal(err)
	}
	want := control.Lease{Fault: health.DrillRegionDown, Until: time.Date(2026, 11, 30, 12, 0, 11, 0, time.UTC), Token: 3, Drill: "d"}
	if len(a.leases) != 2 || a.leases["aws/a"] != want || a.leases["aws/b"] != want {
		t.Errorf("%+v, want both regions under %+v: ten seconds at ten times the speed, to the next whole one", a.leases, want)
	}
	in, err := l.InForce(t.Context())
	if err != nil || len(in) != 2 || in[0].Fault.Kind != drill.RegionDown || in[0].Fault.Target != "aws/a" || in[0].Left <= 100*time.Second || in[0].Left > 110*time.Second {
		t.Errorf("in force: %+v, %v", in, err)
	}
	l.now = func() time.Time { return now.Add(11 * time.Second) }
	if in, err := l.InForce(t.Context()); err != nil || len(in) != 0 {
		t.Errorf("the lease is over, and in force: %+v, %v", in, err)
	}
	expired := map[string]control.Lease{"aws/a": a.leases["aws/a"]}
	if tidied, err := l.Tidy(t.Context(), 1); err != nil || !slices.Equal(tidied, []string{"aws/a", "aws/b"}) || len(a.leases) != 0 {
		t.Errorf("tidied %v, %v; left %+v", tidied, err, a.leases)
	}
	a.leases = expired
	l.now = func() time.Time { return now }
	if tidied, err := l.Tidy(t.Context(), 1); err != nil || len(tidied) != 0 || len(a.leases) != 1 {
		t.Errorf("a lease that is not over: tidied %v, %v", tidied, err)
	}
	if err := l.Release(t.Context(), f, 2); !errors.Is(err, control.ErrFenced) {
		t.Errorf("an earlier drill: %v", err)
	}
	if err := l.Release(t.Context(), f, 3); err != nil || len(a.leases) != 0 {
		t.Errorf("left: %+v, %v", a.leases, err)
	}
	a.leases = map[string]control.Lease{"aws/a": {Fault: health.DrillRegionDown, Token: 5}, "aws/b": {Fault: health.DrillRegionDown, Token: 9}}
	if err := l.Release(t.Context(), f, 0); err != nil || len(a.leases) != 0 {
		t.Errorf("by hand, each with a token of its own: left %+v, %v", a.leases, err)
	}
	a.err = errors.New("denied")
	if err := l.Pull(t.Context(), f, drill.Lease{Drill: "d", Token: 3, For: time.Second}); err == nil || !strings.Contains(err.Error(), "aws/a: denied") {
		t.Errorf("%v", err)
	}
}

// A lease is given as it was asked for, or refused, and never cut: a fault that ends while it is watched says something else than it seems to.
func TestLeasedTooLong(t *testing.T) {
	now := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		speed  float64
		target string
		most   time.Duration
		until  time.Duration // from now, of the longest lease
	}{
		"AWS":                             {1, "aws/a", 58 * time.Minute, 59*time.Minute + time.Second},
		"Google, which takes ten minutes": {1, "gcp/c", 49 * time.Minute, 59*time.Minute + time.Second},
		"local clouds":                    {10, "aws/a", 590 * time.Minute, 59*time.Minute + time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			a := &account{leases: map[string]control.Lease{}}
			l := NewLeased(deployed(), map[string]control.Lever{"aws": a, "gcp": a}, c.speed)
			l.now = func() time.Time { return now }
			f := drill.Fault{Kind: drill.RegionDown, Target: c.target}
			if got := l.Longest(f); got != c.most {
				t.Errorf("longest is %s, want %s", got, c.most)
			}
			err := l.Pull(t.Context(), f, drill.Lease{Drill: "d", Token: 3, For: c.most + time.Second})
			if err == nil || !strings.Contains(err.Error(), c.target+": a lease of "+(c.most+time.Second).String()+" is longer than a fault may have there, "+c.most.String()) || len(a.leases) != 0 {
				t.Errorf("one that is longer: %v, %+v", err, a.leases)
			}
			if err := l.Pull(t.Context(), f, drill.Lease{Drill: "d", Token: 3, For: c.most}); err != nil || !a.leases[c.target].Until.Equal(now.Add(c.until)) {
				t.Errorf("the longest: %v, until %s, want %s", err, a.leases[c.target].Until, now.Add(c.until))
			}
			if _, err := a.leases[c.target].Document(now); err != nil {
				t.Errorf("no gateway obeys it: %v", err)
			}
		})
	}
	l := NewLeased(deployed(), nil, 1)
	if got := l.Longest(drill.Fault{Kind: drill.ProviderDown, Target: "gcp"}); got != 49*time.Minute {
		t.Errorf("of a provider %s", got)
	}
}

// What a real cloud cannot mend by itself is refused, with what can be done.
func TestLeasedCan(t *testing.T) {
	l, _ := leasedOn(time.Now(), 1)
	for _, c := range []struct {
		fault drill.Fault
		want  string // "" for what it can
	}{
		{drill.Fault{Kind: drill.HealthFail, Target: "aws/a"}, ""},
		{drill.Fault{Kind: drill.Latency, Target: "aws/a", Delay: time.Second}, ""},
		{drill.Fault{Kind: drill.ErrorRate, Target: "aws/a", Rate: 1}, ""},
		{drill.Fault{Kind: drill.ErrorRate, Target: "aws/a", Rate: 1, SparesHealth: true}, "does not spare the health endpoint"},
		{drill.Fault{Kind: drill.Blackhole, Target: "aws/a"}, "want one of error-rate, health-fail, latency, provider-down, region-down"},
		{drill.Fault{Kind: drill.DNSStale, Target: "route53"}, "want one of"},
		{drill.Fault{Kind: drill.RegionDown, Target: "gcp/c"}, "gcp cannot be reached"},
		{drill.Fault{Kind: drill.RegionDown, Target: "aws/z"}, "not deployed"},
	} {
		err := l.Can(c.fault)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.fault, err, c.want)
		}
	}
}

var (
	_ clouds        = (*register)(nil)
	_ control.Lever = (*account)(nil)
)
