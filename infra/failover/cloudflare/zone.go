package cloudflare

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/pulumi/pulumi-cloudflare/sdk/v6/go/cloudflare"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"polygate.example/infra/failover"
	"polygate.example/infra/provider"
	"polygate.example/infra/settings"
)

// recordTTL is the TTL of records that prove ownership and of regions' own names, in seconds: the least that every plan has.
// Nobody fails over by them. Source: "Time to Live (TTL)", developers.cloudflare.com/dns/manage-dns-records/reference/ttl.
const recordTTL = 60

// zone is a zone that exists already.
type zone struct {
	id, account string
	settings    settings.Settings
	tells       []pulumi.Resource // see Tells
}

// Open looks the zone up by name, and with it the account that pools and monitors belong to. Both ids are known at once,
// also in a preview. The token is the provider's own: cloudflare:apiToken, or CLOUDFLARE_API_TOKEN in the environment.
//
// What regions behind the proxy are to learn of clients has to be there before they believe it: see Tells.
func (Manager) Open(ctx *pulumi.Context, name string, args failover.ZoneArgs, opts ...pulumi.ResourceOption) (failover.Zone, error) {
	if args.Lost {
		return &zone{settings: args.Settings}, nil
	}
	domain := args.Settings.Zone
	found, err := cloudflare.LookupZone(ctx, &cloudflare.LookupZoneArgs{Filter: &cloudflare.GetZoneFilter{Name: &domain, Match: "all"}}, failover.Invokes(opts)...)
	if err != nil {
		return nil, fmt.Errorf("find the zone %q in Cloudflare (a stack uses a zone that exists and never creates one; the token wants Zone Read; "+
			"while its API is down, `polygate up --without cloudflare` deploys the rest): %w", domain, err)
	}
	plan := found.Plan.LegacyId //nolint:staticcheck // only to change the plan by the zone is deprecated
	if err := Fit(Held{Name: domain, Setup: found.Type, Status: found.Status, Plan: plan}, args.Settings); err != nil {
		return nil, err
	}
	z := &zone{id: found.ZoneId, account: found.Account.Id, settings: args.Settings}
	if args.Country && args.Settings.Fronted() {
		if err := z.tellCountry(ctx, name, opts...); err != nil {
			return nil, err
		}
	}
	return z, nil
}

// Write declares a record for each value: Cloudflare has no sets. None is proxied: they prove ownership, or lead to a region.
// What waits for the set waits for its last record, which waits for the others.
func (z *zone) Write(ctx *pulumi.Context, name string, r provider.Record, opts ...pulumi.ResourceOption) (*provider.Written, error) {
	fqdn := r.Name.ToStringOutput().ApplyT(func(n string) string { return strings.TrimSuffix(n, ".") }).(pulumi.StringOutput)
	var made []pulumi.Resource
	for i, value := range append([]pulumi.StringInput{r.Value}, r.More...) {
		args := &cloudflare.DnsRecordArgs{ZoneId: pulumi.String(z.id), Name: fqdn, Type: r.Type, Ttl: pulumi.Float64(recordTTL), Proxied: pulumi.Bool(false)}
		if r.Type == pulumi.String(provider.CAA) {
			args.Data = caa(value)
		} else {
			args.Content = pulumi.All(r.Type, value).ApplyT(func(v []any) string { return content(v[0].(string), v[1].(string)) }).(pulumi.StringOutput)
		}
		each := name
		if i > 0 {
			each += "-" + strconv.Itoa(i+1)
		}
		rec, err := cloudflare.NewDnsRecord(ctx, each, args, append(slices.Clone(opts), pulumi.DependsOn(made))...)
		if err != nil {
			return nil, fmt.Errorf("record %s: %w", each, err)
		}
		made = append(made, rec)
	}
	return &provider.Written{Resource: made[len(made)-1], FQDN: fqdn}, nil
}

// caa is a CAA value in its parts, as Cloudflare takes it.
func caa(value pulumi.StringInput) cloudflare.DnsRecordDataPtrInput {
	part := func(of func(provider.CAAProperty) any) pulumi.Output {
		return value.ToStringOutput().ApplyT(func(v string) (any, error) {
			p, err := provider.ParseCAA(v)
			return of(p), err
		})
	}
	return cloudflare.DnsRecordDataArgs{
		Flags: part(func(p provider.CAAProperty) any { return p.Flags }),
		Tag:   part(func(p provider.CAAProperty) any { return p.Tag }).ApplyT(func(v any) string { return v.(string) }).(pulumi.StringOutput),
		Value: part(func(p provider.CAAProperty) any { return p.Value }).ApplyT(func(v any) string { return v.(string) }).(pulumi.StringOutput),
	}
}

// content is a value as Cloudflare keeps it, so that what it returns is what was asked for: the text of a TXT record in
// quotes ("The content must consist of quoted character strings", TXTRecord of developers.cloudflare.com/api/resources/dns/
// subresources/records; without them it adds a warning, cloudflare/terraform-provider-cloudflare issue 5351), and names
// without a trailing dot.
func content(kind, value string) string {
	switch provider.RecordType(kind) {
	case provider.TXT:
		if strings.HasPrefix(value, `"`) {
			return value
		}
		return `"` + strings.ReplaceAll(strings.ReplaceAll(value, `\`, `\\`), `"`, `\"`) + `"`
	case provider.CNAME:
		return strings.TrimSuffix(value, ".")
	}
	return value
}

var _ failover.Zone = (*zone)(nil)
