package control

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

func TestRepeat(t *testing.T) {
	other := errors.New("another error")
	changed := fmt.Errorf("the thing: %w", ErrChanged)
	for name, c := range map[string]struct {
		ends  []error // of each time
		times int
		want  error
	}{
		"well":                     {[]error{nil}, 1, nil},
		"well after a while":       {[]error{changed, changed, nil}, 3, nil},
		"another error":            {[]error{other}, 1, other},
		"another error after that": {[]error{changed, other}, 2, other},
		"always changed":           {[]error{changed, changed, changed, changed, changed}, 4, ErrChanged},
		"cut off after it was so":  {[]error{changed, changed, changed, context.DeadlineExceeded}, 4, ErrChanged},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), 3500*time.Millisecond)
				defer cancel()
				n := 0
				err := Repeat(ctx, time.Second, func() error {
					n++
					if errors.Is(c.ends[n-1], context.DeadlineExceeded) {
						<-ctx.Done()
					}
					return c.ends[n-1]
				})
				if !errors.Is(err, c.want) || n != c.times {
					t.Errorf("%v after %d times, want %v after %d", err, n, c.want, c.times)
				}
			})
		})
	}
}
