package route53

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/route53recoverycluster"
	"github.com/aws/aws-sdk-go-v2/service/route53recoverycluster/types"
	"github.com/aws/smithy-go"

	infra "polygate.example/infra/failover/route53"
	"polygate.example/shared/topology"
	"polygate.example/tools/internal/control"
)

const (
	// maxStates is how many controls one call may switch. Source: ARC developer guide, "Quotas for routing control".
	maxStates = 10
	// patience is how long one endpoint may take. Five of them are then tried within a minute.
	patience = 10 * time.Second
	// again is the time between two tries within a wait period.
	again = 500 * time.Millisecond
)

// ErrSafetyRule says that a cluster refused a change because a safety rule of its control panel does not allow it.
var ErrSafetyRule = errors.New("a safety rule of the control panel does not allow it")

// cluster switches a stack's routing controls. It is reached at five endpoints: "ARC ensures that at least three out of the five Regional
// cluster endpoints are always accessible [...] Your process [...] should try each endpoint in rotation" (ARC developer guide, "Getting and
// updating routing control states using the ARC API"); and "Choose one of your endpoints at random to update your routing control states"
// ("Best practices for routing control in ARC").
type cluster struct {
	endpoints []endpoint
	controls  map[string]string // region -> ARN of its routing control
	wait      time.Duration     // how long a refusal may be a wait period's
}

// endpoint is one of a cluster's endpoints.
type endpoint struct {
	url    string
	client states
}

// states is what is used of an endpoint.
type states interface {
	ListRoutingControls(context.Context, *route53recoverycluster.ListRoutingControlsInput, ...func(*route53recoverycluster.Options)) (*route53recoverycluster.ListRoutingControlsOutput, error)
	UpdateRoutingControlStates(context.Context, *route53recoverycluster.UpdateRoutingControlStatesInput, ...func(*route53recoverycluster.Options)) (*route53recoverycluster.UpdateRoutingControlStatesOutput, error)
}

// newCluster finds a stack's cluster among the topology's details; nil when the stack has none.
func newCluster(config aws.Config, t topology.Topology) (*cluster, error) {
	list, ok := t.Details[infra.DetailEndpoints]
	if !ok {
		return nil, nil
	}
	c := &cluster{controls: map[string]string{}, wait: infra.WaitPeriod + time.Second}
	for _, r := range t.Regions {
		if c.controls[r.Name], ok = t.Details[infra.DetailControl+r.Name]; !ok {
			return nil, fmt.Errorf("the topology of %s has a cluster and no routing control of %s: run `polygate up` to have both", t.Environment, r.Name)
		}
	}
	for _, e := range strings.Split(list, ",") {
		region, at, _ := strings.Cut(e, "=")
		if u, err := url.Parse(at); err != nil || u.Scheme != "https" || u.Host == "" || region == "" {
			return nil, fmt.Errorf("the topology of %s has the cluster endpoint %q: want region=https://…", t.Environment, e)
		}
		// One that does not answer is not asked again: there are others.
		c.endpoints = append(c.endpoints, endpoint{at, route53recoverycluster.NewFromConfig(config, func(o *route53recoverycluster.Options) {
			o.Region, o.BaseEndpoint, o.Retryer = region, aws.String(at), aws.NopRetryer{}
		})})
	}
	return c, nil
}

// states tells by region which controls are on.
func (c *cluster) states(ctx context.Context, regions []topology.Region) (map[string]bool, error) {
	found := map[string]types.RoutingControlState{}
	for _, panel := range c.panels() {
		err := c.anywhere(ctx, func(ctx context.Context, client states) error {
			in := &route53recoverycluster.ListRoutingControlsInput{ControlPanelArn: aws.String(panel)}
			for {
				out, err := client.ListRoutingControls(ctx, in)
				if err != nil {
					return err
				}
				for _, control := range out.RoutingControls {
					found[aws.ToString(control.RoutingControlArn)] = control.RoutingControlState
				}
				if in.NextToken = out.NextToken; aws.ToString(in.NextToken) == "" {
					return nil
				}
			}
		})
		if gone := (*types.ResourceNotFoundException)(nil); errors.As(err, &gone) {
			return nil, fmt.Errorf("control panel %s: %w: %w", panel, control.ErrUnknown, err)
		}
		if err != nil {
			return nil, fmt.Errorf("list the routing controls of %s: %w", panel, err)
		}
	}
	on := map[string]bool{}
	for _, r := range regions {
		state, ok := found[c.controls[r.Name]]
		if !ok {
			return nil, fmt.Errorf("%s: routing control %s: %w: run `polygate up` to have it made anew", r.Name, c.controls[r.Name], control.ErrUnknown)
		}
		on[r.Name] = state == types.RoutingControlStateOn
	}
	return on, nil
}

// panels are the control panels of the controls: what is before "/routingcontrol/" in their ARNs. Source: "Resource types defined by
// Amazon Route 53 Recovery Controls", Service Authorization Reference.
func (c *cluster) panels() []string {
	var out []string
	for _, arn := range c.controls {
		panel, _, _ := strings.Cut(arn, "/routingcontrol/")
		out = append(out, panel)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// turn switches the controls of regions that are not as asked for, in one call: a safety rule is held against all of it at once. Only
// more than maxStates take several, and those that are done stay when a later one is refused.
func (c *cluster) turn(ctx context.Context, regions []topology.Region, on bool) error {
	if len(regions) == 0 {
		return nil
	}
	are, err := c.states(ctx, regions)
	if err != nil {
		return err
	}
	state, word := types.RoutingControlStateOff, "off"
	if on {
		state, word = types.RoutingControlStateOn, "on"
	}
	var names []string
	var entries []types.UpdateRoutingControlStateEntry
	for _, r := range regions {
		if are[r.Name] != on {
			names = append(names, r.Name)
			entries = append(entries, types.UpdateRoutingControlStateEntry{RoutingControlArn: aws.String(c.controls[r.Name]), RoutingControlState: state})
		}
	}
	for some := range slices.Chunk(entries, maxStates) {
		part := strings.Join(names[:len(some)], ", ")
		names = names[len(some):]
		err := c.update(ctx, some)
		if conflict := (*types.ConflictException)(nil); errors.As(err, &conflict) {
			return fmt.Errorf("turn the routing controls of %s %s: %w: %w", part, word, ErrSafetyRule, err)
		}
		if err != nil {
			return fmt.Errorf("turn the routing controls of %s %s: %w", part, word, err)
		}
	}
	return nil
}

// update switches controls. A rule refuses as any other conflict does, by a ConflictException (API reference,
// UpdateRoutingControlStates), and it refuses everything for a while after each change ("during which any request against the target
// routing controls will fail", AssertionRule, WaitPeriodMs): one that is refused is tried again until that is over.
func (c *cluster) update(ctx context.Context, entries []types.UpdateRoutingControlStateEntry) error {
	over := time.Now().Add(c.wait)
	for {
		err := c.anywhere(ctx, func(ctx context.Context, client states) error {
			_, err := client.UpdateRoutingControlStates(ctx, &route53recoverycluster.UpdateRoutingControlStatesInput{UpdateRoutingControlStateEntries: entries})
			return err
		})
		if conflict := (*types.ConflictException)(nil); !errors.As(err, &conflict) || !time.Now().Before(over) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(min(again, time.Until(over))):
		}
	}
}

// anywhere asks the endpoints, in an order of its own each time, until one answers.
func (c *cluster) anywhere(ctx context.Context, ask func(context.Context, states) error) error {
	var errs []error
	for _, i := range rand.Perm(len(c.endpoints)) {
		e := c.endpoints[i]
		err := func() error {
			ctx, cancel := context.WithTimeout(ctx, patience)
			defer cancel()
			return ask(ctx, e.client)
		}()
		if err == nil || answered(err) || ctx.Err() != nil {
			return err
		}
		errs = append(errs, fmt.Errorf("%s: %w", e.url, err))
	}
	return fmt.Errorf("none of the cluster's %d endpoints answers: %w", len(c.endpoints), errors.Join(errs...))
}

// answered reports whether an error is the cluster's answer, which is the same at each endpoint, and not one endpoint's trouble.
func answered(err error) bool {
	var answer smithy.APIError
	var response *http.ResponseError
	return errors.As(err, &answer) && errors.As(err, &response) && response.HTTPStatusCode()/100 == 4 &&
		answer.ErrorFault() != smithy.FaultServer && !throttled(err)
}

var _ states = (*route53recoverycluster.Client)(nil)
