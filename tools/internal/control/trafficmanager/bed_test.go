package trafficmanager_test

import (
	"context"
	"fmt"
	"net/http"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/arm"
	azfake "github.com/Azure/azure-sdk-for-go/sdk/azcore/fake"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/trafficmanager/armtrafficmanager"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/trafficmanager/armtrafficmanager/fake"

	"polygate.example/shared/topology"
	"polygate.example/tools/internal/control/trafficmanager"
)

const (
	group   = "gw-trafficmanager"
	topID   = "/subscriptions/5ca1ab1e-0000-4000-a000-00000000a2e5/resourceGroups/" + group + "/providers/Microsoft.Network/trafficManagerProfiles/gw-top"
	types   = "Microsoft.Network/trafficManagerProfiles/"
	us      = "aws/us-east-1"
	eu      = "azure/westeurope"
	asia    = "gcp/asia-east1"
	usName  = "us-east-1.aws.api.polygate.test"
	euName  = "westeurope.azure.api.polygate.test"
	asiaURL = "asia-east1.gcp.api.polygate.test"
)

// three is the topology of three regions.
func three() topology.Topology {
	return topology.Topology{
		Environment: "staging", Manager: "trafficmanager", Details: map[string]string{"profile": topID},
		Regions: []topology.Region{{Name: us, Hostname: usName}, {Name: eu, Hostname: euName}, {Name: asia, Hostname: asiaURL}},
	}
}

// cloud is the SDK's own fake of Traffic Manager, with the profiles that it has.
type cloud struct {
	profiles []*armtrafficmanager.Profile
	listing  azfake.PagerResponder[armtrafficmanager.ProfilesClientListByResourceGroupResponse]
	fail     map[string]string // code of the refusal to change an endpoint, by profile/name
	written  []string          // profile/name and status, in order
	sent     []armtrafficmanager.Endpoint
}

// external is a region's endpoint.
func external(name, target string, status armtrafficmanager.EndpointMonitorStatus) *armtrafficmanager.Endpoint {
	enabled := armtrafficmanager.EndpointStatusEnabled
	if status == armtrafficmanager.EndpointMonitorStatusDisabled {
		enabled = armtrafficmanager.EndpointStatusDisabled
	}
	return &armtrafficmanager.Endpoint{Name: &name, Type: to.Ptr(types + "externalEndpoints"), Properties: &armtrafficmanager.EndpointProperties{
		Target: &target, EndpointStatus: &enabled, EndpointMonitorStatus: &status,
	}}
}

// nested is an endpoint that leads to a profile. It has no target, or with one it is still no region's.
func nested(name, target string) *armtrafficmanager.Endpoint {
	e := external(name, target, armtrafficmanager.EndpointMonitorStatusDegraded)
	e.Type = to.Ptr(types + "nestedEndpoints")
	return e
}

func profile(name string, endpoints ...*armtrafficmanager.Endpoint) *armtrafficmanager.Profile {
	return &armtrafficmanager.Profile{Name: &name, Properties: &armtrafficmanager.ProfileProperties{Endpoints: endpoints}}
}

// manager is one that asks the fake.
func (c *cloud) manager(t *testing.T, of topology.Topology) *trafficmanager.Manager {
	t.Helper()
	server := &fake.ServerFactory{
		ProfilesServer: fake.ProfilesServer{NewListByResourceGroupPager: func(name string, _ *armtrafficmanager.ProfilesClientListByResourceGroupOptions) azfake.PagerResponder[armtrafficmanager.ProfilesClientListByResourceGroupResponse] {
			pages := c.listing
			if name != group {
				pages.AddResponseError(http.StatusNotFound, "ResourceGroupNotFound")
				return pages
			}
			if len(c.profiles) > 0 {
				pages.AddPage(http.StatusOK, armtrafficmanager.ProfilesClientListByResourceGroupResponse{ProfileListResult: armtrafficmanager.ProfileListResult{Value: c.profiles}}, nil)
			}
			return pages
		}},
		EndpointsServer: fake.EndpointsServer{Update: c.update},
	}
	m, err := trafficmanager.New(&azfake.TokenCredential{}, &arm.ClientOptions{ClientOptions: policy.ClientOptions{
		Transport: fake.NewServerFactoryTransport(server), Retry: policy.RetryOptions{MaxRetries: -1},
	}}, of)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func (c *cloud) update(_ context.Context, in, profile string, kind armtrafficmanager.EndpointType, name string, e armtrafficmanager.Endpoint, _ *armtrafficmanager.EndpointsClientUpdateOptions) (
	out azfake.Responder[armtrafficmanager.EndpointsClientUpdateResponse], refused azfake.ErrorResponder) {
	at := profile + "/" + name
	if code := c.fail[at]; code != "" || in != group || kind != armtrafficmanager.EndpointTypeExternalEndpoints {
		refused.SetResponseError(http.StatusConflict, code)
		return out, refused
	}
	did := at
	if e.Properties.EndpointStatus != nil {
		did += " " + string(*e.Properties.EndpointStatus)
	}
	if e.Properties.Weight != nil {
		did += fmt.Sprintf(" weight %d", *e.Properties.Weight)
	}
	c.written, c.sent = append(c.written, did), append(c.sent, e)
	out.SetResponse(http.StatusOK, armtrafficmanager.EndpointsClientUpdateResponse{Endpoint: e}, nil)
	return out, refused
}
