package dns

import (
	"log/slog"
	"net/netip"
	"testing"

	mdns "github.com/miekg/dns"

	"polygate.example/tools/internal/localcloud/plane"
)

// FuzzQuery feeds raw datagrams to what the server does with them. Whatever it is that unpacks as a query gets an
// answer that packs, fits the size the client allows, and is about the question that was asked.
func FuzzQuery(f *testing.F) {
	for _, name := range []string{"api.polygate.test.", "*.wild.polygate.test.", "r1.polygate.test.", ".", "self.polygate.test.",
		`a\.b.polygate.test.`, `\000.polygate.test.`, "polygate.test.", "x.wild.polygate.test."} {
		for _, qtype := range []uint16{mdns.TypeA, mdns.TypeCNAME, mdns.TypeANY, mdns.TypeSOA, mdns.TypeAXFR, 65535} {
			q := new(mdns.Msg)
			q.SetQuestion(name, qtype)
			q.SetEdns0(600, true)
			b, err := q.Pack()
			if err != nil {
				f.Fatal(err)
			}
			f.Add(b)
		}
	}
	f.Add([]byte{0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}) // no question

	records := append(nested(3),
		rec("*.wild.polygate.test", "TXT", 60, "w"),
		rec("child.polygate.test", "NS", 60, "ns.example."),
		plane.Record{Name: "self.polygate.test", Type: "A", Alias: &plane.Alias{Name: "self.polygate.test", EvaluateTargetHealth: true}},
	)
	set, err := newZoneSet([]plane.Zone{{ID: "Z1", Name: zoneName, Records: records}})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		q := new(mdns.Msg)
		if err := q.Unpack(data); err != nil {
			return // the library drops these before us
		}
		s := &Server{health: func(id string) bool { return id != "hc1" }, down: func(string) bool { return false }, log: slog.New(slog.DiscardHandler)}
		s.zones.Store(set)
		m, ok := s.answer(q, netip.Addr{})
		if !ok {
			t.Fatalf("no answer to %v", q)
		}
		size := udpSize(q)
		fit(m, size)
		b, err := m.Pack()
		if err != nil {
			t.Fatalf("answer to %v does not pack: %v", q, err)
		}
		if len(b) > size {
			t.Errorf("answer of %d bytes, client takes %d", len(b), size)
		}
		if !m.Response || m.Id != q.Id {
			t.Errorf("answer %v is not one to %v", m, q)
		}
		if len(q.Question) == 1 && (len(m.Question) != 1 || m.Question[0] != q.Question[0]) {
			t.Errorf("answer is about %v, asked was %v", m.Question, q.Question)
		}
		for _, rr := range m.Answer {
			if rr.Header().Ttl > nsTTL {
				t.Errorf("TTL from nowhere: %v", rr)
			}
		}
	})
}

// FuzzTXT: a TXT value is refused, or it packs.
func FuzzTXT(f *testing.F) {
	for _, v := range []string{"bare", `"a" "b"`, `"\101\""`, `"`, `""`, "\x00\xff", `a""b`, `"\`, `"\9`} {
		f.Add(v)
	}
	f.Fuzz(func(t *testing.T, value string) {
		if len(value) > 10000 {
			return // far above what a record holds
		}
		txt, err := parseTXT(value)
		if err != nil {
			return
		}
		if _, err := mdns.PackRR(txt, make([]byte, 65535), 0, nil, false); err != nil {
			t.Errorf("%q was taken but does not pack: %v", value, err)
		}
	})
}
