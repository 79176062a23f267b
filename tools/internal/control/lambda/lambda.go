// Package lambda tells what AWS says of the functions of a gateway, and has them fail on purpose.
package lambda

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"polygate.example/shared/topology"
	"polygate.example/tools/internal/control"
)

const (
	// name is the provider's as a topology has it.
	name = "aws"
	// patience is how long one region may take to tell: it may be the one that is lost, and the others are to be seen all the same.
	patience = 15 * time.Second
	// written is how Lambda writes times. Source: API reference, GetFunctionConfiguration, LastModified.
	written = "2006-01-02T15:04:05.000-0700"
)

// functions is what is used of Lambda.
type functions interface {
	GetFunctionConfiguration(context.Context, *lambda.GetFunctionConfigurationInput, ...func(*lambda.Options)) (*lambda.GetFunctionConfigurationOutput, error)
	GetFunctionConcurrency(context.Context, *lambda.GetFunctionConcurrencyInput, ...func(*lambda.Options)) (*lambda.GetFunctionConcurrencyOutput, error)
	UpdateFunctionConfiguration(context.Context, *lambda.UpdateFunctionConfigurationInput, ...func(*lambda.Options)) (*lambda.UpdateFunctionConfigurationOutput, error)
	PublishVersion(context.Context, *lambda.PublishVersionInput, ...func(*lambda.Options)) (*lambda.PublishVersionOutput, error)
	ListVersionsByFunction(context.Context, *lambda.ListVersionsByFunctionInput, ...func(*lambda.Options)) (*lambda.ListVersionsByFunctionOutput, error)
	DeleteFunction(context.Context, *lambda.DeleteFunctionInput, ...func(*lambda.Options)) (*lambda.DeleteFunctionOutput, error)
	GetAlias(context.Context, *lambda.GetAliasInput, ...func(*lambda.Options)) (*lambda.GetAliasOutput, error)
	UpdateAlias(context.Context, *lambda.UpdateAliasInput, ...func(*lambda.Options)) (*lambda.UpdateAliasOutput, error)
}

// Provider is the AWS account that some regions of a stack are in.
type Provider struct {
	in      func(region string) functions
	regions []topology.Region
	pause   time.Duration // between looks at what takes its time
}

// New takes the regions that are AWS's from a topology.
func New(config aws.Config, t topology.Topology) *Provider {
	p := &Provider{pause: time.Second, in: func(region string) functions {
		return lambda.NewFromConfig(config, func(o *lambda.Options) { o.Region = region })
	}}
	for _, r := range t.Regions {
		if r.Provider == name {
			p.regions = append(p.regions, r)
		}
	}
	return p
}

// Functions asks every region for its function, at the same time: each region has an API of its own. What some regions tell is returned
// beside the error that says which did not.
func (p *Provider) Functions(ctx context.Context) (map[string]control.Function, error) {
	return each(ctx, p.regions, p.look)
}

// each asks about every region at the same time, and has the answers of some beside the error about others.
func each[T any](ctx context.Context, regions []topology.Region, ask func(context.Context, topology.Region) (T, error)) (map[string]T, error) {
	found := make([]T, len(regions))
	errs := make([]error, len(regions))
	var all sync.WaitGroup
	for i, r := range regions {
		all.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, patience)
			defer cancel()
			if found[i], errs[i] = ask(ctx, r); errs[i] != nil {
				errs[i] = fmt.Errorf("%s: %w", r.Name, errs[i])
			}
		})
	}
	all.Wait()
	out := make(map[string]T, len(regions))
	for i, r := range regions {
		if errs[i] == nil {
			out[r.Name] = found[i]
		}
	}
	return out, errors.Join(errs...)
}

// client is the API of the region that a function's ARN names.
func (p *Provider) client(r topology.Region) (functions, error) {
	a, err := arn.Parse(r.Function)
	if err != nil || a.Service != "lambda" || a.Region == "" {
		return nil, fmt.Errorf("function %q is no ARN of a Lambda function: run `polygate up` with this version to have the topology written anew", r.Function)
	}
	return p.in(a.Region), nil
}

// look asks for one function, in the region that its ARN names.
func (p *Provider) look(ctx context.Context, r topology.Region) (control.Function, error) {
	client, err := p.client(r)
	if err != nil {
		return control.Function{}, err
	}
	config, err := client.GetFunctionConfiguration(ctx, &lambda.GetFunctionConfigurationInput{FunctionName: aws.String(r.Function)})
	if err != nil {
		return control.Function{}, explain(r, err)
	}
	limit, err := client.GetFunctionConcurrency(ctx, &lambda.GetFunctionConcurrencyInput{FunctionName: aws.String(r.Function)})
	if err != nil {
		return control.Function{}, explain(r, err)
	}
	return judge(config, limit.ReservedConcurrentExecutions), nil
}

// judge says what follows from a function's configuration and its reserved concurrency, nil for none.
//
// It can be invoked in state Active only. An update that is under way, or failed, leaves the code before it in service; it says so in Why
// and does not keep the function from being ready. Source: "Lambda function states", docs.aws.amazon.com/lambda/latest/dg/
// functions-states.html. With a reserved concurrency of zero nothing is invoked: "To throttle a function, set the reserved concurrency to
// zero" ("Configuring reserved concurrency for a function", docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html).
func judge(config *lambda.GetFunctionConfigurationOutput, reserved *int32) control.Function {
	out := control.Function{Ready: config.State == types.StateActive, State: string(config.State)}
	if at, err := time.Parse(written, aws.ToString(config.LastModified)); err == nil {
		out.Updated = at
	}
	var why []string
	if !out.Ready {
		why = append(why, reason("state "+string(config.State), aws.ToString(config.StateReason)))
	}
	if s := config.LastUpdateStatus; s != "" && s != types.LastUpdateStatusSuccessful {
		why = append(why, reason("the last update is "+string(s)+" and the code before it serves", aws.ToString(config.LastUpdateStatusReason)))
	}
	if reserved != nil && *reserved == 0 {
		out.Ready = false
		why = append(why, "its reserved concurrency is 0, so that every request is throttled: set another or remove it")
	}
	out.Why = strings.Join(why, "; ")
	return out
}

// reason is what Lambda says and, where it tells, why.
func reason(what, why string) string {
	if why == "" {
		return what
	}
	return what + ": " + why
}

// explain says of which function an error is.
func explain(r topology.Region, err error) error {
	if gone := (*types.ResourceNotFoundException)(nil); errors.As(err, &gone) {
		return fmt.Errorf("function %s: %w: run `polygate up` to have it made anew: %w", r.Function, control.ErrUnknown, err)
	}
	return fmt.Errorf("ask for function %s: %w", r.Function, err)
}

var _ control.Provider = (*Provider)(nil)
