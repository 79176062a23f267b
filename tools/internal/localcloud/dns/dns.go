// Package dns is the local clouds' authoritative name server. It answers over UDP and TCP on one loopback port, with
// the routing policies and aliases of Route 53, from the zones the control plane derives.
//
// One server stands for every authoritative server there is: the user's hosted zone, and the zones in which the
// providers keep the names of their own fronts. It therefore follows a CNAME from zone to zone and puts the whole
// chain into one answer, which in production a recursive resolver would collect from several servers. What it does
// not know it refuses; it never recurses.
//
// TTLs on the wire are the records' own, in seconds of cloud time. A client that wants to see the local clouds' speed
// divides them by it (see tools/client).
package dns

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	mdns "github.com/miekg/dns"

	"polygate.example/tools/internal/localcloud/place"
	"polygate.example/tools/internal/localcloud/plane"
)

// Options configures a Server.
type Options struct {
	Listen netip.AddrPort            // loopback address to serve UDP and TCP on; port 0 picks one free for both
	Health func(checkID string) bool // state of a health check; nil takes every check as healthy
	Steer  []Steer                   // asked in turn for names that are in no zone's records
	Pick   func(n int) int           // draws from [0, n), for weighted records; nil is a fair die
	Down   func(manager string) bool // whether a manager's servers are lost; nil: never
	Stale  func(manager string) bool // whether a manager's servers go on with what was kept by Freeze; nil: never
	Logger *slog.Logger              // nil discards
}

// Steer answers for the names that a traffic manager makes up an answer for: those of Traffic Manager profiles, or of
// Cloudflare load balancers. from is where the client is. ok is false for a name that is not its own.
type Steer func(name string, from place.Place) (a Steered, ok bool)

// Steered is such an answer: a name to follow, or addresses.
type Steered struct {
	Manager string // whose servers make it up; it counts only where the name's zone, if there is one, is delegated to those
	CNAME   string // "" with addresses
	Addrs   []netip.Addr
	TTL     int  // seconds of cloud time
	None    bool // the name exists and has no answer now
	Missing bool // the name does not exist now
}

// Server is an authoritative name server. All methods are safe for concurrent use.
type Server struct {
	health  func(string) bool
	pick    func(int) int
	down    func(string) bool
	stale   func(string) bool
	steer   []Steer
	log     *slog.Logger
	zones   atomic.Pointer[zoneSet]
	frozen  sync.Map // by manager, *frozen
	addr    netip.AddrPort
	servers []*mdns.Server
	serving sync.WaitGroup
	close   func() error
}

// New starts a server without zones: until Apply it refuses every query. It fails when the address is not on the
// loopback range or cannot be listened on.
func New(o Options) (*Server, error) {
	if !o.Listen.Addr().IsLoopback() {
		return nil, fmt.Errorf("dns: listen address %s is not a loopback address: the local clouds serve this machine only", o.Listen)
	}
	s := &Server{health: o.Health, pick: o.Pick, down: o.Down, stale: o.Stale, steer: o.Steer, log: o.Logger}
	if s.pick == nil {
		s.pick = rand.IntN
	}
	if s.down == nil {
		s.down = func(string) bool { return false }
	}
	if s.stale == nil {
		s.stale = func(string) bool { return false }
	}
	if s.health == nil {
		s.health = func(string) bool { return true }
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	s.zones.Store(&zoneSet{})
	tcp, udp, err := listen(o.Listen)
	if err != nil {
		return nil, fmt.Errorf("dns: %w", err)
	}
	s.addr = tcp.Addr().(*net.TCPAddr).AddrPort()
	s.close = sync.OnceValue(s.shutdown)
	if err := s.serve(tcp, udp); err != nil {
		err = errors.Join(fmt.Errorf("dns: serve %s: %w", s.addr, err), tcp.Close(), udp.Close())
		s.serving.Wait()
		return nil, err
	}
	return s, nil
}

// listen opens the same port for TCP and UDP. A free port is chosen by TCP; when UDP has it taken, another is tried.
func listen(at netip.AddrPort) (net.Listener, net.PacketConn, error) {
	var last error
	for range 20 {
		tcp, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(at))
		if err != nil {
			return nil, nil, fmt.Errorf("listen on tcp %s: %w", at, err)
		}
		udp, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(tcp.Addr().(*net.TCPAddr).AddrPort()))
		if err == nil {
			return tcp, udp, nil
		}
		last = fmt.Errorf("listen on udp %s: %w", tcp.Addr(), err)
		if err := tcp.Close(); err != nil || at.Port() != 0 {
			break
		}
	}
	return nil, nil, last
}

// serve starts both listeners and returns once both are up, so that Close cannot come before the start.
func (s *Server) serve(tcp net.Listener, udp net.PacketConn) error {
	idle := func() time.Duration { return 8 * time.Second }
	s.servers = []*mdns.Server{
		{Listener: tcp, Handler: s, IdleTimeout: idle},
		{PacketConn: udp, Handler: s, UDPSize: maxUDP},
	}
	up := make(chan error, len(s.servers))
	for _, srv := range s.servers {
		srv.NotifyStartedFunc = func() { up <- nil }
		s.serving.Go(func() {
			if err := srv.ActivateAndServe(); err != nil {
				s.log.Error("dns server ended", "addr", s.addr, "err", err)
				select { // only a start that failed has a reader left
				case up <- err:
				default:
				}
			}
		})
	}
	for range s.servers {
		if err := <-up; err != nil {
			return err
		}
	}
	return nil
}

// Addr is where the server answers, on UDP and TCP.
func (s *Server) Addr() netip.AddrPort { return s.addr }

// Close stops both listeners and waits until nothing of the server runs any more. Calling it again is harmless.
func (s *Server) Close() error { return s.close() }

func (s *Server) shutdown() error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	var errs []error
	for _, srv := range s.servers {
		if err := srv.ShutdownContext(ctx); err != nil {
			errs = append(errs, fmt.Errorf("dns: shut down %s: %w", s.addr, err))
		}
	}
	s.serving.Wait()
	return errors.Join(errs...)
}

// Apply replaces everything served by these zones, at once for all queries that arrive later. Records that cannot be
// served (a value that is no such data, a name outside its zone, two PRIMARY records of one name) are left out, and
// the error names each of them; all others are served.
func (s *Server) Apply(zones []plane.Zone) error {
	set, err := newZoneSet(zones)
	s.zones.Store(set)
	if err != nil {
		s.log.Warn("records left out", "err", err)
	}
	return err
}

// Lookup answers a query in process as the server would over TCP: same code, no size limit. The client is at the first of
// all places. Where no server would answer, it is told SERVFAIL, as a resolver tells its client.
func (s *Server) Lookup(name string, qtype uint16) *mdns.Msg {
	q := new(mdns.Msg)
	q.SetQuestion(mdns.Fqdn(name), qtype)
	m, _ := s.answer(q, netip.Addr{})
	return m
}

// Resolution is where a name leads right now.
type Resolution struct {
	Chain []string      // the queried name first, then each CNAME's target; the last one owns Addrs. Lower case, no trailing dot
	Addrs []netip.Addr  // A records of the last name; never empty
	TTL   time.Duration // shortest on the way, cloud time
}

// ErrNoAddress is wrapped by the errors of Resolve when the name has no A record.
var ErrNoAddress = errors.New("no such name or no A record")

// Resolve follows a name to its IPv4 addresses, without any cache. Like Route 53's own checkers it knows IPv4 only.
func (s *Server) Resolve(_ context.Context, name string) (Resolution, error) {
	m := s.Lookup(name, mdns.TypeA)
	r := Resolution{Chain: []string{display(name)}}
	for i, rr := range m.Answer {
		if ttl := time.Duration(rr.Header().Ttl) * time.Second; i == 0 || ttl < r.TTL {
			r.TTL = ttl
		}
		switch rr := rr.(type) {
		case *mdns.CNAME:
			r.Chain = append(r.Chain, display(rr.Target))
		case *mdns.A:
			if ip, ok := netip.AddrFromSlice(rr.A.To4()); ok {
				r.Addrs = append(r.Addrs, ip)
			}
		}
	}
	if len(r.Addrs) == 0 {
		return Resolution{}, fmt.Errorf("resolve %s (%s, by way of %s): %w",
			name, mdns.RcodeToString[m.Rcode], strings.Join(r.Chain, " -> "), ErrNoAddress)
	}
	return r, nil
}

var _ mdns.Handler = (*Server)(nil)
