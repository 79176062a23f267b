package control

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// ErrChanged says that somebody changed a thing between reading and writing it.
var ErrChanged = errors.New("somebody else is changing it")

// Repeat does something again, from its beginning, for as long as the error is ErrChanged and the context lasts, with a pause before each
// further time.
func Repeat(ctx context.Context, pause time.Duration, do func() error) error {
	for {
		err := do()
		if err == nil || !errors.Is(err, ErrChanged) {
			return err
		}
		if Sleep(ctx, pause) != nil {
			return fmt.Errorf("gave up after the time there was: %w", err)
		}
	}
}

// Sleep waits, or returns the context's error when that ends first.
func Sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
