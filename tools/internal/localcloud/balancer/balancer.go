// Package balancer is the data plane of the local Cloudflare Load Balancing: monitors that probe the origins of pools,
// steering by their health, the answers of load balancers that are DNS only, and the proxy before those that are not.
//
// watch.go is about health, choose.go about steering, answer.go about DNS, proxy.go and origin.go about the proxy.
//
// Intervals and timeouts are cloud time; what package probe says about time holds here.
package balancer

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"polygate.example/tools/internal/localcloud/clock"
	"polygate.example/tools/internal/localcloud/dns"
	"polygate.example/tools/internal/localcloud/plane"
	"polygate.example/tools/internal/localcloud/probe"
)

// Resolve finds the addresses of a name without any cache; (*dns.Server).Resolve is one.
type Resolve func(ctx context.Context, name string) (dns.Resolution, error)

// Options configures Balancers.
type Options struct {
	Clock   *clock.Clock   // required
	Dial    probe.Dial     // required: how origins are reached, by probes and by the proxy
	Resolve Resolve        // required: where the names of origins lead
	Roots   *x509.CertPool // required: whose certificates of origins are valid
	Floor   time.Duration  // least wall time for a probe; 0 is probe.DefaultFloor
	Delay   probe.Delay    // nil: no answer is held back on purpose
	Draw    func() float64 // draws from [0, 1), for weights; nil is fair
	Stale   func() bool    // whether steering goes by what was kept by Freeze; nil: never
	Logger  *slog.Logger   // nil discards
}

// Balancers are the load balancers being served. All methods are safe for concurrent use.
type Balancers struct {
	o      Options
	probe  probe.Sender
	log    *slog.Logger
	ctx    context.Context // ends with the balancers
	cancel context.CancelFunc

	applying sync.Mutex            // held by Apply and Close only
	served   atomic.Pointer[table] // never nil
	frozen   atomic.Pointer[table] // nil before Freeze
}

// table is what is served between two calls of Apply.
type table struct {
	byID    map[string]plane.Balancer
	byName  map[string]plane.Balancer
	edges   map[string]netip.Addr // id of a proxied balancer -> where its front listens
	watches map[string]*watch     // by key
	known   map[string]bool       // by key: the health that counts in place of the watch's; nil where that does
	order   []plane.Balancer
}

// New returns Balancers without any.
func New(o Options) (*Balancers, error) {
	if o.Clock == nil || o.Dial == nil || o.Resolve == nil || o.Roots == nil {
		return nil, errors.New("balancer: a Clock, Dial, Resolve and Roots are required")
	}
	b := &Balancers{o: o, log: o.Logger, probe: probe.Sender{Clock: o.Clock, Dial: o.Dial, Floor: o.Floor, Delay: o.Delay}}
	if b.log == nil {
		b.log = slog.New(slog.DiscardHandler)
	}
	if b.o.Draw == nil {
		b.o.Draw = rand.Float64
	}
	b.ctx, b.cancel = context.WithCancel(context.Background())
	b.served.Store(&table{})
	return b, nil
}

// Apply serves exactly these load balancers; the sites say where the fronts of the proxied ones listen. Probing of what is
// the same goes on.
func (b *Balancers) Apply(balancers []plane.Balancer, sites []plane.Site) error {
	b.applying.Lock()
	defer b.applying.Unlock()
	if b.ctx.Err() != nil {
		return errors.New("balancer: closed")
	}
	current := b.served.Load()
	next := &table{byID: map[string]plane.Balancer{}, byName: map[string]plane.Balancer{}, edges: map[string]netip.Addr{}, watches: map[string]*watch{}}
	var errs []error
	for _, lb := range balancers {
		if _, ok := next.byName[lb.Name]; ok {
			errs = append(errs, fmt.Errorf("load balancer %s: a second one of this name", lb.Name))
			continue
		}
		next.byID[lb.ID], next.byName[lb.Name] = lb, lb
		next.order = append(next.order, lb)
		for _, p := range lb.Pools {
			for _, o := range p.Origins {
				if key := watchKey(p, o); watched(p, o) && next.watches[key] == nil {
					if next.watches[key] = current.watches[key]; next.watches[key] == nil {
						next.watches[key] = b.watch(p, o, current.former(p, o))
					}
				}
			}
		}
	}
	for _, s := range sites {
		if s.Front == plane.Cloudflare {
			next.edges[s.ID] = s.Listen.Addr()
		}
	}
	// Readers move to the new table before the old probing is waited for: a probe on its way may be resolving a name, and the
	// DNS asks here.
	b.served.Store(next)
	for key, old := range current.watches {
		if next.watches[key] != old {
			old.rounds.Stop()
		}
	}
	for key, w := range next.watches {
		if current.watches[key] != w {
			w.rounds.Start(b.ctx)
		}
	}
	return errors.Join(errs...)
}

// Checks tells about every origin, by the id of its pool and its name, "<pool id>/<origin name>", as a checker does about its
// checks.
func (b *Balancers) Checks() map[string]probe.Status {
	t, out := b.served.Load(), map[string]probe.Status{}
	for _, lb := range t.order {
		for _, p := range lb.Pools {
			for _, o := range p.Origins {
				id := CheckID(p, o)
				st := probe.Status{ID: id, Healthy: !p.Disabled && !o.Disabled, Why: "it is not probed: its pool has no monitor"}
				switch w := t.watches[watchKey(p, o)]; {
				case p.Disabled || o.Disabled:
					st.Why = "it is disabled, and not probed"
				case w != nil:
					st = w.detail()
					st.ID = id
				}
				out[id] = st
			}
		}
	}
	return out
}

// CheckID is what the health of an origin in a pool is known by.
func CheckID(p plane.Pool, o plane.Origin) string { return p.ID + "/" + o.Name }

// Freeze keeps the load balancers as they are now, with the health of their origins, in place of what was kept before. Steering goes by
// it while Options.Stale says so; probing goes on, and Checks tells what comes of it.
//
// It is the steering of proxied load balancers, too: the proxy asks Cloudflare's own DNS where the origin is, which is why a load balancer
// without a pool left answers "530 HTTP/1016 Origin DNS failure" ("How a load balancer becomes unhealthy"), and why "if a DNS-only (grey
// cloud) CNAME record points to a proxied load balancer, the IP returned for it would be endpoint IP" ("Proxy status",
// developers.cloudflare.com/load-balancing/understand-basics/proxy-modes). What the proxy sees by itself is as fresh as ever: a request
// whose connection fails is tried at another endpoint.
func (b *Balancers) Freeze() {
	kept := *b.served.Load()
	kept.known = make(map[string]bool, len(kept.watches))
	for key, w := range kept.watches {
		kept.known[key] = w.Healthy()
	}
	b.frozen.Store(&kept)
}

// steering is the table that clients are led by.
func (b *Balancers) steering() *table {
	if kept := b.frozen.Load(); kept != nil && b.o.Stale != nil && b.o.Stale() {
		return kept
	}
	return b.served.Load()
}

// Close stops all probing and waits for it. Calling it again is harmless.
func (b *Balancers) Close() error {
	b.applying.Lock()
	defer b.applying.Unlock()
	b.cancel()
	for _, w := range b.served.Swap(&table{}).watches {
		w.rounds.Stop()
	}
	return nil
}

// pool finds a pool of a load balancer.
func pool(lb plane.Balancer, id string) (plane.Pool, bool) {
	i := slices.IndexFunc(lb.Pools, func(p plane.Pool) bool { return p.ID == id })
	if i < 0 {
		return plane.Pool{}, false
	}
	return lb.Pools[i], true
}

var (
	_ io.Closer = (*Balancers)(nil)
	_ dns.Steer = (*Balancers)(nil).Answer
)
