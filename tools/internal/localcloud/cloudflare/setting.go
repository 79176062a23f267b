package cloudflare

import (
	"context"
	"time"

	"polygate.example/tools/internal/localcloud/resource"
)

const (
	tokenSetting = "cloudflare:index/zoneSetting:ZoneSetting"
	labelSetting = "settings"
)

// settingCountry is the one setting of zones that the local Cloudflare has: with it the proxy tells origins the country of clients, in CF-IPCountry.
// Source: "IP geolocation", developers.cloudflare.com/network/ip-geolocation; API reference, zones, settings, ip_geolocation. A zone in which nobody
// has turned it has it off here, which is the less that a stack could find. What becomes of it when the resource is deleted is not known; here it is
// as if nobody had turned it.
const settingCountry = "ip_geolocation"

// settingType is cloudflare:index/zoneSetting:ZoneSetting.
func settingType() *resource.Type {
	path := func(in resource.Props) call {
		return call{"PATCH", "zones/" + in.Str("zoneId") + "/" + labelSetting + "/" + in.Str("settingId")}
	}
	return &resource.Type{
		Token: tokenSetting, Label: labelSetting,
		Properties: []resource.Property{
			zoneProperty(), {Name: "settingId", Kind: resource.String, Required: true, Immutable: true},
			{Name: "value", Kind: resource.Any, Required: true, OneOf: oneOf("on", "off")},
		},
		Unmodelled: []string{"enabled"},
		Computed:   []string{"editable", "modifiedOn"},
		Volatile:   []string{"modifiedOn"},
		Scope:      []string{"zoneId"},
		Check: func(_ context.Context, _ *resource.Env, in resource.Props) []resource.Failure {
			if id := in.Str("settingId"); in.Has("settingId") && id != settingCountry {
				return []resource.Failure{unsupported("settingId", "the setting %s of zones", id)}
			}
			return nil
		},
		Create: func(_ context.Context, env *resource.Env, in resource.Props) (string, resource.Props, error) {
			if _, err := path(in).inZone(env.View(), in); err != nil {
				return "", nil, err
			}
			return in.Str("settingId"), resource.Props{"editable": true, "modifiedOn": env.Now().Format(time.RFC3339)}, nil
		},
		Update: func(_ context.Context, env *resource.Env, _ resource.Record, in resource.Props) (resource.Props, error) {
			_, err := path(in).inZone(env.View(), in)
			return changed(env), err
		},
	}
}

// tellsCountry reports whether the proxy of a zone tells origins where clients are.
func tellsCountry(v resource.View, zone string) bool {
	for _, s := range v.Where(tokenSetting, "zoneId", zone) {
		if s.Inputs.Str("settingId") == settingCountry {
			return s.Inputs.Str("value") == "on"
		}
	}
	return false
}
