package azure

import (
	"fmt"
	"maps"

	"github.com/pulumi/pulumi-azure-native-sdk/applicationinsights/v3"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"polygate.example/infra/provider"
	"polygate.example/infra/settings"
)

// The certificate is looked at as seldom as can be, from three continents: what costs is each look, at each place. Two of
// three make an alarm, so that neither a bad path to one place nor a place that is out of order does. Within the window each
// place has looked at least once. Source of the places: "Application Insights availability tests", Location population tags,
// learn.microsoft.com/azure/azure-monitor/app/availability; of the frequencies (300, 600, 900 s):
// azurerm_application_insights_standard_web_test.
const (
	testSeconds     = 900
	testTimeout     = 30 // seconds
	failedPlaces    = 2
	testWindow      = "PT30M"
	testEvaluations = "PT15M"
)

var testPlaces = []string{"us-va-ash-azr", "emea-nl-ams-azr", "apac-sg-sin-azr"} // East US, West Europe, Southeast Asia

// certificateDays is how many days before a certificate's end there is an alarm: when half of the time for renewing it, in
// which `polygate cert renew` tries every day, has gone by. A certificate that comes from elsewhere is taken to be renewed as
// early as one by ACME.
func certificateDays(c *settings.Certificate) int {
	renew := settings.DefaultRenewDays
	if c != nil && c.ACME != nil {
		renew = c.ACME.RenewDays
	}
	return max(1, renew/2)
}

// watchCertificate declares a test that comes in from outside under the region's own name, as App Service has no metric of a
// certificate's age, and the alarm on it. last is what has to be there before the name answers; without anybody to tell there
// is none of it.
//
// The test looks at the certificate and not at the answer's status. Behind a front that shows a secret the region answers 403
// to everybody else, and a test that showed it would carry the secret in the clear where everybody with a role of a reader
// sees it; errors of the gateway have an alarm of their own.
func (r *region) watchCertificate(logs *applicationinsights.Component, tell *pulumi.CustomResourceState, last pulumi.Resource) error {
	if tell == nil {
		return nil
	}
	days := certificateDays(r.account.args.Settings.Certificate)
	says := fmt.Sprintf("The certificate of %s ends in less than %d days and was not renewed, is not valid, or cannot be seen from outside.", r.args.OwnName, days)
	name := r.stem + "-certificate"
	var places applicationinsights.WebTestGeolocationArray
	for _, p := range testPlaces {
		places = append(places, applicationinsights.WebTestGeolocationArgs{Location: pulumi.String(p)})
	}
	test, err := applicationinsights.NewWebTest(r.ctx, r.name+"-certificate-test", &applicationinsights.WebTestArgs{
		ResourceGroupName:  r.group.Name,
		WebTestName:        pulumi.String(name),
		SyntheticMonitorId: pulumi.String(name),
		Location:           r.in,
		Kind:               applicationinsights.WebTestKindStandard,
		WebTestKind:        applicationinsights.WebTestKindStandard,
		Description:        pulumi.String(says),
		Enabled:            pulumi.Bool(true),
		Frequency:          pulumi.Int(testSeconds),
		Timeout:            pulumi.Int(testTimeout),
		RetryEnabled:       pulumi.Bool(true),
		Locations:          places,
		Request: applicationinsights.WebTestPropertiesRequestArgs{
			RequestUrl: pulumi.String("https://" + r.args.OwnName + settings.DefaultPath), HttpVerb: pulumi.String("GET"),
			FollowRedirects: pulumi.Bool(false), ParseDependentRequests: pulumi.Bool(false),
		},
		ValidationRules: applicationinsights.WebTestPropertiesValidationRulesArgs{
			IgnoreHttpStatusCode: pulumi.Bool(true), SSLCheck: pulumi.Bool(true), SSLCertRemainingLifetimeCheck: pulumi.Int(days),
		},
		Tags: r.linked(logs.ID()),
	}, r.parent, provider.Replaceable(), pulumi.DependsOn([]pulumi.Resource{last}))
	if err != nil {
		return r.failed("certificate test", err)
	}
	_, err = r.monitor("MetricAlert", "certificate-alarm", pulumi.Map{
		"ruleName": pulumi.String(name), "description": pulumi.String(says), "location": pulumi.String("global"), "enabled": pulumi.Bool(true),
		"severity": pulumi.Int(severityError), "evaluationFrequency": pulumi.String(testEvaluations), "windowSize": pulumi.String(testWindow), "autoMitigate": pulumi.Bool(true),
		"scopes": pulumi.Array{test.ID(), logs.ID()},
		"criteria": pulumi.Map{
			"odataType": pulumi.String("Microsoft.Azure.Monitor.WebtestLocationAvailabilityCriteria"),
			"webTestId": test.ID(), "componentId": logs.ID(), "failedLocationCount": pulumi.Int(failedPlaces),
		},
		"actions": pulumi.Array{pulumi.Map{"actionGroupId": tell.ID()}},
		"tags":    r.linked(test.ID(), logs.ID()),
	})
	return err
}

// linked are the region's tags and those that tie a test to its component: "a single 'hidden-link' tag pointing to an existing
// AI component is required", Azure answers to a test without (microsoft/mcp issue #858). An alarm has them for the portal, which
// does not find it otherwise (terraform-provider-azurerm issue #8551).
func (r *region) linked(ids ...pulumi.IDOutput) pulumi.StringMapOutput {
	all := []any{r.tags}
	for _, id := range ids {
		all = append(all, id)
	}
	return pulumi.All(all...).ApplyT(func(known []any) map[string]string {
		tags := maps.Clone(known[0].(map[string]string))
		for _, id := range known[1:] {
			tags[fmt.Sprintf("hidden-link:%v", id)] = "Resource"
		}
		return tags
	}).(pulumi.StringMapOutput)
}
