package cloudflare

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"polygate.example/tools/internal/localcloud/resource"
)

const (
	tokenRecord = "cloudflare:index/dnsRecord:DnsRecord"
	labelRecord = "DNS record"
)

// recordTypes are the types of records. Source: pulumi-cloudflare, DnsRecordArgs.Type.
var recordTypes = oneOf("A", "AAAA", "CNAME", "MX", "NS", "OPENPGPKEY", "PTR", "TXT", "CAA", "CERT", "DNSKEY", "DS", "HTTPS", "LOC", "NAPTR", "SMIMEA", "SRV", "SSHFP", "SVCB", "TLSA", "URI")

// servedTypes are those the local clouds answer with.
var servedTypes = []string{"A", "AAAA", "CNAME", "TXT", "CAA", "NS"}

// automatic is the TTL that means Cloudflare's own, which is autoTTL seconds. Source: "Time to Live (TTL)",
// developers.cloudflare.com/dns/manage-dns-records/reference/ttl.
const (
	automatic = 1
	autoTTL   = 300
)

// recordType is cloudflare:index/dnsRecord:DnsRecord: one value, of which a name and type may have several.
func recordType() *resource.Type {
	return &resource.Type{
		Token: tokenRecord, Label: labelRecord,
		Properties: []resource.Property{
			zoneProperty(),
			{Name: "name", Kind: resource.String, Required: true, Max: resource.At(255), Same: sameName},
			{Name: "type", Kind: resource.String, Required: true, OneOf: recordTypes},
			{Name: "ttl", Kind: resource.Number, Required: true},
			text("content"),
			{Name: "data", Kind: resource.Object, Fields: []resource.Property{{Name: "flags", Kind: resource.Any}, text("tag"), text("value")},
				Unmodelled: []string{"algorithm", "certificate", "digest", "keyTag", "target", "priority", "port", "weight"}},
			flag("proxied", false),
			{Name: "comment", Kind: resource.String, Max: resource.At(500)},
		},
		Unmodelled: []string{"priority", "settings", "tags"},
		Computed:   []string{"createdOn", "modifiedOn", "meta", "proxiable", "content"},
		Volatile:   []string{"modifiedOn"},
		Check: func(_ context.Context, _ *resource.Env, in resource.Props) []resource.Failure {
			var out []resource.Failure
			if t := in.Str("type"); in.Has("type") && !slices.Contains(servedTypes, t) {
				out = append(out, unsupported("type", "records of type %s in Cloudflare zones", t))
			}
			if in.Bool("proxied") {
				out = append(out, unsupported("proxied", "proxied records: only load balancers are proxied"))
			}
			return out
		},
		Create: func(_ context.Context, env *resource.Env, in resource.Props) (string, resource.Props, error) {
			c := call{"POST", "zones/" + in.Str("zoneId") + "/dns_records"}
			if err := refuseRecord(env.View(), c, "", in); err != nil {
				return "", nil, err
			}
			id := serial(env, tokenRecord, in.Str("name"), in.Str("type"), in.Str("content"))
			return id, stamps(env).With(recordOutputs(in)), nil
		},
		Update: func(_ context.Context, env *resource.Env, old resource.Record, in resource.Props) (resource.Props, error) {
			c := call{"PUT", "zones/" + in.Str("zoneId") + "/dns_records/" + old.ID}
			return changed(env).With(recordOutputs(in)), refuseRecord(env.View(), c, old.ID, in)
		},
	}
}

func recordOutputs(in resource.Props) resource.Props {
	return resource.Props{"meta": "{}", "proxiable": slices.Contains([]string{"A", "AAAA", "CNAME"}, in.Str("type")), "content": contentOf(in)}
}

// contentOf is what a record answers; that of a CAA record is made of its parts.
func contentOf(in resource.Props) string {
	if d := in.Object("data"); in.Str("type") == "CAA" && d != nil {
		return fmt.Sprintf(`%v %s %q`, d["flags"], d.Str("tag"), d.Str("value"))
	}
	return in.Str("content")
}

// sameName compares DNS names: letter case and a trailing dot make no difference.
func sameName(a, b any) bool {
	x, ok1 := a.(string)
	y, ok2 := b.(string)
	return ok1 && ok2 && fqdn(x) == fqdn(y)
}

// recordName is a record's full name. @ is the zone's own, and a name that does not end in the zone's is below it. Source:
// "Create DNS records", developers.cloudflare.com/dns/manage-dns-records/how-to/create-dns-records.
func recordName(v resource.View, in resource.Props) string {
	z, _ := v.Get(tokenZone, in.Str("zoneId"))
	name, zone := fqdn(in.Str("name")), z.Inputs.Str("name")
	switch {
	case name == "@" || name == zone:
		return zone
	case strings.HasSuffix(name, "."+zone):
		return name
	}
	return name + "." + zone
}

// refuseRecord checks one record by itself and beside those there are.
func refuseRecord(v resource.View, c call, self string, in resource.Props) error {
	if _, err := c.inZone(v, in); err != nil {
		return err
	}
	kind, content := in.Str("type"), contentOf(in)
	// Source: pulumi-cloudflare, DnsRecordArgs.Ttl: "between 60 and 86400, with the minimum reduced to 30 for Enterprise
	// zones", 1 is automatic.
	if ttl := in.Int("ttl"); ttl != automatic && (ttl < 30 || ttl > 86400) {
		return c.refuse(codeTTL, "TTL must be between 30 and 86400 seconds, or 1 for Automatic.")
	}
	if err := refuseContent(c, kind, content, in); err != nil {
		return err
	}
	name := recordName(v, in)
	for _, r := range v.List(tokenRecord) {
		if r.ID == self || r.Inputs.Str("zoneId") != in.Str("zoneId") || recordName(v, r.Inputs) != name {
			continue
		}
		other := r.Inputs.Str("type")
		switch {
		case other == kind && r.Outputs().Str("content") == content:
			return c.refuse(codeIdentical, "An identical record already exists.")
		case kind == "CNAME" && slices.Contains([]string{"A", "AAAA", "CNAME"}, other):
			return c.refuse(codeAddressTaken, "An A, AAAA, or CNAME record with that host already exists.")
		case other == "CNAME" && slices.Contains([]string{"A", "AAAA"}, kind):
			return c.refuse(codeAliasTaken, "A CNAME record with that host already exists.")
		}
	}
	return nil
}

// refuseContent checks a value.
func refuseContent(c call, kind, content string, in resource.Props) error {
	addr, err := netip.ParseAddr(content)
	switch {
	case kind == "A" && (err != nil || !addr.Is4()):
		return c.refuse(codeIPv4, "Content for A record must be a valid IPv4 address.")
	case kind == "AAAA" && (err != nil || !addr.Is6()):
		return c.refuse(codeIPv6, "Content for AAAA record must be a valid IPv6 address.")
	case kind == "CNAME" && (err == nil || !hostPattern.MatchString(fqdn(content))):
		return c.refuse(codeRecordInvalid, "Content for CNAME record is invalid.")
	case kind == "CAA" && in.Object("data") == nil:
		return c.refuse(codeRecordInvalid, "CAA records require data: flags, tag and value.")
	case kind != "CAA" && content == "":
		return c.refuse(codeRecordInvalid, "DNS Validation Error")
	}
	return nil
}
