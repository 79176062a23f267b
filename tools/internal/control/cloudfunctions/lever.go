package cloudfunctions

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"sync"
	"time"

	"cloud.google.com/go/functions/apiv2/functionspb"
	"google.golang.org/api/googleapi"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"polygate.example/shared/health"
	"polygate.example/shared/topology"
	"polygate.example/tools/internal/control"
)

const (
	// leverPatience is how long a lever may take. A function that gets other variables is built anew, as if it had other code
	// (hashicorp/terraform-provider-google issue #23781), which takes minutes.
	leverPatience = 15 * time.Minute
	// variablesMask is all that an update touches. Source: "Method: projects.locations.functions.patch", updateMask.
	variablesMask = "service_config.environment_variables"
)

// Pull implements control.Lever.
func (p *Provider) Pull(ctx context.Context, region string, l control.Lease) error {
	doc, err := l.Document(time.Now())
	if err != nil {
		return fmt.Errorf("%s: %w", region, err)
	}
	return p.atLever(ctx, region, l.Token, doc)
}

// Release implements control.Lever.
func (p *Provider) Release(ctx context.Context, region string, token uint64) error {
	return p.atLever(ctx, region, token, "")
}

// Pulled implements control.Lever.
func (p *Provider) Pulled(ctx context.Context) (map[string]control.Lease, error) {
	var mu sync.Mutex
	out, errs := map[string]control.Lease{}, make([]error, len(p.regions))
	var asked sync.WaitGroup
	for i, r := range p.regions {
		asked.Go(func() {
			f, err := p.get(ctx, r)
			if err != nil {
				errs[i] = err
				return
			}
			l, found, err := control.LeaseIn(f.GetServiceConfig().GetEnvironmentVariables())
			if err != nil {
				errs[i] = fmt.Errorf("%s: %w", r.Name, err)
			} else if found {
				mu.Lock()
				defer mu.Unlock()
				out[r.Name] = l
			}
		})
	}
	asked.Wait()
	return out, errors.Join(errs...)
}

// atLever gives a region's function the variable, or with "" takes it away.
func (p *Provider) atLever(ctx context.Context, region string, token uint64, doc string) error {
	for _, r := range p.regions {
		if r.Name != region {
			continue
		}
		ctx, cancel := context.WithTimeout(ctx, leverPatience)
		defer cancel()
		return control.Repeat(ctx, p.pause, func() error { return p.set(ctx, r, token, doc) })
	}
	return fmt.Errorf("%s: %w: the topology has no such region on Google Cloud", region, control.ErrUnknown)
}

// set writes all variables as they are, but for the one. The API knows no revision of a function that a write could be held to: who writes
// between the reading and the writing would be undone. That takes a whole update that begins and ends in the moment between, when every one
// takes minutes; one that is under way has the function DEPLOYING, and refuses others.
func (p *Provider) set(ctx context.Context, r topology.Region, token uint64, doc string) error {
	f, err := p.settled(ctx, r)
	if err != nil {
		return err
	}
	variables := f.GetServiceConfig().GetEnvironmentVariables()
	if err := control.Fence(variables, token); err != nil {
		return fmt.Errorf("%s: %w", r.Name, err)
	}
	if have, there := variables[health.EnvDrill]; have == doc && there == (doc != "") {
		return nil
	}
	want := maps.Clone(variables)
	delete(want, health.EnvDrill)
	if doc != "" {
		if want == nil {
			want = map[string]string{}
		}
		want[health.EnvDrill] = doc
	}
	op, err := p.client.UpdateFunction(ctx, &functionspb.UpdateFunctionRequest{
		Function:   &functionspb.Function{Name: r.Function, ServiceConfig: &functionspb.ServiceConfig{EnvironmentVariables: want}},
		UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{variablesMask}},
	})
	if err != nil {
		return refused(r, err)
	}
	after, err := op.Wait(ctx)
	if err != nil {
		return refused(r, err)
	}
	if !maps.Equal(after.GetServiceConfig().GetEnvironmentVariables(), want) {
		return fmt.Errorf("the variables of the function %s of %s: %w", r.Function, r.Name, control.ErrChanged)
	}
	return nil
}

// settled reads a function when no update of it is under way.
func (p *Provider) settled(ctx context.Context, r topology.Region) (*functionspb.Function, error) {
	for {
		f, err := p.get(ctx, r)
		if err != nil {
			return nil, err
		}
		switch f.GetState() {
		case functionspb.Function_ACTIVE:
			return f, nil
		case functionspb.Function_DEPLOYING:
		default:
			return nil, fmt.Errorf("the function %s of %s is %s: it is to work again before it may fail on purpose: %s", r.Function, r.Name, f.GetState(), why(f.GetStateMessages()))
		}
		if err := control.Sleep(ctx, p.pause); err != nil {
			return nil, fmt.Errorf("the function %s of %s is still being deployed: %w", r.Function, r.Name, err)
		}
	}
}

// refused says what an update ended in. While another one is under way the answer is ABORTED, "unable to queue the operation"
// (firebase/firebase-tools issue #10731): that one is waited for.
func refused(r topology.Region, err error) error {
	var rest *googleapi.Error
	switch {
	case missing(err):
		return fmt.Errorf("function %s of %s in Google Cloud: %w: %w", r.Function, r.Name, control.ErrUnknown, err)
	case errors.As(err, &rest) && rest.Code == http.StatusConflict, status.Code(err) == codes.Aborted:
		return fmt.Errorf("change the variables of the function %s of %s: %w: %w", r.Function, r.Name, control.ErrChanged, err)
	}
	return fmt.Errorf("change the variables of the function %s of %s: %w", r.Function, r.Name, err)
}

var _ control.Lever = (*Provider)(nil)
