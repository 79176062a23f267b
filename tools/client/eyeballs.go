package client

import (
	"context"
	"errors"
	"fmt"
	"time"

	mdns "github.com/miekg/dns"
)

// Delays of Happy Eyeballs, wall time, as RFC 8305, 8, recommends them.
const (
	resolutionDelay = 50 * time.Millisecond  // waiting for AAAA after A has come (3)
	attemptDelay    = 250 * time.Millisecond // between two connection attempts (5)
)

// family is an address family, in the order of preference: RFC 8305, 4, with a First Address Family Count of 1.
type family int

const (
	six family = iota
	four
)

// race is connecting to one host by several addresses (RFC 8305, 5): one attempt after the other without waiting for
// those before to fail, the families by turns (4), until the first that succeeds, which ends the others. An attempt
// that fails makes room for the next at once. A single address is a race of one.
type race struct {
	host    string
	connect func(context.Context, path) (*conn, error)

	waiting [2][]path // by family, in the order of the answers
	turn    family    // whose turn it is, if it has any waiting
	found   chan found
	pending int  // lookups
	running int  // attempts
	last    path // of the attempt that was started last
	lost    *dialError
	missing [2]error // lookups that brought nothing
}

// found is the outcome of a lookup.
type found struct {
	family family
	answer Answer
	err    error
}

// tried is the outcome of an attempt.
type tried struct {
	path
	conn *conn
	err  error
}

func (c *Client) newRace(network, host string) *race {
	return &race{host: host, last: path{phase: Resolving}, connect: func(ctx context.Context, p path) (*conn, error) { return c.connect(ctx, network, p) }}
}

func (r *race) add(f family, p []path) { r.waiting[f] = append(r.waiting[f], p...) }
func (r *race) lose(e *dialError)      { r.lost = e }

// openEither asks for both families at once, AAAA first (RFC 8305, 3), and connects to either.
func (c *Client) openEither(ctx context.Context, network, host string, port int) (*conn, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	r := c.newRace(network, host)
	r.found, r.pending = make(chan found, 2), 2
	for f, rtype := range []uint16{six: mdns.TypeAAAA, four: mdns.TypeA} {
		go func() {
			a, err := c.o.Resolver.lookup(ctx, host, rtype)
			r.found <- found{family(f), a, err}
		}()
	}
	return r.runWith(ctx, func(a Answer) []path { return c.paths(a, port, r.lose) })
}

func (r *race) run(ctx context.Context) (*conn, error) {
	if len(r.waiting[six])+len(r.waiting[four]) == 1 { // the usual case needs no goroutine
		p := r.next()
		nc, err := r.connect(ctx, p)
		if err != nil {
			r.lost = &dialError{path: p, err: err}
			return nil, r.err()
		}
		return nc, nil
	}
	return r.runWith(ctx, nil)
}

// runWith runs the race to its end; paths makes ways of the answers that come meanwhile.
func (r *race) runWith(ctx context.Context, paths func(Answer) []path) (*conn, error) {
	ctx, cancel := context.WithCancel(ctx) // ends the losers
	defer cancel()
	outcomes := make(chan tried)
	var resolution, attempt <-chan time.Time // delays that are running
	for {
		if resolution == nil && attempt == nil && len(r.waiting[six])+len(r.waiting[four]) > 0 {
			r.start(ctx, outcomes)
			attempt = time.After(attemptDelay)
		}
		if r.running+r.pending+len(r.waiting[six])+len(r.waiting[four]) == 0 {
			return nil, r.err()
		}
		select {
		case f := <-r.found:
			r.pending--
			if r.missing[f.family] = f.err; f.err == nil {
				r.add(f.family, paths(f.answer))
			}
			switch {
			case f.family == six: // whatever it brought, nobody has to wait for it any more
				resolution = nil
			case r.pending > 0 && f.err == nil:
				resolution = time.After(resolutionDelay)
			}
		case <-resolution:
			resolution = nil
		case <-attempt:
			attempt = nil
		case o := <-outcomes:
			r.running--
			if o.err == nil {
				return o.conn, nil
			}
			r.lost, attempt = &dialError{path: o.path, err: o.err}, nil
		case <-ctx.Done():
			r.lost = &dialError{path: r.last, err: ctx.Err()}
			return nil, r.err()
		}
	}
}

// next takes the way that is tried next: of the other family than the one before, if it has one.
func (r *race) next() path {
	f := r.turn
	if len(r.waiting[f]) == 0 {
		f = six + four - f
	}
	p := r.waiting[f][0]
	r.waiting[f] = r.waiting[f][1:]
	r.turn, r.last = six+four-f, p
	return p
}

func (r *race) start(ctx context.Context, outcomes chan<- tried) {
	p := r.next()
	r.running++
	go func() {
		nc, err := r.connect(ctx, p)
		select {
		case outcomes <- tried{p, nc, err}:
		case <-ctx.Done(): // another one was faster
			if err == nil {
				_ = nc.Close() // it carried nothing
			}
		}
	}()
}

// err is why there is no connection.
func (r *race) err() error {
	if r.lost != nil {
		if len(r.lost.answer.Chain) > 0 {
			r.lost.err = fmt.Errorf("%s by way of %s: %w", r.host, r.lost.answer.Owner(), r.lost.err)
		}
		return r.lost
	}
	err := r.missing[four]
	if errors.Is(err, ErrNoAddress) && r.missing[six] != nil { // the other one may know more
		err = r.missing[six]
	}
	return &dialError{path: path{phase: Resolving}, err: err}
}
