package monitor

import (
	"context"
	"errors"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"polygate.example/tools/internal/localcloud/clock"
	"polygate.example/tools/internal/localcloud/place"
	"polygate.example/tools/internal/localcloud/plane"
	"polygate.example/tools/internal/localcloud/probe/probetest"
)

// internet is where endpoints are, by name: each answers 200 unless it is broken or hangs.
type internet struct {
	mu     sync.Mutex
	broken map[string]bool
	hangs  map[string]bool
	dials  map[string]int
}

func (n *internet) set(broken bool, hosts ...string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, h := range hosts {
		n.broken[h] = broken
	}
}

func (n *internet) fail(host string, broken, hangs bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.broken[host], n.hangs[host] = broken, hangs
}

func (n *internet) dial(ctx context.Context, host string, port int) (net.Conn, error) {
	n.mu.Lock()
	broken, hangs := n.broken[host], n.hangs[host]
	n.dials[host]++
	n.mu.Unlock()
	switch {
	case broken:
		return nil, errors.New("connection refused")
	case hangs:
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return (&probetest.Endpoint{}).Dial(ctx, host, port)
}

// bench is a monitor in a bubble of its own time.
type bench struct {
	*Monitor
	*internet
	t *testing.T
}

// within runs a test at a speed in a synctest bubble.
func within(t *testing.T, speed float64, body func(*bench)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		n := &internet{broken: map[string]bool{}, hangs: map[string]bool{}, dials: map[string]int{}}
		m, err := New(Options{Clock: clock.New(speed), Dial: n.dial, Pick: func(int) int { return 0 }})
		if err != nil {
			t.Fatal(err)
		}
		body(&bench{m, n, t})
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
}

// pass lets cloud time go by.
func (b *bench) pass(d time.Duration) {
	time.Sleep(b.probe.Clock.Wall(d))
	synctest.Wait()
}

func (b *bench) apply(profiles ...plane.Profile) {
	b.t.Helper()
	if err := b.Apply(profiles); err != nil {
		b.t.Fatal(err)
	}
}

// answer is what a client at a place gets for a profile: a name, NODATA or NXDOMAIN.
func (b *bench) answer(profile, from string) string {
	b.t.Helper()
	client, ok := place.Client(from)
	if !ok {
		b.t.Fatalf("no place %s", from)
	}
	a, ok := b.Answer(profile+".trafficmanager.net", client)
	switch {
	case !ok:
		return "not ours"
	case a.Missing:
		return "NXDOMAIN"
	case a.None:
		return "NODATA"
	case len(a.Addrs) > 0:
		return a.Addrs[0].String()
	}
	return a.CNAME
}

func profile(name, method string, endpoints ...plane.Endpoint) plane.Profile {
	return plane.Profile{ID: "/profiles/" + name, Name: name + ".trafficmanager.net", Method: method, TTL: 30, Endpoints: endpoints,
		Monitor: plane.Monitor{Protocol: "HTTP", Port: 80, Path: "/health", Interval: 10, Timeout: 5, Tolerated: 1}}
}

// external are endpoints of a priority each, in the order given.
func external(names ...string) []plane.Endpoint {
	var out []plane.Endpoint
	for i, n := range names {
		out = append(out, plane.Endpoint{Name: n, Target: n, Priority: i + 1, Weight: 1})
	}
	return out
}

func nested(name string, priority int) plane.Endpoint {
	return plane.Endpoint{Name: name, Profile: "/PROFILES/" + name, Priority: priority, Weight: 1, MinChildren: 1}
}
