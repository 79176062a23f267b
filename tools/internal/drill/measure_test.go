package drill

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"polygate.example/tools/internal/control"
	"polygate.example/tools/internal/prober"
)

// tale tells what was seen of a run, second by second of wall time at speed 1: two clients of region one, which fails at second 10; the manager
// sees it at 13 and decides at 16, DNS changes at 17, one client moves at 18, the other at 20; it is mended at 40 and clients are back at 45.
type tale struct {
	broken, detected, decided, published, mended, back int
	moves                                              []int // by client; 0: never
	lossless                                           bool  // what fails goes on answering
}

func usual() tale {
	return tale{broken: 10, detected: 13, decided: 16, published: 17, mended: 40, back: 45, moves: []int{18, 20}}
}

const one, two = "aws/one", "gcp/two"

func s(n int) time.Duration { return time.Duration(n) * time.Second }

func (t tale) recording() recording {
	r := recording{
		begun: time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC), speed: 1, affected: []string{one}, servers: []string{"ns"},
		ordered: s(t.broken), broken: s(t.broken), mending: s(t.mended), mended: s(t.mended), end: s(60), target: 99.9, ttl: s(10),
		lead: func(targets []string) []string { return targets },
	}
	for range t.moves {
		r.clients = append(r.clients, prober.Client{})
	}
	for at := range 60 {
		for c, moves := range t.moves {
			sample := prober.Sample{Client: c, At: s(at), Took: 100 * time.Millisecond, Region: one, Attempts: 1, Status: 200}
			switch {
			case moves > 0 && at >= moves && at < t.back:
				sample.Region = two
			case at >= t.broken && at < t.mended && !t.lossless:
				sample.Region, sample.Err, sample.Status = "", prober.Connect, 0
			}
			r.samples = append(r.samples, sample)
		}
		passing, healthy := 8, true
		if at >= t.detected && at < t.mended {
			passing = 5
		}
		if at >= t.decided && at < t.mended {
			passing, healthy = 0, false
		}
		r.votes = append(r.votes, looked{s(at), map[string]control.Region{one: {Healthy: healthy, Passing: passing, Of: 8}, two: {Healthy: true, Passing: 8, Of: 8}}})
	}
	r.answers = []prober.Answer{{At: 0, Server: "ns", Targets: []string{one}}}
	if t.published > 0 {
		r.answers = append(r.answers, prober.Answer{At: s(t.published), Server: "ns", Targets: []string{two}}, prober.Answer{At: s(t.mended + 2), Server: "ns", Targets: []string{one}})
	}
	return r
}

// value is a figure for comparison; -1 for none.
func value(v *float64) float64 {
	if v == nil {
		return -1
	}
	return *v
}

func TestDerived(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*tale)
		want   []float64 // detect, decide, publish, propagate, recover, rto, moved, fail back
	}{
		"as it should be": {func(*tale) {}, []float64{3, 3, 1, 3.1, 0, 10.1, 9, 5.1}},
		"nothing is lost, and clients are led away": {func(x *tale) { x.lossless = true },
			[]float64{3, 3, 1, 3.1, 0, 0, 9, 5.1}},
		"one client never has an answer again": {func(x *tale) { x.moves[1] = 0 }, []float64{3, 3, 1, -1, -1, -1, -1, 5.1}},
		"the manager never notices":            {func(x *tale) { x.detected, x.decided, x.published, x.moves = 99, 99, 0, []int{0, 0} }, []float64{-1, -1, -1, -1, -1, -1, -1, 0.1}},
		"a client moves before the manager has decided, as by weight": {func(x *tale) { x.moves = []int{12, 13} },
			[]float64{3, 0.1, 0, 0, 0, 3.1, 2, 5.1}},
	} {
		t.Run(name, func(t *testing.T) {
			x := usual()
			c.change(&x)
			d := x.recording().run().Derived
			got := []float64{value(d.Detect), value(d.Decide), value(d.Publish), value(d.Propagate), value(d.Recover), value(d.RTO), value(d.Moved), value(d.FailBack)}
			if fmt.Sprintf("%.3f", got) != fmt.Sprintf("%.3f", c.want) {
				t.Errorf("got  %.3f\nwant %.3f", got, c.want)
			}
		})
	}
}

// The five phases add up to the recovery time whenever all of them were seen.
func TestPhasesAddUp(t *testing.T) {
	for _, moves := range [][]int{{18, 20}, {12, 13}, {30, 39}, {11, 38}} {
		x := usual()
		x.moves = moves
		d := x.recording().run().Derived
		sum := value(d.Detect) + value(d.Decide) + value(d.Publish) + value(d.Propagate) + value(d.Recover)
		if diff := sum - value(d.RTO); diff > 0.001 || diff < -0.001 {
			t.Errorf("moves %v: phases add up to %.3f, recovery took %.3f", moves, sum, value(d.RTO))
		}
	}
}

func TestMoments(t *testing.T) {
	m := usual().recording().run().Moments
	clock := func(at *time.Time) string {
		if at == nil {
			return "-"
		}
		return at.Format("05.0")
	}
	got := []string{clock(m.Fault), clock(m.FirstError), clock(m.Detected), clock(m.Decided), clock(m.DNSChanged), clock(m.FirstShifted), clock(m.Shifted95), clock(m.Recovered), clock(m.FailedBack)}
	want := []string{"10.0", "10.1", "13.0", "16.0", "17.0", "18.1", "20.1", "20.1", "45.1"}
	if !slices.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

func TestCounts(t *testing.T) {
	r := usual().recording()
	r.samples = append(r.samples, prober.Sample{Client: 0, At: s(12), Took: time.Second, Region: two, Attempts: 3, Status: 200}, prober.Sample{Client: 1, At: s(14), Err: prober.Missed})
	run := r.run()
	if got, want := run.Requests, (Requests{Sent: 101, Failed: 20, Lost: 18, Judged: 18, Retried: 1}); got != want {
		t.Errorf("requests %+v, want %+v", got, want)
	}
	// 18 of 20 requests in ten seconds: 10, 11, ... 17 both lost; 18 and 19 one of two; 12 has one more, which was answered.
	if want := (7 + 2.0/3 + 0.5 + 0.5) / (30 * 24 * 3600 * 0.001) * 100; run.Budget < want*0.999 || run.Budget > want*1.001 {
		t.Errorf("budget %.4f %%, want %.4f %%", run.Budget, want)
	}
	if l := run.Latency; l.Before.N != 20 || l.Before.P50 != 100 || l.During.Max != 1000 || l.After.N != 40 {
		t.Errorf("latency %+v", l)
	}
	if len(run.Timeline) != 60 || run.Timeline[5].By[one] != 2 || run.Timeline[15].Lost != 2 || run.Timeline[30].By[two] != 2 {
		t.Errorf("timeline %+v", run.Timeline)
	}
}

// A client that holds on to an answer is shown, and the bound is not for it.
func TestHoldings(t *testing.T) {
	x := usual()
	x.moves = []int{18, 0}
	r := x.recording()
	r.clients[1] = prober.Client{Resolver: prober.Hold, Hold: 5 * time.Minute}
	for i := range r.samples {
		if p := &r.samples[i]; p.Client == 1 && p.At > s(20) {
			p.Stale = true
		}
	}
	run := r.run()
	if value(run.Derived.RTO) != 8.1 {
		t.Errorf("recovery after %.1f s, want 8.1 s: the one that goes by the TTL", value(run.Derived.RTO))
	}
	if len(run.Resolvers) != 2 {
		t.Fatalf("%+v", run.Resolvers)
	}
	if h := run.Resolvers[1]; h.Judged || h.RTO != nil || h.Stale != 19 || h.Lost != 30 || value(h.Last) < 29 {
		t.Errorf("%+v, last %v: want it never recovered", h, value(h.Last))
	}
}

// A cloud takes its time over an order: the fault counts from the first failure after the order had gone out.
func TestFaultBeforeTheOrderWasCarriedOut(t *testing.T) {
	r := usual().recording()
	r.ordered, r.broken = s(7), s(14)
	if got := r.fault(); got != s(10) {
		t.Errorf("from %s, want 10 s", got)
	}
}
