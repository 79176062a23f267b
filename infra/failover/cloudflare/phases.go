package cloudflare

import "polygate.example/infra/settings"

// Phases are those of which a stack behind the proxy has the zone's ruleset, which is the only one that the zone has of a phase (see
// front): what else makes one is in the way. Without the proxy there are none.
func Phases(s settings.Settings) []string {
	if !s.Fronted() {
		return nil
	}
	return []string{"http_request_late_transform", "http_config_settings"}
}
