package appservice_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/arm"
	azfake "github.com/Azure/azure-sdk-for-go/sdk/azcore/fake"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/appservice/armappservice/v4"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/appservice/armappservice/v4/fake"
	"github.com/google/go-cmp/cmp"

	"polygate.example/shared/topology"
	"polygate.example/tools/internal/control"
	"polygate.example/tools/internal/control/appservice"
)

// function is the id of an app.
func function(group, name string) string {
	return "/subscriptions/5ca1ab1e-0000-4000-a000-00000000a2e5/resourceGroups/" + group + "/providers/Microsoft.Web/sites/" + name
}

// of is the topology of regions, each with an app of its own name, and of one that is not Azure's.
func of(names ...string) topology.Topology {
	t := topology.Topology{Environment: "staging", Regions: []topology.Region{{Name: "aws/us-east-1", Provider: "aws", Function: "arn:aws:lambda:us-east-1:1:function:gw"}}}
	for _, n := range names {
		t.Regions = append(t.Regions, topology.Region{Name: "azure/" + n, Provider: "azure", Function: function("gw-"+n, n)})
	}
	return t
}

// provider is one that asks the SDK's own fake of App Service, which has apps by group/name.
func provider(t *testing.T, apps map[string]*armappservice.SiteProperties, regions topology.Topology) *appservice.Provider {
	t.Helper()
	server := &fake.WebAppsServer{Get: func(_ context.Context, group, name string, _ *armappservice.WebAppsClientGetOptions) (
		out azfake.Responder[armappservice.WebAppsClientGetResponse], refused azfake.ErrorResponder) {
		p, ok := apps[group+"/"+name]
		switch {
		case name == "lost":
			refused.SetResponseError(http.StatusServiceUnavailable, "ServiceUnavailable")
		case !ok:
			refused.SetResponseError(http.StatusNotFound, "ResourceNotFound")
		default:
			out.SetResponse(http.StatusOK, armappservice.WebAppsClientGetResponse{Site: armappservice.Site{Location: to.Ptr(name), Properties: p}}, nil)
		}
		return out, refused
	}}
	p, err := appservice.New(&azfake.TokenCredential{}, &arm.ClientOptions{ClientOptions: policy.ClientOptions{
		Transport: fake.NewWebAppsServerTransport(server), Retry: policy.RetryOptions{MaxRetries: -1},
	}}, regions)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestFunctions(t *testing.T) {
	at := time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		name string
		site *armappservice.SiteProperties
		want control.Function
	}{
		{"running", &armappservice.SiteProperties{State: to.Ptr("Running"), Enabled: to.Ptr(true), UsageState: to.Ptr(armappservice.UsageStateNormal), LastModifiedTimeUTC: &at},
			control.Function{Ready: true, State: "Running", Updated: at}},
		{"no more said", &armappservice.SiteProperties{State: to.Ptr("Running")}, control.Function{Ready: true, State: "Running"}},
		{"stopped", &armappservice.SiteProperties{State: to.Ptr("Stopped"), LastModifiedTimeUTC: &at},
			control.Function{State: "Stopped", Why: "the app is Stopped: `az functionapp start` starts one that was stopped", Updated: at}},
		{"switched off", &armappservice.SiteProperties{State: to.Ptr("Running"), Enabled: to.Ptr(false)}, control.Function{State: "Running", Why: "the app is disabled, which takes it offline"}},
		{"its quota used up", &armappservice.SiteProperties{State: to.Ptr("Running"), UsageState: to.Ptr(armappservice.UsageStateExceeded)},
			control.Function{State: "Running", Why: "the app has exceeded its quota, which takes it offline"}},
		{"nothing said", nil, control.Function{Why: "Azure tells no state of the app"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := provider(t, map[string]*armappservice.SiteProperties{"gw-eastus/eastus": tt.site}, of("eastus")).Functions(t.Context())
			if diff := cmp.Diff(map[string]control.Function{"azure/eastus": tt.want}, got); diff != "" || err != nil {
				t.Errorf("%v (-want +got):\n%s", err, diff)
			}
		})
	}
}

func TestErrors(t *testing.T) {
	apps := map[string]*armappservice.SiteProperties{"gw-eastus/eastus": {State: to.Ptr("Running")}}
	for _, tt := range []struct {
		name    string
		other   string
		want    string
		unknown bool
	}{
		{"an app that is gone", "uksouth", "region azure/uksouth: read the function app uksouth in the resource group gw-uksouth: 404 Not Found: ResourceNotFound", true},
		{"an API that does not answer", "lost", "region azure/lost: read the function app lost in the resource group gw-lost: 503 Service Unavailable: ServiceUnavailable", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := provider(t, apps, of("eastus", tt.other)).Functions(t.Context())
			if err == nil || err.Error() != tt.want || errors.Is(err, control.ErrUnknown) != tt.unknown {
				t.Errorf("got %v", err)
			}
			if diff := cmp.Diff(map[string]control.Function{"azure/eastus": {Ready: true, State: "Running"}}, got); diff != "" {
				t.Errorf("what is known of the other (-want +got):\n%s", diff)
			}
		})
	}
}

func TestTopologies(t *testing.T) {
	for _, tt := range []struct{ name, function, want string }{
		{"none", "", `the topology of staging names the function "" in azure/eastus, want an id of Azure Resource Manager`},
		{"another type", "/subscriptions/s/resourceGroups/g/providers/Microsoft.Web/serverfarms/x", "which is one of Microsoft.Web/serverfarms: want a Microsoft.Web/sites"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			topology := of("eastus")
			topology.Regions[1].Function = tt.function
			if _, err := appservice.New(&azfake.TokenCredential{}, nil, topology); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v", err)
			}
		})
	}
	p, err := appservice.New(&azfake.TokenCredential{}, nil, of())
	if err != nil {
		t.Fatalf("no region of Azure: %v", err)
	}
	if got, err := p.Functions(t.Context()); len(got) > 0 || err != nil {
		t.Errorf("no region of Azure: %v, %v", got, err)
	}
}
