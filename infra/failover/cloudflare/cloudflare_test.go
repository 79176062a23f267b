package cloudflare_test

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"polygate.example/infra/failover"
	"polygate.example/infra/failover/cloudflare"
	"polygate.example/infra/internal/record"
	"polygate.example/infra/provider"
	"polygate.example/infra/settings"
)

const (
	hostname    = "api.example.com"
	frontSecret = "0123456789abcdef0123456789abcdef"
)

const (
	tMonitor  = "cloudflare:index/loadBalancerMonitor:LoadBalancerMonitor"
	tPool     = "cloudflare:index/loadBalancerPool:LoadBalancerPool"
	tBalancer = "cloudflare:index/loadBalancer:LoadBalancer"
	tRuleset  = "cloudflare:index/ruleset:Ruleset"
)

// stack is an active-passive one of the named regions, changed as the test says.
func stack(change func(*settings.Settings), regions ...string) settings.Settings {
	s := settings.Settings{
		Environment: "dev", Hostname: hostname, Zone: "example.com", Manager: "cloudflare", Pattern: settings.ActivePassive, TTL: 30,
		Check: settings.Check{Interval: 10, Threshold: 2, Path: "/health"},
	}
	for i, r := range regions {
		p, name, _ := strings.Cut(r, "/")
		s.Regions = append(s.Regions, settings.Region{Provider: p, Name: name, Position: i})
	}
	if change != nil {
		change(&s)
	}
	return s
}

var three = []string{"aws/us-east-1", "gcp/europe-west1", "azure/eastus"}

// steer declares what a stack stands up, and checks what holds for every one.
func steer(t *testing.T, s settings.Settings) *record.Recorder {
	t.Helper()
	return steerFor(t, failover.ZoneArgs{Settings: s})
}

func steerFor(t *testing.T, args failover.ZoneArgs) *record.Recorder {
	t.Helper()
	s := args.Settings
	rec := &record.Recorder{}
	err := rec.Run("dev", nil, func(ctx *pulumi.Context) error {
		zone, err := cloudflare.Manager{}.Open(ctx, "gw", args)
		if err != nil {
			return err
		}
		var members []failover.Member
		for _, r := range s.Regions {
			label := strings.ReplaceAll(r.Name, "-", "")
			own := provider.OwnName(label, r.Provider, hostname)
			w, err := zone.Write(ctx, r.Provider+"-"+label+"-name", provider.Record{Name: pulumi.String(own + "."), Type: pulumi.String("CNAME"), Value: pulumi.String("front.test.")})
			if err != nil {
				return err
			}
			members = append(members, failover.Member{Region: r, Label: label, OwnName: own, Drained: s.IsDrained(r), Ready: []pulumi.Resource{w.Resource}})
		}
		got, err := zone.Steer(ctx, "gw", failover.Plan(s, members))
		if err == nil && len(got.Checks) != len(members) {
			err = fmt.Errorf("%d checks for %d regions", len(got.Checks), len(members))
		}
		if err == nil && got.Details["account"] != pulumi.String("A1") {
			err = fmt.Errorf("the details name the account %v", got.Details["account"])
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range rec.Of(tPool) {
		if !poolNames.matches(p.Inputs["name"]) || p.Inputs["monitor"] == nil || p.Inputs["minimumOrigins"] != 1.0 {
			t.Errorf("pool %s is %v", p.Name, p.Inputs)
		}
		for _, o := range origins(p) {
			own := o["address"].(string)
			if diff := cmp.Diff(map[string]any{"hosts": []any{own}}, o["header"]); diff != "" {
				t.Errorf("header of %s (-want +got):\n%s", own, diff)
			}
			name := strings.Split(o["name"].(string), "-")
			if !slices.ContainsFunc(p.DependsOn, func(urn string) bool { return strings.HasSuffix(urn, "::"+name[0]+"-"+name[1]+"-name") }) {
				t.Errorf("pool %s waits for %v: want %s", p.Name, p.DependsOn, own)
			}
		}
	}
	return rec
}

type nameForm struct{}

var poolNames nameForm

func (nameForm) matches(v any) bool {
	s, ok := v.(string)
	return ok && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") == "" && strings.Contains(s, "api-example-com")
}

func origins(p record.Resource) []map[string]any {
	var out []map[string]any
	for _, o := range p.Inputs["origins"].([]any) {
		out = append(out, o.(map[string]any))
	}
	return out
}

// balancer is the one load balancer.
func balancer(t *testing.T, rec *record.Recorder) map[string]any {
	t.Helper()
	all := rec.Of(tBalancer)
	if len(all) != 1 {
		t.Fatalf("%d load balancers", len(all))
	}
	return all[0].Inputs
}

// short are the names of pools without what all have in common.
func short(ids any) string {
	var out []string
	for _, id := range ids.([]any) {
		out = append(out, strings.TrimSuffix(strings.TrimPrefix(id.(string), "gw-"), "-id"))
	}
	return strings.Join(out, " ")
}

func lists(v any) map[string]string {
	out := map[string]string{}
	m, _ := v.(map[string]any)
	for place, ids := range m {
		out[place] = short(ids)
	}
	return out
}

func TestOrdered(t *testing.T) {
	rec := steer(t, stack(nil, three...))
	want := map[string]any{
		"zoneId": "Z1", "name": hostname, "description": "polygate dev", "proxied": false, "steeringPolicy": "off", "ttl": 30.0,
		"fallbackPool": "gw-aws-useast1-id", "defaultPools": []any{"gw-aws-useast1-id", "gw-gcp-europewest1-id", "gw-azure-eastus-id"},
	}
	if diff := cmp.Diff(want, balancer(t, rec)); diff != "" {
		t.Errorf("load balancer (-want +got):\n%s", diff)
	}
	wantMonitor := map[string]any{
		"accountId": "A1", "description": "polygate dev: api.example.com", "type": "https", "method": "GET", "path": "/health", "expectedCodes": "200",
		"interval": 10.0, "timeout": 4.0, "retries": 1.0, "consecutiveUp": 2.0, "consecutiveDown": 2.0,
	}
	monitors := rec.Of(tMonitor)
	if len(monitors) != 1 {
		t.Fatalf("%d monitors, want one for all", len(monitors))
	}
	if diff := cmp.Diff(wantMonitor, monitors[0].Inputs); diff != "" {
		t.Errorf("monitor (-want +got):\n%s", diff)
	}
	if len(rec.Of(tRuleset)) != 0 {
		t.Error("DNS only needs no ruleset")
	}
}

// A region that is drained has no traffic, and is not what is answered when nothing is healthy.
func TestDrained(t *testing.T) {
	rec := steer(t, stack(func(s *settings.Settings) { s.Drained = []string{"aws/us-east-1"} }, three...))
	p, _ := rec.Find("gw-aws-useast1")
	if p.Inputs["enabled"] != false || balancer(t, rec)["fallbackPool"] != "gw-gcp-europewest1-id" {
		t.Errorf("the drained pool is enabled: %v, fallback %v", p.Inputs["enabled"], balancer(t, rec)["fallbackPool"])
	}
	rec = steer(t, stack(func(s *settings.Settings) {
		s.Pattern, s.Steering, s.Drained = settings.MultiRegion, settings.Weighted, []string{"aws/us-east-1", "gcp/us-east1"}
	}, "aws/us-east-1", "aws/eu-west-1", "gcp/us-east1"))
	p, _ = rec.Find("gw-aws")
	if o := origins(p); o[0]["enabled"] != false || o[1]["enabled"] != true || p.Inputs["enabled"] != true {
		t.Errorf("origins are %v in a pool that is enabled: %v", o, p.Inputs["enabled"])
	}
	if p, _ = rec.Find("gw-gcp"); p.Inputs["enabled"] != false {
		t.Error("a pool with no origin left is enabled")
	}
}

func TestWeighted(t *testing.T) {
	rec := steer(t, stack(func(s *settings.Settings) {
		s.Pattern, s.Steering, s.Weights = settings.ActiveActive, settings.Weighted, map[string]int{"aws/us-east-1": 200, "gcp/europe-west1": 50}
	}, three...))
	lb := balancer(t, rec)
	want := map[string]any{"poolWeights": map[string]any{"gw-aws-useast1-id": 1.0, "gw-gcp-europewest1-id": 0.25, "gw-azure-eastus-id": 0.5}}
	if diff := cmp.Diff(want, lb["randomSteering"]); diff != "" || lb["steeringPolicy"] != "random" {
		t.Errorf("steering %v (-want +got):\n%s", lb["steeringPolicy"], diff)
	}
}

// The steps of a ramp share one origin, sum up to the region's weight, and come back one after the other.
func TestRamp(t *testing.T) {
	s := stack(func(s *settings.Settings) {
		s.Pattern, s.Steering, s.Ramp = settings.ActiveActive, settings.Weighted, []int{10, 30, 100}
	}, "aws/us-east-1", "gcp/europe-west1")
	rec := steer(t, s)
	weights := balancer(t, rec)["randomSteering"].(map[string]any)["poolWeights"].(map[string]any)
	ups, total := map[string]float64{}, 0.0
	for _, m := range rec.Of(tMonitor) {
		ups[m.Name+"-id"] = m.Inputs["consecutiveUp"].(float64)
		if m.Inputs["consecutiveDown"] != 2.0 {
			t.Errorf("%s goes down after %v: all steps must go at once", m.Name, m.Inputs["consecutiveDown"])
		}
	}
	var got []string
	for _, p := range rec.Of(tPool) {
		if origins(p)[0]["name"] == "aws-useast1" {
			w := weights[p.Name+"-id"].(float64)
			total += w
			got = append(got, fmt.Sprintf("%s %.2f after %v", p.Name, w, ups[p.Inputs["monitor"].(string)]))
		}
	}
	want := []string{"gw-aws-useast1 0.14 after 2", "gw-aws-useast1-ramp2 0.29 after 8", "gw-aws-useast1-ramp3 1.00 after 14"}
	if diff := cmp.Diff(want, got); diff != "" || math.Abs(total-10.0/7) > 0.01 {
		t.Errorf("steps, %.2f together (-want +got):\n%s", total, diff)
	}
}

// Every region that a provider has can be steered to by latency.
func TestLatency(t *testing.T) {
	rec := steer(t, stack(func(s *settings.Settings) { s.Pattern, s.Steering = settings.ActiveActive, settings.Latency }, three...))
	lb := balancer(t, rec)
	if diff := cmp.Diff(map[string]any{"mode": "resolver_ip", "preferEcs": "always"}, lb["locationStrategy"]); diff != "" || lb["steeringPolicy"] != "proximity" {
		t.Errorf("steering %v (-want +got):\n%s", lb["steeringPolicy"], diff)
	}
	p, _ := rec.Find("gw-gcp-europewest1")
	if p.Inputs["latitude"] != 50.47 || p.Inputs["longitude"] != 3.82 {
		t.Errorf("St. Ghislain is at %v, %v", p.Inputs["latitude"], p.Inputs["longitude"])
	}
}

func geo(s *settings.Settings) {
	s.Steering = settings.Geo
	s.Geo = map[string]settings.Serves{
		"aws/us-east-1":    {Default: true},
		"aws/eu-west-1":    {Continents: []string{"EU"}, Countries: []string{"IL"}},
		"aws/sa-east-1":    {Continents: []string{"NA", "AN"}},
		"gcp/us-east1":     {Countries: []string{"DE"}},
		"gcp/europe-west1": {Default: true, Continents: []string{"AF"}},
	}
}

// Each place has the region that serves it first, then the default one, then the others.
func TestGeo(t *testing.T) {
	rec := steer(t, stack(func(s *settings.Settings) { geo(s); s.Pattern = settings.ActiveActive }, "aws/us-east-1", "aws/eu-west-1", "aws/sa-east-1"))
	lb := balancer(t, rec)
	if got := short(lb["defaultPools"]); got != "aws-useast1 aws-euwest1 aws-saeast1" || lb["steeringPolicy"] != "geo" {
		t.Errorf("default is %s by %v", got, lb["steeringPolicy"])
	}
	wantRegions := map[string]string{
		"EEU": "aws-euwest1 aws-useast1 aws-saeast1", "WEU": "aws-euwest1 aws-useast1 aws-saeast1",
		"ENAM": "aws-saeast1 aws-useast1 aws-euwest1", "WNAM": "aws-saeast1 aws-useast1 aws-euwest1",
	}
	if diff := cmp.Diff(wantRegions, lists(lb["regionPools"])); diff != "" {
		t.Errorf("regions (-want +got):\n%s", diff)
	}
	countries := lists(lb["countryPools"])
	for country, want := range map[string]string{
		"IL": "aws-euwest1 aws-useast1 aws-saeast1", "MX": "aws-saeast1 aws-useast1 aws-euwest1", "AQ": "aws-saeast1 aws-useast1 aws-euwest1", "BR": "", "DE": "",
	} {
		if countries[country] != want {
			t.Errorf("%s has %q, want %q", country, countries[country], want)
		}
	}
}

// Groups come one after the other for every place, each in its own order.
func TestGeoOfGroups(t *testing.T) {
	rec := steer(t, stack(func(s *settings.Settings) { geo(s); s.Pattern = settings.MultiRegion }, "aws/us-east-1", "aws/eu-west-1", "gcp/us-east1", "gcp/europe-west1"))
	lb := balancer(t, rec)
	got := lists(lb["countryPools"])
	maps.Copy(got, lists(lb["regionPools"]))
	got["default"] = short(lb["defaultPools"])
	for place, want := range map[string]string{
		"default": "aws-useast1 aws-euwest1 gcp-europewest1 gcp-useast1",
		"DE":      "aws-euwest1 aws-useast1 gcp-useast1 gcp-europewest1", // aws serves its continent, gcp the country
		"WEU":     "aws-euwest1 aws-useast1 gcp-europewest1 gcp-useast1",
		"NAF":     "aws-useast1 aws-euwest1 gcp-europewest1 gcp-useast1",
	} {
		if got[place] != want {
			t.Errorf("%s has %q, want %q", place, got[place], want)
		}
	}
}

// Who claims South America does not get Mexico with it, nor Antarctica with Oceania, whichever regions Cloudflare counts them to.
func TestGeoKeepsContinentsApart(t *testing.T) {
	rec := steer(t, stack(func(s *settings.Settings) {
		s.Pattern, s.Steering = settings.ActiveActive, settings.Geo
		s.Geo = map[string]settings.Serves{"aws/us-east-1": {Default: true}, "aws/sa-east-1": {Continents: []string{"OC", "SA"}}}
	}, "aws/us-east-1", "aws/sa-east-1"))
	lb := balancer(t, rec)
	countries, regions := lists(lb["countryPools"]), lists(lb["regionPools"])
	for place, got := range map[string]string{"MX": countries["MX"], "AQ": countries["AQ"]} {
		if got != "aws-useast1 aws-saeast1" {
			t.Errorf("%s has %q, want the default region first", place, got)
		}
	}
	for _, r := range []string{"NSAM", "SSAM", "OC"} {
		if regions[r] != "aws-saeast1 aws-useast1" {
			t.Errorf("%s has %q", r, regions[r])
		}
	}
}

// A group is a pool whose regions share by weight.
func TestGroups(t *testing.T) {
	rec := steer(t, stack(func(s *settings.Settings) {
		s.Pattern, s.Steering, s.Weights = settings.MultiRegion, settings.Weighted, map[string]int{"aws/us-east-1": 100, "aws/eu-west-1": 33}
	}, "aws/us-east-1", "gcp/us-east1", "aws/eu-west-1"))
	if got := short(balancer(t, rec)["defaultPools"]); got != "aws gcp" {
		t.Errorf("pools are %s", got)
	}
	p, _ := rec.Find("gw-aws")
	if o := origins(p); o[0]["weight"] != 1.0 || o[1]["weight"] != 0.33 {
		t.Errorf("origins are %v", o)
	}
	if diff := cmp.Diff(map[string]any{"policy": "random"}, p.Inputs["originSteering"]); diff != "" {
		t.Errorf("origin steering (-want +got):\n%s", diff)
	}
}

func proxied(s *settings.Settings) {
	s.Cloudflare = settings.Cloudflare{Proxied: true, FailoverAcrossPools: true}
	s.FrontSecret = frontSecret
}

// Behind the proxy the regions know Cloudflare by the secret, which requests and probes show, and which is a secret wherever
// it goes.
func TestProxied(t *testing.T) {
	rec := steer(t, stack(proxied, three...))
	lb := rec.Of(tBalancer)[0]
	if lb.Inputs["ttl"] != nil || lb.Inputs["proxied"] != true {
		t.Errorf("load balancer is %v", lb.Inputs)
	}
	if diff := cmp.Diff(map[string]any{"failoverAcrossPools": true}, lb.Inputs["adaptiveRouting"]); diff != "" {
		t.Errorf("adaptive routing (-want +got):\n%s", diff)
	}
	host := `http.host eq "api.example.com"`
	for _, c := range []struct {
		name, phase string
		rule        map[string]any
		secret      bool
	}{
		{"gw-mark", "http_request_late_transform", map[string]any{"action": "rewrite", "expression": host, "actionParameters": map[string]any{
			"headers": map[string]any{"X-Polygate-Front": map[string]any{"operation": "set", "value": frontSecret}}}}, true},
		{"gw-strict", "http_config_settings", map[string]any{"action": "set_config", "expression": host, "actionParameters": map[string]any{"ssl": "strict"}}, false},
	} {
		r, ok := rec.Find(c.name)
		if !ok {
			t.Fatalf("no %s", c.name)
		}
		rule := r.Inputs["rules"].([]any)[0].(map[string]any)
		for k, want := range c.rule {
			if diff := cmp.Diff(want, rule[k]); diff != "" {
				t.Errorf("%s, %s (-want +got):\n%s", c.name, k, diff)
			}
		}
		if r.Inputs["phase"] != c.phase || r.Inputs["kind"] != "zone" {
			t.Errorf("%s is %v", c.name, r.Inputs)
		}
		if c.secret && !rec.HasSecret(r.Name, frontSecret) {
			t.Errorf("%s shows the secret", c.name)
		}
		if !slices.ContainsFunc(lb.DependsOn, func(urn string) bool { return strings.HasSuffix(urn, "::"+c.name) }) {
			t.Errorf("the load balancer waits for %v: want %s", lb.DependsOn, c.name)
		}
	}
	for _, m := range rec.Of(tMonitor) {
		if diff := cmp.Diff(map[string]any{"X-Polygate-Front": []any{frontSecret}}, m.Inputs["header"]); diff != "" {
			t.Errorf("header of probes (-want +got):\n%s", diff)
		}
		if !rec.HasSecret(m.Name, frontSecret) {
			t.Errorf("%s shows the secret", m.Name)
		}
	}
}

// TestCountry: the proxy tells the country where the document goes by it, and the zone is left as it is everywhere else.
func TestCountry(t *testing.T) {
	proxied := func(s *settings.Settings) { s.Cloudflare.Proxied, s.FrontSecret, s.Protect = true, frontSecret, true }
	for _, c := range []struct {
		name   string
		change func(*settings.Settings)
		of     bool
		want   int
	}{{"proxied", proxied, true, 1}, {"proxied, and nothing goes by it", proxied, false, 0}, {"DNS only", nil, true, 0}} {
		all := steerFor(t, failover.ZoneArgs{Settings: stack(c.change, three...), Country: c.of}).Of(cloudflare.Manager{}.Spec().Tells)
		if len(all) != c.want {
			t.Errorf("%s: %d settings of the zone, want %d", c.name, len(all), c.want)
		}
		for _, r := range all {
			if diff := cmp.Diff(map[string]any{"zoneId": "Z1", "settingId": "ip_geolocation", "value": "on"}, r.Inputs); diff != "" || r.Protect || len(r.DependsOn) > 0 {
				t.Errorf("%s: protected %t, after %v, (-want +got):\n%s", c.name, r.Protect, r.DependsOn, diff)
			}
		}
	}
}
