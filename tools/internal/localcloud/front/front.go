// Package front is the HTTPS edge of the local clouds: one virtual host per plane.Site, each behaving like the provider's
// own front end, with its limits, header rewriting and failure answers.
//
// front.go and listener.go are about listeners; apigateway*.go, google.go and azure.go are the providers' fronts, cloudflare.go
// leads to the proxy of package balancer.
package front

import (
	"cmp"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"polygate.example/tools/internal/localcloud/clock"
	"polygate.example/tools/internal/localcloud/fault"
	"polygate.example/tools/internal/localcloud/plane"
	"polygate.example/tools/internal/localcloud/runtime"
)

// watchInterval is how often open connections are checked against the faults, so that a region that goes down takes its connections
// along, and one that was a black hole lets go of what it held.
const watchInterval = 25 * time.Millisecond

// Functions is where the fronts find what to call; *runtime.Runtimes is one.
type Functions interface {
	// Serve returns the function of this id, false when there is none.
	Serve(id string) (runtime.Invoker, bool)
}

// Proxies find the proxy of a Cloudflare site by its id, false when there is none; (*balancer.Balancers).Proxy is one.
type Proxies func(id string) (http.Handler, bool)

// Options configure Fronts.
type Options struct {
	Runtimes Functions
	Faults   *fault.Set   // nil: nothing is ever broken
	Clock    *clock.Clock // what a fault's delay is counted in; nil: cloud time is wall time
	Proxies  Proxies      // nil: nothing is proxied
	Logger   *slog.Logger
	Timeouts Timeouts // zero fields: the clouds' own
	// Expired issues a certificate for a name that has ended, and its key, in PEM, for the fault of that kind. nil: the fault
	// has no effect.
	Expired func(name string) (cert, key []byte, err error)
}

// Timeouts are how long each front waits for a function, in wall time: code is not sped up.
type Timeouts struct {
	// APIGateway is the maximum integration timeout, 30 s. Source: "Quotas for configuring and running an HTTP API".
	APIGateway time.Duration
	// Azure is the load balancer's idle timeout, 230 s. Source: "Function app timeout duration", note on HTTP triggers.
	Azure time.Duration
}

// ConflictError is a set of sites that cannot be served together or where they want to be.
type ConflictError struct {
	Listen netip.AddrPort
	Sites  []string // ids
	Err    error
}

// Error names the address, who wants it, and what is in the way.
func (e *ConflictError) Error() string {
	return fmt.Sprintf("front %s for %s: %v", e.Listen, strings.Join(e.Sites, ", "), e.Err)
}

// Unwrap gives errors.Is and errors.As the cause.
func (e *ConflictError) Unwrap() error { return e.Err }

// Errors inside a ConflictError.
var (
	ErrHostTwice   = errors.New("two sites answer for the same host name")
	ErrNotLoopback = errors.New("the local clouds listen on loopback addresses only")
	ErrCertificate = errors.New("certificate cannot be used")
	ErrClosed      = errors.New("fronts are closed")
)

// Fronts are the listeners being served. All methods are safe for concurrent use.
type Fronts struct {
	o    Options
	quit chan struct{}
	done chan struct{}

	mu        sync.Mutex
	closed    bool
	listeners map[netip.AddrPort]*listener
	certs     map[[sha256.Size]byte]*tls.Certificate

	expired sync.Map // by host name, *tls.Certificate: those shown by fault

	hangMu sync.Mutex
	hung   map[string]chan struct{} // by region: closed when it is no black hole any more
}

// New returns Fronts without listeners.
func New(o Options) *Fronts {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Faults == nil {
		o.Faults = &fault.Set{}
	}
	if o.Clock == nil {
		o.Clock = clock.New(1)
	}
	o.Timeouts.APIGateway = cmp.Or(o.Timeouts.APIGateway, 30*time.Second)
	o.Timeouts.Azure = cmp.Or(o.Timeouts.Azure, 230*time.Second)
	f := &Fronts{
		o: o, quit: make(chan struct{}), done: make(chan struct{}), listeners: map[netip.AddrPort]*listener{}, hung: map[string]chan struct{}{},
	}
	go f.watch()
	return f
}

// Apply serves exactly these sites: listeners nobody needs any more are closed, missing ones opened, and open ones get
// their new sites without losing a connection. Several sites may share an address; SNI and Host tell them apart. What
// cannot be served is a *ConflictError in the result; the rest is served all the same.
func (f *Fronts) Apply(sites []plane.Site) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return ErrClosed
	}
	groups := map[netip.AddrPort][]plane.Site{}
	for _, s := range sites {
		groups[s.Listen] = append(groups[s.Listen], s)
	}
	for addr, l := range f.listeners {
		if len(groups[addr]) == 0 {
			l.close()
			delete(f.listeners, addr)
			f.o.Logger.Debug("front closed", "listen", addr)
		}
	}
	certs := map[[sha256.Size]byte]*tls.Certificate{}
	var problems []error
	for addr, group := range groups {
		if err := f.applyGroup(addr, group, certs); err != nil {
			problems = append(problems, &ConflictError{Listen: addr, Sites: ids(group), Err: err})
		}
	}
	f.certs = certs
	slices.SortFunc(problems, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return errors.Join(problems...)
}

// applyGroup serves the sites of one address. Sites that are at fault are left out, the others served.
func (f *Fronts) applyGroup(addr netip.AddrPort, group []plane.Site, certs map[[sha256.Size]byte]*tls.Certificate) error {
	if !addr.Addr().IsLoopback() {
		return ErrNotLoopback
	}
	t, problem := f.newTable(group, certs)
	if l := f.listeners[addr]; l != nil {
		l.table.Store(t)
		return problem
	}
	l, err := f.listen(addr, t)
	if err != nil {
		return errors.Join(problem, err)
	}
	f.listeners[addr] = l
	f.o.Logger.Debug("front open", "listen", addr, "sites", ids(group))
	return problem
}

// Addresses are the addresses being listened on, in order.
func (f *Fronts) Addresses() []netip.AddrPort {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := make([]netip.AddrPort, 0, len(f.listeners))
	for addr := range f.listeners {
		out = append(out, addr)
	}
	slices.SortFunc(out, netip.AddrPort.Compare)
	return out
}

// Close closes every listener and connection and returns when nothing of them is left.
func (f *Fronts) Close() {
	f.mu.Lock()
	already := f.closed
	f.closed = true
	for addr, l := range f.listeners {
		l.close()
		delete(f.listeners, addr)
	}
	f.mu.Unlock()
	if !already {
		close(f.quit)
	}
	<-f.done
}

// watch has what is open follow the faults.
func (f *Fronts) watch() {
	defer close(f.done)
	tick := time.NewTicker(watchInterval)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-f.quit:
			return
		}
		f.mu.Lock()
		for _, l := range f.listeners {
			l.follow()
		}
		f.mu.Unlock()
		f.letGo()
	}
}

func ids(sites []plane.Site) []string {
	out := make([]string, len(sites))
	for i, s := range sites {
		out[i] = s.ID
	}
	return out
}

var (
	_ error     = (*ConflictError)(nil)
	_ Functions = (*runtime.Runtimes)(nil)
)
