package cloudflare_test

import (
	"slices"
	"strings"
	"testing"

	"polygate.example/infra/failover/cloudflare"
	"polygate.example/infra/provider/aws"
	"polygate.example/infra/provider/azure"
	"polygate.example/infra/provider/gcp"
	"polygate.example/infra/settings"
)

// What Cloudflare cannot do is refused with the reason and what would work; what it can is let through.
func TestAudit(t *testing.T) {
	pattern := func(p settings.Pattern, st settings.Steering) func(*settings.Settings) {
		return func(s *settings.Settings) { s.Pattern, s.Steering = p, st }
	}
	all := func(changes ...func(*settings.Settings)) func(*settings.Settings) {
		return func(s *settings.Settings) {
			for _, c := range changes {
				c(s)
			}
		}
	}
	weights := func(w map[string]int) func(*settings.Settings) {
		return all(pattern(settings.ActiveActive, settings.Weighted), func(s *settings.Settings) { s.Weights = w })
	}
	for _, c := range []struct {
		name   string
		change func(*settings.Settings)
		want   []string // in the one problem there is; none: let through
	}{
		{"active-passive", nil, nil},
		{"weighted", pattern(settings.ActiveActive, settings.Weighted), nil},
		{"latency", pattern(settings.ActiveActive, settings.Latency), nil},
		{"groups by weight", pattern(settings.MultiRegion, settings.Weighted), nil},
		{"groups by place", all(geo, pattern(settings.MultiRegion, settings.Geo)), nil},
		{"groups by latency", pattern(settings.MultiRegion, settings.Latency), []string{"polygate:steering", "by weight only", `"weighted" or "geo"`, `"active-active"`}},
		{"ramp", all(weights(nil), func(s *settings.Settings) { s.Ramp = []int{5, 100} }), nil},
		{"ramp in groups", all(pattern(settings.MultiRegion, settings.Weighted), func(s *settings.Settings) { s.Ramp = []int{5, 100} }), []string{"polygate:ramp", "an address only once", `"active-active"`}},
		{"subdivision", all(geo, func(s *settings.Settings) {
			s.Pattern = settings.ActiveActive
			s.Geo["aws/us-east-1"] = settings.Serves{Default: true, Countries: []string{"FR", "US-CA"}}
		}), []string{"polygate:geo.aws/us-east-1.countries[1]", "by country and no closer", `use "US"`, "route53"}},
		{"no country", all(geo, func(s *settings.Settings) {
			s.Pattern = settings.ActiveActive
			s.Geo["aws/us-east-1"] = settings.Serves{Default: true, Countries: []string{"QQ"}}
		}), []string{"polygate:geo", "no country of ISO 3166-1"}},
		{"weights of a hundredth", weights(map[string]int{"aws/us-east-1": 1, "gcp/europe-west1": 100, "azure/eastus": 100}), nil},
		{"weights too far apart", weights(map[string]int{"aws/us-east-1": 1, "gcp/europe-west1": 255}), []string{"polygate:weights.aws/us-east-1", "is 1", "hundredths"}},
		{"ramp too fine", all(weights(nil), func(s *settings.Settings) { s.Ramp, s.Weights = []int{1, 100}, map[string]int{"aws/us-east-1": 20} }),
			[]string{"polygate:weights.aws/us-east-1", "is 20", "polygate:ramp with a larger share"}},
		{"proxied", proxied, nil},
		{"no front secret", all(proxied, func(s *settings.Settings) { s.FrontSecret = "" }), []string{"polygate:frontSecret", "is missing", `openssl rand -hex 32 | pulumi config set --stack <env> --secret polygate:frontSecret`}},
		{"failover across pools, DNS only", func(s *settings.Settings) { s.Cloudflare.FailoverAcrossPools = true }, []string{"polygate:cloudflare.failoverAcrossPools", "proxied: true"}},
		{"failover across pools of a spare", func(s *settings.Settings) {
			s.Manager, s.Spare, s.Cloudflare.FailoverAcrossPools = "route53", "cloudflare", true
		}, []string{"polygate:cloudflare.failoverAcrossPools", "take it out, as a spare Cloudflare answers DNS only"}},
		{"failover across pools beside a spare", func(s *settings.Settings) { s.Spare, s.Cloudflare.FailoverAcrossPools = "route53", true },
			[]string{"polygate:cloudflare.failoverAcrossPools", "set proxied: true, and take polygate:spare out"}},
		{"proxied, spare", all(proxied, func(s *settings.Settings) { s.Spare = "route53" }), []string{"polygate:spare", "refuse whom it does not bring", "DNS only"}},
		{"proxied as a spare", all(proxied, func(s *settings.Settings) {
			s.Manager, s.Spare, s.FrontSecret, s.Cloudflare.FailoverAcrossPools = "route53", "cloudflare", "", false
		}), []string{"polygate:cloudflare.proxied", "DNS only"}},
		{"a spare", func(s *settings.Settings) { s.Manager, s.Spare = "route53", "cloudflare" }, nil},
		{"proxied, deep name", all(proxied, func(s *settings.Settings) { s.Hostname = "eu.api.example.com" }), []string{"polygate:hostname", "directly below", "eu-api.example.com", "a zone of its own for api.example.com"}},
		{"DNS only, deep name", func(s *settings.Settings) { s.Hostname = "eu.api.example.com" }, nil},
		{"timeout", func(s *settings.Settings) { s.Check.Timeout = 5 }, []string{"polygate:check.timeout", "is 5", "at most 4"}},
		{"timeout that fits", func(s *settings.Settings) { s.Check = settings.Check{Interval: 15, Threshold: 1, Timeout: 7} }, nil},
		{"nothing passed", func(s *settings.Settings) { *s = settings.Settings{} }, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			problems := cloudflare.Manager{}.Audit(stack(c.change, three...))
			if len(c.want) == 0 {
				if len(problems) > 0 {
					t.Errorf("refused: %v", settings.Problems(problems))
				}
				return
			}
			if len(problems) != 1 {
				t.Fatalf("%d problems, want one: %v", len(problems), settings.Problems(problems))
			}
			for _, want := range c.want {
				if !strings.Contains(problems[0].String(), want) {
					t.Errorf("%q\nlacks %q", problems[0], want)
				}
			}
		})
	}
}

// Every region of every provider can be steered to by latency.
func TestPlaces(t *testing.T) {
	for name, regions := range map[string]map[string]string{"aws": aws.Provider{}.Spec().Regions, "gcp": gcp.Provider{}.Spec().Regions, "azure": azure.Provider{}.Spec().Regions} {
		if len(regions) == 0 {
			t.Errorf("%s has no regions", name)
		}
		for r := range regions {
			if !cloudflare.Knows(name + "/" + r) {
				t.Errorf("nobody knows where %s/%s is", name, r)
			}
		}
	}
}

// The tables of places do not contradict themselves.
func TestWorld(t *testing.T) {
	seen := map[string]string{}
	for continent, countries := range cloudflare.CountriesOf {
		if !slices.IsSorted(countries) && continent != "NA" {
			t.Errorf("countries of %s are not in order", continent)
		}
		for _, c := range countries {
			if other, dup := seen[c]; dup || len(c) != 2 {
				t.Errorf("%s is in %s and in %q", c, continent, other)
			}
			seen[c] = continent
		}
	}
	if n := len(seen); n < 245 || n > 252 {
		t.Errorf("there are %d countries, ISO 3166-1 has 249 and Kosovo its own code", n)
	}
}
