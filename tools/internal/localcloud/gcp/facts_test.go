package gcp_test

import (
	"cmp"
	"fmt"
	"strings"
	"testing"

	"polygate.example/tools/internal/localcloud/gcp"
	"polygate.example/tools/internal/localcloud/resource"
	"polygate.example/tools/internal/localcloud/resource/resourcetest"
)

// fact is one rule of Google Cloud's, where it is written down, and something that breaks it.
type fact struct {
	name    string
	source  string
	provoke func(k *kit) error
	code    string // reason of the refusal; "" where the provider itself refuses before it asks Google
	text    string // part of the message
}

// made runs a create and keeps its error only.
func made(_ string, _ resource.Props, err error) error { return err }

// withFunction makes what a function needs and then creates one that is wrong.
func withFunction(change func(top, build, service resource.Props)) func(*kit) error {
	return func(k *kit) error {
		k.identities()
		k.sourceObject(goodSource())
		return made(k.create(tFunction, functionInputs(change)))
	}
}

// withGrants makes the accounts and the repository of a function, grants, and creates the function.
func withGrants(grant func(*kit)) func(*kit) error {
	return func(k *kit) error {
		k.accounts()
		k.must(tRepository, repositoryInputs(nil))
		grant(k)
		k.sourceObject(goodSource())
		return made(k.create(tFunction, functionInputs(nil)))
	}
}

// withPush creates a function whose build account may all but push, which is granted with a change.
func withPush(change resource.Props) func(*kit) error {
	return withGrants(func(k *kit) {
		k.must(tMember, logGrant())
		k.must(tMember, readGrant())
		k.must(tPush, pushGrant(change))
	})
}

// onName is a condition on the start of resource.name.
func onName(prefix string) resource.Props {
	return resource.Props{"condition": resource.Props{"title": "named", "expression": `resource.name.startsWith("` + prefix + `")`}}
}

// policies makes a repository with cleanup policies.
func policies(p ...resource.Props) func(*kit) error {
	return func(k *kit) error {
		list := make([]any, len(p))
		for i := range p {
			list[i] = p[i]
		}
		return made(k.create(tRepository, repositoryInputs(resource.Props{"cleanupPolicies": list})))
	}
}

// withSource creates a function whose source breaks a rule of the builder.
func withSource(change func(files map[string]string)) func(*kit) error {
	return func(k *kit) error {
		files := goodSource()
		change(files)
		k.identities()
		k.sourceObject(files)
		return made(k.create(tFunction, functionInputs(nil)))
	}
}

// deleted makes something with make and deletes one part of it.
func deleted(make func(*kit), token, id string) func(*kit) error {
	return func(k *kit) error {
		make(k)
		return k.delete(token, id)
	}
}

const (
	docNaming     = "cloud.google.com/compute/docs/naming-resources"
	docNEG        = "cloud.google.com/load-balancing/docs/negs/serverless-neg-concepts, limitations"
	docAuth       = "cloud.google.com/certificate-manager/docs/dns-authorizations"
	docBuild      = "GoogleCloudPlatform/buildpacks, cmd/go/functions_framework"
	docConditions = "cloud.google.com/iam/docs/conditions-overview"
	docFunction   = "cloud.google.com/functions/docs/reference/rest/v2/projects.locations.functions"
	docInUse      = "Compute Engine API, error reason resourceInUseByAnotherResource; terraform-google-lb-http issue #159"
	docAttributes = "cloud.google.com/iam/docs/conditions-resource-attributes"
	docCleanup    = "gcloud artifacts repositories set-cleanup-policies, command_lib/artifacts/cleanup_policy_util.py"
	docImages     = "gcloud functions deploy --docker-repository, api_lib/functions/cmek_util.py"
	docBucket     = "cloud.google.com/storage/docs/buckets#naming"
)

var identityFacts = []fact{
	{"an account id has 6 to 30 characters", "provider schema, serviceaccount.Account.accountId", func(k *kit) error {
		return made(k.create(tAccount, resource.Props{"accountId": "gw"}))
	}, "", "accountId"},
	{"an account exists once in a project", "IAM API, 409 alreadyExists", func(k *kit) error {
		k.must(tAccount, resource.Props{"accountId": "gw-run"})
		return made(k.create(tAccount, resource.Props{"accountId": "gw-run"}))
	}, gcp.ReasonExists, "Service account gw-run already exists within project projects/" + project},
	{"a role goes to an account that exists", "Resource Manager API, setIamPolicy", func(k *kit) error {
		return made(k.create(tMember, resource.Props{"project": project, "role": gcp.RoleLogWriter, "member": "serviceAccount:nobody@x.iam.gserviceaccount.com"}))
	}, gcp.ReasonBad, "Service account nobody@x.iam.gserviceaccount.com does not exist."},
	{"a role must be one there is", "cloud.google.com/iam/docs/understanding-roles", func(k *kit) error {
		return made(k.create(tMember, resource.Props{"project": project, "role": "roles/run.invokr", "member": "user:a@example.com"}))
	}, gcp.ReasonBad, "Role roles/run.invokr is not supported for this resource."},
	{"a project has no public members", "Resource Manager API, setIamPolicy", func(k *kit) error {
		return made(k.create(tMember, resource.Props{"project": project, "role": "roles/viewer", "member": "allUsers"}))
	}, gcp.ReasonBad, "cannot be added to this resource"},
	{"a basic role takes no condition", docConditions, func(k *kit) error {
		return made(k.create(tMember, sourceGrant("user:a@example.com", `resource.name.startsWith("projects/_/buckets/x")`).With(resource.Props{"role": "roles/viewer"})))
	}, gcp.ReasonBad, "basic role roles/viewer"},
	{"a condition has an expression", docConditions, func(k *kit) error {
		return made(k.create(tMember, sourceGrant("user:a@example.com", "")))
	}, "", "condition.expression"},
	{"a condition is one of those modelled", "the local Google Cloud's own limit", func(k *kit) error {
		return made(k.create(tMember, sourceGrant("user:a@example.com", `resource.name.endsWith("x")`)))
	}, gcp.ReasonBad, "Invalid condition expression"},
	{"a condition has at most 12 operators", "cloud.google.com/iam/quotas", func(k *kit) error {
		clause := `resource.name.startsWith("x")`
		return made(k.create(tMember, sourceGrant("user:a@example.com", strings.Repeat(clause+" || ", 13)+clause)))
	}, gcp.ReasonBad, "13 logical operators"},
	{"the invoker role is on a service that exists", "Cloud Run Admin API, setIamPolicy", func(k *kit) error {
		return made(k.create(tInvoker, resource.Props{"name": "gw", "location": "us-central1", "role": gcp.RoleInvoker, "member": "allUsers"}))
	}, gcp.ReasonNotFound, "of kind 'SERVICE' in region 'us-central1'"},
}

var storageFacts = []fact{
	{"a bucket name is lower case", docBucket, func(k *kit) error {
		return made(k.create(tBucket, resource.Props{"name": "Gateway", "location": "US"}))
	}, "", "name"},
	{"a bucket name does not say google", docBucket, func(k *kit) error {
		return made(k.create(tBucket, resource.Props{"name": "my-google-bucket", "location": "US"}))
	}, "", "contain \"google\""},
	{"a bucket is in a location there is", "cloud.google.com/storage/docs/locations", func(k *kit) error {
		return made(k.create(tBucket, resource.Props{"name": "gw-source", "location": "us-centrl1"}))
	}, "", "location constraint is not valid"},
	{"what a lifecycle rule does", "docs.cloud.google.com/storage/docs/lifecycle, lifecycle actions", func(k *kit) error {
		return made(k.create(tBucket, resource.Props{"name": "gw-state", "location": "US", "lifecycleRules": resource.List(resource.Props{
			"action": resource.Props{"type": "Forget"}, "condition": resource.Props{"daysSinceNoncurrentTime": 30.0}})}))
	}, "", `"Forget"`},
	{"a bucket name is taken once", "Cloud Storage API, 409 conflict", func(k *kit) error {
		k.must(tBucket, resource.Props{"name": "gw-source", "location": "us-central1"})
		return made(k.create(tBucket, resource.Props{"name": "gw-source", "location": "europe-west1"}))
	}, gcp.ReasonConflict, "you already own it"},
	{"a bucket with objects stays", "provider, resource_storage_bucket.go", deleted(func(k *kit) { k.sourceObject(goodSource()) }, tBucket, "gw-source"),
		gcp.ReasonInUse, "Error trying to delete bucket gw-source containing objects without `force_destroy` set to true"},
	{"an object is in a bucket that exists", "Cloud Storage API, 404 notFound", func(k *kit) error {
		return made(k.create(tObject, resource.Props{"bucket": "gw-source", "name": "src.zip", "content": "x"}))
	}, gcp.ReasonNotFound, "The specified bucket does not exist."},
	{"an object has content from one place", "provider schema, storage.BucketObject", func(k *kit) error {
		k.must(tBucket, resource.Props{"name": "gw-source", "location": "us-central1"})
		return made(k.create(tObject, resource.Props{"bucket": "gw-source", "name": "src.zip"}))
	}, "", "one of `content,source`"},
}

var (
	keepNewest = resource.Props{"id": "keep", "action": "KEEP", "mostRecentVersions": resource.Props{"keepCount": 5.0}}
	deleteOld  = resource.Props{"id": "delete", "action": "DELETE", "condition": resource.Props{"olderThan": "86400s"}}
)

var registryFacts = []fact{
	{"a repository id is lower case", "gcloud artifacts repositories create, command_lib/artifacts/util.py", func(k *kit) error {
		return made(k.create(tRepository, repositoryInputs(resource.Props{"repositoryId": "Images"})))
	}, "", "Names may only contain lowercase letters, numbers, and hyphens"},
	{"a repository id does not end with a hyphen", "gcloud artifacts repositories create, command_lib/artifacts/util.py", func(k *kit) error {
		return made(k.create(tRepository, repositoryInputs(resource.Props{"repositoryId": "images-"})))
	}, "", "must begin with a letter and end with a letter or number"},
	{"a repository's id is given", "provider schema, artifactregistry.Repository", func(k *kit) error {
		return made(k.create(tRepository, repositoryInputs(resource.Props{"repositoryId": nil})))
	}, "", "repositoryId"},
	{"a format is one there is", "Artifact Registry API v1, Repository.format", func(k *kit) error {
		return made(k.create(tRepository, repositoryInputs(resource.Props{"format": "DOKER"})))
	}, "", `Invalid value at 'repository.format' (type.googleapis.com/google.devtools.artifactregistry.v1.Repository.Format), "DOKER"`},
	{"a repository is in a location there is", "provider schema, artifactregistry.Repository.location", func(k *kit) error {
		return made(k.create(tRepository, repositoryInputs(resource.Props{"location": "us-central-1"})))
	}, "", "Permission denied on 'locations/us-central-1' (or it may not exist)"},
	{"a repository is one that can be pushed to", "ours", func(k *kit) error {
		return made(k.create(tRepository, repositoryInputs(resource.Props{"mode": "REMOTE_REPOSITORY"})))
	}, "", "one of [\"STANDARD_REPOSITORY\"]"},
	{"a repository exists once in a location", "Artifact Registry API, 409 alreadyExists", func(k *kit) error {
		k.must(tRepository, repositoryInputs(nil))
		return made(k.create(tRepository, repositoryInputs(resource.Props{"format": "NPM"})))
	}, gcp.ReasonExists, "Error creating Repository: googleapi: Error 409: the repository already exists"},
	{"a cleanup policy has a condition or a count", docCleanup, policies(resource.Props{"id": "a", "action": "DELETE"}), "",
		`Key "condition" or "mostRecentVersions" not found in policy "a"`},
	{"a cleanup policy has not both", docCleanup, policies(keepNewest.With(resource.Props{"condition": resource.Props{"tagState": "ANY"}})), "",
		`Only one of "condition" or "mostRecentVersions" allowed in policy "keep"`},
	{"a count is for keeping", "Artifact Registry API v1, CleanupPolicy.mostRecentVersions", policies(keepNewest.With(resource.Props{"action": "DELETE"})), "",
		"only be specified with a Keep action"},
	{"a cleanup policy keeps or deletes", "Artifact Registry API v1, CleanupPolicy.action", policies(deleteOld.With(resource.Props{"action": "BURN"})), "", "action"},
	{"an age is a duration", "Artifact Registry API v1, CleanupPolicyCondition.olderThan",
		policies(deleteOld.With(resource.Props{"condition": resource.Props{"olderThan": "a day"}})), "", "olderThan"},
	{"policies differ in their ids", docCleanup, policies(deleteOld, deleteOld), "", `Duplicate key "delete" in policy list`},
	{"a repository has at most ten policies", "docs.cloud.google.com/artifact-registry/docs/repositories/cleanup-policy", func(k *kit) error {
		var many []resource.Props
		for i := range 11 {
			many = append(many, deleteOld.With(resource.Props{"id": fmt.Sprint("delete-", i)}))
		}
		return policies(many...)(k)
	}, "", "at most (10), got 11"},
	{"a grant is on a repository that exists", "Artifact Registry API, getIamPolicy", func(k *kit) error {
		k.accounts()
		return made(k.create(tPush, pushGrant(nil)))
	}, gcp.ReasonNotFound, "Error creating IAM policy for artifactregistry repository: googleapi: Error 404: Requested entity was not found: " + images},
	{"a grant on a repository is to an account that exists", "Artifact Registry API, setIamPolicy", func(k *kit) error {
		k.must(tRepository, repositoryInputs(nil))
		return made(k.create(tPush, pushGrant(nil)))
	}, gcp.ReasonBad, "Service account gw-build@" + project + ".iam.gserviceaccount.com does not exist."},
	{"a repository's policy takes roles for repositories", "cloud.google.com/iam/docs/roles-permissions/artifactregistry", func(k *kit) error {
		k.identities()
		return made(k.create(tPush, pushGrant(resource.Props{"role": gcp.RoleLogWriter})))
	}, gcp.ReasonBad, "Role roles/logging.logWriter is not supported for this resource."},
	{"a role on a repository has a role's form", "provider schema, artifactregistry.RepositoryIamMember.role", func(k *kit) error {
		k.identities()
		return made(k.create(tPush, pushGrant(resource.Props{"role": "artifactregistry.writer"})))
	}, "", "role"},
	{"a member of a repository's policy has a member's form", "cloud.google.com/iam/docs/principal-identifiers", func(k *kit) error {
		k.identities()
		return made(k.create(tPush, pushGrant(resource.Props{"member": "gw-build@example.com"})))
	}, "", "member"},
	{"a condition in a repository's policy is one of those modelled", "the local Google Cloud's own limit", func(k *kit) error {
		k.identities()
		return made(k.create(tPush, pushGrant(resource.Props{"condition": resource.Props{"title": "t", "expression": "true"}})))
	}, gcp.ReasonBad, "Invalid condition expression"},
}

var functionFacts = []fact{
	{"a runtime must be one the builder has", "cloud.google.com/functions/docs/runtime-support; the words are ours, after firebase/firebase-tools pull request 8713",
		withFunction(func(_, build, _ resource.Props) { build["runtime"] = "go999" }), gcp.ReasonBad, "Runtime go999 is not supported"},
	{"traffic stays on an older revision", "ours", withFunction(func(_, _, service resource.Props) { service["allTrafficOnLatestRevision"] = false }), "", "one of [true], got false"},
	{"an entry point is required", docFunction,
		withFunction(func(_, build, _ resource.Props) { delete(build, "entryPoint") }), "", "buildConfig.entryPoint"},
	{"the source object exists", docFunction, withFunction(func(_, build, _ resource.Props) {
		build["source"] = resource.Props{"storageSource": resource.Props{"bucket": "gw-source", "object": "other.zip"}}
	}), gcp.ReasonNotFound, "Object gw-source/other.zip not found"},
	{"a location is one there is", "cloud.google.com/functions/docs/locations",
		withFunction(func(top, _, _ resource.Props) { top["location"] = "mars-north1" }), "", "locations/mars-north1"},
	{"a memory size has a known unit", docFunction,
		withFunction(func(_, _, service resource.Props) { service["availableMemory"] = "512MB" }), gcp.ReasonBad, `invalid quantity "512MB"`},
	{"memory has limits", "cloud.google.com/run/docs/configuring/services/memory-limits",
		withFunction(func(_, _, service resource.Props) { service["availableMemory"] = "64Gi" }), gcp.ReasonBad, "outside 128Mi to 32Gi"},
	{"a timeout is at most an hour", "cloud.google.com/functions/quotas",
		withFunction(func(_, _, service resource.Props) { service["timeoutSeconds"] = 3601.0 }), "", "range (1 - 3600)"},
	{"an instance takes at most 1000 requests at once", "cloud.google.com/run/docs/about-concurrency",
		withFunction(func(_, _, service resource.Props) { service["maxInstanceRequestConcurrency"] = 1001.0 }), "", "range (1 - 1000)"},
	{"concurrency wants a whole CPU", "cloud.google.com/run/docs/configuring/services/cpu",
		withFunction(func(_, _, service resource.Props) { delete(service, "availableCpu") }), gcp.ReasonBad, "Total cpu < 1 is not supported with concurrency > 1"},
	{"ingress settings are three", docFunction,
		withFunction(func(_, _, service resource.Props) { service["ingressSettings"] = "ALLOW_NOBODY" }), "", "ALLOW_INTERNAL_AND_GCLB"},
	{"PORT is the platform's to set", "cloud.google.com/functions/docs/configuring/env-var",
		withFunction(func(_, _, service resource.Props) { service["environmentVariables"] = resource.Props{"PORT": "1"} }), gcp.ReasonBad, "reserved env names were provided: PORT"},
	{"the runtime account exists", "Cloud Functions API, 403", withFunction(func(_, _, service resource.Props) {
		service["serviceAccountEmail"] = "ghost@" + project + ".iam.gserviceaccount.com"
	}), gcp.ReasonForbidden, "'iam.serviceaccounts.actAs' denied on service account ghost@"},
	{"the build account may read the source", "cloud.google.com/functions/docs/securing/build-custom-sa",
		withGrants(func(k *kit) { k.must(tMember, logGrant()); k.must(tPush, pushGrant(nil)) }), gcp.ReasonBuild,
		"missing permission on the build service account gw-build@" + project + ".iam.gserviceaccount.com. Grant it " + gcp.RoleObjectViewer},
	{"a condition can keep the build from its source", "cloud.google.com/functions/docs/building", withGrants(func(k *kit) {
		k.must(tMember, logGrant())
		k.must(tPush, pushGrant(nil))
		k.must(tMember, sourceGrant(builder, `resource.name.startsWith("projects/_/buckets/gw-source/")`))
	}), gcp.ReasonBuild, "Grant it " + gcp.RoleObjectViewer},
	{"the build account may write logs", "cloud.google.com/functions/docs/securing/build-custom-sa",
		withGrants(func(k *kit) { k.must(tPush, pushGrant(nil)); k.must(tMember, readGrant()) }), gcp.ReasonBuild, "Grant it " + gcp.RoleLogWriter + "."},
	{"a condition on names never holds for writing logs", docAttributes, withGrants(func(k *kit) {
		k.must(tMember, logGrant().With(onName("projects/"+project)))
		k.must(tPush, pushGrant(nil))
		k.must(tMember, readGrant())
	}), gcp.ReasonBuild, "Grant it " + gcp.RoleLogWriter + "."},
	{"the build account may push the image", "cloud.google.com/functions/docs/securing/build-custom-sa",
		withGrants(func(k *kit) { k.must(tMember, logGrant()); k.must(tMember, readGrant()) }), gcp.ReasonBuild,
		"Grant it " + gcp.RoleArtifactWriter + " on " + images + "."},
	{"reading a repository is not pushing to it", "cloud.google.com/iam/docs/roles-permissions/artifactregistry",
		withPush(resource.Props{"role": "roles/artifactregistry.reader"}), gcp.ReasonBuild, "Grant it " + gcp.RoleArtifactWriter + " on " + images + "."},
	{"pushing is for who was granted it", "Artifact Registry API, setIamPolicy",
		withPush(resource.Props{"member": "user:a@example.com"}), gcp.ReasonBuild, "Grant it " + gcp.RoleArtifactWriter + " on " + images + "."},
	{"a grant on one repository is none on another", "Artifact Registry API, setIamPolicy", func(k *kit) error {
		k.must(tRepository, repositoryInputs(resource.Props{"repositoryId": "other"}))
		return withPush(resource.Props{"repository": "other"})(k)
	}, gcp.ReasonBuild, "Grant it " + gcp.RoleArtifactWriter + " on " + images + "."},
	{"a grant on a repository is none on its namesake elsewhere", "Artifact Registry API, setIamPolicy", func(k *kit) error {
		k.must(tRepository, repositoryInputs(resource.Props{"location": "europe-west1"}))
		return withPush(resource.Props{"location": "europe-west1"})(k)
	}, gcp.ReasonBuild, "Grant it " + gcp.RoleArtifactWriter + " on " + images + "."},
	{"a condition on names never holds for a repository", docAttributes, withPush(onName(images)), gcp.ReasonBuild,
		"Grant it " + gcp.RoleArtifactWriter + " on " + images + "."},
	{"nor does it at the project", docAttributes, withGrants(func(k *kit) {
		k.must(tMember, logGrant())
		k.must(tMember, logGrant().With(onName(images)).With(resource.Props{"role": gcp.RoleArtifactWriter}))
		k.must(tMember, readGrant())
	}), gcp.ReasonBuild, "Grant it " + gcp.RoleArtifactWriter + " on " + images + "."},
	{"without a repository of its own it pushes to gcf-artifacts", docFunction, func(k *kit) error {
		k.identities()
		k.sourceObject(goodSource())
		return made(k.create(tFunction, functionInputs(func(_, build, _ resource.Props) { delete(build, "dockerRepository") })))
	}, gcp.ReasonBuild, "Grant it " + gcp.RoleArtifactWriter + " on projects/" + project + "/locations/us-central1/repositories/gcf-artifacts."},
	{"a repository is named in full", docImages,
		withFunction(func(_, build, _ resource.Props) { build["dockerRepository"] = "gw" }), "", "Docker repository name should match `projects/{project}/locations/{location}/repositories/{repository}`"},
	{"a repository exists", docFunction, withFunction(func(_, build, _ resource.Props) { build["dockerRepository"] = images + "2" }),
		gcp.ReasonNotFound, "Requested entity was not found: the Docker repository " + images + "2"},
	{"a repository is in the function's region", docImages, func(k *kit) error {
		k.must(tRepository, repositoryInputs(resource.Props{"location": "europe-west1"}))
		return withFunction(func(_, build, _ resource.Props) {
			build["dockerRepository"] = "projects/" + project + "/locations/europe-west1/repositories/gw"
		})(k)
	}, gcp.ReasonBad, "Cross-location repositories are not supported: the repository should be in `us-central1`"},
	{"a multi-region is not the function's region", docImages, func(k *kit) error {
		k.must(tRepository, repositoryInputs(resource.Props{"location": "us"}))
		return withFunction(func(_, build, _ resource.Props) {
			build["dockerRepository"] = "projects/" + project + "/locations/us/repositories/gw"
		})(k)
	}, gcp.ReasonBad, "Cross-location repositories are not supported"},
	{"a repository is in the function's project", docImages, withFunction(func(_, build, _ resource.Props) {
		build["dockerRepository"] = "projects/another-project/locations/us-central1/repositories/gw"
	}), gcp.ReasonBad, "Cross-project repositories are not supported: the repository should be in `" + project + "`"},
	{"a repository is for Docker", "Cloud Functions API v2, BuildConfig.dockerRepository", func(k *kit) error {
		k.must(tRepository, repositoryInputs(resource.Props{"repositoryId": "py", "format": "PYTHON"}))
		return withFunction(func(_, build, _ resource.Props) {
			build["dockerRepository"] = "projects/" + project + "/locations/us-central1/repositories/py"
		})(k)
	}, gcp.ReasonBad, "Repository format must be 'DOCKER'"},
	{"a function name is taken once in a region", "Cloud Functions API, 409; firebase/firebase-tools issue 6075", func(k *kit) error {
		k.function(nil)
		return made(k.create(tFunction, functionInputs(nil)))
	}, gcp.ReasonExists, "Resource 'projects/" + project + "/locations/us-central1/functions/gw' already exists"},
}

var builderFacts = []fact{
	{"go.mod is at the root", docBuild, withSource(func(f map[string]string) { delete(f, "go.mod") }), gcp.ReasonBuild, "function build requires go.mod"},
	{"there is a package at the root", docBuild, withSource(func(f map[string]string) { delete(f, "function.go") }), gcp.ReasonBuild, "unable to find Go package"},
	{"there is one package at the root", docBuild, withSource(func(f map[string]string) { f["other.go"] = "package other\n" }), gcp.ReasonBuild, "multiple packages in user code directory: fn, other"},
	{"a test is a package too", docBuild, withSource(func(f map[string]string) { f["function_test.go"] = "package fn\n" }), gcp.ReasonBuild, "multiple packages in user code directory: fn, fn_test"},
	{"the package is not main", docBuild, withSource(func(f map[string]string) { f["function.go"] = "package main\n" }), gcp.ReasonBuild, "not an importable package"},
	{"the module path has a dot", docBuild, withSource(func(f map[string]string) { f["go.mod"] = "module gateway/fn\n\ngo 1.26.0\n" }), gcp.ReasonBuild, "must contain a dot in the first path element"},
	{"the go line is not newer than the runtime", docBuild, withSource(func(f map[string]string) { f["go.mod"] = "module gateway.example/fn\n\ngo 1.27\n" }), gcp.ReasonBuild, "go.mod requires go >= 1.27"},
	{"vendored sources hold the framework", docBuild, withSource(func(f map[string]string) {
		delete(f, "vendor/github.com/GoogleCloudPlatform/functions-framework-go/funcframework/f.go")
	}), gcp.ReasonBuild, "vendored dependencies must include"},
	{"go.mod is one", docBuild, withSource(func(f map[string]string) { f["go.mod"] = "modul x" }), gcp.ReasonBuild, "go.mod:1"},
}

// TestFacts breaks one documented rule after the other and wants Google's own kind of refusal, by its reason.
func TestFacts(t *testing.T) {
	for topic, facts := range map[string][]fact{
		"identity": identityFacts, "storage": storageFacts, "registry": registryFacts, "function": functionFacts, "builder": builderFacts, "balancer": balancerFacts, "certificate": certificateFacts, "clients": clientFacts,
		"secret": secretFacts, "monitoring": monitoringFacts, "budget": budgetFacts, "logging": loggingFacts,
	} {
		for _, f := range facts {
			t.Run(topic+"/"+f.name, func(t *testing.T) {
				resourcetest.Refused(t, f.provoke(newKit(t)), cmp.Or(f.code, "Check"), f.text, f.source)
			})
		}
	}
}

// TestWords keeps the whole form of the errors: operation, kind, Google's status, message and reason.
func TestWords(t *testing.T) {
	k := newKit(t)
	k.must(tAddress, resource.Props{"name": "gw"})
	_, _, err := k.create(tAddress, resource.Props{"name": "gw"})
	want := "Error creating GlobalAddress: googleapi: Error 409: The resource 'projects/" + project + "/global/addresses/gw' already exists, alreadyExists"
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}
