package drill

import (
	"strings"
	"testing"
	"time"

	"polygate.example/tools/internal/report"
)

// No lease is cut: one that is longer than a fault may last is refused with its place, whether it was asked for or follows from what is watched.
func TestLeaseTooLong(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Experiment)
		want   string // "" for none
	}{
		"the longest": {func(e *Experiment) { e.lease("1h0m0s") }, ""},
		"asked for":   {func(e *Experiment) { e.lease("1h0m1s") }, "method[0]: region-down of aws/one has a lease of 1h0m1s, and no fault may last for longer than 1h0m0s: a shorter --lease"},
		"of a long watch": {func(e *Experiment) {
			e.lease("")
			e.Method[0].Pauses.After = 3600
		}, "method[0]: region-down of aws/one is watched for 1h0m0s, for which it would have a lease of 1h0m30s, and no fault may last for longer than 1h0m0s: a shorter pause after it"},
		"of what is watched after it": {func(e *Experiment) {
			e.lease("")
			second := e.Method[0]
			second.Provider.Arguments = []string{"drill", "inject", "region-down", two, "-s", "staging"}
			second.Pauses = &Pauses{Before: 1800, After: 1800}
			e.Method = append(e.Method, second)
		}, "method[0]: region-down of aws/one is watched for 1h1m42s, for which"},
	} {
		t.Run(name, func(t *testing.T) {
			e, err := New(deployed(), "staging", Step{Fault: Fault{Kind: RegionDown, Target: one}})
			if err != nil {
				t.Fatal(err)
			}
			c.change(&e)
			_, err = e.Prepare(deployed(), "staging")
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
	if _, err := New(deployed(), "staging", Step{Fault: Fault{Kind: RegionDown, Target: one}, Lease: 2 * time.Hour}); err == nil || !strings.Contains(err.Error(), "its lease is 2h0m0s: want a time above zero, at most 1h0m0s") {
		t.Errorf("an experiment that run refuses is written: %v", err)
	}
	slow := deployed()
	slow.TTL, slow.Bound = 3600, 3632
	if _, err := New(slow, "staging", Step{Fault: Fault{Kind: RegionDown, Target: one}}); err == nil || !strings.Contains(err.Error(), "--lease says for how long instead") {
		t.Errorf("answers that are remembered for an hour: %v", err)
	}
	if _, err := New(slow, "staging", Step{Fault: Fault{Kind: RegionDown, Target: one}, Lease: time.Hour}); err != nil {
		t.Errorf("and a lease that is given: %v", err)
	}
}

// lease has the first step ask for one; "" for none.
func (e *Experiment) lease(text string) {
	args := []string{"drill", "inject", "region-down", one}
	if text != "" {
		args = append(args, "--lease", text)
	}
	e.Method[0].Provider.Arguments = append(args, "-s", "staging")
}

// brief is a lever that holds nothing for longer than a minute.
type brief struct{ unable }

func (brief) Can(Fault) error             { return nil }
func (brief) Longest(Fault) time.Duration { return time.Minute }

// What the lever at hand cannot hold for so long is refused before anything is broken.
func TestLeaseTooLongHere(t *testing.T) {
	e, err := New(deployed(), "staging", Step{Fault: Fault{Kind: RegionDown, Target: one}})
	if err != nil {
		t.Fatal(err)
	}
	d, err := e.Prepare(deployed(), "staging")
	if err != nil {
		t.Fatal(err)
	}
	p := premise{world: World{Topology: deployed(), Speed: 1, Lever: brief{}}, drill: d}
	if c := p.lever(); c.Result != report.Failed || !strings.Contains(c.Detail, "its lease of 2m12s is longer than a fault may have there, 1m0s") || !strings.Contains(c.Remedy, "--lease") {
		t.Errorf("%+v", c)
	}
	p.drill.Steps[0].Lease = time.Minute
	if c := p.lever(); c.Result != report.OK {
		t.Errorf("one that it can hold: %+v", c)
	}
}

var _ Limited = brief{}
