package operate

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"polygate.example/shared/topology"
	"polygate.example/tools/internal/control"
)

// Ramping says how regions have their traffic back in steps. Durations are wall time.
type Ramping struct {
	Hold   time.Duration  // for so long each step is watched before the next: until a failure is noticed, and old answers are forgotten
	Every  time.Duration  // between two rounds of asking
	Asks   []Ask          // clients of the shared name, at all the places there are
	Own    map[string]Ask // each region that comes back, by its own name
	Each   bool           // the clients are everywhere, so that each region that comes back has to be seen
	Errors float64        // percent of requests that may fail in a step, 0 to 100, those of clients and those by own names by themselves
	Begun  func(Step)     // a step has been ordered
	Ended  func(Step)     // and seen to its end
}

// Step is one step of a ramp: what is expected of it, and what was seen.
type Step struct {
	Percent  int                `json:"percent"`            // of its share that each region that comes back has
	Shares   map[string]float64 `json:"shares"`             // of the traffic, 0 to 1, that each region that serves is to have
	Answers  map[string]int     `json:"answers,omitempty"`  // of clients' requests, by region
	Requests int                `json:"requests,omitempty"` // of clients
	Failed   int                `json:"failed"`             // of these
	Own      int                `json:"own_requests,omitempty"`
	OwnLost  int                `json:"own_failed"`
	Lost     string             `json:"lost,omitempty"` // why it is not to be gone on with; "" for nothing
}

// fewest is how many requests a share of errors is at least taken of, so that one that fails at first does not end a ramp by itself.
const fewest = 100

// certain is how many answers are expected of a region at least before it counts that there was none: with a fair draw that happens once in
// five hundred million times (e^-20).
const certain = 20

// ErrLost says that clients lost requests, or did not come, in a step of a ramp, so that it was taken back; with ErrStuck, that it was to be.
var ErrLost = errors.New("taken back")

// ErrStuck says that a ramp could not be taken back: the regions have the traffic of its last step.
var ErrStuck = errors.New("they still have traffic")

// Steps are the steps of a ramp by which a plan is carried out, with what is expected of each. An error wraps control.ErrNoSteps, and says
// why there can be none, whoever the manager is, and what would work.
func Steps(t topology.Topology, p Plan, percents []int) ([]Step, error) {
	how := ""
	switch {
	case t.Pattern != patternActive && t.Pattern != patternGroups:
		how = t.Pattern + " leads all clients to one region, and a part of them nowhere else"
	case t.Steering != byWeight:
		how = "the steering " + t.Steering + " leads clients by where they are, and knows no shares"
	}
	if how != "" {
		return nil, fmt.Errorf("%w: %s: give it back without --ramp, or have polygate:pattern %s or %s with polygate:steering %s", control.ErrNoSteps, how, patternActive, patternGroups, byWeight)
	}
	for _, name := range p.Undrain {
		if !slices.ContainsFunc(p.After, func(other string) bool { return !slices.Contains(p.Undrain, other) && together(t, name, other) }) && slices.Contains(p.After, name) {
			return nil, fmt.Errorf("%w: beside %s nobody serves in its group who could have the rest of the clients, so that any part of them is all: give it back without --ramp",
				control.ErrNoSteps, name)
		}
	}
	var out []Step
	for _, percent := range percents {
		s := Step{Percent: percent, Shares: map[string]float64{}}
		sum := 0.0
		for _, r := range t.Regions {
			if !slices.Contains(p.After, r.Name) {
				continue
			}
			s.Shares[r.Name] = float64(r.Weight)
			if slices.Contains(p.Undrain, r.Name) {
				s.Shares[r.Name] *= float64(percent) / 100
			}
			sum += s.Shares[r.Name]
		}
		for name := range s.Shares {
			s.Shares[name] /= max(sum, 1e-9)
		}
		out = append(out, s)
	}
	return out, nil
}

// together reports whether two regions share their traffic.
func together(t topology.Topology, a, b string) bool {
	of := func(name string) string { group, _, _ := strings.Cut(name, "/"); return group }
	return t.Pattern == patternActive || of(a) == of(b)
}

// TakenBack is what has to come of a ramp that was taken back: nobody is led to the regions that were to come back, those that had a part of their
// share before included.
func (p Plan) TakenBack() Plan {
	after := slices.DeleteFunc(slices.Clone(p.Before), func(name string) bool { return slices.Contains(p.Undrain, name) })
	return Plan{Drain: p.Undrain, Before: p.After, After: after, Bound: p.Bound}
}

// Ramper is a manager that can ramp.
type Ramper interface {
	control.Manager
	control.Ramp
}

// Rise gives the regions of a plan their traffic back in steps, and watches each. When requests are lost in one, or nobody comes, the regions
// are taken out again, at their whole share, so that nothing is left over; the error then wraps ErrLost, and whether clients have left again is for
// Watch to see, by the plan's TakenBack. Any other error leaves all as it is then: it can be ordered once more. What was seen is returned in any case.
func Rise(ctx context.Context, m Ramper, p Plan, steps []Step, r Ramping) ([]Step, error) {
	var done []Step
	for i, s := range steps {
		for _, region := range p.Undrain {
			if err := m.Share(ctx, region, s.Percent); err != nil {
				return done, fmt.Errorf("give %s %d %% of its share: %w", region, s.Percent, err)
			}
		}
		if i == 0 {
			if err := m.Drain(ctx, p.Undrain, false); err != nil {
				return done, fmt.Errorf("give traffic back to %v: %w", p.Undrain, err)
			}
		}
		if r.Begun != nil {
			r.Begun(s)
		}
		err := s.watch(ctx, p, r)
		done = append(done, s)
		if err != nil {
			return done, fmt.Errorf("at %d %% it was not watched to the end, and stays so: %w", s.Percent, err)
		}
		if r.Ended != nil {
			r.Ended(s)
		}
		if s.Lost != "" {
			return done, errors.Join(fmt.Errorf("at %d %%: %s: %w", s.Percent, s.Lost, ErrLost), fall(ctx, m, p))
		}
	}
	return done, nil
}

// fall takes a ramp back: nobody is led to the regions any more, and then their weights are what a deployment gives them. It goes on when the
// one who ordered it is gone.
func fall(ctx context.Context, m Ramper, p Plan) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	if err := m.Drain(ctx, p.Undrain, true); err != nil {
		return fmt.Errorf("take %v out of traffic again: %w: %w", p.Undrain, ErrStuck, err)
	}
	for _, region := range p.Undrain {
		if err := m.Share(ctx, region, 100); err != nil {
			return fmt.Errorf("give %s the weight of its deployment, which has no traffic now: %w", region, err)
		}
	}
	return nil
}

// watch asks for as long as a step is held, or until it has lost too much.
func (s *Step) watch(ctx context.Context, p Plan, r Ramping) error {
	begun := time.Now()
	s.Answers = map[string]int{}
	own := slices.Collect(maps.Values(r.Own))
	for {
		counts, failed := askAll(ctx, r.Asks)
		_, lost := askAll(ctx, own)
		if err := ctx.Err(); err != nil {
			return err // what was cut short by it was not lost
		}
		for region, n := range counts {
			s.Answers[region] += n
		}
		s.Requests, s.Failed = s.Requests+len(r.Asks), s.Failed+failed
		s.Own, s.OwnLost = s.Own+len(own), s.OwnLost+lost
		if s.Lost = s.losses(r.Errors); s.Lost != "" {
			return nil
		}
		if time.Since(begun) >= r.Hold {
			s.Lost = s.missing(p, r.Each)
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(r.Every):
		}
	}
}

// losses says which requests failed too often, "" for none.
func (s *Step) losses(percent float64) string {
	many := func(failed, of int) bool { return 100*float64(failed) > percent*float64(max(of, fewest)) }
	switch {
	case many(s.OwnLost, s.Own):
		return fmt.Sprintf("%d of %d requests by the regions' own names failed", s.OwnLost, s.Own)
	case many(s.Failed, s.Requests):
		return fmt.Sprintf("%d of %d requests of clients failed", s.Failed, s.Requests)
	}
	return ""
}

// missing names a region that came back and that nobody was led to, "" for none.
func (s *Step) missing(p Plan, each bool) string {
	for _, region := range p.Undrain {
		if expected := s.Shares[region] * float64(s.Requests); each && expected >= certain && s.Answers[region] == 0 {
			return fmt.Sprintf("none of %d requests of clients was answered by %s, of which about %.0f should have been", s.Requests, region, expected)
		}
	}
	return ""
}
