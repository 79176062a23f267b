package balancer

import (
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"polygate.example/tools/internal/localcloud/clock"
	"polygate.example/tools/internal/localcloud/plane"
)

// While Cloudflare's servers are stale, answers and the proxy steer by the health and the pools that were kept; probing goes on, and what
// the API tells is so.
func TestStale(t *testing.T) {
	for _, proxied := range []bool{false, true} {
		t.Run(map[bool]string{false: "DNS only", true: "proxied"}[proxied], func(t *testing.T) {
			d := newBed(t, 2, 50)
			stale := false
			d.b.o.Stale = func() bool { return stale }
			change := func(lb *plane.Balancer) { lb.Proxied, lb.Strict = proxied, true }
			d.balance(change, monitored("p1", "o1"), monitored("p2", "o2"))
			led := func() string {
				t.Helper()
				if proxied {
					_, body := d.get("/x")
					return body
				}
				return d.asks("FRA")[:2]
			}
			healthy := func() bool { return d.b.Checks()["p1/o1"].Healthy }
			until(t, "health", func() bool { return healthy() && d.b.Checks()["p2/o2"].Healthy })
			d.b.Freeze()
			d.fail("o1", true)
			until(t, "its failure", func() bool { return !healthy() })
			if got := led(); got != "o2" {
				t.Errorf("with something kept and nobody stale: %s", got)
			}
			stale = true
			if got := led(); got != "o1" || healthy() {
				t.Errorf("stale: led to %s, want o1; its health is told as %t", got, healthy())
			}
			d.balance(change, monitored("p2", "o2"))
			if got := led(); got != "o1" {
				t.Errorf("stale, with the first pool removed by the API: %s", got)
			}
			stale = false
			if got := led(); got != "o2" {
				t.Errorf("when it is over: %s", got)
			}
		})
	}
}

// An origin that takes connections and never answers on purpose is given up after the limits in cloud time; then another one is tried, or
// the client is told.
func TestSilentOrigin(t *testing.T) {
	const speed = 200
	for _, tt := range []struct {
		name   string
		shakes bool // hands, and does not answer the request
		want   int
		body   string
		limit  time.Duration
	}{
		{"no handshake", false, http.StatusOK, "o2", connectLimit},
		{"no answer", true, noAnswer, "error code: 524", readLimit},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := newBed(t, 2, 1)
			d.b.o.Clock = clock.New(speed)
			d.balance(proxiedBy(func(lb *plane.Balancer) { lb.FailoverAcrossPools = true }), unmonitored("p1", "o1"), unmonitored("p2", "o2"))
			var at net.Addr
			if tt.shakes {
				at = d.servers[own("o1")].Listener.Addr()
				d.answer = func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
			} else {
				l, err := net.Listen("tcp", "127.0.0.1:0")
				if err != nil {
					t.Fatal(err)
				}
				defer l.Close()
				at = l.Addr()
				d.servers[own("o1")] = &httptest.Server{Listener: l}
			}
			d.b.o.Delay = func(to net.Addr, host string) time.Duration {
				if to.String() == at.String() && host == own("o1") {
					return math.MaxInt64
				}
				return 0
			}
			begun := time.Now()
			resp, body := d.get("/x")
			if resp.StatusCode != tt.want || body != tt.body {
				t.Errorf("%d %q, want %d %q", resp.StatusCode, body, tt.want, tt.body)
			}
			if took := time.Since(begun); took < tt.limit/speed || took > tt.limit/speed+5*time.Second {
				t.Errorf("it took %s, want %s", took, tt.limit/speed)
			}
		})
	}
}
