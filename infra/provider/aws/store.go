package aws

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/pulumi/pulumi-aws/sdk/v7/go/aws"
	"github.com/pulumi/pulumi-aws/sdk/v7/go/aws/s3"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"polygate.example/infra/provider"
	"polygate.example/infra/settings"
	"polygate.example/shared/topology"
)

// Store is the bucket that a stack keeps its topology and its lock in. The account is the number that STS tells.
func (Provider) Store(s settings.Settings, account string) topology.Store {
	home := provider.Home(s, "aws")
	stem := provider.StoreStem(s.Environment, regions[home.Name])
	return topology.Store{Provider: "aws", Region: home.Name, Name: stem + "-" + provider.StoreHash(stem, account)}
}

// store declares the bucket. Nobody outside of the account sees it, nothing reaches it but by TLS, what is written over is kept for a while,
// and all of it goes with the stack, the lock as well, which Pulumi does not know. It is encrypted without being asked to (SSE-S3: "Setting
// default server-side encryption behavior for Amazon S3 buckets", S3 user guide). It holds nothing that the next `up` does not put there again.
func (a *account) store(ctx *pulumi.Context) error {
	who, err := aws.GetCallerIdentity(ctx, &aws.GetCallerIdentityArgs{}, pulumi.Parent(a))
	if err != nil {
		return fmt.Errorf("number of the account: %w", err)
	}
	a.number, a.kept = who.AccountId, Provider{}.Store(a.args.Settings, who.AccountId)
	a.bucket, _, err = private(ctx, bucketArgs{
		name: a.name + "-state", physical: a.kept.Name, in: pulumi.String(a.kept.Region), tags: provider.Tags(a.args, nil),
		opts: []pulumi.ResourceOption{pulumi.Parent(a), provider.Replaceable()},
	})
	if err != nil {
		return fmt.Errorf("store: %w", err)
	}
	return nil
}

// bucketArgs are a bucket of the stack's.
type bucketArgs struct {
	name     string // stem of logical names
	physical string
	in       pulumi.String
	tags     pulumi.StringMap
	opts     []pulumi.ResourceOption
}

// private declares a bucket that nobody outside of the account sees, and its versioning, which what is put into it has to wait for.
func private(ctx *pulumi.Context, b bucketArgs) (*s3.Bucket, *s3.BucketVersioning, error) {
	failed := func(part string, err error) (*s3.Bucket, *s3.BucketVersioning, error) {
		return nil, nil, fmt.Errorf("%s of the bucket: %w", part, err)
	}
	bucket, err := s3.NewBucket(ctx, b.name, &s3.BucketArgs{Bucket: pulumi.String(b.physical), ForceDestroy: pulumi.Bool(true), Region: b.in, Tags: b.tags}, b.opts...)
	if err != nil {
		return failed("name", err)
	}
	if _, err := s3.NewBucketPublicAccessBlock(ctx, b.name+"-private", &s3.BucketPublicAccessBlockArgs{
		Bucket: bucket.Bucket, Region: b.in, BlockPublicAcls: pulumi.Bool(true), BlockPublicPolicy: pulumi.Bool(true),
		IgnorePublicAcls: pulumi.Bool(true), RestrictPublicBuckets: pulumi.Bool(true),
	}, b.opts...); err != nil {
		return failed("public access block", err)
	}
	versions, err := s3.NewBucketVersioning(ctx, b.name+"-versions", &s3.BucketVersioningArgs{
		Bucket: bucket.Bucket, Region: b.in,
		VersioningConfiguration: s3.BucketVersioningVersioningConfigurationArgs{Status: pulumi.String("Enabled")},
	}, b.opts...)
	if err != nil {
		return failed("versioning", err)
	}
	// A lock that is renewed leaves a version each time. Source: "Expiring noncurrent versions", S3 user guide, object-lifecycle-mgmt.
	if _, err := s3.NewBucketLifecycleConfiguration(ctx, b.name+"-lifecycle", &s3.BucketLifecycleConfigurationArgs{
		Bucket: bucket.Bucket, Region: b.in,
		Rules: s3.BucketLifecycleConfigurationRuleArray{s3.BucketLifecycleConfigurationRuleArgs{
			Id: pulumi.String("old-versions"), Status: pulumi.String("Enabled"),
			Filter: s3.BucketLifecycleConfigurationRuleFilterArgs{Prefix: pulumi.String("")},
			NoncurrentVersionExpiration: s3.BucketLifecycleConfigurationRuleNoncurrentVersionExpirationArgs{
				NoncurrentDays: pulumi.Int(provider.StoreDays),
			},
		}},
	}, append(slices.Clone(b.opts), pulumi.DependsOn([]pulumi.Resource{versions}))...); err != nil {
		return failed("lifecycle", err)
	}
	document, err := tlsOnly(b.physical)
	if err != nil {
		return failed("policy", err)
	}
	if _, err := s3.NewBucketPolicy(ctx, b.name+"-policy", &s3.BucketPolicyArgs{Bucket: bucket.Bucket, Region: b.in, Policy: pulumi.String(document)}, b.opts...); err != nil {
		return failed("policy", err)
	}
	return bucket, versions, nil
}

// tlsOnly is the policy of a bucket that is not spoken to in the clear. Source: "Security best practices for Amazon S3", enforce encryption of
// data in transit, S3 user guide.
func tlsOnly(bucket string) (string, error) {
	b, err := json.Marshal(map[string]any{"Version": "2012-10-17", "Statement": []any{map[string]any{
		"Sid": "TLSOnly", "Effect": "Deny", "Principal": "*", "Action": "s3:*",
		"Resource":  []string{"arn:aws:s3:::" + bucket, "arn:aws:s3:::" + bucket + "/*"},
		"Condition": map[string]any{"Bool": map[string]string{"aws:SecureTransport": "false"}},
	}}})
	return string(b), err
}

// Store says where the stack's documents are kept.
func (a *account) Store() topology.Store { return a.kept }

// Keep declares the topology in the store.
func (a *account) Keep(ctx *pulumi.Context, document pulumi.StringInput) error {
	if _, err := s3.NewBucketObjectv2(ctx, a.name+"-topology", &s3.BucketObjectv2Args{
		Bucket: a.bucket.Bucket, Key: pulumi.String(provider.TopologyObject), Region: pulumi.String(a.kept.Region),
		Content: document.ToStringOutput(), ContentType: pulumi.String("application/json"), Tags: provider.Tags(a.args, nil),
	}, pulumi.Parent(a), provider.Replaceable()); err != nil {
		return fmt.Errorf("topology in the store of %s: %w", a.name, err)
	}
	return nil
}
