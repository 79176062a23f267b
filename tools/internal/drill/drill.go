// Package drill proves that a gateway survives what it is built to survive: it breaks something for a leased time, watches from the clients'
// seat and from the control seat, mends it, and says how long clients were without answers, against the bound that was computed before.
// It knows no cloud: what breaks things, and what is seen of them, is given to it.
//
// An experiment comes in, a journal is written while it runs, and an outcome is made of both.
package drill

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"polygate.example/shared/health"
	"polygate.example/shared/topology"
)

// Kind is a way to break something.
type Kind string

// The kinds there are.
const (
	HealthFail         Kind = "health-fail"         // the health endpoint says that the region is ill; everything else is answered
	Blackhole          Kind = "blackhole"           // connections are taken and nothing is ever answered
	Latency            Kind = "latency"             // each answer is delayed by Delay
	ErrorRate          Kind = "error-rate"          // a share of the requests, Rate, is answered 503
	RegionDown         Kind = "region-down"         // a region takes no connections, or answers nothing but 503
	ProviderDown       Kind = "provider-down"       // all regions of a provider are down
	DNSStale           Kind = "dns-stale"           // the manager's name servers go on answering what they answered when it began
	CertificateExpired Kind = "certificate-expired" // a region shows a certificate that has ended
	ControlPlaneDown   Kind = "control-plane-down"  // the API of a provider or manager refuses everything
)

// Kinds are all kinds, as they are told to people.
func Kinds() []Kind {
	return []Kind{HealthFail, Blackhole, Latency, ErrorRate, RegionDown, ProviderDown, DNSStale, CertificateExpired, ControlPlaneDown}
}

// Fault is one thing that is broken.
type Fault struct {
	Kind   Kind          `json:"kind"`
	Target string        `json:"target"`          // provider/region, provider or manager
	Delay  time.Duration `json:"delay,omitempty"` // cloud time; Latency only
	Rate   float64       `json:"rate,omitempty"`  // above 0 to 1; ErrorRate only
	// SparesHealth keeps the health endpoint well while everything else fails: nobody who goes by it notices. ErrorRate only.
	SparesHealth bool `json:"spares_health,omitempty"`
}

// String is the fault in a few words.
func (f Fault) String() string {
	s := string(f.Kind) + " of " + f.Target
	switch {
	case f.Kind == Latency:
		s += fmt.Sprintf(" by %s", f.Delay)
	case f.Kind == ErrorRate && f.SparesHealth:
		s += fmt.Sprintf(" at %g, with the health endpoint well", f.Rate)
	case f.Kind == ErrorRate:
		s += fmt.Sprintf(" at %g", f.Rate)
	}
	return s
}

// Regions are those of a topology that the fault takes answers from, in failover order; none where it breaks no region.
func (f Fault) Regions(t topology.Topology) []string {
	var out []string
	for _, r := range t.Regions {
		if f.Kind != ControlPlaneDown && f.Kind != DNSStale && (r.Name == f.Target || r.Provider == f.Target) {
			out = append(out, r.Name)
		}
	}
	return out
}

// check holds the fault's own fields against each other and against what is deployed.
func (f Fault) check(t topology.Topology) error {
	var regions, providers []string
	for _, r := range t.Regions {
		regions = append(regions, r.Name)
		if !slices.Contains(providers, r.Provider) {
			providers = append(providers, r.Provider)
		}
	}
	var want []string
	switch f.Kind {
	case ProviderDown:
		want = providers
	case DNSStale:
		want = []string{t.Manager}
	case ControlPlaneDown:
		want = append(providers, t.Manager)
	case HealthFail, Blackhole, Latency, ErrorRate, RegionDown, CertificateExpired:
		want = regions
	default:
		return fmt.Errorf("there is no fault %q: want one of %s", f.Kind, listed(Kinds()))
	}
	switch {
	case !slices.Contains(want, f.Target):
		return fmt.Errorf("%s has the target %q: want one of %s", f.Kind, f.Target, strings.Join(want, ", "))
	case f.Kind == Latency && f.Delay <= 0:
		return fmt.Errorf("%s wants --delay, a time above zero", f.Kind)
	case f.Kind == ErrorRate && !(f.Rate > 0 && f.Rate <= 1):
		return fmt.Errorf("%s has the rate %g: want above 0 and up to 1", f.Kind, f.Rate)
	case f.Kind != Latency && f.Delay != 0, f.Kind != ErrorRate && (f.Rate != 0 || f.SparesHealth):
		return fmt.Errorf("%s takes neither a delay nor a rate but for %s and %s", f.Kind, Latency, ErrorRate)
	}
	return nil
}

// listed joins kinds for a message.
func listed(kinds []Kind) string {
	var out []string
	for _, k := range kinds {
		out = append(out, string(k))
	}
	return strings.Join(out, ", ")
}

// Lease says for how long a fault is in force, and by whose order. It ends at the target itself, whatever becomes of who ordered it.
type Lease struct {
	Drill string        `json:"drill"` // id of the run
	Token uint64        `json:"token"` // of the lock it was ordered under; a lower one than the target has seen is refused
	For   time.Duration `json:"for"`   // cloud time, counted by the target's own clock from when it took the order
}

// LongestLease is the longest one that an experiment may ask for, cloud time: on a real cloud a gateway obeys none beyond it.
const LongestLease = health.DrillLimit

// InForce is a fault that a target has.
type InForce struct {
	Fault Fault
	Drill string // "" for one that no drill ordered
	Token uint64
	Left  time.Duration // cloud time; 0 without a lease: it stays until somebody mends it
}

// Lever breaks things, and mends them.
type Lever interface {
	// Can says why a fault cannot be made here; nil when it can.
	Can(f Fault) error
	// Pull puts a fault in force, in place of the same one. It can be repeated.
	Pull(ctx context.Context, f Fault, l Lease) error
	// Release mends a fault; one that is not in force is no error. The token 0 is by hand, and fenced by nobody.
	Release(ctx context.Context, f Fault, token uint64) error
	// InForce tells what is broken right now.
	InForce(ctx context.Context) ([]InForce, error)
	// Tidy takes away what leases that are over have left at their targets, where it has no effect any more, and names the targets.
	Tidy(ctx context.Context, token uint64) ([]string, error)
}

// Limited is what a lever has besides that cannot hold a fault for every lease that an experiment may ask for.
type Limited interface {
	// Longest is the longest lease of a fault, cloud time. Pull refuses a longer one.
	Longest(f Fault) time.Duration
}
