package azure_test

import (
	"fmt"
	"strings"

	"polygate.example/tools/internal/localcloud/azure"
	"polygate.example/tools/internal/localcloud/resource"
)

const (
	tWebTest = "azure-native:applicationinsights:WebTest"

	webTestID = groupID + "/providers/Microsoft.Insights/webtests/gw"
	linkToGW  = "hidden-link:" + componentID
)

const (
	docWebTest  = "learn.microsoft.com/azure/azure-monitor/app/availability"
	docTestSpec = "Azure/azure-rest-api-specs, Microsoft.Insights webtests 2022-06-15"
	docTestRM   = "registry.terraform.io azurerm_application_insights_standard_web_test"
	docTestRule = "Azure/azure-rest-api-specs, metricAlerts 2018-03-01, createOrUpdateWebTestMetricAlert.json; Azure/bicep-registry-modules issue #2449"
)

// webTestInputs are those of a good test; change edits the top, the request and the validation rules.
func webTestInputs(change func(top, request, rules resource.Props)) resource.Props {
	request := resource.Props{"requestUrl": "https://" + ownName + "/health", "httpVerb": "GET", "followRedirects": false, "parseDependentRequests": false}
	rules := resource.Props{"ignoreHttpStatusCode": true, "sSLCheck": true, "sSLCertRemainingLifetimeCheck": 15.0}
	top := in(resource.Props{
		"webTestName": "gw", "syntheticMonitorId": "gw", "location": "eastus", "kind": "standard", "webTestKind": "standard", "enabled": true, "retryEnabled": true,
		"frequency": 900.0, "timeout": 30.0, "locations": places("us-va-ash-azr", "emea-nl-ams-azr", "apac-sg-sin-azr"),
		"request": request, "validationRules": rules, "tags": resource.Props{linkToGW: "Resource"},
	})
	if change != nil {
		change(top, request, rules)
	}
	return top
}

func places(ids ...string) []any {
	var out []any
	for _, id := range ids {
		out = append(out, resource.Props{"location": id})
	}
	return out
}

func wrongWebTest(change func(top, request, rules resource.Props)) func(*kit) error {
	return func(k *kit) error {
		k.watched()
		return made(k.create(tWebTest, webTestInputs(change)))
	}
}

// testAlertInputs are those of a good alert on the good test.
func testAlertInputs(criteria, more resource.Props) resource.Props {
	return metricAlertInputs(nil, resource.Props{
		"ruleName": "gw-certificate", "scopes": []any{webTestID, componentID}, "evaluationFrequency": "PT15M", "windowSize": "PT30M",
		"criteria": resource.Props{
			"odataType": "Microsoft.Azure.Monitor.WebtestLocationAvailabilityCriteria", "webTestId": webTestID, "componentId": componentID, "failedLocationCount": 2.0,
		}.With(criteria),
	}).With(more)
}

func wrongTestAlert(criteria, more resource.Props) func(*kit) error {
	return func(k *kit) error {
		k.watched()
		k.must(tWebTest, webTestInputs(nil))
		return made(k.create(tMetricAlert, testAlertInputs(criteria, more)))
	}
}

var webTestFacts = []fact{
	{"a test is tied to a component by a tag", "microsoft/mcp issue #858; MicrosoftDocs/feedback issue #3491", wrongWebTest(func(top, _, _ resource.Props) {
		top["tags"] = resource.Props{"team": "gateway"}
	}), azure.CodeBadRequest, "A single 'hidden-link' tag pointing to an existing AI component is required. Found none."},
	{"to one that exists", "microsoft/mcp issue #858", wrongWebTest(func(top, _, _ resource.Props) {
		top["tags"] = resource.Props{linkToGW + "2": "Resource"}
	}), azure.CodeBadRequest, "Found none."},
	{"and to one alone", "microsoft/mcp issue #858", func(k *kit) error {
		k.watched()
		k.must(tComponent, in(resource.Props{"resourceName": "other", "kind": "web", "workspaceResourceId": groupID + "/providers/Microsoft.OperationalInsights/workspaces/logs"}))
		return made(k.create(tWebTest, webTestInputs(func(top, _, _ resource.Props) {
			top["tags"] = resource.Props{linkToGW: "Resource", strings.TrimSuffix(linkToGW, "gw") + "other": "Resource"}
		})))
	}, azure.CodeBadRequest, "Found 2."},
	{"a test is where its component is", docTestRM + ", location", wrongWebTest(func(top, _, _ resource.Props) { top["location"] = "westeurope" }), azure.CodeBadRequest, "'westeurope' of the web test is not that of its component"},
	{"places have names of their own", "Azure/azure-sdk-for-net issue #44260; " + docWebTest + ", Location population tags", wrongWebTest(func(top, _, _ resource.Props) {
		top["locations"] = places("emea-nl-ams-azr", "northeurope")
	}), azure.CodeBadRequest, "'properties.Locations[1].Id' - 'northeurope' is not a supported location"},
	{"a test runs from somewhere", docTestSpec + ", Locations", wrongWebTest(func(top, _, _ resource.Props) { top["locations"] = []any{} }), "", "locations"},
	{"and from 16 places at most", docWebTest + ": You can select up to 16 locations", wrongWebTest(func(top, _, _ resource.Props) {
		var all []string
		for range 17 {
			all = append(all, "us-va-ash-azr")
		}
		top["locations"] = places(all...)
	}), "", "locations"},
	{"a test runs every 5, 10 or 15 minutes", docTestRM + ", frequency", wrongWebTest(func(top, _, _ resource.Props) { top["frequency"] = 3600.0 }), "", "frequency"},
	{"tests of one URL's ping are retired", docWebTest + ", Types of availability tests", wrongWebTest(func(top, _, _ resource.Props) { top["webTestKind"] = "ping" }), "", "webTestKind"},
	{"a standard test has a request", "Azure/azure-rest-api-specs issue #33269", wrongWebTest(func(top, _, _ resource.Props) { delete(top, "request") }), azure.CodeInternal, "Object reference not set to an instance of an object."},
	{"only what comes over TLS has a certificate", docTestRM + ", CustomizeDiff in the provider's source", wrongWebTest(func(_, request, _ resource.Props) {
		request["requestUrl"] = "http://" + ownName + "/health"
	}), azure.CodeBadRequest, "SSLCheck cannot be set"},
	{"days left are looked at with the certificate", docTestSpec + ": Value must be positive and the SSLCheck must be set to true", wrongWebTest(func(_, _, rules resource.Props) {
		delete(rules, "sSLCheck")
	}), azure.CodeBadRequest, "SSLCheck must be set to true"},
	{"at least one day is left", docTestRM + ", ssl_cert_remaining_lifetime: between 1 and 365", wrongWebTest(func(_, _, rules resource.Props) { rules["sSLCertRemainingLifetimeCheck"] = 0.0 }), "", "sSLCertRemainingLifetimeCheck"},
	{"and at most a year", docTestRM + ", ssl_cert_remaining_lifetime: between 1 and 365", wrongWebTest(func(_, _, rules resource.Props) { rules["sSLCertRemainingLifetimeCheck"] = 366.0 }), "", "sSLCertRemainingLifetimeCheck"},
	{"a test's Host is that of its URL", docWebTest + ": The Host and User-Agent headers are reserved", wrongWebTest(func(_, request, _ resource.Props) {
		request["headers"] = []any{resource.Props{"key": "host", "value": "api.polygate.test"}}
	}), azure.CodeBadRequest, "The header 'host' is reserved"},
	{"a component has 100 tests at most", docWebTest + ": You can create up to 100 availability tests per Application Insights resource", func(k *kit) error {
		k.watched()
		numbered := func(n int) resource.Props {
			return webTestInputs(func(top, _, _ resource.Props) {
				top["webTestName"], top["syntheticMonitorId"] = fmt.Sprint("gw-", n), fmt.Sprint("gw-", n)
			})
		}
		for n := range 100 {
			k.must(tWebTest, numbered(n))
		}
		return made(k.create(tWebTest, numbered(100)))
	}, azure.CodeBadRequest, "There are 100 web tests of the component 'gw'"},
	{"an alert on a test has the component in its scopes", docTestRule, wrongTestAlert(nil, resource.Props{"scopes": []any{webTestID, appID}}), azure.CodeBadRequest, "Alert scope is invalid."},
	{"and the test", docTestRule, wrongTestAlert(nil, resource.Props{"scopes": []any{appID, componentID}}), azure.CodeBadRequest, "Alert scope is invalid."},
	{"and no other", "the local Azure's own limit", wrongTestAlert(nil, resource.Props{"scopes": []any{webTestID, componentID, appID}}), azure.CodeBadRequest, "Alert scope is invalid."},
	{"its criteria name the test", docTestRule, wrongTestAlert(resource.Props{"webTestId": ""}, nil), azure.CodeBadRequest, "Alert scope is invalid."},
	{"the test that is watched exists", "Resource Manager API, ResourceNotFound", wrongTestAlert(resource.Props{"webTestId": webTestID + "2"}, resource.Props{"scopes": []any{webTestID + "2", componentID}}), azure.CodeNotFound, "webtests/gw2"},
	{"at least one place fails", "registry.terraform.io azurerm_monitor_metric_alert, failed_location_count", wrongTestAlert(resource.Props{"failedLocationCount": 0.0}, nil), "", "failedLocationCount"},
	{"an alert on metrics has conditions", docMetricAlert, func(k *kit) error {
		k.watched()
		return made(k.create(tMetricAlert, metricAlertInputs(nil, resource.Props{"criteria": resource.Props{"odataType": "Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria"}})))
	}, azure.CodeBadRequest, "allOf is required"},
}
