// Package edge stands for the internet in front of the local clouds. The fronts listen on many loopback addresses
// and on ports of their own, which curl and a browser cannot guess; the edge is one address that forwards each TLS
// connection, unopened, to the front that DNS points at for the server name in its ClientHello. So
//
//	curl --cacert ca.pem --connect-to ::EDGE https://api.polygate.test/
//
// reaches the region that is serving. Every connection is resolved anew: the edge has no cache, and a client that
// wants to see a TTL at work resolves for itself.
package edge

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"

	"polygate.example/tools/internal/localcloud/plane"
)

// Times of one connection, on the wall clock.
const (
	helloTimeout = 10 * time.Second // from accept to a whole ClientHello
	dialTimeout  = 10 * time.Second // to the front
)

// TLS alerts the edge answers with by itself, each as a whole record: handshake failed before it began.
var (
	alertUnrecognizedName = []byte{21, 3, 1, 0, 2, 2, 112} // RFC 6066, 3: the server knows no such name
	alertMissingExtension = []byte{21, 3, 1, 0, 2, 2, 109} // RFC 8446, 9.2: a server that requires a name got none
)

// Options configures an Edge.
type Options struct {
	Listen  netip.AddrPort // loopback address; port 0 picks a free one
	Resolve Resolve        // required
	Sites   []plane.Site   // what can be reached from the start; Apply replaces it
	Logger  *slog.Logger   // nil discards
}

// Edge forwards TLS connections by server name. All methods are safe for concurrent use.
type Edge struct {
	listener net.Listener
	dialer   *Dialer
	log      *slog.Logger
	ctx      context.Context // ends with the edge, and with it every dial
	cancel   context.CancelFunc
	running  sync.WaitGroup
	mu       sync.Mutex
	conns    map[net.Conn]struct{} // open connections of both sides; nil once closed
}

// New starts an edge. It fails when the address is not on the loopback range or cannot be listened on.
func New(o Options) (*Edge, error) {
	if !o.Listen.Addr().IsLoopback() {
		return nil, fmt.Errorf("edge: listen address %s is not a loopback address: the local clouds serve this machine only", o.Listen)
	}
	if o.Resolve == nil {
		return nil, errors.New("edge: no Resolve given: pass the local DNS server's")
	}
	l, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(o.Listen))
	if err != nil {
		return nil, fmt.Errorf("edge: listen on %s: %w", o.Listen, err)
	}
	e := &Edge{listener: l, dialer: NewDialer(o.Resolve), log: o.Logger, conns: map[net.Conn]struct{}{}}
	if e.log == nil {
		e.log = slog.New(slog.DiscardHandler)
	}
	e.ctx, e.cancel = context.WithCancel(context.Background())
	e.Apply(o.Sites)
	e.running.Go(e.accept)
	return e, nil
}

// Addr is where the edge listens.
func (e *Edge) Addr() netip.AddrPort { return e.listener.Addr().(*net.TCPAddr).AddrPort() }

// Dialer is the way through the edge for code in this process; it knows the same sites.
func (e *Edge) Dialer() *Dialer { return e.dialer }

// Apply replaces the sites that can be reached. Open connections stay.
func (e *Edge) Apply(sites []plane.Site) { e.dialer.Apply(sites) }

// Close stops listening, cuts every open connection and waits until nothing of the edge runs any more. Calling it
// again is harmless.
func (e *Edge) Close() error {
	e.mu.Lock()
	conns := e.conns
	e.conns = nil
	e.mu.Unlock()
	if conns == nil {
		return nil
	}
	err := e.listener.Close()
	e.cancel()
	for c := range conns {
		_ = c.Close() // both ends are being cut: there is nobody to tell
	}
	e.running.Wait()
	return err
}

func (e *Edge) accept() {
	for {
		conn, err := e.listener.Accept()
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil: // out of descriptors, or the client gave up: a moment later it may work
			e.log.Warn("edge: accept failed", "err", err)
			select {
			case <-time.After(50 * time.Millisecond):
				continue
			case <-e.ctx.Done():
				return
			}
		}
		if !e.track(conn) {
			continue
		}
		e.running.Go(func() {
			defer e.release(conn)
			if err := e.forward(conn); err != nil {
				e.log.Debug("edge: connection not forwarded", "client", conn.RemoteAddr(), "err", err)
			}
		})
	}
}

// track remembers a connection for Close; on an edge already closed it closes the connection instead.
func (e *Edge) track(c net.Conn) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.conns == nil {
		_ = c.Close()
		return false
	}
	e.conns[c] = struct{}{}
	return true
}

func (e *Edge) release(c net.Conn) {
	_ = c.Close()
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.conns, c)
}

// forward serves one client connection to its end.
func (e *Edge) forward(client net.Conn) error {
	hello, name, err := readHello(client)
	if err != nil {
		if errors.Is(err, errNoName) {
			refuse(client, alertMissingExtension)
		}
		return err
	}
	ctx, cancel := context.WithTimeout(e.ctx, dialTimeout)
	defer cancel()
	targets, err := e.dialer.Route(ctx, name, HTTPS)
	if err != nil {
		refuse(client, alertUnrecognizedName)
		return err
	}
	front, err := e.dialer.connect(ctx, targets, sourceOf(client))
	if err != nil {
		reset(client) // the region is down: without an edge the client would have been refused
		return fmt.Errorf("front of %s: %w", name, err)
	}
	if !e.track(front) {
		return net.ErrClosed
	}
	defer e.release(front)
	if _, err := front.Write(hello); err != nil {
		reset(client)
		return fmt.Errorf("front of %s: %w", name, err)
	}
	return splice(client, front)
}

// sourceOf is the loopback address that a client chose to come from, which says where it is (see package place). The front
// sees the same one, as it would without an edge. A client that chose none comes from anywhere.
func sourceOf(client net.Conn) net.Addr {
	ap, err := netip.ParseAddrPort(client.RemoteAddr().String())
	if err != nil || !ap.Addr().IsLoopback() || !ap.Addr().Is4() || ap.Addr() == netip.AddrFrom4([4]byte{127, 0, 0, 1}) {
		return nil
	}
	return net.TCPAddrFromAddrPort(netip.AddrPortFrom(ap.Addr(), 0))
}

// readHello reads until the server name is known and returns everything read.
func readHello(c net.Conn) (hello []byte, name string, err error) {
	if err := c.SetReadDeadline(time.Now().Add(helloTimeout)); err != nil {
		return nil, "", err
	}
	buf := make([]byte, 4096)
	for {
		n, err := c.Read(buf)
		hello = append(hello, buf[:n]...)
		if name, perr := serverName(hello); !errors.Is(perr, errNeedMore) {
			if perr != nil {
				return nil, "", perr
			}
			return hello, name, c.SetReadDeadline(time.Time{})
		}
		if err != nil {
			return nil, "", fmt.Errorf("read client hello: %w", err)
		}
		if len(hello) > maxHello {
			return nil, "", errNotTLS
		}
	}
}

// splice copies both ways until both have ended, passing half-closes on: a client that has sent its request and shut
// its side still gets the answer. An error on either side resets both, as a broken path would.
func splice(a, b net.Conn) error {
	var wg sync.WaitGroup
	errs := make([]error, 2)
	pipe := func(i int, dst, src net.Conn) {
		_, err := io.Copy(dst, src)
		if err == nil {
			if tcp, ok := dst.(*net.TCPConn); ok {
				err = tcp.CloseWrite()
			}
		}
		if err != nil {
			errs[i] = err
			reset(a)
			reset(b)
		}
	}
	wg.Go(func() { pipe(0, a, b) })
	wg.Go(func() { pipe(1, b, a) })
	wg.Wait()
	return errors.Join(errs...)
}

// refuse sends an alert. It fails only when the client has gone, and then there is nobody to tell.
func refuse(c net.Conn, alert []byte) {
	if err := c.SetWriteDeadline(time.Now().Add(time.Second)); err == nil {
		_, _ = c.Write(alert)
	}
}

// reset closes a connection so that the other end sees a reset, not an orderly end that could pass for an answer.
func reset(c net.Conn) {
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = c.Close()
}

var _ io.Closer = (*Edge)(nil)
