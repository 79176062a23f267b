package dns

import (
	"net/netip"
	"slices"
	"sync/atomic"
	"testing"

	mdns "github.com/miekg/dns"

	"polygate.example/tools/internal/localcloud/plane"
)

// Servers that are stale answer by the records and the health they knew; a manager that is not by what is so now, and so do all when it
// is over. Where clients are led is no business of the manager's.
func TestStale(t *testing.T) {
	var stale, down atomic.Bool
	s, err := New(Options{
		Listen: netip.MustParseAddrPort("127.0.0.1:0"), Health: func(id string) bool { return id != "p" || !down.Load() },
		Stale: func(manager string) bool { return stale.Load() && manager == "route53" },
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	pair := func(second string) []plane.Record {
		return []plane.Record{failoverA("x.polygate.test", "PRIMARY", "127.0.0.1", "p"), failoverA("x.polygate.test", "SECONDARY", second, "s"), rec("w.polygate.test", "A", 60, second)}
	}
	apply := func(away bool, second string) {
		t.Helper()
		if err := s.Apply([]plane.Zone{
			{ID: "r", Name: "polygate.test", Manager: "route53", Undelegated: away, Records: pair(second)},
			{ID: "c", Name: "polygate.test", Manager: "cloudflare", Undelegated: !away, Records: []plane.Record{rec("x.polygate.test", "A", 60, "127.0.9.9")}},
			{ID: "o", Name: "other.test", Manager: "cloudflare", Records: []plane.Record{rec("x.other.test", "A", 60, second)}},
		}); err != nil {
			t.Fatal(err)
		}
	}
	want := func(when string, want ...string) {
		t.Helper()
		var got []string
		for _, name := range []string{"x.polygate.test", "w.polygate.test", "x.other.test"} {
			m := s.Lookup(name, mdns.TypeA)
			if len(m.Answer) == 0 {
				got = append(got, mdns.RcodeToString[m.Rcode])
				continue
			}
			got = append(got, m.Answer[0].(*mdns.A).A.String())
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", when, got, want)
		}
	}
	apply(false, "127.0.0.2")
	want("at first", "127.0.0.1", "127.0.0.2", "127.0.0.2")
	s.Freeze("route53")
	down.Store(true)
	want("with something kept and nobody stale", "127.0.0.2", "127.0.0.2", "127.0.0.2")
	stale.Store(true)
	want("stale while the first is down", "127.0.0.1", "127.0.0.2", "127.0.0.2")
	apply(false, "127.0.0.3")
	want("stale with records changed", "127.0.0.1", "127.0.0.2", "127.0.0.3")
	apply(true, "127.0.0.3")
	want("stale and led elsewhere", "127.0.9.9", "NXDOMAIN", "127.0.0.3")
	apply(false, "127.0.0.3")
	stale.Store(false)
	want("when it is over", "127.0.0.3", "127.0.0.3", "127.0.0.3")
	s.Freeze("route53")
	down.Store(false)
	stale.Store(true)
	want("stale once more, since the first was down", "127.0.0.3", "127.0.0.3", "127.0.0.3")
	stale.Store(false)
	apply(true, "127.0.0.3")
	s.Freeze("route53")
	stale.Store(true)
	apply(false, "127.0.0.4")
	want("stale since nobody was led there, and then led there", "127.0.0.1", "127.0.0.3", "127.0.0.4")
}
