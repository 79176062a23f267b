// Package client is a client of the gateway as drills and end-to-end tests need it: one that resolves names itself,
// keeps answers exactly as long as their TTL says, connects to the address it was given, and tells which one that
// was and when. It is what stands in the client's seat when a failover is measured.
//
// TTLs are cloud time: the local clouds put production's TTLs on the wire and run Speed times as fast, so the resolver
// counts them on a clock of the same speed. Against real clouds the speed is 1.
package client

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"time"

	mdns "github.com/miekg/dns"

	"polygate.example/tools/internal/localcloud/clock"
)

// Bounds of the resolver.
const (
	maxChain   = 16   // CNAMEs followed for one name
	maxEntries = 4096 // record sets kept
	udpSize    = 1232 // offered by EDNS0: what fits every path unfragmented (DNS flag day 2020)
)

// Errors of Lookup that callers act on.
var (
	ErrNoName    = errors.New("no such name")               // NXDOMAIN
	ErrNoAddress = errors.New("name has no IPv4 address")   // NODATA
	ErrServer    = errors.New("name server did not answer") // no or no usable answer, and nothing held
)

// ResolverOptions configures a Resolver.
type ResolverOptions struct {
	Server  string        // host:port of the DNS server, required
	Speed   float64       // cloud seconds per wall second, by which TTLs run out; 0 is 1, as on real clouds
	Timeout time.Duration // of one query, wall time; 0 is 2 s. A query is sent at most twice
	Subnet  netip.Prefix  // sent along as the client's own (EDNS Client Subnet, RFC 7871); the zero value sends none
}

// Resolver is a caching resolver for IPv4 addresses. All methods are safe for concurrent use.
type Resolver struct {
	o     ResolverOptions
	now   func() time.Time // cloud time
	mu    sync.Mutex
	cache map[key]entry
}

type key struct {
	name  string // lower case, trailing dot
	rtype uint16
}

// entry is one record set as it was received, or the knowledge that it does not exist.
type entry struct {
	addrs   []netip.Addr // of an A set
	target  string       // of a CNAME
	missing error        // ErrNoName or ErrNoAddress
	ttl     time.Duration
	expires time.Time // cloud time
}

// Answer is where a name leads.
type Answer struct {
	Chain   []string      `json:"chain"`   // the name asked for, then each CNAME's target; no trailing dots
	Addrs   []netip.Addr  `json:"addrs"`   // of the last name, in the order received; never empty
	TTL     time.Duration `json:"ttl"`     // shortest on the way as received, cloud time
	Expires time.Time     `json:"expires"` // cloud time at which the first record on the way expires
	Cached  bool          `json:"cached"`  // the server was not asked
}

// Owner is the name that owns the addresses: the end of the chain.
func (a Answer) Owner() string { return a.Chain[len(a.Chain)-1] }

// NewResolver returns a resolver with an empty cache.
func NewResolver(o ResolverOptions) (*Resolver, error) {
	if o.Server == "" {
		return nil, errors.New("client: no DNS server given: want host:port")
	}
	o.Timeout = cmp.Or(o.Timeout, 2*time.Second)
	return &Resolver{o: o, now: clock.New(o.Speed).Now, cache: map[key]entry{}}, nil
}

// Lookup resolves a name to its IPv4 addresses. It walks the chain record set by record set through the cache and asks
// the server for the first that is missing or expired, so every CNAME lives exactly as long as its own TTL, not as
// long as the addresses behind it. Errors wrap ErrNoName, ErrNoAddress or ErrServer.
func (r *Resolver) Lookup(ctx context.Context, host string) (Answer, error) {
	name := mdns.CanonicalName(host)
	a := Answer{Cached: true}
	for range maxChain {
		a.Chain = append(a.Chain, strings.TrimSuffix(name, "."))
		e, err := r.step(ctx, name, &a)
		if err != nil {
			return Answer{}, fmt.Errorf("resolve %s: %w", strings.Join(a.Chain, " -> "), err)
		}
		if len(a.Chain) == 1 || e.ttl < a.TTL {
			a.TTL = e.ttl
		}
		if a.Expires.IsZero() || e.expires.Before(a.Expires) {
			a.Expires = e.expires
		}
		switch {
		case e.missing != nil:
			return Answer{}, fmt.Errorf("resolve %s: %w", strings.Join(a.Chain, " -> "), e.missing)
		case e.target == "":
			a.Addrs = append(a.Addrs, e.addrs...)
			return a, nil
		}
		name = e.target
	}
	return Answer{}, fmt.Errorf("resolve %s: more than %d CNAMEs: %w", host, maxChain, ErrServer)
}

// step finds what a name has: its addresses, its CNAME, or nothing.
func (r *Resolver) step(ctx context.Context, name string, a *Answer) (entry, error) {
	if held, ok := r.cached(name); ok && r.now().Before(held.expires) {
		return held, nil
	}
	a.Cached = false
	m, err := r.exchange(ctx, name)
	if err == nil {
		err = r.store(m, name)
	}
	if err != nil {
		return entry{}, err
	}
	if fresh, ok := r.cached(name); ok {
		return fresh, nil
	}
	return entry{}, fmt.Errorf("%w: the answer is not about %s", ErrServer, name)
}

// cached returns what is held for a name, expired or not. Of an address set and a CNAME, which never coexist on the
// server, the one received later counts.
func (r *Resolver) cached(name string) (entry, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, t := range []uint16{mdns.TypeCNAME, mdns.TypeA} {
		if e, ok := r.cache[key{name, t}]; ok {
			return e, true
		}
	}
	return entry{}, false
}

// exchange asks the server, over UDP and, if the answer was cut, over TCP. UDP may lose a packet: it is asked twice.
func (r *Resolver) exchange(ctx context.Context, name string) (*mdns.Msg, error) {
	q := new(mdns.Msg)
	q.SetQuestion(name, mdns.TypeA)
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
func (r *Resolver) store(m *mdns.Msg, asked string) error {
	if m.Rcode != mdns.RcodeSuccess && m.Rcode != mdns.RcodeNameError {
		return fmt.Errorf("%w: %s said %s about %s", ErrServer, r.o.Server, mdns.RcodeToString[m.Rcode], asked)
	}
	now := r.now()
	received := map[key]entry{}
	last := asked
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
		default:
			continue
		}
		received[k] = e
	}
	if _, ok := received[key{last, mdns.TypeA}]; !ok {
		r.negative(m, last, received, now)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.cache)+len(received) > maxEntries {
		clear(r.cache) // crude, and enough: a client asks for a handful of names
	}
	for k, e := range received {
		delete(r.cache, key{k.name, mdns.TypeA})
		delete(r.cache, key{k.name, mdns.TypeCNAME})
		r.cache[k] = e
	}
	return nil
}

// negative notes that the last name of a chain has no address, if the answer says so with an SOA. Without one the
// chain only left what the server knows: the next step asks for that name by itself, and if that brings nothing
// either, nothing is kept.
func (r *Resolver) negative(m *mdns.Msg, name string, received map[key]entry, now time.Time) {
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
		received[key{name, mdns.TypeA}] = e
		return
	}
}

// timed sets an entry's life. All records of a set should have one TTL; if not, the shortest counts (RFC 2181, 5.2).
func (r *Resolver) timed(e entry, now time.Time, ttl uint32) entry {
	d := time.Duration(ttl) * time.Second
	if e.expires.IsZero() || d < e.ttl {
		e.ttl = d
		e.expires = now.Add(d)
	}
	return e
}
