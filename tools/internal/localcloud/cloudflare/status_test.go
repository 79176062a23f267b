package cloudflare_test

import (
	"testing"

	"polygate.example/tools/internal/localcloud/cloudflare"
	"polygate.example/tools/internal/localcloud/resource"
)

const domainStatus = "Zone status, developers.cloudflare.com/dns/zone-setups/reference/domain-status"

// A zone's status follows its delegation, and what a load balancer does follows its zone's status.
func TestStatusFacts(t *testing.T) {
	for _, c := range []struct {
		name   string
		from   bool   // delegated when it is added
		looks  []bool // what Cloudflare finds from then on
		want   string
		served bool // by load balancers
		why    string
	}{
		{"active", true, nil, "active", true, "an active domain status is a requirement for application services configurations to be applied"},
		{"never delegated", false, nil, "pending", false, "added by the API a zone is created directly in Pending"},
		{"pending as long as it takes", false, []bool{false, false}, "pending", false, "any pending zone with a paid plan will remain pending"},
		{"activated", false, []bool{true}, "active", true, "Cloudflare has authenticated your nameserver changes"},
		{"moved away", true, []bool{false}, "moved", false, "the Cloudflare nameservers are no longer present on your domain's NS records"},
		{"moved and back", true, []bool{false, true}, "active", true, "the same"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBed(t)
			other := "other.test"
			if err := cloudflare.SeedZone(b.store, other, c.from); err != nil {
				t.Fatal(err)
			}
			for _, delegated := range c.looks {
				if err := cloudflare.CheckActivation(t.Context(), b.store, other, delegated); err != nil {
					t.Fatal(err)
				}
			}
			z, _, err := b.c.Invoke(t.Context(), "cloudflare:index/getZone:getZone", resource.Props{"filter": resource.Props{"name": other, "match": "all"}}, nil, false)
			if err != nil || z.Str("status") != c.want {
				t.Errorf("the zone is %q, %v: want %s (%s: %s)", z.Str("status"), err, c.want, domainStatus, c.why)
			}
			id := z.Str("zoneId")
			b.must(tRecord, resource.Props{"zoneId": id, "name": "api." + other, "type": "CNAME", "content": own, "ttl": 60.0, "proxied": false})
			for name, proxied := range map[string]bool{"api." + other: false, "web." + other: true} {
				in := b.inputs(tBalancer).With(resource.Props{"zoneId": id, "name": name, "proxied": proxied})
				if proxied {
					delete(in, "ttl")
				}
				b.must(tBalancer, in)
			}
			w, found := b.world(), 0
			for _, lb := range w.Balancers {
				if lb.Zone != id {
					continue
				}
				if found++; lb.Disabled == c.served {
					t.Errorf("%s is disabled: %t, want %t (%s)", lb.Name, lb.Disabled, !c.served, domainStatus)
				}
			}
			if found != 2 || (len(w.Sites) == 1) != c.served {
				t.Errorf("%d load balancers and %d proxied names, want 2 and one only where the zone is active: pending zones cannot be used to proxy traffic (%s)", found, len(w.Sites), domainStatus)
			}
			for _, served := range w.Zones {
				if served.ID == id && len(served.Records) != 1 {
					t.Errorf("%d records are answered, want 1: Cloudflare responds to DNS queries for pending zones (%s)", len(served.Records), domainStatus)
				}
			}
		})
	}
}
