package azure

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"polygate.example/tools/internal/localcloud/plane"
	"polygate.example/tools/internal/localcloud/resource"
)

// Tokens of Azure DNS. No program can make a zone here: a stack uses one that exists.
const (
	tokenZone      = "azure-native:dns:Zone"
	tokenRecordSet = "azure-native:dns:RecordSet"
)

// managerName is what stacks call Traffic Manager, whose zones are those of Azure DNS.
const managerName = "trafficmanager"

// ZoneTTLMax is the longest TTL of a record set, seconds. Source: "DNS zones and records overview", Time-to-live.
const ZoneTTLMax = 2147483647

// SeedZone puts a public DNS zone into a resource group, and the group into the account, unless they are there: what someone
// made by hand before the first deployment. The name is a DNS name with or without trailing dot.
func SeedZone(store *resource.Store, name, group string) error {
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	if !zoneName.MatchString(name) {
		return fmt.Errorf("seed DNS zone: %q is not a domain name of at least two labels", name)
	}
	if !groupForm.MatchString(group) {
		return fmt.Errorf("seed DNS zone %s: %q is not the name of a resource group: set polygate:%s to {zoneGroup: name}", name, group, managerName)
	}
	// Ids hold a subscription; which one the stack has is known only when it asks. Everything is found by name.
	g := ID{Subscription: Account, Group: group}
	if err := store.Seed(resource.Record{
		Provider: "azure", Type: tokenGroup, ID: g.String(), Inputs: resource.Props{"resourceGroupName": group, "location": "eastus"},
		Computed: made(g, "2024-03-01").With(resource.Props{"properties": resource.Props{"provisioningState": "Succeeded"}}),
	}); err != nil {
		return err
	}
	z := zoneID(Account, group, name)
	return store.Seed(resource.Record{
		Provider: "azure", Type: tokenZone, ID: z.String(), Inputs: resource.Props{"resourceGroupName": group, "zoneName": name}, Computed: made(z, dnsVersion),
	})
}

const dnsVersion = "2023-07-01-preview"

var (
	zoneName  = regexp.MustCompile(`^([a-z0-9_]([-a-z0-9_]{0,61}[a-z0-9])?\.)+[a-z]([-a-z0-9]{0,61}[a-z0-9])?$`)
	groupForm = regexp.MustCompile(`^[-\w._()]{1,90}$`)
)

func zoneID(subscription, group, name string, more ...string) ID {
	return ID{Subscription: subscription, Group: group, Namespace: "Microsoft.Network", Path: append([]string{"dnsZones", name}, more...)}
}

// zoneIn finds a zone by its group and name.
func zoneIn(v resource.View, group, name string) (resource.Record, bool) {
	for _, z := range v.List(tokenZone) {
		if strings.EqualFold(z.Inputs.Str("resourceGroupName"), group) && strings.EqualFold(z.Inputs.Str("zoneName"), strings.TrimSuffix(name, ".")) {
			return z, true
		}
	}
	return resource.Record{}, false
}

// zoneServers are the four of every zone; the data plane makes the NS record.
func zoneServers() []any {
	return resource.List("ns1-01.azure-dns.com.", "ns2-01.azure-dns.net.", "ns3-01.azure-dns.org.", "ns4-01.azure-dns.info.")
}

// getZone is azure-native:dns:getZone.
func getZone() *resource.Invoke {
	return &resource.Invoke{
		Token: "azure-native:dns:getZone",
		Args: []resource.Property{
			{Name: "resourceGroupName", Kind: resource.String, Required: true}, {Name: "zoneName", Kind: resource.String, Required: true},
		},
		Call: func(_ context.Context, env *resource.Env, args resource.Props) (resource.Props, error) {
			if _, ok := groupOf(env.View(), args.Str("resourceGroupName")); !ok {
				return nil, groupNotFound(args.Str("resourceGroupName"))
			}
			z, ok := zoneIn(env.View(), args.Str("resourceGroupName"), args.Str("zoneName"))
			if !ok {
				return nil, notFound(zoneID(subscription(env), args.Str("resourceGroupName"), args.Str("zoneName")))
			}
			id := zoneID(subscription(env), z.Inputs.Str("resourceGroupName"), z.Inputs.Str("zoneName"))
			// A zone is born with an SOA and an NS record set.
			return made(id, dnsVersion).With(resource.Props{
				"id": id.String(), "location": "global", "zoneType": "Public", "nameServers": zoneServers(), "tags": resource.Props{},
				"maxNumberOfRecordSets": 10000.0, "maxNumberOfRecordsPerRecordSet": 20.0, "numberOfRecordSets": float64(2 + len(recordSets(env.View(), z))),
				"systemData": resource.Props{}, "signingKeys": []any{},
			}), nil
		},
	}
}

// values are the record properties of a record set, by type; those of the other types are refused.
var values = map[string]string{"A": "aRecords", "CNAME": "cnameRecord", "TXT": "txtRecords", "CAA": "caaRecords"}

// recordSet is azure-native:dns:RecordSet. Sources: "Overview of DNS zones and records", learn.microsoft.com/azure/dns/
// dns-zones-records, and "Azure DNS limits".
func recordSet() *resource.Type {
	text := resource.Property{Kind: resource.String}
	object := func(fields ...resource.Property) *resource.Property {
		return &resource.Property{Kind: resource.Object, Fields: fields}
	}
	kind := choice("recordType", "A", "CNAME", "TXT", "CAA")
	kind.Required, kind.Immutable = true, true
	most := resource.At(20) // "Records per record set: 20"
	t := arm(tokenRecordSet, "Microsoft.Network/dnsZones", "relativeRecordSetName",
		resource.Property{Name: "zoneName", Kind: resource.String, Required: true, Immutable: true, Fold: true},
		kind,
		resource.Property{Name: "relativeRecordSetName", Kind: resource.String, Required: true, Immutable: true, Fold: true, Pattern: relativeName},
		resource.Property{Name: "ttl", Kind: resource.Int, Min: resource.At(1), Max: resource.At(ZoneTTLMax)},
		resource.Property{Name: "aRecords", Kind: resource.Array, Set: true, Max: most, Elem: object(resource.Property{Name: "ipv4Address", Kind: resource.String, Required: true})},
		resource.Property{Name: "cnameRecord", Kind: resource.Object, Fields: []resource.Property{{Name: "cname", Kind: resource.String, Required: true}}},
		resource.Property{Name: "txtRecords", Kind: resource.Array, Set: true, Max: most, Elem: object(resource.Property{Name: "value", Kind: resource.Array, Required: true, Elem: &text})},
		resource.Property{Name: "caaRecords", Kind: resource.Array, Set: true, Max: most, Elem: object(
			resource.Property{Name: "flags", Kind: resource.Int, Required: true, Min: resource.At(0), Max: resource.At(255)},
			resource.Property{Name: "tag", Kind: resource.String, Required: true, OneOf: resource.List("issue", "issuewild", "iodef")},
			resource.Property{Name: "value", Kind: resource.String, Required: true, Max: resource.At(1024)})},
		resource.Property{Name: "metadata", Kind: resource.Map, Elem: &text},
	)
	t.Unmodelled = []string{"aaaaRecords", "dsRecords", "mxRecords", "naptrRecords", "nsRecords", "ptrRecords", "soaRecord", "srvRecords", "targetResource",
		"tlsaRecords", "trafficManagementProfile"}
	t.Computed = append(t.Computed, "fqdn", "etag", "provisioningState")
	t.Volatile = []string{"etag"}
	t.Unique = []string{"resourceGroupName", "zoneName", "recordType", "relativeRecordSetName"}
	t.Conflict = func(in resource.Props) error {
		return exists("/resourceGroups/" + in.Str("resourceGroupName") + "/providers/Microsoft.Network/dnsZones/" + in.Str("zoneName") + "/" + in.Str("recordType") + "/" + in.Str("relativeRecordSetName"))
	}
	t.Create = func(_ context.Context, env *resource.Env, in resource.Props) (string, resource.Props, error) {
		g, ok := groupOf(env.View(), in.Str("resourceGroupName"))
		if !ok {
			return "", nil, groupNotFound(in.Str("resourceGroupName"))
		}
		z, ok := zoneIn(env.View(), g.Inputs.Str("resourceGroupName"), in.Str("zoneName"))
		if !ok {
			return "", nil, refuse(http.StatusNotFound, "ParentResourceNotFound",
				"Can not perform requested operation on nested resource. Parent resource '%s' not found.", in.Str("zoneName"))
		}
		if err := refuseRecords(env.View(), z, in); err != nil {
			return "", nil, err
		}
		id := zoneID(subscription(env), g.Inputs.Str("resourceGroupName"), z.Inputs.Str("zoneName"), in.Str("recordType"), strings.ToLower(in.Str("relativeRecordSetName")))
		return id.String(), made(id, dnsVersion).With(resource.Props{"fqdn": fullName(in) + ".", "etag": derived(id.String(), env.Now().String()), "provisioningState": "Succeeded"}), nil
	}
	t.Update = func(_ context.Context, env *resource.Env, old resource.Record, in resource.Props) (resource.Props, error) {
		z, ok := zoneIn(env.View(), in.Str("resourceGroupName"), in.Str("zoneName"))
		if !ok {
			return nil, refuse(http.StatusNotFound, "ParentResourceNotFound",
				"Can not perform requested operation on nested resource. Parent resource '%s' not found.", in.Str("zoneName"))
		}
		return resource.Props{"etag": derived(old.ID, env.Now().String())}, refuseRecords(env.View(), z, in)
	}
	return t
}

// relativeName is @ or labels without the zone; the first may be a wildcard.
var relativeName = regexp.MustCompile(`^(@|(\*|[A-Za-z0-9_]([-A-Za-z0-9_]{0,61}[A-Za-z0-9_])?)(\.[A-Za-z0-9_]([-A-Za-z0-9_]{0,61}[A-Za-z0-9_])?)*)$`)

// fullName is a record set's name in DNS, lower case, without trailing dot.
func fullName(in resource.Props) string {
	zone := strings.ToLower(strings.TrimSuffix(in.Str("zoneName"), "."))
	if in.Str("relativeRecordSetName") == "@" {
		return zone
	}
	return strings.ToLower(in.Str("relativeRecordSetName")) + "." + zone
}

// refuseRecords checks a record set in its zone. The words are Azure's where they are on public record: kubernetes-sigs/
// external-dns issues #4855 and #5358, rcl-letsencrypt-auto-ssl/Lets-Encrypt-Auto issue #26.
func refuseRecords(v resource.View, zone resource.Record, in resource.Props) error {
	kind := in.Str("recordType")
	for other, property := range values {
		if other != kind && in.Has(property) && len(in.List(property))+len(in.Object(property)) > 0 {
			return badRequest("The record set of type '%s' must not have '%s'.", kind, property)
		}
	}
	if !in.Has("ttl") {
		return badRequest("The TTL of record set '%s' is missing.", in.Str("relativeRecordSetName"))
	}
	if kind == "CNAME" && in.Str("relativeRecordSetName") == "@" { // the apex has its SOA and NS
		return conflict("The CNAME record could not be created because another record with the same name already exists in this zone.")
	}
	for _, r := range recordSets(v, zone) {
		if !strings.EqualFold(fullName(r.Inputs), fullName(in)) || r.Inputs.Str("recordType") == kind {
			continue
		}
		if kind == "CNAME" {
			return conflict("The CNAME record could not be created because another record with the same name already exists in this zone.")
		}
		if r.Inputs.Str("recordType") == "CNAME" {
			return refuse(http.StatusConflict, "CannotCreateRecordDueToCNameNamingRestriction",
				"The record could not be created because a CNAME record with the same name already exists in this zone.")
		}
	}
	return refuseValues(in)
}

// refuseValues checks the values themselves. Source: "Overview of DNS zones and records", TXT records: a string has up to 255
// characters, all those of a record together up to 4096.
func refuseValues(in resource.Props) error {
	switch in.Str("recordType") {
	case "A":
		for _, r := range in.Objects("aRecords") {
			if ip, err := netip.ParseAddr(r.Str("ipv4Address")); err != nil || !ip.Is4() {
				return badRequest("The IPv4 address '%s' is invalid.", r.Str("ipv4Address"))
			}
		}
	case "CNAME":
		if !in.Has("cnameRecord") {
			return badRequest("The record set '%s' of type CNAME has no record.", in.Str("relativeRecordSetName"))
		}
		if name := in.Object("cnameRecord").Str("cname"); !zoneName.MatchString(strings.ToLower(strings.TrimSuffix(name, "."))) {
			return badRequest("The domain name '%s' is invalid.", name)
		}
	case "TXT":
		for _, r := range in.Objects("txtRecords") {
			all := 0
			for _, s := range r.Strings("value") {
				all += len(s)
				if len(s) > 255 {
					return badRequest("The value of TXT record '%s' has a string of %d characters: at most 255 are allowed.", in.Str("relativeRecordSetName"), len(s))
				}
			}
			if all > 4096 {
				return badRequest("The value of TXT record '%s' has %d characters: at most 4096 are allowed.", in.Str("relativeRecordSetName"), all)
			}
		}
	}
	return nil
}

// recordSets lists the record sets of a zone.
func recordSets(v resource.View, zone resource.Record) []resource.Record {
	return slices.DeleteFunc(v.List(tokenRecordSet), func(r resource.Record) bool {
		return !strings.EqualFold(r.Inputs.Str("zoneName"), zone.Inputs.Str("zoneName")) || !strings.EqualFold(r.Inputs.Str("resourceGroupName"), zone.Inputs.Str("resourceGroupName"))
	})
}

// hostedZones are the zones the data plane serves.
func hostedZones(v resource.View) []plane.Zone {
	var out []plane.Zone
	for _, z := range v.List(tokenZone) {
		pz := plane.Zone{ID: z.ID, Name: z.Inputs.Str("zoneName"), Manager: managerName}
		for _, r := range recordSets(v, z) {
			// "An empty record set does not appear on the Azure DNS name servers" (Overview of DNS zones and records).
			if values := recordValues(r.Inputs); len(values) > 0 {
				pz.Records = append(pz.Records, plane.Record{Name: fullName(r.Inputs), Type: r.Inputs.Str("recordType"), TTL: r.Inputs.Int("ttl"), Values: values})
			}
		}
		out = append(out, pz)
	}
	return out
}

// recordValues are a record set's values in the spelling of a zone file.
func recordValues(in resource.Props) []string {
	var out []string
	switch in.Str("recordType") {
	case "A":
		for _, r := range in.Objects("aRecords") {
			out = append(out, r.Str("ipv4Address"))
		}
	case "CNAME":
		out = append(out, in.Object("cnameRecord").Str("cname"))
	case "TXT":
		for _, r := range in.Objects("txtRecords") {
			var quoted []string
			for _, s := range r.Strings("value") {
				quoted = append(quoted, quote(s))
			}
			out = append(out, strings.Join(quoted, " "))
		}
	case "CAA":
		for _, r := range in.Objects("caaRecords") {
			out = append(out, fmt.Sprintf("%d %s %q", r.Int("flags"), r.Str("tag"), r.Str("value")))
		}
	}
	return out
}

// quote spells one string of a TXT record as the data plane reads it.
func quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, c := range []byte(s) {
		switch {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c < ' ' || c > '~':
			fmt.Fprintf(&b, `\%03o`, c)
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// DNS answers from the zones of Azure DNS among the records.
type DNS struct{}

// TXT returns the values at a name, each as one string.
func (DNS) TXT(v resource.View, name string) []string {
	var out []string
	for _, in := range setsAt(v, name, "TXT") {
		for _, r := range in.Objects("txtRecords") {
			out = append(out, strings.Join(r.Strings("value"), ""))
		}
	}
	return out
}

// CNAME returns the target at a name in lower case without trailing dot, "" when there is none.
func (DNS) CNAME(v resource.View, name string) string {
	for _, in := range setsAt(v, name, "CNAME") {
		return strings.ToLower(strings.TrimSuffix(in.Object("cnameRecord").Str("cname"), "."))
	}
	return ""
}

// CAA returns the CAA values at a name.
func (DNS) CAA(v resource.View, name string) []string {
	var out []string
	for _, in := range setsAt(v, name, "CAA") {
		out = append(out, recordValues(in)...)
	}
	return out
}

func setsAt(v resource.View, name, kind string) []resource.Props {
	var out []resource.Props
	for _, r := range v.List(tokenRecordSet) {
		if strings.EqualFold(fullName(r.Inputs), strings.TrimSuffix(name, ".")) && r.Inputs.Str("recordType") == kind {
			out = append(out, r.Inputs)
		}
	}
	return out
}

var _ resource.DNS = DNS{}
