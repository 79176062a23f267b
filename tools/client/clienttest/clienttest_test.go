package clienttest_test

import (
	"testing"
	"time"

	"polygate.example/tools/client/clienttest"
)

// What package time does not promise is checked here: that a set clock shows another time, and measures the same.
func TestClock(t *testing.T) {
	for _, by := range []time.Duration{time.Hour, -time.Hour} {
		var c clienttest.Clock
		before := c.Time()
		c.Set(by)
		after := c.Time()
		if shown := after.Round(0).Sub(before.Round(0)); (shown - by).Abs() > time.Minute {
			t.Errorf("set by %s, the clock shows %s more", by, shown)
		}
		if passed := after.Sub(before); passed < 0 || passed > time.Minute {
			t.Errorf("set by %s, %s passed", by, passed)
		}
	}
}
