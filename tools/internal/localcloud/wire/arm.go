package wire

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"polygate.example/tools/internal/localcloud/azure"
	"polygate.example/tools/internal/localcloud/monitor"
	"polygate.example/tools/internal/localcloud/resource"
)

// Types of the records that are asked for, as the local Azure keeps them.
const (
	armGroup   = "azure-native:resources:ResourceGroup"
	armProfile = "azure-native:trafficmanager:Profile"
	armSite    = "azure-native:web:WebApp"
)

// armVersions are the API versions that are answered, by namespace: those of the SDKs armtrafficmanager v1.3.0 and armappservice v4.1.0.
var armVersions = map[string]string{"microsoft.network": "2022-04-01", "microsoft.web": "2024-04-01"}

// armAPI is Azure Resource Manager.
type armAPI struct {
	access   Access
	store    *resource.Store
	control  *resource.Controller
	profiles func() []monitor.ProfileStatus
}

// ARM speaks Azure Resource Manager's REST API, as far as the control seat asks it: the Traffic Manager profiles of a resource group, one of
// them, an external endpoint, the change of its status, a function app, and its settings, which are changed as a deployment changes them, by control. profiles is
// how the local monitor finds the profiles.
//
// Sources: the REST references of Traffic Manager (Profiles - List By Resource Group, Profiles - Get, Endpoints - Get, Endpoints - Update,
// learn.microsoft.com/rest/api/trafficmanager) and of App Service (Web Apps - Get, List Application Settings, Update Application Settings, learn.microsoft.com/rest/api/appservice), and for what
// Resource Manager itself answers those beside each refusal.
func ARM(a Access, store *resource.Store, control *resource.Controller, profiles func() []monitor.ProfileStatus) http.Handler {
	return armAPI{access: a, store: store, control: control, profiles: profiles}
}

// ServeHTTP answers a call. A call without an API version is refused before it is asked who calls: a browser that comes without a token gets
// that refusal (MicrosoftDocs/feedback issue #2279).
func (m armAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	answer, err := m.answer(r)
	var refused *armRefusal
	status := http.StatusOK
	switch {
	case errors.As(err, &refused):
		status = refused.status
	case err != nil:
		refused = &armRefusal{http.StatusInternalServerError, azure.CodeInternal, err.Error()}
		status = refused.status
	}
	if refused != nil {
		answer = map[string]any{"error": map[string]string{"code": refused.code, "message": refused.message}}
	}
	if status == http.StatusUnauthorized {
		// As Azure/azure-sdk-for-go has it, sdk/azcore/runtime/policy_bearer_token_test.go. Without claims the SDK asks for no other token.
		w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer authorization_uri="https://login.windows.net/%s", error="invalid_token", error_description="%s"`, azure.Tenant, refused.message))
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(answer) // who has gone away gets none
}

func (m armAPI) answer(r *http.Request) (any, error) {
	version := r.URL.Query().Get("api-version")
	if version == "" {
		// Source: Azure/azure-sdk-for-go issue #22571.
		return nil, armRefuse(http.StatusBadRequest, "MissingApiVersionParameter", "The api-version query parameter (?api-version=) is required for all requests.")
	}
	if r.Header.Get("Authorization") == "" {
		// Source: hashicorp/terraform-provider-azurerm issue #3612.
		return nil, armRefuse(http.StatusUnauthorized, "AuthenticationFailed", "Authentication failed. The 'Authorization' header is missing.")
	}
	if !m.access.bearer(r) {
		// Source: Azure/azure-powershell issue #27882; the code: Azure/azure-sdk-for-java issue #1714.
		return nil, armRefuse(http.StatusUnauthorized, "InvalidAuthenticationToken", "The access token is invalid.")
	}
	c, ok := readARM(r.URL.Path)
	if want, known := armVersions[strings.ToLower(c.namespace)]; ok && known && version != want {
		// Source: Azure/azure-powershell issue #12061. Azure answers to older versions, too.
		return nil, armRefuse(http.StatusNotFound, "InvalidResourceType", "The resource type '%s' could not be found in the namespace '%s' for api version '%s'. The supported api-versions are '%s'.",
			c.kinds[0], c.namespace, version, want)
	}
	switch r.Method + " " + c.shape() {
	case "GET microsoft.network/trafficmanagerprofiles":
		return m.trafficManager(func(v resource.View) (any, error) { return m.listProfiles(v, c) })
	case "GET microsoft.network/trafficmanagerprofiles/*":
		return m.trafficManager(func(v resource.View) (any, error) { return m.getProfile(v, c) })
	case "GET microsoft.network/trafficmanagerprofiles/*/externalendpoints/*":
		return m.trafficManager(func(v resource.View) (any, error) { return m.getEndpoint(v, c) })
	case "PATCH microsoft.network/trafficmanagerprofiles/*/externalendpoints/*":
		return m.trafficManager(func(resource.View) (any, error) { return m.patchEndpoint(r, c) })
	case "GET microsoft.web/sites/*":
		return m.getSite(c)
	case "POST microsoft.web/sites/*/config/*/list":
		return m.listSettings(c)
	case "PUT microsoft.web/sites/*/config/*":
		return m.putSettings(r, c)
	}
	return nil, armRefuse(http.StatusNotImplemented, resource.CodeUnsupported, "the local clouds do not have %s %s of Azure Resource Manager", r.Method, r.URL.Path)
}

// armCall is what a path asks for: in a resource group, a type in a namespace, and by name one of the type, and one below that.
type armCall struct {
	subscription, group, namespace string
	kinds, names                   []string // the last kind may have no name
}

// readARM reads the path of a call; false for one that is of no resource group.
func readARM(path string) (armCall, bool) {
	parts := strings.Split(strings.Trim(path, "/"), "/")
	if len(parts) < 7 || !strings.EqualFold(parts[0], "subscriptions") || !strings.EqualFold(parts[2], "resourceGroups") || !strings.EqualFold(parts[4], "providers") {
		return armCall{}, false
	}
	c := armCall{subscription: parts[1], group: parts[3], namespace: parts[5]}
	for i, p := range parts[6:] {
		if i%2 == 0 {
			c.kinds = append(c.kinds, p)
		} else {
			c.names = append(c.names, p)
		}
	}
	return c, true
}

// shape is namespace and types in lower case, with a star for each name: Resource Manager does not mind letter case.
func (c armCall) shape() string {
	out := c.namespace
	for i, kind := range c.kinds {
		out += "/" + kind
		if i < len(c.names) {
			out += "/*"
		}
	}
	return strings.ToLower(out)
}

// id is that of the first n resources the call names, 0 for the group.
func (c armCall) id(n int) azure.ID {
	id := azure.ID{Subscription: c.subscription, Group: c.group}
	for i := range n {
		id.Namespace, id.Path = c.namespace, append(id.Path, c.kinds[i], c.names[i])
	}
	return id
}

// armFind finds a record by its id in a group that exists.
func armFind(v resource.View, token string, c armCall) (resource.Record, error) {
	if err := armInGroup(v, c); err != nil {
		return resource.Record{}, err
	}
	id := c.id(1)
	for _, r := range v.List(token) {
		if azure.Equal(r.ID, id.String()) {
			return r, nil
		}
	}
	return resource.Record{}, armNotFound(id)
}

// armInGroup refuses what is asked of a group that does not exist. Source: Resource Manager API, ResourceGroupNotFound.
func armInGroup(v resource.View, c armCall) error {
	for _, g := range v.List(armGroup) {
		if azure.Equal(g.ID, c.id(0).String()) {
			return nil
		}
	}
	return armRefuse(http.StatusNotFound, azure.CodeGroupNotFound, "Resource group '%s' could not be found.", c.group)
}

// armNotFound is the answer about what does not exist. Source: "Resolve errors for resource not found",
// learn.microsoft.com/azure/azure-resource-manager/troubleshooting/error-not-found.
func armNotFound(id azure.ID) error {
	return armRefuse(http.StatusNotFound, azure.CodeNotFound, "The Resource '%s/%s' under resource group '%s' was not found. For more details please go to https://aka.ms/ARMResourceNotFoundFix",
		id.Type(), id.Name(), id.Group)
}

// armRefusal is an error answer. What it looks like: Azure/azure-sdk-for-go issue #22571.
type armRefusal struct {
	status        int
	code, message string
}

func armRefuse(status int, code, format string, a ...any) error {
	return &armRefusal{status, code, fmt.Sprintf(format, a...)}
}

// armUnavailable is the answer of an API that is broken on purpose, as the local Azure words it for the engine.
func armUnavailable() error {
	return armRefuse(http.StatusServiceUnavailable, azure.CodeUnavailable, "The service is unavailable.")
}

func (r *armRefusal) Error() string { return fmt.Sprintf("%d %s: %s", r.status, r.code, r.message) }

var (
	_ http.Handler = armAPI{}
	_ error        = (*armRefusal)(nil)
)
