package wire_test

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/archive"

	"polygate.example/shared/topology"
	"polygate.example/tools/internal/localcloud/aws"
	"polygate.example/tools/internal/localcloud/clock"
	"polygate.example/tools/internal/localcloud/pki"
	"polygate.example/tools/internal/localcloud/probe"
	"polygate.example/tools/internal/localcloud/resource"
	"polygate.example/tools/internal/localcloud/resource/resourcetest"
	"polygate.example/tools/internal/localcloud/wire"
)

const (
	tRole     = "aws:iam/role:Role"
	tFunction = "aws:lambda/function:Function"
	tRecord   = "aws:route53/record:Record"
	tCheck    = "aws:route53/healthCheck:HealthCheck"
	tCluster  = "aws:route53recoverycontrol/cluster:Cluster"
	tPanel    = "aws:route53recoverycontrol/controlPanel:ControlPanel"
	tControl  = "aws:route53recoverycontrol/routingControl:RoutingControl"
	tRule     = "aws:route53recoverycontrol/safetyRule:SafetyRule"

	token = "a-token-of-the-local-clouds"
	trust = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"Service":"lambda.amazonaws.com"}}]}`
)

// amazonBed is a local AWS with its APIs, and a topology of what is in it. Every host that an SDK asks for is served, as the edge does.
type amazonBed struct {
	t     *testing.T
	store *resource.Store
	cloud resourcetest.Cloud
	topo  topology.Topology

	mu       sync.Mutex
	now      time.Time               // cloud time
	lost     map[string]bool         // APIs that are broken
	dead     []string                // hosts that cannot be connected to
	asked    []string                // hosts that were connected to
	statuses map[string]probe.Status // by check
	server   *httptest.Server
}

func newAmazonBed(t *testing.T) *amazonBed {
	t.Helper()
	dir := t.TempDir()
	ca, err := pki.Open(filepath.Join(dir, "ca"))
	if err != nil {
		t.Fatal(err)
	}
	store, err := resource.Open(filepath.Join(dir, "store"))
	if err != nil {
		t.Fatal(err)
	}
	c, err := resource.NewController(aws.Cloud(), store, resource.Services{Addresses: &resourcetest.Addresses{Port: 8443}, DNS: aws.DNS{}, CA: ca, Clock: clock.New(1e6)})
	if err != nil {
		t.Fatal(err)
	}
	b := &amazonBed{t: t, store: store, cloud: resourcetest.Cloud{T: t, Controller: c, Config: resource.Props{"region": "us-east-1"}},
		topo: topology.Topology{Environment: "test", Manager: "route53", Details: map[string]string{}},
		now:  time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC), lost: map[string]bool{}, statuses: map[string]probe.Status{}}
	b.cloud.Must(tRole, resource.Props{"name": "gateway", "assumeRolePolicy": trust})
	for _, region := range []string{"us-east-1", "eu-west-1"} {
		b.region(region)
	}
	access := wire.Access{Token: token, Lost: func(api string) bool { b.mu.Lock(); defer b.mu.Unlock(); return b.lost[api] }}
	status := func(id string) (probe.Status, bool) {
		b.mu.Lock()
		defer b.mu.Unlock()
		s, ok := b.statuses[id]
		return s, ok
	}
	now := func() time.Time { b.mu.Lock(); defer b.mu.Unlock(); return b.now }
	apis := map[string]http.Handler{"route53.": wire.Route53(access, store, status), "lambda.": wire.Lambda(access, store, now), "host-": wire.Recovery(access, store, now)}
	b.server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for prefix, api := range apis {
			if strings.HasPrefix(r.Host, prefix) {
				api.ServeHTTP(w, r)
			}
		}
	}))
	t.Cleanup(b.server.Close)
	return b
}

// region makes a function and a health check, and lists them in the topology.
func (b *amazonBed) region(region string) {
	b.t.Helper()
	path := resourcetest.Zip(b.t, map[string]string{"bootstrap": "#!/bin/sh"})
	a, err := archive.FromPath(path)
	if err != nil {
		b.t.Fatal(err)
	}
	_, fn := b.cloud.Must(tFunction, resource.Props{"name": "gateway", "region": region, "role": "arn:aws:iam::000000000000:role/gateway", "runtime": "provided.al2023",
		"handler": "bootstrap", "code": resource.Blob{Archive: true, Source: a.Serialize(), Hash: a.Hash}, "reservedConcurrentExecutions": 100.0})
	id, _ := b.cloud.Must(tCheck, resource.Props{"type": "HTTPS", "fqdn": region + ".api.polygate.test", "port": 443.0, "resourcePath": "/healthz",
		"requestInterval": 10.0})
	b.topo.Regions = append(b.topo.Regions, topology.Region{Name: "aws/" + region, Provider: "aws", HealthCheck: id, Function: fn.Str("arn")})
}

// switches makes a cluster with a control of each region, all of them on, one of which a rule keeps on.
func (b *amazonBed) switches() {
	b.t.Helper()
	cluster, out := b.cloud.Must(tCluster, resource.Props{"name": "polygate"})
	var endpoints []string
	for _, e := range out.Objects("clusterEndpoints") {
		endpoints = append(endpoints, e.Str("region")+"="+e.Str("endpoint"))
	}
	b.topo.Details["clusterEndpoints"] = strings.Join(endpoints, ",")
	panel, _ := b.cloud.Must(tPanel, resource.Props{"name": "polygate", "clusterArn": cluster})
	on := map[string]bool{}
	var controls []string
	for _, r := range b.topo.Regions {
		arn, _ := b.cloud.Must(tControl, resource.Props{"name": r.Name, "clusterArn": cluster, "controlPanelArn": panel})
		b.topo.Details["routingControlArn:"+r.Name] = arn
		on[r.Name], controls = true, append(controls, arn)
	}
	b.cloud.Must(tRule, resource.Props{"name": "regions-that-stay-on", "controlPanelArn": panel, "assertedControls": resource.List(controls...), "waitPeriodMs": 5000.0,
		"ruleConfig": resource.Props{"type": "ATLEAST", "threshold": 1.0, "inverted": false}})
	if err := aws.SetRoutingControls(b.t.Context(), b.store, on, b.now); err != nil {
		b.t.Fatal(err)
	}
	b.pass(time.Minute)
}

// weigh makes the records of a stack that leads by weight: 100 and 50, beside records of other names.
func (b *amazonBed) weigh() {
	b.t.Helper()
	if err := aws.SeedZone(b.store, "polygate.test"); err != nil {
		b.t.Fatal(err)
	}
	zone := b.store.View().List("aws:route53/zone:Zone")[0].ID
	b.topo.Hostname, b.topo.Steering, b.topo.Details["zoneId"] = "api.polygate.test", "weighted", zone
	for i, weight := range []int{100, 50} {
		r := &b.topo.Regions[i]
		region := strings.TrimPrefix(r.Name, "aws/")
		r.Weight, r.Hostname = weight, region+".api.polygate.test"
		b.cloud.Must(tRecord, resource.Props{"zoneId": zone, "name": r.Hostname, "type": "A", "ttl": 30.0, "records": resource.List("192.0.2.1")})
		b.cloud.Must(tRecord, resource.Props{"zoneId": zone, "name": "weighted-30.api.polygate.test", "type": "CNAME", "ttl": 30.0, "records": resource.List(r.Hostname),
			"setIdentifier": region, "healthCheckId": r.HealthCheck, "weightedRoutingPolicies": []any{resource.Props{"weight": float64(weight)}}})
	}
	b.cloud.Must(tRecord, resource.Props{"zoneId": zone, "name": "api.polygate.test", "type": "CNAME", "setIdentifier": "primary",
		"aliases":                 []any{resource.Props{"name": "weighted-30.api.polygate.test", "zoneId": zone, "evaluateTargetHealth": true}},
		"failoverRoutingPolicies": []any{resource.Props{"type": "PRIMARY"}}})
	b.cloud.Must(tRecord, resource.Props{"zoneId": zone, "name": "www.polygate.test", "type": "CNAME", "ttl": 30.0, "records": resource.List("us-east-1.api.polygate.test"),
		"setIdentifier": "other", "weightedRoutingPolicies": []any{resource.Props{"weight": 9.0}}}) // of somebody else
}

// weighted are the weights that DNS goes by.
func (b *amazonBed) weighted() map[string]int {
	out := map[string]int{}
	for _, r := range b.store.View().List(tRecord) {
		for _, p := range r.Inputs.Objects("weightedRoutingPolicies") {
			out[r.Inputs.Str("setIdentifier")] = p.Int("weight")
		}
	}
	return out
}

// pass lets cloud time pass.
func (b *amazonBed) pass(d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.now = b.now.Add(d)
}

// config is an SDK's own, with hosts that lead to the bed.
func (b *amazonBed) config(secret string) awssdk.Config {
	return awssdk.Config{
		Region: "eu-west-1", Credentials: credentials.NewStaticCredentialsProvider(wire.AccessKeyID, secret, ""), RetryMaxAttempts: 1,
		HTTPClient: b.client(),
	}
}

// client connects to the bed whatever it is asked for.
func (b *amazonBed) client() *http.Client {
	trusted := b.server.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	return &http.Client{Transport: &http.Transport{
		TLSClientConfig:   &tls.Config{RootCAs: trusted, ServerName: "example.com"},
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			host, _, _ := net.SplitHostPort(addr)
			b.mu.Lock()
			b.asked = append(b.asked, host)
			dead := b.dead
			b.mu.Unlock()
			for _, d := range dead {
				if host == d {
					return nil, errors.New("connection refused")
				}
			}
			return (&net.Dialer{}).DialContext(ctx, network, b.server.Listener.Addr().String())
		},
	}}
}

// inputs are those of a region's health check.
func (b *amazonBed) inputs(i int) resource.Props {
	b.t.Helper()
	r, ok := b.store.View().Get(tCheck, b.topo.Regions[i].HealthCheck)
	if !ok {
		b.t.Fatalf("no check of %s", b.topo.Regions[i].Name)
	}
	return r.Inputs
}
