package drill

import (
	"slices"
	"strings"
	"testing"
	"time"

	"polygate.example/tools/internal/prober"
	"polygate.example/tools/internal/report"
)

// judgedRun is a tale's run, with proof of fault and clean-up, held against the bound of 62 s.
func judgedRun(r recording, change func(*Run), expected Expected, objective float64) Outcome {
	r.bound = seconds(expected.Bound)
	run := r.run()
	run.Landed, run.Cleanup = []Evidence{{OK: true, Text: "seen"}}, []Evidence{{OK: true, Text: "gone"}}
	run.Prober = Prober{Sent: 100}
	if change != nil {
		change(&run)
	}
	o := Outcome{Environment: "staging", Manager: "route53", Affected: []string{one}, Runs: []Run{run}, Expected: expected, Objective: Objective{RTO: objective, Availability: r.target}}
	judge(&o, nil, nil, time.Now())
	return o
}

func check(o Outcome, name string) report.Check {
	i := slices.IndexFunc(o.Report.Checks, func(c report.Check) bool { return c.Name == name })
	if i < 0 {
		return report.Check{}
	}
	return o.Report.Checks[i]
}

func TestVerdicts(t *testing.T) {
	within := Expected{Bound: 62}
	for name, c := range map[string]struct {
		tale      func(*tale)
		run       func(*Run)
		expected  Expected
		objective float64
		want      Verdict
		because   string
	}{
		"as it should be":                           {nil, nil, within, 0, Pass, "after 10.1 s of at most 62 s"},
		"beyond the bound":                          {nil, nil, Expected{Bound: 8}, 0, Fail, "after 10.1 s, the limit is 8 s"},
		"beyond the objective":                      {nil, nil, within, 5, Fail, "after 10.1 s, the limit is 5 s"},
		"between the last loss and the next answer": {nil, nil, Expected{Bound: 9.5}, 0, Pass, "after 10.1 s of at most 10 s"},
		"nobody was served there":                   {func(x *tale) { x.lossless, x.moves = true, []int{1, 1}; x.back = 60 }, func(r *Run) { r.Moments.FirstShifted, r.Derived.Moved = nil, nil; r.Timeline = nil }, within, 0, Inconclusive, "no client was served there before"},
		"given up":                                  {func(x *tale) { x.moves[1] = 0 }, func(r *Run) { r.Cut = true }, within, 0, Pass, ""},
		"never recovered":                           {func(x *tale) { x.moves[1] = 0 }, nil, within, 0, Fail, "never had an answer again"},
		"something lost that may not be":            {nil, nil, Expected{Bound: 62, Lossless: true}, 0, Fail, "requests were lost"},
		"nothing lost":                              {func(x *tale) { x.lossless = true }, nil, Expected{Bound: 62, Lossless: true}, 0, Pass, "no client was without an answer, and all had moved after 9.0 s"},
		"nothing lost, and nobody led away":         {func(x *tale) { x.lossless, x.moves = true, []int{0, 0} }, nil, Expected{Bound: 62, Lossless: true}, 0, Fail, "some still were led there"},
		"nobody looks at what is broken":            {func(x *tale) { x.detected, x.decided, x.published, x.moves = 99, 99, 0, []int{0, 0} }, nil, Expected{Unnoticed: true, Why: "blind"}, 0, Fail, "as computed: blind"},
		"the fault did not land":                    {nil, func(r *Run) { r.Landed[0].OK = false }, within, 0, Inconclusive, "the fault landed"},
		"nobody looked whether it landed":           {nil, func(r *Run) { r.Landed = nil }, within, 0, Inconclusive, "nobody looked"},
		"it is still there":                         {nil, func(r *Run) { r.Cleanup[0].OK = false }, within, 0, CleanupFailed, "everything mended"},
		"it is still there, and too late":           {nil, func(r *Run) { r.Cleanup[0].OK = false }, Expected{Bound: 9}, 0, CleanupFailed, "everything mended"},
		"requests were not sent":                    {nil, func(r *Run) { r.Prober.Missed = 5 }, within, 0, Inconclusive, "could not be sent"},
		"answers of somebody else":                  {nil, func(r *Run) { r.Requests.Wrong = 1 }, within, 0, Fail, "were not"},
	} {
		t.Run(name, func(t *testing.T) {
			x := usual()
			if c.tale != nil {
				c.tale(&x)
			}
			o := judgedRun(x.recording(), c.run, c.expected, c.objective)
			if o.Verdict != c.want || !strings.Contains(o.Because, c.because) {
				t.Errorf("%s: %s, want %s: …%s…", o.Verdict, o.Because, c.want, c.because)
			}
		})
	}
}

// Who says what is not so is named.
func TestLies(t *testing.T) {
	within := Expected{Bound: 62}
	t.Run("the health endpoint", func(t *testing.T) {
		x := usual()
		x.detected, x.decided, x.published, x.moves = 99, 99, 0, []int{0, 0}
		o := judgedRun(x.recording(), nil, within, 0)
		if c := check(o, "health is told as it is"); c.Result != report.Failed || !strings.Contains(c.Detail, "route53 calls aws/one well, and its clients lose requests") {
			t.Errorf("%+v", c)
		}
	})
	t.Run("the manager", func(t *testing.T) {
		x := usual()
		x.published, x.moves = 0, []int{0, 0}
		o := judgedRun(x.recording(), nil, within, 0)
		if c := check(o, "what is decided is published"); c.Result != report.Failed || !strings.Contains(c.Detail, "route53 calls aws/one ill, and its name servers still lead there") {
			t.Errorf("%+v", c)
		}
		if c := check(o, "health is told as it is"); c.Name != "" {
			t.Errorf("nothing is wrong with the health endpoint: %+v", c)
		}
	})
	t.Run("a resolver", func(t *testing.T) {
		x := usual()
		r := x.recording()
		r.clients = append(r.clients, prober.Client{Resolver: prober.Hold})
		r.samples = append(r.samples, prober.Sample{Client: 2, At: s(30), Err: prober.Connect, Stale: true, Attempts: 1})
		o := judgedRun(r, nil, within, 0)
		if c := check(o, "resolvers go by the TTL"); o.Verdict != Pass || c.Result != report.Warning || !strings.Contains(c.Detail, "1 requests") {
			t.Errorf("%s: %+v", o.Verdict, c)
		}
	})
	t.Run("nobody", func(t *testing.T) {
		o := judgedRun(usual().recording(), nil, within, 0)
		for _, name := range []string{"health is told as it is", "what is decided is published", "resolvers go by the TTL", "the clock on the wall"} {
			if c := check(o, name); c.Name != "" {
				t.Errorf("%+v", c)
			}
		}
	})
}

func TestGates(t *testing.T) {
	good := func() premise {
		e, err := New(deployed(), "staging", Step{Fault: Fault{Kind: RegionDown, Target: one}})
		if err != nil {
			t.Fatal(err)
		}
		d, err := e.Prepare(deployed(), "staging")
		if err != nil {
			t.Fatal(err)
		}
		return premise{
			world: World{Environment: "staging", Topology: deployed(), Lever: &stack{}}, drill: d, now: time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC),
			look: Look{Well: map[string]bool{one: true, two: true}, Drained: map[string]bool{}, Releases: map[string]string{one: "r", two: "r"}},
		}
	}
	for name, c := range map[string]struct {
		change func(*premise)
		want   string // name of the check that fails; "" for none
	}{
		"all is well":         {func(*premise) {}, ""},
		"status is red":       {func(p *premise) { p.look.Checks = []report.Check{{Name: "region", Result: report.Failed}} }, "region"},
		"the emergency lever": {func(p *premise) { p.engaged = "an incident" }, "emergency lever"},
		"something is broken": {func(p *premise) { p.inForce = []InForce{{Fault: Fault{Kind: Latency, Target: two}}} }, "nothing is broken already"},
		"beside another step": {func(p *premise) {
			p.beside, p.inForce, p.look.Checks = true, []InForce{{Fault: Fault{Kind: ControlPlaneDown, Target: "gcp"}}}, []report.Check{{Name: "region", Result: report.Failed}}
		}, ""},
		"beside another step, and nobody left": {func(p *premise) { p.beside, p.look.Well[two] = true, false }, "survivors"},
		"two releases":                         {func(p *premise) { p.look.Releases[two] = "q" }, "no release runs"},
		"the window is closed": {func(p *premise) {
			p.drill.Extension.Window = &Window{Days: []string{"sun"}, From: "00:00", To: "23:59"}
		}, "window"},
		"the window is open": {func(p *premise) {
			p.drill.Extension.Window = &Window{Days: []string{"mon"}, From: "00:00", To: "23:59"}
		}, ""},
		"nobody approved":              {func(p *premise) { p.drill.Extension.Approval = "required" }, "approval"},
		"somebody approved":            {func(p *premise) { p.drill.Extension.Approval, p.options.ApprovedBy = "required", "ada" }, ""},
		"too many regions":             {func(p *premise) { p.drill.Affected = []string{one, two} }, "blast radius"},
		"the survivor is ill":          {func(p *premise) { p.look.Well[two] = false }, "survivors"},
		"the survivor is drained":      {func(p *premise) { p.look.Drained[two] = true }, "survivors"},
		"the survivor cannot carry it": {func(p *premise) { p.drill.Extension.Limits.Load, p.load = 1.5, 2 }, "capacity"},
		"the survivor can carry it":    {func(p *premise) { p.drill.Extension.Limits.Load, p.load = 2, 2 }, ""},
		"a standby takes over":         {func(p *premise) { p.drill.Extension.Limits.Load, p.load = 1, 0 }, ""},
		"a lever that cannot do it":    {func(p *premise) { p.world.Lever = unable{} }, "faults can be made here"},
	} {
		t.Run(name, func(t *testing.T) {
			p := good()
			c.change(&p)
			var failed []string
			for _, check := range gates(p) {
				if check.Result == report.Failed {
					failed = append(failed, check.Name)
					if check.Detail == "" && check.Name != "region" {
						t.Errorf("%s: it is not said why", check.Name)
					}
				}
			}
			want := []string{c.want}
			if c.want == "" {
				want = nil
			}
			if slices.Contains(failed, "survivors") && c.want == "blast radius" {
				return // whoever breaks all leaves nobody
			}
			if !slices.Equal(failed, want) {
				t.Errorf("failed: %v, want %v", failed, want)
			}
		})
	}
}

// unable is a lever that can do nothing.
type unable struct{ *stack }

func (unable) Can(Fault) error { return errInterrupted }
