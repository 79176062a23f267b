package cloudflare

import (
	"slices"
	"strings"
)

// continents say which of Cloudflare's 13 regions make up a continent, and which of its countries are named one by one
// beside them: Cloudflare has no region for Antarctica, and none that must hold Mexico, Central America and the Caribbean,
// as its "North America" has no middle. Elsewhere the seams are Cloudflare's: it decides, for instance, on which side of
// Northern Africa and the Middle East Egypt lies; its Regions API tells. Source: "Regions API",
// developers.cloudflare.com/load-balancing/reference/region-mapping-api.
var continents = map[string]struct {
	regions   []string
	countries []string // beside the regions
	strangers []string // countries of other continents that its regions may hold
}{
	"AF": {regions: []string{"NAF", "SAF"}},
	"AN": {countries: antarctica},
	"AS": {regions: []string{"ME", "NEAS", "SAS", "SEAS"}},
	"EU": {regions: []string{"EEU", "WEU"}},
	"NA": {regions: []string{"ENAM", "WNAM"}, countries: middleAmerica},
	"OC": {regions: []string{"OC"}, strangers: antarctica},
	"SA": {regions: []string{"NSAM", "SSAM"}, strangers: middleAmerica},
}

// middleAmerica are the countries of the continent NA between Cloudflare's two North American regions and South America.
var middleAmerica = strings.Fields("AG AI AW BB BL BQ BS BZ CR CU CW DM DO GD GP GT HN HT JM KN KY LC MF MQ MS MX NI PA PR SV SX TC TT VC VG VI")

// antarctica is what lies around the South Pole.
var antarctica = strings.Fields("AQ BV GS HM TF")

// countriesOf are the countries of each continent, ISO 3166-1. Those on a border are where the United Nations count them,
// and the islands about Antarctica belong to it.
// Source: "Standard country or area codes for statistical use (M49)", unstats.un.org/unsd/methodology/m49.
var countriesOf = map[string][]string{
	"AF": strings.Fields("AO BF BI BJ BW CD CF CG CI CM CV DJ DZ EG EH ER ET GA GH GM GN GQ GW IO KE KM LR LS LY MA MG ML MR MU MW MZ NA NE NG RE RW SC SD SH SL SN SO SS ST SZ TD TG TN TZ UG YT ZA ZM ZW"),
	"AN": antarctica,
	"AS": strings.Fields("AE AF AM AZ BD BH BN BT CN CY GE HK ID IL IN IQ IR JO JP KG KH KP KR KW KZ LA LB LK MM MN MO MV MY NP OM PH PK PS QA SA SG SY TH TJ TL TM TR TW UZ VN YE"),
	"EU": strings.Fields("AD AL AT AX BA BE BG BY CH CZ DE DK EE ES FI FO FR GB GG GI GR HR HU IE IM IS IT JE LI LT LU LV MC MD ME MK MT NL NO PL PT RO RS RU SE SI SJ SK SM UA VA XK"),
	"NA": slices.Concat(middleAmerica, strings.Fields("BM CA GL PM US")),
	"OC": strings.Fields("AS AU CC CK CX FJ FM GU KI MH MP NC NF NR NU NZ PF PG PN PW SB TK TO TV UM VU WF WS"),
	"SA": strings.Fields("AR BO BR CL CO EC FK GF GY PE PY SR UY VE"),
}

// continentOf is the continent of a country, "" for a code that is none.
func continentOf(country string) string {
	for continent, countries := range countriesOf {
		if slices.Contains(countries, country) {
			return continent
		}
	}
	return ""
}
