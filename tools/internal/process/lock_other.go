//go:build !unix

package process

import (
	"context"
	"errors"
)

// ErrLocked says that another process holds a lock.
var ErrLocked = errors.New("another process holds it")

// TryLock does nothing where there are no advisory locks.
func TryLock(string) (unlock func(), err error) { return func() {}, nil }

// Lock does nothing where there are no advisory locks.
func Lock(context.Context, string, func()) (unlock func(), err error) { return func() {}, nil }
