package aws

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"polygate.example/tools/internal/localcloud/plane"
	"polygate.example/tools/internal/localcloud/resource"
)

// secretARN is the form of the ARN of a secret or a parameter of this account. Sources: "Secret ARN", Secrets Manager user
// guide; "Resource types defined by AWS Systems Manager", parameter.
var secretARN = regexp.MustCompile(`^arn:aws:(?:secretsmanager:[a-z0-9-]+:\d{12}:secret:[\w/+=.@-]+-[A-Za-z0-9]{6}|ssm:[a-z0-9-]+:\d{12}:parameter/[\w./-]+)$`)

// secretName says what is wrong with the name of a secret: each region has its own, by its ARN.
func secretName(name string) error {
	if !secretARN.MatchString(name) {
		return fmt.Errorf("%q is no secret of AWS: want arn:aws:secretsmanager:<region>:<account>:secret:<name>-<six characters> or "+
			"arn:aws:ssm:<region>:<account>:parameter/<name>, with a region of the stack", name)
	}
	return nil
}

// readSecret is the action that reading each kind of secret takes.
func readSecret(arn string) string {
	if strings.HasPrefix(arn, "arn:aws:ssm:") {
		return "ssm:GetParameter"
	}
	return "secretsmanager:GetSecretValue"
}

// secretsOf are the secrets that a role may read, those its policies name and those there are. One that it may not read is not
// among them, whether it is there or not.
func secretsOf(v resource.View, roleARN string) map[string]plane.Secret {
	role, ok := v.Find(tokenRole, "arn", roleARN)
	if !ok {
		return map[string]plane.Secret{}
	}
	var statements []statement
	for _, p := range v.Where(tokenRolePolicy, "role", role.ID) {
		words, err := policyText(p.Inputs, "policy")
		if err != nil {
			continue
		}
		if d, err := parsePolicy(words, identityPolicy); err == nil {
			statements = append(statements, d.Statements...)
		}
	}
	var names []string
	for _, s := range statements {
		names = append(names, s.Resources...)
	}
	for _, s := range v.Secrets() {
		if s.Provider == "aws" {
			names = append(names, s.Name)
		}
	}
	out := map[string]plane.Secret{}
	for _, name := range names {
		if secretARN.MatchString(name) && permits(statements, readSecret(name), name) {
			s, _ := v.Secret("aws", name, resource.LatestVersion)
			out[name] = plane.Secret{Version: s.Version, Value: s.Value}
		}
	}
	return out
}

// permits evaluates the policies of a role: one statement must allow, none may deny. A statement with a condition allows
// nothing here, and denies. Source: "Policy evaluation logic", IAM user guide.
func permits(statements []statement, action, resource string) bool {
	allowed := false
	for _, s := range statements {
		covers := slices.ContainsFunc(s.Actions, func(a string) bool { return like(strings.ToLower(a), strings.ToLower(action)) }) &&
			slices.ContainsFunc(s.Resources, func(r string) bool { return r == "*" || arnLike(r, resource) })
		if !covers {
			continue
		}
		if s.Effect == "Deny" {
			return false
		}
		allowed = allowed || len(s.Conditions) == 0
	}
	return allowed
}

// like matches an action against a pattern with * and ?.
func like(pattern, action string) bool {
	ok, err := path.Match(pattern, action)
	return err == nil && ok
}
