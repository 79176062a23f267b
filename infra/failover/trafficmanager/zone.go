package trafficmanager

import (
	"fmt"
	"strings"

	"github.com/pulumi/pulumi-azure-native-sdk/dns/v3"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"polygate.example/infra/failover"
	"polygate.example/infra/provider"
	"polygate.example/infra/settings"
)

// recordTTL is the TTL of records in the zone, in seconds. Nobody fails over by them: the shared name leads to its profile all
// the time, and a region's own name changes only when the region is deployed anew.
const recordTTL = 60

// zone is an Azure DNS zone that exists already.
type zone struct {
	id       string
	group    string // resource group
	location string // of the resource group that the profiles are put into
	settings settings.Settings
}

// Open looks the zone up by resource group and name. It is there at once, also in a preview.
func (Manager) Open(ctx *pulumi.Context, _ string, args failover.ZoneArgs, opts ...pulumi.ResourceOption) (failover.Zone, error) {
	s := args.Settings
	z := &zone{group: s.TrafficManager.ZoneGroup, location: defaultLocation, settings: s}
	if args.Config != nil {
		if l, ok := args.Config(provider.AzureLocation.Key); ok && l != "" {
			z.location = l
		}
	}
	if args.Lost {
		return z, nil
	}
	found, err := dns.LookupZone(ctx, &dns.LookupZoneArgs{ResourceGroupName: s.TrafficManager.ZoneGroup, ZoneName: s.Zone}, failover.Invokes(opts)...)
	if err != nil {
		return nil, fmt.Errorf("find the DNS zone %q in the resource group %q of Azure (a stack uses a zone that exists and never creates one; while its API is down, "+
			"`polygate up --without trafficmanager` deploys the rest): %w", s.Zone, s.TrafficManager.ZoneGroup, err)
	}
	z.id = found.Id
	return z, nil
}

// Write declares a plain record. Its type may be known only to the cloud that asked for the record, so the values are put where
// the type wants them when it is known.
func (z *zone) Write(ctx *pulumi.Context, name string, r provider.Record, opts ...pulumi.ResourceOption) (*provider.Written, error) {
	fqdn := r.Name.ToStringOutput().ApplyT(func(n string) string { return strings.TrimSuffix(n, ".") }).(pulumi.StringOutput)
	set := pulumi.All(r.Type, r.Values()).ApplyT(func(known []any) (recordSet, error) {
		kind, ok := known[0].(string)
		values, alsoOK := known[1].([]string)
		if !ok || !alsoOK {
			return recordSet{}, fmt.Errorf("record %s: type and values are %T and %T: want text", name, known[0], known[1])
		}
		return newRecordSet(name, kind, values)
	})
	rec, err := dns.NewRecordSet(ctx, name, &dns.RecordSetArgs{
		ResourceGroupName:     pulumi.String(z.group),
		ZoneName:              pulumi.String(z.settings.Zone),
		RelativeRecordSetName: fqdn.ApplyT(z.relative).(pulumi.StringOutput).ToStringPtrOutput(),
		RecordType:            r.Type,
		Ttl:                   pulumi.Float64(recordTTL),
		ARecords:              set.ApplyT(func(s any) []dns.ARecord { return s.(recordSet).a }).(dns.ARecordArrayOutput),
		CnameRecord:           set.ApplyT(func(s any) *dns.CnameRecord { return s.(recordSet).cname }).(dns.CnameRecordPtrOutput),
		TxtRecords:            set.ApplyT(func(s any) []dns.TxtRecord { return s.(recordSet).txt }).(dns.TxtRecordArrayOutput),
		CaaRecords:            set.ApplyT(func(s any) []dns.CaaRecord { return s.(recordSet).caa }).(dns.CaaRecordArrayOutput),
	}, opts...)
	if err != nil {
		return nil, fmt.Errorf("record %s: %w", name, err)
	}
	return &provider.Written{Resource: rec, FQDN: fqdn}, nil
}

// relative is a name without the zone, @ for the zone's own.
func (z *zone) relative(fqdn string) (string, error) {
	if strings.EqualFold(fqdn, z.settings.Zone) {
		return "@", nil
	}
	head, tail := len(fqdn)-len(z.settings.Zone)-1, "."+z.settings.Zone
	if head < 1 || !strings.EqualFold(fqdn[head:], tail) {
		return "", fmt.Errorf("the name %s is not in the zone %s", fqdn, z.settings.Zone)
	}
	return fqdn[:head], nil
}

// recordSet are the values of a record set, those of its type only.
type recordSet struct {
	a     []dns.ARecord
	cname *dns.CnameRecord
	txt   []dns.TxtRecord
	caa   []dns.CaaRecord
}

// maxString is how much one string of a TXT record holds (RFC 1035, 3.3); longer values are several strings.
const maxString = 255

func newRecordSet(name, kind string, values []string) (recordSet, error) {
	var s recordSet
	for _, v := range values {
		switch provider.RecordType(kind) {
		case provider.A:
			s.a = append(s.a, dns.ARecord{Ipv4Address: &v})
		case provider.CNAME:
			if s.cname != nil {
				return s, fmt.Errorf("record %s: a CNAME has one value, not %d", name, len(values))
			}
			target := strings.TrimSuffix(v, ".")
			s.cname = &dns.CnameRecord{Cname: &target}
		case provider.TXT:
			var strs []string
			for len(v) > maxString {
				strs, v = append(strs, v[:maxString]), v[maxString:]
			}
			s.txt = append(s.txt, dns.TxtRecord{Value: append(strs, v)})
		case provider.CAA:
			p, err := provider.ParseCAA(v)
			if err != nil {
				return s, fmt.Errorf("record %s: %w", name, err)
			}
			s.caa = append(s.caa, dns.CaaRecord{Flags: &p.Flags, Tag: &p.Tag, Value: &p.Value})
		default:
			return s, fmt.Errorf("record %s: Azure DNS is asked for the type %q: want A, CNAME, TXT or CAA", name, kind)
		}
	}
	return s, nil
}

var _ failover.Zone = (*zone)(nil)
