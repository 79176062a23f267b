package aws

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"

	"github.com/pulumi/pulumi-aws/sdk/v7/go/aws/lambda"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"polygate.example/infra/provider"
	"polygate.example/shared/secret"
)

// architectures is AWS's name for each GOARCH it runs.
var architectures = map[string]string{"amd64": "x86_64", "arm64": "arm64"}

// function declares the Lambda function. It logs to the group declared for it and to no other, so the group exists
// first, with its retention, and is ours to delete; and it may write there before it runs, or its first words, which say
// why it does not start, would be lost. Its environment is encrypted under the key that Lambda owns; X-Ray, code signing and
// SnapStart (which has no Go) are off, and it has no URL of its own.
func (r *region) function(who *identity) (*lambda.Function, error) {
	arch, ok := architectures[r.args.Artefact.Architecture]
	if !ok {
		return nil, r.failed("function", fmt.Errorf("the artefact %s is built for %q: Lambda runs amd64 and arm64",
			r.args.Artefact.File, r.args.Artefact.Architecture))
	}
	sum, err := hex.DecodeString(r.args.Artefact.SHA256)
	if err != nil {
		return nil, r.failed("function", fmt.Errorf("the digest of %s is not hexadecimal: %w", r.args.Artefact.File, err))
	}
	s := r.account.args.Settings
	env := provider.Environment(r.account.args, r.args)
	var layers pulumi.StringArray
	if len(s.Secrets) > 0 {
		if env[secret.EnvReferences], err = secretReferences(s, r.args.Region.Name); err != nil {
			return nil, r.failed("function", err)
		}
		layer, err := secretsExtension(r.args.Region.Name, arch)
		if err != nil {
			return nil, r.failed("function", err)
		}
		layers = pulumi.StringArray{pulumi.String(layer)}
	}
	fn, err := lambda.NewFunction(r.ctx, r.name+"-function", &lambda.FunctionArgs{
		Name:          pulumi.String(r.stem),
		Region:        r.in,
		Description:   pulumi.Sprintf("polygate gateway of %s", s.Environment),
		Role:          who.role.Arn,
		PackageType:   pulumi.String("Zip"),
		Runtime:       pulumi.String(r.args.Artefact.Runtime),
		Handler:       pulumi.String("bootstrap"),
		Architectures: pulumi.StringArray{pulumi.String(arch)},
		Code:          pulumi.NewFileArchive(r.args.Package),
		// Lambda's own digest of the zip: a change of the artefact is seen even when the engine's archive hash,
		// which is over the entries, is the same.
		SourceCodeHash: pulumi.String(base64.StdEncoding.EncodeToString(sum)),
		MemorySize:     pulumi.Int(s.Memory),
		Timeout:        pulumi.Int(s.Timeout),
		// The most there are, and as many that nobody else in the account can take. The account must be left 100: with
		// its default of 1000 a region, nine functions of the default dial have room. Source: "Configuring reserved
		// concurrency for a function", docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html.
		ReservedConcurrentExecutions: pulumi.Int(s.Concurrency),
		Publish:                      pulumi.Bool(true),
		Layers:                       layers,
		Environment: lambda.FunctionEnvironmentArgs{
			Variables: pulumi.ToStringMap(env),
		},
		LoggingConfig: lambda.FunctionLoggingConfigArgs{LogFormat: pulumi.String("JSON"), LogGroup: who.logs.Name},
		Tags:          r.tags,
	}, r.parent, pulumi.DependsOn(who.grants))
	if err != nil {
		return nil, r.failed("function", err)
	}
	return fn, nil
}
