package cloudflare_test

import (
	"strings"
	"testing"

	"polygate.example/tools/internal/localcloud/resource"
)

// fact is one rule of Cloudflare's, as a create that it refuses where everything else is fine.
type fact struct {
	name   string
	source string // where Cloudflare says so
	token  string
	change func(b *bed, in resource.Props) // of inputs that would be fine
	code   string
	words  string // in the refusal
}

const (
	lbDocs    = "developers.cloudflare.com/load-balancing, "
	v4Monitor = "cloudflare/terraform-provider-cloudflare v4, resourceCloudflareLoadBalancerMonitorSchema"
	schemaOf  = "pulumi-cloudflare 6.13.0, "
	issues    = "cloudflare/terraform-provider-cloudflare issue "
	rewriting = "developers.cloudflare.com/rules/transform/request-header-modification, Important remarks"
)

func set(name string, value any) func(*bed, resource.Props) {
	return func(_ *bed, in resource.Props) {
		if value == nil {
			delete(in, name)
			return
		}
		in[name] = value
	}
}

// origins replaces a pool's origins by changed copies of the one that is fine.
func origins(changes ...resource.Props) func(*bed, resource.Props) {
	return func(b *bed, in resource.Props) {
		var list []any
		for _, c := range changes {
			list = append(list, b.origin().With(c))
		}
		in["origins"] = list
	}
}

func host(names ...any) resource.Props {
	return resource.Props{"header": resource.Props{"hosts": names}}
}

// rules replaces a ruleset's header by another.
func header(name string, h resource.Props) func(*bed, resource.Props) {
	return func(b *bed, in resource.Props) {
		in["phase"] = "http_request_late_transform"
		in["rules"] = resource.List(b.rule().With(resource.Props{"actionParameters": resource.Props{"headers": resource.Props{name: h}}}))
		if err := b.delete(tRuleset); err != nil { // one of the phase
			b.t.Fatal(err)
		}
	}
}

var recordFacts = []fact{
	{"TTL too short", schemaOf + "DnsRecordArgs.Ttl: 30 for Enterprise zones; timothymiller/cloudflare-ddns issue 179", tRecord, set("ttl", 29.0), "9021", "TTL must be between 30 and 86400 seconds, or 1 for Automatic."},
	{"TTL too long", schemaOf + "DnsRecordArgs.Ttl", tRecord, set("ttl", 86401.0), "9021", "TTL must be between"},
	{"no TTL", schemaOf + "DnsRecordArgs: required", tRecord, set("ttl", nil), "Check", "ttl"},
	{"A no address", "timothymiller/cloudflare-ddns issue 230", tRecord, func(_ *bed, in resource.Props) { in["type"], in["content"] = "A", "192.0.2" }, "9005", "Content for A record must be a valid IPv4 address."},
	{"A of IPv6", "timothymiller/cloudflare-ddns issue 230", tRecord, func(_ *bed, in resource.Props) { in["type"], in["content"] = "A", "2001:db8::1" }, "9005", "valid IPv4 address"},
	{"AAAA of IPv4", "wherelse/cloudflare-ddns-script issue 15", tRecord, func(_ *bed, in resource.Props) { in["type"], in["content"] = "AAAA", "192.0.2.1" }, "9006", "Content for AAAA record must be a valid IPv6 address."},
	{"CNAME to an address", "stephenou/fruitionsite issue 79", tRecord, set("content", "192.0.2.1"), "1004", "Content for CNAME record is invalid."},
	{"the same record twice", "jeessy2/ddns-go issue 1378", tRecord, set("name", "R1."+shared+"."), "81058", "An identical record already exists."},
	{"two CNAMEs", "HermanMartinus/bearblog issue 105", tRecord, func(_ *bed, in resource.Props) { in["name"], in["content"] = "r1."+shared, "other.test" }, "81053", "An A, AAAA, or CNAME record with that host already exists."},
	{"A beside CNAME", "favonia/cloudflare-ddns issue 990", tRecord, func(_ *bed, in resource.Props) {
		in["name"], in["type"], in["content"] = "r1."+shared, "A", "192.0.2.1"
	}, "81054", "A CNAME record with that host already exists."},
	{"a name below the zone, said shortly", "developers.cloudflare.com/dns/manage-dns-records/how-to/create-dns-records", tRecord, func(_ *bed, in resource.Props) { in["name"], in["content"] = "r1.api", "other.test" }, "81053", "already exists"},
	{"no such zone", issues + "4958", tRecord, set("zoneId", "nobody"), "7003", "Could not route to /client/v4/zones/nobody/dns_records, perhaps your object identifier is invalid?"},
	{"unknown type", schemaOf + "DnsRecordArgs.Type", tRecord, set("type", "SPF"), "Check", "expected type to be one of"},
	{"CAA without its parts", schemaOf + "DnsRecordArgs.Data: Components of a CAA record", tRecord, func(_ *bed, in resource.Props) { in["type"], in["content"] = "CAA", `0 issue "pki.goog"` }, "1004", "CAA records require data"},
	{"proxied record", "ours", tRecord, set("proxied", true), "Check", "the local clouds do not have proxied records"},
}

var monitorFacts = []fact{
	{"interval too short", lbDocs + "reference/limitations: 10s (min); " + issues + "133", tMonitor, func(_ *bed, in resource.Props) { in["interval"], in["timeout"] = 9.0, 1.0 }, "1002", "interval is not in range [10, 3600]: validation failed"},
	{"interval too long", lbDocs + "reference/limitations: 3600s (max)", tMonitor, set("interval", 3601.0), "1002", "interval is not in range [10, 3600]"},
	{"timeout too long", v4Monitor + ": IntBetween(1, 10)", tMonitor, func(_ *bed, in resource.Props) { in["interval"], in["timeout"] = 60.0, 11.0 }, "1002", "timeout is not in range [1, 10]"},
	{"no timeout", v4Monitor + ": IntBetween(1, 10)", tMonitor, set("timeout", 0.0), "1002", "timeout is not in range [1, 10]"},
	{"too many retries", v4Monitor + ": IntBetween(1, 5)", tMonitor, func(_ *bed, in resource.Props) { in["interval"], in["retries"] = 60.0, 6.0 }, "1002", "retries is not in range [1, 5]"},
	{"no retry", v4Monitor + ": IntBetween(1, 5)", tMonitor, set("retries", 0.0), "1002", "retries is not in range [1, 5]"},
	{"tries longer than the interval", v4Monitor + ": interval has to be larger than (retries+1) * probe_timeout", tMonitor, set("timeout", 5.0), "1002", "interval must be larger than (retries + 1) * timeout"},
	{"TCP without a port", schemaOf + "LoadBalancerMonitorArgs.Port: Required for TCP; " + issues + "871", tMonitor, func(_ *bed, in resource.Props) { in["type"] = "tcp"; delete(in, "header") }, "1002", "port is not in range"},
	{"headers over TCP", schemaOf + "LoadBalancerMonitorArgs.Header: only valid for HTTP and HTTPS", tMonitor, func(_ *bed, in resource.Props) { in["type"], in["port"] = "tcp", 443.0 }, "1002", "header is only valid for HTTP and HTTPS monitors"},
	{"User-Agent", schemaOf + "LoadBalancerMonitorArgs.Header: cannot be overridden", tMonitor, set("header", resource.Props{"user-agent": resource.List("me")}), "1002", "User-Agent cannot be overridden"},
	{"expected codes", lbDocs + "monitors/create-monitor: individually or as a range", tMonitor, set("expectedCodes", "ok"), "1002", "is not a list of status codes"},
	{"another account", issues + "4958", tMonitor, set("accountId", "nobody"), "7003", "Could not route to /client/v4/accounts/nobody/load_balancers/monitors"},
	{"unknown type", schemaOf + "LoadBalancerMonitorArgs.Type", tMonitor, set("type", "dns"), "Check", "expected type to be one of"},
	{"ping", "ours", tMonitor, set("type", "icmp_ping"), "Check", "the local clouds do not have monitors of type icmp_ping"},
}

var poolFacts = []fact{
	{"a taken name", lbDocs + "pools/create-pool: A name (must be unique); " + issues + "6275", tPool, set("name", "pool-1"), "1003", "value not unique"},
	{"a name with dots", schemaOf + "LoadBalancerPoolArgs.Name: alphanumeric characters, hyphens, and underscores", tPool, set("name", "api.polygate.test"), "1002", "only alphanumeric characters, hyphens, and underscores are allowed: validation failed"},
	{"no such monitor", schemaOf + "LoadBalancerPoolArgs.Monitor: the ID of the Monitor", tPool, set("monitor", "nobody"), "1002", "monitor nobody does not exist"},
	{"no origins", "hashicorp/terraform issue 17948", tPool, set("origins", []any{}), "1002", "the origin list length must be in range [1,"},
	{"two of one address", lbDocs + "pools/create-pool, Endpoint address uniqueness", tPool, origins(resource.Props{}, resource.Props{"name": "other"}), "1002", `origin address "use1.aws.api.polygate.test" is not unique`},
	{"two of one name", lbDocs + "pools/create-pool: A name (must be unique)", tPool, origins(resource.Props{}, resource.Props{"address": "euw1.aws.api.polygate.test"}), "1002", "missing or not unique"},
	{"weight above one", lbDocs + "understand-basics/traffic-steering/origin-level-steering: between 0 and 1", tPool, origins(resource.Props{"weight": 1.01}), "1002", "weight 1.01 is not a multiple of 0.01 in range [0, 1]"},
	{"weight of thousandths", lbDocs + "understand-basics/traffic-steering/origin-level-steering: increments of .01", tPool, origins(resource.Props{"weight": 0.125}), "1002", "weight 0.125 is not a multiple of 0.01"},
	{"somebody else's Host", lbDocs + "additional-options/override-http-host-headers; cloudflare/cloudflare-docs pull request 2850", tPool, origins(host("www.example.com")), "1002", `Host header "www.example.com" not allowed for origin domain "use1.aws.api.polygate.test": validation failed`},
	{"two Hosts", schemaOf + "LoadBalancerPoolOriginHeaderArgs.Hosts: Current support is 1 'Host' header", tPool, origins(host(own, shared)), "1002", "only one Host header is supported"},
	{"a private address", schemaOf + "LoadBalancerPoolOriginArgs.Address: virtual_network_id must also be set", tPool, origins(resource.Props{"address": "10.0.0.1", "header": nil}), "1002", "internal or reserved"},
	{"no address", schemaOf + "LoadBalancerPoolOriginArgs.Address", tPool, origins(resource.Props{"address": "nowhere", "header": nil}), "1002", "is not a valid address"},
	{"unknown region", lbDocs + "reference/region-mapping-api", tPool, set("checkRegions", resource.List("EU")), "1002", `"EU" is not a region`},
	{"latitude alone", schemaOf + "LoadBalancerPoolArgs.Latitude: longitude must also be set", tPool, set("latitude", 50.0), "1002", "latitude and longitude must be set together"},
	{"more healthy ones than there are", schemaOf + "LoadBalancerPoolArgs.MinimumOrigins", tPool, set("minimumOrigins", 2.0), "1002", "minimum_origins is not in range [0, 1]"},
	{"unknown steering of origins", schemaOf + "LoadBalancerPoolOriginSteeringArgs.Policy", tPool, set("originSteering", resource.Props{"policy": "round_robin"}), "Check", "expected originSteering.policy to be one of"},
}

var balancerFacts = []fact{
	{"no such pool", schemaOf + "LoadBalancerArgs.DefaultPools", tBalancer, set("defaultPools", resource.List("nobody")), "1002", `pool "nobody" does not exist: validation failed`},
	{"no such fallback pool", schemaOf + "LoadBalancerArgs.FallbackPool", tBalancer, set("fallbackPool", "nobody"), "1002", `pool "nobody" does not exist`},
	{"no such pool for a region", lbDocs + "steering-policies/geo-steering", tBalancer, set("regionPools", resource.Props{"WEU": resource.List("nobody")}), "1002", `pool "nobody" does not exist`},
	{"no fallback pool", schemaOf + "LoadBalancerArgs.FallbackPool: required", tBalancer, set("fallbackPool", nil), "Check", "fallbackPool"},
	{"no default pool", schemaOf + "LoadBalancerArgs.DefaultPools: required", tBalancer, set("defaultPools", []any{}), "1002", "default_pools must not be empty"},
	{"unknown region", lbDocs + "reference/region-mapping-api", tBalancer, func(b *bed, in resource.Props) { in["regionPools"] = resource.Props{"EU": resource.List(b.ids[tPool])} }, "1002", `"EU" is not a region`},
	{"no country", lbDocs + "reference/region-mapping-api: ISO-3166-1 alpha-2", tBalancer, func(b *bed, in resource.Props) {
		in["countryPools"] = resource.Props{"US-CA": resource.List(b.ids[tPool])}
	}, "1002", `"US-CA" is not a country`},
	{"a name out of the zone", "cloudflare/terraform-provider-cloudflare pull request 887", tBalancer, set("name", "api.example.com"), "1002", "invalid hostname: api.example.com: validation failed"},
	{"a taken name", issues + "6275", tBalancer, set("name", "API1.polygate.test."), "1003", "value not unique"},
	{"TTL too short", "cloud.ibm.com/docs/cis?topic=cis-proxy-modes: from 30 seconds to 10 minutes", tBalancer, set("ttl", 29.0), "1002", "ttl is not in range [30, 600]"},
	{"TTL too long", "cloud.ibm.com/docs/cis?topic=cis-proxy-modes: from 30 seconds to 10 minutes", tBalancer, set("ttl", 601.0), "1002", "ttl is not in range [30, 600]"},
	{"TTL of a proxied one", schemaOf + "LoadBalancerArgs.Ttl: only applies to unproxied load balancers", tBalancer, set("proxied", true), "1002", "ttl cannot be set on a proxied load balancer"},
	{"pool weight above one", "cloudflare/terraform-provider-cloudflare v4, loadBalancerRandomSteeringElem: FloatBetween(0, 1)", tBalancer, func(b *bed, in resource.Props) {
		in["randomSteering"] = resource.Props{"poolWeights": resource.Props{b.ids[tPool]: 1.5}}
	}, "1002", "weight 1.5 of pool"},
	{"default weight of hundredths", "Cloudflare's API schema, load-balancing_random_steering: multipleOf 0.1", tBalancer, set("randomSteering", resource.Props{"defaultWeight": 0.25}), "1002", "default_weight 0.25 is not a multiple of 0.1"},
	{"weight of a pool that is none", schemaOf + "LoadBalancerRandomSteeringArgs.PoolWeights", tBalancer, set("randomSteering", resource.Props{"poolWeights": resource.Props{"nobody": 0.5}}), "1002", `pool "nobody" does not exist`},
	{"proximity without coordinates", lbDocs + "steering-policies/proximity-steering: you first need to add GPS coordinates", tBalancer, set("steeringPolicy", "proximity"), "1002", "has no coordinates"},
	{"failover across pools, DNS only", lbDocs + "understand-basics/adaptive-routing", tBalancer, set("adaptiveRouting", resource.Props{"failoverAcrossPools": true}), "1002", "failover_across_pools needs a proxied load balancer"},
	{"unknown steering", schemaOf + "LoadBalancerArgs.SteeringPolicy", tBalancer, set("steeringPolicy", "latency"), "Check", "expected steeringPolicy to be one of"},
	{"measured latency", "ours", tBalancer, set("steeringPolicy", "dynamic_latency"), "Check", "the local clouds do not have traffic steering by dynamic_latency"},
}

var rulesetFacts = []fact{
	{"a second one of its phase", issues + "6273", tRuleset, set("phase", "http_request_late_transform"), "20217", "'zone' is not a valid value for kind because exceeded maximum number of zone rulesets for phase http_request_late_transform"},
	{"an action of another phase", "developers.cloudflare.com/ruleset-engine/reference/phases-list", tRuleset, func(b *bed, in resource.Props) { in["rules"] = resource.List(b.rule()) }, "20127", "'rewrite' is not a valid value for action"},
	{"the visitor's address", rewriting, tRuleset, header("X-Forwarded-For", resource.Props{"operation": "set", "value": "192.0.2.1"}), "20127", "'X-Forwarded-For' is not a valid value for name"},
	{"Cloudflare's own header", rewriting, tRuleset, header("CF-Ray", resource.Props{"operation": "remove"}), "20127", "'CF-Ray' is not a valid value for name"},
	{"set to nothing", schemaOf + "RulesetRuleActionParametersHeadersArgs.Value", tRuleset, header("X-A", resource.Props{"operation": "set"}), "20127", "wants a value"},
	{"unknown mode", "developers.cloudflare.com/ssl/origin-configuration/ssl-modes", tRuleset, func(b *bed, in resource.Props) {
		in["rules"] = resource.List(b.rule().With(resource.Props{"action": "set_config", "actionParameters": resource.Props{"ssl": "verify"}}))
	}, "Check", "to be one of"},
	{"no such zone", issues + "4958", tRuleset, set("zoneId", "nobody"), "7003", "Could not route to"},
	{"another expression", "ours", tRuleset, func(b *bed, in resource.Props) {
		in["rules"] = resource.List(b.rule().With(resource.Props{"action": "set_config", "expression": "true"}))
	}, "Check", "the local clouds do not have expressions but http.host"},
	{"unsupported type", "ours", "cloudflare:index/workerScript:WorkerScript", set("x", nil), "LocalCloudUnsupported", "the local clouds do not have cloudflare:index/workerScript:WorkerScript; supported of cloudflare: cloudflare:index/dnsRecord:DnsRecord,"},
}

// TestFacts breaks one rule at a time where everything else is fine, which the rest of the tests show.
func TestFacts(t *testing.T) {
	t.Parallel()
	for subject, facts := range map[string][]fact{"records": recordFacts, "monitors": monitorFacts, "pools": poolFacts, "balancers": balancerFacts, "rulesets": rulesetFacts} {
		t.Run(subject, func(t *testing.T) {
			t.Parallel()
			for _, f := range facts {
				t.Run(f.name, func(t *testing.T) {
					b := newBed(t)
					in := b.inputs(f.token)
					f.change(b, in)
					before := len(b.store.View().All())
					_, _, err := b.try(f.token, in)
					if err == nil {
						t.Fatalf("accepted, want %s: %s (%s)", f.code, f.words, f.source)
					}
					if resource.Code(err) != f.code || !strings.Contains(strings.ReplaceAll(err.Error(), `\"`, `"`), f.words) {
						t.Errorf("got %s: %v\nwant %s: ...%s... (%s)", resource.Code(err), err, f.code, f.words, f.source)
					}
					if after := len(b.store.View().All()); after != before {
						t.Errorf("%d records were left behind by a refused create", after-before)
					}
				})
			}
		})
	}
}

// What the facts change is fine before: each type takes a second one.
func TestSecondOnes(t *testing.T) {
	b := newBed(t)
	for _, token := range []string{tRecord, tMonitor, tPool, tBalancer, tRuleset} {
		b.must(token, b.inputs(token))
	}
}

// What is in use cannot go: a monitor of a pool, and a pool of a load balancer, as a default, for a place or as the fallback.
func TestReferenced(t *testing.T) {
	b := newBed(t)
	in := func() resource.Props { return b.inputs(tBalancer).With(resource.Props{"name": "api1." + zone}) }
	second, _ := b.must(tPool, b.inputs(tPool))
	for _, token := range []string{tMonitor, tPool} {
		if err := b.delete(token); resource.Code(err) != "1005" || !strings.Contains(err.Error(), "412 Precondition Failed") ||
			!strings.Contains(err.Error(), "This object is referenced by other objects, delete them first.") {
			t.Errorf("delete of a %s in use: %v (cloudflare/cloudflare-docs issue 3686)", token, err)
		}
	}
	for name, change := range map[string]resource.Props{
		"for a region":  {"defaultPools": resource.List(second), "fallbackPool": second, "regionPools": resource.Props{"WEU": resource.List(b.ids[tPool])}},
		"for a country": {"defaultPools": resource.List(second), "fallbackPool": second, "countryPools": resource.Props{"DE": resource.List(b.ids[tPool])}},
		"as fallback":   {"defaultPools": resource.List(second)},
		"by its weight": {"defaultPools": resource.List(second), "fallbackPool": second, "randomSteering": resource.Props{"poolWeights": resource.Props{b.ids[tPool]: 0.5}}},
	} {
		if _, err := b.update(tBalancer, in().With(change)); err != nil {
			t.Fatal(err)
		}
		if err := b.delete(tPool); resource.Code(err) != "1005" {
			t.Errorf("delete of a pool in use %s: %v (Manage pools, Delete a pool)", name, err)
		}
	}
	if _, err := b.update(tBalancer, in().With(resource.Props{"defaultPools": resource.List(second), "fallbackPool": second})); err != nil {
		t.Fatal(err)
	}
	if err := b.delete(tPool); err != nil {
		t.Errorf("a pool that nobody uses: %v", err)
	}
}

// Everything but account, zone, and a ruleset's kind and phase changes in place (the provider's schemas), by the same rules.
func TestUpdatesInPlace(t *testing.T) {
	b := newBed(t)
	for _, c := range []struct {
		token   string
		change  resource.Props
		replace bool
		bad     resource.Props
		code    string
	}{
		{tRecord, resource.Props{"content": "other.test", "ttl": 120.0, "type": "CNAME"}, false, resource.Props{"ttl": 5.0}, "9021"},
		{tMonitor, resource.Props{"interval": 30.0, "path": "/ready", "type": "http"}, false, resource.Props{"interval": 5.0}, "1002"},
		{tPool, resource.Props{"name": "renamed", "enabled": false, "checkRegions": resource.List("OC")}, false, resource.Props{"monitor": "nobody"}, "1002"},
		{tBalancer, resource.Props{"name": "other." + zone, "proxied": true, "ttl": nil, "enabled": false}, false, resource.Props{"ttl": 5.0}, "1002"},
		{tRuleset, resource.Props{"name": "renamed", "rules": []any{}}, false, resource.Props{"rules": resource.List(b.rule().With(resource.Props{"action": "block"}))}, "20127"},
		{tRuleset, resource.Props{"phase": "http_config_settings"}, true, nil, ""},
		{tRecord, resource.Props{"zoneId": "other"}, true, nil, ""},
		{tPool, resource.Props{"accountId": "other"}, true, nil, ""},
	} {
		in := b.outs[c.token]
		d, err := b.c.Diff(c.token, in, in.With(c.change))
		if err != nil || len(d.Changes) == 0 || (len(d.Replaces()) > 0) != c.replace {
			t.Errorf("%s %v: changes %v, replaces %v, %v", c.token, c.change, d.Changes, d.Replaces(), err)
		}
		if c.bad == nil {
			continue
		}
		clean := resource.Props{}
		for _, p := range b.inputs(c.token).Keys() {
			clean[p] = in[p]
		}
		if _, err := b.update(c.token, clean.With(c.bad)); resource.Code(err) != c.code {
			t.Errorf("%s took %v: %v", c.token, c.bad, err)
		}
		change := clean.With(c.change)
		for k, v := range change {
			if v == nil {
				delete(change, k)
			}
		}
		if _, err := b.update(c.token, change); err != nil {
			t.Errorf("%s refused %v: %v", c.token, c.change, err)
		}
	}
}
