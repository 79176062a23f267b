package aws

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"

	"polygate.example/tools/internal/localcloud/resource"
)

// privateChanges counts what was done to a function or alias by Lambda's API and not by a deployment, and privateRemoved is the highest
// number of a version that was removed.
const (
	privateChanges = "changes"
	privateRemoved = "removed"
)

// LambdaError is how Lambda's API refuses.
type LambdaError struct {
	Status        int
	Code, Message string
}

func (e *LambdaError) Error() string { return fmt.Sprintf("%d %s: %s", e.Status, e.Code, e.Message) }

func lambdaRefuse(status int, code, format string, args ...any) error {
	return &LambdaError{status, code, fmt.Sprintf(format, args...)}
}

// FunctionVersion is $LATEST or a published version of a function. Its number is "$LATEST" for the former.
type FunctionVersion struct {
	Number string
	ARN    string
	Inputs resource.Props
}

// LambdaFunction finds a function, and the version that a qualifier names; "" is $LATEST. The words are Lambda's own
// (airbnb/streamalert issue #473).
func LambdaFunction(v resource.View, region, name, qualifier string) (resource.Record, FunctionVersion, error) {
	fn, ok := v.GetIn(tokenFunction, region, name)
	if !ok {
		return fn, FunctionVersion{}, lambdaRefuse(http.StatusNotFound, codeResourceNotFound, "Function not found: %s", arn("lambda", region, "function:"+name))
	}
	number, own := qualifier, fn.Computed.Str("arn")
	if a, ok := v.Get(tokenAlias, own+":"+qualifier); ok {
		number = a.Inputs.Str("functionVersion")
	}
	in, ok := versionOf(v, fn, number)
	if !ok {
		return fn, FunctionVersion{}, lambdaRefuse(http.StatusNotFound, codeResourceNotFound, "Function not found: %s:%s", own, qualifier)
	}
	if number == "" || number == latest {
		return fn, FunctionVersion{latest, own, in}, nil
	}
	if qualifier != number {
		own += ":" + qualifier // an alias's
	} else {
		own += ":" + number
	}
	return fn, FunctionVersion{number, own, in}, nil
}

// FunctionVersions are $LATEST and the published versions of a function, oldest first.
func FunctionVersions(fn resource.Record) []FunctionVersion {
	own := fn.Computed.Str("arn")
	out := []FunctionVersion{{latest, own + ":" + latest, fn.Inputs}}
	versions := fn.Private.Object(privateVersions)
	for _, n := range numbers(versions) {
		out = append(out, FunctionVersion{strconv.Itoa(n), own + ":" + strconv.Itoa(n), versions.Object(strconv.Itoa(n))})
	}
	return out
}

// LambdaAlias finds an alias of a function.
func LambdaAlias(v resource.View, region, name, alias string) (resource.Record, error) {
	id := arn("lambda", region, "function:"+name+":"+alias)
	a, ok := v.Get(tokenAlias, id)
	if !ok {
		return a, lambdaRefuse(http.StatusNotFound, codeResourceNotFound, "Alias not found: %s", id) // apex/up issue #606
	}
	return a, nil
}

// Revision is the RevisionId of a function's version, or of an alias, whose version is the zero one: another one after each change.
func Revision(r resource.Record, v FunctionVersion) string {
	text := fmt.Sprint(r.Type, r.ID, v.Number, r.Private.Int(privateChanges))
	switch v.Number {
	case "", latest:
		text += fmt.Sprint(r.Inputs, r.Computed.Str("lastModified"))
	default: // what is published does not change
		text = fmt.Sprint(r.Type, r.ID, v.Number, v.Inputs)
	}
	sum := sha256.Sum256([]byte(text))
	return uuid.NewSHA1(uuid.NameSpaceOID, sum[:]).String()
}

// revised refuses a change of what has changed since it was read. Source: Lambda API reference, RevisionId and PreconditionFailedException;
// the words are Lambda's own (aws/aws-sdk issue #377).
func revised(r resource.Record, v FunctionVersion, revision string) error {
	if revision != "" && revision != Revision(r, v) {
		return lambdaRefuse(http.StatusPreconditionFailed, "PreconditionFailedException",
			"The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to retrieve the latest Revision Id")
	}
	return nil
}

// UpdateVariables gives $LATEST other variables in place of all it has: what UpdateFunctionConfiguration does with an Environment. now is
// cloud time.
func UpdateVariables(ctx context.Context, store *resource.Store, region, name, revision string, variables map[string]string, now time.Time) (resource.Record, error) {
	var out resource.Record
	err := store.Amend(ctx, func(v resource.View) ([]resource.Record, error) {
		fn, version, err := LambdaFunction(v, region, name, "")
		if err != nil {
			return nil, err
		}
		if err := revised(fn, version, revision); err != nil {
			return nil, err
		}
		if err := checkEnvironment(functionAction(resource.OpUpdate, fn.Inputs), variables); err != nil {
			return nil, lambdaRefuse(http.StatusBadRequest, codeInvalidParameter, "%v", err)
		}
		all := resource.Props{}
		for k, value := range variables {
			all[k] = value
		}
		fn.Inputs = fn.Inputs.With(resource.Props{"environment": resource.Props{"variables": all}})
		fn.Computed = fn.Computed.With(resource.Props{"lastModified": now.UTC().Format(lastModified)})
		out = touched(fn)
		return []resource.Record{out}, nil
	})
	return out, err
}

// PublishVersion publishes $LATEST, with a description of its own where that is not "", and returns the function and the version. One that
// would be as the last one is none: that one is returned. Source: Lambda API reference, PublishVersion; the words about another code are
// Lambda's own (justinram11/serverless-aws-batch issue #22).
func PublishVersion(ctx context.Context, store *resource.Store, region, name, revision, code, description string) (resource.Record, FunctionVersion, error) {
	var out resource.Record
	var made FunctionVersion
	err := store.Amend(ctx, func(v resource.View) ([]resource.Record, error) {
		fn, version, err := LambdaFunction(v, region, name, "")
		if err != nil {
			return nil, err
		}
		if err := revised(fn, version, revision); err != nil {
			return nil, err
		}
		if have := CodeSha256(fn.Inputs); code != "" && code != have {
			return nil, lambdaRefuse(http.StatusBadRequest, codeInvalidParameter, "CodeSHA256 (%s) is different from current CodeSHA256 in $LATEST (%s). Please try again with the CodeSHA256 in $LATEST.", code, have)
		}
		versions := fn.Private.Object(privateVersions)
		all := FunctionVersions(fn)
		if last := all[len(all)-1]; last.Number != latest && alike(last.Inputs, fn.Inputs, "description") {
			out, made = fn, last
			return nil, nil
		}
		in := fn.Inputs
		if description != "" {
			in = in.With(resource.Props{"description": description})
		}
		number := next(fn.Private)
		fn.Private = fn.Private.With(resource.Props{privateVersions: versions.With(resource.Props{number: in})})
		out = shown(fn)
		made = FunctionVersion{number, fn.Computed.Str("arn") + ":" + number, in}
		return []resource.Record{out}, nil
	})
	return out, made, err
}

// DeleteVersion removes a published version: DeleteFunction with a qualifier. "You can't delete a version that an alias references." Source:
// Lambda API reference, DeleteFunction; the words are Lambda's own (karl-cardenas-coding/go-lambda-cleanup issue #45).
func DeleteVersion(ctx context.Context, store *resource.Store, region, name, number string) error {
	return store.Amend(ctx, func(v resource.View) ([]resource.Record, error) {
		fn, version, err := LambdaFunction(v, region, name, number)
		if err != nil {
			return nil, err
		}
		if version.Number == latest || version.Number != number {
			return nil, lambdaRefuse(http.StatusBadRequest, codeInvalidParameter, "$LATEST version cannot be deleted without deleting the function.")
		}
		for _, a := range of(v, tokenAlias, "functionName", fn) {
			if a.Inputs.Str("functionVersion") == number {
				return nil, lambdaRefuse(http.StatusConflict, codeResourceConflict, "Unable to delete version because the following aliases reference it: [%s]", a.Inputs.Str("name"))
			}
		}
		n, _ := strconv.Atoi(number) // it is one of a version
		versions := fn.Private.Object(privateVersions).Clone()
		delete(versions, number)
		fn.Private = fn.Private.With(resource.Props{privateVersions: versions, privateRemoved: float64(max(n, fn.Private.Int(privateRemoved)))})
		return []resource.Record{shown(fn)}, nil
	})
}

// UpdateAlias moves an alias to a version; its description stays.
func UpdateAlias(ctx context.Context, store *resource.Store, region, name, alias, revision, version string) (resource.Record, error) {
	var out resource.Record
	err := store.Amend(ctx, func(v resource.View) ([]resource.Record, error) {
		a, err := LambdaAlias(v, region, name, alias)
		if err != nil {
			return nil, err
		}
		if err := revised(a, FunctionVersion{}, revision); err != nil {
			return nil, err
		}
		if _, _, err := LambdaFunction(v, region, name, version); err != nil {
			return nil, err
		}
		a.Inputs = a.Inputs.With(resource.Props{"functionVersion": version})
		out = touched(a)
		return []resource.Record{out}, nil
	})
	return out, err
}

func touched(r resource.Record) resource.Record {
	r.Private = r.Private.With(resource.Props{privateChanges: float64(r.Private.Int(privateChanges) + 1)})
	return r
}

// shown has a function show the version that was published last, as a refresh finds it. Source: terraform-provider-aws, internal/service/
// lambda/function.go, resourceFunctionRead, findLatestFunctionVersionByName.
func shown(fn resource.Record) resource.Record {
	region, own, version := fn.Scope, fn.Computed.Str("arn"), newest(fn.Private.Object(privateVersions))
	fn.Computed = fn.Computed.With(resource.Props{"version": version, "qualifiedArn": own + ":" + version, "qualifiedInvokeArn": invokeARN(region, own+":"+version)})
	return fn
}

// CodeSha256 is that of a version's code, base64.
func CodeSha256(in resource.Props) string {
	b, _ := in.Blob("code")
	sum, err := hex.DecodeString(b.SHA256)
	if err != nil {
		return ""
	}
	return base64.StdEncoding.EncodeToString(sum)
}

// alike reports whether two configurations are the same, but for some properties.
func alike(a, b resource.Props, but ...string) bool {
	return !slices.ContainsFunc(configuration, func(name string) bool {
		return !slices.Contains(but, name) && !functionProperty(name).Equal(a[name], b[name])
	})
}
