package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"polygate.example/infra/settings"
	"polygate.example/shared/topology"
	"polygate.example/tools/internal/control"
	"polygate.example/tools/internal/operate"
	"polygate.example/tools/internal/status"
)

// ramping are the flags of a failback in steps.
type ramping struct {
	percents []int
	hold     time.Duration // of each step, cloud time; 0 is as long as a failure may go unnoticed and old answers be remembered
	errors   float64       // percent of requests that may fail in a step
}

func (r *ramping) flags(c *cobra.Command) {
	c.Flags().IntSliceVar(&r.percents, "ramp", nil, "give traffic back in steps of so many percent of its share, for example 5,25,50,100, where the manager leads clients by weight")
	c.Flags().DurationVar(&r.hold, "hold", 0, "with --ramp: how long each step is watched (default: the bound and an answer's TTL)")
	c.Flags().Float64Var(&r.errors, "max-errors", 1, "with --ramp: percent of requests that may fail in a step before all of it is taken back")
}

// check refuses what cannot be meant.
func (r *ramping) check(changed func(string) bool) error {
	if !changed("ramp") {
		for _, name := range []string{"hold", "max-errors"} {
			if changed(name) {
				return usageError{fmt.Errorf("--%s is of a failback in steps: want --ramp beside it", name)}
			}
		}
		return nil
	}
	rising := len(r.percents) > 1 && r.percents[len(r.percents)-1] == 100
	before := 0
	for _, p := range r.percents {
		rising, before = rising && p > before, p
	}
	switch {
	case !rising:
		return usageError{fmt.Errorf("--ramp is %v: want two or more rising percentages, the last of them 100, for example 5,25,50,100", r.percents)}
	case r.errors < 0 || r.errors > 100:
		return usageError{fmt.Errorf("--max-errors is %g: want 0 to 100", r.errors)}
	case r.hold < 0:
		return usageError{fmt.Errorf("--hold is %s: want a time", r.hold)}
	}
	return nil
}

// inSteps looks whether the plan can be carried out in steps, and changes nothing: nil steps where it is not to be. What cannot be is the
// caller's to mend.
func (a *app) inSteps(ctx context.Context, t topology.Topology, manager control.Manager, p operate.Plan, r ramping) ([]operate.Step, time.Duration, error) {
	if len(r.percents) == 0 || p.Nothing() {
		return nil, 0, nil
	}
	ttl := time.Duration(t.TTL) * time.Second
	hold := r.hold
	switch {
	case hold == 0:
		hold = p.Bound + ttl
	case hold < ttl:
		return nil, 0, usageError{fmt.Errorf("--hold is %s: clients remember an answer for %s, so that a step shows nothing sooner: want %s or more", hold, ttl, ttl)}
	}
	steps, err := operate.Steps(t, p, r.percents)
	if err != nil {
		return nil, 0, usageError{err}
	}
	ramp, ok := manager.(control.Ramp)
	if !ok {
		return nil, 0, usageError{fmt.Errorf("%w: %s has no weights that could be changed: give it back without --ramp", control.ErrNoSteps, t.Manager)}
	}
	if err := ramp.Steps(ctx, p.Undrain, r.percents); errors.Is(err, control.ErrNoSteps) {
		return nil, 0, usageError{err}
	} else if err != nil {
		return nil, 0, fmt.Errorf("ask %s whether it can: %w", t.Manager, err)
	}
	return steps, hold, nil
}

// showSteps prints what is expected of each step.
func showSteps(to io.Writer, steps []operate.Step, hold time.Duration) {
	fmt.Fprintf(to, "%-22s each watched for %s, %s in all\n", "in steps:", hold, hold*time.Duration(len(steps)))
	for _, s := range steps {
		fmt.Fprintf(to, "%22s %s\n", fmt.Sprintf("%d %%", s.Percent), shares(s.Shares))
	}
}

// shares says how much of the traffic each has.
func shares(of map[string]float64) string {
	var parts []string
	for _, region := range slices.Sorted(maps.Keys(of)) {
		parts = append(parts, fmt.Sprintf("%s %.1f %%", region, 100*of[region]))
	}
	return strings.Join(parts, ", ")
}

// rise carries a plan out in steps, and tells of each.
func (a *app) rise(ctx context.Context, s settings.Settings, t topology.Topology, manager control.Manager, out movement, m moving, hold time.Duration) error {
	ramp, ok := manager.(operate.Ramper)
	if !ok {
		return fmt.Errorf("%s cannot be ramped", t.Manager) // inSteps has refused it
	}
	asks, everywhere, speed, err := a.clients(ctx, s, t)
	if err != nil {
		return err
	}
	own, err := a.owners(ctx, s, t, out.Plan.Undrain)
	if err != nil {
		return err
	}
	return a.climb(ctx, t, ramp, out, m, hold, callers{asks, everywhere, speed}, own)
}

// climb gives regions their share step by step, as those see it who call, and by the regions' own names.
func (a *app) climb(ctx context.Context, t topology.Topology, ramp operate.Ramper, out movement, m moving, hold time.Duration, c callers, own map[string]operate.Ask) error {
	begun := time.Now()
	steps, err := operate.Rise(ctx, ramp, out.Plan, out.Steps, operate.Ramping{
		Hold: c.wall(hold), Every: max(200*time.Millisecond, c.wall(time.Second)), Asks: c.asks, Own: own, Each: c.everywhere, Errors: m.ramp.errors,
		Begun: func(s operate.Step) {
			a.step("%d %%: %s has been told; asking as clients for %s", s.Percent, t.Manager, hold)
		},
		Ended: func(s operate.Step) {
			a.step("%d %%: answered by %s; %d of %d requests failed, and %d of %d by the regions' own names", s.Percent, tally(s.Answers), s.Failed, s.Requests, s.OwnLost, s.Own)
		},
	})
	out.Steps = steps
	out.Moved = time.Since(begun).Seconds() * c.speed
	for _, s := range steps {
		out.Failed += s.Failed + s.OwnLost
	}
	switch {
	case errors.Is(err, operate.ErrLost):
		return a.takenBack(ctx, t, out, m, c, err)
	case err != nil:
		return fmt.Errorf("%w: `polygate failback -s %s` gives the rest back, and `polygate drain -s %s %s` takes it out", err, a.stack, a.stack, strings.Join(out.Plan.Undrain, " "))
	}
	out.Done = true
	out.Verdict = fmt.Sprintf("%s has all of its share, in %s, and clients were answered all the while", strings.Join(out.Plan.Undrain, ", "), settings.Count(len(steps), "step"))
	return a.showMovement(out, m.asOne)
}

// takenBack sees that clients have left the regions of a ramp again that was taken back because of lost. That the manager took the order is no proof.
func (a *app) takenBack(ctx context.Context, t topology.Topology, out movement, m moving, c callers, lost error) error {
	regions := strings.Join(out.Plan.Undrain, ", ")
	by := fmt.Sprintf("`polygate drain -s %s %s`", a.stack, strings.Join(out.Plan.Undrain, " "))
	if errors.Is(lost, operate.ErrStuck) {
		out.Verdict = fmt.Sprintf("%s: %s takes them out", oneLine(lost), by)
	} else {
		a.step("%s: %s has been told to take %s out again; asking as clients until it has happened, for at most %d s", oneLine(lost), t.Manager, regions, out.Bound)
		seen, err := a.observe(ctx, t, out.Plan.TakenBack(), c)
		if err != nil {
			return fmt.Errorf("%s; whether clients have left again was not seen to the end, and %s orders it once more: %w", oneLine(lost), by, err)
		}
		out.Failed += seen.Failed
		switch {
		case seen.Done:
			back := seen.Moved.Seconds() * c.speed
			out.Back = &back
			out.Verdict = fmt.Sprintf("%s: %s has been taken out of traffic again, and clients had left after %.1f s", oneLine(lost), regions, back)
		default:
			out.Verdict = fmt.Sprintf("%s: %s was ordered out of traffic again, and %d s later clients are answered by %s: `polygate status -s %s` shows what is served, and %s orders it once more",
				oneLine(lost), regions, out.Bound+t.TTL, cmp.Or(tally(seen.Counts), "nobody"), a.stack, by)
		}
	}
	if err := a.showMovement(out, m.asOne); err != nil {
		return err
	}
	return unhealthy{}
}

// owners ask regions by their own names.
func (a *app) owners(ctx context.Context, s settings.Settings, t topology.Topology, regions []string) (map[string]operate.Ask, error) {
	front, err := a.frontSecret(ctx, s)
	if err != nil {
		return nil, err
	}
	var r status.Report
	if s.LocalClouds != nil {
		st, err := a.cloudState(ctx)
		if err != nil {
			return nil, err
		}
		r.Edge = status.Edge{Address: st.Edge, CA: st.CA}
	}
	out := map[string]operate.Ask{}
	for _, reg := range t.Regions {
		if !slices.Contains(regions, reg.Name) {
			continue
		}
		out[reg.Name] = func(ctx context.Context) (string, error) {
			answered, err := status.AskRegion(ctx, r, reg.HealthURL, front)
			if err == nil && answered != reg.Name {
				err = fmt.Errorf("the name of %s is answered by %s", reg.Name, answered)
			}
			return answered, err
		}
	}
	return out, nil
}
