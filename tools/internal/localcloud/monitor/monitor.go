package monitor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"polygate.example/tools/internal/localcloud/clock"
	"polygate.example/tools/internal/localcloud/dns"
	"polygate.example/tools/internal/localcloud/plane"
	"polygate.example/tools/internal/localcloud/probe"
)

// Options configures a Monitor.
type Options struct {
	Clock  *clock.Clock  // required
	Dial   probe.Dial    // required
	Floor  time.Duration // least wall time for a probe; 0 is probe.DefaultFloor
	Delay  probe.Delay   // nil: no answer is held back on purpose
	Logger *slog.Logger  // nil discards
	// Pick chooses one of n: the weighted method, and equal locations under Performance. nil: at random.
	Pick func(n int) int
	// Stale reports whether Answer goes by what was kept by Freeze. nil: never.
	Stale func() bool
}

// Monitor probes the endpoints of Traffic Manager profiles and answers for the profiles' names. All methods are safe for
// concurrent use.
type Monitor struct {
	probe  probe.Sender
	log    *slog.Logger
	pick   func(int) int
	stale  func() bool
	ctx    context.Context // ends with the monitor
	cancel context.CancelFunc

	applying sync.Mutex            // held by Apply and Close only
	served   atomic.Pointer[table] // nil once closed
	frozen   atomic.Pointer[table] // nil before Freeze
}

// New returns a monitor without profiles.
func New(o Options) (*Monitor, error) {
	if o.Clock == nil || o.Dial == nil {
		return nil, errors.New("monitor: a Clock and a Dial are required")
	}
	m := &Monitor{probe: probe.Sender{Clock: o.Clock, Dial: o.Dial, Floor: o.Floor, Delay: o.Delay}, log: o.Logger, pick: o.Pick, stale: o.Stale}
	if m.log == nil {
		m.log = slog.New(slog.DiscardHandler)
	}
	if m.pick == nil {
		m.pick = rand.IntN
	}
	if m.stale == nil {
		m.stale = func() bool { return false }
	}
	m.served.Store(&table{})
	m.ctx, m.cancel = context.WithCancel(context.Background())
	return m, nil
}

// Apply replaces the profiles. What is probed as before goes on undisturbed. Profiles that cannot be served are left out, and
// the error names each.
func (m *Monitor) Apply(profiles []plane.Profile) error {
	m.applying.Lock()
	defer m.applying.Unlock()
	current := m.served.Load()
	if current == nil {
		return errors.New("monitor: closed")
	}
	next := &table{byID: map[string]plane.Profile{}, byName: map[string]plane.Profile{}, watches: map[string]*watch{}}
	var errs []error
	for _, p := range profiles {
		if _, ok := next.byName[p.Name]; ok {
			errs = append(errs, fmt.Errorf("profile %s: a second one of this name", p.Name))
			continue
		}
		if p.Monitor.Interval <= 0 || p.Monitor.Timeout <= 0 {
			errs = append(errs, fmt.Errorf("profile %s: interval %d and timeout %d: want seconds above 0", p.Name, p.Monitor.Interval, p.Monitor.Timeout))
			continue
		}
		next.byID[foldID(p.ID)], next.byName[p.Name] = p, p
		next.order = append(next.order, p)
		for _, e := range p.Endpoints {
			if !monitored(p, e) || next.watches[watchKey(p, e)] != nil {
				continue
			}
			if old := current.watches[watchKey(p, e)]; old != nil {
				next.watches[watchKey(p, e)] = old
				continue
			}
			next.watches[watchKey(p, e)] = m.watch(p, e, current.watching(e.Target))
		}
	}
	// Readers move to the new table before the old probing is waited for: a probe on its way may be resolving a name, and the
	// DNS asks this monitor.
	m.served.Store(next)
	for key, old := range current.watches {
		if next.watches[key] != old {
			old.rounds.Stop()
		}
	}
	for key, w := range next.watches {
		if current.watches[key] != w {
			w.rounds.Start(m.ctx)
		}
	}
	return errors.Join(errs...)
}

// Close stops all probing and waits for it. Calling it again is harmless.
func (m *Monitor) Close() error {
	m.applying.Lock()
	defer m.applying.Unlock()
	m.cancel()
	if t := m.served.Swap(nil); t != nil {
		for _, w := range t.watches {
			w.rounds.Stop()
		}
	}
	return nil
}

var (
	_ io.Closer = (*Monitor)(nil)
	_ dns.Steer = (*Monitor)(nil).Answer
)
