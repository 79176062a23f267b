package infra

import (
	"fmt"
	"slices"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"polygate.example/infra/catalog"
	"polygate.example/infra/failover"
	"polygate.example/infra/provider"
)

// zones are the zone that clients are led by and, where the stack has a spare manager, the zone of the same name there.
// Nobody is led by the spare until the zone is delegated to it, at whoever holds the zone above: that is the answer to
// losing a DNS provider. It answers by the same plan all the while, so that nothing has to be deployed on that day.
//
// What is in a zone is called the same whether it is the main one or the spare, and told apart by its type, which is its
// manager's. So the two may change places in the stack file, and nothing is replaced: under another name a record would be
// created while it is there, which every one of the managers refuses.
type zones struct {
	manager string
	main    failover.Zone
	spare   failover.Zone // nil without one
	name    string        // of the spare manager

	admitted pulumi.ResourceOption // what records wait for; nil without CAA
}

func openZones(ctx *pulumi.Context, name string, args GatewayArgs, manager failover.Manager, opts ...pulumi.ResourceOption) (*zones, error) {
	s := args.Settings
	z := &zones{manager: s.Manager, name: s.Spare}
	var err error
	if z.main, err = manager.Open(ctx, name, zoneArgs(args, s.Manager), opts...); err != nil {
		return nil, err
	}
	if s.Spare == "" {
		return z, nil
	}
	spare, ok := catalog.Manager(s.Spare)
	if !ok {
		return nil, fmt.Errorf("there is no traffic manager %q", s.Spare)
	}
	if z.spare, err = spare.Open(ctx, name, zoneArgs(args, s.Spare), opts...); err != nil {
		return nil, err
	}
	return z, nil
}

func zoneArgs(args GatewayArgs, manager string) failover.ZoneArgs {
	return failover.ZoneArgs{Settings: args.Settings, Config: args.Config, Lost: slices.Contains(args.Without, manager), Country: args.Manifest.Front.Country}
}

// told has all that is of the regions wait for what a front is to tell them of clients. A function that believes a header which nobody writes yet
// believes the client. A manager that is left out tells what it was asked to before, and nothing waits: see Untold.
func (z *zones) told() pulumi.ResourceOption {
	var wait []pulumi.Resource
	if t, ok := z.main.(failover.Telling); ok {
		wait = t.Tells()
	}
	return pulumi.Transformations([]pulumi.ResourceTransformation{func(r *pulumi.ResourceTransformationArgs) *pulumi.ResourceTransformationResult {
		if len(wait) == 0 {
			return nil
		}
		return &pulumi.ResourceTransformationResult{Props: r.Props, Opts: append(slices.Clone(r.Opts), pulumi.DependsOn(wait))}
	}})
}

// Write writes a record into both zones. What proves that a name is ours must be in both, or certificates could not be
// renewed after the change.
func (z *zones) Write(ctx *pulumi.Context, name string, record provider.Record, opts ...pulumi.ResourceOption) (*provider.Written, error) {
	if z.admitted != nil {
		opts = append(opts, z.admitted)
	}
	w, err := z.main.Write(ctx, name, record, opts...)
	if err != nil || z.spare == nil {
		return w, err
	}
	if _, err := z.spare.Write(ctx, name, record, opts...); err != nil {
		return nil, err
	}
	return w, nil
}

// steer declares the plan in both zones and returns what leads clients now.
func (z *zones) steer(ctx *pulumi.Context, name string, plan failover.Group, opts ...pulumi.ResourceOption) (*failover.Steering, error) {
	out, err := z.main.Steer(ctx, name+"-"+z.manager, plan, opts...)
	if err != nil || z.spare == nil {
		return out, err
	}
	if _, err := z.spare.Steer(ctx, name+"-"+z.name, plan, opts...); err != nil {
		return nil, err
	}
	return out, nil
}

var _ provider.Names = (*zones)(nil)
