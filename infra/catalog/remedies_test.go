package catalog

import (
	"maps"
	"strings"
	"testing"

	"polygate.example/infra/settings"
)

// What a refusal says would work works: nothing else is refused when it is done.
func TestRemedies(t *testing.T) {
	dials := map[string]string{"azure-native:subscriptionId": "11111111-2222-4333-8444-555555555555", "hostname": "api.example.com", "zone": "example.com", "manager": "route53", "regions": `["aws/us-east-1","aws/eu-west-1"]`,
		"ttl": "60", "check": `{"interval":30,"threshold":3,"path":"/health"}`}
	audit := func(changes ...map[string]string) string {
		all := maps.Clone(dials)
		for _, c := range changes {
			maps.Copy(all, c)
		}
		_, err := settings.FromConfig("dev", func(key string) (string, bool) {
			v, ok := all[strings.TrimPrefix(key, settings.Namespace+":")]
			return v, ok && v != ""
		}, Rules()...)
		if err == nil {
			return ""
		}
		return err.Error()
	}
	if problems := audit(); problems != "" {
		t.Fatalf("the stack that everything begins with is refused:\n%s", problems)
	}
	weighted := map[string]string{"pattern": "active-active", "steering": "weighted", "ramp": "[10,100]", "trafficmanager": `{"zoneGroup":"dns"}`}
	groups := map[string]string{"pattern": "multi-region", "steering": "weighted", "ramp": "[10,100]", "trafficmanager": `{"zoneGroup":"dns"}`,
		"regions": `["aws/us-east-1","aws/eu-west-1","gcp/us-central1"]`, "gcp:project": "my-project-123"}
	secret := "v1:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	for _, c := range []struct {
		name   string
		stack  []map[string]string
		says   string
		remedy map[string]string // "" takes a dial out
	}{
		{"a ramp with Traffic Manager", []map[string]string{weighted, {"manager": "trafficmanager"}}, "use a manager that ramps, route53", map[string]string{"manager": "route53", "trafficmanager": ""}},
		{"a ramp with it as the spare of Route 53", []map[string]string{weighted, {"spare": "trafficmanager"}}, "use a spare that ramps, cloudflare", map[string]string{"spare": "cloudflare", "trafficmanager": ""}},
		{"a ramp with it as the spare of Cloudflare", []map[string]string{weighted, {"manager": "cloudflare", "spare": "trafficmanager"}}, "use a spare that ramps, route53",
			map[string]string{"spare": "route53", "trafficmanager": ""}},
		{"a ramp in groups with it as the spare", []map[string]string{groups, {"spare": "trafficmanager"}}, "or take polygate:spare out", map[string]string{"spare": "", "trafficmanager": ""}},
		{"a ramp with it and a spare", []map[string]string{weighted, {"manager": "trafficmanager", "spare": "route53"}}, "use two managers that ramp, route53 and (with the pattern active-active) cloudflare",
			map[string]string{"manager": "route53", "spare": "cloudflare", "trafficmanager": ""}},
		{"failover across pools of a spare", []map[string]string{{"spare": "cloudflare", "cloudflare": `{"failoverAcrossPools":true}`}}, "take it out, as a spare Cloudflare answers DNS only",
			map[string]string{"cloudflare": ""}},
		{"failover across pools beside a spare", []map[string]string{{"manager": "cloudflare", "spare": "route53", "cloudflare": `{"failoverAcrossPools":true}`}}, "set proxied: true, and take polygate:spare out",
			map[string]string{"spare": "", "cloudflare": `{"failoverAcrossPools":true,"proxied":true}`, "frontSecret": secret}},
		{"failover across pools, DNS only", []map[string]string{{"manager": "cloudflare", "cloudflare": `{"failoverAcrossPools":true}`}}, "set proxied: true as well",
			map[string]string{"cloudflare": `{"failoverAcrossPools":true,"proxied":true}`, "frontSecret": secret}},
		{"a TTL that Cloudflare does not take", []map[string]string{{"manager": "cloudflare", "ttl": "20"}}, "cloudflare takes 30 to 600 seconds", map[string]string{"ttl": "30"}},
		{"that TTL, which has no part behind the proxy", []map[string]string{{"manager": "cloudflare", "ttl": "20"}}, "cloudflare takes 30 to 600 seconds",
			map[string]string{"cloudflare": `{"proxied":true}`, "frontSecret": secret}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if problems := audit(c.stack...); !strings.Contains(problems, c.says) {
				t.Errorf("refused with\n%s\nwant %q", problems, c.says)
			}
			if problems := audit(append(c.stack, c.remedy)...); problems != "" {
				t.Errorf("done what it says, and refused with\n%s", problems)
			}
		})
	}
}
