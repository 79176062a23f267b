// Package fault is the register of everything broken on purpose in the local clouds.
package fault

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// Kind names a way to break something.
type Kind string

// The kinds of fault there are.
const (
	Down         Kind = "down"          // no connection can be made to the region's fronts; a traffic manager's DNS servers do not answer
	Slow         Kind = "slow"          // each answer is delayed by Delay
	Errors       Kind = "errors"        // the front answers 503 to the share Rate of requests
	ControlPlane Kind = "control-plane" // the API of a provider, or of a traffic manager, refuses everything

	// Expired has the region\'s fronts show certificates that ended the day before.
	Expired Kind = "certificate-expired"
)

// Kinds lists every kind, for messages.
var Kinds = []Kind{Down, Slow, Errors, ControlPlane, Expired}

// Fault is one injected fault.
type Fault struct {
	Target string        `json:"target"` // provider, provider/region or traffic manager
	Kind   Kind          `json:"kind"`
	Delay  time.Duration `json:"delay,omitempty"` // Slow: nanoseconds of cloud time
	Rate   float64       `json:"rate,omitempty"`  // Errors: 0 < rate <= 1
	Since  time.Time     `json:"since"`           // wall time of injection
}

// State is what a region's front must do right now.
type State struct {
	Down    bool
	Delay   time.Duration // cloud time
	Errors  float64
	Expired bool
}

// Set holds the faults in force. The zero value is ready; all methods are safe for concurrent use.
type Set struct {
	mu     sync.RWMutex
	faults []Fault
}

// Inject puts a fault in force, replacing one of the same target and kind. It checks the fault's own fields; that the
// target exists is the caller's to know.
func (s *Set) Inject(f Fault) error {
	if !slices.Contains(Kinds, f.Kind) {
		known := make([]string, 0, len(Kinds))
		for _, k := range Kinds {
			known = append(known, string(k))
		}
		return fmt.Errorf("unknown fault kind %q: want one of %s", f.Kind, strings.Join(known, ", "))
	}
	if f.Kind == Slow && f.Delay <= 0 {
		return fmt.Errorf("fault %q wants a delay above zero, got %s", f.Kind, f.Delay)
	}
	if f.Kind == Errors && (f.Rate <= 0 || f.Rate > 1) {
		return fmt.Errorf("fault %q wants a rate above 0 and up to 1, got %g", f.Kind, f.Rate)
	}
	if f.Kind == ControlPlane && strings.Contains(f.Target, "/") {
		return fmt.Errorf("fault %q wants a provider or a manager, not the region %q", f.Kind, f.Target)
	}
	if f.Since.IsZero() {
		f.Since = time.Now()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = slices.DeleteFunc(s.faults, func(o Fault) bool { return o.Target == f.Target && o.Kind == f.Kind })
	s.faults = append(s.faults, f)
	return nil
}

// Heal removes every fault of a target; a provider takes those of its regions along, "" takes all. It reports how many.
func (s *Set) Heal(target string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := len(s.faults)
	s.faults = slices.DeleteFunc(s.faults, func(f Fault) bool {
		return target == "" || f.Target == target || strings.HasPrefix(f.Target, target+"/")
	})
	return before - len(s.faults)
}

// List returns the faults in force, oldest first.
func (s *Set) List() []Fault {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return slices.Clone(s.faults)
}

// Region folds the faults of a region and of its provider into what its fronts must do.
func (s *Set) Region(region string) State {
	provider, _, _ := strings.Cut(region, "/")
	var st State
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, f := range s.faults {
		if f.Target != region && f.Target != provider {
			continue
		}
		switch f.Kind {
		case Down:
			st.Down = true
		case Slow:
			st.Delay = max(st.Delay, f.Delay)
		case Errors:
			st.Errors = max(st.Errors, f.Rate)
		case Expired:
			st.Expired = true
		}
	}
	return st
}

// Refuses reports whether the control plane of a provider or a manager is broken.
func (s *Set) Refuses(provider string) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return slices.ContainsFunc(s.faults, func(f Fault) bool { return f.Kind == ControlPlane && f.Target == provider })
}

// Lost reports whether the DNS servers of a traffic manager are down.
func (s *Set) Lost(manager string) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return slices.ContainsFunc(s.faults, func(f Fault) bool { return f.Kind == Down && f.Target == manager })
}
