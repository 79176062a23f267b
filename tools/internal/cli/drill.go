package cli

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"polygate.example/tools/internal/drill"
)

func (a *app) drillCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "drill",
		Short: "Break a region on purpose, and measure what clients saw of it",
		Long: `A drill breaks something for a leased time, watches as clients and at the traffic manager, mends it, and says how long clients were
without answers, against the bound that was computed before. Each fault ends by itself at its target when its lease is over, whatever
becomes of the drill.

Exit codes: 0 passed; 1 a bound or objective was missed; 2 wrong usage; 3 inconclusive; 4 given up and mended; 5 something is still
broken; 6 refused by a precheck; 7 the lock was lost.`,
		Example: "  polygate drill init region-down aws/us-east-1 > drills/lose-us-east-1.yaml\n  polygate drill run drills/lose-us-east-1.yaml\n  polygate drill report",
		RunE:    helpOrUnknown,
		Args:    cobra.ArbitraryArgs,
	}
	c.AddCommand(a.drillInitCommand(), a.drillValidateCommand(), a.drillRunCommand(), a.drillAbortCommand(), a.drillStatusCommand(), a.drillReportCommand(),
		a.drillHistoryCommand(), a.drillLeverCommand(), a.drillInjectCommand(), a.drillMendCommand())
	return c
}

// drilled ends a verb with the exit code of a drill's verdict, after it has said why.
type drilled struct{ verdict drill.Verdict }

func (d drilled) Error() string { return string(d.verdict) }

// drillDir is where the journals of this environment's drills are, a folder for each.
func (a *app) drillDir() string { return filepath.Join(a.workDir(), "drills") }

// newDrillID is the time, which sorts, and something that tells two of the same second apart.
func newDrillID(now time.Time) string {
	b := make([]byte, 3)
	_, _ = rand.Read(b) // never fails
	return now.UTC().Format("20060102T150405Z") + "-" + hex.EncodeToString(b)
}

func (a *app) drillInitCommand() *cobra.Command {
	var step drill.Step
	c := &cobra.Command{
		Use:   "init <fault> <target>",
		Short: "Write an experiment to standard output",
		Long: `init writes an experiment in the form of Chaos Toolkit, with what polygate adds in an extension of its name. Faults:

` + faultsExplained(),
		Example: "  polygate drill init region-down aws/us-east-1 > drills/lose-us-east-1.yaml\n  polygate drill init provider-down aws",
		Args:    cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := a.settings()
			if err != nil {
				return err
			}
			t, err := a.loadTopology(cmd.Context(), s)
			if err != nil {
				return err
			}
			step.Fault.Kind, step.Fault.Target = drill.Kind(args[0]), args[1]
			e, err := drill.New(t, a.stack, step)
			if err != nil {
				return usageError{err}
			}
			b, err := e.Encode()
			if err != nil {
				return err
			}
			a.result("%s", b)
			return nil
		},
	}
	faultFlags(c, &step)
	c.ValidArgsFunction = a.completeFault
	return c
}

// faultFlags are what tells a fault's measure.
func faultFlags(c *cobra.Command, s *drill.Step) {
	c.Flags().DurationVar(&s.Lease, "lease", 0, "cloud time after which it ends by itself (default: while it is watched, and half a minute more)")
	c.Flags().DurationVar(&s.Fault.Delay, "delay", 0, "with latency: cloud time that each answer is delayed by")
	c.Flags().Float64Var(&s.Fault.Rate, "rate", 0, "with error-rate: share of requests answered 503 (default 1)")
	c.Flags().BoolVar(&s.Fault.SparesHealth, "spares-health", false, "with error-rate: the health endpoint stays well, so that nobody notices who goes by it")
}

// faultsExplained lists the faults for help texts.
func faultsExplained() string {
	words := map[drill.Kind]string{
		drill.HealthFail: "the health endpoint says that the region is ill; everything else is answered", drill.Blackhole: "connections are taken and nothing is ever answered",
		drill.Latency: "each answer is delayed (--delay)", drill.ErrorRate: "a share of the requests is answered 503 (--rate)", drill.RegionDown: "a region is down",
		drill.ProviderDown: "all regions of a provider are down", drill.DNSStale: "the traffic manager's name servers go on answering what they did",
		drill.CertificateExpired: "a region shows a certificate that has ended", drill.ControlPlaneDown: "the API of a provider or of the traffic manager refuses everything",
	}
	var out []string
	for _, k := range drill.Kinds() {
		out = append(out, fmt.Sprintf("  %-20s %s", k, words[k]))
	}
	return strings.Join(out, "\n") + "\n\nLocal clouds have all of them; real ones health-fail, latency, error-rate, region-down and provider-down, which the gateway does to itself."
}

// completeFault completes a fault and its target.
func (a *app) completeFault(cmd *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
	if len(args) == 0 {
		var out []string
		for _, k := range drill.Kinds() {
			out = append(out, string(k))
		}
		return out, cobra.ShellCompDirectiveNoFileComp
	}
	if len(args) == 1 {
		return a.completeRegions(cmd, nil, word)
	}
	return nil, cobra.ShellCompDirectiveNoFileComp
}

func (a *app) drillValidateCommand() *cobra.Command {
	return &cobra.Command{
		Use:               "validate <experiment>",
		Short:             "Check an experiment against what is deployed, and say what to expect",
		Example:           "  polygate drill validate drills/lose-us-east-1.yaml",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeFiles,
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := a.settings()
			if err != nil {
				return err
			}
			t, err := a.loadTopology(cmd.Context(), s)
			if err != nil {
				return err
			}
			d, _, err := readDrill(args[0], t, a.stack)
			if err != nil {
				return err
			}
			speed := 1.0
			if s.LocalClouds != nil {
				st, err := a.cloudState(cmd.Context())
				if err != nil {
					return err
				}
				speed = st.Speed
			}
			a.result("%s\n", d.Explain(t, speed))
			return nil
		},
	}
}

// completeFiles leaves it to the shell.
func completeFiles(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return nil, cobra.ShellCompDirectiveDefault
}

// recall finds a drill that was run; "" is the last one.
func (a *app) recall(id string) (drill.Past, error) {
	all, err := drill.History(a.drillDir())
	if err != nil {
		return drill.Past{}, err
	}
	if len(all) == 0 {
		return drill.Past{}, usageError{fmt.Errorf("no drill of %s was run on this machine", a.stack)}
	}
	if id == "" {
		return all[len(all)-1], nil
	}
	i := slices.IndexFunc(all, func(p drill.Past) bool { return p.ID == id })
	if i < 0 {
		return drill.Past{}, usageError{fmt.Errorf("there is no drill %q of %s: `polygate drill history` lists them", id, a.stack)}
	}
	return all[i], nil
}

// await waits until something is so, and says what for.
func await(ctx context.Context, limit time.Duration, so func() (bool, error)) (bool, error) {
	over := time.Now().Add(limit)
	for {
		done, err := so()
		if done || err != nil || !time.Now().Before(over) {
			return done, err
		}
		select {
		case <-ctx.Done():
			return false, ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// asUsage marks what is wrong with an experiment as the caller's to mend.
func asUsage(err error) error {
	if problems := (drill.Problems)(nil); errors.As(err, &problems) {
		return usageError{err}
	}
	return err
}
