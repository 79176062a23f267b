package handler

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"time"

	"polygate.example/shared/gateway"
	"polygate.example/shared/health"
	"polygate.example/shared/secret"
)

const (
	healthPath = "/health"
	readyPath  = "/ready"

	// readyLimit is the longest /ready takes. Route 53 wants the status within 2 s of connecting (Route 53 developer
	// guide, "How Route 53 determines whether a health check is healthy"); no other traffic manager is in more of a hurry.
	readyLimit = 1500 * time.Millisecond
	// readyFresh is how long a result of /ready serves others who ask, so that asking often costs upstreams little.
	readyFresh = time.Second
)

func isHealthPath(path string) bool { return path == healthPath || path == readyPath }

// answerHealth answers /health, which says that this process serves and which one it is, and /ready, which says whether
// every upstream has a target that can be reached and every secret can be read. No route can take their place.
func answerHealth(next http.Handler, log *slog.Logger, m *gateway.Model, opts Options, pools map[string]*pool) http.Handler {
	ready := &readiness{pools: pools, log: log, names: m.Secrets(), usable: m.Usable, secrets: opts.Secrets}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !isHealthPath(r.URL.Path) {
			next.ServeHTTP(w, r)
			return
		}
		x := exchangeOf(r)
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			fail(http.StatusMethodNotAllowed, "This path does not take the request's method; see Allow.").write(w, x.id)
			return
		}
		report, status := health.Report{Status: health.StatusOK, Instance: opts.Instance}, http.StatusOK
		if r.URL.Path == readyPath {
			found := ready.check(r.Context())
			report.Upstreams, report.Secrets = found.upstreams, found.secrets
			if !found.ready() {
				report.Status, status = health.StatusDegraded, http.StatusServiceUnavailable
			}
		}
		body, err := json.Marshal(report)
		if err != nil {
			panic(fmt.Errorf("encode health report: %w", err)) // cannot happen with these types; the client gets a 500
		}
		body = append(body, '\n')
		h := w.Header()
		h.Set("Content-Type", "application/json")
		h.Set("Cache-Control", "no-store")
		h.Set("Content-Length", strconv.Itoa(len(body)))
		w.WriteHeader(status)
		_, _ = w.Write(body) // an error here means that the prober has gone
	})
}

// readiness probes upstreams and secrets, at most once per readyFresh however many ask.
type readiness struct {
	pools   map[string]*pool
	names   []string // of the model's secrets
	usable  func(name, text string) error
	secrets *secret.Store
	log     *slog.Logger

	mu    sync.Mutex
	at    time.Time
	found *needs
}

// needs is the state of what a gateway needs of others. Nobody changes it.
type needs struct {
	upstreams []health.Upstream
	secrets   []health.Secret
}

func (n *needs) ready() bool {
	return !slices.ContainsFunc(n.upstreams, func(u health.Upstream) bool { return !u.Reachable }) &&
		!slices.ContainsFunc(n.secrets, func(s health.Secret) bool { return !s.Readable })
}

// check returns the state of all upstreams and secrets, sorted by name. Those who ask while a probe runs wait for its result.
func (c *readiness) check(ctx context.Context) *needs {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.found != nil && time.Since(c.at) < readyFresh {
		return c.found
	}
	// The result is for everybody, so one client that leaves does not end the probe.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), readyLimit)
	defer cancel()
	names := slices.Sorted(maps.Keys(c.pools))
	found := &needs{upstreams: make([]health.Upstream, len(names))}
	var wg sync.WaitGroup
	for i, name := range names {
		wg.Go(func() { found.upstreams[i] = c.pools[name].probe(ctx, c.log) })
	}
	if len(c.names) > 0 {
		wg.Go(func() { found.secrets = probeSecrets(ctx, c.names, c.usable, c.secrets, c.log) })
	}
	wg.Wait()
	c.at, c.found = time.Now(), found
	return found
}

// probe asks all targets of an upstream at once; the first in order that can be reached is reported. Why the others cannot
// is for the log: anybody may ask /ready.
func (p *pool) probe(ctx context.Context, log *slog.Logger) health.Upstream {
	var targets []*target
	for _, tier := range p.tiers {
		targets = append(targets, tier...)
	}
	errs := make([]error, len(targets))
	var wg sync.WaitGroup
	for i, t := range targets {
		wg.Go(func() {
			if errs[i] = p.reach(ctx, t); errs[i] != nil {
				t.markDown()
				log.WarnContext(ctx, "target not ready", "upstream", p.name, "target", t.url.Host, "error", errs[i])
			} else {
				t.markUp()
			}
		})
	}
	wg.Wait()
	for i, t := range targets {
		if errs[i] == nil {
			return health.Upstream{Name: p.name, Reachable: true, Target: t.url.Host}
		}
	}
	return health.Upstream{Name: p.name, Target: targets[0].url.Host, Error: reason(errs[0])}
}

// answersError is a target that answers, with an error.
type answersError int

func (status answersError) Error() string {
	return fmt.Sprintf("answers %d %s", int(status), http.StatusText(int(status)))
}

// reason says why a target cannot be reached without the addresses that the errors of package net hold: of the target,
// and of the resolver inside the network.
func reason(err error) string {
	var status answersError
	var dns *net.DNSError
	switch {
	case errors.As(err, &status):
		return status.Error()
	case isTimeout(err):
		return "no answer in time"
	case errors.As(err, &dns):
		return "its name cannot be resolved"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused"
	}
	return "the connection failed"
}

// reach tests one target: by a GET that is answered below 500 if the upstream has a ready path, else by a TCP connect.
func (p *pool) reach(ctx context.Context, t *target) error {
	if p.ready.Path == "" {
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", hostPort(t))
		if err != nil {
			return err
		}
		return conn.Close()
	}
	address := t.url.Scheme + "://" + t.url.Host + t.path + p.ready.Path
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	req.Header.Set("User-Agent", "polygate-ready")
	resp, err := p.transport.RoundTrip(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10)) // so that the connection can be used again; its loss does not matter
	if resp.StatusCode >= 500 {
		return answersError(resp.StatusCode)
	}
	return nil
}

// hostPort is a target's address with the port its scheme implies.
func hostPort(t *target) string {
	port := t.url.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[t.url.Scheme]
	}
	return net.JoinHostPort(t.url.Hostname(), port)
}
