package aws

import (
	"encoding/json"
	"fmt"

	"github.com/pulumi/pulumi-aws/sdk/v7/go/aws/cloudwatch"
	"github.com/pulumi/pulumi-aws/sdk/v7/go/aws/iam"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// policy is an IAM policy document.
type policy struct {
	Version   string
	Statement []statement
}

type statement struct {
	Effect    string
	Action    []string
	Principal map[string]string            `json:",omitempty"`
	Resource  []string                     `json:",omitempty"`
	Condition map[string]map[string]string `json:",omitempty"`
}

func (p policy) json() (string, error) {
	p.Version = "2012-10-17"
	b, err := json.Marshal(p)
	if err != nil {
		return "", fmt.Errorf("encode policy: %w", err)
	}
	return string(b), nil
}

// identity is who the function is and where it writes its log.
type identity struct {
	role   *iam.Role
	logs   *cloudwatch.LogGroup
	grants []pulumi.Resource // the role may write the log, and read the secrets if there are any
}

// identity declares the function's role and log. The role may write to its own log group, read the secrets that the stack
// names, and do nothing else. The log is encrypted under the key that CloudWatch Logs owns.
func (r *region) identity() (*identity, error) {
	assume, err := policy{Statement: []statement{{
		Effect: "Allow", Action: []string{"sts:AssumeRole"}, Principal: map[string]string{"Service": "lambda.amazonaws.com"},
	}}}.json()
	if err != nil {
		return nil, r.failed("role", err)
	}
	// With a boundary, whoever deploys can be held to making roles that go no further. Source: "Permissions boundaries for IAM
	// entities", docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html.
	var boundary pulumi.StringPtrInput
	if arn := r.account.args.Settings.PermissionsBoundary; arn != "" {
		boundary = pulumi.String(arn)
	}
	role, err := iam.NewRole(r.ctx, r.name+"-role", &iam.RoleArgs{
		Name:                pulumi.String(r.stem), // IAM is global: the label keeps regions apart
		Description:         pulumi.Sprintf("Runs the polygate gateway of %s in %s", r.account.args.Settings.Environment, r.args.Region.Name),
		AssumeRolePolicy:    pulumi.String(assume),
		PermissionsBoundary: boundary,
		Tags:                r.tags,
	}, r.parent)
	if err != nil {
		return nil, r.failed("role", err)
	}
	logs, err := cloudwatch.NewLogGroup(r.ctx, r.name+"-logs", &cloudwatch.LogGroupArgs{
		Name:            pulumi.String("/aws/lambda/" + r.stem),
		Region:          r.in,
		RetentionInDays: pulumi.Int(r.account.args.Settings.LogRetentionDays),
		Tags:            r.tags,
	}, r.parent)
	if err != nil {
		return nil, r.failed("log group", err)
	}
	// Lambda names the streams, so the last part of the resource must stay open: that is the one wildcard. Source:
	// "Defining Lambda function permissions with an execution role", docs.aws.amazon.com/lambda/latest/dg/
	// lambda-intro-execution-role.html; resource form: "Actions, resources, and condition keys for CloudWatch Logs".
	document := logs.Arn.ApplyT(func(arn string) (string, error) {
		return policy{Statement: []statement{{
			Effect: "Allow", Action: []string{"logs:CreateLogStream", "logs:PutLogEvents"}, Resource: []string{arn + ":log-stream:*"},
		}}}.json()
	}).(pulumi.StringOutput)
	grant, err := iam.NewRolePolicy(r.ctx, r.name+"-log-policy", &iam.RolePolicyArgs{
		Name: pulumi.String("write-own-log"), Role: role.Name, Policy: document,
	}, r.parent)
	if err != nil {
		return nil, r.failed("role policy", err)
	}
	who := &identity{role: role, logs: logs, grants: []pulumi.Resource{grant}}
	if len(r.account.args.Settings.Secrets) > 0 {
		grant, err := r.secretPolicy(role)
		if err != nil {
			return nil, err
		}
		who.grants = append(who.grants, grant)
	}
	return who, nil
}
