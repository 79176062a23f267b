package aws

import (
	"context"
	"fmt"
	"math"
	"strings"

	"polygate.example/tools/internal/localcloud/resource"
)

const (
	tokenRecord = "aws:route53/record:Record"
	labelRecord = "Route 53 Record"
)

// recordTypes are the types of records. Source: Route 53 API reference, ResourceRecordSet, Type.
var recordTypes = oneOf("SOA", "A", "TXT", "NS", "CNAME", "MX", "NAPTR", "PTR", "SRV", "SPF", "AAAA", "CAA", "DS", "TLSA", "SSHFP", "SVCB", "HTTPS")

// recordType is aws:route53/record:Record. The rules between records are in recordset.go, those of
// routing policies in routing.go.
//
// pulumi-aws can change type and set identifier in place, by a batch that deletes and creates; here both replace, which
// comes to the same, except that a second PRIMARY is refused while the first is there.
func recordType() *resource.Type {
	name := resource.Property{Name: "name", Kind: resource.String, Required: true, Immutable: true, Max: resource.At(1024),
		Same: func(a, b any) bool { return sameName(a, b) }}
	target := resource.Property{Name: "name", Kind: resource.String, Required: true, Same: func(a, b any) bool { return sameName(a, b) }}
	return &resource.Type{
		Token: tokenRecord, Label: labelRecord,
		Properties: append(policyProperties(),
			fixed(required(text("zoneId"))), name,
			resource.Property{Name: "type", Kind: resource.String, Required: true, Immutable: true, OneOf: recordTypes},
			resource.Property{Name: "ttl", Kind: resource.Int, Min: resource.At(0), Max: resource.At(math.MaxInt32)},
			resource.Property{Name: "records", Kind: resource.Array, Set: true, Elem: &resource.Property{Kind: resource.String, Max: resource.At(4000)}},
			resource.Property{Name: "aliases", Kind: resource.Array, Max: resource.At(1), Elem: &resource.Property{Kind: resource.Object, Fields: []resource.Property{
				target, required(text("zoneId")), {Name: "evaluateTargetHealth", Kind: resource.Bool, Required: true}}}},
			resource.Property{Name: "setIdentifier", Kind: resource.String, Immutable: true, Min: resource.At(1), Max: resource.At(128)},
			resource.Property{Name: "healthCheckId", Kind: resource.String, Max: resource.At(64)},
			resource.Property{Name: "allowOverwrite", Kind: resource.Bool, Default: false, Ignored: true},
		),
		Unmodelled: []string{"cidrRoutingPolicy", "geoproximityRoutingPolicy", "multivalueAnswerRoutingPolicy"},
		Computed:   []string{"fqdn"},
		Unique:     []string{"zoneId", "name", "type", "setIdentifier"},
		// With allowOverwrite the provider sends UPSERT in place of CREATE and takes the record over.
		Conflict: func(in resource.Props) error {
			if in.Bool("allowOverwrite") {
				return nil
			}
			return recordAction(resource.OpCreate, in).refuse(codeInvalidChangeBatch, "[Tried to create resource record set [name='%s.', type='%s'%s] but it already exists]",
				strings.ToLower(strings.TrimSuffix(in.Str("name"), ".")), in.Str("type"), setIdentifierClause(in))
		},
		Check: checkRecord,
		Create: func(_ context.Context, env *resource.Env, in resource.Props) (string, resource.Props, error) {
			return changeRecord(env, resource.OpCreate, in)
		},
		Update: func(_ context.Context, env *resource.Env, _ resource.Record, in resource.Props) (resource.Props, error) {
			_, computed, err := changeRecord(env, resource.OpUpdate, in)
			return computed, err
		},
	}
}

func recordAction(op resource.Op, in resource.Props) action {
	return action{op, labelRecord, in.Str("name") + " " + in.Str("type"), serviceRoute53, "ChangeResourceRecordSets"}
}

func setIdentifierClause(in resource.Props) string {
	if s := in.Str("setIdentifier"); s != "" {
		return fmt.Sprintf(", set-identifier='%s'", s)
	}
	return ""
}

// sameName compares DNS names as Route 53 does: letter case and a trailing dot make no difference.
func sameName(a, b any) bool {
	x, ok1 := a.(string)
	y, ok2 := b.(string)
	return ok1 && ok2 && strings.EqualFold(strings.TrimSuffix(x, "."), strings.TrimSuffix(y, "."))
}

// checkRecord checks what pulumi-aws checks before the call (the schema's ExactlyOneOf, RequiredWith, ConflictsWith).
func checkRecord(_ context.Context, _ *resource.Env, in resource.Props) []resource.Failure {
	var out []resource.Failure
	add := func(property, format string, args ...any) {
		out = append(out, resource.Failure{Property: property, Reason: fmt.Sprintf(format, args...)})
	}
	alias, records := in["aliases"] != nil, in["records"] != nil
	switch {
	case alias && records:
		add("aliases", "\"aliases\": only one of `aliases,records` can be specified, but `aliases,records` were specified.")
	case !alias && !records:
		add("records", "one of `aliases,records` must be specified")
	case alias && in["ttl"] != nil:
		add("ttl", "\"ttl\": conflicts with aliases: an alias has the TTL of its target")
	case records && in["ttl"] == nil:
		add("ttl", "\"records\": all of `records,ttl` must be specified")
	}
	return append(out, checkPolicies(in)...)
}

// recordName is a record's full name, lower case, without trailing dot. A name that does not end in the zone's name is
// taken as relative to it, as pulumi-aws does.
func recordName(name, zone string) string {
	name, zone = strings.ToLower(strings.TrimSuffix(name, ".")), strings.ToLower(strings.TrimSuffix(zone, "."))
	switch {
	case name == "":
		return zone
	case strings.HasSuffix(name, zone):
		return name
	}
	return name + "." + zone
}

// changeRecord creates or overwrites one record in its zone.
func changeRecord(env *resource.Env, op resource.Op, in resource.Props) (string, resource.Props, error) {
	a := recordAction(op, in)
	zone, ok := zoneByID(env.View(), in.Str("zoneId"))
	if !ok {
		return "", nil, a.refuse(codeNoSuchHostedZone, "No hosted zone found with ID: %s", strings.TrimPrefix(in.Str("zoneId"), "/hostedzone/"))
	}
	r := recordSet{Props: in, fqdn: recordName(in.Str("name"), zone.Inputs.Str("name")), zone: zone, view: env.View()}
	if code, msg := r.refusal(); msg != "" {
		return "", nil, a.refuse(code, "%s", msg)
	}
	id := strings.Join([]string{zone.ID, r.fqdn, in.Str("type")}, "_")
	if s := in.Str("setIdentifier"); s != "" {
		id += "_" + s
	}
	return id, resource.Props{"fqdn": r.fqdn}, nil
}

// failoverOf returns PRIMARY, SECONDARY or "".
func failoverOf(in resource.Props) string {
	for _, p := range in.Objects("failoverRoutingPolicies") {
		return p.Str("type")
	}
	return ""
}

// recordsOf lists the records of a zone.
func recordsOf(v resource.View, zone string) []resource.Record {
	var out []resource.Record
	for _, r := range v.List(tokenRecord) {
		if strings.TrimPrefix(r.Inputs.Str("zoneId"), "/hostedzone/") == zone {
			out = append(out, r)
		}
	}
	return out
}
