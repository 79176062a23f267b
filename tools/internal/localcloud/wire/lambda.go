package wire

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"polygate.example/tools/internal/localcloud/aws"
	"polygate.example/tools/internal/localcloud/resource"
)

// Lambda is Lambda's API of every region as far as functions are looked at and have their variables changed: a version published, an alias
// moved to it, the version removed again. The region is the one that a request is signed for. now is cloud time. Source: AWS Lambda API
// reference, docs.aws.amazon.com/lambda/latest/api.
func Lambda(a Access, store *resource.Store, now func() time.Time) http.Handler {
	api := amazon{access: a, service: "lambda", faults: []string{"aws"}, write: awsJSONFault,
		missing: "MissingAuthenticationTokenException", unknownKey: "UnrecognizedClientException", mismatch: "InvalidSignatureException"}
	l := lambdaAPI{store, now}
	mux := http.NewServeMux()
	for pattern, do := range map[string]func(lambdaCall) (any, error){
		"GET /2015-03-31/functions/{name}/configuration":   l.getConfiguration,
		"PUT /2015-03-31/functions/{name}/configuration":   l.updateConfiguration,
		"GET /2019-09-30/functions/{name}/concurrency":     l.getConcurrency,
		"POST /2015-03-31/functions/{name}/versions":       l.publishVersion,
		"GET /2015-03-31/functions/{name}/versions":        l.listVersions,
		"DELETE /2015-03-31/functions/{name}":              l.deleteVersion,
		"GET /2015-03-31/functions/{name}/aliases/{alias}": l.getAlias,
		"PUT /2015-03-31/functions/{name}/aliases/{alias}": l.updateAlias,
	} {
		mux.Handle(pattern, api.handle(l.of(do)))
	}
	mux.Handle("/", api.handle(func(_ http.ResponseWriter, c awsCall) *awsFault {
		return &awsFault{http.StatusNotFound, "UnknownOperationException", fmt.Sprintf("The requested operation is invalid: %s %s", c.Method, c.URL.Path)} // "Common Errors"
	}))
	return mux
}

// lambdaAPI answers calls about functions.
type lambdaAPI struct {
	store *resource.Store
	now   func() time.Time
}

// lambdaCall is a call about a function that exists.
type lambdaCall struct {
	awsCall
	name, qualifier string
	function        resource.Record
}

// of finds the function that a call is about, by its name, its ARN or part of that (GetFunctionConfiguration, FunctionName). The words for
// another region's are Lambda's own (alexcasalboni/aws-lambda-power-tuning issue #18).
func (l lambdaAPI) of(do func(lambdaCall) (any, error)) func(http.ResponseWriter, awsCall) *awsFault {
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
		if strings.Contains(name, ":") {
			return &awsFault{http.StatusBadRequest, "InvalidParameterValueException", fmt.Sprintf("The local clouds take a qualifier beside the name only: %s", asked)}
		}
		if parts := strings.Split(asked, ":"); full && len(parts) > 3 && parts[3] != c.region {
			return unknown("Functions from '%s' are not reachable in this region ('%s')", parts[3], c.region)
		}
		fn, _, err := aws.LambdaFunction(l.store.View(), c.region, name, "")
		if err != nil || full && fn.Outputs().Str("arn") != asked {
			return unknown("Function not found: %s", asked)
		}
		answer, err := do(lambdaCall{c, name, c.URL.Query().Get("Qualifier"), fn})
		var refused *aws.LambdaError
		switch {
		case errors.As(err, &refused):
			return &awsFault{refused.Status, refused.Code, refused.Message}
		case err != nil:
			return &awsFault{http.StatusInternalServerError, "ServiceException", err.Error()}
		case answer == nil:
			w.WriteHeader(http.StatusNoContent)
			return nil
		}
		return awsJSON(w, answer)
	}
}

// read decodes a call's body. What the local clouds would not carry out is refused and not left undone.
func (c lambdaCall) read(into any) error {
	dec := json.NewDecoder(strings.NewReader(string(c.body)))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		return &aws.LambdaError{Status: http.StatusBadRequest, Code: "InvalidRequestContentException", Message: fmt.Sprintf("Could not parse request body into json, as far as the local clouds take it: %v", err)}
	}
	return nil
}

func (l lambdaAPI) getConfiguration(c lambdaCall) (any, error) {
	fn, v, err := aws.LambdaFunction(l.store.View(), c.region, c.name, c.qualifier)
	if err != nil {
		return nil, err
	}
	return configuration(fn, v), nil
}

// configuration is a function's, or a version's. What the local clouds keep is active and has all of its last update: creations and updates
// by a deployment return only then.
func configuration(fn resource.Record, v aws.FunctionVersion) resource.Props {
	all, in := fn.Outputs(), v.Inputs
	code, _ := in.Blob("code")
	out := resource.Props{
		"FunctionName": all.Str("name"), "FunctionArn": v.ARN, "Runtime": in.Str("runtime"), "Role": in.Str("role"), "Handler": in.Str("handler"),
		"CodeSize": code.Size, "CodeSha256": aws.CodeSha256(in), "Description": in.Str("description"),
		"Timeout": in.Int("timeout"), "MemorySize": in.Int("memorySize"), "LastModified": all.Str("lastModified"), "Version": v.Number,
		"PackageType": in.Str("packageType"), "Architectures": in.Strings("architectures"), "State": "Active", "LastUpdateStatus": "Successful",
		"RevisionId": aws.Revision(fn, v),
	}
	if variables := in.Object("environment").Object("variables"); len(variables) > 0 {
		out["Environment"] = resource.Props{"Variables": variables}
	}
	return out
}

// updateConfiguration is UpdateFunctionConfiguration, as far as the variables go. It answers before the update is done, with a revision that
// is another one afterwards: aws/aws-sdk issue #377.
func (l lambdaAPI) updateConfiguration(c lambdaCall) (any, error) {
	var in struct {
		RevisionId  string
		Environment *struct{ Variables map[string]string }
	}
	if err := c.read(&in); err != nil {
		return nil, err
	}
	before, latest, err := aws.LambdaFunction(l.store.View(), c.region, c.name, "")
	if err != nil || in.Environment == nil {
		return configuration(before, latest), err
	}
	fn, err := aws.UpdateVariables(c.Context(), l.store, c.region, c.name, in.RevisionId, in.Environment.Variables, l.now())
	if err != nil {
		return nil, err
	}
	latest.Inputs = fn.Inputs
	passing := aws.Revision(fn, aws.FunctionVersion{Number: "in progress", Inputs: fn.Inputs})
	return configuration(fn, latest).With(resource.Props{"LastUpdateStatus": "InProgress", "RevisionId": passing}), nil
}

// getConcurrency has no number where none is reserved.
func (l lambdaAPI) getConcurrency(c lambdaCall) (any, error) {
	out := map[string]int{}
	if in := c.function.Inputs; in.Has("reservedConcurrentExecutions") && in.Int("reservedConcurrentExecutions") >= 0 {
		out["ReservedConcurrentExecutions"] = in.Int("reservedConcurrentExecutions")
	}
	return out, nil
}

func (l lambdaAPI) publishVersion(c lambdaCall) (any, error) {
	var in struct{ RevisionId, CodeSha256, Description string }
	if err := c.read(&in); err != nil {
		return nil, err
	}
	fn, made, err := aws.PublishVersion(c.Context(), l.store, c.region, c.name, in.RevisionId, in.CodeSha256, in.Description)
	if err != nil {
		return nil, err
	}
	return configuration(fn, made), nil
}

// listVersions has all on one page, which Lambda has up to 50 on ("ListVersionsByFunction", MaxItems).
func (l lambdaAPI) listVersions(c lambdaCall) (any, error) {
	out := []any{}
	for _, v := range aws.FunctionVersions(c.function) {
		out = append(out, configuration(c.function, v))
	}
	return resource.Props{"Versions": out}, nil
}

// deleteVersion is DeleteFunction with a qualifier. The function itself is its deployment's.
func (l lambdaAPI) deleteVersion(c lambdaCall) (any, error) {
	if c.qualifier == "" {
		return nil, &aws.LambdaError{Status: http.StatusForbidden, Code: "AccessDeniedException", Message: "The local clouds remove whole functions by a deployment only"}
	}
	return nil, aws.DeleteVersion(c.Context(), l.store, c.region, c.name, c.qualifier)
}

func (l lambdaAPI) getAlias(c lambdaCall) (any, error) {
	a, err := aws.LambdaAlias(l.store.View(), c.region, c.name, c.PathValue("alias"))
	if err != nil {
		return nil, err
	}
	return aliasDocument(a), nil
}

func (l lambdaAPI) updateAlias(c lambdaCall) (any, error) {
	var in struct{ RevisionId, FunctionVersion string }
	if err := c.read(&in); err != nil {
		return nil, err
	}
	a, err := aws.UpdateAlias(c.Context(), l.store, c.region, c.name, c.PathValue("alias"), in.RevisionId, in.FunctionVersion)
	if err != nil {
		return nil, err
	}
	return aliasDocument(a), nil
}

func aliasDocument(a resource.Record) resource.Props {
	return resource.Props{"AliasArn": a.ID, "Name": a.Inputs.Str("name"), "FunctionVersion": a.Inputs.Str("functionVersion"), "Description": a.Inputs.Str("description"),
		"RevisionId": aws.Revision(a, aws.FunctionVersion{})}
}
