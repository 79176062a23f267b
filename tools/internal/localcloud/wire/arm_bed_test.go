package wire_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/arm"
	azcloud "github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"polygate.example/shared/topology"
	"polygate.example/tools/internal/control/appservice"
	"polygate.example/tools/internal/control/trafficmanager"
	"polygate.example/tools/internal/localcloud/azure"
	"polygate.example/tools/internal/localcloud/clock"
	"polygate.example/tools/internal/localcloud/monitor"
	"polygate.example/tools/internal/localcloud/pki"
	"polygate.example/tools/internal/localcloud/resource"
	"polygate.example/tools/internal/localcloud/resource/resourcetest"
	"polygate.example/tools/internal/localcloud/wire"
)

const (
	armSub    = "/subscriptions/" + azure.Account
	armGroup  = armSub + "/resourceGroups/gw"
	armTop    = armGroup + "/providers/Microsoft.Network/trafficManagerProfiles/gw"
	armApp    = armGroup + "/providers/Microsoft.Web/sites/gw-app"
	armToken  = "s3cret"
	armAzure  = "azure/eastus"
	armAWS    = "aws/eu-west-1"
	armGoogle = "gcp/asia-east1"
)

// armNames are the regions' own names.
var armNames = map[string]string{armAzure: "eastus.azure.api.polygate.test", armAWS: "eu-west-1.aws.api.polygate.test", armGoogle: "asia-east1.gcp.api.polygate.test"}

// armBed is a local Azure behind its wire: profiles nested by place as a steering by place makes them, a monitor that probes them, and an app.
type armBed struct {
	t     *testing.T
	store *resource.Store
	cloud resourcetest.Cloud
	mon   *monitor.Monitor
	srv   *httptest.Server
	lost  sync.Map     // APIs that are broken on purpose
	down  sync.Map     // hosts that refuse connections
	saved atomic.Int64 // changes of the store
}

// armZone is a DNS without records.
type armZone struct{}

func (armZone) TXT(resource.View, string) []string { return nil }
func (armZone) CNAME(resource.View, string) string { return "" }
func (armZone) CAA(resource.View, string) []string { return nil }

func newARMBed(t *testing.T) *armBed {
	t.Helper()
	b := &armBed{t: t}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	var err error
	b.store, err = resource.Open(t.TempDir())
	must(err)
	ca, err := pki.Open(t.TempDir())
	must(err)
	services := resource.Services{Addresses: &resourcetest.Addresses{Port: 443}, DNS: armZone{}, CA: ca, Clock: clock.New(100)}
	region := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(region.Close)
	b.mon, err = monitor.New(monitor.Options{Clock: services.Clock, Dial: func(ctx context.Context, host string, _ int) (net.Conn, error) {
		if _, down := b.down.Load(host); down {
			return nil, errors.New("connection refused")
		}
		var d net.Dialer
		return d.DialContext(ctx, "tcp", region.Listener.Addr().String())
	}})
	must(err)
	t.Cleanup(func() { _ = b.mon.Close() })
	b.store.OnChange(func() {
		b.saved.Add(1)
		world, err := azure.Project(resource.NewEnv(b.store, azure.Cloud(), services))
		if err := errors.Join(err, b.mon.Apply(world.Profiles)); err != nil {
			t.Errorf("after a change: %v", err)
		}
	})
	controller, err := resource.NewController(azure.Cloud(), b.store, services)
	must(err)
	b.cloud = resourcetest.Cloud{T: t, Controller: controller, Config: resource.Props{"subscriptionId": azure.Account}}
	b.srv = httptest.NewTLSServer(wire.ARM(wire.Access{Token: armToken, Lost: func(api string) bool { _, lost := b.lost.Load(api); return lost }}, b.store, controller, b.mon.Profiles))
	t.Cleanup(b.srv.Close)
	b.deploy()
	return b
}

// deploy makes what a stack of three regions by place has: each region's places have a profile of their own, with the others after it.
func (b *armBed) deploy() {
	in := func(p resource.Props) resource.Props { return resource.Props{"resourceGroupName": "gw"}.With(p) }
	for _, name := range []string{"gw", "other"} {
		b.cloud.Must("azure-native:resources:ResourceGroup", resource.Props{"resourceGroupName": name, "location": "eastus"})
	}
	for _, first := range []string{armAzure, armAWS, armGoogle} {
		endpoints := []resource.Props{armEndpoint(first)}
		for _, other := range []string{armAzure, armAWS, armGoogle} {
			if other != first {
				endpoints = append(endpoints, armEndpoint(other))
			}
		}
		b.cloud.Must("azure-native:trafficmanager:Profile", in(armProfile("gw-"+armKey(first), "Priority", endpoints...)))
	}
	var nested []resource.Props
	for region, code := range map[string]string{armAzure: "WORLD", armAWS: "GEO-EU", armGoogle: "GEO-AS"} {
		nested = append(nested, resource.Props{"name": armKey(region) + "-nested", "type": "Microsoft.Network/trafficManagerProfiles/nestedEndpoints",
			"targetResourceId": armTop + "-" + armKey(region), "minChildEndpoints": 1.0, "endpointStatus": "Enabled", "geoMapping": []any{code}})
	}
	b.cloud.Must("azure-native:trafficmanager:Profile", in(armProfile("gw", "Geographic", nested...)))
	b.cloud.Must("azure-native:trafficmanager:Profile", armProfile("bystander", "Priority", armEndpoint(armAzure)).With(resource.Props{"resourceGroupName": "other"}))

	identity, _ := b.cloud.Must("azure-native:managedidentity:UserAssignedIdentity", in(resource.Props{"resourceName": "gw-id", "location": "eastus"}))
	plan, _ := b.cloud.Must("azure-native:web:AppServicePlan", in(resource.Props{"name": "gw", "location": "eastus", "kind": "functionapp", "reserved": true,
		"sku": resource.Props{"name": "FC1", "tier": "FlexConsumption"}}))
	b.cloud.Must("azure-native:web:WebApp", in(resource.Props{
		"name": "gw-app", "location": "eastus", "kind": "functionapp,linux", "serverFarmId": plan, "reserved": true, "httpsOnly": true,
		"identity":   resource.Props{"type": "UserAssigned", "userAssignedIdentities": []any{identity}},
		"siteConfig": resource.Props{"appSettings": []any{resource.Props{"name": "API_KEY", "value": "a-secret-setting"}}},
		"functionAppConfig": resource.Props{
			"runtime": resource.Props{"name": "custom", "version": "1.0"},
			"deployment": resource.Props{"storage": resource.Props{"type": "blobContainer", "value": "https://gwstore.blob.core.windows.net/packages",
				"authentication": resource.Props{"type": "UserAssignedIdentity", "userAssignedIdentityResourceId": identity}}},
		},
	}))
}

// armKey is a region's name as endpoints have it.
func armKey(region string) string { return strings.ReplaceAll(region, "/", "-") }

func armEndpoint(region string) resource.Props {
	return resource.Props{"name": armKey(region), "type": "Microsoft.Network/trafficManagerProfiles/externalEndpoints", "target": armNames[region], "endpointStatus": "Enabled"}
}

func armProfile(name, method string, endpoints ...resource.Props) resource.Props {
	return resource.Props{
		"profileName": name, "location": "global", "profileStatus": "Enabled", "trafficRoutingMethod": method,
		"dnsConfig":     resource.Props{"relativeName": name + "-x", "ttl": 30.0},
		"monitorConfig": resource.Props{"protocol": "HTTP", "port": 80.0, "path": "/health", "intervalInSeconds": 10.0, "toleratedNumberOfFailures": 1.0},
		"endpoints":     resource.List(endpoints...),
	}
}

// topology is what `up` would have saved.
func (b *armBed) topology() topology.Topology {
	t := topology.Topology{Environment: "local", Manager: "trafficmanager", Details: map[string]string{"profile": armTop}}
	for _, name := range []string{armAzure, armAWS, armGoogle} {
		r := topology.Region{Name: name, Provider: name[:strings.Index(name, "/")], Hostname: armNames[name]}
		if r.Provider == "azure" {
			r.Function = armApp
		}
		t.Regions = append(t.Regions, r)
	}
	return t
}

// armCredential is a token that never ends.
type armCredential string

func (c armCredential) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	return azcore.AccessToken{Token: string(c), ExpiresOn: time.Now().Add(time.Hour)}, nil
}

// options make the SDK ask the bed.
func (b *armBed) options() *arm.ClientOptions {
	return &arm.ClientOptions{ClientOptions: policy.ClientOptions{
		Cloud: azcloud.Configuration{Services: map[azcloud.ServiceName]azcloud.ServiceConfiguration{
			azcloud.ResourceManager: {Endpoint: b.srv.URL, Audience: "https://management.azure.com"},
		}},
		Transport: b.srv.Client(), Retry: policy.RetryOptions{MaxRetries: -1},
	}}
}

func (b *armBed) manager(token string, of topology.Topology) *trafficmanager.Manager {
	b.t.Helper()
	m, err := trafficmanager.New(armCredential(token), b.options(), of)
	if err != nil {
		b.t.Fatal(err)
	}
	return m
}

func (b *armBed) provider(token string, of topology.Topology) *appservice.Provider {
	b.t.Helper()
	p, err := appservice.New(armCredential(token), b.options(), of)
	if err != nil {
		b.t.Fatal(err)
	}
	return p
}

// call sends a request without an SDK; token "" sends none.
func (b *armBed) call(method, path, token, body string) (status int, answer map[string]any, head http.Header) {
	b.t.Helper()
	r, err := http.NewRequestWithContext(b.t.Context(), method, b.srv.URL+path, strings.NewReader(body))
	if err != nil {
		b.t.Fatal(err)
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := b.srv.Client().Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err == nil {
		err = json.Unmarshal(text, &answer)
	}
	if err != nil {
		b.t.Fatalf("%s %s: %v: %s", method, path, err, text)
	}
	return res.StatusCode, answer, res.Header
}

// until waits for something to become so.
func (b *armBed) until(what string, ok func() bool) {
	b.t.Helper()
	for end := time.Now().Add(10 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			b.t.Fatalf("waited in vain for %s; profiles: %s", what, fmt.Sprint(b.mon.Profiles()))
		}
	}
}

var (
	_ azcore.TokenCredential = armCredential("")
	_ resource.DNS           = armZone{}
)
