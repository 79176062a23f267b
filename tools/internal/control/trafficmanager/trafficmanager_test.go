package trafficmanager_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	azfake "github.com/Azure/azure-sdk-for-go/sdk/azcore/fake"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/trafficmanager/armtrafficmanager"
	"github.com/google/go-cmp/cmp"

	"polygate.example/tools/internal/control"
	"polygate.example/tools/internal/control/trafficmanager"
)

const (
	online   = armtrafficmanager.EndpointMonitorStatusOnline
	degraded = armtrafficmanager.EndpointMonitorStatusDegraded
	disabled = armtrafficmanager.EndpointMonitorStatusDisabled
	checking = armtrafficmanager.EndpointMonitorStatusCheckingEndpoint
)

func TestRegions(t *testing.T) {
	// at is the region with an endpoint of each status, in as many profiles.
	at := func(statuses ...armtrafficmanager.EndpointMonitorStatus) []*armtrafficmanager.Profile {
		var out []*armtrafficmanager.Profile
		for i, s := range statuses {
			out = append(out, profile([]string{"gw-top", "gw-eu", "gw-asia"}[i], external("us", usName, s)))
		}
		return out
	}
	for _, tt := range []struct {
		name     string
		profiles []*armtrafficmanager.Profile
		want     control.Region
	}{
		{"online", at(online), control.Region{Healthy: true, State: "Online"}},
		{"being checked: in DNS responses", at(checking), control.Region{Healthy: true, State: "CheckingEndpoint"}},
		{"always served", at(armtrafficmanager.EndpointMonitorStatusUnmonitored), control.Region{Healthy: true, State: "Unmonitored"}},
		{"failing", at(degraded), control.Region{State: "Degraded", Why: "the endpoint us of the profile gw-top is Degraded: its health checks fail"}},
		{"drained", at(disabled), control.Region{Drained: true, State: "Disabled", Why: "the endpoint us of the profile gw-top is Disabled: the endpoint is disabled, and not checked"}},
		{"stopped", at(armtrafficmanager.EndpointMonitorStatusStopped), control.Region{State: "Stopped", Why: "the endpoint us of the profile gw-top is Stopped: what it leads to does not run, and it is not checked"}},
		{"the profile is off", at(armtrafficmanager.EndpointMonitorStatusInactive), control.Region{State: "Inactive", Why: "the endpoint us of the profile gw-top is Inactive: the profile is disabled, and its endpoints are not checked"}},
		{"a word that Azure adds", at("Melting"), control.Region{State: "Melting", Why: "the endpoint us of the profile gw-top is Melting: Azure's documentation has no such status"}},
		{"no word", at(""), control.Region{Why: "the endpoint us of the profile gw-top is without a status: Azure's documentation has no such status"}},
		{"the worst of several counts", at(online, degraded, checking), control.Region{State: "Degraded", Why: "the endpoint us of the profile gw-eu is Degraded: its health checks fail"}},
		{"being checked is worse than online", at(online, checking), control.Region{Healthy: true, State: "CheckingEndpoint"}},
		{"failing is worse than disabled, and drained is all of it", at(disabled, degraded), control.Region{State: "Degraded", Why: "the endpoint us of the profile gw-eu is Degraded: its health checks fail"}},
		{"drained in all profiles", at(disabled, disabled), control.Region{Drained: true, State: "Disabled", Why: "the endpoint us of the profile gw-top is Disabled: the endpoint is disabled, and not checked"}},
		{"a nested endpoint is no region", []*armtrafficmanager.Profile{profile("gw-top", nested("us", usName), external("us", usName, online))}, control.Region{Healthy: true, State: "Online"}},
		{"any spelling of the target", []*armtrafficmanager.Profile{profile("gw-top", external("us", strings.ToUpper(usName)+".", online))}, control.Region{Healthy: true, State: "Online"}},
		{"fields that are not there", []*armtrafficmanager.Profile{nil, {}, profile("gw-top", nil, &armtrafficmanager.Endpoint{Type: to.Ptr(types + "externalEndpoints")}, external("us", usName, online))},
			control.Region{Healthy: true, State: "Online"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			of := three()
			of.Regions = of.Regions[:1]
			got, err := (&cloud{profiles: tt.profiles}).manager(t, of).Regions(t.Context())
			if diff := cmp.Diff(map[string]control.Region{us: tt.want}, got); diff != "" || err != nil {
				t.Errorf("%v (-want +got):\n%s", err, diff)
			}
		})
	}
}

func TestRegionsOfSeveralProfiles(t *testing.T) {
	c := &cloud{profiles: []*armtrafficmanager.Profile{
		profile("gw-top", external("us", usName, online)), profile("gw-eu", external("eu", euName, degraded), external("us", usName, online)),
	}}
	got, err := c.manager(t, three()).Regions(t.Context())
	if !errors.Is(err, control.ErrUnknown) || !strings.Contains(err.Error(), "region gcp/asia-east1: no Traffic Manager profile in the resource group gw-trafficmanager has an external endpoint with the target asia-east1.gcp.api.polygate.test") {
		t.Errorf("a region without an endpoint: %v", err)
	}
	want := map[string]control.Region{us: {Healthy: true, State: "Online"}, eu: {State: "Degraded", Why: "the endpoint eu of the profile gw-eu is Degraded: its health checks fail"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("what is known of the others (-want +got):\n%s", diff)
	}
}

func TestDrain(t *testing.T) {
	// geo is three regions in each other's stead: what a steering by place is made of.
	geo := func(usIs, euIs armtrafficmanager.EndpointMonitorStatus) []*armtrafficmanager.Profile {
		return []*armtrafficmanager.Profile{
			profile("gw-top", nested("us-nested", ""), nested("eu-nested", "")),
			profile("gw-us", external("us", usName, usIs), external("eu", euName, euIs), external("asia", asiaURL, online)),
			profile("gw-eu", external("eu", euName, euIs), external("us", usName, usIs), external("asia", asiaURL, online)),
		}
	}
	half := geo(online, online)
	half[1] = profile("gw-us", external("us", usName, disabled), external("eu", euName, online), external("asia", asiaURL, online))
	for _, tt := range []struct {
		name     string
		profiles []*armtrafficmanager.Profile
		regions  []string
		drained  bool
		fail     map[string]string
		want     []string
		err      string
	}{
		{"in every profile", geo(online, online), []string{us}, true, nil, []string{"gw-us/us Disabled", "gw-eu/us Disabled"}, ""},
		{"several, and one of them twice", geo(online, online), []string{eu, us, us}, true, nil, []string{"gw-us/us Disabled", "gw-eu/us Disabled", "gw-us/eu Disabled", "gw-eu/eu Disabled"}, ""},
		{"a failing one", geo(degraded, online), []string{us}, true, nil, []string{"gw-us/us Disabled", "gw-eu/us Disabled"}, ""},
		{"all of a profile", geo(disabled, online), []string{us, eu, asia}, true, nil, []string{"gw-us/eu Disabled", "gw-eu/eu Disabled", "gw-us/asia Disabled", "gw-eu/asia Disabled"}, ""},
		{"as it is already", geo(disabled, online), []string{us}, true, nil, nil, ""},
		{"the rest of what was begun", half, []string{us}, true, nil, []string{"gw-eu/us Disabled"}, ""},
		{"back again", geo(disabled, disabled), []string{us}, false, nil, []string{"gw-us/us Enabled", "gw-eu/us Enabled"}, ""},
		{"nothing to give back", geo(online, online), []string{us}, false, nil, nil, ""},
		{"no region", geo(online, online), nil, true, nil, nil, ""},
		{"what is done stays", geo(online, online), []string{us, eu}, true, map[string]string{"gw-eu/us": "Conflict"}, []string{"gw-us/us Disabled"},
			"disable the endpoint us of the Traffic Manager profile gw-eu (what was done before it stays; do it again for the rest): 409 Conflict: Conflict"},
		{"a region that nobody knows, and nothing done", geo(online, online), []string{us, "aws/moon-1"}, true, nil, nil,
			"region aws/moon-1: it is not in the topology, which has aws/us-east-1, azure/westeurope, gcp/asia-east1: " + control.ErrUnknown.Error()},
		{"a region without an endpoint, and nothing done", []*armtrafficmanager.Profile{profile("gw-top", external("us", usName, online))}, []string{us, eu}, true, nil, nil,
			"region azure/westeurope: no Traffic Manager profile in the resource group gw-trafficmanager has an external endpoint with the target " + euName +
				": `polygate up` makes one: " + control.ErrUnknown.Error()},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := &cloud{profiles: tt.profiles, fail: tt.fail}
			err := c.manager(t, three()).Drain(t.Context(), tt.regions, tt.drained)
			if (err == nil) != (tt.err == "") || err != nil && err.Error() != tt.err {
				t.Errorf("got %v, want %q", err, tt.err)
			}
			if strings.Contains(tt.err, control.ErrUnknown.Error()) != errors.Is(err, control.ErrUnknown) {
				t.Errorf("unknown: %v", err)
			}
			if diff := cmp.Diff(tt.want, c.written); diff != "" {
				t.Errorf("written (-want +got):\n%s", diff)
			}
			for _, e := range c.sent { // what a PATCH names is changed
				if e.Properties.Target != nil || e.Properties.EndpointMonitorStatus != nil || *e.Type != types+"externalEndpoints" {
					t.Errorf("more than the status was sent: %+v", e)
				}
			}
		})
	}
}

func TestNoAnswer(t *testing.T) {
	c := &cloud{}
	c.listing = azfake.PagerResponder[armtrafficmanager.ProfilesClientListByResourceGroupResponse]{}
	c.listing.AddResponseError(http.StatusServiceUnavailable, "ServiceUnavailable")
	const want = "list the Traffic Manager profiles of the resource group gw-trafficmanager: 503 Service Unavailable: ServiceUnavailable"
	if _, err := c.manager(t, three()).Regions(t.Context()); err == nil || err.Error() != want || errors.Is(err, control.ErrUnknown) {
		t.Errorf("regions: %v", err)
	}
	c.listing = azfake.PagerResponder[armtrafficmanager.ProfilesClientListByResourceGroupResponse]{}
	c.listing.AddResponseError(http.StatusServiceUnavailable, "ServiceUnavailable")
	if err := c.manager(t, three()).Drain(t.Context(), []string{us}, true); err == nil || err.Error() != want {
		t.Errorf("drain: %v", err)
	}
	if err := c.manager(t, three()).Drain(t.Context(), nil, true); err != nil {
		t.Errorf("no region, for which nobody is asked: %v", err)
	}
}

func TestNoGroup(t *testing.T) {
	of := three()
	of.Details = map[string]string{"profile": strings.Replace(topID, group, "other", 1)}
	if _, err := (&cloud{}).manager(t, of).Regions(t.Context()); !errors.Is(err, control.ErrUnknown) {
		t.Errorf("a group that is gone: %v", err)
	}
}

func TestTopologies(t *testing.T) {
	for _, tt := range []struct{ name, profile, want string }{
		{"none", "", `the topology of staging names the Traffic Manager profile "", want an id of Azure Resource Manager`},
		{"no id", "gw-top", `names the Traffic Manager profile "gw-top", want an id of Azure Resource Manager`},
		{"another type", "/subscriptions/s/resourceGroups/g/providers/Microsoft.Web/sites/x", "which is one of Microsoft.Web/sites: want a Microsoft.Network/trafficManagerProfiles"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			of := three()
			of.Details = map[string]string{"profile": tt.profile}
			if _, err := trafficmanager.New(&azfake.TokenCredential{}, nil, of); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v", err)
			}
		})
	}
	if _, err := trafficmanager.New(&azfake.TokenCredential{}, nil, three()); err != nil {
		t.Errorf("the public cloud: %v", err)
	}
}
