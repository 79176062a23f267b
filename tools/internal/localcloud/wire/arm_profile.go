package wire

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"net/http"
	"slices"
	"strings"

	"polygate.example/tools/internal/localcloud/azure"
	"polygate.example/tools/internal/localcloud/monitor"
	"polygate.example/tools/internal/localcloud/resource"
)

const (
	armProfileType  = "Microsoft.Network/trafficManagerProfiles"
	armExternalType = armProfileType + "/externalEndpoints"
	armDisabled     = "Disabled"
	armMaxBody      = 1 << 20
)

// trafficManager answers with the records there are, while the API is not broken on purpose.
func (m armAPI) trafficManager(call func(resource.View) (any, error)) (any, error) {
	if m.access.lost("azure", "trafficmanager") {
		return nil, armUnavailable()
	}
	return call(m.store.View())
}

func (m armAPI) listProfiles(v resource.View, c armCall) (any, error) {
	if err := armInGroup(v, c); err != nil {
		return nil, err
	}
	list, found := []any{}, m.found() // an empty list is no null
	for _, r := range v.List(armProfile) {
		if azure.Covers(c.id(0).String(), r.ID) {
			list = append(list, found.profile(r))
		}
	}
	return resource.Props{"value": list}, nil
}

func (m armAPI) getProfile(v resource.View, c armCall) (any, error) {
	r, err := armFind(v, armProfile, c)
	if err != nil {
		return nil, err
	}
	return m.found().profile(r), nil
}

func (m armAPI) getEndpoint(v resource.View, c armCall) (any, error) {
	r, i, err := armEndpoint(v, c)
	if err != nil {
		return nil, err
	}
	return m.found().endpoint(r, i), nil
}

// patchEndpoint changes an endpoint's status or weight in the record of its profile, which holds the endpoints. Nothing is written when it is
// so already. The monitor goes by it when the call returns.
func (m armAPI) patchEndpoint(r *http.Request, c armCall) (any, error) {
	change, err := readPatch(r.Body)
	if err != nil {
		return nil, err
	}
	if err := m.store.Amend(r.Context(), func(v resource.View) ([]resource.Record, error) {
		rec, i, err := armEndpoint(v, c)
		if err != nil {
			return nil, err
		}
		endpoints := slices.Clone(rec.Inputs.List("endpoints"))
		e := rec.Inputs.Objects("endpoints")[i]
		now := resource.Props{"endpointStatus": armStatus(e, "endpointStatus"), "weight": max(1, float64(e.Int("weight")))} // as endpoint shows them
		if maps.Equal(now, now.With(change)) {
			return nil, nil
		}
		endpoints[i] = e.With(change)
		rec.Inputs = rec.Inputs.With(resource.Props{"endpoints": endpoints})
		return []resource.Record{rec}, nil
	}); err != nil {
		return nil, err
	}
	return m.getEndpoint(m.store.View(), c)
}

// readPatch is the status and the weight that an endpoint is to have, as far as they are named. The local Azure changes nothing else of one:
// a deployment does. Weights are "from 1 to 1000" (REST reference, Endpoints - Update, properties.weight).
func readPatch(body io.Reader) (resource.Props, error) {
	var doc struct{ Properties map[string]any }
	if err := json.NewDecoder(io.LimitReader(body, armMaxBody)).Decode(&doc); err != nil {
		// Source: cloudfoundry/bosh-azure-cpi-release issue #74.
		return nil, armRefuse(http.StatusBadRequest, "InvalidRequestContent", "The request content was invalid and could not be deserialized: '%v'.", err)
	}
	out := resource.Props{}
	for name, value := range doc.Properties {
		switch name {
		case "endpointStatus":
			i := slices.IndexFunc([]string{"Enabled", armDisabled}, func(known string) bool { s, ok := value.(string); return ok && strings.EqualFold(s, known) })
			if i < 0 {
				return nil, armRefuse(http.StatusBadRequest, azure.CodeBadRequest, "The endpoint status '%v' is not valid: it must be 'Enabled' or 'Disabled'.", value)
			}
			out[name] = []string{"Enabled", armDisabled}[i]
		case "weight":
			w, ok := value.(float64)
			if !ok || w < 1 || w > 1000 || w != math.Trunc(w) {
				return nil, armRefuse(http.StatusBadRequest, azure.CodeBadRequest, "The endpoint weight '%v' is not valid: it must be from 1 to 1000.", value)
			}
			out[name] = w
		default:
			return nil, armRefuse(http.StatusNotImplemented, resource.CodeUnsupported,
				"the local clouds do not have a change of an endpoint's %s by its API, only of its endpointStatus and weight", name)
		}
	}
	return out, nil
}

// armEndpoint finds an external endpoint in its profile, by its place there.
func armEndpoint(v resource.View, c armCall) (resource.Record, int, error) {
	r, err := armFind(v, armProfile, c)
	if err != nil {
		return r, 0, err
	}
	for i, e := range r.Inputs.Objects("endpoints") {
		if strings.EqualFold(e.Str("name"), c.names[1]) && strings.EqualFold(e.Str("type"), armExternalType) {
			return r, i, nil
		}
	}
	return r, 0, armNotFound(c.id(2))
}

// armFound is how the monitor finds the profiles, by their names in DNS.
type armFound map[string]monitor.ProfileStatus

func (m armAPI) found() armFound {
	out := armFound{}
	for _, p := range m.profiles() {
		out[strings.ToLower(p.Name)] = p
	}
	return out
}

// of is how the monitor finds the profile of a record.
func (f armFound) of(r resource.Record) (monitor.ProfileStatus, bool) {
	p, ok := f[strings.ToLower(r.Computed.Object("dnsConfig").Str("fqdn"))]
	return p, ok
}

// profile is a profile as the API shows it. Defaults of the monitor's settings: "Traffic Manager endpoint monitoring", Configure endpoint
// monitoring, learn.microsoft.com/azure/traffic-manager/traffic-manager-monitoring.
func (f armFound) profile(r resource.Record) resource.Props {
	settings := resource.Props{"intervalInSeconds": 30, "timeoutInSeconds": 10, "toleratedNumberOfFailures": 3}
	if r.Inputs.Object("monitorConfig").Int("intervalInSeconds") == 10 {
		settings["timeoutInSeconds"] = 9
	}
	status := "CheckingEndpoints" // until the monitor has heard of it
	if p, ok := f.of(r); ok {
		status = string(p.Status)
	}
	endpoints := []any{}
	for i := range r.Inputs.Objects("endpoints") {
		endpoints = append(endpoints, f.endpoint(r, i))
	}
	return armTagged(r, resource.Props{
		"id": r.ID, "name": r.Computed.Str("name"), "type": armProfileType, "location": "global",
		"properties": resource.Props{
			"profileStatus": armStatus(r.Inputs, "profileStatus"), "trafficRoutingMethod": r.Inputs.Str("trafficRoutingMethod"),
			"dnsConfig":                   r.Inputs.Object("dnsConfig").With(r.Computed.Object("dnsConfig")),
			"monitorConfig":               settings.With(r.Inputs.Object("monitorConfig")).With(resource.Props{"profileMonitorStatus": status}),
			"endpoints":                   endpoints,
			"trafficViewEnrollmentStatus": armDisabled,
		},
	})
}

// endpoint is a profile's i-th endpoint as the API shows it. Without a weight it has 1, and without a priority its place among the others:
// "Traffic Manager routing methods". What the monitor has not heard of is as "Traffic Manager endpoint monitoring" has it.
func (f armFound) endpoint(r resource.Record, i int) resource.Props {
	e := r.Inputs.Objects("endpoints")[i]
	kind := e.Str("type")[strings.LastIndex(e.Str("type"), "/")+1:]
	properties := resource.Props{"weight": 1, "priority": i + 1}.With(e).With(resource.Props{"endpointStatus": armStatus(e, "endpointStatus")})
	delete(properties, "name")
	delete(properties, "type")
	p, _ := f.of(r)
	switch status, ok := p.Endpoints[e.Str("name")]; {
	case ok:
		properties["endpointMonitorStatus"] = string(status)
	case armStatus(e, "endpointStatus") == armDisabled:
		properties["endpointMonitorStatus"] = armDisabled
	case armStatus(r.Inputs, "profileStatus") == armDisabled:
		properties["endpointMonitorStatus"] = "Inactive"
	default:
		properties["endpointMonitorStatus"] = "CheckingEndpoint"
	}
	return resource.Props{
		"id": fmt.Sprintf("%s/%s/%s", r.ID, kind, e.Str("name")), "name": e.Str("name"), "type": armProfileType + "/" + kind, "properties": properties,
	}
}

// armStatus is whether something is switched on, which it is where nothing is said.
func armStatus(in resource.Props, property string) string {
	if in.Str(property) == armDisabled {
		return armDisabled
	}
	return "Enabled"
}
