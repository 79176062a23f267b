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
	var changed error
	for {
		err := do()
		switch {
		case err == nil:
			return nil
		case errors.Is(err, ErrChanged):
			changed = err
		case changed == nil || !ending(ctx, pause):
			return err
		}
		// A call that the end of the time cut off does not say why there was not enough.
		if Sleep(ctx, pause) != nil {
			return fmt.Errorf("gave up after the time there was: %w", changed)
		}
	}
}

// ending reports whether a context has no time left for another pause: the other end of a call may see its deadline a moment sooner.
func ending(ctx context.Context, pause time.Duration) bool {
	end, ok := ctx.Deadline()
	return ctx.Err() != nil || ok && time.Until(end) < pause
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
