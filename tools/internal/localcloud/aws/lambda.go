package aws

import (
	"archive/zip"
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"polygate.example/tools/internal/localcloud/resource"
)

const (
	tokenFunction = "aws:lambda/function:Function"
	labelFunction = "Lambda Function"
)

// runtimes are the names Lambda knows. Source: Lambda API reference, CreateFunction, Runtime.
var runtimes = oneOf(
	"nodejs", "nodejs4.3", "nodejs6.10", "nodejs8.10", "nodejs10.x", "nodejs12.x", "nodejs14.x", "nodejs16.x", "nodejs18.x",
	"nodejs20.x", "nodejs22.x", "nodejs24.x", "java8", "java8.al2", "java11", "java17", "java21", "java25", "python2.7", "python3.6",
	"python3.7", "python3.8", "python3.9", "python3.10", "python3.11", "python3.12", "python3.13", "python3.14", "dotnetcore1.0",
	"dotnetcore2.0", "dotnetcore2.1", "dotnetcore3.1", "dotnet6", "dotnet8", "dotnet10", "nodejs4.3-edge", "go1.x", "ruby2.5",
	"ruby2.7", "ruby3.2", "ruby3.3", "ruby3.4", "provided", "provided.al2", "provided.al2023")

// deprecatedRuntimes can no longer be created. Source: "Lambda runtimes", "Deprecated runtimes" (block function create),
// docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html.
var deprecatedRuntimes = []string{
	"nodejs", "nodejs4.3", "nodejs6.10", "nodejs8.10", "nodejs10.x", "nodejs12.x", "nodejs14.x", "nodejs16.x", "java8",
	"python2.7", "python3.6", "python3.7", "python3.8", "dotnetcore1.0", "dotnetcore2.0", "dotnetcore2.1", "dotnetcore3.1",
	"dotnet6", "nodejs4.3-edge", "go1.x", "ruby2.5", "ruby2.7", "provided",
}

// localRuntimes are those whose contract the local clouds execute.
var localRuntimes = []string{"provided.al2", "provided.al2023"}

// reservedVariables cannot be set. Source: "Defined runtime environment variables", reserved environment variables,
// docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html.
var reservedVariables = []string{
	"_HANDLER", "_X_AMZN_TRACE_ID", "AWS_DEFAULT_REGION", "AWS_REGION", "AWS_EXECUTION_ENV", "AWS_LAMBDA_FUNCTION_NAME",
	"AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_LAMBDA_FUNCTION_VERSION", "AWS_LAMBDA_INITIALIZATION_TYPE",
	"AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME", "AWS_ACCESS_KEY", "AWS_ACCESS_KEY_ID",
	"AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_LAMBDA_RUNTIME_API",
}

// Limits, in bytes. Source: "Lambda quotas", docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html.
const (
	maxZip         = 50 << 20  // zipped, uploaded directly
	maxUnzipped    = 250 << 20 // 262144000
	maxEnvironment = 4 << 10
)

// lastModified is how Lambda writes times. Source: Lambda API reference, GetFunctionConfiguration, LastModified.
const lastModified = "2006-01-02T15:04:05.000-0700"

// functionType is aws:lambda/function:Function. Source: Lambda API reference, CreateFunction.
func functionType() *resource.Type {
	return &resource.Type{
		Token: tokenFunction, Label: labelFunction,
		Properties: []resource.Property{
			{Name: "name", Kind: resource.String, Immutable: true, Min: resource.At(1), Max: resource.At(64), Pattern: regexp.MustCompile(`^[a-zA-Z0-9-_]+$`)},
			{Name: "role", Kind: resource.String, Required: true, Pattern: regexp.MustCompile(`^arn:aws[a-zA-Z-]*:iam::\d{12}:role/.+$`)},
			{Name: "packageType", Kind: resource.String, Immutable: true, Default: "Zip", OneOf: oneOf("Zip", "Image")},
			{Name: "runtime", Kind: resource.String, OneOf: runtimes},
			{Name: "handler", Kind: resource.String, Max: resource.At(128), Pattern: regexp.MustCompile(`^\S+$`)},
			{Name: "code", Kind: resource.Archive},
			text("sourceCodeHash"),
			{Name: "architectures", Kind: resource.Array, Min: resource.At(1), Max: resource.At(1), Default: resource.List("x86_64"),
				Elem: &resource.Property{Kind: resource.String, OneOf: oneOf("x86_64", "arm64")}},
			{Name: "memorySize", Kind: resource.Int, Default: 128.0, Min: resource.At(128), Max: resource.At(10240)},
			{Name: "timeout", Kind: resource.Int, Default: 3.0, Min: resource.At(1), Max: resource.At(900)},
			{Name: "description", Kind: resource.String, Max: resource.At(256)},
			{Name: "reservedConcurrentExecutions", Kind: resource.Int, Default: -1.0, Min: resource.At(-1)},
			{Name: "environment", Kind: resource.Object, Fields: []resource.Property{
				{Name: "variables", Kind: resource.Map, Elem: &resource.Property{Kind: resource.String}},
			}},
			{Name: "loggingConfig", Kind: resource.Object, Fields: []resource.Property{
				{Name: "logFormat", Kind: resource.String, Required: true, OneOf: oneOf("JSON", "Text")},
				text("logGroup"),
				{Name: "applicationLogLevel", Kind: resource.String, OneOf: oneOf("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL")},
				{Name: "systemLogLevel", Kind: resource.String, OneOf: oneOf("DEBUG", "INFO", "WARN")},
			}},
			{Name: "skipDestroy", Kind: resource.Bool, Default: false, OneOf: []any{false}},
			flag("publish", false),
			{Name: "layers", Kind: resource.Array, Max: resource.At(5), Elem: &resource.Property{Kind: resource.String, Pattern: layerARN}},
			regionProperty(), tagsProperty(),
		},
		Unmodelled: []string{
			"capacityProviderConfig", "codeSha256", "codeSigningConfigArn", "deadLetterConfig", "durableConfig", "ephemeralStorage",
			"fileSystemConfig", "imageConfig", "imageUri", "kmsKeyArn", "publishTo", "replaceSecurityGroupsOnDestroy",
			"replacementSecurityGroupIds", "s3Bucket", "s3Key", "s3ObjectVersion", "snapStart", "sourceKmsKeyArn", "tenancyConfig",
			"tracingConfig", "useResourceTimeoutForPropagation", "vpcConfig",
		},
		Computed: []string{"arn", "invokeArn", "qualifiedArn", "qualifiedInvokeArn", "responseStreamingInvokeArn", "version",
			"codeSha256", "sourceCodeHash", "sourceCodeSize", "lastModified", "ephemeralStorage", "loggingConfig", "tracingConfig", "tagsAll"},
		Volatile: []string{"codeSha256", "sourceCodeHash", "sourceCodeSize", "lastModified", "loggingConfig", "tagsAll",
			"version", "qualifiedArn", "qualifiedInvokeArn"},
		AutoName: &resource.AutoName{Property: "name", Max: 64},
		Scope:    []string{"region"},
		Unique:   []string{"name", "region"},
		Conflict: func(in resource.Props) error {
			return functionAction(resource.OpCreate, in).refuse(codeResourceConflict, "Function already exist: %s", in.Str("name"))
		},
		Check:   checkFunction,
		Prepare: prepareFunction,
		Create: func(_ context.Context, env *resource.Env, in resource.Props) (string, resource.Props, error) {
			if msg := roleFor(env.View(), in.Str("role"), "lambda.amazonaws.com"); msg != "" {
				return "", nil, functionAction(resource.OpCreate, in).refuse(codeInvalidParameter, "%s", msg)
			}
			if err := reserve(env.View(), resource.OpCreate, in); err != nil {
				return "", nil, err
			}
			return in.Str("name"), functionOutputs(env, in, publish(resource.Record{}, in)), nil
		},
		Update: func(_ context.Context, env *resource.Env, old resource.Record, in resource.Props) (resource.Props, error) {
			if msg := roleFor(env.View(), in.Str("role"), "lambda.amazonaws.com"); msg != "" {
				return nil, functionAction(resource.OpUpdate, in).refuse(codeInvalidParameter, "%s", msg)
			}
			if err := reserve(env.View(), resource.OpUpdate, in); err != nil {
				return nil, err
			}
			return functionOutputs(env, in, publish(old, in)), nil
		},
		// Its versions, aliases and resource-based policies go with it: a function made again under the name may be invoked
		// by nobody.
		Delete: func(_ context.Context, env *resource.Env, old resource.Record) error {
			return removeAll(env, slices.Concat(of(env.View(), tokenPermission, "function", old), of(env.View(), tokenAlias, "functionName", old),
				of(env.View(), tokenWarm, "functionName", old)))
		},
	}
}

// of lists the records of a type that belong to a function; property names it.
func of(v resource.View, token, property string, fn resource.Record) []resource.Record {
	return slices.DeleteFunc(v.List(token), func(r resource.Record) bool {
		return r.Inputs.Str("region") != fn.Scope || functionName(r.Inputs.Str(property)) != fn.ID
	})
}

func functionAction(op resource.Op, in resource.Props) action {
	call := "CreateFunction"
	if op == resource.OpUpdate {
		call = "UpdateFunctionConfiguration"
	}
	return action{op, labelFunction, in.Str("name"), "Lambda", call}
}

// checkFunction checks what pulumi-aws itself checks before it calls Lambda, and what only the local clouds lack.
func checkFunction(_ context.Context, _ *resource.Env, in resource.Props) []resource.Failure {
	var out []resource.Failure
	add := func(property, format string, args ...any) {
		out = append(out, resource.Failure{Property: property, Reason: fmt.Sprintf(format, args...)})
	}
	if in.Str("packageType") == "Image" {
		add("packageType", "the local clouds run functions of package type Zip only, not Image")
		return out
	}
	if in["code"] == nil {
		add("code", "one of `code`, `imageUri`, `s3Bucket` must be specified")
	}
	for _, name := range []string{"handler", "runtime"} {
		if in[name] == nil {
			add(name, "%s must be set when packageType is Zip", name)
		}
	}
	// A deprecated runtime is Lambda's to refuse, at creation; a current one that has no contract here is ours, at once.
	r := in.Str("runtime")
	if in.Has("runtime") && !slices.Contains(localRuntimes, r) && !slices.Contains(deprecatedRuntimes, r) {
		add("runtime", "the local clouds run the Lambda runtimes %v, not %q", localRuntimes, r)
	}
	return out
}

// prepareFunction checks what Lambda checks of the request and the package.
//
// A zip without bootstrap is a special case. Lambda itself creates the function, and each invocation then fails with
// Runtime.InvalidEntrypoint ("Troubleshoot invocation issues in Lambda", docs.aws.amazon.com/lambda/latest/dg/
// troubleshooting-invocation.html). The local clouds bring that failure forward: the function counts as Failed with the
// same reason while the provider waits for it to become active, and is not kept. Nobody wants the deployment that
// succeeds with a function that cannot start.
func prepareFunction(_ context.Context, env *resource.Env, old *resource.Record, in resource.Props) error {
	op := resource.OpCreate
	if old != nil {
		op = resource.OpUpdate
	}
	a := functionAction(op, in)
	if r := in.Str("runtime"); slices.Contains(deprecatedRuntimes, r) && (old == nil || old.Inputs.Str("runtime") != r) {
		return a.refuse(codeInvalidParameter, "The runtime parameter of %s is no longer supported for creating or updating AWS Lambda functions. "+
			"We recommend you use a supported runtime while creating or updating functions.", r)
	}
	if err := checkEnvironment(a, in.Object("environment").StringMap("variables")); err != nil {
		return err
	}
	blob, ok := in.Blob("code")
	if !ok {
		return a.refuse(codeInvalidParameter, "Please provide a source for function code.")
	}
	if blob.Size > maxZip {
		return a.refuse("RequestEntityTooLargeException", "Request must be smaller than %d bytes for the CreateFunction operation", maxZip)
	}
	if err := checkLayers(a, in); err != nil {
		return err
	}
	return checkZip(a, env.BlobFile(blob))
}

func checkEnvironment(a action, variables map[string]string) error {
	size := 0
	var reserved []string
	for k, v := range variables {
		size += len(k) + len(v)
		if slices.Contains(reservedVariables, k) {
			reserved = append(reserved, k)
		}
		if !variableName.MatchString(k) {
			return a.refuse(codeInvalidParameter, "1 validation error detected: Value at 'environment.variables' failed to satisfy constraint: "+
				"Map keys must satisfy constraint: [Member must satisfy regular expression pattern: %s], got %q", variableName, k)
		}
	}
	if len(reserved) > 0 {
		slices.Sort(reserved)
		return a.refuse(codeInvalidParameter, "Lambda was unable to configure your environment variables because the environment variables you "+
			"have provided contains reserved keys that are currently not supported for modification. Reserved keys used in this request: %s", strings.Join(reserved, ", "))
	}
	if size > maxEnvironment {
		return a.refuse(codeInvalidParameter, "Lambda was unable to configure your environment variables because the environment variables you "+
			"have provided exceeded the 4KB limit. String measured: %d bytes", size)
	}
	return nil
}

// variableName is the form of a variable's name. _HANDLER and its like do not match it either, but are named as reserved.
var variableName = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_]+$`)

func checkZip(a action, file string) error {
	z, err := zip.OpenReader(file)
	if err != nil {
		return a.refuse(codeInvalidParameter, "Could not unzip uploaded file. Please check your file, then try to upload again.")
	}
	defer func() { _ = z.Close() }() // it was only read
	var size uint64
	bootstrap := false
	for _, f := range z.File {
		size += f.UncompressedSize64
		bootstrap = bootstrap || f.Name == "bootstrap" && f.Mode().IsRegular()
	}
	if size >= maxUnzipped {
		return a.refuse(codeInvalidParameter, "Unzipped size must be smaller than %d bytes", maxUnzipped)
	}
	if !bootstrap {
		return &resource.Error{Code: "Runtime.InvalidEntrypoint", Message: fmt.Sprintf("waiting for Lambda Function (%s) create: unexpected state 'Failed', "+
			"wanted target 'Active'. last error: Runtime.InvalidEntrypoint: Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]", a.id)}
	}
	return nil
}

func functionOutputs(env *resource.Env, in resource.Props, versions resource.Props) resource.Props {
	region, name := in.Str("region"), in.Str("name")
	fn := arn("lambda", region, "function:"+name)
	version := newest(versions)
	logging := resource.Props{"logFormat": "Text", "logGroup": "/aws/lambda/" + name}.With(in.Object("loggingConfig"))
	out := resource.Props{
		"arn": fn, "qualifiedArn": fn + ":" + version, "version": version,
		"invokeArn":                  invokeARN(region, fn),
		"qualifiedInvokeArn":         invokeARN(region, fn+":"+version),
		"responseStreamingInvokeArn": fmt.Sprintf("arn:aws:apigateway:%s:lambda:path/2021-11-15/functions/%s/response-streaming-invocations", region, fn),
		"lastModified":               env.Now().Format(lastModified),
		"ephemeralStorage":           resource.Props{"size": 512.0},
		"tracingConfig":              resource.Props{"mode": "PassThrough"},
		"loggingConfig":              logging,
		"tagsAll":                    tagsAll(in),
		resource.PrivateKey:          resource.Props{privateVersions: versions},
	}
	if b, ok := in.Blob("code"); ok {
		hash := CodeSha256(in)
		out["codeSha256"], out["sourceCodeSize"], out["sourceCodeHash"] = hash, float64(b.Size), hash
		if in.Has("sourceCodeHash") {
			out["sourceCodeHash"] = in.Str("sourceCodeHash")
		}
	}
	return out
}

// invokeARN is what API Gateway calls a function, a version or an alias by.
func invokeARN(region, arn string) string {
	return fmt.Sprintf("arn:aws:apigateway:%s:lambda:path/2015-03-31/functions/%s/invocations", region, arn)
}

// functionTimeout is how long one invocation may take.
func functionTimeout(in resource.Props) time.Duration {
	return time.Duration(in.Int("timeout")) * time.Second
}
