package probe

import (
	"context"
	"hash/fnv"
	"sync"
	"time"

	"polygate.example/tools/internal/localcloud/clock"
)

// Rounds probes one target from several locations, from each of them every interval, whether or not the probe before has ended.
//
// The interval counts from start to start, so that a target that fails is noticed after n intervals and the time of one probe at
// the latest, n being the failures in a row that it takes. A probe that the floor lets last longer than the rules do, by the
// overrun o, would make that later. So the probe after one that has not ended in time starts o early: n probes that all run into
// the floor then end by the bound, for n >= 2, as long as o is no longer than what the interval has beyond the time of a probe;
// for n = 1 one overrun remains. With the default floor, a 10 s interval and a 5 s timeout, that is up to speed 10.
type Rounds struct {
	Clock     *clock.Clock
	Key       string        // targets with other keys are probed at other moments
	Interval  time.Duration // cloud time
	Longest   time.Duration // a probe by the rules, with all its tries, cloud time
	Least     time.Duration // what a probe is given whatever the rules say, cloud time: Sender.Least
	Locations int
	Send      func(ctx context.Context) Result                       // one probe, with its tries
	Count     func(location int, r Result, at time.Time /* cloud */) // takes a result in; calls come one at a time

	cancel  context.CancelFunc
	probing sync.WaitGroup

	mu      sync.Mutex
	counted []int // by location: serial of the last probe that was counted
}

// Start begins the probing, which ends with the context or with Stop. Start is called once.
func (r *Rounds) Start(ctx context.Context) {
	ctx, r.cancel = context.WithCancel(ctx)
	r.counted = make([]int, r.Locations)
	for i := range r.Locations {
		r.probing.Go(func() { r.from(ctx, i) })
	}
}

// Stop ends the probing and waits for it: no result is counted afterwards.
func (r *Rounds) Stop() {
	r.cancel()
	r.probing.Wait()
}

// from is the life of one location.
func (r *Rounds) from(ctx context.Context, location int) {
	early := min(max(r.Longest, r.Interval-max(0, r.Least-r.Longest)), r.Interval)
	next := r.Clock.Now().Add(Phase(r.Key, location, r.Locations, r.Interval))
	for serial := 1; r.until(ctx, next); serial++ {
		done := make(chan struct{})
		r.probing.Go(func() {
			defer close(done)
			if res := r.Send(ctx); ctx.Err() == nil { // a probe cut short says nothing
				r.count(location, serial, res)
			}
		})
		if !r.until(ctx, next.Add(early)) {
			return
		}
		select {
		case <-done:
			next = next.Add(r.Interval)
		default:
			next = next.Add(early)
		}
		if now := r.Clock.Now(); next.Before(now.Add(-r.Interval)) {
			next = now // the machine slept: nothing is made up for
		}
	}
}

// until waits for a moment of cloud time; it reports whether it came.
func (r *Rounds) until(ctx context.Context, at time.Time) bool {
	return r.Clock.Sleep(ctx, max(0, at.Sub(r.Clock.Now())))
}

// count takes a result in, unless a later probe of the location has told already.
func (r *Rounds) count(location, serial int, res Result) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if serial < r.counted[location] {
		return
	}
	r.counted[location] = serial
	r.Count(location, res, r.Clock.Now())
}

// Phase is how far into the interval a location first probes: the locations are spread over it, and the targets against each
// other, so that probes come evenly and the same way on every run.
func Phase(key string, location, of int, interval time.Duration) time.Duration {
	h := fnv.New32a()
	_, _ = h.Write([]byte(key)) // a hash never fails
	own := interval / time.Duration(of) * time.Duration(h.Sum32()%1000) / 1000
	return interval/time.Duration(of)*time.Duration(location) + own
}
