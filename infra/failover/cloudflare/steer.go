package cloudflare

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/pulumi/pulumi-cloudflare/sdk/v6/go/cloudflare"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"polygate.example/infra/failover"
	"polygate.example/infra/provider"
	"polygate.example/shared/handler"
)

// checkRegions are where pools are probed from: three continents, of which two must agree, each by two of three data
// centres. A region that one of them cannot reach stays in; nine probes an interval are what it costs. Source: "How an
// endpoint becomes unhealthy", developers.cloudflare.com/load-balancing/understand-basics/health-details.
var checkRegions = pulumi.ToStringArray([]string{"ENAM", "SEAS", "WEU"})

// steering is the component that holds monitors, pools and the load balancer of the shared name.
type steering struct {
	pulumi.ResourceState
}

// Steer declares monitors, the pools of the plan's layout and a load balancer over them. All the pools' origins are the
// regions' own names, with a Host header of the same, by which probes go out too ("If you set a header override on an
// individual endpoint, it will take precedence over a header override set on a monitor", "Override HTTP Host headers",
// developers.cloudflare.com/load-balancing/additional-options/override-http-host-headers): so one monitor does for all
// pools that come back as fast. Where Cloudflare answers DNS only it resolves the names itself and gives clients the
// addresses ("CNAME flattening for endpoints", developers.cloudflare.com/load-balancing/additional-options/cname-flattening).
//
// Pools, monitors and rules come and go with the plan, also under protect; the load balancer is there for every plan.
//
// A pool waits until all of its regions are there, and the load balancer for the pools. An origin that has not been probed
// yet counts as down, so that a new region gets no clients before it answers.
func (z *zone) Steer(ctx *pulumi.Context, name string, plan failover.Group, opts ...pulumi.ResourceOption) (*failover.Steering, error) {
	if len(plan.Members()) == 0 {
		return nil, fmt.Errorf("component %s: there is no region to steer to", name)
	}
	comp := &steering{}
	if err := ctx.RegisterComponentResource("polygate:cloudflare:Steering", name, comp, opts...); err != nil {
		return nil, fmt.Errorf("component %s: %w", name, err)
	}
	b := &builder{ctx: ctx, zone: z, name: name, parent: pulumi.Parent(comp), layout: arrange(z.settings, plan), members: plan.Members()}
	if err := b.declare(); err != nil {
		return nil, err
	}
	out := &failover.Steering{Details: pulumi.StringMap{
		"account": pulumi.String(z.account), "zone": b.balancer.ZoneId, "loadBalancer": b.balancer.ID(),
		"proxied": pulumi.String(strconv.FormatBool(z.settings.Cloudflare.Proxied)),
	}}
	for _, m := range plan.Members() {
		out.Checks = append(out.Checks, b.check(m))
	}
	if err := ctx.RegisterResourceOutputs(comp, pulumi.Map{"loadBalancer": b.balancer.ID()}); err != nil {
		return nil, fmt.Errorf("component %s: %w", name, err)
	}
	return out, nil
}

// builder declares the parts of one steering.
type builder struct {
	ctx      *pulumi.Context
	zone     *zone
	name     string
	parent   pulumi.ResourceOption
	layout   layout
	members  []failover.Member
	monitors map[int]*cloudflare.LoadBalancerMonitor // by probes in a row that bring an origin back
	pools    []*cloudflare.LoadBalancerPool          // as in the layout
	balancer *cloudflare.LoadBalancer
}

func (b *builder) declare() error {
	front, err := b.front()
	if err != nil {
		return err
	}
	b.monitors = map[int]*cloudflare.LoadBalancerMonitor{}
	for _, p := range b.layout.pools {
		if err := b.monitor(p.up); err != nil {
			return err
		}
		if err := b.pool(p); err != nil {
			return err
		}
	}
	waiting, err := b.untilActive()
	if err != nil {
		return err
	}
	return b.balance(append(front, waiting...))
}

// untilActive declares a plain record for the shared name, which leads to the first region that is not drained. Nobody gets it
// from an active zone, where "LB record takes precedence because it is as specific as the DNS record" ("DNS records for load
// balancing", developers.cloudflare.com/load-balancing/load-balancers/dns-records). A zone that is pending or has moved, as a spare's
// is until the delegation changes and Cloudflare has noticed, answers its records, and whether its load balancers nobody says: "An
// active domain status is a requirement for your application services configurations to be applied" ("Zone status",
// developers.cloudflare.com/dns/zone-setups/reference/domain-status). So it has an answer in any case.
//
// Behind the proxy it would lead clients to a region that refuses them, and the zone is active.
func (b *builder) untilActive() ([]pulumi.Resource, error) {
	if b.zone.settings.Cloudflare.Proxied {
		return nil, nil
	}
	i := max(0, slices.IndexFunc(b.members, func(m failover.Member) bool { return !m.Drained }))
	w, err := b.zone.Write(b.ctx, b.name+"-waiting", provider.Record{
		Name: pulumi.String(b.zone.settings.Hostname), Type: pulumi.String(string(provider.CNAME)), Value: pulumi.String(b.members[i].OwnName),
	}, b.parent, provider.Replaceable(), b.afterRegions())
	if err != nil {
		return nil, err
	}
	return []pulumi.Resource{w.Resource}, nil
}

// monitor declares how pools are probed that come back after so many good probes. It validates the region's certificate.
func (b *builder) monitor(up int) error {
	if b.monitors[up] != nil {
		return nil
	}
	s := b.zone.settings
	name := b.name + "-monitor"
	if up != s.Check.Threshold {
		name += "-up" + strconv.Itoa(up)
	}
	// Unconfirmed: how many probes in a row a monitor can ask for. The API's schema has no maximum; a ramp of many steps at a
	// threshold of 10 asks for up to 130.
	args := &cloudflare.LoadBalancerMonitorArgs{
		AccountId:       pulumi.String(b.zone.account),
		Description:     pulumi.String("polygate " + s.Environment + ": " + s.Hostname),
		Type:            pulumi.String("https"),
		Method:          pulumi.String("GET"),
		Path:            pulumi.String(s.Check.Path),
		ExpectedCodes:   pulumi.String("200"),
		Interval:        pulumi.Int(s.Check.Interval),
		Timeout:         pulumi.Int(timeout(s)),
		Retries:         pulumi.Int(retries),
		ConsecutiveUp:   pulumi.Int(up),
		ConsecutiveDown: pulumi.Int(s.Check.Threshold),
	}
	if secret, ok := b.secret(); ok {
		args.Header = pulumi.StringArrayMap{handler.HeaderFront: pulumi.StringArray{secret}}
	}
	m, err := cloudflare.NewLoadBalancerMonitor(b.ctx, name, args, b.parent, provider.Replaceable(), b.afterRegions(), pulumi.AdditionalSecretOutputs([]string{"header"}))
	if err != nil {
		return fmt.Errorf("monitor %s: %w", name, err)
	}
	b.monitors[up] = m
	return nil
}

func (b *builder) pool(p pool) error {
	s := b.zone.settings
	args := &cloudflare.LoadBalancerPoolArgs{
		AccountId:      pulumi.String(b.zone.account),
		Name:           pulumi.String(physicalName(s.Hostname, p.key)),
		Description:    pulumi.String("polygate " + s.Environment + ": " + p.key),
		Enabled:        pulumi.Bool(p.enabled),
		MinimumOrigins: pulumi.Int(1),
		Monitor:        b.monitors[p.up].ID(),
		CheckRegions:   checkRegions,
	}
	var ready []pulumi.Resource
	origins := cloudflare.LoadBalancerPoolOriginArray{}
	for _, o := range p.origins {
		origins = append(origins, cloudflare.LoadBalancerPoolOriginArgs{
			Name:    pulumi.String(o.member.Key()),
			Address: pulumi.String(o.member.OwnName),
			Header:  cloudflare.LoadBalancerPoolOriginHeaderArgs{Hosts: pulumi.StringArray{pulumi.String(o.member.OwnName)}},
			Enabled: pulumi.Bool(o.enabled),
			Weight:  pulumi.Float64(o.weight),
		})
		ready = append(ready, o.member.Ready...)
	}
	args.Origins = origins
	if len(p.origins) > 1 {
		args.OriginSteering = cloudflare.LoadBalancerPoolOriginSteeringArgs{Policy: pulumi.String("random")}
	}
	if p.at != nil {
		args.Latitude, args.Longitude = pulumi.Float64(p.at.lat), pulumi.Float64(p.at.lon)
	}
	made, err := cloudflare.NewLoadBalancerPool(b.ctx, b.name+"-"+p.key, args, b.parent, provider.Replaceable(), pulumi.DependsOn(ready))
	if err != nil {
		return fmt.Errorf("pool %s: %w", p.key, err)
	}
	b.pools = append(b.pools, made)
	return nil
}

// balance declares the load balancer, after what marks its requests.
func (b *builder) balance(front []pulumi.Resource) error {
	s, l := b.zone.settings, b.layout
	args := &cloudflare.LoadBalancerArgs{
		ZoneId:         pulumi.String(b.zone.id),
		Name:           pulumi.String(s.Hostname),
		Description:    pulumi.String("polygate " + s.Environment),
		Proxied:        pulumi.Bool(s.Cloudflare.Proxied),
		SteeringPolicy: pulumi.String(l.steering),
		FallbackPool:   b.pools[l.fallback].ID(),
	}
	all := make([]int, len(b.pools))
	for i := range all {
		all[i] = i
	}
	args.DefaultPools = b.ids(all)
	switch l.steering {
	case steerRandom:
		args.RandomSteering = cloudflare.LoadBalancerRandomSteeringArgs{PoolWeights: b.weights()}
	case steerGeo:
		args.RegionPools, args.CountryPools = b.lists(l.regions), b.lists(l.countries)
	}
	if s.Cloudflare.Proxied {
		args.AdaptiveRouting = cloudflare.LoadBalancerAdaptiveRoutingArgs{FailoverAcrossPools: pulumi.Bool(s.Cloudflare.FailoverAcrossPools)}
	} else {
		args.Ttl = pulumi.Float64(s.TTL)
		if l.steering == steerProximity || l.steering == steerGeo {
			// Where the client is, as its resolver says, and else where the resolver is. Source: "EDNS Client Subnet (ECS)
			// support", developers.cloudflare.com/load-balancing/understand-basics/traffic-steering/steering-policies.
			args.LocationStrategy = cloudflare.LoadBalancerLocationStrategyArgs{Mode: pulumi.String("resolver_ip"), PreferEcs: pulumi.String("always")}
		}
	}
	var err error
	if b.balancer, err = cloudflare.NewLoadBalancer(b.ctx, b.name, args, b.parent, pulumi.DependsOn(front)); err != nil {
		return fmt.Errorf("load balancer %s: %w", s.Hostname, err)
	}
	return nil
}

func (b *builder) ids(pools []int) pulumi.StringArray {
	out := pulumi.StringArray{}
	for _, i := range pools {
		out = append(out, b.pools[i].ID())
	}
	return out
}

func (b *builder) lists(by map[string][]int) pulumi.StringArrayMap {
	out := pulumi.StringArrayMap{}
	for place, pools := range by {
		out[place] = b.ids(pools)
	}
	return out
}

// weights are by the pools' ids, which are not known before the pools exist.
func (b *builder) weights() pulumi.Float64MapOutput {
	ids := make([]any, len(b.pools))
	for i, p := range b.pools {
		ids[i] = p.ID()
	}
	return pulumi.All(ids...).ApplyT(func(known []any) (map[string]float64, error) {
		out := map[string]float64{}
		for i, id := range known {
			text, ok := id.(pulumi.ID)
			if !ok {
				return nil, fmt.Errorf("the id of pool %s is %T: want an id", b.layout.pools[i].key, id)
			}
			out[string(text)] = b.layout.pools[i].weight
		}
		return out, nil
	}).(pulumi.Float64MapOutput)
}

// check is a member's origin in the first pool that has it: "<pool id>/<origin name>".
func (b *builder) check(m failover.Member) pulumi.StringOutput {
	i := slices.IndexFunc(b.layout.pools, func(p pool) bool {
		return slices.ContainsFunc(p.origins, func(o origin) bool { return o.member.Region == m.Region })
	})
	return pulumi.Sprintf("%s/%s", b.pools[i].ID(), m.Key())
}
