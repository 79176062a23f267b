package gcp

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"polygate.example/tools/internal/localcloud/resource"
)

const tokenAlertPolicy = "gcp:monitoring/alertPolicy:AlertPolicy"

// channelName is the full name of a notification channel. Source of the refusal of others: crossplane-contrib/
// provider-upjet-gcp issue #498.
var channelName = regexp.MustCompile(`^projects/[^/]+/notificationChannels/[^/]+$`)

// secondsText is how the API writes a span of time: "300s".
var secondsText = regexp.MustCompile(`^[0-9]+s$`)

// userLabels are the labels of Cloud Monitoring. Source: API v3, AlertPolicy.userLabels.
var userLabels = resource.Property{
	Name: "userLabels", Kind: resource.Map, Max: resource.At(64), Elem: &resource.Property{Kind: resource.String, Pattern: labelPattern},
	Complain: func(v any) string {
		for _, k := range v.(resource.Props).Keys() {
			if !userLabelKey.MatchString(k) {
				return fmt.Sprintf("label key %q: keys must begin with a letter and hold only lowercase letters, numerals, underscores and dashes", k)
			}
		}
		return ""
	},
}

var userLabelKey = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,62}$`)

func displayName(most float64) resource.Property {
	return resource.Property{Name: "displayName", Kind: resource.String, Min: resource.At(1), Max: resource.At(most)}
}

// span is a property that holds seconds, "60s" to "3600s" for example.
func span(name string, complain func(seconds int) string) resource.Property {
	return resource.Property{Name: name, Kind: resource.String, Pattern: secondsText, Complain: func(v any) string {
		n, err := strconv.Atoi(strings.TrimSuffix(v.(string), "s"))
		if err != nil {
			return "" // the pattern says so
		}
		return complain(n)
	}}
}

// aggregations bring the points of many series onto common times and together. Of the periods, the longest is what alerting
// policies take. Source: API v3, Aggregation.alignmentPeriod.
func aggregations(name string) resource.Property {
	return resource.Property{Name: name, Kind: resource.Array, Elem: &resource.Property{Kind: resource.Object, Fields: []resource.Property{
		span("alignmentPeriod", func(n int) string {
			if n < 60 || n > 90000 {
				return fmt.Sprintf("the alignment period is %d s: it must be at least 60 s, and at most 90000 s for an alerting policy", n)
			}
			return ""
		}),
		choice("perSeriesAligner", append([]string{"ALIGN_NONE"}, slices.Sorted(maps.Keys(aligners))...)...),
		choice("crossSeriesReducer", append([]string{"REDUCE_NONE"}, slices.Sorted(maps.Keys(reducers))...)...),
		{Name: "groupByFields", Kind: resource.Array, Elem: &resource.Property{Kind: resource.String}},
	}}}
}

// alertPolicy says when to call whom. The local Google Cloud writes no metrics, so that no condition is ever met: what it does
// is refuse what Google would refuse. Source: Cloud Monitoring API v3, projects.alertPolicies, and the provider's schema.
func alertPolicy() *resource.Type {
	threshold := resource.Property{
		Name: "conditionThreshold", Kind: resource.Object, Required: true,
		Unmodelled: []string{"evaluationMissingData", "forecastOptions"},
		Fields: []resource.Property{
			{Name: "filter", Kind: resource.String, Required: true},
			{Name: "denominatorFilter", Kind: resource.String},
			aggregations("aggregations"), aggregations("denominatorAggregations"),
			// The others are in the schema, and the API refuses them (provider schema, comparison).
			required(choice("comparison", "COMPARISON_GT", "COMPARISON_LT")),
			{Name: "thresholdValue", Kind: resource.Number},
			required(span("duration", func(n int) string {
				if n%60 != 0 {
					return fmt.Sprintf("the duration is %d s: only multiples of a minute are supported", n)
				}
				return ""
			})),
			{Name: "trigger", Kind: resource.Object, Fields: []resource.Property{
				{Name: "count", Kind: resource.Int, Min: resource.At(1)}, {Name: "percent", Kind: resource.Number, Min: resource.At(0), Max: resource.At(100)},
			}},
		},
	}
	t := monitoring(tokenAlertPolicy, "AlertPolicy", "alertPolicies",
		required(displayName(512)),
		required(choice("combiner", "AND", "OR", "AND_WITH_MATCHING_RESOURCE")),
		resource.Property{Name: "enabled", Kind: resource.Bool, Default: true},
		choice("severity", "CRITICAL", "ERROR", "WARNING"),
		resource.Property{
			Name: "conditions", Kind: resource.Array, Required: true, Min: resource.At(1), Max: resource.At(6),
			Elem: &resource.Property{
				Kind: resource.Object, Fields: []resource.Property{required(displayName(512)), threshold}, Computed: []string{"name"},
				Unmodelled: []string{
					"conditionAbsent", "conditionMatchedLog", "conditionMonitoringQueryLanguage", "conditionPrometheusQueryLanguage", "conditionSql", "name"},
			},
		},
		resource.Property{Name: "notificationChannels", Kind: resource.Array, Max: resource.At(16), Elem: &resource.Property{Kind: resource.String}},
		resource.Property{Name: "alertStrategy", Kind: resource.Object, Unmodelled: []string{
			"notificationChannelStrategies", "notificationPrompts", "notificationRateLimit",
		}, Fields: []resource.Property{
			span("autoClose", func(n int) string {
				if n < 1800 || n > 604800 { // Source: API v3, AlertStrategy.autoClose; "Manage incidents", closing after 30 minutes to 7 days
					return fmt.Sprintf("autoClose is %d s: it must be from 1800 s to 604800 s", n)
				}
				return ""
			}),
		}},
		resource.Property{Name: "documentation", Kind: resource.Object, Unmodelled: []string{"links"}, Fields: []resource.Property{
			{Name: "content", Kind: resource.String, Max: resource.At(8192)}, oneOf("mimeType", "text/markdown"),
			{Name: "subject", Kind: resource.String, Max: resource.At(10240)},
		}},
	)
	t.Unmodelled = []string{"deletionPolicy"}
	t.Computed = append(t.Computed, "creationRecords")
	check := func(v resource.View, in resource.Props) error {
		for i, c := range in.Objects("conditions") {
			if err := checkThreshold(fmt.Sprintf("alert_policy.conditions[%d].condition_threshold", i), c.Object("conditionThreshold")); err != nil {
				return err
			}
		}
		return checkChannels(v, in.Strings("notificationChannels"))
	}
	create := t.Create
	t.Create = func(ctx context.Context, env *resource.Env, in resource.Props) (string, resource.Props, error) {
		if err := check(env.View(), in); err != nil {
			return "", nil, err
		}
		id, out, err := create(ctx, env, in)
		return id, out.With(resource.Props{"creationRecords": []any{}, "conditions": conditionNames(id, in)}), err
	}
	t.Update = func(_ context.Context, env *resource.Env, old resource.Record, in resource.Props) (resource.Props, error) {
		return resource.Props{"conditions": conditionNames(old.ID, in)}, check(env.View(), in)
	}
	return t
}

// conditionNames are the conditions with the names that Google gives them.
func conditionNames(policy string, in resource.Props) []any {
	var out []any
	for i, c := range in.Objects("conditions") {
		out = append(out, c.With(resource.Props{"name": policy + "/conditions/" + digits(19, "condition", policy, strconv.Itoa(i))}))
	}
	return out
}

// checkThreshold holds the rules of one condition; at is its place.
func checkThreshold(at string, c resource.Props) error {
	m, err := metricOf(at+".filter", c.Str("filter"))
	if err != nil {
		return err
	}
	if m, err = aggregate(at+".aggregations", m, c.Objects("aggregations")); err != nil {
		return err
	}
	if m.value != numeric {
		return apiError(400, ReasonBad, "Field %s.aggregations had an invalid value: the series hold distributions, which cannot be compared with a threshold: "+
			"reduce or align them to a percentile or a mean", at)
	}
	if !c.Has("denominatorFilter") {
		return nil
	}
	d, err := metricOf(at+".denominator_filter", c.Str("denominatorFilter"))
	if err != nil {
		return err
	}
	if _, err := aggregate(at+".denominator_aggregations", d, c.Objects("denominatorAggregations")); err != nil {
		return err
	}
	// Source: API v3, MetricThreshold.denominatorAggregations.
	if a, b := periods(c.Objects("aggregations")), periods(c.Objects("denominatorAggregations")); a != b {
		return apiError(400, ReasonBad, "Field %s.denominator_aggregations had an invalid value: "+
			"a ratio must use the same alignment period on both sides, and has %s and %s", at, a, b)
	}
	return nil
}

func periods(all []resource.Props) string {
	out := make([]string, len(all))
	for i, a := range all {
		out[i] = a.Str("alignmentPeriod")
	}
	return strings.Join(out, ",")
}

// aggregate follows a metric through aggregations and says which of them does not take it.
func aggregate(at string, m metric, all []resource.Props) (metric, error) {
	for i, a := range all {
		aligner, reducer, here := a.Str("perSeriesAligner"), a.Str("crossSeriesReducer"), fmt.Sprintf("%s[%d]", at, i)
		aligned := aligner != "" && aligner != "ALIGN_NONE"
		reduced := reducer != "" && reducer != "REDUCE_NONE"
		switch {
		case aligned && !a.Has("alignmentPeriod"):
			return m, apiError(400, ReasonBad, "Field %s.alignment_period must be defined where per_series_aligner is %s", here, aligner)
		case reduced && !aligned:
			return m, apiError(400, ReasonBad, "Field %s.per_series_aligner must be specified and not ALIGN_NONE where cross_series_reducer is %s",
				here, reducer)
		}
		for _, step := range []struct {
			on   bool
			name string
			by   func(metric) (metric, bool)
		}{{aligned, aligner, aligners[aligner]}, {reduced, reducer, reducers[reducer]}} {
			if !step.on {
				continue
			}
			next, ok := step.by(m)
			if !ok {
				return m, apiError(400, ReasonBad, "Field %s had an invalid value: %s cannot be applied to metrics with kind %s and value type %s",
					here, step.name, m.kind, m.value)
			}
			m = next
		}
	}
	return m, nil
}

// checkChannels refuses names of channels that are none. Source of the words: terraform-provider-google issue #25878.
func checkChannels(v resource.View, names []string) error {
	for _, name := range names {
		if !channelName.MatchString(name) {
			return apiError(400, ReasonBad, "Name must begin with 'projects/{project_id}/notificationChannels/{channel_id}', got: %s", name)
		}
		if _, ok := v.Get(tokenChannel, name); !ok {
			return apiError(404, ReasonNotFound, "Notification channel not found: %s", name)
		}
	}
	return nil
}
