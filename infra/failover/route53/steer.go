package route53

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/pulumi/pulumi-aws/sdk/v7/go/aws/route53"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"polygate.example/infra/failover"
	"polygate.example/infra/provider"
)

// Slots of a failover pair. Route 53 has these two and no third.
const (
	primary   = "PRIMARY"
	secondary = "SECONDARY"
)

// steering is the component that holds the health checks and the records of the shared name.
type steering struct {
	pulumi.ResourceState
}

// Steer declares one health check per member and nests failover pairs, because a pair has only two slots:
//
//	api                PRIMARY   CNAME own name 1 (check 1)
//	api                SECONDARY alias, healthy when its target is -> failover-2.api
//	failover-2.api     PRIMARY   CNAME own name 2 (check 2)
//	failover-2.api     SECONDARY alias -> failover-3.api, and so on
//	failover-<n-1>.api PRIMARY   CNAME own name n-1, SECONDARY CNAME own name n (check n)
//
// When every check fails each pair answers its PRIMARY, so that all down means the first region: fail-open.
// Source: "How health checks work in complex Amazon Route 53 configurations" and "Active-passive failover",
// docs.aws.amazon.com/Route53/latest/DeveloperGuide/dns-failover-complex-configs.html.
func (z *zone) Steer(ctx *pulumi.Context, name string, members []failover.Member, opts ...pulumi.ResourceOption) (*failover.Steering, error) {
	comp := &steering{}
	if err := ctx.RegisterComponentResource("polygate:route53:Steering", name, comp, opts...); err != nil {
		return nil, fmt.Errorf("component %s: %w", name, err)
	}
	b := &builder{ctx: ctx, zone: z, name: name, parent: pulumi.Parent(comp)}
	out := &failover.Steering{}
	switch len(members) {
	case 0:
		return nil, fmt.Errorf("component %s: there is no region to steer to", name)
	case 1:
		// There is nothing to fail over to: a check would cost money and change no answer. The record is a PRIMARY
		// without a SECONDARY all the same, which answers like a plain one: a second region is then added to it in
		// place, where a plain record would have to go first and leave the name without an answer for a while.
		out.Checks = []pulumi.StringOutput{pulumi.String("").ToStringOutput()}
		if _, err := b.record(0, primary, b.direct(members[0], nil)); err != nil {
			return nil, err
		}
	default:
		for _, m := range members {
			id, err := b.check(m)
			if err != nil {
				return nil, err
			}
			out.Checks = append(out.Checks, id)
		}
		if err := b.nest(members, out.Checks); err != nil {
			return nil, err
		}
	}
	ids := pulumi.StringArray{}
	for _, c := range out.Checks {
		ids = append(ids, c)
	}
	if err := ctx.RegisterResourceOutputs(comp, pulumi.Map{"healthChecks": ids}); err != nil {
		return nil, fmt.Errorf("component %s: %w", name, err)
	}
	return out, nil
}

// builder declares the parts of one steering.
type builder struct {
	ctx    *pulumi.Context
	zone   *zone
	name   string
	parent pulumi.ResourceOption
}

// key names a member in resource names.
func key(m failover.Member) string { return m.Region.Provider + "-" + m.Label }

// check declares a member's health check. It does not validate the certificate (Route 53 never does), but it sends
// the own name as SNI and Host, so that a front which does not know the name fails it. Interval and SNI cannot be
// changed later: a change replaces the check.
func (b *builder) check(m failover.Member) (pulumi.StringOutput, error) {
	s := b.zone.settings
	hc, err := route53.NewHealthCheck(b.ctx, b.name+"-"+key(m), &route53.HealthCheckArgs{
		Type:             pulumi.String("HTTPS"),
		Fqdn:             pulumi.String(m.OwnName),
		Port:             pulumi.Int(443),
		ResourcePath:     pulumi.String(s.Check.Path),
		RequestInterval:  pulumi.Int(s.Check.Interval),
		FailureThreshold: pulumi.Int(s.Check.Threshold),
		EnableSni:        pulumi.Bool(true),
		Tags:             b.tags(m),
	}, b.parent, pulumi.DependsOn([]pulumi.Resource{m.Record}))
	if err != nil {
		return pulumi.StringOutput{}, fmt.Errorf("health check of %s: %w", m.Region, err)
	}
	return hc.ID().ToStringOutput(), nil
}

// tags name the check: Route 53's console shows nothing else of it in lists.
func (b *builder) tags(m failover.Member) pulumi.StringMap {
	tags := provider.Tags(provider.AccountArgs{Settings: b.zone.settings}, &m.Region)
	tags["Name"] = pulumi.String(m.OwnName)
	return tags
}

// nest declares the pairs from the last to the first: an alias can be created only when its target exists.
func (b *builder) nest(members []failover.Member, checks []pulumi.StringOutput) error {
	last := len(members) - 2 // index of the last pair's primary
	inner, err := b.record(last, secondary, b.direct(members[last+1], checks[last+1]))
	if err != nil {
		return err
	}
	for i := last; i >= 0; i-- {
		first, err := b.record(i, primary, b.direct(members[i], checks[i]))
		if err != nil {
			return err
		}
		if i == 0 {
			break
		}
		inner, err = b.record(i-1, secondary, b.alias(i), pulumi.DependsOn([]pulumi.Resource{first, inner}))
		if err != nil {
			return err
		}
	}
	return nil
}

// level is the name of the i-th pair, counted from 0.
func (b *builder) level(i int) string {
	if i == 0 {
		return b.zone.settings.Hostname
	}
	return "failover-" + strconv.Itoa(i+1) + "." + b.zone.settings.Hostname
}

// direct is a slot that names a region.
func (b *builder) direct(m failover.Member, check pulumi.StringPtrInput) *route53.RecordArgs {
	return &route53.RecordArgs{
		Ttl:           pulumi.Int(b.zone.settings.TTL),
		Records:       pulumi.StringArray{pulumi.String(m.OwnName)},
		HealthCheckId: check,
	}
}

// alias is a slot that stands for the i-th pair. It takes the target's TTL and, by evaluateTargetHealth, its health.
func (b *builder) alias(i int) *route53.RecordArgs {
	return &route53.RecordArgs{
		Aliases: route53.RecordAliasArray{route53.RecordAliasArgs{
			Name:                 pulumi.String(b.level(i)),
			ZoneId:               pulumi.String(b.zone.id),
			EvaluateTargetHealth: pulumi.Bool(true),
		}},
	}
}

// record declares one slot of the i-th pair. The set identifier is the slot, not the region: Route 53 replaces a
// record whose identifier changes, and a second PRIMARY beside the first is refused, so that another order of regions
// could never be brought about.
func (b *builder) record(i int, slot string, args *route53.RecordArgs, opts ...pulumi.ResourceOption) (pulumi.Resource, error) {
	id := strings.ToLower(slot)
	args.ZoneId = pulumi.String(b.zone.id)
	args.Name = pulumi.String(b.level(i))
	args.Type = pulumi.String(string(provider.CNAME))
	args.SetIdentifier = pulumi.String(id)
	args.FailoverRoutingPolicies = route53.RecordFailoverRoutingPolicyArray{
		route53.RecordFailoverRoutingPolicyArgs{Type: pulumi.String(slot)},
	}
	rec, err := route53.NewRecord(b.ctx, b.name+"-"+strconv.Itoa(i+1)+"-"+id, args, append(opts, b.parent)...)
	if err != nil {
		return nil, fmt.Errorf("record %s %s: %w", b.level(i), slot, err)
	}
	return rec, nil
}
