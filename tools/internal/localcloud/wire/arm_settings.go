package wire

import (
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"slices"

	"polygate.example/tools/internal/localcloud/resource"
)

// armSettings is what the calls about an app's settings answer with. Source: "Web Apps - List Application Settings",
// learn.microsoft.com/rest/api/appservice/web-apps/list-application-settings.
func armSettings(app resource.Record) resource.Props {
	properties := resource.Props{}
	for _, s := range app.Inputs.Object("siteConfig").Objects("appSettings") {
		properties[s.Str("name")] = s.Str("value")
	}
	return resource.Props{"id": app.ID + "/config/appsettings", "name": "appsettings", "type": "Microsoft.Web/sites/config", "properties": properties}
}

// settings finds the app whose settings a call is about.
func (m armAPI) settings(c armCall) (resource.Record, error) {
	if m.access.lost("azure") {
		return resource.Record{}, armUnavailable()
	}
	if c.names[1] != "appsettings" {
		return resource.Record{}, armRefuse(http.StatusNotImplemented, resource.CodeUnsupported, "the local clouds do not have the configuration %s of apps", c.names[1])
	}
	return armFind(m.store.View(), armSite, c)
}

func (m armAPI) listSettings(c armCall) (any, error) {
	app, err := m.settings(c)
	if err != nil {
		return nil, err
	}
	return armSettings(app), nil
}

// putSettings "Replaces the application settings of an app" (Web Apps - Update Application Settings): what is not sent is gone. It is carried
// out as a deployment's change is, with the same refusals.
func (m armAPI) putSettings(r *http.Request, c armCall) (any, error) {
	app, err := m.settings(c)
	if err != nil {
		return nil, err
	}
	var in struct{ Properties map[string]string }
	if err := json.NewDecoder(io.LimitReader(r.Body, armMaxBody)).Decode(&in); err != nil {
		return nil, armRefuse(http.StatusBadRequest, "InvalidRequestContent", "The request content was invalid and could not be deserialized: '%v'.", err)
	}
	list := []any{}
	for _, name := range slices.Sorted(maps.Keys(in.Properties)) {
		list = append(list, resource.Props{"name": name, "value": in.Properties[name]})
	}
	changed := app.Inputs.With(resource.Props{"siteConfig": app.Inputs.Object("siteConfig").With(resource.Props{"appSettings": list})})
	if _, err := m.control.Update(r.Context(), armSite, app.ID, app.Outputs(), changed, nil, false); err != nil {
		var refused *resource.Error
		if errors.As(err, &refused) {
			return nil, armRefuse(http.StatusBadRequest, refused.Code, "%s", refused.Message)
		}
		return nil, err
	}
	if app, err = armFind(m.store.View(), armSite, c); err != nil {
		return nil, err
	}
	return armSettings(app), nil
}
