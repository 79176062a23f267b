package gcp

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"polygate.example/tools/internal/localcloud/resource"
)

// Tokens of the identity types.
const (
	tokenAccount          = "gcp:serviceaccount/account:Account"
	tokenIAMMember        = "gcp:projects/iAMMember:IAMMember"
	tokenServiceIAMMember = "gcp:cloudrunv2/serviceIamMember:ServiceIamMember"
)

// Roles a stack of this kind grants, and those that include what they give.
// Source: "IAM basic and predefined roles reference", cloud.google.com/iam/docs/understanding-roles.
const (
	RoleInvoker        = "roles/run.invoker"
	RoleLogWriter      = "roles/logging.logWriter"
	RoleArtifactWriter = "roles/artifactregistry.writer"
	RoleObjectViewer   = "roles/storage.objectViewer"
)

// includes lists, for what a build or a function needs, the roles that give it.
var includes = map[string][]string{
	RoleLogWriter: {RoleLogWriter, "roles/logging.admin", "roles/cloudbuild.builds.builder", "roles/editor", "roles/owner"},
	RoleArtifactWriter: {
		RoleArtifactWriter, "roles/artifactregistry.admin", "roles/artifactregistry.repoAdmin", "roles/artifactregistry.createOnPushWriter",
		"roles/artifactregistry.createOnPushRepoAdmin", "roles/cloudbuild.builds.builder", "roles/editor", "roles/owner",
	},
	// The editor may not read secrets: versions.access is not among its permissions.
	RoleSecretAccessor: {RoleSecretAccessor, "roles/secretmanager.admin", "roles/owner"},
	RoleObjectViewer:   {RoleObjectViewer, "roles/storage.objectAdmin", "roles/storage.objectUser", "roles/storage.admin", "roles/cloudbuild.builds.builder", "roles/editor", "roles/owner"},
}

// knownRoles are the roles a project policy takes here. Another is refused as Google refuses one it does not know.
var knownRoles = func() []string {
	known := []string{
		RoleInvoker, "roles/viewer", "roles/run.admin", "roles/run.viewer", "roles/cloudfunctions.invoker", "roles/cloudfunctions.developer",
		"roles/artifactregistry.reader", "roles/monitoring.metricWriter", "roles/cloudtrace.agent", "roles/secretmanager.secretAccessor", "roles/iam.serviceAccountUser",
	}
	for _, r := range includes {
		known = append(known, r...)
	}
	slices.Sort(known)
	return slices.Compact(known)
}()

// member is who a role is granted to. Source: "Principal identifiers", cloud.google.com/iam/docs/principal-identifiers.
var member = resource.Property{
	Name: "member", Kind: resource.String, Required: true, Immutable: true,
	Pattern: regexp.MustCompile(`^(allUsers|allAuthenticatedUsers|(user|serviceAccount|group|domain|principal|principalSet):.+)$`),
}

var roleName = resource.Property{
	Name: "role", Kind: resource.String, Required: true, Immutable: true,
	Pattern: regexp.MustCompile(`^(roles/[a-zA-Z0-9.]+|(projects|organizations)/[^/]+/roles/[a-zA-Z0-9_.]+)$`),
}

// emailOf is a service account's email. Source: provider schema of serviceaccount.Account.email.
func emailOf(id, project string) string {
	return id + "@" + project + ".iam.gserviceaccount.com"
}

// defaultAccount is the account a function runs and is built as when none is named.
// Source: cloud.google.com/compute/docs/access/service-accounts#default_service_account.
func defaultAccount() string { return Account + "-compute@developer.gserviceaccount.com" }

// accountExists reports whether a service account with that email is there.
func accountExists(v resource.View, email string) bool {
	if email == defaultAccount() {
		return true
	}
	_, ok := v.Find(tokenAccount, "email", email)
	return ok
}

// checkMember refuses a service account that does not exist: IAM accepts no others.
// Source: hashicorp/terraform-provider-google issues, "Service account ... does not exist., badRequest".
func checkMember(v resource.View, m string) error {
	if email, ok := strings.CutPrefix(m, "serviceAccount:"); ok && !accountExists(v, email) {
		return apiError(400, ReasonBad, "Service account %s does not exist.", email)
	}
	return nil
}

// checkRole refuses a role that the policy of a resource does not take.
func checkRole(role string, known []string) error {
	if !slices.Contains(known, role) {
		return apiError(400, ReasonBad, "Role %s is not supported for this resource. (The local Google Cloud knows %s)", role, strings.Join(known, ", "))
	}
	return nil
}

// holds reports whether a member has, at the project, a role that includes want and is good for a resource.
func holds(v resource.View, member, want, name string) bool {
	return slices.ContainsFunc(v.List(tokenIAMMember), func(r resource.Record) bool { return gives(r.Inputs, member, want, name) })
}

// gives reports whether a grant is for a member, of a role that includes want, and good for a resource. name is what
// conditions see of that.
func gives(grant resource.Props, member, want, name string) bool {
	return grant.Str("member") == member && slices.Contains(includes[want], grant.Str("role")) && covers(grant, name)
}

func account() *resource.Type {
	id := resource.Property{Name: "accountId", Kind: resource.String, Required: true, Immutable: true, Pattern: regexp.MustCompile(accountID)}
	return &resource.Type{
		Token: tokenAccount, Label: "service account",
		Properties: []resource.Property{
			id, project,
			{Name: "displayName", Kind: resource.String, Max: resource.At(100)},
			{Name: "description", Kind: resource.String, Max: resource.At(256)},
			{Name: "disabled", Kind: resource.Bool},
		},
		Unmodelled: []string{"createIgnoreAlreadyExists", "deletionPolicy"},
		Computed:   []string{"email", "member", "name", "uniqueId"},
		Unique:     []string{"accountId", "project"},
		AutoName:   &resource.AutoName{Property: "accountId", Max: 30, Lower: true},
		Conflict: func(in resource.Props) error {
			return apiError(409, ReasonExists, "Service account %s already exists within project projects/%s.", in.Str("accountId"), in.Str("project"))
		},
		Create: func(_ context.Context, _ *resource.Env, in resource.Props) (string, resource.Props, error) {
			email := emailOf(in.Str("accountId"), in.Str("project"))
			name := fmt.Sprintf("projects/%s/serviceAccounts/%s", in.Str("project"), email)
			return name, resource.Props{
				"email": email, "member": "serviceAccount:" + email, "name": name, "uniqueId": digits(21, "account", email),
			}, nil
		},
	}
}

// granted lets a grant be made twice: adding a member to a policy that has it changes nothing.
func granted(resource.Props) error { return nil }

func iamMember() *resource.Type {
	return &resource.Type{
		Token: tokenIAMMember, Label: "IAM policy for project",
		Properties: []resource.Property{required(project), roleName, member, condition},
		Computed:   []string{"etag"},
		Conflict:   granted,
		Create: func(_ context.Context, env *resource.Env, in resource.Props) (string, resource.Props, error) {
			m := in.Str("member")
			if err := checkRole(in.Str("role"), knownRoles); err != nil {
				return "", nil, err
			}
			if err := checkCondition(in); err != nil {
				return "", nil, err
			}
			// Source: "Members of type allUsers and allAuthenticatedUsers cannot be added to this resource", the
			// Resource Manager's refusal of public grants on a project.
			if m == "allUsers" || m == "allAuthenticatedUsers" {
				return "", nil, apiError(400, ReasonBad, "Members of type %s cannot be added to this resource.", m)
			}
			if err := checkMember(env.View(), m); err != nil {
				return "", nil, err
			}
			id := in.Str("project") + "/" + in.Str("role") + "/" + m
			if title := in.Object("condition").Str("title"); title != "" {
				id += "/" + title // Source: provider documentation of projects.IAMMember, import
			}
			return id, resource.Props{"etag": short(11, "etag", id)}, nil
		},
	}
}

// serviceIamMember grants a role on one Cloud Run service, which every function has behind it.
func serviceIamMember() *resource.Type {
	return &resource.Type{
		Token: tokenServiceIAMMember, Label: "IAM policy for Cloud Run service",
		Properties: []resource.Property{
			{Name: "name", Kind: resource.String, Required: true, Immutable: true},
			{Name: "location", Kind: resource.String, Required: true, Immutable: true},
			project, roleName, member,
		},
		Unmodelled: []string{"condition"},
		Computed:   []string{"etag"},
		Conflict:   granted,
		Create: func(_ context.Context, env *resource.Env, in resource.Props) (string, resource.Props, error) {
			service := serviceOf(in)
			if _, ok := functionBehind(env.View(), service); !ok {
				return "", nil, apiError(404, ReasonNotFound, "Resource '%s' of kind 'SERVICE' in region '%s' in project '%s' does not exist.",
					last(in.Str("name")), in.Str("location"), in.Str("project"))
			}
			if err := checkRole(in.Str("role"), knownRoles); err != nil {
				return "", nil, err
			}
			if err := checkMember(env.View(), in.Str("member")); err != nil {
				return "", nil, err
			}
			id := service + "/" + in.Str("role") + "/" + in.Str("member")
			return id, resource.Props{"etag": short(11, "etag", id)}, nil
		},
	}
}

// serviceOf is the full name of the service a ServiceIamMember is about, however its name is given.
func serviceOf(in resource.Props) string {
	if n := in.Str("name"); strings.HasPrefix(n, "projects/") {
		return n
	}
	return serviceName(in.Str("project"), in.Str("location"), in.Str("name"))
}

// public reports whether anyone may call a service.
// Source: "Allowing public (unauthenticated) access", cloud.google.com/run/docs/authenticating/public.
func public(v resource.View, service string) bool {
	return slices.ContainsFunc(v.List(tokenServiceIAMMember), func(r resource.Record) bool {
		return serviceOf(r.Inputs) == service && r.Inputs.Str("role") == RoleInvoker && r.Inputs.Str("member") == "allUsers"
	})
}
