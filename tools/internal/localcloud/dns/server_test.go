package dns

import (
	"errors"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"time"

	mdns "github.com/miekg/dns"

	"polygate.example/tools/internal/localcloud/plane"
)

const zoneName = "polygate.test"

// serve starts a server on a free loopback port with these records in one zone.
func serve(t *testing.T, health func(string) bool, records ...plane.Record) *Server {
	t.Helper()
	s, err := New(Options{Listen: netip.MustParseAddrPort("127.0.0.1:0"), Health: health})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := s.Apply([]plane.Zone{{ID: "Z1", Name: zoneName, Records: records}}); err != nil {
		t.Fatal(err)
	}
	return s
}

func rec(name, rtype string, ttl int, values ...string) plane.Record {
	return plane.Record{Name: name, Type: rtype, TTL: ttl, Values: values}
}

// ask sends a question over the wire.
func ask(t *testing.T, s *Server, network, name string, qtype uint16, edit ...func(*mdns.Msg)) *mdns.Msg {
	t.Helper()
	q := new(mdns.Msg)
	q.SetQuestion(mdns.Fqdn(name), qtype)
	for _, e := range edit {
		e(q)
	}
	c := mdns.Client{Net: network, Timeout: 5 * time.Second, UDPSize: mdns.MaxMsgSize}
	m, _, err := c.ExchangeContext(t.Context(), q, s.Addr().String())
	if err != nil {
		t.Fatalf("%s %s %s: %v", network, name, mdns.TypeToString[qtype], err)
	}
	return m
}

// lines writes a section in one form to compare.
func lines(rrs []mdns.RR) []string {
	out := []string{}
	for _, rr := range rrs {
		out = append(out, strings.ReplaceAll(rr.String(), "\t", " "))
	}
	return out
}

func TestNewRefusesAddressesOffLoopback(t *testing.T) {
	for _, addr := range []string{"0.0.0.0:0", "192.0.2.1:53", "[::]:0"} {
		if s, err := New(Options{Listen: netip.MustParseAddrPort(addr)}); err == nil {
			t.Errorf("New on %s: no error", addr)
			_ = s.Close()
		}
	}
}

func TestNewReportsATakenPort(t *testing.T) {
	s := serve(t, nil)
	if other, err := New(Options{Listen: s.Addr()}); err == nil {
		t.Error("a second server on the same port: no error")
		_ = other.Close()
	}
}

func TestUDPTakenByAnotherIsReported(t *testing.T) {
	var last error
	for range 5 { // the port may go to somebody's outgoing connection the moment it is closed
		udp, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = udp.Close() }()
		at := udp.LocalAddr().(*net.UDPAddr).AddrPort()
		s, err := New(Options{Listen: at})
		if err == nil {
			_ = s.Close()
			t.Fatal("no error")
		}
		tcp, err := net.Listen("tcp", at.String()) // what New opened before it failed is closed again
		if err == nil {
			_ = tcp.Close()
			return
		}
		last = err
	}
	t.Fatalf("tcp port left open: %v", last)
}

func TestCloseLeavesNothing(t *testing.T) {
	s, err := New(Options{Listen: netip.MustParseAddrPort("127.0.0.1:0")})
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", s.Addr().String()) // an idle client must not hold the server up
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if m := ask(t, s, "udp", "x.test", mdns.TypeA); m.Rcode != mdns.RcodeRefused {
		t.Errorf("before Apply: %s, want REFUSED", mdns.RcodeToString[m.Rcode])
	}
	for range 2 { // the second time is harmless
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	tcp, err := net.Listen("tcp", s.Addr().String())
	if err != nil {
		t.Fatalf("tcp port still taken: %v", err)
	}
	_ = tcp.Close()
	udp, err := net.ListenPacket("udp", s.Addr().String())
	if err != nil {
		t.Fatalf("udp port still taken: %v", err)
	}
	_ = udp.Close()
	noGoroutines(t, "localcloud/dns.(*Server).serve")
}

// noGoroutines fails if a goroutine is still inside a function; one that is just returning gets a moment to do so.
func noGoroutines(t *testing.T, function string) {
	t.Helper()
	buf := make([]byte, 1<<20)
	deadline := time.Now().Add(5 * time.Second)
	for {
		stacks := string(buf[:runtime.Stack(buf, true)])
		if !strings.Contains(stacks, function) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("goroutine left in %s:\n%s", function, stacks)
		}
		runtime.Gosched()
	}
}

func TestResolve(t *testing.T) {
	s := serve(t, nil,
		rec("api.polygate.test", "CNAME", 30, "use1.aws.api.polygate.test"),
		rec("use1.aws.api.polygate.test", "CNAME", 60, "Elsewhere.Polygate.test."),
		rec("elsewhere.polygate.test", "A", 90, "127.0.1.1", "127.0.1.2"),
		rec("zero.polygate.test", "CNAME", 0, "elsewhere.polygate.test"),
		rec("six.polygate.test", "AAAA", 60, "::1"),
	)
	r, err := s.Resolve(t.Context(), "API.polygate.test.")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := strings.Join(r.Chain, " "), "api.polygate.test use1.aws.api.polygate.test elsewhere.polygate.test"; got != want {
		t.Errorf("chain %q, want %q", got, want)
	}
	if len(r.Addrs) != 2 || r.Addrs[0] != netip.MustParseAddr("127.0.1.1") {
		t.Errorf("addresses %v", r.Addrs)
	}
	if r.TTL != 30*time.Second {
		t.Errorf("TTL %s, want 30s, the shortest", r.TTL)
	}
	if r, err := s.Resolve(t.Context(), "zero.polygate.test"); err != nil || r.TTL != 0 {
		t.Errorf("TTL %s, err %v: want 0", r.TTL, err)
	}
	for _, name := range []string{"none.polygate.test", "six.polygate.test", "other.test"} {
		if _, err := s.Resolve(t.Context(), name); !errors.Is(err, ErrNoAddress) {
			t.Errorf("%s: %v, want ErrNoAddress", name, err)
		}
	}
}
