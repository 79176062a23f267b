package route53_test

import (
	"strings"
	"testing"

	"polygate.example/infra/failover/route53"
	"polygate.example/infra/settings"
)

// What Route 53 cannot do is refused, with the reason and with what would work.
func TestAudit(t *testing.T) {
	active := func(change func(*settings.Settings)) func(*settings.Settings) {
		return func(s *settings.Settings) { s.Pattern = settings.ActiveActive; change(s) }
	}
	geo := func(codes ...string) func(*settings.Settings) {
		return active(func(s *settings.Settings) {
			s.Steering, s.Geo = settings.Geo, map[string]settings.Serves{"aws/us-east-1": {Default: true, Countries: codes}}
		})
	}
	ramp := func(change func(*settings.Settings)) func(*settings.Settings) {
		return active(func(s *settings.Settings) { s.Steering, s.Ramp = settings.Weighted, []int{5, 25, 50, 100}; change(s) })
	}
	for _, c := range []struct {
		name string
		s    settings.Settings
		want string // "" is allowed
	}{
		{"latency on AWS", with(active(func(s *settings.Settings) { s.Steering = settings.Latency }), fourOfAWS...), ""},
		{"latency elsewhere", with(active(func(s *settings.Settings) { s.Steering = settings.Latency }), mixed...),
			`polygate:steering: is "latency", and Route 53 knows AWS regions only, not gcp/us-central1, azure/eastus or gcp/europe-west1: use the steering "weighted" or "geo", or the manager trafficmanager or cloudflare`},
		{"latency in groups, one region elsewhere each", with(func(s *settings.Settings) { s.Pattern, s.Steering = settings.MultiRegion, settings.Latency },
			"aws/us-east-1", "aws/eu-west-1", "gcp/us-central1", "azure/eastus"), ""},
		{"latency in a group elsewhere", with(func(s *settings.Settings) { s.Pattern, s.Steering = settings.MultiRegion, settings.Latency }, mixed...), "not gcp/us-central1 or gcp/europe-west1"},
		{"places", with(geo("DE", "UA", "US-CA", "US-DC"), fourOfAWS...), ""},
		{"no country", with(geo("DE", "UK"), fourOfAWS...), `polygate:geo.aws/us-east-1.countries[1]: "UK" is no country that Route 53 knows`},
		{"subdivision elsewhere", with(geo("CA-QC"), fourOfAWS...), `is "CA-QC", and Route 53 knows no subdivisions but the states of the US: want "CA", or the manager trafficmanager`},
		{"no state", with(geo("US-XX"), fourOfAWS...), `"XX" is no state of the US that Route 53 knows`},
		{"ramp", with(ramp(func(s *settings.Settings) { s.Check.Threshold = 7 }), mixed...), ""},
		{"ramp without room for checks", with(ramp(func(s *settings.Settings) { s.Check.Threshold = 8 }), mixed...), "polygate:ramp: has 4 steps, and each of the 3 steps after the first needs a check of its own above the threshold 8, and the highest is 10: take a step out, or want check.threshold at most 7"},
		{"ramp of weights that do not fit", with(ramp(func(s *settings.Settings) { s.Weights = map[string]int{"gcp/us-central1": 97} }), mixed...), "a weight of 1000 is needed, and Route 53 has 0 to 255"},
		{"switches and a spare", with(func(s *settings.Settings) { s.Route53.RoutingControls, s.Spare = true, "cloudflare" }, mixed...), "polygate:route53.routingControls: is set, and the switches act in Route 53 only"},
		{"switches beside another manager", with(func(s *settings.Settings) {
			s.Manager, s.Spare, s.Route53.RoutingControls = "cloudflare", "route53", true
		}, mixed...), "take polygate:spare out"},
		{"switches alone", with(func(s *settings.Settings) { s.Route53.RoutingControls = true }, mixed...), ""},
		{"the same weights without a ramp", with(active(func(s *settings.Settings) {
			s.Steering, s.Weights = settings.Weighted, map[string]int{"gcp/us-central1": 97}
		}), mixed...), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			for _, p := range (route53.Manager{}).Audit(c.s) {
				got = append(got, p.String())
			}
			if all := strings.Join(got, "\n"); c.want == "" && all != "" || !strings.Contains(all, c.want) {
				t.Errorf("problems %q, want %q", all, c.want)
			}
		})
	}
}
