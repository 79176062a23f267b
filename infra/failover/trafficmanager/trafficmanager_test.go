package trafficmanager_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"polygate.example/infra/failover"
	"polygate.example/infra/failover/trafficmanager"
	"polygate.example/infra/internal/record"
	"polygate.example/infra/provider"
	"polygate.example/infra/provider/aws"
	"polygate.example/infra/provider/azure"
	"polygate.example/infra/provider/gcp"
	"polygate.example/infra/settings"
)

const (
	hostname     = "api.example.com"
	tokenProfile = "azure-native:trafficmanager:Profile"
	top          = "polygate-dev-d0c43d3885"
)

// stack is a good one, with what a test changes of it.
func stack(change func(*settings.Settings)) settings.Settings {
	s := settings.Settings{
		Environment: "dev", Hostname: hostname, Zone: "example.com", Pattern: settings.ActivePassive, Manager: "trafficmanager", TTL: 30,
		TrafficManager: settings.TrafficManager{ZoneGroup: "dns"}, Check: settings.Check{Interval: 10, Threshold: 2, Path: "/health"},
		Regions: []settings.Region{{Provider: "aws", Name: "us-east-1"}, {Provider: "aws", Name: "eu-west-1"}, {Provider: "gcp", Name: "europe-west4"}},
	}
	if change != nil {
		change(&s)
	}
	return s
}

func labelOf(r settings.Region) string {
	for _, p := range []provider.Provider{aws.Provider{}, gcp.Provider{}, azure.Provider{}} {
		if p.Spec().Name == r.Provider {
			return p.Spec().Regions[r.Name]
		}
	}
	return ""
}

// steer runs a stack's steering alone. Each region's own name is a record that it has to wait for.
func steer(t *testing.T, s settings.Settings) *record.Recorder {
	t.Helper()
	rec := &record.Recorder{}
	if err := rec.Run("dev", nil, func(ctx *pulumi.Context) error {
		zone, err := trafficmanager.Manager{}.Open(ctx, "gw", failover.ZoneArgs{Settings: s})
		if err != nil {
			return err
		}
		var members []failover.Member
		for _, r := range s.Regions {
			own := provider.OwnName(labelOf(r), r.Provider, hostname)
			w, err := zone.Write(ctx, labelOf(r)+"-name", provider.Record{Name: pulumi.String(own + "."), Type: pulumi.String("A"), Value: pulumi.String("192.0.2.1")})
			if err != nil {
				return err
			}
			members = append(members, failover.Member{Region: r, Label: labelOf(r), OwnName: own, Drained: s.IsDrained(r), Ready: []pulumi.Resource{w.Resource}})
		}
		got, err := zone.Steer(ctx, "gw-trafficmanager", failover.Plan(s, members))
		if err != nil {
			return err
		}
		if len(got.Checks) != len(members) {
			return fmt.Errorf("%d checks for %d regions", len(got.Checks), len(members))
		}
		for i, c := range got.Checks {
			want := "/externalEndpoints/" + members[i].Region.Provider + "-" + members[i].Label
			c.ApplyT(func(id string) string {
				if !strings.HasSuffix(id, want) || !strings.HasPrefix(id, "gw-trafficmanager") {
					t.Errorf("check %d is %s, want the endpoint %s of a profile", i, id, want)
				}
				return id
			})
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return rec
}

// text is a profile on a few lines: its name, method and endpoints.
func text(r record.Resource) string {
	lines := []string{r.Inputs["profileName"].(string) + " " + r.Inputs["trafficRoutingMethod"].(string)}
	for _, e := range r.Inputs["endpoints"].([]any) {
		e := e.(map[string]any)
		line := "  " + e["name"].(string)
		switch e["type"] {
		case "Microsoft.Network/trafficManagerProfiles/externalEndpoints":
			line += " -> " + e["target"].(string)
		case "Microsoft.Network/trafficManagerProfiles/nestedEndpoints":
			line += fmt.Sprintf(" => %s at least %v", e["targetResourceId"], e["minChildEndpoints"])
		default:
			line += " of type " + fmt.Sprint(e["type"])
		}
		for _, property := range []string{"priority", "weight", "endpointLocation", "geoMapping"} {
			if v, ok := e[property]; ok {
				line += fmt.Sprintf(" %s %v", property, v)
			}
		}
		if e["endpointStatus"] != "Enabled" {
			line += " " + fmt.Sprint(e["endpointStatus"])
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n") + "\n"
}

// everywhere maps the places of the world to the stack's regions.
var everywhere = map[string]settings.Serves{
	"aws/us-east-1": {Default: true}, "aws/eu-west-1": {Continents: []string{"EU", "AS"}, Countries: []string{"US-CA"}}, "gcp/europe-west4": {Countries: []string{"DE"}},
}

// Every pattern and steering, and the profiles it stands up.
func TestPlans(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*settings.Settings)
		want   string
	}{
		{"active-passive", nil, `T Priority
  aws-use1 -> use1.aws.api.example.com priority 1
  aws-euw1 -> euw1.aws.api.example.com priority 2
  gcp-euw4 -> euw4.gcp.api.example.com priority 3
`},
		{"one region", func(s *settings.Settings) { s.Regions = s.Regions[:1] }, `T Priority
  aws-use1 -> use1.aws.api.example.com priority 1
`},
		{"drained", func(s *settings.Settings) { s.Drained = []string{"aws/us-east-1"} }, `T Priority
  aws-use1 -> use1.aws.api.example.com priority 1 Disabled
  aws-euw1 -> euw1.aws.api.example.com priority 2
  gcp-euw4 -> euw4.gcp.api.example.com priority 3
`},
		{"weighted", func(s *settings.Settings) {
			s.Pattern, s.Steering, s.Weights = settings.ActiveActive, settings.Weighted, map[string]int{"aws/eu-west-1": 7}
		}, `T Weighted
  aws-use1 -> use1.aws.api.example.com weight 100
  aws-euw1 -> euw1.aws.api.example.com weight 7
  gcp-euw4 -> euw4.gcp.api.example.com weight 100
`},
		{"latency", func(s *settings.Settings) { s.Pattern, s.Steering = settings.ActiveActive, settings.Latency }, `T Performance
  aws-use1 -> use1.aws.api.example.com endpointLocation eastus
  aws-euw1 -> euw1.aws.api.example.com endpointLocation northeurope
  gcp-euw4 -> euw4.gcp.api.example.com endpointLocation westeurope
`},
		{"geo", func(s *settings.Settings) {
			s.Pattern, s.Steering, s.Geo = settings.ActiveActive, settings.Geo, everywhere
		}, `T Geographic
  aws-use1-nested => gw-trafficmanager-aws-use1-id at least 1 geoMapping [WORLD]
  aws-euw1-nested => gw-trafficmanager-aws-euw1-id at least 1 geoMapping [GEO-EU GEO-AS GEO-ME US-CA]
  gcp-euw4-nested => gw-trafficmanager-gcp-euw4-id at least 1 geoMapping [DE]
T-aws-euw1 Priority
  aws-euw1 -> euw1.aws.api.example.com priority 1
  aws-use1 -> use1.aws.api.example.com priority 2
  gcp-euw4 -> euw4.gcp.api.example.com priority 3
T-aws-use1 Priority
  aws-use1 -> use1.aws.api.example.com priority 1
  aws-euw1 -> euw1.aws.api.example.com priority 2
  gcp-euw4 -> euw4.gcp.api.example.com priority 3
T-gcp-euw4 Priority
  gcp-euw4 -> euw4.gcp.api.example.com priority 1
  aws-use1 -> use1.aws.api.example.com priority 2
  aws-euw1 -> euw1.aws.api.example.com priority 3
`},
		{"multi-region, weighted", func(s *settings.Settings) { s.Pattern, s.Steering = settings.MultiRegion, settings.Weighted }, `T Priority
  aws-nested => gw-trafficmanager-aws-id at least 1 priority 1
  gcp-nested => gw-trafficmanager-gcp-id at least 1 priority 2
T-aws Weighted
  aws-use1 -> use1.aws.api.example.com weight 100
  aws-euw1 -> euw1.aws.api.example.com weight 100
T-gcp Weighted
  gcp-euw4 -> euw4.gcp.api.example.com weight 100
`},
		{"multi-region, latency, a provider drained", func(s *settings.Settings) {
			s.Pattern, s.Steering, s.Drained = settings.MultiRegion, settings.Latency, []string{"aws/us-east-1", "aws/eu-west-1"}
		}, `T Priority
  aws-nested => gw-trafficmanager-aws-id at least 1 priority 1
  gcp-nested => gw-trafficmanager-gcp-id at least 1 priority 2
T-aws Performance
  aws-use1 -> use1.aws.api.example.com endpointLocation eastus Disabled
  aws-euw1 -> euw1.aws.api.example.com endpointLocation northeurope Disabled
T-gcp Performance
  gcp-euw4 -> euw4.gcp.api.example.com endpointLocation westeurope
`},
		{"multi-region, geo", func(s *settings.Settings) {
			s.Pattern, s.Steering = settings.MultiRegion, settings.Geo
			s.Geo = map[string]settings.Serves{"aws/us-east-1": {Default: true}, "aws/eu-west-1": {Continents: []string{"EU"}}, "gcp/europe-west4": {Default: true}}
		}, `T Priority
  aws-nested => gw-trafficmanager-aws-id at least 1 priority 1
  gcp-nested => gw-trafficmanager-gcp-id at least 1 priority 2
T-aws Geographic
  aws-use1-nested => gw-trafficmanager-aws-aws-use1-id at least 1 geoMapping [WORLD]
  aws-euw1-nested => gw-trafficmanager-aws-aws-euw1-id at least 1 geoMapping [GEO-EU]
T-aws-aws-euw1 Priority
  aws-euw1 -> euw1.aws.api.example.com priority 1
  aws-use1 -> use1.aws.api.example.com priority 2
T-aws-aws-use1 Priority
  aws-use1 -> use1.aws.api.example.com priority 1
  aws-euw1 -> euw1.aws.api.example.com priority 2
T-gcp Geographic
  gcp-euw4-nested => gw-trafficmanager-gcp-gcp-euw4-id at least 1 geoMapping [WORLD]
T-gcp-gcp-euw4 Priority
  gcp-euw4 -> euw4.gcp.api.example.com priority 1
`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			rec := steer(t, stack(tt.change))
			var got []string
			for _, r := range rec.Of(tokenProfile) {
				got = append(got, strings.ReplaceAll(text(r), top, "T"))
			}
			slices.Sort(got)
			if diff := cmp.Diff(tt.want, strings.Join(got, "")); diff != "" {
				t.Error(diff)
			}
			// The top profile is one and the same resource whatever the pattern, so that another one updates it.
			p, ok := rec.Find("gw-trafficmanager")
			if !ok || p.Inputs["profileName"] != top {
				t.Errorf("the top profile is %v", p.Inputs["profileName"])
			}
			name, ok := rec.Find("gw-trafficmanager-hostname")
			if diff := cmp.Diff(map[string]any{"cname": top + ".trafficmanager.net"}, name.Inputs["cnameRecord"]); !ok || diff != "" || name.Inputs["relativeRecordSetName"] != "api" {
				t.Errorf("the shared name is %v %s", name.Inputs, diff)
			}
		})
	}
}

// Whatever the pattern and steering, the same name in the same profile is always an endpoint of the same type: a change of plan
// is one update of the profile, in which an endpoint would become another under its name.
func TestNamesKeepTheirType(t *testing.T) {
	types := map[string]any{}
	for _, change := range []func(*settings.Settings){
		nil,
		func(s *settings.Settings) { s.Pattern, s.Steering = settings.ActiveActive, settings.Weighted },
		func(s *settings.Settings) { s.Pattern, s.Steering = settings.ActiveActive, settings.Latency },
		func(s *settings.Settings) {
			s.Pattern, s.Steering, s.Geo = settings.ActiveActive, settings.Geo, everywhere
		},
		func(s *settings.Settings) { s.Pattern = settings.MultiRegion },
		func(s *settings.Settings) { s.Pattern, s.Steering = settings.MultiRegion, settings.Weighted },
		func(s *settings.Settings) {
			s.Pattern, s.Steering, s.Geo = settings.MultiRegion, settings.Geo, everywhere
		},
	} {
		for _, p := range steer(t, stack(change)).Of(tokenProfile) {
			for _, e := range p.Inputs["endpoints"].([]any) {
				e := e.(map[string]any)
				name := fmt.Sprintf("%s/%s", p.Inputs["profileName"], e["name"])
				if was, ok := types[name]; ok && was != e["type"] {
					t.Errorf("%s is of type %v and of type %v", name, was, e["type"])
				}
				types[name] = e["type"]
			}
		}
	}
}

// Every profile probes alike, and every external endpoint by its own name.
func TestMonitor(t *testing.T) {
	rec := steer(t, stack(func(s *settings.Settings) {
		s.Pattern, s.Steering, s.Check = settings.MultiRegion, settings.Weighted, settings.Check{Interval: 30, Threshold: 3, Timeout: 7, Path: "/ready"}
	}))
	want := map[string]any{
		"protocol": "HTTPS", "port": 443.0, "path": "/ready", "intervalInSeconds": 30.0, "timeoutInSeconds": 7.0, "toleratedNumberOfFailures": 2.0,
		"expectedStatusCodeRanges": []any{map[string]any{"min": 200.0, "max": 200.0}},
	}
	profiles := rec.Of(tokenProfile)
	if len(profiles) != 3 {
		t.Fatalf("%d profiles", len(profiles))
	}
	for _, p := range profiles {
		if diff := cmp.Diff(want, p.Inputs["monitorConfig"]); diff != "" {
			t.Errorf("%s: %s", p.Name, diff)
		}
		if p.Inputs["location"] != "global" || p.Inputs["resourceGroupName"] != "polygate-dev-trafficmanager" || p.Inputs["dnsConfig"].(map[string]any)["ttl"] != 30.0 {
			t.Errorf("%s is %v", p.Name, p.Inputs)
		}
		for _, e := range p.Inputs["endpoints"].([]any) {
			e := e.(map[string]any)
			if e["target"] == nil {
				continue
			}
			if diff := cmp.Diff([]any{map[string]any{"name": "Host", "value": e["target"]}}, e["customHeaders"]); diff != "" {
				t.Errorf("headers of %v: %s", e["name"], diff)
			}
		}
	}
}

// A profile waits for all of its regions: a new endpoint is answered before it has been probed.
func TestProfilesWaitForTheirRegions(t *testing.T) {
	for _, change := range []func(*settings.Settings){nil, func(s *settings.Settings) { s.Pattern, s.Steering = settings.MultiRegion, settings.Weighted }} {
		for _, p := range steer(t, stack(change)).Of(tokenProfile) {
			for _, e := range p.Inputs["endpoints"].([]any) {
				target, ok := e.(map[string]any)["target"].(string)
				label, _, _ := strings.Cut(target, ".")
				if ok && !slices.ContainsFunc(p.DependsOn, func(urn string) bool { return strings.HasSuffix(urn, "::"+label+"-name") }) {
					t.Errorf("%s does not wait for %s: %v", p.Name, label, p.DependsOn)
				}
			}
		}
	}
}

// Both figures are those of the service's rules: "30/3/10, TTL 60" and "10/1/5, TTL 30", the tolerated failures being one fewer
// than the threshold.
func TestBound(t *testing.T) {
	for _, c := range []struct {
		name                              string
		interval, threshold, timeout, ttl int
		want                              time.Duration
	}{
		{"default", 30, 4, 10, 60, 190 * time.Second},
		{"fast", 10, 2, 5, 30, 55 * time.Second},
		{"no timeout said", 10, 2, 0, 30, 59 * time.Second},
		{"none tolerated", 10, 1, 5, 1, 16 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := settings.Settings{Check: settings.Check{Interval: c.interval, Threshold: c.threshold, Timeout: c.timeout}, TTL: c.ttl}
			if got := (trafficmanager.Manager{}).Bound(s).Total(); got != c.want {
				t.Errorf("bound is %s, want %s", got, c.want)
			}
		})
	}
}

func TestAudit(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*settings.Settings)
		want   string // part of the one problem; "" for none
	}{
		{"good", nil, ""},
		{"no resource group", func(s *settings.Settings) { s.TrafficManager.ZoneGroup = "" }, "polygate:trafficmanager.zoneGroup: is missing"},
		{"fast probes and a long timeout", func(s *settings.Settings) { s.Check.Timeout = 10 }, "polygate:check.timeout: is 10: with an interval of 10 s Traffic Manager gives a probe 5 to 9 seconds"},
		{"slow probes and a long timeout", func(s *settings.Settings) { s.Check.Interval, s.Check.Timeout = 30, 10 }, ""},
		{"ramp", func(s *settings.Settings) { s.Ramp = []int{50, 100} }, "polygate:ramp: is set, and Traffic Manager brings a region back with all of its weight"},
		{"proxied by Cloudflare", func(s *settings.Settings) { s.Cloudflare.Proxied, s.FrontSecret = true, "x" }, "polygate:cloudflare.proxied: is true"},
		{"a front's secret", func(s *settings.Settings) { s.FrontSecret = "x" }, "polygate:frontSecret: is set"},
		{"a region nobody knows", func(s *settings.Settings) {
			s.Steering, s.Regions[1] = settings.Latency, settings.Region{Provider: "aws", Name: "moon-1", Position: 1}
		}, "polygate:regions[1]: aws/moon-1 has no Azure location"},
		{"that region, not by latency", func(s *settings.Settings) { s.Regions[1].Name = "moon-1" }, ""},
		{"a country that cannot be mapped", func(s *settings.Settings) {
			s.Geo = map[string]settings.Serves{"aws/us-east-1": {Countries: []string{"DE", "EH"}}}
		}, `polygate:geo.aws/us-east-1.countries[1]: Traffic Manager does not know "EH"`},
		{"a state that cannot be mapped", func(s *settings.Settings) {
			s.Geo = map[string]settings.Serves{"aws/us-east-1": {Countries: []string{"DE-BY"}}}
		}, "or a state of AU, CA, GB or US"},
		{"states that can", func(s *settings.Settings) {
			s.Geo = map[string]settings.Serves{"aws/us-east-1": {Countries: []string{"US-CA", "GB-SCT", "AU-NSW", "CA-QC"}}}
		}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			problems := trafficmanager.Manager{}.Audit(stack(tt.change))
			if tt.want == "" {
				if len(problems) > 0 {
					t.Error(problems)
				}
				return
			}
			if len(problems) != 1 || !strings.Contains(problems[0].String(), tt.want) {
				t.Errorf("problems are %v, want one that says %q", problems, tt.want)
			}
		})
	}
}

// What doctor holds against a subscription is what a stack makes.
func TestNeeds(t *testing.T) {
	geo := func(s *settings.Settings) {
		s.Pattern, s.Steering = settings.ActiveActive, settings.Geo
		s.Geo = map[string]settings.Serves{"aws/us-east-1": {Default: true}, "aws/eu-west-1": {Continents: []string{"EU"}}, "gcp/europe-west4": {Default: true}}
	}
	for name, change := range map[string]func(*settings.Settings){
		"active-passive": nil,
		"groups":         func(s *settings.Settings) { s.Pattern, s.Steering = settings.MultiRegion, settings.Weighted },
		"geo":            geo,
		"groups by place": func(s *settings.Settings) {
			geo(s)
			s.Pattern = settings.MultiRegion
		},
	} {
		s := stack(change)
		want := []failover.Need{{Of: "profiles", Count: len(steer(t, s).Of("azure-native:trafficmanager:Profile")), Most: 200}}
		if got := (trafficmanager.Manager{}).Needs(s); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
}

// Every region of every provider can be steered to by latency.
func TestLocations(t *testing.T) {
	for _, p := range []provider.Provider{aws.Provider{}, gcp.Provider{}, azure.Provider{}} {
		for _, name := range p.Spec().RegionNames() {
			s := stack(func(s *settings.Settings) {
				s.Steering, s.Regions = settings.Latency, []settings.Region{{Provider: p.Spec().Name, Name: name}}
			})
			if problems := (trafficmanager.Manager{}).Audit(s); len(problems) > 0 {
				t.Error(problems)
			}
		}
	}
}

// Records of each type, as Azure DNS wants them; the type may be known late.
func TestWrite(t *testing.T) {
	long := strings.Repeat("x", 300)
	for _, tt := range []struct {
		name, fqdn, kind string
		values           []string
		relative         string
		property         string
		want             any
		err              string
	}{
		{"A", "gcp-origin.api.example.com", "A", []string{"192.0.2.1"}, "gcp-origin.api", "aRecords", []any{map[string]any{"ipv4Address": "192.0.2.1"}}, ""},
		{"CNAME with a dot", "_proof.api.Example.com.", "CNAME", []string{"answer.acm.test."}, "_proof.api", "cnameRecord", map[string]any{"cname": "answer.acm.test"}, ""},
		{"TXT", "asuid.api.example.com", "TXT", []string{"token"}, "asuid.api", "txtRecords", []any{map[string]any{"value": []any{"token"}}}, ""},
		{"a long TXT", "t.example.com", "TXT", []string{long}, "t", "txtRecords", []any{map[string]any{"value": []any{long[:255], long[255:]}}}, ""},
		{"CAA at the apex", "example.com", "CAA", []string{`0 issue "a.test"`, `128 iodef "mailto:b@c.test"`}, "@", "caaRecords", []any{
			map[string]any{"flags": 0.0, "tag": "issue", "value": "a.test"}, map[string]any{"flags": 128.0, "tag": "iodef", "value": "mailto:b@c.test"}}, ""},
		{"two CNAMEs", "x.example.com", "CNAME", []string{"a.test", "b.test"}, "", "", nil, "a CNAME has one value, not 2"},
		{"another type", "x.example.com", "MX", []string{"10 a.test"}, "", "", nil, `the type "MX"`},
		{"not a CAA", "x.example.com", "CAA", []string{"letsencrypt.org"}, "", "", nil, "no CAA value"},
		{"another zone", "api.notexample.com", "A", []string{"192.0.2.1"}, "", "", nil, "is not in the zone example.com"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			rec := &record.Recorder{}
			err := rec.Run("dev", nil, func(ctx *pulumi.Context) error {
				zone, err := trafficmanager.Manager{}.Open(ctx, "gw", failover.ZoneArgs{Settings: stack(nil)})
				if err != nil {
					return err
				}
				late := pulumi.String(tt.kind).ToStringOutput().ApplyT(func(s string) string { return s }).(pulumi.StringOutput)
				r := provider.Record{Name: pulumi.String(tt.fqdn), Type: late, Value: pulumi.String(tt.values[0])}
				for _, v := range tt.values[1:] {
					r.More = append(r.More, pulumi.String(v))
				}
				_, err = zone.Write(ctx, "it", r)
				return err
			})
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Errorf("error is %v, want one that says %q", err, tt.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			r, ok := rec.Find("it")
			if !ok || r.Inputs["relativeRecordSetName"] != tt.relative || r.Inputs["zoneName"] != "example.com" || r.Inputs["resourceGroupName"] != "dns" || r.Inputs["recordType"] != tt.kind {
				t.Errorf("the record is %v", r.Inputs)
			}
			if diff := cmp.Diff(tt.want, r.Inputs[tt.property]); diff != "" {
				t.Error(diff)
			}
			for _, other := range []string{"aRecords", "cnameRecord", "txtRecords", "caaRecords"} {
				if v := r.Inputs[other]; other != tt.property && v != nil {
					t.Errorf("%s is %v", other, v)
				}
			}
		})
	}
}

// What the README shows is a good stack.
func TestExample(t *testing.T) {
	rules := []settings.Rule{provider.Audit([]provider.Spec{aws.Provider{}.Spec(), gcp.Provider{}.Spec()}), failover.Audit([]failover.Manager{trafficmanager.Manager{}})}
	s, err := record.LoadExample(t.TempDir(), "README.md", rules...)
	if err != nil {
		t.Fatal(err)
	}
	if got := (trafficmanager.Manager{}).Bound(s).Total(); got != 55*time.Second {
		t.Errorf("the bound is %s, and the README says 55 s", got)
	}
}
