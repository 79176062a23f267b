package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"polygate.example/infra/settings"
	"polygate.example/shared/topology"
	"polygate.example/tools/internal/control"
	"polygate.example/tools/internal/operate"
)

// movement is what one of these verbs came to, for programs.
type movement struct {
	Stack   string         `json:"stack"`
	Plan    operate.Plan   `json:"plan"`
	Steps   []operate.Step `json:"steps,omitempty"`        // of a ramp: what is expected of each, and what was seen
	Bound   int            `json:"bound_seconds"`          // cloud time
	Done    bool           `json:"done"`                   // seen by clients
	First   float64        `json:"first_seconds"`          // cloud time from the order to the first answer from those that serve
	Moved   float64        `json:"moved_seconds"`          // and until no client was answered by anybody else
	Failed  int            `json:"failed"`                 // requests without an answer while it was watched
	Back    *float64       `json:"back_seconds,omitempty"` // of a ramp that was taken back: cloud time until clients had left again; absent where that was not seen
	Verdict string         `json:"verdict"`                // what happened, in words
}

// move plans an order, shows it, asks, has it done and sees that it has happened.
func (a *app) move(ctx context.Context, m moving) error {
	if m.order.Mode != operate.Graceful && m.order.Mode != operate.Ungraceful {
		return usageError{fmt.Errorf("--mode is %q: want %s or %s", m.order.Mode, operate.Graceful, operate.Ungraceful)}
	}
	s, err := a.settings()
	if err != nil {
		return err
	}
	unlock, err := a.lock()
	if err != nil {
		return err
	}
	defer unlock()
	t, err := a.loadTopology(ctx, s)
	if err != nil {
		return err
	}
	if !m.dry {
		alone, release, err := a.hold(ctx, s, &t, m.purpose)
		if err != nil {
			return err
		}
		defer release()
		ctx = alone
	}
	if t.Spare != "" && a.led(ctx, s) == t.Spare {
		return blocked{fmt.Errorf("clients are led to the spare, %s, of whose checks the topology knows nothing: name regions in polygate:drained and `polygate up -s %s`, "+
			"or let manager and spare change places", t.Spare, a.stack)}
	}
	seat, err := a.seat(ctx, s, t)
	if err != nil {
		return err
	}
	manager, err := seat.manager(ctx, t.Manager)
	if err != nil {
		return err
	}
	seen, err := a.known(ctx, s, t, manager, m.order.Mode)
	if err != nil {
		return err
	}
	if len(m.order.From) == 0 && len(m.order.Back) == 0 { // failback of all
		for _, r := range t.Regions {
			if seen[r.Name].Drained && !r.Drained || seen[r.Name].Held > 0 {
				m.order.Back = append(m.order.Back, r.Name)
			}
		}
	}
	plan, err := operate.Make(t, seen, m.order)
	out := movement{Stack: a.stack, Plan: plan, Bound: int(plan.Bound / time.Second)}
	if err == nil {
		err = a.declared(t, plan)
	}
	switch {
	case errors.Is(err, operate.ErrUnsafe):
		return blocked{err}
	case err != nil:
		return usageError{err}
	case plan.Nothing():
		out.Done, out.Verdict = true, "nothing to do: it is so already"
		return a.showMovement(out, m.asOne)
	}
	steps, hold, err := a.inSteps(ctx, t, manager, plan, m.ramp)
	if err != nil {
		return err
	}
	out.Steps = steps
	if !m.asOne || !m.dry && !m.yes {
		to := a.out
		if m.asOne { // whoever is asked has to see it, and standard output is for the one document
			to = a.err
		}
		showPlan(to, t, plan)
		if steps != nil {
			showSteps(to, steps, hold)
		}
	}
	if m.dry {
		if m.asOne {
			out.Verdict = "dry run: nothing was done"
			return a.showMovement(out, true)
		}
		return nil
	}
	if err := a.confirmed(m.yes); err != nil {
		return err
	}
	if !m.yes { // whoever was asked took their time, and the safety rules are for what is so now
		if err := a.unaltered(ctx, s, t, manager, m.order, plan); err != nil {
			return err
		}
	}
	if steps != nil {
		return overtaken(ctx, a.rise(ctx, s, t, manager, out, m, hold))
	}
	return overtaken(ctx, a.carry(ctx, s, t, manager, out, m))
}

// unaltered looks whether a plan is still what comes of an order.
func (a *app) unaltered(ctx context.Context, s settings.Settings, t topology.Topology, m control.Manager, o operate.Order, p operate.Plan) error {
	seen, err := a.known(ctx, s, t, m, o.Mode)
	if err != nil {
		return err
	}
	again, err := operate.Make(t, seen, o)
	if err == nil && !reflect.DeepEqual(again, p) {
		err = fmt.Errorf("%w: the regions are not as they were when this was shown: have it shown anew", operate.ErrUnsafe)
	}
	if err != nil {
		return blocked{err}
	}
	return nil
}

// declared refuses to give a region back that the stack file keeps out of traffic: the next deployment might take it out again.
func (a *app) declared(t topology.Topology, p operate.Plan) error {
	for _, r := range t.Regions {
		if r.Drained && slices.Contains(p.Undrain, r.Name) {
			return fmt.Errorf("%w: the stack file keeps %s out of traffic: take it out of polygate:drained, and `polygate up -s %s`", operate.ErrUnsafe, r.Name, a.stack)
		}
	}
	return nil
}

// known is what the manager says of each region and, where it has no need to look at one, what that answers under its own name. In need
// that is all there has to be: what is told may be taken where nothing can be asked, as with routing controls.
func (a *app) known(ctx context.Context, s settings.Settings, t topology.Topology, m control.Manager, mode string) (map[string]control.Region, error) {
	seen, err := m.Regions(ctx)
	if err != nil && mode == operate.Ungraceful && ctx.Err() == nil {
		a.step("%s cannot be asked how the regions are, so what they answer themselves has to do: %v", t.Manager, err)
		seen, err = a.answered(ctx, s, t, seen)
	}
	if err != nil {
		return nil, fmt.Errorf("ask %s how the regions are: %w", t.Manager, err)
	}
	if !slices.ContainsFunc(slices.Collect(maps.Values(seen)), func(r control.Region) bool { return r.Drained }) {
		return seen, nil
	}
	look, err := a.looker(ctx, s)
	if err != nil {
		return nil, err
	}
	report, err := look(ctx)
	if err != nil {
		return nil, err
	}
	for _, r := range report.Regions {
		if was := seen[r.Name]; was.Drained {
			was.Healthy, was.Why = r.Healthy, r.Detail
			seen[r.Name] = was
		}
	}
	return seen, nil
}

// answered is how the regions are by their own names, for those that the manager has said nothing of.
func (a *app) answered(ctx context.Context, s settings.Settings, t topology.Topology, told map[string]control.Region) (map[string]control.Region, error) {
	look, err := a.looker(ctx, s)
	if err != nil {
		return nil, err
	}
	report, err := look(ctx)
	if err != nil {
		return nil, err
	}
	out := map[string]control.Region{}
	for i, r := range report.Regions {
		known, ok := told[r.Name]
		if !ok {
			known = control.Region{Healthy: r.Healthy, Why: r.Detail, Drained: t.Regions[i].Drained || r.Off, State: map[bool]string{true: "answering", false: "not answering"}[r.Healthy]}
		}
		out[r.Name] = known
	}
	return out, nil
}

// callers are clients of the shared name.
type callers struct {
	asks       []operate.Ask
	everywhere bool    // they are at all the places there are
	speed      float64 // cloud seconds per wall second
}

// wall is cloud time on the wall clock.
func (c callers) wall(cloud time.Duration) time.Duration {
	return time.Duration(float64(cloud) / c.speed)
}

// observe asks as clients do until a plan that was ordered has come true, and tells of each change.
func (a *app) observe(ctx context.Context, t topology.Topology, p operate.Plan, c callers) (operate.Outcome, error) {
	last := ""
	return operate.Watch(ctx, p, operate.Watching{
		Asks: c.asks, Every: max(200*time.Millisecond, c.wall(time.Second)), Hold: c.wall(time.Duration(t.TTL) * time.Second), Limit: c.wall(p.Bound), Each: c.everywhere,
		Seen: func(counts map[string]int) {
			if now := tally(counts); now != last {
				a.step("answered by %s", now)
				last = now
			}
		},
	})
}

// carry has a plan carried out and sees that it has happened.
func (a *app) carry(ctx context.Context, s settings.Settings, t topology.Topology, manager control.Manager, out movement, m moving) error {
	asks, everywhere, speed, unseen := a.clients(ctx, s, t)
	if unseen != nil && !errors.Is(unseen, errNoCertificate) {
		return unseen
	}
	if err := operate.Carry(ctx, manager, out.Plan); err != nil {
		return err
	}
	if unseen != nil { // what has to be moved is moved by whoever is there
		return fmt.Errorf("it was ordered and not seen to the end: %w", unseen)
	}
	a.step("%s has been told; asking as clients until it has happened, for at most %d s", t.Manager, out.Bound)
	seen, err := a.observe(ctx, t, out.Plan, callers{asks, everywhere, speed})
	if err != nil {
		return fmt.Errorf("it was ordered and not seen to the end: %w", err)
	}
	out.Done, out.Failed = seen.Done, seen.Failed
	out.First, out.Moved = seen.First.Seconds()*speed, seen.Moved.Seconds()*speed
	switch {
	case seen.Done:
		out.Verdict = fmt.Sprintf("clients have moved: the last that asked anew after %.1f s, and it has stayed so for the %d s that others may remember an answer", out.Moved, t.TTL)
	case len(seen.Unseen) > 0 && len(seen.Counts) > 0 && out.Moved > 0:
		out.Verdict = fmt.Sprintf("nobody is answered by those taken out, and nobody has been by %s either", strings.Join(seen.Unseen, ", "))
	default:
		out.Verdict = fmt.Sprintf("it was ordered, and %d s later clients are answered by %s", out.Bound+t.TTL, cmp.Or(tally(seen.Counts), "nobody"))
	}
	if err := a.showMovement(out, m.asOne); err != nil {
		return err
	}
	if !seen.Done {
		return unhealthy{}
	}
	return nil
}
