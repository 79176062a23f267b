package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"polygate.example/shared/topology"
	"polygate.example/tools/internal/drill"
	"polygate.example/tools/internal/lock"
	"polygate.example/tools/internal/process"
	"polygate.example/tools/internal/status"
)

// readDrill reads an experiment and holds it against what is deployed.
func readDrill(path string, t topology.Topology, env string) (drill.Drill, []byte, error) {
	e, b, err := drill.Read(path)
	if err != nil {
		return drill.Drill{}, b, usageError{err}
	}
	d, err := e.Prepare(t, env)
	if err != nil {
		return d, b, usageError{fmt.Errorf("%s:\n%w", path, err)}
	}
	return d, b, nil
}

// counted are those whose requests the limits of a drill are about.
const counted = "clients that go by the TTL and connect anew"

func (a *app) drillRunCommand() *cobra.Command {
	var opts drill.Options
	var by, format string
	var resolvers []string
	c := &cobra.Command{
		Use:   "run <experiment>",
		Short: "Run an experiment, and say what clients saw",
		Long: `run holds the prechecks, breaks what the experiment says, watches, mends it, and prints the report. What it wrote is in
.polygate/<environment>/drills/<id>: the events as they happened, and the report as JSON, JUnit, OpenMetrics, a page and the journal
of Chaos Toolkit. An interrupt has everything mended before it ends.`,
		Example:           "  polygate drill run drills/lose-us-east-1.yaml\n  polygate drill run drills/lose-us-east-1.yaml --repeat 5 --max-lost-requests 2000",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeFiles,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkFormat(format); err != nil {
				return err
			}
			for flag, wrong := range map[string]bool{
				"repeat": opts.Repeat < 0 || opts.Repeat > 100, "max-regions": opts.Limits.Regions < 0, "max-lost-requests": opts.Limits.LostRequests < 0, "max-budget-burn": !(opts.Limits.BudgetBurn >= 0), "rto": opts.RTO < 0,
			} {
				if wrong {
					return usageError{fmt.Errorf("--%s is out of its range: see `polygate drill run --help`", flag)}
				}
			}
			ask, err := parseServers("resolver", resolvers)
			if err != nil {
				return err
			}
			return a.runDrill(cmd.Context(), args[0], opts, by, format, ask)
		},
	}
	c.Flags().IntVar(&opts.Repeat, "repeat", 0, "times to break it, 1 to 100, for p50, p95 and the worst (default: the experiment's)")
	c.Flags().IntVar(&opts.Limits.Regions, "max-regions", 0, "regions that may be broken (default: the experiment's limits.regions)")
	c.Flags().IntVar(&opts.Limits.LostRequests, "max-lost-requests", 0, "give up when "+counted+" lose more (default: the experiment's limits.lostRequests)")
	c.Flags().Float64Var(&opts.Limits.BudgetBurn, "max-budget-burn", 0, "give up when "+counted+" burn more percent of the error budget (default: the experiment's limits.budgetBurn)")
	c.Flags().DurationVar(&opts.RTO, "rto", 0, "objective of recovery, cloud time (default: the experiment's objective.rto)")
	c.Flags().StringVar(&opts.ApprovedBy, "approved-by", "", "who approved it, for an experiment that wants approval")
	c.Flags().StringVar(&by, "by", "", "what breaks it: clouds (local clouds only, the default there) or function (the gateway's own lease, as on real clouds)")
	c.Flags().StringSliceVar(&resolvers, "resolver", nil, "host[:port] of a resolver that clients ask; may be repeated, and they take turns (default: the system's; local clouds have clients of their own besides)")
	formatFlag(c, &format)
	_ = c.RegisterFlagCompletionFunc("by", cobra.FixedCompletions([]string{byClouds, byFunction}, cobra.ShellCompDirectiveNoFileComp))
	return c
}

// runDrill runs an experiment from its file to its report.
func (a *app) runDrill(ctx context.Context, path string, opts drill.Options, by, format string, resolvers []status.Server) (err error) {
	s, err := a.settings()
	if err != nil {
		return err
	}
	t, err := a.loadTopology(ctx, s)
	if err != nil {
		return err
	}
	d, file, err := readDrill(path, t, a.stack)
	if err != nil {
		return err
	}
	opts.ID, opts.File = newDrillID(time.Now()), file
	at, err := a.drillSeat(ctx, s, t, by)
	if err != nil {
		return err
	}
	at.resolvers = resolvers
	defer func() { err = errors.Join(err, at.close()) }()
	held, release, err := a.drillLock(ctx, at)
	if err != nil {
		return err
	}
	defer func() {
		if failed := release(); failed != nil && held.Err() == nil { // a lock that is lost cannot be released, and the report says so
			err = errors.Join(err, failed)
		}
	}()
	if err := a.bury(ctx, at, held.Token()); err != nil {
		return err
	}
	world, err := at.world(ctx, a, held, opts.ID)
	if err != nil {
		return err
	}
	world.Engaged = at.engaged(held.Token(), a.step)
	dir := filepath.Join(a.drillDir(), opts.ID)
	journal, err := drill.NewJournal(dir, nil)
	if err != nil {
		return err
	}
	alive, err := process.TryLock(filepath.Join(dir, aliveFile))
	if err != nil {
		return errors.Join(err, journal.Close())
	}
	defer alive()
	a.keepChaos(dir, d.Experiment, journal)
	defer a.steadfast()()
	a.step("drill %s: %s", opts.ID, d.Experiment.Title)
	out := drill.Perform(ctx, world, d, journal, opts)
	shown := a.showDrill(out, format)
	if err := errors.Join(shown, journal.Close(), a.keepDrill(dir, out, d)); err != nil {
		if out.Verdict != drill.Pass { // which is graver
			a.step("%s", oneLine(err))
			return drilled{out.Verdict}
		}
		return err
	}
	a.step("all of it: `polygate drill report -o full` or %s", rel(filepath.Join(dir, "report.html")))
	if out.Verdict != drill.Pass {
		return drilled{out.Verdict}
	}
	return nil
}

// steadfast keeps what was broken from being left so: a closed pipe ends nothing while a drill runs, and neither does a second signal, whose
// first one has it mended and ended already.
func (a *app) steadfast() (done func()) {
	signals := make(chan os.Signal, 1)
	signal.Ignore(syscall.SIGPIPE)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		for n := 0; ; n++ {
			if _, more := <-signals; !more {
				return
			}
			if n > 0 {
				a.step("it is being mended: another signal changes nothing")
			}
		}
	}()
	return func() {
		signal.Stop(signals)
		close(signals)
		signal.Reset(syscall.SIGPIPE)
	}
}

// rel is a path as seen from here, where that is shorter.
func rel(path string) string {
	here, err := os.Getwd()
	if err != nil {
		return path
	}
	if r, err := filepath.Rel(here, path); err == nil && !strings.HasPrefix(r, "..") {
		return r
	}
	return path
}

// keepDrill writes what a drill came to beside its journal, in every form there is.
func (a *app) keepDrill(dir string, o drill.Outcome, d drill.Drill) error {
	events, err := drill.Events(dir)
	if err != nil {
		return err
	}
	for _, form := range drillForms {
		var b bytes.Buffer
		if err := form.write(&b, o); err != nil {
			return fmt.Errorf("keep the report: %s: %w", form.file, err)
		}
		if err := keepFile(filepath.Join(dir, form.file), b.Bytes()); err != nil {
			return fmt.Errorf("keep the report: %w", err)
		}
	}
	return keepJournal(dir, drill.ChaosJournal(d.Experiment, events, o))
}

// keepChaos keeps the journal of Chaos Toolkit up to date while a drill runs: whoever is killed leaves one of what had happened.
func (a *app) keepChaos(dir string, e drill.Experiment, j *drill.Journal) {
	var events []drill.Event
	failed := false
	j.Each(func(ev drill.Event) {
		events = append(events, ev)
		if err := keepJournal(dir, drill.ChaosSoFar(e, events)); err != nil && !failed {
			failed = true // once: the events are kept all the same, and that the last one cannot be written is the verb's error
			a.step("the journal of Chaos Toolkit cannot be kept up to date: %s", oneLine(err))
		}
	})
}

// keepJournal writes the journal of Chaos Toolkit.
func keepJournal(dir string, c drill.Chaos) error {
	b, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return err
	}
	return keepFile(filepath.Join(dir, drill.ChaosFile), append(b, '\n'))
}

// closeJournal says in the journals of a drill that has died that nothing of it is left. A journal of Chaos Toolkit that cannot be written is told.
func (a *app) closeJournal(p drill.Past) error {
	end := drill.Ended{Verdict: drill.Aborted, Because: "its process died; what it broke was mended by the drill after it, or had ended with its lease"}
	if err := drill.Append(p.Dir, drill.EventRecovered, end); err != nil {
		return err
	}
	if len(p.Begun.Experiment) == 0 { // it died before it had written anything down
		return nil
	}
	events, err := drill.Events(p.Dir)
	if err != nil {
		return err
	}
	e, err := drill.Decode(p.Begun.Experiment) // JSON is YAML as well
	if err == nil {
		err = keepJournal(p.Dir, drill.ChaosSoFar(e, events))
	}
	if err != nil {
		a.step("the journal of Chaos Toolkit of the drill %s cannot be closed: %s", p.ID, oneLine(err))
	}
	return nil
}

// keepFile writes a file in one step: whoever is killed meanwhile leaves none, and not a half.
func keepFile(path string, b []byte) error {
	part := path + ".new"
	if err := os.WriteFile(part, b, 0o644); err != nil {
		return err
	}
	return os.Rename(part, path)
}

// showDrill prints what a drill came to.
func (a *app) showDrill(o drill.Outcome, format string) error {
	for _, form := range drillForms {
		if form.name == format {
			return form.write(a.out, o)
		}
	}
	return fmt.Errorf("nobody knows how to print %q", format)
}

// aliveFile is locked in the folder of a drill for as long as its process lives: the system lets go of it whatever ends the process.
const aliveFile = "alive"

// died reports whether a drill of this machine has ended without having said so.
func died(p drill.Past) bool {
	if p.Ended != nil || p.Err != nil {
		return false
	}
	release, err := process.TryLock(filepath.Join(p.Dir, aliveFile))
	if err != nil {
		return false
	}
	release()
	return true
}

// drillLock takes the lock on the stack for a drill: on this machine, and wherever the stack has a store. That of a drill which has died here is
// taken over, as nobody else can be at work in this folder; that of another machine ends with its lease.
func (a *app) drillLock(ctx context.Context, at *drillSeat) (held *lock.Lock, release func() error, err error) {
	unlock, err := a.lock()
	if err != nil {
		return nil, nil, blocked{err}
	}
	opts := lock.Options{Purpose: purposeDrill, Owner: owner(), Lease: drillLease, Notice: func(format string, args ...any) { a.step("%s", oneLine(fmt.Errorf(format, args...))) }}
	if opts.Place, err = a.place(); err == nil {
		held, err = lock.Acquire(ctx, at.stores, opts)
	}
	if err != nil {
		unlock()
		if errors.Is(err, lock.ErrHeld) || errors.Is(err, lock.ErrNoQuorum) {
			err = blocked{err}
		}
		return nil, nil, err
	}
	return held, func() error {
		defer unlock()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storePatience)
		defer cancel()
		return held.Release(ctx)
	}, nil
}

// bury mends what drills broke that died, and says in their journals that it did. Their lock is over: it is ours.
func (a *app) bury(ctx context.Context, at *drillSeat, token uint64) error {
	past, err := drill.History(a.drillDir())
	if err != nil {
		return err
	}
	dead := map[string]bool{}
	for _, p := range past {
		dead[p.ID] = died(p)
	}
	seen := true
	for _, l := range at.levers {
		inForce, err := l.InForce(ctx)
		if err != nil {
			seen = false
			a.step("what is broken already cannot be seen everywhere: %s", oneLine(err))
		}
		for _, f := range inForce {
			if !dead[f.Drill] {
				continue // somebody else's: the prechecks say so
			}
			a.step("mending %s, which the drill %s has left behind", f.Fault, f.Drill)
			if err := l.Release(ctx, f.Fault, token); err != nil {
				return fmt.Errorf("mend %s, which the drill %s has left behind: %w", f.Fault, f.Drill, err)
			}
		}
	}
	tidied, err := at.lever.Tidy(ctx, token)
	if err != nil {
		return fmt.Errorf("take away what leases that are over have left: %w", err)
	}
	for _, target := range tidied {
		a.step("what a lease that is over left at %s is gone", target)
	}
	for _, p := range past {
		if !dead[p.ID] || !seen { // what cannot be seen may be broken still: the next run looks again
			continue
		}
		a.step("the drill %s of %s has died; nothing of it is in force", p.ID, p.Started.Format(time.RFC3339))
		if err := a.closeJournal(p); err != nil {
			return fmt.Errorf("close the journal of the drill %s: %w", p.ID, err)
		}
	}
	return nil
}
