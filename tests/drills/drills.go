// Package drills runs every fault against every pattern under every traffic manager on local clouds, by the command that users have, and
// holds what was measured against what was computed.
package drills

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"polygate.example/tests/harness"
	"polygate.example/tests/patterns"
)

// Fault is a drill, as a row of the matrix.
type Fault struct {
	Name   string
	Init   func(first, provider, manager string) []string // arguments of `drill init`
	Before func(first, provider, manager string) []string // arguments of `drill inject` that come first, where one fault alone hurts nobody
}

// Faults are all faults there are. Losing an API, or having name servers that learn nothing new, hurts nobody as such: a region is lost
// with it.
func Faults() []Fault {
	region := func(kind string, more ...string) func(string, string, string) []string {
		return func(first, _, _ string) []string { return append([]string{kind, first}, more...) }
	}
	return []Fault{
		{Name: "health-fail", Init: region("health-fail")},
		{Name: "blackhole", Init: region("blackhole")},
		{Name: "latency", Init: region("latency")},
		{Name: "error-rate", Init: region("error-rate")},
		{Name: "region-down", Init: region("region-down")},
		{Name: "provider-down", Init: func(_, provider, _ string) []string { return []string{"provider-down", provider} }},
		{Name: "dns-stale", Init: region("region-down"), Before: func(_, _, manager string) []string {
			return []string{"dns-stale", manager, "--lease", "20s"}
		}},
		{Name: "certificate-expired", Init: region("certificate-expired")},
		{Name: "control-plane-down", Init: region("region-down"), Before: func(_, provider, _ string) []string {
			return []string{"control-plane-down", provider}
		}},
		{Name: "manager-api-down", Init: region("region-down"), Before: func(_, _, manager string) []string {
			return []string{"control-plane-down", manager}
		}},
	}
}

// Cell is one fault under one combination.
type Cell struct {
	Combination string   `json:"combination"`
	Fault       string   `json:"fault"`
	Bound       float64  `json:"bound_seconds"`       // computed; 0 with Unnoticed
	Unnoticed   bool     `json:"unnoticed,omitempty"` // computed: nobody looks at what is broken
	Lossless    bool     `json:"lossless"`            // computed: nothing may be lost
	RTO         *float64 `json:"rto_seconds"`         // measured; null: a client never had an answer again while it lasted
	Moved       *float64 `json:"moved_seconds"`       // measured; null: clients were led there to the end
	Lost        int      `json:"lost"`
	Sent        int      `json:"sent"`
	Verdict     string   `json:"verdict"`
	Before      []string `json:"before,omitempty"` // why drills before this one proved nothing, so that it was repeated
	Problem     string   `json:"problem,omitempty"`
}

// String is a cell as the table has it.
func (c Cell) String() string {
	switch {
	case c.Problem != "":
		return "MISS"
	case c.Unnoticed && c.RTO == nil:
		return "no bound, to the end"
	case c.Unnoticed:
		return fmt.Sprintf("no bound, %.1f s", *c.RTO)
	case c.RTO == nil:
		return "never"
	case *c.RTO == 0 && c.Moved != nil:
		return fmt.Sprintf("0 s, moved %.1f / %.0f", *c.Moved, c.Bound)
	}
	return fmt.Sprintf("%.1f / %.0f s", *c.RTO, c.Bound)
}

// outcome is what is read of a drill's report.
type outcome struct {
	ID       string
	Verdict  string
	Because  string
	Affected []string
	Expected struct {
		Bound     float64 `json:"bound_seconds"`
		Lossless  bool
		Unnoticed bool
	}
	Report struct {
		Checks []struct{ Name, Result, Detail string }
	}
	Runs []struct {
		Derived struct {
			RTO   *float64 `json:"rto_seconds"`
			Moved *float64 `json:"moved_seconds"`
		}
		Requests  struct{ Sent, Lost int }
		Resolvers []struct {
			Name        string
			Judged      bool
			Lost, Stale int
			RTO         *float64 `json:"rto_seconds"`
		}
		Votes []struct {
			At      float64
			Healthy bool
		}
		Landed, Cleanup []struct {
			OK   bool
			Text string
		}
		Mended float64 `json:"mended_at"`
		Fault  float64 `json:"fault_at"`
	}
}

// failed are the checks that failed, without those that are expected to.
func (o outcome) failed(expected ...string) []string {
	var out []string
	for _, c := range o.Report.Checks {
		if c.Result == "failed" && !slices.Contains(expected, c.Name) {
			out = append(out, c.Name+": "+c.Detail)
		}
	}
	return out
}

// Write writes an experiment of a fault into the environment and returns its path, as it is from there.
func Write(ctx context.Context, env *harness.Environment, f Fault, change func(string) string) (string, error) {
	st, err := env.Status(ctx)
	if err != nil {
		return "", err
	}
	first := st.Regions[0].Name
	provider, _, _ := strings.Cut(first, "/")
	r, err := env.Must(ctx, append([]string{"drill", "init"}, f.Init(first, provider, st.Manager)...)...)
	if err != nil {
		return "", err
	}
	text := r.Stdout
	if f.Before != nil {
		step := "method:\n  - {type: action, name: first, provider: {type: process, path: polygate, arguments: [drill, inject, " +
			strings.Join(f.Before(first, provider, st.Manager), ", ") + "]}}\n"
		text = strings.Replace(text, "method:\n", step, 1)
	}
	// What is asked for is the bound that was computed.
	at := strings.Index(text, "      rto:")
	text = text[:at] + text[at+strings.Index(text[at:], "\n")+1:]
	if change != nil {
		text = change(text)
	}
	path := filepath.Join(env.Root, f.Name+".yaml")
	return path, os.WriteFile(path, []byte(text), 0o644)
}

// Run runs an experiment, which may fail, and reads its report.
func Run(ctx context.Context, env *harness.Environment, path string, args ...string) (outcome, harness.Result, error) {
	var o outcome
	r, err := env.Polygate(ctx, append([]string{"drill", "run", path, "-o", "json"}, args...)...)
	if err != nil {
		return o, r, err
	}
	if err := json.Unmarshal([]byte(r.Stdout), &o); err != nil {
		return o, r, fmt.Errorf("drill run ended with %d and no report: %w\n%s", r.Code, err, r.Stderr)
	}
	return o, r, nil
}

// Measure runs one fault against what is deployed.
func Measure(ctx context.Context, env *harness.Environment, c patterns.Combination, f Fault) (Cell, error) {
	cell := Cell{Combination: c.String(), Fault: f.Name}
	path, err := Write(ctx, env, f, func(s string) string { return strings.Replace(s, "regions: 1\n", "regions: 9\n", 1) })
	if err != nil {
		return cell, err
	}
	o, r, err := Run(ctx, env, path)
	if err != nil {
		return cell, err
	}
	cell.Verdict, cell.Bound, cell.Unnoticed, cell.Lossless = o.Verdict, o.Expected.Bound, o.Expected.Unnoticed, o.Expected.Lossless
	if len(o.Runs) != 1 {
		cell.Problem = o.Because
		return cell, nil
	}
	run := o.Runs[0]
	cell.RTO, cell.Moved, cell.Lost, cell.Sent = run.Derived.RTO, run.Derived.Moved, run.Requests.Lost, run.Requests.Sent
	cell.Problem = o.problem(r.Code)
	return cell, nil
}

// problem says where a drill went otherwise than computed.
func (o outcome) problem(code int) string {
	run := o.Runs[0]
	noticed := false
	for _, v := range run.Votes {
		noticed = noticed || v.At > run.Fault && v.At < run.Mended && !v.Healthy
	}
	switch {
	case o.Expected.Unnoticed && noticed:
		return "computed: nobody looks at what is broken; and the manager called it ill"
	case o.Expected.Unnoticed && o.Verdict == "fail" && code == 1:
		// Clients are without answers, which the report is to say; nothing else may have failed.
		return strings.Join(o.failed("recovery", "health is told as it is", "no second outage", "lost outside outages"), "; ")
	case o.Verdict != "pass" || code != 0:
		return fmt.Sprintf("%s (exit code %d): %s", o.Verdict, code, strings.Join(append(o.failed(), o.Because), "; "))
	}
	return ""
}
