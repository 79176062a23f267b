package aws

import (
	"github.com/pulumi/pulumi-aws/sdk/v7/go/aws/lambda"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"polygate.example/infra/provider"
)

// aliasName is what the front invokes: the published version that is live.
const aliasName = "live"

// alias declares what the front invokes. There is one always, with or without instances kept warm: each change of code or
// configuration is published as a version of its own, and the alias moves to it in one step when it is ready, so that
// switching polygate:warm on or off never touches the way of a request. Source: "Manage Lambda function versions" and
// "Create an alias for a Lambda function", docs.aws.amazon.com/lambda/latest/dg/configuration-aliases.html.
func (r *region) alias(fn *lambda.Function, after ...pulumi.Resource) (*lambda.Alias, error) {
	live, err := lambda.NewAlias(r.ctx, r.name+"-alias", &lambda.AliasArgs{
		Name:            pulumi.String(aliasName),
		Region:          r.in,
		Description:     pulumi.String("The version that serves"),
		FunctionName:    fn.Name,
		FunctionVersion: fn.Version,
	}, r.parent, pulumi.DependsOn(after))
	if err != nil {
		return nil, r.failed("alias", err)
	}
	if warm := r.account.args.Settings.Warm; warm > 0 {
		// Counts against what is reserved for the function, which the audit sees to. While the alias moves to another
		// version, its requests are taken by instances that start on demand. Source: "Configuring provisioned
		// concurrency for a function", docs.aws.amazon.com/lambda/latest/dg/provisioned-concurrency.html.
		ready, err := lambda.NewProvisionedConcurrencyConfig(r.ctx, r.name+"-warm", &lambda.ProvisionedConcurrencyConfigArgs{
			Region:                          r.in,
			FunctionName:                    fn.Name,
			Qualifier:                       live.Name,
			ProvisionedConcurrentExecutions: pulumi.Int(warm),
		}, r.parent, provider.Replaceable())
		if err != nil {
			return nil, r.failed("provisioned concurrency", err)
		}
		r.serving = append(r.serving, ready)
	}
	return live, nil
}
