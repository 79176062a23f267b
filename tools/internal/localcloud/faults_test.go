package localcloud

import (
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	mdns "github.com/miekg/dns"

	"polygate.example/tools/internal/localcloud/balancer"
	"polygate.example/tools/internal/localcloud/fault"
	"polygate.example/tools/internal/localcloud/monitor"
	"polygate.example/tools/internal/localcloud/plane"
	"polygate.example/tools/internal/localcloud/probe"
	"polygate.example/tools/internal/localcloud/runtime/runtimetest"
)

// The checks of the pair's managers, every 10 s, and what they allow a region to be silent before it is unhealthy: a probe of Route 53 that
// is connected waits 2 s, of a bound of 6.
const (
	probeTimeout = 5
	failures     = 2
)

// pair is two regions that serve, under the names of all three managers, each of which prefers the first.
type pair struct {
	t     *testing.T
	c     *Clouds
	api   *Client
	zones []plane.Zone
}

// names are those that each manager answers for.
var names = map[string]string{"route53": "api.polygate.test", "trafficmanager": "api.azure.test", "cloudflare": "api.cf.test"}

// bounds are how long each manager may take to notice. Sources: package checker, Determining; package monitor, Endpoint failover and
// recovery; package balancer, Health.
var bounds = map[string]time.Duration{
	"route53": failures * (10 + 6) * time.Second, "trafficmanager": failures*10*time.Second + probeTimeout*time.Second,
	"cloudflare": failures*10*time.Second + probeTimeout*time.Second,
}

func newPair(t *testing.T) *pair {
	t.Helper()
	c, dir := start(t)
	p := &pair{t: t, c: c, api: client(t, dir)}
	zip, digest := runtimetest.Zip(t, runtimetest.FunctionFiles(t))
	var functions []plane.Function
	var sites []plane.Site
	var checks []plane.HealthCheck
	zone := plane.Zone{ID: "r", Name: "polygate.test", Manager: "route53"}
	pool := func(id string, o plane.Origin) plane.Pool {
		return plane.Pool{ID: id, MinimumOrigins: 1, Regions: []string{"ENAM", "SEAS", "WEU"}, Origins: []plane.Origin{o}, Monitor: &plane.PoolMonitor{
			Type: "https", Method: "GET", Path: "/health", Port: 443, ExpectedCodes: "200", Interval: 10, Timeout: probeTimeout, ConsecutiveUp: 1, ConsecutiveDown: failures}}
	}
	lb := plane.Balancer{ID: "lb", Name: names["cloudflare"], TTL: 30, Steering: "off", Fallback: "a"}
	profile := plane.Profile{ID: "/profiles/top", Name: "top.trafficmanager.net", Method: "Priority", TTL: 30,
		Monitor: plane.Monitor{Protocol: "HTTPS", Port: 443, Path: "/health", Interval: 10, Timeout: probeTimeout, Tolerated: failures - 1}}
	for i, region := range []string{"aws/us-east-1", "azure/eastus"} {
		id := string(rune('a' + i))
		name := id + ".polygate.test"
		cert, key, err := c.services.CA.Issue(name)
		if err != nil {
			t.Fatal(err)
		}
		l, err := net.Listen("tcp", fmt.Sprintf("127.99.7.%d:0", i+1))
		if err != nil {
			t.Fatal(err)
		}
		at := netip.MustParseAddrPort(l.Addr().String())
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		functions = append(functions, plane.Function{ID: id, Region: region, Runtime: plane.CloudFunction, Package: zip, Digest: digest, Entry: "Gateway",
			Architecture: "amd64", Memory: 256, Timeout: time.Minute})
		sites = append(sites, plane.Site{ID: id, Region: region, Front: plane.RunApp, Listen: at, Function: id, Hosts: []plane.Host{{Name: name, Cert: cert, Key: key}}})
		checks = append(checks, plane.HealthCheck{ID: id, Type: "HTTPS", FQDN: name, Port: 443, Path: "/health", Interval: 10, Threshold: failures, SNI: true})
		zone.Records = append(zone.Records, plane.Record{Name: name, Type: "A", TTL: 60, Values: []string{at.Addr().String()}},
			plane.Record{Name: names["route53"], Type: "CNAME", TTL: 30, Values: []string{name}, SetIdentifier: id, Failover: []string{"PRIMARY", "SECONDARY"}[i], HealthCheck: id})
		profile.Endpoints = append(profile.Endpoints, plane.Endpoint{Name: id, Target: name, Priority: i + 1})
		lb.Pools = append(lb.Pools, pool(id, plane.Origin{Name: id, Address: name, Host: name, Weight: 1}))
		lb.Default = append(lb.Default, id)
	}
	proxied := lb
	proxied.ID, proxied.Name, proxied.Proxied, proxied.Strict = "proxied", "proxied.cf.test", true, true
	p.zones = []plane.Zone{zone, {ID: "c", Name: "cf.test", Manager: "cloudflare"},
		{ID: "t", Name: "azure.test", Manager: "trafficmanager", Records: []plane.Record{{Name: names["trafficmanager"], Type: "CNAME", TTL: 30, Values: []string{profile.Name}}}}}
	c.world.Store(&plane.World{Functions: functions, Sites: sites, Zones: p.zones, Checks: checks})
	c.edge.Apply(sites)
	for what, err := range map[string]error{
		"functions": c.runtimes.Apply(t.Context(), functions), "fronts": c.fronts.Apply(sites), "zones": c.dns.Apply(p.zones), "checks": c.checkers.Apply(checks),
		"profiles": c.profiles.Apply([]plane.Profile{profile}), "balancers": c.balancers.Load().Apply([]plane.Balancer{lb, proxied}, sites),
	} {
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
	p.until("every manager's probes pass", 120*time.Second, func() bool {
		for manager := range names {
			for _, id := range []string{"a", "b"} {
				if st := p.check(manager, id); !st.Healthy || st.Passing < st.Of || st.Votes[0].Last.Reason == "" {
					return false
				}
			}
		}
		return true
	})
	return p
}

// until waits for something within a cloud time, and returns how much of that it took.
func (p *pair) until(what string, within time.Duration, ok func() bool) time.Duration {
	p.t.Helper()
	clk := p.c.services.Clock
	begun := clk.Now()
	for !ok() {
		if took := clk.Now().Sub(begun); took > within {
			p.t.Fatalf("after %s of cloud time not yet: %s", took, what)
		}
		clk.Sleep(p.t.Context(), 50*time.Millisecond)
	}
	return clk.Now().Sub(begun)
}

// check is what a manager's API tells of a region.
func (p *pair) check(manager, id string) probe.Status {
	p.t.Helper()
	key := id
	switch manager {
	case "trafficmanager":
		key = monitor.EndpointID(plane.Profile{ID: "/profiles/top"}, plane.Endpoint{Name: id})
	case "cloudflare":
		key = balancer.CheckID(plane.Pool{ID: id}, plane.Origin{Name: id})
	}
	st, ok := p.c.overview().Checks[key]
	if !ok {
		p.t.Fatalf("%s tells nothing of %s", manager, id)
	}
	return st
}

// led is the region that a manager's name servers lead to, by its letter, asked as any resolver does.
func (p *pair) led(manager string) string {
	p.t.Helper()
	q := new(mdns.Msg)
	q.SetQuestion(names[manager]+".", mdns.TypeA)
	dns := mdns.Client{Timeout: 5 * time.Second}
	m, _, err := dns.ExchangeContext(p.t.Context(), q, p.c.dns.Addr().String())
	if err != nil || len(m.Answer) == 0 {
		p.t.Fatalf("%s answers %v, %v", manager, m, err)
	}
	a, ok := m.Answer[len(m.Answer)-1].(*mdns.A)
	if !ok {
		p.t.Fatalf("%s answers %v", manager, m.Answer)
	}
	return string(rune('a' + a.A.To4()[3] - 1))
}

// ask is what a client of a region sees: a status, or why there is none.
func (p *pair) ask(id, path string) string {
	p.t.Helper()
	ca, err := p.c.authority()
	if err != nil {
		p.t.Fatal(err)
	}
	hc := &http.Client{Timeout: time.Second, Transport: &http.Transport{
		DisableKeepAlives: true, DialContext: p.c.edge.Dialer().DialContext, TLSClientConfig: &tls.Config{RootCAs: ca.Pool(), MinVersion: tls.VersionTLS12},
	}}
	res, err := hc.Get("https://" + id + ".polygate.test" + path)
	var timeout net.Error
	switch {
	case errors.As(err, &timeout) && timeout.Timeout():
		return "silence"
	case err != nil:
		return err.Error()
	}
	defer res.Body.Close()
	return fmt.Sprint(res.StatusCode)
}

// proxied is the region that a client of Cloudflare's proxy is served by.
func (p *pair) proxied() string {
	p.t.Helper()
	h, ok := p.c.balancers.Load().Proxy("proxied")
	if !ok {
		p.t.Fatal("no proxy")
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "https://proxied.cf.test/", nil))
	var served struct{ Host string }
	if err := json.NewDecoder(w.Body).Decode(&served); err != nil {
		return fmt.Sprint(w.Code)
	}
	id, _, _ := strings.Cut(served.Host, ".")
	return id
}

func (p *pair) inject(f fault.Fault) {
	p.t.Helper()
	if err := p.api.Inject(p.t.Context(), f); err != nil {
		p.t.Fatal(err)
	}
}

// A region that is silent, or whose health checks fail, is left by every manager within its bound, and its clients see the one or the
// other. When the lease is over all is as before, and nobody healed anything.
func TestManagersLeave(t *testing.T) {
	p := newPair(t)
	const lease = 80 * time.Second
	for _, tt := range []struct {
		kind          fault.Kind
		health, other string // what a client sees
		why           string // what a probe tells
		most          time.Duration
	}{
		{fault.Blackhole, "silence", "silence", "i/o timeout", probeTimeout*time.Second + 3*time.Second},
		{fault.HealthFail, "503", "200", "503", 10 * time.Second},
	} {
		clk := p.c.services.Clock
		begun := clk.Now()
		p.inject(fault.Fault{Target: "aws/us-east-1", Kind: tt.kind, Lease: lease, Drill: "d", Token: 1})
		over := clk.Now().Add(lease) // the lease began before this moment: it is not later over
		left := map[string]time.Duration{}
		p.until("every manager has left the region", 45*time.Second, func() bool {
			for manager := range names {
				if _, ok := left[manager]; !ok && p.led(manager) == "b" {
					left[manager] = clk.Now().Sub(begun)
				}
			}
			return len(left) == len(names)
		})
		for manager, took := range left {
			if slack := 3 * time.Second; took > bounds[manager]+slack { // 0.3 s on the wall for a busy machine
				t.Errorf("%s: %s leaves after %s, want within %s", tt.kind, manager, took, bounds[manager])
			}
			if st := p.check(manager, "a"); st.Healthy {
				t.Errorf("%s: %s tells that it is well", tt.kind, manager)
			}
			for _, v := range p.check(manager, "a").Votes {
				// The floor of a probe, 10 s at this speed, is for machines that are slow, and not for what is silent on purpose.
				if !v.Healthy && (!strings.Contains(v.Last.Reason, tt.why) || v.Last.Took > tt.most) {
					t.Errorf("%s: %s from %s: %s after %s, want %s within %s", tt.kind, manager, v.Location, v.Last.Reason, v.Last.Took, tt.why, tt.most)
				}
			}
		}
		if health, other := p.ask("a", "/health"), p.ask("a", "/"); health != tt.health || other != tt.other {
			t.Errorf("%s: a client's health check: %s, another request: %s; want %s and %s", tt.kind, health, other, tt.health, tt.other)
		}
		if got := p.ask("b", "/"); got != "200" {
			t.Errorf("%s: the other region: %s", tt.kind, got)
		}
		if got := p.proxied(); got != "b" {
			t.Errorf("%s: who is proxied is served by %s", tt.kind, got)
		}
		clk.Sleep(t.Context(), over.Sub(clk.Now()))
		if health, other := p.ask("a", "/health"), p.ask("a", "/"); health != "200" || other != "200" {
			t.Errorf("%s, when the lease is over: %s and %s", tt.kind, health, other)
		}
		if o := p.c.overview(); len(o.Faults) != 0 {
			t.Errorf("%s, when the lease is over: %+v", tt.kind, o.Faults)
		}
		p.until("every manager is back", 60*time.Second, func() bool {
			return p.led("route53") == "a" && p.led("trafficmanager") == "a" && p.led("cloudflare") == "a"
		})
	}
}

// While a manager is stale its servers lead where they led, whatever becomes of the region and of the records; its API tells the truth.
// The others move. When the lease is over it does, too.
func TestStaleManagers(t *testing.T) {
	p := newPair(t)
	for _, manager := range slices.Sorted(maps.Keys(names)) {
		t.Run(manager, func(t *testing.T) {
			p := *p
			p.t = t
			const lease = 70 * time.Second
			clk := p.c.services.Clock
			p.inject(fault.Fault{Target: manager, Kind: fault.Stale, Lease: lease})
			over := clk.Now().Add(lease) // the lease began before this moment: it is not later over
			p.inject(fault.Fault{Target: "aws/us-east-1", Kind: fault.HealthFail})
			p.until("the API of every manager tells", 45*time.Second, func() bool {
				for m := range names {
					if p.check(m, "a").Healthy {
						return false
					}
				}
				return true
			})
			if manager == "cloudflare" {
				if got := p.proxied(); got != "a" {
					t.Errorf("who is proxied is served by %s, want a: the proxy steers by what the servers know", got)
				}
			} else if got := p.proxied(); got != "b" {
				t.Errorf("who is proxied is served by %s, want b", got)
			}
			zones := append([]plane.Zone{}, p.zones...)
			for i := range zones {
				zones[i].Records = append([]plane.Record{{Name: "new." + zones[i].Name, Type: "A", TTL: 60, Values: []string{"127.0.0.1"}}}, zones[i].Records...)
			}
			if err := p.c.dns.Apply(zones); err != nil {
				t.Fatal(err)
			}
			for _, z := range zones {
				want, rcode := "b", mdns.RcodeSuccess
				if z.Manager == manager {
					want, rcode = "a", mdns.RcodeNameError
				}
				if got := p.led(z.Manager); got != want {
					t.Errorf("%s leads to %s, want %s", z.Manager, got, want)
				}
				if got := p.c.dns.Lookup("new."+z.Name, mdns.TypeA).Rcode; got != rcode {
					t.Errorf("a new record of %s: %s, want %s", z.Manager, mdns.RcodeToString[got], mdns.RcodeToString[rcode])
				}
			}
			left := over.Sub(clk.Now())
			if left <= 0 {
				t.Fatal("the lease was over before this was looked at")
			}
			clk.Sleep(t.Context(), left)
			if got := p.led(manager); got != "b" {
				t.Errorf("when the lease is over it leads to %s", got)
			}
			if n, err := p.api.Cure(t.Context(), fault.Cure{Target: "aws/us-east-1", Kind: fault.HealthFail}); n != 1 || err != nil {
				t.Errorf("healed %d, %v", n, err)
			}
			if err := p.c.dns.Apply(p.zones); err != nil {
				t.Fatal(err)
			}
			p.until("every manager is back", 60*time.Second, func() bool {
				return p.led("route53") == "a" && p.led("trafficmanager") == "a" && p.led("cloudflare") == "a"
			})
		})
	}
}

// What a fault has is told, and a drill that a later one has fenced off is refused, also after the clouds have been started again; faults
// end with the clouds.
func TestFencedDrills(t *testing.T) {
	dir := t.TempDir()
	any := netip.MustParseAddrPort("127.0.0.1:0")
	open := func() (*Clouds, *Client) {
		t.Helper()
		c, err := Start(t.Context(), Options{Dir: dir, Speed: 10, DNS: any, Edge: any, Origin: any, Network: netip.MustParseAddr("127.99.4.0"),
			Zones: []Zone{{Name: "polygate.test", Manager: "route53"}}, Log: t.Logf})
		if err != nil {
			t.Fatal(err)
		}
		return c, client(t, dir)
	}
	c, api := open()
	of := func(token uint64) fault.Fault {
		return fault.Fault{Target: "aws", Kind: fault.ControlPlane, Lease: time.Hour, Drill: fmt.Sprint("drill-", token), Token: token}
	}
	if err := api.Inject(t.Context(), of(8)); err != nil {
		t.Fatal(err)
	}
	o, err := api.Overview(t.Context())
	if err != nil || len(o.Faults) != 1 {
		t.Fatalf("%+v, %v", o.Faults, err)
	}
	if f := o.Faults[0]; f.Drill != "drill-8" || f.Token != 8 || f.Lease != time.Hour || f.Left <= 0 || f.Left > time.Hour {
		t.Errorf("told is %+v", f)
	}
	refusedBy := func(err error) {
		t.Helper()
		if !errors.Is(err, ErrFenced) || !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), "token is 7, and a later drill has shown 8") {
			t.Errorf("an earlier drill: %v", err)
		}
	}
	refusedBy(api.Inject(t.Context(), of(7)))
	_, err = api.Cure(t.Context(), fault.Cure{Target: "aws", Token: 7})
	refusedBy(err)
	if err := api.Inject(t.Context(), fault.Fault{Target: "aws", Kind: "flood"}); !errors.Is(err, ErrRefused) || errors.Is(err, ErrFenced) {
		t.Errorf("what is wrong otherwise: %v", err)
	}
	if err := api.Inject(t.Context(), fault.Fault{Target: "aws", Kind: fault.Stale}); !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), `"aws" is no manager that holds a zone here`) {
		t.Errorf("a stale provider: %v", err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	c, api = open()
	defer func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}()
	if o, err := api.Overview(t.Context()); err != nil || len(o.Faults) != 0 {
		t.Errorf("after a start: %+v, %v", o.Faults, err)
	}
	refusedBy(api.Inject(t.Context(), of(7)))
	if err := api.Inject(t.Context(), of(8)); err != nil {
		t.Errorf("the same drill after a start: %v", err)
	}
	if err := api.Inject(t.Context(), fault.Fault{Target: "route53", Kind: fault.Down}); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		cure fault.Cure
		want int
	}{{fault.Cure{Target: "route53", Kind: fault.Stale, Token: 8}, 0}, {fault.Cure{Kind: fault.Down, Token: 8}, 1}, {fault.Cure{Target: "aws", Kind: fault.ControlPlane, Token: 8}, 1}} {
		if n, err := api.Cure(t.Context(), step.cure); n != step.want || err != nil {
			t.Errorf("healing %+v: %d, %v, want %d", step.cure, n, err, step.want)
		}
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodDelete, "http://"+c.state.API+"/v1/faults?token=x", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+c.state.Token)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if b, _ := io.ReadAll(res.Body); res.StatusCode != http.StatusBadRequest || !strings.Contains(string(b), "want a whole number") {
		t.Errorf("a token that is none: %s %s", res.Status, b)
	}
}
