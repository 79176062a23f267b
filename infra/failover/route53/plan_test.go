package route53_test

import (
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"polygate.example/infra/failover"
	"polygate.example/infra/failover/route53"
	"polygate.example/infra/internal/record"
	"polygate.example/infra/provider"
	"polygate.example/infra/settings"
)

// with returns the stack with these regions, changed.
func with(change func(*settings.Settings), regions ...string) settings.Settings {
	s := stack
	for i, name := range regions {
		p, n, _ := strings.Cut(name, "/")
		s.Regions = append(s.Regions, settings.Region{Provider: p, Name: n, Position: i})
	}
	change(&s)
	return s
}

// own is the own name of a region, whose label is its name here.
func own(region string) string {
	p, n, _ := strings.Cut(region, "/")
	return provider.OwnName(n, p, hostname)
}

// declare runs the manager alone.
func declare(t *testing.T, s settings.Settings) (*declared, *failover.Steering) {
	t.Helper()
	rec := &record.Recorder{}
	var steering *failover.Steering
	err := rec.Run("dev", nil, func(ctx *pulumi.Context) error {
		zone, err := route53.Manager{}.Open(ctx, "gw", failover.ZoneArgs{Settings: s})
		if err != nil {
			return err
		}
		var members []failover.Member
		for _, r := range s.Regions {
			members = append(members, failover.Member{Region: r, Label: r.Name, OwnName: own(r.String()), Drained: s.IsDrained(r)})
		}
		steering, err = zone.Steer(ctx, "gw", failover.Plan(s, members))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return read53(t, rec), steering
}

// places are clients that the tests ask from.
var places = map[string]client{
	"Berlin":        {"EU", "DE", "", []string{"eu-central-1", "eu-west-1", "us-east-1", "us-west-2"}},
	"San Francisco": {"NA", "US", "CA", []string{"us-west-2", "us-east-1", "eu-west-1", "eu-central-1"}},
	"New York":      {"NA", "US", "NY", []string{"us-east-1", "us-west-2", "eu-west-1", "eu-central-1"}},
	"Tokyo":         {"AS", "JP", "", []string{"us-west-2", "us-east-1", "eu-central-1", "eu-west-1"}},
}

// The plans' own meaning, told without a record: who answers a client while these are healthy.

type meaning func(s settings.Settings, among []settings.Region, up func(settings.Region) bool, c client) map[string]float64

func firstOf(regions []settings.Region, up func(settings.Region) bool) map[string]float64 {
	for _, r := range regions {
		if up(r) {
			return map[string]float64{own(r.String()): 1}
		}
	}
	return map[string]float64{own(regions[0].String()): 1}
}

func inOrder(_ settings.Settings, among []settings.Region, up func(settings.Region) bool, _ client) map[string]float64 {
	return firstOf(among, up)
}

func byWeight(s settings.Settings, among []settings.Region, up func(settings.Region) bool, _ client) map[string]float64 {
	serving := slices.DeleteFunc(slices.Clone(among), func(r settings.Region) bool { return !up(r) })
	if len(serving) == 0 {
		serving = among
	}
	total, out := 0, map[string]float64{}
	for _, r := range serving {
		total += s.Weight(r)
	}
	for _, r := range serving {
		out[own(r.String())] = float64(s.Weight(r)) / float64(total)
	}
	return out
}

func byLatency(_ settings.Settings, among []settings.Region, up func(settings.Region) bool, c client) map[string]float64 {
	among = slices.Clone(among)
	slices.SortFunc(among, func(a, b settings.Region) int { return slices.Index(c.near, a.Name) - slices.Index(c.near, b.Name) })
	return firstOf(among, up)
}

// byPlace: the regions that serve the client's places, from small to large, then the default's, then any.
func byPlace(s settings.Settings, among []settings.Region, up func(settings.Region) bool, c client) map[string]float64 {
	var order []settings.Region
	for _, serves := range []func(settings.Serves) bool{
		func(v settings.Serves) bool { return slices.Contains(v.Countries, c.country+"-"+c.state) },
		func(v settings.Serves) bool { return slices.Contains(v.Countries, c.country) },
		func(v settings.Serves) bool { return slices.Contains(v.Continents, c.earth) },
		func(v settings.Serves) bool { return v.Default },
		func(settings.Serves) bool { return true },
	} {
		for _, r := range among {
			if serves(s.Geo[r.String()]) && !slices.Contains(order, r) {
				order = append(order, r)
			}
		}
	}
	return firstOf(order, up)
}

// groups: the first group with a healthy region serves by the meaning; a group of one region is that region.
func groups(m meaning) meaning {
	return func(s settings.Settings, _ []settings.Region, up func(settings.Region) bool, c client) map[string]float64 {
		all := s.Groups()
		for _, g := range all {
			if slices.ContainsFunc(g, up) {
				return m(s, g, up, c)
			}
		}
		return m(s, all[0], up, c)
	}
}

var (
	fourOfAWS = []string{"aws/us-east-1", "aws/eu-west-1", "aws/eu-central-1", "aws/us-west-2"}
	mixed     = []string{"gcp/us-central1", "aws/us-east-1", "aws/eu-central-1", "azure/eastus", "gcp/europe-west1"}
)

// Every plan, asked from every place, in every combination of healthy regions.
func TestPlans(t *testing.T) {
	active := func(steering settings.Steering) func(*settings.Settings) {
		return func(s *settings.Settings) { s.Pattern, s.Steering = settings.ActiveActive, steering }
	}
	multi := func(steering settings.Steering) func(*settings.Settings) {
		return func(s *settings.Settings) { s.Pattern, s.Steering = settings.MultiRegion, steering }
	}
	weights := map[string]int{"aws/us-east-1": 3, "gcp/us-central1": 5, "gcp/europe-west1": 255, "aws/eu-central-1": 1}
	for _, c := range []struct {
		name    string
		change  func(*settings.Settings)
		regions []string
		means   meaning
		also    func(*settings.Settings)
	}{
		{"active-passive", func(*settings.Settings) {}, mixed, inOrder, nil},
		{"weighted", active(settings.Weighted), mixed, byWeight, func(s *settings.Settings) { s.Weights = weights }},
		{"weighted, all alike", active(settings.Weighted), fourOfAWS, byWeight, nil},
		{"ramped", active(settings.Weighted), mixed, byWeight, func(s *settings.Settings) {
			s.Ramp, s.Weights = []int{5, 25, 50, 100}, map[string]int{"gcp/us-central1": 200}
		}},
		{"latency", active(settings.Latency), fourOfAWS, byLatency, nil},
		{"geo", active(settings.Geo), mixed, byPlace, func(s *settings.Settings) {
			s.Geo = map[string]settings.Serves{"gcp/us-central1": {Continents: []string{"NA"}}, "aws/us-east-1": {Default: true, Countries: []string{"US"}},
				"aws/eu-central-1": {Countries: []string{"DE"}}, "azure/eastus": {Countries: []string{"US-CA"}}, "gcp/europe-west1": {Continents: []string{"EU"}}}
		}},
		{"groups by weight", multi(settings.Weighted), mixed, groups(byWeight), func(s *settings.Settings) { s.Weights = weights }},
		{"groups by weight, ramped", multi(settings.Weighted), mixed, groups(byWeight), func(s *settings.Settings) { s.Ramp = []int{10, 50, 100} }},
		{"groups by latency, of one region but AWS's", multi(settings.Latency), []string{"gcp/us-central1", "aws/us-east-1", "aws/eu-central-1", "azure/eastus"}, groups(byLatency), nil},
		{"groups by place", multi(settings.Geo), mixed, groups(byPlace), func(s *settings.Settings) {
			s.Geo = map[string]settings.Serves{"gcp/us-central1": {Default: true}, "gcp/europe-west1": {Continents: []string{"EU"}},
				"aws/us-east-1": {Continents: []string{"NA", "SA"}}, "aws/eu-central-1": {Default: true}, "azure/eastus": {Default: true}}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := with(c.change, c.regions...)
			if c.also != nil {
				c.also(&s)
			}
			if problems := (route53.Manager{}).Audit(s); len(problems) > 0 {
				t.Fatalf("refused: %v", problems)
			}
			d, _ := declare(t, s)
			for _, place := range slices.Sorted(maps.Keys(places)) {
				for healthy := range 1 << len(s.Regions) {
					up := func(r settings.Region) bool { return healthy&(1<<r.Position) != 0 }
					for _, r := range s.Regions {
						d.up[own(r.String())] = up(r)
					}
					got, want := d.resolve(hostname, places[place]), c.means(s, s.Regions, up, places[place])
					if !alike(got, want) {
						t.Fatalf("from %s with %0*b up the answers are %v, want %v", place, len(s.Regions), healthy, got, want)
					}
				}
			}
		})
	}
}

func alike(a, b map[string]float64) bool {
	return maps.EqualFunc(a, b, func(x, y float64) bool { return math.Abs(x-y) < 1e-9 })
}

// A region comes back slice by slice, as its slow checks have seen enough, and goes at once. The weights are exact.
func TestRamp(t *testing.T) {
	s := with(func(s *settings.Settings) {
		s.Pattern, s.Steering, s.Ramp = settings.ActiveActive, settings.Weighted, []int{5, 25, 50, 100}
		s.Weights = map[string]int{"aws/us-east-1": 200}
	}, "aws/us-east-1", "gcp/us-central1")
	d, _ := declare(t, s)
	d.up[own("aws/us-east-1")], d.up[own("gcp/us-central1")] = true, true
	thresholds := map[string]float64{"gw-aws-us-east-1": 2, "gw-aws-us-east-1-slow-2": 4, "gw-aws-us-east-1-slow-3": 7, "gw-aws-us-east-1-slow-4": 10}
	for name, want := range thresholds {
		hc, ok := d.Find(name)
		if !ok || hc.Inputs["failureThreshold"] != want || hc.Inputs["fqdn"] != own("aws/us-east-1") || hc.Inputs["requestInterval"] != 10.0 {
			t.Errorf("%s is %v: want threshold %g", name, hc.Inputs, want)
		}
	}
	for _, slow := range []string{"4", "3", "2"} {
		d.slow["gw-aws-us-east-1-slow-"+slow+"-id"] = true
	}
	for _, step := range []struct{ back, share float64 }{{1, 10.0 / 110}, {2, 50.0 / 150}, {3, 100.0 / 200}, {4, 200.0 / 300}} {
		delete(d.slow, fmt.Sprintf("gw-aws-us-east-1-slow-%g-id", step.back))
		if got := d.resolve(hostname, client{})[own("aws/us-east-1")]; math.Abs(got-step.share) > 1e-9 {
			t.Errorf("with %g of 4 slices back it has %g of the traffic, want %g", step.back, got, step.share)
		}
	}
	d.up[own("aws/us-east-1")] = false
	if got := d.resolve(hostname, client{})[own("aws/us-east-1")]; got != 0 {
		t.Errorf("down, it has %g", got)
	}
}

// What doctor holds against an account is what a stack makes.
func TestNeeds(t *testing.T) {
	for name, change := range map[string]func(*settings.Settings){
		"active-passive": func(*settings.Settings) {},
		"ramp": func(s *settings.Settings) {
			s.Pattern, s.Steering, s.Ramp = settings.ActiveActive, settings.Weighted, []int{5, 25, 50, 100}
		},
		"ramp in groups": func(s *settings.Settings) {
			s.Pattern, s.Steering, s.Ramp = settings.MultiRegion, settings.Weighted, []int{5, 100} // gcp has one region, which shares with nobody
		},
		"switches": func(s *settings.Settings) { s.Route53.RoutingControls, s.Route53.AtLeastOn = true, 1 },
	} {
		s := with(change, "aws/us-east-1", "aws/eu-west-1", "gcp/us-central1")
		d, _ := declare(t, s)
		want := []failover.Need{{Of: "health checks", Count: len(d.Of("aws:route53/healthCheck:HealthCheck"))}}
		if got := (route53.Manager{}).Needs(s); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
}

// A drained region has no traffic, whatever its health, and its check changes in place; the ramp's slow checks go on.
func TestDrained(t *testing.T) {
	for _, pattern := range []settings.Pattern{settings.ActivePassive, settings.ActiveActive} {
		build := func(drained ...string) *declared {
			s := with(func(s *settings.Settings) {
				s.Pattern, s.Drained = pattern, drained
				if pattern.Active() {
					s.Steering, s.Ramp = settings.Weighted, []int{10, 100}
				}
			}, "aws/us-east-1", "gcp/us-central1")
			d, _ := declare(t, s)
			d.up[own("aws/us-east-1")], d.up[own("gcp/us-central1")] = true, true
			return d
		}
		d := build("aws/us-east-1")
		if got := d.resolve(hostname, client{}); !alike(got, map[string]float64{own("gcp/us-central1"): 1}) {
			t.Errorf("%s: answers %v", pattern, got)
		}
		hc, _ := d.Find("gw-aws-us-east-1")
		before, _ := build().Find("gw-aws-us-east-1")
		want := maps.Clone(before.Inputs)
		want["disabled"], want["invertHealthcheck"] = true, true
		if diff := cmp.Diff(want, hc.Inputs); diff != "" {
			t.Errorf("%s: more than the two switches of the check differ (-want +got):\n%s", pattern, diff)
		}
	}
}

// A region serves while its switch is on and it is healthy. With all switches off, as they are at first, everything counts as
// healthy, and the first region answers.
func TestRoutingControls(t *testing.T) {
	for _, ramp := range [][]int{nil, {10, 100}} {
		s := with(func(s *settings.Settings) {
			s.Pattern, s.Steering, s.Ramp = settings.ActiveActive, settings.Weighted, ramp
			s.Route53 = settings.Route53{RoutingControls: true, AtLeastOn: 2}
		}, "aws/us-east-1", "gcp/us-central1", "azure/eastus")
		d, steering := declare(t, s)
		on := func(regions ...string) {
			d.on = map[string]bool{}
			for _, r := range regions {
				d.on["arn:test:gw-"+strings.Replace(r, "/", "-", 1)+"-control"] = true
			}
		}
		for _, r := range s.Regions {
			d.up[own(r.String())] = true
		}
		third := 1.0 / 3
		for _, step := range []struct {
			on   []string
			want map[string]float64
		}{
			{nil, map[string]float64{own("aws/us-east-1"): third, own("gcp/us-central1"): third, own("azure/eastus"): third}},
			{[]string{"gcp/us-central1"}, map[string]float64{own("gcp/us-central1"): 1}},
			{[]string{"gcp/us-central1", "azure/eastus"}, map[string]float64{own("gcp/us-central1"): 0.5, own("azure/eastus"): 0.5}},
		} {
			if on(step.on...); !alike(d.resolve(hostname, client{}), step.want) {
				t.Errorf("ramp %v, on %v: %v, want %v", ramp, step.on, d.resolve(hostname, client{}), step.want)
			}
		}
		d.up[own("gcp/us-central1")] = false
		if got := d.resolve(hostname, client{}); !alike(got, map[string]float64{own("azure/eastus"): 1}) {
			t.Errorf("on, but down: %v", got)
		}
		rule, ok := d.Find("gw-rule")
		want := map[string]any{"type": "ATLEAST", "threshold": 2.0, "inverted": false}
		if !ok || !rule.DeleteBeforeReplace || len(rule.Inputs["assertedControls"].([]any)) != 3 || !cmp.Equal(rule.Inputs["ruleConfig"], any(want)) {
			t.Errorf("the safety rule is %+v", rule)
		}
		for _, want := range []string{"zoneId", "clusterArn", "clusterEndpoints", "routingControlArn:aws/us-east-1", "routingControlArn:azure/eastus"} {
			if steering.Details[want] == nil {
				t.Errorf("the details %v lack %s", slices.Sorted(maps.Keys(steering.Details)), want)
			}
		}
	}
	d, steering := declare(t, with(func(*settings.Settings) {}, "aws/us-east-1"))
	if len(d.Of("aws:route53recoverycontrol/cluster:Cluster")) != 0 || len(steering.Details) != 1 {
		t.Errorf("without being asked for: %v", steering.Details)
	}
}

// Every example of the README holds.
func TestExamples(t *testing.T) {
	b, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := strings.Split(string(b), "```yaml\n")[1:]
	if len(blocks) != 2 {
		t.Errorf("%d examples, want 2", len(blocks))
	}
	for _, block := range blocks {
		text, _, _ := strings.Cut(block, "```")
		path := filepath.Join(t.TempDir(), "Pulumi.dev.yaml")
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := settings.Load(path, failover.Audit([]failover.Manager{route53.Manager{}})); err != nil {
			t.Errorf("%v\n%s", err, text)
		}
	}
}

// The zone's accelerated recovery is its maker's to turn on: a stack that wants it is refused without, and told how.
func TestAcceleratedRecovery(t *testing.T) {
	for _, c := range []struct{ wanted, on, refused bool }{{false, false, false}, {true, true, false}, {true, false, true}} {
		rec := &record.Recorder{Accelerated: c.on}
		err := rec.Run("dev", nil, func(ctx *pulumi.Context) error {
			_, err := route53.Manager{}.Open(ctx, "gw", failover.ZoneArgs{Settings: with(func(s *settings.Settings) { s.Route53.AcceleratedRecovery = c.wanted })})
			return err
		})
		if (err != nil) != c.refused || err != nil && !strings.Contains(err.Error(), "update-hosted-zone-features --hosted-zone-id Z1 --enable-accelerated-recovery") {
			t.Errorf("wanted %t, on %t: %v", c.wanted, c.on, err)
		}
	}
}
