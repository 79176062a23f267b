package route53

import (
	"fmt"
	"strings"

	"github.com/pulumi/pulumi-aws/sdk/v7/go/aws/route53"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"polygate.example/infra/failover"
	"polygate.example/infra/provider"
	"polygate.example/infra/settings"
)

// recordTTL is the TTL of records that prove ownership and of regions' own names, in seconds. Nobody fails over by
// them: a region's own name changes only when the region is deployed anew.
const recordTTL = 60

// zone is a hosted zone that exists already.
type zone struct {
	id       string
	settings settings.Settings
}

// Open looks the hosted zone up by name. Its id is known at once, also in a preview.
func (Manager) Open(ctx *pulumi.Context, _ string, args failover.ZoneArgs, opts ...pulumi.ResourceOption) (failover.Zone, error) {
	if args.Lost {
		return &zone{settings: args.Settings}, nil
	}
	private := false
	found, err := route53.LookupZone(ctx, &route53.LookupZoneArgs{Name: &args.Settings.Zone, PrivateZone: &private}, failover.Invokes(opts)...)
	if err != nil {
		return nil, fmt.Errorf("find the public hosted zone %q in Route 53 (a stack uses a zone that exists and never creates one; while its API is down, "+
			"`polygate up --without route53` deploys the rest): %w", args.Settings.Zone, err)
	}
	// The zone is not the stack's to change: whoever made it turns accelerated recovery on, once.
	if on := found.EnableAcceleratedRecovery; args.Settings.Route53.AcceleratedRecovery && (on == nil || !*on) {
		return nil, fmt.Errorf("polygate:route53.acceleratedRecovery is set, and the hosted zone %q (%s) has it off: turn it on with "+
			"`aws route53 update-hosted-zone-features --hosted-zone-id %s --enable-accelerated-recovery`, and run this again when "+
			"`aws route53 get-hosted-zone --id %s` says that it is ENABLED", args.Settings.Zone, found.ZoneId, found.ZoneId, found.ZoneId)
	}
	return &zone{id: found.ZoneId, settings: args.Settings}, nil
}

// Write declares a plain record.
func (z *zone) Write(ctx *pulumi.Context, name string, r provider.Record, opts ...pulumi.ResourceOption) (*provider.Written, error) {
	fqdn := r.Name.ToStringOutput().ApplyT(func(n string) string { return strings.TrimSuffix(n, ".") }).(pulumi.StringOutput)
	rec, err := route53.NewRecord(ctx, name, &route53.RecordArgs{
		ZoneId:  pulumi.String(z.id),
		Name:    fqdn,
		Type:    r.Type,
		Ttl:     pulumi.Int(recordTTL),
		Records: r.Values(),
	}, opts...)
	if err != nil {
		return nil, fmt.Errorf("record %s: %w", name, err)
	}
	return &provider.Written{Resource: rec, FQDN: fqdn}, nil
}

var _ failover.Zone = (*zone)(nil)
