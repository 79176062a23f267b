package azure

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"polygate.example/tools/internal/localcloud/resource"
)

// secretForm is the resource id of a secret in a Key Vault. Source: "Azure Key Vault keys, secrets, and certificates overview",
// Object identifiers, learn.microsoft.com/azure/key-vault/general/about-keys-secrets-certificates.
var secretForm = regexp.MustCompile(`^(?i)/subscriptions/[0-9a-f-]{36}/resourceGroups/[-\w._()]{1,90}/providers/Microsoft\.KeyVault` +
	`/vaults/([a-z][0-9a-z-]{1,22}[0-9a-z])/secrets/([0-9a-z-]{1,127})$`)

// secretName says what is wrong with the name of a secret: its resource id, without a version.
func secretName(name string) error {
	if m := secretForm.FindStringSubmatch(name); m == nil || strings.Contains(m[1], "--") { // "and not consecutive -"
		return fmt.Errorf("%q is no secret of a Key Vault: want /subscriptions/<id>/resourceGroups/<group>/providers/Microsoft.KeyVault/vaults/<vault>/secrets/<name>, without a version", name)
	}
	return nil
}

// refetch is after how long App Service looks references up again when nothing about the app changes: it "caches the values of
// the key vault references and re-fetches it every 24 hours. Any configuration changes to the app causes an immediate re-fetch of
// all referenced secrets". Source: "Use Key Vault references", Rotation, learn.microsoft.com/azure/app-service/
// app-service-key-vault-references.
const refetch = 24 * time.Hour

// reference is the form of an app setting that refers to a secret; the URI may end in a version.
var reference = regexp.MustCompile(`^@Microsoft\.KeyVault\(SecretUri=https://([A-Za-z0-9-]+)\.vault\.azure\.net/secrets/([0-9A-Za-z-]+)/?([0-9A-Fa-f]{32})?/?\)$`)

// checkReferences refuses the other form of references, which is not modelled, and an identity that is not the app's.
func checkReferences(in resource.Props) error {
	for _, s := range in.Object("siteConfig").Objects("appSettings") {
		if v := s.Str("value"); strings.HasPrefix(v, "@Microsoft.KeyVault(VaultName=") {
			return badRequest("The local Azure resolves references of the form @Microsoft.KeyVault(SecretUri=...) only: %s has another.", s.Str("name"))
		}
	}
	who := in.Str("keyVaultReferenceIdentity")
	if who == "" || strings.EqualFold(who, "SystemAssigned") {
		return nil
	}
	for _, id := range in.Object("identity").Strings("userAssignedIdentities") {
		if Equal(id, who) {
			return nil
		}
	}
	return badRequest("The identity '%s' is not assigned to the app: keyVaultReferenceIdentity must be one of its own.", who)
}

// lookedUp are the secrets that an app's settings refer to, as App Service finds them when its configuration changes, and
// when that was. A reference that cannot be resolved is not among them: the variable then holds the reference itself.
func lookedUp(env *resource.Env, in, identity resource.Props) resource.Props {
	return resource.Props{"secrets": resolve(env, in, identity), "secretsAt": env.Now().Format(time.RFC3339)}
}

// secretsOf are an app's secrets as it has them now: those of its last change, or newer ones after a day.
func secretsOf(env *resource.Env, app resource.Record) resource.Props {
	at, err := time.Parse(time.RFC3339, app.Private.Str("secretsAt"))
	if err == nil && env.Now().Sub(at) >= refetch {
		return resolve(env, app.Inputs, app.Computed.Object("identity"))
	}
	return app.Private.Object("secrets")
}

func resolve(env *resource.Env, in, identity resource.Props) resource.Props {
	v, out := env.View(), resource.Props{}
	principal := identity.Str("principalId") // of the app itself, unless another identity is named
	if who := in.Str("keyVaultReferenceIdentity"); who != "" && !strings.EqualFold(who, "SystemAssigned") {
		r, _ := find(v, tokenIdentity, who)
		principal = r.Computed.Str("principalId")
	}
	for _, s := range in.Object("siteConfig").Objects("appSettings") {
		m := reference.FindStringSubmatch(s.Str("value"))
		if m == nil {
			continue
		}
		if value, ok := secretValue(v, m[1], m[2], m[3], principal, env.Now()); ok {
			out[s.Str("name")] = value
		}
	}
	return out
}

// secretValue reads a secret as a principal. The store counts versions: here number n is the one of 32 digits that ends in n.
func secretValue(v resource.View, vault, name, version, principal string, now time.Time) (string, bool) {
	number := resource.LatestVersion
	if version != "" {
		n, err := strconv.ParseUint(version[16:], 16, 64)
		if err != nil || strings.Trim(version[:16], "0") != "" {
			return "", false
		}
		number = strconv.FormatUint(n, 10)
	}
	for _, known := range v.Secrets() {
		m := secretForm.FindStringSubmatch(known.Name)
		if known.Provider != "azure" || m == nil || !strings.EqualFold(m[1], vault) || !strings.EqualFold(m[2], name) || !readsSecret(v, principal, known.Name, now) {
			continue
		}
		if found, ok := v.Secret("azure", known.Name, number); ok {
			return found.Value, true
		}
	}
	return "", false
}

// readsSecret reports whether a principal may read a secret now, by a role at it or above it.
func readsSecret(v resource.View, principal, secret string, now time.Time) bool {
	for _, r := range v.List(tokenRole) {
		b, ok := builtin(r.Inputs.Str("roleDefinitionId"))
		if ok && b.readsSecret && acts(r, now) && strings.EqualFold(r.Inputs.Str("principalId"), principal) && Covers(r.Inputs.Str("scope"), secret) {
			return true
		}
	}
	return false
}

// vaultOf is the part of a secret's id that names its vault, "" for any other id.
func vaultOf(id string) string {
	if !secretForm.MatchString(id) {
		return ""
	}
	return id[:strings.LastIndex(strings.ToLower(id), "/secrets/")]
}

// vaultExists reports whether there is a vault: there is one wherever a secret was made.
func vaultExists(v resource.View, vault string) bool {
	for _, s := range v.Secrets() {
		if s.Provider == "azure" && Equal(vaultOf(s.Name), vault) {
			return true
		}
	}
	return false
}
