package drill

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"polygate.example/tools/internal/report"
)

// lasted looks whether what was broken still is when its watch is over: otherwise clients came back for another reason than failover. Name
// servers that know nothing new are to have learned it by then. The error says why it was given up.
func (r *runner) lasted(ctx context.Context, seat *seat, run *Run) error {
	for _, s := range r.steps {
		if s.Fault.Kind == DNSStale {
			continue
		}
		e, why := r.landed(ctx, seat, s.Fault)
		e.Text = "before it was mended: " + e.Text
		run.Landed = append(run.Landed, e)
		if err := errors.Join(why, r.journal.Note(EventEvidence, e)); err != nil {
			return err
		}
	}
	return nil
}

// landed is prove for a fault that is to be there. It goes on while clients may be losing requests, and meanwhile looks whether the drill has to be
// given up: the error says why.
func (r *runner) landed(ctx context.Context, seat *seat, f Fault) (Evidence, error) {
	looking, cancel := context.WithCancel(ctx)
	defer cancel()
	seen := make(chan Evidence, 1) // who is looking is not waited for
	go func() { seen <- r.prove(looking, seat, f, true) }()
	beat := time.NewTicker(10 * tick)
	defer beat.Stop()
	for {
		var why error
		select {
		case e := <-seen:
			if ctx.Err() != nil {
				return e, errInterrupted
			}
			return e, nil
		case <-ctx.Done():
			why = errInterrupted
		case <-r.world.Lost:
			why = r.lockLost()
		case <-beat.C:
			why = r.stop(ctx, seat)
		}
		if why != nil {
			return Evidence{Fault: f, At: seat.cloud(seat.since()), Text: "it was given up before anybody could tell"}, why
		}
	}
}

// prove looks, until the time that the manager has to notice is over, whether a fault is there, or gone.
func (r *runner) prove(ctx context.Context, seat *seat, f Fault, want bool) Evidence {
	e := Evidence{Fault: f}
	over := time.Now().Add(max(r.wall(time.Duration(r.world.Topology.Detect)*time.Second), leastSteady))
	for {
		there, gone, text := r.world.Evidence(ctx, f)
		e.At, e.OK, e.Text = seat.cloud(seat.since()), want && there || !want && gone, text
		if e.OK || !time.Now().Before(over) || ctx.Err() != nil {
			return e
		}
		select {
		case <-ctx.Done():
		case <-time.After(tick):
		}
	}
}

// mend takes every fault back that may be there, whatever has happened, and sees that it is gone.
func (r *runner) mend(ctx context.Context, seat *seat, run *Run) bool {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cmp.Or(r.world.Patience, patience))
	defer cancel()
	if err := r.journal.Note(EventMending, r.drill.Faults); err != nil {
		r.world.Tell("%v", err)
	}
	r.world.Tell("mending")
	seat.rec.mending = seat.since()
	ok := true
	var errs []error
	for _, s := range slices.Backward(r.steps) {
		errs = append(errs, r.release(ctx, s.Fault))
	}
	seat.rec.mended = seat.since()
	for i, s := range slices.Backward(r.steps) {
		e := r.prove(ctx, seat, s.Fault, false)
		if err := errs[len(r.steps)-1-i]; err != nil && !e.OK {
			e.Text += ": " + err.Error()
		}
		ok = ok && e.OK
		run.Cleanup = append(run.Cleanup, e)
	}
	if ours := r.ours(ctx); ours != "" {
		ok = false
		run.Cleanup = append(run.Cleanup, Evidence{At: seat.cloud(seat.since()), Text: ours})
	}
	if ok {
		if err := r.journal.Note(EventMended, r.drill.Faults); err != nil {
			r.world.Tell("%v", err)
		}
	}
	return ok
}

// release orders a fault to be mended, again and again for a while: a target may be slow to answer because it is broken.
func (r *runner) release(ctx context.Context, f Fault) (err error) {
	for range 5 {
		if err = r.world.Lever.Release(ctx, f, r.world.Token); err == nil || ctx.Err() != nil {
			return err
		}
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
	return err
}

// ours says what of this drill is in force still; "" for nothing.
func (r *runner) ours(ctx context.Context) string {
	all, err := r.world.Lever.InForce(ctx)
	if err != nil { // of some it is known, and the witness has looked at each
		r.world.Tell("what is in force cannot be seen everywhere: %v", err)
	}
	var left []string
	for _, f := range all {
		if f.Drill == r.options.ID {
			left = append(left, fmt.Sprintf("%s, for another %s", f.Fault, round(f.Left)))
		}
	}
	return strings.Join(left, "; ")
}

// steadyAfter is the check that the steady state is there again in the end.
const steadyAfter = "steady state afterwards"

// afterwards looks whether the environment is as it has to be, until the time is over that it has for it.
func (r *runner) afterwards(ctx context.Context) error {
	r.world.Tell("looking whether all is well again")
	over := time.Now().Add(max(r.wall(seconds(float64(r.world.Topology.Bound))), leastSteady))
	for {
		look, err := r.world.Look(ctx)
		var bad []string
		for _, c := range look.Checks {
			if c.Result == report.Failed {
				bad = append(bad, c.Name+": "+c.Detail)
			}
		}
		if err != nil {
			bad = []string{err.Error()}
		}
		c := gate(steadyAfter, fmt.Sprintf("%d checks of the environment, none failed", len(look.Checks)), strings.Join(bad, "\n"), "`polygate status -s "+r.world.Environment+"`")
		if c.Result == report.OK || !time.Now().Before(over) {
			r.besides = append(r.besides, c)
			return r.journal.Note(EventCheck, c)
		}
		select {
		case <-ctx.Done():
			return errInterrupted
		case <-r.world.Lost:
			return r.lockLost()
		case <-time.After(time.Second):
		}
	}
}
