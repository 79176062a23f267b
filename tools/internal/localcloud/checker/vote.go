package checker

import (
	"context"
	"fmt"
	"sync"
	"time"

	"polygate.example/tools/internal/localcloud/plane"
	"polygate.example/tools/internal/localcloud/probe"
)

// quorumPercent: "If more than 18% of health checkers report that an endpoint is healthy, Route 53 considers it
// healthy. If 18% of health checkers or fewer report that an endpoint is healthy, Route 53 considers it unhealthy."
// (Determining)
const quorumPercent = 18

// quorum is the verdict when passing of all checkers vote healthy.
func quorum(passing, of int) bool { return passing*100 > quorumPercent*of }

// check is one health check at work.
type check struct {
	config  plane.HealthCheck
	cancel  context.CancelFunc
	probing sync.WaitGroup

	mu        sync.Mutex
	locations []location
	healthy   bool
	settled   bool // derived only: healthy has been looked at
	since     time.Time
}

// location is one checker's standing. Its vote flips after threshold equal results in a row, in either direction
// (Values: "Failure threshold: the number of consecutive health checks that an endpoint must pass or fail").
type location struct {
	name        string
	healthy     bool
	consecutive int
	last        probe.Result
	at          time.Time
}

// newCheck starts with every vote healthy: "Route 53 considers a new health check to be healthy until there's enough
// data to determine the actual status. If you chose the option to invert the health check status, Route 53 considers
// a new health check to be unhealthy until there's enough data." (Determining.) A location has enough data once
// threshold results in a row agree. Votes of a former version of the check are taken over.
func newCheck(hc plane.HealthCheck, now time.Time, former *check) *check {
	names := hc.Locations
	if len(names) == 0 {
		names = Locations
	}
	k := &check{config: hc, since: now}
	if derived(hc.Type) { // settle fills in the health
		if former != nil {
			former.mu.Lock()
			k.healthy, k.settled, k.since = former.healthy, true, former.since
			former.mu.Unlock()
		}
		return k
	}
	for _, name := range names {
		k.locations = append(k.locations, location{name: name, healthy: true})
	}
	if former == nil {
		k.healthy = k.verdict()
		return k
	}
	former.mu.Lock()
	defer former.mu.Unlock()
	for i := range k.locations {
		for _, old := range former.locations {
			if old.name == k.locations[i].name {
				old.consecutive = 0
				k.locations[i] = old
			}
		}
	}
	k.healthy = k.verdict()
	if k.healthy == former.healthy {
		k.since = former.since
	}
	return k
}

// stop ends the probers and waits for them.
func (k *check) stop() {
	k.cancel()
	k.probing.Wait()
}

// report counts one result and says whether the check's health changed by it.
func (k *check) report(i int, r probe.Result, at time.Time) (healthy, flipped bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	l := &k.locations[i]
	if l.consecutive > 0 && l.last.OK == r.OK {
		l.consecutive++
	} else {
		l.consecutive = 1
	}
	l.last, l.at = r, at
	if l.consecutive >= k.config.Threshold {
		l.healthy = r.OK
	}
	before := k.healthy
	if k.healthy = k.verdict(); k.healthy != before {
		k.since = at
	}
	return k.healthy, k.healthy != before
}

// verdict is the health DNS goes by; k.mu is held, or k not shared yet. A disabled check is always healthy and, if
// inverted, always unhealthy (Route 53 API Reference, HealthCheckConfig, "Disabled" and "Inverted").
func (k *check) verdict() bool {
	return (k.config.Disabled || quorum(k.passing(), len(k.locations))) != k.config.Inverted
}

func (k *check) passing() int {
	n := 0
	for _, l := range k.locations {
		if l.healthy {
			n++
		}
	}
	return n
}

func (k *check) status() probe.Status {
	k.mu.Lock()
	defer k.mu.Unlock()
	st := probe.Status{ID: k.config.ID, Healthy: k.healthy, Passing: k.passing(), Of: len(k.locations), Since: k.since}
	for _, l := range k.locations {
		st.Votes = append(st.Votes, probe.Vote{
			Location: l.name, Healthy: l.healthy, Consecutive: l.consecutive, Last: l.last, At: l.at,
		})
	}
	st.Why = fmt.Sprintf("%d of %d locations vote healthy, more than %d %% must", st.Passing, st.Of, quorumPercent)
	if k.config.Disabled {
		st.Why = "the check is disabled and counts as passing"
	}
	if k.config.Inverted {
		st.Why += "; the result is inverted"
	}
	return st
}

// pauseAfter is the time from a probe's end to the next one's start. It is the request interval: "The number of
// seconds between the time that each Route 53 health checker gets a response from your endpoint and the time that it
// sends the next health check request" (Values), less what the package comment says about overruns.
func pauseAfter(hc plane.HealthCheck, took time.Duration) time.Duration {
	interval := time.Duration(hc.Interval) * time.Second
	overrun := max(0, took-kinds[hc.Type].timeout())
	return max(0, interval-2*overrun)
}
