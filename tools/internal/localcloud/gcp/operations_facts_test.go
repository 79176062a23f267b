package gcp_test

import (
	"fmt"
	"strings"

	"polygate.example/tools/internal/localcloud/gcp"
	"polygate.example/tools/internal/localcloud/resource"
)

// Sources of several rows.
const (
	docSecrets     = "docs.cloud.google.com/run/docs/configuring/services/secrets, how secrets are checked"
	docAlert       = "Cloud Monitoring API v3, projects.alertPolicies"
	docAligner     = "Cloud Monitoring API v3, Aggregation.Aligner"
	docBudget      = "provider schema, billing.Budget; Cloud Billing Budget API v1"
	docUptime      = "docs.cloud.google.com/monitoring/uptime-checks/introduction"
	docLogBuckets  = "docs.cloud.google.com/logging/docs/buckets"
	tSecretMember  = "gcp:secretmanager/secretIamMember:SecretIamMember"
	tChannel       = "gcp:monitoring/notificationChannel:NotificationChannel"
	tAlert         = "gcp:monitoring/alertPolicy:AlertPolicy"
	tUptime        = "gcp:monitoring/uptimeCheckConfig:UptimeCheckConfig"
	tBudget        = "gcp:billing/budget:Budget"
	tLogBucket     = "gcp:logging/projectBucketConfig:ProjectBucketConfig"
	tLogSink       = "gcp:logging/projectSink:ProjectSink"
	tLogExclusion  = "gcp:logging/projectExclusion:ProjectExclusion"
	runtimeAccount = "serviceAccount:gw-run@" + project + ".iam.gserviceaccount.com"
	secretName     = "projects/" + project + "/secrets/key"
)

// secret makes a secret by hand.
func (k *kit) secret(values ...string) {
	k.t.Helper()
	for _, v := range values {
		if _, err := k.store.AddSecret("gcp", secretName, v); err != nil {
			k.t.Fatal(err)
		}
	}
}

// accessGrant lets the runtime account read the secret.
func accessGrant(more resource.Props) resource.Props {
	return resource.Props{"secretId": "key", "role": gcp.RoleSecretAccessor, "member": runtimeAccount}.With(more)
}

// readsSecret gives a function's variable KEY a version of the secret.
func readsSecret(version string) func(_, _, service resource.Props) {
	return func(_, _, service resource.Props) {
		service["secretEnvironmentVariables"] = []any{resource.Props{"key": "KEY", "projectId": project, "secret": "key", "version": version}}
	}
}

// withSecret makes all that a function needs, what is given, and then the function that reads a version of the secret.
func withSecret(version string, prepare func(*kit)) func(*kit) error {
	return func(k *kit) error {
		k.identities()
		k.sourceObject(goodSource())
		prepare(k)
		return made(k.create(tFunction, functionInputs(readsSecret(version))))
	}
}

var secretFacts = []fact{
	{"a grant is on a secret that exists", "Secret Manager API, setIamPolicy, 404", func(k *kit) error {
		k.accounts()
		return made(k.create(tSecretMember, accessGrant(nil)))
	}, gcp.ReasonNotFound, "Secret [" + secretName + "] not found."},
	{"a secret's policy takes roles for secrets", "docs.cloud.google.com/iam/docs/roles-permissions/secretmanager", func(k *kit) error {
		k.accounts()
		k.secret("hush")
		return made(k.create(tSecretMember, accessGrant(resource.Props{"role": gcp.RoleLogWriter})))
	}, gcp.ReasonBad, "Role roles/logging.logWriter is not supported for this resource."},
	{"a grant on a secret is to an account that exists", "Secret Manager API, setIamPolicy", func(k *kit) error {
		k.secret("hush")
		return made(k.create(tSecretMember, accessGrant(nil)))
	}, gcp.ReasonBad, "Service account gw-run@" + project + ".iam.gserviceaccount.com does not exist."},
	{"a function's secret exists", docSecrets, withSecret("latest", func(*kit) {}), gcp.ReasonSecret, "Secret " + secretName + "/versions/latest was not found"},
	{"a function's version of a secret exists", docSecrets, withSecret("2", func(k *kit) {
		k.secret("hush")
		k.must(tSecretMember, accessGrant(nil))
	}), gcp.ReasonSecret, "Secret " + secretName + "/versions/2 was not found"},
	{"the runtime account may read the secret", docSecrets, withSecret("1", func(k *kit) { k.secret("hush") }), gcp.ReasonSecret,
		"Permission denied on secret: " + secretName + "/versions/1 for Revision service account gw-run@" + project},
	{"an editor may not read secrets", "docs.cloud.google.com/iam/docs/roles-overview, basic roles", withSecret("1", func(k *kit) {
		k.secret("hush")
		k.must(tMember, resource.Props{"project": project, "role": "roles/editor", "member": runtimeAccount})
	}), gcp.ReasonSecret, "Permission denied on secret"},
	{"who may see a secret may not read it", "docs.cloud.google.com/iam/docs/roles-permissions/secretmanager", withSecret("1", func(k *kit) {
		k.secret("hush")
		k.must(tSecretMember, accessGrant(resource.Props{"role": "roles/secretmanager.viewer"}))
	}), gcp.ReasonSecret, "Permission denied on secret"},
	{"another account's grant does not help", docSecrets, withSecret("1", func(k *kit) {
		k.secret("hush")
		k.must(tSecretMember, accessGrant(resource.Props{"member": builder}))
	}), gcp.ReasonSecret, "Permission denied on secret"},
	{"a version is a number or the latest", "provider schema, secretEnvironmentVariables.version", withSecret("newest", func(*kit) {}), "", "version"},
	{"a variable is set once", "Cloud Run Admin API, env", withFunction(func(top, build, service resource.Props) {
		readsSecret("1")(top, build, service)
		service["environmentVariables"] = resource.Props{"KEY": "plain"}
	}), gcp.ReasonBad, "Environment variable KEY is set twice"},
	{"no secret is a variable of the platform's", "cloud.google.com/functions/docs/configuring/env-var", withFunction(func(_, _, service resource.Props) {
		service["secretEnvironmentVariables"] = []any{resource.Props{"key": "K_SERVICE", "projectId": project, "secret": "key", "version": "1"}}
	}), gcp.ReasonBad, "reserved env names were provided: K_SERVICE"},
	{"no more instances are warm than there may be", "Cloud Functions API, minInstanceCount; the words are ours", withFunction(func(_, _, service resource.Props) {
		service["minInstanceCount"], service["maxInstanceCount"] = 3.0, 2.0
	}), gcp.ReasonBad, "Min instances (3) cannot be larger than max instances (2)"},
}

const (
	requestCount = `resource.type="https_lb_rule" AND metric.type="loadbalancing.googleapis.com/https/request_count"`
	latencies    = `resource.type="https_lb_rule" AND metric.type="loadbalancing.googleapis.com/https/total_latencies"`
)

// by is one aggregation.
func by(period, aligner, reducer string) []any {
	p := resource.Props{}
	for k, v := range map[string]string{"alignmentPeriod": period, "perSeriesAligner": aligner, "crossSeriesReducer": reducer} {
		if v != "" {
			p[k] = v
		}
	}
	return []any{p}
}

// alertInputs are those of a good alerting policy, with a change of its one condition's threshold.
func alertInputs(change, top resource.Props) resource.Props {
	threshold := resource.Props{
		"filter": requestCount, "comparison": "COMPARISON_GT", "thresholdValue": 1.0, "duration": "60s", "aggregations": by("300s", "ALIGN_RATE", "REDUCE_SUM"),
	}.With(change)
	return resource.Props{
		"displayName": "gw", "combiner": "OR", "conditions": []any{resource.Props{"displayName": "c", "conditionThreshold": threshold}},
	}.With(top)
}

// alert creates an alerting policy with a change of its threshold.
func alert(change resource.Props) func(*kit) error {
	return func(k *kit) error { return made(k.create(tAlert, alertInputs(change, nil))) }
}

// alertWith creates one with a change of the policy.
func alertWith(top resource.Props) func(*kit) error {
	return func(k *kit) error { return made(k.create(tAlert, alertInputs(nil, top))) }
}

func channelInputs(more resource.Props) resource.Props {
	return resource.Props{"type": "email", "labels": resource.Props{"email_address": "ops@example.com"}}.With(more)
}

// uptime creates an uptime check with a change.
func uptime(more resource.Props) func(*kit) error {
	return func(k *kit) error { return made(k.create(tUptime, uptimeInputs(more))) }
}

func uptimeInputs(more resource.Props) resource.Props {
	return resource.Props{
		"displayName": "gw", "period": "300s", "timeout": "10s",
		"monitoredResource": resource.Props{"type": "uptime_url", "labels": resource.Props{"project_id": project, "host": ownName}},
		"httpCheck":         resource.Props{"path": "/health", "port": 443.0, "useSsl": true, "validateSsl": true},
	}.With(more)
}

var monitoringFacts = []fact{
	{"a filter says which resource", "terraform-provider-google issue #4165", alert(resource.Props{"filter": `metric.type="run.googleapis.com/request_count"`}), gcp.ReasonBad,
		`must specify a restriction on "resource.type" in the filter`},
	{"a filter's resource is one there is", "terraform-provider-google issue #13349", alert(resource.Props{"filter": strings.Replace(requestCount, "https_lb_rule", "http_load_balancer", 1)}),
		gcp.ReasonBad, "The filter contains unknown resource type: http_load_balancer"},
	{"a filter's metric is one there is", "terraform-provider-google issue #10325", alert(resource.Props{"filter": strings.Replace(requestCount, "request_count", "requests", 1)}),
		gcp.ReasonNotFound, "The metric referenced by the provided filter is unknown."},
	{"a metric is written for its resource", "docs.cloud.google.com/monitoring/api/metrics_gcp", alert(resource.Props{
		"filter": `resource.type="https_lb_rule" AND metric.type="run.googleapis.com/request_count"`,
	}), gcp.ReasonNotFound, "The metric referenced by the provided filter is unknown."},
	{"a metric has its labels and no others", "terraform-provider-google issue #10325", alert(resource.Props{"filter": requestCount + ` AND metric.labels.code="500"`}),
		gcp.ReasonNotFound, "Check the metric name and labels."},
	{"a resource has its labels and no others", "docs.cloud.google.com/monitoring/api/resources", alert(resource.Props{"filter": requestCount + ` AND resource.labels.service_name="gw"`}),
		gcp.ReasonNotFound, "Check the metric name and labels."},
	{"a filter of Monitoring knows no =~", "chainguard-dev/terraform-infra-common pull request #463", alert(resource.Props{"filter": requestCount + ` AND resource.labels.url_map_name=~"gw.*"`}),
		gcp.ReasonBad, "syntax error"},
	{"a filter's text is closed", "docs.cloud.google.com/monitoring/api/v3/filters", alert(resource.Props{"filter": `resource.type="https_lb_rule`}), gcp.ReasonBad, "syntax error at column 15"},
	{"a filter has at most 2048 characters", "Cloud Monitoring API v3, MetricThreshold.filter",
		alert(resource.Props{"filter": requestCount + strings.Repeat(" AND metric.labels.protocol=\"HTTP/1.1\"", 60)}), gcp.ReasonBad, "at most 2048"},
	{"a threshold is compared as greater or less", "provider schema, monitoring.AlertPolicy, comparison", alert(resource.Props{"comparison": "COMPARISON_GE"}), "", "COMPARISON_LT"},
	{"a duration is in whole minutes", "provider schema, monitoring.AlertPolicy, duration", alert(resource.Props{"duration": "90s"}), "", "only multiples of a minute"},
	{"an alignment period is a minute at least", "Cloud Monitoring API v3, Aggregation.alignmentPeriod", alert(resource.Props{"aggregations": by("30s", "ALIGN_RATE", "REDUCE_SUM")}), "", "at least 60 s"},
	{"an alerting policy looks back 25 hours at most", "Cloud Monitoring API v3, Aggregation.alignmentPeriod",
		alert(resource.Props{"aggregations": by("90060s", "ALIGN_RATE", "REDUCE_SUM")}), "", "at most 90000 s"},
	{"who aligns says over which period", docAligner, alert(resource.Props{"aggregations": by("", "ALIGN_RATE", "")}), gcp.ReasonBad, "alignment_period must be defined"},
	{"what is reduced is aligned before", "Cloud Monitoring API v3, Aggregation.crossSeriesReducer", alert(resource.Props{"aggregations": by("60s", "", "REDUCE_SUM")}), gcp.ReasonBad,
		"per_series_aligner must be specified"},
	{"a rate is of what is counted", docAligner, alert(resource.Props{
		"filter": `resource.type="cloud_run_revision" AND metric.type="run.googleapis.com/container/instance_count"`,
	}), gcp.ReasonBad, "ALIGN_RATE cannot be applied to metrics with kind GAUGE"},
	{"a maximum is of a gauge", docAligner, alert(resource.Props{"aggregations": by("60s", "ALIGN_MAX", "")}), gcp.ReasonBad, "ALIGN_MAX cannot be applied to metrics with kind DELTA"},
	{"a percentile is of a distribution", docAligner, alert(resource.Props{"aggregations": by("60s", "ALIGN_PERCENTILE_99", "")}), gcp.ReasonBad, "ALIGN_PERCENTILE_99 cannot be applied"},
	{"a distribution is no number", docAlert, alert(resource.Props{"filter": latencies, "aggregations": by("60s", "ALIGN_DELTA", "REDUCE_SUM")}), gcp.ReasonBad,
		"cannot be compared with a threshold"},
	{"both sides of a ratio have one period", "Cloud Monitoring API v3, MetricThreshold.denominatorAggregations", alert(resource.Props{
		"denominatorFilter": requestCount, "denominatorAggregations": by("60s", "ALIGN_RATE", "REDUCE_SUM"),
	}), gcp.ReasonBad, "a ratio must use the same alignment period on both sides, and has 300s and 60s"},
	{"a denominator's filter is one", "Cloud Monitoring API v3, MetricThreshold.denominatorFilter", alert(resource.Props{
		"denominatorFilter": "nonsense", "denominatorAggregations": by("300s", "ALIGN_RATE", "REDUCE_SUM"),
	}), gcp.ReasonBad, "condition_threshold.denominator_filter"},
	{"conditions are combined in three ways", docAlert, alertWith(resource.Props{"combiner": "XOR"}), "", "AND_WITH_MATCHING_RESOURCE"},
	{"a policy has six conditions at most", docAlert, func(k *kit) error {
		in := alertInputs(nil, nil)
		return made(k.create(tAlert, in.With(resource.Props{"conditions": resource.List(repeat(in.List("conditions")[0], 7)...)})))
	}, "", "range (1 - 6), got 7"},
	{"a policy has a condition", docAlert, alertWith(resource.Props{"conditions": []any{}}), "", "range (1 - 6), got 0"},
	{"an incident closes itself after half an hour at the soonest", "Cloud Monitoring API v3, AlertStrategy.autoClose",
		alertWith(resource.Props{"alertStrategy": resource.Props{"autoClose": "900s"}}), "", "from 1800 s"},
	{"a policy's channels are named in full", "crossplane-contrib/provider-upjet-gcp issue #498", alertWith(resource.Props{"notificationChannels": resource.List[any]("ops")}), gcp.ReasonBad,
		"Name must begin with 'projects/{project_id}/notificationChannels/{channel_id}', got: ops"},
	{"a policy's channels exist", "terraform-provider-google issue #25878", alertWith(resource.Props{
		"notificationChannels": resource.List[any]("projects/" + project + "/notificationChannels/1"),
	}), gcp.ReasonNotFound, "Notification channel not found"},
	{"a channel in use stays", "terraform-provider-google issue #10337", func(k *kit) error {
		id, _ := k.must(tChannel, channelInputs(nil))
		k.must(tAlert, alertInputs(nil, resource.Props{"notificationChannels": resource.List[any](id)}))
		return k.delete(tChannel, id)
	}, gcp.ReasonBad, "because it is still being referenced by: \"projects/" + project + "/alertPolicies/"},
	{"a mail channel has an address", "Cloud Monitoring API v3, notificationChannelDescriptors, email", func(k *kit) error {
		return made(k.create(tChannel, channelInputs(resource.Props{"labels": resource.Props{"email": "ops@example.com"}})))
	}, "", "email_address"},
	{"a user label's key begins with a letter", "Cloud Monitoring API v3, AlertPolicy.userLabels", alertWith(resource.Props{"userLabels": resource.Props{"1st": "x"}}), "", "keys must begin with a letter"},
	{"a user label is lower case", "Cloud Monitoring API v3, AlertPolicy.userLabels", alertWith(resource.Props{"userLabels": resource.Props{"env": "Dev"}}), "", "userLabels.env"},
	{"an uptime check has four periods", "provider schema, monitoring.UptimeCheckConfig.period", uptime(resource.Props{"period": "30s"}), "", "900s"},
	{"an uptime check waits a minute at most", "provider schema, monitoring.UptimeCheckConfig.timeout", uptime(resource.Props{"timeout": "61s"}), "", "between 1 s and 60 s"},
	{"an uptime check has three checkers", docUptime, uptime(resource.Props{"selectedRegions": resource.List[any]("EUROPE", "ASIA_PACIFIC")}), "", "the regions have 2 checkers"},
	{"an uptime check of a URL names the host", "docs.cloud.google.com/monitoring/api/resources, uptime_url", uptime(resource.Props{
		"monitoredResource": resource.Props{"type": "uptime_url", "labels": resource.Props{"project_id": project}},
	}), "", "project_id and host"},
	{"an uptime check takes classes of answers there are", "provider schema, monitoring.UptimeCheckConfig.httpCheck.acceptedResponseStatusCodes", uptime(resource.Props{
		"httpCheck": resource.Props{"useSsl": true, "acceptedResponseStatusCodes": resource.List[any](resource.Props{"statusClass": "ANY"})},
	}), "", "STATUS_CLASS_ANY"},
	{"a certificate is judged over TLS only", "provider schema, monitoring.UptimeCheckConfig.httpCheck.validateSsl", uptime(resource.Props{
		"httpCheck": resource.Props{"validateSsl": true},
	}), "", "validateSsl has no effect without useSsl"},
}

func repeat(v any, n int) []any {
	out := make([]any, n)
	for i := range out {
		out[i] = v
	}
	return out
}

// budget creates a budget with a change.
func budget(more resource.Props) func(*kit) error {
	return func(k *kit) error { return made(k.create(tBudget, budgetInputs(more))) }
}

func budgetInputs(more resource.Props) resource.Props {
	return resource.Props{
		"billingAccount": "012345-6789AB-CDEF01", "displayName": "gw",
		"amount":       resource.Props{"specifiedAmount": resource.Props{"currencyCode": "USD", "units": "100"}},
		"budgetFilter": resource.Props{"projects": resource.List[any]("projects/" + gcp.Account), "labels": resource.Props{"env": "dev"}},
	}.With(more)
}

var budgetFacts = []fact{
	{"a billing account has its form", "Cloud Billing API, billingAccounts", budget(resource.Props{"billingAccount": "my-account"}), "", "billingAccount"},
	{"a budget is in whole units", docBudget, budget(resource.Props{"amount": resource.Props{"specifiedAmount": resource.Props{"units": "99.50"}}}), "", "amount.specifiedAmount.units"},
	{"a currency has three letters", docBudget, budget(resource.Props{"amount": resource.Props{"specifiedAmount": resource.Props{"units": "1", "currencyCode": "$"}}}), "", "currencyCode"},
	{"a budget looks at one label", docBudget, budget(resource.Props{"budgetFilter": resource.Props{"labels": resource.Props{"a": "1", "b": "2"}}}), "", "at most (1), got 2"},
	{"a budget's project is named by its number", docBudget, budget(resource.Props{"budgetFilter": resource.Props{"projects": resource.List[any]("projects/" + project)}}), "", "budgetFilter.projects[0]"},
	{"a threshold is of what is or will be spent", docBudget, budget(resource.Props{"thresholdRules": []any{resource.Props{"thresholdPercent": 1.0, "spendBasis": "GUESSED_SPEND"}}}), "",
		"FORECASTED_SPEND"},
	{"a budget writes to five channels at most", docBudget, budget(resource.Props{"allUpdatesRule": resource.Props{
		"monitoringNotificationChannels": resource.List(repeat("projects/p/notificationChannels/1", 6)...),
	}}), "", "at most (5), got 6"},
	{"a budget's channels exist", docBudget, budget(resource.Props{"allUpdatesRule": resource.Props{
		"monitoringNotificationChannels": resource.List[any]("projects/p/notificationChannels/1"),
	}}), gcp.ReasonNotFound, "Notification channel not found"},
	{"a budget's name has 60 characters at most", docBudget, budget(resource.Props{"displayName": strings.Repeat("x", 61)}), "", "displayName"},
}

func logBucketInputs(more resource.Props) resource.Props {
	return resource.Props{"project": project, "location": "global", "bucketId": "gw", "deletionPolicy": "ABANDON"}.With(more)
}

func logBucket(more resource.Props) func(*kit) error {
	return func(k *kit) error { return made(k.create(tLogBucket, logBucketInputs(more))) }
}

func sinkInputs(more resource.Props) resource.Props {
	return resource.Props{
		"name": "gw", "destination": "logging.googleapis.com/projects/" + project + "/locations/global/buckets/gw", "uniqueWriterIdentity": false,
		"filter": `(resource.type="cloud_run_revision" AND resource.labels.service_name=~"^gw$") OR NOT severity>=ERROR`,
	}.With(more)
}

// sink creates a bucket and a sink with a change.
func sink(more resource.Props) func(*kit) error {
	return func(k *kit) error {
		k.must(tLogBucket, logBucketInputs(nil))
		return made(k.create(tLogSink, sinkInputs(more)))
	}
}

var loggingFacts = []fact{
	{"logs are kept for a day at least", docLogBuckets, logBucket(resource.Props{"retentionDays": 0.0}), "", "range (1 - 3650)"},
	{"logs are kept for ten years at most", docLogBuckets, logBucket(resource.Props{"retentionDays": 3651.0}), "", "range (1 - 3650)"},
	{"a log bucket's name has no dots", "Cloud Logging API v2, LogBucket", logBucket(resource.Props{"bucketId": "gw.logs"}), "", "bucketId"},
	{"a log bucket is in a location there is", docLogBuckets, logBucket(resource.Props{"location": "mars-north1"}), "", "locations/mars-north1"},
	{"a deleted log bucket blocks its name", "GoogleCloudPlatform/cloud-foundation-fabric pull request #1898; here only what is left behind is modelled",
		logBucket(resource.Props{"deletionPolicy": "DELETE"}), "", "deletionPolicy"},
	{"a sink's bucket exists", "Cloud Logging API v2, projects.sinks.create", func(k *kit) error { return made(k.create(tLogSink, sinkInputs(nil))) }, gcp.ReasonNotFound, "does not exist"},
	{"a sink without an identity of its own stays in its project", "provider schema, logging.ProjectSink.uniqueWriterIdentity",
		sink(resource.Props{"destination": "logging.googleapis.com/projects/other/locations/global/buckets/gw"}), gcp.ReasonBad, "in the sink's own project"},
	{"a sink's filter can be read", "docs.cloud.google.com/logging/docs/view/logging-query-language", sink(resource.Props{"filter": `resource.type="cloud_run_revision`}), "", "Unparseable filter: syntax error"},
	{"brackets of a filter are closed", "docs.cloud.google.com/logging/docs/view/logging-query-language", sink(resource.Props{"filter": `(severity>=ERROR`}), "", "Unparseable filter"},
	{"a regular expression of a filter is one", "docs.cloud.google.com/logging/docs/view/logging-query-language", sink(resource.Props{"filter": `resource.type=~"(("`}), "", "no regular expression"},
	{"a sink's filter has at most 20000 characters", "Cloud Logging API v2, LogSink.filter", sink(resource.Props{"filter": `severity="` + strings.Repeat("x", 20000) + `"`}), "", "at most 20000"},
	{"a sink exists once in a project", "Cloud Logging API v2, projects.sinks.create, 409", func(k *kit) error {
		if err := sink(nil)(k); err != nil {
			return fmt.Errorf("the first: %w", err)
		}
		return made(k.create(tLogSink, sinkInputs(nil)))
	}, gcp.ReasonExists, "Sink gw already exists"},
	{"an exclusion says what it excludes", "Cloud Logging API v2, LogExclusion.filter", func(k *kit) error {
		return made(k.create(tLogExclusion, resource.Props{"name": "gw", "filter": ""}))
	}, "", "filter"},
	{"a project has fifty exclusions at most", "docs.cloud.google.com/logging/quotas, exclusion filters per sink", func(k *kit) error {
		for i := range 50 {
			k.must(tLogExclusion, resource.Props{"name": fmt.Sprint("gw-", i), "filter": "severity=DEBUG"})
		}
		return made(k.create(tLogExclusion, resource.Props{"name": "gw", "filter": "severity=DEBUG"}))
	}, gcp.ReasonBad, "at most 50 are allowed"},
}
