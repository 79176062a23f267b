package dns

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	mdns "github.com/miekg/dns"

	"polygate.example/tools/internal/localcloud/plane"
)

const shared = "api.polygate.test"

// nested builds the failover record set the route53 manager makes for n regions: at each level a PRIMARY to one region
// and a SECONDARY alias to the next level; at the last level the SECONDARY is the last region itself. Region i has the
// name r<i>.polygate.test and the check hc<i>.
func nested(n int) []plane.Record {
	region := func(i int) string { return fmt.Sprintf("r%d.polygate.test", i) }
	level := func(i int) string {
		if i == 1 {
			return shared
		}
		return fmt.Sprintf("failover-%d.%s", i, shared)
	}
	member := func(at, slot string, i int) plane.Record {
		return plane.Record{Name: at, Type: "CNAME", TTL: 60, Values: []string{region(i)}, SetIdentifier: region(i),
			Failover: slot, HealthCheck: fmt.Sprintf("hc%d", i)}
	}
	var records []plane.Record
	for i := 1; i <= n; i++ {
		records = append(records, rec(region(i), "A", 60, fmt.Sprintf("127.0.1.%d", i)))
	}
	for i := 1; i < n; i++ {
		records = append(records, member(level(i), primary, i))
		if i == n-1 {
			records = append(records, member(level(i), secondary, n))
			break
		}
		records = append(records, plane.Record{Name: level(i), Type: "CNAME", SetIdentifier: "next", Failover: secondary,
			Alias: &plane.Alias{Name: level(i + 1), ZoneID: "Z1", EvaluateTargetHealth: true}})
	}
	return records
}

// Whatever subset of six regions is down, the first one that is up answers, under the shared name; with all of them
// down the first does. This is every single, double and larger failure: 64 cases.
func TestNestedFailoverOverSixRegions(t *testing.T) {
	const regions = 6
	var down int // bit i-1: region i is down
	s := serve(t, func(id string) bool {
		var i int
		if _, err := fmt.Sscanf(id, "hc%d", &i); err != nil {
			t.Errorf("asked for health check %q", id)
		}
		return down&(1<<(i-1)) == 0
	}, nested(regions)...)
	for down = range 1 << regions {
		want := 1
		for i := 1; i <= regions; i++ {
			if down&(1<<(i-1)) == 0 {
				want = i
				break
			}
		}
		t.Run(fmt.Sprintf("down=%06b", down), func(t *testing.T) {
			got := lines(s.Lookup(shared, mdns.TypeA).Answer)
			expect := []string{
				fmt.Sprintf("%s. 60 IN CNAME r%d.polygate.test.", shared, want),
				fmt.Sprintf("r%d.polygate.test. 60 IN A 127.0.1.%d", want, want),
			}
			if !slices.Equal(got, expect) {
				t.Errorf("got %v, want %v", got, expect)
			}
		})
	}
}

func TestNestedFailoverOverTheWire(t *testing.T) {
	s := serve(t, func(id string) bool { return id != "hc1" && id != "hc2" }, nested(6)...)
	for _, network := range []string{"udp", "tcp"} {
		m := ask(t, s, network, "API.polygate.test", mdns.TypeA)
		want := []string{"API.polygate.test. 60 IN CNAME r3.polygate.test.", "r3.polygate.test. 60 IN A 127.0.1.3"}
		if got := lines(m.Answer); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", network, got, want)
		}
	}
}

// Single rules, each as the Route 53 Developer Guide states it. "How Amazon Route 53 chooses records when health
// checking is configured" is [choose]; "How health checks work in complex Amazon Route 53 configurations" is [complex].
func TestHealthRules(t *testing.T) {
	slot := func(slot, ip, check string) plane.Record {
		return failoverA("x.polygate.test", slot, ip, check)
	}
	alias := func(slot, to, check string, evaluate bool) plane.Record {
		return plane.Record{Name: "x.polygate.test", Type: "A", SetIdentifier: slot, Failover: slot, HealthCheck: check,
			Alias: &plane.Alias{Name: to, ZoneID: "Z1", EvaluateTargetHealth: evaluate}}
	}
	below := func(slot, ip, check string) plane.Record {
		return failoverA("y.polygate.test", slot, ip, check)
	}
	tests := []struct {
		name    string
		records []plane.Record
		failing string // checks that fail
		want    string // address
	}{
		{"[choose] healthy primary", []plane.Record{slot("PRIMARY", "127.0.0.1", "p"), slot("SECONDARY", "127.0.0.2", "s")}, "", "127.0.0.1"},
		{"[choose] primary unhealthy", []plane.Record{slot("PRIMARY", "127.0.0.1", "p"), slot("SECONDARY", "127.0.0.2", "s")}, "p", "127.0.0.2"},
		{"[choose] both unhealthy: primary", []plane.Record{slot("PRIMARY", "127.0.0.1", "p"), slot("SECONDARY", "127.0.0.2", "s")}, "p s", "127.0.0.1"},
		{"[choose] order in the zone does not matter", []plane.Record{slot("SECONDARY", "127.0.0.2", "s"), slot("PRIMARY", "127.0.0.1", "p")}, "", "127.0.0.1"},
		{"[choose] primary without a check is always healthy", []plane.Record{slot("PRIMARY", "127.0.0.1", ""), slot("SECONDARY", "127.0.0.2", "s")}, "s", "127.0.0.1"},
		{"[choose] secondary without a check is always healthy", []plane.Record{slot("PRIMARY", "127.0.0.1", "p"), slot("SECONDARY", "127.0.0.2", "")}, "p", "127.0.0.2"},
		{"[choose] only a secondary, unhealthy: no record healthy, all healthy", []plane.Record{slot("SECONDARY", "127.0.0.2", "s")}, "s", "127.0.0.2"},
		{"[choose] only a primary, unhealthy", []plane.Record{slot("PRIMARY", "127.0.0.1", "p")}, "p", "127.0.0.1"},
		{"[choose] a simple record's check takes nothing away", []plane.Record{slot("", "127.0.0.1", "p")}, "p", "127.0.0.1"},
		{"[complex] alias takes the health of its target", []plane.Record{
			alias("PRIMARY", "y.polygate.test", "", true), slot("SECONDARY", "127.0.0.2", ""),
			below("PRIMARY", "127.0.0.3", "a"), below("SECONDARY", "127.0.0.4", "b")}, "a b", "127.0.0.2"},
		{"[complex] one healthy record of the target is enough", []plane.Record{
			alias("PRIMARY", "y.polygate.test", "", true), slot("SECONDARY", "127.0.0.2", ""),
			below("PRIMARY", "127.0.0.3", "a"), below("SECONDARY", "127.0.0.4", "b")}, "a", "127.0.0.4"},
		{"[complex] a target without a check is healthy", []plane.Record{
			alias("PRIMARY", "y.polygate.test", "", true), slot("SECONDARY", "127.0.0.2", ""),
			below("PRIMARY", "127.0.0.3", "")}, "", "127.0.0.3"},
		{"[complex] evaluate off: routed there though all fail", []plane.Record{
			alias("PRIMARY", "y.polygate.test", "", false), slot("SECONDARY", "127.0.0.2", ""),
			below("PRIMARY", "127.0.0.3", "a"), below("SECONDARY", "127.0.0.4", "b")}, "a b", "127.0.0.3"},
		{"[complex] a check on the alias must pass as well", []plane.Record{
			alias("PRIMARY", "y.polygate.test", "own", true), slot("SECONDARY", "127.0.0.2", ""),
			below("PRIMARY", "127.0.0.3", "a")}, "own", "127.0.0.2"},
		{"[complex] ... and does without evaluation, too", []plane.Record{
			alias("PRIMARY", "y.polygate.test", "own", false), slot("SECONDARY", "127.0.0.2", ""),
			below("PRIMARY", "127.0.0.3", "a")}, "own", "127.0.0.2"},
		{"an alias whose target has gone is not healthy", []plane.Record{
			alias("PRIMARY", "z.polygate.test", "", true), slot("SECONDARY", "127.0.0.2", "s")}, "", "127.0.0.2"},
		// Healthy, it is preferred; where it leads nobody here can say.
		{"an alias to a zone of the cloud's own is healthy as the service is", []plane.Record{
			{Name: "x.polygate.test", Type: "A", SetIdentifier: "p", Failover: "PRIMARY",
				Alias: &plane.Alias{Name: "d-1.example", ZoneID: "Z-not-served", EvaluateTargetHealth: true}},
			slot("SECONDARY", "127.0.0.2", "s")}, "", "SERVFAIL"},
		{"an alias onto itself is not healthy", []plane.Record{
			alias("PRIMARY", "x.polygate.test", "", true), slot("SECONDARY", "127.0.0.2", "s")}, "s", "SERVFAIL"},
		{"... and the other record of its pair answers", []plane.Record{
			alias("PRIMARY", "x.polygate.test", "", true), slot("SECONDARY", "127.0.0.2", "s")}, "", "127.0.0.2"},
		{"nor is one whose target leads back to it", []plane.Record{
			alias("PRIMARY", "y.polygate.test", "", true), slot("SECONDARY", "127.0.0.2", "s"),
			{Name: "y.polygate.test", Type: "A", SetIdentifier: "p", Failover: "PRIMARY",
				Alias: &plane.Alias{Name: "x.polygate.test", ZoneID: "Z1", EvaluateTargetHealth: true}}}, "", "127.0.0.2"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			failing := strings.Fields(tt.failing)
			s := serve(t, func(id string) bool { return !slices.Contains(failing, id) }, tt.records...)
			m := s.Lookup("x.polygate.test", mdns.TypeA)
			if tt.want == "SERVFAIL" {
				if m.Rcode != mdns.RcodeServerFailure {
					t.Errorf("rcode %s, want SERVFAIL", mdns.RcodeToString[m.Rcode])
				}
				return
			}
			want := []string{"x.polygate.test. 60 IN A " + tt.want}
			if got := lines(m.Answer); !slices.Equal(got, want) {
				t.Errorf("got %v (%s), want %v", got, mdns.RcodeToString[m.Rcode], want)
			}
		})
	}
}

func failoverA(name, slot, ip, check string) plane.Record {
	return plane.Record{Name: name, Type: "A", TTL: 60, Values: []string{ip}, SetIdentifier: slot, Failover: slot, HealthCheck: check}
}

// One query sees one state of each check, even if the checkers change their mind while it is answered: hc2 makes the
// alias to the second level healthy, and must still be healthy when the second level is looked at.
func TestOneViewPerQuery(t *testing.T) {
	asked := map[string]int{}
	s := serve(t, func(id string) bool {
		asked[id]++
		return id != "hc1" && asked[id] == 1
	}, nested(4)...)
	want := []string{"api.polygate.test. 60 IN CNAME r2.polygate.test.", "r2.polygate.test. 60 IN A 127.0.1.2"}
	if got := lines(s.Lookup(shared, mdns.TypeA).Answer); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got, want := fmt.Sprint(asked), "map[hc1:1 hc2:1]"; got != want {
		t.Errorf("asked %s, want %s", got, want)
	}
}
