package client

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	mdns "github.com/miekg/dns"

	"polygate.example/tools/internal/localcloud/dns"
	"polygate.example/tools/internal/localcloud/dns/dnstest"
	"polygate.example/tools/internal/localcloud/plane"
)

// speed turns 30 s of TTL into 300 ms, so that expiry can be waited for where the clock itself is tested.
const speed = 100

// script is a DNS server that answers from a table the test changes, and notes what it is asked.
type script struct {
	addr string

	mu      sync.Mutex
	answers map[string]string // name -> records, one a line; "SOA" lines go to the authority section
	rcode   int
	cut     bool // truncate over UDP
	silent  bool
	asked   []string
	subnet  string // of the last query
}

// lastSubnet is the client subnet of the last query, "" for none.
func (s *script) lastSubnet() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.subnet
}

func newScript(t *testing.T) *script {
	t.Helper()
	s := &script{answers: map[string]string{}}
	s.addr = dnstest.Serve(t, s)
	return s
}

func (s *script) ServeDNS(w mdns.ResponseWriter, q *mdns.Msg) {
	s.mu.Lock()
	defer s.mu.Unlock()
	network := w.RemoteAddr().Network()
	s.asked = append(s.asked, network+" "+q.Question[0].Name)
	s.subnet = ""
	if opt := q.IsEdns0(); opt != nil {
		for _, o := range opt.Option {
			s.subnet = o.String()
		}
	}
	if s.silent {
		return
	}
	m := new(mdns.Msg)
	m.SetRcode(q, s.rcode)
	for line := range strings.Lines(s.answers[strings.ToLower(q.Question[0].Name)]) {
		rr, err := mdns.NewRR(line)
		if err != nil {
			panic(err) // the test's own table is wrong
		}
		if rr.Header().Rrtype == mdns.TypeSOA {
			m.Ns = append(m.Ns, rr)
			continue
		}
		m.Answer = append(m.Answer, rr)
	}
	if s.cut && network == "udp" {
		m.Truncated, m.Answer = true, nil
	}
	_ = w.WriteMsg(m)
}

// set changes what the server says; it returns what it was asked since the last time.
func (s *script) set(f func()) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f != nil {
		f()
	}
	asked := s.asked
	s.asked = nil
	return asked
}

// say sets the answer for a name.
func (s *script) say(name, records string) {
	s.set(func() { s.answers[name] = records })
}

func resolver(t *testing.T, o ResolverOptions) *Resolver {
	t.Helper()
	r, err := NewResolver(o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func look(t *testing.T, r *Resolver, name string) Answer {
	t.Helper()
	a, err := r.Lookup(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

const chain = `api.polygate.test. 30 IN CNAME use1.aws.api.polygate.test.
use1.aws.api.polygate.test. 3000 IN CNAME d-1.execute-api.example.
d-1.execute-api.example. 60 IN A 127.0.1.1
d-1.execute-api.example. 60 IN A 127.0.1.2`

func TestLookupFollowsAndCaches(t *testing.T) {
	s := newScript(t)
	s.say("api.polygate.test.", chain)
	r := resolver(t, ResolverOptions{Server: s.addr})
	sleep(r, 0)
	a := look(t, r, "API.polygate.test")
	if want := []string{"api.polygate.test", "use1.aws.api.polygate.test", "d-1.execute-api.example"}; !slices.Equal(a.Chain, want) {
		t.Errorf("chain %v", a.Chain)
	}
	if want := []netip.Addr{netip.MustParseAddr("127.0.1.1"), netip.MustParseAddr("127.0.1.2")}; !slices.Equal(a.Addrs, want) {
		t.Errorf("addresses %v", a.Addrs)
	}
	if a.TTL != 30*time.Second || a.Cached || a.Owner() != "d-1.execute-api.example" {
		t.Errorf("answer %+v", a)
	}
	if a := look(t, r, "api.polygate.test."); !a.Cached {
		t.Errorf("second answer %+v: want it from the cache", a)
	}
	// Record sets received on the way are known by themselves.
	if a := look(t, r, "use1.aws.api.polygate.test"); !a.Cached || a.TTL != 60*time.Second {
		t.Errorf("middle of the chain %+v", a)
	}
	if asked := s.set(nil); len(asked) != 1 {
		t.Errorf("server was asked %v", asked)
	}
}

// sleep passes time on the resolver's clock, without waiting. The clock stands still otherwise.
func sleep(r *Resolver, d time.Duration) {
	at := r.now().Add(d)
	r.now = func() time.Time { return at }
}

// A CNAME lives as long as its own TTL, the addresses behind it as long as theirs; wire TTLs count in cloud time.
func TestEachRecordSetHasItsOwnTTL(t *testing.T) {
	s := newScript(t)
	s.say("api.polygate.test.", chain)
	s.say("d-1.execute-api.example.", "d-1.execute-api.example. 3000 IN A 127.0.1.9")
	r := resolver(t, ResolverOptions{Server: s.addr})
	sleep(r, 0)
	look(t, r, "api.polygate.test")
	look(t, r, "use1.aws.api.polygate.test")
	s.set(nil)
	sleep(r, 61*time.Second) // both the first CNAME and the addresses are over, the CNAME between is not
	if a := look(t, r, "use1.aws.api.polygate.test"); a.Cached || a.Addrs[0].String() != "127.0.1.9" {
		t.Errorf("expired addresses: %+v", a)
	}
	if asked, want := s.set(nil), []string{"udp d-1.execute-api.example."}; !slices.Equal(asked, want) {
		t.Errorf("asked %v, want %v: only what expired", asked, want)
	}
	moved := strings.ReplaceAll(chain, "30 IN CNAME use1.aws", "30 IN CNAME usc1.gcp") + "\nusc1.gcp.api.polygate.test. 60 IN A 127.0.2.1"
	s.say("api.polygate.test.", moved)
	if a := look(t, r, "api.polygate.test"); a.Owner() != "usc1.gcp.api.polygate.test" || a.Addrs[0].String() != "127.0.2.1" {
		t.Errorf("after the move: %+v", a)
	}
}

// An answer is kept until its TTL is over and not a moment longer.
func TestExpiry(t *testing.T) {
	s := newScript(t)
	s.say("a.test.", "a.test. 50 IN A 127.0.1.1")
	r := resolver(t, ResolverOptions{Server: s.addr, Speed: speed})
	first := look(t, r, "a.test")
	s.say("a.test.", "a.test. 50 IN A 127.0.1.2")
	for {
		before := r.now()
		a := look(t, r, "a.test")
		if a.Cached {
			if !before.Before(first.Expires) {
				t.Fatalf("cached at %s, expired %s", before, first.Expires)
			}
			continue
		}
		if after := r.now(); after.Before(first.Expires) {
			t.Errorf("asked again at %s, expires %s", after, first.Expires)
		}
		if a.Addrs[0].String() != "127.0.1.2" {
			t.Errorf("answer %+v", a)
		}
		return
	}
}

func TestZeroTTL(t *testing.T) {
	s := newScript(t)
	s.say("a.test.", "a.test. 0 IN A 127.0.1.1")
	r := resolver(t, ResolverOptions{Server: s.addr})
	look(t, r, "a.test")
	if a := look(t, r, "a.test"); a.Cached {
		t.Error("TTL 0 was cached")
	}
}

func TestNegative(t *testing.T) {
	const soa = "polygate.test. 20 IN SOA ns. admin. 1 7200 900 1209600 86400"
	tests := []struct {
		name   string
		rcode  int
		answer string
		want   error
		cached bool
	}{
		{"no such name", mdns.RcodeNameError, soa, ErrNoName, true},
		{"no address", mdns.RcodeSuccess, soa, ErrNoAddress, true},
		{"CNAME to nowhere", mdns.RcodeNameError, "a.polygate.test. 30 IN CNAME b.polygate.test.\n" + soa, ErrNoName, true},
		{"refused", mdns.RcodeRefused, "", ErrServer, false},
		{"server failure", mdns.RcodeServerFailure, "", ErrServer, false},
		{"an answer about nothing", mdns.RcodeSuccess, "", ErrServer, false},
		{"an answer about something else", mdns.RcodeSuccess, "x.test. 60 IN A 127.0.0.1", ErrServer, false},
		{"loop", mdns.RcodeSuccess, "a.polygate.test. 30 IN CNAME a.polygate.test.", ErrServer, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newScript(t)
			s.say("a.polygate.test.", tt.answer)
			s.set(func() { s.rcode = tt.rcode })
			r := resolver(t, ResolverOptions{Server: s.addr})
			sleep(r, 0)
			for i := range 2 {
				if a, err := r.Lookup(t.Context(), "a.polygate.test"); !errors.Is(err, tt.want) {
					t.Fatalf("%+v, %v: want %v", a, err, tt.want)
				}
				if asked := s.set(nil); (len(asked) == 0) != (tt.cached && i == 1) {
					t.Errorf("time %d: asked %v", i+1, asked)
				}
			}
			if !tt.cached || errors.Is(tt.want, ErrServer) {
				return
			}
			sleep(r, 31*time.Second) // the SOA allows 20, the CNAME 30
			s.set(func() {
				s.rcode, s.answers["a.polygate.test."] = mdns.RcodeSuccess, "a.polygate.test. 60 IN A 127.0.1.1"
			})
			if a := look(t, r, "a.polygate.test"); a.Addrs[0].String() != "127.0.1.1" {
				t.Errorf("after the negative TTL: %+v", a)
			}
		})
	}
}

func TestTruncatedIsAskedOverTCP(t *testing.T) {
	s := newScript(t)
	s.say("a.test.", "a.test. 60 IN A 127.0.1.1")
	s.set(func() { s.cut = true })
	if a := look(t, resolver(t, ResolverOptions{Server: s.addr}), "a.test"); len(a.Addrs) != 1 {
		t.Errorf("answer %+v", a)
	}
	if asked, want := s.set(nil), []string{"udp a.test.", "tcp a.test."}; !slices.Equal(asked, want) {
		t.Errorf("asked %v, want %v", asked, want)
	}
}

func TestSilentServer(t *testing.T) {
	s := newScript(t)
	s.say("a.test.", "a.test. 10 IN A 127.0.1.1")
	r := resolver(t, ResolverOptions{Server: s.addr})
	sleep(r, 0)
	look(t, r, "a.test")
	s.set(func() { s.silent = true })
	if a := look(t, r, "a.test"); !a.Cached {
		t.Errorf("within the TTL: %+v", a)
	}
	sleep(r, 11*time.Second)
	r.o.Timeout = 50 * time.Millisecond // enough to know that nothing comes
	if a, err := r.Lookup(t.Context(), "a.test"); !errors.Is(err, ErrServer) {
		t.Errorf("%+v, %v: want ErrServer", a, err)
	}
	if asked := s.set(nil); len(asked) != 2 {
		t.Errorf("asked %v: want one repetition", asked)
	}
}

func TestResolverWantsAServer(t *testing.T) {
	if _, err := NewResolver(ResolverOptions{}); err == nil {
		t.Error("no error")
	}
}

// Against the local clouds' own server: a failover reaches the client when the TTL is over.
func TestFailoverAgainstLocalDNS(t *testing.T) {
	var mu sync.Mutex
	down := false
	server, err := dns.New(dns.Options{Listen: netip.MustParseAddrPort("127.0.0.1:0"), Health: func(string) bool {
		mu.Lock()
		defer mu.Unlock()
		return !down
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = server.Close() }()
	var records []plane.Record
	for i, slot := range []string{"PRIMARY", "SECONDARY"} {
		own := fmt.Sprintf("r%d.polygate.test", i)
		records = append(records,
			plane.Record{Name: own, Type: "A", TTL: 60, Values: []string{fmt.Sprintf("127.0.1.%d", i)}},
			plane.Record{Name: "api.polygate.test", Type: "CNAME", TTL: 30, Values: []string{own}, SetIdentifier: slot, Failover: slot,
				HealthCheck: []string{"hc", ""}[i]})
	}
	if err := server.Apply([]plane.Zone{{ID: "Z", Name: "polygate.test", Records: records}}); err != nil {
		t.Fatal(err)
	}
	r := resolver(t, ResolverOptions{Server: server.Addr().String(), Speed: speed})
	first := look(t, r, "api.polygate.test")
	mu.Lock()
	down = true
	mu.Unlock()
	for {
		a := look(t, r, "api.polygate.test")
		if a.Owner() == "r1.polygate.test" {
			break
		}
		if now := r.now(); now.After(first.Expires.Add(time.Minute)) {
			t.Fatalf("still at %s at %s, expired %s", a.Owner(), now, first.Expires)
		}
	}
	if now := r.now(); now.Before(first.Expires) {
		t.Errorf("moved at %s, before the TTL was over at %s", now, first.Expires)
	}
}
