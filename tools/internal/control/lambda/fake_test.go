package lambda

import (
	"context"
	"fmt"
	"maps"
	"strconv"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/smithy-go"

	"polygate.example/shared/topology"
)

// fake is one function with its versions and its alias, by the rules that matter to a lever: revisions, updates that take a while,
// versions that do not change.
type fake struct {
	functions
	versions map[string]*lambda.GetFunctionConfigurationOutput // by number; $LATEST among them
	live     string
	weights  map[string]float64
	numbers  int
	revision int
	settling int               // looks until the last update is done
	before   map[string]func() // runs once, before the call of this name
	refuse   map[string]error  // the answer to calls of this name
	calls    []string          // that change something
	pages    int               // versions on a page; 0 for all
}

func newFake() *fake {
	f := &fake{versions: map[string]*lambda.GetFunctionConfigurationOutput{}, live: "1", numbers: 1, before: map[string]func(){}, refuse: map[string]error{}}
	f.versions["$LATEST"] = &lambda.GetFunctionConfigurationOutput{Version: aws.String("$LATEST"), CodeSha256: aws.String("code-1"), MemorySize: aws.Int32(256), Timeout: aws.Int32(30),
		Description: aws.String("the gateway"), Runtime: types.RuntimeProvidedal2023, Environment: &types.EnvironmentResponse{Variables: map[string]string{"KEPT": "a-secret", "OTHER": "2"}}}
	f.versions["1"] = f.copied("1", "the gateway")
	return f
}

func (f *fake) provider() *Provider {
	return &Provider{in: func(string) functions { return f }, pause: time.Millisecond,
		regions: []topology.Region{{Name: "aws/us-east-1", Provider: "aws", Function: functionARN("us-east-1")}}}
}

func (f *fake) copied(number, description string) *lambda.GetFunctionConfigurationOutput {
	c := *f.versions["$LATEST"]
	c.Version, c.Description = &number, &description
	c.Environment = &types.EnvironmentResponse{Variables: maps.Clone(c.Environment.Variables)}
	return &c
}

func (f *fake) call(name string) error {
	if do := f.before[name]; do != nil {
		delete(f.before, name)
		do()
	}
	return f.refuse[name]
}

func (f *fake) change(name string) error {
	err := f.call(name)
	if err == nil {
		f.calls = append(f.calls, name)
		f.revision++
	}
	return err
}

func (f *fake) revised(given *string) error {
	if given == nil || *given != strconv.Itoa(f.revision) {
		return &types.PreconditionFailedException{Message: aws.String("of the fake")}
	}
	return nil
}

func (f *fake) set(variables map[string]string) {
	f.revision++
	f.versions["$LATEST"].Environment = &types.EnvironmentResponse{Variables: variables}
}

func (f *fake) GetFunctionConfiguration(_ context.Context, in *lambda.GetFunctionConfigurationInput, _ ...func(*lambda.Options)) (*lambda.GetFunctionConfigurationOutput, error) {
	if err := f.call("GetFunctionConfiguration"); err != nil {
		return nil, err
	}
	number := aws.ToString(in.Qualifier)
	switch number {
	case "":
		number = "$LATEST"
	case alias:
		number = f.live
	}
	c, ok := f.versions[number]
	if !ok {
		return nil, &types.ResourceNotFoundException{Message: aws.String("no version " + number)}
	}
	out := *c
	if out.State == "" {
		out.State, out.LastUpdateStatus = types.StateActive, types.LastUpdateStatusSuccessful
	}
	if number == "$LATEST" && f.settling > 0 {
		f.settling--
		out.LastUpdateStatus = types.LastUpdateStatusInProgress
		f.revision++ // aws/aws-sdk issue #377
	}
	out.RevisionId = aws.String(strconv.Itoa(f.revision))
	return &out, nil
}

func (f *fake) GetAlias(context.Context, *lambda.GetAliasInput, ...func(*lambda.Options)) (*lambda.GetAliasOutput, error) {
	out := &lambda.GetAliasOutput{FunctionVersion: aws.String(f.live), RevisionId: aws.String("of " + f.live)}
	if f.weights != nil {
		out.RoutingConfig = &types.AliasRoutingConfiguration{AdditionalVersionWeights: f.weights}
	}
	return out, f.call("GetAlias")
}

func (f *fake) UpdateFunctionConfiguration(_ context.Context, in *lambda.UpdateFunctionConfigurationInput, _ ...func(*lambda.Options)) (*lambda.UpdateFunctionConfigurationOutput, error) {
	if err := f.change("UpdateFunctionConfiguration"); err != nil {
		return nil, err
	}
	f.revision-- // of the change itself
	if err := f.revised(in.RevisionId); err != nil {
		return nil, err
	}
	f.set(in.Environment.Variables)
	f.settling = 2
	return &lambda.UpdateFunctionConfigurationOutput{}, nil
}

func (f *fake) PublishVersion(_ context.Context, in *lambda.PublishVersionInput, _ ...func(*lambda.Options)) (*lambda.PublishVersionOutput, error) {
	if err := f.call("PublishVersion"); err != nil {
		return nil, err
	}
	if f.settling > 0 {
		return nil, &types.ResourceConflictException{Message: aws.String("An update is in progress for resource")}
	}
	if err := f.revised(in.RevisionId); err != nil {
		return nil, err
	}
	if last := f.versions[strconv.Itoa(f.numbers)]; last != nil && maps.Equal(last.Environment.Variables, f.versions["$LATEST"].Environment.Variables) {
		return &lambda.PublishVersionOutput{Version: last.Version, Description: last.Description}, nil
	}
	f.numbers++
	f.calls = append(f.calls, "PublishVersion")
	number := strconv.Itoa(f.numbers)
	f.versions[number] = f.copied(number, *in.Description)
	return &lambda.PublishVersionOutput{Version: &number, Description: in.Description}, nil
}

func (f *fake) UpdateAlias(_ context.Context, in *lambda.UpdateAliasInput, _ ...func(*lambda.Options)) (*lambda.UpdateAliasOutput, error) {
	if err := f.call("UpdateAlias"); err != nil {
		return nil, err
	}
	if aws.ToString(in.RevisionId) != "of "+f.live {
		return nil, &types.PreconditionFailedException{Message: aws.String("of the fake")}
	}
	if _, ok := f.versions[*in.FunctionVersion]; !ok {
		return nil, &types.ResourceNotFoundException{Message: aws.String("no version " + *in.FunctionVersion)}
	}
	f.calls = append(f.calls, "UpdateAlias "+*in.FunctionVersion)
	f.live = *in.FunctionVersion
	return &lambda.UpdateAliasOutput{}, nil
}

func (f *fake) ListVersionsByFunction(_ context.Context, in *lambda.ListVersionsByFunctionInput, _ ...func(*lambda.Options)) (*lambda.ListVersionsByFunctionOutput, error) {
	if err := f.call("ListVersionsByFunction"); err != nil {
		return nil, err
	}
	begin, _ := strconv.Atoi(aws.ToString(in.Marker))
	out := &lambda.ListVersionsByFunctionOutput{}
	for n := max(begin, 1); n <= f.numbers; n++ {
		if v := f.versions[strconv.Itoa(n)]; v != nil {
			out.Versions = append(out.Versions, types.FunctionConfiguration{Version: v.Version, Description: v.Description})
		}
		if f.pages > 0 && n-max(begin, 1)+1 == f.pages {
			out.NextMarker = aws.String(strconv.Itoa(n + 1))
			break
		}
	}
	return out, nil
}

func (f *fake) DeleteFunction(_ context.Context, in *lambda.DeleteFunctionInput, _ ...func(*lambda.Options)) (*lambda.DeleteFunctionOutput, error) {
	if err := f.call("DeleteFunction"); err != nil {
		return nil, err
	}
	number := aws.ToString(in.Qualifier)
	if number == "" || number == f.live {
		return nil, fmt.Errorf("the fake was told to remove %q while %s serves", number, f.live)
	}
	f.calls = append(f.calls, "DeleteFunction "+number)
	delete(f.versions, number)
	return &lambda.DeleteFunctionOutput{}, nil
}

// refused is an answer of IAM's.
func refused(action string) error {
	return &smithy.GenericAPIError{Code: "AccessDeniedException", Message: "User is not authorized to perform: lambda:" + action}
}

// clean sees that nothing of a drill is left and nothing else was lost.
func (f *fake) clean(t *testing.T, live string) {
	t.Helper()
	if f.live != live {
		t.Errorf("version %s serves, want %s", f.live, live)
	}
	for number, v := range f.versions {
		if _, drilled := v.Environment.Variables["POLYGATE_DRILL"]; drilled {
			t.Errorf("version %s has the variable still", number)
		}
		if v.Environment.Variables["KEPT"] != "a-secret" || v.Environment.Variables["OTHER"] != "2" {
			t.Errorf("version %s has lost variables", number)
		}
	}
}

var _ functions = (*fake)(nil)
