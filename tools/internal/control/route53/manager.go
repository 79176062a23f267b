// Package route53 is the control seat of a stack that Route 53 steers: its health checks, its routing controls where it has them, and the
// weights of its records.
//
// A region without a routing control is drained as a deployment drains it, by a health check that is disabled and inverted. That is
// Route 53's control plane, which is in us-east-1 ("AWS Fault Isolation Boundaries", Appendix B, "Route 53"); routing controls are a
// data plane in five regions, for those who must be able to move traffic without it.
package route53

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"

	"polygate.example/shared/topology"
	"polygate.example/tools/internal/control"
)

// name is Route 53's as a topology has it.
const name = "route53"

// checks is what is used of Route 53.
type checks interface {
	GetHealthCheck(context.Context, *route53.GetHealthCheckInput, ...func(*route53.Options)) (*route53.GetHealthCheckOutput, error)
	GetHealthCheckStatus(context.Context, *route53.GetHealthCheckStatusInput, ...func(*route53.Options)) (*route53.GetHealthCheckStatusOutput, error)
	UpdateHealthCheck(context.Context, *route53.UpdateHealthCheckInput, ...func(*route53.Options)) (*route53.UpdateHealthCheckOutput, error)
}

// Manager is Route 53 as far as it steers one stack.
type Manager struct {
	checks   checks
	records  records
	zone     string // id of the hosted zone; "" where the topology does not tell
	hostname string // the shared name
	weighted bool   // its records have weights
	regions  []topology.Region
	cluster  *cluster      // nil for a stack without routing controls
	pause    time.Duration // between two attempts while Route 53 throttles
}

// New takes the regions, their health checks and their routing controls from a topology. Route 53 is asked where config's region is
// served from, us-east-1 when it names none.
func New(config aws.Config, t topology.Topology) (*Manager, error) {
	if t.Manager != name {
		return nil, fmt.Errorf("the topology of %s is steered by %q, not by %s", t.Environment, t.Manager, name)
	}
	for _, r := range t.Regions {
		if r.HealthCheck == "" {
			return nil, fmt.Errorf("the topology of %s has no health check of %s: run `polygate up` with this version to have it written anew", t.Environment, r.Name)
		}
	}
	c, err := newCluster(config, t)
	if err != nil {
		return nil, err
	}
	client := route53.NewFromConfig(config, func(o *route53.Options) {
		if o.Region == "" {
			o.Region = "us-east-1"
		}
	})
	return &Manager{
		checks: client, records: client, zone: t.Details[detailZone], hostname: t.Hostname, weighted: t.Steering == weighted && t.Details[detailZone] != "",
		regions: t.Regions, cluster: c, pause: time.Second,
	}, nil
}

// Regions tells what Route 53 says of each region. When some of them are unknown there, the others are returned beside the error.
func (m *Manager) Regions(ctx context.Context) (map[string]control.Region, error) {
	var on map[string]bool
	if m.cluster != nil {
		var err error
		if on, err = m.cluster.states(ctx, m.regions); err != nil {
			return nil, err
		}
	}
	var shares map[string][]types.ResourceRecordSet
	if m.weighted {
		var err error
		if shares, err = m.weights(ctx); err != nil {
			return nil, err
		}
	}
	var mu sync.Mutex
	out := make(map[string]control.Region, len(m.regions))
	err := each(ctx, m.regions, func(ctx context.Context, r topology.Region) error {
		seen, err := m.look(ctx, r)
		if err != nil {
			return err
		}
		if m.cluster != nil && !on[r.Name] {
			seen.Drained, seen.State = true, stateDrained
		}
		seen.Held = held(r, shares[r.Name])
		mu.Lock()
		defer mu.Unlock()
		out[r.Name] = seen
		return nil
	})
	return out, err
}

// Drain takes regions out of traffic or gives it back to them. With routing controls these are switched, and nothing else is asked. Only
// the check of a region that was deployed drained has then to be changed, too: it is healthy in no state of its control.
func (m *Manager) Drain(ctx context.Context, regions []string, drained bool) error {
	wanted, err := m.named(regions)
	if err != nil {
		return err
	}
	if m.cluster != nil {
		if err := m.cluster.turn(ctx, wanted, !drained); err != nil {
			return err
		}
		if drained {
			return nil
		}
		wanted = slices.DeleteFunc(wanted, func(r topology.Region) bool { return !r.Drained })
	}
	return each(ctx, wanted, func(ctx context.Context, r topology.Region) error { return m.set(ctx, r, drained) })
}

// named finds regions by their names, each once.
func (m *Manager) named(names []string) ([]topology.Region, error) {
	var out []topology.Region
	var errs []error
	var known []string
	for _, r := range m.regions {
		known = append(known, r.Name)
		if slices.Contains(names, r.Name) {
			out = append(out, r)
		}
	}
	for _, n := range names {
		if !slices.Contains(known, n) {
			errs = append(errs, fmt.Errorf("region %q is not in the topology: want one of %s", n, strings.Join(known, ", ")))
		}
	}
	return out, errors.Join(errs...)
}

var _ control.Manager = (*Manager)(nil)
