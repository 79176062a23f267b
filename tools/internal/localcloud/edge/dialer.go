package edge

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"sync/atomic"

	"polygate.example/tools/internal/localcloud/dns"
	"polygate.example/tools/internal/localcloud/plane"
)

// HTTPS is the port the fronts have in production. The local ones listen on ports that need no privilege; whoever
// asks for HTTPS is led there.
const HTTPS = 443

// ErrNoSite is wrapped by errors that say that no front answers at the address a name leads to.
var ErrNoSite = errors.New("no front of the local clouds answers there")

// Resolve finds the addresses of a name without any cache; (*dns.Server).Resolve is one.
type Resolve func(ctx context.Context, name string) (dns.Resolution, error)

// Dialer connects to the fronts of the local clouds as the internet would: by name, resolved afresh each time, or by
// address. It is how the health checkers reach them.
type Dialer struct {
	resolve Resolve
	fronts  atomic.Pointer[fronts]
}

// fronts maps what DNS says to where the fronts listen.
type fronts map[netip.Addr]map[netip.AddrPort]map[string]bool // address -> listener -> names it answers for

// NewDialer returns a dialer that knows no front until Apply.
func NewDialer(resolve Resolve) *Dialer {
	d := &Dialer{resolve: resolve}
	d.fronts.Store(&fronts{})
	return d
}

// Apply replaces the sites that can be reached.
func (d *Dialer) Apply(sites []plane.Site) {
	f := fronts{}
	for _, s := range sites {
		ip := s.Listen.Addr()
		if f[ip] == nil {
			f[ip] = map[netip.AddrPort]map[string]bool{}
		}
		if f[ip][s.Listen] == nil {
			f[ip][s.Listen] = map[string]bool{}
		}
		for _, h := range s.Hosts {
			f[ip][s.Listen][canonical(h.Name)] = true
		}
	}
	d.fronts.Store(&f)
}

// DialContext connects to "host:port", host being a name or an address. It has the signature http.Transport wants.
func (d *Dialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("dial %s: %w", address, err)
	}
	p, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return nil, fmt.Errorf("dial %s: port %q: want a number from 1 to 65535", address, port)
	}
	if network != "tcp" && network != "tcp4" {
		return nil, fmt.Errorf("dial %s: network %q: the local clouds speak tcp over IPv4", address, network)
	}
	return d.Dial(ctx, host, int(p))
}

// Dial connects to a port of a host, a name or an address. It tries the addresses in the order of the answer and
// returns the last error when none connects.
func (d *Dialer) Dial(ctx context.Context, host string, port int) (net.Conn, error) {
	targets, err := d.Route(ctx, host, port)
	if err != nil {
		return nil, err
	}
	conn, err := d.connect(ctx, targets, nil)
	if err != nil {
		return nil, fmt.Errorf("dial %s: %w", host, err)
	}
	return conn, nil
}

// connect opens a connection to the first target that takes one, from an address or, where that is nil, from any; there is at
// least one target.
func (d *Dialer) connect(ctx context.Context, targets []netip.AddrPort, from net.Addr) (conn net.Conn, err error) {
	dialer := net.Dialer{LocalAddr: from}
	for _, t := range targets {
		if conn, err = dialer.DialContext(ctx, "tcp", t.String()); err == nil {
			return conn, nil
		}
	}
	return nil, err
}

// Route says where a connection to a host's port goes: one listener for each address the host has.
func (d *Dialer) Route(ctx context.Context, host string, port int) ([]netip.AddrPort, error) {
	r := dns.Resolution{}
	if ip, err := netip.ParseAddr(host); err == nil {
		r.Addrs = []netip.Addr{ip.Unmap()}
	} else if r, err = d.resolve(ctx, host); err != nil {
		return nil, err
	}
	var targets []netip.AddrPort
	var last error
	for _, ip := range r.Addrs {
		t, err := d.Listener(r.Chain, ip, port)
		if err != nil {
			last = err
			continue
		}
		targets = append(targets, t)
	}
	if len(targets) == 0 {
		return nil, fmt.Errorf("route %s port %d: %w", host, port, last)
	}
	return targets, nil
}

// Listener maps an address, and the names that led to it, to the listener of the front there.
//
// Where each region has a loopback address of its own the address decides. Where a system has only 127.0.0.1 the
// fronts differ by port, which DNS cannot say: then the names decide, the final owner first, back to the name asked
// for, and the first that exactly one front answers for wins. (The shared name is answered for by all of them.)
func (d *Dialer) Listener(chain []string, ip netip.Addr, port int) (netip.AddrPort, error) {
	at := (*d.fronts.Load())[ip]
	var candidates []netip.AddrPort
	for listen := range at {
		if port == HTTPS || port == int(listen.Port()) {
			candidates = append(candidates, listen)
		}
	}
	switch len(candidates) {
	case 0:
		return netip.AddrPort{}, fmt.Errorf("%s port %d: %w", ip, port, ErrNoSite)
	case 1:
		return candidates[0], nil
	}
	for _, name := range slices.Backward(chain) {
		var match []netip.AddrPort
		for _, listen := range candidates {
			if at[listen][canonical(name)] {
				match = append(match, listen)
			}
		}
		if len(match) == 1 {
			return match[0], nil
		}
	}
	return netip.AddrPort{}, fmt.Errorf("%s port %d is shared by %d fronts and none of the names %v belongs to just one of them: %w",
		ip, port, len(candidates), chain, ErrNoSite)
}
