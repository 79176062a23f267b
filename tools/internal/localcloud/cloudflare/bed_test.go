package cloudflare_test

import (
	"path/filepath"
	"strings"
	"testing"

	"polygate.example/tools/internal/localcloud/clock"
	"polygate.example/tools/internal/localcloud/cloudflare"
	"polygate.example/tools/internal/localcloud/pki"
	"polygate.example/tools/internal/localcloud/resource"
	"polygate.example/tools/internal/localcloud/resource/resourcetest"
)

const (
	zone   = "polygate.test"
	shared = "api.polygate.test"
	own    = "use1.aws.api.polygate.test"
)

const (
	tRecord   = "cloudflare:index/dnsRecord:DnsRecord"
	tMonitor  = "cloudflare:index/loadBalancerMonitor:LoadBalancerMonitor"
	tPool     = "cloudflare:index/loadBalancerPool:LoadBalancerPool"
	tBalancer = "cloudflare:index/loadBalancer:LoadBalancer"
	tRuleset  = "cloudflare:index/ruleset:Ruleset"
	tSetting  = "cloudflare:index/zoneSetting:ZoneSetting"
)

// bed is a local Cloudflare to try things on, with what a stack of one region has: a record, a monitor, a pool, a load
// balancer and a ruleset that are fine.
type bed struct {
	t        *testing.T
	store    *resource.Store
	services resource.Services
	c        *resource.Controller
	zoneID   string
	ids      map[string]string         // by token
	outs     map[string]resource.Props // by token
}

func newBed(t *testing.T) *bed {
	t.Helper()
	dir := t.TempDir()
	ca, err := pki.Open(filepath.Join(dir, "ca"))
	if err != nil {
		t.Fatal(err)
	}
	store, err := resource.Open(filepath.Join(dir, "store"))
	if err != nil {
		t.Fatal(err)
	}
	if err := cloudflare.SeedZone(store, zone, true); err != nil {
		t.Fatal(err)
	}
	services := resource.Services{Addresses: &resourcetest.Addresses{Port: 8443}, DNS: cloudflare.DNS{}, CA: ca, Clock: clock.New(1e6)}
	c, err := resource.NewController(cloudflare.Cloud(), store, services)
	if err != nil {
		t.Fatal(err)
	}
	b := &bed{t: t, store: store, services: services, c: c, ids: map[string]string{}, outs: map[string]resource.Props{}}
	out, _, err := c.Invoke(t.Context(), "cloudflare:index/getZone:getZone", resource.Props{"filter": resource.Props{"name": zone, "match": "all"}}, nil, false)
	if err != nil {
		t.Fatal(err)
	}
	b.zoneID = out.Str("zoneId")
	for _, token := range []string{tRecord, tMonitor, tPool, tBalancer, tRuleset} {
		b.ids[token], b.outs[token] = b.must(token, b.inputs(token))
	}
	return b
}

// inputs are those of a resource that is fine beside what the bed has.
func (b *bed) inputs(token string) resource.Props {
	account := resource.Props{"accountId": cloudflare.Account}
	inZone := resource.Props{"zoneId": b.zoneID}
	n := "1" // of the bed's own; another one has another name
	if b.ids[token] != "" {
		n = "2"
	}
	switch token {
	case tRecord:
		return inZone.With(resource.Props{"name": "r" + n + "." + shared, "type": "CNAME", "content": "front.test", "ttl": 60.0, "proxied": false})
	case tMonitor:
		return account.With(resource.Props{"type": "https", "path": "/health", "expectedCodes": "200", "interval": 10.0, "timeout": 4.0, "retries": 1.0,
			"header": resource.Props{"X-Polygate-Front": resource.List("secret")}})
	case tPool:
		return account.With(resource.Props{"name": "pool-" + n, "monitor": b.ids[tMonitor], "minimumOrigins": 1.0, "checkRegions": resource.List("ENAM", "WEU"),
			"origins": resource.List(b.origin())})
	case tBalancer:
		return inZone.With(resource.Props{"name": strings.Replace(shared, "api", "api"+n, 1), "fallbackPool": b.ids[tPool], "defaultPools": resource.List(b.ids[tPool]),
			"steeringPolicy": "off", "ttl": 30.0})
	default:
		in := inZone.With(resource.Props{"name": "mark", "kind": "zone", "phase": "http_request_late_transform", "rules": resource.List(b.rule())})
		if n == "2" {
			in["phase"] = "http_config_settings"
			in["rules"] = resource.List(b.rule().With(resource.Props{"action": "set_config", "actionParameters": resource.Props{"ssl": "strict"}}))
		}
		return in
	}
}

func (b *bed) origin() resource.Props {
	return resource.Props{"name": "aws-use1", "address": own, "weight": 1.0, "enabled": true, "header": resource.Props{"hosts": resource.List(own)}}
}

func (b *bed) rule() resource.Props {
	return resource.Props{"action": "rewrite", "expression": `http.host eq "api1.polygate.test"`, "enabled": true, "actionParameters": resource.Props{
		"headers": resource.Props{"X-Polygate-Front": resource.Props{"operation": "set", "value": "secret"}}}}
}

func (b *bed) cloud() resourcetest.Cloud { return resourcetest.Cloud{T: b.t, Controller: b.c} }

// try checks and creates, as the engine does. Failures of the check come back as one error.
func (b *bed) try(token string, in resource.Props) (string, resource.Props, error) {
	return b.cloud().Create(token, in)
}

// update changes the bed's own resource of a type.
func (b *bed) update(token string, in resource.Props) (resource.Props, error) {
	return b.cloud().Update(token, b.ids[token], b.outs[token], b.outs[token], in)
}

func (b *bed) delete(token string) error { return b.cloud().Delete(token, b.ids[token], b.outs[token]) }

// must is try for what has to work.
func (b *bed) must(token string, in resource.Props) (string, resource.Props) {
	b.t.Helper()
	return b.cloud().Must(token, in)
}
