package drill

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"polygate.example/shared/topology"
	"polygate.example/tools/internal/report"
)

// Times of a drill, in cloud time.
const (
	settle = 10 * time.Second // of quiet after the bound is over, so that a miss is seen as one
	margin = 30 * time.Second // of a lease beyond the time that it is watched for
)

// Wall times.
const (
	leastSteady = 3 * time.Second  // of watching before anything is broken
	leastMargin = 10 * time.Second // of a lease: mending takes its time on real clouds
	patience    = time.Minute      // for mending, whatever else ends
	tick        = 100 * time.Millisecond
)

// rpo is why a failover loses no data.
const rpo = "none: the gateway keeps no data of its own. A request that was under way is lost unless its client repeats it"

// Why a run was given up.
var (
	errInterrupted = errors.New("it was interrupted")
	errLockLost    = errors.New("the lock on the stack is lost")
)

// Perform runs a drill and says what it came to. Whatever is broken is mended before it returns, also when ctx ends; only what it says in
// CleanupFailed is still there. The journal has each step before it is taken.
func Perform(ctx context.Context, w World, d Drill, j *Journal, opts Options) Outcome {
	r := &runner{world: w, drill: d, journal: j, options: opts}
	if r.world.Wall == nil {
		r.world.Wall = time.Now
	}
	if r.world.Tell == nil {
		r.world.Tell = func(string, ...any) {}
	}
	r.override()
	r.out = Outcome{
		ID: opts.ID, Environment: w.Environment, Hostname: w.Topology.Hostname, Manager: w.Topology.Manager, Pattern: w.Topology.Pattern, Steering: w.Topology.Steering,
		Title: d.Experiment.Title, Faults: d.Faults, Affected: append([]string{}, d.Affected...), Runs: []Run{}, RPO: rpo, Speed: w.Speed, ApprovedBy: opts.ApprovedBy, Token: w.Token,
		Objective: Objective{RTO: time.Duration(r.drill.Extension.Objective.RTO).Seconds(), Availability: d.Extension.Objective.Availability},
		Started:   r.world.Wall().UTC(), Digests: digests(w, opts),
	}
	r.plan()
	r.proceed(ctx)
	r.out.Ended = r.world.Wall().UTC()
	judge(&r.out, r.before, r.besides, r.out.Ended)
	r.out.Digests.Journal = j.Digest()
	if err := j.Note(EventEnded, Ended{r.out.Verdict, r.out.Because, r.out.Digest()}); err != nil {
		r.world.Tell("%v", err)
	}
	return r.out
}

// runner runs one drill.
type runner struct {
	world   World
	drill   Drill
	journal *Journal
	options Options
	steps   []Step // with leases and times filled in
	out     Outcome
	before  []report.Check
	besides []report.Check // held while it ran and after it
	lost    int            // requests of clients that are judged, in all runs so far
	burned  float64        // of the error budget by them, percent
}

// override puts what the command line says in place of the experiment's.
func (r *runner) override() {
	x, o := &r.drill.Extension, r.options
	limits := *x.Limits
	limits.Regions, limits.LostRequests = cmp.Or(o.Limits.Regions, limits.Regions), cmp.Or(o.Limits.LostRequests, limits.LostRequests)
	limits.BudgetBurn = cmp.Or(o.Limits.BudgetBurn, limits.BudgetBurn)
	aim := *x.Objective
	aim.RTO = cmp.Or(Duration(o.RTO), aim.RTO)
	x.Limits, x.Objective, x.Repeat = &limits, &aim, cmp.Or(o.Repeat, x.Repeat)
}

// plan fills in how long each fault lasts and is watched, and computes what to expect.
func (r *runner) plan() {
	r.steps = slices.Clone(r.drill.Steps)
	proxied := r.world.Topology.Front != ""
	for i := range r.steps { // a lease that is given counts; the others are of no interest to what is expected
		if r.steps[i].Fault.Kind == DNSStale && r.steps[i].Lease == 0 {
			r.steps[i].Lease = r.ttl()
		}
	}
	r.out.Expected = expect(r.world.Topology, r.steps, proxied)
	last := &r.steps[len(r.steps)-1]
	if last.Watch == 0 {
		last.Watch = watched(r.world.Topology, r.out.Expected)
	}
	rest := time.Duration(0)
	for i := len(r.steps) - 1; i >= 0; i-- {
		s := &r.steps[i]
		rest += s.Watch
		if s.Lease == 0 {
			s.Lease = rest + max(margin, time.Duration(float64(leastMargin)*r.world.Speed))
		}
		rest += s.Wait
	}
}

// watched is how long a drill has to be watched for a miss to be seen as one.
func watched(t topology.Topology, e Expected) time.Duration {
	return seconds(max(e.Bound, float64(t.Bound))) + time.Duration(t.TTL)*time.Second + settle
}

func (r *runner) ttl() time.Duration { return time.Duration(r.world.Topology.TTL) * time.Second }

// wall is cloud time on the wall clock.
func (r *runner) wall(cloud time.Duration) time.Duration {
	return time.Duration(float64(cloud) / r.world.Speed)
}

// proceed goes from the prechecks to the last run.
func (r *runner) proceed(ctx context.Context) {
	experiment, err := json.Marshal(r.drill.Experiment)
	if err == nil {
		err = r.journal.Note(EventBegun, Begun{ID: r.options.ID, Environment: r.world.Environment, Title: r.drill.Experiment.Title, Faults: r.drill.Faults, Token: r.world.Token, Process: pid(), Experiment: experiment, Expected: r.out.Expected})
	}
	if err != nil { // what cannot be written down is not begun
		r.out.Verdict, r.out.Because = Blocked, err.Error()
		return
	}
	if !r.allowed(ctx) {
		return
	}
	n := r.drill.Extension.Repeat
	for i := range n {
		if n > 1 {
			r.world.Tell("run %d of %d", i+1, n)
		}
		if !r.once(ctx, i == 0) {
			return
		}
	}
	if err := r.afterwards(ctx); err != nil {
		r.giveUp(err)
	}
}

// allowed holds the prechecks and notes them.
func (r *runner) allowed(ctx context.Context) bool {
	r.world.Tell("prechecks")
	failed, err := r.prechecks(ctx)
	for _, c := range r.before {
		if err == nil {
			err = r.journal.Note(EventCheck, c)
		}
	}
	switch {
	case ctx.Err() != nil:
		r.out.Verdict, r.out.Because = Aborted, "it was interrupted before anything was broken"
	case err != nil:
		r.out.Verdict, r.out.Because = Blocked, err.Error()
	case len(failed) > 0:
		r.out.Verdict, r.out.Because = Blocked, strings.Join(failed, "; ")
	}
	return r.out.Verdict == ""
}

// prechecks are held before anything is broken; failed are those that did not hold.
func (r *runner) prechecks(ctx context.Context) (failed []string, err error) {
	p := premise{world: r.world, drill: r.drill, options: r.options, now: r.world.Wall(), beside: r.beside()}
	if p.look, err = r.world.Look(ctx); err != nil {
		return nil, fmt.Errorf("see how the environment is: %w", err)
	}
	if p.inForce, err = r.world.Lever.InForce(ctx); err != nil {
		return nil, fmt.Errorf("see what is broken already: %w", err)
	}
	if p.engaged, err = r.engaged(ctx); err != nil {
		return nil, fmt.Errorf("see whether the emergency lever is engaged: %w", err)
	}
	p.load = load(r.world.Topology, p.look, r.drill.Affected)
	r.before, r.out.Digests.Artefacts = gates(p), p.look.Artefacts
	for _, c := range r.before {
		if c.Result == report.Failed {
			failed = append(failed, c.Name+": "+strings.ReplaceAll(c.Detail, "\n", "; "))
		}
	}
	return failed, nil
}

// beside reports whether what others of the experiment's steps have broken is no obstacle.
func (r *runner) beside() bool {
	return r.journal == nil && slices.ContainsFunc(r.steps, func(s Step) bool { return s.Beside })
}

func (r *runner) engaged(ctx context.Context) (string, error) {
	if r.world.Engaged == nil {
		return "", nil
	}
	engaged, why, err := r.world.Engaged(ctx)
	if !engaged || err != nil {
		return "", err
	}
	return cmp.Or(why, "it is engaged"), nil
}

// once breaks everything once, watches, mends, and watches again. It reports whether another run may follow.
func (r *runner) once(ctx context.Context, first bool) bool {
	wallBegun, begun := r.world.Wall().Round(0), time.Now()
	seat, err := r.sit(ctx)
	if err != nil {
		r.out.Verdict, r.out.Because = Blocked, "watch as clients: "+err.Error()
		return false
	}
	defer seat.stop()
	steady := max(r.wall(max(r.ttl(), settle)), leastSteady)
	r.world.Tell("%d clients, %g requests a second: watching them for %s before anything is broken", len(seat.options.Clients), seat.options.Rate, round(steady))
	if why := r.pause(ctx, seat, steady, false); why != nil {
		r.giveUp(why)
		return false
	}
	red, told := seat.steady()
	r.before = append(r.before, gate(steadyClients, told, red, "`polygate status`"))
	if red != "" {
		if first {
			r.out.Verdict, r.out.Because = Blocked, "the steady state is red: "+red
		} else {
			r.out.Verdict, r.out.Because = Inconclusive, "the steady state did not come back: "+red
		}
		return false
	}
	seat.order()
	run := Run{Landed: []Evidence{}, Cleanup: []Evidence{}}
	why := r.breakAll(ctx, seat, &run)
	if why == nil {
		why = r.lasted(ctx, seat, &run)
	}
	mended := r.mend(ctx, seat, &run)
	if why == nil && mended && ctx.Err() == nil {
		r.world.Tell("mended; watching clients come back")
		why = r.pause(ctx, seat, r.wall(seconds(float64(r.world.Topology.Bound))+r.ttl()+settle), true)
	}
	landed, cleanup := run.Landed, run.Cleanup
	seat.stop()
	run = seat.recording().run()
	run.Landed, run.Cleanup, run.Prober, run.Cut = landed, cleanup, seat.worked(), why != nil
	run.Stepped = (r.world.Wall().Round(0).Sub(wallBegun) - time.Since(begun)).Seconds()
	if abs(run.Stepped) < 0.01 {
		run.Stepped = 0
	}
	r.out.Runs = append(r.out.Runs, run)
	lost, burned := seat.cost()
	r.lost, r.burned = r.lost+lost, r.burned+burned
	if err := r.journal.Note(EventRun, run); err != nil && why == nil {
		why = err
	}
	if !mended {
		r.out.Verdict, r.out.Because = CleanupFailed, "something is still broken: "+evidence("", "", run.Cleanup, "").check.Detail
		return false
	}
	if why != nil {
		r.giveUp(why)
		return false
	}
	return true
}

// giveUp says why a drill ended before its end.
func (r *runner) giveUp(why error) {
	r.out.Verdict, r.out.Because = Aborted, why.Error()
	if errors.Is(why, errLockLost) {
		r.out.Verdict = LockLost
	}
}

// breakAll puts the faults in force one after the other and watches. The error says why it was given up.
func (r *runner) breakAll(ctx context.Context, seat *seat, run *Run) error {
	for _, s := range r.steps {
		if why := r.pause(ctx, seat, r.wall(s.Wait), false); why != nil {
			return why
		}
		lease := Lease{Drill: r.options.ID, Token: r.world.Token, For: s.Lease}
		if err := r.journal.Note(EventBreaking, Breaking{s.Fault, lease}); err != nil {
			return err
		}
		r.world.Tell("breaking: %s, for at most %s", s.Fault, s.Lease)
		if err := r.pull(ctx, seat, s.Fault, lease); err != nil {
			return err
		}
		seat.rec.broken = seat.since()
		if err := r.journal.Note(EventBroken, s.Fault); err != nil {
			return err
		}
		watched := time.Now()
		e, why := r.landed(ctx, seat, s.Fault)
		run.Landed = append(run.Landed, e)
		if err := errors.Join(why, r.journal.Note(EventEvidence, e)); err != nil {
			return err
		}
		r.world.Tell("seen: %s", e.Text)
		if why := r.pause(ctx, seat, r.wall(s.Watch)-time.Since(watched), false); why != nil {
			return why
		}
	}
	return nil
}

// pull orders a fault, which real clouds take minutes for, and meanwhile looks whether the drill has to be given up: the order is then
// taken back.
func (r *runner) pull(ctx context.Context, seat *seat, f Fault, lease Lease) error {
	ordering, cancel := context.WithCancel(ctx)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- r.world.Lever.Pull(ordering, f, lease) }()
	beat := time.NewTicker(10 * tick)
	defer beat.Stop()
	var why error
	for {
		select {
		case err := <-done:
			switch {
			case why != nil:
				return why
			case ctx.Err() != nil:
				return errInterrupted
			case err != nil:
				return fmt.Errorf("break %s: %w", f, err)
			}
			return nil
		case <-beat.C:
			if why != nil {
				continue
			}
			if why = r.stop(ctx, seat); why == nil {
				why = r.lockLost()
			}
			if why != nil {
				cancel()
			}
		}
	}
}

// stop says why the drill has to be given up for what it costs, or because somebody says so; nil for nothing.
func (r *runner) stop(ctx context.Context, seat *seat) error {
	if limits := r.drill.Extension.Limits; limits.LostRequests > 0 || limits.BudgetBurn > 0 {
		lost, burned := seat.cost()
		switch lost, burned = lost+r.lost, burned+r.burned; {
		case limits.LostRequests > 0 && lost > limits.LostRequests:
			return fmt.Errorf("%d requests were lost, and %d are allowed (limits.lostRequests)", lost, limits.LostRequests)
		case limits.BudgetBurn > 0 && burned > limits.BudgetBurn:
			return fmt.Errorf("%.2f %% of the error budget were burned, and %.2f %% are allowed (limits.budgetBurn)", burned, limits.BudgetBurn)
		}
	}
	why, err := r.engaged(ctx)
	if why != "" {
		return errors.New(why)
	}
	r.unread(err)
	return nil
}

// lockLost is errLockLost, with what is known of it, where the lock is.
func (r *runner) lockLost() error {
	select {
	case <-r.world.Lost:
	default:
		return nil
	}
	if r.world.LostWhy != nil {
		if why := r.world.LostWhy(); why != nil {
			return fmt.Errorf("%w: %w", errLockLost, why)
		}
	}
	return errLockLost
}

// pause waits and meanwhile looks whether the drill has to be given up. With back it ends as soon as all clients are back.
func (r *runner) pause(ctx context.Context, seat *seat, d time.Duration, back bool) error {
	over := time.Now().Add(d)
	beat := time.NewTicker(tick)
	defer beat.Stop()
	for n := 1; ; n++ {
		if n%10 == 0 {
			if why := r.stop(ctx, seat); why != nil {
				return why
			}
			if back && seat.settled(r.wall(r.ttl())) {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return errInterrupted
		case <-r.world.Lost:
			return r.lockLost()
		case <-beat.C:
		}
		if !time.Now().Before(over) {
			return nil
		}
	}
}

// unread says, once, that the emergency lever cannot be read. The drill goes on: what it breaks may be why, and it ends by itself.
func (r *runner) unread(err error) {
	const name = "emergency lever while it ran"
	if err == nil || slices.ContainsFunc(r.besides, func(c report.Check) bool { return c.Name == name }) {
		return
	}
	r.world.Tell("whether the emergency lever is engaged cannot be seen: %v", err)
	r.besides = append(r.besides, report.Check{Name: name, Result: report.Warning, Detail: "for a while nobody could tell whether it was engaged: " + err.Error(), Remedy: "an interrupt ends a drill as well"})
}

// digests say what is drilled.
func digests(w World, opts Options) Digests {
	t, err := json.Marshal(w.Topology)
	if err != nil { // a topology is made of strings and numbers
		panic(err)
	}
	return Digests{Experiment: digest(opts.File), Topology: digest(t), Model: w.Topology.Model, Release: w.Topology.Release, Artefacts: map[string]string{}}
}

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return "sha256:" + hex.EncodeToString(sum[:])
}

func round(d time.Duration) time.Duration { return d.Round(100 * time.Millisecond) }

// Inject holds the prechecks of a drill, puts its faults in force, and returns. refused says which precheck did not hold.
func Inject(ctx context.Context, w World, d Drill, id string) (refused string, err error) {
	r := &runner{world: w, drill: d, options: Options{ID: id}, journal: nil}
	r.world.Wall = time.Now
	r.override()
	r.plan()
	failed, err := r.prechecks(ctx)
	if err != nil || len(failed) > 0 {
		return strings.Join(failed, "; "), err
	}
	for _, s := range r.steps {
		if err := w.Lever.Pull(ctx, s.Fault, Lease{Drill: id, Token: w.Token, For: s.Lease}); err != nil {
			return "", fmt.Errorf("break %s: %w", s.Fault, err)
		}
	}
	return "", nil
}
