package gcp

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"polygate.example/tools/internal/localcloud/resource"
)

// Tokens of the Artifact Registry types.
const (
	tokenRepository          = "gcp:artifactregistry/repository:Repository"
	tokenRepositoryIAMMember = "gcp:artifactregistry/repositoryIamMember:RepositoryIamMember"
)

// formatDocker is the one format of repositories that functions are built into.
const formatDocker = "DOCKER"

// repositoryFormats: Source: Artifact Registry API v1, Repository.format.
var repositoryFormats = []string{formatDocker, "MAVEN", "NPM", "APT", "YUM", "GOOGET", "PYTHON", "KFP", "GO", "GENERIC", "RUBY"}

// repositoryMultiRegions are locations of repositories beside the regions. Source: provider schema of
// artifactregistry.Repository.location.
var repositoryMultiRegions = []string{"asia", "europe", "us"}

// repositoryID: Source: gcloud artifacts repositories create (command_lib/artifacts/util.py), which says so in the words
// below. It gives no length: 63 characters are the limit of the names beside it.
var repositoryID = regexp.MustCompile(rfc1035)

// defaultRepository is where functions of a region are built into that name no repository. Source: Cloud Functions API v2,
// BuildConfig.dockerRepository.
const defaultRepository = "gcf-artifacts"

func repositoryName(project, location, id string) string {
	return fmt.Sprintf("projects/%s/locations/%s/repositories/%s", project, location, id)
}

func complainRepositoryLocation(v any) string {
	if slices.Contains(repositoryMultiRegions, v.(string)) {
		return ""
	}
	return complainLocation(v)
}

// cleanupPolicies say which versions go and which stay. The local cloud holds no images, so that they have nothing to do;
// what Google would refuse is refused. Source: provider schema, and "Configure cleanup policies" with its limit of ten,
// docs.cloud.google.com/artifact-registry/docs/repositories/cleanup-policy.
var cleanupPolicies = func() resource.Property {
	text := &resource.Property{Kind: resource.String}
	list := func(name string) resource.Property {
		return resource.Property{Name: name, Kind: resource.Array, Elem: text}
	}
	age := func(name string) resource.Property {
		return resource.Property{Name: name, Kind: resource.String, Pattern: regexp.MustCompile(`^[0-9]+(\.[0-9]+)?[smhd]$`)}
	}
	return resource.Property{
		Name: "cleanupPolicies", Kind: resource.Array, Set: true, Max: resource.At(10), Complain: complainPolicies,
		Elem: &resource.Property{Kind: resource.Object, Fields: []resource.Property{
			{Name: "id", Kind: resource.String, Required: true, Min: resource.At(1), Max: resource.At(127)},
			required(choice("action", "DELETE", "KEEP")),
			{Name: "condition", Kind: resource.Object, Fields: []resource.Property{
				oneOf("tagState", "ANY", "TAGGED", "UNTAGGED"),
				list("tagPrefixes"), list("versionNamePrefixes"), list("packageNamePrefixes"), age("olderThan"), age("newerThan"),
			}},
			{Name: "mostRecentVersions", Kind: resource.Object, Fields: []resource.Property{
				{Name: "keepCount", Kind: resource.Int, Min: resource.At(1)}, list("packageNamePrefixes"),
			}},
		}},
	}
}()

// complainPolicies speaks as gcloud does (command_lib/artifacts/cleanup_policy_util.py) and, for the last rule, as the API.
func complainPolicies(v any) string {
	seen := map[string]bool{}
	for _, p := range (resource.Props{"": v}).Objects("") {
		id, condition, recent := p.Str("id"), p.Has("condition"), p.Has("mostRecentVersions")
		switch {
		case seen[id]:
			return fmt.Sprintf("Duplicate key %q in policy list.", id)
		case condition && recent:
			return fmt.Sprintf(`Only one of "condition" or "mostRecentVersions" allowed in policy %q.`, id)
		case !condition && !recent:
			return fmt.Sprintf(`Key "condition" or "mostRecentVersions" not found in policy %q.`, id)
		case recent && p.Str("action") != "KEEP":
			return fmt.Sprintf("mostRecentVersions may only be specified with a Keep action, which policy %q is not.", id)
		}
		seen[id] = true
	}
	return ""
}

// repository is a standard repository of Artifact Registry.
func repository() *resource.Type {
	return &resource.Type{
		Token: tokenRepository, Label: "Repository",
		Properties: []resource.Property{
			{
				Name: "repositoryId", Kind: resource.String, Required: true, Immutable: true,
				Complain: func(v any) string {
					if !repositoryID.MatchString(v.(string)) {
						return fmt.Sprintf("%q: Names may only contain lowercase letters, numbers, and hyphens, and must begin with a letter "+
							"and end with a letter or number, and have at most 63 characters.", v)
					}
					return ""
				},
			},
			{
				Name: "format", Kind: resource.String, Required: true, Immutable: true, Fold: true,
				Complain: func(v any) string {
					if !slices.Contains(repositoryFormats, strings.ToUpper(v.(string))) {
						return apiError(400, ReasonBad, "Invalid value at 'repository.format' (type.googleapis.com/google.devtools.artifactregistry.v1.Repository.Format), %q: want one of %s",
							v, strings.Join(repositoryFormats, ", ")).Error()
					}
					return ""
				},
			},
			{Name: "location", Kind: resource.String, Required: true, Immutable: true, Complain: complainRepositoryLocation},
			project, description, labels, cleanupPolicies,
			{Name: "cleanupPolicyDryRun", Kind: resource.Bool},
			immutable(oneOf("mode", "STANDARD_REPOSITORY")), // nothing can be pushed to the others
		},
		Unmodelled: []string{
			"deletionPolicy", "dockerConfig", "kmsKeyName", "mavenConfig", "remoteRepositoryConfig", "virtualRepositoryConfig",
			"vulnerabilityScanningConfig",
		},
		Computed: append([]string{"createTime", "name", "registryUri", "updateTime"}, labelOutputs...),
		Volatile: append([]string{"updateTime"}, labelOutputs...),
		Unique:   []string{"repositoryId", "location", "project"},
		Conflict: func(resource.Props) error { return apiError(409, ReasonExists, "the repository already exists") },
		Create: func(_ context.Context, env *resource.Env, in resource.Props) (string, resource.Props, error) {
			id, now := in.Str("repositoryId"), env.Now().Format(time.RFC3339)
			return repositoryName(in.Str("project"), in.Str("location"), id), computedLabels(in).With(resource.Props{
				"name": id, "createTime": now, "updateTime": now,
				"registryUri": fmt.Sprintf("%s-%s.pkg.dev/%s/%s", in.Str("location"), strings.ToLower(in.Str("format")), in.Str("project"), id),
			}), nil
		},
		Update: func(_ context.Context, env *resource.Env, _ resource.Record, in resource.Props) (resource.Props, error) {
			return computedLabels(in).With(resource.Props{"updateTime": env.Now().Format(time.RFC3339)}), nil
		},
		// A repository goes with all that is in it, used or not, and with its policy. Source: "Deletes a repository and all
		// of its contents", Artifact Registry API, projects.locations.repositories.delete.
		Delete: func(_ context.Context, env *resource.Env, old resource.Record) error {
			for _, grant := range env.View().List(tokenRepositoryIAMMember) {
				if repositoryOf(grant.Inputs) != old.ID {
					continue
				}
				if err := env.Remove(grant); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

// repositoryRoles are the roles that a repository's policy takes here. Source: "Artifact Registry roles and permissions",
// docs.cloud.google.com/iam/docs/roles-permissions/artifactregistry.
var repositoryRoles = []string{"roles/artifactregistry.admin", "roles/artifactregistry.reader", "roles/artifactregistry.repoAdmin", RoleArtifactWriter}

// repositoryIamMember grants a role on one repository.
func repositoryIamMember() *resource.Type {
	return &resource.Type{
		Token: tokenRepositoryIAMMember, Label: "IAM policy for artifactregistry repository",
		Properties: []resource.Property{
			{Name: "repository", Kind: resource.String, Required: true, Immutable: true},
			{Name: "location", Kind: resource.String, Immutable: true},
			project, roleName, member, condition,
		},
		Computed: []string{"etag"},
		Conflict: granted,
		Create: func(_ context.Context, env *resource.Env, in resource.Props) (string, resource.Props, error) {
			on := repositoryOf(in)
			if _, ok := env.View().Get(tokenRepository, on); !ok {
				return "", nil, apiError(404, ReasonNotFound, "Requested entity was not found: %s", on)
			}
			if err := checkRole(in.Str("role"), repositoryRoles); err != nil {
				return "", nil, err
			}
			if err := checkCondition(in); err != nil {
				return "", nil, err
			}
			if err := checkMember(env.View(), in.Str("member")); err != nil {
				return "", nil, err
			}
			id := on + "/" + in.Str("role") + "/" + in.Str("member")
			if title := in.Object("condition").Str("title"); title != "" {
				id += "/" + title
			}
			return id, resource.Props{"etag": short(11, "etag", id)}, nil
		},
	}
}

// repositoryOf is the full name of the repository a RepositoryIamMember is about, in each of the forms the provider takes
// (provider documentation of artifactregistry.RepositoryIamMember, import).
func repositoryOf(in resource.Props) string {
	project, location := in.Str("project"), in.Str("location")
	switch p := strings.Split(in.Str("repository"), "/"); len(p) {
	case 6:
		return in.Str("repository")
	case 3:
		return repositoryName(p[0], p[1], p[2])
	case 2:
		return repositoryName(project, p[0], p[1])
	}
	return repositoryName(project, location, in.Str("repository"))
}

// dockerRepository is the repository a function is built into.
func dockerRepository(in resource.Props) string {
	if r := in.Object("buildConfig").Str("dockerRepository"); r != "" {
		return r
	}
	return repositoryName(in.Str("project"), in.Str("location"), defaultRepository)
}

var dockerRepositoryPattern = regexp.MustCompile(`^projects/([^/]+)/locations/([^/]+)/repositories/[^/]+$`)

func complainDockerRepository(v any) string {
	if !dockerRepositoryPattern.MatchString(v.(string)) {
		return fmt.Sprintf("%q: Docker repository name should match `projects/{project}/locations/{location}/repositories/{repository}`", v)
	}
	return ""
}

// checkDockerRepository checks the repository a function names. The default one is not looked for: Google makes it.
//
// Source: Cloud Functions API v2, BuildConfig.dockerRepository ("Repository format must be 'DOCKER'"); gcloud functions
// deploy --docker-repository (same project and location; others are a preview with requirements of their own, which is
// not modelled) and api_lib/functions/cmek_util.py, whose words these are.
func checkDockerRepository(v resource.View, in resource.Props) error {
	name := in.Object("buildConfig").Str("dockerRepository")
	if name == "" {
		return nil
	}
	at := dockerRepositoryPattern.FindStringSubmatch(name)
	if at == nil {
		return apiError(400, ReasonBad, "%s", complainDockerRepository(name))
	}
	if own := in.Str("project"); at[1] != own {
		return apiError(400, ReasonBad, "Cross-project repositories are not supported: the repository should be in `%s`, and is %s.", own, name)
	}
	if own := in.Str("location"); at[2] != own {
		return apiError(400, ReasonBad, "Cross-location repositories are not supported: the repository should be in `%s`, and is %s.", own, name)
	}
	r, ok := v.Get(tokenRepository, name)
	if !ok {
		return apiError(404, ReasonNotFound, "Requested entity was not found: the Docker repository %s", name)
	}
	if format := r.Inputs.Str("format"); !strings.EqualFold(format, formatDocker) {
		return apiError(400, ReasonBad, "Repository format must be 'DOCKER': %s is of the format %s", name, format)
	}
	return nil
}

// mayPush reports whether a member may push to a repository, by the project's policy or by the repository's own.
func mayPush(v resource.View, member, repository string) bool {
	return holds(v, member, RoleArtifactWriter, nameless) || slices.ContainsFunc(v.List(tokenRepositoryIAMMember), func(r resource.Record) bool {
		return repositoryOf(r.Inputs) == repository && gives(r.Inputs, member, RoleArtifactWriter, nameless)
	})
}
