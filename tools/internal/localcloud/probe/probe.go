// Package probe is what the health checkers of all traffic managers, and Azure's web tests, have in common: Sender sends one probe, Rounds probes one
// target again and again from several locations, and Result and Status are what comes of it. Who is healthy by it is for each
// manager to say: checker is Route 53's, monitor Azure Traffic Manager's and balancer Cloudflare's; webtest has alarms instead.
//
// # Time
//
// Intervals and timeouts are cloud time and go through the clock. Code under test is not sped up, though: at speed 10
// a 2 s timeout would be 200 ms on the wall clock, and a busy laptop would look like an outage. No probe is therefore cut
// off before a floor of wall time, counted over all its phases. What a probe takes beyond its documented timeout because of
// that, the overrun, must not make detection later than in production: Rounds and checker each say how they make up for it.
// Outages in which connections are refused or answered wrongly, not left hanging, have no overrun at any speed.
//
// A delay that was injected (Delay) is cloud time, and no laptop's fault: one that is longer than a probe waits gets no floor.
// A delay of 5 s is an outage at speed 10, too, where it is over within half a second.
package probe

import (
	"context"
	"net"
	"time"
)

// DefaultFloor is the least wall time a probe is given.
const DefaultFloor = time.Second

// Dial connects to a port of a host, a name or an address; (*edge.Dialer).Dial is one.
type Dial func(ctx context.Context, host string, port int) (net.Conn, error)

// Delay is how long, in cloud time, an answer for a host from a connection's far end is held back on purpose;
// (*front.Fronts).Delay is one.
type Delay func(at net.Addr, host string) time.Duration

// Result is the outcome of one probe.
type Result struct {
	OK     bool          `json:"ok"`
	Reason string        `json:"reason"` // for people: "HTTP Status Code 200, OK", or what failed
	Took   time.Duration `json:"took"`   // cloud time
}

// Status is the state of what is checked.
type Status struct {
	ID      string    `json:"id"`
	Healthy bool      `json:"healthy"` // what DNS goes by
	Passing int       `json:"passing"` // locations that vote healthy, before any inversion
	Of      int       `json:"of"`      // locations that vote
	Since   time.Time `json:"since"`   // cloud time of the last change of Healthy, or of the check's creation
	Why     string    `json:"why"`
	Votes   []Vote    `json:"votes"`
}

// Vote is what one location says.
type Vote struct {
	Location    string    `json:"location"`
	Healthy     bool      `json:"healthy"`
	Consecutive int       `json:"consecutive"` // equal results in a row, the last one included; 0 before the first probe
	Last        Result    `json:"last"`        // the zero Result before the first probe
	At          time.Time `json:"at"`          // cloud time Last came in
}
