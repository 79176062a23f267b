package aws_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"polygate.example/tools/internal/localcloud/aws"
	"polygate.example/tools/internal/localcloud/plane"
	"polygate.example/tools/internal/localcloud/resource"
)

const (
	tCluster = "aws:route53recoverycontrol/cluster:Cluster"
	tPanel   = "aws:route53recoverycontrol/controlPanel:ControlPanel"
	tControl = "aws:route53recoverycontrol/routingControl:RoutingControl"
	tRule    = "aws:route53recoverycontrol/safetyRule:SafetyRule"

	recoveryAPI = "Recovery Control Configuration API reference, "
	recoveryDev = "ARC developer guide, "
)

// policed is a record of the shared name with a routing policy.
func (b *bed) policed(id, policy string, values resource.Props, to string) resource.Props {
	return b.recordInputs(shared, "CNAME", to).With(resource.Props{"setIdentifier": id, policy: resource.List(values)})
}

func (b *bed) weighted(id string, weight float64, to string) resource.Props {
	return b.policed(id, "weightedRoutingPolicies", resource.Props{"weight": weight}, to)
}

func (b *bed) latency(id, where, to string) resource.Props {
	return b.policed(id, "latencyRoutingPolicies", resource.Props{"region": where}, to)
}

// geo is for a continent, a country and a subdivision, each "" for none.
func (b *bed) geo(id, continent, country, subdivision, to string) resource.Props {
	place := resource.Props{}
	for name, v := range map[string]string{"continent": continent, "country": country, "subdivision": subdivision} {
		if v != "" {
			place[name] = v
		}
	}
	return b.policed(id, "geolocationRoutingPolicies", place, to)
}

// switches makes a cluster with a panel and two routing controls, at least one of which a rule keeps on, and checks of them.
func (b *bed) switches(r *region) map[string]string {
	b.t.Helper()
	ids := map[string]string{}
	make := func(name, token string, in resource.Props) {
		b.t.Helper()
		ids[name], _ = b.must(token, in)
	}
	make("cluster", tCluster, resource.Props{"name": "polygate"})
	make("panel", tPanel, resource.Props{"name": "polygate", "clusterArn": ids["cluster"]})
	for _, name := range []string{"one", "two"} {
		make(name, tControl, resource.Props{"name": name, "clusterArn": ids["cluster"], "controlPanelArn": ids["panel"]})
	}
	make("rule", tRule, ruleInputs(ids).With(resource.Props{"waitPeriodMs": 5000.0}))
	make("switch", tCheck, resource.Props{"type": "RECOVERY_CONTROL", "routingControlArn": ids["one"]})
	make("both", tCheck, resource.Props{"type": "CALCULATED", "childHealthThreshold": 2.0, "childHealthchecks": resource.List(r.id("check"), ids["switch"])})
	return ids
}

// Sets of each policy are taken, and reach the data plane.
func TestProjectRouting(t *testing.T) {
	t.Parallel()
	weight := func(n int) *int { return &n }
	for name, c := range map[string]struct {
		records func(b *bed, to string) []resource.Props
		want    []plane.Record
	}{
		"weighted, an alias among them": {
			func(b *bed, to string) []resource.Props {
				alias := b.aliasInputs(shared, "PRIMARY", to).With(resource.Props{"failoverRoutingPolicies": nil, "setIdentifier": "c",
					"weightedRoutingPolicies": resource.List(resource.Props{"weight": 255.0})})
				return []resource.Props{b.weighted("a", 0, to), b.weighted("b", 10, to), alias}
			},
			[]plane.Record{{SetIdentifier: "a", Weight: weight(0)}, {SetIdentifier: "b", Weight: weight(10)}, {SetIdentifier: "c", Weight: weight(255)}},
		},
		"latency": {
			func(b *bed, to string) []resource.Props {
				return []resource.Props{b.latency("a", "us-east-1", to), b.latency("b", "eu-west-1", to)}
			},
			[]plane.Record{{SetIdentifier: "a", Latency: "us-east-1"}, {SetIdentifier: "b", Latency: "eu-west-1"}},
		},
		"geolocation": {
			func(b *bed, to string) []resource.Props {
				return []resource.Props{b.geo("a", "", "*", "", to), b.geo("b", "EU", "", "", to), b.geo("c", "", "UA", "", to), b.geo("d", "", "US", "CA", to)}
			},
			[]plane.Record{{SetIdentifier: "a", Geo: &plane.Geo{Country: "*"}}, {SetIdentifier: "b", Geo: &plane.Geo{Continent: "EU"}},
				{SetIdentifier: "c", Geo: &plane.Geo{Country: "UA"}}, {SetIdentifier: "d", Geo: &plane.Geo{Country: "US", Subdivision: "CA"}}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBed(t)
			b.must(tRecord, b.recordInputs("target", "CNAME", "d.example.com"))
			for _, in := range c.records(b, "target."+zone) {
				b.must(tRecord, in)
			}
			var got []plane.Record
			for _, r := range b.project().Zones[0].Records {
				if r.Name == shared {
					got = append(got, plane.Record{SetIdentifier: r.SetIdentifier, Weight: r.Weight, Latency: r.Latency, Geo: r.Geo})
				}
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("records (-want +got):\n%s", diff)
			}
		})
	}
}

// A single record may change its policy, and the weight of one among several changes in place; a set cannot change its TTL
// record by record.
func TestUpdateRouting(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	r := b.deploy("us-east-1", "use1")
	id, out := b.must(tRecord, b.weighted("a", 1, r.own))
	update := func(in resource.Props) error {
		_, err := b.c.Update(t.Context(), tRecord, id, out, in, nil, false)
		return err
	}
	if err := update(b.latency("a", "us-east-1", r.own)); err != nil {
		t.Errorf("alone, to another policy: %v", err)
	}
	if err := update(b.weighted("a", 1, r.own)); err != nil {
		t.Errorf("... and back: %v", err)
	}
	b.must(tRecord, b.weighted("b", 1, r.own))
	if err := update(b.weighted("a", 2, r.own)); err != nil {
		t.Errorf("another weight: %v", err)
	}
	if err := update(b.weighted("a", 2, r.own).With(resource.Props{"ttl": 30.0})); resource.Code(err) != "InvalidChangeBatch" || !strings.Contains(err.Error(), "the same TTL") {
		t.Errorf("another TTL, beside one that has the old one (hashicorp/terraform issue 16389): %v", err)
	}
	if err := update(b.latency("a", "us-east-1", r.own)); resource.Code(err) != "InvalidChangeBatch" {
		t.Errorf("to another policy, beside a weighted one: %v", err)
	}
}

// What is in use stays. Source: Recovery Control Configuration API reference, ConflictException of each Delete operation.
func TestDeleteSwitches(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	ids := b.switches(b.deploy("us-east-1", "use1"))
	remove := func(token, name string) error {
		rec, ok := b.store.View().Get(token, ids[name])
		if !ok {
			t.Fatalf("no %s", name)
		}
		return b.delete(token, rec.ID, rec.Outputs())
	}
	for name, token := range map[string]string{"cluster": tCluster, "panel": tPanel, "one": tControl} {
		if err := remove(token, name); resource.Code(err) != "ConflictException" {
			t.Errorf("delete %s in use: %v", name, err)
		}
	}
	for _, x := range []struct{ token, name string }{{tCheck, "both"}, {tCheck, "switch"}} {
		if err := remove(x.token, x.name); err != nil {
			t.Errorf("delete %s: %v", x.name, err)
		}
	}
	if err := remove(tRule, "rule"); err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct{ token, name string }{{tControl, "one"}, {tControl, "two"}, {tPanel, "panel"}, {tCluster, "cluster"}} {
		if err := remove(x.token, x.name); err != nil {
			t.Errorf("delete %s: %v", x.name, err)
		}
	}
}

// States of routing controls, each step after the one before. now counts seconds of cloud time from the first.
func TestRoutingControlStates(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	ids := b.switches(b.deploy("us-east-1", "use1"))
	begin := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	eleven := map[string]bool{}
	for i := range 11 {
		eleven[fmt.Sprint(i)] = true
	}
	for _, step := range []struct {
		name, source string
		now          float64
		set          map[string]bool
		code         string // "" is taken
		on           bool   // what the check of "one" sees then
	}{
		{"a new one is off", recoveryDev + "Creating routing control components", 0, nil, "", false},
		{"none is no change", recoveryAPI + "UpdateRoutingControlStates, ValidationException", 0, map[string]bool{}, "ValidationException", false},
		{"eleven are too many", recoveryDev + "Quotas for routing control: 10 per call", 0, eleven, "ValidationException", false},
		{"one that is not there", recoveryAPI + "UpdateRoutingControlState, ResourceNotFoundException", 0, map[string]bool{"three": true}, "ResourceNotFoundException", false},
		{"the first goes on", recoveryDev + "Viewing and updating routing control states", 0, map[string]bool{"one": true}, "", true},
		{"within the wait period", recoveryAPI + "AssertionRule, WaitPeriodMs", 4.9, map[string]bool{"two": true}, "ConflictException", true},
		{"the last one may not go off", recoveryAPI + "AssertionRule: otherwise, the change is not accepted", 5, map[string]bool{"one": false}, "ConflictException", true},
		{"both in one call", recoveryAPI + "UpdateRoutingControlStates", 5, map[string]bool{"one": false, "two": true}, "", false},
		{"all or none of a call", recoveryAPI + "UpdateRoutingControlStates", 10, map[string]bool{"one": true, "three": true}, "ResourceNotFoundException", false},
		{"and back", recoveryAPI + "UpdateRoutingControlStates", 10, map[string]bool{"one": true}, "", true},
	} {
		if step.set != nil {
			err := aws.SetRoutingControls(t.Context(), b.store, step.set, begin.Add(time.Duration(step.now*float64(time.Second))))
			if resource.Code(err) != step.code {
				t.Errorf("%s: %v, want %q (%s)", step.name, err, step.code, step.source)
			}
		}
		if got := checkOf(b.project(), ids["switch"]); got.On != step.on || got.Type != "RECOVERY_CONTROL" {
			t.Errorf("%s: the check is %+v, want on: %t (%s)", step.name, got, step.on, step.source)
		}
	}
	b.open() // a restart
	if got := checkOf(b.project(), ids["switch"]); !got.On {
		t.Error("off after a restart")
	}
	if got := checkOf(b.project(), ids["both"]); got.Healthy != 2 || len(got.Children) != 2 {
		t.Errorf("the calculated check is %+v", got)
	}
}

func checkOf(w plane.World, id string) plane.HealthCheck {
	for _, c := range w.Checks {
		if c.ID == id {
			return c
		}
	}
	return plane.HealthCheck{}
}

// Accelerated recovery is off until somebody turns it on, and the lookup says which.
func TestAcceleratedRecovery(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	for _, want := range []bool{false, true} {
		out, _, err := b.c.Invoke(t.Context(), "aws:route53/getZone:getZone", resource.Props{"name": zone}, nil, false)
		if err != nil || out["enableAcceleratedRecovery"] != want {
			t.Errorf("%v, %v: want %t", out["enableAcceleratedRecovery"], err, want)
		}
		if err := aws.AccelerateRecovery(t.Context(), b.store, zone+"."); err != nil {
			t.Fatal(err)
		}
	}
	if err := aws.AccelerateRecovery(t.Context(), b.store, "example.com"); err == nil {
		t.Error("a zone that is not there was taken")
	}
}

// Several checks of one endpoint, made in the same second, are several.
func TestChecksOfOneEndpoint(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.services.Clock = nil // whole seconds of real time: all of them in the same
	b.open()
	seen := map[string]bool{}
	for range 5 {
		id, _ := b.must(tCheck, checkInputs("x.polygate.test"))
		seen[id] = true
	}
	if len(seen) != 5 {
		t.Errorf("%d ids for 5 checks", len(seen))
	}
}
