package aws

import (
	"context"
	"regexp"

	"polygate.example/tools/internal/localcloud/resource"
)

const (
	tokenWarm = "aws:lambda/provisionedConcurrencyConfig:ProvisionedConcurrencyConfig"
	labelWarm = "Lambda Provisioned Concurrency Config"
)

// Concurrency of an account in a region. Sources: "Lambda quotas", concurrent executions; "Configuring reserved concurrency for
// a function": "You can reserve up to the unreserved account concurrency value minus 100".
const (
	accountConcurrency = 1000
	leastUnreserved    = 100
)

// warmType is aws:lambda/provisionedConcurrencyConfig:ProvisionedConcurrencyConfig. Source: Lambda API reference,
// PutProvisionedConcurrencyConfig.
func warmType() *resource.Type {
	return &resource.Type{
		Token: tokenWarm, Label: labelWarm,
		Properties: []resource.Property{
			{Name: "functionName", Kind: resource.String, Required: true, Immutable: true, Min: resource.At(1), Max: resource.At(140), Same: sameFunction},
			{Name: "qualifier", Kind: resource.String, Required: true, Immutable: true, Min: resource.At(1), Max: resource.At(128), Pattern: regexp.MustCompile(`^[\w$-]+$`)},
			{Name: "provisionedConcurrentExecutions", Kind: resource.Int, Required: true, Min: resource.At(1)},
			{Name: "skipDestroy", Kind: resource.Bool, Default: false, OneOf: []any{false}},
			fixed(regionProperty()),
		},
		Scope:  []string{"region"},
		Unique: []string{"functionName", "qualifier", "region"},
		// A put: a second one takes the place of the first.
		Conflict: func(resource.Props) error { return nil },
		Create: func(_ context.Context, env *resource.Env, in resource.Props) (string, resource.Props, error) {
			return functionName(in.Str("functionName")) + "," + in.Str("qualifier"), nil, checkWarm(env.View(), resource.OpCreate, in)
		},
		Update: func(_ context.Context, env *resource.Env, _ resource.Record, in resource.Props) (resource.Props, error) {
			return nil, checkWarm(env.View(), resource.OpUpdate, in)
		},
	}
}

func checkWarm(v resource.View, op resource.Op, in resource.Props) error {
	region, name, qualifier := in.Str("region"), functionName(in.Str("functionName")), in.Str("qualifier")
	a := action{op, labelWarm, name + "," + qualifier, "Lambda", "PutProvisionedConcurrencyConfig"}
	fn, ok := functionByReference(v, region, name)
	if !ok {
		return a.refuse(codeResourceNotFound, "Function not found: %s:%s", arn("lambda", region, "function:"+name), qualifier)
	}
	version := qualifier
	if alias, ok := v.Get(tokenAlias, fn.Computed.Str("arn")+":"+qualifier); ok {
		version = alias.Inputs.Str("functionVersion")
	}
	if version == latest {
		return a.refuse(codeInvalidParameter, "Provisioned Concurrency Configs cannot be applied to unpublished function versions.")
	}
	if _, ok := versionOf(v, fn, version); !ok {
		return a.refuse(codeResourceNotFound, "Function not found: %s:%s", fn.Computed.Str("arn"), qualifier)
	}
	total := in.Int("provisionedConcurrentExecutions")
	for _, w := range of(v, tokenWarm, "functionName", fn) {
		if w.Inputs.Str("qualifier") != qualifier {
			total += w.Inputs.Int("provisionedConcurrentExecutions")
		}
	}
	switch reserved := fn.Inputs.Int("reservedConcurrentExecutions"); {
	case reserved >= 0 && total > reserved:
		return a.refuse(codeInvalidParameter, "Requested Provisioned Concurrency should not be greater than the reservedConcurrentExecution for function")
	case reserved < 0 && total > unreserved(v, region, name)-leastUnreserved:
		return a.refuse(codeInvalidParameter, "Specified ConcurrentExecutions for function is greater than account's unreserved concurrency [%d].",
			unreserved(v, region, name)-leastUnreserved)
	}
	return nil
}

// reserve checks what a function reserves of its region, PutFunctionConcurrency. An account keeps 100 for functions that
// reserve nothing, and a function keeps what it has provisioned. Source: the guide above and Lambda API reference.
func reserve(v resource.View, op resource.Op, in resource.Props) error {
	reserved := in.Int("reservedConcurrentExecutions")
	if reserved < 0 {
		return nil
	}
	a := action{op, labelFunction, in.Str("name"), "Lambda", "PutFunctionConcurrency"}
	if unreserved(v, in.Str("region"), in.Str("name"))-reserved < leastUnreserved {
		return a.refuse(codeInvalidParameter, "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution "+
			"below its minimum value of [%d].", leastUnreserved)
	}
	fn, ok := functionByReference(v, in.Str("region"), in.Str("name"))
	if !ok {
		return nil
	}
	warm := 0
	for _, w := range of(v, tokenWarm, "functionName", fn) {
		warm += w.Inputs.Int("provisionedConcurrentExecutions")
	}
	if warm > reserved {
		return a.refuse(codeInvalidParameter, "ReservedConcurrentExecutions should not be lower than function's total provisioned concurrency [%d].", warm)
	}
	return nil
}

// unreserved is what the other functions of a region leave of the account's concurrency.
func unreserved(v resource.View, region, except string) int {
	left := accountConcurrency
	for _, f := range v.List(tokenFunction) {
		if f.Scope == region && f.ID != except {
			left -= max(0, f.Inputs.Int("reservedConcurrentExecutions"))
		}
	}
	return left
}

// warmOf is how many instances are kept ready of what an ARN names.
func warmOf(v resource.View, fn resource.Record, arn string) int {
	warm := 0
	for _, w := range of(v, tokenWarm, "functionName", fn) {
		if fn.Computed.Str("arn")+":"+w.Inputs.Str("qualifier") == arn {
			warm += w.Inputs.Int("provisionedConcurrentExecutions")
		}
	}
	return warm
}
