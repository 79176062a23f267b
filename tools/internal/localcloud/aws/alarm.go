package aws

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"polygate.example/tools/internal/localcloud/resource"
)

const (
	tokenAlarm = "aws:cloudwatch/metricAlarm:MetricAlarm"
	labelAlarm = "CloudWatch Metric Alarm"
)

const alarmAPI = "PutMetricAlarm"

// Comparisons with a threshold, and those with a band that anomaly detection makes.
var (
	comparisons     = []string{"GreaterThanOrEqualToThreshold", "GreaterThanThreshold", "LessThanThreshold", "LessThanOrEqualToThreshold"}
	bandComparisons = []string{"LessThanLowerOrGreaterThanUpperThreshold", "LessThanLowerThreshold", "GreaterThanUpperThreshold"}
)

var (
	statistics = oneOf("SampleCount", "Average", "Sum", "Minimum", "Maximum")
	// extendedStatistic is a percentile or trimmed statistic: p99, p99.9, tm90, TM(5%:95%), PR(:300).
	extendedStatistic = regexp.MustCompile(`^((p|tm|tc|ts|wm)((\d{1,2}(\.\d{0,16})?)|100)|(TM|TC|TS|WM|PR)\(.*:.*\)|IQM)$`)
	queryID           = regexp.MustCompile(`^[a-z][a-zA-Z0-9_]*$`)
	variable          = regexp.MustCompile(`\b[a-z][a-zA-Z0-9_]*\b`)
)

// period is one of seconds: "10, 20, 30, and any multiple of 60".
func period(v any) string {
	n, _ := v.(float64)
	if slices.Contains([]float64{10, 20, 30}, n) || n >= 60 && int(n)%60 == 0 {
		return ""
	}
	return fmt.Sprintf("expected period to be one of [10 20 30] or divisible by 60, got: %v", v)
}

// metricAlarmType is aws:cloudwatch/metricAlarm:MetricAlarm. Source: CloudWatch API reference, PutMetricAlarm, and
// terraform-provider-aws, internal/service/cloudwatch/metric_alarm.go. An alarm is checked and kept and its metrics are not
// evaluated: it stays in INSUFFICIENT_DATA, as a real one does until its first figures.
func metricAlarmType() *resource.Type {
	dimensions := resource.Property{Name: "dimensions", Kind: resource.Map, Max: resource.At(30), Elem: &resource.Property{Kind: resource.String, Min: resource.At(1), Max: resource.At(1024)}}
	actions := func(name string) resource.Property {
		return resource.Property{Name: name, Kind: resource.Array, Set: true, Max: resource.At(5), Elem: &resource.Property{Kind: resource.String, Pattern: regexp.MustCompile(`^arn:.+$`)}}
	}
	return &resource.Type{
		Token: tokenAlarm, Label: labelAlarm,
		Properties: []resource.Property{
			{Name: "name", Kind: resource.String, Immutable: true, Min: resource.At(1), Max: resource.At(255)},
			{Name: "comparisonOperator", Kind: resource.String, Required: true, OneOf: oneOf(slices.Concat(comparisons, bandComparisons)...)},
			{Name: "evaluationPeriods", Kind: resource.Int, Required: true, Min: resource.At(1)},
			{Name: "datapointsToAlarm", Kind: resource.Int, Min: resource.At(1)},
			{Name: "threshold", Kind: resource.Number},
			{Name: "metricName", Kind: resource.String, Min: resource.At(1), Max: resource.At(255)},
			{Name: "namespace", Kind: resource.String, Min: resource.At(1), Max: resource.At(255), Pattern: regexp.MustCompile(`^[^:].*$`)},
			{Name: "period", Kind: resource.Int, Complain: period},
			{Name: "statistic", Kind: resource.String, OneOf: statistics},
			{Name: "extendedStatistic", Kind: resource.String, Pattern: extendedStatistic},
			dimensions,
			{Name: "metricQueries", Kind: resource.Array, Set: true, Max: resource.At(20), Elem: &resource.Property{Kind: resource.Object, Fields: []resource.Property{
				{Name: "id", Kind: resource.String, Required: true, Min: resource.At(1), Max: resource.At(255), Pattern: queryID},
				{Name: "expression", Kind: resource.String, Max: resource.At(1024)},
				text("label"),
				{Name: "period", Kind: resource.Int, Complain: period},
				flag("returnData", false),
				{Name: "metric", Kind: resource.Object, Fields: []resource.Property{
					required(text("metricName")), text("namespace"), dimensions,
					{Name: "period", Kind: resource.Int, Required: true, Complain: period},
					required(text("stat")),
				}, Unmodelled: []string{"unit"}},
			}, Unmodelled: []string{"accountId"}}},
			{Name: "treatMissingData", Kind: resource.String, Default: "missing", OneOf: oneOf("breaching", "notBreaching", "ignore", "missing")},
			{Name: "evaluateLowSampleCountPercentiles", Kind: resource.String, OneOf: oneOf("evaluate", "ignore")},
			{Name: "alarmDescription", Kind: resource.String, Max: resource.At(1024)},
			flag("actionsEnabled", true),
			actions("alarmActions"), actions("okActions"), actions("insufficientDataActions"),
			fixed(regionProperty()), tagsProperty(),
		},
		Unmodelled: []string{"evaluationCriteria", "evaluationInterval", "thresholdMetricId", "unit"},
		Computed:   []string{"arn", "tagsAll"},
		Volatile:   []string{"tagsAll"},
		AutoName:   &resource.AutoName{Property: "name", Max: 255},
		Scope:      []string{"region"},
		Unique:     []string{"name", "region"},
		Conflict:   func(resource.Props) error { return nil }, // a put: "the previous alarm is overwritten"
		Check:      alarmFailures,
		Create: func(_ context.Context, env *resource.Env, in resource.Props) (string, resource.Props, error) {
			id := alarmARN(in)
			return in.Str("name"), resource.Props{"arn": id, "tagsAll": tagsAll(in)}, putAlarm(env, resource.OpCreate, in)
		},
		Update: func(_ context.Context, env *resource.Env, _ resource.Record, in resource.Props) (resource.Props, error) {
			return resource.Props{"tagsAll": tagsAll(in)}, putAlarm(env, resource.OpUpdate, in)
		},
	}
}

func alarmARN(in resource.Props) string {
	return arn("cloudwatch", in.Str("region"), "alarm:"+in.Str("name"))
}

// alarmFailures is what pulumi-aws checks itself, and what the local clouds lack.
func alarmFailures(_ context.Context, _ *resource.Env, in resource.Props) []resource.Failure {
	var out []resource.Failure
	add := func(property, format string, args ...any) {
		out = append(out, resource.Failure{Property: property, Reason: fmt.Sprintf(format, args...)})
	}
	if in["metricQueries"] != nil {
		for _, other := range []string{"dimensions", "evaluateLowSampleCountPercentiles", "extendedStatistic", "metricName", "namespace", "period", "statistic"} {
			if in[other] != nil {
				add(other, `"metricQueries": conflicts with %s`, other)
			}
		}
	}
	if in["statistic"] != nil && in["extendedStatistic"] != nil {
		add("statistic", `"extendedStatistic": conflicts with statistic`)
	}
	if op := in.Str("comparisonOperator"); slices.Contains(bandComparisons, op) {
		out = append(out, unsupported("comparisonOperator", "alarms on anomaly detection, which %s compares with", op))
	}
	return out
}

// putAlarm is what CloudWatch checks of an alarm.
func putAlarm(env *resource.Env, op resource.Op, in resource.Props) error {
	a := action{op, labelAlarm, in.Str("name"), "CloudWatch", alarmAPI}
	refuse := func(format string, args ...any) error { return a.refuse(codeValidationError, format, args...) }
	if in["threshold"] == nil {
		return refuse("Threshold must be specified for a static threshold alarm")
	}
	if d := in.Int("datapointsToAlarm"); d > in.Int("evaluationPeriods") {
		return refuse("DatapointsToAlarm [%d] must be less than or equal to EvaluationPeriods [%d]", d, in.Int("evaluationPeriods"))
	}
	longest := in.Int("period")
	queries := in.Objects("metricQueries")
	switch {
	case len(queries) > 0:
		var err error
		if longest, err = checkQueries(refuse, queries); err != nil {
			return err
		}
	case in["metricName"] == nil || in["namespace"] == nil || in["period"] == nil:
		return refuse("MetricName, Namespace and Period must be specified for an alarm on one metric")
	case in["statistic"] == nil && in["extendedStatistic"] == nil:
		return &resource.Error{Code: codeValidationError, Message: "One of `statistic` or `extended_statistic` must be set for a cloudwatch metric alarm"}
	}
	// "An alarm's total current evaluation period can be no longer than seven days for alarms with a period of at least one
	// hour, and one day for alarms with a shorter period."
	most := 86400
	if longest >= 3600 {
		most = 7 * 86400
	}
	if span := in.Int("evaluationPeriods") * longest; span > most {
		return refuse("Metrics cannot be checked across more than %d seconds (EvaluationPeriods * Period must be <= %[1]d), got %d", most, span)
	}
	return checkActions(env.View(), a, in)
}

// checkQueries checks an alarm on metric math, and returns the longest of its periods.
func checkQueries(refuse func(string, ...any) error, queries []resource.Props) (longest int, err error) {
	var ids, returned []string
	for _, q := range queries {
		if slices.Contains(ids, q.Str("id")) {
			return 0, refuse("The value for Id %s is used by more than one element of the metrics list; ids must be unique", q.Str("id"))
		}
		ids = append(ids, q.Str("id"))
		if q.Bool("returnData") {
			returned = append(returned, q.Str("id"))
		}
		switch metric, expression := q.Object("metric"), q.Str("expression"); {
		case metric != nil && expression != "":
			return 0, &resource.Error{Code: codeValidationError, Message: "No metric_query may have both `expression` and a `metric` specified"}
		case metric == nil && expression == "":
			return 0, refuse("Exactly one of MetricStat or Expression must be specified for %s", q.Str("id"))
		case metric != nil:
			longest = max(longest, metric.Int("period"))
			stat := metric.Str("stat")
			if !slices.Contains(statistics, any(stat)) && !extendedStatistic.MatchString(stat) {
				return 0, refuse("The value %s for parameter Stat is not supported", stat)
			}
		}
	}
	if len(returned) != 1 {
		return 0, refuse("Exactly one element of the metrics list should return data.")
	}
	for _, q := range queries {
		for _, v := range variable.FindAllString(q.Str("expression"), -1) {
			if !slices.Contains(ids, v) {
				return 0, refuse("Error in expression '%s': undefined variable %s", q.Str("id"), v)
			}
		}
		longest = max(longest, q.Int("period"))
	}
	return longest, nil
}

// checkActions checks whom an alarm tells. CloudWatch takes a topic that does not hear of it, and says so in the alarm's history
// when it is too late; the local clouds bring that forward, as nobody wants the alarm that tells nobody.
func checkActions(v resource.View, a action, in resource.Props) error {
	for _, property := range []string{"alarmActions", "okActions", "insufficientDataActions"} {
		for _, target := range in.Strings(property) {
			parts := strings.SplitN(target, ":", 6)
			if len(parts) < 6 || parts[2] != "sns" {
				return &resource.Error{Code: resource.CodeUnsupported, Message: "the local clouds do not have alarm actions other than SNS topics, got " + target}
			}
			if parts[3] != in.Str("region") {
				return a.refuse(codeValidationError, "Invalid region %s specified. Only %s is supported.", parts[3], in.Str("region"))
			}
			if why := admits(v, target, alarmARN(in)); why != "" {
				return &resource.Error{Code: codeActionFailed, Message: fmt.Sprintf("alarm %s would tell nobody: Failed to execute action %s. Received error: %q", in.Str("name"), target, why)}
			}
		}
	}
	return nil
}
