package cloudflare

import "polygate.example/infra/settings"

// Phases are those of which a stack behind the proxy has the zone's ruleset, which is the only one that the zone has of a phase (see
// front): what else makes one is in the way. Without the proxy there are none.
func Phases(s settings.Settings) []string {
	if !s.Fronted() {
		return nil
	}
	return []string{phaseMark, phaseStrict}
}

// The phases of the rule that marks requests, and of the one that has origins' certificates validated.
const (
	phaseMark   = "http_request_late_transform"
	phaseStrict = "http_config_settings"
)
