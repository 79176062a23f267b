// Package aws deploys the gateway to AWS: a Lambda function behind an API Gateway HTTP API in each region.
package aws

import (
	"fmt"

	"github.com/pulumi/pulumi-aws/sdk/v7/go/aws/s3"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"polygate.example/infra/provider"
	"polygate.example/infra/settings"
	"polygate.example/shared/topology"
)

// Provider is Amazon Web Services.
type Provider struct{}

// regions are those with Lambda and HTTP APIs in the standard partition, with a short name for each in the form of
// the AWS availability zone ids. Source: "AWS Lambda endpoints and quotas" and "Availability Zones",
// docs.aws.amazon.com/general/latest/gr/lambda-service.html and docs.aws.amazon.com/global-infrastructure/latest/regions.
var regions = map[string]string{
	"af-south-1": "afs1", "ap-east-1": "ape1", "ap-northeast-1": "apne1", "ap-northeast-2": "apne2",
	"ap-northeast-3": "apne3", "ap-south-1": "aps1", "ap-south-2": "aps2", "ap-southeast-1": "apse1",
	"ap-southeast-2": "apse2", "ap-southeast-3": "apse3", "ap-southeast-4": "apse4", "ca-central-1": "cac1",
	"ca-west-1": "caw1", "eu-central-1": "euc1", "eu-central-2": "euc2", "eu-north-1": "eun1", "eu-south-1": "eus1",
	"eu-south-2": "eus2", "eu-west-1": "euw1", "eu-west-2": "euw2", "eu-west-3": "euw3", "il-central-1": "ilc1",
	"me-central-1": "mec1", "me-south-1": "mes1", "sa-east-1": "sae1", "us-east-1": "use1", "us-east-2": "use2",
	"us-west-1": "usw1", "us-west-2": "usw2",
}

// Spec says what AWS can do.
func (Provider) Spec() provider.Spec {
	return provider.Spec{
		Name:          "aws",
		Regions:       regions,
		Architectures: []string{settings.ArchitectureARM64, settings.ArchitectureAMD64},
		// Source: "Lambda quotas", docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html.
		Memory: provider.Allowed{Least: 128, Most: 10240},
		// Lambda allows 900 s, but an HTTP API waits for no integration longer than 30 s. Source: "Quotas for HTTP
		// APIs", docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html.
		Timeout: provider.Allowed{Least: 1, Most: 30},
		// Source: PutRetentionPolicy, docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference.
		LogRetention: provider.Allowed{Of: []int{
			1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
		}},
		// Source: "Configuring provisioned concurrency for a function": it counts towards the reserved concurrency, and cannot be
		// more, docs.aws.amazon.com/lambda/latest/dg/provisioned-concurrency.html.
		WarmWithin: true,
		Boundary:   true,
		// ACM takes at most 64 octets for the first name of a certificate, which becomes its common name. Source:
		// RequestCertificate, DomainName, docs.aws.amazon.com/acm/latest/APIReference.
		MaxOwnName: 64,
		Limits:     limits,
		// ACM issues when CAA admits any one of these. Source: "(Optional) Configure a CAA
		// record", docs.aws.amazon.com/acm/latest/userguide/setup-caa.html.
		Authorities: []string{"amazon.com", "amazonaws.com", "amazontrust.com", "awstrust.com"},
		Config:      []provider.ConfigKey{provider.AWSRegion},
		Check:       check,

		Certificates: certificates,
	}
}

// account is the AWS account's part of a stack.
type account struct {
	pulumi.ResourceState

	name string
	args provider.AccountArgs
	// kept says where the stack's documents are, and bucket is it.
	kept   topology.Store
	bucket *s3.Bucket
	number string // of the account
	// validation proves to ACM that the shared name is ours. ACM asks for the same CNAME in every region of an
	// account, so the stack's first region writes it for all. Source: "DNS validation",
	// docs.aws.amazon.com/acm/latest/userguide/dns-validation.html.
	validation *provider.Written
}

// NewAccount declares AWS's part of a stack, with the budget of it. Its one shared record is written with the first region, whose
// certificate is the first to say what it must hold.
func (Provider) NewAccount(ctx *pulumi.Context, name string, args provider.AccountArgs, opts ...pulumi.ResourceOption) (provider.Account, error) {
	a := &account{name: name, args: args}
	if err := ctx.RegisterComponentResource(provider.TypeToken("aws", "Account"), name, a, opts...); err != nil {
		return nil, fmt.Errorf("component %s: %w", name, err)
	}
	if err := a.budget(ctx); err != nil {
		return nil, fmt.Errorf("component %s: %w", name, err)
	}
	if err := a.store(ctx); err != nil {
		return nil, fmt.Errorf("component %s: %w", name, err)
	}
	if err := ctx.RegisterResourceOutputs(a, pulumi.Map{}); err != nil {
		return nil, fmt.Errorf("component %s: %w", name, err)
	}
	return a, nil
}

var (
	_ provider.Provider = Provider{}
	_ provider.Account  = (*account)(nil)
)
