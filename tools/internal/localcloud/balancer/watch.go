package balancer

import (
	"context"
	"crypto/x509"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"polygate.example/tools/internal/localcloud/plane"
	"polygate.example/tools/internal/localcloud/probe"
)

// perRegion is how many data centres of each region probe: "Cloudflare sends health monitor requests from three separate data
// centers in that region" ("How endpoints and pools become unhealthy", below: "Health").
const perRegion = 3

// vote is one data centre's standing.
type vote struct {
	location string // region and number: WEU-2
	known    bool   // a probe has come back
	healthy  bool
	run      int // equal results in a row
	last     probe.Result
	at       time.Time
}

// watch is the probing of one origin of one pool.
type watch struct {
	target  probe.Target
	total   time.Duration // timeout and retries together, cloud time
	monitor plane.PoolMonitor
	rounds  probe.Rounds // started by Apply

	mu    sync.Mutex
	votes []vote
	since time.Time
}

// watched reports whether an origin is probed: "Disabled origins will not receive traffic and are excluded from health
// checks", and so are disabled pools (pulumi-cloudflare, LoadBalancerPool).
func watched(p plane.Pool, o plane.Origin) bool {
	return p.Monitor != nil && !p.Disabled && !o.Disabled
}

// watchKey tells probings apart.
func watchKey(p plane.Pool, o plane.Origin) string {
	if p.Monitor == nil {
		return ""
	}
	return fmt.Sprintf("%s|%s|%s|%s|%+v|%v", p.ID, o.Name, o.Address, o.Host, *p.Monitor, p.Regions)
}

// former finds the probing of the same origin under other settings.
func (t *table) former(p plane.Pool, o plane.Origin) *watch {
	for key, w := range t.watches {
		if strings.HasPrefix(key, p.ID+"|"+o.Name+"|"+o.Address+"|") {
			return w
		}
	}
	return nil
}

// watch makes the probing that a pool's monitor asks for. Votes of a former watch from the same data centres are taken over, runs
// are not: a change of settings alone moves no traffic.
func (b *Balancers) watch(p plane.Pool, o plane.Origin, former *watch) *watch {
	m := *p.Monitor
	w := &watch{target: target(m, o, b.o.Roots), monitor: m, since: b.o.Clock.Now(), total: seconds(m.Timeout) * time.Duration(m.Retries+1)}
	for _, region := range p.Regions {
		for n := range perRegion {
			w.votes = append(w.votes, vote{location: region + "-" + strconv.Itoa(n+1)})
		}
	}
	if former != nil {
		former.mu.Lock()
		defer former.mu.Unlock()
		w.since = former.since
		for i := range w.votes {
			for _, f := range former.votes {
				if f.location == w.votes[i].location {
					f.run = 0
					w.votes[i] = f
				}
			}
		}
	}
	w.rounds = probe.Rounds{
		Clock: b.o.Clock, Key: p.ID + o.Name, Interval: seconds(m.Interval), Longest: w.total, Least: b.probe.Least(), Locations: len(w.votes),
		Send: func(ctx context.Context) probe.Result { return b.try(ctx, w) },
		Count: func(i int, r probe.Result, at time.Time) {
			if before, after := w.count(i, r, at); before != after {
				b.log.Info("origin changed", "origin", w.target.Dial, "healthy", after, "last", r.Reason)
			}
		},
	}
	return w
}

func seconds(n int) time.Duration { return time.Duration(n) * time.Second }

// target is what one probe asks for. "If you set a header override on an individual endpoint, it will take precedence over a
// header override set on a monitor"; without any, the endpoint's address is the Host ("Monitors", Host header
// prioritization). "When a host header is set, we set this as the ServerName in the initial TLS handshake. If not set, we
// will not provide a ServerName" ("Common error codes", TLS unrecognized name error).
func target(m plane.PoolMonitor, o plane.Origin, roots *x509.CertPool) probe.Target {
	t := probe.Target{
		Protocol: probe.Protocol(strings.ToUpper(m.Type)), Dial: o.Address, Port: m.Port, Method: m.Method, Path: m.Path, Body: m.ExpectedBody,
		Timeout: seconds(m.Timeout), Headers: map[string][]string{}, Expect: func(status int) bool { return expected(m.ExpectedCodes, status) },
	}
	if !m.AllowInsecure {
		t.Roots = roots
	}
	for name, values := range m.Headers {
		if strings.EqualFold(name, "Host") {
			if len(values) > 0 {
				t.Host, t.SNI = values[0], values[0]
			}
			continue
		}
		t.Headers[name] = values
	}
	// Source: "Cloudflare user agents", developers.cloudflare.com/fundamentals/reference/cloudflare-site-crawling.
	t.Headers["User-Agent"] = []string{"Mozilla/5.0 (compatible;Cloudflare-Traffic-Manager/1.0; +https://www.cloudflare.com/traffic-manager/;)"}
	if o.Host != "" {
		t.Host, t.SNI = o.Host, o.Host
	}
	return t
}

// expected reports whether a status is among codes like "200", "2xx" or several with commas.
func expected(codes string, status int) bool {
	text := strconv.Itoa(status)
	for c := range strings.SplitSeq(codes, ",") {
		if c == text || strings.HasSuffix(c, "xx") && len(text) == 3 && c[0] == text[0] {
			return true
		}
	}
	return false
}

// try is one probe with its retries: "The number of retries to attempt in case of a timeout before marking the origin as
// unhealthy. Retries are attempted immediately" (pulumi-cloudflare, LoadBalancerMonitor.Retries). There are only as many as
// have room in the time of all tries: where the floor gives each of them more, fewer.
func (b *Balancers) try(ctx context.Context, w *watch) probe.Result {
	each := max(w.target.Timeout, b.probe.Least())
	tries := max(1, min(w.monitor.Retries+1, int((w.total+each-1)/each)))
	var took time.Duration
	for n := 1; ; n++ {
		r := b.probe.Send(ctx, w.target)
		took += r.Took
		if r.OK || n >= tries || r.Took < w.target.Timeout || ctx.Err() != nil {
			r.Took = took
			return r
		}
	}
}

// count takes in one result. A data centre's first result is its vote; later ones turn it when as many agree in a row as the
// monitor asks for.
func (w *watch) count(i int, r probe.Result, at time.Time) (before, after bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	before, _ = w.verdict()
	v := &w.votes[i]
	if v.run > 0 && v.last.OK == r.OK {
		v.run++
	} else {
		v.run = 1
	}
	v.last, v.at = r, at
	enough := w.monitor.ConsecutiveDown
	if r.OK {
		enough = w.monitor.ConsecutiveUp
	}
	if !v.known || v.run >= enough {
		v.known, v.healthy = true, r.OK
	}
	if after, _ = w.verdict(); after != before {
		w.since = at
	}
	return before, after
}

// verdict is whether the origin is healthy, and how many data centres say so; w.mu is held. "If the majority of data centers
// for that region pass the health monitor requests, that region is considered healthy. If the majority of regions is healthy,
// then the endpoint itself will be considered healthy" (Health). Who has not probed yet has not passed: "Origins are
// considered down when monitoring is enabled, but the health status is still unknown".
func (w *watch) verdict() (healthy bool, passing int) {
	regions := 0
	for at := 0; at < len(w.votes); at += perRegion {
		in := 0
		for _, v := range w.votes[at : at+perRegion] {
			if v.known && v.healthy {
				in++
			}
		}
		passing += in
		if 2*in > perRegion {
			regions++
		}
	}
	return 2*regions > len(w.votes)/perRegion, passing
}

// Healthy is the verdict.
func (w *watch) Healthy() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	ok, _ := w.verdict()
	return ok
}

// detail is the verdict with the votes, for people.
func (w *watch) detail() probe.Status {
	w.mu.Lock()
	defer w.mu.Unlock()
	st := probe.Status{Of: len(w.votes), Since: w.since}
	st.Healthy, st.Passing = w.verdict()
	for _, v := range w.votes {
		st.Votes = append(st.Votes, probe.Vote{Location: v.location, Healthy: v.known && v.healthy, Consecutive: v.run, Last: v.last, At: v.at})
	}
	st.Why = fmt.Sprintf("%d of %d data centres pass; most of a region must, in most regions", st.Passing, st.Of)
	return st
}
