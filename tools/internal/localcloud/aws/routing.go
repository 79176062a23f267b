package aws

import (
	"fmt"
	"slices"
	"strings"

	"polygate.example/tools/internal/localcloud/resource"
)

// Routing policies of a record, as the provider's properties name them. A record has at most one.
const (
	failoverPolicy    = "failoverRoutingPolicies"
	weightedPolicy    = "weightedRoutingPolicies"
	latencyPolicy     = "latencyRoutingPolicies"
	geolocationPolicy = "geolocationRoutingPolicies"
)

// policies are those that are modelled, in the order of checks.
var policies = []string{failoverPolicy, weightedPolicy, latencyPolicy, geolocationPolicy}

const maxWeight = 255 // Route 53 API reference, ResourceRecordSet, Weight

// latencyRegions are the regions that latency records know. Source: Route 53 API reference, ResourceRecordSet, Region.
var latencyRegions = oneOf("us-east-1", "us-east-2", "us-west-1", "us-west-2", "ca-central-1", "eu-west-1", "eu-west-2", "eu-west-3", "eu-central-1",
	"eu-central-2", "ap-southeast-1", "ap-southeast-2", "ap-southeast-3", "ap-northeast-1", "ap-northeast-2", "ap-northeast-3", "eu-north-1", "sa-east-1",
	"cn-north-1", "cn-northwest-1", "ap-east-1", "me-south-1", "me-central-1", "ap-south-1", "ap-south-2", "af-south-1", "eu-south-1", "eu-south-2",
	"ap-southeast-4", "il-central-1", "ca-west-1", "ap-southeast-5", "mx-central-1", "ap-southeast-7", "us-gov-east-1", "us-gov-west-1", "ap-east-2", "ap-southeast-6")

// policyProperties are the routing policies that a record can be given.
func policyProperties() []resource.Property {
	policy := func(name string, fields ...resource.Property) resource.Property {
		return resource.Property{Name: name, Kind: resource.Array, Max: resource.At(1), Elem: &resource.Property{Kind: resource.Object, Fields: fields}}
	}
	return []resource.Property{
		policy(failoverPolicy, resource.Property{Name: "type", Kind: resource.String, Required: true, OneOf: oneOf("PRIMARY", "SECONDARY")}),
		policy(weightedPolicy, resource.Property{Name: "weight", Kind: resource.Int, Required: true}),
		policy(latencyPolicy, resource.Property{Name: "region", Kind: resource.String, Required: true, OneOf: latencyRegions}),
		policy(geolocationPolicy, text("continent"), text("country"), text("subdivision")),
	}
}

// checkPolicies checks what the provider checks: one policy at most, and an identifier with it.
func checkPolicies(in resource.Props) []resource.Failure {
	var out []resource.Failure
	add := func(property, format string, args ...any) {
		out = append(out, resource.Failure{Property: property, Reason: fmt.Sprintf(format, args...)})
	}
	first := ""
	for _, p := range policies {
		if in[p] == nil {
			continue
		}
		if in["setIdentifier"] == nil {
			add("setIdentifier", "\"%s\": all of `%s,setIdentifier` must be specified", p, p)
		}
		if first != "" {
			add(p, "\"%s\": conflicts with %s", p, first)
		}
		first = p
	}
	return out
}

// routing is a record's policy, and what no two records of its set have in common under it.
type routing struct {
	policy string // "" for a simple record
	kind   string // in messages
	slot   string // in messages: "Failover PRIMARY", "Region Name=us-east-1"; "" under weights, where only the identifier counts
	beside string // what the message of a second one adds: "failover value", "region"
}

// routingOf reads the policy of a record.
func routingOf(in resource.Props) routing {
	for _, p := range in.Objects(failoverPolicy) {
		return routing{failoverPolicy, "failover", "Failover " + p.Str("type"), "name, type and failover value"}
	}
	for range in.Objects(weightedPolicy) {
		return routing{policy: weightedPolicy, kind: "weighted"}
	}
	for _, p := range in.Objects(latencyPolicy) {
		return routing{latencyPolicy, "latency", "Region Name=" + p.Str("region"), "name, type and region"}
	}
	for _, p := range in.Objects(geolocationPolicy) {
		return routing{geolocationPolicy, "geolocation", "GeoLocation " + describePlace(p), "name, type and geolocation"}
	}
	return routing{}
}

func describePlace(p resource.Props) string {
	var parts []string
	for _, f := range []struct{ property, name string }{{"continent", "ContinentCode"}, {"country", "CountryCode"}, {"subdivision", "SubdivisionCode"}} {
		if v := p.Str(f.property); v != "" {
			parts = append(parts, f.name+"="+v)
		}
	}
	return strings.Join(parts, ", ")
}

// badPolicy checks the values of the policy.
func (r recordSet) badPolicy() string {
	for _, p := range r.Objects(weightedPolicy) {
		if w := p.Int("weight"); w < 0 || w > maxWeight {
			bound := "less than or equal to 255"
			if w < 0 {
				bound = "greater than or equal to 0"
			}
			return fmt.Sprintf("1 validation error detected: Value '%d' at 'changeBatch.changes.1.member.resourceRecordSet.weight' failed to satisfy constraint: "+
				"Member must have value %s", w, bound)
		}
	}
	for _, p := range r.Objects(geolocationPolicy) {
		if fault := badPlace(p.Str("continent"), p.Str("country"), p.Str("subdivision")); fault != "" {
			return "Invalid request: " + fault + " in " + r.change()
		}
	}
	return ""
}

// badPlace checks a geolocation. Source: Route 53 API reference, GeoLocation: "Specifying ContinentCode with either CountryCode
// or SubdivisionCode returns an InvalidInput error"; SubdivisionCode is "the two-letter code for a state of the United States.
// Route 53 doesn't support any other values"; countries are those of ISO 3166-1 alpha-2 and * for the default record.
func badPlace(continent, country, subdivision string) string {
	switch {
	case continent == "" && country == "":
		return "Expected exactly one of [ContinentCode, or CountryCode], but found none"
	case continent != "" && (country != "" || subdivision != ""):
		return "ContinentCode must not be specified together with CountryCode or SubdivisionCode"
	case continent != "" && !slices.Contains(continents, continent):
		return fmt.Sprintf("ContinentCode '%s' is not supported", continent)
	case country != "" && country != "*" && !slices.Contains(countries, country):
		return fmt.Sprintf("CountryCode '%s' is not supported", country)
	case subdivision != "" && country != "US":
		return "SubdivisionCode is only supported with the CountryCode 'US'"
	case subdivision != "" && !slices.Contains(states, subdivision):
		return fmt.Sprintf("SubdivisionCode '%s' is not supported", subdivision)
	}
	return ""
}

// besideOthers keeps one routing policy per name and type, and one record per slot, region or place. The words of a second
// failover, of weighted beside another policy and of a second region are on public record (kubernetes-sigs/external-dns issues
// 4345 and 3945, hashicorp/terraform-provider-aws issue 1668), and so are those of unequal TTLs (aws/aws-sdk-go-v2 issue 518;
// API reference, ResourceRecordSet, TTL: "All of the resource record sets in a group of weighted resource record sets must have
// the same value for TTL").
func (r recordSet) besideOthers() string {
	own, id := routingOf(r.Props), r.Str("setIdentifier")
	at := fmt.Sprintf("RRSet with DNS name %s., type %s", r.fqdn, r.kind())
	for _, o := range r.others() {
		if o.Inputs.Str("type") != r.kind() {
			continue
		}
		theirs := routingOf(o.Inputs)
		switch {
		case own.policy == "":
			return at + " cannot be created as other RRSets exist with the same name and type."
		case theirs.policy != own.policy && own.policy == weightedPolicy:
			return fmt.Sprintf("%s, SetIdentifier %s cannot be created as a non-weighted set exists with the same name and type.", at, id)
		case theirs.policy != own.policy:
			return fmt.Sprintf("%s, SetIdentifier %s, and %s cannot be created because a non-%s RRSet with the same name and type already exists.", at, id, own.slot, own.kind)
		case own.slot != "" && theirs.slot == own.slot:
			return fmt.Sprintf("%s, SetIdentifier %s, and %s cannot be created because a %s RRSet with the same %s already exists.", at, id, own.slot, own.kind, own.beside)
		case own.policy == weightedPolicy && r.Has("ttl") && o.Inputs.Has("ttl") && r.Int("ttl") != o.Inputs.Int("ttl"):
			return fmt.Sprintf("RRSet with DNS name %s. and type %s, SetIdentifier %s cannot be created as weighted sets must contain the same TTL.", r.fqdn, r.kind(), id)
		}
	}
	return ""
}
