package cloudflare

// CountriesOf lets tests compare the tables with themselves.
var CountriesOf = countriesOf

// Knows reports whether the table of places has a region.
func Knows(region string) bool { _, ok := places[region]; return ok }
