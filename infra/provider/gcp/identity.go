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

// buildRoles is what a build needs: write its log, push the image, read the source. Source: "Custom service account for
// Cloud Build", docs.cloud.google.com/functions/docs/securing/build-custom-sa. They are granted on the project, and only
// the last can be narrowed there:
//
//   - the log: entries are written to the project, which is the lowest resource there is a policy for. Conditions on log
//     buckets and views are about reading ("Access control with IAM", docs.cloud.google.com/logging/docs/access-control);
//   - the image: it goes to the repository gcf-artifacts, which Google makes during the first build and which has no policy
//     before, and Artifact Registry is not among the services that know resource.name in a condition, so that a grant with
//     one would never hold ("Resource attributes for IAM Conditions", docs.cloud.google.com/iam/docs/
//     conditions-resource-attributes). To be narrower it takes a repository of our own (buildConfig.dockerRepository);
//   - the source: a condition, see onlySources.
var buildRoles = []struct{ key, role string }{
	{"log", "roles/logging.logWriter"},
	{"image", "roles/artifactregistry.writer"},
	{"source", roleObjectViewer},
}

const roleObjectViewer = "roles/storage.objectViewer"

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
	for _, b := range buildRoles {
		args := &projects.IAMMemberArgs{
			Project: pulumi.String(r.account.project),
			Role:    pulumi.String(b.role),
			Member:  pulumi.Sprintf("serviceAccount:%s", who.build.Email),
		}
		if b.role == roleObjectViewer {
			args.Condition = r.onlySources(bucket)
		}
		grant, err := projects.NewIAMMember(r.ctx, r.name+"-build-"+b.key, args, r.parent)
		if err != nil {
			return nil, r.failed("role "+b.role, err)
		}
		who.grants = append(who.grants, grant)
	}
	return &who, nil
}
