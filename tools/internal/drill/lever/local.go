// Package lever breaks what drills break: on local clouds by their control API, and elsewhere by a lease that the gateway itself obeys.
package lever

import (
	"context"
	"fmt"

	"polygate.example/tools/internal/drill"
	"polygate.example/tools/internal/localcloud"
	"polygate.example/tools/internal/localcloud/fault"
)

// clouds is what is used of local clouds.
type clouds interface {
	Inject(ctx context.Context, f fault.Fault) error
	Cure(ctx context.Context, c fault.Cure) (int, error)
	Overview(ctx context.Context) (localcloud.Overview, error)
}

// kinds are the faults of drills as local clouds name them.
var kinds = map[drill.Kind]fault.Kind{
	drill.HealthFail: fault.HealthFail, drill.Blackhole: fault.Blackhole, drill.Latency: fault.Slow, drill.ErrorRate: fault.Errors, drill.RegionDown: fault.Down,
	drill.ProviderDown: fault.Down, drill.DNSStale: fault.Stale, drill.CertificateExpired: fault.Expired, drill.ControlPlaneDown: fault.ControlPlane,
}

// Local is the lever of local clouds, which have every fault.
type Local struct{ clouds clouds }

// NewLocal takes local clouds.
func NewLocal(c *localcloud.Client) Local { return Local{c} }

// Can is nil for every fault.
func (l Local) Can(f drill.Fault) error {
	if _, ok := kinds[f.Kind]; !ok {
		return fmt.Errorf("local clouds have no fault %q", f.Kind)
	}
	return nil
}

// Pull has it broken, with a lease.
func (l Local) Pull(ctx context.Context, f drill.Fault, lease drill.Lease) error {
	return l.clouds.Inject(ctx, fault.Fault{
		Target: f.Target, Kind: kinds[f.Kind], Delay: f.Delay, Rate: f.Rate, SparesHealth: f.SparesHealth, Lease: lease.For, Drill: lease.Drill, Token: lease.Token,
	})
}

// Release has it mended.
func (l Local) Release(ctx context.Context, f drill.Fault, token uint64) error {
	_, err := l.clouds.Cure(ctx, fault.Cure{Target: f.Target, Kind: kinds[f.Kind], Token: token})
	return err
}

// InForce lists what is broken, by hand as well.
func (l Local) InForce(ctx context.Context) ([]drill.InForce, error) {
	o, err := l.clouds.Overview(ctx)
	if err != nil {
		return nil, err
	}
	var out []drill.InForce
	for _, f := range o.Faults {
		was := drill.Fault{Target: f.Target, Delay: f.Delay, Rate: f.Rate, SparesHealth: f.SparesHealth}
		for kind, name := range kinds {
			if name == f.Kind && (kind != drill.ProviderDown || !isRegion(f.Target)) && (kind != drill.RegionDown || isRegion(f.Target)) {
				was.Kind = kind
			}
		}
		if was.Kind == "" { // a manager that is down, which no drill does
			was.Kind = drill.Kind(f.Kind)
		}
		out = append(out, drill.InForce{Fault: was, Drill: f.Drill, Token: f.Token, Left: f.Left})
	}
	return out, nil
}

// Tidy has nothing to do: a lease that is over leaves nothing.
func (l Local) Tidy(context.Context, uint64) ([]string, error) { return nil, nil }

var (
	_ drill.Lever = Local{}
	_ clouds      = (*localcloud.Client)(nil)
)
