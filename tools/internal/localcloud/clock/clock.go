// Package clock gives the local clouds a time of their own: cloud time runs Speed times as fast as the wall clock.
package clock

import (
	"context"
	"time"
)

// Clock converts between cloud time, in which every documented interval and TTL is stated, and wall time.
type Clock struct {
	start time.Time
	speed float64
}

// New returns a clock that starts now. A speed below 1 is taken as 1.
func New(speed float64) *Clock {
	if speed < 1 {
		speed = 1
	}
	return &Clock{start: time.Now(), speed: speed}
}

// Speed is cloud seconds per wall second.
func (c *Clock) Speed() float64 { return c.speed }

// Wall is how long a cloud duration lasts on the wall clock.
func (c *Clock) Wall(cloud time.Duration) time.Duration {
	return time.Duration(float64(cloud) / c.speed)
}

// Cloud is how much cloud time passes in a wall duration.
func (c *Clock) Cloud(wall time.Duration) time.Duration {
	return time.Duration(float64(wall) * c.speed)
}

// Now is the cloud time: monotonic, starting at the wall time of New.
func (c *Clock) Now() time.Time { return c.start.Add(c.Cloud(time.Since(c.start))) }

// Sleep waits a cloud duration, or until ctx ends; it reports whether the whole duration passed.
func (c *Clock) Sleep(ctx context.Context, cloud time.Duration) bool {
	t := time.NewTimer(c.Wall(cloud))
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
