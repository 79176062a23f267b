package drill

import (
	"encoding/json"
	"os"
	"runtime"
	"slices"
	"time"

	"polygate.example/tools/internal/report"
)

// ChaosFile is the journal of Chaos Toolkit, in the folder of a drill.
const ChaosFile = "journal.json"

// Statuses of such a journal. The specification has the first three, and Chaos Toolkit itself writes the fourth as well
// (github.com/chaostoolkit/chaostoolkit-lib, chaoslib/run.py).
const (
	chaosCompleted   = "completed"   // it was run to its end, whatever came of it
	chaosFailed      = "failed"      // the steady state was not met before anything was broken, or something is broken still
	chaosAborted     = "aborted"     // it was refused: nothing was broken
	chaosInterrupted = "interrupted" // it was given up on its way, or has not ended
)

// Chaos is a journal in the form of Chaos Toolkit (chaostoolkit.org/reference/api/journal). Times are of RFC 3339, in UTC.
type Chaos struct {
	Version      string                  `json:"chaoslib-version"`
	Platform     string                  `json:"platform"`
	Node         string                  `json:"node"`
	Experiment   Experiment              `json:"experiment"`
	Start        string                  `json:"start"`
	End          string                  `json:"end"` // of one that has not ended, when the last thing happened
	Duration     float64                 `json:"duration"`
	Status       string                  `json:"status"` // completed, failed, aborted or interrupted
	Deviated     bool                    `json:"deviated"`
	SteadyStates map[string]*ChaosSteady `json:"steady_states"` // before and after; one that was not looked at is missing
	Run          []ChaosResult           `json:"run"`
	Rollbacks    []ChaosResult           `json:"rollbacks"`
}

// ChaosSteady is how the steady state was found.
type ChaosSteady struct {
	Met    bool          `json:"steady_state_met"`
	Probes []ChaosResult `json:"probes"`
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
		Duration: o.Ended.Sub(o.Started).Seconds(), Deviated: o.Verdict == Fail, SteadyStates: map[string]*ChaosSteady{}, Run: []ChaosResult{}, Rollbacks: []ChaosResult{},
	}
	before, after := steadyBefore(o), steadyEnd(o)
	switch {
	case o.Verdict == Pass, o.Verdict == Fail, o.Verdict == Inconclusive:
		c.Status = chaosCompleted
	case o.Verdict == CleanupFailed, o.Verdict == Blocked && before != nil && !*before:
		c.Status = chaosFailed
	case o.Verdict == Blocked:
		c.Status = chaosAborted
	default:
		c.Status = chaosInterrupted
	}
	if e.SteadyState != nil && before != nil {
		c.SteadyStates["before"] = steadyState(e, o.Started, *before)
	}
	if e.SteadyState != nil && after != nil {
		c.SteadyStates["after"] = steadyState(e, o.Ended, *after)
	}
	c.steps(events, o)
	return c
}

// ChaosSoFar makes one of the events alone, while a drill runs or where it died. Until it has ended it says interrupted: that is what it is when its
// process is killed, which leaves this journal.
func ChaosSoFar(e Experiment, events []Event) Chaos {
	o := Outcome{Because: "it has not ended"}
	for _, ev := range events {
		if o.Started.IsZero() {
			o.Started = ev.At
		}
		if ev.Name != EventRecovered { // which may be days later
			o.Ended = ev.At
		}
		switch ev.Name {
		case EventCheck:
			var c report.Check
			if json.Unmarshal(ev.Data, &c) == nil {
				o.Report.Checks = append(o.Report.Checks, c)
			}
		case EventRun:
			o.Runs = append(o.Runs, Run{})
		case EventEnded, EventRecovered:
			var end Ended
			if json.Unmarshal(ev.Data, &end) == nil {
				o.Verdict, o.Because = end.Verdict, end.Because
			}
		}
	}
	return ChaosJournal(e, events, o)
}

// steadyBefore reports whether the steady state was met before anything was broken: by the checks of the environment that come before all
// others, and by clients being answered. That a precheck refused the drill for another reason says nothing of it. nil where nobody has looked.
func steadyBefore(o Outcome) *bool {
	met := true
	i := slices.IndexFunc(o.Report.Checks, func(c report.Check) bool { return c.Name == gateQuiet })
	if i < 0 {
		return nil
	}
	for _, c := range o.Report.Checks[:i] {
		met = met && c.Result != report.Failed
	}
	for _, c := range o.Report.Checks[i:] { // of a later run it is another matter
		met = met && (c.Name != steadyClients || c.Result != report.Failed || len(o.Runs) > 0)
	}
	return &met
}

// steadyEnd reports whether the steady state was met in the end; nil where nobody has looked.
func steadyEnd(o Outcome) *bool {
	i := slices.IndexFunc(o.Report.Checks, func(c report.Check) bool { return c.Name == steadyAfter })
	if i < 0 {
		return nil
	}
	met := o.Report.Checks[i].Result == report.OK
	return &met
}

// steps fills in what became of the steps and of what mends them.
func (c *Chaos) steps(events []Event, o Outcome) {
	e := c.Experiment
	begun := map[string]time.Time{}
	var breaking *Fault // that was ordered, and of which nothing was heard yet
	mending := false
	failed := func(a Activity, from, to time.Time) ChaosResult {
		r := result(a, from, to, o.Because)
		r.Status = "failed"
		return r
	}
	unheard := func(to time.Time) {
		if breaking == nil {
			return
		}
		if i := stepOf(e, *breaking); i >= 0 {
			c.Run = append(c.Run, failed(e.Method[i], begun[breaking.String()], to))
		}
		breaking = nil
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
			unheard(ev.At)
		case EventMended:
			mending = false
			for _, act := range e.Rollbacks {
				c.Rollbacks = append(c.Rollbacks, result(act, begun[EventMending], ev.At, "everything mended"))
			}
		}
	}
	unheard(o.Ended)
	if mending { // and not mended
		for _, act := range e.Rollbacks {
			c.Rollbacks = append(c.Rollbacks, failed(act, begun[EventMending], o.Ended))
		}
	}
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

func steadyState(e Experiment, at time.Time, met bool) *ChaosSteady {
	out := &ChaosSteady{Met: met, Probes: []ChaosResult{}}
	for _, p := range e.SteadyState.Probes {
		r := result(p, at, at, "")
		r.ToleranceMet = &met
		if !met {
			r.Status = "failed"
		}
		out.Probes = append(out.Probes, r)
	}
	return out
}

func result(a Activity, from, to time.Time, output string) ChaosResult {
	return ChaosResult{Activity: a, Status: "succeeded", Start: stamp(from), End: stamp(to), Duration: to.Sub(from).Seconds(), Output: &output}
}

// stamp is a time as journals have it: of RFC 3339, in UTC.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000000Z07:00") }
