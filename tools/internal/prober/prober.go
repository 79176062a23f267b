// Package prober stands in the client's seat during a drill: many clients of one hostname, each with a resolver and
// connections of its own, that keep asking at a rate which no answer can slow down, and every request of theirs kept
// with the time it was due and how it ended. Beside them, watchers note what name servers say.
//
// All times are wall time on the monotonic clock, as durations since the prober began. Only TTLs are cloud time.
package prober

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/netip"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"polygate.example/tools/client"
)

// Behaviours of a client's resolver.
const (
	Exact      = "exact"       // goes by the TTL
	Hold       = "hold"        // keeps records for at least Client.Hold; 0 is 5 min
	ServeStale = "serve-stale" // goes by the TTL, and while no server answers by what it has, for Client.Hold past the TTL; 0 is a day
)

// Client is one of the clients.
type Client struct {
	Name     string
	Server   string        // host:port of the DNS server that it asks; "" is Options.Server
	Resolver string        // Exact, Hold or ServeStale; "" is Exact
	Hold     time.Duration // cloud time, of a resolver that holds on
	Reuse    bool          // keeps connections
	IPv6     bool          // asks for both families and connects by Happy Eyeballs
	Retries  int           // of a request that failed
	Source   netip.Addr    // connects from there; zero leaves it to the system
	Subnet   netip.Prefix  // its resolver sends this along; zero sends none
}

// Options says what is asked, by whom and how often.
type Options struct {
	Hostname string
	Path     string // begins with a slash; "" is "/"
	Server   string // host:port of the DNS server
	Speed    float64
	RootCAs  *x509.CertPool // nil is the system's
	// Certificates are shown to who asks for one.
	Certificates []tls.Certificate
	// Address says where to connect for an address, as in client.Options.
	Address func(chain []string, ip netip.Addr, port int) (netip.AddrPort, error)
	Clients []Client
	// Rate is requests a second over all clients, wall time, each client having an equal share. Requests are sent when
	// they are due, whether or not those before have been answered.
	Rate    float64
	Timeout time.Duration // of an attempt, wall time; 0 is 10 s
	// Spread is the time over which clients begin one after the other, wall time, so that their caches do not expire all
	// at once; 0 has all begin at once.
	Spread time.Duration
	// InFlight is the most requests under way at once, each client having a share by how often it tries, so that one whose requests
	// hang takes nothing from the others; 0 is what Rate, Timeout and retries make of it, and at most 2048.
	InFlight int
	// Right says which region a response is from, and what is wrong with it. It is asked about every whole response, by
	// several goroutines at once; nil takes any status below 400, from region "".
	Right func(client.Result) (region string, err error)
}

// maxInFlight is the default bound of Options.InFlight: each takes a connection and some 100 kB.
const maxInFlight = 2048

// Prober sends requests until it is stopped. All methods are safe for concurrent use.
type Prober struct {
	o       Options
	begun   time.Time
	clock   clock
	seats   []*seat
	jobs    chan job
	store   store
	stop    context.CancelFunc
	running sync.WaitGroup

	abandoned atomic.Int64
}

// seat is a client at work.
type seat struct {
	index  int
	client *client.Client
	ask    *http.Request
	joins  time.Duration // since the beginning
	free   atomic.Int64  // requests that may be sent beside those under way
}

// job is a request that is due.
type job struct {
	seat *seat
	due  time.Duration
}

// Start begins sending. It ends with ctx or by Stop. Errors are of the options alone: what goes wrong later is in the
// samples.
func Start(ctx context.Context, o Options) (*Prober, error) { return start(ctx, o, system(time.Now)) }

func start(ctx context.Context, o Options, by clock) (*Prober, error) {
	if err := o.check(); err != nil {
		return nil, fmt.Errorf("prober: %w", err)
	}
	ctx, stop := context.WithCancel(ctx)
	p := &Prober{o: o, clock: by, jobs: make(chan job), stop: stop}
	p.store.init()
	for i, c := range o.Clients {
		s, err := p.seat(ctx, i, c)
		if err != nil {
			stop()
			return nil, fmt.Errorf("prober: client %d, %q: %w", i, c.Name, err)
		}
		p.seats = append(p.seats, s)
	}
	p.begun = by.now()
	p.running.Go(func() { p.schedule(ctx) })
	return p, nil
}

// check refuses what cannot be sent, and fills in what was left out.
func (o *Options) check() error {
	o.Timeout, o.Path = cmp.Or(o.Timeout, 10*time.Second), cmp.Or(o.Path, "/")
	switch {
	case o.Hostname == "":
		return errors.New("no Hostname given")
	case o.Path[0] != '/':
		return fmt.Errorf("path %q: want a slash at its beginning", o.Path)
	case len(o.Clients) == 0 || len(o.Clients) > maxClients:
		return fmt.Errorf("%d clients: want 1 to %d", len(o.Clients), maxClients)
	case !(o.Rate > 0 && o.Rate <= maxRate):
		return fmt.Errorf("rate %g: want more than 0 and at most %d requests a second", o.Rate, maxRate)
	case o.Timeout < 0 || o.Spread < 0 || o.InFlight < 0:
		return fmt.Errorf("timeout %s, spread %s, in flight %d: none may be negative", o.Timeout, o.Spread, o.InFlight)
	}
	if o.InFlight == 0 {
		each := int(math.Ceil(o.Rate/float64(len(o.Clients))*o.Timeout.Seconds())) + 1
		o.InFlight = max(len(o.Clients), min(each*o.attempts(), maxInFlight))
	}
	if o.InFlight < len(o.Clients) {
		return fmt.Errorf("%d requests in flight for %d clients: want at least one each", o.InFlight, len(o.Clients))
	}
	if o.Right == nil {
		o.Right = anyBelow400
	}
	return nil
}

// attempts is how many requests all clients make at most where each is to make one.
func (o *Options) attempts() (n int) {
	for _, c := range o.Clients {
		n += 1 + max(0, c.Retries)
	}
	return n
}

func anyBelow400(r client.Result) (string, error) {
	if r.Status >= http.StatusBadRequest {
		return "", fmt.Errorf("answered %d", r.Status)
	}
	return "", nil
}

func (p *Prober) seat(ctx context.Context, index int, c Client) (*seat, error) {
	o := client.ResolverOptions{Server: cmp.Or(c.Server, p.o.Server), Speed: p.o.Speed, Subnet: c.Subnet}
	switch c.Resolver {
	case Exact, "":
		if c.Hold != 0 {
			return nil, fmt.Errorf("a resolver that is %s holds nothing for %s: want %s or %s", Exact, c.Hold, Hold, ServeStale)
		}
	case Hold:
		o.Hold = cmp.Or(c.Hold, 5*time.Minute)
	case ServeStale:
		o.ServeStale = cmp.Or(c.Hold, 24*time.Hour) // the default of BIND's max-stale-ttl
	default:
		return nil, fmt.Errorf("resolver %q is not known: want %s, %s or %s", c.Resolver, Exact, Hold, ServeStale)
	}
	resolver, err := client.NewResolver(o)
	if err != nil {
		return nil, err
	}
	made, err := client.New(client.Options{
		Resolver: resolver, RootCAs: p.o.RootCAs, Certificates: p.o.Certificates, Timeout: p.o.Timeout, Reuse: c.Reuse, IPv6: c.IPv6, Retries: c.Retries,
		Source: c.Source, Address: p.o.Address,
	})
	if err != nil {
		return nil, err
	}
	target := url.URL{Scheme: "https", Host: p.o.Hostname}
	ask, err := http.NewRequestWithContext(ctx, http.MethodGet, target.String()+p.o.Path, nil)
	if err != nil {
		return nil, err
	}
	n := len(p.o.Clients)
	s := &seat{index: index, client: made, ask: ask, joins: p.o.Spread * time.Duration(index) / time.Duration(n)}
	s.free.Store(int64(max(1, p.o.InFlight*(1+max(0, c.Retries))/p.o.attempts())))
	return s, nil
}

// Begun is when the prober began: what all durations of samples count from.
func (p *Prober) Begun() time.Time { return p.begun }

// Stop ends the prober and waits until nothing of it runs. Requests under way are given up; they are counted as
// abandoned and are no samples. Samples can be had as before. It may be called again.
func (p *Prober) Stop() {
	p.stop()
	p.running.Wait()
	for _, s := range p.seats {
		s.client.Close()
	}
}
