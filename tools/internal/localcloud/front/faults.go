package front

import (
	"crypto/tls"
	"fmt"
	"math"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"polygate.example/tools/internal/localcloud/fault"
	"polygate.example/tools/internal/localcloud/plane"
)

// healthPaths are what health checks ask a gateway for; shared/handler answers them.
var healthPaths = []string{"/health", "/ready"}

// own is what a site's front is told. API Gateway, App Service and run.app are regional fronts and break with their region. Google's
// global load balancer does not: it breaks with the whole provider only.
func (f *Fronts) own(s plane.Site) fault.State {
	if s.Front != plane.GoogleALB {
		return f.o.Faults.Region(s.Region)
	}
	provider, _, _ := strings.Cut(s.Region, "/")
	return f.o.Faults.Whole(provider)
}

// unreachable reports whether connections to a site are reset. For a region that is down behind it, Google's load balancer answers 502.
func (f *Fronts) unreachable(s plane.Site) bool { return f.own(s).Down }

// blackhole reports whether connections to a site are silent. For a region that is silent behind it, Google's load balancer has the
// request hang.
func (f *Fronts) blackhole(s plane.Site) bool { return f.own(s).Blackhole }

// swallows reports whether a region is silent, whatever its front.
func (f *Fronts) swallows(region string) bool { return f.o.Faults.Region(region).Blackhole }

// broken applies the faults that let a connection through: a delay, and 503 for a share of the requests, or for those of health checks.
// It reports whether the request has been answered.
func (f *Fronts) broken(w http.ResponseWriter, r *http.Request, s *site) bool {
	state := f.o.Faults.Region(s.Region)
	if state.Delay > 0 && !f.o.Clock.Sleep(r.Context(), state.Delay) {
		panic(http.ErrAbortHandler) // the client is gone; there is no one to answer
	}
	rate := max(state.Errors, state.Others)
	if slices.Contains(healthPaths, r.URL.Path) {
		if rate = state.Errors; state.HealthFail {
			rate = 1
		}
	}
	if rate > 0 && s.errors.next(rate) {
		unavailable(w, s.Front)
		return true
	}
	return false
}

// aged is a host's TLS configuration, with a certificate that has ended where the fault of that kind is in force.
func (f *Fronts) aged(config *tls.Config, s plane.Site, name string) (*tls.Config, error) {
	if f.o.Expired == nil || !f.o.Faults.Region(s.Region).Expired {
		return config, nil
	}
	cert, ok := f.expired.Load(name)
	if !ok {
		chain, key, err := f.o.Expired(name)
		if err != nil {
			return nil, fmt.Errorf("issue a certificate of %s that has ended: %w", name, err)
		}
		pair, err := tls.X509KeyPair(chain, key)
		if err != nil {
			return nil, fmt.Errorf("issue a certificate of %s that has ended: %w", name, err)
		}
		cert, _ = f.expired.LoadOrStore(name, &pair)
	}
	old := config.Clone()
	old.Certificates = []tls.Certificate{*cert.(*tls.Certificate)}
	return old, nil
}

// Delay is how long, in cloud time, a fault holds back each answer for a host at an address of the fronts; as long as can be said
// where none comes.
func (f *Fronts) Delay(at net.Addr, host string) time.Duration {
	addr, err := netip.ParseAddrPort(at.String())
	if err != nil {
		return 0
	}
	f.mu.Lock()
	l := f.listeners[addr]
	f.mu.Unlock()
	if l == nil {
		return 0
	}
	s := l.table.Load().hosts[hostname(host)]
	if s == nil {
		return 0
	}
	state := f.o.Faults.Region(s.Region)
	if state.Blackhole {
		return math.MaxInt64
	}
	return state.Delay
}

// share picks a share of what passes, spread evenly, so that a rate shows after few requests and the same way each time.
type share struct {
	mu  sync.Mutex
	sum float64
}

func (s *share) next(rate float64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sum += rate
	if s.sum < 1-1e-9 { // sums such as ten times 0.1 fall just short
		return false
	}
	s.sum = max(0, s.sum-1)
	return true
}

// unavailable is a front's own 503.
func unavailable(w http.ResponseWriter, front plane.Front) {
	switch front {
	case plane.APIGateway:
		message(w, http.StatusServiceUnavailable, "Service Unavailable")
	default:
		page(w, http.StatusServiceUnavailable)
	}
}

// unknownHost is what a front answers for a host name it has no site for.
func unknownHost(w http.ResponseWriter, front plane.Front) {
	switch front {
	case plane.APIGateway:
		message(w, http.StatusForbidden, "Forbidden")
	default:
		page(w, http.StatusNotFound)
	}
}
