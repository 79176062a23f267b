package route53

import (
	"errors"
	"strings"
	"testing"

	"polygate.example/shared/topology"
	"polygate.example/tools/internal/control"
)

// sharing is a stack of two regions with the weights 100 and 4, and what its zone has.
func sharing(f *fake) topology.Topology {
	t := f.topology(2)
	t.Hostname, t.Steering, t.Details["zoneId"] = "api.example.com", "weighted", "Z1"
	for i, weight := range []int{100, 4} {
		t.Regions[i].Weight, t.Regions[i].Hostname = weight, []string{"a", "b"}[i]+".api.example.com"
	}
	f.records = []string{
		`<ResourceRecordSet><Name>api.example.com.</Name><Type>CNAME</Type><SetIdentifier>primary</SetIdentifier><Failover>PRIMARY</Failover><AliasTarget>` +
			`<HostedZoneId>Z1</HostedZoneId><DNSName>weighted-30.api.example.com.</DNSName><EvaluateTargetHealth>true</EvaluateTargetHealth></AliasTarget></ResourceRecordSet>`,
		lead("weighted-30.api.example.com", "a", "A.api.example.com.", 100), lead("weighted-30.api.example.com", "b", "b.api.example.com", 1),
		lead("www.example.com", "other", "a.api.example.com", 3), // of somebody else, and behind the last of the stack's
	}
	return t
}

func TestShare(t *testing.T) {
	f := newFake(t)
	m := f.manager(sharing(f))
	for range 2 {
		if err := m.Share(t.Context(), "aws/0", 25); err != nil {
			t.Fatal(err)
		}
		f.records[1] = lead("weighted-30.api.example.com", "a", "a.api.example.com", 25)
	}
	if len(f.bodies) != 1 {
		t.Fatalf("%d changes, want one: %q", len(f.bodies), f.bodies)
	}
	for _, want := range []string{"<Action>UPSERT</Action>", "<Weight>25</Weight>", "<SetIdentifier>a</SetIdentifier>", "<HealthCheckId>c-a</HealthCheckId>", "<TTL>30</TTL>", "<Value>A.api.example.com.</Value>"} {
		if !strings.Contains(f.bodies[0], want) {
			t.Errorf("without %s, which the record would lose: %s", want, f.bodies[0])
		}
	}
	if strings.Contains(f.bodies[0], "www.example.com") {
		t.Error("somebody else's record is changed")
	}
	seen, err := m.Regions(t.Context())
	if err != nil || seen["aws/0"].Held != 75 || seen["aws/1"].Held != 75 {
		t.Errorf("%v: %+v", err, seen)
	}
}

func TestStepsRefused(t *testing.T) {
	for _, c := range []struct {
		name     string
		change   func(*fake)
		regions  []string
		percents []int
		want     string // "" is possible
	}{
		{"possible", func(*fake) {}, []string{"aws/0", "aws/1"}, []int{13, 100}, ""},
		{"too small a part", func(*fake) {}, []string{"aws/0", "aws/1"}, []int{5, 100}, "aws/1: not in these steps: its weight is 4, of which Route 53 has no 5 %: begin with 13 %"},
		{"no weights", func(f *fake) { f.records = f.records[:1] }, []string{"aws/0"}, []int{5, 100}, "it shares its group with nobody"},
		{"a ramp of the stack", func(f *fake) { f.records[2] = lead("weighted-30.api.example.com", "a-2", "a.api.example.com", 10) }, []string{"aws/0"}, []int{5, 100}, "it has a record for each step of polygate:ramp"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFake(t)
			top := sharing(f)
			c.change(f)
			err := f.manager(top).Steps(t.Context(), c.regions, c.percents)
			if errors.Is(err, control.ErrNoSteps) != (c.want != "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want ...%s...", err, c.want)
			}
			if len(f.bodies) > 0 {
				t.Errorf("it was only asked: %q", f.bodies)
			}
		})
	}
	f := newFake(t)
	m := f.manager(sharing(f))
	f.lost = true
	if err := m.Steps(t.Context(), []string{"aws/0"}, []int{100}); err == nil || errors.Is(err, control.ErrNoSteps) {
		t.Errorf("an API that does not answer: %v", err)
	}
}
