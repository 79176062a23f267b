package aws_test

import (
	"fmt"
	"strings"
	"testing"

	"polygate.example/tools/internal/localcloud/resource"
)

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
