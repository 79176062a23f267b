package cloudflare

import "polygate.example/infra/settings"

// CountriesOf lets tests compare the tables with themselves.
var CountriesOf = countriesOf

// Knows reports whether the table of places has a region.
func Knows(region string) bool { _, ok := places[region]; return ok }

// Fit tells whether a zone can do what a stack asks.
func Fit(zone, setup, status, plan string, s settings.Settings) error {
	return fit(held{zone, setup, status, plan}, s)
}
