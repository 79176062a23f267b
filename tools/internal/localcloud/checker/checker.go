// Package checker is the local clouds' Route 53 health checkers: for every health check, one prober in each checker
// location, each on its own phase, each with its own run of consecutive results, and a verdict by quorum.
//
// Source of the rules: Route 53 Developer Guide, "How Amazon Route 53 determines whether a health check is healthy"
// (below: "Determining") and "Values that you specify when you create or update health checks" (below: "Values").
//
// # Time
//
// What package probe says about time holds here. A pause is from a probe's end to the next one's start, so what a probe takes
// beyond the documented timeout T, the overrun o, would make detection later than in production, n(I+T) for interval I and
// threshold n. So the pause after a probe that overran is I-2o instead of I: one o for itself, one for the next probe, which may
// overrun just as much. n probes that all run into the floor then end by
//
//	(I+T+o) + (n-1)(I-2o+T+o) = n(I+T) - (n-2)o
//
// which keeps the bound for every n >= 2 as long as 2o <= I: with the default floor and the 10 s interval, up to
// speed 11. With n = 1 one overrun remains.
package checker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"polygate.example/tools/internal/localcloud/clock"
	"polygate.example/tools/internal/localcloud/plane"
	"polygate.example/tools/internal/localcloud/probe"
)

// Locations are the regions Route 53 checks from; a check without locations of its own is checked from all.
// Source: Route 53 API Reference, HealthCheckConfig, "Regions".
var Locations = []string{
	"us-east-1", "us-west-1", "us-west-2", "eu-west-1",
	"ap-southeast-1", "ap-southeast-2", "ap-northeast-1", "sa-east-1",
}

// Options configures a Checker.
type Options struct {
	Clock  *clock.Clock  // required
	Dial   probe.Dial    // required
	Floor  time.Duration // least wall time for a probe; 0 is probe.DefaultFloor, see the package comment
	Delay  probe.Delay   // nil: no answer is held back on purpose
	Logger *slog.Logger  // nil discards
}

// Checker runs health checks. All methods are safe for concurrent use.
type Checker struct {
	clock  *clock.Clock
	prober prober
	log    *slog.Logger
	ctx    context.Context // ends with the checker
	cancel context.CancelFunc

	applying sync.Mutex                        // held by Apply and Close only
	checks   atomic.Pointer[map[string]*check] // nil once closed
}

// New returns a checker without checks.
func New(o Options) (*Checker, error) {
	if o.Clock == nil || o.Dial == nil {
		return nil, errors.New("checker: a Clock and a Dial are required")
	}
	if o.Floor <= 0 {
		o.Floor = probe.DefaultFloor
	}
	c := &Checker{
		clock: o.Clock, log: o.Logger,
		prober: prober{clock: o.Clock, dial: o.Dial, floor: o.Floor, delay: o.Delay},
	}
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
	c.checks.Store(&map[string]*check{})
	c.ctx, c.cancel = context.WithCancel(context.Background())
	return c, nil
}

// Apply replaces the health checks. One that has not changed runs on undisturbed; one that has keeps its votes, so
// that an update alone never moves traffic, and starts its runs of consecutive results anew; one that has gone is
// stopped. Checks that cannot be run are left out, and the error names each.
func (c *Checker) Apply(checks []plane.HealthCheck) error {
	c.applying.Lock()
	defer c.applying.Unlock()
	current := c.checks.Load()
	if current == nil {
		return errors.New("checker: closed")
	}
	var errs []error
	next := make(map[string]*check, len(checks))
	for _, hc := range checks {
		if err := validate(hc); err != nil {
			errs = append(errs, fmt.Errorf("health check %s: %w", hc.ID, err))
			continue
		}
		if next[hc.ID] != nil {
			errs = append(errs, fmt.Errorf("health check %s: a second one with this id", hc.ID))
			continue
		}
		if old := (*current)[hc.ID]; old != nil && reflect.DeepEqual(old.config, hc) {
			next[hc.ID] = old
		} else {
			next[hc.ID] = newCheck(hc, c.clock.Now(), old)
		}
	}
	// Readers move to the new checks before the old ones are waited for: a probe on its way may be resolving a name,
	// and the DNS asks for health.
	c.checks.Store(&next)
	for id, old := range *current {
		if next[id] != old {
			old.stop()
		}
	}
	for id, k := range next {
		if (*current)[id] != k {
			c.start(k)
		}
	}
	c.settle()
	return errors.Join(errs...)
}

// start sets a prober to work in each location. A disabled check sends nothing (Values: "Disabled").
func (c *Checker) start(k *check) {
	ctx, cancel := context.WithCancel(c.ctx)
	k.cancel = cancel
	if k.config.Disabled || derived(k.config.Type) {
		return
	}
	for i := range k.locations {
		k.probing.Go(func() { c.run(ctx, k, i) })
	}
}

// run is the life of one checker location: wait for its phase, probe, vote, pause.
func (c *Checker) run(ctx context.Context, k *check, location int) {
	// Real checkers "don't coordinate" (Determining): each keeps its own time, and this is one such pattern.
	pause := probe.Phase(k.config.ID, location, len(k.locations), time.Duration(k.config.Interval)*time.Second)
	for c.clock.Sleep(ctx, pause) {
		res := c.prober.probe(ctx, k.config, k.locations[location].name)
		if ctx.Err() != nil {
			return // the check was replaced: a probe cut short says nothing
		}
		if healthy, flipped := k.report(location, res, c.clock.Now()); flipped {
			c.log.Info("health check changed", "check", k.config.ID, "healthy", healthy, "last", res.Reason)
			c.settle()
		}
		pause = pauseAfter(k.config, res.Took)
	}
}

// Healthy is what DNS goes by. An unknown check counts as healthy, as one does that has no data yet.
func (c *Checker) Healthy(id string) bool {
	checks := c.checks.Load()
	return checks == nil || healthy(*checks, id, nil)
}

// Status tells about one check; ok is false for an unknown one.
func (c *Checker) Status(id string) (st probe.Status, ok bool) {
	checks := c.checks.Load()
	if checks == nil || (*checks)[id] == nil {
		return probe.Status{}, false
	}
	k := (*checks)[id]
	if derived(k.config.Type) {
		return k.derivedStatus(*checks), true
	}
	return k.status(), true
}

// Close stops all probers and waits for them. Calling it again is harmless.
func (c *Checker) Close() error {
	c.applying.Lock()
	defer c.applying.Unlock()
	c.cancel()
	checks := c.checks.Swap(nil)
	if checks == nil {
		return nil
	}
	for _, k := range *checks {
		k.stop()
	}
	return nil
}

// validate refuses what Route 53 would refuse (API Reference, HealthCheckConfig) and what is not simulated.
func validate(hc plane.HealthCheck) error {
	if derived(hc.Type) {
		return validateDerived(hc)
	}
	var errs []error
	if _, ok := kinds[hc.Type]; !ok {
		errs = append(errs, fmt.Errorf("type %q: want HTTP, HTTPS, HTTP_STR_MATCH, HTTPS_STR_MATCH, TCP, CALCULATED or RECOVERY_CONTROL", hc.Type))
	}
	if hc.FQDN == "" && hc.IP == "" {
		errs = append(errs, errors.New("neither a domain name nor an IP address to check"))
	}
	if hc.Port < 1 || hc.Port > 65535 {
		errs = append(errs, fmt.Errorf("port %d: want 1 to 65535", hc.Port))
	}
	if hc.Interval != 10 && hc.Interval != 30 {
		errs = append(errs, fmt.Errorf("request interval %d: want 10 or 30 seconds", hc.Interval))
	}
	if hc.Threshold < 1 || hc.Threshold > 10 {
		errs = append(errs, fmt.Errorf("failure threshold %d: want 1 to 10", hc.Threshold))
	}
	if match := kinds[hc.Type].match; match != (hc.SearchString != "") {
		errs = append(errs, fmt.Errorf("search string %q: wanted by the STR_MATCH types and only by them", hc.SearchString))
	}
	for _, l := range hc.Locations {
		if !slices.Contains(Locations, l) {
			errs = append(errs, fmt.Errorf("location %q: want one of %v", l, Locations))
		}
	}
	return errors.Join(errs...)
}

var _ io.Closer = (*Checker)(nil)
