package cost

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"polygate.example/infra/settings"
)

func regions(names ...string) []settings.Region {
	var out []settings.Region
	for _, n := range names {
		p, r, _ := strings.Cut(n, "/")
		out = append(out, settings.Region{Provider: p, Name: r})
	}
	return out
}

func of(provider string, n int) []settings.Region {
	var out []settings.Region
	for i := range n {
		out = append(out, settings.Region{Provider: provider, Name: fmt.Sprintf("r%d", i)})
	}
	return out
}

// Totals are worked out by hand from the list: a change of a price or of what is counted shows here.
func TestBase(t *testing.T) {
	for _, c := range []struct {
		name     string
		settings settings.Settings
		lines    map[string]float64 // US dollars, of lines that are looked at; several of one item are added up
		total    float64
	}{
		{"one region on AWS, 30 s", settings.Settings{Manager: "route53", Regions: regions("aws/us-east-1"), Memory: 512, Check: settings.Check{Interval: 30}},
			map[string]float64{"route53.zone": 0.50, "route53.check.aws": 0.50, "route53.option.aws": 1.00, "aws.certificate": 0}, 2.00},
		{"one region of each, 10 s", settings.Settings{Manager: "route53", Regions: regions("aws/us-east-1", "gcp/us-central1", "azure/eastus"), Memory: 512,
			Check: settings.Check{Interval: 10}},
			// 0.50; AWS 0.50+1+1; two others 0.75+2+2 each; balancer 0.025*730.
			map[string]float64{"route53.check.other": 1.50, "route53.option.other": 8.00, "route53.option.aws": 2.00, "gcp.balancer.first": 18.25}, 30.75},
		{"six rules of Google's", settings.Settings{Manager: "trafficmanager", Regions: of("gcp", 6), Memory: 512, Check: settings.Check{Interval: 30}},
			// zone 0.50; 6 endpoints at 0.54; 18.25 for five rules and 7.30 for the sixth.
			map[string]float64{"gcp.balancer.first": 18.25, "gcp.balancer.more": 7.30, "trafficmanager.endpoint": 3.24}, 29.29},
		{"Traffic Manager, fast", settings.Settings{Manager: "trafficmanager", Regions: regions("aws/us-east-1", "azure/eastus"), Memory: 512, Check: settings.Check{Interval: 10}},
			map[string]float64{"trafficmanager.fast": 4.00, "trafficmanager.zone": 0.50}, 5.58},
		{"Traffic Manager by place", settings.Settings{Manager: "trafficmanager", Pattern: settings.ActiveActive, Steering: settings.Geo, Regions: of("aws", 3), Memory: 512,
			Check: settings.Check{Interval: 30}}, map[string]float64{"trafficmanager.endpoint": 4.86}, 5.36}, // three profiles of three
		{"Cloudflare", settings.Settings{Manager: "cloudflare", Regions: of("aws", 3), Memory: 512, Check: settings.Check{Interval: 60}},
			map[string]float64{"cloudflare.balancing": 5.00, "cloudflare.endpoint": 5.00}, 10.00},
		{"a spare zone is paid for as the first", settings.Settings{Manager: "route53", Spare: "trafficmanager", Regions: of("aws", 2), Memory: 512, Check: settings.Check{Interval: 30}},
			// 0.50 + 2*(0.50+1) and 0.50 + 2*0.54.
			map[string]float64{"route53.zone": 0.50, "trafficmanager.zone": 0.50}, 5.08},
		{"kept warm", settings.Settings{Manager: "cloudflare", Regions: regions("aws/us-east-1", "gcp/us-central1"), Memory: 1024, Warm: 2, Architecture: "amd64"},
			// 2 GB * 2,628,000 s * 0.0000041667 = 21.90; two CPUs and 2 GiB of Google's, at 0.0000025 each: 13.14 and 13.14.
			map[string]float64{"aws.warm.amd64": 21.90, "gcp.warm.cpu": 13.14, "gcp.warm.memory": 13.14}, 71.43},
		{"kept warm on Arm", settings.Settings{Manager: "cloudflare", Regions: of("aws", 1), Memory: 512, Warm: 1, Architecture: "arm64"},
			map[string]float64{"aws.warm.arm64": 4.38}, 9.38}, // 0.5 * 2,628,000 * 0.0000033334
		{"zone redundant on Azure is two instances at least", settings.Settings{Manager: "cloudflare", Regions: of("azure", 1), Memory: 2048, Warm: 1, ZoneRedundant: true},
			map[string]float64{"azure.warm": 42.05}, 47.05}, // 4 GB * 2,628,000 * 0.000004
		{"Application Recovery Controller", settings.Settings{Manager: "route53", Regions: of("aws", 2), Memory: 512, Check: settings.Check{Interval: 30},
			Route53: settings.Route53{RoutingControls: true}},
			map[string]float64{"route53.arc.cluster": 1825.00, "route53.check.derived": 2.00}, 1830.50},
		{"a way back in four slices", settings.Settings{Manager: "route53", Regions: of("aws", 2), Memory: 512, Check: settings.Check{Interval: 30}, Ramp: []int{5, 25, 50, 100}},
			// Each region has four endpoint checks over HTTPS, and three that combine.
			map[string]float64{"route53.check.aws": 4.00, "route53.option.aws": 8.00, "route53.check.derived": 3.00}, 15.50},
		{"a way back for those that share", settings.Settings{Manager: "route53", Pattern: settings.MultiRegion, Steering: settings.Weighted,
			Regions: append(of("aws", 2), of("azure", 1)...), Memory: 512, Check: settings.Check{Interval: 30}, Ramp: []int{50, 100}},
			// Two checks of each region on AWS and what combines them; the one elsewhere is alone in its group.
			map[string]float64{"route53.check.aws": 2.00, "route53.check.other": 0.75, "route53.check.derived": 1.00}, 10.25},
		{"alarms, budget and secrets", settings.Settings{Manager: "cloudflare", Regions: append(of("aws", 2), of("gcp", 1)...), Memory: 512,
			Alarms: &settings.Alarms{}, Budget: &settings.Budget{Monthly: 10}, Secrets: map[string]map[string]string{
				"A": {"aws": "arn:aws:secretsmanager:us-east-1:1:secret:a", "gcp": "projects/p/secrets/a"},
				"B": {"aws": "arn:aws:ssm:us-east-1:1:parameter/b", "gcp": "projects/p/secrets/b"},
			}},
			map[string]float64{"aws.secret": 0.80, "aws.parameter": 0, "gcp.secret": 0.12, "aws.budget": 0, "gcp.budget": 0}, -1},
	} {
		t.Run(c.name, func(t *testing.T) {
			prices, err := List()
			if err != nil {
				t.Fatal(err)
			}
			lines, total, err := Base(c.settings, prices)
			if err != nil {
				t.Fatal(err)
			}
			got := map[string]float64{}
			sum := 0.0
			for _, l := range lines {
				got[l.Item] += l.USD
				sum += l.USD
				if l.AsOf == "" || l.Source == "" || l.What == "" || l.Of == "" {
					t.Errorf("%+v says not all it has to", l)
				}
			}
			for item, want := range c.lines {
				if usd, ok := got[item]; !ok || math.Abs(usd-want) > 0.001 {
					t.Errorf("%s is %.2f, listed %t: want %.2f", item, usd, ok, want)
				}
			}
			if c.total >= 0 && math.Abs(total-c.total) > 0.001 || math.Abs(total-sum) > 0.001 {
				t.Errorf("total %.2f, sum of lines %.2f, want %.2f", total, sum, c.total)
			}
		})
	}
}

func TestPerMillion(t *testing.T) {
	prices, err := List()
	if err != nil {
		t.Fatal(err)
	}
	s := settings.Settings{Manager: "route53", Spare: "cloudflare", Steering: settings.Geo, Regions: regions("aws/us-east-1", "gcp/us-central1", "azure/eastus"), Memory: 512}
	lines, err := PerMillion(s, prices)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, l := range lines {
		got[l.Item] = l.USD
	}
	want := map[string]float64{
		"aws.api": 1.00, "aws.requests": 0.20, "aws.compute.amd64": 0.83, // 50,000 GB-s
		"gcp.requests": 0.40, "gcp.compute.cpu": 2.40, "gcp.compute.memory": 0.13, "gcp.balancer.data": 0.08, // 9.54 GiB
		"azure.requests": 0.40, "azure.compute": 13.00, // 500,000 GB-s
		"route53.queries.geo": 0.70, "cloudflare.queries": 1.00,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Every price says when and where it was read, is used by some stack, and every item that a stack may use has one.
func TestEveryPriceIsUsed(t *testing.T) {
	prices, err := List()
	if err != nil {
		t.Fatal(err)
	}
	used := map[string]bool{}
	for _, manager := range []string{"route53", "trafficmanager", "cloudflare"} {
		for _, steering := range []settings.Steering{settings.Weighted, settings.Latency, settings.Geo} {
			for _, architecture := range []string{"amd64", "arm64"} {
				s := settings.Settings{Manager: manager, Steering: steering, Architecture: architecture, Regions: slices.Concat(of("aws", 2), of("gcp", 6), of("azure", 1)),
					Memory: 512, Warm: 1, Check: settings.Check{Interval: 10}, Ramp: []int{50, 100}, Route53: settings.Route53{RoutingControls: true},
					Alarms: &settings.Alarms{}, Budget: &settings.Budget{}, Secrets: map[string]map[string]string{"A": {"aws": "arn:aws:ssm:x"}, "B": {"aws": "arn:aws:secretsmanager:x"}}}
				base, _, err := Base(s, prices)
				if err != nil {
					t.Fatal(err)
				}
				more, err := PerMillion(s, prices)
				if err != nil {
					t.Fatal(err)
				}
				for _, l := range slices.Concat(base, more) {
					used[l.Item] = true
				}
			}
		}
	}
	for item := range prices {
		if !used[item] {
			t.Errorf("%s is in no bill", item)
		}
	}
}

func TestMissingPrice(t *testing.T) {
	s := settings.Settings{Manager: "route53", Regions: of("aws", 1)}
	if _, _, err := Base(s, Prices{}); err == nil || !strings.Contains(err.Error(), `no price of "route53.zone"`) {
		t.Errorf("the error is %v", err)
	}
	if _, err := PerMillion(s, Prices{}); err == nil || !strings.Contains(err.Error(), `no price of "aws.api"`) {
		t.Errorf("the error is %v", err)
	}
}

func TestOverride(t *testing.T) {
	for _, c := range []struct{ name, file, want string }{
		{"an own price", "route53.zone: {usd: 0.45, as_of: 2026-11-01, source: our contract}\n", ""},
		{"for nothing", "route53.zone: {usd: 0, as_of: 2026-11-01, source: our contract}\n", ""},
		{"empty", "# nothing yet\n", ""},
		{"an unknown item", "# ours\nroute53.zones: {usd: 1, as_of: 2026-11-01, source: x}\n", "prices.yaml:2:1: route53.zones: is no item: want one of aws.alarm, aws.api,"},
		{"an unknown field", "route53.zone: {usd: 1, as_of: 2026-11-01, source: x, colour: red}\n", `unknown field "colour"`},
		{"without a date", "route53.zone: {usd: 1, source: x}\n", "as_of and source"},
		{"without a source", "route53.zone: {usd: 1, as_of: 2026-11-01}\n", "as_of and source"},
		{"without a price", "route53.zone: {as_of: 2026-11-01, source: x}\n", "has no usd"},
		{"below nothing", "route53.zone: {usd: -1, as_of: 2026-11-01, source: x}\n", "has no usd"},
		{"text for a price", "route53.zone: {usd: cheap, as_of: 2026-11-01, source: x}\n", "route53.zone"},
		{"another unit", "route53.zone: {usd: 1, per: hour, as_of: 2026-11-01, source: x}\n", "is priced per hour: want it per month"},
		{"a number for an item", "route53.zone: 1\n", "want {usd: price"},
		{"a list", "- route53.zone\n", "want a map from items"},
		{"two problems", "a: {usd: 1, as_of: 2026-11-01, source: x}\nb: {usd: 1, as_of: 2026-11-01, source: x}\n", "prices.yaml:2:1: b: is no item"},
		{"an item twice", "route53.zone: {usd: 1, as_of: x, source: x}\nroute53.zone: {usd: 1, as_of: x, source: x}\n", "route53.zone"},
		{"no YAML", "a: [\n", "prices.yaml"},
	} {
		t.Run(c.name, func(t *testing.T) {
			root := t.TempDir()
			if err := os.MkdirAll(filepath.Dir(Override(root)), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(Override(root), []byte(c.file), 0o644); err != nil {
				t.Fatal(err)
			}
			prices, err := Load(root)
			if c.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				list, err := List()
				if err != nil {
					t.Fatal(err)
				}
				if len(prices) != len(list) {
					t.Errorf("%d prices, want all %d", len(prices), len(list))
				}
				if strings.Contains(c.file, "our contract") && (prices["route53.zone"].Source != "our contract" || prices["route53.zone"].USD == list["route53.zone"].USD) {
					t.Errorf("the zone costs %+v, want the project's own price", prices["route53.zone"])
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("the error is %v, want %q in it", err, c.want)
			}
		})
	}
	if prices, err := Load(t.TempDir()); err != nil || len(prices) == 0 {
		t.Errorf("without a file: %d prices, %v", len(prices), err)
	}
}
