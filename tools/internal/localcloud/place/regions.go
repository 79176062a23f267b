package place

// regions are near the cities that the providers name, which is as exact as they say. Those of Azure in which nothing runs here
// are where Traffic Manager knows latencies from. Sources: "AWS Regions and Availability
// Zones", docs.aws.amazon.com/global-infrastructure/latest/regions; "Regions and zones", docs.cloud.google.com/compute/docs/
// regions-zones; "List of Azure regions", learn.microsoft.com/azure/reliability/regions-list.
var regions = func() map[string]Place {
	out := map[string]Place{}
	for _, at := range []struct {
		place Place
		names []string
	}{
		{Place{City: "Cape Town", Continent: "AF", Country: "ZA", Lat: -33.92, Lon: 18.42}, []string{"aws/af-south-1"}},
		{Place{City: "Johannesburg", Continent: "AF", Country: "ZA", Lat: -26.2, Lon: 28.05}, []string{"gcp/africa-south1", "azure/southafricanorth"}},
		{Place{City: "Hong Kong", Continent: "AS", Country: "HK", Lat: 22.32, Lon: 114.17}, []string{"aws/ap-east-1", "gcp/asia-east2", "azure/eastasia"}},
		{Place{City: "Taiwan", Continent: "AS", Country: "TW", Lat: 24.05, Lon: 120.52}, []string{"gcp/asia-east1"}},
		{Place{City: "Tokyo", Continent: "AS", Country: "JP", Lat: 35.68, Lon: 139.69}, []string{"aws/ap-northeast-1", "gcp/asia-northeast1", "azure/japaneast"}},
		{Place{City: "Osaka", Continent: "AS", Country: "JP", Lat: 34.69, Lon: 135.5}, []string{"aws/ap-northeast-3", "gcp/asia-northeast2", "azure/japanwest"}},
		{Place{City: "Busan", Continent: "AS", Country: "KR", Lat: 35.18, Lon: 129.08}, []string{"azure/koreasouth"}},
		{Place{City: "Chennai", Continent: "AS", Country: "IN", Lat: 13.08, Lon: 80.27}, []string{"azure/southindia"}},
		{Place{City: "Cardiff", Continent: "EU", Country: "GB", Lat: 51.48, Lon: -3.18}, []string{"azure/ukwest"}},
		{Place{City: "Quebec", Continent: "NA", Country: "CA", Lat: 46.81, Lon: -71.21}, []string{"azure/canadaeast"}},
		{Place{City: "Seoul", Continent: "AS", Country: "KR", Lat: 37.57, Lon: 126.98}, []string{"aws/ap-northeast-2", "gcp/asia-northeast3", "azure/koreacentral"}},
		{Place{City: "Mumbai", Continent: "AS", Country: "IN", Lat: 19.08, Lon: 72.88}, []string{"aws/ap-south-1", "gcp/asia-south1", "azure/westindia"}},
		{Place{City: "Pune", Continent: "AS", Country: "IN", Lat: 18.52, Lon: 73.86}, []string{"azure/centralindia"}},
		{Place{City: "Hyderabad", Continent: "AS", Country: "IN", Lat: 17.39, Lon: 78.49}, []string{"aws/ap-south-2"}},
		{Place{City: "Delhi", Continent: "AS", Country: "IN", Lat: 28.61, Lon: 77.21}, []string{"gcp/asia-south2"}},
		{Place{City: "Singapore", Continent: "AS", Country: "SG", Lat: 1.35, Lon: 103.82}, []string{"aws/ap-southeast-1", "gcp/asia-southeast1", "azure/southeastasia"}},
		{Place{City: "Jakarta", Continent: "AS", Country: "ID", Lat: -6.21, Lon: 106.85}, []string{"aws/ap-southeast-3", "gcp/asia-southeast2"}},
		{Place{City: "Sydney", Continent: "OC", Country: "AU", Lat: -33.87, Lon: 151.21}, []string{"aws/ap-southeast-2", "gcp/australia-southeast1", "azure/australiaeast"}},
		{Place{City: "Melbourne", Continent: "OC", Country: "AU", Lat: -37.81, Lon: 144.96}, []string{"aws/ap-southeast-4", "gcp/australia-southeast2", "azure/australiasoutheast"}},
		{Place{City: "Montreal", Continent: "NA", Country: "CA", Lat: 45.5, Lon: -73.57}, []string{"aws/ca-central-1", "gcp/northamerica-northeast1"}},
		{Place{City: "Toronto", Continent: "NA", Country: "CA", Lat: 43.65, Lon: -79.38}, []string{"gcp/northamerica-northeast2", "azure/canadacentral"}},
		{Place{City: "Calgary", Continent: "NA", Country: "CA", Lat: 51.05, Lon: -114.07}, []string{"aws/ca-west-1"}},
		{Place{City: "Frankfurt", Continent: "EU", Country: "DE", Lat: 50.11, Lon: 8.68}, []string{"aws/eu-central-1", "gcp/europe-west3", "azure/germanywestcentral"}},
		{Place{City: "Berlin", Continent: "EU", Country: "DE", Lat: 52.52, Lon: 13.4}, []string{"gcp/europe-west10"}},
		{Place{City: "Zürich", Continent: "EU", Country: "CH", Lat: 47.38, Lon: 8.54}, []string{"aws/eu-central-2", "gcp/europe-west6", "azure/switzerlandnorth"}},
		{Place{City: "Stockholm", Continent: "EU", Country: "SE", Lat: 59.33, Lon: 18.07}, []string{"aws/eu-north-1"}},
		{Place{City: "Gävle", Continent: "EU", Country: "SE", Lat: 60.67, Lon: 17.14}, []string{"azure/swedencentral"}},
		{Place{City: "Hamina", Continent: "EU", Country: "FI", Lat: 60.57, Lon: 27.19}, []string{"gcp/europe-north1"}},
		{Place{City: "Oslo", Continent: "EU", Country: "NO", Lat: 59.91, Lon: 10.75}, []string{"azure/norwayeast"}},
		{Place{City: "Milan", Continent: "EU", Country: "IT", Lat: 45.46, Lon: 9.19}, []string{"aws/eu-south-1", "gcp/europe-west8", "azure/italynorth"}},
		{Place{City: "Turin", Continent: "EU", Country: "IT", Lat: 45.07, Lon: 7.69}, []string{"gcp/europe-west12"}},
		{Place{City: "Zaragoza", Continent: "EU", Country: "ES", Lat: 41.65, Lon: -0.89}, []string{"aws/eu-south-2"}},
		{Place{City: "Madrid", Continent: "EU", Country: "ES", Lat: 40.42, Lon: -3.7}, []string{"gcp/europe-southwest1", "azure/spaincentral"}},
		{Place{City: "Dublin", Continent: "EU", Country: "IE", Lat: 53.35, Lon: -6.26}, []string{"aws/eu-west-1", "azure/northeurope"}},
		{Place{City: "London", Continent: "EU", Country: "GB", Lat: 51.51, Lon: -0.13}, []string{"aws/eu-west-2", "gcp/europe-west2", "azure/uksouth"}},
		{Place{City: "Paris", Continent: "EU", Country: "FR", Lat: 48.86, Lon: 2.35}, []string{"aws/eu-west-3", "gcp/europe-west9", "azure/francecentral"}},
		{Place{City: "St. Ghislain", Continent: "EU", Country: "BE", Lat: 50.47, Lon: 3.82}, []string{"gcp/europe-west1"}},
		{Place{City: "Amsterdam", Continent: "EU", Country: "NL", Lat: 52.37, Lon: 4.9}, []string{"azure/westeurope"}},
		{Place{City: "Eemshaven", Continent: "EU", Country: "NL", Lat: 53.43, Lon: 6.83}, []string{"gcp/europe-west4"}},
		{Place{City: "Warsaw", Continent: "EU", Country: "PL", Lat: 52.23, Lon: 21.01}, []string{"gcp/europe-central2", "azure/polandcentral"}},
		{Place{City: "Tel Aviv", Continent: "AS", Country: "IL", Lat: 32.08, Lon: 34.78}, []string{"aws/il-central-1", "gcp/me-west1", "azure/israelcentral"}},
		{Place{City: "Dubai", Continent: "AS", Country: "AE", Lat: 25.2, Lon: 55.27}, []string{"aws/me-central-1", "azure/uaenorth"}},
		{Place{City: "Bahrain", Continent: "AS", Country: "BH", Lat: 26.07, Lon: 50.55}, []string{"aws/me-south-1"}},
		{Place{City: "Doha", Continent: "AS", Country: "QA", Lat: 25.29, Lon: 51.53}, []string{"gcp/me-central1", "azure/qatarcentral"}},
		{Place{City: "Dammam", Continent: "AS", Country: "SA", Lat: 26.43, Lon: 50.1}, []string{"gcp/me-central2"}},
		{Place{City: "São Paulo", Continent: "SA", Country: "BR", Lat: -23.55, Lon: -46.63}, []string{"aws/sa-east-1", "gcp/southamerica-east1", "azure/brazilsouth"}},
		{Place{City: "Santiago", Continent: "SA", Country: "CL", Lat: -33.45, Lon: -70.67}, []string{"gcp/southamerica-west1"}},
		{Place{City: "Ashburn", Continent: "NA", Country: "US", Subdivision: "VA", Lat: 39.04, Lon: -77.49}, []string{"aws/us-east-1", "gcp/us-east4"}},
		{Place{City: "Boydton", Continent: "NA", Country: "US", Subdivision: "VA", Lat: 36.67, Lon: -78.39}, []string{"azure/eastus", "azure/eastus2"}},
		{Place{City: "Columbus", Continent: "NA", Country: "US", Subdivision: "OH", Lat: 39.96, Lon: -83.0}, []string{"aws/us-east-2", "gcp/us-east5"}},
		{Place{City: "Moncks Corner", Continent: "NA", Country: "US", Subdivision: "SC", Lat: 33.2, Lon: -80.01}, []string{"gcp/us-east1"}},
		{Place{City: "Chicago", Continent: "NA", Country: "US", Subdivision: "IL", Lat: 41.88, Lon: -87.63}, []string{"azure/northcentralus"}},
		{Place{City: "Des Moines", Continent: "NA", Country: "US", Subdivision: "IA", Lat: 41.59, Lon: -93.62}, []string{"gcp/us-central1", "azure/centralus"}},
		{Place{City: "Dallas", Continent: "NA", Country: "US", Subdivision: "TX", Lat: 32.78, Lon: -96.8}, []string{"gcp/us-south1"}},
		{Place{City: "San Antonio", Continent: "NA", Country: "US", Subdivision: "TX", Lat: 29.42, Lon: -98.49}, []string{"azure/southcentralus"}},
		{Place{City: "Cheyenne", Continent: "NA", Country: "US", Subdivision: "WY", Lat: 41.14, Lon: -104.82}, []string{"azure/westcentralus"}},
		{Place{City: "Phoenix", Continent: "NA", Country: "US", Subdivision: "AZ", Lat: 33.45, Lon: -112.07}, []string{"azure/westus3"}},
		{Place{City: "Salt Lake City", Continent: "NA", Country: "US", Subdivision: "UT", Lat: 40.76, Lon: -111.89}, []string{"gcp/us-west3"}},
		{Place{City: "Las Vegas", Continent: "NA", Country: "US", Subdivision: "NV", Lat: 36.17, Lon: -115.14}, []string{"gcp/us-west4"}},
		{Place{City: "Los Angeles", Continent: "NA", Country: "US", Subdivision: "CA", Lat: 34.05, Lon: -118.24}, []string{"gcp/us-west2"}},
		{Place{City: "San Francisco", Continent: "NA", Country: "US", Subdivision: "CA", Lat: 37.77, Lon: -122.42}, []string{"aws/us-west-1", "azure/westus"}},
		{Place{City: "Boardman", Continent: "NA", Country: "US", Subdivision: "OR", Lat: 45.84, Lon: -119.7}, []string{"aws/us-west-2"}},
		{Place{City: "The Dalles", Continent: "NA", Country: "US", Subdivision: "OR", Lat: 45.59, Lon: -121.18}, []string{"gcp/us-west1"}},
		{Place{City: "Quincy", Continent: "NA", Country: "US", Subdivision: "WA", Lat: 47.23, Lon: -119.85}, []string{"azure/westus2"}},
	} {
		for _, name := range at.names {
			out[name] = at.place
		}
	}
	return out
}()
