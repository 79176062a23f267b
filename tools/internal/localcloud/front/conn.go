package front

import (
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"sync/atomic"
	"time"
)

// conn is a connection to a front. While the front is a black hole it takes everything in and lets nothing out, and goes on so until it is
// closed: what has been lost cannot be made up for.
type conn struct {
	net.Conn // a *net.TCPConn, by its interface only: its other ways to write lead past this one
	l        *listener
	name     atomic.Pointer[string] // server name, lower case; nil before it is known
	asked    atomic.Bool            // its client for a certificate
	silent   atomic.Bool            // for good
}

// Read returns what comes in, of which nothing arrives while the front is silent; nor does the front's patience end then.
func (c *conn) Read(b []byte) (int, error) {
	for {
		n, err := c.Conn.Read(b)
		switch {
		case !c.swallows():
			return n, err
		case errors.Is(err, os.ErrDeadlineExceeded):
			err = c.Conn.SetReadDeadline(time.Time{})
		}
		if err != nil {
			return 0, err // the client is gone, or the connection has been let go
		}
	}
}

// Write sends, or seems to.
func (c *conn) Write(b []byte) (int, error) {
	if c.swallows() {
		return len(b), nil
	}
	return c.Conn.Write(b)
}

// swallows reports whether the connection is silent from now on.
func (c *conn) swallows() bool {
	if !c.silent.Load() && c.l.f.silent(c) {
		c.silent.Store(true)
	}
	return c.silent.Load()
}

// silent reports whether a connection's front is a black hole now. Before its name is known, or with a name that nobody answers for, all
// sites of the address have to be.
func (f *Fronts) silent(c *conn) bool {
	if name := c.name.Load(); name != nil {
		if s := c.l.table.Load().hosts[*name]; s != nil {
			return f.blackhole(s.Site)
		}
	}
	return c.l.every(f.blackhole)
}

// reset ends the connection with a TCP reset.
func (c *conn) reset() {
	if tcp, ok := c.Conn.(*net.TCPConn); ok {
		reset(tcp)
	}
}

// follow has the open connections follow the faults: those of sites that are unreachable are reset, those of black holes fall silent, and
// those that were silent are let go when that is over, as by a peer that has forgotten them.
func (l *listener) follow() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for c := range l.conns {
		if name := c.name.Load(); name != nil {
			if s := l.table.Load().hosts[*name]; s != nil && l.f.unreachable(s.Site) {
				c.reset()
				delete(l.conns, c)
				continue
			}
		}
		was := c.silent.Load()
		switch now := l.f.silent(c); {
		case now:
			c.silent.Store(true)
		case was:
			c.reset()
			delete(l.conns, c)
		}
	}
}

// hang keeps a request without an answer until the region behind the front answers again, and ends it then, as at a backend that never
// answers. It does not return.
//
// Google's load balancer waits longer than any drill lasts: "For backend services with serverless NEG backends, the default timeout is 60
// minutes. This timeout is not configurable" ("Serverless network endpoint groups overview", Limitations,
// docs.cloud.google.com/load-balancing/docs/negs/serverless-neg-concepts).
func (f *Fronts) hang(r *http.Request, region string) {
	_, _ = io.Copy(io.Discard, r.Body) // until it is read, nobody notices that the client is gone
	select {
	case <-f.answers(region):
	case <-r.Context().Done():
	case <-f.quit:
	}
	panic(http.ErrAbortHandler)
}

// muted is the answer of a request that was on its way when its region fell silent: what has not been sent by then hangs.
type muted struct {
	http.ResponseWriter
	f      *Fronts
	r      *http.Request
	region string
}

// WriteHeader sends the header, or hangs.
func (m *muted) WriteHeader(status int) {
	m.mute()
	m.ResponseWriter.WriteHeader(status)
}

// Write sends a piece of the body, or hangs.
func (m *muted) Write(b []byte) (int, error) {
	m.mute()
	return m.ResponseWriter.Write(b)
}

func (m *muted) mute() {
	if m.f.swallows(m.region) {
		m.f.hang(m.r, m.region)
	}
}

// Unwrap lets http.ResponseController reach what is underneath.
func (m *muted) Unwrap() http.ResponseWriter { return m.ResponseWriter }

// answers is closed when a region is no black hole any more.
func (f *Fronts) answers(region string) <-chan struct{} {
	f.hangMu.Lock()
	defer f.hangMu.Unlock()
	if f.hung[region] == nil {
		f.hung[region] = make(chan struct{})
	}
	return f.hung[region]
}

// letGo ends the waiting for regions that are no black holes any more.
func (f *Fronts) letGo() {
	f.hangMu.Lock()
	defer f.hangMu.Unlock()
	for region, hung := range f.hung {
		if !f.swallows(region) {
			close(hung)
			delete(f.hung, region)
		}
	}
}

var (
	_ net.Conn            = (*conn)(nil)
	_ http.ResponseWriter = (*muted)(nil)
)
