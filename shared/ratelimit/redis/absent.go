//go:build without_redis

package redis

import "polygate.example/shared/ratelimit"

// Present reports whether the binary holds the client.
const Present = false

// New fails.
func New(Options) (ratelimit.Store, error) { return nil, ErrAbsent }
