package handler

import (
	"context"
	"errors"
	"net/http"
	"time"

	"polygate.example/shared/gateway"
)

// Causes with which an exchange with an upstream is cancelled.
var (
	errRouteTimeout = errors.New("the route's timeout has passed")
	errIdle         = errors.New("the upstream has been silent for its idle timeout")
	errServed       = errors.New("the request has been served")
)

// limitTime ends the exchange when the route's timeout has passed, bodies and upgraded connection included, and what its policies do: a client that does
// not send its body gets a 408, whoever reads it. It also gives the exchange its cancel function, so that nothing of it outlives the request on
// fronts that are no net/http servers.
func limitTime(next http.Handler, limit gateway.Duration) http.Handler {
	late := &refusal{answer: fail(http.StatusRequestTimeout, lateBody), why: "its body did not come in the route's timeout"}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithCancelCause(r.Context())
		defer cancel(errServed)
		exchangeOf(r).cancel = cancel
		switch {
		case limit > 0 && hasBody(r) && !atHand(r):
			r = r.WithContext(ctx)
			defer hurry(r, time.Duration(limit), late, cancel, errRouteTimeout)()
		case limit > 0:
			ctx, stop := context.WithTimeoutCause(ctx, time.Duration(limit), errRouteTimeout)
			defer stop()
			r = r.WithContext(ctx)
		default:
			r = r.WithContext(ctx)
		}
		next.ServeHTTP(w, r)
	})
}
