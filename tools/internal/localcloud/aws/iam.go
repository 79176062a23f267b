package aws

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"time"

	"polygate.example/tools/internal/localcloud/resource"
)

const (
	tokenRole       = "aws:iam/role:Role"
	tokenRolePolicy = "aws:iam/rolePolicy:RolePolicy"

	labelRole       = "IAM Role"
	labelRolePolicy = "IAM Role Policy"
)

// iamName is what IAM names consist of. Source: IAM API reference, CreateRole, RoleName.
var iamName = regexp.MustCompile(`^[\w+=,.@-]+$`)

// boundaryARN is the form of a managed policy's ARN: one of the account's, or of AWS's. Sources: IAM API reference, CreateRole,
// PermissionsBoundary; IAM user guide, IAM identifiers.
var boundaryARN = regexp.MustCompile(`^arn:aws:iam::(?:\d{12}|aws):policy/(?:[!-.0-~]+/)*[\w+=,.@-]{1,128}$`)

func policyProperty(name string) resource.Property {
	return resource.Property{Name: name, Kind: resource.Any, Required: true, JSON: true}
}

// roleType is aws:iam/role:Role. Source: IAM API reference, CreateRole (name 1..64, session 3600..43200 seconds,
// description up to 1000) and DeleteRole ("make sure that the role does not have any policies").
func roleType() *resource.Type {
	return &resource.Type{
		Token: tokenRole, Label: labelRole,
		Properties: []resource.Property{
			{Name: "name", Kind: resource.String, Immutable: true, Min: resource.At(1), Max: resource.At(64), Pattern: iamName},
			policyProperty("assumeRolePolicy"),
			{Name: "description", Kind: resource.String, Max: resource.At(1000)},
			{Name: "path", Kind: resource.String, Immutable: true, Default: "/", Pattern: regexp.MustCompile(`^/([\x21-\x7e]+/)?$`)},
			{Name: "maxSessionDuration", Kind: resource.Int, Default: 3600.0, Min: resource.At(3600), Max: resource.At(43200)},
			{Name: "permissionsBoundary", Kind: resource.String, Pattern: boundaryARN},
			{Name: "forceDetachPolicies", Kind: resource.Bool, Default: false, Ignored: true},
			tagsProperty(),
		},
		Unmodelled: []string{"inlinePolicies", "managedPolicyArns", "namePrefix"},
		Computed:   []string{"arn", "createDate", "uniqueId", "tagsAll"},
		Volatile:   []string{"tagsAll"},
		AutoName:   &resource.AutoName{Property: "name", Max: 64},
		Unique:     []string{"name"},
		Conflict: func(in resource.Props) error {
			return action{resource.OpCreate, labelRole, in.Str("name"), "IAM", "CreateRole"}.refuse(codeEntityExists,
				"Role with name %s already exists.", in.Str("name"))
		},
		Create: func(_ context.Context, env *resource.Env, in resource.Props) (string, resource.Props, error) {
			name := in.Str("name")
			if err := checkPolicy(action{resource.OpCreate, labelRole, name, "IAM", "CreateRole"}, in, "assumeRolePolicy", trustPolicy); err != nil {
				return "", nil, err
			}
			return name, resource.Props{
				"arn":        arn("iam", "", "role"+in.Str("path")+name),
				"createDate": env.Now().Format(time.RFC3339),
				"uniqueId":   "AROA" + strings.ToUpper(serial(env, 17, tokenRole, name)),
				"tagsAll":    tagsAll(in),
			}, nil
		},
		Update: func(_ context.Context, _ *resource.Env, old resource.Record, in resource.Props) (resource.Props, error) {
			a := action{resource.OpUpdate, labelRole, old.ID, "IAM", "UpdateAssumeRolePolicy"}
			return resource.Props{"tagsAll": tagsAll(in)}, checkPolicy(a, in, "assumeRolePolicy", trustPolicy)
		},
		Delete: func(_ context.Context, env *resource.Env, old resource.Record) error {
			policies := env.View().Where(tokenRolePolicy, "role", old.ID)
			if len(policies) > 0 && !old.Inputs.Bool("forceDetachPolicies") {
				return action{resource.OpDelete, labelRole, old.ID, "IAM", "DeleteRole"}.refuse(codeDeleteConflict,
					"Cannot delete entity, must delete policies first.")
			}
			return removeAll(env, policies)
		},
	}
}

// rolePolicyType is aws:iam/rolePolicy:RolePolicy. Source: IAM API reference, PutRolePolicy (name 1..128; the call
// overwrites, but pulumi-aws makes two resources of two names).
func rolePolicyType() *resource.Type {
	return &resource.Type{
		Token: tokenRolePolicy, Label: labelRolePolicy,
		Properties: []resource.Property{
			{Name: "name", Kind: resource.String, Immutable: true, Min: resource.At(1), Max: resource.At(128), Pattern: iamName},
			{Name: "role", Kind: resource.String, Required: true, Immutable: true},
			policyProperty("policy"),
		},
		Unmodelled: []string{"namePrefix"},
		AutoName:   &resource.AutoName{Property: "name", Max: 128},
		Unique:     []string{"role", "name"},
		Conflict: func(in resource.Props) error {
			return action{resource.OpCreate, labelRolePolicy, in.Str("name"), "IAM", "PutRolePolicy"}.refuse(codeEntityExists,
				"Policy with name %s already exists on role %s.", in.Str("name"), in.Str("role"))
		},
		Create: func(_ context.Context, env *resource.Env, in resource.Props) (string, resource.Props, error) {
			return in.Str("role") + ":" + in.Str("name"), nil, putRolePolicy(env, resource.OpCreate, in)
		},
		Update: func(_ context.Context, env *resource.Env, _ resource.Record, in resource.Props) (resource.Props, error) {
			return nil, putRolePolicy(env, resource.OpUpdate, in)
		},
	}
}

func putRolePolicy(env *resource.Env, op resource.Op, in resource.Props) error {
	a := action{op, labelRolePolicy, in.Str("role") + ":" + in.Str("name"), "IAM", "PutRolePolicy"}
	if _, ok := env.View().Get(tokenRole, in.Str("role")); !ok {
		return a.refuse(codeNoSuchEntity, "The role with name %s cannot be found.", in.Str("role"))
	}
	return checkPolicy(a, in, "policy", identityPolicy)
}

func checkPolicy(a action, in resource.Props, name string, kind policyKind) error {
	text, err := policyText(in, name)
	if err == nil {
		_, err = parsePolicy(text, kind)
	}
	if err != nil {
		return a.refuse(codeMalformedPolicy, "%v", err)
	}
	return nil
}

// roleFor finds the role that a service is to assume. The message says why it cannot.
func roleFor(v resource.View, roleARN, service string) (message string) {
	role, ok := v.Find(tokenRole, "arn", roleARN)
	if ok {
		text, err := policyText(role.Inputs, "assumeRolePolicy")
		if err == nil {
			if d, err := parsePolicy(text, trustPolicy); err == nil && d.assumableBy(service) {
				return ""
			}
		}
	}
	return fmt.Sprintf("The role defined for the function cannot be assumed by %s.", serviceNames[service])
}

var serviceNames = map[string]string{"lambda.amazonaws.com": "Lambda"}
