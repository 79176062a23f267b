package wire_test

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"polygate.example/shared/topology"
	"polygate.example/tools/internal/control"
	cloudflarecontrol "polygate.example/tools/internal/control/cloudflare"
	"polygate.example/tools/internal/localcloud/clock"
	"polygate.example/tools/internal/localcloud/cloudflare"
	"polygate.example/tools/internal/localcloud/pki"
	"polygate.example/tools/internal/localcloud/plane"
	"polygate.example/tools/internal/localcloud/probe"
	"polygate.example/tools/internal/localcloud/resource"
	"polygate.example/tools/internal/localcloud/resource/resourcetest"
	"polygate.example/tools/internal/localcloud/wire"
)

const (
	cfToken    = "cf-secret"
	tMonitor   = "cloudflare:index/loadBalancerMonitor:LoadBalancerMonitor"
	tPool      = "cloudflare:index/loadBalancerPool:LoadBalancerPool"
	tBalancer  = "cloudflare:index/loadBalancer:LoadBalancer"
	cfPoolsURL = "/client/v4/accounts/" + cloudflare.Account + "/load_balancers/pools"
)

// cfBed is a local Cloudflare whose API answers over TLS.
type cfBed struct {
	t        *testing.T
	store    *resource.Store
	services resource.Services
	cloud    resourcetest.Cloud
	monitor  string
	pools    []string // ids
	statuses map[string]probe.Status
	lost     bool
	server   *httptest.Server

	steering       string // of the load balancer
	zone, balancer string // its ids

	mu    sync.Mutex
	calls map[string]int // by method
}

func newCFBed(t *testing.T) *cfBed {
	t.Helper()
	dir := t.TempDir()
	ca, err := pki.Open(filepath.Join(dir, "ca"))
	if err != nil {
		t.Fatal(err)
	}
	b := &cfBed{t: t, steering: "off", statuses: map[string]probe.Status{}, calls: map[string]int{}}
	if b.store, err = resource.Open(filepath.Join(dir, "store")); err != nil {
		t.Fatal(err)
	}
	if err := cloudflare.SeedZone(b.store, "polygate.test", true); err != nil {
		t.Fatal(err)
	}
	b.services = resource.Services{Addresses: &resourcetest.Addresses{Port: 8443}, DNS: cloudflare.DNS{}, CA: ca, Clock: clock.New(1)}
	c, err := resource.NewController(cloudflare.Cloud(), b.store, b.services)
	if err != nil {
		t.Fatal(err)
	}
	b.cloud = resourcetest.Cloud{T: t, Controller: c}
	b.monitor, _ = b.cloud.Must(tMonitor, resource.Props{"accountId": cloudflare.Account, "type": "https", "path": "/health", "expectedCodes": "200", "interval": 10.0, "timeout": 4.0, "retries": 1.0})
	api := wire.Cloudflare(wire.Access{Token: cfToken, Lost: func(api string) bool { return b.lost && api == "cloudflare" }}, b.store, b.services.Clock,
		func(check string) (probe.Status, bool) { st, ok := b.statuses[check]; return st, ok })
	b.server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b.mu.Lock()
		b.calls[r.Method]++
		b.mu.Unlock()
		api.ServeHTTP(w, r)
	}))
	t.Cleanup(b.server.Close)
	return b
}

// changes are the changes that were asked for.
func (b *cfBed) changes() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.calls[http.MethodPatch]
}

func own(name string) string { return name + ".api.polygate.test" }

// pool makes a pool of origins with their weights.
func (b *cfBed) pool(name string, weights map[string]float64) string {
	b.t.Helper()
	var origins []any
	for _, o := range slices.Sorted(maps.Keys(weights)) {
		origins = append(origins, resource.Props{"name": o, "address": own(o), "weight": weights[o], "enabled": true, "header": resource.Props{"hosts": resource.List(own(o))}})
	}
	id, _ := b.cloud.Must(tPool, resource.Props{"accountId": cloudflare.Account, "name": name, "monitor": b.monitor, "minimumOrigins": 1.0,
		"checkRegions": resource.List("ENAM", "WEU"), "origins": origins})
	b.pools = append(b.pools, id)
	return id
}

// balance puts all pools into a load balancer.
func (b *cfBed) balance() {
	b.t.Helper()
	zone, _, err := b.cloud.Controller.Invoke(b.t.Context(), "cloudflare:index/getZone:getZone", resource.Props{"filter": resource.Props{"name": "polygate.test", "match": "all"}}, nil, false)
	if err != nil {
		b.t.Fatal(err)
	}
	b.zone = zone.Str("zoneId")
	b.balancer, _ = b.cloud.Must(tBalancer, resource.Props{"zoneId": b.zone, "name": "api.polygate.test", "fallbackPool": b.pools[0], "defaultPools": resource.List(b.pools...),
		"steeringPolicy": b.steering, "ttl": 30.0})
}

// served is who may have traffic of the load balancer's data plane, by pool and origin.
func (b *cfBed) served() []string {
	b.t.Helper()
	w, err := cloudflare.Project(resource.NewEnv(b.store, cloudflare.Cloud(), b.services))
	if err != nil {
		b.t.Fatal(err)
	}
	out := []string{}
	for _, p := range w.Balancers[0].Pools {
		for _, o := range p.Origins {
			if !p.Disabled && !o.Disabled {
				out = append(out, p.Name+"/"+o.Name)
			}
		}
	}
	return out
}

// ramp is a region with three steps, and one beside it.
func (b *cfBed) ramp() topology.Topology {
	first := b.pool("api-aws-use1", map[string]float64{"aws-use1": 1})
	b.pool("api-aws-use1-ramp2", map[string]float64{"aws-use1": 1})
	b.pool("api-aws-use1-ramp3", map[string]float64{"aws-use1": 1})
	other := b.pool("api-gcp-euw1", map[string]float64{"gcp-euw1": 1})
	b.balance()
	return b.world(first, other)
}

// group is a pool of two regions.
func (b *cfBed) group() topology.Topology {
	id := b.pool("api-primary", map[string]float64{"aws-use1": 0.25, "gcp-euw1": 1})
	b.balance()
	return b.world(id, id)
}

func (b *cfBed) world(aws, gcp string) topology.Topology {
	return topology.Topology{Details: map[string]string{"account": cloudflare.Account, "zone": b.zone, "loadBalancer": b.balancer}, Regions: []topology.Region{
		{Name: "aws/us-east-1", Provider: "aws", Hostname: own("aws-use1"), HealthCheck: aws + "/aws-use1"},
		{Name: "gcp/europe-west1", Provider: "gcp", Hostname: own("gcp-euw1"), HealthCheck: gcp + "/gcp-euw1"},
	}}
}

// probed notes what data centres found: as many as there are reasons, "" for none.
func (b *cfBed) probed(check string, healthy bool, reasons ...string) {
	st := probe.Status{ID: check, Healthy: healthy, Of: 6}
	for i := range 6 {
		v := probe.Vote{Location: fmt.Sprintf("WEU-%d", i+1)}
		if i < len(reasons) {
			v.At, v.Healthy = time.Now(), reasons[i] == ""
			v.Last = probe.Result{OK: v.Healthy, Reason: reasons[i], Took: 12100 * time.Microsecond}
		}
		st.Votes = append(st.Votes, v)
	}
	b.statuses[check] = st
}

func (b *cfBed) manager(w topology.Topology) *cloudflarecontrol.Manager {
	return cloudflarecontrol.New(b.server.Client(), b.server.URL+"/client/v4", cfToken, w)
}

func TestCloudflareRegions(t *testing.T) {
	for name, world := range map[string]func(*cfBed) topology.Topology{"a ramp": (*cfBed).ramp, "a group": (*cfBed).group} {
		t.Run(name, func(t *testing.T) {
			b := newCFBed(t)
			w := world(b)
			b.probed(w.Regions[0].HealthCheck, true, "", "", "TLS: expired")
			want := map[string]control.Region{
				"aws/us-east-1":    {Healthy: true, State: "healthy", Passing: 2, Of: 3, Why: "WEU-3: TLS: expired"},
				"gcp/europe-west1": {State: "health unknown"},
			}
			got, err := b.manager(w).Regions(t.Context())
			unvoted(t, got)
			if diff := cmp.Diff(want, got); diff != "" || err != nil {
				t.Errorf("with one that nobody has looked at, %v:\n%s", err, diff)
			}
			b.probed(w.Regions[0].HealthCheck, false, "no connection", "no connection", "")
			b.probed(w.Regions[1].HealthCheck, true, "")
			if err := b.manager(w).Drain(t.Context(), []string{"gcp/europe-west1"}, true); err != nil {
				t.Fatal(err)
			}
			want = map[string]control.Region{
				"aws/us-east-1":    {State: "unhealthy", Passing: 1, Of: 3, Why: "WEU-1: no connection"},
				"gcp/europe-west1": {Drained: true, State: "disabled"},
			}
			got, err = b.manager(w).Regions(t.Context())
			unvoted(t, got)
			if diff := cmp.Diff(want, got); diff != "" || err != nil {
				t.Errorf("with one that is drained, %v:\n%s", err, diff)
			}
		})
	}
}

func TestCloudflareDrain(t *testing.T) {
	const aws, gcp = "aws/us-east-1", "gcp/europe-west1"
	steps := []string{"api-aws-use1/aws-use1", "api-aws-use1-ramp2/aws-use1", "api-aws-use1-ramp3/aws-use1"}
	for _, c := range []struct {
		name  string
		world func(*cfBed) topology.Topology
		first []string // drained before
		ask   []string
		drain bool
		sent  int
		want  []string
	}{
		{"a ramp", (*cfBed).ramp, nil, []string{aws}, true, 4, []string{"api-gcp-euw1/gcp-euw1"}},
		{"a ramp back", (*cfBed).ramp, []string{aws, gcp}, []string{aws}, false, 3, steps},
		{"everything", (*cfBed).ramp, nil, []string{aws, gcp}, true, 4, []string{}},
		{"one of a group", (*cfBed).group, nil, []string{aws}, true, 1, []string{"api-primary/gcp-euw1"}},
		{"a whole group", (*cfBed).group, []string{aws}, []string{gcp}, true, 1, []string{}},
		{"one of a group back", (*cfBed).group, []string{aws, gcp}, []string{gcp}, false, 1, []string{"api-primary/gcp-euw1"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newCFBed(t)
			w := c.world(b)
			m := b.manager(w)
			if err := m.Drain(t.Context(), c.first, true); err != nil {
				t.Fatal(err)
			}
			before, sent := b.store.View().List(tPool), b.changes()
			for _, again := range []string{"", ", again"} {
				if err := m.Drain(t.Context(), c.ask, c.drain); err != nil {
					t.Fatalf("drain%s: %v", again, err)
				}
				if n := b.changes() - sent; n != c.sent {
					t.Errorf("drain%s: %d changes, want %d", again, n, c.sent)
				}
			}
			if diff := cmp.Diff(c.want, b.served()); diff != "" {
				t.Errorf("who may have traffic:\n%s", diff)
			}
			for i, p := range b.store.View().List(tPool) {
				if diff := cmp.Diff(others(before[i].Inputs), others(p.Inputs)); diff != "" {
					t.Errorf("something else of %s changed:\n%s", p.Inputs.Str("name"), diff)
				}
				if disabled := p.Computed.Str("disabledAt") != ""; disabled == p.Inputs.Bool("enabled") {
					t.Errorf("%s is enabled: %t, and has a time when it was disabled: %t", p.Inputs.Str("name"), p.Inputs.Bool("enabled"), disabled)
				}
			}
		})
	}
}

// others are the inputs of a pool without who is enabled.
func others(in resource.Props) resource.Props {
	var origins []any
	for _, o := range in.Objects("origins") {
		o = o.Clone()
		delete(o, "enabled")
		origins = append(origins, o)
	}
	return in.With(resource.Props{"enabled": nil, "origins": origins})
}

// unvoted takes the votes out of what is told, when there are as many as are counted.
func unvoted(t *testing.T, seen map[string]control.Region) {
	t.Helper()
	for name, r := range seen {
		if len(r.Votes) != r.Of {
			t.Errorf("%s: %d votes of %d: %+v", name, len(r.Votes), r.Of, r.Votes)
		}
		r.Votes = nil
		seen[name] = r
	}
}

// The load balancer goes by a share as soon as the call returns, and is as before when all of it is given back.
func TestCloudflareShare(t *testing.T) {
	for _, c := range []struct {
		name  string
		world func(*cfBed) topology.Topology
		want  string // weights in the data plane at 25 %
	}{
		{"pools", func(b *cfBed) topology.Topology {
			b.steering = "random"
			first, second := b.pool("api-aws-use1", map[string]float64{"aws-use1": 1}), b.pool("api-gcp-euw1", map[string]float64{"gcp-euw1": 1})
			b.balance()
			return b.world(first, second)
		}, "pools 0.25 1, origins 1 1"},
		{"origins", func(b *cfBed) topology.Topology {
			id := b.pool("api-primary", map[string]float64{"aws-use1": 1, "gcp-euw1": 1})
			b.balance()
			return b.world(id, id)
		}, "pools, origins 0.25 1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newCFBed(t)
			w := c.world(b)
			w.Steering, w.Pattern = "weighted", "active-active"
			for i := range w.Regions {
				w.Regions[i].Weight = 50
			}
			m, before := b.manager(w), b.weights()
			for _, step := range []struct {
				percent int
				want    string
			}{{25, c.want}, {100, before}} {
				if err := m.Share(t.Context(), "aws/us-east-1", step.percent); err != nil {
					t.Fatal(err)
				}
				if got := b.weights(); got != step.want && step.percent != 100 || step.percent == 100 && !strings.HasSuffix(got, "origins 1 1") {
					t.Errorf("at %d %%: %s, want %s", step.percent, got, step.want)
				}
				seen, err := m.Regions(t.Context())
				if err != nil || seen["aws/us-east-1"].Held != 100-step.percent || seen["gcp/europe-west1"].Held != 0 {
					t.Errorf("at %d %%, %v: %+v", step.percent, err, seen)
				}
			}
		})
	}
}

// weights are those of the data plane.
func (b *cfBed) weights() string {
	b.t.Helper()
	w, err := cloudflare.Project(resource.NewEnv(b.store, cloudflare.Cloud(), b.services))
	if err != nil {
		b.t.Fatal(err)
	}
	out := "pools"
	for _, id := range b.pools {
		if weight, ok := w.Balancers[0].Weights[id]; ok {
			out += fmt.Sprint(" ", weight)
		}
	}
	out += ", origins"
	for _, p := range w.Balancers[0].Pools {
		for _, o := range p.Origins {
			out += fmt.Sprint(" ", o.Weight)
		}
	}
	return out
}

// What a store announces on a drain is what the local balancers are given.
func TestCloudflareDrainIsAnnounced(t *testing.T) {
	b := newCFBed(t)
	w := b.ramp()
	var seen []plane.Balancer
	b.store.OnChange(func() {
		world, err := cloudflare.Project(resource.NewEnv(b.store, cloudflare.Cloud(), b.services))
		if err != nil {
			t.Error(err)
		}
		seen = world.Balancers
	})
	if err := b.manager(w).Drain(t.Context(), []string{"gcp/europe-west1"}, true); err != nil {
		t.Fatal(err)
	}
	if len(seen) != 1 || !seen[0].Pools[3].Disabled || seen[0].Pools[0].Disabled {
		t.Errorf("announced: %+v", seen)
	}
}

// Refusals are Cloudflare's own documents.
func TestCloudflareRefusals(t *testing.T) {
	b := newCFBed(t)
	b.group()
	pool := cfPoolsURL + "/" + b.pools[0]
	for _, c := range []struct {
		name, auth, method, path, body string
		lost                           bool
		status, code                   int
		says                           string
	}{
		{"another token", "Bearer other", "GET", cfPoolsURL, "", false, 403, 10000, "Authentication error"},
		{"no token", "", "GET", cfPoolsURL, "", false, 400, 9106, "Missing X-Auth-Key, X-Auth-Email or Authorization headers"},
		{"another account", "Bearer " + cfToken, "GET", strings.Replace(cfPoolsURL, cloudflare.Account, "1234", 1), "", false, 404, 7003, "Could not route to /client/v4/accounts/1234/"},
		{"another path", "Bearer " + cfToken, "GET", "/client/v4/zones", "", false, 404, 7003, "perhaps your object identifier is invalid?"},
		{"another method", "Bearer " + cfToken, "DELETE", pool, "", false, 404, 7003, "Could not route to"},
		{"another path without a token", "Bearer other", "GET", "/client/v4/zones", "", false, 403, 10000, "Authentication error"},
		{"lost", "Bearer " + cfToken, "GET", cfPoolsURL, "", true, 503, 10000, "service failure"},
		{"health of no pool", "Bearer " + cfToken, "GET", cfPoolsURL + "/x/health", "", false, 404, 1001, "not found"},
		{"health of a pool that is not probed", "Bearer " + cfToken, "GET", pool + "/health", "", false, 400, 1002, "Health info unavailable"},
		{"change of no pool", "Bearer " + cfToken, "PATCH", cfPoolsURL + "/x", `{"enabled": false}`, false, 404, 1001, "not found"},
		{"change of what is not changed here", "Bearer " + cfToken, "PATCH", pool, `{"name": "x"}`, false, 400, 1002, `unknown field "name"`},
		{"change of what Cloudflare tells", "Bearer " + cfToken, "PATCH", pool, `{"origins": [{"name": "a", "address": "192.0.2.1", "healthy": true}]}`, false, 400, 1002, `unknown field "healthy"`},
		{"change to nothing", "Bearer " + cfToken, "PATCH", pool, `{"origins": []}`, false, 400, 1002, "the origin list length must be in range [1, 100]"},
		{"no load balancer", "Bearer " + cfToken, "GET", "/client/v4/zones/" + b.zone + "/load_balancers/x", "", false, 404, 1001, "load balancer x not found"},
		{"a load balancer of another zone", "Bearer " + cfToken, "PATCH", "/client/v4/zones/x/load_balancers/" + b.balancer, `{"fallback_pool": "x"}`, false, 404, 1001, "not found"},
		{"a fallback pool that is not there", "Bearer " + cfToken, "PATCH", "/client/v4/zones/" + b.zone + "/load_balancers/" + b.balancer, `{"fallback_pool": "x"}`, false, 400, 1002, `pool "x" does not exist`},
		{"a pool's weight above the most", "Bearer " + cfToken, "PATCH", "/client/v4/zones/" + b.zone + "/load_balancers/" + b.balancer, `{"random_steering": {"pool_weights": {"` + b.pools[0] + `": 2}}}`, false, 400, 1002, "is not in range [0, 1]"},
		{"another change of a load balancer", "Bearer " + cfToken, "PATCH", "/client/v4/zones/" + b.zone + "/load_balancers/" + b.balancer, `{"proxied": true}`, false, 400, 1002, `unknown field "proxied"`},
		{"change to a weight that is none", "Bearer " + cfToken, "PATCH", pool, `{"origins": [{"name": "a", "address": "192.0.2.1", "weight": 2}]}`, false, 400, 1002, "weight 2 is not a multiple of 0.01"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b.lost = c.lost
			status, doc := ask(t, b.server, c.method, c.path, c.auth, c.body)
			var answer struct {
				Result  any
				Success *bool
				Errors  []struct {
					Code    int
					Message string
				}
			}
			if err := json.Unmarshal(doc, &answer); err != nil || answer.Success == nil || *answer.Success || answer.Result != nil || len(answer.Errors) == 0 {
				t.Fatalf("%d %s, %v", status, doc, err)
			}
			if e := answer.Errors[0]; status != c.status || e.Code != c.code || !strings.Contains(e.Message, c.says) {
				t.Errorf("%d, code %d, %s: want %d, %d, ...%s...", status, e.Code, e.Message, c.status, c.code, c.says)
			}
		})
	}
	if got := b.store.View().List(tPool)[0].Inputs; len(got.Objects("origins")) != 2 || !got.Bool("enabled") {
		t.Errorf("a refused change changed the pool: %v", got)
	}
}

// An origin has only what it is given with, as at Cloudflare.
func TestCloudflareOverwritesOrigins(t *testing.T) {
	b := newCFBed(t)
	b.group()
	status, doc := ask(t, b.server, "PATCH", cfPoolsURL+"/"+b.pools[0], "Bearer "+cfToken, `{"origins": [{"name": "aws-use1", "address": "`+own("aws-use1")+`"}]}`)
	want := []resource.Props{{"name": "aws-use1", "address": own("aws-use1"), "enabled": true, "weight": 1.0}}
	if diff := cmp.Diff(want, b.store.View().List(tPool)[0].Inputs.Objects("origins")); diff != "" || status != http.StatusOK {
		t.Errorf("%d %s:\n%s", status, doc, diff)
	}
}

// What the control seat makes of refusals.
func TestCloudflareControlRefused(t *testing.T) {
	b := newCFBed(t)
	w := b.ramp()
	b.lost = true
	if _, err := b.manager(w).Regions(t.Context()); err == nil || !strings.Contains(err.Error(), "503 Service Unavailable: service failure (code 10000)") {
		t.Errorf("lost: %v", err)
	}
	if err := b.manager(w).Drain(t.Context(), []string{"aws/us-east-1"}, true); err == nil || b.changes() != 0 {
		t.Errorf("lost: %v after %d changes", err, b.changes())
	}
	b.lost = false
	_, err := cloudflarecontrol.New(b.server.Client(), b.server.URL+"/client/v4", "other-secret", w).Regions(t.Context())
	if err == nil || !strings.Contains(err.Error(), "403 Forbidden: Authentication error (code 10000)") || strings.Contains(err.Error(), "other-secret") {
		t.Errorf("another token: %v", err)
	}
}

// ask asks as nobody's SDK would.
func ask(t *testing.T, s *httptest.Server, method, path, auth, body string) (status int, doc []byte) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, s.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if auth != "" {
		req.Header.Set("Authorization", auth)
	}
	res, err := s.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if doc, err = io.ReadAll(res.Body); err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, doc
}

// What is shown has the shape of Cloudflare's own: a pool as in cloudflare/cloudflare-go issue 767, health as in the example of "Pool Health
// Details".
func TestCloudflareDocuments(t *testing.T) {
	b := newCFBed(t)
	b.group()
	id := b.pools
	b.probed(id[0]+"/aws-use1", true, "", "TCP: no")
	b.probed(id[0]+"/gcp-euw1", false, "TLS: expired", "TLS: expired")
	origin := func(name string, weight float64, more map[string]any) map[string]any {
		out := map[string]any{"name": name, "address": own(name), "enabled": true, "weight": weight, "header": map[string]any{"Host": []any{own(name)}}}
		maps.Copy(out, more)
		return out
	}
	pool := func(more map[string]any) map[string]any {
		out := map[string]any{"id": id[0], "name": "api-primary", "description": "", "enabled": true, "minimum_origins": 1.0, "monitor": b.monitor, "check_regions": []any{"ENAM", "WEU"},
			"healthy": true, "origins": []any{origin("aws-use1", 0.25, map[string]any{"healthy": true, "failure_reason": "No failures"}),
				origin("gcp-euw1", 1, map[string]any{"healthy": false, "failure_reason": "TLS: expired"})}}
		maps.Copy(out, more)
		return out
	}
	finding := func(healthy bool, reason string) map[string]any {
		return map[string]any{"healthy": healthy, "rtt": "12.1ms", "failure_reason": reason}
	}
	unprobed := []any{origin("aws-use1", 0.25, nil), origin("gcp-euw1", 1, nil)}
	result := func(path string) any {
		status, doc := ask(t, b.server, "GET", path, "Bearer "+cfToken, "")
		var answer struct {
			Success bool
			Result  any
		}
		if err := json.Unmarshal(doc, &answer); err != nil || status != http.StatusOK || !answer.Success {
			t.Fatalf("%d %s, %v", status, doc, err)
		}
		if list, ok := answer.Result.([]any); ok {
			for _, p := range list {
				p := p.(map[string]any)
				for _, stamp := range []string{"created_on", "modified_on"} {
					if _, err := time.Parse(time.RFC3339, fmt.Sprint(p[stamp])); err != nil {
						t.Errorf("%s: %v", stamp, err)
					}
					delete(p, stamp)
				}
			}
		}
		return answer.Result
	}
	if diff := cmp.Diff([]any{pool(nil)}, result(cfPoolsURL)); diff != "" {
		t.Errorf("pools:\n%s", diff)
	}
	want := map[string]any{"pool_id": id[0], "pop_health": map[string]any{
		"WEU-1": map[string]any{"healthy": true, "origins": []any{map[string]any{own("aws-use1"): finding(true, "No failures")}, map[string]any{own("gcp-euw1"): finding(false, "TLS: expired")}}},
		"WEU-2": map[string]any{"healthy": false, "origins": []any{map[string]any{own("aws-use1"): finding(false, "TCP: no")}, map[string]any{own("gcp-euw1"): finding(false, "TLS: expired")}}},
	}}
	if diff := cmp.Diff(want, result(cfPoolsURL+"/"+id[0]+"/health")); diff != "" {
		t.Errorf("health:\n%s", diff)
	}
	b.probed(id[0]+"/aws-use1", false, "TCP: no")
	failing := pool(map[string]any{"healthy": false, "origins": []any{origin("aws-use1", 0.25, map[string]any{"healthy": false, "failure_reason": "TCP: no"}),
		origin("gcp-euw1", 1, map[string]any{"healthy": false, "failure_reason": "TLS: expired"})}})
	if diff := cmp.Diff([]any{failing}, result(cfPoolsURL)); diff != "" {
		t.Errorf("with no healthy origin:\n%s", diff)
	}
	b.probed(id[0]+"/aws-use1", false)
	b.probed(id[0]+"/gcp-euw1", false)
	unknown := pool(map[string]any{"origins": unprobed})
	delete(unknown, "healthy")
	if diff := cmp.Diff([]any{unknown}, result(cfPoolsURL)); diff != "" {
		t.Errorf("before anybody has looked:\n%s", diff)
	}
	b.probed(id[0]+"/aws-use1", true, "")
	if status, doc := ask(t, b.server, "PATCH", cfPoolsURL+"/"+id[0], "Bearer "+cfToken, `{"enabled": false}`); status != http.StatusOK {
		t.Fatalf("%d %s", status, doc)
	}
	got := result(cfPoolsURL).([]any)[0].(map[string]any)
	if _, err := time.Parse(time.RFC3339, fmt.Sprint(got["disabled_at"])); err != nil {
		t.Errorf("disabled_at: %v", err)
	}
	delete(got, "disabled_at")
	unknown["enabled"] = false
	if diff := cmp.Diff(unknown, got); diff != "" {
		t.Errorf("disabled:\n%s", diff)
	}
}
