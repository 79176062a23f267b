package azure

import (
	"regexp"
	"slices"
	"strings"
	"time"

	"polygate.example/tools/internal/localcloud/resource"
)

// spans are the stretches of time that alert rules take.
var spans = map[string]time.Duration{
	"PT1M": time.Minute, "PT5M": 5 * time.Minute, "PT10M": 10 * time.Minute, "PT15M": 15 * time.Minute, "PT30M": 30 * time.Minute, "PT45M": 45 * time.Minute,
	"PT1H": time.Hour, "PT2H": 2 * time.Hour, "PT3H": 3 * time.Hour, "PT4H": 4 * time.Hour, "PT5H": 5 * time.Hour, "PT6H": 6 * time.Hour, "PT12H": 12 * time.Hour,
	"P1D": 24 * time.Hour, "P2D": 48 * time.Hour,
}

// longestLook is how far back a rule looks at most: its window times its periods. Source: azurerm_monitor_scheduled_query_
// rules_alert_v2, number_of_evaluation_periods.
const longestLook = 48 * time.Hour

// Tables that a query may begin with, in a component and in a workspace. Source: "Workspace-based Application Insights
// resources", table structure, learn.microsoft.com/azure/azure-monitor/app/convert-classic-resource.
var tablesOf = map[string][]string{
	tokenComponent: {"availabilityResults", "browserTimings", "customEvents", "customMetrics", "dependencies", "exceptions", "pageViews", "performanceCounters", "requests", "traces"},
	tokenWorkspace: {"AppAvailabilityResults", "AppBrowserTimings", "AppDependencies", "AppEvents", "AppExceptions", "AppMetrics", "AppPageViews", "AppPerformanceCounters", "AppRequests", "AppTraces"},
}

var firstWord = regexp.MustCompile(`^\s*([A-Za-z_][A-Za-z0-9_]*)`)

// queryRule watches what a query over logs says. Source: Microsoft.Insights/scheduledQueryRules template reference; the
// values of frequency and window: azurerm_monitor_scheduled_query_rules_alert_v2.
func queryRule() *resource.Type {
	frequencies := []string{"PT1M", "PT5M", "PT10M", "PT15M", "PT30M", "PT45M", "PT1H", "PT2H", "PT3H", "PT4H", "PT5H", "PT6H", "P1D"}
	condition := &resource.Property{
		Kind: resource.Object, Unmodelled: []string{"alertSensitivity", "criterionType", "dimensions", "ignoreDataBefore", "metricName", "minRecurrenceCount", "resourceIdColumn"},
		Fields: []resource.Property{
			{Name: "query", Kind: resource.String, Required: true, Min: resource.At(1)},
			choice("timeAggregation", aggregations...), choice("operator", comparisons...), {Name: "metricMeasureColumn", Kind: resource.String},
			{Name: "threshold", Kind: resource.Number, Required: true},
			{Name: "failingPeriods", Kind: resource.Object, Fields: []resource.Property{
				{Name: "numberOfEvaluationPeriods", Kind: resource.Int, Min: resource.At(1), Max: resource.At(6)},
				{Name: "minFailingPeriodsToAlert", Kind: resource.Int, Min: resource.At(1), Max: resource.At(6)},
			}},
		},
	}
	where := location
	where.Required = true
	t := arm(tokenQueryRule, "Microsoft.Insights/scheduledQueryRules", "ruleName", append(alertProperties(frequencies, append(slices.Clone(frequencies), "P2D")),
		named("ruleName", `^[^#<>%&:\\?/{}*|]{1,259}[^#<>%&:\\?/{}*|. ]$`), where,
		resource.Property{Name: "displayName", Kind: resource.String}, choice("kind", "LogAlert"),
		resource.Property{Name: "criteria", Kind: resource.Object, Required: true, Fields: []resource.Property{
			{Name: "allOf", Kind: resource.Array, Required: true, Min: resource.At(1), Max: resource.At(1), Elem: condition},
		}},
		resource.Property{Name: "actions", Kind: resource.Object, Unmodelled: []string{"actionProperties", "customProperties"}, Fields: []resource.Property{
			{Name: "actionGroups", Kind: resource.Array, Elem: &resource.Property{Kind: resource.String}},
		}},
	)...)
	t.Unmodelled = []string{
		"checkWorkspaceAlertsStorageConfigured", "identity", "muteActionsDuration", "overrideQueryTimeRange", "publicNetworkAccess", "resolveConfiguration",
		"ruleResolveConfiguration", "skipQueryValidation", "targetResourceTypes",
	}
	t.AutoName = autoName("ruleName", 260)
	return rule(t, "scheduledQueryRules", "2025-01-01-preview", checkQueryRule)
}

func checkQueryRule(v resource.View, in resource.Props) error {
	tables, err := tablesIn(v, in.Strings("scopes"))
	if err != nil {
		return err
	}
	for _, c := range in.Object("criteria").Objects("allOf") {
		periods, failing := max(1, c.Object("failingPeriods").Int("numberOfEvaluationPeriods")), max(1, c.Object("failingPeriods").Int("minFailingPeriodsToAlert"))
		switch m := firstWord.FindStringSubmatch(c.Str("query")); {
		case m == nil || !slices.Contains(tables, m[1]):
			return badRequest("The query validation failed: Failed to resolve table or column expression at the beginning of '%s'. Tables here: %s.", c.Str("query"), strings.Join(tables, ", "))
		case c.Str("timeAggregation") != "Count" && c.Str("metricMeasureColumn") == "":
			return badRequest("The metric measure column is required with the time aggregation '%s'.", c.Str("timeAggregation"))
		case failing > periods:
			return badRequest("The number of violations to trigger an alert, %d, must not be above the number of evaluation periods, %d.", failing, periods)
		case spans[in.Str("windowSize")]*time.Duration(periods) > longestLook:
			return badRequest("The rule looks back %s times %d: want at most 48 hours.", in.Str("windowSize"), periods)
		}
	}
	for _, id := range in.Object("actions").Strings("actionGroups") {
		if _, err := must(v, tokenActionGroup, id); err != nil {
			return err
		}
	}
	return nil
}

// tablesIn lists the tables of the one resource a rule is about.
func tablesIn(v resource.View, scopes []string) ([]string, error) {
	if len(scopes) != 1 {
		return nil, badRequest("A log alert has one scope, and there are %d.", len(scopes))
	}
	if _, ok := find(v, tokenComponent, scopes[0]); ok {
		return tablesOf[tokenComponent], nil
	}
	if _, err := must(v, tokenWorkspace, scopes[0]); err != nil {
		return nil, err
	}
	return tablesOf[tokenWorkspace], nil
}
