package ratelimit

import (
	"context"
	"time"
)

// Store is what gateways count in together. Its methods are safe for concurrent use and mind their context.
type Store interface {
	// Open connects, or finds out that the connection still serves. It is called by one goroutine at a time.
	Open(ctx context.Context) error
	// Apply does the operations, each of them as a whole, and returns a result for each. It calls sent, which may be nil, when they
	// leave for the store: what it does before, to connect perhaps, is not held against the store.
	Apply(ctx context.Context, ops []Op, sent func()) ([]Result, error)
}

// Grower is a store that does one Apply at a time on each of its connections. Without it a store is asked [Connections] times at
// once from the first moment on.
type Grower interface {
	// Grow makes one connection more than those that are in use. Those that are not used for [IdleLimit] need not be kept.
	Grow(ctx context.Context) error
}

// Op is one operation on one key.
//
// The store brings what is spent to its own time, adds Count requests, the first of which came Age ago, raises what is spent to
// Floor if it is less, and grants one request more if Take asks for it and there is room.
type Op struct {
	Key      string        // within the store
	Rate     bool          // what is spent drains; else it is a quota's
	Cost     int64         // of a request: nanoseconds, or 1
	Capacity int64         // nanoseconds or requests
	Count    int64         // requests that were granted already
	Age      time.Duration // of the first of them
	Floor    int64         // nanoseconds or requests, at least 0
	Take     bool
	Keep     time.Duration // how long a quota's count is needed; a rate's lasts until it has drained
}

// Result is what an operation came to.
type Result struct {
	Allowed bool  // the request of Take was granted
	Spent   int64 // after the operation, by everybody
}
