package client

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"time"

	mdns "github.com/miekg/dns"
)

// exchange asks the server, over UDP and, if the answer was cut, over TCP. UDP may lose a packet: it is asked twice.
func (r *Resolver) exchange(ctx context.Context, k key) (*mdns.Msg, error) {
	q := new(mdns.Msg)
	q.SetQuestion(k.name, k.rtype)
	q.SetEdns0(udpSize, false)
	if r.o.Subnet.IsValid() {
		q.IsEdns0().Option = append(q.IsEdns0().Option, clientSubnet(r.o.Subnet))
	}
	var last error
	for _, network := range []string{"udp", "udp"} {
		c := mdns.Client{Net: network, Timeout: r.o.Timeout, UDPSize: udpSize}
		m, _, err := c.ExchangeContext(ctx, q, r.o.Server)
		if err == nil && m.Truncated {
			c.Net = "tcp"
			m, _, err = c.ExchangeContext(ctx, q, r.o.Server)
		}
		if err == nil {
			return m, nil
		}
		if last = err; ctx.Err() != nil {
			break
		}
	}
	return nil, fmt.Errorf("%w: %s: %w", ErrServer, r.o.Server, last)
}

// Ask puts one question to the server past the cache, and keeps nothing of it. The answer is what this one server says:
// its chain may end at a name that the server knows nothing about, without addresses. Errors wrap ErrNoName or
// ErrServer.
func (r *Resolver) Ask(ctx context.Context, host string) (Answer, error) {
	k := key{mdns.CanonicalName(host), mdns.TypeA}
	m, err := r.exchange(ctx, k)
	switch {
	case err != nil:
		return Answer{}, fmt.Errorf("ask about %s: %w", host, err)
	case m.Rcode == mdns.RcodeNameError:
		return Answer{}, fmt.Errorf("ask about %s: %w", host, ErrNoName)
	case m.Rcode != mdns.RcodeSuccess:
		return Answer{}, fmt.Errorf("ask about %s: %w: it said %s", host, ErrServer, mdns.RcodeToString[m.Rcode])
	}
	a, life := Answer{Chain: []string{strings.TrimSuffix(k.name, ".")}}, entry{}
	now := r.now()
	for _, rr := range m.Answer { // a chain comes in its order (RFC 1034, 4.3.2)
		if mdns.CanonicalName(rr.Header().Name) != k.name {
			continue
		}
		switch rr := rr.(type) {
		case *mdns.CNAME:
			k.name = mdns.CanonicalName(rr.Target)
			a.Chain = append(a.Chain, strings.TrimSuffix(k.name, "."))
		case *mdns.A:
			if ip, ok := netip.AddrFromSlice(rr.A.To4()); ok {
				a.Addrs = append(a.Addrs, ip)
			}
		}
		life = r.timed(life, now, rr.Header().Ttl)
	}
	a.TTL, a.Expires = life.ttl, life.expires
	return a, nil
}

// clientSubnet says where a client is as far as its resolver lets on: its network, and nothing of the host.
func clientSubnet(p netip.Prefix) *mdns.EDNS0_SUBNET {
	family := uint16(1) // IPv4, by the IANA's address family numbers
	if p.Addr().Is6() {
		family = 2
	}
	return &mdns.EDNS0_SUBNET{
		Code: mdns.EDNS0SUBNET, Family: family, SourceNetmask: uint8(p.Bits()), Address: p.Masked().Addr().AsSlice(),
	}
}

// store keeps the record sets of an answer, each with its own TTL, and a negative answer for as long as its SOA says
// (RFC 2308, 5).
func (r *Resolver) store(m *mdns.Msg, asked key) error {
	if m.Rcode != mdns.RcodeSuccess && m.Rcode != mdns.RcodeNameError {
		return fmt.Errorf("%w: %s said %s about %s", ErrServer, r.o.Server, mdns.RcodeToString[m.Rcode], asked.name)
	}
	now := r.now()
	received := map[key]entry{}
	last := asked.name
	for _, rr := range m.Answer {
		k := key{mdns.CanonicalName(rr.Header().Name), rr.Header().Rrtype}
		e := r.timed(received[k], now, rr.Header().Ttl)
		switch rr := rr.(type) {
		case *mdns.CNAME:
			e.target = mdns.CanonicalName(rr.Target)
			if k.name == last {
				last = e.target
			}
		case *mdns.A:
			ip, ok := netip.AddrFromSlice(rr.A.To4())
			if !ok {
				continue
			}
			e.addrs = append(e.addrs, ip)
		case *mdns.AAAA:
			ip, ok := netip.AddrFromSlice(rr.AAAA.To16())
			if !ok {
				continue
			}
			e.addrs = append(e.addrs, ip)
		default:
			continue
		}
		received[k] = e
	}
	if k := (key{last, asked.rtype}); len(received[k].addrs) == 0 {
		r.negative(m, k, received, now)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.cache)+len(received) > maxEntries {
		clear(r.cache) // crude, and enough: a client asks for a handful of names
	}
	for k, e := range received {
		if k.rtype == mdns.TypeCNAME {
			delete(r.cache, key{k.name, mdns.TypeA})
			delete(r.cache, key{k.name, mdns.TypeAAAA})
		} else {
			delete(r.cache, key{k.name, mdns.TypeCNAME})
		}
		r.cache[k] = e
	}
	return nil
}

// negative notes that the last name of a chain has no address of the family asked for, if the answer says so with an
// SOA. Without one the chain only left what the server knows: the next step asks for that name by itself, and if that
// brings nothing either, nothing is kept.
func (r *Resolver) negative(m *mdns.Msg, k key, received map[key]entry, now time.Time) {
	for _, rr := range m.Ns {
		soa, ok := rr.(*mdns.SOA)
		if !ok {
			continue
		}
		e := r.timed(entry{}, now, min(soa.Hdr.Ttl, soa.Minttl))
		e.missing = ErrNoAddress
		if m.Rcode == mdns.RcodeNameError {
			e.missing = ErrNoName
		}
		received[k] = e
		return
	}
}

// timed sets an entry's life. All records of a set should have one TTL; if not, the shortest counts (RFC 2181, 5.2).
func (r *Resolver) timed(e entry, now time.Time, ttl uint32) entry {
	d := time.Duration(ttl) * time.Second
	if e.expires.IsZero() || d < e.ttl {
		e.ttl = d
		e.expires = now.Add(d)
		e.until = now.Add(max(d, r.o.Hold))
	}
	return e
}
