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

// limitTime ends the exchange when the route's timeout has passed, body and upgraded connection included. It also gives
// the exchange its cancel function, so that nothing of it outlives the request on fronts that are no net/http servers.
func limitTime(next http.Handler, limit gateway.Duration) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithCancelCause(r.Context())
		defer cancel(errServed)
		if limit > 0 {
			var stop context.CancelFunc
			ctx, stop = context.WithTimeoutCause(ctx, time.Duration(limit), errRouteTimeout)
			defer stop()
		}
		exchangeOf(r).cancel = cancel
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}
