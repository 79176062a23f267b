package cli

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"polygate.example/tools/internal/drill"
	"polygate.example/tools/internal/drill/render"
)

// drillForms are the forms of a report, and the files that they are kept in.
var drillForms = []struct {
	name, file string
	write      func(io.Writer, drill.Outcome) error
}{
	{"table", "summary.txt", render.Brief},
	{"full", "report.txt", render.Table},
	{"json", drill.OutcomeFile, render.JSON},
	{"junit", "junit.xml", func(w io.Writer, o drill.Outcome) error { return render.JUnit(w, o) }},
	{"openmetrics", "metrics.txt", func(w io.Writer, o drill.Outcome) error { return render.OpenMetrics(w, o) }},
	{"html", "report.html", render.HTML},
}

// formats are their names.
func formats() []string {
	var out []string
	for _, f := range drillForms {
		out = append(out, f.name)
	}
	return out
}

func formatFlag(c *cobra.Command, format *string) {
	c.Flags().StringVarP(format, "output", "o", "table", "what to print: "+strings.Join(formats(), ", "))
	_ = c.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(formats(), cobra.ShellCompDirectiveNoFileComp))
}

func checkFormat(format string) error {
	if !slices.Contains(formats(), format) {
		return usageError{fmt.Errorf("--output is %q: want one of %s", format, strings.Join(formats(), ", "))}
	}
	return nil
}

func (a *app) drillReportCommand() *cobra.Command {
	var format string
	c := &cobra.Command{
		Use:     "report [<id>]",
		Short:   "Print what a drill came to; the last one unless named",
		Example: "  polygate drill report\n  polygate drill report --output html > drill.html",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if err := checkFormat(format); err != nil {
				return err
			}
			p, err := a.recall(strings.Join(args, ""))
			if err != nil {
				return err
			}
			switch {
			case p.Err != nil:
				return p.Err
			case p.Outcome != nil:
				return a.showDrill(*p.Outcome, format)
			case p.Ended != nil:
				return fmt.Errorf("the drill %s has no report: %s", p.ID, p.Ended.Because)
			}
			return fmt.Errorf("the drill %s has no report: it runs still, or has died; its events are in %s", p.ID, rel(p.Dir))
		},
	}
	formatFlag(c, &format)
	c.ValidArgsFunction = a.completeDrills
	return c
}

// completeDrills completes the ids of past drills.
func (a *app) completeDrills(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 || a.locate() != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	all, err := drill.History(a.drillDir())
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var out []string
	for _, p := range slices.Backward(all) {
		out = append(out, p.ID)
	}
	return out, cobra.ShellCompDirectiveNoFileComp
}

func (a *app) drillHistoryCommand() *cobra.Command {
	var format string
	c := &cobra.Command{
		Use:     "history",
		Short:   "List the drills that were run on this machine, and how recovery has developed",
		Example: "  polygate drill history\n  polygate drill history --output html > history.html",
		RunE: func(*cobra.Command, []string) error {
			all, err := drill.History(a.drillDir())
			if err != nil {
				return err
			}
			switch format {
			case "table":
				return render.History(a.out, summaries(all))
			case "html":
				return render.HistoryHTML(a.out, summaries(all))
			case "json":
				enc := json.NewEncoder(a.out)
				enc.SetIndent("", "  ")
				return enc.Encode(summaries(all))
			}
			return usageError{fmt.Errorf("--output is %q: want table, json or html", format)}
		},
	}
	c.Flags().StringVarP(&format, "output", "o", "table", "what to print: table, json or html")
	return c
}

// summaries are what history shows of each drill.
func summaries(all []drill.Past) []render.Summary {
	out := []render.Summary{}
	for _, p := range all {
		if p.Outcome != nil && p.Err == nil {
			out = append(out, render.SummaryOf(*p.Outcome))
			continue
		}
		s := render.Summary{ID: p.ID, Started: p.Started, Environment: p.Begun.Environment, Title: p.Begun.Title, Verdict: "runs", Bound: p.Begun.Expected.Bound, Unnoticed: p.Begun.Expected.Unnoticed}
		switch {
		case p.Ended != nil:
			s.Verdict = p.Ended.Verdict
		case died(p):
			s.Verdict = "died"
		}
		if p.Err != nil {
			s.Title, s.Verdict = "cannot be read: "+p.Err.Error(), "damaged"
		}
		out = append(out, s)
	}
	return out
}

func (a *app) drillStatusCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:     "status",
		Short:   "Whether a drill runs, what is broken by order right now, and for how long still",
		Example: "  polygate drill status",
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			ctx := cmd.Context()
			at, err := a.sitForDrills(ctx, "")
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, at.close()) }()
			st, err := at.now(ctx, a)
			if err != nil {
				return err
			}
			if asJSON {
				enc := json.NewEncoder(a.out)
				enc.SetIndent("", "  ")
				return enc.Encode(st)
			}
			return a.showDrillStatus(st)
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

// drillStatus is what goes on.
type drillStatus struct {
	Environment string        `json:"environment"`
	Operation   string        `json:"operation,omitempty"` // who has the stack, and for what
	Lever       string        `json:"emergency_lever,omitempty"`
	LeverUnread string        `json:"emergency_lever_not_seen,omitempty"` // stores that could not be asked for it, and why
	Faults      []faultStatus `json:"faults"`
	Unseen      string        `json:"not_seen,omitempty"` // who could not be asked what is broken, and why
	Last        string        `json:"last_drill,omitempty"`
	LastVerdict drill.Verdict `json:"last_verdict,omitempty"` // "" while it runs
	LastEvent   string        `json:"last_event,omitempty"`
}

// faultStatus is something that is broken by order.
type faultStatus struct {
	Fault string  `json:"fault"`
	Drill string  `json:"drill,omitempty"`
	Left  float64 `json:"left_seconds,omitempty"` // cloud time; 0: until it is mended
}

func (a *app) showDrillStatus(st drillStatus) error {
	a.result("%-18s %s\n", "operation:", cmp.Or(st.Operation, "none"))
	a.result("%-18s %s\n", "emergency lever:", cmp.Or(st.Lever, "not engaged"))
	if st.LeverUnread != "" {
		a.result("%-18s %s\n", "not read for it:", st.LeverUnread)
	}
	if st.Unseen != "" {
		a.result("%-18s %s\n", "not asked:", st.Unseen)
	}
	if len(st.Faults) == 0 && st.Unseen == "" {
		a.result("%-18s nothing\n", "broken by order:")
	}
	for _, f := range st.Faults {
		left := "until it is mended"
		if f.Left > 0 {
			left = fmt.Sprintf("for another %s", time.Duration(f.Left*float64(time.Second)).Round(time.Second))
		}
		a.result("%-18s %s, %s, by %s\n", "broken by order:", f.Fault, left, cmp.Or(f.Drill, "hand"))
	}
	if st.Last != "" {
		a.result("%-18s %s: %s (last event: %s)\n", "last drill:", st.Last, cmp.Or(string(st.LastVerdict), "runs"), st.LastEvent)
	}
	return nil
}
