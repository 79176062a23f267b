package azure

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"polygate.example/infra/settings"
)

// name is the provider's, as in provider/region.
const name = "azure"

// zoneless are the regions in which Flex Consumption is sold and that have no availability zones. Source: "Azure regions
// list", learn.microsoft.com/azure/reliability/regions-list, read 2026-11. Of the others Microsoft may leave some out for
// Flex: `az functionapp list-flexconsumption-locations --zone-redundant=true` says which it takes today.
var zoneless = []string{"northcentralus", "westcentralus"}

// check finds what Azure cannot do of what the stack asks for.
func check(s settings.Settings, _ settings.Lookup) []settings.Problem {
	var problems []settings.Problem
	for _, r := range s.Regions {
		if s.ZoneRedundant && r.Provider == name && slices.Contains(zoneless, r.Name) {
			problems = append(problems, settings.Problemf("regions", []string{strconv.Itoa(r.Position)},
				"%s has no availability zones, and polygate:zoneRedundant asks for them: take another region, for example %s, or set zoneRedundant to false",
				r, name+"/"+near(r.Name)))
		}
	}
	for _, variable := range slices.Sorted(maps.Keys(s.Secrets)) {
		reference := s.Secrets[variable][name]
		if reference == "" {
			continue // reported already
		}
		if _, err := parseSecret(reference); err != nil {
			problems = append(problems, settings.Problemf("secrets", []string{variable, name}, "%s", fmt.Sprintf("%q %s", reference, err)))
		}
		if slices.Contains(reserved, variable) || slices.ContainsFunc(reservedPrefixes, func(p string) bool { return strings.HasPrefix(variable, p) }) {
			problems = append(problems, settings.Problemf("secrets", []string{variable},
				"is a setting that Azure's host or platform reads itself, or refuses: want another name"))
		}
	}
	return problems
}

// near is a region with zones in the neighbourhood of one without.
func near(region string) string {
	return map[string]string{"northcentralus": "centralus", "westcentralus": "westus3"}[region]
}

// Settings that are not the program's own. Source: "App settings reference for Azure Functions"; "Environment variables and
// app settings in Azure App Service".
var (
	reserved         = []string{"APPLICATIONINSIGHTS_CONNECTION_STRING", "APPLICATIONINSIGHTS_AUTHENTICATION_STRING", "ENABLE_ORYX_BUILD", "SCM_DO_BUILD_DURING_DEPLOYMENT"}
	reservedPrefixes = []string{"FUNCTIONS_", "WEBSITE_", "AZUREWEBJOBS"}
)
