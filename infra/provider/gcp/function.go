package gcp

import (
	"strconv"

	"github.com/pulumi/pulumi-gcp/sdk/v9/go/gcp/artifactregistry"
	"github.com/pulumi/pulumi-gcp/sdk/v9/go/gcp/cloudfunctionsv2"
	"github.com/pulumi/pulumi-gcp/sdk/v9/go/gcp/cloudrunv2"
	"github.com/pulumi/pulumi-gcp/sdk/v9/go/gcp/storage"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"polygate.example/infra/provider"
)

// concurrency is how many requests an instance takes at a time. A request waits mostly for its upstream, so that one CPU
// serves many; above 1 it needs a whole CPU.
const concurrency = 80

// source declares the bucket and the object with the source. The object's name carries the digest: another artefact
// is another object, which is what makes Google build anew.
func (r *region) source() (*storage.Bucket, *storage.BucketObject, error) {
	bucket, err := storage.NewBucket(r.ctx, r.name+"-source", &storage.BucketArgs{
		Name:                     pulumi.String(r.bucketName()),
		Location:                 r.in,
		UniformBucketLevelAccess: pulumi.Bool(true),
		PublicAccessPrevention:   pulumi.String("enforced"),
		Labels:                   r.labels,
	}, r.parent)
	if err != nil {
		return nil, nil, r.failed("source bucket", err)
	}
	object, err := storage.NewBucketObject(r.ctx, r.name+"-source-zip", &storage.BucketObjectArgs{
		Bucket:      bucket.Name,
		Name:        pulumi.String(r.args.Artefact.SHA256 + ".zip"),
		Source:      pulumi.NewFileAsset(r.args.Package),
		ContentType: pulumi.String("application/zip"),
	}, r.parent, provider.Replaceable())
	if err != nil {
		return nil, nil, r.failed("source object", err)
	}
	return bucket, object, nil
}

// function declares the function. It takes requests from load balancers and from inside Google only; the invoker role
// for everyone is what lets a load balancer, which has no identity, call it. Source: "Set up a global external
// Application Load Balancer with Cloud Run functions", docs.cloud.google.com/load-balancing/docs/https/
// setup-global-ext-https-serverless.
func (r *region) function(who *identities, images *artifactregistry.Repository, object *storage.BucketObject) (*cloudfunctionsv2.Function, error) {
	s := r.account.args.Settings
	secrets, err := r.secrets(who)
	if err != nil {
		return nil, err
	}
	fn, err := cloudfunctionsv2.NewFunction(r.ctx, r.name+"-function", &cloudfunctionsv2.FunctionArgs{
		Name:        pulumi.String(r.stem),
		Location:    r.in,
		Description: pulumi.Sprintf("polygate gateway of %s", s.Environment),
		BuildConfig: cloudfunctionsv2.FunctionBuildConfigArgs{
			Runtime:          pulumi.String(r.args.Artefact.Runtime),
			EntryPoint:       pulumi.String("Gateway"),
			ServiceAccount:   who.build.Name, // projects/<project>/serviceAccounts/<email>
			DockerRepository: images.ID(),    // projects/<project>/locations/<region>/repositories/<name>
			Source: cloudfunctionsv2.FunctionBuildConfigSourceArgs{
				StorageSource: cloudfunctionsv2.FunctionBuildConfigSourceStorageSourceArgs{
					Bucket: object.Bucket, Object: object.Name,
				},
			},
		},
		ServiceConfig: cloudfunctionsv2.FunctionServiceConfigArgs{
			AvailableCpu:                  pulumi.String("1"),
			AvailableMemory:               pulumi.String(strconv.Itoa(s.Memory) + "Mi"),
			TimeoutSeconds:                pulumi.Int(s.Timeout),
			MaxInstanceCount:              pulumi.Int(s.Concurrency),
			MinInstanceCount:              pulumi.Int(s.Warm),
			MaxInstanceRequestConcurrency: pulumi.Int(concurrency),
			IngressSettings:               pulumi.String("ALLOW_INTERNAL_AND_GCLB"),
			AllTrafficOnLatestRevision:    pulumi.Bool(true),
			ServiceAccountEmail:           who.runtime.Email,
			EnvironmentVariables:          pulumi.ToStringMap(r.environment()),
			SecretEnvironmentVariables:    secrets,
		},
		Labels: r.labels,
	}, r.parent, pulumi.DependsOn(who.grants), pulumi.ResourceHooks(&pulumi.ResourceHookBinding{
		BeforeCreate: []*pulumi.ResourceHook{r.account.settle},
		BeforeUpdate: []*pulumi.ResourceHook{r.account.secrets, r.account.told},
	}))
	if err != nil {
		return nil, r.failed("function", err)
	}
	invoker, err := cloudrunv2.NewServiceIamMember(r.ctx, r.name+"-invoker", &cloudrunv2.ServiceIamMemberArgs{
		Project:  pulumi.String(r.account.project),
		Location: r.in,
		Name:     fn.Name, // the service of a function bears its name
		Role:     pulumi.String("roles/run.invoker"),
		Member:   pulumi.String("allUsers"),
	}, r.parent)
	if err != nil {
		return nil, r.failed("invoker role", err)
	}
	r.serving = append(r.serving, invoker)
	return fn, nil
}
