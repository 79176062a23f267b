package azure

import (
	"slices"
	"strings"
)

// latencyLocations are the Azure regions an endpoint can be said to be near: "those locations are the values supported by the
// Internet Latency Table" (Traffic Manager routing methods, Performance). Source of the names: "List of Azure regions",
// learn.microsoft.com/azure/reliability/regions-list; those of 2024 and later are left out, as nothing says that they are in it.
var latencyLocations = []string{
	"australiacentral", "australiacentral2", "australiaeast", "australiasoutheast", "brazilsouth", "brazilsoutheast", "canadacentral", "canadaeast",
	"centralindia", "centralus", "eastasia", "eastus", "eastus2", "francecentral", "francesouth", "germanynorth", "germanywestcentral", "israelcentral",
	"italynorth", "japaneast", "japanwest", "jioindiacentral", "jioindiawest", "koreacentral", "koreasouth", "northcentralus", "northeurope",
	"norwayeast", "norwaywest", "polandcentral", "qatarcentral", "southafricanorth", "southafricawest", "southcentralus", "southeastasia", "southindia",
	"spaincentral", "swedencentral", "swedensouth", "switzerlandnorth", "switzerlandwest", "uaecentral", "uaenorth", "uksouth", "ukwest", "westcentralus",
	"westeurope", "westindia", "westus", "westus2", "westus3",
}

// geography is what endpoints can be mapped to under the method Geographic, beside WORLD: groupings and their countries, and the
// states of four countries. Source: "List of regions used for geographic traffic routing", learn.microsoft.com/azure/
// traffic-manager/traffic-manager-geographic-regions; the service gives the same as trafficManagerGeographicHierarchies.
var geography = map[string]string{
	"GEO-EU": "AD AL AT AX BA BE BG BY CH CY CZ DE DK EE ES FI FO FR GB GG GI GR HR HU IE IM IS IT JE LI LT LU LV MC MD ME MK MT NL NO PL PT RO RS RU SE SI SJ SK SM UA VA XJ XK",
	"GEO-ME": "AE BH IL IQ IR JO KW LB OM PS QA SA SY TR YE",
	"GEO-NA": "AG AI AW BB BL BM BQ BS BZ CA CR CU CW DM DO GD GL GP GT HN HT JM KN KY LC MF MQ MS MX NI PA PM PR SV SX TC TT UM US VC VG VI XE XS",
	"GEO-AS": "AF AM AZ BD BN BT CC CN CX GE HK ID IN IO JP KG KH KP KR KZ LA LK MM MN MO MV MY NP PH PK SG TH TJ TL TM TW UZ VN",
	"GEO-AF": "AO BF BI BJ BV BW CD CF CG CI CM CV DJ DZ EG ER ET GA GH GM GN GQ GW KE KM LR LS LY MA MG ML MR MU MW MZ NA NE NG RE RW SC SD SH SL SN SO SS ST SZ TD TF TG TN TZ UG YT ZA ZM ZW",
	"GEO-AN": "AQ",
	"GEO-SA": "AR BO BR CL CO EC FK GF GS GY PE PY SR UY VE",
	"GEO-AP": "AS AU CK FJ FM GU HM KI MH MP NC NF NR NU NZ PF PG PN PW SB TK TO TV VU WF WS",
	"AU":     "ACT NSW NT QLD SA TAS VIC WA",
	"CA":     "AB BC MB NB NL NS NT NU ON PE QC SK YT",
	"GB":     "ENG NIR SCT WLS",
	"US":     "AK AL AR AZ CA CO CT DC DE FL GA HI IA ID IL IN KS KY LA MA MD ME MI MN MO MS MT NC ND NE NH NJ NM NV NY OH OK OR PA RI SC SD TN TX UT VA VT WA WI WV WY",
}

// isGeoCode reports whether something can be mapped.
func isGeoCode(code string) bool {
	if code == "WORLD" || strings.HasPrefix(code, "GEO-") && geography[code] != "" {
		return true
	}
	if country, state, ok := strings.Cut(code, "-"); ok {
		return len(country) == 2 && slices.Contains(strings.Fields(geography[country]), state)
	}
	for grouping, countries := range geography {
		if strings.HasPrefix(grouping, "GEO-") && slices.Contains(strings.Fields(countries), code) {
			return true
		}
	}
	return false
}
