package drill

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"
)

// While nobody can tell whether a fault is there, clients may be losing requests: limits, the emergency lever, the lock and an interrupt end the drill
// as at any other time, before the manager's time to notice is over.
func TestGivenUpUnseen(t *testing.T) {
	t.Parallel()
	lost := func(w *World, s *stack) {
		gone := make(chan struct{})
		w.Lost, w.LostWhy = gone, func() error { return errors.New("no store answers") }
		onceBroken(s, func() { close(gone) })
	}
	lever := func(w *World, s *stack) {
		w.Engaged = func(context.Context) (bool, string, error) {
			down, _ := s.down()
			return down, "an incident", nil
		}
	}
	hangs := func(w *World) { // the one who looks is told when to end, and does not mind
		w.Evidence = func(ctx context.Context, _ Fault) (there, gone bool, text string) {
			if ctx.Err() == nil {
				<-w.Lost
			}
			return false, true, "looked"
		}
	}
	for name, c := range map[string]struct {
		prepare func(cancel context.CancelFunc, s *stack, w *World)
		limits  Limits
		want    Verdict
		because string
	}{
		"too many requests lost":                  {func(context.CancelFunc, *stack, *World) {}, Limits{LostRequests: 3}, Aborted, "limits.lostRequests"},
		"too much of the budget":                  {func(context.CancelFunc, *stack, *World) {}, Limits{BudgetBurn: 0.01}, Aborted, "limits.budgetBurn"},
		"the emergency lever":                     {func(_ context.CancelFunc, s *stack, w *World) { lever(w, s) }, Limits{}, Aborted, "an incident"},
		"the lock is another's":                   {func(_ context.CancelFunc, s *stack, w *World) { lost(w, s) }, Limits{}, LockLost, "no store answers"},
		"interrupted":                             {func(cancel context.CancelFunc, s *stack, _ *World) { onceBroken(s, cancel) }, Limits{}, Aborted, "interrupted"},
		"the lock, and who looks does not answer": {func(_ context.CancelFunc, s *stack, w *World) { lost(w, s); hangs(w) }, Limits{}, LockLost, "no store answers"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &stack{}
			w := s.world(t)
			w.Topology.Detect = 60 * quick // a minute here, which none of these has to wait for
			w.Evidence = func(context.Context, Fault) (there, gone bool, text string) {
				down, _ := s.down()
				return false, !down, "it cannot be seen"
			}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			c.prepare(cancel, s, &w)
			o, events := perform(t, ctx, w, nil, Options{Limits: c.limits})
			if o.Verdict != c.want || !strings.Contains(o.Because, c.because) {
				t.Errorf("%s: %s, want %s: …%s…", o.Verdict, o.Because, c.want, c.because)
			}
			if down, _ := s.down(); down {
				t.Error("it is broken in the end")
			}
			if got := names(events); !strings.HasPrefix(got, "begun breaking broken evidence mending mended") {
				t.Errorf("journal: %s", got)
			}
			if took := between(events, EventBroken, EventMending); took > 20*time.Second {
				t.Errorf("it was given up %s after it was broken", took)
			}
		})
	}
}

// The same holds for the look at the end of the watch, whether the fault has lasted.
func TestGivenUpUnlasting(t *testing.T) {
	t.Parallel()
	s := &stack{}
	w := s.world(t)
	w.Topology.Detect = 60 * quick
	looks := 0
	w.Evidence = func(context.Context, Fault) (there, gone bool, text string) {
		down, _ := s.down()
		looks++
		return down && looks == 1, !down, "looked"
	}
	w.Engaged = func(context.Context) (bool, string, error) {
		down, _ := s.down()
		return down && looks > 3, "an incident", nil
	}
	o, events := perform(t, t.Context(), w, func(e *Experiment) { e.Method[0].Pauses.After = 60 }, Options{})
	if o.Verdict != Aborted || !strings.Contains(o.Because, "an incident") {
		t.Errorf("%s: %s", o.Verdict, o.Because)
	}
	if took := between(events, EventBroken, EventMending); took > 20*time.Second {
		t.Errorf("it was given up %s after it was broken", took)
	}
}

// between is the time from an event to another.
func between(events []Event, from, to string) time.Duration {
	var begun, ended float64
	for _, e := range events {
		switch e.Name {
		case from:
			begun = e.Elapsed
		case to:
			ended = e.Elapsed
		}
	}
	return time.Duration((ended - begun) * float64(time.Second))
}
