package clock_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"polygate.example/tools/internal/localcloud/clock"
)

func TestCloudTimeRunsAhead(t *testing.T) {
	for _, tt := range []struct{ asked, speed float64 }{{10, 10}, {1, 1}, {2.5, 2.5}, {0, 1}, {-3, 1}} {
		synctest.Test(t, func(t *testing.T) {
			began := time.Now()
			c := clock.New(tt.asked)
			if c.Speed() != tt.speed || !c.Now().Equal(began) {
				t.Errorf("asked for speed %g: speed %g from %s on, want %g from %s on", tt.asked, c.Speed(), c.Now(), tt.speed, began)
			}
			time.Sleep(time.Minute)
			cloud := time.Duration(tt.speed * float64(time.Minute))
			if passed := c.Now().Sub(began); passed != cloud {
				t.Errorf("speed %g: in a minute %s passed, want %s", tt.speed, passed, cloud)
			}
			if got := c.Cloud(time.Minute); got != cloud {
				t.Errorf("speed %g: a minute is %s of cloud time, want %s", tt.speed, got, cloud)
			}
			if got := c.Wall(cloud); got != time.Minute {
				t.Errorf("speed %g: %s of cloud time take %s, want a minute", tt.speed, cloud, got)
			}
		})
	}
}

func TestSleep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := clock.New(10)
		began := time.Now()
		if !c.Sleep(t.Context(), 12*time.Second) {
			t.Error("a sleep that nothing ended was cut short")
		}
		if took := time.Since(began); took != 1200*time.Millisecond {
			t.Errorf("12 s of cloud time took %s at speed 10, want 1.2s", took)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began = time.Now()
		if c.Sleep(ctx, time.Hour) {
			t.Error("a sleep whose context ended counts as whole")
		}
		if took := time.Since(began); took != time.Second {
			t.Errorf("it ended after %s, want 1s", took)
		}
	})
}
