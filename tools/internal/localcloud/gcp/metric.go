package gcp

import (
	"slices"
	"strings"
)

// Kinds and types of metrics. Source: Cloud Monitoring API v3, MetricDescriptor.
const (
	gauge        = "GAUGE"
	delta        = "DELTA"
	numeric      = "numeric" // INT64 and DOUBLE
	distribution = "DISTRIBUTION"
)

// metric is one metric that Google writes.
type metric struct {
	kind, value string
	resource    string   // the monitored resource it is written for
	labels      []string // its own
}

// metrics are those that are known here. Sources: "Google Cloud metrics", docs.cloud.google.com/monitoring/api/metrics_gcp
// (Load Balancing, Cloud Run, Monitoring), and the pages of the services.
var metrics = map[string]metric{
	"loadbalancing.googleapis.com/https/request_count": {delta, numeric, "https_lb_rule", []string{
		"cache_result", "client_country", "protocol", "proxy_continent", "response_code", "response_code_class"}},
	"loadbalancing.googleapis.com/https/total_latencies": {delta, distribution, "https_lb_rule", []string{
		"cache_result", "client_country", "protocol", "proxy_continent", "response_code", "response_code_class"}},
	"loadbalancing.googleapis.com/https/backend_latencies": {delta, distribution, "https_lb_rule", []string{
		"cache_result", "proxy_continent", "response_code", "response_code_class"}},
	"run.googleapis.com/request_count": {delta, numeric, "cloud_run_revision", []string{
		"response_code", "response_code_class"}},
	"run.googleapis.com/request_latencies": {delta, distribution, "cloud_run_revision", []string{
		"response_code", "response_code_class"}},
	"run.googleapis.com/container/instance_count":                        {gauge, numeric, "cloud_run_revision", []string{"state"}},
	"monitoring.googleapis.com/uptime_check/time_until_ssl_cert_expires": {gauge, numeric, "uptime_url", []string{"checker_location", "check_id"}},
}

// monitored are the labels of the resources that metrics are written for. Source: "Monitored resource types",
// docs.cloud.google.com/monitoring/api/resources.
var monitored = map[string][]string{
	"https_lb_rule": {
		"backend_name", "backend_scope", "backend_scope_type", "backend_target_name", "backend_target_type", "backend_type",
		"forwarding_rule_name", "matched_url_path_rule", "project_id", "region", "target_proxy_name", "url_map_name"},
	"cloud_run_revision": {"configuration_name", "location", "project_id", "revision_name", "service_name"},
	"uptime_url":         {"host", "project_id"},
}

// metricOf finds what a filter of a condition is about. field is where the filter stands, for the error. The words are those
// of terraform-provider-google issues #4165, #10325 and #13349.
func metricOf(field, filter string) (metric, error) {
	bad := func(why string, a ...any) error {
		return apiError(400, ReasonBad, "Field %s had an invalid value of %q: "+why, append([]any{field, filter}, a...)...)
	}
	if n := len([]rune(filter)); n > 2048 {
		return metric{}, apiError(400, ReasonBad, "Field %s has %d characters: at most 2048 are allowed", field, n)
	}
	all, err := monitoringFilter.parse(filter)
	if err != nil {
		return metric{}, bad("Could not parse filter %q; %v", filter, err)
	}
	resourceType, ok := valueOf(all, "resource.type")
	if !ok {
		return metric{}, bad(`must specify a restriction on "resource.type" in the filter; see ` +
			`"https://cloud.google.com/monitoring/api/resources" for a list of available resource types.`)
	}
	labels, ok := monitored[resourceType]
	if !ok {
		return metric{}, bad("The filter contains unknown resource type: %s", resourceType)
	}
	metricType, _ := valueOf(all, "metric.type")
	m, ok := metrics[metricType]
	if !ok || m.resource != resourceType {
		return metric{}, unknownMetric()
	}
	for _, c := range all {
		name, own := labelIn(c.field, "metric.labels.", "metric.label.")
		of, foreign := labelIn(c.field, "resource.labels.", "resource.label.")
		switch {
		case c.field == "resource.type", c.field == "metric.type", c.field == "project":
		case own && slices.Contains(m.labels, name), foreign && slices.Contains(labels, of):
		case own, foreign:
			return metric{}, unknownMetric()
		default:
			return metric{}, bad("The filter contains unknown field %s", c.field)
		}
	}
	return m, nil
}

func unknownMetric() error {
	return apiError(404, ReasonNotFound, "The metric referenced by the provided filter is unknown. Check the metric name and labels.")
}

func labelIn(field string, prefixes ...string) (name string, ok bool) {
	for _, p := range prefixes {
		if name, ok := strings.CutPrefix(field, p); ok {
			return name, true
		}
	}
	return "", false
}

// Aligners and reducers that are modelled, with what they take. Source: Cloud Monitoring API v3, Aggregation.Aligner and
// Aggregation.Reducer.
var (
	aligners = map[string]func(metric) (metric, bool){
		"ALIGN_DELTA":         func(m metric) (metric, bool) { return m, m.kind == delta },
		"ALIGN_RATE":          func(m metric) (metric, bool) { return m.as(gauge, numeric), m.kind == delta && m.value == numeric },
		"ALIGN_MIN":           onGauge,
		"ALIGN_MAX":           onGauge,
		"ALIGN_MEAN":          onGauge,
		"ALIGN_NEXT_OLDER":    func(m metric) (metric, bool) { return m, m.kind == gauge },
		"ALIGN_SUM":           func(m metric) (metric, bool) { return m, true },
		"ALIGN_PERCENTILE_99": func(m metric) (metric, bool) { return m.as(gauge, numeric), m.value == distribution },
	}
	reducers = map[string]func(metric) (metric, bool){
		"REDUCE_SUM":           func(m metric) (metric, bool) { return m, true },
		"REDUCE_MEAN":          func(m metric) (metric, bool) { return m.as(gauge, numeric), true },
		"REDUCE_MIN":           func(m metric) (metric, bool) { return m, m.value == numeric },
		"REDUCE_MAX":           func(m metric) (metric, bool) { return m, m.value == numeric },
		"REDUCE_PERCENTILE_99": func(m metric) (metric, bool) { return m.as(gauge, numeric), true },
	}
)

func (m metric) as(kind, value string) metric {
	m.kind, m.value = kind, value
	return m
}

func onGauge(m metric) (metric, bool) {
	return m.as(gauge, numeric), m.kind == gauge && m.value == numeric
}
