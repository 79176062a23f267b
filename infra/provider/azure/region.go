package azure

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"

	"github.com/pulumi/pulumi-azure-native-sdk/resources/v3"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"polygate.example/infra/provider"
)

// NewRegion declares the gateway in one region. The order below is the order of dependence.
func (a *account) NewRegion(ctx *pulumi.Context, name string, args provider.RegionArgs, opts ...pulumi.ResourceOption) (*provider.Region, error) {
	comp := &provider.Region{TargetType: provider.CNAME}
	if err := ctx.RegisterComponentResource(provider.TypeToken("azure", "Region"), name, comp, opts...); err != nil {
		return nil, fmt.Errorf("component %s: %w", name, err)
	}
	r := &region{
		ctx: ctx, account: a, args: args, name: name,
		stem: provider.PhysicalName(a.args.Settings.Environment, args.Label),
		in:   pulumi.String(args.Region.Name), parent: pulumi.Parent(comp),
		tags: provider.Tags(a.args, &args.Region),
	}
	var err error
	r.group, err = resources.NewResourceGroup(ctx, name+"-group", &resources.ResourceGroupArgs{
		ResourceGroupName: pulumi.String(r.stem), Location: r.in, Tags: r.tags,
	}, r.parent)
	if err != nil {
		return nil, r.failed("resource group", err)
	}
	logs, err := r.logs()
	if err != nil {
		return nil, err
	}
	who, err := r.identity()
	if err != nil {
		return nil, err
	}
	store, err := r.storage()
	if err != nil {
		return nil, err
	}
	grants, err := r.grant(who, store, logs)
	if err != nil {
		return nil, err
	}
	plan, err := r.plan()
	if err != nil {
		return nil, err
	}
	app, err := r.app(plan, who, store, logs, grants)
	if err != nil {
		return nil, err
	}
	closed, err := r.closePublishing(app)
	if err != nil {
		return nil, err
	}
	tell, err := r.alarms(app, logs)
	if err != nil {
		return nil, err
	}
	published, err := r.publish(app, store, append(slices.Clone(grants.host), closed))
	if err != nil {
		return nil, err
	}
	last, err := r.bind(app, plan, published)
	if err != nil {
		return nil, err
	}
	if err := r.watchCertificate(logs, tell, last); err != nil {
		return nil, err
	}
	comp.Serving = []pulumi.Resource{last}
	comp.Target = app.DefaultHostName
	comp.Function = app.ID().ToStringOutput()
	if err := ctx.RegisterResourceOutputs(comp, pulumi.Map{"target": comp.Target, "app": app.Name}); err != nil {
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
	in      pulumi.String // the Azure region
	parent  pulumi.ResourceOption
	tags    pulumi.StringMap
	group   *resources.ResourceGroup
}

// unique are eight hexadecimal digits for names that all customers of Azure share: those of storage accounts and of
// apps under azurewebsites.net. Source: "Naming rules and restrictions for Azure resources", learn.microsoft.com/azure/
// azure-resource-manager/management/resource-name-rules. The hostname is not in them: another one must not be another
// app, which the plan has no place for (a Flex Consumption plan holds one) and which would begin without its package.
func (r *region) unique() string {
	sum := sha256.Sum256([]byte(r.account.subscription + "/" + r.stem))
	return hex.EncodeToString(sum[:4])
}

// appName has at most 60 characters, as App Service demands: 38 for the stem with the longest region, 8 and a dash.
func (r *region) appName() string { return r.stem + "-" + r.unique() }

// accountName has 3 to 24 lower-case letters and digits: too few for the stem. A zone-redundant account is another account,
// see storage.
func (r *region) accountName() string {
	if r.account.args.Settings.ZoneRedundant {
		return "polygate" + r.unique() + "z"
	}
	return "polygate" + r.unique()
}

// failed names the part of the region that could not be declared.
func (r *region) failed(part string, err error) error {
	return fmt.Errorf("%s of %s: %w", part, r.args.Region, err)
}
