package cloudflare_test

import (
	"crypto/x509"
	"encoding/pem"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"polygate.example/tools/internal/localcloud/cloudflare"
	"polygate.example/tools/internal/localcloud/plane"
	"polygate.example/tools/internal/localcloud/resource"
)

func (b *bed) world() plane.World {
	b.t.Helper()
	w, err := cloudflare.Project(resource.NewEnv(b.store, cloudflare.Cloud(), b.services))
	if err != nil {
		b.t.Fatal(err)
	}
	return w
}

// What is deployed is what is served: DNS only there is no front, proxied there is one with Universal SSL's certificate.
func TestProject(t *testing.T) {
	b := newBed(t)
	pool := plane.Pool{ID: b.ids[tPool], Name: "pool-1", MinimumOrigins: 1, Regions: []string{"ENAM", "WEU"},
		Origins: []plane.Origin{{Name: "aws-use1", Address: own, Host: own, Weight: 1}},
		Monitor: &plane.PoolMonitor{Type: "https", Method: "GET", Path: "/health", Port: 443, ExpectedCodes: "200", Headers: map[string][]string{"X-Polygate-Front": {"secret"}},
			Interval: 10, Timeout: 4, Retries: 1, ConsecutiveUp: 1, ConsecutiveDown: 1}}
	want := plane.World{
		Zones: []plane.Zone{{ID: b.zoneID, Name: zone, Manager: "cloudflare", Records: []plane.Record{{Name: "r1." + shared, Type: "CNAME", TTL: 60, Values: []string{"front.test"}}}}},
		Balancers: []plane.Balancer{{ID: b.ids[tBalancer], Name: "api1." + zone, Zone: b.zoneID, TTL: 30, Steering: "off", Pools: []plane.Pool{pool},
			Default: []string{pool.ID}, Fallback: pool.ID}},
	}
	if diff := cmp.Diff(want, b.world()); diff != "" {
		t.Errorf("DNS only (-want +got):\n%s", diff)
	}
	in := b.inputs(tBalancer).With(resource.Props{"name": "api1." + zone, "proxied": true, "adaptiveRouting": resource.Props{"failoverAcrossPools": true}})
	delete(in, "ttl")
	if _, err := b.update(tBalancer, in); err != nil {
		t.Fatal(err)
	}
	lb := want.Balancers[0]
	lb.Proxied, lb.FailoverAcrossPools, lb.Headers = true, true, map[string]string{"X-Polygate-Front": "secret"}
	got := b.world()
	if diff := cmp.Diff([]plane.Balancer{lb}, got.Balancers); diff != "" {
		t.Errorf("proxied (-want +got):\n%s", diff)
	}
	if len(got.Sites) != 1 || got.Sites[0].Front != plane.Cloudflare || got.Sites[0].ID != lb.ID || got.Sites[0].Hosts[0].Name != "api1."+zone {
		t.Fatalf("sites are %+v", got.Sites)
	}
	block, _ := pem.Decode(got.Sites[0].Hosts[0].Cert)
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil || cert.VerifyHostname("api1."+zone) != nil || cert.VerifyHostname(zone) != nil || cert.VerifyHostname("a.b."+zone) == nil {
		t.Errorf("the certificate is for %v, %v (Limitations for Universal SSL, Hostname coverage)", cert.DNSNames, err)
	}
	b.must(tRuleset, b.inputs(tRuleset))
	if !b.world().Balancers[0].Strict {
		t.Error("Full (strict) has no effect")
	}
}

// The proxy tells the country where the zone's setting says so, and of that zone alone.
func TestCountry(t *testing.T) {
	b := newBed(t)
	in := b.inputs(tBalancer).With(resource.Props{"name": "api1." + zone, "proxied": true})
	delete(in, "ttl")
	if _, err := b.update(tBalancer, in); err != nil {
		t.Fatal(err)
	}
	tells := func(want bool) {
		t.Helper()
		if got := b.world().Balancers[0].Country; got != want {
			t.Errorf("tells the country: %t, want %t", got, want)
		}
	}
	tells(false)
	setting := resource.Props{"zoneId": b.zoneID, "settingId": "ip_geolocation", "value": "on"}
	b.ids[tSetting], b.outs[tSetting] = b.must(tSetting, setting)
	tells(true)
	if _, err := b.update(tSetting, setting.With(resource.Props{"value": "off"})); err != nil {
		t.Fatal(err)
	}
	tells(false)
	for _, c := range []struct {
		change resource.Props
		want   string
	}{
		{resource.Props{"settingId": "always_online"}, "do not have the setting always_online"},
		{resource.Props{"value": "yes"}, "expected value to be one of"},
		{resource.Props{"zoneId": "none"}, "Could not route to /client/v4/zones/none/settings/ip_geolocation"},
	} {
		if _, _, err := b.try(tSetting, setting.With(c.change)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v: %v, want %s", c.change, err, c.want)
		}
	}
}

// A proxied name deeper than directly below the zone has no certificate, so that nobody gets a connection.
func TestUniversalSSLCoversOneLevel(t *testing.T) {
	b := newBed(t)
	in := b.inputs(tBalancer).With(resource.Props{"name": "eu." + shared, "proxied": true})
	delete(in, "ttl")
	b.must(tBalancer, in)
	if s := b.world().Sites; len(s) != 1 || len(s[0].Hosts[0].Cert) != 0 {
		t.Errorf("sites are %+v", s)
	}
}

// Pools that no region is said for are probed from all; weights that are not said are the default one; an empty policy means
// geo where there are lists, else off; a TTL that is not said is 30.
func TestDefaults(t *testing.T) {
	b := newBed(t)
	p := b.inputs(tPool)
	delete(p, "checkRegions")
	second, _ := b.must(tPool, p)
	in := b.inputs(tBalancer)
	delete(in, "ttl")
	for _, c := range []struct {
		change resource.Props
		want   string
		weight float64
	}{
		{resource.Props{"steeringPolicy": ""}, "off", 0},
		{resource.Props{"steeringPolicy": "", "countryPools": resource.Props{"DE": resource.List(second)}}, "geo", 0},
		{resource.Props{"steeringPolicy": "random"}, "random", 1},
		{resource.Props{"steeringPolicy": "random", "randomSteering": resource.Props{"defaultWeight": 0.3}}, "random", 0.3},
		{resource.Props{"steeringPolicy": "random", "randomSteering": resource.Props{"defaultWeight": 0.3, "poolWeights": resource.Props{second: 0.75}}}, "random", 0.75},
	} {
		if _, err := b.update(tBalancer, in.With(resource.Props{"defaultPools": resource.List(second)}).With(c.change)); err != nil {
			t.Fatal(err)
		}
		lb := b.world().Balancers[0]
		if lb.Steering != c.want || lb.Weights[second] != c.weight || lb.TTL != 30 || len(lb.Pools[0].Regions) != 13 {
			t.Errorf("%v: steering %q, weight %v, TTL %d, %d regions", c.change, lb.Steering, lb.Weights[second], lb.TTL, len(lb.Pools[0].Regions))
		}
	}
}

// Authorities and clouds find in the zone what the program writes.
func TestDNS(t *testing.T) {
	b := newBed(t)
	in := func(kind, content string) resource.Props {
		return resource.Props{"zoneId": b.zoneID, "name": "x." + zone, "type": kind, "content": content, "ttl": 60.0}
	}
	b.must(tRecord, in("TXT", `"proof with \"quotes\""`))
	b.must(tRecord, in("TXT", `"in two " "parts"`))
	caa := in("CAA", "").With(resource.Props{"data": resource.Props{"flags": 0.0, "tag": "issue", "value": "pki.goog"}})
	delete(caa, "content")
	b.must(tRecord, caa)
	dns, v := cloudflare.DNS{}, b.store.View()
	if diff := cmp.Diff([]string{`proof with "quotes"`, "in two parts"}, dns.TXT(v, "X."+zone+".")); diff != "" {
		t.Errorf("TXT (-want +got):\n%s", diff)
	}
	if got := dns.CNAME(v, "r1."+shared); got != "front.test" {
		t.Errorf("CNAME is %q", got)
	}
	if got := dns.CAA(v, "x."+zone); len(got) != 1 || got[0] != `0 issue "pki.goog"` {
		t.Errorf("CAA is %q", got)
	}
	records := b.world().Zones[0].Records
	if len(records) != 3 || len(records[1].Values) != 2 {
		t.Errorf("records are %+v: want one set for each name and type", records)
	}
}

func TestGetZone(t *testing.T) {
	b := newBed(t)
	for _, c := range []struct {
		name string
		args resource.Props
		want string // in the error; "" is the zone
	}{
		{"by name", resource.Props{"filter": resource.Props{"name": zone, "match": "all"}}, ""},
		{"by an operator", resource.Props{"filter": resource.Props{"name": "equal:" + zone, "match": "all"}}, ""},
		{"by id", resource.Props{"zoneId": b.zoneID}, ""},
		{"none", resource.Props{"filter": resource.Props{"name": "example.com", "match": "all"}}, "exactly one result"},
		{"both", resource.Props{"zoneId": b.zoneID, "filter": resource.Props{"name": zone}}, "exactly one of these attributes"},
		{"another id", resource.Props{"zoneId": "nobody"}, "Could not route"},
	} {
		t.Run(c.name, func(t *testing.T) {
			out, failures, err := b.c.Invoke(t.Context(), "cloudflare:index/getZone:getZone", c.args, nil, false)
			if len(failures) > 0 {
				t.Fatal(failures)
			}
			if c.want != "" {
				if err == nil || !strings.Contains(err.Error(), c.want) {
					t.Errorf("error %v, want %q", err, c.want)
				}
				return
			}
			if err != nil || out.Str("zoneId") != b.zoneID || out.Str("type") != "full" || out.Object("account").Str("id") != cloudflare.Account {
				t.Errorf("zone is %v, %v", out, err)
			}
		})
	}
}
