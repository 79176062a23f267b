package wire_test

import (
	"errors"
	"strings"
	"testing"

	"polygate.example/shared/health"
	"polygate.example/shared/topology"
	"polygate.example/tools/internal/control"
	"polygate.example/tools/internal/localcloud/resource"
)

const (
	armListed   = "/config/appsettings/list" + armWeb
	armReplaced = "/config/appsettings" + armWeb
)

// app is the record of the app, and its id.
func (b *armBed) app() resource.Record {
	b.t.Helper()
	apps := b.store.View().List("azure-native:web:WebApp")
	if len(apps) != 1 {
		b.t.Fatalf("%d apps", len(apps))
	}
	return apps[0]
}

// settings are the app's, as the data plane gets them.
func (b *armBed) settings() map[string]string {
	out := map[string]string{}
	for _, s := range b.app().Inputs.Object("siteConfig").Objects("appSettings") {
		out[s.Str("name")] = s.Str("value")
	}
	return out
}

// A lever has the app run with its setting, and afterwards a refresh finds nothing changed.
func TestARMLever(t *testing.T) {
	b := newARMBed(t)
	before := b.app()
	p, l := b.provider(armToken, topology.Topology{Regions: []topology.Region{{Name: "azure/eastus", Provider: "azure", Function: before.ID}}}), drillLease(7)
	if err := p.Pull(t.Context(), "azure/eastus", l); err != nil {
		t.Fatal(err)
	}
	if got := b.settings(); got["API_KEY"] != "a-secret-setting" || !strings.Contains(got[health.EnvDrill], `"token":7`) || len(got) != 2 {
		t.Errorf("%d settings", len(got))
	}
	if got, err := p.Pulled(t.Context()); err != nil || got["azure/eastus"] != l {
		t.Errorf("pulled: %+v, %v", got, err)
	}
	if err := p.Release(t.Context(), "azure/eastus", 7); err != nil {
		t.Fatal(err)
	}
	after := b.app()
	if d, err := b.cloud.Controller.Diff("azure-native:web:WebApp", before.Inputs, after.Inputs); err != nil || len(d.Changes) > 0 {
		t.Errorf("a refresh finds %+v, %v", d, err)
	}
	b.lost.Store("azure", true)
	if err := p.Pull(t.Context(), "azure/eastus", l); err == nil || !strings.Contains(err.Error(), "503 Service Unavailable") || errors.Is(err, control.ErrUnknown) {
		t.Errorf("lost: %v", err)
	}
}

// Azure's own rules about settings: a change replaces them all, and Flex Consumption refuses some. Sources: "Web Apps - Update Application
// Settings", and as azure has them for a deployment.
func TestARMSettingsFacts(t *testing.T) {
	b := newARMBed(t)
	id := b.app().ID
	for _, c := range []struct {
		name, method, path, body string
		status                   int
		code                     string
	}{
		{"listed", "POST", armListed, "", 200, ""},
		{"one that Flex refuses", "PUT", armReplaced, `{"properties":{"WEBSITE_RUN_FROM_PACKAGE":"1"}}`, 400, "BadRequest"},
		{"all replaced", "PUT", armReplaced, `{"properties":{"NEW":"1"}}`, 200, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			status, got, _ := b.call(c.method, id+c.path, armToken, c.body)
			refused, _ := got["error"].(map[string]any)
			if status != c.status || c.code != "" && refused["code"] != c.code {
				t.Errorf("%d %v", status, got)
			}
			properties, _ := got["properties"].(map[string]any)
			if c.name == "listed" && (len(properties) != 1 || properties["API_KEY"] != "a-secret-setting") {
				t.Errorf("%v", got)
			}
			want := map[string]string{"API_KEY": "a-secret-setting"}
			if c.name == "all replaced" {
				want = map[string]string{"NEW": "1"}
			}
			if now := b.settings(); len(now) != 1 || now["API_KEY"] != want["API_KEY"] || now["NEW"] != want["NEW"] {
				t.Errorf("%d settings are left", len(now))
			}
		})
	}
}

// What the local clouds would not carry out is refused, and so is whoever shows no token.
func TestARMSettingsBounds(t *testing.T) {
	b := newARMBed(t)
	id := b.app().ID
	for _, c := range []struct {
		name, method, path, body string
		status                   int
		code                     string
	}{
		{"another configuration", "POST", "/config/connectionstrings/list" + armWeb, "", 501, ""},
		{"by GET", "GET", armReplaced, "", 501, ""},
		{"no JSON", "PUT", armReplaced, `{`, 400, "InvalidRequestContent"},
		{"another token", "POST", armListed, "", 401, "InvalidAuthenticationToken"},
	} {
		t.Run(c.name, func(t *testing.T) {
			token := armToken
			if c.status == 401 {
				token = "other"
			}
			status, got, _ := b.call(c.method, id+c.path, token, c.body)
			if refused, _ := got["error"].(map[string]any); status != c.status || c.code != "" && refused["code"] != c.code {
				t.Errorf("%d %v", status, got)
			}
			if now := b.settings(); len(now) != 1 || now["API_KEY"] != "a-secret-setting" {
				t.Errorf("%d settings are left", len(now))
			}
		})
	}
}
