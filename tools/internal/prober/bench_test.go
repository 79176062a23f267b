package prober

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"polygate.example/tools/client"
)

// cpu is the processor time of this process: of the prober and of the server it asks.
func cpu(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// Requests in an open loop, a thousand a second more each time: how many are right, how late the prober sends them, how
// many it misses, and how many cores it and its server need.
func BenchmarkProber(b *testing.B) {
	for _, bb := range []struct {
		reuse bool
		rate  float64
	}{{true, 1000}, {true, 3000}, {true, 5000}, {true, 10000}, {false, 300}, {false, 1000}} {
		b.Run(fmt.Sprintf("reuse=%t/rate=%g", bb.reuse, bb.rate), func(b *testing.B) {
			w := newWorld(b)
			clients := make([]Client, 20)
			for i := range clients {
				clients[i].Reuse = bb.reuse
			}
			b.ReportAllocs()
			b.ResetTimer()
			busy := cpu(b)
			p := begin(b, w.options(bb.rate, clients...))
			time.Sleep(time.Until(p.Begun().Add(time.Duration(float64(b.N) / bb.rate * float64(time.Second)))))
			passed := time.Since(p.Begun())
			busy = cpu(b) - busy
			b.StopTimer()
			p.Stop()
			st := p.Stats()
			b.ReportMetric(float64(st.Sent-st.Failed)/passed.Seconds(), "right/s")
			b.ReportMetric(float64(st.Failed+st.Missed), "not-right")
			b.ReportMetric(float64(st.Lateness.P99.Microseconds()), "late-p99-µs")
			b.ReportMetric(busy.Seconds()/passed.Seconds(), "cores")
		})
	}
}

// One request after the other in as many loops as there are cores: the client of drills, and net/http alone.
func BenchmarkClosedLoop(b *testing.B) {
	for _, reuse := range []bool{true, false} {
		var per [2]float64 // ns a request
		for i, name := range []string{"bare", "client"} {
			b.Run(fmt.Sprintf("reuse=%t/%s", reuse, name), func(b *testing.B) {
				w := newWorld(b)
				ask := map[string]func(*testing.B) func() error{"bare": w.bare(reuse), "client": w.drilled(reuse)}[name](b)
				b.ReportAllocs()
				b.ResetTimer()
				b.RunParallel(func(pb *testing.PB) {
					for pb.Next() {
						if err := ask(); err != nil {
							b.Error(err)
							return
						}
					}
				})
				b.StopTimer()
				per[i] = float64(b.Elapsed().Nanoseconds()) / float64(b.N)
				b.ReportMetric(1e9/per[i], "requests/s")
				if i == 1 && per[0] > 0 {
					b.ReportMetric(per[1]/per[0], "times-bare")
				}
			})
		}
	}
}

// bare asks by net/http, without DNS.
func (w *world) bare(reuse bool) func(*testing.B) func() error {
	return func(b *testing.B) func() error {
		var d net.Dialer
		at := w.sites[netip.MustParseAddr("192.0.2.1")].String()
		t := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: w.roots}, DisableKeepAlives: !reuse, MaxIdleConnsPerHost: 64}
		b.Cleanup(t.CloseIdleConnections)
		t.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) { return d.DialContext(ctx, network, at) }
		c := &http.Client{Transport: t, Timeout: 5 * time.Second}
		return func() error {
			resp, err := c.Get("https://" + host + "/")
			if err != nil {
				return err
			}
			defer resp.Body.Close()
			_, err = io.ReadAll(resp.Body)
			return err
		}
	}
}

// drilled asks by the client that the prober uses.
func (w *world) drilled(reuse bool) func(*testing.B) func() error {
	return func(b *testing.B) func() error {
		r, err := client.NewResolver(client.ResolverOptions{Server: w.dns})
		if err != nil {
			b.Fatal(err)
		}
		c, err := client.New(client.Options{Resolver: r, RootCAs: w.roots, Reuse: reuse, Address: w.address, Timeout: 5 * time.Second})
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(c.Close)
		return func() error {
			_, err := c.Get(b.Context(), "https://"+host+"/")
			return err
		}
	}
}
