package gcp

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/pulumi/pulumi-gcp/sdk/v9/go/gcp/cloudfunctionsv2"
	"github.com/pulumi/pulumi-gcp/sdk/v9/go/gcp/secretmanager"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"polygate.example/infra/provider"
	"polygate.example/infra/settings"
)

// roleSecretAccessor lets the runtime account read the versions of one secret, and is granted on that secret alone.
const roleSecretAccessor = "roles/secretmanager.secretAccessor"

// secret is a reference into Secret Manager.
type secret struct{ project, name, version string }

// path is the secret's full name, without a version.
func (s secret) path() string { return "projects/" + s.project + "/secrets/" + s.name }

// secretForm is what polygate:secrets takes for Google. A version that is left out is the latest: it is read when an instance
// starts, so that instances may differ for a while after a new one. Source: "Configure secrets", docs.cloud.google.com/run/
// docs/configuring/services/secrets, which recommends a number. The project is named by its id or its number, the secret by 1 to 255
// letters, digits, hyphens and underscores (Secret Manager API v1, projects.secrets.create, secretId).
var secretForm = regexp.MustCompile(`^projects/(` + projectID + `|[1-9][0-9]{2,18})/secrets/([A-Za-z0-9_-]{1,255})(?:/versions/(latest|[1-9][0-9]*))?$`)

func parseSecret(reference string) (secret, bool) {
	m := secretForm.FindStringSubmatch(reference)
	if m == nil {
		return secret{}, false
	}
	s := secret{project: m[1], name: m[2], version: m[3]}
	if s.version == "" {
		s.version = "latest"
	}
	return s, true
}

// reserved are variables that Cloud Run functions set themselves, or refuse. Source: "Configure environment variables",
// reserved environment variables, docs.cloud.google.com/run/docs/configuring/services/environment-variables.
var reserved = []string{"PORT", "K_SERVICE", "K_REVISION", "K_CONFIGURATION", "FUNCTION_TARGET", "FUNCTION_SIGNATURE_TYPE"}

func checkSecrets(s settings.Settings) []settings.Problem {
	var problems []settings.Problem
	for _, variable := range slices.Sorted(maps.Keys(s.Secrets)) {
		if slices.Contains(reserved, variable) || strings.HasPrefix(variable, "X_GOOGLE_") {
			problems = append(problems, settings.Problemf("secrets", []string{variable}, "is a variable of Cloud Run's own: want another name"))
		}
		reference := s.Secrets[variable][providerName]
		if _, ok := parseSecret(reference); !ok && reference != "" { // a missing one is reported already
			problems = append(problems, settings.Problemf("secrets", []string{variable, providerName},
				"is %q: want projects/<project>/secrets/<name>, and /versions/<number> behind it for one version rather than the latest", reference))
		}
	}
	return problems
}

// secrets lets the runtime account read what the stack refers to, and returns the variables that carry it. Nothing of a
// secret but its name is in the program or its state: Cloud Run fetches the value before an instance starts.
func (r *region) secrets(who *identities) (cloudfunctionsv2.FunctionServiceConfigSecretEnvironmentVariableArray, error) {
	s := r.account.args.Settings
	var variables cloudfunctionsv2.FunctionServiceConfigSecretEnvironmentVariableArray
	granted := map[string]bool{}
	for _, variable := range slices.Sorted(maps.Keys(s.Secrets)) {
		ref, ok := parseSecret(s.Secrets[variable][providerName])
		if !ok {
			return nil, fmt.Errorf("secret %s of %s: %q is no secret of Secret Manager", variable, r.args.Region, s.Secrets[variable][providerName])
		}
		variables = append(variables, cloudfunctionsv2.FunctionServiceConfigSecretEnvironmentVariableArgs{
			Key: pulumi.String(variable), ProjectId: pulumi.String(ref.project), Secret: pulumi.String(ref.name), Version: pulumi.String(ref.version),
		})
		if granted[ref.path()] {
			continue // two variables of one secret need one grant
		}
		granted[ref.path()] = true
		grant, err := secretmanager.NewSecretIamMember(r.ctx, nameFor(r.name+"-secret", ref.path()), &secretmanager.SecretIamMemberArgs{
			Project:  pulumi.String(ref.project),
			SecretId: pulumi.String(ref.name),
			Role:     pulumi.String(roleSecretAccessor),
			Member:   pulumi.Sprintf("serviceAccount:%s", who.runtime.Email),
		}, r.parent, provider.Replaceable()) // what is no longer referred to must not stay readable
		if err != nil {
			return nil, r.failed("role "+roleSecretAccessor, err)
		}
		who.grants = append(who.grants, grant)
	}
	return variables, nil
}

// settleSecrets makes a hook that waits before a function is updated, if it is to read a secret that it has not read before:
// the grant is as fresh as those of a first build are. Other updates do not wait.
func settleSecrets(ctx *pulumi.Context, name string, s settings.Settings) (*pulumi.ResourceHook, error) {
	hook, err := ctx.RegisterResourceHook(name+"-secrets-settle", func(args *pulumi.ResourceHookArgs) error {
		if !moreSecrets(args.OldInputs, args.NewInputs) {
			return nil
		}
		return provider.Pause(ctx.Context(), s.Wall(settleTime))
	}, nil)
	if err != nil {
		return nil, fmt.Errorf("hook that lets grants on secrets settle: %w", err)
	}
	return hook, nil
}

// moreSecrets reports whether a function is to read a secret that it does not read by its old inputs.
func moreSecrets(before, after resource.PropertyMap) bool {
	had := secretsIn(before)
	return slices.ContainsFunc(secretsIn(after), func(s string) bool { return !slices.Contains(had, s) })
}

func secretsIn(function resource.PropertyMap) []string {
	var out []string
	service := function["serviceConfig"]
	if !service.IsObject() {
		return nil
	}
	list := service.ObjectValue()["secretEnvironmentVariables"]
	if !list.IsArray() {
		return nil
	}
	for _, v := range list.ArrayValue() {
		if v.IsObject() {
			out = append(out, fmt.Sprint(v.ObjectValue()["projectId"].V, "/", v.ObjectValue()["secret"].V))
		}
	}
	return out
}
