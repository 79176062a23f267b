// Package webtest runs Azure's availability tests and has their alarms begin and end. Alarms are looked at whenever a place has
// told, and not at the rule's own times: a window in which every place tells once holds what each told last.
package webtest

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"sync"
	"time"

	"polygate.example/tools/internal/localcloud/clock"
	"polygate.example/tools/internal/localcloud/plane"
	"polygate.example/tools/internal/localcloud/probe"
)

// attempts: "A failure is reported only if three successive attempts fail" ("Application Insights availability tests", Enable
// retries for availability test failures, learn.microsoft.com/azure/azure-monitor/app/availability).
const attempts = 3

// anyStatus is the wanted status of a test that looks at none.
const anyStatus = -1

// Options configures Tests.
type Options struct {
	Clock  *clock.Clock   // required
	Dial   probe.Dial     // required
	Roots  *x509.CertPool // required: whose certificates are valid
	Floor  time.Duration  // least wall time for an attempt; 0 is probe.DefaultFloor
	Delay  probe.Delay    // nil: no answer is held back on purpose
	Logger *slog.Logger   // nil discards
}

// Alarm is the state of an alert rule on a test.
type Alarm struct {
	On      bool      `json:"on"`
	Failing int       `json:"failing"` // places that failed last
	Of      int       `json:"of"`      // places there are
	Since   time.Time `json:"since"`   // cloud time of the last change of On, or of the rule's creation
	Why     string    `json:"why"`     // what a place that fails said last; "" when none does
}

// Tests are those being run. All methods are safe for concurrent use.
type Tests struct {
	o      Options
	probe  probe.Sender
	log    *slog.Logger
	ctx    context.Context // ends with the tests
	cancel context.CancelFunc

	applying sync.Mutex // held by Apply and Close only
	running  map[string]*run

	mu     sync.Mutex // guards what follows
	alarms map[string]Alarm
}

// run is one test under way.
type run struct {
	test    plane.WebTest
	key     string // of its settings
	rounds  probe.Rounds
	results []probe.Result // the last ones by place; a place that has told nothing yet has a zero one, and does not fail
	told    []bool
}

// New returns Tests without any.
func New(o Options) (*Tests, error) {
	if o.Clock == nil || o.Dial == nil || o.Roots == nil {
		return nil, errors.New("webtest: a Clock, Dial and Roots are required")
	}
	t := &Tests{o: o, log: o.Logger, probe: probe.Sender{Clock: o.Clock, Dial: o.Dial, Floor: o.Floor, Delay: o.Delay}, running: map[string]*run{}, alarms: map[string]Alarm{}}
	if t.log == nil {
		t.log = slog.New(slog.DiscardHandler)
	}
	t.ctx, t.cancel = context.WithCancel(context.Background())
	return t, nil
}

// Apply runs exactly these tests. One whose settings are the same goes on; another begins anew, and its alarms keep their state
// until a place has told.
func (t *Tests) Apply(tests []plane.WebTest) error {
	t.applying.Lock()
	defer t.applying.Unlock()
	if t.ctx.Err() != nil {
		return errors.New("webtest: closed")
	}
	next, begin, known := map[string]*run{}, []*run{}, map[string]bool{}
	for _, w := range tests {
		key := fmt.Sprintf("%+v", w)
		if old := t.running[w.ID]; old != nil && old.key == key {
			next[w.ID] = old
		} else {
			next[w.ID] = t.run(w, key)
			begin = append(begin, next[w.ID])
		}
		for _, a := range w.Alarms {
			known[a.ID] = true
		}
	}
	for id, old := range t.running {
		if next[id] != old {
			old.rounds.Stop()
		}
	}
	t.running = next
	t.mu.Lock()
	maps.DeleteFunc(t.alarms, func(id string, _ Alarm) bool { return !known[id] })
	for _, w := range tests {
		for _, a := range w.Alarms {
			if _, ok := t.alarms[a.ID]; !ok {
				t.alarms[a.ID] = Alarm{Of: len(w.Places), Since: t.o.Clock.Now()}
			}
		}
	}
	t.mu.Unlock()
	for _, r := range begin {
		r.rounds.Start(t.ctx)
	}
	return nil
}

// Alarms tells about every alert rule, by its id.
func (t *Tests) Alarms() map[string]Alarm {
	t.mu.Lock()
	defer t.mu.Unlock()
	return maps.Clone(t.alarms)
}

// Close ends all tests and waits for them.
func (t *Tests) Close() error {
	t.cancel()
	t.applying.Lock()
	defer t.applying.Unlock()
	for _, r := range t.running {
		r.rounds.Stop()
	}
	t.running = nil
	return nil
}

func (t *Tests) run(w plane.WebTest, key string) *run {
	r := &run{test: w, key: key, results: make([]probe.Result, len(w.Places)), told: make([]bool, len(w.Places))}
	target := t.target(w)
	tries := 1
	if w.Retried {
		tries = attempts
	}
	r.rounds = probe.Rounds{
		Clock: t.o.Clock, Key: w.ID, Interval: w.Interval, Longest: w.Timeout * time.Duration(tries), Least: t.probe.Least(), Locations: len(w.Places),
		Send: func(ctx context.Context) (last probe.Result) {
			for range tries {
				if last = t.probe.Send(ctx, target); last.OK {
					break
				}
			}
			return last
		},
		Count: func(i int, res probe.Result, at time.Time) { t.count(r, i, res, at) },
	}
	return r
}

// target is what one attempt asks for.
func (t *Tests) target(w plane.WebTest) probe.Target {
	p := probe.Target{
		Protocol: probe.HTTP, Dial: w.Host, Port: w.Port, Method: w.Method, Path: w.Path, Timeout: w.Timeout, Headers: map[string][]string{},
		Expect: func(status int) bool {
			return w.Status == anyStatus || status == w.Status || w.Status == 0 && status < 400
		},
	}
	for name, value := range w.Headers {
		p.Headers[name] = []string{value}
	}
	if w.TLS {
		p.Protocol, p.SNI = probe.HTTPS, w.Host
	}
	if w.Validate {
		p.Roots, p.Lasting = t.o.Roots, w.Lasting
	}
	return p
}

// count takes in what a place has told, and has the test's alarms begin or end.
func (t *Tests) count(r *run, place int, res probe.Result, at time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	r.results[place], r.told[place] = res, true
	failing, why := 0, ""
	for i, last := range r.results {
		if r.told[i] && !last.OK {
			failing++
			why = r.test.Places[i] + ": " + last.Reason
		}
	}
	for _, rule := range r.test.Alarms {
		a, ok := t.alarms[rule.ID]
		if !ok {
			continue
		}
		on := failing >= rule.Failed
		if on != a.On {
			a.Since = at
			t.log.Info("alarm changed", "rule", rule.ID, "on", on, "failing", failing, "of", len(r.results), "last", why)
		}
		a.On, a.Failing, a.Of, a.Why = on, failing, len(r.results), why
		t.alarms[rule.ID] = a
	}
}
