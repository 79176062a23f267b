package dns

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	mdns "github.com/miekg/dns"

	"polygate.example/tools/internal/localcloud/plane"
)

const (
	soaLine = "polygate.test. 900 IN SOA ns-1.awsdns-01.test. awsdns-hostmaster.amazon.com. 1 7200 900 1209600 86400"
	nsFirst = "polygate.test. 172800 IN NS ns-1.awsdns-01.test."
)

// The facts of DNS and of Route 53 that any resolver sees, asked over both transports.
func TestAnswers(t *testing.T) {
	s := serve(t, nil,
		rec("www.polygate.test", "A", 60, "127.0.1.1", "127.0.1.2"),
		rec("www.polygate.test", "TXT", 300, "plain text"),
		rec("alias.polygate.test", "CNAME", 20, "www.polygate.test"),
		rec("out.polygate.test", "CNAME", 20, "d-1.execute-api.us-east-1.example.com"),
		rec("gone.polygate.test", "CNAME", 20, "nowhere.polygate.test"),
		rec("loop.polygate.test", "CNAME", 20, "loop2.polygate.test"),
		rec("loop2.polygate.test", "CNAME", 20, "loop.polygate.test"),
		rec("deep.er.polygate.test", "A", 60, "127.0.1.3"),
		rec("*.wild.polygate.test", "A", 60, "127.0.1.4"),
		rec("known.wild.polygate.test", "TXT", 60, "here"),
		rec(`\052.star.polygate.test`, "CNAME", 60, "www.polygate.test"),
		rec("polygate.test", "CAA", 3600, `0 issue "letsencrypt.org"`, `0 issue "amazonaws.com"`),
		rec("child.polygate.test", "NS", 3600, "ns.child.example.com"),
		plane.Record{Name: "same.polygate.test", Type: "A", Alias: &plane.Alias{Name: "www.polygate.test", ZoneID: "Z1"}},
		plane.Record{Name: "broken.polygate.test", Type: "A", Alias: &plane.Alias{Name: "none.polygate.test", ZoneID: "Z1"}},
		plane.Record{Name: "self.polygate.test", Type: "A", Alias: &plane.Alias{Name: "self2.polygate.test", ZoneID: "Z1"}},
		plane.Record{Name: "self2.polygate.test", Type: "A", Alias: &plane.Alias{Name: "self.polygate.test"}},
	)
	tests := []struct {
		name   string
		ask    string
		qtype  uint16
		rcode  int
		answer []string
		ns     string // first line of the authority section
		noAA   bool
	}{
		{name: "several values", ask: "www.polygate.test", qtype: mdns.TypeA, ns: nsFirst,
			answer: []string{"www.polygate.test. 60 IN A 127.0.1.1", "www.polygate.test. 60 IN A 127.0.1.2"}},
		{name: "case of the question is kept", ask: "wWw.PolyGate.TEST", qtype: mdns.TypeTXT, ns: nsFirst,
			answer: []string{`wWw.PolyGate.TEST. 300 IN TXT "plain text"`}},
		{name: "CNAME is followed", ask: "Alias.polygate.test", qtype: mdns.TypeA, ns: nsFirst,
			answer: []string{"Alias.polygate.test. 20 IN CNAME www.polygate.test.",
				"www.polygate.test. 60 IN A 127.0.1.1", "www.polygate.test. 60 IN A 127.0.1.2"}},
		{name: "CNAME itself", ask: "alias.polygate.test", qtype: mdns.TypeCNAME, ns: nsFirst,
			answer: []string{"alias.polygate.test. 20 IN CNAME www.polygate.test."}},
		{name: "CNAME to a type that is not there", ask: "alias.polygate.test", qtype: mdns.TypeAAAA, ns: soaLine,
			answer: []string{"alias.polygate.test. 20 IN CNAME www.polygate.test."}},
		{name: "CNAME out of all zones", ask: "out.polygate.test", qtype: mdns.TypeA,
			answer: []string{"out.polygate.test. 20 IN CNAME d-1.execute-api.us-east-1.example.com."}},
		{name: "CNAME to nowhere: NXDOMAIN of the last name (RFC 6604)", ask: "gone.polygate.test", qtype: mdns.TypeA,
			rcode: mdns.RcodeNameError, ns: soaLine, answer: []string{"gone.polygate.test. 20 IN CNAME nowhere.polygate.test."}},
		{name: "CNAME loop", ask: "loop.polygate.test", qtype: mdns.TypeA, rcode: mdns.RcodeServerFailure},
		{name: "alias answers under its own name with the target's TTL", ask: "same.polygate.test", qtype: mdns.TypeA, ns: nsFirst,
			answer: []string{"same.polygate.test. 60 IN A 127.0.1.1", "same.polygate.test. 60 IN A 127.0.1.2"}},
		{name: "alias to nothing", ask: "broken.polygate.test", qtype: mdns.TypeA, rcode: mdns.RcodeServerFailure},
		{name: "alias loop", ask: "self.polygate.test", qtype: mdns.TypeA, rcode: mdns.RcodeServerFailure},
		{name: "no such name", ask: "none.polygate.test", qtype: mdns.TypeA, rcode: mdns.RcodeNameError, ns: soaLine},
		{name: "no such type", ask: "www.polygate.test", qtype: mdns.TypeAAAA, ns: soaLine},
		{name: "empty name between zone and record exists (RFC 4592)", ask: "er.polygate.test", qtype: mdns.TypeA, ns: soaLine},
		{name: "below an existing name", ask: "a.www.polygate.test", qtype: mdns.TypeA, rcode: mdns.RcodeNameError, ns: soaLine},
		{name: "wildcard", ask: "Any.wild.polygate.test", qtype: mdns.TypeA, ns: nsFirst,
			answer: []string{"Any.wild.polygate.test. 60 IN A 127.0.1.4"}},
		{name: "wildcard over two labels", ask: "a.b.wild.polygate.test", qtype: mdns.TypeA, ns: nsFirst,
			answer: []string{"a.b.wild.polygate.test. 60 IN A 127.0.1.4"}},
		{name: "wildcard without the type", ask: "any.wild.polygate.test", qtype: mdns.TypeTXT, ns: soaLine},
		{name: "a name that exists hides the wildcard", ask: "known.wild.polygate.test", qtype: mdns.TypeA, ns: soaLine},
		{name: "below a name that exists there is no wildcard", ask: "a.known.wild.polygate.test", qtype: mdns.TypeA,
			rcode: mdns.RcodeNameError, ns: soaLine},
		{name: "wildcard written as Route 53 does, to a CNAME", ask: "x.star.polygate.test", qtype: mdns.TypeCNAME, ns: nsFirst,
			answer: []string{"x.star.polygate.test. 60 IN CNAME www.polygate.test."}},
		{name: "CAA", ask: "polygate.test", qtype: mdns.TypeCAA, ns: nsFirst,
			answer: []string{`polygate.test. 3600 IN CAA 0 issue "letsencrypt.org"`, `polygate.test. 3600 IN CAA 0 issue "amazonaws.com"`}},
		{name: "SOA of its own accord", ask: "polygate.test", qtype: mdns.TypeSOA, ns: nsFirst, answer: []string{soaLine}},
		{name: "delegation", ask: "www.child.polygate.test", qtype: mdns.TypeA, noAA: true,
			ns: "child.polygate.test. 3600 IN NS ns.child.example.com."},
		{name: "ANY is minimal (RFC 8482)", ask: "www.polygate.test", qtype: mdns.TypeANY,
			answer: []string{`www.polygate.test. 900 IN HINFO "RFC8482" ""`}},
		{name: "ANY of nothing", ask: "none.polygate.test", qtype: mdns.TypeANY, rcode: mdns.RcodeNameError, ns: soaLine},
		{name: "outside the zones", ask: "www.other.test", qtype: mdns.TypeA, rcode: mdns.RcodeRefused, noAA: true},
		{name: "a name that only ends alike", ask: "notpolygate.test", qtype: mdns.TypeA, rcode: mdns.RcodeRefused, noAA: true},
		{name: "zone transfer", ask: "polygate.test", qtype: mdns.TypeAXFR, rcode: mdns.RcodeRefused, noAA: true},
	}
	for _, tt := range tests {
		for _, network := range []string{"udp", "tcp"} {
			t.Run(tt.name+"/"+network, func(t *testing.T) {
				m := ask(t, s, network, tt.ask, tt.qtype)
				if m.Rcode != tt.rcode {
					t.Errorf("rcode %s, want %s", mdns.RcodeToString[m.Rcode], mdns.RcodeToString[tt.rcode])
				}
				if got := lines(m.Answer); !slices.Equal(got, tt.answer) {
					t.Errorf("answer\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(tt.answer, "\n"))
				}
				ns := ""
				if len(m.Ns) > 0 {
					ns = lines(m.Ns)[0]
				}
				if ns != tt.ns {
					t.Errorf("authority %q, want %q", ns, tt.ns)
				}
				if m.Authoritative == tt.noAA {
					t.Errorf("AA %t", m.Authoritative)
				}
				if m.RecursionAvailable || !m.RecursionDesired {
					t.Errorf("RA %t, RD %t: want no recursion, and the client's own flag back", m.RecursionAvailable, m.RecursionDesired)
				}
				if m.Question[0].Name != mdns.Fqdn(tt.ask) {
					t.Errorf("question came back as %q", m.Question[0].Name)
				}
			})
		}
	}
}

func TestUnusualQueries(t *testing.T) {
	s := serve(t, nil, rec("www.polygate.test", "A", 60, "127.0.1.1"))
	tests := []struct {
		name  string
		edit  func(*mdns.Msg)
		rcode int
	}{
		{"class CHAOS", func(m *mdns.Msg) { m.Question[0].Qclass = mdns.ClassCHAOS }, mdns.RcodeRefused},
		{"opcode NOTIFY", func(m *mdns.Msg) { m.Opcode = mdns.OpcodeNotify }, mdns.RcodeNotImplemented},
		{"opcode UPDATE", func(m *mdns.Msg) { m.Opcode = mdns.OpcodeUpdate }, mdns.RcodeNotImplemented},
		{"two questions", func(m *mdns.Msg) { m.Question = append(m.Question, m.Question[0]) }, mdns.RcodeFormatError},
		{"EDNS version 1 (RFC 6891, 6.1.3)", func(m *mdns.Msg) {
			m.SetEdns0(1232, false)
			m.IsEdns0().SetVersion(1)
		}, mdns.RcodeBadVers},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := ask(t, s, "udp", "www.polygate.test", mdns.TypeA, tt.edit)
			if m.Rcode != tt.rcode {
				t.Errorf("rcode %s, want %s", mdns.RcodeToString[m.Rcode], mdns.RcodeToString[tt.rcode])
			}
			if len(m.Answer) > 0 {
				t.Errorf("answer %v", lines(m.Answer))
			}
		})
	}
}

// Route 53 Developer Guide, "DNS constraints and behaviors": 512 bytes over UDP, up to 4096 with EDNS0, the rest over TCP.
func TestSizes(t *testing.T) {
	values := func(n int) []string {
		var v []string
		for i := range n {
			v = append(v, fmt.Sprintf(`"%d %s"`, i, strings.Repeat("x", 95)))
		}
		return v
	}
	s := serve(t, nil,
		rec("three.polygate.test", "TXT", 60, values(3)...),
		rec("ten.polygate.test", "TXT", 60, values(10)...),
		rec("fifty.polygate.test", "TXT", 60, values(50)...),
	)
	edns := func(size uint16) func(*mdns.Msg) {
		return func(m *mdns.Msg) { m.SetEdns0(size, true) }
	}
	tests := []struct {
		name, network, ask string
		edit               []func(*mdns.Msg)
		records            int
		truncated          bool
		limit              int
	}{
		{"fits once the name servers are left out", "udp", "three", nil, 3, false, 512},
		{"cut at 512", "udp", "ten", nil, 4, true, 512},
		{"EDNS0 below 512 counts as 512", "udp", "ten", []func(*mdns.Msg){edns(100)}, 4, true, 512},
		{"EDNS0 1232", "udp", "ten", []func(*mdns.Msg){edns(1232)}, 10, false, 1232},
		{"EDNS0 above 4096 counts as 4096", "udp", "fifty", []func(*mdns.Msg){edns(65535)}, 36, true, 4096},
		{"TCP", "tcp", "fifty", nil, 50, false, 65535},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := ask(t, s, tt.network, tt.ask+".polygate.test", mdns.TypeTXT, tt.edit...)
			if len(m.Answer) != tt.records || m.Truncated != tt.truncated {
				t.Errorf("%d records, truncated %t: want %d, %t", len(m.Answer), m.Truncated, tt.records, tt.truncated)
			}
			m.Compress = true
			if m.Len() > tt.limit {
				t.Errorf("%d bytes, limit %d", m.Len(), tt.limit)
			}
			opt := m.IsEdns0()
			if (opt != nil) != (tt.edit != nil) {
				t.Fatalf("OPT in the answer: %t", opt != nil)
			}
			if opt != nil && (!opt.Do() || opt.UDPSize() != maxUDP) {
				t.Errorf("OPT %v: want DO copied and our own size", opt)
			}
		})
	}
}

// The closest zone answers, and a chain crosses from one zone to another in one answer.
func TestSeveralZones(t *testing.T) {
	s := serve(t, nil)
	err := s.Apply([]plane.Zone{
		{ID: "Z1", Name: "polygate.test", Records: []plane.Record{
			rec("api.polygate.test", "CNAME", 30, "d-1.execute-api.example"),
			rec("www.sub.polygate.test", "A", 60, "127.0.0.9"), // hidden by the zone below
			{Name: "front.polygate.test", Type: "A", Alias: &plane.Alias{Name: "d-1.execute-api.example", ZoneID: "Z2"}},
		}},
		{ID: "Z2", Name: "execute-api.example", Records: []plane.Record{rec("d-1.execute-api.example", "A", 60, "127.0.1.1")}},
		{ID: "Z3", Name: "sub.polygate.test", Records: []plane.Record{rec("www.sub.polygate.test", "A", 60, "127.0.0.8")}},
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string][]string{
		"api.polygate.test":     {"api.polygate.test. 30 IN CNAME d-1.execute-api.example.", "d-1.execute-api.example. 60 IN A 127.0.1.1"},
		"www.sub.polygate.test": {"www.sub.polygate.test. 60 IN A 127.0.0.8"},
		"front.polygate.test":   {"front.polygate.test. 60 IN A 127.0.1.1"},
	} {
		if got := lines(s.Lookup(name, mdns.TypeA).Answer); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
}
