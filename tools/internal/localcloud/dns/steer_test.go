package dns

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	mdns "github.com/miekg/dns"

	"polygate.example/tools/internal/localcloud/place"
	"polygate.example/tools/internal/localcloud/plane"
)

// Names that a traffic manager makes up: followed to where they lead, with no data, or not there at all.
func TestSteered(t *testing.T) {
	steer := func(name string, from place.Place) (Steered, bool) {
		a, ok := map[string]Steered{
			"up.trafficmanager.net":   {CNAME: "own.polygate.test", TTL: 30},
			"ip.trafficmanager.net":   {Addrs: []netip.Addr{netip.MustParseAddr("192.0.2.9")}, TTL: 10},
			"none.trafficmanager.net": {None: true, TTL: 30},
			"gone.trafficmanager.net": {Missing: true, TTL: 30},
			"near.trafficmanager.net": {CNAME: from.Country + ".polygate.test", TTL: 30},
		}[name]
		return a, ok
	}
	s, err := New(Options{Listen: netip.MustParseAddrPort("127.0.0.1:0"), Steer: []Steer{steer}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	cname := func(name, target string) plane.Record {
		return plane.Record{Name: name, Type: "CNAME", TTL: 60, Values: []string{target}}
	}
	if err := s.Apply([]plane.Zone{
		{ID: "spare", Name: "polygate.test", Undelegated: true, Records: []plane.Record{{Name: "only.polygate.test", Type: "A", TTL: 60, Values: []string{"127.0.1.3"}}}},
		{ID: "tm", Name: "trafficmanager.net"},
		{ID: "z", Name: "polygate.test", Records: []plane.Record{
			cname("api.polygate.test", "up.trafficmanager.net"), cname("down.polygate.test", "gone.trafficmanager.net"),
			{Name: "own.polygate.test", Type: "A", TTL: 60, Values: []string{"127.0.1.1"}}, {Name: "us.polygate.test", Type: "A", TTL: 60, Values: []string{"127.0.1.2"}}}},
	}); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, ask string
		qtype     uint16
		rcode     int
		answer    []string
		negative  bool // with the zone's SOA
	}{
		{"the whole chain", "api.polygate.test", mdns.TypeA, mdns.RcodeSuccess, []string{
			"api.polygate.test. 60 IN CNAME up.trafficmanager.net.", "up.trafficmanager.net. 30 IN CNAME own.polygate.test.", "own.polygate.test. 60 IN A 127.0.1.1"}, false},
		{"by where the client is", "near.trafficmanager.net", mdns.TypeA, mdns.RcodeSuccess, []string{
			"near.trafficmanager.net. 30 IN CNAME US.polygate.test.", "US.polygate.test. 60 IN A 127.0.1.2"}, false},
		{"an address", "ip.trafficmanager.net", mdns.TypeA, mdns.RcodeSuccess, []string{"ip.trafficmanager.net. 10 IN A 192.0.2.9"}, false},
		{"an address, asked for another type", "ip.trafficmanager.net", mdns.TypeAAAA, mdns.RcodeSuccess, nil, true},
		{"no data", "none.trafficmanager.net", mdns.TypeA, mdns.RcodeSuccess, nil, true},
		{"no such name", "gone.trafficmanager.net", mdns.TypeA, mdns.RcodeNameError, nil, true},
		{"no such name at the end of a chain", "down.polygate.test", mdns.TypeA, mdns.RcodeNameError, []string{"down.polygate.test. 60 IN CNAME gone.trafficmanager.net."}, true},
		{"a profile nobody has", "other.trafficmanager.net", mdns.TypeA, mdns.RcodeNameError, nil, true},
		{"nobody is led to an undelegated zone", "only.polygate.test", mdns.TypeA, mdns.RcodeNameError, nil, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := s.Lookup(tt.ask, tt.qtype)
			if m.Rcode != tt.rcode {
				t.Errorf("rcode %s, want %s", mdns.RcodeToString[m.Rcode], mdns.RcodeToString[tt.rcode])
			}
			if diff := cmp.Diff(tt.answer, lines(m.Answer), cmpopts.EquateEmpty()); diff != "" {
				t.Error(diff)
			}
			if soa := len(m.Ns) == 1 && m.Ns[0].Header().Rrtype == mdns.TypeSOA; soa != tt.negative {
				t.Errorf("authority is %v", m.Ns)
			}
		})
	}
}
