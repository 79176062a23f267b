package route53

import (
	"cmp"
	"fmt"
	"maps"
	"strconv"

	"github.com/pulumi/pulumi-aws/sdk/v7/go/aws/route53"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"polygate.example/infra/failover"
	"polygate.example/infra/provider"
)

// steering is the component that holds the health checks and the records of the shared name.
type steering struct {
	pulumi.ResourceState
}

// Steer declares one health check per member and the records that lead from the shared name to the healthy ones.
//
// The shared name is a failover set, whatever the plan: its PRIMARY names a region, or stands for a set of another policy under
// a name of that policy's own. Route 53 has one policy at a name and type, and refuses a record of another beside it; this way
// another pattern, steering or TTL is a new set under a new name, then one record that changes in place, and then the end of the
// old set, and there is no moment without an answer. See the README for the names.
func (z *zone) Steer(ctx *pulumi.Context, name string, plan failover.Group, opts ...pulumi.ResourceOption) (*failover.Steering, error) {
	members := plan.Members()
	if len(members) == 0 {
		return nil, fmt.Errorf("component %s: there is no region to steer to", name)
	}
	comp := &steering{}
	if err := ctx.RegisterComponentResource("polygate:route53:Steering", name, comp, opts...); err != nil {
		return nil, fmt.Errorf("component %s: %w", name, err)
	}
	b := &builder{ctx: ctx, zone: z, name: name, parent: pulumi.Parent(comp), checks: map[string]checks{}}
	out := &failover.Steering{Details: pulumi.StringMap{}}
	if z.settings.Route53.RoutingControls {
		if err := b.controls(members, out.Details); err != nil {
			return nil, err
		}
	}
	ids := pulumi.StringArray{}
	sharing := shared(plan)
	for _, m := range members {
		c, err := b.check(m, sharing[m.Region.String()])
		if err != nil {
			return nil, err
		}
		b.checks[m.Region.String()] = c
		out.Checks, ids = append(out.Checks, c.endpoint), append(ids, c.endpoint)
	}
	targets, err := b.ordered(plan)
	if err != nil {
		return nil, err
	}
	top, err := b.nest("", targets)
	if err != nil {
		return nil, err
	}
	if r, ok := top[0].(*route53.Record); ok { // which knows its zone also when nobody could be asked for it
		out.Details[DetailZone] = r.ZoneId
	}
	if err := ctx.RegisterResourceOutputs(comp, pulumi.Map{"healthChecks": ids}); err != nil {
		return nil, fmt.Errorf("component %s: %w", name, err)
	}
	return out, nil
}

// shared says which regions share traffic with others of their group: a ramp is for those.
func shared(g failover.Group) map[string]bool {
	out := map[string]bool{}
	for _, sh := range g.Shares {
		if sh.Group != nil {
			maps.Copy(out, shared(*sh.Group))
			continue
		}
		out[sh.Member.Region.String()] = g.Method == failover.Weighted && len(g.Shares) > 1
	}
	return out
}

// DetailZone is the hosted zone's id among the details of a steering, for whoever changes the weights of its records.
const DetailZone = "zoneId"

// builder declares the parts of one steering.
type builder struct {
	ctx      *pulumi.Context
	zone     *zone
	name     string
	parent   pulumi.ResourceOption
	switches map[string]pulumi.StringOutput // region -> health check of its routing control; empty without routing controls
	checks   map[string]checks              // by region
}

// fqdn is a name below the shared one, or that one itself for "". Regions' own names are two labels below it, so that one label
// never meets them.
func (b *builder) fqdn(label string) string {
	if label == "" {
		return b.zone.settings.Hostname
	}
	return label + "." + b.zone.settings.Hostname
}

// target is what a record leads to: a region, or a set of records by its name.
type target struct {
	member *failover.Member
	check  pulumi.StringOutput // of a region
	set    string              // label of the set below the shared name
	after  []pulumi.Resource   // the set's records, which Route 53 wants to exist before an alias to them
}

func (b *builder) direct(m failover.Member) target {
	return target{member: &m, check: b.checks[m.Region.String()].serving}
}

// ordered lists the targets of a group in failover order; one that does not choose by order is a single target.
func (b *builder) ordered(g failover.Group) ([]target, error) {
	if g.Method != failover.Ordered {
		t, err := b.target(g)
		return []target{t}, err
	}
	var out []target
	for _, sh := range g.Shares {
		if sh.Member != nil {
			out = append(out, b.direct(*sh.Member))
			continue
		}
		t, err := b.target(*sh.Group)
		if err != nil {
			return nil, err
		}
		out = append(out, t)
	}
	return out, nil
}

// record declares one record of a set.
func (b *builder) record(name, fqdn, id string, t target, policy func(*route53.RecordArgs), opts ...pulumi.ResourceOption) (pulumi.Resource, error) {
	args := &route53.RecordArgs{
		ZoneId:        pulumi.String(b.zone.id),
		Name:          pulumi.String(fqdn),
		Type:          pulumi.String(string(provider.CNAME)),
		SetIdentifier: pulumi.String(id),
	}
	if t.member != nil {
		args.Ttl = pulumi.Int(b.zone.settings.TTL)
		args.Records = pulumi.StringArray{pulumi.String(t.member.OwnName)}
		args.HealthCheckId = t.check
	} else { // it takes the target's TTL and, by evaluateTargetHealth, its health
		args.Aliases = route53.RecordAliasArray{route53.RecordAliasArgs{
			Name:                 pulumi.String(b.fqdn(t.set)),
			ZoneId:               pulumi.String(b.zone.id),
			EvaluateTargetHealth: pulumi.Bool(true),
		}}
		opts = append(opts, pulumi.DependsOn(t.after))
	}
	policy(args)
	rec, err := route53.NewRecord(b.ctx, b.name+"-"+name, args, append(opts, b.parent)...)
	if err != nil {
		return nil, fmt.Errorf("record %s %s: %w", fqdn, id, err)
	}
	return rec, nil
}

// Slots of a failover pair. Route 53 has these two and no third.
const (
	primary   = "PRIMARY"
	secondary = "SECONDARY"
)

// nest declares failover pairs over the targets, nested, because a pair has only two slots:
//
//	api                PRIMARY   target 1
//	api                SECONDARY alias, healthy when its target is -> failover-2.api
//	failover-2.api     PRIMARY   target 2
//	failover-2.api     SECONDARY alias -> failover-3.api, and so on
//	failover-<n-1>.api PRIMARY   target n-1, SECONDARY target n
//
// When every check fails each pair answers its PRIMARY, so that all down means the first target: fail-open.
// Source: "How health checks work in complex Amazon Route 53 configurations" and "Active-passive failover",
// docs.aws.amazon.com/Route53/latest/DeveloperGuide/dns-failover-complex-configs.html.
//
// One region alone is a PRIMARY without a SECONDARY, which always answers. It is not a plain record, because a second
// region is then added beside it, where a plain record would have to go first and leave the name without an answer. It has
// a check all the same: Route 53 refuses it otherwise ("A non-alias primary ResourceRecordSet must have an associated
// health check", kubernetes-sigs/external-dns issue #2362).
//
// set is "" for the shared name and else the label of the first pair. The pairs are declared from the last to the first: an
// alias can be created only when its target exists. Only the shared name's own PRIMARY is protected: it is there for every
// plan, and the other records come and go with the plan.
func (b *builder) nest(set string, targets []target) ([]pulumi.Resource, error) {
	last := max(0, len(targets)-2) // index of the last pair's primary
	var below []pulumi.Resource
	for i := last; i >= 0; i-- {
		var opts []pulumi.ResourceOption
		if set != "" || i > 0 {
			opts = append(opts, provider.Replaceable())
		}
		first, err := b.slot(set, i, primary, targets[i], opts...)
		if err != nil {
			return nil, err
		}
		pair := []pulumi.Resource{first}
		if i+1 < len(targets) {
			second := targets[i+1]
			if i < last {
				second = target{set: level(set, i+1), after: below}
			}
			rec, err := b.slot(set, i, secondary, second, provider.Replaceable())
			if err != nil {
				return nil, err
			}
			pair = append(pair, rec)
		}
		below = pair
	}
	return below, nil
}

// level is the label of the i-th pair of a set, counted from 0.
func level(set string, i int) string {
	if i == 0 {
		return set
	}
	return cmp.Or(set, "failover") + "-" + strconv.Itoa(i+1)
}

// slot declares one record of the i-th pair. The set identifier is the slot, not the region: Route 53 replaces a
// record whose identifier changes, and a second PRIMARY beside the first is refused, so that another order of regions
// could never be brought about.
func (b *builder) slot(set string, i int, slot string, t target, opts ...pulumi.ResourceOption) (pulumi.Resource, error) {
	id := map[string]string{primary: "primary", secondary: "secondary"}[slot]
	name := strconv.Itoa(i+1) + "-" + id
	if set != "" {
		name = set + "-" + name
	}
	return b.record(name, b.fqdn(level(set, i)), id, t, func(args *route53.RecordArgs) {
		args.FailoverRoutingPolicies = route53.RecordFailoverRoutingPolicyArray{route53.RecordFailoverRoutingPolicyArgs{Type: pulumi.String(slot)}}
	}, opts...)
}
