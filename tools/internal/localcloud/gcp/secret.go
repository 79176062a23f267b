package gcp

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"polygate.example/tools/internal/localcloud/resource"
)

const tokenSecretIAMMember = "gcp:secretmanager/secretIamMember:SecretIamMember"

// RoleSecretAccessor lets its holder read the versions of a secret.
const RoleSecretAccessor = "roles/secretmanager.secretAccessor"

// secretRoles are the roles that the policy of a secret takes. Source: "Secret Manager roles and permissions",
// docs.cloud.google.com/iam/docs/roles-permissions/secretmanager.
var secretRoles = []string{
	RoleSecretAccessor, "roles/secretmanager.admin", "roles/secretmanager.secretVersionAdder", "roles/secretmanager.secretVersionManager",
	"roles/secretmanager.viewer",
}

// secretPattern is the form of a secret's full name. Source: Secret Manager API, projects.secrets.create, secretId: up to 255
// letters, digits, hyphens and underscores.
var secretPattern = regexp.MustCompile(`^projects/[a-z0-9][a-z0-9:.-]*/secrets/[a-zA-Z0-9_-]{1,255}$`)

// secretName says what is wrong with the full name of a secret.
func secretName(name string) error {
	if strings.Contains(name, "/versions/") {
		return fmt.Errorf("%q names a version: want the secret's name without the version: one more is made with each value", name)
	}
	if !secretPattern.MatchString(name) {
		return fmt.Errorf("%q is no secret of Secret Manager: want projects/<project>/secrets/<name>", name)
	}
	return nil
}

// fullSecret is the full name of a secret, however it is given.
func fullSecret(project, id string) string {
	if strings.HasPrefix(id, "projects/") {
		return id
	}
	return "projects/" + project + "/secrets/" + id
}

// secretIamMember grants a role on one secret, which somebody has made by hand.
func secretIamMember() *resource.Type {
	return &resource.Type{
		Token: tokenSecretIAMMember, Label: "IAM policy for secretmanager secret",
		Properties: []resource.Property{
			{Name: "secretId", Kind: resource.String, Required: true, Immutable: true},
			project, roleName, member,
		},
		Unmodelled: []string{"condition"},
		Computed:   []string{"etag"},
		Conflict:   granted,
		Create: func(_ context.Context, env *resource.Env, in resource.Props) (string, resource.Props, error) {
			secret := fullSecret(in.Str("project"), in.Str("secretId"))
			if _, ok := env.View().Secret(env.Provider, secret, resource.LatestVersion); !ok {
				return "", nil, apiError(404, ReasonNotFound, "Secret [%s] not found. (%s)", secret, makeSecret(secret))
			}
			if err := checkRole(in.Str("role"), secretRoles); err != nil {
				return "", nil, err
			}
			if err := checkMember(env.View(), in.Str("member")); err != nil {
				return "", nil, err
			}
			id := secret + "/" + in.Str("role") + "/" + in.Str("member")
			return id, resource.Props{"etag": short(11, "etag", id)}, nil
		},
	}
}

// makeSecret says how a secret comes into the local Google Cloud.
func makeSecret(name string) string {
	return "Make it in the local clouds: polygate local secret set gcp " + name
}

// mayRead reports whether an account may read a secret: by a grant on the secret, or on the project. A condition on the
// project's sees the project by its number. Source: "Resource attributes for IAM Conditions", Secret Manager.
func mayRead(v resource.View, email, secret string) bool {
	who := "serviceAccount:" + email
	return slices.ContainsFunc(v.List(tokenSecretIAMMember), func(r resource.Record) bool {
		return fullSecret(r.Inputs.Str("project"), r.Inputs.Str("secretId")) == secret && gives(r.Inputs, who, RoleSecretAccessor, nameless)
	}) || holds(v, who, RoleSecretAccessor, "projects/"+Account+"/secrets/"+last(secret))
}

// secretEnvironment are the values of a function's variables that come from Secret Manager. All of them are looked at when a
// function is deployed, and one that is not there, or may not be read, ends the deployment. Sources: "Configure secrets",
// how secrets are checked, docs.cloud.google.com/run/docs/configuring/services/secrets; the words are those of
// terraform-google-modules/terraform-docs-samples pull request #168.
func secretEnvironment(v resource.View, in resource.Props) (map[string]string, error) {
	service := in.Object("serviceConfig")
	email := first(service.Str("serviceAccountEmail"), defaultAccount())
	values := map[string]string{}
	for i, s := range service.Objects("secretEnvironmentVariables") {
		refused := func(format string, a ...any) error {
			return &resource.Error{Code: ReasonSecret, Message: fmt.Sprintf("Error code 3, message: Could not create or update Cloud Run service %s. "+
				"Revision is not ready and cannot serve traffic. spec.template.spec.containers[0].env[%d].value_from.secret_key_ref.name: ", last(serviceOfFunction(in)), i) + fmt.Sprintf(format, a...)}
		}
		secret, version := fullSecret(first(s.Str("projectId"), in.Str("project")), s.Str("secret")), s.Str("version")
		found, ok := v.Secret("gcp", secret, version)
		switch {
		case !ok:
			return nil, refused("Secret %s/versions/%s was not found. (%s)", secret, version, makeSecret(secret))
		case !mayRead(v, email, secret):
			return nil, refused("Permission denied on secret: %s/versions/%s for Revision service account %s. The service account used must be granted the "+
				"'Secret Manager Secret Accessor' role (%s) at the secret, project or higher level.", secret, version, email, RoleSecretAccessor)
		}
		values[s.Str("key")] = found.Value
	}
	return values, nil
}

// secretReferences are the versions that a function's variables come from; nil for none.
func secretReferences(in resource.Props) map[string]string {
	var out map[string]string
	for _, s := range in.Object("serviceConfig").Objects("secretEnvironmentVariables") {
		if out == nil {
			out = map[string]string{}
		}
		out[s.Str("key")] = fullSecret(first(s.Str("projectId"), in.Str("project")), s.Str("secret")) + "/versions/" + s.Str("version")
	}
	return out
}

// secretVariables is the property of a function that names its secrets.
var secretVariables = resource.Property{
	Name: "secretEnvironmentVariables", Kind: resource.Array, Elem: &resource.Property{Kind: resource.Object, Fields: []resource.Property{
		{Name: "key", Kind: resource.String, Required: true},
		{Name: "projectId", Kind: resource.String, Required: true},
		{Name: "secret", Kind: resource.String, Required: true, Pattern: regexp.MustCompile(`^[a-zA-Z0-9_-]{1,255}$`)},
		{Name: "version", Kind: resource.String, Required: true, Pattern: regexp.MustCompile(`^(latest|[1-9][0-9]*)$`)},
	}},
}
