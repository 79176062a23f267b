package dns

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	mdns "github.com/miekg/dns"

	"polygate.example/tools/internal/localcloud/place"
	"polygate.example/tools/internal/localcloud/plane"
)

// fact is one rule of how a name is answered: the records of x.polygate.test and of what they lead to, who asks, and how often
// each answer comes when every draw of the die comes once.
type fact struct {
	name    string
	source  string // where Route 53 says so
	records []plane.Record
	failing string // health checks that fail
	client  string // place that asks; "" for the first
	want    string // address=times, in order
}

const (
	choosing  = "Route 53 developer guide, How Amazon Route 53 chooses records when health checking is configured"
	complex_  = "Route 53 developer guide, How health checks work in complex Amazon Route 53 configurations"
	byWeights = "Route 53 developer guide, Weighted routing"
	weightOf  = "Route 53 developer guide, Values specific for weighted records, Weight"
	byLatency = "Route 53 developer guide, Latency-based routing"
	byGeo     = "Route 53 developer guide, Geolocation routing"
	aliases   = "Route 53 developer guide, Choosing between alias and non-alias records"
	subnets   = "Route 53 developer guide, How Amazon Route 53 uses EDNS0 to estimate the location of a user; RFC 7871"
)

// a record of x, or of another name, that answers 127.0.0.<n> and has the check c<n>.
func at(n int, change func(*plane.Record)) plane.Record {
	r := plane.Record{Name: "x.polygate.test", Type: "A", TTL: 60, Values: []string{fmt.Sprintf("127.0.0.%d", n)},
		SetIdentifier: fmt.Sprintf("s%d", n), HealthCheck: fmt.Sprintf("c%d", n)}
	change(&r)
	return r
}

func weightedAt(n, weight int) plane.Record {
	return at(n, func(r *plane.Record) { r.Weight = &weight })
}

func latencyAt(n int, region string) plane.Record {
	return at(n, func(r *plane.Record) { r.Latency = region })
}

// geoAt is for a continent (two letters before a colon), a country, a subdivision behind a dash, or * for everybody.
func geoAt(n int, where string) plane.Record {
	g := plane.Geo{}
	if continent, ok := strings.CutSuffix(where, ":"); ok {
		g.Continent = continent
	} else {
		g.Country, g.Subdivision, _ = strings.Cut(where, "-")
	}
	return at(n, func(r *plane.Record) { r.Geo = &g })
}

// named moves records to another name.
func named(name string, records ...plane.Record) []plane.Record {
	for i := range records {
		records[i].Name = name
	}
	return records
}

// leading makes an alias of a record, healthy as its target is. It has no check of its own.
func leading(r plane.Record, to string) plane.Record {
	r.Alias = &plane.Alias{Name: to, ZoneID: "Z1", EvaluateTargetHealth: true}
	r.TTL, r.Values, r.HealthCheck = 0, nil, ""
	return r
}

func unchecked(r plane.Record) plane.Record { r.HealthCheck = ""; return r }

var (
	oneToThree = []plane.Record{weightedAt(1, 10), weightedAt(2, 30)}
	withZero   = []plane.Record{weightedAt(1, 2), weightedAt(2, 1), weightedAt(3, 0), weightedAt(4, 0)}
	threeSeas  = []plane.Record{latencyAt(1, "us-east-1"), latencyAt(2, "eu-central-1"), latencyAt(3, "ap-northeast-1")}
	everywhere = []plane.Record{geoAt(1, "*"), geoAt(2, "NA:"), geoAt(3, "US"), geoAt(4, "US-CA"), geoAt(5, "EU:")}
)

var facts = []fact{
	{"weights are shares", byWeights, oneToThree, "", "", "1=10 2=30"},
	{"an unhealthy one's share goes to the others", choosing, []plane.Record{weightedAt(1, 10), weightedAt(2, 30), weightedAt(3, 20)}, "c2", "", "1=10 3=20"},
	{"all unhealthy: all are healthy", choosing + ", If no record is healthy, all records are healthy", oneToThree, "c1 c2", "", "1=10 2=30"},
	{"one without a check is always healthy", choosing + ", Records without a health check are always healthy", []plane.Record{weightedAt(1, 10), unchecked(weightedAt(2, 30))}, "c1 c2", "", "2=30"},
	{"weight 0 gets nothing", weightOf, withZero, "", "", "1=2 2=1"},
	{"weight 0 gets nothing while one of the others is healthy", choosing + ", Weighted records that have a weight of 0", withZero, "c1", "", "2=1"},
	{"weight 0 serves when all others are unhealthy", choosing + ", Weighted records that have a weight of 0", withZero, "c1 c2", "", "3=1 4=1"},
	{"an unhealthy one of weight 0 does not", choosing + ", Weighted records that have a weight of 0", withZero, "c1 c2 c3", "", "4=1"},
	{"all unhealthy, some of weight 0: those that have a weight", choosing + ", If no record is healthy, all records are healthy", withZero, "c1 c2 c3 c4", "", "1=2 2=1"},
	{"weight 0 for all: equal shares", weightOf, []plane.Record{weightedAt(1, 0), weightedAt(2, 0), weightedAt(3, 0)}, "", "", "1=1 2=1 3=1"},
	{"weight 0 for all, one unhealthy", weightOf, []plane.Record{weightedAt(1, 0), weightedAt(2, 0), weightedAt(3, 0)}, "c2", "", "1=1 3=1"},
	{"a weighted alias beside a weighted address", complex_, append(named("y.polygate.test", weightedAt(3, 1), weightedAt(4, 1)),
		weightedAt(1, 1), leading(weightedAt(2, 2), "y.polygate.test")), "c4", "", "1=1 3=2"},
	{"a weighted alias is unhealthy with all of its target", complex_, append(named("y.polygate.test", weightedAt(3, 1), weightedAt(4, 1)),
		weightedAt(1, 1), leading(weightedAt(2, 2), "y.polygate.test")), "c3 c4", "", "1=1"},

	{"the region of the least latency", byLatency, threeSeas, "", "LHR", "2=1"},
	{"the same from elsewhere", byLatency, threeSeas, "", "SYD", "3=1"},
	{"the next one when it is unhealthy", choosing, threeSeas, "c2", "LHR", "1=1"},
	{"the last one that is healthy, however far", choosing, threeSeas, "c1 c2", "LHR", "3=1"},
	{"latency, all unhealthy: the nearest", choosing + ", If no record is healthy, all records are healthy", threeSeas, "c1 c2 c3", "LHR", "2=1"},
	{"latency alias to weighted records in the region", complex_ + ", the first figure", append(named("y.polygate.test", weightedAt(4, 1), weightedAt(5, 3)),
		leading(latencyAt(1, "us-east-1"), "y.polygate.test"), latencyAt(2, "eu-central-1")), "", "IAD", "4=1 5=3"},
	{"latency alias whose weighted records are all unhealthy: the other region", complex_ + ", the first figure", append(named("y.polygate.test", weightedAt(4, 1), weightedAt(5, 3)),
		leading(latencyAt(1, "us-east-1"), "y.polygate.test"), latencyAt(2, "eu-central-1")), "c4 c5", "IAD", "2=1"},

	{"a subdivision goes before its country", byGeo + ": priority goes to the smallest geographic region", everywhere, "", "SFO", "4=1"},
	{"a country goes before its continent", byGeo + ": priority goes to the smallest geographic region", everywhere, "", "IAD", "3=1"},
	{"a continent goes before the default", byGeo, everywhere, "", "MEX", "2=1"},
	{"the default has those whom no other is for", byGeo + ", default record", everywhere, "", "NRT", "1=1"},
	{"an unhealthy subdivision's country answers", complex_ + ", geolocation: the next larger region", everywhere, "c4", "SFO", "3=1"},
	{"an unhealthy country's continent answers", complex_ + ", geolocation: the next larger region", everywhere, "c3 c4", "SFO", "2=1"},
	{"an unhealthy continent's clients go to the default", complex_ + ", geolocation: the next larger region", everywhere, "c2 c3 c4", "SFO", "1=1"},
	{"geolocation, all unhealthy: the smallest region", choosing + ", If no record is healthy, all records are healthy", everywhere, "c1 c2 c3 c4 c5", "SFO", "4=1"},
	{"a record for elsewhere is no way out", byGeo, everywhere, "c1 c2 c3 c4", "SFO", "4=1"},
	{"no default: no answer for the others", byGeo + ": a no answer response", []plane.Record{geoAt(1, "EU:")}, "", "NRT", "none"},
	{"no default: those it is for have theirs", byGeo, []plane.Record{geoAt(1, "EU:")}, "c1", "DUB", "1=1"},

	{"failover alias to a geolocation set", complex_, append(named("y.polygate.test", geoAt(1, "*"), geoAt(2, "EU:")),
		leading(at(9, func(r *plane.Record) { r.Failover = primary }), "y.polygate.test")), "", "FRA", "2=1"},
	{"failover alias to a latency set, all of it unhealthy: the secondary", complex_, append(named("y.polygate.test", latencyAt(1, "us-east-1"), latencyAt(2, "eu-west-1")),
		leading(at(8, func(r *plane.Record) { r.Failover = primary }), "y.polygate.test"), at(9, func(r *plane.Record) { r.Failover = secondary })), "c1 c2", "FRA", "9=1"},
	{"an alias alone leads on though all of its target is unhealthy", complex_ + "; " + aliases, append(named("y.polygate.test", weightedAt(1, 1), weightedAt(2, 1)),
		leading(at(8, func(r *plane.Record) { r.Failover = primary }), "y.polygate.test")), "c1 c2", "FRA", "1=1 2=1"},
}

func TestFacts(t *testing.T) {
	for _, f := range facts {
		t.Run(f.name, func(t *testing.T) {
			failing := strings.Fields(f.failing)
			s := serve(t, func(id string) bool { return !slices.Contains(failing, id) }, f.records...)
			if got := shares(t, s, f.client); got != f.want {
				t.Errorf("answers %s, want %s (%s)", got, f.want, f.source)
			}
		})
	}
}

// shares asks once for each number the die can show, and counts the answers.
func shares(t *testing.T, s *Server, client string) string {
	t.Helper()
	from := place.Clients()[0]
	if client != "" {
		var ok bool
		if from, ok = place.Client(client); !ok {
			t.Fatalf("no place %s", client)
		}
	}
	sides, counts := 1, map[string]int{}
	for shown := 0; shown < sides; shown++ {
		rest, product := shown, 1
		s.pick = func(n int) int { // a die for each level of records
			product *= n
			sides = max(sides, product)
			own := rest % n
			rest /= n
			return own
		}
		m := asked(t, s, from)
		got := "none"
		for _, rr := range m.Answer {
			if a, ok := rr.(*mdns.A); ok {
				got = strings.TrimPrefix(a.A.String(), "127.0.0.")
			}
		}
		if got == "none" {
			if m.Rcode != mdns.RcodeSuccess || len(m.Ns) != 1 || m.Ns[0].Header().Rrtype != mdns.TypeSOA {
				t.Errorf("no answer is %s with %v: want NOERROR and the SOA", mdns.RcodeToString[m.Rcode], m.Ns)
			}
			return got
		}
		counts[got]++
	}
	var out []string
	for _, k := range slices.Sorted(maps.Keys(counts)) {
		out = append(out, fmt.Sprintf("%s=%d", k, counts[k]))
	}
	return strings.Join(out, " ")
}

// asked is the answer to a resolver, which is at the first place, that says where its client is.
func asked(t *testing.T, s *Server, from place.Place) *mdns.Msg {
	t.Helper()
	q := new(mdns.Msg)
	q.SetQuestion("x.polygate.test.", mdns.TypeA)
	q.SetEdns0(1232, false)
	q.IsEdns0().Option = append(q.IsEdns0().Option, &mdns.EDNS0_SUBNET{Code: mdns.EDNS0SUBNET, Family: 1, SourceNetmask: 24, Address: from.Subnet().Addr().AsSlice()})
	m, ok := s.answer(q, place.Clients()[0].Source())
	if !ok {
		t.Fatal("nobody answers")
	}
	return m
}

// Without a client subnet, the resolver's own address says where the client is ("... estimates the location of the user by
// the resolver's", source as for subnets).
func TestResolversOwnAddress(t *testing.T) {
	s := serve(t, nil, threeSeas...)
	tokyo, _ := place.Client("NRT")
	c := mdns.Client{Dialer: &net.Dialer{LocalAddr: &net.UDPAddr{IP: tokyo.Source().AsSlice()}}, Timeout: 5 * time.Second}
	q := new(mdns.Msg)
	q.SetQuestion("x.polygate.test.", mdns.TypeA)
	m, _, err := c.ExchangeContext(t.Context(), q, s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if got := lines(m.Answer); !slices.Equal(got, []string{"x.polygate.test. 60 IN A 127.0.0.3"}) {
		t.Errorf("a resolver in Tokyo gets %v (%s)", got, subnets)
	}
}

// A fair die throws every share.
func TestFairDie(t *testing.T) {
	s := serve(t, nil, weightedAt(1, 1), weightedAt(2, 3))
	counts := map[string]int{}
	for range 2000 {
		counts[asked(t, s, place.Clients()[0]).Answer[0].(*mdns.A).A.String()]++
	}
	// 500 of 2000 on average, with a deviation of 19.4: ten deviations are for no run to see.
	if n := counts["127.0.0.1"]; n < 306 || n > 694 {
		t.Errorf("a quarter of 2000 answers is %d", n)
	}
}

// What Route 53 refuses is left out, and named.
func TestSetsThatCannotBe(t *testing.T) {
	for _, c := range []struct {
		name   string
		source string
		last   plane.Record
		before []plane.Record
		want   string
	}{
		{"two policies", "Route 53 API reference, ResourceRecordSet, Weight", latencyAt(3, "us-east-1"), oneToThree, "a latency record beside a weighted one"},
		{"weighted beside simple", "Route 53 API reference, ResourceRecordSet, Weight", weightedAt(3, 1), []plane.Record{rec("x.polygate.test", "A", 60, "127.0.0.1")}, "a weighted record beside a simple one"},
		{"identifier twice", "Route 53 API reference, ResourceRecordSet, SetIdentifier", weightedAt(2, 1), oneToThree, `a second weighted s2 record of this name and type beside "s2"`},
		{"region twice", "Route 53 API reference, ResourceRecordSet, Region", latencyAt(4, "eu-central-1"), threeSeas, "a second latency eu-central-1 record"},
		{"place twice", "Route 53 API reference, ResourceRecordSet, GeoLocation", geoAt(6, "US-CA"), everywhere, "a second geolocation { US CA} record"},
		{"weight too high", "Route 53 API reference, ResourceRecordSet, Weight", weightedAt(3, 256), oneToThree, "weight is 256: want 0 to 255"},
		{"weight too low", "Route 53 API reference, ResourceRecordSet, Weight", weightedAt(3, -1), oneToThree, "weight is -1: want 0 to 255"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := serve(t, nil)
			err := s.Apply([]plane.Zone{{ID: "Z1", Name: zoneName, Records: append(slices.Clone(c.before), c.last)}})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q (%s)", err, c.want, c.source)
			}
			if set := s.zones.Load().zones[0].sets[setKey{"x.polygate.test.", mdns.TypeA}]; len(set.records) != len(c.before) {
				t.Errorf("%d records are served, want the %d others", len(set.records), len(c.before))
			}
		})
	}
}

// twice is a zone on two managers' servers.
func twice(t *testing.T, delegated string, down *atomic.Value, steer ...Steer) *Server {
	t.Helper()
	s, err := New(Options{Listen: netip.MustParseAddrPort("127.0.0.1:0"), Steer: steer, Down: func(m string) bool { return m == down.Load() }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	zone := func(manager, ip string) plane.Zone {
		return plane.Zone{ID: manager, Name: zoneName, Manager: manager, Undelegated: manager != delegated, Records: []plane.Record{rec("x.polygate.test", "A", 60, ip)}}
	}
	if err := s.Apply([]plane.Zone{zone("route53", "127.0.0.1"), zone("cloudflare", "127.0.0.2"),
		{ID: "own", Name: "cloud.test", Records: []plane.Record{rec("d.cloud.test", "A", 60, "127.0.0.3")}}}); err != nil {
		t.Fatal(err)
	}
	return s
}

// Resolvers come only to the servers that the zone above names (RFC 1034, 4.2.1).
func TestDelegation(t *testing.T) {
	var none atomic.Value
	for delegated, want := range map[string]string{"route53": "127.0.0.1", "cloudflare": "127.0.0.2"} {
		s := twice(t, delegated, &none)
		if got := lines(s.Lookup("x.polygate.test", mdns.TypeA).Answer); !slices.Equal(got, []string{"x.polygate.test. 60 IN A " + want}) {
			t.Errorf("delegated to %s: %v", delegated, got)
		}
	}
	if m := twice(t, "nobody", &none).Lookup("x.polygate.test", mdns.TypeA); m.Rcode != mdns.RcodeRefused {
		t.Errorf("delegated to nobody: %s, want REFUSED", mdns.RcodeToString[m.Rcode])
	}
}

// What a manager makes up for a name of the zone is heard only while the zone is delegated to it; a name of its own always is.
func TestSteeredNeedsTheDelegation(t *testing.T) {
	var none atomic.Value
	steer := func(name string, _ place.Place) (Steered, bool) {
		return Steered{Manager: "cloudflare", Addrs: []netip.Addr{netip.MustParseAddr("127.0.0.9")}, TTL: 30}, name == "x.polygate.test" || name == "own.manager.test"
	}
	for delegated, want := range map[string]string{"route53": "60 IN A 127.0.0.1", "cloudflare": "30 IN A 127.0.0.9"} {
		s := twice(t, delegated, &none, steer)
		if got := lines(s.Lookup("x.polygate.test", mdns.TypeA).Answer); !slices.Equal(got, []string{"x.polygate.test. " + want}) {
			t.Errorf("delegated to %s: %v", delegated, got)
		}
		if got := lines(s.Lookup("own.manager.test", mdns.TypeA).Answer); !slices.Equal(got, []string{"own.manager.test. 30 IN A 127.0.0.9"}) {
			t.Errorf("a name of the manager's own: %v", got)
		}
	}
}

// Each manager's zone names that manager's servers, as its API does, and says how long "no such name" may be remembered.
func TestBornWith(t *testing.T) {
	for manager, want := range map[string]struct{ soa, ns string }{
		"route53":        {"polygate.test. 900 IN SOA ns-1.awsdns-01.test. awsdns-hostmaster.amazon.com. 1 7200 900 1209600 86400", "polygate.test. 172800 IN NS ns-1.awsdns-01.test."},
		"trafficmanager": {"polygate.test. 3600 IN SOA ns1-01.azure-dns.com. azuredns-hostmaster.microsoft.com. 1 3600 300 2419200 300", "polygate.test. 172800 IN NS ns1-01.azure-dns.com."},
		"cloudflare":     {"polygate.test. 1800 IN SOA ada.ns.cloudflare.test. dns.cloudflare.com. 1 10000 2400 604800 1800", "polygate.test. 86400 IN NS ada.ns.cloudflare.test."},
	} {
		s := serve(t, nil)
		if err := s.Apply([]plane.Zone{{ID: "Z", Name: zoneName, Manager: manager, Records: []plane.Record{rec("x.polygate.test", "A", 60, "127.0.0.1")}}}); err != nil {
			t.Fatal(err)
		}
		if got := lines(s.Lookup("polygate.test", mdns.TypeSOA).Answer); !slices.Equal(got, []string{want.soa}) {
			t.Errorf("%s: SOA %v, want %s", manager, got, want.soa)
		}
		if got := lines(s.Lookup("polygate.test", mdns.TypeNS).Answer); !slices.Contains(got, want.ns) {
			t.Errorf("%s: NS %v, want %s among them", manager, got, want.ns)
		}
	}
}

// A manager whose servers are lost lets every client wait; everyone else's zones answer.
func TestLostServers(t *testing.T) {
	var down atomic.Value
	down.Store("route53")
	s := twice(t, "route53", &down)
	for _, network := range []string{"udp", "tcp"} {
		c := mdns.Client{Net: network, Timeout: 200 * time.Millisecond}
		q := new(mdns.Msg)
		q.SetQuestion("x.polygate.test.", mdns.TypeA)
		m, _, err := c.ExchangeContext(t.Context(), q, s.Addr().String())
		if n := net.Error(nil); !errors.As(err, &n) || !n.Timeout() {
			t.Errorf("%s: %v, %v: want no answer", network, m, err)
		}
	}
	if m := s.Lookup("x.polygate.test", mdns.TypeA); m.Rcode != mdns.RcodeServerFailure || len(m.Answer) > 0 {
		t.Errorf("in process: %s %v, want SERVFAIL", mdns.RcodeToString[m.Rcode], m.Answer)
	}
	if m := ask(t, s, "udp", "d.cloud.test", mdns.TypeA); len(m.Answer) != 1 {
		t.Errorf("another zone: %v", m)
	}
	down.Store("cloudflare")
	if m := ask(t, s, "udp", "x.polygate.test", mdns.TypeA); len(m.Answer) != 1 {
		t.Errorf("the manager that nobody is led to is lost: %v", m)
	}
}
