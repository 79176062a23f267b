package route53

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"

	"polygate.example/shared/topology"
	"polygate.example/tools/internal/control"
)

// What a region is called.
const (
	stateHealthy   = "healthy"
	stateUnhealthy = "unhealthy"
	stateDrained   = "drained"
)

// quorumPercent: "If more than 18% of health checkers report that an endpoint is healthy, Route 53 considers it healthy." Source: "How
// Amazon Route 53 determines whether a health check is healthy", docs.aws.amazon.com/Route53/latest/DeveloperGuide/
// dns-failover-determining-health-of-endpoints.html.
const quorumPercent = 18

// success is what the status of a checker that is content begins with. Source: GetHealthCheckStatus, example,
// docs.aws.amazon.com/Route53/latest/APIReference/API_GetHealthCheckStatus.html.
const success = "Success"

// look asks for a region's check and for what its checkers last saw.
func (m *Manager) look(ctx context.Context, r topology.Region) (control.Region, error) {
	check, err := m.get(ctx, r)
	if err != nil {
		return control.Region{}, err
	}
	status, err := patiently(ctx, m.pause, func() (*route53.GetHealthCheckStatusOutput, error) {
		return m.checks.GetHealthCheckStatus(ctx, &route53.GetHealthCheckStatusInput{HealthCheckId: aws.String(r.HealthCheck)})
	})
	if err != nil {
		return control.Region{}, explain(r, "read the status of", err)
	}
	return judge(*check.HealthCheckConfig, status.HealthCheckObservations), nil
}

// judge says what follows from a check and its observations.
//
// A checker reports its last result, and votes only by several in a row; so one that just changed may be counted an interval or two
// before Route 53 does. Without any observation the check is healthy: "Route 53 considers a new health check to be healthy until there's
// enough data to determine the actual status" (as quorumPercent).
//
// An observation is of one checker, which is told by its region and address ("The IP address of the Route 53 health checker that provided
// the failure reason", API reference, HealthCheckObservation).
func judge(config types.HealthCheckConfig, observations []types.HealthCheckObservation) control.Region {
	out := control.Region{Drained: drained(config)}
	var failed time.Time
	for _, o := range observations {
		if o.StatusReport == nil {
			continue
		}
		out.Of++
		at, text := aws.ToTime(o.StatusReport.CheckedTime), aws.ToString(o.StatusReport.Status)
		if at.After(out.At) {
			out.At = at
		}
		v := control.Vote{From: strings.TrimSpace(string(o.Region) + " " + aws.ToString(o.IPAddress)), Healthy: strings.HasPrefix(text, success), At: at}
		if v.Healthy {
			out.Passing++
		} else {
			v.Why = text
			if out.Why == "" || at.After(failed) {
				out.Why, failed = text, at
			}
		}
		out.Votes = append(out.Votes, v)
	}
	slices.SortFunc(out.Votes, func(a, b control.Vote) int { return strings.Compare(a.From, b.From) })
	out.Healthy = out.Of == 0 || out.Passing*100 > quorumPercent*out.Of
	switch {
	case out.Drained:
		out.State = stateDrained
	case out.Healthy:
		out.State = stateHealthy
	default:
		out.State = stateUnhealthy
	}
	return out
}

// drained reports whether a check keeps traffic away whatever the endpoint does. Disabled alone it is always healthy: "If you want to
// stop routing traffic to a resource, change the value of Inverted" (API reference, HealthCheckConfig, Disabled).
func drained(config types.HealthCheckConfig) bool {
	return aws.ToBool(config.Disabled) && aws.ToBool(config.Inverted)
}

// set drains a region by its check, or takes that back, unless it is so already. The version that was looked at goes with the change:
// "This prevents Route 53 from overwriting an intervening update" (API reference, UpdateHealthCheck, HealthCheckVersion). So does the
// threshold, because of which it says there "if you don't specify a value for FailureThreshold, the default value is three".
func (m *Manager) set(ctx context.Context, r topology.Region, drain bool) error {
	check, err := m.get(ctx, r)
	if err != nil {
		return err
	}
	config := check.HealthCheckConfig
	if aws.ToBool(config.Disabled) == drain && aws.ToBool(config.Inverted) == drain {
		return nil
	}
	_, err = patiently(ctx, m.pause, func() (*route53.UpdateHealthCheckOutput, error) {
		return m.checks.UpdateHealthCheck(ctx, &route53.UpdateHealthCheckInput{
			HealthCheckId: check.Id, HealthCheckVersion: check.HealthCheckVersion, FailureThreshold: config.FailureThreshold,
			Disabled: aws.Bool(drain), Inverted: aws.Bool(drain),
		})
	})
	if mismatch := (*types.HealthCheckVersionMismatch)(nil); errors.As(err, &mismatch) {
		return fmt.Errorf("%s: somebody else changed health check %s at the same time, look at it and repeat: %w", r.Name, r.HealthCheck, err)
	}
	if err != nil {
		return explain(r, "change", err)
	}
	return nil
}

// get asks for a region's check.
func (m *Manager) get(ctx context.Context, r topology.Region) (*types.HealthCheck, error) {
	out, err := patiently(ctx, m.pause, func() (*route53.GetHealthCheckOutput, error) {
		return m.checks.GetHealthCheck(ctx, &route53.GetHealthCheckInput{HealthCheckId: aws.String(r.HealthCheck)})
	})
	if err != nil {
		return nil, explain(r, "read", err)
	}
	if out.HealthCheck == nil || out.HealthCheck.HealthCheckConfig == nil {
		return nil, fmt.Errorf("%s: Route 53 tells nothing of health check %s", r.Name, r.HealthCheck)
	}
	return out.HealthCheck, nil
}

// explain says of which region's check an error is.
func explain(r topology.Region, what string, err error) error {
	if gone := (*types.NoSuchHealthCheck)(nil); errors.As(err, &gone) {
		return fmt.Errorf("%s: health check %s: %w: run `polygate up` to have it made anew: %w", r.Name, r.HealthCheck, control.ErrUnknown, err)
	}
	return fmt.Errorf("%s: %s health check %s: %w", r.Name, what, r.HealthCheck, err)
}
