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

func ruleInputs(ids map[string]string) resource.Props {
	return resource.Props{"name": "at-least-one", "controlPanelArn": ids["panel"], "assertedControls": resource.List(ids["one"], ids["two"]),
		"waitPeriodMs": 0.0, "ruleConfig": resource.Props{"type": "ATLEAST", "threshold": 1.0, "inverted": false}}
}

// after makes a record first.
func after(first func(*bed, *region) resource.Props, then func(*bed, *region) resource.Props) func(*bed, *region) resource.Props {
	return func(b *bed, r *region) resource.Props {
		b.must(tRecord, first(b, r))
		return then(b, r)
	}
}

func weightedRecord(id string, weight float64) func(*bed, *region) resource.Props {
	return func(b *bed, r *region) resource.Props { return b.weighted(id, weight, r.own) }
}

func latencyRecord(id, where string) func(*bed, *region) resource.Props {
	return func(b *bed, r *region) resource.Props { return b.latency(id, where, r.own) }
}

func geoRecord(id, continent, country, subdivision string) func(*bed, *region) resource.Props {
	return func(b *bed, r *region) resource.Props { return b.geo(id, continent, country, subdivision, r.own) }
}

func simpleRecord(b *bed, r *region) resource.Props { return b.recordInputs(shared, "CNAME", r.own) }

func primaryRecord(b *bed, r *region) resource.Props {
	return b.failoverInputs(shared, "PRIMARY", r.own).With(resource.Props{"healthCheckId": r.id("check")})
}

// with changes properties of inputs that are fine otherwise.
func with(in func(*bed, *region) resource.Props, change resource.Props) func(*bed, *region) resource.Props {
	return func(b *bed, r *region) resource.Props { return in(b, r).With(change) }
}

// arc is what is made of a stack's switches.
func arc(in func(ids map[string]string) resource.Props) func(*bed, *region) resource.Props {
	return func(b *bed, r *region) resource.Props { return in(b.switches(r)) }
}

// calculated is a check that counts the region's own.
func calculated(change resource.Props) func(*bed, *region) resource.Props {
	return func(_ *bed, r *region) resource.Props {
		return resource.Props{"type": "CALCULATED", "childHealthThreshold": 1.0, "childHealthchecks": resource.List(r.id("check"))}.With(change)
	}
}

func names(n int) []any {
	out := make([]any, n)
	for i := range out {
		out[i] = fmt.Sprint("check-", i)
	}
	return out
}

var routingFacts = []fact{
	{"weight without identifier", route53API + "ResourceRecordSet, SetIdentifier", tRecord, with(weightedRecord("a", 1), resource.Props{"setIdentifier": nil}), "Check",
		"all of `weightedRoutingPolicies,setIdentifier` must be specified"},
	{"two policies in one record", bridge + " (conflicts)", tRecord, with(weightedRecord("a", 1), resource.Props{"latencyRoutingPolicies": resource.List(resource.Props{"region": "us-east-1"})}), "Check",
		`"latencyRoutingPolicies": conflicts with weightedRoutingPolicies`},
	{"weight too high", route53API + "ResourceRecordSet, Weight: maximum 255", tRecord, weightedRecord("a", 256), "InvalidInput", "Value '256' at 'changeBatch.changes.1.member.resourceRecordSet.weight'"},
	{"weight too low", route53API + "ResourceRecordSet, Weight: minimum 0", tRecord, weightedRecord("a", -1), "InvalidInput", "Member must have value greater than or equal to 0"},
	{"weighted beside simple", "kubernetes-sigs/external-dns issue 4345", tRecord, after(simpleRecord, weightedRecord("a", 1)), "InvalidChangeBatch",
		"SetIdentifier a cannot be created as a non-weighted set exists with the same name and type."},
	{"weighted beside failover", "kubernetes-sigs/external-dns issue 4345", tRecord, after(primaryRecord, weightedRecord("a", 1)), "InvalidChangeBatch", "as a non-weighted set exists"},
	{"weighted beside latency", "kubernetes-sigs/external-dns issue 4345", tRecord, after(latencyRecord("a", "us-east-1"), weightedRecord("b", 1)), "InvalidChangeBatch", "as a non-weighted set exists"},
	{"simple beside weighted", "chef-boneyard/route53 issue 100", tRecord, after(weightedRecord("a", 1), simpleRecord), "InvalidChangeBatch",
		"type CNAME cannot be created as other RRSets exist with the same name and type."},
	{"failover beside weighted", route53API + "ResourceRecordSet, Failover", tRecord, after(weightedRecord("a", 1), primaryRecord), "InvalidChangeBatch", "and Failover PRIMARY cannot be created because a non-failover RRSet"},
	{"weighted identifier taken", route53API + "ResourceRecordSet, SetIdentifier", tRecord, after(weightedRecord("a", 1), weightedRecord("a", 2)), "InvalidChangeBatch", "set-identifier='a'] but it already exists"},
	{"weighted with another TTL", route53API + "ResourceRecordSet, TTL; aws/aws-sdk-go-v2 issue 518", tRecord, after(weightedRecord("a", 1), with(weightedRecord("b", 1), resource.Props{"ttl": 30.0})), "InvalidChangeBatch",
		"and type CNAME, SetIdentifier b cannot be created as weighted sets must contain the same TTL."},
	{"weighted alias to nothing", route53Dev + "Choosing between alias and non-alias records", tRecord, func(b *bed, _ *region) resource.Props {
		return b.aliasInputs(shared, "PRIMARY", "nobody."+shared).With(resource.Props{"failoverRoutingPolicies": nil, "weightedRoutingPolicies": resource.List(resource.Props{"weight": 1.0})})
	}, "InvalidChangeBatch", "Tried to create an alias that targets nobody.api.polygate.test., type CNAME"},
	{"latency region", route53API + "ResourceRecordSet, Region", tRecord, latencyRecord("a", "europe-west3"), "Check", "region to be one of"},
	{"latency region twice", "kubernetes-sigs/external-dns issue 3945", tRecord, after(latencyRecord("a", "us-east-1"), latencyRecord("b", "us-east-1")), "InvalidChangeBatch",
		"SetIdentifier b, and Region Name=us-east-1 cannot be created because a latency RRSet with the same name, type and region already exists."},
	{"latency beside weighted", route53API + "ResourceRecordSet, Region", tRecord, after(weightedRecord("a", 1), latencyRecord("b", "us-east-1")), "InvalidChangeBatch", "a non-latency RRSet with the same name and type already exists"},
	{"geolocation of nowhere", route53API + "ResourceRecordSet, GeoLocation", tRecord, geoRecord("a", "", "", ""), "InvalidInput", "Expected exactly one of [ContinentCode, or CountryCode]"},
	{"continent with a country", route53API + "GeoLocation, ContinentCode", tRecord, geoRecord("a", "EU", "DE", ""), "InvalidInput", "ContinentCode must not be specified together with CountryCode"},
	{"continent with a subdivision", route53API + "GeoLocation, ContinentCode", tRecord, geoRecord("a", "NA", "", "CA"), "InvalidInput", "ContinentCode must not be specified together"},
	{"continent code", route53API + "GeoLocation, ContinentCode", tRecord, geoRecord("a", "XX", "", ""), "InvalidInput", "ContinentCode 'XX' is not supported"},
	{"country code", route53API + "GeoLocation, CountryCode", tRecord, geoRecord("a", "", "UK", ""), "InvalidInput", "CountryCode 'UK' is not supported"},
	{"subdivision of another country", route53API + "GeoLocation, SubdivisionCode", tRecord, geoRecord("a", "", "CA", "QC"), "InvalidInput", "only supported with the CountryCode 'US'"},
	{"subdivision code", route53API + "GeoLocation, SubdivisionCode", tRecord, geoRecord("a", "", "US", "ZZ"), "InvalidInput", "SubdivisionCode 'ZZ' is not supported"},
	{"place twice", route53API + "ResourceRecordSet, GeoLocation: you can't create two for the same location", tRecord, after(geoRecord("a", "", "US", "CA"), geoRecord("b", "", "US", "CA")), "InvalidChangeBatch",
		"and GeoLocation CountryCode=US, SubdivisionCode=CA cannot be created because a geolocation RRSet with the same name, type and geolocation already exists."},
	{"default twice", route53API + "ResourceRecordSet, GeoLocation: you can't create two for the same location", tRecord, after(geoRecord("a", "", "*", ""), geoRecord("b", "", "*", "")), "InvalidChangeBatch", "GeoLocation CountryCode=* cannot"},
	{"geolocation beside latency", route53API + "ResourceRecordSet, GeoLocation", tRecord, after(latencyRecord("a", "us-east-1"), geoRecord("b", "", "*", "")), "InvalidChangeBatch", "a non-geolocation RRSet"},
	{"policy without a model", "ours", tRecord, with(simpleRecord, resource.Props{"multivalueAnswerRoutingPolicy": true}), "Check", `the local clouds do not model "multivalueAnswerRoutingPolicy"`},

	{"alarm check", "ours", tCheck, hc("type", "CLOUDWATCH_METRIC"), "Check", "the local clouds do not have health checks of type CLOUDWATCH_METRIC"},
	{"child threshold too high", route53API + "HealthCheckConfig, HealthThreshold: maximum 256", tCheck, calculated(resource.Props{"childHealthThreshold": 257.0}), "Check", "(0 - 256), got 257"},
	{"child threshold too low", route53API + "HealthCheckConfig, HealthThreshold: minimum 0", tCheck, calculated(resource.Props{"childHealthThreshold": -1.0}), "Check", "(0 - 256), got -1"},
	{"too many children", route53API + "HealthCheckConfig, ChildHealthChecks: maximum 256 items", tCheck, calculated(resource.Props{"childHealthchecks": names(257)}), "Check", "number of items in childHealthchecks"},
	{"child that is not there", route53API + "HealthCheckConfig, ChildHealthChecks", tCheck, calculated(resource.Props{"childHealthchecks": resource.List("nobody")}), "InvalidInput", "no health check exists with the specified ID nobody"},
	{"calculated without threshold", route53API + "HealthCheckConfig, HealthThreshold", tCheck, calculated(resource.Props{"childHealthThreshold": nil}), "InvalidInput", "HealthThreshold must be specified"},
	{"calculated with an endpoint", route53API + "HealthCheckConfig, FullyQualifiedDomainName", tCheck, calculated(resource.Props{"fqdn": "x.test"}), "InvalidInput", "FullyQualifiedDomainName must not be specified for a health check of type CALCULATED"},
	{"calculated with an interval", route53API + "HealthCheckConfig, RequestInterval", tCheck, calculated(resource.Props{"requestInterval": 10.0}), "InvalidInput", "RequestInterval must not be specified for a health check of type CALCULATED"},
	{"endpoint with children", route53API + "HealthCheckConfig, ChildHealthChecks (CALCULATED only)", tCheck, hc("childHealthchecks", resource.List("a")), "InvalidInput", "ChildHealthChecks must not be specified for a health check of type HTTPS"},
	{"endpoint with a routing control", route53API + "HealthCheckConfig, RoutingControlArn (RECOVERY_CONTROL only)", tCheck, hc("routingControlArn", "arn:aws:x"), "InvalidInput", "RoutingControlArn must not be specified"},
	{"check of no routing control", route53API + "HealthCheckConfig, RoutingControlArn", tCheck, is(resource.Props{"type": "RECOVERY_CONTROL", "routingControlArn": "arn:aws:nobody"}), "InvalidInput", "is not the ARN of a routing control"},
	{"routing control check with an endpoint", route53API + "HealthCheckConfig, Type", tCheck, arc(func(ids map[string]string) resource.Props {
		return resource.Props{"type": "RECOVERY_CONTROL", "routingControlArn": ids["one"], "fqdn": "x.test"}
	}), "InvalidInput", "must not be specified for a health check of type RECOVERY_CONTROL"},

	{"cluster name with a blank", recoveryAPI + "CreateCluster, ClusterName pattern", tCluster, is(resource.Props{"name": "my cluster"}), "Check", "must match"},
	{"cluster name too long", recoveryAPI + "CreateCluster, ClusterName: maximum 64", tCluster, is(resource.Props{"name": strings.Repeat("c", 65)}), "Check", "length of name"},
	{"cluster network", recoveryAPI + "CreateCluster, NetworkType", tCluster, is(resource.Props{"name": "c", "networkType": "IPV6"}), "Check", `one of ["IPV4", "DUALSTACK"]`},
	{"cluster name taken", recoveryAPI + "CreateCluster, ConflictException", tCluster, arc(func(map[string]string) resource.Props { return resource.Props{"name": "polygate"} }), "ConflictException", "already exists"},
	{"third cluster", recoveryDev + "Quotas for routing control: 2 clusters per account", tCluster, func(b *bed, r *region) resource.Props {
		b.switches(r)
		b.must(tCluster, resource.Props{"name": "second"})
		return resource.Props{"name": "third"}
	}, "ServiceQuotaExceededException", "StatusCode: 402"},
	{"panel of no cluster", recoveryAPI + "CreateControlPanel, ResourceNotFoundException", tPanel, is(resource.Props{"name": "p", "clusterArn": "arn:aws:nobody"}), "ResourceNotFoundException", "Cluster arn:aws:nobody was not found"},
	{"panel name taken", recoveryAPI + "CreateControlPanel, ConflictException", tPanel, arc(func(ids map[string]string) resource.Props {
		return resource.Props{"name": "polygate", "clusterArn": ids["cluster"]}
	}), "ConflictException", "in use already"},
	{"control of no panel", recoveryAPI + "CreateRoutingControl, ResourceNotFoundException", tControl, arc(func(ids map[string]string) resource.Props {
		return resource.Props{"name": "c", "clusterArn": ids["cluster"], "controlPanelArn": "arn:aws:nobody"}
	}), "ResourceNotFoundException", "was not found in the cluster"},
	{"control in the default panel", "ours", tControl, arc(func(ids map[string]string) resource.Props {
		return resource.Props{"name": "c", "clusterArn": ids["cluster"]}
	}), "Check", "default control panels"},
	{"control name taken", recoveryAPI + "CreateRoutingControl: unique within a control panel", tControl, arc(func(ids map[string]string) resource.Props {
		return resource.Props{"name": "one", "clusterArn": ids["cluster"], "controlPanelArn": ids["panel"]}
	}), "ConflictException", "The name one is in use already"},
	{"control one too many", recoveryDev + "Quotas for routing control: 100 per control panel", tControl, func(b *bed, r *region) resource.Props {
		ids := b.switches(r)
		control := func(i int) resource.Props {
			return resource.Props{"name": fmt.Sprint("c", i), "clusterArn": ids["cluster"], "controlPanelArn": ids["panel"]}
		}
		for i := range 98 {
			b.must(tControl, control(i))
		}
		return control(98)
	}, "ServiceQuotaExceededException", "100 routing controls per control panel"},
	{"rule kind", recoveryAPI + "RuleConfig, Type", tRule, arc(func(ids map[string]string) resource.Props {
		return ruleInputs(ids).With(resource.Props{"name": "r", "ruleConfig": resource.Props{"type": "ATMOST", "threshold": 1.0, "inverted": false}})
	}), "Check", `one of ["ATLEAST", "AND", "OR"]`},
	{"rule name taken", recoveryAPI + "CreateSafetyRule, ConflictException", tRule, arc(ruleInputs), "ConflictException", "The name at-least-one is in use already"},
	{"rule of no panel", recoveryAPI + "CreateSafetyRule, ResourceNotFoundException", tRule, arc(func(ids map[string]string) resource.Props {
		return ruleInputs(ids).With(resource.Props{"name": "r", "controlPanelArn": "arn:aws:nobody"})
	}), "ResourceNotFoundException", "was not found"},
	{"rule over a control that is not in the panel", recoveryAPI + "CreateSafetyRule, ValidationException", tRule, arc(func(ids map[string]string) resource.Props {
		return ruleInputs(ids).With(resource.Props{"name": "r", "assertedControls": resource.List(ids["one"], "arn:aws:nobody")})
	}), "ValidationException", "Asserted control arn:aws:nobody is not in the control panel"},
	{"gating rule", "ours", tRule, arc(func(ids map[string]string) resource.Props {
		return ruleInputs(ids).With(resource.Props{"gatingControls": resource.List(ids["one"])})
	}), "Check", `the local clouds do not model "gatingControls"`},
}

func TestRoutingFacts(t *testing.T) {
	t.Parallel()
	for _, f := range routingFacts {
		t.Run(f.name, f.holds)
	}
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
