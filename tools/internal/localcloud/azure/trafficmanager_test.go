package azure_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"polygate.example/tools/internal/localcloud/azure"
	"polygate.example/tools/internal/localcloud/plane"
	"polygate.example/tools/internal/localcloud/resource"
)

const (
	tProfile = "azure-native:trafficmanager:Profile"
	tRecord  = "azure-native:dns:RecordSet"

	profileID = groupID + "/providers/Microsoft.Network/trafficManagerProfiles/"

	docMonitoring = "learn.microsoft.com/azure/traffic-manager/traffic-manager-monitoring"
	docRouting    = "learn.microsoft.com/azure/traffic-manager/traffic-manager-routing-methods"
	docFAQ        = "learn.microsoft.com/azure/traffic-manager/traffic-manager-faqs"
	docGeo        = "learn.microsoft.com/azure/traffic-manager/traffic-manager-geographic-regions"
	docLimits     = "learn.microsoft.com/azure/azure-resource-manager/management/azure-subscription-service-limits, Traffic Manager limits: Endpoints per profile 200"
	docRecords    = "learn.microsoft.com/azure/dns/dns-zones-records"
)

// externalEndpoint is an endpoint by name, with more.
func externalEndpoint(name, target string, more resource.Props) resource.Props {
	return resource.Props{"name": name, "type": "Microsoft.Network/trafficManagerProfiles/externalEndpoints", "target": target}.With(more)
}

func nestedEndpoint(name, child string, more resource.Props) resource.Props {
	return resource.Props{"name": name, "type": "Microsoft.Network/trafficManagerProfiles/nestedEndpoints", "targetResourceId": profileID + child, "minChildEndpoints": 1.0}.With(more)
}

// profileInputs are those of a good profile with some endpoints.
func profileInputs(name, method string, endpoints ...resource.Props) resource.Props {
	var list []any
	for _, e := range endpoints {
		list = append(list, e)
	}
	return in(resource.Props{
		"profileName": name, "location": "global", "profileStatus": "Enabled", "trafficRoutingMethod": method,
		"dnsConfig": resource.Props{"relativeName": name + "-x", "ttl": 30.0},
		"monitorConfig": resource.Props{"protocol": "HTTPS", "port": 443.0, "path": "/health", "intervalInSeconds": 10.0, "timeoutInSeconds": 5.0,
			"toleratedNumberOfFailures": 1.0},
		"endpoints": list,
	})
}

var one, two = externalEndpoint("one", "one.api.polygate.test", nil), externalEndpoint("two", "two.api.polygate.test", nil)

// wrongProfile creates a profile that is wrong.
func wrongProfile(in resource.Props) func(*kit) error {
	return func(k *kit) error {
		k.group()
		return made(k.create(tProfile, in))
	}
}

// wrongMonitor creates a profile that would probe wrongly; nil takes a setting away.
func wrongMonitor(more resource.Props) func(*kit) error {
	p := profileInputs("gw", "Priority", one)
	m := p.Object("monitorConfig").With(more)
	for k, v := range m {
		if v == nil {
			delete(m, k)
		}
	}
	return wrongProfile(p.With(resource.Props{"monitorConfig": m}))
}

func wrongDNS(dns resource.Props) func(*kit) error {
	return wrongProfile(profileInputs("gw", "Priority", one).With(resource.Props{"dnsConfig": dns}))
}

// many are n endpoints of different names.
func many(n int) []resource.Props {
	var out []resource.Props
	for i := range n {
		out = append(out, externalEndpoint(fmt.Sprintf("e%d", i), fmt.Sprintf("e%d.polygate.test", i), nil))
	}
	return out
}

// ranges are n ranges of status codes.
func ranges(n int) []any {
	var out []any
	for i := range n {
		out = append(out, resource.Props{"min": float64(200 + i), "max": float64(200 + i)})
	}
	return out
}

func headers(n int) []any {
	var out []any
	for i := range n {
		out = append(out, resource.Props{"name": fmt.Sprintf("X-%d", i), "value": "v"})
	}
	return out
}

func geo(codes ...any) resource.Props { return resource.Props{"geoMapping": codes} }

var profileFacts = []fact{
	{"a profile is in a group that exists", "Resource Manager API, ResourceGroupNotFound", func(k *kit) error {
		return made(k.create(tProfile, profileInputs("gw", "Priority", one)))
	}, azure.CodeGroupNotFound, "Resource group 'gw' could not be found."},
	{"a profile's location is global", docFAQ + ": How does the choice of resource group location affect Traffic Manager", wrongProfile(profileInputs("gw", "Priority", one).With(resource.Props{"location": "eastus"})), "", "'global'"},
	{"a profile's name has letters, digits, dashes and dots", docNames, wrongProfile(profileInputs("gw_1", "Priority", one)), "", "profileName"},
	{"a relative name is one in the world", "microsoft/unreal-cloud-ddc-on-azure issue #42", func(k *kit) error {
		k.group()
		k.must(tProfile, profileInputs("gw", "Priority", one))
		return made(k.create(tProfile, profileInputs("other", "Priority", one).With(resource.Props{"dnsConfig": resource.Props{"relativeName": "GW-x", "ttl": 30.0}})))
	}, azure.CodeConflict, "Domain name gw-x.trafficmanager.net is not available. Please choose a different DNS prefix."},
	{"a relative name is of DNS labels", "Azure/azure-sdk-for-python issue #8446", wrongDNS(resource.Props{"relativeName": "gw_1", "ttl": 30.0}), azure.CodeBadRequest, "The relative DNS name 'gw_1' is not valid."},
	{"a relative name stays", "terraform-provider-azurerm, traffic_manager_profile: dns_config.relative_name forces a new resource", func(k *kit) error {
		k.group()
		id, _ := k.must(tProfile, profileInputs("gw", "Priority", one))
		_, err := k.update(tProfile, id, profileInputs("gw", "Priority", one).With(resource.Props{"dnsConfig": resource.Props{"relativeName": "new", "ttl": 30.0}}))
		return err
	}, azure.CodeBadRequest, "cannot be changed"},
	{"a TTL is not negative", docFAQ + ": How high or low can I set the TTL", wrongDNS(resource.Props{"relativeName": "gw", "ttl": -1.0}), "", "dnsConfig.ttl"},
	{"a TTL is at most 2147483647", docFAQ + ": How high or low can I set the TTL", wrongDNS(resource.Props{"relativeName": "gw", "ttl": 2147483648.0}), "", "dnsConfig.ttl"},
	{"probes are 10 or 30 s apart", docMonitoring + ": Probing interval", wrongMonitor(resource.Props{"intervalInSeconds": 20.0}), "", "intervalInSeconds"},
	{"a timeout is at least 5 s", docMonitoring + ": Probe timeout", wrongMonitor(resource.Props{"timeoutInSeconds": 4.0}), "", "timeoutInSeconds"},
	{"a timeout is at most 10 s", docMonitoring + ": Probe timeout", wrongMonitor(resource.Props{"intervalInSeconds": 30.0, "timeoutInSeconds": 11.0}), "", "timeoutInSeconds"},
	{"with fast probing a timeout is at most 9 s", docMonitoring + ": Probe timeout", wrongMonitor(resource.Props{"timeoutInSeconds": 10.0}), azure.CodeBadRequest, "it must be between 5 and 9"},
	{"at most nine failures are tolerated", docMonitoring + ": Tolerated number of failures", wrongMonitor(resource.Props{"toleratedNumberOfFailures": 10.0}), "", "toleratedNumberOfFailures"},
	{"HTTPS wants a path", docMonitoring + ": Path", wrongMonitor(resource.Props{"path": nil}), azure.CodeBadRequest, "it must begin with '/'"},
	{"TCP takes no path", docMonitoring + ": Path", wrongMonitor(resource.Props{"protocol": "TCP"}), azure.CodeBadRequest, "must not be set with the protocol TCP"},
	{"TCP takes no status codes", docMonitoring + ": Expected status code ranges", wrongMonitor(resource.Props{"protocol": "TCP", "path": nil, "expectedStatusCodeRanges": ranges(1)}), azure.CodeBadRequest, "Expected status code ranges"},
	{"at most eight ranges of status codes", docMonitoring + ": Expected status code ranges", wrongMonitor(resource.Props{"expectedStatusCodeRanges": ranges(9)}), "", "expectedStatusCodeRanges"},
	{"a range does not end before it begins", docMonitoring + ": Expected status code ranges", wrongMonitor(resource.Props{"expectedStatusCodeRanges": []any{resource.Props{"min": 300.0, "max": 200.0}}}), azure.CodeBadRequest, "300-200"},
	{"at most eight headers", docMonitoring + ": Custom header settings", wrongMonitor(resource.Props{"customHeaders": headers(9)}), "", "customHeaders"},
	{"at most eight headers of an endpoint", docMonitoring + ": Custom header settings", wrongProfile(profileInputs("gw", "Priority", externalEndpoint("one", "one.test.example", resource.Props{"customHeaders": headers(9)}))), "", "customHeaders"},
	{"at most 200 endpoints", docLimits, wrongProfile(profileInputs("gw", "Priority", many(201)...)), azure.CodeBadRequest, "at most 200"},
	{"endpoints have different names", "Azure/azure-cli issue #4734", wrongProfile(profileInputs("gw", "Priority", one, externalEndpoint("ONE", "other.polygate.test", nil))), azure.CodeBadRequest, "appear more than once: ONE."},
	{"an endpoint keeps its type under its name", "the local Azure's own caution: the service's word on it is not on record", func(k *kit) error {
		k.group()
		k.must(tProfile, profileInputs("child", "Priority", two))
		id, _ := k.must(tProfile, profileInputs("gw", "Priority", one))
		_, err := k.update(tProfile, id, profileInputs("gw", "Priority", nestedEndpoint("ONE", "child", nil)))
		return err
	}, azure.CodeBadRequest, "another type wants another name"},
	{"endpoints have different targets", docFAQ + ": What types of IP addresses can I use", wrongProfile(profileInputs("gw", "Priority", one, externalEndpoint("again", "ONE.api.polygate.test", nil))), azure.CodeBadRequest, "have the same target"},
	{"a profile does not mix names and addresses", docFAQ + ": Can I use different endpoint addressing types", wrongProfile(profileInputs("gw", "Priority", one, externalEndpoint("ip", "20.1.2.3", nil))), azure.CodeBadRequest, "cannot mix DNS names and IP addresses"},
	{"a target is a name", "REST reference, Endpoints: target is the fully-qualified DNS name or IP address", wrongProfile(profileInputs("gw", "Priority", externalEndpoint("one", "https://one.test", nil))), azure.CodeBadRequest, "is not a valid DNS name"},
	{"an endpoint is of a type there is", "REST reference, Endpoints", wrongProfile(profileInputs("gw", "Priority", one.With(resource.Props{"type": "Microsoft.Network/trafficManagerProfiles/other"}))), azure.CodeBadRequest, "the type"},
	{"a priority is at least 1", docRouting + ": Priority", wrongProfile(profileInputs("gw", "Priority", one.With(resource.Props{"priority": 0.0}))), azure.CodeBadRequest, "the priority 0 is not valid"},
	{"a priority is at most 1000", docRouting + ": Priority", wrongProfile(profileInputs("gw", "Priority", one.With(resource.Props{"priority": 1001.0}))), azure.CodeBadRequest, "the priority 1001 is not valid"},
	{"endpoints do not share a priority", docRouting + ": Priority", wrongProfile(profileInputs("gw", "Priority", one.With(resource.Props{"priority": 1.0}), two.With(resource.Props{"priority": 1.0}))), azure.CodeBadRequest, "have the same priority 1"},
	{"all endpoints have a priority or none", "REST reference, Endpoints: if specified, it must be specified on all endpoints", wrongProfile(profileInputs("gw", "Priority", one.With(resource.Props{"priority": 1.0}), two)), azure.CodeBadRequest, "on all endpoints or on none"},
	{"a weight is at least 1", docRouting + ": Weighted", wrongProfile(profileInputs("gw", "Weighted", one.With(resource.Props{"weight": 0.0}))), azure.CodeBadRequest, "the weight 0 is not valid"},
	{"a weight is at most 1000", docRouting + ": Weighted", wrongProfile(profileInputs("gw", "Weighted", one.With(resource.Props{"weight": 1001.0}))), azure.CodeBadRequest, "the weight 1001 is not valid"},
	{"performance wants to know where an endpoint is", docRouting + ": Performance; MSOpenTech/azure-xplat-cli issue #353", wrongProfile(profileInputs("gw", "Performance", one)), azure.CodeBadRequest, "the location must be specified"},
	{"a location is an Azure region", docRouting + ": Performance", wrongProfile(profileInputs("gw", "Performance", one.With(resource.Props{"endpointLocation": "us-east-1"}))), azure.CodeBadRequest, "the location 'us-east-1' is not valid"},
	{"geographic wants a region of each endpoint", docFAQ + ": Why am I getting an error when I try to change the routing method", func(k *kit) error {
		k.group()
		id, _ := k.must(tProfile, profileInputs("gw", "Priority", one))
		_, err := k.update(tProfile, id, profileInputs("gw", "Geographic", one))
		return err
	}, azure.CodeBadRequest, "at least one geographic region must be mapped"},
	{"a geographic region has one endpoint", docRouting + ": Geographic", wrongProfile(profileInputs("gw", "Geographic", one.With(geo("DE", "GEO-EU")), two.With(geo("GEO-EU")))), azure.CodeBadRequest, "'GEO-EU' is mapped to the endpoints"},
	{"a geographic region is one of the list", docGeo, wrongProfile(profileInputs("gw", "Geographic", one.With(geo("GEO-XX")))), azure.CodeBadRequest, "'GEO-XX' is not valid"},
	{"states are those of four countries", docRouting + ": Geographic", wrongProfile(profileInputs("gw", "Geographic", one.With(geo("DE-BY")))), azure.CodeBadRequest, "'DE-BY' is not valid"},
	{"a nested profile exists", "Resource Manager API, ResourceNotFound", wrongProfile(profileInputs("gw", "Priority", nestedEndpoint("child", "none", nil))), azure.CodeNotFound, "trafficManagerProfiles/none"},
	{"a nested profile needs a child online", "REST reference, Endpoints: minChildEndpoints", func(k *kit) error {
		k.group()
		k.must(tProfile, profileInputs("child", "Priority", one))
		return made(k.create(tProfile, profileInputs("gw", "Priority", nestedEndpoint("child", "child", resource.Props{"minChildEndpoints": 0.0}))))
	}, azure.CodeBadRequest, "minChildEndpoints is 0"},
	{"a nested endpoint is always monitored", docMonitoring + ": Always Serve", func(k *kit) error {
		k.group()
		k.must(tProfile, profileInputs("child", "Priority", one))
		return made(k.create(tProfile, profileInputs("gw", "Priority", nestedEndpoint("child", "child", resource.Props{"alwaysServe": "Enabled"}))))
	}, azure.CodeBadRequest, "health checks cannot be disabled on nested endpoints"},
	{"a profile is not nested in itself", docFAQ + ": You can nest profiles up to 10 levels deep. 'Loops' aren't permitted.", wrongProfile(profileInputs("gw", "Priority", nestedEndpoint("me", "gw", nil))), azure.CodeBadRequest, "loops are not permitted"},
	{"profiles are not nested in a circle", docFAQ + ": You can nest profiles up to 10 levels deep. 'Loops' aren't permitted.", func(k *kit) error {
		k.group()
		id, _ := k.must(tProfile, profileInputs("a", "Priority", one))
		k.must(tProfile, profileInputs("b", "Priority", nestedEndpoint("a", "a", nil)))
		_, err := k.update(tProfile, id, profileInputs("a", "Priority", nestedEndpoint("b", "b", nil)))
		return err
	}, azure.CodeBadRequest, "loops are not permitted"},
	{"profiles are nested ten deep", docFAQ + ": You can nest profiles up to 10 levels deep. 'Loops' aren't permitted.", func(k *kit) error {
		k.group()
		k.must(tProfile, profileInputs("p1", "Priority", one))
		for i := 2; i <= 10; i++ {
			k.must(tProfile, profileInputs(fmt.Sprintf("p%d", i), "Priority", nestedEndpoint("below", fmt.Sprintf("p%d", i-1), nil)))
		}
		return made(k.create(tProfile, profileInputs("p11", "Priority", nestedEndpoint("below", "p10", nil))))
	}, azure.CodeBadRequest, "at most 10 are allowed"},
	{"a nested profile in use stays", "the local Azure's own caution: the service's word on it is not on record", func(k *kit) error {
		k.group()
		id, _ := k.must(tProfile, profileInputs("child", "Priority", one))
		k.must(tProfile, profileInputs("gw", "Priority", nestedEndpoint("child", "child", nil)))
		return k.delete(tProfile, id)
	}, azure.CodeConflict, "target of the nested endpoint 'child'"},
	{"other methods are not there", "the local Azure's own limit", wrongProfile(profileInputs("gw", "MultiValue", one)), resource.CodeUnsupported, "do not have the traffic routing method MultiValue"},
	{"Azure endpoints are not there", "the local Azure's own limit", wrongProfile(profileInputs("gw", "Priority", one.With(resource.Props{"type": "Microsoft.Network/trafficManagerProfiles/azureEndpoints"}))), resource.CodeUnsupported, "do not have Azure endpoints"},
}

// recordInputs are those of a record set in the zone polygate.test of the group dns.
func recordInputs(name, kind, property string, value any) resource.Props {
	return resource.Props{"resourceGroupName": "dns", "zoneName": "polygate.test", "recordType": kind, "relativeRecordSetName": name, "ttl": 60.0, property: value}
}

func aRecord(ip string) []any { return []any{resource.Props{"ipv4Address": ip}} }

func cname(to string) resource.Props { return resource.Props{"cname": to} }

func txt(strs ...any) []any { return []any{resource.Props{"value": strs}} }

// wrongRecord creates some record sets, the last of which is wrong.
func wrongRecord(all ...resource.Props) func(*kit) error {
	return func(k *kit) error {
		k.seedZone()
		for _, r := range all[:len(all)-1] {
			k.must(tRecord, r)
		}
		return made(k.create(tRecord, all[len(all)-1]))
	}
}

func (k *kit) seedZone() {
	k.t.Helper()
	if err := azure.SeedZone(k.store, "polygate.test.", "dns"); err != nil {
		k.t.Fatal(err)
	}
}

var dnsFacts = []fact{
	{"a record set is in a zone that exists", "Resource Manager API, ParentResourceNotFound",
		wrongRecord(recordInputs("api", "A", "aRecords", aRecord("192.0.2.1")).With(resource.Props{"zoneName": "other.test"})), "ParentResourceNotFound", "Parent resource 'other.test' not found."},
	{"a zone is in one group", "Resource Manager API, ParentResourceNotFound", func(k *kit) error {
		k.group()
		return wrongRecord(recordInputs("api", "A", "aRecords", aRecord("192.0.2.1")).With(resource.Props{"resourceGroupName": "gw"}))(k)
	}, "ParentResourceNotFound", "Parent resource 'polygate.test' not found."},
	{"a record set is in the zone's own group", "Resource Manager API, ResourceGroupNotFound", func(k *kit) error {
		k.seedZone()
		return made(k.create(tRecord, recordInputs("api", "A", "aRecords", aRecord("192.0.2.1")).With(resource.Props{"resourceGroupName": "other"})))
	}, azure.CodeGroupNotFound, "'other'"},
	{"a CNAME is alone at its name", docRecords + ": CNAME records; rcl-letsencrypt-auto-ssl/Lets-Encrypt-Auto issue #26", wrongRecord(
		recordInputs("api", "TXT", "txtRecords", txt("x")), recordInputs("API", "CNAME", "cnameRecord", cname("a.test"))),
		azure.CodeConflict, "The CNAME record could not be created because another record with the same name already exists in this zone."},
	{"nothing comes beside a CNAME", docRecords + ": CNAME records; kubernetes-sigs/external-dns issue #5358", wrongRecord(
		recordInputs("api", "CNAME", "cnameRecord", cname("a.test")), recordInputs("api", "TXT", "txtRecords", txt("x"))),
		"CannotCreateRecordDueToCNameNamingRestriction", "because a CNAME record with the same name already exists"},
	{"the apex has no CNAME", docRecords + ": CNAME records", wrongRecord(recordInputs("@", "CNAME", "cnameRecord", cname("a.test"))), azure.CodeConflict, "another record with the same name"},
	{"a CNAME leads to a name", "kubernetes-sigs/external-dns issue #4855", wrongRecord(recordInputs("api", "CNAME", "cnameRecord", cname("a test"))), azure.CodeBadRequest, "The domain name 'a test' is invalid."},
	{"an A record is an IPv4 address", docRecords, wrongRecord(recordInputs("api", "A", "aRecords", aRecord("2001:db8::1"))), azure.CodeBadRequest, "The IPv4 address '2001:db8::1' is invalid."},
	{"a set holds the values of its type", "REST reference, Record Sets", wrongRecord(recordInputs("api", "A", "cnameRecord", cname("a.test"))), azure.CodeBadRequest, "must not have 'cnameRecord'"},
	{"a string of a TXT record has 255 characters", docRecords + ": TXT records", wrongRecord(recordInputs("api", "TXT", "txtRecords", txt(strings.Repeat("x", 256)))), azure.CodeBadRequest, "at most 255"},
	{"a TXT record has 4096 characters", docRecords + ": TXT records", wrongRecord(recordInputs("api", "TXT", "txtRecords", txt(func() []any {
		var all []any
		for range 17 {
			all = append(all, strings.Repeat("x", 255))
		}
		return all
	}()...))), azure.CodeBadRequest, "at most 4096"},
	{"a set has at most 20 records", docLimits + ": Public DNS zone limits", wrongRecord(recordInputs("api", "TXT", "txtRecords", func() []any {
		var all []any
		for i := range 21 {
			all = append(all, txt(fmt.Sprint(i))...)
		}
		return all
	}())), "", "txtRecords"},
	{"a TTL is at least 1 s", docRecords + ": Time-to-live", wrongRecord(recordInputs("api", "A", "aRecords", aRecord("192.0.2.1")).With(resource.Props{"ttl": 0.0})), "", "ttl"},
	{"a TTL is said", "REST reference, Record Sets", func(k *kit) error {
		k.seedZone()
		r := recordInputs("api", "A", "aRecords", aRecord("192.0.2.1"))
		delete(r, "ttl")
		return made(k.create(tRecord, r))
	}, azure.CodeBadRequest, "TTL"},
	{"a CAA tag is one of three", "RFC 8659, 4; REST reference, CaaRecord", wrongRecord(recordInputs("@", "CAA", "caaRecords", []any{resource.Props{"flags": 0.0, "tag": "issued", "value": "a.test"}})), "", "caaRecords[0].tag"},
	{"a CAA flag is a byte", "RFC 8659, 4; REST reference, CaaRecord", wrongRecord(recordInputs("@", "CAA", "caaRecords", []any{resource.Props{"flags": 256.0, "tag": "issue", "value": "a.test"}})), "", "caaRecords[0].flags"},
	{"a set is there once", "pulumi-azure-native, provider.go", wrongRecord(recordInputs("api", "A", "aRecords", aRecord("192.0.2.1")), recordInputs("API", "A", "aRecords", aRecord("192.0.2.2"))), azure.CodeExists, "cannot create already existing resource"},
	{"a zone that is looked up exists", "Resource Manager API, ResourceNotFound", func(k *kit) error {
		k.seedZone()
		_, _, err := k.ctl.Invoke(k.t.Context(), "azure-native:dns:getZone", resource.Props{"resourceGroupName": "dns", "zoneName": "other.test"}, config, false)
		return err
	}, azure.CodeNotFound, "Microsoft.Network/dnsZones/other.test"},
}

// What the data plane is told of a zone and of profiles, defaults filled in.
func TestProjectTrafficManager(t *testing.T) {
	k := newKit(t)
	k.group()
	k.seedZone()
	k.must(tRecord, recordInputs("api", "CNAME", "cnameRecord", cname("GW-x.trafficmanager.net.")))
	k.must(tRecord, recordInputs("asuid.api", "TXT", "txtRecords", txt(`a"b`, "c\\")))
	k.must(tRecord, recordInputs("@", "CAA", "caaRecords", []any{resource.Props{"flags": 0.0, "tag": "issue", "value": "a.test"}}))
	k.must(tRecord, recordInputs("empty", "A", "aRecords", []any{}))
	if err := azure.SeedZone(k.store, "other.test", "dns"); err != nil {
		t.Fatal(err)
	}
	k.must(tRecord, recordInputs("api", "A", "aRecords", aRecord("192.0.2.1")).With(resource.Props{"zoneName": "other.test"}))
	k.must(tProfile, profileInputs("child", "Priority", one, two.With(resource.Props{"endpointStatus": "Disabled"})).With(resource.Props{
		"monitorConfig": resource.Props{"protocol": "HTTP", "port": 80.0, "path": "/"}}))
	k.must(tProfile, profileInputs("gw", "Geographic", nestedEndpoint("child", "child", geo("WORLD"))).With(resource.Props{"profileStatus": "Disabled"}))
	w := k.world()
	wantZones := []plane.Zone{
		{ID: "/subscriptions/" + sub + "/resourceGroups/dns/providers/Microsoft.Network/dnsZones/polygate.test", Name: "polygate.test", Manager: "trafficmanager", Records: []plane.Record{
			{Name: "api.polygate.test", Type: "CNAME", TTL: 60, Values: []string{"GW-x.trafficmanager.net."}},
			{Name: "asuid.api.polygate.test", Type: "TXT", TTL: 60, Values: []string{`"a\"b" "c\\"`}},
			{Name: "polygate.test", Type: "CAA", TTL: 60, Values: []string{`0 issue "a.test"`}},
		}},
		{ID: "/subscriptions/" + sub + "/resourceGroups/dns/providers/Microsoft.Network/dnsZones/other.test", Name: "other.test", Manager: "trafficmanager", Records: []plane.Record{
			{Name: "api.other.test", Type: "A", TTL: 60, Values: []string{"192.0.2.1"}},
		}},
		{ID: "azure-trafficmanager.net", Name: "trafficmanager.net", Manager: "trafficmanager"},
	}
	if diff := cmp.Diff(wantZones, w.Zones); diff != "" {
		t.Error(diff)
	}
	wantProfiles := []plane.Profile{
		{ID: profileID + "child", Name: "child-x.trafficmanager.net", Method: "Priority", TTL: 30,
			Monitor: plane.Monitor{Protocol: "HTTP", Port: 80, Path: "/", Interval: 30, Timeout: 10, Tolerated: 3},
			Endpoints: []plane.Endpoint{
				{Name: "one", Target: "one.api.polygate.test", MinChildren: 1, Weight: 1, Priority: 1},
				{Name: "two", Target: "two.api.polygate.test", MinChildren: 1, Weight: 1, Priority: 2, Disabled: true},
			}},
		{ID: profileID + "gw", Name: "gw-x.trafficmanager.net", Method: "Geographic", TTL: 30, Disabled: true,
			Monitor:   plane.Monitor{Protocol: "HTTPS", Port: 443, Path: "/health", Interval: 10, Timeout: 5, Tolerated: 1},
			Endpoints: []plane.Endpoint{{Name: "child", Profile: profileID + "child", MinChildren: 1, Weight: 1, Priority: 1, Geo: []string{"WORLD"}}}},
	}
	if diff := cmp.Diff(wantProfiles, w.Profiles); diff != "" {
		t.Error(diff)
	}
	v := k.store.View()
	if got := (azure.DNS{}).TXT(v, "ASUID.api.polygate.test."); len(got) != 1 || got[0] != `a"bc\` {
		t.Errorf("TXT is %q", got)
	}
	if got := (azure.DNS{}).CNAME(v, "api.polygate.test"); got != "gw-x.trafficmanager.net" {
		t.Errorf("CNAME is %q", got)
	}
	if got := (azure.DNS{}).CAA(v, "polygate.test"); len(got) != 1 || got[0] != `0 issue "a.test"` {
		t.Errorf("CAA is %q", got)
	}
}

// What a profile leaves unsaid: 30 s, 10 s and three failures, and 9 s with fast probing. Source: docMonitoring.
func TestMonitorDefaults(t *testing.T) {
	for _, c := range []struct {
		more              resource.Props
		interval, timeout int
	}{{nil, 30, 10}, {resource.Props{"intervalInSeconds": 10.0}, 10, 9}, {resource.Props{"intervalInSeconds": 30.0, "timeoutInSeconds": 5.0}, 30, 5}} {
		k := newKit(t)
		k.group()
		k.must(tProfile, profileInputs("gw", "Priority", one).With(resource.Props{"monitorConfig": resource.Props{"protocol": "HTTP", "port": 80.0, "path": "/"}.With(c.more)}))
		if m := k.world().Profiles[0].Monitor; m.Interval != c.interval || m.Timeout != c.timeout || m.Tolerated != 3 {
			t.Errorf("with %v the monitor is %+v", c.more, m)
		}
	}
}

// The method of a profile that serves is changed in place: "you can select a different traffic routing method for your profile at
// any time" (Traffic Manager routing methods).
func TestMethodIsChangedInPlace(t *testing.T) {
	k := newKit(t)
	k.group()
	id, out := k.must(tProfile, profileInputs("gw", "Priority", one, two))
	if got := out.Object("dnsConfig").Str("fqdn"); got != "gw-x.trafficmanager.net" {
		t.Errorf("fqdn is %q", got)
	}
	next := profileInputs("gw", "Weighted", one.With(resource.Props{"weight": 1000.0}), two)
	d, err := k.ctl.Diff(tProfile, profileInputs("gw", "Priority", one, two), next)
	if err != nil || len(d.Replaces()) > 0 {
		t.Errorf("a change of the method replaces by %v: %v", d.Replaces(), err)
	}
	if _, err := k.update(tProfile, id, next); err != nil {
		t.Fatal(err)
	}
	if p := k.world().Profiles[0]; p.Method != "Weighted" || p.Endpoints[0].Weight != 1000 {
		t.Errorf("the profile is %+v", p)
	}
}

// A zone is there before the first deployment, once, and is found in any spelling.
func TestSeedZone(t *testing.T) {
	k := newKit(t)
	k.seedZone()
	k.seedZone()
	out, _, err := k.ctl.Invoke(t.Context(), "azure-native:dns:getZone", resource.Props{"resourceGroupName": "DNS", "zoneName": "Polygate.test"}, config, false)
	if err != nil || out.Str("id") != "/subscriptions/"+sub+"/resourceGroups/dns/providers/Microsoft.Network/dnsZones/polygate.test" || len(out.List("nameServers")) != 4 {
		t.Errorf("found %v: %v", out, err)
	}
	for _, bad := range [][2]string{{"polygate", "dns"}, {"polygate.test", ""}} {
		if err := azure.SeedZone(k.store, bad[0], bad[1]); err == nil {
			t.Errorf("the zone %q in the group %q is taken", bad[0], bad[1])
		}
	}
}
