package prober

import (
	"context"
	"time"
)

const (
	maxClients = 10_000
	maxRate    = 100_000 // requests a second; beyond it the schedule itself would be late
	// tooLate is how long after it was due a request is sent at most. One that could not be is missed: sent later, in a
	// burst with all others, it would measure the burst.
	tooLate = time.Second
)

// clock is what the schedule goes by. One goroutine waits by it.
type clock struct {
	now  func() time.Time
	wait func(ctx context.Context, d time.Duration) // until so much of it has passed, or ctx has ended
}

// system is the machine's own, whose time of day may be another.
func system(now func() time.Time) clock {
	t := time.NewTimer(0) // one for all waits: there are thousands a second
	return clock{now: now, wait: func(ctx context.Context, d time.Duration) {
		t.Reset(d)
		defer t.Stop()
		select {
		case <-t.C:
		case <-ctx.Done():
		}
	}}
}

// passed is the time since the beginning.
func (p *Prober) passed() time.Duration { return p.clock.now().Sub(p.begun) }

// schedule hands out requests when they are due. It waits for nothing but the time: a request that finds no free place
// is noted as missed.
func (p *Prober) schedule(ctx context.Context) {
	for k := 0; ; k++ {
		due := time.Duration(float64(k) / p.o.Rate * float64(time.Second))
		passed := p.passed()
		if passed < due {
			p.clock.wait(ctx, due-passed)
			passed = p.passed()
		}
		if ctx.Err() != nil {
			return
		}
		s := p.seats[k%len(p.seats)]
		if due < s.joins {
			continue
		}
		if passed-due > tooLate || s.free.Add(-1) < 0 {
			p.miss(s, due, passed)
			continue
		}
		select {
		case p.jobs <- job{s, due}:
		default: // nobody is idle
			p.running.Go(func() { p.work(ctx, job{s, due}) })
		}
	}
}

// miss notes a request that was not sent.
func (p *Prober) miss(s *seat, due, passed time.Duration) {
	late, detail := passed-due, "too many requests of this client were still waiting"
	if late > tooLate {
		detail = "the prober was late"
	} else {
		s.free.Add(1)
	}
	p.store.add(Sample{Client: s.index, At: due, Late: late, Err: Missed, Detail: detail})
}

// work sends requests, the first and then whatever comes: a goroutine that has grown its stack once is used again.
func (p *Prober) work(ctx context.Context, j job) {
	for {
		p.send(ctx, j)
		select {
		case j = <-p.jobs:
		case <-ctx.Done():
			return
		}
	}
}

// send makes one request and keeps how it ended.
func (p *Prober) send(ctx context.Context, j job) {
	defer j.seat.free.Add(1)
	late := p.passed() - j.due
	res, err := j.seat.client.Do(j.seat.ask)
	if ctx.Err() != nil {
		p.abandoned.Add(1)
		return
	}
	s := Sample{
		Client: j.seat.index, At: j.due, Took: p.passed() - j.due, Late: late, Status: res.Status, Attempts: res.Attempts,
		Reused: res.Reused, Stale: res.Answer.Stale && !res.Reused, Address: res.Address.Addr(),
	}
	s.Region, s.Err, s.Detail = classify(res, err, p.o.Right)
	p.store.add(s)
}
