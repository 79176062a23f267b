package aws

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/pulumi/pulumi-aws/sdk/v7/go/aws/iam"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"polygate.example/infra/provider"
	"polygate.example/infra/settings"
	"polygate.example/shared/secret"
)

// regionPlaceholder stands for the region of the function in a reference: a replica of a secret has the ARN of the first
// but for its region. Source: "Replicate AWS Secrets Manager secrets across Regions", docs.aws.amazon.com/secretsmanager/
// latest/userguide/replicate-secrets.html.
const regionPlaceholder = "{region}"

// reference is the form of a secret's ARN. Secrets Manager's ends in a dash and six characters, without which a policy
// would need a wildcard. Sources: "Secret ARN", docs.aws.amazon.com/secretsmanager/latest/userguide/
// whats-in-a-secret.html; "Resource types defined by AWS Systems Manager", parameter, docs.aws.amazon.com/
// service-authorization/latest/reference/list_awssystemsmanager.html.
var reference = regexp.MustCompile(`^arn:aws:(?:(secretsmanager):([^:]+):\d{12}:secret:[\w/+=.@-]+-[A-Za-z0-9]{6}|(ssm):([^:]+):\d{12}:parameter/[\w./-]+)$`)

// readActions are what reading from each store takes. A secret under a key of the user's own also needs that key's policy
// to let the role decrypt; the stores' own keys do.
var readActions = map[string]string{"secretsmanager": "secretsmanager:GetSecretValue", "ssm": "ssm:GetParameter"}

// storeOf is the service and the region of a reference; ok is false if it has not the form of one.
func storeOf(arn string) (service, region string, ok bool) {
	m := reference.FindStringSubmatch(arn)
	if m == nil {
		return "", "", false
	}
	return m[1] + m[3], m[2] + m[4], true
}

// maxSecrets is how long the value of secret.EnvReferences may be: all variables of a function have 4 KB, of which 1 KB is left for
// the others. Source: "Lambda quotas", docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html.
const maxSecrets = settings.MaxVariables

// check holds the references of secrets to their form.
func check(s settings.Settings, _ settings.Lookup) []settings.Problem {
	var problems []settings.Problem
	var names []string
	for _, r := range s.Regions {
		if r.Provider == "aws" {
			names = append(names, r.Name)
		}
	}
	longest := 0
	for name, value := range s.Variables {
		longest += len(name) + len(value)
	}
	for _, variable := range slices.Sorted(maps.Keys(s.Secrets)) {
		arn := s.Secrets[variable]["aws"]
		if arn == "" {
			continue // reported already
		}
		bad := func(format string, args ...any) {
			problems = append(problems, settings.Problemf("secrets", []string{variable, "aws"}, format, args...))
		}
		_, region, ok := storeOf(arn)
		switch {
		case !ok:
			bad("is no ARN of a secret: want arn:aws:secretsmanager:%s:<account>:secret:<name>-<six characters>, "+
				"or arn:aws:ssm:%[1]s:<account>:parameter/<name> of a SecureString", regionPlaceholder)
		case region == regionPlaceholder:
		case !slices.Contains(names, region):
			bad("is in %s, where the stack has no region: write %s for the region of each function", region, regionPlaceholder)
		case len(names) > 1:
			bad("is in %s alone, and losing that region would cost the others their secret: replicate it, and write %s in its place", region, regionPlaceholder)
		}
		longest += len(variable) + len(arn) + len("ap-southeast-4") + len(`"":"",`)
	}
	if len(s.Secrets) > 0 && longest > maxSecrets {
		problems = append(problems, settings.Problemf("secrets", nil,
			"needs %d bytes of a function's environment, with polygate:variables, and %d are free: name fewer, or shorter", longest, maxSecrets))
	}
	return problems
}

// secretsIn lists the ARNs of the stack's secrets in a region, by variable.
func secretsIn(s settings.Settings, region string) map[string]string {
	out := map[string]string{}
	for variable, stores := range s.Secrets {
		out[variable] = strings.ReplaceAll(stores["aws"], regionPlaceholder, region)
	}
	return out
}

// secretReferences is the value of secret.EnvReferences in a region: a JSON object from names to ARNs. Lambda itself puts no
// secret into an environment, and a value there would be readable by whoever may read the function's configuration; the
// function asks the extension beside it.
func secretReferences(s settings.Settings, region string) (string, error) {
	b, err := json.Marshal(secretsIn(s, region))
	if err != nil {
		return "", fmt.Errorf("encode %s: %w", secret.EnvReferences, err)
	}
	return string(b), nil
}

// secretPolicy lets the role read exactly the secrets that the stack names.
func (r *region) secretPolicy(role *iam.Role) (pulumi.Resource, error) {
	byAction := map[string][]string{}
	for _, arn := range secretsIn(r.account.args.Settings, r.args.Region.Name) {
		service, _, ok := storeOf(arn)
		if !ok {
			return nil, r.failed("policy of secrets", fmt.Errorf("%q is no ARN of a secret", arn))
		}
		if action := readActions[service]; !slices.Contains(byAction[action], arn) {
			byAction[action] = append(byAction[action], arn)
		}
	}
	var p policy
	for _, action := range slices.Sorted(maps.Keys(byAction)) {
		slices.Sort(byAction[action])
		p.Statement = append(p.Statement, statement{Effect: "Allow", Action: []string{action}, Resource: byAction[action]})
	}
	document, err := p.json()
	if err != nil {
		return nil, r.failed("policy of secrets", err)
	}
	grant, err := iam.NewRolePolicy(r.ctx, r.name+"-secret-policy", &iam.RolePolicyArgs{
		Name: pulumi.String("read-own-secrets"), Role: role.Name, Policy: pulumi.String(document),
	}, r.parent, provider.Replaceable())
	if err != nil {
		return nil, r.failed("policy of secrets", err)
	}
	return grant, nil
}
