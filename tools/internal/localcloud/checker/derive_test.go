package checker

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"polygate.example/tools/internal/localcloud/plane"
)

func counting(id string, threshold int, children ...string) plane.HealthCheck {
	return plane.HealthCheck{ID: id, Type: calculated, Healthy: threshold, Children: children}
}

func control(id string, on bool) plane.HealthCheck {
	return plane.HealthCheck{ID: id, Type: recoveryControl, On: on}
}

// Whether a derived check is healthy, with controls in place of endpoints: a and b are on, x and y are off.
func TestDerivedHealth(t *testing.T) {
	const (
		determining = "Route 53 developer guide, How Amazon Route 53 determines whether a health check is healthy"
		config      = "Route 53 API reference, HealthCheckConfig, "
	)
	disabled := func(hc plane.HealthCheck) plane.HealthCheck { hc.Disabled = true; return hc }
	inverted := func(hc plane.HealthCheck) plane.HealthCheck { hc.Inverted = true; return hc }
	for _, c := range []struct {
		name, source string
		check        plane.HealthCheck
		more         []plane.HealthCheck
		want         bool
	}{
		{"routing control on", config + "Type", control("it", true), nil, true},
		{"routing control off", config + "Type", control("it", false), nil, false},
		{"routing control off, inverted", config + "Inverted", inverted(control("it", false)), nil, true},
		{"routing control off, disabled", config + "Disabled", disabled(control("it", false)), nil, true},
		{"as many as must be", determining, counting("it", 2, "a", "b", "x"), nil, true},
		{"one fewer", determining, counting("it", 2, "a", "x", "y"), nil, false},
		{"all", determining, counting("it", 2, "a", "b"), nil, true},
		{"all but one", determining, counting("it", 2, "a", "x"), nil, false},
		{"none must be", config + "HealthThreshold: 0, always healthy", counting("it", 0, "x", "y"), nil, true},
		{"more than there are", config + "HealthThreshold: greater than the number, always unhealthy", counting("it", 3, "a", "b"), nil, false},
		{"inverted", config + "Inverted", inverted(counting("it", 2, "a", "b")), nil, false},
		{"disabled is healthy", config + "Disabled", disabled(counting("it", 2, "x", "y")), nil, true},
		{"disabled and inverted is unhealthy", config + "Inverted", inverted(disabled(counting("it", 2, "a", "b"))), nil, false},
		{"of calculated ones", determining, counting("it", 1, "c"), []plane.HealthCheck{counting("c", 1, "a", "x")}, true},
		{"of calculated ones that are unhealthy", determining, counting("it", 1, "c"), []plane.HealthCheck{counting("c", 2, "a", "x")}, false},
		{"an inverted child counts as it says", config + "Inverted", counting("it", 1, "c"), []plane.HealthCheck{inverted(counting("c", 1, "a"))}, false},
		{"a ring counts nothing", "nothing could be counted", counting("it", 1, "c"), []plane.HealthCheck{counting("c", 1, "it")}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			k, _ := start(t, 1, (&target{}).dial, append([]plane.HealthCheck{c.check, control("a", true), control("b", true), control("x", false), control("y", false)}, c.more...)...)
			defer k.Close()
			st, ok := k.Status("it")
			if !ok || k.Healthy("it") != c.want || st.Healthy != c.want {
				t.Errorf("healthy %t, status %+v: want %t (%s)", k.Healthy("it"), st, c.want, c.source)
			}
		})
	}
}

func TestDerivedRefused(t *testing.T) {
	many := make([]string, 257)
	for i := range many {
		many[i] = fmt.Sprint(i)
	}
	k, _ := start(t, 1, (&target{}).dial)
	defer k.Close()
	for want, hc := range map[string]plane.HealthCheck{
		"health threshold 257: want 0 to 256": counting("it", 257, "a"),
		"health threshold -1":                 counting("it", -1, "a"),
		"257 child health checks":             counting("it", 1, many...),
		"its own child":                       counting("it", 1, "it"),
	} {
		if err := k.Apply([]plane.HealthCheck{hc}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

// A calculated check changes at the moment its child does, and says since when; a control's change is one, too.
func TestDerivedFollows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &target{}
		endpoint := plain(10, 2)
		all := func(on bool) []plane.HealthCheck {
			return []plane.HealthCheck{endpoint, control("switch", on), counting("both", 2, "hc1", "switch")}
		}
		c, clk := start(t, 1, g.dial, all(false)...)
		defer c.Close()
		begin := clk.Now()
		if c.Healthy("both") {
			t.Error("healthy with its control off")
		}
		clk.Sleep(t.Context(), time.Minute)
		if err := c.Apply(all(true)); err != nil {
			t.Fatal(err)
		}
		st, _ := c.Status("both")
		if !st.Healthy || !st.Since.Equal(clk.Now()) {
			t.Errorf("switched on: %+v, want healthy since now", st)
		}
		if err := c.Apply(all(true)); err != nil {
			t.Fatal(err)
		}
		g.mode.Store(refused)
		until(t, c, clk, false, time.Minute)
		own, _ := c.Status("hc1")
		st, _ = c.Status("both")
		if st.Healthy || !st.Since.Equal(own.Since) || st.Passing != 1 || st.Of != 2 || st.Since.Equal(begin) {
			t.Errorf("its endpoint failed at %s: %+v", own.Since, st)
		}
	})
}
