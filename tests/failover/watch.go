package failover

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/miekg/dns"

	"polygate.example/tests/harness"
	"polygate.example/tools/client"
)

const (
	clients = 4                      // each with a resolver of its own, started at different moments
	pace    = 100 * time.Millisecond // wall time between two requests of one client
	poll    = 20 * time.Millisecond  // wall time between two looks at the authoritative answer
)

// Verdict is how a request ended.
type Verdict string

// The verdicts.
const (
	Right Verdict = "right" // 200, and the answer to what was asked
	Lost  Verdict = "lost"  // no answer, or one that says it could not be given
	Wrong Verdict = "wrong" // 200, but not the answer to what was asked
)

// Request is one request of one client. At and Took are cloud seconds, At since the run began.
type Request struct {
	Client  int     `json:"client"`
	At      float64 `json:"at"`
	Took    float64 `json:"took"`
	Region  string  `json:"region"` // region the client's DNS answer named
	Verdict Verdict `json:"verdict"`
	Detail  string  `json:"detail,omitempty"`

	begun, done time.Time
}

// Answer is the region the authoritative DNS names from a moment on.
type Answer struct {
	At     float64 `json:"at"` // cloud seconds since the run began
	Region string  `json:"region"`
	at     time.Time
}

// watcher keeps the clients calling and the DNS asked.
type watcher struct {
	status  harness.Status
	ttl     int               // seconds, from the wire
	regions map[string]string // region's own name -> region
	begun   time.Time

	cancel  context.CancelFunc
	running sync.WaitGroup

	mu      sync.Mutex
	log     [clients][]Request
	changes []Answer
}

func watch(ctx context.Context, st harness.Status) (*watcher, error) {
	w := &watcher{status: st, regions: map[string]string{}, begun: time.Now()}
	for _, r := range st.Regions {
		w.regions[r.Host()] = r.Name
	}
	region, ttl, err := w.ask(ctx)
	if err != nil {
		return nil, err
	}
	w.ttl = ttl
	w.changes = []Answer{{Region: region, at: w.begun}}
	roots, err := st.Roots()
	if err != nil {
		return nil, err
	}
	edge, err := netip.ParseAddrPort(st.Edge.Address)
	if err != nil {
		return nil, err
	}
	ctx, w.cancel = context.WithCancel(ctx)
	for i := range clients {
		c, err := newClient(st, roots, edge)
		if err != nil {
			w.cancel()
			return nil, err
		}
		w.running.Go(func() { w.call(ctx, i, c) })
	}
	w.running.Go(func() { w.follow(ctx) })
	return w, nil
}

func newClient(st harness.Status, roots *x509.CertPool, edge netip.AddrPort) (*client.Client, error) {
	r, err := client.NewResolver(client.ResolverOptions{Server: st.DNS, Speed: st.Speed})
	if err != nil {
		return nil, err
	}
	return client.New(client.Options{
		Resolver: r, RootCAs: roots, Timeout: 3 * time.Second,
		// The fronts listen on the edge's port, each on the address that DNS gives. Where all of them share one
		// address, the edge itself is the way in, and finds the front by name.
		Address: func(_ []string, ip netip.Addr, _ int) (netip.AddrPort, error) {
			return netip.AddrPortFrom(ip, edge.Port()), nil
		},
	})
}

// call sends requests at a steady pace until ctx ends. Each asks for something no other asks for, so that an answer to
// another request is noticed.
func (w *watcher) call(ctx context.Context, id int, c *client.Client) {
	defer c.Close()
	// Clients begin apart, so that their caches expire apart.
	first := time.NewTimer(time.Duration(id) * w.wall(time.Duration(w.ttl)*time.Second) / clients)
	defer first.Stop()
	select {
	case <-first.C:
	case <-ctx.Done():
		return
	}
	tick := time.NewTicker(pace)
	defer tick.Stop()
	for n := 0; ; n++ {
		path := fmt.Sprintf("/echo/client-%d/request-%d?x=%d", id, n, n)
		begun := time.Now()
		res, err := c.Get(ctx, "https://"+w.status.Hostname+path)
		if ctx.Err() != nil {
			return
		}
		r := Request{Client: id, begun: begun, done: time.Now(), Region: w.regionOf(res.Answer.Chain)}
		r.At, r.Took = w.cloud(begun.Sub(w.begun)), w.cloud(r.done.Sub(begun))
		r.Verdict, r.Detail = verdict(res, err, path)
		w.mu.Lock()
		w.log[id] = append(w.log[id], r)
		w.mu.Unlock()
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func verdict(res client.Result, err error, path string) (Verdict, string) {
	if err != nil {
		return Lost, err.Error()
	}
	if res.Status >= 500 {
		return Lost, fmt.Sprintf("answered %d", res.Status)
	}
	var echo struct {
		URI string `json:"uri"`
	}
	if res.Status != http.StatusOK {
		return Wrong, fmt.Sprintf("answered %d", res.Status)
	}
	if err := json.Unmarshal(res.Body, &echo); err != nil || echo.URI != path {
		return Wrong, fmt.Sprintf("asked for %s, the answer is for %q", path, echo.URI)
	}
	return Right, ""
}

// regionOf finds the region among the names of a chain.
func (w *watcher) regionOf(chain []string) string {
	for _, name := range chain {
		if r, ok := w.regions[name]; ok {
			return r
		}
	}
	return ""
}

// ask puts one question to the authoritative server, past every cache.
func (w *watcher) ask(ctx context.Context) (region string, ttl int, err error) {
	q := new(dns.Msg).SetQuestion(dns.Fqdn(w.status.Hostname), dns.TypeA)
	in, _, err := (&dns.Client{Timeout: 2 * time.Second}).ExchangeContext(ctx, q, w.status.DNS)
	if err != nil {
		return "", 0, fmt.Errorf("ask %s: %w", w.status.DNS, err)
	}
	for _, rr := range in.Answer {
		if c, ok := rr.(*dns.CNAME); ok {
			if r, ok := w.regions[strings.TrimSuffix(c.Target, ".")]; ok {
				return r, int(c.Hdr.Ttl), nil
			}
		}
	}
	return "", 0, fmt.Errorf("%s names no region for %s", w.status.DNS, w.status.Hostname)
}

// follow notes every change of the authoritative answer.
func (w *watcher) follow(ctx context.Context) {
	tick := time.NewTicker(poll)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		region, _, err := w.ask(ctx)
		if err != nil {
			continue // the clients will notice, too
		}
		w.mu.Lock()
		if w.changes[len(w.changes)-1].Region != region {
			now := time.Now()
			w.changes = append(w.changes, Answer{At: w.cloud(now.Sub(w.begun)), Region: region, at: now})
		}
		w.mu.Unlock()
	}
}

// await returns when DNS came to name a region after the step began, the beginning when it did already, and the zero
// time when it did not within the limit.
func (w *watcher) await(ctx context.Context, region string, since time.Time, limit time.Duration) (time.Time, error) {
	deadline := time.Now().Add(limit)
	for {
		w.mu.Lock()
		last := w.changes[len(w.changes)-1]
		w.mu.Unlock()
		if last.Region == region {
			if last.at.Before(since) {
				return since, nil
			}
			return last.at, nil
		}
		if time.Now().After(deadline) {
			return time.Time{}, nil
		}
		if err := sleepUntil(ctx, time.Now().Add(poll)); err != nil {
			return time.Time{}, err
		}
	}
}

func (w *watcher) current() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.changes[len(w.changes)-1].Region
}

// of lists a client's requests that ended in a span of time.
func (w *watcher) of(client int, from, to time.Time) []Request {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []Request
	for _, r := range w.log[client] {
		if !r.done.Before(from) && r.done.Before(to) {
			out = append(out, r)
		}
	}
	return out
}

func (w *watcher) requests() []Request {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []Request
	for _, l := range w.log {
		out = append(out, l...)
	}
	return out
}

func (w *watcher) answers() []Answer {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]Answer(nil), w.changes...)
}

func (w *watcher) stop() {
	w.cancel()
	w.running.Wait()
}

// wall is how long a cloud duration lasts here.
func (w *watcher) wall(cloud time.Duration) time.Duration {
	return time.Duration(float64(cloud) / w.status.Speed)
}

// cloud is a wall duration in cloud seconds.
func (w *watcher) cloud(wall time.Duration) float64 { return wall.Seconds() * w.status.Speed }
