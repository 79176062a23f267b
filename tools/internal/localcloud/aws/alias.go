package aws

import (
	"context"
	"regexp"

	"polygate.example/tools/internal/localcloud/resource"
)

const (
	tokenAlias = "aws:lambda/alias:Alias"
	labelAlias = "Lambda Alias"
)

// aliasName is the form of an alias's name: no number, which would be a version. Source: Lambda API reference, CreateAlias,
// Name: (?!^[0-9]+$)([a-zA-Z0-9-_]+), 1 to 128.
var aliasName = regexp.MustCompile(`^[0-9]*[a-zA-Z_-][a-zA-Z0-9_-]*$`)

// aliasType is aws:lambda/alias:Alias. Source: Lambda API reference, CreateAlias; its id is its ARN.
func aliasType() *resource.Type {
	return &resource.Type{
		Token: tokenAlias, Label: labelAlias,
		Properties: []resource.Property{
			{Name: "name", Kind: resource.String, Immutable: true, Min: resource.At(1), Max: resource.At(128), Pattern: aliasName},
			{Name: "functionName", Kind: resource.String, Required: true, Immutable: true, Min: resource.At(1), Max: resource.At(140), Same: sameFunction},
			{Name: "functionVersion", Kind: resource.String, Required: true, Pattern: regexp.MustCompile(`^(\$LATEST|[0-9]+)$`)},
			{Name: "description", Kind: resource.String, Max: resource.At(256)},
			fixed(regionProperty()),
		},
		Unmodelled: []string{"routingConfig"},
		Computed:   []string{"arn", "invokeArn"},
		AutoName:   &resource.AutoName{Property: "name", Max: 128},
		Unique:     []string{"name", "functionName", "region"},
		Conflict: func(in resource.Props) error {
			return aliasAction(resource.OpCreate, in).refuse(codeResourceConflict, "Alias already exists: %s", aliasARN(in))
		},
		Create: func(_ context.Context, env *resource.Env, in resource.Props) (string, resource.Props, error) {
			id := aliasARN(in)
			return id, resource.Props{"arn": id, "invokeArn": invokeARN(in.Str("region"), id)}, checkAlias(env, resource.OpCreate, in)
		},
		Update: func(_ context.Context, env *resource.Env, _ resource.Record, in resource.Props) (resource.Props, error) {
			return nil, checkAlias(env, resource.OpUpdate, in)
		},
		// Its policy and its provisioned concurrency go with it.
		Delete: func(_ context.Context, env *resource.Env, old resource.Record) error {
			fn, ok := functionByReference(env.View(), old.Inputs.Str("region"), old.Inputs.Str("functionName"))
			if !ok {
				return nil
			}
			for token, property := range map[string]string{tokenPermission: "function", tokenWarm: "functionName"} {
				for _, r := range of(env.View(), token, property, fn) {
					if r.Inputs.Str("qualifier") == old.Inputs.Str("name") {
						if err := env.Remove(r); err != nil {
							return err
						}
					}
				}
			}
			return nil
		},
	}
}

// sameFunction compares a function's name with its ARN.
func sameFunction(old, new any) bool {
	o, _ := old.(string)
	n, _ := new.(string)
	return o != "" && functionName(o) == functionName(n)
}

func aliasARN(in resource.Props) string {
	return arn("lambda", in.Str("region"), "function:"+functionName(in.Str("functionName"))+":"+in.Str("name"))
}

func aliasAction(op resource.Op, in resource.Props) action {
	call := "CreateAlias"
	if op == resource.OpUpdate {
		call = "UpdateAlias"
	}
	return action{op, labelAlias, in.Str("name"), "Lambda", call}
}

func checkAlias(env *resource.Env, op resource.Op, in resource.Props) error {
	name := arn("lambda", in.Str("region"), "function:"+functionName(in.Str("functionName")))
	fn, ok := functionByReference(env.View(), in.Str("region"), in.Str("functionName"))
	if !ok {
		return aliasAction(op, in).refuse(codeResourceNotFound, "Function not found: %s", name)
	}
	if version := in.Str("functionVersion"); version != latest && fn.Private.Object(privateVersions).Object(version) == nil {
		return aliasAction(op, in).refuse(codeResourceNotFound, "Function not found: %s:%s", name, version)
	}
	return nil
}
