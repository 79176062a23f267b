package drill

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A journal is read whatever moment its writer died at, and what is added afterwards is read as well.
func TestJournalCutOff(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "drill-1")
	j, err := NewJournal(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []string{EventBegun, EventBreaking, EventBroken} {
		if err := j.Note(n, Begun{ID: "drill-1", Title: n}); err != nil {
			t.Fatal(err)
		}
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, EventsFile)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for n := 1; n <= len(whole); n += 7 {
		if err := os.WriteFile(path, whole[:n], 0o644); err != nil {
			t.Fatal(err)
		}
		events, err := Events(dir)
		if err != nil {
			t.Fatalf("cut off after %d bytes: %v", n, err)
		}
		// The last line may be whole though its end is missing.
		if lines := strings.Count(string(whole[:n]), "\n"); len(events) < lines || len(events) > lines+1 {
			t.Fatalf("cut off after %d bytes: %d events of %d lines", n, len(events), lines)
		}
		if err := Append(dir, EventRecovered, Ended{Verdict: Aborted, Because: "it died"}); err != nil {
			t.Fatal(err)
		}
		p := Recall(filepath.Dir(dir), "drill-1")
		if p.Err != nil || p.Ended == nil || p.Ended.Verdict != Aborted {
			t.Fatalf("cut off after %d bytes: %+v", n, p)
		}
	}
	if err := os.WriteFile(path, []byte("x\ny\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Events(dir); err == nil || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("two lines that are no events: %v", err)
	}
}

// One folder is one drill's.
func TestJournalOfAnother(t *testing.T) {
	dir := t.TempDir()
	j, err := NewJournal(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = j.Close() }() // it has served
	if _, err := NewJournal(dir, nil); err == nil {
		t.Error("a second journal in the same folder")
	}
}

// Chaos Toolkit's journal has what its specification asks for (chaostoolkit.org/reference/api/journal).
func TestChaosJournal(t *testing.T) {
	e, err := New(deployed(), "staging", Step{Fault: Fault{Kind: RegionDown, Target: one}})
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	f := Fault{Kind: RegionDown, Target: one}
	event := func(after int, name string, data any) Event {
		b, err := json.Marshal(data)
		if err != nil {
			t.Fatal(err)
		}
		return Event{At: at.Add(s(after)), Name: name, Data: b}
	}
	events := []Event{event(1, EventBreaking, Breaking{Fault: f}), event(3, EventBroken, f), event(10, EventMending, []Fault{f}), event(11, EventMended, []Fault{f})}
	for verdict, want := range map[Verdict]struct {
		status   string
		deviated bool
	}{Pass: {"completed", false}, Fail: {"completed", true}, Aborted: {"interrupted", false}, Blocked: {"aborted", false}, CleanupFailed: {"failed", false}} {
		c := ChaosJournal(e, events, Outcome{Verdict: verdict, Started: at, Ended: at.Add(s(20)), Runs: []Run{{}}})
		if c.Status != want.status || c.Deviated != want.deviated || c.Duration != 20 || c.Start != "2026-11-30T12:00:00.000000Z" {
			t.Errorf("%s: %+v", verdict, c)
		}
		if len(c.Run) != 1 || c.Run[0].Duration != 2 || c.Run[0].Activity.Name != e.Method[0].Name || len(c.Rollbacks) != 1 || c.Rollbacks[0].Duration != 1 {
			t.Errorf("%s: steps %+v, rollbacks %+v", verdict, c.Run, c.Rollbacks)
		}
		b, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		for _, moment := range []string{c.Start, c.End, c.Run[0].Start, c.Run[0].End, c.Rollbacks[0].Start} {
			if _, err := time.Parse(time.RFC3339, moment); err != nil {
				t.Errorf("%s: a time that is not of RFC 3339: %v", verdict, err)
			}
		}
		for _, key := range []string{"experiment", "status", "start", "end", "duration", "steady_states", "run", "rollbacks", "platform", "node"} {
			if !strings.Contains(string(b), `"`+key+`":`) {
				t.Errorf("%s: no %s", verdict, key)
			}
		}
	}
}

// What was ordered and not carried out has failed, and so has a roll-back that did not end.
func TestChaosJournalFailures(t *testing.T) {
	e, err := New(deployed(), "staging", Step{Fault: Fault{Kind: RegionDown, Target: one}})
	if err != nil {
		t.Fatal(err)
	}
	f := Fault{Kind: RegionDown, Target: one}
	order, err := json.Marshal(Breaking{Fault: f})
	if err != nil {
		t.Fatal(err)
	}
	c := ChaosJournal(e, []Event{{Name: EventBreaking, Data: order}, {Name: EventMending}}, Outcome{Verdict: CleanupFailed, Because: "denied"})
	if len(c.Run) != 1 || c.Run[0].Status != "failed" || len(c.Rollbacks) != 1 || c.Rollbacks[0].Status != "failed" || *c.Rollbacks[0].Output != "denied" {
		t.Errorf("%+v, rollbacks %+v", c.Run, c.Rollbacks)
	}
}

// An outcome and a journal that do not belong together are not shown as one.
func TestSealed(t *testing.T) {
	keep := func(t *testing.T) string {
		dir := t.TempDir()
		j, err := NewJournal(filepath.Join(dir, "drill-1"), nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := j.Note(EventBegun, Begun{ID: "drill-1"}); err != nil {
			t.Fatal(err)
		}
		moment, figure := time.Now(), 1.0/3
		o := Outcome{ID: "drill-1", Verdict: Pass, Started: time.Now(), Runs: []Run{{Moments: Moments{Fault: &moment}, Derived: Derived{RTO: &figure}}}, Digests: Digests{Journal: j.Digest()}}
		if err := errors.Join(j.Note(EventEnded, Ended{Verdict: Pass, Outcome: o.Digest()}), j.Close()); err != nil {
			t.Fatal(err)
		}
		b, err := json.MarshalIndent(o, "", "  ")
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, "drill-1", OutcomeFile), b, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
		return dir
	}
	for name, c := range map[string]struct{ file, old, new, want string }{
		"as written":            {OutcomeFile, "", "", ""},
		"a verdict was changed": {OutcomeFile, `"pass"`, `"fail"`, "it was changed since"},
		"an event was changed":  {EventsFile, `"drill-1"`, `"drill-2"`, "is not what outcome.json was made of"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := keep(t)
			path := filepath.Join(dir, "drill-1", c.file)
			b, err := os.ReadFile(path)
			if err == nil {
				err = os.WriteFile(path, []byte(strings.Replace(string(b), c.old, c.new, 1)), 0o644)
			}
			if err != nil {
				t.Fatal(err)
			}
			p := Recall(dir, "drill-1")
			if c.want == "" && p.Err != nil || c.want != "" && (p.Err == nil || !strings.Contains(p.Err.Error(), c.want)) {
				t.Errorf("%v, want %q", p.Err, c.want)
			}
		})
	}
}
