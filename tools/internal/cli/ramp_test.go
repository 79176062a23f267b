package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"polygate.example/shared/topology"
	"polygate.example/tools/internal/control"
	"polygate.example/tools/internal/operate"
)

// hill is a manager that leads all clients to "new" once it has its traffic back, and to "old" some time after it was taken out again, or never.
type hill struct {
	obeys   bool
	refuses bool // to take it out again
	after   time.Duration
	over    time.Time // when clients have left
}

func (h *hill) Regions(context.Context) (map[string]control.Region, error) { return nil, nil }
func (h *hill) Steps(context.Context, []string, []int) error               { return nil }
func (h *hill) Share(context.Context, string, int) error                   { return nil }

func (h *hill) Drain(_ context.Context, _ []string, drained bool) error {
	if drained && h.refuses {
		return errors.New("503")
	}
	if drained && h.obeys {
		h.over = time.Now().Add(h.after)
	}
	return nil
}

// ask is a client.
func (h *hill) ask(context.Context) (string, error) {
	if h.over.IsZero() || time.Now().Before(h.over) {
		return "new", nil
	}
	return "old", nil
}

// TestTakenBack: that the manager took the order to take a ramp back is no proof: clients are asked until nobody is led there any more, and where they
// still are at the end that is said.
func TestTakenBack(t *testing.T) {
	top := topology.Topology{Manager: "route53", TTL: 30, Bound: 62}
	plan := operate.Plan{Undrain: []string{"new"}, Before: []string{"old"}, After: []string{"new", "old"}, Bound: 62 * time.Second}
	for name, c := range map[string]struct {
		hill    hill
		before  []string // who serves before, if not old alone
		verdict string
		back    float64 // seconds; below 0 for not seen
	}{
		"clients leave":                {hill{obeys: true, after: 20 * time.Second}, nil, "new has been taken out of traffic again, and clients had left after 20.0 s", 20},
		"it had a part of its share":   {hill{obeys: true, after: 5 * time.Second}, []string{"new", "old"}, "and clients had left after 5.0 s", 5},
		"it acknowledges and does not": {hill{}, nil, "new was ordered out of traffic again, and 92 s later clients are answered by new × 3: `polygate status -s staging`", -1},
		"it refuses":                   {hill{refuses: true}, nil, "`polygate drain -s staging new` takes them out", -1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var out, errs bytes.Buffer
				a := &app{output: newOutput(&out, &errs, func(string) string { return "" }), stack: "staging"}
				p := plan
				if c.before != nil {
					p.Before = c.before
				}
				callers := callers{everywhere: true, speed: 1}
				for range 3 {
					callers.asks = append(callers.asks, c.hill.ask)
				}
				own := map[string]operate.Ask{"new": func(context.Context) (string, error) { return "", errors.New("no answer") }}
				begun := time.Now()
				err := a.climb(t.Context(), top, &c.hill, movement{Stack: "staging", Plan: p, Bound: 62, Steps: []operate.Step{{Percent: 25}, {Percent: 100}}}, moving{asOne: true}, time.Minute, callers, own)
				if code := exitCode(err); code != ExitFailed {
					t.Errorf("it ends with %d: %v", code, err)
				}
				var m struct {
					Verdict string   `json:"verdict"`
					Done    bool     `json:"done"`
					Back    *float64 `json:"back_seconds"`
				}
				if err := json.Unmarshal(out.Bytes(), &m); err != nil || m.Done || !strings.Contains(m.Verdict, "requests by the regions' own names failed") || !strings.Contains(m.Verdict, c.verdict) {
					t.Errorf("%v\n%s\nwant …%s", err, out.String(), c.verdict)
				}
				if (m.Back == nil) != (c.back < 0) || m.Back != nil && *m.Back != c.back {
					t.Errorf("back after %v s, want %g\n%s", m.Back, c.back, out.String())
				}
				if took := time.Since(begun); c.back >= 0 && took < time.Duration(c.back+float64(top.TTL))*time.Second {
					t.Errorf("it was seen for %s: others may remember an answer for %d s more", took, top.TTL)
				}
				if told := errs.String(); !c.hill.refuses && !strings.Contains(told, "route53 has been told to take new out again; asking as clients") {
					t.Errorf("told:\n%s", told)
				}
			})
		})
	}
}

// TestTakenBackInterrupted: who is gone has not seen the end, and is told so.
func TestTakenBackInterrupted(t *testing.T) {
	var out, errs bytes.Buffer
	a := &app{output: newOutput(&out, &errs, func(string) string { return "" }), stack: "staging"}
	ctx, cancel := context.WithCancel(t.Context())
	seen := callers{speed: 1, asks: []operate.Ask{func(context.Context) (string, error) { cancel(); return "new", nil }}}
	err := a.takenBack(ctx, topology.Topology{TTL: 30}, movement{Plan: operate.Plan{Undrain: []string{"new"}, Before: []string{"old"}}}, moving{}, seen, operate.ErrLost)
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "was not seen to the end, and `polygate drain -s staging new` orders it once more") || out.Len() > 0 {
		t.Errorf("%v\n%s", err, out.String())
	}
}

var _ operate.Ramper = (*hill)(nil)
