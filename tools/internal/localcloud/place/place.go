// Package place says where clients and regions are, for everything in the local clouds that steers by location: latency and
// geo records, Traffic Manager's tables, Cloudflare's data centres.
//
// A client is somewhere by its address. Each place has a prefix for the client subnet that a resolver sends with a query
// (EDNS Client Subnet, RFC 7871), taken from the range for benchmarks, 198.18.0.0/15 (RFC 2544), and a loopback address
// to connect or ask from, for what sees the client itself. Any other address counts as the first place.
package place

import (
	"math"
	"net/netip"
	"slices"
	"time"
)

// Place is a spot on the globe and what it belongs to.
type Place struct {
	Code        string // IATA code of the city's airport, for clients; provider/region for regions
	City        string
	Continent   string  // AF, AN, AS, EU, NA, OC, SA
	Country     string  // ISO 3166-1 alpha-2
	Subdivision string  // ISO 3166-2 without the country, "" where none is kept
	Lat, Lon    float64 // degrees, north and east positive
	index       int
}

// clients are where clients can be. New ones go to the end: the index is in the addresses.
var clients = []Place{
	{Code: "IAD", City: "Ashburn", Continent: "NA", Country: "US", Subdivision: "VA", Lat: 39.04, Lon: -77.49},
	{Code: "SFO", City: "San Francisco", Continent: "NA", Country: "US", Subdivision: "CA", Lat: 37.77, Lon: -122.42},
	{Code: "YUL", City: "Montreal", Continent: "NA", Country: "CA", Subdivision: "QC", Lat: 45.5, Lon: -73.57},
	{Code: "MEX", City: "Mexico City", Continent: "NA", Country: "MX", Lat: 19.43, Lon: -99.13},
	{Code: "GRU", City: "São Paulo", Continent: "SA", Country: "BR", Subdivision: "SP", Lat: -23.55, Lon: -46.63},
	{Code: "DUB", City: "Dublin", Continent: "EU", Country: "IE", Lat: 53.35, Lon: -6.26},
	{Code: "LHR", City: "London", Continent: "EU", Country: "GB", Subdivision: "ENG", Lat: 51.51, Lon: -0.13},
	{Code: "FRA", City: "Frankfurt", Continent: "EU", Country: "DE", Subdivision: "HE", Lat: 50.11, Lon: 8.68},
	{Code: "CDG", City: "Paris", Continent: "EU", Country: "FR", Lat: 48.86, Lon: 2.35},
	{Code: "KBP", City: "Kyiv", Continent: "EU", Country: "UA", Subdivision: "30", Lat: 50.45, Lon: 30.52},
	{Code: "DXB", City: "Dubai", Continent: "AS", Country: "AE", Lat: 25.2, Lon: 55.27},
	{Code: "BOM", City: "Mumbai", Continent: "AS", Country: "IN", Subdivision: "MH", Lat: 19.08, Lon: 72.88},
	{Code: "SIN", City: "Singapore", Continent: "AS", Country: "SG", Lat: 1.35, Lon: 103.82},
	{Code: "NRT", City: "Tokyo", Continent: "AS", Country: "JP", Subdivision: "13", Lat: 35.68, Lon: 139.69},
	{Code: "SYD", City: "Sydney", Continent: "OC", Country: "AU", Subdivision: "NSW", Lat: -33.87, Lon: 151.21},
	{Code: "JNB", City: "Johannesburg", Continent: "AF", Country: "ZA", Subdivision: "GP", Lat: -26.2, Lon: 28.05},
	{Code: "LOS", City: "Lagos", Continent: "AF", Country: "NG", Lat: 6.52, Lon: 3.38},
	{Code: "MCM", City: "McMurdo Station", Continent: "AN", Country: "AQ", Lat: -77.85, Lon: 166.67},
}

// Clients lists the places clients can be at.
func Clients() []Place {
	out := slices.Clone(clients)
	for i := range out {
		out[i].index = i
	}
	return out
}

// Client finds a place by its code; false if there is none.
func Client(code string) (Place, bool) {
	for _, p := range Clients() {
		if p.Code == code {
			return p, true
		}
	}
	return Place{}, false
}

// Subnet is the client subnet that stands for a client place: 198.18.<index>.0/24.
func (p Place) Subnet() netip.Prefix {
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{198, 18, byte(p.index), 0}), 24)
}

// Source is the loopback address that a client at the place connects from: 127.18.<index>.1.
func (p Place) Source() netip.Addr { return netip.AddrFrom4([4]byte{127, 18, byte(p.index), 1}) }

// Of is where a client with an address is.
func Of(a netip.Addr) Place {
	a = a.Unmap()
	if a.Is4() {
		b := a.As4()
		if (b[0] == 198 || b[0] == 127) && b[1] == 18 && int(b[2]) < len(clients) {
			return Clients()[b[2]]
		}
	}
	return Clients()[0]
}

// Region is where a provider's region is; false for one that is not known.
func Region(name string) (Place, bool) {
	p, ok := regions[name]
	p.Code = name
	return p, ok
}

// earthKM is the mean radius of the earth.
const earthKM = 6371

// Distance is the length of the great circle between two places, in kilometres.
func Distance(a, b Place) float64 {
	rad := func(deg float64) float64 { return deg * math.Pi / 180 }
	dLat, dLon := rad(b.Lat-a.Lat), rad(b.Lon-a.Lon)
	h := math.Sin(dLat/2)*math.Sin(dLat/2) + math.Cos(rad(a.Lat))*math.Cos(rad(b.Lat))*math.Sin(dLon/2)*math.Sin(dLon/2)
	return 2 * earthKM * math.Asin(math.Min(1, math.Sqrt(h)))
}

// RoundTrip is how long a packet takes there and back. The providers measure theirs and do not publish them; light in fibre
// covers 200 km a millisecond, and routes are about a half longer than the great circle. It is good for telling which is
// nearest, and not for more.
func RoundTrip(a, b Place) time.Duration {
	return time.Millisecond + time.Duration(Distance(a, b)*2*1.5/200*float64(time.Millisecond))
}
