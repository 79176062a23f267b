package patterns

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"
)

// measured is the speed at which failover is measured: the one of the checkout's own local environment.
const measured = 10

// TestMeasured watches every pattern from the clients' seat: who is answered by which region, and how long a lost region and a
// lost provider keep clients without answers, against the bound. `make patterns` does so under every manager.
func TestMeasured(t *testing.T) {
	t.Parallel()
	for _, s := range Once() {
		t.Run(s.Name, func(t *testing.T) {
			t.Parallel()
			env := environment(t, measured, s.Rows[0])
			for _, c := range s.Rows {
				if err := env.Turn(c.Dials()); err != nil {
					t.Fatal(err)
				}
				must(t, env, "up")
				healthy(t, env)
				m, err := Measure(t.Context(), env, c)
				if err != nil {
					t.Fatal(err)
				}
				for _, problem := range c.Misplaced(m.Shares, m.Regions) {
					t.Errorf("%s: %s", c, problem)
				}
				for _, l := range m.Losses {
					t.Logf("%s: lose %s: failover %.1f s of %d, lost %d of %d; back %.1f s", c, l.What, l.Failover, m.Bound, l.Lost, l.Sent, l.Back)
					if l.Problem != "" {
						t.Errorf("%s: lose %s: %s", c, l.What, l.Problem)
					}
				}
			}
		})
	}
}

// TestOnce: what is measured has every pattern with every steering, every manager, and nothing that is refused.
func TestOnce(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range Once() {
		for _, c := range s.Rows {
			seen[c.Pattern+c.Steering], seen[c.Manager] = true, true
			if why := c.Refusal(); why != "" {
				t.Errorf("%s is refused: %s", c, why)
			}
		}
	}
	for _, w := range ways {
		if !seen[w[0]+w[1]] {
			t.Errorf("%v is not measured", w)
		}
	}
	for _, m := range managers {
		if !seen[m] {
			t.Errorf("nothing is measured under %s", m)
		}
	}
}

// TestMisplaced: the judge of shares sees what is wrong.
func TestMisplaced(t *testing.T) {
	all := []string{"aws/us-east-1", "aws/eu-west-1", "gcp/us-central1"}
	ordered := Combination{Pattern: "active-passive"}
	weighted := Combination{Pattern: "active-active", Steering: "weighted"}
	latency := Combination{Pattern: "active-active", Steering: "latency"}
	geo := Combination{Pattern: "active-active", Steering: "geo"}
	nested := Combination{Pattern: "multi-region", Steering: "geo"}
	many := func(a, b, c int) map[string]map[string]int {
		return map[string]map[string]int{"IAD": {all[0]: a, all[1]: b, all[2]: c}}
	}
	for _, c := range []struct {
		name   string
		c      Combination
		shares map[string]map[string]int
		want   string
	}{
		{"the first region", ordered, many(8, 0, 0), ""},
		{"another one too", ordered, many(7, 1, 0), "aws/eu-west-1"},
		{"as weighed", weighted, many(100, 50, 100), ""},
		{"one has nothing", weighted, many(150, 0, 100), "aws/eu-west-1"},
		{"all alike", weighted, many(100, 160, 100), "aws/eu-west-1"},
		{"near", latency, map[string]map[string]int{"FRA": {all[1]: 8}, "SFO": {all[2]: 8}}, ""},
		{"far", latency, map[string]map[string]int{"FRA": {all[0]: 8}}, "FRA"},
		{"by continent", geo, map[string]map[string]int{"FRA": {all[1]: 8}, "SYD": {all[2]: 8}, "NRT": {all[0]: 8}}, ""},
		{"another continent's", geo, map[string]map[string]int{"JNB": {all[0]: 8}}, "JNB"},
		{"the first group alone", nested, map[string]map[string]int{"SYD": {all[0]: 8}, "FRA": {all[1]: 8}}, ""},
		{"the second group too", nested, map[string]map[string]int{"SYD": {all[2]: 8}}, "SYD"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := strings.Join(c.c.Misplaced(c.shares, all), "; ")
			if (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
				t.Errorf("problems %q, want %q", got, c.want)
			}
		})
	}
}

// TestRecovery: the moment of the last client's first answer after its last loss, and who is still out.
func TestRecovery(t *testing.T) {
	start := time.Now()
	at := func(client int, s float64, region string) call {
		return call{client: client, done: start.Add(time.Duration(s * float64(time.Second))), region: region}
	}
	for _, c := range []struct {
		name  string
		calls []call
		last  float64
		out   string
	}{
		{"nothing lost", []call{at(0, 1, "a"), at(1, 2, "a")}, 0, "[]"},
		{"one recovers", []call{at(0, 1, ""), at(0, 3, "b"), at(1, 4, "a")}, 3, "[]"},
		{"twice", []call{at(0, 1, ""), at(0, 3, "b"), at(0, 4, ""), at(0, 6, "b")}, 6, "[]"},
		{"never", []call{at(0, 1, ""), at(1, 1, ""), at(1, 2, "b")}, 2, "[0]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			last, out, _ := recovery(c.calls, start, 2)
			if got := last.Sub(start).Seconds(); math.Abs(got-c.last) > 1e-6 || fmt.Sprint(out) != c.out {
				t.Errorf("recovered at %.1f s, out %v; want %.1f and %s", got, out, c.last, c.out)
			}
		})
	}
}
