package wire

import (
	"fmt"
	"net/http"
	"strings"

	"polygate.example/tools/internal/localcloud/resource"
)

const tokenFunction = "aws:lambda/function:Function"

// Lambda is Lambda's API of every region as far as functions are looked at: GetFunctionConfiguration and GetFunctionConcurrency. The region
// is the one that a request is signed for. Source: AWS Lambda API reference, docs.aws.amazon.com/lambda/latest/api.
func Lambda(a Access, store *resource.Store) http.Handler {
	api := amazon{access: a, service: "lambda", faults: []string{"aws"}, write: awsJSONFault,
		missing: "MissingAuthenticationTokenException", unknownKey: "UnrecognizedClientException", mismatch: "InvalidSignatureException"}
	l := lambdaAPI{store}
	mux := http.NewServeMux()
	mux.Handle("GET /2015-03-31/functions/{name}/configuration", api.handle(l.of(configuration)))
	mux.Handle("GET /2019-09-30/functions/{name}/concurrency", api.handle(l.of(concurrency)))
	mux.Handle("/", api.handle(func(_ http.ResponseWriter, c awsCall) *awsFault {
		return &awsFault{http.StatusNotFound, "UnknownOperationException", fmt.Sprintf("The requested operation is invalid: %s %s", c.Method, c.URL.Path)} // "Common Errors"
	}))
	return mux
}

// lambdaAPI answers calls about functions.
type lambdaAPI struct{ store *resource.Store }

// of finds the function that a call is about, by its name, its ARN or part of that (GetFunctionConfiguration, FunctionName). The words for
// another region's are Lambda's own (alexcasalboni/aws-lambda-power-tuning issue #18).
func (l lambdaAPI) of(do func(http.ResponseWriter, resource.Record) *awsFault) func(http.ResponseWriter, awsCall) *awsFault {
	return func(w http.ResponseWriter, c awsCall) *awsFault {
		unknown := func(format string, args ...any) *awsFault {
			return &awsFault{http.StatusNotFound, "ResourceNotFoundException", fmt.Sprintf(format, args...)}
		}
		asked := c.PathValue("name")
		full := strings.HasPrefix(asked, "arn:")
		name := asked
		if _, after, ok := strings.Cut(asked, ":function:"); ok {
			name = after
		}
		if strings.Contains(name, ":") || c.URL.Query().Has("Qualifier") {
			return &awsFault{http.StatusBadRequest, "InvalidParameterValueException", fmt.Sprintf("The local clouds tell of functions without a qualifier here: %s", asked)}
		}
		if parts := strings.Split(asked, ":"); full && len(parts) > 3 && parts[3] != c.region {
			return unknown("Functions from '%s' are not reachable in this region ('%s')", parts[3], c.region)
		}
		fn, ok := l.store.View().GetIn(tokenFunction, c.region, name)
		if !ok || full && fn.Outputs().Str("arn") != asked {
			return unknown("Function not found: %s", asked)
		}
		return do(w, fn)
	}
}

// configuration is the answer of GetFunctionConfiguration. A function that the local clouds keep is active and has all of its last update:
// creations and updates return only then. What it was given as variables is not told.
func configuration(w http.ResponseWriter, fn resource.Record) *awsFault {
	all := fn.Outputs()
	return awsJSON(w, map[string]any{
		"FunctionName": all.Str("name"), "FunctionArn": all.Str("arn"), "Runtime": all.Str("runtime"), "Role": all.Str("role"),
		"Handler": all.Str("handler"), "CodeSize": all.Int("sourceCodeSize"), "CodeSha256": all.Str("codeSha256"), "Description": all.Str("description"),
		"Timeout": all.Int("timeout"), "MemorySize": all.Int("memorySize"), "LastModified": all.Str("lastModified"), "Version": "$LATEST",
		"PackageType": all.Str("packageType"), "Architectures": all.Strings("architectures"), "State": "Active", "LastUpdateStatus": "Successful",
	})
}

// concurrency is the answer of GetFunctionConcurrency, without a number where none is reserved.
func concurrency(w http.ResponseWriter, fn resource.Record) *awsFault {
	out := map[string]int{}
	if n := fn.Inputs.Int("reservedConcurrentExecutions"); fn.Inputs.Has("reservedConcurrentExecutions") && n >= 0 {
		out["ReservedConcurrentExecutions"] = n
	}
	return awsJSON(w, out)
}
