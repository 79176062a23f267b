// Package fault is the register of everything broken on purpose in the local clouds.
//
// A fault may have a lease: it ends by itself when that is over, whatever has become of who injected it. Whoever reads the register
// asks at the moment of reading, so that there is no timer that could be late. What is done when a fault begins or ends, such as
// letting connections go, is done by those who read it again and again.
package fault

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"polygate.example/tools/internal/localcloud/clock"
)

// Kind names a way to break something.
type Kind string

// The kinds of fault there are.
const (
	Down         Kind = "down"          // no connection can be made to the region's fronts; a traffic manager's DNS servers do not answer
	Blackhole    Kind = "blackhole"     // connections to the region's fronts can be made, and nothing is ever answered on them
	Slow         Kind = "slow"          // each answer is delayed by Delay
	Errors       Kind = "errors"        // the front answers 503 to the share Rate of requests
	HealthFail   Kind = "health-fail"   // the front answers 503 to the paths that health checks ask for, and to nothing else
	Stale        Kind = "stale"         // a traffic manager's DNS servers go on with what they knew when the fault began
	ControlPlane Kind = "control-plane" // the API of a provider, or of a traffic manager, refuses everything

	// Expired has the region\'s fronts show certificates that ended the day before.
	Expired Kind = "certificate-expired"
)

// Kinds lists every kind, for messages.
var Kinds = []Kind{Down, Blackhole, Slow, Errors, HealthFail, Stale, ControlPlane, Expired}

// Fault is one injected fault.
type Fault struct {
	Target string        `json:"target"` // provider, provider/region or traffic manager
	Kind   Kind          `json:"kind"`
	Delay  time.Duration `json:"delay,omitempty"` // Slow: nanoseconds of cloud time
	Rate   float64       `json:"rate,omitempty"`  // Errors: 0 < rate <= 1
	Since  time.Time     `json:"since"`           // wall time of injection, the first one where it has been renewed

	SparesHealth bool `json:"spares_health,omitempty"` // Errors: not for the paths that health checks ask for

	Lease time.Duration `json:"lease,omitempty"` // nanoseconds of cloud time until it ends by itself; 0: until it is healed
	Left  time.Duration `json:"left,omitempty"`  // what is left of the lease, cloud time; told by List, of no effect in Inject
	Drill string        `json:"drill,omitempty"` // the drill that injected it; "" for one by hand
	Token uint64        `json:"token,omitempty"` // the drill's fencing token, above 0: see Set.Inject

	ends time.Time // cloud time; zero without a lease
}

// inForce reports whether the fault's lease is not over.
func (f Fault) inForce(now time.Time) bool { return f.ends.IsZero() || now.Before(f.ends) }

// check holds the fault's own fields against each other.
func (f Fault) check() error {
	if err := f.Kind.check(); err != nil {
		return err
	}
	switch {
	case f.Kind == Slow && f.Delay <= 0:
		return fmt.Errorf("fault %q wants a delay above zero, got %s", f.Kind, f.Delay)
	case f.Kind == Errors && (f.Rate <= 0 || f.Rate > 1):
		return fmt.Errorf("fault %q wants a rate above 0 and up to 1, got %g", f.Kind, f.Rate)
	case (f.Kind == ControlPlane || f.Kind == Stale) && strings.Contains(f.Target, "/"):
		return fmt.Errorf("fault %q wants a provider or a manager, not the region %q", f.Kind, f.Target)
	case f.SparesHealth && f.Kind != Errors:
		return fmt.Errorf("fault %q cannot spare health checks: only %q can", f.Kind, Errors)
	case f.Lease < 0:
		return fmt.Errorf("fault %q wants a lease above zero, or none, got %s", f.Kind, f.Lease)
	case f.Drill != "" && f.Token == 0:
		return fmt.Errorf("a fault of the drill %q wants the token that its lock gave it, above zero", f.Drill)
	case f.Drill == "" && f.Token != 0:
		return fmt.Errorf("a fault by hand has no token, got %d: name the drill that it is of", f.Token)
	}
	return nil
}

func (k Kind) check() error {
	if slices.Contains(Kinds, k) {
		return nil
	}
	known := make([]string, 0, len(Kinds))
	for _, k := range Kinds {
		known = append(known, string(k))
	}
	return fmt.Errorf("unknown fault kind %q: want one of %s", k, strings.Join(known, ", "))
}

// State is what a region's front must do right now.
type State struct {
	Down       bool
	Blackhole  bool
	Delay      time.Duration // cloud time
	Errors     float64       // share of requests for anything
	Others     float64       // share of requests for anything but the paths that health checks ask for, where that is more than Errors
	HealthFail bool
	Expired    bool
}

// FencedError refuses what a drill asks for when a later one has asked for something already: its lock has been taken from it.
type FencedError struct {
	Token   uint64 // of the drill that is refused
	Highest uint64 // that a drill has shown
}

// Error tells both tokens.
func (e *FencedError) Error() string {
	return fmt.Sprintf("the drill's token is %d, and a later drill has shown %d: its lock is lost, and what it injected ends with its lease", e.Token, e.Highest)
}

// Cure says which faults are healed, and by whom.
type Cure struct {
	Target string // a provider takes the faults of its regions along; "" is every target
	Kind   Kind   // "" is every kind
	Token  uint64 // the fencing token of the drill that heals; 0: by hand
}

// Set holds the faults in force. The zero value is ready, and counts leases in wall time; all methods are safe for concurrent use.
type Set struct {
	clock *clock.Clock
	begin func(Fault) // told of each fault that was not in force, before anybody can read it

	mu      sync.RWMutex
	faults  []Fault // some leases may be over
	highest uint64
}

// New returns a Set without faults whose leases are counted by a clock. highest is the highest fencing token that a drill has shown
// before, 0 for none. begin, which may be nil, is told of each fault just before it is in force; not when an injection renews one that
// still is. It must not call the Set.
func New(c *clock.Clock, highest uint64, begin func(Fault)) *Set {
	return &Set{clock: c, begin: begin, highest: highest}
}

// now is cloud time, which never steps.
func (s *Set) now() time.Time {
	if s.clock == nil {
		return time.Now()
	}
	return s.clock.Now()
}

// Inject puts a fault in force, replacing one of the same target and kind, whose lease it so renews. It checks the fault's own fields;
// that the target exists is the caller's to know. A drill's token must be as high as any that a drill has shown: else the error is a
// *FencedError. Faults by hand are not fenced.
func (s *Set) Inject(f Fault) error {
	if err := f.check(); err != nil {
		return err
	}
	f.Left, f.ends = 0, time.Time{}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.fence(f.Token); err != nil {
		return err
	}
	s.expire()
	if f.Lease > 0 {
		f.ends = s.now().Add(f.Lease)
	}
	at := slices.IndexFunc(s.faults, func(o Fault) bool { return o.Target == f.Target && o.Kind == f.Kind })
	switch {
	case at >= 0: // it has been broken since then
		f.Since = s.faults[at].Since
		s.faults = slices.Delete(s.faults, at, at+1)
	case f.Since.IsZero():
		f.Since = time.Now()
	}
	if at < 0 && s.begin != nil {
		s.begin(f)
	}
	s.faults = append(s.faults, f)
	return nil
}

// fence refuses a drill's token that is lower than one before it; s.mu is held.
func (s *Set) fence(token uint64) error {
	if token != 0 && token < s.highest {
		return &FencedError{Token: token, Highest: s.highest}
	}
	s.highest = max(s.highest, token)
	return nil
}

// expire drops the faults whose lease is over; s.mu is held.
func (s *Set) expire() {
	now := s.now()
	s.faults = slices.DeleteFunc(s.faults, func(f Fault) bool { return !f.inForce(now) })
}

// Highest is the highest fencing token that a drill has shown, 0 for none.
func (s *Set) Highest() uint64 {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.highest
}

// Heal removes faults, and reports how many. Of a drill that a later one has fenced off the error is a *FencedError.
func (s *Set) Heal(c Cure) (int, error) {
	if c.Kind != "" {
		if err := c.Kind.check(); err != nil {
			return 0, err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.fence(c.Token); err != nil {
		return 0, err
	}
	s.expire()
	before := len(s.faults)
	s.faults = slices.DeleteFunc(s.faults, func(f Fault) bool {
		return (c.Target == "" || f.Target == c.Target || strings.HasPrefix(f.Target, c.Target+"/")) && (c.Kind == "" || f.Kind == c.Kind)
	})
	return before - len(s.faults), nil
}

// List returns the faults in force, oldest first.
func (s *Set) List() []Fault {
	s.mu.RLock()
	defer s.mu.RUnlock()
	out, now := []Fault{}, s.now()
	for _, f := range s.faults {
		if !f.inForce(now) {
			continue
		}
		if !f.ends.IsZero() {
			f.Left = f.ends.Sub(now)
		}
		out = append(out, f)
	}
	return out
}

// any reports whether a fault of a kind is in force on just this target.
func (s *Set) any(kind Kind, target string) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	now := s.now()
	return slices.ContainsFunc(s.faults, func(f Fault) bool { return f.Kind == kind && f.Target == target && f.inForce(now) })
}

// Region folds the faults of a region and of its provider into what its fronts must do.
func (s *Set) Region(region string) State {
	provider, _, _ := strings.Cut(region, "/")
	return s.fold(region, provider)
}

// Whole is what the fronts of a provider must do that belong to no region: only faults of the whole provider count.
func (s *Set) Whole(provider string) State { return s.fold(provider, provider) }

func (s *Set) fold(region, provider string) State {
	var st State
	s.mu.RLock()
	defer s.mu.RUnlock()
	if len(s.faults) == 0 {
		return st
	}
	now := s.now()
	for _, f := range s.faults {
		if f.Target != region && f.Target != provider || !f.inForce(now) {
			continue
		}
		switch f.Kind {
		case Down:
			st.Down = true
		case Blackhole:
			st.Blackhole = true
		case Slow:
			st.Delay = max(st.Delay, f.Delay)
		case Errors:
			if f.SparesHealth {
				st.Others = max(st.Others, f.Rate)
			} else {
				st.Errors = max(st.Errors, f.Rate)
			}
		case HealthFail:
			st.HealthFail = true
		case Expired:
			st.Expired = true
		}
	}
	if st.Others <= st.Errors {
		st.Others = 0
	}
	return st
}

// Refuses reports whether the control plane of a provider or a manager is broken.
func (s *Set) Refuses(provider string) bool { return s.any(ControlPlane, provider) }

// Lost reports whether the DNS servers of a traffic manager are down.
func (s *Set) Lost(manager string) bool { return s.any(Down, manager) }

// Stale reports whether the DNS servers of a traffic manager go on with what they knew when the fault began.
func (s *Set) Stale(manager string) bool { return s.any(Stale, manager) }

var _ error = (*FencedError)(nil)
