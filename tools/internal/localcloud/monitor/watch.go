package monitor

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"polygate.example/tools/internal/localcloud/plane"
	"polygate.example/tools/internal/localcloud/probe"
)

// Locations are where the local Traffic Manager probes from. The real one does so "from multiple locations" and says how many
// by a list of addresses that changes; three are enough to disagree. Source: "Traffic Manager endpoint monitoring".
var Locations = []string{"eastus", "westeurope", "southeastasia"}

// vote is what a location says of an endpoint.
type vote int

const (
	unknown vote = iota // no probe has passed, and too few have failed
	up
	down
)

// location is one probing agent's standing. "Consecutive failure determination happens within each region" (Traffic Manager
// endpoint monitoring, How endpoint monitoring works).
type location struct {
	vote   vote
	failed int // in a row
	passed int // in a row
	last   probe.Result
	at     time.Time
}

// watch is the probing of one target in one way, for all the endpoints that ask for the same.
type watch struct {
	target    probe.Target
	tolerated int
	rounds    probe.Rounds // started by Apply

	mu        sync.Mutex
	locations []location
	since     time.Time
}

// watchKey tells probings apart: endpoints with the same key share one.
func watchKey(p plane.Profile, e plane.Endpoint) string {
	return fmt.Sprintf("%+v|%s|%+v", p.Monitor, strings.ToLower(e.Target), e.ProbeHeaders)
}

// watch makes the probing that a profile asks for. Votes of a former watch of the target are taken over, runs of failures are
// not: an update of the settings alone moves no traffic.
//
// "The endpoint health check is repeated every 30 seconds" (Traffic Manager endpoint monitoring, Endpoint failover and
// recovery, 3), so the interval counts from start to start, and an endpoint that fails is noticed after k+1 intervals and one
// timeout at the latest, k being the tolerated failures.
func (m *Monitor) watch(p plane.Profile, e plane.Endpoint, former *watch) *watch {
	w := &watch{target: target(p.Monitor, e), tolerated: p.Monitor.Tolerated, locations: make([]location, len(Locations)), since: m.probe.Clock.Now()}
	w.rounds = probe.Rounds{
		Clock: m.probe.Clock, Key: e.Target, Interval: time.Duration(p.Monitor.Interval) * time.Second, Longest: w.target.Timeout,
		Least: m.probe.Least(), Locations: len(Locations),
		Send: func(ctx context.Context) probe.Result { return m.probe.Send(ctx, w.target) },
		Count: func(i int, r probe.Result, at time.Time) {
			if before, after := w.count(i, r, at); before != after {
				m.log.Info("endpoint changed", "target", w.target.Dial, "status", string(after), "last", r.Reason)
			}
		},
	}
	if former != nil {
		former.mu.Lock()
		defer former.mu.Unlock()
		w.since = former.since
		for i, l := range former.locations {
			l.failed, l.passed = 0, 0
			w.locations[i] = l
		}
	}
	return w
}

// target is what one probe of an endpoint asks for. Sources: "Traffic Manager endpoint monitoring" (a GET; 200 and nothing else
// unless ranges say so; "HTTPS monitoring doesn't verify whether your TLS/SSL certificate is valid, it only checks that the
// certificate is present") and "Traffic Manager FAQ": the Host header is the target's name unless a header of the endpoint, or
// else of the profile, says otherwise. SNI follows the Host header: MicrosoftDocs/azure-docs issue #28209.
func target(m plane.Monitor, e plane.Endpoint) probe.Target {
	t := probe.Target{
		Protocol: probe.Protocol(m.Protocol), Dial: e.Target, Port: m.Port, Host: e.Target, SNI: e.Target, Path: m.Path,
		Headers: map[string][]string{"User-Agent": {"Azure Traffic Manager Endpoint Monitor"}}, Timeout: time.Duration(m.Timeout) * time.Second,
		Expect: func(status int) bool {
			if len(m.Expected) == 0 {
				return status == 200
			}
			return slices.ContainsFunc(m.Expected, func(r [2]int) bool { return status >= r[0] && status <= r[1] })
		},
	}
	for _, headers := range []map[string]string{m.Headers, e.ProbeHeaders} {
		for _, k := range slices.Sorted(maps.Keys(headers)) {
			if strings.EqualFold(k, "Host") {
				t.Host, t.SNI = headers[k], headers[k]
				continue
			}
			t.Headers[k] = []string{headers[k]}
		}
	}
	return t
}

// count takes in one result. One good probe brings a location's vote back (Endpoint failover and recovery, 9 and 10); it takes
// more failures in a row than are tolerated to turn it.
func (w *watch) count(i int, r probe.Result, at time.Time) (before, after Status) {
	w.mu.Lock()
	defer w.mu.Unlock()
	before = w.status()
	l := &w.locations[i]
	l.last, l.at = r, at
	if r.OK {
		l.vote, l.failed, l.passed = up, 0, l.passed+1
	} else {
		l.failed, l.passed = l.failed+1, 0
		if l.failed > w.tolerated {
			l.vote = down
		}
	}
	if after = w.status(); after != before {
		w.since = at
	}
	return before, after
}

// status is the verdict of all locations; w.mu is held. "Traffic manager aggregates the average health of the probes ... The
// status should only be a concern if less than 50% (0.5) of probes publish an up status" (Endpoint failover and recovery).
func (w *watch) status() Status {
	ups, downs := 0, 0
	for _, l := range w.locations {
		switch l.vote {
		case up:
			ups++
		case down:
			downs++
		}
	}
	switch {
	case 2*(len(w.locations)-downs) < len(w.locations):
		return Degraded
	case ups > 0:
		return Online
	default:
		return CheckingEndpoint
	}
}

// Status is the verdict.
func (w *watch) Status() Status {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.status()
}

// detail is the verdict with the votes, for people.
func (w *watch) detail() probe.Status {
	w.mu.Lock()
	defer w.mu.Unlock()
	st := probe.Status{Healthy: w.status() != Degraded, Of: len(w.locations), Since: w.since}
	for i, l := range w.locations {
		if l.vote != down {
			st.Passing++
		}
		st.Votes = append(st.Votes, probe.Vote{Location: Locations[i], Healthy: l.vote != down, Consecutive: l.failed + l.passed, Last: l.last, At: l.at})
	}
	return st
}
