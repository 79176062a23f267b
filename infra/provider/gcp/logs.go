package gcp

import (
	"fmt"

	"github.com/pulumi/pulumi-gcp/sdk/v9/go/gcp/logging"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"polygate.example/infra/provider"
)

// maxRetention is the longest that a log bucket keeps entries, in days. Source: "Configure log buckets", custom retention,
// docs.cloud.google.com/logging/docs/buckets.
const maxRetention = 3650

// logs declares where the stack's logs are kept, and for how long: a log bucket of its own, a sink that routes to it what the
// functions and load balancers write, and an exclusion that keeps the same out of the project's default bucket, whose
// retention is the project's. What builds write stays in the default bucket: it names no service. A sink needs no grant for a
// bucket of its own project. Source: "Route logs to supported destinations", destination permissions,
// docs.cloud.google.com/logging/docs/export/configure_export_v2.
//
// The bucket is left where it is when the stack goes: what an outage wrote outlives the stack by as long as it was to be kept,
// and Google blocks the name of a deleted bucket for seven days, in which the stack could not come back. The next stack of the
// same name takes it over.
func (a *account) logs(ctx *pulumi.Context, name string, parent pulumi.ResourceOption) error {
	env := a.args.Settings.Environment
	bucket, err := logging.NewProjectBucketConfig(ctx, name+"-logs", &logging.ProjectBucketConfigArgs{
		Project:        pulumi.String(a.project),
		Location:       pulumi.String("global"),
		BucketId:       pulumi.String(provider.PhysicalName(env, "logs")),
		Description:    pulumi.Sprintf("Logs of the polygate gateway of %s", env),
		RetentionDays:  pulumi.Int(a.args.Settings.LogRetentionDays),
		DeletionPolicy: pulumi.String("ABANDON"),
	}, parent)
	if err != nil {
		return fmt.Errorf("log bucket: %w", err)
	}
	sink, err := logging.NewProjectSink(ctx, name+"-logs-sink", &logging.ProjectSinkArgs{
		Name:                 pulumi.String(provider.PhysicalName(env, "logs")),
		Description:          pulumi.Sprintf("Logs of the polygate gateway of %s", env),
		Destination:          pulumi.Sprintf("logging.googleapis.com/%s", bucket.ID()),
		Filter:               pulumi.String(logFilter(env)),
		UniqueWriterIdentity: pulumi.Bool(false),
	}, parent)
	if err != nil {
		return fmt.Errorf("log sink: %w", err)
	}
	// After the sink, so that nothing is lost in between.
	if _, err := logging.NewProjectExclusion(ctx, name+"-logs-exclusion", &logging.ProjectExclusionArgs{
		Name:        pulumi.String(provider.PhysicalName(env, "logs")),
		Description: pulumi.Sprintf("Logs of the polygate gateway of %s are in a bucket of their own", env),
		Filter:      pulumi.String(logFilter(env)),
	}, parent, pulumi.DependsOn([]pulumi.Resource{sink})); err != nil {
		return fmt.Errorf("log exclusion: %w", err)
	}
	return nil
}

// logFilter picks the entries of one environment's functions and load balancers. A region's label has no hyphen, so that the
// names of another environment, dev-2 beside dev, do not match. Source: "Monitored resource types" of Cloud Logging.
func logFilter(environment string) string {
	pattern := "^" + provider.PhysicalName(environment, "[a-z0-9]+") + "$"
	return fmt.Sprintf(`(resource.type="cloud_run_revision" AND resource.labels.service_name=~"%[1]s") OR `+
		`(resource.type="http_load_balancer" AND resource.labels.forwarding_rule_name=~"%[1]s")`, pattern)
}
