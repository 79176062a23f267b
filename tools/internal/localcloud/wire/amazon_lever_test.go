package wire_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	lambdasdk "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/smithy-go"

	"polygate.example/shared/health"
	"polygate.example/tools/internal/control"
	"polygate.example/tools/internal/control/lambda"
	"polygate.example/tools/internal/localcloud/aws"
	"polygate.example/tools/internal/localcloud/plane"
	"polygate.example/tools/internal/localcloud/resource"
)

const tAlias = "aws:lambda/alias:Alias"

// published gives the function of us-east-1 variables, a version and the alias that a front invokes, and returns the inputs of a
// deployment, as the engine knows them.
func (b *amazonBed) published() (fn resource.Record, in resource.Props) {
	b.t.Helper()
	fn, _ = b.store.View().GetIn(tFunction, "us-east-1", "gateway")
	in = fn.Inputs.With(resource.Props{"publish": true, "environment": resource.Props{"variables": resource.Props{"KEPT": "hush"}}})
	b.update(fn, in)
	b.cloud.Must(tAlias, resource.Props{"name": "live", "functionName": "gateway", "functionVersion": "1", "region": "us-east-1", "description": "The version that serves"})
	b.topo.Regions = b.topo.Regions[:1]
	return fn, in
}

// update is what `up` does to a function.
func (b *amazonBed) update(fn resource.Record, in resource.Props) resource.Props {
	b.t.Helper()
	out, err := b.cloud.Controller.Update(b.t.Context(), tFunction, fn.ID, fn.Outputs(), in, b.cloud.Config, false)
	if err != nil {
		b.t.Fatal(err)
	}
	return out
}

// serving is what the front invokes, as the data plane gets it.
func (b *amazonBed) serving() plane.Function {
	b.t.Helper()
	w, err := aws.Project(resource.NewEnv(b.store, aws.Cloud(), resource.Services{}))
	if err != nil {
		b.t.Fatal(err)
	}
	for _, f := range w.Functions {
		if strings.HasSuffix(f.ID, ":live") {
			return f
		}
	}
	b.t.Fatal("nothing serves")
	return plane.Function{}
}

func drillLease(token uint64) control.Lease {
	return control.Lease{Fault: health.DrillRegionDown, Until: time.Now().Add(10 * time.Minute).UTC().Truncate(time.Second), Token: token, Drill: "d-1"}
}

// A lever has what serves run with its variable, and afterwards all is as the deployment made it: a refresh finds nothing changed.
func TestLambdaLever(t *testing.T) {
	t.Parallel()
	b := newAmazonBed(t)
	fn, in := b.published()
	before, _ := b.store.View().GetIn(tFunction, "us-east-1", "gateway")
	p := lambda.New(b.config(token), b.topo)
	l := drillLease(7)
	if err := p.Pull(t.Context(), "aws/us-east-1", l); err != nil {
		t.Fatal(err)
	}
	if f := b.serving(); f.Version != "2" || f.Environment["KEPT"] != "hush" || !strings.Contains(f.Environment[health.EnvDrill], `"fault":"region-down"`) {
		t.Errorf("version %s serves", f.Version)
	}
	if got, err := p.Pulled(t.Context()); err != nil || got["aws/us-east-1"] != l {
		t.Errorf("pulled: %+v, %v", got, err)
	}
	if now, _ := b.store.View().GetIn(tFunction, "us-east-1", "gateway"); now.Inputs.Object("environment").Object("variables").Has(health.EnvDrill) {
		t.Error("$LATEST has the variable")
	}
	if err := p.Release(t.Context(), "aws/us-east-1", 7); err != nil {
		t.Fatal(err)
	}
	if f := b.serving(); f.Version != "1" || len(f.Environment) != 1 || f.Environment["KEPT"] != "hush" {
		t.Errorf("version %s serves with %d variables", f.Version, len(f.Environment))
	}
	after, _ := b.store.View().GetIn(tFunction, "us-east-1", "gateway")
	for _, property := range []string{"version", "qualifiedArn", "qualifiedInvokeArn", "codeSha256"} {
		if before.Computed.Str(property) != after.Computed.Str(property) {
			t.Errorf("%s was %s and is %s", property, before.Computed.Str(property), after.Computed.Str(property))
		}
	}
	if d, err := b.cloud.Controller.Diff(tFunction, in, after.Inputs); err != nil || len(d.Changes) > 0 {
		t.Errorf("a refresh finds %+v, %v", d, err)
	}
	// The next version has a number that none had: those of versions that were removed are not given again.
	if out := b.update(fn, in.With(resource.Props{"memorySize": 512.0})); out.Str("version") != "3" {
		t.Errorf("the next release is version %s, want 3", out.Str("version"))
	}
}

// A release while a region is under a lease is without it, and what changes nothing that runs publishes nothing.
func TestLambdaLeverAndRelease(t *testing.T) {
	t.Parallel()
	b := newAmazonBed(t)
	fn, in := b.published()
	p := lambda.New(b.config(token), b.topo)
	if err := p.Pull(t.Context(), "aws/us-east-1", drillLease(7)); err != nil {
		t.Fatal(err)
	}
	if out := b.update(fn, in.With(resource.Props{"tags": resource.Props{"a": "b"}})); out.Str("version") != "2" || b.serving().Version != "2" {
		t.Errorf("tags: version %s", out.Str("version"))
	}
	out := b.update(fn, in.With(resource.Props{"memorySize": 512.0, "tags": resource.Props{"a": "b"}}))
	a, _ := b.store.View().Find(tAlias, "name", "live")
	if _, err := b.cloud.Controller.Update(t.Context(), tAlias, a.ID, a.Outputs(), a.Inputs.With(resource.Props{"functionVersion": out.Str("version")}), nil, false); err != nil {
		t.Fatal(err)
	}
	if f := b.serving(); f.Version != "3" || f.Environment[health.EnvDrill] != "" || f.Memory != 512 {
		t.Errorf("version %s serves", f.Version)
	}
	if err := p.Release(t.Context(), "aws/us-east-1", 7); err != nil || b.serving().Version != "3" {
		t.Errorf("released: version %s, %v", b.serving().Version, err)
	}
	left, _ := b.store.View().GetIn(tFunction, "us-east-1", "gateway")
	if v := aws.FunctionVersions(left); len(v) != 3 {
		t.Errorf("%d versions are left, want $LATEST, 1 and 3", len(v))
	}
}

// Lambda's own rules about what a lever does, with the sources beside each in package aws.
func TestLambdaAPIFacts(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	name, live := awssdk.String("gateway"), awssdk.String("live")
	for title, c := range map[string]struct {
		do   func(*lambdasdk.Client) error
		code string // "" for one that is taken
		says string
	}{
		"an old revision of the function": {func(c *lambdasdk.Client) error {
			return second(c.UpdateFunctionConfiguration(ctx, &lambdasdk.UpdateFunctionConfigurationInput{FunctionName: name, RevisionId: awssdk.String("old"), Environment: &types.Environment{}}))
		}, "PreconditionFailedException", "does not match the latest Revision Id"},
		"the revision that an update answered with": {func(c *lambdasdk.Client) error {
			out, err := c.UpdateFunctionConfiguration(ctx, &lambdasdk.UpdateFunctionConfigurationInput{FunctionName: name, Environment: &types.Environment{Variables: map[string]string{"A1": "1"}}})
			if err != nil || out.LastUpdateStatus != types.LastUpdateStatusInProgress {
				return fmt.Errorf("%v, %w", out, err)
			}
			return second(c.PublishVersion(ctx, &lambdasdk.PublishVersionInput{FunctionName: name, RevisionId: out.RevisionId}))
		}, "PreconditionFailedException", "does not match"},
		"an old revision of the alias": {func(c *lambdasdk.Client) error {
			return second(c.UpdateAlias(ctx, &lambdasdk.UpdateAliasInput{FunctionName: name, Name: live, FunctionVersion: awssdk.String("1"), RevisionId: awssdk.String("old")}))
		}, "PreconditionFailedException", "does not match"},
		"a revision of the alias from before it came back": {func(c *lambdasdk.Client) error {
			a, err := c.GetAlias(ctx, &lambdasdk.GetAliasInput{FunctionName: name, Name: live})
			for range 2 {
				err = errors.Join(err, second(c.UpdateAlias(ctx, &lambdasdk.UpdateAliasInput{FunctionName: name, Name: live, FunctionVersion: awssdk.String("1")})))
			}
			if err != nil {
				return err
			}
			return second(c.UpdateAlias(ctx, &lambdasdk.UpdateAliasInput{FunctionName: name, Name: live, FunctionVersion: awssdk.String("1"), RevisionId: a.RevisionId}))
		}, "PreconditionFailedException", "does not match"},
		"another code": {func(c *lambdasdk.Client) error {
			return second(c.PublishVersion(ctx, &lambdasdk.PublishVersionInput{FunctionName: name, CodeSha256: awssdk.String("AAAA")}))
		}, "InvalidParameterValueException", "CodeSHA256 (AAAA) is different from current CodeSHA256 in $LATEST"},
		"nothing new": {func(c *lambdasdk.Client) error {
			out, err := c.PublishVersion(ctx, &lambdasdk.PublishVersionInput{FunctionName: name, Description: awssdk.String("again")})
			if err == nil && (*out.Version != "1" || *out.Description != "") {
				return fmt.Errorf("published %s, %q", *out.Version, *out.Description)
			}
			return err
		}, "", ""},
		"a version that an alias leads to": {func(c *lambdasdk.Client) error {
			return second(c.DeleteFunction(ctx, &lambdasdk.DeleteFunctionInput{FunctionName: name, Qualifier: awssdk.String("1")}))
		}, "ResourceConflictException", "Unable to delete version because the following aliases reference it: [live]"},
		"a version by its alias": {func(c *lambdasdk.Client) error {
			return second(c.DeleteFunction(ctx, &lambdasdk.DeleteFunctionInput{FunctionName: name, Qualifier: live}))
		}, "InvalidParameterValueException", ""},
		"a version that is not there": {func(c *lambdasdk.Client) error {
			return second(c.UpdateAlias(ctx, &lambdasdk.UpdateAliasInput{FunctionName: name, Name: live, FunctionVersion: awssdk.String("9")}))
		}, "ResourceNotFoundException", "function:gateway:9"},
		"an alias that is not there": {func(c *lambdasdk.Client) error {
			return second(c.GetAlias(ctx, &lambdasdk.GetAliasInput{FunctionName: name, Name: awssdk.String("dead")}))
		}, "ResourceNotFoundException", "Alias not found: arn:aws:lambda:us-east-1:"},
		"a reserved variable": {func(c *lambdasdk.Client) error {
			return second(c.UpdateFunctionConfiguration(ctx, &lambdasdk.UpdateFunctionConfigurationInput{FunctionName: name, Environment: &types.Environment{Variables: map[string]string{"AWS_REGION": "x"}}}))
		}, "InvalidParameterValueException", "AWS_REGION"},
		"variables of more than 4 KB": {func(c *lambdasdk.Client) error {
			return second(c.UpdateFunctionConfiguration(ctx, &lambdasdk.UpdateFunctionConfigurationInput{FunctionName: name, Environment: &types.Environment{Variables: map[string]string{"BIG": strings.Repeat("x", 4096)}}}))
		}, "InvalidParameterValueException", "4KB"},
	} {
		t.Run(title, func(t *testing.T) {
			t.Parallel()
			b := newAmazonBed(t)
			b.published()
			config := b.config(token)
			config.Region = "us-east-1"
			err := c.do(lambdasdk.NewFromConfig(config))
			var answer smithy.APIError
			if c.code == "" && err != nil || c.code != "" && (!errors.As(err, &answer) || answer.ErrorCode() != c.code || !strings.Contains(answer.ErrorMessage(), c.says)) {
				t.Errorf("%v: want %s ...%s...", err, c.code, c.says)
			}
			if err != nil && strings.Contains(err.Error(), "hush") {
				t.Errorf("%v tells a value", err)
			}
		})
	}
}

// What the local clouds would not carry out is refused, and the function is as it was.
func TestLambdaBounds(t *testing.T) {
	t.Parallel()
	ctx, name := t.Context(), awssdk.String("gateway")
	for title, c := range map[string]struct {
		do   func(*lambdasdk.Client) error
		code string
		says string
	}{
		"the whole function": {func(c *lambdasdk.Client) error {
			return second(c.DeleteFunction(ctx, &lambdasdk.DeleteFunctionInput{FunctionName: name}))
		}, "AccessDeniedException", "by a deployment only"},
		"what is not served here": {func(c *lambdasdk.Client) error {
			return second(c.UpdateFunctionConfiguration(ctx, &lambdasdk.UpdateFunctionConfigurationInput{FunctionName: name, MemorySize: awssdk.Int32(512)}))
		}, "InvalidRequestContentException", "MemorySize"},
	} {
		t.Run(title, func(t *testing.T) {
			t.Parallel()
			b := newAmazonBed(t)
			b.published()
			config := b.config(token)
			config.Region = "us-east-1"
			err := c.do(lambdasdk.NewFromConfig(config))
			var answer smithy.APIError
			if !errors.As(err, &answer) || answer.ErrorCode() != c.code || !strings.Contains(answer.ErrorMessage(), c.says) {
				t.Errorf("%v: want %s ...%s...", err, c.code, c.says)
			}
			if f := b.serving(); f.Memory != 128 {
				t.Errorf("serving is %+v", f)
			}
		})
	}
}

// A version shows what it was published with, whatever $LATEST has become.
func TestLambdaVersionStays(t *testing.T) {
	t.Parallel()
	b := newAmazonBed(t)
	b.published()
	config := b.config(token)
	config.Region = "us-east-1"
	c := lambdasdk.NewFromConfig(config)
	name := awssdk.String("gateway")
	if _, err := c.UpdateFunctionConfiguration(t.Context(), &lambdasdk.UpdateFunctionConfigurationInput{FunctionName: name, Environment: &types.Environment{Variables: map[string]string{"NEW": "1"}}}); err != nil {
		t.Fatal(err)
	}
	for qualifier, want := range map[string]string{"": `{"NEW":"1"}`, "1": `{"KEPT":"hush"}`, "live": `{"KEPT":"hush"}`} {
		in := &lambdasdk.GetFunctionConfigurationInput{FunctionName: name}
		if qualifier != "" {
			in.Qualifier = &qualifier
		}
		out, err := c.GetFunctionConfiguration(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		if got, _ := json.Marshal(out.Environment.Variables); string(got) != want {
			t.Errorf("%q has %s, want %s", qualifier, got, want)
		}
	}
}
