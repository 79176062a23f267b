package aws

import (
	"context"
	"fmt"
	"strings"

	"polygate.example/tools/internal/localcloud/resource"
)

// tokenZone is the type of seeded hosted zones. No program can make one: a stack uses a zone that exists.
const tokenZone = "aws:route53/zone:Zone"

// SeedZone puts a public hosted zone into the account, unless it is there: what someone made by hand before the first
// deployment. The name is a DNS name with or without trailing dot.
func SeedZone(store *resource.Store, name string) error {
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	if !hostPattern.MatchString(name) || strings.HasPrefix(name, "*") {
		return fmt.Errorf("seed hosted zone: %q is not a domain name of at least two labels", name)
	}
	id := "Z" + strings.ToUpper(derive(20, "zone", name))
	return store.Seed(resource.Record{
		Provider: "aws", Type: tokenZone, ID: id,
		Inputs:   resource.Props{"name": name, "comment": "made before the first deployment"},
		Computed: resource.Props{"zoneId": id, "arn": "arn:aws:route53:::hostedzone/" + id},
	})
}

// AccelerateRecovery turns accelerated recovery on for a hosted zone, as someone does by hand before a deployment
// (UpdateHostedZoneFeatures).
func AccelerateRecovery(ctx context.Context, store *resource.Store, name string) error {
	return store.Amend(ctx, func(v resource.View) ([]resource.Record, error) {
		z, ok := v.Find(tokenZone, "name", strings.ToLower(strings.TrimSuffix(name, ".")))
		if !ok {
			return nil, fmt.Errorf("there is no hosted zone %q", name)
		}
		z.Inputs = z.Inputs.With(resource.Props{"enableAcceleratedRecovery": true})
		return []resource.Record{z}, nil
	})
}

// zoneByID finds a hosted zone by its id, which may carry the prefix the API puts before it.
func zoneByID(v resource.View, id string) (resource.Record, bool) {
	return v.Get(tokenZone, strings.TrimPrefix(id, "/hostedzone/"))
}

// nameServers are the four of every seeded zone; the data plane makes the NS record.
func nameServers() []any {
	return resource.List("ns-1.awsdns-01.test", "ns-2.awsdns-02.test", "ns-3.awsdns-03.test", "ns-4.awsdns-04.test")
}

// getZoneInvoke is aws:route53/getZone:getZone.
func getZoneInvoke() *resource.Invoke {
	return &resource.Invoke{
		Token: "aws:route53/getZone:getZone",
		Args: []resource.Property{
			text("name"), text("zoneId"), flag("privateZone", false), tagsProperty(), text("vpcId"),
			{Name: "enableAcceleratedRecovery", Kind: resource.Bool},
		},
		Call: func(_ context.Context, env *resource.Env, args resource.Props) (resource.Props, error) {
			if args.Has("name") == args.Has("zoneId") && len(args.Object("tags")) == 0 {
				return nil, &resource.Error{Code: codeInvalidInput, Message: "one of `name,tags,zoneId` must be specified, and not both name and zoneId"}
			}
			name := strings.TrimSuffix(args.Str("name"), ".")
			for _, z := range env.View().List(tokenZone) {
				if args.Bool("privateZone") || args.Has("vpcId") || len(args.Object("tags")) > 0 { // seeded zones are public and without tags
					break
				}
				if strings.EqualFold(z.Inputs.Str("name"), name) || args.Has("zoneId") && z.ID == strings.TrimPrefix(args.Str("zoneId"), "/hostedzone/") {
					return zoneResult(env.View(), z), nil
				}
			}
			return nil, &resource.Error{Code: codeNoSuchHostedZone, Message: fmt.Sprintf("no matching Route 53 Hosted Zone found for %s", describeLookup(args))}
		},
	}
}

func describeLookup(args resource.Props) string {
	what := "name " + args.Str("name")
	if args.Has("zoneId") {
		what = "id " + args.Str("zoneId")
	}
	if args.Bool("privateZone") {
		what += " (private)"
	}
	return what
}

func zoneResult(v resource.View, z resource.Record) resource.Props {
	return resource.Props{
		"arn": z.Computed.Str("arn"), "callerReference": "polygate", "comment": z.Inputs.Str("comment"), "enableAcceleratedRecovery": z.Inputs.Bool("enableAcceleratedRecovery"),
		"id": z.ID, "zoneId": z.ID, "linkedServiceDescription": "", "linkedServicePrincipal": "", "name": z.Inputs.Str("name"),
		"nameServers": nameServers(), "primaryNameServer": "ns-1.awsdns-01.test", "privateZone": false,
		"resourceRecordSetCount": float64(2 + len(recordsOf(v, z.ID))), // SOA and NS count
		"tags":                   resource.Props{},
	}
}

// DNS answers from the hosted zones among the records.
type DNS struct{}

// TXT returns the values at a name, each as one string without the quotes of the zone's spelling.
func (DNS) TXT(v resource.View, name string) []string {
	var out []string
	for _, r := range recordsAt(v, name, "TXT") {
		for _, value := range r.Inputs.Strings("records") {
			out = append(out, strings.ReplaceAll(strings.Trim(value, `"`), `""`, ""))
		}
	}
	return out
}

// CNAME returns the target at a name in lower case without trailing dot, "" when there is none. Of a failover pair it is
// the PRIMARY's, which is what answers when nothing is wrong.
func (DNS) CNAME(v resource.View, name string) string {
	target := ""
	for _, r := range recordsAt(v, name, "CNAME") {
		for _, value := range r.Inputs.Strings("records") {
			if target == "" || failoverOf(r.Inputs) == "PRIMARY" {
				target = strings.ToLower(strings.TrimSuffix(value, "."))
			}
		}
	}
	return target
}

// CAA returns the CAA values at a name.
func (DNS) CAA(v resource.View, name string) []string {
	var out []string
	for _, r := range recordsAt(v, name, "CAA") {
		out = append(out, r.Inputs.Strings("records")...)
	}
	return out
}

func recordsAt(v resource.View, name, kind string) []resource.Record {
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	var out []resource.Record
	for _, r := range v.List(tokenRecord) {
		if r.Computed.Str("fqdn") == name && r.Inputs.Str("type") == kind {
			out = append(out, r)
		}
	}
	return out
}

var _ resource.DNS = DNS{}
