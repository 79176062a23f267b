package client

import (
	"errors"
	"testing"
	"time"

	mdns "github.com/miekg/dns"

	"polygate.example/tools/client/clienttest"
)

// moved is a name that leads elsewhere since it was looked up.
func moved(t *testing.T, o ResolverOptions) (*script, *Resolver) {
	t.Helper()
	s := newScript(t)
	s.say("a.test.", "a.test. 60 IN CNAME one.test.\none.test. 30000 IN A 127.0.1.1\ntwo.test. 3000 IN A 127.0.1.2")
	o.Server = s.addr
	r := resolver(t, o)
	sleep(r, 0)
	if a := look(t, r, "a.test"); a.Owner() != "one.test" || a.Stale {
		t.Fatalf("first answer %+v", a)
	}
	s.say("a.test.", "a.test. 60 IN CNAME two.test.\ntwo.test. 3000 IN A 127.0.1.2")
	s.set(nil)
	return s, r
}

func TestHold(t *testing.T) {
	tests := []struct {
		name  string
		hold  time.Duration
		after time.Duration
		owner string
		stale bool
	}{
		{"within the TTL", 5 * time.Minute, 59 * time.Second, "one.test", false},
		{"past the TTL", 5 * time.Minute, 60 * time.Second, "one.test", true},
		{"a moment before it lets go", 5 * time.Minute, 5*time.Minute - 1, "one.test", true},
		{"when it lets go", 5 * time.Minute, 5 * time.Minute, "two.test", false},
		{"a TTL that is longer counts", 30 * time.Second, 59 * time.Second, "one.test", false},
		{"one that does not hold on", 0, 60 * time.Second, "two.test", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, r := moved(t, ResolverOptions{Hold: tt.hold})
			sleep(r, tt.after)
			a := look(t, r, "a.test")
			if a.Owner() != tt.owner || a.Stale != tt.stale || a.TTL != time.Minute {
				t.Errorf("%+v, want %s, stale %t, with the TTL that was received", a, tt.owner, tt.stale)
			}
			if asked := s.set(nil); (len(asked) > 0) != (tt.owner == "two.test") {
				t.Errorf("asked %v", asked)
			}
		})
	}
}

// RFC 8767: what is past its TTL is used while no server answers, and no longer than the maximum stale timer.
func TestServeStale(t *testing.T) {
	s, r := moved(t, ResolverOptions{ServeStale: time.Hour, Timeout: 50 * time.Millisecond})
	say := func(silent bool, rcode int) { s.set(func() { s.silent, s.rcode = silent, rcode }) }
	stale := func(what string, questions int) {
		t.Helper()
		if a := look(t, r, "a.test"); a.Owner() != "one.test" || !a.Stale {
			t.Errorf("%s: %+v, want what is held", what, a)
		}
		if asked := s.set(nil); len(asked) != questions {
			t.Errorf("%s: asked %v, want %d", what, asked, questions)
		}
	}
	say(true, 0)
	sleep(r, time.Minute)
	stale("no answer", 2) // one repetition
	sleep(r, staleRecheck-1)
	stale("before the failure recheck timer has run out (5)", 0)
	say(false, mdns.RcodeServerFailure)
	sleep(r, 1)
	stale("server failure", 1)
	say(true, 0)
	sleep(r, time.Hour-staleRecheck-1)
	stale("the last moment", 2)
	sleep(r, 1)
	if a, err := r.Lookup(t.Context(), "a.test"); !errors.Is(err, ErrServer) {
		t.Errorf("after the maximum stale timer: %+v, %v", a, err)
	}
	say(false, 0)
	if a := look(t, r, "a.test"); a.Owner() != "two.test" || a.Stale {
		t.Errorf("the server is back: %+v", a)
	}
	say(false, mdns.RcodeNameError)
	s.say("a.test.", "test. 60 IN SOA ns. admin. 1 7200 900 1209600 60")
	sleep(r, time.Minute)
	if a, err := r.Lookup(t.Context(), "a.test"); !errors.Is(err, ErrNoName) {
		t.Errorf("%+v, %v: that a name is gone is an answer (4)", a, err)
	}
}

// The client response timer (RFC 8767, 5) is shorter than what two questions may take.
func TestServeStaleDoesNotMakeClientsWait(t *testing.T) {
	s, r := moved(t, ResolverOptions{ServeStale: time.Hour})
	s.set(func() { s.silent = true })
	sleep(r, time.Minute)
	began := time.Now()
	if a := look(t, r, "a.test"); !a.Stale {
		t.Errorf("%+v", a)
	}
	if took := time.Since(began); took < staleResponse || took > r.o.Timeout+staleResponse {
		t.Errorf("answered after %s, want %s", took, staleResponse)
	}
}

// A TTL is counted by the monotonic clock: whoever sets the wall clock makes no record older or younger.
func TestSetClock(t *testing.T) {
	for _, by := range []time.Duration{24 * time.Hour, -24 * time.Hour} {
		t.Run(by.String(), func(t *testing.T) {
			s := newScript(t)
			s.say("a.test.", "a.test. 30 IN A 127.0.1.1")
			r := resolver(t, ResolverOptions{Server: s.addr, Speed: speed})
			c := clienttest.Clock{Now: r.now}
			r.now = c.Time
			first := look(t, r, "a.test")
			s.say("a.test.", "a.test. 30 IN A 127.0.1.2")
			c.Set(by)
			for began := time.Now(); ; {
				before := r.now()
				a := look(t, r, "a.test")
				after := r.now()
				if a.Cached && before.Sub(first.Expires) >= 0 || !a.Cached && after.Before(first.Expires) {
					t.Fatalf("cached %t at %s, the record expires %s", a.Cached, before, first.Expires)
				}
				if !a.Cached {
					return
				}
				if time.Since(began) > 10*time.Second {
					t.Fatal("a record of 0.3 s is still there after 10 s")
				}
			}
		})
	}
}

func TestFamiliesAreKeptApart(t *testing.T) {
	s := newScript(t)
	s.say("a.test.", "a.test. 60 IN CNAME b.test.\nb.test. 60 IN A 127.0.1.1")
	s.say("b.test.", "test. 60 IN SOA ns. admin. 1 7200 900 1209600 60")
	r := resolver(t, ResolverOptions{Server: s.addr})
	sleep(r, 0)
	look(t, r, "a.test")
	for range 2 {
		if a, err := r.lookup(t.Context(), "a.test", mdns.TypeAAAA); !errors.Is(err, ErrNoAddress) {
			t.Errorf("AAAA: %+v, %v", a, err)
		}
	}
	if asked := s.set(nil); len(asked) != 2 { // for A, and for AAAA of b.test: the CNAME serves both
		t.Errorf("asked %v", asked)
	}
	s.say("b.test.", "b.test. 60 IN AAAA 2001:db8::1")
	sleep(r, time.Minute)
	s.say("a.test.", "a.test. 60 IN CNAME b.test.")
	if a, err := r.lookup(t.Context(), "a.test", mdns.TypeAAAA); err != nil || a.Addrs[0].String() != "2001:db8::1" {
		t.Errorf("AAAA: %+v, %v", a, err)
	}
}

func TestAsk(t *testing.T) {
	s := newScript(t)
	s.say("a.test.", "a.test. 30 IN CNAME elsewhere.example.")
	r := resolver(t, ResolverOptions{Server: s.addr})
	for range 2 {
		if a, err := r.Ask(t.Context(), "A.test"); err != nil || a.Owner() != "elsewhere.example" || len(a.Addrs) != 0 || a.TTL != 30*time.Second {
			t.Errorf("%+v, %v", a, err)
		}
	}
	if asked := s.set(nil); len(asked) != 2 {
		t.Errorf("asked %v: want no cache between", asked)
	}
	s.say("a.test.", "a.test. 30 IN CNAME b.test.\nb.test. 20 IN A 127.0.1.1\nc.test. 10 IN A 127.0.1.2")
	if a, err := r.Ask(t.Context(), "a.test"); err != nil || len(a.Addrs) != 1 || a.Addrs[0].String() != "127.0.1.1" || a.TTL != 20*time.Second {
		t.Errorf("%+v, %v: want what belongs to the chain", a, err)
	}
	for rcode, want := range map[int]error{mdns.RcodeNameError: ErrNoName, mdns.RcodeRefused: ErrServer} {
		s.set(func() { s.rcode = rcode })
		if a, err := r.Ask(t.Context(), "a.test"); !errors.Is(err, want) {
			t.Errorf("%s: %+v, %v", mdns.RcodeToString[rcode], a, err)
		}
	}
}
