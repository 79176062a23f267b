package azure_test

import (
	"fmt"
	"strings"
	"time"

	"polygate.example/tools/internal/localcloud/azure"
	"polygate.example/tools/internal/localcloud/resource"
)

// Tokens of what watches and secures an app.
const (
	tSCM         = "azure-native:web:WebAppScmAllowed"
	tActionGroup = "azure-native:monitor:ActionGroup"
	tMetricAlert = "azure-native:monitor:MetricAlert"
	tQueryRule   = "azure-native:monitor:ScheduledQueryRule"
	tBudget      = "azure-native:consumption:Budget"

	componentID = groupID + "/providers/Microsoft.Insights/components/gw"
	actionID    = groupID + "/providers/Microsoft.Insights/actionGroups/gw"
	secretID    = "/subscriptions/" + sub + "/resourceGroups/vaults/providers/Microsoft.KeyVault/vaults/our-vault/secrets/api-key"
)

const (
	docZones       = "learn.microsoft.com/azure/azure-functions/functions-zone-redundancy; Azure regions list, learn.microsoft.com/azure/reliability/regions-list"
	docReady       = "learn.microsoft.com/azure/azure-functions/flex-consumption-plan, Always ready instances"
	docHow         = "learn.microsoft.com/azure/azure-functions/flex-consumption-how-to"
	docRedundancy  = "learn.microsoft.com/azure/storage/common/redundancy-migration; terraform-provider-azurerm issue #6526"
	docReference   = "learn.microsoft.com/azure/app-service/app-service-key-vault-references"
	docVaultRBAC   = "learn.microsoft.com/azure/key-vault/general/rbac-guide"
	docActionGroup = "learn.microsoft.com/azure/templates/microsoft.insights/actiongroups; learn.microsoft.com/azure/azure-monitor/alerts/action-groups"
	docFlexMetrics = "what deployed apps list (az monitor metrics list-definitions), as public repositories tell; unconfirmed: " +
		"learn.microsoft.com/azure/azure-monitor/reference/supported-metrics/microsoft-web-sites-metrics says of these that they are for function apps, and not of which plan"
	docMetricAlert = "registry.terraform.io azurerm_monitor_metric_alert"
	docMetricSpec  = "Azure/azure-rest-api-specs, metricAlerts 2018-03-01"
	docMetricName  = "learn.microsoft.com/azure/azure-monitor/alerts/alerts-create-metric-alert-rule, Naming restrictions for metric alert rules"
	docQueryRule   = "registry.terraform.io azurerm_monitor_scheduled_query_rules_alert_v2"
	docBudget      = "Azure/azure-rest-api-specs, Microsoft.Consumption budgets"
	docBudgetRM    = "registry.terraform.io azurerm_consumption_budget_subscription"
	docBudgetStart = docBudgetRM + ", start_date: must be first of the month ... Future start date should not be more than twelve months. Past start date should be selected within the timegrain period"
	docBasicAuth   = "learn.microsoft.com/azure/app-service/configure-basic-auth-disable"
)

func scaled(scale resource.Props) func(_, config, _ resource.Props) {
	return func(_, config, _ resource.Props) { config["scaleAndConcurrency"] = scale }
}

func alwaysReady(name string, n float64) []any {
	return []any{resource.Props{"name": name, "instanceCount": n}}
}

// inZones makes a zone-redundant plan and then an app in it.
func inZones(change func(top, config, site resource.Props)) func(*kit) error {
	return func(k *kit) error {
		k.storage(nil)
		identity := k.identity("")
		k.must(tPlan, planInputs(resource.Props{"zoneRedundant": true}))
		return made(k.create(tApp, appInputs(identity, change)))
	}
}

// anotherSKU makes a storage account and changes its redundancy.
func anotherSKU(before, after string) func(*kit) error {
	return func(k *kit) error {
		k.group()
		k.must(tAccount, accountInputs(resource.Props{"sku": resource.Props{"name": before}}))
		_, err := k.update(tAccount, accountID, accountInputs(resource.Props{"sku": resource.Props{"name": after}}))
		return err
	}
}

func refusedSite(name string, value any) func(*kit) error {
	return wrongApp(func(_, _, site resource.Props) { site[name] = value })
}

func refusedSetting(name string) func(*kit) error {
	return wrongApp(func(_, _, site resource.Props) {
		site["appSettings"] = []any{resource.Props{"name": name, "value": "1"}}
	})
}

var scaleFacts = []fact{
	{"a plan is zone-redundant only where there are zones", docZones, func(k *kit) error {
		k.must(tGroup, resource.Props{"resourceGroupName": "gw", "location": "westcentralus"})
		return made(k.create(tPlan, planInputs(resource.Props{"zoneRedundant": true})))
	}, azure.CodeBadRequest, "not available for Flex Consumption plans in the location 'westcentralus'"},
	{"nor does it become so elsewhere", docZones, func(k *kit) error {
		k.must(tGroup, resource.Props{"resourceGroupName": "gw", "location": "northcentralus"})
		k.must(tPlan, planInputs(nil))
		_, err := k.update(tPlan, planID, planInputs(resource.Props{"zoneRedundant": true}))
		return err
	}, azure.CodeBadRequest, "'northcentralus'"},
	{"a zone-redundant app has two instances ready, or none configured", docReady, inZones(scaled(resource.Props{"alwaysReady": alwaysReady("http", 1)})), azure.CodeBadRequest, "at least 2 in a zone redundant plan"},
	{"instances are ready for a group or for a function", docHow, wrongApp(scaled(resource.Props{"alwaysReady": alwaysReady("gateway", 1)})), "", "alwaysReady[0].name"},
	{"a group is named once", docHow, wrongApp(scaled(resource.Props{"alwaysReady": append(alwaysReady("http", 1), alwaysReady("http", 2)...)})), azure.CodeBadRequest, "'http' is there twice"},
	{"instances that are ready are not negative", docHow, wrongApp(scaled(resource.Props{"alwaysReady": alwaysReady("http", -1)})), "", "instanceCount"},
	{"an instance takes at least one request", docHow, wrongApp(scaled(resource.Props{"triggers": resource.Props{"http": resource.Props{"perInstanceConcurrency": 0.0}}})), azure.CodeBadRequest, "The value 0 is outside 1 to 1000"},
	{"an instance takes at most 1000 requests at a time", "registry.terraform.io azurerm_function_app_flex_consumption, http_concurrency", wrongApp(scaled(resource.Props{"triggers": resource.Props{"http": resource.Props{"perInstanceConcurrency": 1001.0}}})), azure.CodeBadRequest, "The value 1001"},
	{"alwaysOn is refused", docSetting, refusedSite("alwaysOn", true), azure.CodeBadRequest, "Site.SiteConfig.AlwaysOn"},
	{"healthCheckPath is refused", docSetting, refusedSite("healthCheckPath", "/health"), azure.CodeBadRequest, "Site.SiteConfig.HealthCheckPath"},
	{"preWarmedInstanceCount is refused", docSetting, refusedSite("preWarmedInstanceCount", 2.0), azure.CodeBadRequest, "Site.SiteConfig.PreWarmedInstanceCount"},
	{"FUNCTIONS_WORKER_PROCESS_COUNT is refused", docSetting, refusedSetting("FUNCTIONS_WORKER_PROCESS_COUNT"), azure.CodeBadRequest, "FUNCTIONS_WORKER_PROCESS_COUNT"},
	{"FUNCTIONS_MAX_HTTP_CONCURRENCY is refused", docSetting, refusedSetting("FUNCTIONS_MAX_HTTP_CONCURRENCY"), azure.CodeBadRequest, "FUNCTIONS_MAX_HTTP_CONCURRENCY"},
	{"WEBSITE_MAX_DYNAMIC_APPLICATION_SCALE_OUT is refused", docSetting, refusedSetting("WEBSITE_MAX_DYNAMIC_APPLICATION_SCALE_OUT"), azure.CodeBadRequest, "WEBSITE_MAX_DYNAMIC_APPLICATION_SCALE_OUT"},
	{"an account is not made zone-redundant by an update", docRedundancy, anotherSKU("Standard_LRS", "Standard_ZRS"), azure.CodeConversion, "from Standard_LRS to Standard_ZRS"},
	{"nor is it taken back", docRedundancy, anotherSKU("Standard_ZRS", "Standard_LRS"), azure.CodeConversion, "from Standard_ZRS to Standard_LRS"},
	{"nor with another region", docRedundancy, anotherSKU("Standard_GRS", "Standard_GZRS"), azure.CodeConversion, "from Standard_GRS to Standard_GZRS"},
	{"an account keeps its performance tier", docRedundancy, anotherSKU("Standard_LRS", "Premium_LRS"), azure.CodeConversion, "to Premium_LRS"},
	{"a policy of passwords is one of an app", docBasicAuth, func(k *kit) error {
		k.group()
		return made(k.create(tSCM, in(resource.Props{"name": "gw-app", "allow": false})))
	}, azure.CodeNotFound, "'Microsoft.Web/sites/gw-app' under resource group 'gw' was not found"},
}

var secretFacts = []fact{
	{"references are resolved by an identity of the app's", docReference + ", Access vaults with a user-assigned identity", wrongApp(func(top, _, _ resource.Props) {
		top["keyVaultReferenceIdentity"] = groupID + "/providers/Microsoft.ManagedIdentity/userAssignedIdentities/other"
	}), azure.CodeBadRequest, "is not assigned to the app"},
	{"references are by URI", "the local Azure's own limit", wrongApp(func(_, _, site resource.Props) {
		site["appSettings"] = []any{resource.Props{"name": "KEY", "value": "@Microsoft.KeyVault(VaultName=our-vault;SecretName=api-key)"}}
	}), azure.CodeBadRequest, "of the form @Microsoft.KeyVault(SecretUri=...) only: KEY has another"},
	{"a role on a secret wants the vault", docVaultRBAC + ", Secret scope role assignment", wrongRole(resource.Props{"scope": secretID}), azure.CodeNotFound, "'Microsoft.KeyVault/vaults/our-vault'"},
}

// watched makes what alerts are about, and whom they tell.
func (k *kit) watched() {
	k.t.Helper()
	k.app(nil, "")
	k.must(tWorkspace, in(resource.Props{"workspaceName": "logs", "sku": resource.Props{"name": "PerGB2018"}}))
	k.must(tComponent, in(resource.Props{"resourceName": "gw", "kind": "web", "workspaceResourceId": groupID + "/providers/Microsoft.OperationalInsights/workspaces/logs"}))
	k.must(tActionGroup, actionGroupInputs(nil))
}

func actionGroupInputs(more resource.Props) resource.Props {
	return in(resource.Props{
		"actionGroupName": "gw", "groupShortName": "polygate", "location": "Global", "enabled": true,
		"emailReceivers": []any{resource.Props{"name": "operators", "emailAddress": "ops@example.com", "useCommonAlertSchema": true}},
	}).With(more)
}

func wrongActionGroup(more resource.Props) func(*kit) error {
	return func(k *kit) error {
		k.group()
		return made(k.create(tActionGroup, actionGroupInputs(more)))
	}
}

func metricAlertInputs(criterion, more resource.Props) resource.Props {
	return in(resource.Props{
		"ruleName": "gw", "location": "global", "enabled": true, "severity": 2.0, "evaluationFrequency": "PT5M", "windowSize": "PT5M", "scopes": []any{appID},
		"criteria": resource.Props{"odataType": "Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria", "allOf": []any{resource.Props{
			"criterionType": "StaticThresholdCriterion", "name": "instances", "metricNamespace": "Microsoft.Web/sites", "metricName": "InstanceCount",
			"timeAggregation": "Average", "operator": "GreaterThanOrEqual", "threshold": 100.0,
		}.With(criterion)}},
		"actions": []any{resource.Props{"actionGroupId": actionID}},
	}).With(more)
}

func wrongMetricAlert(criterion, more resource.Props) func(*kit) error {
	return func(k *kit) error {
		k.watched()
		return made(k.create(tMetricAlert, metricAlertInputs(criterion, more)))
	}
}

func queryRuleInputs(condition, more resource.Props) resource.Props {
	return in(resource.Props{
		"ruleName": "gw", "location": "eastus", "enabled": true, "severity": 1.0, "evaluationFrequency": "PT5M", "windowSize": "PT5M", "scopes": []any{componentID},
		"criteria": resource.Props{"allOf": []any{resource.Props{
			"query": "requests | summarize n = count()", "metricMeasureColumn": "n", "timeAggregation": "Maximum", "operator": "GreaterThan", "threshold": 1.0,
		}.With(condition)}},
		"actions": resource.Props{"actionGroups": []any{actionID}},
	}).With(more)
}

func wrongQueryRule(condition, more resource.Props) func(*kit) error {
	return func(k *kit) error {
		k.watched()
		return made(k.create(tQueryRule, queryRuleInputs(condition, more)))
	}
}

func periods(n, failing float64) resource.Props {
	return resource.Props{"failingPeriods": resource.Props{"numberOfEvaluationPeriods": n, "minFailingPeriodsToAlert": failing}}
}

var alertFacts = []fact{
	{"a short name has at most 12 characters", docActionGroup, wrongActionGroup(resource.Props{"groupShortName": "polygate-prod"}), "", "groupShortName"},
	{"action groups are global", docActionGroup, wrongActionGroup(resource.Props{"location": "eastus"}), "", "want 'Global'"},
	{"a receiver has an address", docActionGroup, wrongActionGroup(resource.Props{"emailReceivers": []any{resource.Props{"name": "operators", "emailAddress": "ops"}}}), "", "emailAddress"},
	{"receivers have names of their own", docActionGroup, wrongActionGroup(resource.Props{"emailReceivers": []any{
		resource.Props{"name": "operators", "emailAddress": "a@example.com"}, resource.Props{"name": "operators", "emailAddress": "b@example.com"},
	}}), azure.CodeBadRequest, "'operators' is there twice"},
	{"Flex Consumption counts no server errors", docFlexMetrics, wrongMetricAlert(resource.Props{"metricName": "Http5xx"}, nil), azure.CodeBadRequest, "Couldn't find a metric named Http5xx."},
	{"Flex Consumption measures no response times", docFlexMetrics, wrongMetricAlert(resource.Props{"metricName": "HttpResponseTime"}, nil), azure.CodeBadRequest, "Couldn't find a metric named HttpResponseTime."},
	{"a window is not shorter than the time between evaluations", docMetricAlert + ", window_size: must be greater than frequency; that it may be equal: unconfirmed, as the portal's 5 and 5 minutes", wrongMetricAlert(nil, resource.Props{"evaluationFrequency": "PT15M"}), azure.CodeBadRequest, "PT5M must not be less than the evaluation frequency PT15M"},
	{"metric alerts are evaluated at set times", docMetricAlert + ", frequency: PT1M, PT5M, PT15M, PT30M and PT1H", wrongMetricAlert(nil, resource.Props{"evaluationFrequency": "PT2M"}), "", "evaluationFrequency"},
	{"a metric alert's name has no plus sign", docMetricName + ": can't contain * # & + : < > ? @ % { } \\ /", wrongMetricAlert(nil, resource.Props{"ruleName": "gw+1"}), "", "ruleName"},
	{"group and name of a metric alert have 252 characters together", docMetricName + ": The combined resource group name and alert rule name can't exceed 252 characters", wrongMetricAlert(nil, resource.Props{"ruleName": strings.Repeat("a", 251)}), azure.CodeBadRequest, "cannot exceed 252 characters"},
	{"metric alerts are global", docMetricSpec + ", createOrUpdateWebTestMetricAlert.json: location is global", wrongMetricAlert(nil, resource.Props{"location": "eastus"}), "", "want 'global'"},
	{"severities go from 0 to 4", docMetricAlert + ", severity: 0, 1, 2, 3 and 4", wrongMetricAlert(nil, resource.Props{"severity": 5.0}), "", "severity"},
	{"criteria of a single resource have one", "Azure/azure-cli issue #10348", wrongMetricAlert(nil, resource.Props{"scopes": []any{appID, appID + "2"}}), azure.CodeBadRequest, "Only single resource is allowed"},
	{"what is watched exists", "Resource Manager API, ResourceNotFound", wrongMetricAlert(nil, resource.Props{"scopes": []any{appID + "2"}}), azure.CodeNotFound, "sites/gw-app2"},
	{"whom an alert tells exists", "Resource Manager API, ResourceNotFound", wrongMetricAlert(nil, resource.Props{"actions": []any{resource.Props{"actionGroupId": actionID + "2"}}}), azure.CodeNotFound, "actionGroups/gw2"},
	{"a comparison is spelled out", docMetricAlert + ", operator: Equals, GreaterThan, GreaterThanOrEqual, LessThan and LessThanOrEqual", wrongMetricAlert(resource.Props{"operator": ">"}, nil), "", "operator"},
	{"a query begins with a table of its scope", "the words: Failed to resolve table, as public repositories quote them; which tables a scope has: learn.microsoft.com/azure/azure-monitor/app/convert-classic-resource, table structure", wrongQueryRule(resource.Props{"query": "AppRequests | count"}, nil), azure.CodeBadRequest, "Failed to resolve table or column expression"},
	{"a measure has a column", docQueryRule + ", metric_measure_column: required if the aggregation is Average, Maximum, Minimum or Total", wrongQueryRule(resource.Props{"metricMeasureColumn": ""}, nil), azure.CodeBadRequest, "metric measure column is required with the time aggregation 'Maximum'"},
	{"no more periods fail than there are", docQueryRule + ", minimum_failing_periods_to_trigger_alert: smaller or equal to number_of_evaluation_periods", wrongQueryRule(periods(1, 2), nil), azure.CodeBadRequest, "must not be above the number of evaluation periods"},
	{"a rule looks back two days at most", docQueryRule + ": window_duration*number_of_evaluation_periods cannot exceed 48 hours", wrongQueryRule(periods(3, 1), resource.Props{"windowSize": "P1D"}), azure.CodeBadRequest, "want at most 48 hours"},
	{"a rule looks at six periods at most", docQueryRule + ", number_of_evaluation_periods: integer between 1 and 6", wrongQueryRule(periods(7, 1), nil), "", "numberOfEvaluationPeriods"},
	{"windows are of set lengths", docQueryRule + ", window_duration", wrongQueryRule(nil, resource.Props{"windowSize": "PT7M"}), "", "windowSize"},
	{"what is queried exists", "Resource Manager API, ResourceNotFound", wrongQueryRule(nil, resource.Props{"scopes": []any{groupID + "/providers/Microsoft.OperationalInsights/workspaces/none"}}), azure.CodeNotFound, "workspaces/none"},
	{"whom a rule tells exists", "Resource Manager API, ResourceNotFound", wrongQueryRule(nil, resource.Props{"actions": resource.Props{"actionGroups": []any{actionID + "2"}}}), azure.CodeNotFound, "actionGroups/gw2"},
}

// month is the first of the month so many months from now.
func month(from int) string {
	now := time.Now().UTC()
	return time.Date(now.Year(), now.Month()+time.Month(from), 1, 0, 0, 0, 0, time.UTC).Format(time.RFC3339)
}

func budgetInputs(more resource.Props) resource.Props {
	return resource.Props{
		"budgetName": "gw", "scope": "/subscriptions/" + sub, "amount": 100.0, "category": "Cost", "timeGrain": "Monthly",
		"timePeriod":    resource.Props{"startDate": month(0)},
		"filter":        resource.Props{"dimensions": resource.Props{"name": "ResourceGroupName", "operator": "In", "values": []any{"gw"}}},
		"notifications": resource.Props{"actual": notification(nil)},
	}.With(more)
}

func notification(more resource.Props) resource.Props {
	return resource.Props{"enabled": true, "operator": "GreaterThanOrEqualTo", "threshold": 80.0, "thresholdType": "Actual", "contactEmails": []any{"ops@example.com"}}.With(more)
}

func wrongBudget(more resource.Props) func(*kit) error {
	return func(k *kit) error { return made(k.create(tBudget, budgetInputs(more))) }
}

func notified(more resource.Props) resource.Props {
	return resource.Props{"notifications": resource.Props{"actual": notification(more)}}
}

var budgetFacts = []fact{
	{"a budget begins on the first of a month", docBudgetStart, wrongBudget(resource.Props{"timePeriod": resource.Props{"startDate": month(0)[:8] + "02T00:00:00Z"}}), azure.CodeBadRequest, "Start date must be first of the month."},
	{"a budget begins no earlier than this month", "Start date for monthly time grain should not be prior to current month, as public repositories quote it; " + docBudgetStart, wrongBudget(resource.Props{"timePeriod": resource.Props{"startDate": month(-2)}}), azure.CodeBadRequest, "Start date for monthly time grain should not be prior to current month."},
	{"a budget begins within a year", docBudgetStart, wrongBudget(resource.Props{"timePeriod": resource.Props{"startDate": month(14)}}), azure.CodeBadRequest, "Future start date should not be more than twelve months."},
	{"a budget's start is never changed", "Azure/azure-quickstart-templates issue #7095: Start date of budgets cannot be updated. Please delete and create a new budget.", func(k *kit) error {
		id, _ := k.must(tBudget, budgetInputs(nil))
		_, err := k.update(tBudget, id, budgetInputs(resource.Props{"timePeriod": resource.Props{"startDate": month(1)}}))
		return err
	}, azure.CodeBadRequest, "Start date of budgets cannot be updated. Please delete and create a new budget."},
	{"an amount is above zero", "unconfirmed: the reference gives no bound", wrongBudget(resource.Props{"amount": 0.0}), azure.CodeBadRequest, "Amount must be greater than 0."},
	{"there are five notifications at most", docBudget + ", notifications: Budget can have up to five notifications", func(k *kit) error {
		many := resource.Props{}
		for i := range 6 {
			many[fmt.Sprint("n", i)] = notification(nil)
		}
		return made(k.create(tBudget, budgetInputs(resource.Props{"notifications": many})))
	}, "", "notifications"},
	{"a notification goes to somebody", docBudget + ", contactEmails: Must have at least one contact email or contact group specified", wrongBudget(notified(resource.Props{"contactEmails": []any{}})), "", "contactEmails"},
	{"a threshold is at most 1000 per cent", docBudget + ", threshold: It is always percent and has to be between 0 and 1000", wrongBudget(notified(resource.Props{"threshold": 1001.0})), "", "threshold"},
	{"costs are actual or forecast", docBudget + ", thresholdType: Actual, Forecasted", wrongBudget(notified(resource.Props{"thresholdType": "Expected"})), "", "thresholdType"},
	{"a filter is by a dimension there is", docBudgetRM + ", dimension, name", wrongBudget(resource.Props{"filter": resource.Props{"dimensions": resource.Props{"name": "ResourceGroup", "operator": "In", "values": []any{"gw"}}}}), azure.CodeBadRequest, "Filter dimension 'ResourceGroup' is not supported"},
	{"a budget's group exists", "Resource Manager API, ResourceGroupNotFound", wrongBudget(resource.Props{"scope": groupID}), azure.CodeGroupNotFound, "'gw' could not be found"},
	{"a budget's name is there once in a scope", "pulumi-azure-native, provider.go", func(k *kit) error {
		k.must(tBudget, budgetInputs(nil))
		return made(k.create(tBudget, budgetInputs(nil)))
	}, azure.CodeExists, "budgets/gw"},
}
