package cli

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"polygate.example/shared/topology"
	"polygate.example/tools/internal/drill"
)

// envBreaks names the folder of a drill that is to be killed on its way.
const envBreaks = "POLYGATE_TEST_BREAKS"

// killable is a drill of one fault.
func killable(t *testing.T) (drill.Experiment, drill.Fault) {
	t.Helper()
	f := drill.Fault{Kind: drill.RegionDown, Target: "aws/one"}
	e, err := drill.New(topology.Topology{
		Manager: "route53", Pattern: "active-passive", TTL: 30, Detect: 32, Bound: 62,
		Regions: []topology.Region{{Name: "aws/one", Provider: "aws"}, {Name: "gcp/two", Provider: "gcp"}},
	}, "staging", drill.Step{Fault: f})
	if err != nil {
		t.Fatal(err)
	}
	return e, f
}

// silentApp is one that nobody hears.
func silentApp(told io.Writer) *app {
	return &app{output: newOutput(io.Discard, told, func(string) string { return "" }), stack: "staging"}
}

// chaosOf reads what Chaos Toolkit is told of a drill.
func chaosOf(t *testing.T, dir string) (c struct {
	Status    string
	Deviated  bool
	Start     time.Time
	Run       []struct{ Status string }
	Rollbacks []struct{ Status string }
}) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, drill.ChaosFile))
	if err == nil {
		err = json.Unmarshal(b, &c)
	}
	if err != nil {
		t.Fatalf("%v\n%s", err, b)
	}
	return c
}

// TestKilledJournal: a drill that is killed outright leaves a journal of Chaos Toolkit of what had happened, and the next drill closes it.
func TestKilledJournal(t *testing.T) {
	e, f := killable(t)
	if dir := os.Getenv(envBreaks); dir != "" {
		breakAndWait(t, dir, e, f)
		return
	}
	dir := filepath.Join(t.TempDir(), "drill-1")
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestKilledJournal$")
	cmd.Env = append(os.Environ(), envBreaks+"="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err := errors.Join(err, cmd.Process.Kill()); err != nil || !strings.HasPrefix(line, "broken") {
		t.Fatalf("%q, %v", line, err)
	}
	if err := cmd.Wait(); err == nil {
		t.Fatal("it was not killed")
	}
	c := chaosOf(t, dir)
	if c.Status != "interrupted" || c.Deviated || len(c.Run) != 1 || c.Run[0].Status != "succeeded" || len(c.Rollbacks) != 0 || time.Since(c.Start).Abs() > time.Hour {
		t.Errorf("%+v", c)
	}
	var told bytes.Buffer
	if err := silentApp(&told).closeJournal(drill.Recall(filepath.Dir(dir), "drill-1")); err != nil || told.Len() > 0 {
		t.Errorf("%v, %s", err, told.String())
	}
	if c := chaosOf(t, dir); c.Status != "interrupted" || len(c.Run) != 1 {
		t.Errorf("closed: %+v", c)
	}
	if p := drill.Recall(filepath.Dir(dir), "drill-1"); p.Ended == nil || p.Ended.Verdict != drill.Aborted {
		t.Errorf("closed: %+v", p)
	}
}

// breakAndWait is a drill up to when something is broken.
func breakAndWait(t *testing.T, dir string, e drill.Experiment, f drill.Fault) {
	j, err := drill.NewJournal(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	silentApp(io.Discard).keepChaos(dir, e, j)
	written, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	err = errors.Join(j.Note(drill.EventBegun, drill.Begun{ID: "drill-1", Experiment: written}), j.Note(drill.EventBreaking, drill.Breaking{Fault: f}), j.Note(drill.EventBroken, f))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(os.Stdout, "broken\n"); err != nil {
		t.Fatal(err)
	}
	<-t.Context().Done() // which the kill is faster than
}

// TestInterruptedJournal: one that a signal ends is written to its end.
func TestInterruptedJournal(t *testing.T) {
	e, f := killable(t)
	dir := filepath.Join(t.TempDir(), "drill-1")
	j, err := drill.NewJournal(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	a := silentApp(io.Discard)
	a.keepChaos(dir, e, j)
	begun := time.Now()
	err = errors.Join(j.Note(drill.EventBegun, drill.Begun{}), j.Note(drill.EventBreaking, drill.Breaking{Fault: f}), j.Note(drill.EventBroken, f), j.Note(drill.EventMending, []drill.Fault{f}))
	if c := chaosOf(t, dir); err != nil || c.Status != "interrupted" || len(c.Rollbacks) != 1 || c.Rollbacks[0].Status != "failed" {
		t.Errorf("%v: while it is mended: %+v", err, c)
	}
	o := drill.Outcome{ID: "drill-1", Verdict: drill.Aborted, Because: "it was interrupted", Started: begun, Ended: time.Now(), Runs: []drill.Run{}}
	err = errors.Join(j.Note(drill.EventMended, []drill.Fault{f}), j.Note(drill.EventEnded, drill.Ended{Verdict: o.Verdict}), j.Close(), a.keepDrill(dir, o, drill.Drill{Experiment: e}))
	if c := chaosOf(t, dir); err != nil || c.Status != "interrupted" || len(c.Rollbacks) != 1 || c.Rollbacks[0].Status != "succeeded" {
		t.Errorf("%v: in the end: %+v", err, c)
	}
}

// TestUnkeptJournal: that it cannot be kept up to date ends no drill, and is told once.
func TestUnkeptJournal(t *testing.T) {
	e, f := killable(t)
	dir := filepath.Join(t.TempDir(), "drill-1")
	j, err := drill.NewJournal(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, drill.ChaosFile), 0o755); err != nil { // in its place
		t.Fatal(err)
	}
	var told bytes.Buffer
	silentApp(&told).keepChaos(dir, e, j)
	if err := errors.Join(j.Note(drill.EventBegun, drill.Begun{}), j.Note(drill.EventBreaking, drill.Breaking{Fault: f}), j.Close()); err != nil {
		t.Error(err)
	}
	if n := strings.Count(told.String(), "cannot be kept up to date"); n != 1 {
		t.Errorf("told %d times:\n%s", n, told.String())
	}
}
