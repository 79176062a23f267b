package front

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"polygate.example/tools/internal/localcloud/plane"
)

// unreachable reports whether connections to a site are reset. API Gateway, App Service and run.app are regional fronts
// and go down with their region. Google's global load balancer does not: it goes down with the whole provider only, and
// answers 502 for a region that is down behind it.
func (f *Fronts) unreachable(s plane.Site) bool {
	if s.Front != plane.GoogleALB {
		return f.o.Faults.Region(s.Region).Down
	}
	provider, _, _ := strings.Cut(s.Region, "/")
	return f.o.Faults.Whole(provider).Down
}

// broken applies the faults that let a connection through: a delay, and 503 for a share of the requests. It reports
// whether the request has been answered.
func (f *Fronts) broken(w http.ResponseWriter, r *http.Request, s *site) bool {
	state := f.o.Faults.Region(s.Region)
	if state.Delay > 0 && !f.o.Clock.Sleep(r.Context(), state.Delay) {
		panic(http.ErrAbortHandler) // the client is gone; there is no one to answer
	}
	if state.Errors > 0 && s.errors.next(state.Errors) {
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

// Delay is how long, in cloud time, a fault holds back each answer for a host at an address of the fronts.
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
	return f.o.Faults.Region(s.Region).Delay
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
