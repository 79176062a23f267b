package operate

import (
	"context"
	"fmt"
	"slices"
	"time"

	"polygate.example/tools/internal/control"
)

// Carry has a plan carried out: what is given back comes first, so that there is never less than in the end. Where it fails in the middle
// it can be ordered once more.
func Carry(ctx context.Context, m control.Manager, p Plan) error {
	if len(p.Undrain) > 0 {
		if err := m.Drain(ctx, p.Undrain, false); err != nil {
			return fmt.Errorf("give traffic back to %v: %w", p.Undrain, err)
		}
	}
	for _, region := range p.Held {
		ramp, ok := m.(control.Ramp)
		if !ok {
			return fmt.Errorf("%s has a part of its share, and its manager cannot give it more", region)
		}
		if err := ramp.Share(ctx, region, 100); err != nil {
			return fmt.Errorf("give %s its whole share back: %w", region, err)
		}
	}
	if len(p.Drain) > 0 {
		if err := m.Drain(ctx, p.Drain, true); err != nil {
			return fmt.Errorf("take %v out of traffic: %w", p.Drain, err)
		}
	}
	return nil
}

// Ask asks the shared name as one client, with nothing remembered, and returns the region that answers.
type Ask func(ctx context.Context) (region string, err error)

// Watching says how to look whether traffic has moved. Durations are wall time.
type Watching struct {
	Asks  []Ask         // clients, at all the places there are
	Every time.Duration // between two rounds
	Hold  time.Duration // for so long it has to stay as it is to be: the time an answer lives, so that nobody remembers another
	Limit time.Duration // after which it has failed
	Each  bool          // the clients are everywhere, so that each of those that serve afterwards has to be seen
	Seen  func(counts map[string]int)
}

// Outcome is what was seen. Times are from the order on, wall time.
type Outcome struct {
	First  time.Duration  // the first answer from those that serve afterwards
	Moved  time.Duration  // since then no client was answered by anybody else
	Rounds int            // of asking
	Failed int            // requests without an answer
	Counts map[string]int // answers of the last round, by region
	Unseen []string       // who should have answered and did not
	Done   bool           // it is as it is to be, and stayed so
}

// Watch asks until everybody is answered by those that are to serve, and goes on until whoever remembers another answer has forgotten it. The
// API's own word counts for nothing. An error is the context's.
func Watch(ctx context.Context, p Plan, w Watching) (Outcome, error) {
	begun := time.Now()
	o := Outcome{Counts: map[string]int{}}
	var since time.Time // of the first of the good rounds that go on
	seen := map[string]bool{}
	for {
		round := time.Now()
		good := o.round(ctx, p, w)
		if err := ctx.Err(); err != nil {
			return o, err
		}
		for region := range o.Counts {
			if o.First == 0 && slices.Contains(p.After, region) {
				o.First = time.Since(begun)
			}
		}
		switch {
		case !good:
			since = time.Time{}
			clear(seen)
		case since.IsZero():
			since = round
		}
		for region := range o.Counts {
			seen[region] = true
		}
		o.Unseen = slices.DeleteFunc(slices.Clone(p.After), func(region string) bool { return seen[region] })
		if !w.Each {
			o.Unseen = nil
		}
		if w.Seen != nil {
			w.Seen(o.Counts)
		}
		if good && time.Since(since) >= w.Hold && len(o.Unseen) == 0 {
			o.Done, o.Moved = true, since.Sub(begun)
			return o, nil
		}
		if time.Since(begun) > w.Limit+w.Hold {
			if !since.IsZero() {
				o.Moved = since.Sub(begun)
			}
			return o, nil
		}
		select {
		case <-ctx.Done():
			return o, ctx.Err()
		case <-time.After(w.Every):
		}
	}
}

// round asks with every client once, and reports whether all were answered, and by those that are to serve alone.
func (o *Outcome) round(ctx context.Context, p Plan, w Watching) bool {
	var failed int
	o.Counts, failed = askAll(ctx, w.Asks)
	o.Rounds++
	o.Failed += failed
	for region := range o.Counts {
		if !slices.Contains(p.After, region) {
			return false
		}
	}
	return failed == 0
}

// askAll asks with every client once, all at the same time, and counts the regions that answered, and who had no answer.
func askAll(ctx context.Context, asks []Ask) (counts map[string]int, failed int) {
	type answer struct {
		region string
		err    error
	}
	answers := make(chan answer, len(asks))
	for _, ask := range asks {
		go func() {
			region, err := ask(ctx)
			answers <- answer{region, err}
		}()
	}
	counts = map[string]int{}
	for range asks {
		if a := <-answers; a.err != nil {
			failed++
		} else {
			counts[a.region]++
		}
	}
	return counts, failed
}
