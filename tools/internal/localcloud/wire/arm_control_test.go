package wire_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"polygate.example/shared/topology"
	"polygate.example/tools/internal/control"
	"polygate.example/tools/internal/localcloud/monitor"
	"polygate.example/tools/internal/localcloud/resource"
)

// online is what the seat is told while all is well.
func (b *armBed) online() map[string]control.Region {
	out := map[string]control.Region{}
	for name := range armNames {
		out[name] = control.Region{Healthy: true, State: "Online"}
	}
	return out
}

// regions asks until all probes have come back.
func (b *armBed) regions(want map[string]control.Region) {
	b.t.Helper()
	m, diff := b.manager(armToken, b.topology()), ""
	b.until("what the seat is to be told", func() bool {
		got, err := m.Regions(b.t.Context())
		if err != nil {
			b.t.Fatal(err)
		}
		diff = cmp.Diff(want, got)
		return diff == "" || b.t.Failed()
	})
}

// statuses are those of a region's endpoints in the local monitor, by profile.
func (b *armBed) statuses(region string) map[string]monitor.Status {
	out := map[string]monitor.Status{}
	for _, p := range b.mon.Profiles() {
		if s, ok := p.Endpoints[armKey(region)]; ok {
			out[strings.TrimSuffix(p.Name, "-x.trafficmanager.net")] = s
		}
	}
	return out
}

func TestARMTellsOfRegions(t *testing.T) {
	b := newARMBed(t)
	b.regions(b.online())
	b.down.Store(armNames[armAWS], true)
	b.until("the failure", func() bool {
		got, err := b.manager(armToken, b.topology()).Regions(t.Context())
		r := got[armAWS]
		return err == nil && r.State == "Degraded" && !r.Healthy && !r.Drained && strings.HasSuffix(r.Why, "is Degraded: its health checks fail") && got[armAzure].Healthy
	})
}

// A region is drained in each of the profiles by place, and the monitor goes by it as soon as the call returns.
func TestARMDrains(t *testing.T) {
	b := newARMBed(t)
	b.regions(b.online())
	m := b.manager(armToken, b.topology())
	before, view := b.saved.Load(), b.store.View()
	if err := m.Drain(t.Context(), []string{armAWS}, true); err != nil {
		t.Fatal(err)
	}
	for _, p := range view.List("azure-native:trafficmanager:Profile") {
		for _, e := range p.Inputs.Objects("endpoints") {
			if e.Str("endpointStatus") != "Enabled" {
				t.Errorf("the record as it was before is changed: %s: %v", p.ID, e)
			}
		}
	}
	want := map[string]monitor.Status{"gw-azure-eastus": monitor.Disabled, "gw-aws-eu-west-1": monitor.Disabled, "gw-gcp-asia-east1": monitor.Disabled}
	if diff := cmp.Diff(want, b.statuses(armAWS)); diff != "" {
		t.Errorf("the monitor, at once (-want +got):\n%s", diff)
	}
	drained := b.online()
	drained[armAWS] = control.Region{Drained: true, State: "Disabled", Why: "the endpoint aws-eu-west-1 of the profile gw-azure-eastus is Disabled: the endpoint is disabled, and not checked"}
	b.regions(drained)
	if n := b.saved.Load() - before; n != 3 {
		t.Errorf("%d changes for three endpoints", n)
	}
	for _, p := range b.store.View().List("azure-native:trafficmanager:Profile") {
		if p.Inputs.Str("resourceGroupName") == "other" {
			continue
		}
		for _, e := range p.Inputs.Objects("endpoints") {
			wantStatus := "Enabled"
			if e.Str("target") == armNames[armAWS] {
				wantStatus = "Disabled"
			}
			if e.Str("endpointStatus") != wantStatus || p.Inputs.Object("dnsConfig").Int("ttl") != 30 {
				t.Errorf("the record %s: %v", p.ID, e)
			}
		}
	}

	before = b.saved.Load()
	if err := m.Drain(t.Context(), []string{armAWS}, true); err != nil || b.saved.Load() != before {
		t.Errorf("again: %v, %d changes", err, b.saved.Load()-before)
	}
	if err := m.Drain(t.Context(), []string{armAWS, armGoogle}, false); err != nil || b.saved.Load()-before != 3 {
		t.Errorf("back: %v, %d changes for three endpoints", err, b.saved.Load()-before)
	}
	b.regions(b.online())
}

// A share is the weight of the region's endpoint in weighted profiles, and of no other; what is asked for twice is done once.
func TestARMShares(t *testing.T) {
	b := newARMBed(t)
	weight := func(region string, n float64) resource.Props {
		return armEndpoint(region).With(resource.Props{"weight": n})
	}
	b.cloud.Must("azure-native:trafficmanager:Profile", resource.Props{"resourceGroupName": "gw"}.With(armProfile("gw-shared", "Weighted", weight(armAzure, 100), weight(armAWS, 50))))
	of := b.topology()
	for i := range of.Regions {
		of.Regions[i].Weight = []int{100, 50, 7}[i]
	}
	m := b.manager(armToken, of)
	if err := m.Steps(t.Context(), []string{armAzure, armAWS}, []int{5, 100}); err != nil {
		t.Fatal(err)
	}
	if err := m.Steps(t.Context(), []string{armGoogle}, []int{100}); !errors.Is(err, control.ErrNoSteps) {
		t.Errorf("a region that is in no weighted profile: %v", err)
	}
	saved := b.saved.Load()
	for i, percent := range []int{5, 5, 100} {
		if err := m.Share(t.Context(), armAWS, percent); err != nil {
			t.Fatal(err)
		}
		if n, want := b.saved.Load()-saved, int64([]int{1, 1, 2}[i]); n != want {
			t.Errorf("after %d calls: %d changes, want %d", i+1, n, want)
		}
		for _, p := range b.store.View().List("azure-native:trafficmanager:Profile") {
			for _, e := range p.Inputs.Objects("endpoints") {
				want := map[string]int{armNames[armAzure]: 100, armNames[armAWS]: []int{3, 3, 50}[i]}[e.Str("target")]
				if p.Inputs.Str("profileName") != "gw-shared" {
					want = 0
				}
				if e.Int("weight") != want {
					t.Errorf("at %d %%: %s has the weight %d in %s, want %d", percent, e.Str("target"), e.Int("weight"), p.Inputs.Str("profileName"), want)
				}
			}
		}
		seen, err := m.Regions(t.Context())
		if err != nil || seen[armAWS].Held != []int{94, 94, 0}[i] || seen[armAzure].Held != 0 {
			t.Errorf("at %d %%, %v: %+v", percent, err, seen)
		}
	}
}

func TestARMTellsOfFunctions(t *testing.T) {
	b := newARMBed(t)
	got, err := b.provider(armToken, b.topology()).Functions(t.Context())
	f := got[armAzure]
	if err != nil || len(got) != 1 || !f.Ready || f.State != "Running" || f.Why != "" || f.Updated.IsZero() || f.Updated.Location() != time.UTC {
		t.Errorf("%v, %+v", err, got)
	}
}

// What goes wrong reaches the seat as on Azure.
func TestARMErrorsReachTheSeat(t *testing.T) {
	b := newARMBed(t)
	elsewhere := func(id, function string) topology.Topology {
		of := b.topology()
		of.Details = map[string]string{"profile": id}
		of.Regions[0].Function = function
		return of
	}
	other := b.topology()
	other.Regions[2].Hostname = "nobody.api.polygate.test"
	const list, read = "list the Traffic Manager profiles of the resource group gw: ", "region azure/eastus: read the function app gw-app in the resource group gw: "
	lost := func(names ...string) func() {
		return func() {
			b.lost.Clear()
			for _, n := range names {
				b.lost.Store(n, true)
			}
		}
	}
	for _, tt := range []struct {
		name       string
		before     func()
		token      string
		of         topology.Topology
		regions    string // error; "" for none
		functions  string
		unknownToo bool
	}{
		{"a wrong token", lost(), "wrong", b.topology(), list + "401 Unauthorized: InvalidAuthenticationToken: The access token is invalid.",
			read + "401 Unauthorized: InvalidAuthenticationToken: The access token is invalid.", false},
		{"Azure is lost", lost("azure"), armToken, b.topology(), list + "503 Service Unavailable: ServiceUnavailable: The service is unavailable.",
			read + "503 Service Unavailable: ServiceUnavailable: The service is unavailable.", false},
		{"Traffic Manager is lost", lost("trafficmanager"), armToken, b.topology(), list + "503 Service Unavailable: ServiceUnavailable: The service is unavailable.", "", false},
		{"another is lost", lost("route53", "aws"), armToken, b.topology(), "", "", false},
		{"a group that is gone", lost(), armToken, elsewhere(strings.Replace(armTop, "/gw/", "/gone/", 1), strings.Replace(armApp, "/gw/", "/gone/", 1)),
			"list the Traffic Manager profiles of the resource group gone: 404 Not Found: ResourceGroupNotFound: Resource group 'gone' could not be found.",
			"region azure/eastus: read the function app gw-app in the resource group gone: 404 Not Found: ResourceGroupNotFound: Resource group 'gone' could not be found.", true},
		{"a group without them", lost(), armToken, elsewhere(strings.Replace(armTop, "/gw/", "/other/", 1), strings.Replace(armApp, "/gw/", "/other/", 1)),
			"region aws/eu-west-1: no Traffic Manager profile in the resource group other has an external endpoint with the target eu-west-1.aws.api.polygate.test",
			"404 Not Found: ResourceNotFound: The Resource 'Microsoft.Web/sites/gw-app' under resource group 'other' was not found.", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.before()
			saved := b.saved.Load()
			check := func(what string, err error, want string) {
				t.Helper()
				if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) || errors.Is(err, control.ErrUnknown) != tt.unknownToo {
					t.Errorf("%s: got %v, want %q", what, err, want)
				}
			}
			m := b.manager(tt.token, tt.of)
			_, err := m.Regions(t.Context())
			check("regions", err, tt.regions)
			if tt.regions != "" {
				check("drain", m.Drain(t.Context(), []string{armAWS}, true), tt.regions)
			}
			_, err = b.provider(tt.token, tt.of).Functions(t.Context())
			check("functions", err, tt.functions)
			if b.saved.Load() != saved {
				t.Error("something was written")
			}
		})
	}
	b.lost.Clear()
	err := b.manager(armToken, other).Drain(t.Context(), []string{armGoogle}, true)
	if !errors.Is(err, control.ErrUnknown) || !strings.Contains(err.Error(), "region gcp/asia-east1") {
		t.Errorf("a region without an endpoint: %v", err)
	}
}

// An API that is lost between the listing and the change: what was done stays.
func TestARMLostWhileDraining(t *testing.T) {
	b := newARMBed(t)
	client := b.srv.Client()
	next := client.Transport
	client.Transport = armTransport(func(r *http.Request) (*http.Response, error) {
		if r.Method == http.MethodPatch && strings.Contains(r.URL.Path, "gw-aws-eu-west-1") {
			b.lost.Store("trafficmanager", true)
		}
		return next.RoundTrip(r)
	})
	err := b.manager(armToken, b.topology()).Drain(t.Context(), []string{armAWS}, true)
	if err == nil || !strings.Contains(err.Error(), "disable the endpoint aws-eu-west-1 of the Traffic Manager profile gw-aws-eu-west-1") || !strings.Contains(err.Error(), "503") {
		t.Errorf("got %v", err)
	}
	if s := b.statuses(armAWS); s["gw-azure-eastus"] != monitor.Disabled || s["gw-aws-eu-west-1"] == monitor.Disabled || s["gw-gcp-asia-east1"] == monitor.Disabled {
		t.Errorf("the monitor: %v", s)
	}
	b.lost.Clear()
	client.Transport = next
	before := b.saved.Load()
	if err := b.manager(armToken, b.topology()).Drain(t.Context(), []string{armAWS}, true); err != nil || b.saved.Load()-before != 2 {
		t.Errorf("again: %v, %d changes for what was left", err, b.saved.Load()-before)
	}
}

// armTransport is a round trip as a function.
type armTransport func(*http.Request) (*http.Response, error)

// RoundTrip makes it.
func (f armTransport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

var _ http.RoundTripper = armTransport(nil)
