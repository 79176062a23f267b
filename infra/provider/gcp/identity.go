package gcp

import (
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
// Google during the first build and cannot be named before. Source: "Custom service account for Cloud Build",
// docs.cloud.google.com/functions/docs/securing/build-custom-sa.
var buildRoles = []struct{ key, role string }{
	{"log", "roles/logging.logWriter"},
	{"image", "roles/artifactregistry.writer"},
	{"source", "roles/storage.objectViewer"},
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
		grant, err := projects.NewIAMMember(r.ctx, r.name+"-build-"+b.key, &projects.IAMMemberArgs{
			Project: pulumi.String(r.account.project),
			Role:    pulumi.String(b.role),
			Member:  pulumi.Sprintf("serviceAccount:%s", who.build.Email),
		}, r.parent)
		if err != nil {
			return nil, r.failed("role "+b.role, err)
		}
		who.grants = append(who.grants, grant)
	}
	return &who, nil
}
