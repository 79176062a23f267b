package drills

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"polygate.example/tests/harness"
	"polygate.example/tests/harness/harnesstest"
	"polygate.example/tests/patterns"
)

// speed is that of the matrix.
const speed = 10

// one is the cheapest stack that fails over: two regions of one provider.
func one(t *testing.T) *harness.Environment {
	t.Helper()
	c := patterns.Combination{Manager: "route53", Pattern: "active-passive", Providers: []string{"gcp"}}
	env := harnesstest.New(t, harness.Options{Speed: speed, Dials: c.Dials(), Document: harness.EchoDocument})
	harnesstest.Must(t, env, "up")
	harnesstest.Healthy(t, env)
	return env
}

// named finds a fault.
func named(t *testing.T, name string) Fault {
	t.Helper()
	i := slices.IndexFunc(Faults(), func(f Fault) bool { return f.Name == name })
	if i < 0 {
		t.Fatalf("no fault %q", name)
	}
	return Faults()[i]
}

func write(t *testing.T, env *harness.Environment, f Fault, change func(string) string) string {
	t.Helper()
	path, err := Write(t.Context(), env, f, change)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func drill(t *testing.T, env *harness.Environment, path string, code int, args ...string) outcome {
	t.Helper()
	o, r, err := Run(t.Context(), env, path, args...)
	if err != nil {
		t.Fatal(err)
	}
	if r.Code != code {
		t.Fatalf("drill run ended with %d, want %d: %s: %s\n%s", r.Code, code, o.Verdict, o.Because, strings.Join(o.failed(), "\n"))
	}
	return o
}

// check finds a check of a report by a part of its name.
func (o outcome) check(name string) (result, detail string) {
	for _, c := range o.Report.Checks {
		if strings.Contains(c.Name, name) {
			return c.Result, c.Detail
		}
	}
	return "", ""
}

// TestDrill: a drill of each manager, in each form of a report.
func TestDrill(t *testing.T) {
	t.Parallel()
	for _, c := range []patterns.Combination{
		{Manager: "trafficmanager", Pattern: "active-passive", Providers: []string{"gcp"}},
		{Manager: "cloudflare", Pattern: "active-active", Steering: "weighted", Providers: []string{"gcp"}},
		{Manager: "cloudflare", Proxied: true, Pattern: "active-passive", Providers: []string{"gcp"}},
	} {
		t.Run(c.String(), func(t *testing.T) {
			t.Parallel()
			env := harnesstest.New(t, harness.Options{Speed: speed, Dials: c.Dials(), Document: harness.EchoDocument})
			harnesstest.Must(t, env, "up")
			for _, name := range []string{"region-down", "blackhole"} {
				harnesstest.Healthy(t, env)
				cell, err := Measure(t.Context(), env, c, named(t, name))
				if err != nil {
					t.Fatal(err)
				}
				if cell.Problem != "" {
					t.Errorf("%s: %s", name, cell.Problem)
				}
			}
		})
	}
}

// TestReports: one drill, told in every form; refused ones; by the gateway's own lease.
func TestReports(t *testing.T) {
	t.Parallel()
	env := one(t)
	path := write(t, env, named(t, "region-down"), nil)
	if r := harnesstest.Must(t, env, "drill", "validate", path); !strings.Contains(r.Stdout, "no client without an answer for longer than") {
		t.Errorf("validate says\n%s", r.Stdout)
	}
	o := drill(t, env, path, 0)
	for form, want := range map[string]string{
		"table": "recovered", "json": `"verdict": "pass"`, "junit": "<testsuite", "openmetrics": "# EOF", "html": "<svg",
	} {
		if r := harnesstest.Must(t, env, "drill", "report", o.ID, "-o", form); !strings.Contains(r.Stdout, want) {
			t.Errorf("as %s the report does not have %q:\n%.2000s", form, want, r.Stdout)
		}
	}
	dir := filepath.Join(env.Root, ".polygate", "local", "drills", o.ID)
	b, err := os.ReadFile(filepath.Join(dir, "journal.json"))
	if err != nil {
		t.Fatal(err)
	}
	var chaos struct {
		Status   string
		Deviated bool
		Run      []struct{ Status string }
	}
	if err := json.Unmarshal(b, &chaos); err != nil || chaos.Status != "completed" || chaos.Deviated || len(chaos.Run) != 1 || chaos.Run[0].Status != "succeeded" {
		t.Errorf("Chaos Toolkit's journal: %v\n%.2000s", err, b)
	}
	if r := harnesstest.Must(t, env, "drill", "history"); !strings.Contains(r.Stdout, o.ID) {
		t.Errorf("history says\n%s", r.Stdout)
	}

	t.Run("refused", func(t *testing.T) {
		for _, c := range []struct {
			name   string
			before []string
			after  []string
			change func(string) string
			want   string
		}{
			{name: "more regions than allowed", change: func(s string) string {
				return strings.ReplaceAll(s, "region-down\n        - gcp/us-central1", "provider-down\n        - gcp")
			}, want: "blast radius"},
			{name: "no approval", change: func(s string) string { return strings.Replace(s, "repeat: 1", "repeat: 1\n    approval: required", 1) }, want: "approval"},
			{name: "the window is closed", change: func(s string) string {
				return strings.Replace(s, "repeat: 1", "repeat: 1\n    window: {days: ["+strings.ToLower(time.Now().UTC().Add(48 * time.Hour).Weekday().String()[:3])+"], from: '00:00', to: '23:59'}", 1)
			}, want: "window"},
			{name: "the emergency lever", before: []string{"drill", "lever", "engage", "--why", "incident"}, after: []string{"drill", "lever", "release"}, want: "incident"},
			{name: "the steady state is red", before: []string{"local", "fail", "gcp/europe-west1"}, after: []string{"local", "heal"}, want: "gcp/europe-west1"},
		} {
			t.Run(c.name, func(t *testing.T) {
				harnesstest.Healthy(t, env)
				path := write(t, env, named(t, "region-down"), c.change)
				if c.before != nil {
					harnesstest.Must(t, env, c.before...)
				}
				o := drill(t, env, path, 6)
				if o.Verdict != "blocked" || !strings.Contains(o.Because, c.want) || len(o.Runs) != 0 {
					t.Errorf("%s: %s, want it refused for %q", o.Verdict, o.Because, c.want)
				}
				if c.after != nil {
					harnesstest.Must(t, env, c.after...)
				}
				none(t, env)
			})
		}
	})

	t.Run("a step of Chaos Toolkit", func(t *testing.T) {
		harnesstest.Healthy(t, env)
		harnesstest.Must(t, env, "drill", "inject", "control-plane-down", "gcp", "--lease", "600s")
		if f := faults(t, env); !slices.Equal(f, []string{"control-plane-down of gcp"}) {
			t.Errorf("broken: %v", f)
		}
		second := []string{"drill", "inject", "region-down", "gcp/us-central1", "--lease", "600s"}
		if r, err := env.Polygate(t.Context(), second...); err != nil || r.Code != 6 || !strings.Contains(r.Stderr, "nothing is broken already") {
			t.Errorf("a second one: %d, %v\n%s", r.Code, err, r.Stderr)
		}
		harnesstest.Must(t, env, append(second, "--beside")...)
		if f := faults(t, env); len(f) != 2 {
			t.Errorf("broken: %v", f)
		}
		if r, err := env.Polygate(t.Context(), "drill", "inject", "region-down", "gcp/europe-west1", "--lease", "600s", "--beside"); err != nil || r.Code != 6 || !strings.Contains(r.Stderr, "survivors") {
			t.Errorf("the last region, beside: %d, %v\n%s", r.Code, err, r.Stderr)
		}
		harnesstest.Must(t, env, "drill", "mend")
		none(t, env)
	})

	t.Run("by the gateway's own lease, as on real clouds", func(t *testing.T) {
		harnesstest.Healthy(t, env)
		f := named(t, "health-fail")
		o := drill(t, env, write(t, env, f, nil), 0, "--by", "function")
		if m := o.Runs[0].Derived.Moved; m == nil || *m > o.Expected.Bound {
			t.Errorf("moved after %v s", m)
		}
	})

	t.Run("interrupted", func(t *testing.T) {
		harnesstest.Healthy(t, env)
		path := write(t, env, named(t, "region-down"), nil)
		wait, signal, err := env.Begin(t.Context(), "drill", "run", path, "-o", "json")
		if err != nil {
			t.Fatal(err)
		}
		until(t, "it is broken", 30*time.Second, func() bool { return len(faults(t, env)) > 0 })
		if err := signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		r, err := wait()
		if err != nil || r.Code != 4 || !strings.Contains(r.Stdout, `"verdict": "aborted"`) {
			t.Errorf("it ended with %d, %v\n%.500s%s", r.Code, err, r.Stdout, r.Stderr)
		}
		var o struct{ ID string }
		if err := json.Unmarshal([]byte(r.Stdout), &o); err != nil {
			t.Fatal(err)
		}
		if got := chaosStatus(t, filepath.Join(env.Root, ".polygate", "local", "drills", o.ID)); got != "interrupted" {
			t.Errorf("Chaos Toolkit is told %q", got)
		}
		none(t, env)
	})

	t.Run("given up from elsewhere", func(t *testing.T) {
		harnesstest.Healthy(t, env)
		path := write(t, env, named(t, "region-down"), nil)
		wait, _, err := env.Begin(t.Context(), "drill", "run", path, "-o", "json")
		if err != nil {
			t.Fatal(err)
		}
		until(t, "it is broken", 30*time.Second, func() bool { return len(faults(t, env)) > 0 })
		if r, err := env.Polygate(t.Context(), "drill", "run", path); err != nil || r.Code != 6 || !strings.Contains(r.Stderr, "is at work") {
			t.Errorf("a second one beside it: %d, %v\n%s", r.Code, err, r.Stderr)
		}
		if r, err := env.Polygate(t.Context(), "failover", "--from", "gcp/us-central1", "--yes"); err != nil || r.Code == 0 {
			t.Errorf("a failover beside it: %d, %v\n%s", r.Code, err, r.Stdout)
		}
		if r := harnesstest.Must(t, env, "drill", "abort", "--why", "customers"); !strings.Contains(r.Stdout, "given up") {
			t.Errorf("abort says\n%s", r.Stdout)
		}
		r, err := wait()
		if err != nil || r.Code != 4 || !strings.Contains(r.Stdout, "customers") {
			t.Errorf("it ended with %d, %v\n%.500s%s", r.Code, err, r.Stdout, r.Stderr)
		}
		none(t, env)
	})

	t.Run("too much is lost", func(t *testing.T) {
		harnesstest.Healthy(t, env)
		o := drill(t, env, write(t, env, named(t, "region-down"), nil), 4, "--max-lost-requests", "5")
		if !strings.Contains(o.Because, "limits.lostRequests") || !o.Runs[0].Cleanup[0].OK {
			t.Errorf("%s: %+v", o.Because, o.Runs[0].Cleanup)
		}
	})
}

// TestLiars: who says what is not so is found out.
func TestLiars(t *testing.T) {
	t.Parallel()
	env := one(t)
	t.Run("the health endpoint says ok while requests fail", func(t *testing.T) {
		f := named(t, "error-rate")
		f.Init = func(first, _, _ string) []string { return []string{"error-rate", first, "--spares-health"} }
		o := drill(t, env, write(t, env, f, nil), 1)
		if result, detail := o.check("health is told as it is"); result != "failed" || !strings.Contains(detail, "calls gcp/us-central1 well, and its clients lose requests") {
			t.Errorf("%q: %s\n%v", result, detail, o.failed())
		}
		if o.Runs[0].Derived.RTO != nil {
			t.Errorf("recovered after %v s, and nobody led clients away", *o.Runs[0].Derived.RTO)
		}
	})
	t.Run("the manager acknowledges and does nothing", func(t *testing.T) {
		harnesstest.Healthy(t, env)
		f := named(t, "dns-stale")
		f.Before = func(_, _, manager string) []string { return []string{"dns-stale", manager, "--lease", "900s"} }
		o := drill(t, env, write(t, env, f, func(s string) string { return watched(s, 80) }), 1)
		if result, detail := o.check("what is decided is published"); result != "failed" || !strings.Contains(detail, "calls gcp/us-central1 ill, and its name servers still lead there") {
			t.Errorf("%q: %s\n%v", result, detail, o.failed())
		}
	})
	t.Run("a resolver does not go by the TTL", func(t *testing.T) {
		harnesstest.Healthy(t, env)
		o := drill(t, env, write(t, env, named(t, "region-down"), nil), 0)
		result, detail := o.check("resolvers go by the TTL")
		if result != "warning" || !strings.Contains(detail, "past its TTL") {
			t.Errorf("%q: %s", result, detail)
		}
		held := 0
		for _, h := range o.Runs[0].Resolvers {
			if strings.Contains(h.Name, "holds answers") {
				held++
				if h.Judged || h.RTO != nil || h.Stale == 0 {
					t.Errorf("the one that holds on: %+v", h)
				}
			}
		}
		if held != 1 {
			t.Errorf("resolvers: %+v", o.Runs[0].Resolvers)
		}
	})
}

// What an experiment says of its lease, and of how long it is watched.
var (
	leases = regexp.MustCompile(`(- --lease\n +- )\S+`)
	pauses = regexp.MustCompile(`after: \S+`)
)

func watched(experiment string, seconds int) string {
	return pauses.ReplaceAllString(experiment, fmt.Sprintf("after: %d", seconds))
}

// kills is how often the runner is killed at random.
const kills = 20

// TestKilled: whenever the runner is killed, what it broke ends with its lease at the target, its journal can be read, and the next run starts.
// The moments are spread over all that a drill takes. Those that are short are met on purpose as well.
func TestKilled(t *testing.T) {
	t.Parallel()
	env := one(t)
	path := write(t, env, named(t, "region-down"), func(s string) string { return watched(leases.ReplaceAllString(s, "${1}30s"), 28) })
	begun := time.Now()
	whole(t, env, path)
	took := time.Since(begun)
	t.Logf("a drill that nobody kills takes %s", took.Round(time.Millisecond))
	random := rand.New(rand.NewPCG(4, uint64(begun.UnixNano())))
	broken, met := 0, map[string]int{}
	for range kills {
		after := time.Duration(random.Int64N(int64(took)))
		hit, last := kill(t, env, path, func(begun time.Time, _ []string) bool { return time.Since(begun) >= after })
		if hit {
			broken++
		}
		met[last]++
	}
	t.Logf("at random: %d of %d found something broken; the last events were %v", broken, kills, met)
	if broken == 0 {
		t.Error("no kill found anything broken")
	}
	for _, event := range []string{"breaking", "mending", "mended"} {
		if _, last := kill(t, env, path, func(_ time.Time, events []string) bool { return slices.Contains(events, event) }); last == "ended" {
			t.Errorf("it ended before it was killed: %q is to be met", event)
		}
	}
	harnesstest.Healthy(t, env)
	whole(t, env, path)
	if r := harnesstest.Must(t, env, "drill", "history", "-o", "json"); strings.Contains(r.Stdout, `"died"`) {
		t.Errorf("a drill that died is not noted as such:\n%s", r.Stdout)
	}
}

// whole runs a drill to its end. Its fault is mended before the manager has to have led everybody away: what counts is that it gets there.
func whole(t *testing.T, env *harness.Environment, path string) {
	t.Helper()
	o, r, err := Run(t.Context(), env, path)
	if err != nil || len(o.Runs) != 1 || r.Code == 5 || r.Code == 6 || !o.Runs[0].Cleanup[0].OK {
		t.Errorf("the drill ended with %d, %v: %s\n%s", r.Code, err, o.Because, r.Stderr)
	}
}

// kill runs a drill, kills its runner when it is time, by when it began and by the events of its journal, and waits for what it broke to end
// by itself. It returns whether anything was broken then, and the last event there was.
func kill(t *testing.T, env *harness.Environment, path string, now func(begun time.Time, events []string) bool) (broken bool, last string) {
	t.Helper()
	before := journals(t, env)
	wait, signal, err := env.Begin(t.Context(), "drill", "run", path, "-o", "json")
	if err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	events := []string{"none"}
	until(t, "the moment to kill it", time.Minute, func() bool {
		for _, name := range journals(t, env) {
			if !slices.Contains(before, name) {
				events = noted(t, name)
			}
		}
		last = events[len(events)-1]
		return last == "ended" || now(begun, events)
	})
	if err := signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if _, err := wait(); err != nil {
		t.Logf("killed: %v", err)
	}
	killed := time.Now()
	broken = len(faults(t, env)) > 0
	const lease = 30 // cloud seconds
	until(t, "the fault is over", time.Duration(lease/speed)*time.Second+2*time.Second, func() bool { return len(faults(t, env)) == 0 })
	t.Logf("killed after %s, the last event was %q: nothing broken %s later", killed.Sub(begun).Round(time.Millisecond), last, time.Since(killed).Round(time.Millisecond))
	for _, name := range journals(t, env) {
		readable(t, name)
	}
	return broken, last
}

// journals are the files of all drills' events.
func journals(t *testing.T, env *harness.Environment) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(env.Root, ".polygate", "local", "drills", "*", "events.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// noted are the names of the whole events of a journal.
func noted(t *testing.T, name string) []string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	names := []string{"none"}
	for line := range bytes.Lines(b) {
		var e struct{ Event string }
		if json.Unmarshal(line, &e) == nil {
			names = append(names, e.Event)
		}
	}
	return names
}

// readable reads a journal: a kill tears one line of it at most.
func readable(t *testing.T, name string) {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	torn, n := 0, 0
	for lines := bufio.NewScanner(f); lines.Scan(); n++ {
		if !json.Valid(lines.Bytes()) {
			torn++
		}
		if n > 1 { // the first may be on disk a moment before it
			chaosStatus(t, filepath.Dir(name))
		}
	}
	if err := f.Close(); err != nil || torn > 1 {
		t.Errorf("%s: %d of %d lines are no events, %v", name, torn, n, err)
	}
}

// chaosStatus is the status in Chaos Toolkit's journal of a drill.
func chaosStatus(t *testing.T, dir string) string {
	t.Helper()
	var c struct {
		Status string
		Start  time.Time
	}
	b, err := os.ReadFile(filepath.Join(dir, "journal.json"))
	if err == nil {
		err = json.Unmarshal(b, &c)
	}
	if err != nil || c.Status == "" {
		t.Errorf("Chaos Toolkit's journal in %s: %v\n%.500s", dir, err, b)
	}
	return c.Status
}

// faults are what is broken by order.
func faults(t *testing.T, env *harness.Environment) []string {
	t.Helper()
	r := harnesstest.Must(t, env, "drill", "status", "--json")
	var st struct{ Faults []struct{ Fault string } }
	if err := json.Unmarshal([]byte(r.Stdout), &st); err != nil {
		t.Fatalf("drill status: %v\n%s", err, r.Stdout)
	}
	var out []string
	for _, f := range st.Faults {
		out = append(out, f.Fault)
	}
	return out
}

func none(t *testing.T, env *harness.Environment) {
	t.Helper()
	if f := faults(t, env); len(f) > 0 {
		t.Errorf("still broken: %v", f)
	}
}

// until waits for something that has to come in time.
func until(t *testing.T, what string, limit time.Duration, so func() bool) {
	t.Helper()
	for over := time.Now().Add(limit); !so(); {
		if !time.Now().Before(over) {
			t.Fatalf("not within %s: %s", limit, what)
		}
		time.Sleep(50 * time.Millisecond) // between two looks
	}
}
