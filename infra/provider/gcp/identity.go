package gcp

import (
	"github.com/pulumi/pulumi-gcp/sdk/v9/go/gcp/projects"
	"github.com/pulumi/pulumi-gcp/sdk/v9/go/gcp/serviceaccount"
	"github.com/pulumi/pulumi-gcp/sdk/v9/go/gcp/storage"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// identities are the two service accounts of a region.
type identities struct {
	runtime *serviceaccount.Account
	build   *serviceaccount.Account
	grants  []pulumi.Resource // what the build account may do
}

// A build writes its log, pushes the image and reads the source, for which it needs these three roles. Source: "Custom
// service account for Cloud Build", docs.cloud.google.com/functions/docs/securing/build-custom-sa. Each is granted on as
// little as Google knows for it:
//
//   - the log: "the permission logging.logEntries.create is needed on each project, organization, billing account, or
//     folder that is receiving new log entries" (Cloud Logging API, entries.write, logName,
//     docs.cloud.google.com/logging/docs/reference/v2/rest/v2/entries/write), so that the project is the least there is to
//     grant it on. No condition narrows it: the resources of Cloud Logging that conditions know by name are log buckets
//     and views ("Resource attributes for IAM Conditions", docs.cloud.google.com/iam/docs/conditions-resource-attributes),
//     which are read and routed to; an entry is written to none;
//   - the image: by the IAM policy of the one repository the build pushes to, which the page on build accounts names as the
//     way to do it, see mayPush. A condition on a grant for the project would not do: Artifact Registry is not among the
//     services that know resource.name;
//   - the source: a condition, see onlySources.
const (
	roleLogWriter    = "roles/logging.logWriter"
	roleImageWriter  = "roles/artifactregistry.writer"
	roleObjectViewer = "roles/storage.objectViewer"
)

// onlySources keeps the right to read objects to sources of this region: its own bucket, and the one to which Cloud
// Functions copies a source before it is built. That is gcf-v2-sources-<project number>-<region>, with the key's hash
// behind it where CMEK is used. Source: "Build process overview", docs.cloud.google.com/functions/docs/building;
// resource.name of Cloud Storage in "Resource attributes for IAM Conditions", docs.cloud.google.com/iam/docs/
// conditions-resource-attributes.
func (r *region) onlySources(bucket *storage.Bucket) *projects.IAMMemberConditionArgs {
	const starts = `resource.name.startsWith("projects/_/buckets/`
	return &projects.IAMMemberConditionArgs{
		Title:       pulumi.String("sources only"),
		Description: pulumi.String("The source of a build and the copy that Cloud Functions makes of it"),
		Expression: pulumi.Sprintf(starts+`gcf-v2-sources-%d-%s") || `+starts+`%s/")`,
			bucket.ProjectNumber, r.in, bucket.Name),
	}
}

// identity declares who runs the gateway and who builds it. The runtime account has no role at all: the gateway calls
// no Google API, and Cloud Run itself writes what it prints to the log.
func (r *region) identity(bucket *storage.Bucket) (*identities, error) {
	var who identities
	var err error
	who.runtime, err = serviceaccount.NewAccount(r.ctx, r.name+"-runtime", &serviceaccount.AccountArgs{
		AccountId:   pulumi.String(r.stem + "-run"),
		DisplayName: pulumi.Sprintf("Runs the polygate gateway of %s in %s", r.account.args.Settings.Environment, r.args.Region.Name),
	}, r.parent)
	if err != nil {
		return nil, r.failed("runtime identity", err)
	}
	who.build, err = serviceaccount.NewAccount(r.ctx, r.name+"-build", &serviceaccount.AccountArgs{
		AccountId:   pulumi.String(r.stem + "-bld"),
		DisplayName: pulumi.Sprintf("Builds the polygate gateway of %s in %s", r.account.args.Settings.Environment, r.args.Region.Name),
	}, r.parent)
	if err != nil {
		return nil, r.failed("build identity", err)
	}
	for _, b := range []struct {
		key, role string
		condition projects.IAMMemberConditionPtrInput
	}{
		{"log", roleLogWriter, nil},
		{"source", roleObjectViewer, r.onlySources(bucket)},
	} {
		grant, err := projects.NewIAMMember(r.ctx, r.name+"-build-"+b.key, &projects.IAMMemberArgs{
			Project:   pulumi.String(r.account.project),
			Role:      pulumi.String(b.role),
			Member:    pulumi.Sprintf("serviceAccount:%s", who.build.Email),
			Condition: b.condition,
		}, r.parent)
		if err != nil {
			return nil, r.failed("role "+b.role, err)
		}
		who.grants = append(who.grants, grant)
	}
	return &who, nil
}
