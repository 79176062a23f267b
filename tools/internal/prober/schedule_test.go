package prober

import (
	"net/http"
	"slices"
	"sync/atomic"
	"testing"
	"time"
)

// A server that stalls slows nobody down: requests go out when they are due as far as there is room, and each that does
// not is accounted for. Time goes on only when the test says so.
func TestOpenLoop(t *testing.T) {
	const rate, room, stalled, after = 500, 50, 200, 20
	w := newWorld(t)
	var under, most atomic.Int64
	gate := make(chan struct{})
	w.site(t, "192.0.2.1", func(rw http.ResponseWriter, r *http.Request) {
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
	o.InFlight, o.Timeout = room, 10*time.Minute
	h := newHand()
	p, err := start(t.Context(), o, h.clock())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Stop)
	due := func(k int) time.Duration { return time.Duration(float64(k) / rate * float64(time.Second)) }
	for k := 1; k < stalled; k++ {
		if at := h.next(t); at != due(k) {
			t.Fatalf("the schedule sleeps until %s, want %s: when the next request is due, whatever has become of those before", at, due(k))
		}
	}
	h.asleep(t)
	until(t, "every request that has a place is at the server", func() bool { return under.Load() == room })
	for k, s := range settled(t, p, time.Hour, stalled-room) {
		if want := due(room + k); s.At != want || s.Err != Missed || s.Late != 0 || s.Detail != "too many requests of this client were still waiting" {
			t.Fatalf("%+v: want the one of %s missed, in time and for want of a place", s, want)
		}
	}
	close(gate)
	settled(t, p, time.Hour, stalled)
	until(t, "their places are free", func() bool { return p.seats[0].free.Load()+p.seats[1].free.Load() == room })
	for range after {
		h.next(t)
	}
	h.asleep(t)
	all := settled(t, p, time.Hour, stalled+after)
	p.Stop()
	for i, s := range all {
		missed := i >= room && i < stalled
		if s.At != due(i) || (s.Err == Missed) != missed || !missed && s.Err != None {
			t.Fatalf("request %d: %+v: want each that was due, once, and missed (%t) where there was no place", i, s, missed)
		}
		if i < room && s.At+s.Took < due(stalled-1) {
			t.Errorf("%+v: its server stalled until %s, and a user would have felt it", s, due(stalled-1))
		}
	}
	if most.Load() != room {
		t.Errorf("%d requests at once, want %d", most.Load(), room)
	}
	if st := p.Stats(); st.Sent != room+after || st.Missed != stalled-room || st.Failed != 0 {
		t.Errorf("%+v: want %d sent, %d missed", st, room+after, stalled-room)
	}
}

// Whoever tries again has room for that: while nothing is answered no request goes unsent for want of it, until the
// first one has been given up by all its attempts. Time goes on only when the test says so, and nothing is given up.
func TestRoomForRetries(t *testing.T) {
	const rate, timeout = 0.04, 10 * time.Minute
	w := newWorld(t)
	w.site(t, "192.0.2.1", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	o := w.options(rate, Client{Name: "a"}, Client{Name: "b"}, Client{Name: "c"}, Client{Name: "tries again", Retries: 2})
	o.Timeout = timeout
	h := newHand()
	p, err := start(t.Context(), o, h.clock())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Stop)
	for at := time.Duration(0); at < 3*timeout; {
		at = h.next(t)
	}
	h.asleep(t)
	missed := make([]int, len(o.Clients))
	for _, s := range p.Samples(0, 24*time.Hour) {
		if s.Err != Missed {
			t.Fatalf("%+v: want nothing to end but what was not sent", s)
		}
		missed[s.Client]++
		if given := time.Duration(1+o.Clients[s.Client].Retries) * timeout; s.At < given {
			t.Errorf("request %s of client %d was not sent, and the first one would be given up at %s", s.At, s.Client, given)
		}
	}
	if missed[0] == 0 {
		t.Error("a client that tries once missed nothing in three times its timeout: there is no bound to what it may have under way")
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
	p, err := start(t.Context(), o, system(func() time.Time { return time.Now().Add(time.Duration(skip.Load())) }))
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
