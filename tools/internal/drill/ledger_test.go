package drill

import (
	"fmt"
	"testing"
	"time"

	"polygate.example/tools/internal/prober"
)

// Whoever was led away is back when an affected region has answered it again after mending, and nobody else is waited for.
func TestReturned(t *testing.T) {
	r := seriesOf(n(5, "x")+n(20, ".")+"...oo", n(5, "x")+n(20, ".")+"oooo.", n(30, ".")) // the longest is mended at 40 s
	r.mended, r.mending = s(36), s(35)
	never10 := func() []prober.Sample { // the third was never answered there
		var out []prober.Sample
		for _, x := range r.samples {
			if x.Client != 2 || x.At >= s(10) {
				out = append(out, x)
			}
		}
		return out
	}()
	for name, c := range map[string]struct {
		until time.Duration
		fault time.Duration
		want  time.Duration
		led   bool
	}{
		"before anybody is":      {s(36), s(10), never, true},
		"one is":                 {s(37), s(10), never, true},
		"both are":               {s(40), s(10), s(38) + 100*time.Millisecond, true},
		"nobody was led away":    {s(40), 0, 0, false},
		"long after they return": {s(45), s(10), s(38) + 100*time.Millisecond, true},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLedger()
			for _, x := range never10 { // one at a time, as they end
				if x.At < c.until {
					l.add(&r, []prober.Sample{x})
				}
			}
			if at, led := l.returned(c.fault); at != c.want || led != c.led {
				t.Errorf("%s, %t; want %s, %t", at, led, c.want, c.led)
			}
		})
	}
	r.samples = never10
	if want, _ := func() (time.Duration, bool) { l := newLedger(); l.add(&r, r.samples); return l.returned(s(10)) }(); r.back(s(10)) != want {
		t.Errorf("the report has them back at %s, the ledger at %s", r.back(s(10)), want)
	}
}

// What was lost before the order to break costs nothing; what was under way does.
func TestCostsSinceTheOrder(t *testing.T) {
	r := seriesOf(n(5, "x") + n(5, "."))
	l := newLedger()
	lose := func(at, took time.Duration) prober.Sample {
		return prober.Sample{At: at, Took: took, Err: prober.Timeout}
	}
	l.add(&r, []prober.Sample{lose(s(1), s(1))})
	if l.lost != 1 {
		t.Errorf("%d lost while it was watched, want 1", l.lost)
	}
	l.restart(s(10))
	l.add(&r, []prober.Sample{lose(s(2), s(3)), lose(s(8), s(3)), lose(s(12), 0), {At: s(12), Err: prober.Missed}})
	if l.lost != 2 || l.read != 5 || l.burn.bad != 2 {
		t.Errorf("%d lost of %d that were read, in %g s of the budget; want 2 of 5 in 2 s", l.lost, l.read, l.burn.bad)
	}
}

// A look at the costs takes no longer the more was there before: each is of a second at 3,000 requests a second.
func BenchmarkTick(b *testing.B) {
	const rate = 3000
	second := func(at int) []prober.Sample {
		out := make([]prober.Sample, rate)
		for i := range out {
			out[i] = prober.Sample{Client: i % 20, At: time.Duration(at)*time.Second + time.Duration(i)*time.Second/rate, Took: time.Millisecond, Region: two}
			if i%7 == 0 {
				out[i].Region, out[i].Err = "", prober.Connect
			}
		}
		return out
	}
	for _, seconds := range []int{1, 60, 3600} {
		b.Run(fmt.Sprintf("after=%ds", seconds), func(b *testing.B) {
			r := recording{speed: 1, affected: []string{one}, clients: make([]prober.Client, 20), target: 99.9}
			l := newLedger()
			for at := range seconds {
				l.add(&r, second(at))
			}
			next := second(seconds)
			b.ResetTimer()
			for b.Loop() {
				l.add(&r, next)
				l.burn.share(r.target)
				l.returned(0)
			}
		})
	}
}
