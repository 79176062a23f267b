package wire_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"polygate.example/tools/internal/localcloud/azure"
	"polygate.example/tools/internal/localcloud/monitor"
	"polygate.example/tools/internal/localcloud/resource"
	"polygate.example/tools/internal/localcloud/wire"
)

const (
	armNetwork = "?api-version=2022-04-01"
	armWeb     = "?api-version=2024-04-01"
	armOne     = armTop + "-azure-eastus/externalEndpoints/azure-eastus"
)

func TestARMRefusals(t *testing.T) {
	b := newARMBed(t)
	for _, tt := range []struct {
		name, source string
		method, path string
		token, body  string
		status       int
		code, words  string
	}{
		{"no API version, asked before the token", "MicrosoftDocs/feedback issue #2279", "GET", armTop, "", "", 400, "MissingApiVersionParameter", "is required for all requests"},
		{"no token", "hashicorp/terraform-provider-azurerm issue #3612", "GET", armTop + armNetwork, "", "", 401, "AuthenticationFailed", "The 'Authorization' header is missing"},
		{"a wrong token", "Azure/azure-powershell issue #27882", "GET", armTop + armNetwork, "wrong", "", 401, "InvalidAuthenticationToken", "The access token is invalid"},
		{"a wrong token may change nothing", "Azure/azure-powershell issue #27882", "PATCH", armOne + armNetwork, "wrong", `{"properties": {"endpointStatus": "Disabled"}}`, 401, "InvalidAuthenticationToken", "The access token is invalid"},
		{"a version that is not answered", "Azure/azure-powershell issue #12061", "GET", armTop + armWeb, armToken, "", 404, "InvalidResourceType", "The supported api-versions are '2022-04-01'"},
		{"no group", "Resource Manager API, ResourceGroupNotFound", "GET", strings.Replace(armTop, "/gw/", "/none/", 1) + armNetwork, armToken, "", 404, azure.CodeGroupNotFound, "'none' could not be found"},
		{"another subscription", "Resource Manager API, ResourceGroupNotFound", "GET", strings.Replace(armTop, azure.Account, "x", 1) + armNetwork, armToken, "", 404, azure.CodeGroupNotFound, "'gw' could not be found"},
		{"no profile", "error-not-found", "GET", armTop + "-none" + armNetwork, armToken, "", 404, azure.CodeNotFound, "'Microsoft.Network/trafficManagerProfiles/gw-none' under resource group 'gw' was not found"},
		{"no endpoint", "error-not-found", "GET", armTop + "-azure-eastus/externalEndpoints/none" + armNetwork, armToken, "", 404, azure.CodeNotFound, "externalEndpoints/none' under"},
		{"no endpoint to change", "error-not-found", "PATCH", armTop + "-azure-eastus/externalEndpoints/none" + armNetwork, armToken, `{"properties": {"endpointStatus": "Disabled"}}`, 404, azure.CodeNotFound, "externalEndpoints/none' under"},
		{"a nested endpoint is no external one", "error-not-found", "GET", armTop + "/externalEndpoints/azure-eastus-nested" + armNetwork, armToken, "", 404, azure.CodeNotFound, "azure-eastus-nested' under"},
		{"no app", "error-not-found", "GET", armApp + "x" + armWeb, armToken, "", 404, azure.CodeNotFound, "'Microsoft.Web/sites/gw-appx' under"},
		{"a status that there is not", "REST reference, Endpoints - Update: EndpointStatus", "PATCH", armOne + armNetwork, armToken, `{"properties": {"endpointStatus": "Off"}}`, 400, azure.CodeBadRequest, "'Off' is not valid"},
		{"a status that is no text", "REST reference, Endpoints - Update: EndpointStatus", "PATCH", armOne + armNetwork, armToken, `{"properties": {"endpointStatus": 1}}`, 400, azure.CodeBadRequest, "'1' is not valid"},
		{"no document", "cloudfoundry/bosh-azure-cpi-release issue #74", "PATCH", armOne + armNetwork, armToken, `{`, 400, "InvalidRequestContent", "could not be deserialized"},
		{"a weight of none", "REST reference, Endpoints - Update: weight", "PATCH", armOne + armNetwork, armToken, `{"properties": {"weight": 0}}`, 400, azure.CodeBadRequest, "'0' is not valid"},
		{"a weight above the most", "REST reference, Endpoints - Update: weight", "PATCH", armOne + armNetwork, armToken, `{"properties": {"weight": 1001}}`, 400, azure.CodeBadRequest, "'1001' is not valid"},
		{"another change", "the local Azure's own limit", "PATCH", armOne + armNetwork, armToken, `{"properties": {"priority": 3}}`, 501, resource.CodeUnsupported, "an endpoint's priority"},
		{"another method", "the local Azure's own limit", "DELETE", armOne + armNetwork, armToken, "", 501, resource.CodeUnsupported, "DELETE " + armOne},
		{"another type", "the local Azure's own limit", "GET", armGroup + "/providers/Microsoft.Network/dnsZones/x?api-version=2022-04-01", armToken, "", 501, resource.CodeUnsupported, "dnsZones/x"},
		{"another namespace", "the local Azure's own limit", "GET", armGroup + "/providers/Microsoft.Compute/disks?api-version=2022-04-01", armToken, "", 501, resource.CodeUnsupported, "Microsoft.Compute/disks"},
		{"no resource group", "the local Azure's own limit", "GET", armSub + "/providers/Microsoft.Network/trafficmanagerprofiles" + armNetwork, armToken, "", 501, resource.CodeUnsupported, "/providers/Microsoft.Network/trafficmanagerprofiles"},
		{"another scope", "the local Azure's own limit", "GET", strings.Replace(armTop, "/resourceGroups/", "/locations/", 1) + armNetwork, armToken, "", 501, resource.CodeUnsupported, "/locations/gw"},
		{"the root", "the local Azure's own limit", "GET", "/" + armNetwork, armToken, "", 501, resource.CodeUnsupported, "GET /"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			saved := b.saved.Load()
			status, answer, head := b.call(tt.method, tt.path, tt.token, tt.body)
			doc, _ := answer["error"].(map[string]any)
			message, _ := doc["message"].(string)
			if status != tt.status || doc["code"] != tt.code || !strings.Contains(message, tt.words) {
				t.Errorf("got %d %v\nwant %d %s: ...%s... (%s)", status, answer, tt.status, tt.code, tt.words, tt.source)
			}
			if challenge := head.Get("WWW-Authenticate"); (status == http.StatusUnauthorized) != strings.Contains(challenge, `error="invalid_token"`) {
				t.Errorf("the challenge is %q", challenge)
			}
			if b.saved.Load() != saved {
				t.Error("something was written")
			}
		})
	}
}

// The documents are those of the REST references' examples.
func TestARMDocuments(t *testing.T) {
	b := newARMBed(t)
	b.regions(b.online())
	endpoint := map[string]any{
		"id": armOne, "name": "azure-eastus", "type": "Microsoft.Network/trafficManagerProfiles/externalEndpoints",
		"properties": map[string]any{"target": armNames[armAzure], "endpointStatus": "Enabled", "endpointMonitorStatus": "Online", "weight": 1.0, "priority": 1.0},
	}
	t.Run("endpoint, in any letter case", func(t *testing.T) {
		for _, path := range []string{armOne, strings.ToLower(armOne), strings.Replace(armOne, "externalEndpoints", "ExternalEndpoints", 1)} {
			status, got, _ := b.call("GET", path+armNetwork, armToken, "")
			if diff := cmp.Diff(endpoint, got); diff != "" || status != http.StatusOK {
				t.Errorf("%s: %d (-want +got):\n%s", path, status, diff)
			}
		}
	})
	t.Run("profile", func(t *testing.T) {
		_, got, _ := b.call("GET", armTop+"-azure-eastus"+armNetwork, armToken, "")
		properties, _ := got["properties"].(map[string]any)
		endpoints, _ := properties["endpoints"].([]any)
		if len(endpoints) != 3 {
			t.Fatalf("%d endpoints", len(endpoints))
		}
		if diff := cmp.Diff(endpoint, endpoints[0]); diff != "" {
			t.Errorf("its first endpoint (-want +got):\n%s", diff)
		}
		delete(properties, "endpoints")
		want := map[string]any{
			"id": armTop + "-azure-eastus", "name": "gw-azure-eastus", "type": "Microsoft.Network/trafficManagerProfiles", "location": "global", "tags": map[string]any{},
			"properties": map[string]any{
				"profileStatus": "Enabled", "trafficRoutingMethod": "Priority", "trafficViewEnrollmentStatus": "Disabled",
				"dnsConfig": map[string]any{"relativeName": "gw-azure-eastus-x", "fqdn": "gw-azure-eastus-x.trafficmanager.net", "ttl": 30.0},
				"monitorConfig": map[string]any{"profileMonitorStatus": "Online", "protocol": "HTTP", "port": 80.0, "path": "/health", "intervalInSeconds": 10.0,
					"timeoutInSeconds": 9.0, "toleratedNumberOfFailures": 1.0},
			},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
	t.Run("profiles of the group and no other", func(t *testing.T) {
		_, got, _ := b.call("GET", armGroup+"/providers/Microsoft.Network/trafficmanagerprofiles"+armNetwork, armToken, "")
		var names []string
		list, _ := got["value"].([]any)
		for _, p := range list {
			names = append(names, p.(map[string]any)["name"].(string))
		}
		if diff := cmp.Diff([]string{"gw-azure-eastus", "gw-aws-eu-west-1", "gw-gcp-asia-east1", "gw"}, names); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
	t.Run("change, in any letter case, and none", func(t *testing.T) {
		_, got, _ := b.call("PATCH", armOne+armNetwork, armToken, `{"properties": {"endpointStatus": "disabled"}}`)
		properties, _ := got["properties"].(map[string]any)
		if properties["endpointStatus"] != "Disabled" || properties["endpointMonitorStatus"] != "Disabled" || properties["target"] != armNames[armAzure] {
			t.Errorf("disabled: %v", got)
		}
		saved := b.saved.Load()
		for _, body := range []string{`{}`, `{"properties": {"endpointStatus": "Disabled"}}`} {
			if status, got, _ := b.call("PATCH", armOne+armNetwork, armToken, body); status != http.StatusOK || got["name"] != "azure-eastus" || b.saved.Load() != saved {
				t.Errorf("nothing to change: %d %v", status, got)
			}
		}
	})
	t.Run("app, without its settings", func(t *testing.T) {
		status, got, _ := b.call("GET", armApp+armWeb, armToken, "")
		properties, _ := got["properties"].(map[string]any)
		if status != http.StatusOK || got["id"] != armApp || got["location"] != "eastus" || properties["state"] != "Running" || properties["defaultHostName"] != "gw-app.azurewebsites.net" {
			t.Errorf("%d %v", status, got)
		}
		for _, hidden := range []string{"siteConfig", "cert", "key", "identity"} {
			if _, ok := properties[hidden]; ok {
				t.Errorf("%s is shown", hidden)
			}
		}
	})
}

// Before the monitor has heard of a profile its endpoints are as Azure has them then. Source: "Traffic Manager endpoint monitoring", Endpoint
// monitor status.
func TestARMBeforeTheMonitor(t *testing.T) {
	b := newARMBed(t)
	b.srv.Config.Handler = wire.ARM(wire.Access{Token: armToken}, b.store, nil, func() []monitor.ProfileStatus { return nil })
	for _, tt := range []struct{ profile, endpoint, want string }{
		{"Enabled", "Enabled", "CheckingEndpoint"},
		{"Enabled", "Disabled", "Disabled"},
		{"Disabled", "Enabled", "Inactive"},
		{"Disabled", "Disabled", "Disabled"},
	} {
		t.Run(tt.profile+" "+tt.endpoint, func(t *testing.T) {
			endpoint := armEndpoint(armAzure).With(resource.Props{"endpointStatus": tt.endpoint})
			in := armProfile("new-"+strings.ToLower(tt.profile+tt.endpoint), "Priority", endpoint).With(resource.Props{"resourceGroupName": "gw", "profileStatus": tt.profile})
			id, _ := b.cloud.Must("azure-native:trafficmanager:Profile", in)
			_, got, _ := b.call("GET", id+"/externalEndpoints/"+endpoint.Str("name")+armNetwork, armToken, "")
			if properties, _ := got["properties"].(map[string]any); properties["endpointMonitorStatus"] != tt.want {
				t.Errorf("want %s: %v", tt.want, got)
			}
		})
	}
}
