package azure

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"polygate.example/tools/internal/localcloud/plane"
	"polygate.example/tools/internal/localcloud/resource"
)

const tokenWebTest = "azure-native:applicationinsights:WebTest"

// testPlaces are where tests run from in the public cloud. Source: "Application Insights availability tests", Location
// population tags, learn.microsoft.com/azure/azure-monitor/app/availability.
var testPlaces = []string{
	"emea-au-syd-edge", "latam-br-gru-edge", "us-fl-mia-edge", "apac-hk-hkn-azr", "us-va-ash-azr", "emea-ch-zrh-edge", "emea-fr-pra-edge", "apac-jp-kaw-edge",
	"emea-gb-db3-azr", "us-il-ch1-azr", "us-tx-sn1-azr", "apac-sg-sin-azr", "emea-se-sto-edge", "emea-nl-ams-azr", "us-ca-sjc-azr", "emea-ru-msa-edge",
}

const (
	maxPlaces      = 16  // "You can select up to 16 locations" (the same page)
	maxTests       = 100 // "You can create up to 100 availability tests per Application Insights resource" (the same page)
	maxCertificate = 365 // days, azurerm_application_insights_standard_web_test, ssl_cert_remaining_lifetime
	linkTag        = "hidden-link:"
)

// reservedHeaders: "The "Host" and "User-Agent" headers are reserved in Availability Tests and can't be modified or overwritten"
// (the same page, Add custom headers).
var reservedHeaders = []string{"Host", "User-Agent"}

// webTest is a standard availability test of an Application Insights component. Those of the kinds ping and multistep are
// retired, since September 2026 and August 2024. Source: "Application Insights availability tests"; Microsoft.Insights/webtests
// template reference; the values of frequency: azurerm_application_insights_standard_web_test.
func webTest() *resource.Type {
	kind := func(name string) resource.Property {
		p := choice(name, "standard")
		p.Required = true
		return p
	}
	frequency := resource.Property{Name: "frequency", Kind: resource.Int, OneOf: resource.List[any](300.0, 600.0, 900.0)}
	t := arm(tokenWebTest, "Microsoft.Insights/webtests", "webTestName",
		named("webTestName", `^[^%&\\?/]{1,260}$`), location, tags, kind("kind"), kind("webTestKind"), frequency,
		resource.Property{Name: "syntheticMonitorId", Kind: resource.String, Required: true},
		resource.Property{Name: "description", Kind: resource.String}, resource.Property{Name: "enabled", Kind: resource.Bool}, resource.Property{Name: "retryEnabled", Kind: resource.Bool},
		resource.Property{Name: "timeout", Kind: resource.Int, Min: resource.At(1)},
		resource.Property{Name: "locations", Kind: resource.Array, Required: true, Min: resource.At(1), Max: resource.At(maxPlaces), Elem: &resource.Property{Kind: resource.Object, Fields: []resource.Property{
			{Name: "location", Kind: resource.String, Required: true},
		}}},
		resource.Property{Name: "request", Kind: resource.Object, Unmodelled: []string{"requestBody"}, Fields: []resource.Property{
			{Name: "requestUrl", Kind: resource.String}, choice("httpVerb", "GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"),
			off("followRedirects")[0], off("parseDependentRequests")[0],
			{Name: "headers", Kind: resource.Array, Elem: &resource.Property{Kind: resource.Object, Fields: []resource.Property{
				{Name: "key", Kind: resource.String, Required: true}, {Name: "value", Kind: resource.String, Required: true},
			}}},
		}},
		resource.Property{Name: "validationRules", Kind: resource.Object, Unmodelled: []string{"contentValidation"}, Fields: []resource.Property{
			{Name: "expectedHttpStatusCode", Kind: resource.Int}, {Name: "ignoreHttpStatusCode", Kind: resource.Bool}, {Name: "sSLCheck", Kind: resource.Bool},
			{Name: "sSLCertRemainingLifetimeCheck", Kind: resource.Int, Min: resource.At(1), Max: resource.At(maxCertificate)},
		}},
	)
	t.Unmodelled = []string{"configuration"}
	t.Computed = append(t.Computed, "provisioningState")
	t.AutoName = autoName("webTestName", 260)
	t.Create = func(_ context.Context, env *resource.Env, in resource.Props) (string, resource.Props, error) {
		id, g, err := place(env, in, "Microsoft.Insights", "webtests", in.Str("webTestName"))
		if err != nil {
			return "", nil, err
		}
		where := at(in, g)
		if err := checkWebTest(env.View(), in, id.String(), where); err != nil {
			return "", nil, err
		}
		return id.String(), made(id, "2022-06-15").With(resource.Props{"location": where, "provisioningState": "Succeeded"}), nil
	}
	t.Update = func(_ context.Context, env *resource.Env, old resource.Record, in resource.Props) (resource.Props, error) {
		return nil, checkWebTest(env.View(), in, old.ID, old.Computed.Str("location"))
	}
	return t
}

// checkWebTest checks a test that is in a location.
func checkWebTest(v resource.View, in resource.Props, self, where string) error {
	component, err := linkedComponent(v, in)
	if err != nil {
		return err
	}
	// The two must agree: azurerm_application_insights_standard_web_test, location. The words are the local Azure's.
	if component.Computed.Str("location") != where {
		return badRequest("The location '%s' of the web test is not that of its component, '%s'.", where, component.Computed.Str("location"))
	}
	others := 0
	for _, t := range v.List(tokenWebTest) {
		if c, err := linkedComponent(v, t.Inputs); err == nil && c.ID == component.ID && !Equal(t.ID, self) {
			others++
		}
	}
	if others >= maxTests {
		return badRequest("There are %d web tests of the component '%s', and can be no more.", others, component.Inputs.Str("resourceName"))
	}
	for i, l := range in.Objects("locations") {
		if !slices.Contains(testPlaces, l.Str("location")) { // the words: Azure/azure-sdk-for-net issue #44260
			return badRequest("Value cannot be null.\r\nParameter name: 'properties.Locations[%d].Id' - '%s' is not a supported location", i, l.Str("location"))
		}
	}
	return checkRequest(in)
}

// checkRequest checks what a test asks for, and what of the answer it looks at.
func checkRequest(in resource.Props) error {
	if !in.Has("request") { // Azure/azure-rest-api-specs issue #33269
		return refuse(http.StatusInternalServerError, CodeInternal, "Object reference not set to an instance of an object.")
	}
	u, err := url.Parse(in.Object("request").Str("requestUrl"))
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return badRequest("The request URL '%s' is not valid.", in.Object("request").Str("requestUrl"))
	}
	for _, h := range in.Object("request").Objects("headers") {
		if slices.ContainsFunc(reservedHeaders, func(r string) bool { return strings.EqualFold(r, h.Str("key")) }) {
			return badRequest("The header '%s' is reserved and cannot be set.", h.Str("key"))
		}
	}
	rules := in.Object("validationRules")
	switch {
	case rules.Bool("sSLCheck") && u.Scheme != "https":
		return badRequest("SSLCheck cannot be set: the request URL '%s' is not https.", u)
	case rules.Has("sSLCertRemainingLifetimeCheck") && !rules.Bool("sSLCheck"):
		return badRequest("SSLCertRemainingLifetimeCheck is set: SSLCheck must be set to true.")
	}
	return nil
}

// webTests are the tests that run, with the alerts on them.
func webTests(v resource.View) []plane.WebTest {
	var out []plane.WebTest
	for _, r := range v.List(tokenWebTest) {
		request, rules := r.Inputs.Object("request"), r.Inputs.Object("validationRules")
		u, err := url.Parse(request.Str("requestUrl"))
		if err != nil || !r.Inputs.Bool("enabled") {
			continue
		}
		t := plane.WebTest{
			ID: r.ID, Host: strings.ToLower(u.Hostname()), Port: 443, TLS: u.Scheme == "https", Path: u.RequestURI(), Method: request.Str("httpVerb"), Headers: map[string]string{},
			Interval: seconds(r.Inputs, "frequency", 300), Timeout: seconds(r.Inputs, "timeout", 30), Retried: r.Inputs.Bool("retryEnabled"), Status: http.StatusOK,
			Validate: rules.Bool("sSLCheck"), Lasting: time.Duration(rules.Int("sSLCertRemainingLifetimeCheck")) * 24 * time.Hour, Alarms: testAlarms(v, r.ID),
		}
		if !t.TLS {
			t.Port = 80
		}
		if p, err := strconv.Atoi(u.Port()); err == nil {
			t.Port = p
		}
		switch {
		case rules.Bool("ignoreHttpStatusCode"):
			t.Status = -1
		case rules.Has("expectedHttpStatusCode"):
			t.Status = rules.Int("expectedHttpStatusCode")
		}
		for _, h := range request.Objects("headers") {
			t.Headers[h.Str("key")] = h.Str("value")
		}
		for _, l := range r.Inputs.Objects("locations") {
			t.Places = append(t.Places, l.Str("location"))
		}
		out = append(out, t)
	}
	return out
}

// seconds is a property of so many seconds. Defaults: Microsoft.Insights webtests 2022-06-15.
func seconds(in resource.Props, name string, unset int) time.Duration {
	if in.Has(name) {
		unset = in.Int(name)
	}
	return time.Duration(unset) * time.Second
}

// testAlarms are the alerts on a test that are in force.
func testAlarms(v resource.View, test string) []plane.TestAlarm {
	var out []plane.TestAlarm
	for _, r := range v.List(tokenMetricAlert) {
		if c := r.Inputs.Object("criteria"); r.Inputs.Bool("enabled") && c.Has("webTestId") && Equal(c.Str("webTestId"), test) {
			out = append(out, plane.TestAlarm{ID: r.ID, Failed: c.Int("failedLocationCount")})
		}
	}
	return out
}

// linkedComponent is the component that a test's one tag leads to. The words of the refusal: microsoft/mcp issue #858.
func linkedComponent(v resource.View, in resource.Props) (resource.Record, error) {
	var found []resource.Record
	for tag := range in.Object("tags") {
		if id, ok := strings.CutPrefix(tag, linkTag); ok {
			if c, ok := find(v, tokenComponent, id); ok {
				found = append(found, c)
			}
		}
	}
	if len(found) != 1 {
		n := "none"
		if len(found) > 1 {
			n = fmt.Sprint(len(found))
		}
		return resource.Record{}, badRequest("A single 'hidden-link' tag pointing to an existing AI component is required. Found %s.", n)
	}
	return found[0], nil
}
