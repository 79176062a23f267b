package drill

import (
	"context"
	"encoding/json"
	"errors"

	"strings"
	"testing"
	"time"

	"polygate.example/tools/internal/report"
)

// told is a journal of Chaos Toolkit of what came of a drill.
func told(t *testing.T, w World, events []Event, o Outcome) Chaos {
	t.Helper()
	e, err := New(w.Topology, "staging", Step{Fault: Fault{Kind: RegionDown, Target: one}})
	if err != nil {
		t.Fatal(err)
	}
	return ChaosJournal(e, events, o)
}

// A drill that was refused was aborted, and what is said of the steady state is what was seen of it: only one that was not met has failed.
func TestChaosJournalBlocked(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		world  func(s *stack, w *World)
		change func(*Experiment)
		status string
		before *bool // nil: nobody has looked
	}{
		"approval": {func(*stack, *World) {}, func(e *Experiment) { e.Extensions[0].Approval = "required" }, "aborted", yes()},
		"window": {func(*stack, *World) {}, func(e *Experiment) {
			e.Extensions[0].Window = &Window{Days: []string{strings.ToLower(time.Now().UTC().Add(48 * time.Hour).Weekday().String()[:3])}, From: "00:00", To: "23:59"}
		}, "aborted", yes()},
		"the emergency lever": {func(_ *stack, w *World) {
			w.Engaged = func(context.Context) (bool, string, error) { return true, "an incident", nil }
		}, nil, "aborted", yes()},
		"no store says how the emergency lever is": {func(_ *stack, w *World) {
			w.Engaged = func(context.Context) (bool, string, error) { return false, "", errors.New("no store answers") }
		}, nil, "aborted", nil},
		"a status that is red": {func(_ *stack, w *World) {
			well := w.Look
			w.Look = func(ctx context.Context) (Look, error) {
				look, err := well(ctx)
				look.Checks = []report.Check{{Name: "shared name", Result: report.OK}, {Name: "alarm", Result: report.Failed, Detail: "it rings"}}
				return look, err
			}
		}, nil, "failed", no()},
		"nobody can look": {func(_ *stack, w *World) {
			w.Look = func(context.Context) (Look, error) { return Look{}, errors.New("no network") }
		}, nil, "aborted", nil},
		"clients lose requests": {func(_ *stack, w *World) {
			w.Clients.RootCAs = nil // nobody's certificate is good
		}, nil, "failed", no()},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &stack{}
			w := s.world(t)
			c.world(s, &w)
			o, events := perform(t, t.Context(), w, c.change, Options{})
			if o.Verdict != Blocked {
				t.Fatalf("%s: %s", o.Verdict, o.Because)
			}
			for how, j := range map[string]Chaos{"in the end": told(t, w, events, o), "by its events": ChaosSoFar(told(t, w, events, o).Experiment, events)} {
				if how == "by its events" && name == "clients lose requests" { // which is no check of the journal's, as the drill ends with it
					continue
				}
				before := j.SteadyStates["before"]
				if j.Status != c.status || j.Deviated || (before == nil) != (c.before == nil) || before != nil && before.Met != *c.before || j.SteadyStates["after"] != nil {
					t.Errorf("%s: %s, deviated %t, before %+v, after %+v; want %s, before %v", how, j.Status, j.Deviated, before, j.SteadyStates["after"], c.status, c.before)
				}
			}
		})
	}
}

func yes() *bool { met := true; return &met }
func no() *bool  { met := false; return &met }

// Whenever its process is killed, what a drill leaves is a journal that says how far it had come.
func TestChaosSoFar(t *testing.T) {
	e, err := New(deployed(), "staging", Step{Fault: Fault{Kind: RegionDown, Target: one}})
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	f := Fault{Kind: RegionDown, Target: one}
	var events []Event
	for i, c := range []struct {
		name   string
		data   any
		status string
		run    string // statuses of its steps, and of what mends them
	}{
		{EventBegun, Begun{ID: "d"}, "interrupted", "/"},
		{EventCheck, report.Check{Name: "shared name", Result: report.OK}, "interrupted", "/"},
		{EventCheck, report.Check{Name: gateQuiet, Result: report.OK}, "interrupted", "/"},
		{EventBreaking, Breaking{Fault: f}, "interrupted", "failed/"},
		{EventBroken, f, "interrupted", "succeeded/"},
		{EventMending, []Fault{f}, "interrupted", "succeeded/failed"},
		{EventMended, []Fault{f}, "interrupted", "succeeded/succeeded"},
		{EventRun, Run{}, "interrupted", "succeeded/succeeded"},
		{EventEnded, Ended{Verdict: Pass}, "completed", "succeeded/succeeded"},
	} {
		b, err := json.Marshal(c.data)
		if err != nil {
			t.Fatal(err)
		}
		events = append(events, Event{At: at.Add(s(i)), Name: c.name, Data: b})
		j := ChaosSoFar(e, events)
		run := ""
		for _, r := range j.Run {
			run += r.Status
		}
		run += "/"
		for _, r := range j.Rollbacks {
			run += r.Status
		}
		if j.Status != c.status || run != c.run || j.Start != "2026-11-30T12:00:00.000000Z" || j.End != stamp(at.Add(s(i))) || j.Deviated {
			t.Errorf("after %s: %s, %s, from %s to %s", c.name, j.Status, run, j.Start, j.End)
		}
		if before := j.SteadyStates["before"]; (before != nil && before.Met) != (i > 1) {
			t.Errorf("after %s: the steady state before is %+v", c.name, before)
		}
	}
	died := append(events[:5:5], Event{At: at.Add(s(90000)), Name: EventRecovered, Data: json.RawMessage(`{"verdict":"aborted","because":"its process died"}`)})
	if j := ChaosSoFar(e, died); j.Status != "interrupted" || j.Duration != 4 {
		t.Errorf("one that died: %s after %.0f s", j.Status, j.Duration)
	}
}

// What is done with each event is done when it is on disk.
func TestJournalEach(t *testing.T) {
	dir := t.TempDir()
	j, err := NewJournal(dir+"/drill-1", nil)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	j.Each(func(e Event) {
		n++
		all, err := Events(dir + "/drill-1")
		if err != nil || len(all) != n || all[n-1].Name != e.Name || all[n-1].Seq != e.Seq || !all[n-1].At.Equal(e.At) {
			t.Errorf("%v, %v: want %+v", all, err, e)
		}
	})
	if err := errors.Join(j.Note(EventBegun, Begun{}), j.Note(EventEnded, Ended{}), j.Close()); err != nil || n != 2 {
		t.Errorf("%d events, %v", n, err)
	}
}
