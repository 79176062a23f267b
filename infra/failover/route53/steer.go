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
//
// One region alone is a PRIMARY without a SECONDARY, which always answers. It is not a plain record, because a second
// region is then added beside it, where a plain record would have to go first and leave the name without an answer. It has
// a check all the same: Route 53 refuses it otherwise ("A non-alias primary ResourceRecordSet must have an associated
// health check", kubernetes-sigs/external-dns issue #2362).
func (z *zone) Steer(ctx *pulumi.Context, name string, plan failover.Group, opts ...pulumi.ResourceOption) (*failover.Steering, error) {
	members := plan.Members()
	if len(members) == 0 {
		return nil, fmt.Errorf("component %s: there is no region to steer to", name)
	}
	comp := &steering{}
	if err := ctx.RegisterComponentResource("polygate:route53:Steering", name, comp, opts...); err != nil {
		return nil, fmt.Errorf("component %s: %w", name, err)
	}
	b := &builder{ctx: ctx, zone: z, name: name, parent: pulumi.Parent(comp)}
	out := &failover.Steering{}
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
// the own name as SNI and Host, so that a front which does not know the name fails it.
//
// It waits until all of the member is there, and the records wait for it, by its id. A region that is added or moved up
// while others serve must not be in the records before it can answer: its target is known long before its code is
// published, and a new check counts as healthy until it has probed often enough. Source: "How Amazon Route 53 determines
// whether a health check is healthy", docs.aws.amazon.com/Route53/latest/DeveloperGuide/
// dns-failover-determining-health-of-endpoints.html.
//
// The interval cannot be changed later: a change replaces the check. The new one is there first and the records move to
// it before the old one goes, so that nothing is lost; protection would only stand in the way.
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
	}, b.parent, pulumi.DependsOn(m.Ready), provider.Replaceable())
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
	last := max(0, len(members)-2) // index of the last pair's primary
	var below []pulumi.Resource
	for i := last; i >= 0; i-- {
		first, err := b.record(i, primary, b.direct(members[i], checks[i]))
		if err != nil {
			return err
		}
		pair := []pulumi.Resource{first}
		if i+1 < len(members) {
			second := b.direct(members[i+1], checks[i+1])
			if i < last {
				second = b.alias(i + 1)
			}
			rec, err := b.record(i, secondary, second, pulumi.DependsOn(below))
			if err != nil {
				return err
			}
			pair = append(pair, rec)
		}
		below = pair
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
func (b *builder) direct(m failover.Member, check pulumi.StringOutput) *route53.RecordArgs {
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
