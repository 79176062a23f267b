package gcp

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"polygate.example/infra/provider"
)

// NewRegion declares the gateway in one region. The order below is the order of dependence.
func (a *account) NewRegion(ctx *pulumi.Context, name string, args provider.RegionArgs, opts ...pulumi.ResourceOption) (*provider.Region, error) {
	comp := &provider.Region{TargetType: provider.A}
	if err := ctx.RegisterComponentResource(provider.TypeToken("gcp", "Region"), name, comp, opts...); err != nil {
		return nil, fmt.Errorf("component %s: %w", name, err)
	}
	r := &region{
		ctx: ctx, account: a, args: args, name: name,
		stem: provider.PhysicalName(a.args.Settings.Environment, args.Label),
		in:   pulumi.String(args.Region.Name), parent: pulumi.Parent(comp),
		labels: provider.Tags(a.args, &args.Region),
	}
	bucket, object, err := r.source()
	if err != nil {
		return nil, err
	}
	who, err := r.identity(bucket)
	if err != nil {
		return nil, err
	}
	images, err := r.images()
	if err != nil {
		return nil, err
	}
	if err := r.mayPush(who, images); err != nil {
		return nil, err
	}
	fn, err := r.function(who, images, object)
	if err != nil {
		return nil, err
	}
	certificates, err := r.certificates()
	if err != nil {
		return nil, err
	}
	address, err := r.front(fn, certificates)
	if err != nil {
		return nil, err
	}
	if err := r.alarms(); err != nil {
		return nil, err
	}
	comp.Serving = r.serving
	comp.Target = address.Address
	comp.Function = fn.ID().ToStringOutput()
	if err := ctx.RegisterResourceOutputs(comp, pulumi.Map{"target": comp.Target, "function": fn.Name}); err != nil {
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
	in      pulumi.String // the Google Cloud region
	parent  pulumi.ResourceOption
	labels  pulumi.StringMap
	serving []pulumi.Resource // see provider.Region
}

// bucketName is unique in all of Cloud Storage: names are shared by all customers. Source: "About Cloud Storage
// buckets", docs.cloud.google.com/storage/docs/buckets.
func (r *region) bucketName() string { return nameFor(r.stem, r.account.project) }

// nameFor is a physical name that changes with what the resource is for. Certificate Manager changes neither a domain nor
// a certificate's names in place, and refuses to delete what is referred to: under its old name the new resource could
// only come after the old one is gone, which is still in use. Under a name of its own it comes first.
func nameFor(stem string, what ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(what, "/")))
	return stem + "-" + hex.EncodeToString(sum[:4])
}

// failed names the part of the region that could not be declared.
func (r *region) failed(part string, err error) error {
	return fmt.Errorf("%s of %s: %w", part, r.args.Region, err)
}
