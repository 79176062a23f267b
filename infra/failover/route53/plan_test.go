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

// declared is what was declared, as Route 53 reads it, and the state of the world.
type declared struct {
	*record.Recorder
	t      *testing.T
	sets   map[string][]entry         // by name
	checks map[string]record.Resource // by id
	up     map[string]bool            // by own name
	slow   map[string]bool            // by id of a check: it has not seen enough good probes yet
	on     map[string]bool            // by ARN of a routing control
}

// entry is one record.
type entry struct {
	failover, latency     string
	country, state, earth string
	weight                int
	direct, alias, check  string
}

func read53(t *testing.T, rec *record.Recorder) *declared {
	t.Helper()
	d := &declared{rec, t, map[string][]entry{}, map[string]record.Resource{}, map[string]bool{}, map[string]bool{}, map[string]bool{}}
	for _, hc := range rec.Of("aws:route53/healthCheck:HealthCheck") {
		d.checks[hc.Name+"-id"] = hc
	}
	kinds := map[string]string{}
	for _, r := range rec.Of("aws:route53/record:Record") {
		in, name := r.Inputs, r.Inputs["name"].(string)
		e := entry{}
		e.check, _ = in["healthCheckId"].(string)
		if e.check != "" && d.checks[e.check].Name == "" {
			t.Errorf("%s has the check %s, which is not there", r.Name, e.check)
		}
		kind := ""
		for property := range map[string]bool{"failoverRoutingPolicies": true, "weightedRoutingPolicies": true, "latencyRoutingPolicies": true, "geolocationRoutingPolicies": true} {
			p, ok := in[property].([]any)
			if !ok {
				continue
			}
			values := p[0].(map[string]any)
			text := func(k string) string { v, _ := values[k].(string); return v }
			kind, e.failover, e.latency = property, text("type"), text("region")
			e.country, e.state, e.earth = text("country"), text("subdivision"), text("continent")
			if w, ok := values["weight"].(float64); ok {
				e.weight = int(w)
			}
		}
		if kinds[name] != "" && kinds[name] != kind {
			t.Errorf("%s has records of %s and of %s: Route 53 refuses that", name, kinds[name], kind)
		}
		kinds[name] = kind
		if in["type"] != "CNAME" || in["setIdentifier"] == nil || kind == "" {
			t.Errorf("%s: type %v, identifier %v, policy %q", r.Name, in["type"], in["setIdentifier"], kind)
		}
		if a, ok := in["aliases"].([]any); ok {
			alias := a[0].(map[string]any)
			e.alias = alias["name"].(string)
			if alias["evaluateTargetHealth"] != true || in["ttl"] != nil {
				t.Errorf("%s: alias %v with TTL %v", r.Name, alias, in["ttl"])
			}
		} else {
			e.direct = in["records"].([]any)[0].(string)
			if e.check == "" || in["ttl"] != 30.0 {
				t.Errorf("%s leads to %s with the check %q and TTL %v", r.Name, e.direct, e.check, in["ttl"])
			}
		}
		d.sets[name] = append(d.sets[name], e)
	}
	for _, regions := range d.sets {
		slices.SortFunc(regions, func(a, b entry) int { return strings.Compare(a.failover, b.failover) })
	}
	return d
}

// healthy is the state of a check.
func (d *declared) healthy(id string) bool {
	in := d.checks[id].Inputs
	healthy := false
	switch in["type"] {
	case "HTTPS":
		healthy = d.up[in["fqdn"].(string)] && !d.slow[id]
	case "RECOVERY_CONTROL":
		healthy = d.on[in["routingControlArn"].(string)]
	case "CALCULATED":
		n := 0.0
		for _, child := range in["childHealthchecks"].([]any) {
			if d.healthy(child.(string)) {
				n++
			}
		}
		healthy = n >= in["childHealthThreshold"].(float64)
	default:
		d.t.Fatalf("check %s is of type %v", id, in["type"])
	}
	return (in["disabled"] == true || healthy) != (in["invertHealthcheck"] == true)
}

func (d *declared) serves(e entry) bool {
	if e.check != "" && !d.healthy(e.check) {
		return false
	}
	return e.alias == "" || slices.ContainsFunc(d.sets[e.alias], d.serves)
}

// client is who asks: where it is, and the AWS regions from near to far.
type client struct {
	earth, country, state string
	near                  []string
}

// resolve is the share of answers that each own name has.
func (d *declared) resolve(name string, c client) map[string]float64 {
	set := d.sets[name]
	if len(set) == 0 {
		d.t.Fatalf("no records of %s", name)
	}
	pick := func(candidates []entry) map[string]float64 {
		for _, e := range candidates {
			if d.serves(e) {
				return d.follow(e, c)
			}
		}
		return d.follow(candidates[0], c)
	}
	switch {
	case set[0].failover != "":
		return pick(set)
	case set[0].latency != "":
		sorted := slices.Clone(set)
		slices.SortFunc(sorted, func(a, b entry) int { return slices.Index(c.near, a.latency) - slices.Index(c.near, b.latency) })
		return pick(sorted)
	case set[0].country+set[0].earth != "":
		var candidates []entry
		for _, want := range []entry{{country: c.country, state: c.state}, {country: c.country}, {earth: c.earth}, {country: "*"}} {
			for _, e := range set {
				if e.country == want.country && e.state == want.state && e.earth == want.earth && !slices.Contains(candidates, e) {
					candidates = append(candidates, e)
				}
			}
		}
		return pick(candidates)
	}
	among := slices.DeleteFunc(slices.Clone(set), func(e entry) bool { return !d.serves(e) })
	if len(among) == 0 {
		among = set
	}
	total, out := 0.0, map[string]float64{}
	for _, e := range among {
		total += float64(e.weight)
	}
	for _, e := range among {
		for name, share := range d.follow(e, c) {
			out[name] += share * float64(e.weight) / total
		}
	}
	return out
}

func (d *declared) follow(e entry, c client) map[string]float64 {
	if e.alias != "" {
		return d.resolve(e.alias, c)
	}
	return map[string]float64{e.direct: 1}
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

// Whatever the plan was and will be, the shared name keeps its PRIMARY, which changes in place; all that is under another policy
// is under another name, and no name ever has two policies, nor weighted records of two TTLs.
func TestChangeOfPlan(t *testing.T) {
	type set struct{ policy, ttl string }
	sets := map[string]map[set]bool{} // by name, over all plans
	var primary *record.Resource
	for _, s := range []settings.Settings{
		with(func(*settings.Settings) {}, fourOfAWS...),
		with(func(s *settings.Settings) { s.TTL = 60 }, fourOfAWS...),
		with(func(s *settings.Settings) { s.Pattern, s.Steering = settings.ActiveActive, settings.Weighted }, fourOfAWS...),
		with(func(s *settings.Settings) {
			s.Pattern, s.Steering, s.TTL = settings.ActiveActive, settings.Weighted, 60
		}, fourOfAWS...),
		with(func(s *settings.Settings) {
			s.Pattern, s.Steering, s.Ramp = settings.ActiveActive, settings.Weighted, []int{10, 100}
		}, fourOfAWS...),
		with(func(s *settings.Settings) { s.Pattern, s.Steering = settings.ActiveActive, settings.Latency }, fourOfAWS...),
		with(func(s *settings.Settings) {
			s.Pattern, s.Steering, s.Geo = settings.ActiveActive, settings.Geo, defaultIs(fourOfAWS[0])
		}, fourOfAWS...),
		with(func(s *settings.Settings) { s.Pattern, s.Steering = settings.MultiRegion, settings.Weighted }, mixed...),
		with(func(s *settings.Settings) {
			s.Pattern, s.Steering, s.Geo = settings.MultiRegion, settings.Geo, defaultIs(mixed[0])
		}, mixed...),
	} {
		rec := &record.Recorder{}
		if err := rec.Run("dev", nil, func(ctx *pulumi.Context) error {
			parent := &struct{ pulumi.ResourceState }{}
			if err := ctx.RegisterComponentResource("test:index:Parent", "parent", parent, pulumi.Protect(true)); err != nil {
				return err
			}
			zone, err := route53.Manager{}.Open(ctx, "gw", failover.ZoneArgs{Settings: s})
			if err != nil {
				return err
			}
			var members []failover.Member
			for _, r := range s.Regions {
				members = append(members, failover.Member{Region: r, Label: r.Name, OwnName: own(r.String())})
			}
			_, err = zone.Steer(ctx, "gw", failover.Plan(s, members), pulumi.Parent(parent))
			return err
		}); err != nil {
			t.Fatal(err)
		}
		for _, r := range rec.Of("aws:route53/record:Record") {
			name := r.Inputs["name"].(string)
			key := set{}
			for p := range r.Inputs {
				if strings.HasSuffix(p, "RoutingPolicies") {
					key.policy = p
				}
			}
			if key.policy == "weightedRoutingPolicies" {
				key.ttl = fmt.Sprint(r.Inputs["ttl"])
			}
			if sets[name] == nil {
				sets[name] = map[set]bool{}
			}
			sets[name][key] = true
			if strings.Count(strings.TrimSuffix(name, hostname), ".") > 1 {
				t.Errorf("%s could be a region's own name", name)
			}
			if r.Protect != (r.Name == "gw-1-primary") {
				t.Errorf("%s is protected: %t", r.Name, r.Protect)
			}
		}
		now, ok := rec.Find("gw-1-primary")
		if !ok || primary != nil && fmt.Sprint(now.Inputs["name"], now.Inputs["type"], now.Inputs["setIdentifier"], now.Inputs["failoverRoutingPolicies"]) !=
			fmt.Sprint(primary.Inputs["name"], primary.Inputs["type"], primary.Inputs["setIdentifier"], primary.Inputs["failoverRoutingPolicies"]) {
			t.Errorf("the shared name's record was %v and is %v: it would be replaced", primary, now)
		}
		primary = &now
		for _, alias := range rec.Of("aws:route53/record:Record") {
			a, ok := alias.Inputs["aliases"].([]any)
			if !ok {
				continue
			}
			for _, r := range rec.Of("aws:route53/record:Record") {
				if r.Inputs["name"] == a[0].(map[string]any)["name"] && !waitsFor(alias, r.Name) {
					t.Errorf("%s does not wait for %s, which it leads to", alias.Name, r.Name)
				}
			}
		}
	}
	for name, policies := range sets {
		if len(policies) != 1 {
			t.Errorf("%s has records of %v over time", name, policies)
		}
	}
}

func defaultIs(region string) map[string]settings.Serves {
	return map[string]settings.Serves{region: {Default: true}, "aws/us-east-1": {Default: true}, "azure/eastus": {Default: true}, "aws/eu-west-1": {Continents: []string{"EU"}}}
}

// What Route 53 cannot do is refused, with the reason and with what would work.
func TestAudit(t *testing.T) {
	active := func(change func(*settings.Settings)) func(*settings.Settings) {
		return func(s *settings.Settings) { s.Pattern = settings.ActiveActive; change(s) }
	}
	geo := func(codes ...string) func(*settings.Settings) {
		return active(func(s *settings.Settings) {
			s.Steering, s.Geo = settings.Geo, map[string]settings.Serves{"aws/us-east-1": {Default: true, Countries: codes}}
		})
	}
	ramp := func(change func(*settings.Settings)) func(*settings.Settings) {
		return active(func(s *settings.Settings) { s.Steering, s.Ramp = settings.Weighted, []int{5, 25, 50, 100}; change(s) })
	}
	for _, c := range []struct {
		name string
		s    settings.Settings
		want string // "" is allowed
	}{
		{"latency on AWS", with(active(func(s *settings.Settings) { s.Steering = settings.Latency }), fourOfAWS...), ""},
		{"latency elsewhere", with(active(func(s *settings.Settings) { s.Steering = settings.Latency }), mixed...),
			`polygate:steering: is "latency", and Route 53 knows AWS regions only, not gcp/us-central1, azure/eastus or gcp/europe-west1: use the steering "weighted" or "geo", or the manager trafficmanager or cloudflare`},
		{"latency in groups, one region elsewhere each", with(func(s *settings.Settings) { s.Pattern, s.Steering = settings.MultiRegion, settings.Latency },
			"aws/us-east-1", "aws/eu-west-1", "gcp/us-central1", "azure/eastus"), ""},
		{"latency in a group elsewhere", with(func(s *settings.Settings) { s.Pattern, s.Steering = settings.MultiRegion, settings.Latency }, mixed...), "not gcp/us-central1 or gcp/europe-west1"},
		{"places", with(geo("DE", "UA", "US-CA", "US-DC"), fourOfAWS...), ""},
		{"no country", with(geo("DE", "UK"), fourOfAWS...), `polygate:geo.aws/us-east-1.countries[1]: "UK" is no country that Route 53 knows`},
		{"subdivision elsewhere", with(geo("CA-QC"), fourOfAWS...), `is "CA-QC", and Route 53 knows no subdivisions but the states of the US: want "CA", or the manager trafficmanager`},
		{"no state", with(geo("US-XX"), fourOfAWS...), `"XX" is no state of the US that Route 53 knows`},
		{"ramp", with(ramp(func(s *settings.Settings) { s.Check.Threshold = 7 }), mixed...), ""},
		{"ramp without room for checks", with(ramp(func(s *settings.Settings) { s.Check.Threshold = 8 }), mixed...), "polygate:ramp: has 4 steps, and each of the 3 steps after the first needs a check of its own above the threshold 8, and the highest is 10: take a step out, or want check.threshold at most 7"},
		{"ramp of weights that do not fit", with(ramp(func(s *settings.Settings) { s.Weights = map[string]int{"gcp/us-central1": 97} }), mixed...), "a weight of 1000 is needed, and Route 53 has 0 to 255"},
		{"switches and a spare", with(func(s *settings.Settings) { s.Route53.RoutingControls, s.Spare = true, "cloudflare" }, mixed...), "polygate:route53.routingControls: is set, and the switches act in Route 53 only"},
		{"switches beside another manager", with(func(s *settings.Settings) {
			s.Manager, s.Spare, s.Route53.RoutingControls = "cloudflare", "route53", true
		}, mixed...), "take polygate:spare out"},
		{"switches alone", with(func(s *settings.Settings) { s.Route53.RoutingControls = true }, mixed...), ""},
		{"the same weights without a ramp", with(active(func(s *settings.Settings) {
			s.Steering, s.Weights = settings.Weighted, map[string]int{"gcp/us-central1": 97}
		}), mixed...), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			for _, p := range (route53.Manager{}).Audit(c.s) {
				got = append(got, p.String())
			}
			if all := strings.Join(got, "\n"); c.want == "" && all != "" || !strings.Contains(all, c.want) {
				t.Errorf("problems %q, want %q", all, c.want)
			}
		})
	}
}
