package drill

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"polygate.example/shared/topology"
	"polygate.example/tools/internal/report"
)

// New makes an experiment of one fault on what is deployed. What its limits allow is what it breaks.
func New(t topology.Topology, env string, s Step) (Experiment, error) {
	if s.Fault.Kind == ErrorRate && s.Fault.Rate == 0 {
		s.Fault.Rate = 1
	}
	if s.Fault.Kind == Latency && s.Fault.Delay == 0 {
		s.Fault.Delay = time.Duration(t.Check.Timeout+5) * time.Second
	}
	if err := s.Fault.check(t); err != nil {
		return Experiment{}, err
	}
	if s.Lease < 0 {
		return Experiment{}, fmt.Errorf("its lease is %s: want a time above zero", s.Lease)
	}
	// Both are written down, so that Chaos Toolkit breaks it for as long.
	if s.Watch == 0 && s.Lease > 0 && s.Fault.Kind != DNSStale {
		s.Watch = s.Lease
	}
	if s.Watch == 0 {
		s.Watch = watched(t, expect(t, []Step{s}, t.Front != ""))
	}
	if s.Lease == 0 {
		s.Lease = s.Watch + margin
	}
	hit := s.Fault.Regions(t)
	what := strings.Join(hit, ", ")
	if what == "" {
		what = s.Fault.Target
	}
	polygate := func(args ...string) Process { return Process{Type: "process", Path: program, Arguments: args} }
	return Experiment{
		Version: "1.0.0", Title: s.Fault.String(),
		Description:   fmt.Sprintf("Clients of %s go on being answered while %s, and are led back afterwards.", t.Hostname, s.Fault.phrase()),
		Tags:          []string{string(s.Fault.Kind), env},
		Contributions: map[string]string{"reliability": "high"},
		SteadyState: &Hypothesis{Title: "every region is well and clients are answered", Probes: []Activity{
			{Type: "probe", Name: "status", Tolerance: 0, Provider: polygate("status", "-s", env)},
		}},
		Method:    []Activity{{Type: "action", Name: "break " + what, Provider: polygate(s.Inject(env)...), Pauses: &Pauses{After: s.Watch.Seconds()}}},
		Rollbacks: []Activity{{Type: "action", Name: "mend " + what, Provider: polygate("drill", "mend", "-s", env)}},
		Extensions: []Extension{{
			Name: extension, Objective: &Aim{RTO: Duration(time.Duration(t.Bound) * time.Second), Availability: 99.9}, Clients: &Load{Rate: 50},
			Limits: &Limits{Regions: max(1, len(hit)), Survivors: 1, Load: hundredths(max(1, designed(t, hit)))}, Repeat: 1,
		}},
	}, nil
}

// phrase is the fault as part of a sentence.
func (f Fault) phrase() string {
	switch f.Kind {
	case HealthFail:
		return "the health endpoint of " + f.Target + " says that it is ill"
	case Blackhole:
		return f.Target + " takes connections and answers nothing"
	case Latency:
		return fmt.Sprintf("%s answers %s late", f.Target, f.Delay)
	case ErrorRate:
		return fmt.Sprintf("%s answers a share of %g of its requests with an error", f.Target, f.Rate)
	case DNSStale:
		return "the name servers of " + f.Target + " learn nothing new"
	case CertificateExpired:
		return "the certificate of " + f.Target + " has ended"
	case ControlPlaneDown:
		return "the API of " + f.Target + " refuses everything"
	}
	return f.Target + " is down"
}

// Explain says what a drill breaks, for how long, and what is to be expected, where cloud time runs at a speed (1 on real clouds).
func (d Drill) Explain(t topology.Topology, speed float64) string {
	r := runner{world: World{Topology: t, Speed: speed}, drill: d}
	r.plan()
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\n", d.Experiment.Title)
	for _, s := range r.steps {
		fmt.Fprintf(&b, "breaks:    %s, leased for %s, watched for %s\n", s.Fault, s.Lease, s.Watch)
	}
	e := r.out.Expected
	switch {
	case e.Unnoticed:
		fmt.Fprintf(&b, "expected:  no bound: %s\n", e.Why)
	case e.Lossless:
		fmt.Fprintf(&b, "expected:  nothing lost; clients led elsewhere within %.0f s (%s)\n", e.Bound, e.Why)
	default:
		fmt.Fprintf(&b, "expected:  no client without an answer for longer than %.0f s (%s)\n", e.Bound, e.Why)
	}
	if rto := time.Duration(d.Extension.Objective.RTO); rto > 0 {
		fmt.Fprintf(&b, "objective: %s\n", rto)
		if !e.Unnoticed && e.Bound > rto.Seconds() {
			fmt.Fprintf(&b, "           which is less than the bound: it may be missed though everything works as it should\n")
		}
	}
	limits := d.Extension.Limits
	fmt.Fprintf(&b, "limits:    %d regions broken, %d survivors, each with %.2f times its load", limits.Regions, limits.Survivors, limits.Load)
	if limits.LostRequests > 0 {
		fmt.Fprintf(&b, ", %d requests lost by clients that go by the TTL", limits.LostRequests)
	}
	if limits.BudgetBurn > 0 {
		fmt.Fprintf(&b, ", %g %% of the error budget burned by clients that go by the TTL", limits.BudgetBurn)
	}
	if w := d.Extension.Window; w != nil {
		fmt.Fprintf(&b, "\nwindow:    %s", w)
	}
	if d.Extension.Approval != "" {
		fmt.Fprintf(&b, "\napproval:  --approved-by <who>")
	}
	return b.String()
}

// Chaos is a journal in the form of Chaos Toolkit (chaostoolkit.org/reference/api/journal).
type Chaos struct {
	Version      string         `json:"chaoslib-version"`
	Platform     string         `json:"platform"`
	Node         string         `json:"node"`
	Experiment   Experiment     `json:"experiment"`
	Start        string         `json:"start"`
	End          string         `json:"end"`
	Duration     float64        `json:"duration"`
	Status       string         `json:"status"` // completed, failed, aborted or interrupted
	Deviated     bool           `json:"deviated"`
	SteadyStates map[string]any `json:"steady_states"`
	Run          []ChaosResult  `json:"run"`
	Rollbacks    []ChaosResult  `json:"rollbacks"`
}

// ChaosResult is what a step came to.
type ChaosResult struct {
	Activity     Activity `json:"activity"`
	Status       string   `json:"status"` // succeeded or failed
	Start        string   `json:"start"`
	End          string   `json:"end"`
	Duration     float64  `json:"duration"`
	Output       *string  `json:"output"`
	ToleranceMet *bool    `json:"tolerance_met,omitempty"`
}

// ChaosJournal makes one of a drill's events and outcome. The version says which of Chaos Toolkit's journals it is like.
func ChaosJournal(e Experiment, events []Event, o Outcome) Chaos {
	node, err := os.Hostname()
	if err != nil {
		node = "unknown"
	}
	c := Chaos{
		Version: "1.44.0", Platform: runtime.GOOS + "/" + runtime.GOARCH, Node: node, Experiment: e, Start: stamp(o.Started), End: stamp(o.Ended),
		Duration: o.Ended.Sub(o.Started).Seconds(), Deviated: o.Verdict == Fail, SteadyStates: map[string]any{}, Run: []ChaosResult{}, Rollbacks: []ChaosResult{},
	}
	switch o.Verdict {
	case Pass, Fail, Inconclusive:
		c.Status = "completed"
	case Aborted, LockLost:
		c.Status = "interrupted"
	case Blocked:
		c.Status = "aborted" // the steady state was not met
	default:
		c.Status = "failed"
	}
	if e.SteadyState != nil {
		c.SteadyStates["before"] = steadyState(e, o.Started, o.Verdict != Blocked)
		if i := slices.IndexFunc(o.Report.Checks, func(c report.Check) bool { return c.Name == steadyAfter }); i >= 0 {
			c.SteadyStates["after"] = steadyState(e, o.Ended, o.Report.Checks[i].Result == report.OK)
		}
	}
	begun := map[string]time.Time{}
	var breaking *Fault // that was ordered, and of which nothing was heard yet
	mending := false
	failed := func(a Activity, from, to time.Time) ChaosResult {
		r := result(a, from, to, o.Because)
		r.Status = "failed"
		return r
	}
	for _, ev := range events {
		switch ev.Name {
		case EventBreaking:
			var b Breaking
			if json.Unmarshal(ev.Data, &b) == nil {
				begun[b.Fault.String()], breaking = ev.At, &b.Fault
			}
		case EventBroken:
			var f Fault
			if json.Unmarshal(ev.Data, &f) == nil {
				breaking = nil
				if i := stepOf(e, f); i >= 0 {
					c.Run = append(c.Run, result(e.Method[i], begun[f.String()], ev.At, f.String()))
				}
			}
		case EventMending:
			begun[EventMending], mending = ev.At, true
			if breaking == nil {
				break
			}
			if i := stepOf(e, *breaking); i >= 0 {
				c.Run = append(c.Run, failed(e.Method[i], begun[breaking.String()], ev.At))
			}
			breaking = nil
		case EventMended:
			mending = false
			for _, act := range e.Rollbacks {
				c.Rollbacks = append(c.Rollbacks, result(act, begun[EventMending], ev.At, "everything mended"))
			}
		}
	}
	if mending { // and not mended
		for _, act := range e.Rollbacks {
			c.Rollbacks = append(c.Rollbacks, failed(act, begun[EventMending], o.Ended))
		}
	}
	return c
}

// stepOf is the place of the step that makes a fault; -1 for none.
func stepOf(e Experiment, f Fault) int {
	for i, act := range e.Method {
		if len(act.Provider.Arguments) > 2 {
			if s, _, err := ParseInject(act.Provider.Arguments[2:]); err == nil && s.Fault == f {
				return i
			}
		}
	}
	return -1
}

func steadyState(e Experiment, at time.Time, met bool) map[string]any {
	probes := []ChaosResult{}
	for _, p := range e.SteadyState.Probes {
		r := result(p, at, at, "")
		r.ToleranceMet = &met
		if !met {
			r.Status = "failed"
		}
		probes = append(probes, r)
	}
	return map[string]any{"steady_state_met": met, "probes": probes}
}

func result(a Activity, from, to time.Time, output string) ChaosResult {
	return ChaosResult{Activity: a, Status: "succeeded", Start: stamp(from), End: stamp(to), Duration: to.Sub(from).Seconds(), Output: &output}
}

// stamp is a time as journals have it.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000000") }
