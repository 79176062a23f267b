package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"polygate.example/tools/internal/drill"
	"polygate.example/tools/internal/lock"
)

func (a *app) drillLeverCommand() *cobra.Command {
	var why string
	c := &cobra.Command{
		Use:   "lever [engage|release]",
		Short: "The emergency lever: while it is engaged no drill begins, and one that runs is given up and mended",
		Long: `While the emergency lever is engaged no drill of the environment begins, and one that runs is given up and mended, wherever it runs. It is kept in
every store of the stack, and what was said last counts: a store that could not be told is when it answers again, by whoever looks next. Where no
store can be asked no drill begins.`,
		Example: `  polygate drill lever engage --why "incident 4711"
  polygate drill lever            # whether it is
  polygate drill lever release`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			verb := strings.Join(args, "")
			if verb != "" && verb != "engage" && verb != "release" {
				return usageError{fmt.Errorf("lever %q: want engage, release, or nothing to see whether it is", verb)}
			}
			s, err := a.settings()
			if err != nil {
				return err
			}
			t, err := a.loadTopology(ctx, s)
			if err != nil {
				return err
			}
			at := &drillSeat{settings: s, topology: t}
			if at.stores, err = a.stores(ctx, s, &t); err != nil {
				return err
			}
			if verb != "" {
				missed, err := at.raise(ctx, leverObject, notice{Engaged: verb == "engage", Why: why, By: owner(), At: time.Now().UTC()})
				if err != nil {
					return fmt.Errorf("%s the emergency lever: %w", verb, err)
				}
				if missed != nil {
					a.step("not everywhere, and it counts all the same: `polygate drill lever -s %s` has the others know it when they answer: %s", a.stack, oneLine(missed))
				}
			}
			f, all, err := at.leverNow(ctx)
			if err != nil {
				return err
			}
			if verb == "" {
				at.tellLever(ctx, all, a.step)
			}
			if f.Engaged {
				a.result("%s: engaged: %s\n", a.stack, f)
			} else {
				a.result("%s: not engaged\n", a.stack)
			}
			return nil
		},
	}
	c.Flags().StringVar(&why, "why", "", "with engage: why, for whoever finds it engaged")
	c.ValidArgsFunction = cobra.FixedCompletions([]string{"engage", "release"}, cobra.ShellCompDirectiveNoFileComp)
	return c
}

func (a *app) drillAbortCommand() *cobra.Command {
	var why string
	var wait time.Duration
	c := &cobra.Command{
		Use:     "abort",
		Short:   "Have the drill that runs given up, wherever it runs, and wait until everything is mended",
		Example: "  polygate drill abort --why \"customers call\"",
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			ctx := cmd.Context()
			at, err := a.sitForDrills(ctx, "")
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, at.close()) }()
			running := lock.Show(ctx, at.stores, time.Now()).Holder
			runs := running != nil && running.Purpose == purposeDrill
			if runs { // first of all: what comes then may take its time, or fail, where an API does not answer
				a.step("telling the drill of %s to give up", running.Owner)
				missed, err := at.raise(ctx, abortObject, notice{Token: running.Token, Why: why, By: owner(), At: time.Now().UTC()})
				switch {
				case err != nil: // then what it broke is mended from here
					a.step("it cannot be told: %s", oneLine(err))
				case missed != nil:
					a.step("it is told, by the stores that answer: %s", oneLine(missed))
				}
			}
			ordered := func(f drill.InForce) bool { return f.Drill != "" }
			inForce, unseen := at.inForce(ctx)
			if !runs && unseen == nil && !slices.ContainsFunc(inForce, ordered) {
				a.result("%s: no drill runs, and nothing is broken by one\n", a.stack)
				return nil
			}
			over, err := await(ctx, wait, func() (bool, error) {
				held := lock.Show(ctx, at.stores, time.Now())
				if held.Holder != nil && !held.Ended {
					return false, nil
				}
				left, err := at.inForce(ctx) // what an API refuses by order of the drill is to be seen again when it has given up
				unseen = err
				return err == nil && !slices.ContainsFunc(left, ordered), nil
			})
			if err != nil {
				return err
			}
			if over {
				a.result("%s: given up, and everything is mended\n", a.stack)
				return nil
			}
			if unseen != nil {
				a.step("what is broken cannot be seen everywhere: %s", oneLine(unseen))
			}
			a.step("it has not given up, or something is left: mending what is broken from here")
			return a.mend(ctx, at, nil)
		},
	}
	c.Flags().StringVar(&why, "why", "", "why, for its report")
	c.Flags().DurationVar(&wait, "wait", 30*time.Second, "how long to wait before mending what it broke from here")
	return c
}

func (a *app) drillInjectCommand() *cobra.Command {
	var step drill.Step
	var by string
	c := &cobra.Command{
		Use:   "inject <fault> <target>",
		Short: "Break something for a leased time and return: a step of an experiment that Chaos Toolkit runs",
		Long: `inject holds the prechecks of a drill, breaks one thing, and returns; it ends with its lease, or by mend. It neither watches nor reports:
drill run does. Faults:

` + faultsExplained(),
		Example: "  polygate drill inject health-fail gcp/us-central1 --lease 120s\n  polygate drill mend",
		Args:    cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			ctx := cmd.Context()
			if step.Lease <= 0 || step.Lease > drill.LongestLease {
				return usageError{errors.New("--lease: want a time above zero, at most 1h, after which it ends by itself")}
			}
			at, err := a.sitForDrills(ctx, by)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, at.close()) }()
			step.Fault.Kind, step.Fault.Target = drill.Kind(args[0]), args[1]
			e, err := drill.New(at.topology, a.stack, step)
			if err != nil {
				return usageError{err}
			}
			d, err := e.Prepare(at.topology, a.stack)
			if err != nil {
				return asUsage(err)
			}
			held, release, err := a.drillLock(ctx, at)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, release()) }()
			id := newDrillID(time.Now())
			world, err := at.world(ctx, a, held, id)
			if err != nil {
				return err
			}
			world.Engaged = at.engaged(held.Token(), a.step)
			refused, err := drill.Inject(ctx, world, d, id)
			if err != nil {
				return err
			}
			if refused != "" {
				return blocked{errors.New(refused)}
			}
			a.result("%s: %s, for %s\n", a.stack, d.Faults[0], step.Lease)
			return nil
		},
	}
	faultFlags(c, &step)
	c.Flags().BoolVar(&step.Beside, "beside", false, "other steps of the experiment may have broken something already: only survivors, capacity and the rest are looked at")
	c.Flags().StringVar(&by, "by", "", "what breaks it: clouds or function")
	c.ValidArgsFunction = a.completeFault
	return c
}

func (a *app) drillMendCommand() *cobra.Command {
	var by string
	c := &cobra.Command{
		Use:     "mend [<target>...]",
		Short:   "Mend what drills have broken; everything unless a target is named",
		Example: "  polygate drill mend\n  polygate drill mend aws/us-east-1",
		Args:    cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			at, err := a.sitForDrills(cmd.Context(), by)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, at.close()) }()
			return a.mend(cmd.Context(), at, args)
		},
	}
	c.Flags().StringVar(&by, "by", "", "what broke it: clouds or function")
	c.ValidArgsFunction = a.completeRegions
	return c
}

// mend takes back what drills have broken, whoever has the stack: mending is always allowed.
func (a *app) mend(ctx context.Context, at *drillSeat, targets []string) error {
	known := map[string]bool{at.topology.Manager: true}
	for _, r := range at.topology.Regions {
		known[r.Name], known[r.Provider] = true, true
	}
	for _, target := range targets {
		if !known[target] {
			return usageError{fmt.Errorf("%q is not deployed: want a region, a provider or %s", target, at.topology.Manager)}
		}
	}
	n := 0
	var errs []error
	for _, l := range at.levers {
		inForce, err := l.InForce(ctx) // what is known is mended, whoever else cannot be asked
		errs = append(errs, err)
		for _, f := range inForce {
			provider, _, _ := strings.Cut(f.Fault.Target, "/")
			if len(targets) > 0 && !slices.Contains(targets, f.Fault.Target) && !slices.Contains(targets, provider) {
				continue
			}
			if err := l.Release(ctx, f.Fault, 0); err != nil { // by hand: whatever was shown there since, this is what is to go
				errs = append(errs, fmt.Errorf("mend %s: %w", f.Fault, err))
				continue
			}
			a.result("%s: mended: %s\n", a.stack, f.Fault)
			n++
		}
		tidied, err := l.Tidy(ctx, 0)
		errs = append(errs, err)
		for _, target := range tidied {
			a.result("%s: what a lease that is over left at %s is gone\n", a.stack, target)
			n++
		}
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	if n == 0 {
		a.result("%s: nothing is broken by order\n", a.stack)
	}
	return nil
}
