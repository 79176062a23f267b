package checker

import (
	"errors"
	"fmt"
	"slices"

	"polygate.example/tools/internal/localcloud/plane"
	"polygate.example/tools/internal/localcloud/probe"
)

// The types of checks that probe nothing. Source: Route 53 API Reference, HealthCheckConfig, "Type".
const (
	calculated      = "CALCULATED"       // counts the healthy among other checks
	recoveryControl = "RECOVERY_CONTROL" // follows a routing control: "If the routing control state is ON, the health check is considered healthy"
)

// maxChildren bounds a calculated check (Route 53 API Reference, HealthCheckConfig, "ChildHealthChecks": 0 to 256 items).
const maxChildren = 256

// derived reports whether a type of check follows from something else than probes.
func derived(kind string) bool { return kind == calculated || kind == recoveryControl }

// validateDerived refuses what Route 53 would refuse.
func validateDerived(hc plane.HealthCheck) error {
	switch {
	case hc.Type == recoveryControl:
		return nil
	case hc.Healthy < 0 || hc.Healthy > maxChildren:
		return fmt.Errorf("health threshold %d: want 0 to %d", hc.Healthy, maxChildren)
	case len(hc.Children) > maxChildren:
		return fmt.Errorf("%d child health checks: want at most %d", len(hc.Children), maxChildren)
	case slices.Contains(hc.Children, hc.ID):
		return errors.New("it is its own child")
	}
	return nil
}

// healthy is the health of one check now. Nothing of it is delayed: "Route 53 adds up the number of child health checks that
// Route 53 considers to be healthy [and] compares that number with the number of child health checks that must be healthy"
// (Determining). With 0 required it is always healthy, with more than there are always unhealthy (API Reference,
// HealthCheckConfig, "HealthThreshold"). A disabled check is healthy before the inversion, as any other is. path are the checks
// whose children led here; one that is among them again cannot be counted.
func healthy(checks map[string]*check, id string, path []string) bool {
	k := checks[id]
	if k == nil {
		return true
	}
	switch hc := k.config; hc.Type {
	case calculated:
		if slices.Contains(path, id) {
			return false
		}
		return (hc.Disabled || passing(checks, k, path) >= hc.Healthy) != hc.Inverted
	case recoveryControl:
		return (hc.Disabled || hc.On) != hc.Inverted
	}
	return k.status().Healthy
}

// passing counts the healthy children of a calculated check.
func passing(checks map[string]*check, k *check, path []string) int {
	n := 0
	for _, child := range k.config.Children {
		if healthy(checks, child, append(slices.Clone(path), k.config.ID)) {
			n++
		}
	}
	return n
}

// settle notes when derived checks change their health.
func (c *Checker) settle() {
	checks := c.checks.Load()
	if checks == nil {
		return
	}
	for id, k := range *checks {
		if !derived(k.config.Type) {
			continue
		}
		now := healthy(*checks, id, nil)
		k.mu.Lock()
		changed := k.settled && k.healthy != now
		if changed {
			k.since = c.clock.Now()
		}
		k.healthy, k.settled = now, true
		k.mu.Unlock()
		if changed {
			c.log.Info("health check changed", "check", id, "healthy", now)
		}
	}
}

// derivedStatus is the state of a check that follows from others: children vote in place of locations.
func (k *check) derivedStatus(checks map[string]*check) probe.Status {
	st := probe.Status{ID: k.config.ID, Healthy: healthy(checks, k.config.ID, nil)}
	k.mu.Lock()
	st.Since = k.since
	k.mu.Unlock()
	if k.config.Type == calculated {
		st.Passing, st.Of = passing(checks, k, nil), len(k.config.Children)
		st.Why = fmt.Sprintf("%d of %d checks are healthy, %d must be", st.Passing, st.Of, k.config.Healthy)
	} else {
		st.Why = "the routing control is " + map[bool]string{true: "on", false: "off"}[k.config.On]
	}
	if k.config.Disabled {
		st.Why = "the check is disabled and counts as passing"
	}
	if k.config.Inverted {
		st.Why += "; the result is inverted"
	}
	return st
}
