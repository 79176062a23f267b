package prober

import (
	"net/http"
	"slices"
	"sync/atomic"
	"testing"
	"time"
)

// A server that stalls slows nobody down: requests go out when they are due as far as there is room, and each that does
// not is accounted for.
func TestOpenLoop(t *testing.T) {
	const rate, room = 500, 50
	w := newWorld(t)
	var stalled atomic.Bool
	var under, most atomic.Int64
	gate := make(chan struct{})
	w.site(t, "192.0.2.1", func(rw http.ResponseWriter, r *http.Request) {
		if !stalled.Load() {
			return
		}
		n := under.Add(1)
		defer under.Add(-1)
		for was := most.Load(); n > was && !most.CompareAndSwap(was, n); was = most.Load() {
		}
		select {
		case <-gate:
		case <-r.Context().Done():
		}
	})
	o := w.options(rate, Client{Name: "a", Reuse: true}, Client{Name: "b", Reuse: true})
	o.InFlight, o.Timeout = room, time.Minute
	late := machine(t)
	p := begin(t, o)
	await(t, p, "that has a connection already", func(s Sample) bool { return s.Reused && s.Client == 1 })
	stalled.Store(true)
	first := await(t, p, "without a place", func(s Sample) bool { return s.Err == Missed })
	await(t, p, "without a place half a second later", func(s Sample) bool { return s.Err == Missed && s.At > first.At+500*time.Millisecond })
	stalled.Store(false)
	close(gate)
	released := time.Since(p.Begun())
	last := await(t, p, "that is right again", func(s Sample) bool { return s.At > released && s.Err == None })
	n := int(last.At * rate / time.Second)
	all := settled(t, p, last.At, n)
	p.Stop()
	if most.Load() > room {
		t.Errorf("%d requests at once, want at most %d", most.Load(), room)
	}
	waited := 0
	for i, s := range all {
		if want := time.Duration(float64(i) / rate * float64(time.Second)); s.At != want {
			t.Fatalf("request %d was due at %s, want %s: each that was due is there, once", i, s.At, want)
		}
		if s.Err == None && s.Took > 400*time.Millisecond {
			waited++
		}
	}
	if waited < room/2 {
		t.Errorf("%d requests waited for the server, want about %d: those that were sent while it stalled", waited, room)
	}
	st := p.Stats()
	if st.Missed == 0 || st.Lateness.P99 > 100*time.Millisecond+late() {
		t.Errorf("%+v: want some missed, and those that went out in time; the machine itself was late by %s", st, late())
	}
}

// Whoever tries again has room for that: while nothing is answered no request goes unsent for want of it.
func TestRoomForRetries(t *testing.T) {
	w := newWorld(t)
	w.site(t, "192.0.2.1", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	o := w.options(40, Client{Name: "a"}, Client{Name: "b"}, Client{Name: "c"}, Client{Name: "tries again", Retries: 2})
	o.Timeout = 600 * time.Millisecond
	p := begin(t, o)
	await(t, p, "of 4 s", func(s Sample) bool { return s.At > 4*time.Second })
	p.Stop()
	late := false // then several seconds' requests come at once, which there need not be room for
	for _, s := range p.Samples(0, time.Hour) {
		late = late || s.Late > 100*time.Millisecond
		if s.Err == Missed && !late {
			t.Fatalf("request %s of client %d was not sent: %s", s.At, s.Client, s.Detail)
		}
	}
}

func TestStopAbandonsWhatIsUnderWay(t *testing.T) {
	w := newWorld(t)
	begun := make(chan struct{}, 100)
	w.site(t, "192.0.2.1", func(_ http.ResponseWriter, r *http.Request) {
		begun <- struct{}{}
		<-r.Context().Done()
	})
	o := w.options(50, Client{Name: "a"})
	o.Timeout = time.Minute
	p := begin(t, o)
	<-begun
	stopping := time.Now()
	p.Stop()
	p.Stop()
	if took := time.Since(stopping); took > 10*time.Second {
		t.Errorf("it took %s to stop", took)
	}
	if st := p.Stats(); st.Abandoned == 0 || st.Sent != 0 {
		t.Errorf("%+v: want what was under way to be no failure", st)
	}
}

func TestSpread(t *testing.T) {
	w := newWorld(t)
	o := w.options(100, make([]Client, 4)...)
	o.Spread = 800 * time.Millisecond
	p := begin(t, o)
	type turn struct {
		client int
		at     time.Duration
	}
	var want, got []turn
	for k := range 100 {
		if t := (turn{k % 4, time.Duration(k) * 10 * time.Millisecond}); t.at >= time.Duration(t.client)*200*time.Millisecond {
			want = append(want, t)
		}
	}
	for _, s := range settled(t, p, time.Second, len(want)) {
		got = append(got, turn{s.Client, s.At})
	}
	if !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// A prober that was held up sends what can be sent in time, and says what could not.
func TestLate(t *testing.T) {
	w := newWorld(t)
	var skip atomic.Int64
	o := w.options(100, Client{Name: "a", Reuse: true})
	p, err := start(t.Context(), o, func() time.Time { return time.Now().Add(time.Duration(skip.Load())) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Stop)
	await(t, p, "in time", func(s Sample) bool { return s.Err == None })
	skip.Store(int64(3 * time.Second))
	after := await(t, p, "after that", func(s Sample) bool { return s.At > 3*time.Second && s.Err == None })
	p.Stop()
	missed := 0
	for _, s := range p.Samples(0, after.At) {
		if s.Err == Missed {
			missed++
			if s.Late <= tooLate || s.Detail != "the prober was late" || s.Attempts != 0 {
				t.Errorf("missed: %+v", s)
			}
		}
	}
	if missed < 150 || missed > 250 { // three seconds were lost, one of which can be caught up with
		t.Errorf("%d missed, want about 200", missed)
	}
	if st := p.Stats(); st.Missed != missed || st.Lateness.Max < 2*time.Second {
		t.Errorf("%+v: want %d missed, and the lateness to show", st, missed)
	}
}
