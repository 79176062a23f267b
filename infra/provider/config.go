package provider

import (
	"regexp"
	"slices"
	"strings"

	"polygate.example/infra/settings"
)

// ConfigKey is a key of a cloud's own configuration namespace. What is wrong with one would be refused late: by the cloud, when
// half of a stack stands already.
type ConfigKey struct {
	Key      string         // "gcp:project"
	What     string         // "the id of the Google Cloud project to deploy to"
	Optional bool           // the cloud's provider finds it elsewhere, or does without
	Form     *regexp.Regexp // of the value; nil takes any
	Example  string         // a value of that form
	Known    []string       // values there are: another one that is nearly one of them is misspelt, and one that is far from all may be new
}

// GUID is the form of ids in Azure: 32 hexadecimal digits in five groups, capitals or not. Source: RFC 9562, section 4.
var GUID = regexp.MustCompile(`^(?i)[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)

// Keys that a provider and a manager of the same cloud share.
var (
	// AzureSubscription is a GUID. Source: "Get subscription and tenant IDs in the Azure portal", learn.microsoft.com/azure/
	// azure-portal/get-subscription-tenant-id.
	AzureSubscription = ConfigKey{Key: "azure-native:subscriptionId", What: "the id of the Azure subscription to deploy to", Form: GUID,
		Example: "11111111-2222-4333-8444-555555555555"}
	// AzureLocation is a location by its name and not as the portal shows it. Source: the names that `az account
	// list-locations` prints, "List of Azure regions", learn.microsoft.com/azure/reliability/regions-list.
	AzureLocation = ConfigKey{Key: "azure-native:location", What: "an Azure location", Optional: true, Form: regexp.MustCompile(`^[a-z]{4,24}[0-9]?$`), Example: "westeurope",
		Known: []string{"australiacentral", "australiacentral2", "australiaeast", "australiasoutheast", "austriaeast", "belgiumcentral", "brazilsouth", "brazilsoutheast", "canadacentral",
			"canadaeast", "centralindia", "centralus", "chilecentral", "eastasia", "eastus", "eastus2", "francecentral", "francesouth", "germanynorth", "germanywestcentral",
			"indonesiacentral", "israelcentral", "italynorth", "japaneast", "japanwest", "koreacentral", "koreasouth", "malaysiawest", "mexicocentral", "newzealandnorth",
			"northcentralus", "northeurope", "norwayeast", "norwaywest", "polandcentral", "qatarcentral", "southafricanorth", "southafricawest", "southcentralus",
			"southeastasia", "southindia", "spaincentral", "swedencentral", "switzerlandnorth", "switzerlandwest", "uaecentral", "uaenorth", "uksouth", "ukwest",
			"westcentralus", "westeurope", "westindia", "westus", "westus2", "westus3"}}
	// AWSRegion is a region of the standard partition. Source: the partitions that AWS's SDKs carry (partition aws, regionRegex),
	// with the words that its regions have between the area and the number.
	AWSRegion = ConfigKey{Key: "aws:region", What: "a region of AWS", Optional: true,
		Form: regexp.MustCompile(`^(?:us|eu|ap|sa|ca|me|af|il|mx)-(?:central|(?:north|south)?(?:east|west)|north|south)-[1-9]$`), Example: "us-east-1"}
)

// AuditConfig holds keys of the clouds' own against their form.
func AuditConfig(keys []ConfigKey, get settings.Lookup) []settings.Problem {
	var problems []settings.Problem
	bad := func(k ConfigKey, what string) {
		want := "want " + k.What
		if k.Example != "" {
			want += ", for example " + k.Example
		}
		problems = append(problems, settings.Problem{Key: k.Key, Message: what + ": " + want})
	}
	for _, k := range keys {
		switch v, ok := get(k.Key); {
		case !ok || v == "":
			if !k.Optional {
				bad(k, "is missing")
			}
		case k.Form != nil && !k.Form.MatchString(v):
			bad(k, "is "+settings.Quote(v))
		case !slices.ContainsFunc(k.Known, sameBut(v)) && settings.Nearest(v, k.Known) != "":
			bad(k, "is "+settings.Quote(v)+settings.Nearest(v, k.Known))
		}
	}
	return problems
}

// sameBut reports whether a value is another, whatever their numbers: eastus3 may be there tomorrow, beside eastus2.
func sameBut(value string) func(string) bool {
	bare := strings.TrimRight(value, "0123456789")
	return func(known string) bool { return strings.TrimRight(known, "0123456789") == bare }
}
