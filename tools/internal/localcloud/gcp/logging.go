package gcp

import (
	"context"
	"fmt"
	"regexp"
	"strings"

	"polygate.example/tools/internal/localcloud/resource"
)

// Tokens of Cloud Logging.
const (
	tokenLogBucket    = "gcp:logging/projectBucketConfig:ProjectBucketConfig"
	tokenLogSink      = "gcp:logging/projectSink:ProjectSink"
	tokenLogExclusion = "gcp:logging/projectExclusion:ProjectExclusion"
)

var (
	// Sources: Cloud Logging API v2, LogBucket, LogSink.name and LogExclusion.name.
	logBucketName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_-]{0,99}$`)
	logRouteName  = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$`)
	logBucketRef  = regexp.MustCompile(`^logging\.googleapis\.com/(projects/[^/]+/locations/[^/]+/buckets/[^/]+)$`)
)

// mostExclusions is how many exclusion filters a sink takes. Source: "Quotas and limits" of Cloud Logging.
const mostExclusions = 50

// logBucket keeps log entries for a time. The local Google Cloud has no log entries. A bucket that is deleted stays for seven
// days, in which its name cannot be used: the provider finds it, takes it for its own, and is refused with "Buckets must be
// in an ACTIVE state to be modified" (GoogleCloudPlatform/cloud-foundation-fabric pull request #1898). Only buckets that are
// left where they are (deletionPolicy ABANDON) are modelled. One that is there already is taken over (provider,
// resource_logging_project_bucket_config.go, AcquireOrCreate); what is left over here holds nothing, and is not kept.
func logBucket() *resource.Type {
	id := func(in resource.Props) string {
		return fmt.Sprintf("projects/%s/locations/%s/buckets/%s", strings.TrimPrefix(in.Str("project"), "projects/"), in.Str("location"), in.Str("bucketId"))
	}
	return &resource.Type{
		Token: tokenLogBucket, Label: "Logging Bucket Config",
		Properties: []resource.Property{
			required(project), description,
			{Name: "bucketId", Kind: resource.String, Required: true, Immutable: true, Pattern: logBucketName},
			{Name: "location", Kind: resource.String, Required: true, Immutable: true, Complain: func(v any) string {
				if v == "global" {
					return ""
				}
				return complainLocation(v)
			}},
			// Source: "Configure log buckets", custom retention: 1 to 3650 days.
			{Name: "retentionDays", Kind: resource.Int, Default: 30.0, Min: resource.At(1), Max: resource.At(3650)},
			{Name: "deletionPolicy", Kind: resource.String, Required: true, OneOf: resource.List[any]("ABANDON")},
		},
		Unmodelled: []string{"cmekSettings", "enableAnalytics", "indexConfigs", "locked"},
		Computed:   []string{"name", "lifecycleState"},
		Conflict:   granted,
		Create: func(_ context.Context, _ *resource.Env, in resource.Props) (string, resource.Props, error) {
			return id(in), resource.Props{"name": id(in), "lifecycleState": "ACTIVE"}, nil
		},
	}
}

// complainFilter says what is wrong with a filter of log entries. Source of the length: Cloud Logging API v2, LogSink.filter.
func complainFilter(v any) string {
	text := v.(string)
	if len(text) > 20000 {
		return fmt.Sprintf("the filter has %d characters: at most 20000 are allowed", len(text))
	}
	if _, err := loggingFilter.parse(text); err != nil {
		return apiError(400, ReasonBad, "Unparseable filter: %v", err).Error()
	}
	return ""
}

// logSink routes the entries that a filter picks to a bucket of the same project, for which it needs no grant.
// Source: "Route logs to supported destinations", destination permissions, docs.cloud.google.com/logging/docs/export/configure_export_v2.
func logSink() *resource.Type {
	check := func(v resource.View, in resource.Props) error {
		to := logBucketRef.FindStringSubmatch(in.Str("destination"))
		if to == nil {
			return apiError(400, ReasonBad, "The destination %q is not one of those modelled: "+
				"logging.googleapis.com/projects/<project>/locations/<location>/buckets/<bucket>", in.Str("destination"))
		}
		if !strings.HasPrefix(to[1], "projects/"+in.Str("project")+"/") && !in.Bool("uniqueWriterIdentity") {
			return apiError(400, ReasonBad, "The sink's destination must be in the sink's own project unless uniqueWriterIdentity is true")
		}
		if _, ok := v.Get(tokenLogBucket, to[1]); !ok {
			return apiError(404, ReasonNotFound, "Bucket %s does not exist", to[1])
		}
		return nil
	}
	name := func(in resource.Props) string { return "projects/" + in.Str("project") + "/sinks/" + in.Str("name") }
	return &resource.Type{
		Token: tokenLogSink, Label: "Project Logging Sink",
		Properties: []resource.Property{
			{Name: "name", Kind: resource.String, Immutable: true, Pattern: logRouteName}, project,
			{Name: "description", Kind: resource.String, Max: resource.At(8000)},
			{Name: "destination", Kind: resource.String, Required: true},
			{Name: "filter", Kind: resource.String, Complain: complainFilter},
			{Name: "disabled", Kind: resource.Bool},
			{Name: "uniqueWriterIdentity", Kind: resource.Bool, Default: true, Immutable: true},
		},
		Unmodelled: []string{"bigqueryOptions", "customWriterIdentity", "deletionPolicy", "exclusions"},
		Computed:   []string{"writerIdentity"},
		Unique:     []string{"name", "project"},
		AutoName:   autoName(100),
		Conflict: func(in resource.Props) error {
			return apiError(409, ReasonExists, "Sink %s already exists", in.Str("name"))
		},
		Create: func(_ context.Context, env *resource.Env, in resource.Props) (string, resource.Props, error) {
			if err := check(env.View(), in); err != nil {
				return "", nil, err
			}
			writer := "serviceAccount:cloud-logs@system.gserviceaccount.com" // Source: provider schema, uniqueWriterIdentity
			if in.Bool("uniqueWriterIdentity") {
				writer = "serviceAccount:service-" + Account + "@gcp-sa-logging.iam.gserviceaccount.com"
			}
			return name(in), resource.Props{"writerIdentity": writer}, nil
		},
		Update: func(_ context.Context, env *resource.Env, _ resource.Record, in resource.Props) (resource.Props, error) {
			return nil, check(env.View(), in)
		},
	}
}

// logExclusion keeps entries out of the project's default bucket: it works on the sink _Default alone.
// Source: Cloud Logging API v2, projects.exclusions.
func logExclusion() *resource.Type {
	return &resource.Type{
		Token: tokenLogExclusion, Label: "Project Logging Exclusion",
		Properties: []resource.Property{
			{Name: "name", Kind: resource.String, Immutable: true, Pattern: logRouteName}, project, description,
			{Name: "filter", Kind: resource.String, Required: true, Min: resource.At(1), Complain: complainFilter},
			{Name: "disabled", Kind: resource.Bool},
		},
		Unique:   []string{"name", "project"},
		AutoName: autoName(100),
		Conflict: func(in resource.Props) error {
			return apiError(409, ReasonExists, "Exclusion %s already exists", in.Str("name"))
		},
		Create: func(_ context.Context, env *resource.Env, in resource.Props) (string, resource.Props, error) {
			if n := len(env.View().Where(tokenLogExclusion, "project", in.Str("project"))); n >= mostExclusions {
				return "", nil, apiError(400, ReasonBad, "The project has %d exclusions: at most %d are allowed", n, mostExclusions)
			}
			return "projects/" + in.Str("project") + "/exclusions/" + in.Str("name"), resource.Props{}, nil
		},
	}
}
