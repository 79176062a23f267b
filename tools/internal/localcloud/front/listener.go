package front

import (
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"polygate.example/tools/internal/localcloud/plane"
)

// site is a plane.Site with its front's handler and the state its faults need.
type site struct {
	plane.Site
	handler http.Handler
	errors  share
}

// table is what a listener serves, fixed until the next Apply.
type table struct {
	sites []*site
	hosts map[string]*site       // by host name, lower case
	tls   map[string]*tls.Config // by host name, of those with a certificate
}

// newTable prepares the sites of one address. What is wrong with a site leaves it out and is in the error.
func (f *Fronts) newTable(group []plane.Site, certs map[[sha256.Size]byte]*tls.Certificate) (*table, error) {
	t := &table{hosts: map[string]*site{}, tls: map[string]*tls.Config{}}
	var problems []error
	for _, p := range group {
		asked, err := newAsked(p.Clients)
		if err != nil {
			problems = append(problems, err)
			continue
		}
		handler, err := f.handler(p, asked)
		if err != nil {
			problems = append(problems, err)
			continue
		}
		s := &site{Site: p, handler: handler}
		t.sites = append(t.sites, s)
		for _, h := range p.Hosts {
			name := strings.ToLower(strings.TrimSuffix(h.Name, "."))
			if other := t.hosts[name]; other != nil {
				problems = append(problems, fmt.Errorf("%w: %s: %s and %s", ErrHostTwice, name, other.ID, p.ID))
				continue
			}
			t.hosts[name] = s
			if len(h.Cert) == 0 {
				continue // cannot be reached over TLS
			}
			cert, err := f.certificate(h, certs)
			if err != nil {
				problems = append(problems, fmt.Errorf("%w: %s: %w", ErrCertificate, name, err))
				continue
			}
			t.tls[name] = &tls.Config{
				MinVersion: leastTLS(p), Certificates: []tls.Certificate{*cert}, NextProtos: protocols(p), ClientAuth: asking(h),
			}
			asked.demand(t.tls[name])
		}
	}
	return t, errors.Join(problems...)
}

// leastTLS is the oldest version of TLS that a site takes. Nothing takes 1.0 or 1.1, whatever it is told.
func leastTLS(s plane.Site) uint16 {
	if s.TLS13 {
		return tls.VersionTLS13
	}
	return tls.VersionTLS12
}

// protocols are what a front offers by ALPN. API Gateway and Google's front ends speak HTTP/2; App Service does only
// where http20Enabled is set, which Azure's own default is not, but that of Pulumi's SDK is. Sources: "HTTP/2 support" of
// each; SiteConfigArgs.Defaults of pulumi-azure-native-sdk/web.
func protocols(s plane.Site) []string {
	if s.Front == plane.AzureApp && !s.HTTP2 {
		return []string{"http/1.1"}
	}
	return []string{"h2", "http/1.1"}
}

// asking is how a name asks clients for certificates. Whose it is the front tests afterwards, and answers; a client that has none has no answer, because
// the handshake fails: "clients must present certificates" (see clients). The names of authorities are not sent along: AWS does not say that they are.
func asking(h plane.Host) tls.ClientAuthType {
	if len(h.Clients) > 0 {
		return tls.RequireAnyClientCert
	}
	return tls.NoClientCert
}

// certificate reads a host's certificate, or takes the one read for the last Apply.
func (f *Fronts) certificate(h plane.Host, certs map[[sha256.Size]byte]*tls.Certificate) (*tls.Certificate, error) {
	sum := sha256.New()
	sum.Write(h.Cert)
	sum.Write(h.Key)
	key := [sha256.Size]byte(sum.Sum(nil))
	if c := f.certs[key]; c != nil {
		certs[key] = c
		return c, nil
	}
	c, err := tls.X509KeyPair(h.Cert, h.Key)
	if err != nil {
		return nil, err
	}
	certs[key] = &c
	return &c, nil
}

// handler makes the front of a site.
func (f *Fronts) handler(p plane.Site, asked *asked) (http.Handler, error) {
	switch p.Front {
	case plane.APIGateway:
		known := map[string]*clients{}
		for _, h := range p.Hosts {
			if len(h.Clients) == 0 {
				continue
			}
			c, err := newClients(h.Clients)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", h.Name, err)
			}
			known[hostname(h.Name)] = c
		}
		return &apiGateway{site: p, functions: f.o.Runtimes, timeout: cmp.Or(p.Timeout, f.o.Timeouts.APIGateway), clients: known}, nil
	case plane.GoogleALB, plane.RunApp:
		return &google{site: p, functions: f.o.Runtimes, faults: f.o.Faults, asked: asked}, nil
	case plane.AzureApp:
		return &azure{site: p, functions: f.o.Runtimes, timeout: f.o.Timeouts.Azure}, nil
	case plane.Cloudflare:
		return f.proxied(p), nil
	default:
		return nil, fmt.Errorf("unknown front %q: want one of %q", p.Front,
			[]plane.Front{plane.APIGateway, plane.GoogleALB, plane.RunApp, plane.AzureApp, plane.Cloudflare})
	}
}

// listener is one address with its server.
type listener struct {
	f      *Fronts
	table  atomic.Pointer[table]
	server *http.Server
	done   chan struct{}

	mu    sync.Mutex
	conns map[*conn]struct{} // those that are open
}

// connKey is where a request's context has its *conn.
type connKey struct{}

func (f *Fronts) listen(addr netip.AddrPort, t *table) (*listener, error) {
	tcp, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(addr))
	if err != nil {
		return nil, fmt.Errorf("cannot listen; end what uses the address or choose another: %w", err)
	}
	l := &listener{f: f, done: make(chan struct{}), conns: map[*conn]struct{}{}}
	l.table.Store(t)
	l.server = &http.Server{
		Handler:           l,
		TLSConfig:         &tls.Config{MinVersion: tls.VersionTLS12, GetConfigForClient: l.hello},
		ReadHeaderTimeout: 30 * time.Second,
		IdleTimeout:       2 * time.Minute,
		ErrorLog:          slog.NewLogLogger(f.o.Logger.Handler(), slog.LevelDebug),
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			return context.WithValue(ctx, connKey{}, rawConn(c))
		},
		ConnState: l.connState,
	}
	go func() {
		defer close(l.done)
		// Ends with http.ErrServerClosed, in close.
		_ = l.server.ServeTLS(&resettable{TCPListener: tcp, l: l}, "", "")
	}()
	return l, nil
}

// resettable is a listener that resets connections right away while everything behind it is down.
type resettable struct {
	*net.TCPListener
	l *listener
}

// Accept returns the next connection that is not to be reset.
func (r *resettable) Accept() (net.Conn, error) {
	for {
		c, err := r.AcceptTCP()
		if err != nil {
			return nil, err
		}
		if r.l.every(r.l.f.unreachable) {
			reset(c)
			continue
		}
		return &conn{Conn: c, l: r.l}, nil
	}
}

// reset ends a connection with a TCP reset.
func reset(c *net.TCPConn) {
	_ = c.SetLinger(0) // without effect on one that is closed already
	_ = c.Close()
}

// rawConn is the TCP connection under a server's connection.
func rawConn(c net.Conn) *conn {
	if t, ok := c.(*tls.Conn); ok {
		c = t.NetConn()
	}
	raw, _ := c.(*conn)
	return raw
}

// connState keeps track of the open connections.
func (l *listener) connState(c net.Conn, state http.ConnState) {
	raw := rawConn(c)
	l.mu.Lock()
	defer l.mu.Unlock()
	switch state {
	case http.StateNew:
		l.conns[raw] = struct{}{}
	case http.StateClosed, http.StateHijacked:
		delete(l.conns, raw)
	}
}

// hello picks the TLS configuration by server name. A name nobody has a certificate for ends the handshake with
// "unrecognized name", as at the real fronts.
func (l *listener) hello(h *tls.ClientHelloInfo) (*tls.Config, error) {
	name := strings.ToLower(strings.TrimSuffix(h.ServerName, "."))
	t := l.table.Load()
	config, ok := t.tls[name]
	if !ok {
		return &tls.Config{MinVersion: tls.VersionTLS12}, nil // without a certificate crypto/tls sends that alert
	}
	c, _ := h.Conn.(*conn)
	if l.f.unreachable(t.hosts[name].Site) {
		c.reset()
		return nil, errUnreachable
	}
	c.name.Store(&name)
	c.asked.Store(config.ClientAuth != tls.NoClientCert)
	return l.f.aged(config, t.hosts[name].Site, name)
}

var errUnreachable = errors.New("region is down")

// ServeHTTP finds the site by Host, applies its faults, and has its front answer.
func (l *listener) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	t := l.table.Load()
	s := t.hosts[hostname(r.Host)]
	if s == nil {
		bySNI := t.hosts[strings.ToLower(r.TLS.ServerName)]
		if bySNI == nil { // the site went away under an open connection
			l.abort(r)
		}
		unknownHost(w, bySNI.Front)
		return
	}
	if l.f.unreachable(s.Site) {
		l.abort(r)
	}
	if l.f.swallows(s.Region) {
		l.f.hang(r, s.Region)
	}
	if s.Front == plane.GoogleALB { // the others' connections fall silent
		w = &muted{ResponseWriter: w, f: l.f, r: r, region: s.Region}
	}
	if !l.f.broken(w, r, s) {
		s.handler.ServeHTTP(w, r)
	}
}

// abort resets the connection of a request. It does not return.
func (l *listener) abort(r *http.Request) {
	if c, ok := r.Context().Value(connKey{}).(*conn); ok && c != nil {
		c.reset()
	}
	panic(http.ErrAbortHandler)
}

// hostname is a Host header without its port, in lower case.
func hostname(host string) string {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	return strings.ToLower(strings.TrimSuffix(host, "."))
}

// close ends the listener and every connection.
func (l *listener) close() {
	_ = l.server.Close() // an error here would be of a connection that is closed anyway
	<-l.done
}

// every reports whether all sites of the listener have something in common.
func (l *listener) every(is func(plane.Site) bool) bool {
	t := l.table.Load()
	for _, s := range t.sites {
		if !is(s.Site) {
			return false
		}
	}
	return len(t.sites) > 0
}

var (
	_ net.Listener = (*resettable)(nil)
	_ http.Handler = (*listener)(nil)
)
