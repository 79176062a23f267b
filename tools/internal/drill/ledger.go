package drill

import (
	"time"

	"polygate.example/tools/internal/prober"
)

// budgetPeriod is what an error budget is counted over.
const budgetPeriod = 30 * 24 * time.Hour

// burn is how much of an error budget is burned: the time that requests were lost in, each second of cloud time counting by the share of its
// requests that was. A request is added in constant time, whatever was added before.
type burn struct {
	seconds []struct{ sent, lost int }
	bad     float64 // seconds
}

// add counts a request in the second of the timeline that it was due in.
func (b *burn) add(second float64, lost bool) {
	at := max(0, int(second))
	for len(b.seconds) <= at {
		b.seconds = append(b.seconds, struct{ sent, lost int }{})
	}
	s := &b.seconds[at]
	if s.sent > 0 {
		b.bad -= float64(s.lost) / float64(s.sent)
	}
	s.sent++
	if lost {
		s.lost++
	}
	b.bad += float64(s.lost) / float64(s.sent)
}

// share is what it comes to in percent of the budget that an availability, in percent, leaves.
func (b *burn) share(availability float64) float64 {
	return max(0, b.bad) / (budgetPeriod.Seconds() * (1 - availability/100)) * 100
}

// ledger counts what judged clients were answered, each request once and when it has ended, so that a look at what a drill costs, and at whether
// clients are back, takes as long after an hour as after a second.
type ledger struct {
	read   int                   // of the prober's samples, how many are in it
	since  time.Duration         // what had ended before costs nothing
	lost   int                   // since then
	burn   burn                  // since then
	served map[int]time.Duration // by client: the end of the first answer that an affected region gave it
	back   map[int]time.Duration // and of the first one that it asked for after mending
}

func newLedger() ledger {
	return ledger{served: map[int]time.Duration{}, back: map[int]time.Duration{}}
}

// restart has losses count from a moment on.
func (l *ledger) restart(from time.Duration) { l.since, l.lost, l.burn = from, 0, burn{} }

// add counts requests that have ended, in any order.
func (l *ledger) add(r *recording, samples []prober.Sample) {
	l.read += len(samples)
	for _, s := range samples {
		end := s.At + s.Took
		if !r.counts(s) {
			continue
		}
		if end >= l.since {
			l.burn.add(r.cloud(s.At), failed(s))
		}
		switch {
		case failed(s) && end >= l.since:
			l.lost++
		case answered(s) && r.isAffected(s.Region):
			earliest(l.served, s.Client, end)
			if r.mended > 0 && s.At >= r.mended {
				earliest(l.back, s.Client, end)
			}
		}
	}
}

func earliest(of map[int]time.Duration, client int, at time.Duration) {
	if was, ok := of[client]; !ok || at < was {
		of[client] = at
	}
}

// returned is when the last client that an affected region had answered before the fault was answered by one again, after mending; never while
// one was not. led says whether there are any.
func (l *ledger) returned(fault time.Duration) (at time.Duration, led bool) {
	for client, served := range l.served {
		if served >= fault {
			continue
		}
		led = true
		back, ok := l.back[client]
		if !ok {
			return never, true
		}
		at = max(at, back)
	}
	return at, led
}
