package balancer

import (
	"net/netip"

	"polygate.example/tools/internal/localcloud/dns"
	"polygate.example/tools/internal/localcloud/place"
)

// manager is whose servers answer.
const manager = "cloudflare"

// automaticTTL is the TTL of proxied names, in seconds: they are always "Auto". Source: "Time to Live (TTL)",
// developers.cloudflare.com/dns/manage-dns-records/reference/ttl.
const automaticTTL = 300

// Answer answers for the names of load balancers; it is a dns.Steer. Of a proxied one it tells Cloudflare's own address. Of
// one that is DNS only it tells the addresses of the chosen origin, which "Cloudflare resolves ... and returns an A/AAAA
// record to the client" where the origin is a name ("CNAME flattening for endpoints"). When nothing is left to answer, "you
// will see the SOA record" ("How a load balancer becomes unhealthy"). A disabled load balancer leaves the name to the zone's
// records ("Disabling a load balancer").
func (b *Balancers) Answer(name string, from place.Place) (dns.Steered, bool) {
	t := b.steering()
	lb, ok := t.byName[name]
	if !ok || lb.Disabled {
		return dns.Steered{}, false
	}
	out := dns.Steered{Manager: manager, TTL: lb.TTL}
	if lb.Proxied {
		if edge, ok := t.edges[lb.ID]; ok {
			out.TTL, out.Addrs = automaticTTL, []netip.Addr{edge}
		}
		out.None = len(out.Addrs) == 0
		return out, true
	}
	if c, ok := b.choose(t, lb, from); ok {
		out.Addrs = b.addresses(c.origin.Address)
	}
	out.None = len(out.Addrs) == 0
	return out, true
}

// addresses are where an origin is.
func (b *Balancers) addresses(address string) []netip.Addr {
	if a, err := netip.ParseAddr(address); err == nil {
		return []netip.Addr{a}
	}
	r, err := b.o.Resolve(b.ctx, address)
	if err != nil {
		b.log.Warn("no answer: the origin has no address", "origin", address, "err", err)
		return nil
	}
	return r.Addrs
}
