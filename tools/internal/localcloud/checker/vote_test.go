package checker

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"polygate.example/tools/internal/localcloud/plane"
	"polygate.example/tools/internal/localcloud/probe"
)

// Route 53 Developer Guide, "How Amazon Route 53 determines whether a health check is healthy": more than 18 % healthy,
// 18 % or fewer unhealthy.
func TestQuorum(t *testing.T) {
	for _, tt := range []struct {
		passing, of int
		want        bool
	}{
		{0, 8, false}, {1, 8, false}, {2, 8, true}, {8, 8, true}, // 12.5 % and 25 %
		{0, 3, false}, {1, 3, true}, // three locations are the fewest Route 53 takes
		{9, 50, false}, {10, 50, true}, // 18 % exactly is not more than 18 %
		{18, 100, false}, {19, 100, true},
		{0, 0, false},
	} {
		if got := quorum(tt.passing, tt.of); got != tt.want {
			t.Errorf("%d of %d: %t, want %t", tt.passing, tt.of, got, tt.want)
		}
	}
}

func base() plane.HealthCheck {
	return plane.HealthCheck{ID: "hc1", Type: "HTTPS", FQDN: "use1.aws.api.polygate.test", Port: 443, Path: "/health",
		Interval: 10, Threshold: 2, SNI: true}
}

// feed reports results for one location: "+" passes, "-" fails.
func feed(k *check, location int, results string) {
	for _, r := range results {
		k.report(location, probe.Result{OK: r == '+'}, time.Time{})
	}
}

// A location's vote flips after threshold equal results in a row, both ways; one different result starts the run anew.
func TestThreshold(t *testing.T) {
	for _, tt := range []struct {
		threshold int
		results   string
		healthy   bool
	}{
		{1, "-", false}, {1, "-+", true},
		{2, "-", true}, {2, "--", false}, {2, "-+-+-+", true}, {2, "--+", false}, {2, "--+-+", false}, {2, "--++", true},
		{3, "--", true}, {3, "---", false}, {3, "--+--", true}, {3, "---++", false}, {3, "---+++", true},
		{10, "---------", true}, {10, "----------", false},
	} {
		t.Run(fmt.Sprintf("%d/%s", tt.threshold, tt.results), func(t *testing.T) {
			hc := base()
			hc.Threshold, hc.Locations = tt.threshold, []string{"us-east-1"}
			k := newCheck(hc, time.Time{}, nil)
			feed(k, 0, tt.results)
			if got := k.status().Votes[0].Healthy; got != tt.healthy {
				t.Errorf("vote %t, want %t", got, tt.healthy)
			}
		})
	}
}

// With eight locations the verdict turns when the seventh has given up, and back when the second is convinced.
func TestVerdictOfEight(t *testing.T) {
	k := newCheck(base(), time.Time{}, nil)
	for i := range 8 {
		feed(k, i, "--")
		if got, want := k.status().Healthy, i < 6; got != want {
			t.Errorf("after %d locations failed: healthy %t, want %t", i+1, got, want)
		}
	}
	for i := range 8 {
		feed(k, i, "++")
		if got, want := k.status().Healthy, i >= 1; got != want {
			t.Errorf("after %d locations recovered: healthy %t, want %t", i+1, got, want)
		}
	}
}

// New, disabled and inverted checks. Sources: "Determining" for new ones; Route 53 API Reference, HealthCheckConfig,
// for Disabled ("considers the status of the health check to always be healthy") and Inverted.
func TestNewDisabledInverted(t *testing.T) {
	for _, tt := range []struct {
		name               string
		disabled, inverted bool
		results            string // of every location
		want               bool
	}{
		{"new", false, false, "", true},
		{"new and inverted is unhealthy until there is data", false, true, "", false},
		{"failing", false, false, "--", false},
		{"failing and inverted", false, true, "--", true},
		{"passing and inverted: drained", false, true, "++", false},
		{"disabled", true, false, "--", true},
		{"disabled and inverted", true, true, "++", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			hc := base()
			hc.Disabled, hc.Inverted = tt.disabled, tt.inverted
			k := newCheck(hc, time.Time{}, nil)
			for i := range k.locations {
				feed(k, i, tt.results)
			}
			if got := k.status(); got.Healthy != tt.want {
				t.Errorf("healthy %t (%s), want %t", got.Healthy, got.Why, tt.want)
			}
		})
	}
}

func TestValidate(t *testing.T) {
	for _, tt := range []struct {
		name string
		edit func(*plane.HealthCheck)
		want string // "" is valid
	}{
		{"good", func(*plane.HealthCheck) {}, ""},
		{"by address", func(h *plane.HealthCheck) { h.FQDN, h.IP = "", "127.0.1.1" }, ""},
		{"type", func(h *plane.HealthCheck) { h.Type = "CLOUDWATCH_METRIC" }, `type "CLOUDWATCH_METRIC"`},
		{"no endpoint", func(h *plane.HealthCheck) { h.FQDN = "" }, "neither a domain name nor an IP address"},
		{"port", func(h *plane.HealthCheck) { h.Port = 0 }, "port 0"},
		{"interval", func(h *plane.HealthCheck) { h.Interval = 20 }, "request interval 20: want 10 or 30"},
		{"threshold low", func(h *plane.HealthCheck) { h.Threshold = 0 }, "failure threshold 0: want 1 to 10"},
		{"threshold high", func(h *plane.HealthCheck) { h.Threshold = 11 }, "failure threshold 11"},
		{"search string missing", func(h *plane.HealthCheck) { h.Type = "HTTPS_STR_MATCH" }, "search string"},
		{"search string too many", func(h *plane.HealthCheck) { h.SearchString = "ok" }, "search string"},
		{"location", func(h *plane.HealthCheck) { h.Locations = []string{"eu-central-1"} }, `location "eu-central-1"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			hc := base()
			tt.edit(&hc)
			err := validate(hc)
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
		})
	}
}

// HealthCheckConfig, "Regions": the eight there are.
func TestLocations(t *testing.T) {
	want := []string{"ap-northeast-1", "ap-southeast-1", "ap-southeast-2", "eu-west-1", "sa-east-1", "us-east-1", "us-west-1", "us-west-2"}
	if got := slices.Sorted(slices.Values(Locations)); !slices.Equal(got, want) {
		t.Errorf("locations %v", got)
	}
}
