package route53

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"
	"github.com/aws/smithy-go"

	"polygate.example/shared/topology"
	"polygate.example/tools/internal/control"
)

// Route 53 takes 50 requests of an account at once and 10 more each second, but of GetHealthCheckStatus 4 and 1. What is beyond that it
// refuses as throttled. Source: "Throttling for Amazon Route 53 API requests", docs.aws.amazon.com/Route53/latest/DeveloperGuide/
// throttling-api-requests.html; it was five of any kind a second before ("Quotas", DNSLimitations.html). A small stack is therefore seen
// at once, and one of 48 regions in three quarters of a minute.
const atOnce = 4

// maxPauses bounds how often one request is sent again because it was throttled.
const maxPauses = 120

// each does something for every region, a few at a time, and returns what went wrong in the regions' order. What concerns one region
// does not keep the others from theirs; any other error, such as an API that does not answer, would come of each of them, and ends it.
func each(ctx context.Context, regions []topology.Region, do func(context.Context, topology.Region) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	errs := make([]error, len(regions))
	slots := make(chan struct{}, atOnce)
	var all sync.WaitGroup
	for i, r := range regions {
		slots <- struct{}{}
		if ctx.Err() != nil {
			errs[i] = ctx.Err()
			break
		}
		all.Go(func() {
			defer func() { <-slots }()
			if errs[i] = do(ctx, r); errs[i] != nil && !ofOne(errs[i]) {
				cancel()
			}
		})
	}
	all.Wait()
	return join(errs)
}

// ofOne reports whether an error is of one region's check and says nothing of the others.
func ofOne(err error) bool {
	mismatch := (*types.HealthCheckVersionMismatch)(nil)
	return errors.Is(err, control.ErrUnknown) || errors.As(err, &mismatch)
}

// join is all errors as one, without those that only say that another one ended it.
func join(errs []error) error {
	var causes []error
	for _, err := range errs {
		if err != nil && !errors.Is(err, context.Canceled) {
			causes = append(causes, err)
		}
	}
	if len(causes) == 0 {
		return errors.Join(errs...)
	}
	return errors.Join(causes...)
}

// patiently sends a request, and again after a pause while Route 53 throttles it, which the SDK gives up after a few attempts.
func patiently[T any](ctx context.Context, pause time.Duration, send func() (T, error)) (T, error) {
	for range maxPauses {
		out, err := send()
		if !throttled(err) {
			return out, err
		}
		select {
		case <-ctx.Done():
			return out, errors.Join(ctx.Err(), err)
		case <-time.After(pause):
		}
	}
	return send()
}

// throttled reports whether an error says that there were too many requests.
func throttled(err error) bool {
	var answer smithy.APIError
	if !errors.As(err, &answer) {
		return false
	}
	_, ok := retry.DefaultThrottleErrorCodes[answer.ErrorCode()]
	return ok
}
