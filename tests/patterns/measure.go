package patterns

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"polygate.example/tests/harness"
	"polygate.example/tools/client"
)

// Measured is what clients saw of one combination. Times are cloud seconds.
type Measured struct {
	Combination
	Regions []string                  `json:"regions"` // in failover order
	Bound   int                       `json:"bound"`   // as the stack file's dials promise it
	Shares  map[string]map[string]int `json:"shares"`  // answers by place and region, everything healthy
	Losses  []Loss                    `json:"losses"`
}

// Loss is something that failed and came back.
type Loss struct {
	What     string   `json:"what"`      // region or provider
	Failover float64  `json:"failover"`  // until the last client had its first answer after its last loss
	Lost     int      `json:"lost"`      // requests without an answer in that time
	Sent     int      `json:"sent"`      // requests in that time
	Serving  []string `json:"serving"`   // regions that answered afterwards
	Back     float64  `json:"back"`      // after mending, until what had failed answered a client again; 0 when it did not serve before
	BackLost int      `json:"back_lost"` // requests without an answer after mending
	Problem  string   `json:"problem,omitempty"`
}

const (
	pace    = 100 * time.Millisecond // wall time between two requests of one client
	asked   = 8                      // times that each place asks for the shares
	settled = 10                     // cloud seconds of quiet after the bound
)

// Measure asks from every place, then loses the first region, and then its whole provider where there is another one.
func Measure(ctx context.Context, env *harness.Environment, c Combination) (Measured, error) {
	s, err := newSeat(ctx, env)
	if err != nil {
		return Measured{}, err
	}
	m := Measured{Combination: c, Bound: env.Bound}
	for _, r := range s.status.Regions {
		m.Regions = append(m.Regions, r.Name)
	}
	if s.status.BoundSeconds != env.Bound {
		return m, fmt.Errorf("status says that the bound is %d s, by the stack file's dials it is %d s", s.status.BoundSeconds, env.Bound)
	}
	if m.Shares, err = s.tally(ctx, asked); err != nil {
		return m, err
	}
	losses := []string{m.Regions[0]}
	if provider, _, _ := strings.Cut(m.Regions[0], "/"); len(c.Providers) > 1 {
		losses = append(losses, provider)
	}
	for _, what := range losses {
		l, err := s.lose(ctx, env, what)
		if err != nil {
			return m, fmt.Errorf("%s: lose %s: %w", c, what, err)
		}
		m.Losses = append(m.Losses, l)
	}
	return m, nil
}

// call is one request of one client.
type call struct {
	client      int
	begun, done time.Time
	region      string // "" when it was lost
	why         string // when it was lost
}

// crowd is one client at each place, which all keep calling.
type crowd struct {
	cancel  context.CancelFunc
	running sync.WaitGroup
	mu      sync.Mutex
	calls   []call
}

// gather sets clients to work. They begin apart, so that their caches expire apart.
func (s *seat) gather(ctx context.Context, ttl time.Duration) (*crowd, error) {
	ctx, cancel := context.WithCancel(ctx)
	g := &crowd{cancel: cancel}
	for i, p := range s.places {
		c, err := s.at(p)
		if err != nil {
			cancel()
			return nil, err
		}
		wait := ttl * time.Duration(i) / time.Duration(len(s.places))
		g.running.Go(func() {
			defer c.Close()
			if !pause(ctx, wait) {
				return
			}
			for {
				next := time.Now().Add(pace)
				g.note(ctx, i, c, s.status.Hostname)
				if !pause(ctx, time.Until(next)) {
					return
				}
			}
		})
	}
	return g, nil
}

func (g *crowd) note(ctx context.Context, i int, c *client.Client, host string) {
	k := call{client: i, begun: time.Now()}
	region, err := health(ctx, c, host)
	if ctx.Err() != nil {
		return
	}
	k.done = time.Now()
	if err != nil {
		k.why = err.Error()
	}
	k.region = region
	g.mu.Lock()
	g.calls = append(g.calls, k)
	g.mu.Unlock()
}

// during lists the calls that ended in a span of time.
func (g *crowd) during(from, to time.Time) []call {
	g.mu.Lock()
	defer g.mu.Unlock()
	var out []call
	for _, k := range g.calls {
		if !k.done.Before(from) && k.done.Before(to) {
			out = append(out, k)
		}
	}
	return out
}

func (g *crowd) stop() {
	g.cancel()
	g.running.Wait()
}

// lose breaks something, watches past the bound, mends it and watches again.
func (s *seat) lose(ctx context.Context, env *harness.Environment, what string) (Loss, error) {
	l := Loss{What: what}
	wall := func(cloud float64) time.Duration { return time.Duration(cloud / s.status.Speed * float64(time.Second)) }
	cloud := func(d time.Duration) float64 { return d.Seconds() * s.status.Speed }
	ttl := float64(env.Bound - env.Detect)
	g, err := s.gather(ctx, wall(ttl))
	if err != nil {
		return l, err
	}
	defer g.stop()
	if !pause(ctx, wall(ttl)+10*pace) { // everybody is at work, and has asked at least once
		return l, ctx.Err()
	}
	before := time.Now()
	steady := serving(g.during(before.Add(-10*pace), before))

	if _, err := env.Must(ctx, "local", "fail", what); err != nil {
		return l, err
	}
	failed := time.Now()
	span := wall(float64(env.Bound + settled))
	if !pause(ctx, span) {
		return l, ctx.Err()
	}
	end := time.Now()
	calls := g.during(before, end)
	l.Sent, l.Lost = count(calls)
	over, out, why := recovery(calls, before, len(s.places))
	l.Failover, l.Serving = cloud(over.Sub(before)), serving(g.during(end.Add(-10*pace), end))
	// What the order to break took counts for the bound: nobody knows when in between it took effect.
	slack := cloud(failed.Sub(before))

	if _, err := env.Must(ctx, "local", "heal", what); err != nil {
		return l, err
	}
	healed := time.Now()
	if !pause(ctx, span) {
		return l, ctx.Err()
	}
	end = time.Now()
	back := g.during(healed, end)
	_, l.BackLost = count(back)
	lost := func(region string) bool { return region == what || strings.HasPrefix(region, what+"/") }
	served := slices.ContainsFunc(steady, lost)                                                                // it had clients to lose
	spared := slices.ContainsFunc(calls, func(k call) bool { return k.begun.After(failed) && lost(k.region) }) // it answered although it was down
	returned := slices.IndexFunc(back, func(k call) bool { return lost(k.region) })
	if served && returned >= 0 {
		l.Back = cloud(back[returned].done.Sub(healed))
	}
	switch {
	case len(out) > 0:
		l.Problem = fmt.Sprintf("clients %v never had an answer again: %s", out, why)
	case l.Failover > float64(env.Bound)+slack:
		l.Problem = fmt.Sprintf("failover took %.1f s, the bound is %d s: %s", l.Failover, env.Bound, why)
	case slices.ContainsFunc(l.Serving, lost):
		l.Problem = fmt.Sprintf("%v still serve after the failure of %s", l.Serving, what)
	// That requests are lost says nothing: where several regions share a place by chance, clients may all have left in between.
	case spared:
		l.Problem = "the fault did not land: it was answered by what had failed"
	case l.BackLost > 0:
		l.Problem = fmt.Sprintf("%d requests were lost on the way back", l.BackLost)
	case served && returned < 0:
		l.Problem = "it serves nobody after it was mended"
	// Being found well takes a manager no longer than being found ill: as many probes, or fewer.
	case l.Back > float64(env.Bound):
		l.Problem = fmt.Sprintf("it had its clients back after %.1f s, the bound is %d s", l.Back, env.Bound)
	}
	return l, nil
}

// recovery is when the last client had its first answer after its last loss, which clients never had one, and what the last
// loss was.
func recovery(calls []call, start time.Time, clients int) (last time.Time, out []int, why string) {
	last = start
	pending := make([]bool, clients)
	for _, k := range calls {
		switch {
		case k.region == "":
			pending[k.client], why = true, k.why
		case pending[k.client]:
			pending[k.client] = false
			if k.done.After(last) {
				last = k.done
			}
		}
	}
	for i, p := range pending {
		if p {
			out = append(out, i)
		}
	}
	return last, out, why
}

func count(calls []call) (sent, lost int) {
	for _, k := range calls {
		sent++
		if k.region == "" {
			lost++
		}
	}
	return sent, lost
}

// serving lists the regions that answered, sorted.
func serving(calls []call) []string {
	seen := map[string]bool{}
	for _, k := range calls {
		if k.region != "" {
			seen[k.region] = true
		}
	}
	return slices.Sorted(maps.Keys(seen))
}

// pause waits and reports whether the context still stands.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(max(0, d))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
