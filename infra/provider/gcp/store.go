package gcp

import (
	"fmt"

	"github.com/pulumi/pulumi-gcp/sdk/v9/go/gcp/storage"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"polygate.example/infra/provider"
	"polygate.example/infra/settings"
	"polygate.example/shared/topology"
)

// Store is the bucket that a stack keeps its topology and its lock in. The account is the project.
func (Provider) Store(s settings.Settings, account string) topology.Store {
	home := provider.Home(s, providerName)
	stem := provider.StoreStem(s.Environment, regions[home.Name])
	return topology.Store{Provider: providerName, Region: home.Name, Name: stem + "-" + provider.StoreHash(stem, account)}
}

// store declares the bucket. Nobody outside of the project sees it, what is written over is kept for a while, and all of it goes with the
// stack, the lock as well, which Pulumi does not know. It is encrypted and spoken to by TLS without being asked to. It holds nothing that the
// next `up` does not put there again.
func (a *account) store(ctx *pulumi.Context, name string) (err error) {
	a.kept = Provider{}.Store(a.args.Settings, a.project)
	if a.bucket, err = storage.NewBucket(ctx, name+"-state", &storage.BucketArgs{
		Name: pulumi.String(a.kept.Name), Location: pulumi.String(a.kept.Region), ForceDestroy: pulumi.Bool(true),
		UniformBucketLevelAccess: pulumi.Bool(true), PublicAccessPrevention: pulumi.String("enforced"),
		Versioning: storage.BucketVersioningArgs{Enabled: pulumi.Bool(true)},
		// A lock that is renewed leaves a version each time. Source: "Object Lifecycle Management", docs.cloud.google.com/storage/docs/lifecycle.
		LifecycleRules: storage.BucketLifecycleRuleArray{storage.BucketLifecycleRuleArgs{
			Action:    storage.BucketLifecycleRuleActionArgs{Type: pulumi.String("Delete")},
			Condition: storage.BucketLifecycleRuleConditionArgs{DaysSinceNoncurrentTime: pulumi.Int(provider.StoreDays)},
		}},
		Labels: provider.Tags(a.args, nil),
	}, pulumi.Parent(a), provider.Replaceable()); err != nil {
		return fmt.Errorf("bucket of the store: %w", err)
	}
	return nil
}

// Store says where the stack's documents are kept.
func (a *account) Store() topology.Store { return a.kept }

// Keep declares the topology in the store. Other content is another object under the same name, so that the old one goes first: deleted last,
// it would take the new one with it.
func (a *account) Keep(ctx *pulumi.Context, document pulumi.StringInput) error {
	if _, err := storage.NewBucketObject(ctx, a.name+"-topology", &storage.BucketObjectArgs{
		Bucket: a.bucket.Name, Name: pulumi.String(provider.TopologyObject),
		Content: document.ToStringOutput(), ContentType: pulumi.String("application/json"),
	}, pulumi.Parent(a), provider.Replaceable(), pulumi.DeleteBeforeReplace(true)); err != nil {
		return fmt.Errorf("topology in the store of %s: %w", a.name, err)
	}
	return nil
}
