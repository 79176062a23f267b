package bound

import (
	"math"
	"strings"
	"testing"
	"time"

	"polygate.example/infra/failover"
	"polygate.example/infra/settings"
	"polygate.example/shared/forecast"
)

func regions(names ...string) []settings.Region {
	var out []settings.Region
	for _, n := range names {
		p, r, _ := strings.Cut(n, "/")
		out = append(out, settings.Region{Provider: p, Name: r})
	}
	return out
}

// by is 32 s to notice, and 30 s of TTL.
var by = failover.Bound{Detect: 32 * time.Second, Propagate: 30 * time.Second}

func TestFailures(t *testing.T) {
	two := settings.Settings{Regions: regions("aws/us-east-1", "gcp/us-central1"), Manager: "route53", Zone: "example.com", TTL: 30}
	with := func(change func(*settings.Settings)) settings.Settings {
		s := two
		change(&s)
		return s
	}
	for _, c := range []struct {
		name     string
		settings settings.Settings
		bound    failover.Bound
		of, who  string
		seconds  int
		words    []string
	}{
		{"a region", two, by, forecast.Region, "", 62, []string{"32 s to notice and 30 s for held answers"}},
		{"a region of one", settings.Settings{Regions: regions("aws/us-east-1")}, by, forecast.Region, "", 0, []string{"no other region"}},
		{"a region whose stand-in is drained", with(func(s *settings.Settings) { s.Drained = []string{"gcp/us-central1"} }), by,
			forecast.Region, "", 0, []string{"all others are drained"}},
		{"a region among several that serve", with(func(s *settings.Settings) { s.Pattern = settings.ActiveActive }), by,
			forecast.Region, "", 62, []string{"only clients of that region"}},
		{"a region behind a proxy", with(func(s *settings.Settings) { s.Manager = "cloudflare" }), failover.Bound{Detect: 15 * time.Second},
			forecast.Region, "", 15, []string{"no answer that has to expire"}},
		{"a provider", two, by, forecast.Provider, "gcp", 62, []string{"at the same time"}},
		{"the manager's own provider", two, by, forecast.Provider, "aws", 62, []string{"should it take route53 along"}},
		{"the only provider", with(func(s *settings.Settings) { s.Regions = regions("aws/us-east-1", "aws/eu-west-1") }), by,
			forecast.Provider, "aws", 0, []string{"no region of another provider"}},
		{"the only provider that is not drained", with(func(s *settings.Settings) { s.Drained = []string{"gcp/us-central1"} }), by,
			forecast.Provider, "aws", 0, []string{"no region of another provider may serve"}},
		{"the manager", two, by, forecast.Manager, "route53", 0, []string{"up to 30 s", "until route53 is back", "polygate:spare"}},
		{"the manager, with a spare", with(func(s *settings.Settings) { s.Spare = "cloudflare" }), by, forecast.Manager, "route53", 0,
			[]string{"the first region alone is answered", "up to 30 s", "delegation of example.com to cloudflare", "TTL of the old delegation"}},
		{"the manager, a proxy", with(func(s *settings.Settings) { s.Manager = "cloudflare" }), failover.Bound{Detect: 15 * time.Second},
			forecast.Manager, "cloudflare", 0, []string{"clients talk to cloudflare itself"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, f := range Failures(c.settings, c.bound) {
				if f.Of != c.of || f.Name != c.who {
					continue
				}
				if f.Seconds != c.seconds {
					t.Errorf("%d s, want %d", f.Seconds, c.seconds)
				}
				for _, w := range c.words {
					if !strings.Contains(f.Words, w) {
						t.Errorf("%q does not say %q", f.Words, w)
					}
				}
				return
			}
			t.Error("not listed")
		})
	}
}

// The worked example: two regions of 99.95 % each, outages of an hour, 90 s to notice, TTL 60 s.
func TestAvailability(t *testing.T) {
	slow := failover.Bound{Detect: 90 * time.Second, Propagate: 60 * time.Second}
	promised := Promised{Manager: 100, Regions: func(p string) float64 {
		if p == "azure" {
			return 99.9
		}
		return 99.95
	}}
	two := regions("aws/us-east-1", "gcp/us-central1")
	for _, c := range []struct {
		name                    string
		settings                settings.Settings
		bound                   failover.Bound
		textbook, year, failing float64 // minutes
	}{
		// 0.0005 * 0.0005 of a year is 7.9 s. A failover takes 120 s: 0.0005 * (1-exp(-1/30)) of a year is 8.62 minutes more.
		{"one after the other", settings.Settings{Regions: two}, slow, 0.1315, 8.753, 21.47},
		{"any pattern, with equal service levels", settings.Settings{Regions: two, Pattern: settings.ActiveActive, Steering: settings.Weighted}, slow, 0.1315, 8.753, 21.47},
		// Only the first has traffic to lose: a better first region counts, a better second hardly.
		{"a worse second", settings.Settings{Regions: regions("aws/us-east-1", "azure/eastus")}, slow, 0.263, 8.884, 21.60},
		{"a worse first", settings.Settings{Regions: regions("azure/eastus", "aws/us-east-1")}, slow, 0.263, 17.506, 42.94},
		{"three quarters to the worse", settings.Settings{Regions: regions("azure/eastus", "aws/us-east-1"), Pattern: settings.ActiveActive,
			Steering: settings.Weighted, Weights: map[string]int{"azure/eastus": 75, "aws/us-east-1": 25}}, slow, 0.263, 15.351, 37.61},
		{"a group of a provider, then another", settings.Settings{Regions: append(two, regions("gcp/europe-west1")...), Pattern: settings.MultiRegion,
			Steering: settings.Latency}, slow, 0.00006575, 8.6215, 21.34},
		{"at once", settings.Settings{Regions: two}, failover.Bound{}, 0.1315, 0.1315, 13.28},
		{"one region", settings.Settings{Regions: regions("aws/us-east-1")}, slow, 262.98, 262.98, 262.98},
		{"one that is not drained", settings.Settings{Regions: two, Drained: []string{"gcp/us-central1"}}, slow, 262.98, 262.98, 262.98},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := Availability(c.settings, c.bound, promised)
			for what, pair := range map[string][2]float64{"textbook": {got.Textbook, c.textbook}, "year": {got.Year, c.year}, "one in twenty failing": {got.Failing, c.failing}} {
				if math.Abs(pair[0]-pair[1]) > 0.0006*pair[1] {
					t.Errorf("%s: %.4f minutes, want %.4f", what, pair[0], pair[1])
				}
			}
		})
	}
}

func TestAvailabilityOfTheManager(t *testing.T) {
	s := settings.Settings{Regions: regions("aws/us-east-1", "gcp/us-central1"), Pattern: settings.ActiveActive, Steering: settings.Geo}
	got := Availability(s, by, Promised{Manager: 99.99, Regions: func(string) float64 { return 99.95 }})
	if math.Abs(got.Manager-52.596) > 0.001 || !got.AssumesEqually || got.OutageHours != 1 {
		t.Errorf("%+v, want 52.596 minutes of the manager's, equal shares and outages of an hour", got)
	}
}
