package aws

import (
	"context"
	"path"
	"regexp"
	"strings"

	"polygate.example/tools/internal/localcloud/resource"
)

const (
	tokenPermission = "aws:lambda/permission:Permission"
	labelPermission = "Lambda Permission"
)

// permissionType is aws:lambda/permission:Permission. Source: Lambda API reference, AddPermission. pulumi-aws replaces
// it on any change, and its id is the statement's.
func permissionType() *resource.Type {
	return &resource.Type{
		Token: tokenPermission, Label: labelPermission,
		Properties: []resource.Property{
			{Name: "action", Kind: resource.String, Required: true, Immutable: true, Pattern: regexp.MustCompile(`^(lambda:[*]|lambda:[a-zA-Z]+|[*])$`)},
			{Name: "function", Kind: resource.String, Required: true, Immutable: true, Min: resource.At(1), Max: resource.At(170)},
			{Name: "principal", Kind: resource.String, Required: true, Immutable: true, Pattern: regexp.MustCompile(`^\S+$`)},
			{Name: "sourceArn", Kind: resource.String, Immutable: true, Pattern: regexp.MustCompile(`^arn:(aws[a-zA-Z0-9-]*):([a-zA-Z0-9-])+:([a-z]{2}(-[a-z]+)+-\d)?:(\d{12})?:(.*)$`)},
			{Name: "sourceAccount", Kind: resource.String, Immutable: true, Pattern: regexp.MustCompile(`^\d{12}$`)},
			{Name: "statementId", Kind: resource.String, Immutable: true, Min: resource.At(1), Max: resource.At(100), Pattern: regexp.MustCompile(`^[a-zA-Z0-9-_]+$`)},
			{Name: "qualifier", Kind: resource.String, Immutable: true, Min: resource.At(1), Max: resource.At(128), Pattern: regexp.MustCompile(`^[\w$-]+$`)},
			fixed(regionProperty()),
		},
		Unmodelled: []string{"eventSourceToken", "functionUrlAuthType", "invokedViaFunctionUrl", "principalOrgId", "statementIdPrefix"},
		AutoName:   &resource.AutoName{Property: "statementId", Max: 100},
		Scope:      []string{"region", "function", "qualifier"},
		Unique:     []string{"statementId", "function", "qualifier", "region"},
		Conflict: func(in resource.Props) error {
			return permissionAction(in).refuse(codeResourceConflict, "The statement id (%s) provided already exists. Please provide a new statement id, "+
				"or remove the existing statement.", in.Str("statementId"))
		},
		Create: func(_ context.Context, env *resource.Env, in resource.Props) (string, resource.Props, error) {
			region, qualifier := in.Str("region"), in.Str("qualifier")
			name := arn("lambda", region, "function:"+functionName(in.Str("function")))
			fn, ok := functionByReference(env.View(), region, in.Str("function"))
			switch {
			case !ok:
				return "", nil, permissionAction(in).refuse(codeResourceNotFound, "Function not found: %s", name)
			case qualifier == latest:
				return "", nil, permissionAction(in).refuse(codeInvalidParameter, "We currently do not support adding policies for $LATEST.")
			}
			if _, ok := versionOf(env.View(), fn, qualifier); !ok {
				return "", nil, permissionAction(in).refuse(codeResourceNotFound, "Function not found: %s:%s", name, qualifier)
			}
			return in.Str("statementId"), nil, nil
		},
	}
}

func permissionAction(in resource.Props) action {
	return action{"adding", labelPermission, in.Str("function") + "/" + in.Str("statementId"), "Lambda", "AddPermission"}
}

// functionName cuts a function reference, a name or an ARN with or without qualifier, down to the name.
func functionName(ref string) string {
	if _, rest, ok := strings.Cut(ref, ":function:"); ok {
		ref, _, _ = strings.Cut(rest, ":")
	}
	return ref
}

func functionByReference(v resource.View, region, ref string) (resource.Record, bool) {
	return v.GetIn(tokenFunction, region, functionName(ref))
}

// mayInvoke reports whether a function's resource policy lets API Gateway call it for a route. Each alias and version has a
// policy of its own, and qualifier is "" for the function's. source is the ARN of the route as API Gateway presents it. Source: "Allow/deny API Gateway to invoke", docs.aws.amazon.com/lambda/latest/dg/
// permissions-function-services.html; ArnLike compares the parts of an ARN with * and ? as wildcards.
func mayInvoke(v resource.View, fn resource.Record, qualifier, source string) bool {
	for _, p := range v.List(tokenPermission) {
		in := p.Inputs
		if in.Str("region") != fn.Inputs.Str("region") || functionName(in.Str("function")) != fn.ID || in.Str("qualifier") != qualifier || in.Str("principal") != "apigateway.amazonaws.com" {
			continue
		}
		if a := in.Str("action"); a != "lambda:InvokeFunction" && a != "lambda:*" && a != "*" {
			continue
		}
		if account := in.Str("sourceAccount"); account != "" && account != Account {
			continue
		}
		if pattern := in.Str("sourceArn"); pattern == "" || arnLike(pattern, source) {
			return true
		}
	}
	return false
}

// arnLike matches an ARN against a pattern. A wildcard may span slashes, but not the colons between the parts.
func arnLike(pattern, value string) bool {
	ps, vs := strings.SplitN(pattern, ":", 6), strings.SplitN(value, ":", 6)
	if len(ps) != len(vs) {
		return false
	}
	// path.Match keeps "*" within one path element: give it parts without slashes, and take its other signs literally.
	plain := strings.NewReplacer("/", "\x01", "[", `\[`, `\`, `\\`)
	for i := range ps {
		ok, err := path.Match(plain.Replace(ps[i]), strings.ReplaceAll(vs[i], "/", "\x01"))
		if err != nil || !ok {
			return false
		}
	}
	return true
}
