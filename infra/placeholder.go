package infra

import (
	"strings"

	"polygate.example/infra/settings"
)

// placeholders finds what a stack file still has from the examples of this repository: nobody has such a zone, project or
// subscription, and the clouds would say so late. The local environment has names of its own.
func placeholders(s settings.Settings, get settings.Lookup) []settings.Problem {
	if s.Environment == settings.Local {
		return nil
	}
	var found []settings.Problem
	theirs := func(key, what string) {
		found = append(found, settings.Problem{Key: key, Message: "is the example's: put in " + what})
	}
	// Kept for examples, and registered by nobody: RFC 2606, section 3.
	for _, zone := range []string{"example.com", "example.net", "example.org"} {
		if s.Zone == zone || strings.HasSuffix(s.Zone, "."+zone) {
			theirs(settings.Namespace+":zone", "a public DNS zone that you have")
		}
	}
	if v, _ := get("gcp:project"); strings.HasPrefix(v, "your-project") {
		theirs("gcp:project", "the id of your Google Cloud project")
	}
	if v, _ := get("azure-native:subscriptionId"); v != "" && strings.Trim(v, "0-") == "" {
		theirs("azure-native:subscriptionId", "the id of your Azure subscription")
	}
	return found
}
