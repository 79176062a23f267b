// Package client is a client of the gateway as drills and end-to-end tests need it: one that resolves names itself,
// keeps answers exactly as long as their TTL says (or, if it is asked to, longer), connects to the address it was given,
// and tells which one that was and when. It is what stands in the client's seat when a failover is measured.
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
	ErrNoAddress = errors.New("name has no address")        // NODATA, of the family asked for
	ErrServer    = errors.New("name server did not answer") // no or no usable answer, and nothing held
)

// ResolverOptions configures a Resolver.
type ResolverOptions struct {
	Server  string        // host:port of the DNS server, required
	Speed   float64       // cloud seconds per wall second, by which TTLs run out; 0 is 1, as on real clouds
	Timeout time.Duration // of one query, wall time; 0 is 2 s. A query is sent at most twice
	Subnet  netip.Prefix  // sent along as the client's own (EDNS Client Subnet, RFC 7871); the zero value sends none
	// Hold is the least time that a record is kept, cloud time, whatever its TTL says. Resolvers have it as a setting,
	// such as cache-min-ttl of Unbound (unbound.conf(5)). 0 goes by the TTL.
	Hold time.Duration
	// ServeStale is how long past its TTL a record is used while the server does not answer, cloud time: the maximum
	// stale timer of RFC 8767, 5, which suggests 1 to 3 days. 0 never does.
	ServeStale time.Duration
}

// Timers of a resolver that serves stale records (RFC 8767, 5).
const (
	staleResponse = 1800 * time.Millisecond // client response timer, wall time: what a client is made to wait for a fresh record
	staleRecheck  = 30 * time.Second        // failure recheck timer, cloud time: how long the server is left alone after that
)

// Resolver is a caching resolver for addresses. All methods are safe for concurrent use.
type Resolver struct {
	o     ResolverOptions
	now   func() time.Time // cloud time, monotonic: a step of the wall clock changes nothing
	mu    sync.Mutex
	cache map[key]entry
}

type key struct {
	name  string // lower case, trailing dot
	rtype uint16
}

// entry is one record set as it was received, or the knowledge that it does not exist.
type entry struct {
	addrs   []netip.Addr // of an A or AAAA set
	target  string       // of a CNAME
	missing error        // ErrNoName or ErrNoAddress
	ttl     time.Duration
	expires time.Time // cloud time
	until   time.Time // used without asking until then; beyond expires where the resolver holds on
}

// Answer is where a name leads.
type Answer struct {
	Chain   []string      `json:"chain"`   // the name asked for, then each CNAME's target; no trailing dots
	Addrs   []netip.Addr  `json:"addrs"`   // of the last name, in the order received; never empty
	TTL     time.Duration `json:"ttl"`     // shortest on the way as received, cloud time
	Expires time.Time     `json:"expires"` // cloud time at which the first record on the way expires
	Cached  bool          `json:"cached"`  // the server was not asked
	Stale   bool          `json:"stale"`   // a record on the way was past its TTL
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
	return r.lookup(ctx, host, mdns.TypeA)
}

// lookup is Lookup for one family: A or AAAA.
func (r *Resolver) lookup(ctx context.Context, host string, rtype uint16) (Answer, error) {
	name := mdns.CanonicalName(host)
	a := Answer{Cached: true}
	for range maxChain {
		a.Chain = append(a.Chain, strings.TrimSuffix(name, "."))
		e, err := r.step(ctx, key{name, rtype}, &a)
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
func (r *Resolver) step(ctx context.Context, k key, a *Answer) (entry, error) {
	held, ok := r.cached(k)
	if now := r.now(); ok && now.Before(held.until) {
		a.Stale = a.Stale || !now.Before(held.expires)
		return held, nil
	}
	a.Cached = false
	err := r.refresh(ctx, k, ok)
	if err != nil {
		if !ok || !r.serveStale(k, held) {
			return entry{}, err
		}
		a.Stale = true
		return held, nil
	}
	if fresh, ok := r.cached(k); ok {
		return fresh, nil
	}
	return entry{}, fmt.Errorf("%w: the answer is not about %s", ErrServer, k.name)
}

// refresh asks the server and keeps what it says. Whoever has something stale to give is not made to wait as long as
// others.
func (r *Resolver) refresh(ctx context.Context, k key, held bool) error {
	if held && r.o.ServeStale > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, staleResponse)
		defer cancel()
	}
	m, err := r.exchange(ctx, k)
	if err != nil {
		return err
	}
	return r.store(m, k)
}

// serveStale reports whether a record that the server gave no successor for may still be used, and has it used for the
// time in which the server is left alone.
func (r *Resolver) serveStale(k key, held entry) bool {
	now := r.now()
	if !now.Before(held.expires.Add(r.o.ServeStale)) {
		return false
	}
	held.until = now.Add(staleRecheck)
	if end := held.expires.Add(r.o.ServeStale); end.Before(held.until) {
		held.until = end
	}
	if held.target != "" {
		k.rtype = mdns.TypeCNAME
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cache[k] = held
	return true
}

// cached returns what is held for a name, expired or not. Of an address set and a CNAME, which never coexist on the
// server, the one received later counts.
func (r *Resolver) cached(k key) (entry, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if e, ok := r.cache[key{k.name, mdns.TypeCNAME}]; ok {
		return e, true
	}
	e, ok := r.cache[k]
	return e, ok
}
