package trafficmanager

import (
	"maps"
	"slices"
	"strings"

	"polygate.example/infra/settings"
)

// world is everybody whom nothing else is mapped to, and whose place is not known.
const world = "WORLD"

// groupings are the places Traffic Manager knows in the stead of each continent. It keeps the Middle East apart from Asia.
// Source: "List of regions used for geographic traffic routing by Azure Traffic Manager", learn.microsoft.com/azure/
// traffic-manager/traffic-manager-geographic-regions; so for the tables below.
var groupings = map[string][]string{
	"AF": {"GEO-AF"}, "AN": {"GEO-AN"}, "AS": {"GEO-AS", "GEO-ME"}, "EU": {"GEO-EU"}, "NA": {"GEO-NA"}, "OC": {"GEO-AP"}, "SA": {"GEO-SA"},
}

// countries are those that can be mapped, by grouping.
var countries = []string{
	"AD AL AT AX BA BE BG BY CH CY CZ DE DK EE ES FI FO FR GB GG GI GR HR HU IE IM IS IT JE LI LT LU LV MC MD ME MK MT NL NO PL PT RO RS RU SE SI SJ SK SM UA VA XJ XK",
	"AE BH IL IQ IR JO KW LB OM PS QA SA SY TR YE",
	"AG AI AW BB BL BM BQ BS BZ CA CR CU CW DM DO GD GL GP GT HN HT JM KN KY LC MF MQ MS MX NI PA PM PR SV SX TC TT UM US VC VG VI XE XS",
	"AF AM AZ BD BN BT CC CN CX GE HK ID IN IO JP KG KH KP KR KZ LA LK MM MN MO MV MY NP PH PK SG TH TJ TL TM TW UZ VN",
	"AO BF BI BJ BV BW CD CF CG CI CM CV DJ DZ EG ER ET GA GH GM GN GQ GW KE KM LR LS LY MA MG ML MR MU MW MZ NA NE NG RE RW SC SD SH SL SN SO SS ST SZ TD TF TG TN TZ UG YT ZA ZM ZW",
	"AQ", "AR BO BR CL CO EC FK GF GS GY PE PY SR UY VE",
	"AS AU CK FJ FM GU HM KI MH MP NC NF NR NU NZ PF PG PN PW SB TK TO TV VU WF WS",
}

// states are the parts of countries that can be mapped: "this granularity level is supported only for states / provinces in
// Australia, Canada, UK, and USA" (Traffic Manager routing methods, Geographic).
var states = map[string]string{
	"AU": "ACT NSW NT QLD SA TAS VIC WA",
	"CA": "AB BC MB NB NL NS NT NU ON PE QC SK YT",
	"GB": "ENG NIR SCT WLS",
	"US": "AK AL AR AZ CA CO CT DC DE FL GA HI IA ID IL IN KS KY LA MA MD ME MI MN MO MS MT NC ND NE NH NJ NM NV NY OH OK OR PA RI SC SD TN TX UT VA VT WA WI WV WY",
}

func divided() []string { return slices.Collect(maps.Keys(states)) }

// knows reports whether a country, or a state behind a dash, can be mapped.
func knows(code string) bool {
	country, state, ok := strings.Cut(code, "-")
	if ok {
		return slices.Contains(strings.Fields(states[country]), state)
	}
	return slices.ContainsFunc(countries, func(list string) bool { return slices.Contains(strings.Fields(list), code) })
}

// mapping is what a region serves, in Traffic Manager's codes.
func mapping(serves settings.Serves) []string {
	var out []string
	for _, c := range serves.Continents {
		out = append(out, groupings[c]...)
	}
	out = append(out, serves.Countries...)
	if serves.Default {
		out = append(out, world)
	}
	return out
}
