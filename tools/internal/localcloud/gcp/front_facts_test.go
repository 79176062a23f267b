package gcp_test

import (
	"polygate.example/tools/internal/localcloud/gcp"
	"polygate.example/tools/internal/localcloud/resource"
)

// withBackend creates a wrong backend service for a good endpoint group.
func withBackend(more resource.Props) func(*kit) error {
	return func(k *kit) error {
		k.function(nil)
		k.must(tGroup, resource.Props{"name": "gw", "region": "us-central1", "cloudRun": resource.Props{"service": "gw"}})
		return made(k.create(tBackend, backendInputs(more)))
	}
}

var balancerFacts = []fact{
	{"a compute name is RFC 1035", docNaming, func(k *kit) error { return made(k.create(tAddress, resource.Props{"name": "Gateway_1"})) }, "", "name"},
	{"a compute name is taken once", "Compute Engine API, 409 alreadyExists", func(k *kit) error {
		k.must(tAddress, resource.Props{"name": "gw"})
		return made(k.create(tAddress, resource.Props{"name": "gw"}))
	}, gcp.ReasonExists, "The resource 'projects/" + project + "/global/addresses/gw' already exists"},
	{"an endpoint group's service is in its region", docNEG, func(k *kit) error {
		k.function(nil)
		return made(k.create(tGroup, resource.Props{"name": "gw", "region": "europe-west1", "cloudRun": resource.Props{"service": "gw"}}))
	}, gcp.ReasonInvalid, "no Cloud Run service of that name in region europe-west1"},
	{"a serverless backend has no health check", "terraform-google-lb-http issue #149", withBackend(resource.Props{"healthChecks": "hc"}), gcp.ReasonInvalid,
		"A backend service cannot have a healthcheck with Serverless network endpoint group backends."},
	{"a serverless backend has no port name", "terraform-google-lb-http issue #448", withBackend(resource.Props{"portName": "http"}), gcp.ReasonInvalid,
		"Port name is not supported for a backend service with Serverless network endpoint groups."},
	{"a serverless backend has no timeout", "terraform-google-lb-http issue #355", withBackend(resource.Props{"timeoutSec": 30.0}), gcp.ReasonInvalid,
		"Timeout sec is not supported for a backend service with Serverless network endpoint groups."},
	{"a serverless backend has no utilisation", "terraform-provider-google issue #7167", withBackend(resource.Props{
		"backends": []any{resource.Props{"group": "projects/" + project + "/regions/us-central1/networkEndpointGroups/gw", "maxUtilization": 0.8}},
	}), gcp.ReasonInvalid, "Max utilization is not supported for Serverless network endpoint groups."},
	{"a URL map's backend service exists", "Compute Engine API, 404 notFound", func(k *kit) error {
		return made(k.create(tURLMap, resource.Props{"name": "gw", "defaultService": "projects/" + project + "/global/backendServices/none"}))
	}, gcp.ReasonNotFound, "backendServices/none' was not found"},
	{"a URL map's backend service is a URL", "Compute Engine API, 400 invalid", func(k *kit) error {
		return made(k.create(tURLMap, resource.Props{"name": "gw", "defaultService": "gw"}))
	}, gcp.ReasonInvalid, "Invalid value for field 'resource.defaultService': 'gw'. The URL is malformed."},
	{"an HTTPS proxy has a certificate", "cloud.google.com/load-balancing/docs/target-proxies", func(k *kit) error {
		k.backend()
		_, urls := k.must(tURLMap, resource.Props{"name": "gw", "defaultService": "projects/" + project + "/global/backendServices/gw"})
		return made(k.create(tProxy, resource.Props{"name": "gw", "urlMap": urls["selfLink"]}))
	}, gcp.ReasonInvalid, "At least one SSL certificate or a certificate map"},
	{"a certificate map is named in full", "compute v1, targetHttpsProxies.certificateMap", func(k *kit) error {
		k.proxy()
		return made(k.create(tProxy, resource.Props{"name": "gw2", "urlMap": "projects/" + project + "/global/urlMaps/gw",
			"certificateMap": "projects/" + project + "/locations/global/certificateMaps/gw"})) // which is there
	}, gcp.ReasonInvalid, "resource.certificateMap"},
	{"TLS 1.3 only is for the restricted profile", "cloud.google.com/load-balancing/docs/ssl-policies-concepts", func(k *kit) error {
		return made(k.create(tPolicy, resource.Props{"name": "gw", "profile": "MODERN", "minTlsVersion": "TLS_1_3"}))
	}, "", "RESTRICTED profile only"},
	{"schemes of rule and backend service agree", "cloud.google.com/load-balancing/docs/forwarding-rule-concepts", func(k *kit) error {
		k.proxy()
		k.must(tAddress, resource.Props{"name": "gw"})
		return made(k.create(tRule, ruleInputs(resource.Props{"loadBalancingScheme": gcp.SchemeClassic})))
	}, gcp.ReasonInvalid, "must match that of backend service"},
	{"an address and port carry one rule", "Compute Engine API, 400 invalid", func(k *kit) error {
		k.balancer()
		return made(k.create(tRule, ruleInputs(resource.Props{"name": "gw2"})))
	}, gcp.ReasonInvalid, "Specified IP address is in-use and would result in a conflict."},
	{"an address in use stays", docInUse, deleted(func(k *kit) { k.balancer() }, tAddress, "projects/"+project+"/global/addresses/gw"), gcp.ReasonInUse,
		"The address resource 'projects/" + project + "/global/addresses/gw' is already being used by 'projects/" + project + "/global/forwardingRules/gw'"},
	{"an endpoint group in use stays", docInUse, deleted(func(k *kit) { k.balancer() }, tGroup, "projects/"+project+"/regions/us-central1/networkEndpointGroups/gw"), gcp.ReasonInUse, "is already being used by"},
	{"a backend service in use stays", docInUse, deleted(func(k *kit) { k.balancer() }, tBackend, "projects/"+project+"/global/backendServices/gw"), gcp.ReasonInUse, "is already being used by"},
	{"a URL map in use stays", docInUse, deleted(func(k *kit) { k.balancer() }, tURLMap, "projects/"+project+"/global/urlMaps/gw"), gcp.ReasonInUse, "The url_map resource"},
	{"an SSL policy in use stays", docInUse, deleted(func(k *kit) { k.balancer() }, tPolicy, "projects/"+project+"/global/sslPolicies/gw"), gcp.ReasonInUse, "The ssl_policy resource"},
	{"a proxy in use stays", docInUse, deleted(func(k *kit) { k.balancer() }, tProxy, "projects/"+project+"/global/targetHttpsProxies/gw"), gcp.ReasonInUse, "The target_https_proxy resource"},
}

var certificateFacts = []fact{
	{"an authorisation is for a domain without wildcard", docAuth, func(k *kit) error {
		return made(k.create(tAuth, resource.Props{"name": "gw", "domain": "*.api.polygate.test"}))
	}, "", "domain"},
	{"an authorisation is referred to in full", "pulumi-google-native issue #462", func(k *kit) error {
		k.must(tAuth, resource.Props{"name": "gw", "domain": ownName})
		return made(k.create(tCert, resource.Props{"name": "gw", "managed": resource.Props{"domains": resource.List[any](ownName), "dnsAuthorizations": resource.List[any]("gw")}}))
	}, gcp.ReasonBad, "managed.dns_authorizations[0]: invalid name"},
	{"every domain has an authorisation", docAuth, func(k *kit) error {
		id, _ := k.must(tAuth, resource.Props{"name": "gw", "domain": ownName})
		return made(k.create(tCert, resource.Props{"name": "gw", "managed": resource.Props{
			"domains": resource.List[any](ownName, "api.polygate.test"), "dnsAuthorizations": resource.List[any](id),
		}}))
	}, gcp.ReasonBad, "domain 'api.polygate.test' has no matching DNS authorization"},
	{"an entry is for a name or primary", "provider schema, certificatemanager.CertificateMapEntry", func(k *kit) error {
		return made(k.create(tEntry, resource.Props{"name": "e", "map": "gw", "certificates": resource.List[any]("c")}))
	}, "", "one of `hostname,matcher`"},
	{"an entry is not for a name and primary", "provider schema, certificatemanager.CertificateMapEntry", func(k *kit) error {
		return made(k.create(tEntry, resource.Props{"name": "e", "map": "gw", "hostname": ownName, "matcher": "PRIMARY", "certificates": resource.List[any]("c")}))
	}, "", "one of `hostname,matcher`"},
	{"an entry's map exists", "Certificate Manager API, 404", func(k *kit) error {
		return made(k.create(tEntry, resource.Props{"name": "e", "map": "gw", "hostname": ownName, "certificates": resource.List[any]("c")}))
	}, gcp.ReasonNotFound, "certificateMaps/gw' was not found"},
	{"a name has one entry in a map", "cloud.google.com/certificate-manager/docs/how-it-works", func(k *kit) error {
		k.certificates()
		return made(k.create(tEntry, resource.Props{"name": "again", "map": "gw", "hostname": ownName,
			"certificates": resource.List[any]("projects/" + project + "/locations/global/certificates/gw")}))
	}, gcp.ReasonExists, "already has an entry for " + ownName},
	{"a certificate in use stays", "Certificate Manager API", deleted(func(k *kit) { k.certificates() }, tCert, "projects/"+project+"/locations/global/certificates/gw"), gcp.ReasonInUse, "can't delete certificate"},
	{"an authorisation in use stays", "Certificate Manager API", deleted(func(k *kit) { k.certificates() }, tAuth, "projects/"+project+"/locations/global/dnsAuthorizations/gw-own"), gcp.ReasonInUse, "can't delete dns authorization"},
	{"a map in use stays", "Certificate Manager API", deleted(func(k *kit) { k.balancer() }, tMap, "projects/"+project+"/locations/global/certificateMaps/gw"), gcp.ReasonInUse, "targetHttpsProxies/gw"},
	{"a map with entries stays", "Certificate Manager API", deleted(func(k *kit) { k.certificates() }, tMap, "projects/"+project+"/locations/global/certificateMaps/gw"), gcp.ReasonInUse, "certificateMapEntries/"},
}
