package gcp

import (
	"github.com/pulumi/pulumi-gcp/sdk/v9/go/gcp/artifactregistry"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// What a region keeps of its images. The newest is the one that is deployed, and Cloud Run holds its own copy of what a
// serving revision uses ("Deploying container images", docs.cloud.google.com/run/docs/deploying): the others are only for
// looking back.
const (
	keptImages = 5
	imageAge   = "86400s" // nothing younger than a day goes
)

// images declares the repository that this region's builds push to, and nothing else does. Without one of our own they
// push to gcf-artifacts, which Google makes during the first build and all functions of the region share. It lies where
// the function does: "an Artifact Registry Docker repository present in the same project and location" (gcloud functions
// deploy, --docker-repository, docs.cloud.google.com/sdk/gcloud/reference/functions/deploy).
//
// Deleting a repository deletes the images in it (Artifact Registry API, projects.locations.repositories.delete), so that
// a destroy needs no more.
func (r *region) images() (*artifactregistry.Repository, error) {
	// A policy that keeps only exempts from one that deletes: it takes both. Source: "Cleanup policies",
	// docs.cloud.google.com/artifact-registry/docs/repositories/cleanup-policy-overview.
	tidy := artifactregistry.RepositoryCleanupPolicyArray{
		artifactregistry.RepositoryCleanupPolicyArgs{
			Id: pulumi.String("delete-old"), Action: pulumi.String("DELETE"),
			Condition: artifactregistry.RepositoryCleanupPolicyConditionArgs{TagState: pulumi.String("ANY"), OlderThan: pulumi.String(imageAge)},
		},
		artifactregistry.RepositoryCleanupPolicyArgs{
			Id: pulumi.String("keep-newest"), Action: pulumi.String("KEEP"),
			MostRecentVersions: artifactregistry.RepositoryCleanupPolicyMostRecentVersionsArgs{KeepCount: pulumi.Int(keptImages)},
		},
	}
	repository, err := artifactregistry.NewRepository(r.ctx, r.name+"-images", &artifactregistry.RepositoryArgs{
		RepositoryId:    pulumi.String(r.stem),
		Location:        r.in,
		Format:          pulumi.String("DOCKER"),
		Description:     pulumi.Sprintf("Images of the polygate gateway of %s", r.account.args.Settings.Environment),
		CleanupPolicies: tidy,
		Labels:          r.labels,
	}, r.parent)
	if err != nil {
		return nil, r.failed("image repository", err)
	}
	return repository, nil
}

// mayPush lets the build identity read and write the images of one repository. The writer role is enough, because the
// repository is there: only roles with "create on push" may make one. Source: "Artifact Registry roles and permissions",
// docs.cloud.google.com/iam/docs/roles-permissions/artifactregistry. Those who deploy and run the image, the service
// agents of Cloud Run functions and Cloud Run, read it by the roles Google gives them on the whole project, as they do with
// gcf-artifacts (.../roles-permissions/cloudfunctions and .../run). A repository of another project would need grants for
// them, too.
func (r *region) mayPush(who *identities, repository *artifactregistry.Repository) error {
	grant, err := artifactregistry.NewRepositoryIamMember(r.ctx, r.name+"-build-image", &artifactregistry.RepositoryIamMemberArgs{
		Project:    pulumi.String(r.account.project),
		Location:   r.in,
		Repository: repository.Name,
		Role:       pulumi.String(roleImageWriter),
		Member:     pulumi.Sprintf("serviceAccount:%s", who.build.Email),
	}, r.parent)
	if err != nil {
		return r.failed("role "+roleImageWriter, err)
	}
	who.grants = append(who.grants, grant)
	return nil
}
