package trafficmanager

import (
	"strings"

	"polygate.example/infra/settings"
)

// nearest is where Traffic Manager is told that a region is, by Azure location: "when using the Performance traffic routing
// method with external endpoints or nested endpoints, you need to specify the location of those endpoints. Choose the Azure
// region closest to your deployment" (Traffic Manager routing methods). Azure's own regions are where they are; for the others it
// is the location whose city is nearest to the region's by the great circle, among those open to everybody that were there by
// the end of 2023: younger ones may not be in Traffic Manager's latency table yet. Sources of the cities: "AWS Regions and
// Availability Zones", "Regions and zones" of Google's Compute Engine, "List of Azure regions".
var nearest = map[string][]string{
	"australiaeast":      {"aws/ap-southeast-2", "gcp/australia-southeast1"},
	"australiasoutheast": {"aws/ap-southeast-4", "gcp/australia-southeast2"},
	"brazilsouth":        {"aws/sa-east-1", "gcp/southamerica-east1", "gcp/southamerica-west1"},
	"canadacentral":      {"gcp/northamerica-northeast2"},
	"canadaeast":         {"aws/ca-central-1", "gcp/northamerica-northeast1"},
	"centralindia":       {"aws/ap-south-2"},
	"centralus":          {"gcp/us-central1"},
	"eastasia":           {"aws/ap-east-1", "gcp/asia-east1", "gcp/asia-east2"},
	"eastus":             {"aws/us-east-1", "gcp/us-east1", "gcp/us-east4"},
	"francecentral":      {"aws/eu-west-3", "gcp/europe-west1", "gcp/europe-west9"},
	"germanywestcentral": {"aws/eu-central-1", "gcp/europe-west10", "gcp/europe-west3"},
	"israelcentral":      {"aws/il-central-1", "gcp/me-west1"},
	"italynorth":         {"aws/eu-south-1", "gcp/europe-west12", "gcp/europe-west8"},
	"japaneast":          {"aws/ap-northeast-1", "gcp/asia-northeast1"},
	"japanwest":          {"aws/ap-northeast-3", "gcp/asia-northeast2"},
	"koreacentral":       {"aws/ap-northeast-2", "gcp/asia-northeast3"},
	"northcentralus":     {"aws/us-east-2", "gcp/us-east5"},
	"northeurope":        {"aws/eu-west-1"},
	"polandcentral":      {"gcp/europe-central2"},
	"qatarcentral":       {"aws/me-south-1", "gcp/me-central1", "gcp/me-central2"},
	"southafricanorth":   {"aws/af-south-1", "gcp/africa-south1"},
	"southcentralus":     {"gcp/us-south1"},
	"southeastasia":      {"aws/ap-southeast-1", "aws/ap-southeast-3", "gcp/asia-southeast1", "gcp/asia-southeast2"},
	"spaincentral":       {"aws/eu-south-2", "gcp/europe-southwest1"},
	"swedencentral":      {"aws/eu-north-1", "gcp/europe-north1"},
	"switzerlandnorth":   {"aws/eu-central-2", "gcp/europe-west6"},
	"uaenorth":           {"aws/me-central-1"},
	"uksouth":            {"aws/eu-west-2", "gcp/europe-west2"},
	"westcentralus":      {"gcp/us-west3"},
	"westeurope":         {"gcp/europe-west4"},
	"westindia":          {"aws/ap-south-1", "gcp/asia-south1", "gcp/asia-south2"},
	"westus":             {"aws/us-west-1", "gcp/us-west2"},
	"westus2":            {"aws/ca-west-1", "aws/us-west-2", "gcp/us-west1"},
	"westus3":            {"gcp/us-west4"},
}

// locationOf is the Azure location that stands for a region, false where none is known.
func locationOf(r settings.Region) (string, bool) {
	if r.Provider == "azure" {
		return strings.ToLower(r.Name), true
	}
	for location, regions := range nearest {
		for _, name := range regions {
			if name == r.String() {
				return location, true
			}
		}
	}
	return "", false
}
