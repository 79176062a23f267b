package aws

import (
	"errors"
	"fmt"

	"github.com/pulumi/pulumi-aws/sdk/v7/go/aws/acm"
	"github.com/pulumi/pulumi-aws/sdk/v7/go/aws/apigatewayv2"
	"github.com/pulumi/pulumi-aws/sdk/v7/go/aws/lambda"
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
	certificate, err := r.certificate()
	if err != nil {
		return nil, err
	}
	live, shared, err := r.clients(fn, certificate)
	if err != nil {
		return nil, err
	}
	api, stage, err := r.front(live)
	if err != nil {
		return nil, err
	}
	// Health checks and whoever looks at this region alone come by its own name, which asks nobody for a certificate: the gateway itself answers
	// 401 there where one is wanted.
	own, err := r.domain("own", args.OwnName, certificate, nil)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(r.mapping("own", own, api, stage), r.mapping("shared", shared, api, stage)); err != nil {
		return nil, err
	}
	if err := r.alarms(fn, api, certificate); err != nil {
		return nil, err
	}
	comp.Serving, comp.AsksClients = r.serving, a.asksClients()
	comp.Target = own.DomainNameConfiguration.TargetDomainName().Elem()
	comp.Function = fn.Arn
	if err := ctx.RegisterResourceOutputs(comp, pulumi.Map{"target": comp.Target, "functionArn": fn.Arn}); err != nil {
		return nil, fmt.Errorf("component %s: %w", name, err)
	}
	return comp, nil
}

// clients declares the alias that serves and the shared name, one after the other, as clients need it whose certificates a document begins or ceases to
// go by: what goes by them serves while they are asked for, so that nobody who has one is refused meanwhile.
func (r *region) clients(fn *lambda.Function, certificate *acm.CertificateValidation) (*lambda.Alias, *apigatewayv2.DomainName, error) {
	trust, err := r.trust()
	if err != nil {
		return nil, nil, err
	}
	host := r.account.args.Settings.Hostname
	if trust == nil {
		live, err := r.alias(fn)
		if err != nil {
			return nil, nil, err
		}
		shared, err := r.domain("shared", host, certificate, nil, live)
		return live, shared, err
	}
	shared, err := r.domain("shared", host, certificate, trust)
	if err != nil {
		return nil, nil, err
	}
	live, err := r.alias(fn, shared)
	return live, shared, err
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
