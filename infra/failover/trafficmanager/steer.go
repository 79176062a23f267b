package trafficmanager

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path"
	"strings"

	"github.com/pulumi/pulumi-azure-native-sdk/dns/v3"
	"github.com/pulumi/pulumi-azure-native-sdk/resources/v3"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"polygate.example/infra/failover"
	"polygate.example/infra/provider"
)

// defaultLocation is where the profiles' resource group is kept when the stack names no location: "the choice of resource
// group location makes no difference to Traffic Manager profiles deployed in that resource group" (Traffic Manager FAQ).
const defaultLocation = "eastus"

// methods are Traffic Manager's names of the ways to choose.
var methods = map[failover.Method]string{
	failover.Ordered: "Priority", failover.Weighted: "Weighted", failover.Latency: "Performance", failover.Geo: "Geographic",
}

// steering is the component that holds the profiles and the shared name's record.
type steering struct {
	pulumi.ResourceState
}

// Steer declares a profile for the plan, nested ones for what is below it, and the CNAME that leads clients there. Every profile
// waits until all of its regions are there: a new endpoint is answered before its first probe has come back ("an endpoint in
// this state is included in DNS responses", Traffic Manager endpoint monitoring, CheckingEndpoint), and an Azure app answers 404
// to the shared name until that is bound to it.
//
// When everything fails, each profile answers as if all of its enabled endpoints were online: fail-open.
func (z *zone) Steer(ctx *pulumi.Context, name string, plan failover.Group, opts ...pulumi.ResourceOption) (*failover.Steering, error) {
	members := plan.Members()
	if len(members) == 0 {
		return nil, fmt.Errorf("component %s: there is no region to steer to", name)
	}
	comp := &steering{}
	if err := ctx.RegisterComponentResource("polygate:trafficmanager:Steering", name, comp, opts...); err != nil {
		return nil, fmt.Errorf("component %s: %w", name, err)
	}
	b := &builder{ctx: ctx, zone: z, name: name, parent: pulumi.Parent(comp), checks: map[string]pulumi.StringOutput{}}
	top, err := b.build(plan)
	if err != nil {
		return nil, fmt.Errorf("component %s: %w", name, err)
	}
	host := top.host()
	written, err := z.Write(ctx, name+"-hostname", provider.Record{
		Name: pulumi.String(z.settings.Hostname), Type: pulumi.String(string(provider.CNAME)), Value: host,
	}, b.parent)
	if err != nil {
		return nil, fmt.Errorf("component %s: %w", name, err)
	}
	var id pulumi.StringInput = pulumi.String(z.id)
	if set, ok := written.Resource.(*dns.RecordSet); ok && z.id == "" { // nobody could be asked for it, and a set's id begins with its zone's
		id = set.ID().ToStringOutput().ApplyT(func(id string) string { return path.Dir(path.Dir(id)) }).(pulumi.StringOutput)
	}
	out := &failover.Steering{Details: pulumi.StringMap{"zone": id, "profile": top.ID().ToStringOutput(), "profileHost": host}}
	ids := pulumi.StringArray{}
	for _, m := range members {
		out.Checks = append(out.Checks, b.checks[m.Key()])
		ids = append(ids, b.checks[m.Key()])
	}
	if err := ctx.RegisterResourceOutputs(comp, pulumi.Map{"endpoints": ids}); err != nil {
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
	group  *resources.ResourceGroup
	checks map[string]pulumi.StringOutput // id of each member's endpoint, by key: the first one that is declared of it
}

// build declares the resource group and the profiles of a plan.
func (b *builder) build(plan failover.Group) (*profile, error) {
	s := b.zone.settings
	group, err := resources.NewResourceGroup(b.ctx, b.name+"-group", &resources.ResourceGroupArgs{
		ResourceGroupName: pulumi.String(provider.PhysicalName(s.Environment, name)),
		Location:          pulumi.String(b.zone.location),
		Tags:              b.tags(),
	}, b.parent, pulumi.IgnoreChanges([]string{"location"})) // another location would replace the group with all that is in it
	if err != nil {
		return nil, fmt.Errorf("resource group: %w", err)
	}
	b.group = group
	return b.profile("", plan)
}

// profile declares a group's profile, after those of what it holds. suffix tells it apart from the stack's others; the top one
// has none, so that another pattern changes it and does not replace it.
//
// Under Geographic an endpoint is answered whether it is healthy or not: "Traffic Manager does not failover to another
// endpoint ... it is recommended that geographic regions be assigned to nested profiles with multiple endpoints within it"
// (Traffic Manager FAQ). So each region's places are mapped to a profile of its own, in which the other regions of the group
// come after it.
func (b *builder) profile(suffix string, g failover.Group) (*profile, error) {
	var endpoints []endpointArgs
	var after []pulumi.Resource
	for i, sh := range g.Shares {
		switch {
		case sh.Group != nil:
			child, err := b.profile(join(suffix, sh.Group.Name), *sh.Group)
			if err != nil {
				return nil, err
			}
			endpoints = append(endpoints, endpointArgs{Name: nested(sh.Group.Name), Child: child.ID().ToStringOutput()})
		case g.Method == failover.Geo:
			child, err := b.profile(join(suffix, sh.Member.Key()), first(g, i))
			if err != nil {
				return nil, err
			}
			endpoints = append(endpoints, endpointArgs{Name: nested(sh.Member.Key()), Child: child.ID().ToStringOutput(), Geo: mapping(sh.Serves)})
		default:
			e, err := external(g.Method, sh)
			if err != nil {
				return nil, err
			}
			endpoints = append(endpoints, e)
			after = append(after, sh.Member.Ready...)
		}
		if g.Method == failover.Ordered {
			endpoints[i].Priority = i + 1
		}
	}
	return b.declare(suffix, g, endpoints, after)
}

// first is the order in which the places of a group's i-th region are served: that region, and then the others in failover order.
func first(g failover.Group, i int) failover.Group {
	out := failover.Group{Method: failover.Ordered, Shares: []failover.Share{{Member: g.Shares[i].Member}}}
	for j, sh := range g.Shares {
		if j != i {
			out.Shares = append(out.Shares, failover.Share{Member: sh.Member})
		}
	}
	return out
}

// external is the endpoint of a region, by its own name.
func external(method failover.Method, sh failover.Share) (endpointArgs, error) {
	m := sh.Member
	e := endpointArgs{Name: m.Key(), Target: m.OwnName, Disabled: m.Drained}
	switch method {
	case failover.Weighted:
		e.Weight = sh.Weight
	case failover.Latency:
		location, ok := locationOf(m.Region)
		if !ok {
			return e, fmt.Errorf("region %s: there is no Azure location near it that Traffic Manager knows latencies from", m.Region)
		}
		e.Location = location
	}
	return e, nil
}

// declare registers a profile.
func (b *builder) declare(suffix string, g failover.Group, endpoints []endpointArgs, after []pulumi.Resource) (*profile, error) {
	s := b.zone.settings
	physical := join(provider.PhysicalName(s.Environment, digest(s.Hostname)), suffix)
	var opts []pulumi.ResourceOption
	if suffix != "" { // nested ones come and go with the plan, also under protect
		opts = append(opts, provider.Replaceable())
	}
	p, err := newProfile(b.ctx, join(b.name, suffix), profileArgs{
		Group: b.group.Name, Name: physical, RelativeName: physical, Method: methods[g.Method], TTL: s.TTL,
		Monitor:   monitorArgs{Path: s.Check.Path, Interval: s.Check.Interval, Timeout: timeout(s), Tolerated: s.Check.Threshold - 1},
		Endpoints: endpoints, Tags: b.tags(),
	}, append(opts, b.parent, pulumi.DependsOn(after))...)
	if err != nil {
		return nil, err
	}
	for _, e := range endpoints {
		if _, ok := b.checks[e.Name]; !ok && e.Child == nil {
			b.checks[e.Name] = p.endpointID(e)
		}
	}
	return p, nil
}

// tags mark everything as the stack's. Keys of Azure's own resources are the same ones.
func (b *builder) tags() pulumi.StringMap {
	return provider.Tags(provider.AccountArgs{Settings: b.zone.settings}, nil)
}

// digest makes the profiles' names, which are taken once in the world, the hostname's own.
func digest(hostname string) string {
	sum := sha256.Sum256([]byte(hostname))
	return hex.EncodeToString(sum[:5])
}

// nested names an endpoint that is a profile. An endpoint's id has its type in it, and what Traffic Manager makes of an update in
// which another type takes over a name is written nowhere: under a steering that nests regions their endpoints have other names.
func nested(name string) string { return name + "-nested" }

func join(parts ...string) string {
	var kept []string
	for _, p := range parts {
		if p != "" {
			kept = append(kept, p)
		}
	}
	return strings.Join(kept, "-")
}
