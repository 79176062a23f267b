package lever

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"polygate.example/shared/health"
	"polygate.example/shared/topology"
	"polygate.example/tools/internal/control"
	"polygate.example/tools/internal/drill"
)

// leased are the faults that the gateway itself obeys.
var leased = map[drill.Kind]string{
	drill.HealthFail: health.DrillHealthFail, drill.Latency: health.DrillLatency, drill.ErrorRate: health.DrillErrorRate,
	drill.RegionDown: health.DrillRegionDown, drill.ProviderDown: health.DrillRegionDown,
}

// longest is the time, on the wall clock and with what the cloud takes to carry the order out, that a lease may have at most: the gateway obeys none
// that ends later than health.DrillLimit from when it reads it, and its clock may be behind the runner's.
const longest = health.DrillLimit - time.Minute

// orders is how long a real cloud may take to carry an order out, which is added to a lease: the gateway goes by the clock, and the fault is to be
// there for its time. Sources: "Lambda function states" (seconds to a minute), "Update function" of Cloud Functions, which builds anew (minutes),
// and "App settings", whose change restarts the app; confirmed by nobody here.
var orders = map[string]time.Duration{"aws": time.Minute, "azure": 2 * time.Minute, "gcp": 10 * time.Minute}

// Leased is the lever of real clouds: a variable of the region's functions, which the gateway obeys until its time is over. Nothing else can be
// broken there that mends itself when the runner dies. Local clouds have it as well.
type Leased struct {
	regions   []topology.Region
	providers map[string]control.Lever // by name
	speed     float64                  // cloud seconds per wall second
	now       func() time.Time
}

// NewLeased takes the levers of a stack's providers.
func NewLeased(t topology.Topology, providers map[string]control.Lever, speed float64) *Leased {
	return &Leased{regions: t.Regions, providers: providers, speed: speed, now: time.Now}
}

// Can says what the gateway cannot do to itself.
func (l *Leased) Can(f drill.Fault) error {
	if _, ok := leased[f.Kind]; !ok {
		return fmt.Errorf("nothing in a real cloud can be broken in this way and mend itself: want one of %s", strings.Join(able(), ", "))
	}
	if f.SparesHealth {
		return errors.New("the gateway's own lease does not spare the health endpoint")
	}
	_, err := l.under(f)
	return err
}

// able are the faults that can be made, sorted.
func able() []string {
	var out []string
	for k := range leased {
		out = append(out, string(k))
	}
	slices.Sort(out)
	return out
}

// under are the regions of a fault, each with its provider's lever.
func (l *Leased) under(f drill.Fault) (map[string]control.Lever, error) {
	out := map[string]control.Lever{}
	for _, r := range l.regions {
		if r.Name != f.Target && r.Provider != f.Target {
			continue
		}
		lever, ok := l.providers[r.Provider]
		if !ok {
			return nil, fmt.Errorf("%s cannot be reached: see `polygate status`", r.Provider)
		}
		out[r.Name] = lever
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("%s is not deployed", f.Target)
	}
	return out, nil
}

// Pull puts all regions of the fault under a lease, at the same time. The lease counts from when the order goes out: a cloud takes its time to
// carry it out, and the gateway goes by the clock.
func (l *Leased) Pull(ctx context.Context, f drill.Fault, lease drill.Lease) error {
	delay := time.Duration(float64(f.Delay) / l.speed).Round(time.Millisecond)
	return l.each(f, func(region string, lever control.Lever) error {
		if most := l.most(region); lease.For > most { // one that is cut short would end while the fault is watched
			return fmt.Errorf("a lease of %s is longer than a fault may have there, %s", lease.For, most)
		}
		until := l.now().Add(time.Duration(float64(lease.For)/l.speed) + l.takes(region)).Truncate(time.Second).Add(time.Second)
		return lever.Pull(ctx, region, control.Lease{Fault: leased[f.Kind], Until: until, Token: lease.Token, Drill: lease.Drill, Rate: f.Rate, Delay: delay})
	})
}

// Longest is the longest lease that a fault can have in all of its regions, cloud time.
func (l *Leased) Longest(f drill.Fault) time.Duration {
	out := l.most("")
	for _, r := range l.regions {
		if r.Name == f.Target || r.Provider == f.Target {
			out = min(out, l.most(r.Name))
		}
	}
	return out
}

// most is the longest lease of a region, cloud time.
func (l *Leased) most(region string) time.Duration {
	return time.Duration(float64(longest-l.takes(region)) * l.speed)
}

// takes is how long the region's cloud may take to carry an order out. Local clouds, whatever their speed above 1, take no time.
func (l *Leased) takes(region string) time.Duration {
	if l.speed != 1 {
		return 0
	}
	provider, _, _ := strings.Cut(region, "/")
	return orders[provider]
}

// Release takes them from under it. By hand each comes with the token that it has.
func (l *Leased) Release(ctx context.Context, f drill.Fault, token uint64) error {
	return l.each(f, func(region string, lever control.Lever) error {
		if token > 0 {
			return lever.Release(ctx, region, token)
		}
		pulled, err := lever.Pulled(ctx)
		if lease, ok := pulled[region]; ok {
			return lever.Release(ctx, region, lease.Token)
		}
		return err
	})
}

// each does something to all regions of a fault at the same time.
func (l *Leased) each(f drill.Fault, do func(region string, lever control.Lever) error) error {
	under, err := l.under(f)
	if err != nil {
		return err
	}
	var mu sync.Mutex
	var errs []error
	var all sync.WaitGroup
	for region, lever := range under {
		all.Go(func() {
			if err := do(region, lever); err != nil {
				mu.Lock()
				defer mu.Unlock()
				errs = append(errs, fmt.Errorf("%s: %w", region, err))
			}
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

// InForce lists the leases that are not over.
func (l *Leased) InForce(ctx context.Context) ([]drill.InForce, error) {
	var out []drill.InForce
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(l.providers)) {
		pulled, err := l.providers[name].Pulled(ctx)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", name, err))
		}
		for _, region := range slices.Sorted(maps.Keys(pulled)) {
			lease := pulled[region]
			if lease.Expired(l.now()) {
				continue
			}
			f := drill.Fault{Target: region, Rate: lease.Rate, Delay: time.Duration(float64(lease.Delay) * l.speed)}
			for kind, fault := range leased {
				if fault == lease.Fault && kind != drill.ProviderDown {
					f.Kind = kind
				}
			}
			out = append(out, drill.InForce{Fault: f, Drill: lease.Drill, Token: lease.Token, Left: time.Duration(float64(lease.Until.Sub(l.now())) * l.speed)})
		}
	}
	return out, errors.Join(errs...)
}

// Tidy takes the variables away whose time is over: the gateway obeys them no more, and on AWS a version of the function is left with them.
func (l *Leased) Tidy(ctx context.Context, token uint64) ([]string, error) {
	var out []string
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(l.providers)) {
		pulled, err := l.providers[name].Pulled(ctx)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", name, err))
		}
		for _, region := range slices.Sorted(maps.Keys(pulled)) {
			if !pulled[region].Expired(l.now()) {
				continue
			}
			if err := l.providers[name].Release(ctx, region, max(token, pulled[region].Token)); err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", region, err))
				continue
			}
			out = append(out, region)
		}
	}
	return out, errors.Join(errs...)
}

// isRegion reports whether a target is one region.
func isRegion(target string) bool { return strings.Contains(target, "/") }

var (
	_ drill.Lever   = (*Leased)(nil)
	_ drill.Limited = (*Leased)(nil)
)
