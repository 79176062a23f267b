package gcp

import (
	"fmt"

	"github.com/pulumi/pulumi-gcp/sdk/v9/go/gcp/projects"
	"github.com/pulumi/pulumi-gcp/sdk/v9/go/gcp/serviceaccount"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// identities are the two service accounts of a region.
type identities struct {
	runtime *serviceaccount.Account
	build   *serviceaccount.Account
	grants  []pulumi.Resource // what the build account may do
}

// buildRoles is what a build needs: write its log, push the image, read the source. They are granted on the project,
// because the places they are used on (the gcf-v2-sources bucket, the gcf-artifacts repository, the log) are made by
// Google during the first build and have no policy before. Source: "Custom service account for Cloud Build",
// docs.cloud.google.com/functions/docs/securing/build-custom-sa.
var buildRoles = []struct{ key, role string }{
	{"log", "roles/logging.logWriter"},
	{"image", "roles/artifactregistry.writer"},
	{"source", roleObjectViewer},
}

const roleObjectViewer = "roles/storage.objectViewer"

// copiedSources begins the full names of the buckets to which Cloud Functions copies a source before it is built:
// gcf-v2-sources-<project number>-<region>, with the key's hash behind it where CMEK is used. Source: "Build process
// overview", docs.cloud.google.com/functions/docs/building.
const copiedSources = "projects/_/buckets/gcf-v2-sources-"

// onlySources keeps the right to read objects to sources: those copied, and the region's own bucket, which the source is
// copied from. Source: "Attribute reference for IAM Conditions", resource.name of Cloud Storage,
// docs.cloud.google.com/iam/docs/conditions-attribute-reference.
func (r *region) onlySources() *projects.IAMMemberConditionArgs {
	return &projects.IAMMemberConditionArgs{
		Title:       pulumi.String("sources only"),
		Description: pulumi.String("The source of a build and the copy that Cloud Functions makes of it"),
		Expression: pulumi.String(fmt.Sprintf("resource.name.startsWith(%q) || resource.name.startsWith(%q)",
			copiedSources, "projects/_/buckets/"+r.bucketName()+"/")),
	}
}

// identity declares who runs the gateway and who builds it. The runtime account has no role at all: the gateway calls
// no Google API, and Cloud Run itself writes what it prints to the log.
func (r *region) identity() (*identities, error) {
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
			args.Condition = r.onlySources()
		}
		grant, err := projects.NewIAMMember(r.ctx, r.name+"-build-"+b.key, args, r.parent)
		if err != nil {
			return nil, r.failed("role "+b.role, err)
		}
		who.grants = append(who.grants, grant)
	}
	return &who, nil
}
