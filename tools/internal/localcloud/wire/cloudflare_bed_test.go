package wire_test

import (
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

	"polygate.example/shared/topology"
	"polygate.example/tools/internal/control"
	cloudflarecontrol "polygate.example/tools/internal/control/cloudflare"
	"polygate.example/tools/internal/localcloud/clock"
	"polygate.example/tools/internal/localcloud/cloudflare"
	"polygate.example/tools/internal/localcloud/pki"
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
