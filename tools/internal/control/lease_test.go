package control

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"polygate.example/shared/health"
)

func TestLeaseDocument(t *testing.T) {
	now := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	until := now.Add(10 * time.Minute)
	for name, c := range map[string]struct {
		lease Lease
		want  string // "" for one that is refused
		says  string
	}{
		"health": {Lease{Fault: health.DrillHealthFail, Until: until.Add(time.Millisecond), Token: 7, Drill: "d-1"}, `{"fault":"health-fail","until":"2030-01-02T03:14:05Z","token":7,"drill":"d-1"}`, ""},
		"errors": {Lease{Fault: health.DrillErrorRate, Until: until, Token: 1 << 60, Drill: "d", Rate: 0.25},
			`{"fault":"error-rate","until":"2030-01-02T03:14:05Z","token":1152921504606846976,"drill":"d","rate":0.25}`, ""},
		"latency": {Lease{Fault: health.DrillLatency, Until: until.In(time.FixedZone("", 3600)), Drill: "d", Delay: 2 * time.Second},
			`{"fault":"latency","until":"2030-01-02T03:14:05Z","token":0,"drill":"d","delay_ms":2000}`, ""},
		"the longest":         {Lease{Fault: health.DrillRegionDown, Until: now.Add(time.Hour), Drill: "d"}, `{"fault":"region-down","until":"2030-01-02T04:04:05Z","token":0,"drill":"d"}`, ""},
		"too long":            {Lease{Fault: health.DrillRegionDown, Until: now.Add(time.Hour + time.Second), Drill: "d"}, "", "may last for 1h0m0s"},
		"over":                {Lease{Fault: health.DrillRegionDown, Until: now, Drill: "d"}, "", "it ended at 2030-01-02T03:04:05Z"},
		"a delay below 1 ms":  {Lease{Fault: health.DrillLatency, Until: until, Drill: "d", Delay: time.Microsecond}, "", "`delay_ms` 0"},
		"of no known kind":    {Lease{Fault: "meteor", Until: until, Drill: "d"}, "", "`fault` \"meteor\""},
		"of nobody":           {Lease{Fault: health.DrillRegionDown, Until: until}, "", "`drill` \"\""},
		"a rate of something": {Lease{Fault: health.DrillRegionDown, Until: until, Drill: "d", Rate: 1}, "", "does not take"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := c.lease.Document(now)
			if got != c.want || (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
				t.Fatalf("got %s, %v; want %s %s", got, err, c.want, c.says)
			}
			if err != nil {
				return
			}
			back, ok, err := LeaseIn(map[string]string{health.EnvDrill: got})
			want := c.lease
			want.Until = want.Until.UTC().Truncate(time.Second)
			if diff := cmp.Diff(want, back); diff != "" || !ok || err != nil {
				t.Errorf("read again: %t, %v\n%s", ok, err, diff)
			}
		})
	}
}

func TestFence(t *testing.T) {
	found := map[string]string{health.EnvDrill: `{"fault":"region-down","until":"2001-01-01T00:00:00Z","token":5,"drill":"theirs"}`}
	for name, c := range map[string]struct {
		variables map[string]string
		token     uint64
		fenced    bool
	}{
		"nothing there":       {nil, 0, false},
		"a lower one":         {found, 4, true}, // theirs is over, and all the same the later one
		"the same":            {found, 5, false},
		"a higher one":        {found, 6, false},
		"what nobody obeys":   {map[string]string{health.EnvDrill: `{"token":5}`}, 1, false},
		"what is no document": {map[string]string{health.EnvDrill: `5`}, 1, false},
	} {
		t.Run(name, func(t *testing.T) {
			if err := Fence(c.variables, c.token); errors.Is(err, ErrFenced) != c.fenced || (err != nil) != c.fenced {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestLeaseExpires(t *testing.T) {
	at := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		now  time.Time
		want bool
	}{{at.Add(-1), false}, {at, true}, {at.Add(1), true}} {
		if got := (Lease{Until: at}).Expired(c.now); got != c.want {
			t.Errorf("at %s: %t", c.now, got)
		}
	}
}
