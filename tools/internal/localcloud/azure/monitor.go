package azure

import (
	"context"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"polygate.example/tools/internal/localcloud/resource"
)

// Tokens of Azure Monitor's alerts. The local Azure keeps rules and checks them, evaluates those on web tests, and writes to nobody.
const (
	tokenActionGroup = "azure-native:monitor:ActionGroup"
	tokenMetricAlert = "azure-native:monitor:MetricAlert"
	tokenQueryRule   = "azure-native:monitor:ScheduledQueryRule"
)

var mailAddress = regexp.MustCompile(`^[^@\s]+@[^@\s]+\.[^@\s]+$`)

// only is a property of one value, whatever its letter case.
func only(name, value string) resource.Property {
	return resource.Property{Name: name, Kind: resource.String, Fold: true, Complain: func(v any) string {
		if !strings.EqualFold(text(v), value) {
			return refuse(http.StatusBadRequest, CodeBadRequest, "The location '%s' is not valid here: want '%s'.", v, value).Error()
		}
		return ""
	}}
}

// actionGroup is whom alerts are told to. Source: Microsoft.Insights/actionGroups template reference (a short name of at most
// 12 characters); "Action groups", learn.microsoft.com/azure/azure-monitor/alerts/action-groups (names of receivers are
// unique in a group).
func actionGroup() *resource.Type {
	where := only("location", "Global")
	t := arm(tokenActionGroup, "Microsoft.Insights/actionGroups", "actionGroupName",
		named("actionGroupName", `^[^:<>+/&%\\?|]{1,259}[^:<>+/&%\\?|. ]$`), where, tags,
		resource.Property{Name: "groupShortName", Kind: resource.String, Required: true, Min: resource.At(1), Max: resource.At(12)},
		resource.Property{Name: "enabled", Kind: resource.Bool, Required: true},
		resource.Property{Name: "emailReceivers", Kind: resource.Array, Elem: &resource.Property{Kind: resource.Object, Computed: []string{"status"}, Fields: []resource.Property{
			{Name: "name", Kind: resource.String, Required: true, Min: resource.At(1)},
			{Name: "emailAddress", Kind: resource.String, Required: true, Pattern: mailAddress},
			{Name: "useCommonAlertSchema", Kind: resource.Bool},
		}}},
	)
	t.Unmodelled = []string{
		"armRoleReceivers", "automationRunbookReceivers", "azureAppPushReceivers", "azureFunctionReceivers", "eventHubReceivers", "identity", "incidentReceivers",
		"itsmReceivers", "logicAppReceivers", "smsReceivers", "voiceReceivers", "webhookReceivers",
	}
	t.AutoName = autoName("actionGroupName", 260)
	check := func(in resource.Props) error {
		var seen []string
		for _, r := range in.Objects("emailReceivers") {
			if slices.Contains(seen, r.Str("name")) {
				return badRequest("The receiver name '%s' is there twice: names of receivers must be unique in an action group.", r.Str("name"))
			}
			seen = append(seen, r.Str("name"))
		}
		return nil
	}
	t.Create = func(_ context.Context, env *resource.Env, in resource.Props) (string, resource.Props, error) {
		id, _, err := place(env, in, "Microsoft.Insights", "actionGroups", in.Str("actionGroupName"))
		if err != nil {
			return "", nil, err
		}
		return id.String(), made(id, "2024-10-01-preview"), check(in)
	}
	t.Update = func(_ context.Context, _ *resource.Env, _ resource.Record, in resource.Props) (resource.Props, error) {
		return nil, check(in)
	}
	return t
}

// alertProperties are those of both kinds of rules.
func alertProperties(frequencies, windows []string) []resource.Property {
	required := func(p resource.Property) resource.Property { p.Required = true; return p }
	return []resource.Property{
		tags,
		{Name: "description", Kind: resource.String},
		required(choice("evaluationFrequency", frequencies...)), required(choice("windowSize", windows...)),
		{Name: "enabled", Kind: resource.Bool, Required: true},
		{Name: "autoMitigate", Kind: resource.Bool},
		{Name: "severity", Kind: resource.Int, Required: true, Min: resource.At(0), Max: resource.At(4)},
		{Name: "scopes", Kind: resource.Array, Required: true, Min: resource.At(1), Elem: &resource.Property{Kind: resource.String, Same: func(o, n any) bool { return Equal(text(o), text(n)) }}},
	}
}

// Aggregations and operators of conditions. Source: the template references of Microsoft.Insights/metricAlerts and
// /scheduledQueryRules.
var (
	aggregations = []string{"Average", "Count", "Maximum", "Minimum", "Total"}
	comparisons  = []string{"Equals", "GreaterThan", "GreaterThanOrEqual", "LessThan", "LessThanOrEqual"}
)

// flexMetrics are the metrics of a Flex Consumption app. There are none of requests: no Http5xx, no HttpResponseTime. Their names
// are those of "Supported metrics for Microsoft.Web/sites", learn.microsoft.com/azure/azure-monitor/reference/supported-metrics/
// microsoft-web-sites-metrics. That page says of the others only that they are of function apps; deployed Flex apps do not list
// them (az monitor metrics list-definitions, as public repositories tell), which Microsoft's pages do not confirm.
var flexMetrics = []string{
	"AlwaysReadyFunctionExecutionCount", "AlwaysReadyFunctionExecutionUnits", "AlwaysReadyUnits", "AverageMemoryWorkingSet", "CpuPercentage",
	"InstanceCount", "MemoryWorkingSet", "OnDemandFunctionExecutionCount", "OnDemandFunctionExecutionUnits",
}

// What a metric alert's criteria are of.
const (
	criteriaOfOne     = "Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria"
	criteriaOfWebTest = "Microsoft.Azure.Monitor.WebtestLocationAvailabilityCriteria"
)

// maxAlertName is how long the names of a metric alert and its group are together; what is in one: "Create or edit a metric alert
// rule", Naming restrictions for metric alert rules, learn.microsoft.com/azure/azure-monitor/alerts/alerts-create-metric-alert-rule.
const maxAlertName = 252

// metricAlert watches metrics of one app, or a web test. Source: "Metric Alerts - Create Or Update", learn.microsoft.com/rest/api/
// monitor; the values of frequency and window: azurerm_monitor_metric_alert.
func metricAlert() *resource.Type {
	criterion := &resource.Property{Kind: resource.Object, Unmodelled: []string{"dimensions", "skipMetricValidation"}, Fields: []resource.Property{
		{Name: "criterionType", Kind: resource.String, Required: true, OneOf: resource.List[any]("StaticThresholdCriterion")},
		{Name: "name", Kind: resource.String, Required: true}, {Name: "metricName", Kind: resource.String, Required: true}, {Name: "metricNamespace", Kind: resource.String},
		choice("timeAggregation", aggregations...), choice("operator", comparisons...),
		{Name: "threshold", Kind: resource.Number, Required: true},
	}}
	t := arm(tokenMetricAlert, "Microsoft.Insights/metricAlerts", "ruleName", append(alertProperties(
		[]string{"PT1M", "PT5M", "PT15M", "PT30M", "PT1H"}, []string{"PT1M", "PT5M", "PT15M", "PT30M", "PT1H", "PT6H", "PT12H", "P1D"}),
		named("ruleName", `^[^*#&+:<>?@%{}\\/]{0,259}[^*#&+:<>?@%{}\\/. ]$`), only("location", "global"),
		resource.Property{Name: "criteria", Kind: resource.Object, Required: true, Fields: []resource.Property{
			{Name: "odataType", Kind: resource.String, Required: true, OneOf: resource.List[any](criteriaOfOne, criteriaOfWebTest)},
			{Name: "allOf", Kind: resource.Array, Min: resource.At(1), Max: resource.At(5), Elem: criterion},
			{Name: "webTestId", Kind: resource.String}, {Name: "componentId", Kind: resource.String}, {Name: "failedLocationCount", Kind: resource.Int, Min: resource.At(1)},
		}},
		resource.Property{Name: "actions", Kind: resource.Array, Elem: &resource.Property{Kind: resource.Object, Unmodelled: []string{"webHookProperties"}, Fields: []resource.Property{
			{Name: "actionGroupId", Kind: resource.String, Required: true},
		}}},
	)...)
	t.Unmodelled = []string{"actionProperties", "customProperties", "identity", "resolveConfiguration", "targetResourceRegion", "targetResourceType"}
	t.AutoName = autoName("ruleName", 260)
	check := func(v resource.View, in resource.Props) error {
		if n := len(in.Str("resourceGroupName") + in.Str("ruleName")); n > maxAlertName {
			return badRequest("The combined resource group name and alert rule name cannot exceed %d characters, and has %d.", maxAlertName, n)
		}
		if spans[in.Str("windowSize")] < spans[in.Str("evaluationFrequency")] {
			return badRequest("The window size %s must not be less than the evaluation frequency %s.", in.Str("windowSize"), in.Str("evaluationFrequency"))
		}
		criteria := checkMetrics
		if in.Object("criteria").Str("odataType") == criteriaOfWebTest {
			criteria = checkLocations
		}
		if err := criteria(v, in.Object("criteria"), in.Strings("scopes")); err != nil {
			return err
		}
		for _, a := range in.Objects("actions") {
			if _, err := must(v, tokenActionGroup, a.Str("actionGroupId")); err != nil {
				return err
			}
		}
		return nil
	}
	return rule(t, "metricAlerts", "2018-03-01", check)
}

// checkMetrics checks criteria on metrics. The words about scopes: Azure/azure-cli issue #10348.
func checkMetrics(v resource.View, criteria resource.Props, scopes []string) error {
	if !criteria.Has("allOf") {
		return badRequest("The criteria have no conditions: allOf is required with %s.", criteriaOfOne)
	}
	if len(scopes) != 1 {
		return badRequest("Scopes property is invalid. Only single resource is allowed for criteria type SingleResourceMultipleMetricCriteria. There are %d.", len(scopes))
	}
	if _, err := must(v, tokenApp, scopes[0]); err != nil {
		return err
	}
	for _, c := range criteria.Objects("allOf") {
		if ns := c.Str("metricNamespace"); ns != "" && !strings.EqualFold(ns, "Microsoft.Web/sites") || !slices.Contains(flexMetrics, c.Str("metricName")) {
			return badRequest("Couldn't find a metric named %s. Make sure the name is correct. A Flex Consumption app has %s.", c.Str("metricName"), strings.Join(flexMetrics, ", "))
		}
	}
	return nil
}

// checkLocations checks criteria on a web test's places: the alert's scopes are the test and its component, and no others.
// Source: Azure/azure-rest-api-specs, metricAlerts 2018-03-01, createOrUpdateWebTestMetricAlert.json; the refusal:
// Azure/bicep-registry-modules issue #2449, Azure/azure-quickstart-templates issue #5305.
func checkLocations(v resource.View, criteria resource.Props, scopes []string) error {
	test, component := criteria.Str("webTestId"), criteria.Str("componentId")
	if len(scopes) != 2 || criteria.Int("failedLocationCount") < 1 || !slices.ContainsFunc(scopes, func(s string) bool { return Equal(s, test) }) ||
		!slices.ContainsFunc(scopes, func(s string) bool { return Equal(s, component) }) {
		return badRequest("Alert scope is invalid.")
	}
	if _, err := must(v, tokenComponent, component); err != nil {
		return err
	}
	_, err := must(v, tokenWebTest, test)
	return err
}

// rule gives a type of alert rules its hooks.
func rule(t *resource.Type, kind, version string, check func(resource.View, resource.Props) error) *resource.Type {
	t.Create = func(_ context.Context, env *resource.Env, in resource.Props) (string, resource.Props, error) {
		id, g, err := place(env, in, "Microsoft.Insights", kind, in.Str("ruleName"))
		if err != nil {
			return "", nil, err
		}
		return id.String(), made(id, version).With(resource.Props{"location": at(in, g)}), check(env.View(), in)
	}
	t.Update = func(_ context.Context, env *resource.Env, _ resource.Record, in resource.Props) (resource.Props, error) {
		return nil, check(env.View(), in)
	}
	return t
}
