package aws

import (
	"fmt"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"polygate.example/infra/provider"
)

// NewRegion declares the gateway in one region. The order below is the order of dependence.
func (a *account) NewRegion(ctx *pulumi.Context, name string, args provider.RegionArgs, opts ...pulumi.ResourceOption) (*provider.Region, error) {
	comp := &provider.Region{TargetType: provider.CNAME}
	if err := ctx.RegisterComponentResource(provider.TypeToken("aws", "Region"), name, comp, opts...); err != nil {
		return nil, fmt.Errorf("component %s: %w", name, err)
	}
	r := &region{
		ctx: ctx, account: a, args: args, name: name,
		stem: provider.PhysicalName(a.args.Settings.Environment, args.Label),
		in:   pulumi.String(args.Region.Name), parent: pulumi.Parent(comp),
		tags: provider.Tags(a.args, &args.Region),
	}
	who, err := r.identity()
	if err != nil {
		return nil, err
	}
	fn, err := r.function(who)
	if err != nil {
		return nil, err
	}
	live, err := r.alias(fn)
	if err != nil {
		return nil, err
	}
	api, stage, err := r.front(live)
	if err != nil {
		return nil, err
	}
	certificate, err := r.certificate()
	if err != nil {
		return nil, err
	}
	own, err := r.domain("own", args.OwnName, certificate, api, stage)
	if err != nil {
		return nil, err
	}
	if _, err := r.domain("shared", a.args.Settings.Hostname, certificate, api, stage); err != nil {
		return nil, err
	}
	if err := r.alarms(fn, api, certificate); err != nil {
		return nil, err
	}
	comp.Serving = r.serving
	comp.Target = own.DomainNameConfiguration.TargetDomainName().Elem()
	comp.Function = fn.Arn
	if err := ctx.RegisterResourceOutputs(comp, pulumi.Map{"target": comp.Target, "functionArn": fn.Arn}); err != nil {
		return nil, fmt.Errorf("component %s: %w", name, err)
	}
	return comp, nil
}

// region declares the parts of one region.
type region struct {
	ctx     *pulumi.Context
	account *account
	args    provider.RegionArgs
	name    string        // stem of logical names
	stem    string        // stem of physical names
	in      pulumi.String // the AWS region
	parent  pulumi.ResourceOption
	tags    pulumi.StringMap
	serving []pulumi.Resource // see provider.Region
}

// failed names the part of the region that could not be declared.
func (r *region) failed(part string, err error) error {
	return fmt.Errorf("%s of %s: %w", part, r.args.Region, err)
}
