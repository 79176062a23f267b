// Package infra stands the gateway up: regions on several clouds, one name in front of them, and the typed topology
// that everything after the deployment reads.
package infra

import (
	"cmp"
	"fmt"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"polygate.example/infra/catalog"
	"polygate.example/infra/failover"
	"polygate.example/infra/provider"
	"polygate.example/infra/settings"
	"polygate.example/shared/artefact"
	"polygate.example/shared/topology"
)

// GatewayArgs is what a gateway is stood up from. The settings have passed settings.FromConfig with catalog.Rules.
type GatewayArgs struct {
	Settings settings.Settings
	Manifest artefact.Manifest
	Packages map[string]string // absolute path of each provider's zip
	Root     string            // absolute path of the project
	Config   settings.Lookup   // the stack's configuration
	Without  []string          // managers whose API does not answer: the engine leaves what they hold as it is
}

// Gateway is the whole: all regions behind one name.
type Gateway struct {
	pulumi.ResourceState

	// Topology is a topology.Topology in its JSON shape.
	Topology pulumi.MapOutput
}

// NewGateway declares regions, then failover over them, then the topology that says what came of it.
func NewGateway(ctx *pulumi.Context, name string, args GatewayArgs, opts ...pulumi.ResourceOption) (*Gateway, error) {
	s := args.Settings
	manager, ok := catalog.Manager(s.Manager)
	if !ok {
		return nil, fmt.Errorf("gateway %s: there is no traffic manager %q", name, s.Manager)
	}
	gw := &Gateway{}
	// Children inherit the protection, unless a release replaces them (provider.Replaceable).
	opts = append(opts, pulumi.Protect(s.Protect))
	if err := ctx.RegisterComponentResource("polygate:index:Gateway", name, gw, opts...); err != nil {
		return nil, fmt.Errorf("gateway %s: %w", name, err)
	}
	zones, err := openZones(ctx, name, args, manager, pulumi.Parent(gw))
	if err != nil {
		return nil, fmt.Errorf("gateway %s: %w", name, err)
	}
	if s.CAA {
		if err := zones.admit(ctx, name+"-caa", s, pulumi.Parent(gw)); err != nil {
			return nil, fmt.Errorf("gateway %s: %w", name, err)
		}
	}
	accounts, regions, err := newRegions(ctx, name, args, zones, pulumi.Parent(gw), zones.told())
	if err != nil {
		return nil, fmt.Errorf("gateway %s: %w", name, err)
	}
	members := make([]failover.Member, 0, len(regions))
	for _, r := range regions {
		members = append(members, r.member)
	}
	steering, err := zones.steer(ctx, name, failover.Plan(s, members), pulumi.Parent(gw))
	if err != nil {
		return nil, fmt.Errorf("gateway %s: %w", name, err)
	}
	if gw.Topology, err = newTopology(args, manager, accounts, regions, steering); err != nil {
		return nil, fmt.Errorf("gateway %s: %w", name, err)
	}
	document := gw.Topology.ApplyT(document).(pulumi.StringOutput)
	for _, a := range accounts {
		if err := a.Keep(ctx, document); err != nil {
			return nil, fmt.Errorf("gateway %s: %w", name, err)
		}
	}
	if err := ctx.RegisterResourceOutputs(gw, pulumi.Map{"topology": gw.Topology}); err != nil {
		return nil, fmt.Errorf("gateway %s: %w", name, err)
	}
	return gw, nil
}

// deployed is a region and what the failover needs to know of it.
type deployed struct {
	member   failover.Member
	target   pulumi.StringOutput
	function pulumi.StringOutput
	artefact artefact.Artefact

	asksClients bool // see provider.Region
}

// newRegions declares every region in failover order, each with its own name in the zone, and the accounts that they are in.
func newRegions(ctx *pulumi.Context, name string, args GatewayArgs, names provider.Names, opts ...pulumi.ResourceOption) ([]provider.Account, []deployed, error) {
	accounts := map[string]provider.Account{}
	var ordered []provider.Account
	var out []deployed
	for _, r := range args.Settings.Regions {
		p, ok := catalog.Provider(r.Provider)
		if !ok {
			return nil, nil, fmt.Errorf("region %s: there is no provider %q", r, r.Provider)
		}
		if accounts[r.Provider] == nil {
			account, err := p.NewAccount(ctx, name+"-"+r.Provider, provider.AccountArgs{
				Settings: args.Settings, Release: args.Manifest.Release, Front: args.Manifest.Front, Root: args.Root, Names: names, Config: args.Config,
			}, opts...)
			if err != nil {
				return nil, nil, err
			}
			accounts[r.Provider] = account
			ordered = append(ordered, account)
		}
		a, err := args.Manifest.For(r.Provider)
		if err != nil {
			return nil, nil, fmt.Errorf("region %s: %w", r, err)
		}
		label := p.Spec().Regions[r.Name]
		own := provider.OwnName(label, r.Provider, args.Settings.Hostname)
		logical := name + "-" + r.Provider + "-" + label
		reg, err := accounts[r.Provider].NewRegion(ctx, logical, provider.RegionArgs{
			Region: r, Label: label, OwnName: own, Artefact: a, Package: args.Packages[r.Provider],
		}, opts...)
		if err != nil {
			return nil, nil, err
		}
		record, err := names.Write(ctx, logical+"-name", provider.Record{
			Name: pulumi.String(own), Type: pulumi.String(string(reg.TargetType)), Value: reg.Target,
		}, pulumi.Parent(reg))
		if err != nil {
			return nil, nil, fmt.Errorf("own name of %s: %w", r, err)
		}
		out = append(out, deployed{
			member:   failover.Member{Region: r, Label: label, OwnName: own, Drained: args.Settings.IsDrained(r), Ready: append(reg.Serving, record.Resource)},
			target:   reg.Target,
			function: reg.Function,
			artefact: a,

			asksClients: reg.AsksClients,
		})
	}
	return ordered, out, nil
}

// newTopology says what was stood up. What is known only after the deployment (targets, ids of health checks) is
// filled in when it is.
func newTopology(args GatewayArgs, manager failover.Manager, accounts []provider.Account, regions []deployed, steering *failover.Steering) (pulumi.MapOutput, error) {
	s, m := args.Settings, args.Manifest
	t := topology.Topology{
		Environment: s.Environment, Hostname: s.Hostname, Zone: s.Zone, Manager: s.Manager, Pattern: string(s.Pattern),
		Steering: string(s.Steering), Spare: s.Spare, TTL: s.TTL, Instances: s.Concurrency, Release: m.Release, Model: m.Model,
		Check: topology.Check{
			Path: s.Check.Path, Interval: s.Check.Interval, Threshold: s.Check.Threshold, Timeout: cmp.Or(s.Check.Timeout, manager.Spec().ProbeTimeout),
		},
	}
	if s.Fronted() {
		t.Front = provider.FrontDigest(s.FrontSecret)
	}
	if len(regions) > 1 { // one region alone has nothing to fail over to: there is no bound to keep
		bound := manager.Bound(s)
		t.Detect, t.Bound = int(bound.Detect/time.Second), int(bound.Total()/time.Second)
	}
	for _, a := range accounts {
		t.Stores = append(t.Stores, a.Store())
	}
	later := []any{steering.Details}
	for i, r := range regions {
		t.Regions = append(t.Regions, topology.Region{
			Name: r.member.Region.String(), Provider: r.member.Region.Provider, Role: role(s, i), Hostname: r.member.OwnName,
			Weight: weight(s, r.member.Region), Drained: r.member.Drained, AsksClients: r.asksClients,
			URL: "https://" + r.member.OwnName + "/", HealthURL: "https://" + r.member.OwnName + s.Check.Path,
			Digest: r.artefact.Digest(),
		})
		later = append(later, r.target, steering.Checks[i], r.function)
	}
	out, ok := pulumi.All(later...).ApplyT(func(known []any) (map[string]any, error) {
		return fill(t, known)
	}).(pulumi.MapOutput)
	if !ok {
		return pulumi.MapOutput{}, fmt.Errorf("the topology is not a map output")
	}
	return out, nil
}

// role is what the i-th region does while everything is healthy.
func role(s settings.Settings, i int) string {
	serving := i == 0
	switch s.Pattern {
	case settings.ActiveActive:
		serving = true
	case settings.MultiRegion:
		serving = s.Regions[i].Provider == s.Regions[0].Provider
	}
	if serving {
		return topology.RolePrimary
	}
	return topology.RoleStandby
}

// weight is a region's share under weighted steering, 0 under any other.
func weight(s settings.Settings, r settings.Region) int {
	if s.Steering != settings.Weighted {
		return 0
	}
	return s.Weight(r)
}
