package balancer

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"

	"polygate.example/tools/internal/localcloud/clock"
	"polygate.example/tools/internal/localcloud/plane"
	"polygate.example/tools/internal/localcloud/probe"
)

// watching is the probing of a pool's first origin, not begun.
func watching(t *testing.T, p plane.Pool, former *watch) *watch {
	t.Helper()
	clk := clock.New(1)
	return (&Balancers{o: Options{Clock: clk}, probe: probe.Sender{Clock: clk}}).watch(p, p.Origins[0], former)
}

// An origin is healthy when most data centres pass in most regions, whatever the share of all data centres.
func TestMajorityOfMajorities(t *testing.T) {
	const health = "How endpoints and pools become unhealthy: majority of data centers for that region, majority of regions"
	for _, c := range []struct {
		regions int
		passing string // by data centre
		want    bool
	}{
		{1, "xx.", true}, {1, "x..", false},
		{3, "xx. xx. ...", true},  // 4 of 9
		{3, "xxx x.. x..", false}, // 5 of 9
		{3, "xxx xxx ...", true}, {3, "xxx ... ...", false},
		{2, "xxx ...", false}, {2, "xx. .xx", true}, // half of the regions is no majority
		{4, "xxx xxx ... ...", false}, {4, "xx. xx. xx. ...", true},
	} {
		p := monitored("p", "o1")
		p.Regions = []string{"ENAM", "SEAS", "WEU", "OC"}[:c.regions]
		w := watching(t, p, nil)
		for i, x := range strings.ReplaceAll(c.passing, " ", "") {
			w.count(i, probe.Result{OK: x == 'x'}, time.Now())
		}
		if got := w.Healthy(); got != c.want {
			t.Errorf("%s is healthy: %v, want %v (%s)", c.passing, got, c.want, health)
		}
		if d := w.detail(); d.Passing != strings.Count(c.passing, "x") || d.Of != 3*c.regions {
			t.Errorf("%s: %d of %d", c.passing, d.Passing, d.Of)
		}
	}
}

// A vote turns when as many results in a row agree as the monitor asks for; the first result stands at once.
func TestConsecutive(t *testing.T) {
	p := monitored("p", "o1")
	p.Regions, p.Monitor.ConsecutiveUp, p.Monitor.ConsecutiveDown = []string{"WEU"}, 3, 2
	w := watching(t, p, nil)
	got := ""
	for _, r := range "x.x..x.xx.xxx" {
		for i := range w.votes {
			w.count(i, probe.Result{OK: r == 'x'}, time.Now())
		}
		got += map[bool]string{true: "x", false: "."}[w.Healthy()]
	}
	if want := "xxxx........x"; got != want {
		t.Errorf("health is %s, want %s (pulumi-cloudflare, LoadBalancerMonitorArgs.ConsecutiveUp and ConsecutiveDown)", got, want)
	}
}

// Another interval starts the probing anew and takes the votes along, so that nobody's traffic moves.
func TestSettingsChange(t *testing.T) {
	p := monitored("p", "o1")
	old := watching(t, p, nil)
	for i := range old.votes {
		old.count(i, probe.Result{OK: true}, time.Now())
	}
	changed := p
	m := *p.Monitor
	m.Interval, changed.Monitor, changed.Regions = 60, &m, []string{"WEU", "OC"}
	w := watching(t, changed, old)
	if _, passing := w.verdict(); passing != 3 {
		t.Errorf("%d data centres pass: want the three of WEU", passing)
	}
}

// A probe goes to the origin's address, under its Host header before the monitor's, which is the name in the handshake too.
func TestTarget(t *testing.T) {
	m := plane.PoolMonitor{Type: "https", Port: 443, Path: "/health", Timeout: 4, ExpectedCodes: "2xx,404", Headers: map[string][]string{"host": {"monitor.test"}, "X-A": {"1"}}}
	for _, c := range []struct{ name, origin, want string }{
		{"the origin's header", "origin.test", "origin.test"}, {"the monitor's header", "", "monitor.test"},
	} {
		got := target(m, plane.Origin{Address: "address.test", Host: c.origin}, nil)
		if got.Host != c.want || got.SNI != c.want || got.Dial != "address.test" || got.Headers["X-A"][0] != "1" || got.Headers["host"] != nil {
			t.Errorf("%s: %+v (Override HTTP Host headers)", c.name, got)
		}
	}
	m.Headers = nil
	if got := target(m, plane.Origin{Address: "address.test"}, nil); got.Host != "" || got.SNI != "" {
		t.Errorf("without any header: %+v (Common error codes: we will not provide a ServerName)", got)
	}
	for status, want := range map[int]bool{200: true, 299: true, 404: true, 301: false, 500: false, 403: false} {
		if expected(m.ExpectedCodes, status) != want {
			t.Errorf("%d is expected: %v", status, !want)
		}
	}
}

// Real probes over TLS: an origin comes up, is lost when it answers badly, shows a bad certificate or takes no connections, and
// comes back; who is disabled is not probed.
func TestProbing(t *testing.T) {
	d := newBed(t, 2, 100)
	off := monitored("p3", "o2")
	off.Origins[0].Disabled = true
	d.balance(nil, monitored("p1", "o1"), monitored("p2", "o2"), off)
	check := func(id string) probe.Status { return d.b.Checks()[id] }
	until(t, "health of o1 and o2", func() bool { return check("p1/o1").Healthy && check("p2/o2").Healthy })
	if st := check("p1/o1"); st.Of != 9 || len(st.Votes) != 9 {
		t.Errorf("o1 has %d of %d: three data centres of three regions probe", st.Passing, st.Of)
	}
	d.fail("o1", true)
	until(t, "failover", func() bool { return d.asks("IAD") == "o2 30" })
	d.fail("o1", false)
	until(t, "failback", func() bool { return d.asks("IAD") == "o1 30" })
	d.cut("o1", errRefused)
	until(t, "failover of a refused connection", func() bool { return d.asks("IAD") == "o2 30" })
	d.cut("o1", nil)
	until(t, "failback", func() bool { return d.asks("IAD") == "o1 30" })
	d.serve("o1", "other.test")
	until(t, "failover of a certificate for another name", func() bool { return d.asks("IAD") == "o2 30" })
	if why := check("p1/o1").Votes[0].Last.Reason; !strings.Contains(why, "TLS") {
		t.Errorf("the last probe says %q", why)
	}
	if st := check("p3/o2"); st.Healthy || st.Of != 0 || !strings.Contains(st.Why, "disabled") {
		t.Errorf("the disabled origin is %+v", st)
	}
}

// A probe that times out is tried again at once, and what is refused is not ("The number of retries to attempt in case of a
// timeout").
func TestRetries(t *testing.T) {
	for _, c := range []struct {
		name  string
		err   error
		slow  bool
		tries int
	}{{"refused", errRefused, false, 1}, {"timeout", nil, true, 3}} {
		t.Run(c.name, func(t *testing.T) {
			d := newBed(t, 1, 10)
			p := monitored("p", "o1")
			p.Monitor.Timeout, p.Monitor.Retries = 1, 2 // 0.1 s each
			w := d.b.watch(p, p.Origins[0], nil)
			tries := 0
			d.b.probe.Dial = func(ctx context.Context, host string, port int) (net.Conn, error) {
				tries++
				if c.slow {
					<-ctx.Done()
					return nil, ctx.Err()
				}
				return nil, c.err
			}
			if r := d.b.try(t.Context(), w); r.OK || tries != c.tries {
				t.Errorf("%d tries, want %d: %+v", tries, c.tries, r)
			}
		})
	}
}
