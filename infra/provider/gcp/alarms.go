package gcp

import (
	"fmt"

	"github.com/pulumi/pulumi-gcp/sdk/v9/go/gcp/monitoring"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"polygate.example/infra/provider"
)

// Windows of the alarms.
const (
	window          = "300s" // over which errors and latency are measured
	certificateDays = 14     // Google renews its certificates about a month before they expire: by now it has failed to
)

// mail declares a way to write to somebody; kind names it. Google asks the address for no confirmation.
func (a *account) mail(ctx *pulumi.Context, name, kind, address string, parent pulumi.ResourceOption) (*monitoring.NotificationChannel, error) {
	channel, err := monitoring.NewNotificationChannel(ctx, name+"-"+kind+"-mail", &monitoring.NotificationChannelArgs{
		Type:        pulumi.String("email"),
		DisplayName: pulumi.Sprintf("polygate %s, %s", a.args.Settings.Environment, kind),
		Labels:      pulumi.StringMap{"email_address": pulumi.String(address)},
		UserLabels:  provider.Tags(a.args, nil),
	}, parent, provider.Replaceable())
	if err != nil {
		return nil, fmt.Errorf("notification channel: %w", err)
	}
	return channel, nil
}

// alarms declares one alerting policy for the region, whose conditions each open an incident of their own. Sources of the
// metrics: "Google Cloud metrics", docs.cloud.google.com/monitoring/api/metrics_gcp; of a ratio of two series: Cloud
// Monitoring API v3, MetricThreshold.denominatorFilter.
func (r *region) alarms() error {
	a := r.account.args.Settings.Alarms
	if a == nil {
		return nil
	}
	check, err := r.uptime()
	if err != nil {
		return err
	}
	conditions := monitoring.AlertPolicyConditionArray{
		r.errorShare(a.ErrorPercent), r.latency(a.LatencyMS), r.saturation(),
		condition(fmt.Sprintf("The certificate expires in less than %d days", certificateDays), pulumi.Sprintf(
			`resource.type="uptime_url" AND metric.type="monitoring.googleapis.com/uptime_check/time_until_ssl_cert_expires" AND metric.labels.check_id="%s"`,
			check.UptimeCheckId), "COMPARISON_LT", certificateDays, "600s", aggregation("1200s", "ALIGN_NEXT_OLDER", "REDUCE_MIN")),
	}
	if _, err := monitoring.NewAlertPolicy(r.ctx, r.name+"-alarms", &monitoring.AlertPolicyArgs{
		DisplayName:          pulumi.Sprintf("polygate %s in %s", r.account.args.Settings.Environment, r.args.Region.Name),
		Combiner:             pulumi.String("OR"),
		Conditions:           conditions,
		NotificationChannels: pulumi.StringArray{r.account.alarmMail.Name},
		Documentation: monitoring.AlertPolicyDocumentationArgs{
			MimeType: pulumi.String("text/markdown"),
			Content: pulumi.Sprintf("The region %s of the gateway %s. Its own name is %s; to take it out of traffic whatever its health, name it in polygate:drained.",
				r.args.Region.String(), r.account.args.Settings.Hostname, r.args.OwnName),
		},
		UserLabels: r.labels,
	}, r.parent, provider.Replaceable()); err != nil {
		return r.failed("alarms", err)
	}
	return nil
}

// uptime declares a check of the region's own name, which reads the expiry of the certificate that is really shown. Whether
// the region takes traffic is the traffic manager's to say: any answer will do here, also the 403 of a region that takes
// requests from a front only.
func (r *region) uptime() (*monitoring.UptimeCheckConfig, error) {
	check, err := monitoring.NewUptimeCheckConfig(r.ctx, r.name+"-uptime", &monitoring.UptimeCheckConfigArgs{
		DisplayName: pulumi.Sprintf("polygate %s in %s", r.account.args.Settings.Environment, r.args.Region.Name),
		Period:      pulumi.String("300s"),
		Timeout:     pulumi.String("10s"),
		MonitoredResource: monitoring.UptimeCheckConfigMonitoredResourceArgs{
			Type:   pulumi.String("uptime_url"),
			Labels: pulumi.StringMap{"project_id": pulumi.String(r.account.project), "host": pulumi.String(r.args.OwnName)},
		},
		HttpCheck: monitoring.UptimeCheckConfigHttpCheckArgs{
			Path: pulumi.String(r.account.args.Settings.Check.Path), Port: pulumi.Int(443), UseSsl: pulumi.Bool(true), ValidateSsl: pulumi.Bool(true),
			AcceptedResponseStatusCodes: monitoring.UptimeCheckConfigHttpCheckAcceptedResponseStatusCodeArray{
				monitoring.UptimeCheckConfigHttpCheckAcceptedResponseStatusCodeArgs{StatusClass: pulumi.String("STATUS_CLASS_ANY")},
			},
		},
		UserLabels: r.labels,
	}, r.parent, provider.Replaceable())
	if err != nil {
		return nil, r.failed("uptime check", err)
	}
	return check, nil
}

// requests is the filter of a metric of the region's load balancer.
func (r *region) requests(metric, more string) string {
	return fmt.Sprintf(`resource.type="https_lb_rule" AND metric.type="loadbalancing.googleapis.com/https/%s" AND resource.labels.forwarding_rule_name="%s"%s`,
		metric, r.stem, more)
}

// errorShare is met while more than some per cent of all answers that clients get are server errors, whoever gave them.
func (r *region) errorShare(percent float64) monitoring.AlertPolicyConditionArgs {
	c := condition(fmt.Sprintf("More than %g %% server errors", percent),
		pulumi.String(r.requests("request_count", ` AND metric.labels.response_code_class="500"`)), "COMPARISON_GT", percent/100, "0s",
		aggregation(window, "ALIGN_RATE", "REDUCE_SUM"))
	threshold := c.ConditionThreshold.(monitoring.AlertPolicyConditionConditionThresholdArgs)
	threshold.DenominatorFilter = pulumi.String(r.requests("request_count", ""))
	threshold.DenominatorAggregations = monitoring.AlertPolicyConditionConditionThresholdDenominatorAggregationArray{
		monitoring.AlertPolicyConditionConditionThresholdDenominatorAggregationArgs{
			AlignmentPeriod: pulumi.String(window), PerSeriesAligner: pulumi.String("ALIGN_RATE"), CrossSeriesReducer: pulumi.String("REDUCE_SUM"),
		},
	}
	c.ConditionThreshold = threshold
	return c
}

// latency is met while the 99th percentile, from the first byte of a request to the last of its answer, is above a limit. The
// distributions of all series are put together first: a mean of percentiles would be no percentile.
func (r *region) latency(ms int) monitoring.AlertPolicyConditionArgs {
	return condition(fmt.Sprintf("The 99th percentile of latency is above %d ms", ms), pulumi.String(r.requests("total_latencies", "")),
		"COMPARISON_GT", float64(ms), "0s", aggregation(window, "ALIGN_DELTA", "REDUCE_PERCENTILE_99"))
}

// saturation is met while nine in ten of the instances there may be are at work: what comes beyond waits, and is answered 429
// in the end. Those answers themselves tell nothing: the gateway's own rate limits answer 429 too.
func (r *region) saturation() monitoring.AlertPolicyConditionArgs {
	n := float64(r.account.args.Settings.Concurrency)
	return condition("Nearly all instances are at work", pulumi.String(fmt.Sprintf(
		`resource.type="cloud_run_revision" AND metric.type="run.googleapis.com/container/instance_count" AND resource.labels.service_name="%s" AND `+
			`resource.labels.location="%s" AND metric.labels.state="active"`, r.stem, string(r.in))),
		"COMPARISON_GT", n-max(0.5, n/10), "300s", aggregation("60s", "ALIGN_MAX", "REDUCE_SUM"))
}

// condition compares a metric with a threshold.
func condition(says string, filter pulumi.StringInput, comparison string, threshold float64, duration string,
	by monitoring.AlertPolicyConditionConditionThresholdAggregationArgs,
) monitoring.AlertPolicyConditionArgs {
	return monitoring.AlertPolicyConditionArgs{
		DisplayName: pulumi.String(says),
		ConditionThreshold: monitoring.AlertPolicyConditionConditionThresholdArgs{
			Filter:     filter.ToStringOutput().ToStringPtrOutput(),
			Comparison: pulumi.String(comparison), ThresholdValue: pulumi.Float64(threshold), Duration: pulumi.String(duration),
			Aggregations: monitoring.AlertPolicyConditionConditionThresholdAggregationArray{by},
		},
	}
}

func aggregation(period, aligner, reducer string) monitoring.AlertPolicyConditionConditionThresholdAggregationArgs {
	return monitoring.AlertPolicyConditionConditionThresholdAggregationArgs{
		AlignmentPeriod: pulumi.String(period), PerSeriesAligner: pulumi.String(aligner), CrossSeriesReducer: pulumi.String(reducer),
	}
}
