package wire

import "polygate.example/tools/internal/localcloud/resource"

// armSiteShown are the properties of an app that the API shows and the local Azure has. Settings are not among them: they may hold secrets,
// and Azure has a call of its own for them (Web Apps - List Application Settings).
var armSiteShown = []string{
	"availabilityState", "customDomainVerificationId", "defaultHostName", "functionAppConfig", "httpsOnly", "lastModifiedTimeUtc", "outboundIpAddresses",
	"possibleOutboundIpAddresses", "repositorySiteName", "reserved", "resourceGroup", "serverFarmId", "sku", "state", "usageState",
}

func (m armAPI) getSite(c armCall) (any, error) {
	if m.access.lost("azure") {
		return nil, armUnavailable()
	}
	r, err := armFind(m.store.View(), armSite, c)
	if err != nil {
		return nil, err
	}
	all, shown := r.Outputs(), resource.Props{"enabled": true, "name": r.Computed.Str("name")} // the local Azure has no app that is switched off
	for _, name := range armSiteShown {
		if all.Has(name) {
			shown[name] = all[name]
		}
	}
	return armTagged(r, resource.Props{
		"id": r.ID, "name": r.Computed.Str("name"), "type": "Microsoft.Web/sites", "kind": r.Inputs.Str("kind"), "location": r.Computed.Str("location"),
		"properties": shown,
	}), nil
}

// armTagged adds a record's tags, which are an object also when there are none.
func armTagged(r resource.Record, doc resource.Props) resource.Props {
	tags := r.Inputs.Object("tags")
	if tags == nil {
		tags = resource.Props{}
	}
	return doc.With(resource.Props{"tags": tags})
}
