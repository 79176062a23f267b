package cli

import (
	"testing"
	"time"

	"polygate.example/tools/internal/localcloud/fault"
)

func TestLeased(t *testing.T) {
	for _, c := range []struct {
		name string
		f    fault.Fault
		want string
	}{
		{"by hand", fault.Fault{}, ""},
		{"by hand, with a lease", fault.Fault{Lease: 2 * time.Minute, Left: 90*time.Second + time.Millisecond}, ", ends by itself in 1m30s of cloud time"},
		{"of a drill", fault.Fault{Lease: time.Minute, Left: time.Minute, Drill: "weekly", Token: 7}, ", ends by itself in 1m0s of cloud time, by the drill weekly with token 7"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := leased(c.f); got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}
