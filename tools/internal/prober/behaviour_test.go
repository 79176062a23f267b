package prober

import (
	"net/http"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"polygate.example/tools/client/clienttest"
)

// The name moves from one site to the other, and each client follows in its own way: at the TTL, when its resolver lets
// go, or never, as long as its connection holds.
func TestClientsFollowDNS(t *testing.T) {
	const speed, ttl = 100, 60 * time.Second / 100
	w := newWorld(t)
	const exact, holding, keeping = 0, 1, 2
	o := w.options(300, Client{Name: "exact"}, Client{Name: "holding", Resolver: Hold}, Client{Name: "keeping", Reuse: true})
	o.Speed, o.InFlight = speed, 3 // one at a time for each: on a slow machine a second request at once would open a second connection
	p := begin(t, o)
	await(t, p, "of the last client", func(s Sample) bool { return s.Client == keeping && s.Reused })
	w.say("", "example.com. 60 IN A 192.0.2.2")
	changed := time.Since(p.Begun())
	await(t, p, "at the new site", func(s Sample) bool { return s.Client == exact && s.Region == "two" })
	await(t, p, "that is stale", func(s Sample) bool { return s.Client == holding && s.Stale })
	let := await(t, p, "of the resolver that has let go", func(s Sample) bool { return s.Client == holding && s.Region == "two" })
	if let.At+let.Took < 5*time.Minute/speed {
		t.Errorf("the holding resolver let go after %s, want %s", let.At, 5*time.Minute/speed)
	}
	p.Stop()
	for _, s := range p.Samples(0, time.Hour) {
		switch {
		case s.Err == Missed:
		case s.Err != None:
			t.Errorf("failed: %+v", s)
		case s.Client == exact && s.Stale:
			t.Errorf("stale: %+v", s)
		case s.Client == exact && s.Region == "one" && s.At > changed+ttl:
			t.Errorf("at the old site %s after the change, the TTL being %s: %+v", s.At-changed, ttl, s)
		case s.Client == holding && s.Region == "two" && s.Stale && s.At < let.At:
			t.Errorf("stale and new: %+v", s)
		case s.Client == keeping && s.Region != "one":
			t.Errorf("left its connection: %+v", s)
		}
	}
}

// Clients that are led to a host that does not answer take nothing from the others.
func TestBlackhole(t *testing.T) {
	for name, dead := range map[string]func(testing.TB) string{"accepts and says nothing": clienttest.Mute, "accepts nothing": clienttest.Full} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.lead("192.0.2.9", dead(t))
			w.say("198.51.100.0/24/0", "example.com. 60 IN A 192.0.2.9")
			o := w.options(100, Client{Name: "lost", Subnet: netip.MustParsePrefix("198.51.100.0/24")}, Client{Name: "well", Reuse: true})
			o.Timeout, o.InFlight = 2*time.Second, 80
			late := machine(t)
			p := begin(t, o)
			await(t, p, "of the lost client that found no place", func(s Sample) bool { return s.Client == 0 && s.Err == Missed })
			await(t, p, "after a timeout", func(s Sample) bool { return s.Client == 1 && s.At > 3*time.Second })
			p.Stop()
			timeouts := 0
			for _, s := range p.Samples(0, time.Hour) {
				switch {
				case s.Client == 1 && s.Err == Missed && late() > 300*time.Millisecond: // its share is 0.8 s of requests
				case s.Client == 1 && (s.Err != None || s.Took > time.Second+late()):
					t.Errorf("of the other client: %+v; the machine itself was late by %s", s, late())
				case s.Client == 0 && s.Err == Timeout:
					timeouts++
					if s.Took < 2*time.Second || s.Address.String() != "127.0.0.1" {
						t.Errorf("timeout: %+v", s)
					}
				case s.Client == 0 && s.Err != Missed:
					t.Errorf("of the lost client: %+v", s)
				}
			}
			if timeouts < 30 {
				t.Errorf("%d timeouts, want about the 40 that had a place", timeouts)
			}
		})
	}
}

// Connections that hang, and those that would be opened after them, do not keep a client from following DNS.
func TestLeavesABlackhole(t *testing.T) {
	for name, dead := range map[string]func(testing.TB) string{"accepts and says nothing": clienttest.Mute, "accepts nothing": clienttest.Full} {
		t.Run(name, func(t *testing.T) {
			const speed, ttl = 100, 60 * time.Second / 100
			w := newWorld(t)
			w.lead("192.0.2.9", dead(t))
			w.say("", "example.com. 60 IN A 192.0.2.9")
			o := w.options(100, Client{Name: "a", Reuse: true})
			o.Speed, o.Timeout = speed, time.Minute
			p := begin(t, o)
			time.Sleep(300 * time.Millisecond) // some requests hang
			w.say("", "example.com. 60 IN A 192.0.2.1")
			changed := time.Since(p.Begun())
			s := await(t, p, "that is right", func(s Sample) bool { return s.Err == None })
			if back := s.At + s.Took - changed; back > ttl+time.Second {
				t.Errorf("right again after %s, the TTL being %s: %+v", back, ttl, s)
			}
		})
	}
}

// IPv6 leads nowhere: a client with Happy Eyeballs has an answer 250 ms later.
func TestHappyEyeballs(t *testing.T) {
	w := newWorld(t)
	w.lead("2001:db8::1", clienttest.Full(t))
	w.say("", "example.com. 60 IN A 192.0.2.1\nexample.com. 60 IN AAAA 2001:db8::1")
	p := begin(t, w.options(20, Client{Name: "both", IPv6: true}))
	s := await(t, p, "that has ended", func(Sample) bool { return true })
	if s.Err != None || s.Region != "one" || s.Took < 250*time.Millisecond || s.Took > 2*time.Second {
		t.Errorf("%+v: want an answer of one after 250 ms", s)
	}
}

func TestRetries(t *testing.T) {
	w := newWorld(t)
	var n atomic.Int64
	w.site(t, "192.0.2.1", func(rw http.ResponseWriter, r *http.Request) {
		if n.Add(1) == 1 {
			rw.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	for retries, want := range map[int]Sample{
		0: {Err: Status, Status: 503, Attempts: 1, Detail: "answered 503"},
		2: {Err: None, Status: 200, Attempts: 2},
	} {
		n.Store(0)
		p := begin(t, w.options(10, Client{Name: "a", Retries: retries}))
		s := await(t, p, "that was due first", func(s Sample) bool { return s.At == 0 })
		p.Stop()
		if s.Err != want.Err || s.Status != want.Status || s.Attempts != want.Attempts || s.Detail != want.Detail {
			t.Errorf("%d retries: %+v, want %+v", retries, s, want)
		}
	}
}

// Whoever sets the wall clock changes no time that is measured.
func TestSetClock(t *testing.T) {
	w := newWorld(t)
	var c clienttest.Clock
	o := w.options(100, Client{Name: "a", Reuse: true})
	p, err := start(t.Context(), o, system(c.Time))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Stop)
	began := time.Now()
	for i, by := range []time.Duration{time.Hour, -2 * time.Hour} {
		await(t, p, "between two settings", func(s Sample) bool { return s.At >= time.Duration(i+1)*300*time.Millisecond })
		c.Set(by)
	}
	last := await(t, p, "after them", func(s Sample) bool { return s.At >= 900*time.Millisecond })
	samples := settled(t, p, last.At, int(last.At/(10*time.Millisecond)))
	p.Stop()
	passed := time.Since(began)
	for i, s := range samples {
		if s.At != time.Duration(i)*10*time.Millisecond || s.At > passed || s.At+s.Took > passed || s.Err != Missed && (s.Took <= 0 || s.Err != None) {
			t.Errorf("sample %d: %+v", i, s)
		}
	}
	if st := p.Stats(); st.Lateness.Max > 10*time.Minute { // a machine may be busy, but not for an hour
		t.Errorf("%+v", st)
	}
}
