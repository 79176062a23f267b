package azure

import (
	"fmt"
	"strconv"

	"github.com/pulumi/pulumi-azure-native-sdk/applicationinsights/v3"
	"github.com/pulumi/pulumi-azure-native-sdk/v3/utilities"
	"github.com/pulumi/pulumi-azure-native-sdk/web/v3"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"polygate.example/infra/provider"
)

// Severities of alerts. Source: "Overview of Azure Monitor alerts" (0 critical to 4 verbose).
const (
	severityError   = 1
	severityWarning = 2
)

// window is how long a stretch an alarm looks at, and how often.
const window = "PT5M"

// errorsQuery gives the share of server errors in per cent, latencyQuery the 99th percentile in milliseconds, both of the
// requests that Application Insights was told of; itemCount undoes its sampling. They are queries because Flex Consumption
// has no metrics of requests: neither Http5xx nor HttpResponseTime, but executions, instances, CPU and memory. Source:
// "Monitoring Azure Functions data reference", metrics of the Flex Consumption plan, learn.microsoft.com/azure/
// azure-functions/monitor-functions-reference.
const (
	errorsQuery = "requests | summarize total = sum(itemCount), failed = sumif(itemCount, toint(resultCode) >= 500)" +
		" | project percent = iff(total == 0, 0.0, 100.0 * failed / total)"
	latencyQuery = "requests | summarize milliseconds = percentilew(duration, itemCount, 99)"
)

// alarms declares whom to write to, which is returned, and when, in the region itself, so that one that is lost takes no
// other's alarms with it: the share of errors, the latency, and the instances at their bound, beyond which requests wait or
// are refused. The certificate's age is watched from outside, see watchCertificate. Without the dial there is nobody.
func (r *region) alarms(app *web.WebApp, logs *applicationinsights.Component) (*pulumi.CustomResourceState, error) {
	a := r.account.args.Settings.Alarms
	if a == nil {
		return nil, nil
	}
	group, err := r.monitor("ActionGroup", "alarms", pulumi.Map{
		"actionGroupName": pulumi.String(r.stem),
		"groupShortName":  pulumi.String("polygate"), // at most 12 characters
		"location":        pulumi.String("Global"),
		"enabled":         pulumi.Bool(true),
		"emailReceivers": pulumi.Array{pulumi.Map{
			"name": pulumi.String("operators"), "emailAddress": pulumi.String(a.Email), "useCommonAlertSchema": pulumi.Bool(true),
		}},
	})
	if err != nil {
		return nil, err
	}
	for _, q := range []struct {
		key, says, query, column string
		threshold                float64
		severity                 int
	}{
		{"errors", fmt.Sprintf("More than %g %% of the requests end in a server error.", a.ErrorPercent), errorsQuery, "percent", a.ErrorPercent, severityError},
		{"latency", fmt.Sprintf("One in a hundred requests takes longer than %d ms.", a.LatencyMS), latencyQuery, "milliseconds", float64(a.LatencyMS), severityWarning},
	} {
		if _, err := r.monitor("ScheduledQueryRule", q.key+"-alarm", pulumi.Map{
			"ruleName": pulumi.String(r.stem + "-" + q.key), "displayName": pulumi.String(r.stem + "-" + q.key), "description": pulumi.String(q.says),
			"kind": pulumi.String("LogAlert"), "location": r.in, "enabled": pulumi.Bool(true), "severity": pulumi.Int(q.severity),
			"evaluationFrequency": pulumi.String(window), "windowSize": pulumi.String(window), "autoMitigate": pulumi.Bool(true),
			"scopes": pulumi.Array{logs.ID()},
			"criteria": pulumi.Map{"allOf": pulumi.Array{pulumi.Map{
				"query": pulumi.String(q.query), "metricMeasureColumn": pulumi.String(q.column), "timeAggregation": pulumi.String("Maximum"),
				"operator": pulumi.String("GreaterThan"), "threshold": pulumi.Float64(q.threshold),
				"failingPeriods": pulumi.Map{"numberOfEvaluationPeriods": pulumi.Int(1), "minFailingPeriodsToAlert": pulumi.Int(1)},
			}}},
			"actions": pulumi.Map{"actionGroups": pulumi.Array{group.ID()}},
		}); err != nil {
			return nil, err
		}
	}
	// InstanceCount is "the number of instances on which this app is running" (Supported metrics for Microsoft.Web/sites,
	// Automatic Scaling Instance Count, learn.microsoft.com/azure/azure-monitor/reference/supported-metrics/
	// microsoft-web-sites-metrics), those that are always ready among them.
	most := r.account.args.Settings.Concurrency + r.ready()
	_, err = r.monitor("MetricAlert", "saturation-alarm", pulumi.Map{
		"ruleName": pulumi.String(r.stem + "-saturation"), "description": pulumi.String("All " + strconv.Itoa(most) + " instances are in use: requests wait, or are refused."),
		"location": pulumi.String("global"), "enabled": pulumi.Bool(true), "severity": pulumi.Int(severityWarning),
		"evaluationFrequency": pulumi.String(window), "windowSize": pulumi.String(window), "autoMitigate": pulumi.Bool(true),
		"scopes": pulumi.Array{app.ID()},
		"criteria": pulumi.Map{
			"odataType": pulumi.String("Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria"),
			"allOf": pulumi.Array{pulumi.Map{
				"criterionType": pulumi.String("StaticThresholdCriterion"), "name": pulumi.String("instances"),
				"metricNamespace": pulumi.String("Microsoft.Web/sites"), "metricName": pulumi.String("InstanceCount"),
				"timeAggregation": pulumi.String("Average"), "operator": pulumi.String("GreaterThanOrEqual"), "threshold": pulumi.Float64(most),
			}},
		},
		"actions": pulumi.Array{pulumi.Map{"actionGroupId": group.ID()}},
	})
	return group, err
}

// monitor registers a resource of azure-native's module monitor, whose SDK cannot be had in a version that goes with the
// others'. Properties are those of azure-native 3.16: pulumi.com/registry/packages/azure-native/api-docs/monitor. Alarms
// come and go with their dial, also under protect.
func (r *region) monitor(kind, key string, properties pulumi.Map) (*pulumi.CustomResourceState, error) {
	properties["resourceGroupName"] = r.group.Name
	if properties["tags"] == nil {
		properties["tags"] = r.tags
	}
	state := &pulumi.CustomResourceState{}
	opts := utilities.PkgResourceDefaultOpts([]pulumi.ResourceOption{r.parent, provider.Replaceable()})
	if err := r.ctx.RegisterResource("azure-native:monitor:"+kind, r.name+"-"+key, properties, state, opts...); err != nil {
		return nil, r.failed(key, err)
	}
	return state, nil
}
