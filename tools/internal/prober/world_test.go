package prober

import (
	"context"
	"crypto/x509"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	mdns "github.com/miekg/dns"

	"polygate.example/tools/client"
	"polygate.example/tools/internal/localcloud/dns/dnstest"
)

// host is the name in httptest's certificate.
const host = "example.com"

// world is a name server and the sites that its addresses lead to.
type world struct {
	dns   string
	roots *x509.CertPool

	mu      sync.Mutex
	records map[string]string // by client subnet, "" being for all others: what the name leads to, one a line
	silent  bool
	sites   map[netip.Addr]netip.AddrPort
}

// newWorld has sites, each answering with its name, at 127.0.0.1 and 127.0.0.2.
func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{roots: x509.NewCertPool(), records: map[string]string{}, sites: map[netip.Addr]netip.AddrPort{}}
	w.dns = dnstest.Serve(t, w)
	w.site(t, "192.0.2.1", named("one"))
	w.site(t, "192.0.2.2", named("two"))
	w.say("", "example.com. 60 IN A 192.0.2.1")
	return w
}

func named(name string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, name) }
}

// site serves at an address of the world's.
func (w *world) site(t testing.TB, ip string, h http.HandlerFunc) *httptest.Server {
	t.Helper()
	srv := httptest.NewUnstartedServer(h)
	srv.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	srv.StartTLS()
	t.Cleanup(srv.Close)
	w.roots.AddCert(srv.Certificate())
	w.lead(ip, srv.Listener.Addr().String())
	return srv
}

// lead says what listens at an address.
func (w *world) lead(ip, listener string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sites[netip.MustParseAddr(ip)] = netip.MustParseAddrPort(listener)
}

func (w *world) say(subnet, records string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.records[subnet] = records
}

func (w *world) ServeDNS(rw mdns.ResponseWriter, q *mdns.Msg) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.silent {
		return
	}
	records := w.records[""]
	if opt := q.IsEdns0(); opt != nil && len(opt.Option) > 0 {
		if own, ok := w.records[opt.Option[0].String()]; ok {
			records = own
		}
	}
	m := new(mdns.Msg).SetReply(q)
	for line := range strings.Lines(records) {
		rr, err := mdns.NewRR(line)
		if err != nil {
			panic(err) // the test's own table is wrong
		}
		if rr.Header().Rrtype == q.Question[0].Qtype || rr.Header().Rrtype == mdns.TypeCNAME {
			m.Answer = append(m.Answer, rr)
		}
	}
	if len(m.Answer) == 0 {
		soa, err := mdns.NewRR("example.com. 60 IN SOA ns. admin. 1 7200 900 1209600 60")
		if err != nil {
			panic(err)
		}
		m.Ns = append(m.Ns, soa)
	}
	_ = rw.WriteMsg(m)
}

// address is Options.Address: where the site of an address listens.
func (w *world) address(_ []string, ip netip.Addr, _ int) (netip.AddrPort, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.sites[ip], nil
}

func (w *world) options(rate float64, clients ...Client) Options {
	return Options{
		Hostname: host, Server: w.dns, RootCAs: w.roots, Address: w.address, Clients: clients, Rate: rate, Timeout: 5 * time.Second,
		Right: func(r client.Result) (string, error) { return string(r.Body), nil },
	}
}

func begin(t testing.TB, o Options) *Prober {
	t.Helper()
	p, err := Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Stop)
	return p
}

// patience is how long something may take that is to happen: nobody waits for it but where it does not.
const patience = 2 * time.Minute

// until waits for something.
func until(t testing.TB, what string, so func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !so(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("it never came that %s", what)
		}
	}
}

// await waits for a sample of which something holds.
func await(t testing.TB, p *Prober, what string, holds func(Sample) bool) (found Sample) {
	t.Helper()
	until(t, "a request "+what+" ended", func() bool {
		for _, s := range p.Samples(0, time.Hour) {
			if holds(s) {
				found = s
				return true
			}
		}
		return false
	})
	return found
}

// settled waits until a number of requests that were due before a time have ended, and returns them.
func settled(t testing.TB, p *Prober, to time.Duration, n int) (all []Sample) {
	t.Helper()
	until(t, "as many requests ended", func() bool { all = p.Samples(0, to); return len(all) >= n })
	return all
}

// hand is a clock that a test moves by hand: what goes by it is as fast or as slow as the machine likes, and nothing changes.
type hand struct {
	mu      sync.Mutex
	passed  time.Duration
	waiting chan wait // one comes whenever somebody begins to wait
	sleeper *wait
}

// wait is somebody who waits for a time.
type wait struct {
	until time.Duration
	over  chan struct{}
}

func newHand() *hand { return &hand{waiting: make(chan wait)} }

func (h *hand) clock() clock {
	begun := time.Now()
	return clock{
		now: func() time.Time {
			h.mu.Lock()
			defer h.mu.Unlock()
			return begun.Add(h.passed)
		},
		wait: func(ctx context.Context, d time.Duration) {
			h.mu.Lock()
			w := wait{h.passed + d, make(chan struct{})}
			h.mu.Unlock()
			select {
			case h.waiting <- w:
			case <-ctx.Done():
				return
			}
			select {
			case <-w.over:
			case <-ctx.Done():
			}
		},
	}
}

// asleep waits until somebody waits: all that was to be done before is done.
func (h *hand) asleep(t testing.TB) {
	t.Helper()
	if h.sleeper != nil {
		return
	}
	select {
	case w := <-h.waiting:
		h.sleeper = &w
	case <-time.After(patience):
		t.Fatal("nobody waits for the clock")
	}
}

// next moves the clock to the time that is waited for, and returns it, since the beginning.
func (h *hand) next(t testing.TB) time.Duration {
	t.Helper()
	h.asleep(t)
	w := h.sleeper
	h.sleeper = nil
	h.mu.Lock()
	h.passed = w.until
	h.mu.Unlock()
	close(w.over)
	return w.until
}

// machine measures how late the machine itself wakes whoever sleeps: what no prober can be blamed for. The function it
// returns says the worst so far.
func machine(t testing.TB) func() time.Duration {
	var worst atomic.Int64
	stop := make(chan struct{})
	var watching sync.WaitGroup
	watching.Go(func() {
		for {
			const nap = time.Millisecond
			began := time.Now()
			select {
			case <-time.After(nap):
				worst.Store(max(worst.Load(), int64(time.Since(began)-nap)))
			case <-stop:
				return
			}
		}
	})
	t.Cleanup(func() { close(stop); watching.Wait() })
	return func() time.Duration { return time.Duration(worst.Load()) }
}
