package azure_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"polygate.example/infra/internal/record"
	"polygate.example/infra/provider/azure"
	"polygate.example/infra/settings"
)

// declareWith runs the README's example with other settings.
func declareWith(t *testing.T, change func(*settings.Settings)) *record.Recorder {
	t.Helper()
	s, dir := example(t)
	change(&s)
	rec, err := record.Region(azure.Provider{}, s, dir, config)
	if err != nil {
		t.Fatal(err)
	}
	return rec
}

func found(t *testing.T, rec *record.Recorder, name string) record.Resource {
	t.Helper()
	r, ok := rec.Find(name)
	if !ok {
		t.Fatalf("%s is not declared", name)
	}
	return r
}

// at follows a path of names into inputs.
func at(in any, path ...string) any {
	for _, p := range path {
		m, _ := in.(map[string]any)
		in = m[p]
	}
	return in
}

func TestAlwaysReady(t *testing.T) {
	for _, c := range []struct {
		name  string
		warm  int
		zones bool
		want  any
	}{
		{"none", 0, false, nil},
		{"warm", 1, false, 1.0},
		{"zones want two", 0, true, 2.0},
		{"zones want one more than one", 1, true, 2.0},
		{"warmer than zones want", 5, true, 5.0},
	} {
		t.Run(c.name, func(t *testing.T) {
			rec := declareWith(t, func(s *settings.Settings) { s.Warm, s.ZoneRedundant = c.warm, c.zones })
			scale := at(found(t, rec, "gw-eastus-app").Inputs, "functionAppConfig", "scaleAndConcurrency")
			var want any
			if c.want != nil {
				want = []any{map[string]any{"name": "http", "instanceCount": c.want}}
			}
			if diff := cmp.Diff(want, at(scale, "alwaysReady")); diff != "" {
				t.Errorf("always ready (-want +got):\n%s", diff)
			}
			if got := found(t, rec, "gw-eastus-plan").Inputs["zoneRedundant"]; got != c.zones {
				t.Errorf("zoneRedundant is %v", got)
			}
		})
	}
}

// An account cannot be made zone-redundant, so that it is another one, with a role of another name; the app stays, and
// changes over when the package is there.
func TestStorageOfZones(t *testing.T) {
	before := declareWith(t, func(s *settings.Settings) { s.ZoneRedundant = false })
	after := declare(t)
	for _, c := range []struct{ resource, property string }{
		{"gw-eastus-storage", "accountName"}, {"gw-eastus-packages", "accountName"}, {"gw-eastus-package", "accountName"}, {"gw-eastus-storage-role", "roleAssignmentName"},
	} {
		if b, a := found(t, before, c.resource).Inputs[c.property], found(t, after, c.resource).Inputs[c.property]; a == b {
			t.Errorf("%s keeps its %s, %v", c.resource, c.property, a)
		}
	}
	for _, name := range []string{"gw-eastus-app", "gw-eastus-plan", "gw-eastus-telemetry-role", "gw-eastus-identity"} {
		for _, property := range []string{"name", "resourceName", "roleAssignmentName"} {
			if b, a := found(t, before, name).Inputs[property], found(t, after, name).Inputs[property]; a != b {
				t.Errorf("%s changes its %s from %v to %v", name, property, b, a)
			}
		}
	}
	for _, waits := range []string{"gw-eastus-package", "gw-eastus-storage-role"} {
		if !dependsOn(found(t, after, "gw-eastus-app"), waits) {
			t.Errorf("the app does not wait for %s", waits)
		}
	}
}

func dependsOn(r record.Resource, name string) bool {
	return slices.ContainsFunc(r.DependsOn, func(urn string) bool { return strings.HasSuffix(urn, "::"+name) })
}

const vaultID = "/subscriptions/00000000-0000-0000-0000-00000000000a/resourceGroups/shared/providers/Microsoft.KeyVault/vaults/our-vault"

// The app is given exactly the secrets it refers to, and waits for it: see resolved.
func TestSecrets(t *testing.T) {
	rec := declareWith(t, func(s *settings.Settings) {
		s.Secrets = map[string]map[string]string{
			"ONE": {"azure": vaultID + "/secrets/one"}, "ONE_BEFORE": {"azure": vaultID + "/secrets/One/versions/" + strings.Repeat("0a", 16)},
			"TWO": {"azure": strings.Replace(vaultID, "our-vault", "Other-Vault", 1) + "/secrets/two"},
		}
	})
	var scopes []string
	app := found(t, rec, "gw-eastus-app")
	for _, r := range rec.Of("azure-native:authorization:RoleAssignment") {
		if strings.HasPrefix(r.Name, "gw-eastus-secret-") {
			scopes = append(scopes, r.Inputs["scope"].(string))
			if !dependsOn(app, r.Name) {
				t.Errorf("the app does not wait for %s", r.Name)
			}
			if !strings.HasSuffix(r.Inputs["roleDefinitionId"].(string), "/4633458b-17de-408a-b874-0445c86b69e6") {
				t.Errorf("%s is of the role %v", r.Name, r.Inputs["roleDefinitionId"])
			}
		}
	}
	slices.Sort(scopes)
	want := []string{strings.Replace(vaultID, "our-vault", "other-vault", 1) + "/secrets/two", vaultID + "/secrets/one"}
	slices.Sort(want)
	if diff := cmp.Diff(want, scopes); diff != "" {
		t.Errorf("secrets with a role (-want +got):\n%s", diff)
	}
	for variable, want := range map[string]string{
		"ONE":        "@Microsoft.KeyVault(SecretUri=https://our-vault.vault.azure.net/secrets/one)",
		"ONE_BEFORE": "@Microsoft.KeyVault(SecretUri=https://our-vault.vault.azure.net/secrets/One/" + strings.Repeat("0a", 16) + ")",
		"TWO":        "@Microsoft.KeyVault(SecretUri=https://other-vault.vault.azure.net/secrets/two)",
	} {
		if got := settingOf(app, variable); got != want {
			t.Errorf("%s is %v, want %s", variable, got, want)
		}
	}
	if diff := cmp.Diff([]string{"gw-grants-settle"}, app.BeforeCreate); diff != "" {
		t.Errorf("hooks before the app is made (-want +got):\n%s", diff)
	}
	if waits := found(t, rec, "gw-eastus-publish").BeforeCreate; len(waits) != 0 || !dependsOn(app, "gw-eastus-storage-role") {
		t.Errorf("the publication waits once more (%v), or the app did not wait for its grants", waits)
	}
	if diff := cmp.Diff([]string{"gw-references-settle"}, app.BeforeUpdate); diff != "" {
		t.Errorf("hooks before the app is changed (-want +got):\n%s", diff)
	}
}

func TestNoSecrets(t *testing.T) {
	app := found(t, declareWith(t, func(s *settings.Settings) { s.Secrets = nil }), "gw-eastus-app")
	if len(app.BeforeCreate)+len(app.BeforeUpdate) != 0 || app.Inputs["keyVaultReferenceIdentity"] != nil {
		t.Errorf("an app without secrets waits (%v, %v), or has %v", app.BeforeCreate, app.BeforeUpdate, app.Inputs["keyVaultReferenceIdentity"])
	}
}

func TestAlarms(t *testing.T) {
	rec := declare(t)
	tags := map[string]any{"managed-by": "pulumi", "polygate-environment": "dev", "polygate-region": "eastus"}
	const ends = "The certificate of eastus.azure.api.example.com ends in less than 15 days and was not renewed, is not valid, or cannot be seen from outside."
	with := func(tags map[string]any, links ...string) map[string]any {
		all := maps.Clone(tags)
		for _, l := range links {
			all[l] = "Resource"
		}
		return all
	}
	criteria := func(query, column string, threshold float64) map[string]any {
		return map[string]any{"allOf": []any{map[string]any{
			"query": query, "metricMeasureColumn": column, "timeAggregation": "Maximum", "operator": "GreaterThan", "threshold": threshold,
			"failingPeriods": map[string]any{"numberOfEvaluationPeriods": 1.0, "minFailingPeriodsToAlert": 1.0},
		}}}
	}
	rule := func(name, says string, severity float64, criteria map[string]any) map[string]any {
		return map[string]any{
			"resourceGroupName": "polygate-dev-eastus", "ruleName": "polygate-dev-eastus-" + name, "displayName": "polygate-dev-eastus-" + name, "description": says,
			"kind": "LogAlert", "location": "eastus", "enabled": true, "severity": severity, "evaluationFrequency": "PT5M", "windowSize": "PT5M", "autoMitigate": true,
			"scopes": []any{"gw-eastus-insights-id"}, "criteria": criteria, "actions": map[string]any{"actionGroups": []any{"gw-eastus-alarms-id"}}, "tags": tags,
		}
	}
	for name, want := range map[string]map[string]any{
		"gw-eastus-alarms": {
			"resourceGroupName": "polygate-dev-eastus", "actionGroupName": "polygate-dev-eastus", "groupShortName": "polygate", "location": "Global", "enabled": true,
			"emailReceivers": []any{map[string]any{"name": "operators", "emailAddress": "ops@example.com", "useCommonAlertSchema": true}}, "tags": tags,
		},
		"gw-eastus-errors-alarm": rule("errors", "More than 2 % of the requests end in a server error.", 1, criteria(
			"requests | summarize total = sum(itemCount), failed = sumif(itemCount, toint(resultCode) >= 500) | project percent = iff(total == 0, 0.0, 100.0 * failed / total)", "percent", 2)),
		"gw-eastus-latency-alarm": rule("latency", "One in a hundred requests takes longer than 3000 ms.", 2, criteria(
			"requests | summarize milliseconds = percentilew(duration, itemCount, 99)", "milliseconds", 3000)),
		"gw-eastus-saturation-alarm": {
			"resourceGroupName": "polygate-dev-eastus", "ruleName": "polygate-dev-eastus-saturation", "description": "All 203 instances are in use: requests wait, or are refused.",
			"location": "global", "enabled": true, "severity": 2.0, "evaluationFrequency": "PT5M", "windowSize": "PT5M", "autoMitigate": true, "scopes": []any{"gw-eastus-app-id"},
			"criteria": map[string]any{"odataType": "Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria", "allOf": []any{map[string]any{
				"criterionType": "StaticThresholdCriterion", "name": "instances", "metricNamespace": "Microsoft.Web/sites", "metricName": "InstanceCount",
				"timeAggregation": "Average", "operator": "GreaterThanOrEqual", "threshold": 203.0, // three of them always ready
			}}},
			"actions": []any{map[string]any{"actionGroupId": "gw-eastus-alarms-id"}}, "tags": tags,
		},
		"gw-eastus-certificate-test": {
			"resourceGroupName": "polygate-dev-eastus", "webTestName": "polygate-dev-eastus-certificate", "syntheticMonitorId": "polygate-dev-eastus-certificate", "description": ends,
			"kind": "standard", "webTestKind": "standard", "location": "eastus", "enabled": true, "frequency": 900.0, "timeout": 30.0, "retryEnabled": true,
			"locations": []any{map[string]any{"location": "us-va-ash-azr"}, map[string]any{"location": "emea-nl-ams-azr"}, map[string]any{"location": "apac-sg-sin-azr"}},
			"request": map[string]any{
				"requestUrl": "https://eastus.azure.api.example.com/health", "httpVerb": "GET", "followRedirects": false, "parseDependentRequests": false,
			},
			"validationRules": map[string]any{"ignoreHttpStatusCode": true, "sSLCheck": true, "sSLCertRemainingLifetimeCheck": 15.0},
			"tags":            with(tags, "hidden-link:gw-eastus-insights-id"),
		},
		"gw-eastus-certificate-alarm": {
			"resourceGroupName": "polygate-dev-eastus", "ruleName": "polygate-dev-eastus-certificate", "description": ends,
			"location": "global", "enabled": true, "severity": 1.0, "evaluationFrequency": "PT15M", "windowSize": "PT30M", "autoMitigate": true,
			"scopes": []any{"gw-eastus-certificate-test-id", "gw-eastus-insights-id"},
			"criteria": map[string]any{
				"odataType": "Microsoft.Azure.Monitor.WebtestLocationAvailabilityCriteria",
				"webTestId": "gw-eastus-certificate-test-id", "componentId": "gw-eastus-insights-id", "failedLocationCount": 2.0,
			},
			"actions": []any{map[string]any{"actionGroupId": "gw-eastus-alarms-id"}},
			"tags":    with(tags, "hidden-link:gw-eastus-certificate-test-id", "hidden-link:gw-eastus-insights-id"),
		},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(want, found(t, rec, name).Inputs); diff != "" {
				t.Errorf("inputs (-want +got):\n%s", diff)
			}
		})
	}
	for _, r := range declareWith(t, func(s *settings.Settings) { s.Alarms = nil }).All() {
		if strings.HasPrefix(r.Type, "azure-native:monitor:") || strings.HasSuffix(r.Type, ":WebTest") {
			t.Errorf("%s is declared without alarms", r.Name)
		}
	}
}

// The alarm on a certificate's age comes when half of the days for renewing it have gone by.
func TestCertificateDays(t *testing.T) {
	for renew, want := range map[int]float64{30: 15, 60: 30, 10: 5, 1: 1} {
		rec := declareWith(t, func(s *settings.Settings) { s.Certificate.ACME = &settings.ACME{RenewDays: renew} })
		if got := at(found(t, rec, "gw-eastus-certificate-test").Inputs, "validationRules", "sSLCertRemainingLifetimeCheck"); got != want {
			t.Errorf("renewed %d days before its end: the alarm comes %v days before it, want %g", renew, got, want)
		}
	}
}

// The test from outside waits for the last binding, and shows no secret where a front does.
func TestCertificateTestShowsNoSecret(t *testing.T) {
	const secret = "ssssssssssssssssssssssssssssssssssssssss"
	test := found(t, declareWith(t, func(s *settings.Settings) {
		s.Manager, s.Cloudflare.Proxied, s.FrontSecret = "cloudflare", true, secret
	}), "gw-eastus-certificate-test")
	if text := fmt.Sprint(test.Inputs); strings.Contains(text, secret) || at(test.Inputs, "request", "headers") != nil {
		t.Errorf("it shows a secret: %s", text)
	}
	if !slices.ContainsFunc(test.DependsOn, func(urn string) bool { return strings.HasSuffix(urn, "::gw-eastus-shared-binding") }) {
		t.Errorf("it waits for %v", test.DependsOn)
	}
}

// One budget holds all of Azure's regions. Its start is this month's first day, and is never changed once it is there.
func TestBudget(t *testing.T) {
	before := time.Now().UTC()
	rec := declare(t)
	b := found(t, rec, "gw-budget")
	start := at(b.Inputs, "timePeriod", "startDate")
	if !slices.Contains([]any{before.Format("2006-01") + "-01T00:00:00Z", time.Now().UTC().Format("2006-01") + "-01T00:00:00Z"}, start) {
		t.Errorf("it begins on %v", start)
	}
	if diff := cmp.Diff([]string{"timePeriod"}, b.IgnoreChanges); diff != "" {
		t.Errorf("changes that are ignored (-want +got):\n%s", diff)
	}
	delete(b.Inputs, "timePeriod")
	notification := func(threshold float64, kind string) map[string]any {
		return map[string]any{"enabled": true, "operator": "GreaterThanOrEqualTo", "threshold": threshold, "thresholdType": kind, "contactEmails": []any{"ops@example.com"}}
	}
	want := map[string]any{
		"budgetName": "polygate-dev", "scope": "/subscriptions/" + subscription, "category": "Cost", "amount": 400.0, "timeGrain": "Monthly",
		"filter": map[string]any{"dimensions": map[string]any{
			"name": "ResourceGroupName", "operator": "In", "values": []any{"polygate-dev-state-eastus", "polygate-dev-eastus", "polygate-dev-westeurope"},
		}},
		"notifications": map[string]any{"actual": notification(80, "Actual"), "forecast": notification(100, "Forecasted")},
	}
	if diff := cmp.Diff(want, b.Inputs); diff != "" {
		t.Errorf("inputs (-want +got):\n%s", diff)
	}
	if n := len(rec.Of("azure-native:consumption:Budget")); n != 1 {
		t.Errorf("there are %d budgets", n)
	}
	if _, ok := declareWith(t, func(s *settings.Settings) { s.Budget = nil }).Find("gw-budget"); ok {
		t.Error("a budget is declared that nobody asked for")
	}
}

// Every role is one of those the README gives the reason of, in a place no wider than one resource, held by the region's own
// identity.
func TestLeastPrivilege(t *testing.T) {
	scopes := map[string]func(scope string) bool{
		"b7e6dc6d-f1e8-4753-8033-0f276bb0955b": func(s string) bool { return strings.HasSuffix(s, "-storage-id") },       // Storage Blob Data Owner
		"3913510d-42f4-4e42-8a64-420c390055eb": func(s string) bool { return strings.HasSuffix(s, "-insights-id") },      // Monitoring Metrics Publisher
		"4633458b-17de-408a-b874-0445c86b69e6": func(s string) bool { return strings.HasPrefix(s, vaultID+"/secrets/") }, // Key Vault Secrets User
	}
	seen := 0
	for _, r := range declare(t).Of("azure-native:authorization:RoleAssignment") {
		seen++
		id := r.Inputs["roleDefinitionId"].(string)
		ok, known := scopes[id[strings.LastIndex(id, "/")+1:]]
		if !known || !ok(r.Inputs["scope"].(string)) || r.Inputs["principalType"] != "ServicePrincipal" || r.Inputs["principalId"] != "principal" {
			t.Errorf("%s gives %v to %v on %v", r.Name, id, r.Inputs["principalId"], r.Inputs["scope"])
		}
	}
	if seen != 6 {
		t.Errorf("%d role assignments, want three in each region", seen)
	}
}

// Everything that Azure lets have tags has ours.
func TestTags(t *testing.T) {
	without := []string{ // Source: "Tag support for Azure resources", learn.microsoft.com/azure/azure-resource-manager/management/tag-support
		"azure-native:authorization:RoleAssignment", "azure-native:consumption:Budget", "azure-native:storage:Blob", "azure-native:storage:BlobContainer",
		"azure-native:web:WebAppFtpAllowed", "azure-native:web:WebAppHostNameBinding", "azure-native:web:WebAppScmAllowed",
	}
	for _, r := range declare(t).All() {
		if !strings.HasPrefix(r.Type, "azure-native:") {
			continue
		}
		tags, _ := r.Inputs["tags"].(map[string]any)
		if want := !slices.Contains(without, r.Type); want != (tags["polygate-environment"] == "dev" && (tags["polygate-region"] != nil || strings.Contains(r.Name, "-state"))) {
			t.Errorf("%s %s has the tags %v", r.Type, r.Name, tags)
		}
	}
}

// What Azure cannot do is found before anything is deployed, each problem at its place.
func TestChecks(t *testing.T) {
	const version = "/versions/0123456789abcdef0123456789ABCDEF"
	region := func(name string) []settings.Region {
		return []settings.Region{{Provider: "azure", Name: name, Position: 3}}
	}
	secret := func(variable, reference string) settings.Settings {
		return settings.Settings{Secrets: map[string]map[string]string{variable: {"azure": reference}}}
	}
	for _, c := range []struct {
		name string
		s    settings.Settings
		want string // "" for no problem
	}{
		{"zones where there are some", settings.Settings{ZoneRedundant: true, Regions: region("eastus")}, ""},
		{"no zones asked for", settings.Settings{Regions: region("westcentralus")}, ""},
		{"zones where there are none", settings.Settings{ZoneRedundant: true, Regions: region("westcentralus")},
			"polygate:regions[3]: azure/westcentralus has no availability zones, and polygate:zoneRedundant asks for them: take another region, for example azure/westus3"},
		{"nor there", settings.Settings{ZoneRedundant: true, Regions: region("northcentralus")}, "polygate:regions[3]: azure/northcentralus has no availability zones"},
		{"another provider's region", settings.Settings{ZoneRedundant: true, Regions: []settings.Region{{Provider: "aws", Name: "westcentralus"}}}, ""},
		{"a secret", secret("KEY", vaultID+"/secrets/api-key"), ""},
		{"in other letters", secret("KEY", strings.ToUpper(vaultID)+"/secrets/api-key"), ""},
		{"a version", secret("KEY", vaultID+"/secrets/api-key"+version), ""},
		{"a URI", secret("KEY", "https://our-vault.vault.azure.net/secrets/api-key"), "polygate:secrets.KEY.azure: \"https://our-vault.vault.azure.net/secrets/api-key\" is a secret's URI"},
		{"a vault", secret("KEY", vaultID), "is not the resource id of a secret in a Key Vault: want /subscriptions/<id>/"},
		{"no secret's name", secret("KEY", vaultID+"/secrets/api_key"), "is not the resource id"},
		{"a short vault's name", secret("KEY", strings.Replace(vaultID, "our-vault", "v1", 1)+"/secrets/api-key"), "is not the resource id"},
		{"a vault's name with two dashes", secret("KEY", strings.Replace(vaultID, "our-vault", "our--vault", 1)+"/secrets/api-key"), "is not the resource id"},
		{"half a version", secret("KEY", vaultID+"/secrets/api-key/versions/0123"), "is not the resource id"},
		{"the host's own setting", secret("FUNCTIONS_WORKER_RUNTIME", vaultID+"/secrets/api-key"), "polygate:secrets.FUNCTIONS_WORKER_RUNTIME: is a setting that Azure's host or platform reads itself"},
		{"no reference", settings.Settings{Secrets: map[string]map[string]string{"KEY": {"aws": "arn"}}}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			problems := azure.Provider{}.Spec().Check(c.s, nil)
			var got []string
			for _, p := range problems {
				got = append(got, p.String())
			}
			if c.want == "" && len(got) > 0 || c.want != "" && (len(got) != 1 || !strings.Contains(got[0], c.want)) {
				t.Errorf("problems %q, want %q", got, c.want)
			}
		})
	}
}
