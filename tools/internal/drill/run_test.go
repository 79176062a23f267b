package drill

import (
	"context"
	"crypto/x509"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	mdns "github.com/miekg/dns"

	"polygate.example/shared/handler"
	"polygate.example/tools/internal/control"
	"polygate.example/tools/internal/localcloud/dns/dnstest"
	"polygate.example/tools/internal/prober"
	"polygate.example/tools/internal/report"
)

// host is the name in httptest's certificate.
const host = "example.com"

// stack is a gateway in two regions behind a name server that leads to the first one that its manager calls well. At the speed of 20 a TTL of
// 30 s is over after 1.5 s.
type stack struct {
	mu      sync.Mutex
	broken  []InForce
	stuck   bool // it cannot be mended
	slow    bool // an order to break is carried out when whoever gave it has given up
	refuses error
	since   time.Time          // it was broken
	flaw    func(n int64) bool // reports whether the so manieth request is answered 503; nil for none
	asked   atomic.Int64
}

const quick = 20

// down reports whether the first region is.
func (s *stack) down() (down, noticed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.broken) > 0, len(s.broken) > 0 && time.Since(s.since) > 300*time.Millisecond
}

func (s *stack) ServeDNS(rw mdns.ResponseWriter, q *mdns.Msg) {
	m := new(mdns.Msg).SetReply(q)
	at := "192.0.2.1"
	if _, noticed := s.down(); noticed {
		at = "192.0.2.2"
	}
	rr, err := mdns.NewRR("example.com. 30 IN A " + at)
	if err == nil {
		m.Answer = []mdns.RR{rr}
	}
	_ = rw.WriteMsg(m) // the client has gone
}

func (s *stack) Can(Fault) error { return nil }

func (s *stack) Pull(ctx context.Context, f Fault, l Lease) error {
	if s.slow {
		<-ctx.Done()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refuses != nil {
		return s.refuses
	}
	s.broken, s.since = append(s.broken, InForce{Fault: f, Drill: l.Drill, Token: l.Token, Left: l.For}), time.Now()
	return nil
}

func (s *stack) Release(_ context.Context, f Fault, _ uint64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stuck {
		return errors.New("it does not let go")
	}
	s.broken = slices.DeleteFunc(s.broken, func(x InForce) bool { return x.Fault == f })
	return nil
}

func (s *stack) Tidy(context.Context, uint64) ([]string, error) { return nil, nil }

func (s *stack) InForce(context.Context) ([]InForce, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.broken), nil
}

// world is a stack to be drilled.
func (s *stack) world(t *testing.T) World {
	t.Helper()
	roots := x509.NewCertPool()
	sites := map[netip.Addr]netip.AddrPort{}
	for ip, region := range map[string]string{"192.0.2.1": one, "192.0.2.2": two} {
		srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			down, _ := s.down()
			if n := s.asked.Add(1); down && region == one || s.flaw != nil && s.flaw(n) {
				w.WriteHeader(http.StatusServiceUnavailable)
				return
			}
			w.Header().Set(handler.HeaderRegion, region)
		}))
		srv.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
		srv.StartTLS()
		t.Cleanup(srv.Close)
		roots.AddCert(srv.Certificate())
		sites[netip.MustParseAddr(ip)] = netip.MustParseAddrPort(srv.Listener.Addr().String())
	}
	server := dnstest.Serve(t, s)
	top := deployed()
	top.Hostname = host
	return World{
		Environment: "staging", Topology: top, Speed: quick, Lever: s, Every: 50 * time.Millisecond, Token: 7,
		Look: func(context.Context) (Look, error) {
			return Look{Well: map[string]bool{one: true, two: true}, Releases: map[string]string{one: "r1", two: "r1"}}, nil
		},
		Manager: func(context.Context) (map[string]control.Region, error) {
			_, noticed := s.down()
			return map[string]control.Region{one: {Healthy: !noticed}, two: {Healthy: true}}, nil
		},
		Evidence: func(context.Context, Fault) (there, gone bool, text string) {
			down, _ := s.down()
			return down, !down, "looked"
		},
		Clients: prober.Options{Server: server, RootCAs: roots, Timeout: 3 * time.Second, Clients: make([]prober.Client, 4), Address: func(_ []string, ip netip.Addr, _ int) (netip.AddrPort, error) {
			return sites[ip], nil
		}},
		DNS:       prober.WatchOptions{Servers: []prober.Server{{Name: "ns", Address: server}}, Every: 20 * time.Millisecond},
		Addresses: map[string][]string{"192.0.2.1": {one}, "192.0.2.2": {two}},
	}
}

// perform runs a drill of the first region.
func perform(t *testing.T, ctx context.Context, w World, change func(*Experiment), opts Options) (Outcome, []Event) {
	t.Helper()
	e, err := New(w.Topology, "staging", Step{Fault: Fault{Kind: RegionDown, Target: one}})
	if err != nil {
		t.Fatal(err)
	}
	e.Extensions[0].Clients.Rate = 16 // several of these tests run beside each other
	if change != nil {
		change(&e)
	}
	d, err := e.Prepare(w.Topology, "staging")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	j, err := NewJournal(dir, w.Wall)
	if err != nil {
		t.Fatal(err)
	}
	opts.ID = "drill-1"
	o := Perform(ctx, w, d, j, opts)
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	events, err := Events(dir)
	if err != nil {
		t.Fatal(err)
	}
	return o, events
}

func names(events []Event) string {
	var out []string
	for _, e := range events {
		if e.Name != EventCheck {
			out = append(out, e.Name)
		}
	}
	return strings.Join(out, " ")
}

func TestPerform(t *testing.T) {
	t.Parallel()
	s := &stack{}
	o, events := perform(t, t.Context(), s.world(t), nil, Options{})
	if o.Verdict != Pass || len(o.Runs) != 1 || o.Runs[0].Requests.Lost == 0 {
		t.Fatalf("%s: %s\n%+v", o.Verdict, o.Because, o.Report.Checks)
	}
	if d := o.Runs[0].Derived; value(d.RTO) <= 0 || value(d.RTO) > o.Expected.Bound || value(d.Detect) < 4 || value(d.Publish) < 0 || value(d.FailBack) < 0 {
		t.Errorf("%+v", d)
	}
	if got := names(events); got != "begun breaking broken evidence evidence mending mended run ended" {
		t.Errorf("journal: %s", got)
	}
	if down, _ := s.down(); down {
		t.Error("it is broken still")
	}
}

// A request that is lost before anything is broken is told, and more than the objective allows are a reason to break nothing.
func TestLostBefore(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		flaw    func(n int64) bool
		want    Verdict
		because string
		result  report.Result
		detail  string
	}{
		"one of all":       {func(n int64) bool { return n == 5 }, Aborted, "interrupted", report.OK, "1 of "},
		"one of every six": {func(n int64) bool { return n%6 == 0 }, Blocked, "the steady state is red", report.Failed, "the objective of 99.9 % allows 1: answered 503 (status)"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &stack{flaw: c.flaw}
			w := s.world(t)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if c.want == Aborted {
				onceBroken(s, cancel)
			}
			o, _ := perform(t, ctx, w, nil, Options{})
			seen := check(o, "clients are answered")
			if o.Verdict != c.want || !strings.Contains(o.Because, c.because) || seen.Result != c.result || !strings.Contains(seen.Detail, c.detail) {
				t.Errorf("%s: %s: %+v", o.Verdict, o.Because, seen)
			}
		})
	}
}

// Whatever happens, what was broken is mended, and the outcome says what happened.
func TestGivenUp(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		prepare func(ctx context.Context, cancel context.CancelFunc, s *stack, w *World)
		limits  Limits
		want    Verdict
		because string
		left    bool // something is broken in the end
	}{
		"interrupted": {func(_ context.Context, cancel context.CancelFunc, s *stack, _ *World) { onceBroken(s, cancel) }, Limits{}, Aborted, "interrupted", false},
		"the lock is another's": {func(_ context.Context, _ context.CancelFunc, s *stack, w *World) {
			lost := make(chan struct{})
			w.Lost = lost
			onceBroken(s, func() { close(lost) })
		}, Limits{}, LockLost, "lock", false},
		"the emergency lever": {func(_ context.Context, _ context.CancelFunc, s *stack, w *World) {
			w.Engaged = func(context.Context) (bool, string, error) {
				down, _ := s.down()
				return down, "an incident", nil
			}
		}, Limits{}, Aborted, "an incident", false},
		"the emergency lever, while an order is carried out": {func(_ context.Context, _ context.CancelFunc, s *stack, w *World) {
			s.slow = true
			asked := 0
			w.Engaged = func(context.Context) (bool, string, error) { asked++; return asked > 5, "an incident", nil }
		}, Limits{}, Aborted, "an incident", false},
		"interrupted while an order is carried out": {func(_ context.Context, cancel context.CancelFunc, s *stack, _ *World) {
			s.slow = true
			time.AfterFunc(5*time.Second, cancel)
		}, Limits{}, Aborted, "interrupted", false},
		"the lock could not be renewed while an order is carried out": {func(_ context.Context, _ context.CancelFunc, s *stack, w *World) {
			s.slow = true
			lost := make(chan struct{})
			w.Lost, w.LostWhy = lost, func() error { return errors.New("no store answers") }
			time.AfterFunc(5*time.Second, func() { close(lost) })
		}, Limits{}, LockLost, "no store answers", false},
		"too many requests lost": {func(context.Context, context.CancelFunc, *stack, *World) {}, Limits{LostRequests: 3}, Aborted, "limits.lostRequests", false},
		"too much of the budget": {func(context.Context, context.CancelFunc, *stack, *World) {}, Limits{BudgetBurn: 0.01}, Aborted, "limits.budgetBurn", false},
		"the lever does nothing": {func(_ context.Context, _ context.CancelFunc, s *stack, _ *World) { s.refuses = errors.New("denied") }, Limits{}, Aborted, "denied", false},
		"it cannot be mended":    {func(_ context.Context, _ context.CancelFunc, s *stack, _ *World) { s.stuck = true }, Limits{}, CleanupFailed, "still broken", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &stack{}
			w := s.world(t)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			c.prepare(ctx, cancel, s, &w)
			o, events := perform(t, ctx, w, nil, Options{Limits: c.limits})
			if o.Verdict != c.want || !strings.Contains(o.Because, c.because) {
				t.Errorf("%s: %s, want %s: …%s…", o.Verdict, o.Because, c.want, c.because)
			}
			if down, _ := s.down(); down != c.left {
				t.Errorf("broken in the end: %t, want %t", down, c.left)
			}
			if got := names(events); !strings.HasSuffix(got, "ended") || !strings.Contains(got, "mending") {
				t.Errorf("journal: %s", got)
			}
		})
	}
}

// onceBroken does something when the stack is broken.
func onceBroken(s *stack, do func()) {
	go func() {
		for {
			if down, _ := s.down(); down {
				do()
				return
			}
			time.Sleep(10 * time.Millisecond) // between two looks
		}
	}()
}

// A clock that is set while a drill runs is told, and changes no duration.
func TestClockSteps(t *testing.T) {
	t.Parallel()
	for _, step := range []time.Duration{time.Hour, -time.Hour} {
		t.Run(step.String(), func(t *testing.T) {
			t.Parallel()
			s := &stack{}
			w := s.world(t)
			w.Wall = func() time.Time {
				if down, _ := s.down(); down {
					return time.Now().Round(0).Add(step)
				}
				s.mu.Lock()
				defer s.mu.Unlock()
				if !s.since.IsZero() { // it stays so
					return time.Now().Round(0).Add(step)
				}
				return time.Now().Round(0)
			}
			o, _ := perform(t, t.Context(), w, nil, Options{})
			if o.Verdict != Pass || len(o.Runs) != 1 {
				t.Fatalf("%s: %s", o.Verdict, o.Because)
			}
			r := o.Runs[0]
			if r.Stepped < step.Seconds()-1 || r.Stepped > step.Seconds()+1 {
				t.Errorf("stepped by %.1f s, want %.0f s", r.Stepped, step.Seconds())
			}
			if value(r.Derived.RTO) <= 0 || value(r.Derived.RTO) > o.Expected.Bound || r.Length > 1000 {
				t.Errorf("%+v, %.0f s in all", r.Derived, r.Length)
			}
			if !slices.ContainsFunc(o.Report.Checks, func(c report.Check) bool { return c.Name == "the clock on the wall" && c.Result == report.Warning }) {
				t.Errorf("nothing is said of it: %+v", o.Report.Checks)
			}
		})
	}
}

func TestRepeat(t *testing.T) {
	t.Parallel()
	s := &stack{}
	o, _ := perform(t, t.Context(), s.world(t), nil, Options{Repeat: 2})
	if o.Verdict != Pass || len(o.Runs) != 2 || o.Spread.Runs != 2 || value(o.Spread.RTO.Max) < value(o.Spread.RTO.P50) || value(o.Spread.RTO.P50) <= 0 {
		t.Errorf("%s: %s: %+v", o.Verdict, o.Because, o.Spread)
	}
}

// What is red in the end fails the drill, also when clients were answered in time.
func TestRedAfterwards(t *testing.T) {
	t.Parallel()
	s := &stack{}
	w := s.world(t)
	well := w.Look
	w.Look = func(ctx context.Context) (Look, error) {
		look, err := well(ctx)
		s.mu.Lock()
		defer s.mu.Unlock()
		if !s.since.IsZero() {
			look.Checks = []report.Check{{Name: "alarm", Result: report.Failed, Detail: "it rings"}}
		}
		return look, err
	}
	o, events := perform(t, t.Context(), w, nil, Options{})
	if o.Verdict != Fail || !strings.Contains(o.Because, "alarm: it rings") {
		t.Fatalf("%s: %s", o.Verdict, o.Because)
	}
	e, err := New(w.Topology, "staging", Step{Fault: Fault{Kind: RegionDown, Target: one}})
	if err != nil {
		t.Fatal(err)
	}
	c := ChaosJournal(e, events, o)
	for when, want := range map[string]bool{"before": true, "after": false} {
		if m := c.SteadyStates[when]; m == nil || m.Met != want {
			t.Errorf("the steady state %s: %v, want met: %t", when, c.SteadyStates[when], want)
		}
	}
	if !c.Deviated {
		t.Error("Chaos Toolkit's journal says that it did not deviate")
	}
}

// A fault that ended before it was mended proves nothing.
func TestEndsEarly(t *testing.T) {
	t.Parallel()
	s := &stack{}
	w := s.world(t)
	w.Evidence = func(context.Context, Fault) (there, gone bool, text string) {
		s.mu.Lock()
		if time.Since(s.since) > 2*time.Second {
			s.broken = nil
		}
		s.mu.Unlock()
		down, _ := s.down()
		return down, !down, "looked"
	}
	o, _ := perform(t, t.Context(), w, func(e *Experiment) { e.Method[0].Pauses.After = 60 }, Options{})
	if o.Verdict != Inconclusive || !strings.Contains(o.Because, "before it was mended") {
		t.Errorf("%s: %s", o.Verdict, o.Because)
	}
}

// The emergency lever that cannot be read ends no drill, and is told.
func TestLeverUnread(t *testing.T) {
	t.Parallel()
	s := &stack{}
	w := s.world(t)
	w.Engaged = func(context.Context) (bool, string, error) {
		if down, _ := s.down(); down {
			return false, "", errors.New("no store answers")
		}
		return false, "", nil
	}
	o, _ := perform(t, t.Context(), w, nil, Options{})
	c := check(o, "emergency lever while it ran")
	if o.Verdict != Pass || c.Result != report.Warning || !strings.Contains(c.Detail, "no store answers") {
		t.Errorf("%s: %s: %+v", o.Verdict, o.Because, c)
	}
}
