// Package failover breaks the regions of an environment one after another and watches from the clients' seat: clients with
// TTL caches of their own, asking the real DNS port, keep calling all the while.
package failover

import (
	"context"
	"fmt"
	"time"

	"polygate.example/tests/harness"
)

// Step breaks or mends something and says who must serve afterwards.
type Step struct {
	Name     string
	Fail     []string // targets of `polygate local fail`
	Heal     []string // targets of `polygate local heal`
	Serving  int      // index of the region, in failover order, that must serve afterwards
	Nobody   bool     // every region is down: DNS fails open to Serving, and no request can succeed
	Lossless bool     // no request may be lost: what served goes on serving
}

// Steps is the standard sequence over two regions on each of aws, gcp and azure, in this failover order.
func Steps() []Step {
	return []Step{
		{Name: "steady state", Serving: 0, Lossless: true},
		{Name: "lose the primary region", Fail: []string{"aws/us-east-1"}, Serving: 1},
		{Name: "lose its whole provider", Fail: []string{"aws"}, Serving: 2},
		{Name: "lose a second provider", Fail: []string{"gcp"}, Serving: 4},
		{Name: "lose everything", Fail: []string{"azure"}, Serving: 0, Nobody: true},
		{Name: "the second provider is back", Heal: []string{"gcp"}, Serving: 2},
		{Name: "the third provider is back", Heal: []string{"azure"}, Serving: 2, Lossless: true},
		{Name: "the first provider is back", Heal: []string{"aws"}, Serving: 0, Lossless: true},
	}
}

// Outcome is what one step did to the clients. Times are cloud seconds since the fault was ordered.
type Outcome struct {
	Step      string  `json:"step"`
	Action    string  `json:"action"`
	At        float64 `json:"at"`       // cloud seconds since the run began
	Before    string  `json:"before"`   // region that served
	After     string  `json:"after"`    // region that DNS names afterwards
	Detected  float64 `json:"detected"` // DNS named it; 0 when nothing had to change
	Detect    int     `json:"detect_bound"`
	Recovered float64 `json:"recovered"` // the last client had its first right answer after its last loss; 0 without loss
	Bound     int     `json:"bound"`
	Sent      int     `json:"sent"`
	Lost      int     `json:"lost"`
	Wrong     int     `json:"wrong"` // answers that were not the answer to what was asked
	Problem   string  `json:"problem,omitempty"`
	start     time.Time
	end       time.Time
}

// Report is a whole run.
type Report struct {
	Hostname string    `json:"hostname"`
	Speed    float64   `json:"speed"` // cloud seconds per second
	Bound    int       `json:"bound_seconds"`
	Clients  int       `json:"clients"`
	Steps    []Outcome `json:"steps"`
	Requests []Request `json:"requests"` // every request, for the picture
	DNS      []Answer  `json:"dns"`      // every change of the authoritative answer
}

// Failed lists what missed its mark.
func (r Report) Failed() []string {
	var out []string
	for _, s := range r.Steps {
		if s.Problem != "" {
			out = append(out, s.Step+": "+s.Problem)
		}
	}
	return out
}

// Run goes through the steps against a deployed environment. tell hears of each outcome as it comes in.
func Run(ctx context.Context, env *harness.Environment, steps []Step, tell func(Outcome)) (Report, error) {
	st, err := env.Status(ctx)
	if err != nil {
		return Report{}, err
	}
	if !st.Well() {
		return Report{}, fmt.Errorf("the environment is %s before anything was broken", st.Status)
	}
	if st.BoundSeconds != env.Bound {
		return Report{}, fmt.Errorf("status says that the bound is %d s, by the stack file's dials it is %d s", st.BoundSeconds, env.Bound)
	}
	w, err := watch(ctx, st)
	if err != nil {
		return Report{}, err
	}
	defer w.stop()
	report := Report{Hostname: st.Hostname, Speed: st.Speed, Bound: st.BoundSeconds, Clients: clients}
	serving := st.Serving
	for _, s := range steps {
		o, err := w.step(ctx, env, s, serving)
		if err != nil {
			return report, fmt.Errorf("%s: %w", s.Name, err)
		}
		serving = o.After
		report.Steps = append(report.Steps, o)
		tell(o)
	}
	w.stop()
	report.Requests, report.DNS = w.requests(), w.answers()
	return report, nil
}

// step orders the fault and watches until the clients have settled.
func (w *watcher) step(ctx context.Context, env *harness.Environment, s Step, before string) (Outcome, error) {
	want := w.status.Regions[s.Serving].Name
	o := Outcome{Step: s.Name, Action: "none", Before: before, Detect: env.Detect, Bound: env.Bound, start: time.Now()}
	o.At = w.cloud(o.start.Sub(w.begun))
	for verb, targets := range map[string][]string{"fail": s.Fail, "heal": s.Heal} {
		for _, t := range targets {
			o.Action = verb + " " + t
			if _, err := env.Must(ctx, "local", verb, t); err != nil {
				return o, err
			}
		}
	}
	bound := w.wall(time.Duration(o.Bound) * time.Second)
	// Long enough that a client which cached just before DNS changed has asked again, and then some.
	settle := w.wall(time.Duration(w.ttl)*time.Second) + w.wall(10*time.Second)
	changed, err := w.await(ctx, want, o.start, 2*bound)
	if err != nil {
		return o, err
	}
	o.After = w.current()
	switch {
	case changed.IsZero():
		o.Problem = fmt.Sprintf("DNS names %s, want %s", o.After, want)
	case before != want:
		o.Detected = w.cloud(changed.Sub(o.start))
	}
	// Watch until the bound is over and everybody has had the time to settle, whatever happened before.
	quiet := o.start.Add(bound + settle)
	if s.Lossless && before == want {
		quiet = o.start.Add(settle)
	}
	if err := sleepUntil(ctx, quiet); err != nil {
		return o, err
	}
	o.end = time.Now()
	w.judge(&o, s)
	return o, nil
}

// judge counts what happened to the requests that ended during the step and holds it against the bound.
func (w *watcher) judge(o *Outcome, s Step) {
	lastRecovery := o.start
	rightAfter := 0
	var silent, out []int // clients that sent nothing, and those without a right answer after their last loss
	for client := range clients {
		log := w.of(client, o.start, o.end)
		if len(log) == 0 {
			silent = append(silent, client)
		}
		pending := false // a loss without a right answer after it
		for _, r := range log {
			o.Sent++
			switch r.Verdict {
			case Wrong:
				o.Wrong++
			case Lost:
				o.Lost++
				pending = true
			case Right:
				if pending && r.done.After(lastRecovery) {
					lastRecovery = r.done
				}
				pending = false
				if r.begun.Sub(o.start) > w.wall(time.Duration(o.Bound)*time.Second) {
					rightAfter++
				}
			}
		}
		if pending {
			out = append(out, client)
		}
	}
	o.Recovered = w.cloud(lastRecovery.Sub(o.start))
	if s.Nobody {
		o.Recovered = 0
	}
	switch {
	case o.Problem != "":
	case len(silent) > 0:
		o.Problem = fmt.Sprintf("clients %v sent nothing", silent)
	case o.Wrong > 0:
		o.Problem = fmt.Sprintf("%d wrong answers", o.Wrong)
	case o.Detected > float64(o.Detect):
		o.Problem = fmt.Sprintf("DNS changed after %.1f s, the bound of detection is %d s", o.Detected, o.Detect)
	case s.Nobody && rightAfter > 0:
		o.Problem = fmt.Sprintf("%d requests were answered though everything is down", rightAfter)
	case s.Nobody && len(out) != clients:
		o.Problem = "everything is down, and not every client noticed"
	case s.Nobody:
	case len(out) > 0:
		o.Problem = fmt.Sprintf("clients %v never recovered", out)
	case s.Lossless && o.Lost > 0:
		o.Problem = fmt.Sprintf("%d requests lost, want none", o.Lost)
	case o.Recovered > float64(o.Bound):
		o.Problem = fmt.Sprintf("recovered after %.1f s, the bound is %d s", o.Recovered, o.Bound)
	case !s.Lossless && len(s.Fail) > 0 && o.Lost == 0:
		o.Problem = "no request was lost: the fault did not land"
	}
}

func sleepUntil(ctx context.Context, t time.Time) error {
	timer := time.NewTimer(time.Until(t))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
