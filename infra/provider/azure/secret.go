package azure

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"polygate.example/infra/settings"
)

// secret is a secret in a Key Vault of the user's. It is named by its id in Resource Manager and not by its URI, because the
// app is given a role on exactly this secret, and a role has a resource id for its scope.
type secret struct {
	subscription, group, vault, name string
	version                          string // "" is the newest, also after it has changed
}

// secretForm is the id of a secret. Source: "Azure Key Vault keys, secrets, and certificates overview", Object identifiers,
// learn.microsoft.com/azure/key-vault/general/about-keys-secrets-certificates: vaults of "3-24 ... 0-9, a-z, A-Z, and not
// consecutive -", secrets of "1-127 ... 0-9, a-z, A-Z, and -", versions of "32 character", which in all examples are hexadecimal
// digits; "Naming rules and restrictions for Azure resources" (a vault begins with a letter, a resource group ends with no period).
var secretForm = regexp.MustCompile(`^(?i)/subscriptions/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})/resourceGroups/([-\pL\pN_.()]{0,89}[-\pL\pN_()])/providers/Microsoft\.KeyVault` +
	`/vaults/([a-z][0-9a-z-]{1,22}[0-9a-z])/secrets/([0-9a-z-]{1,127})(?:/versions/([0-9a-f]{32}))?$`)

// secretWanted is the form in words.
const secretWanted = "/subscriptions/<id>/resourceGroups/<group>/providers/Microsoft.KeyVault/vaults/<vault>/secrets/<name>, " +
	"with /versions/<32 hexadecimal digits> after it for one version"

func parseSecret(reference string) (secret, error) {
	m := secretForm.FindStringSubmatch(reference)
	if m == nil || strings.Contains(m[3], "--") {
		why := "is not the resource id of a secret in a Key Vault"
		if strings.HasPrefix(strings.ToLower(reference), "https://") {
			why = "is a secret's URI, and the role that the app needs is given on its resource id"
		}
		return secret{}, fmt.Errorf("%s: want %s; `az keyvault show --name <vault> --query id` tells the part before /secrets", why, secretWanted)
	}
	return secret{subscription: m[1], group: m[2], vault: strings.ToLower(m[3]), name: m[4], version: strings.ToLower(m[5])}, nil
}

// scope is the secret's resource id, without a version.
func (s secret) scope() string {
	return fmt.Sprintf("/subscriptions/%s/resourceGroups/%s/providers/Microsoft.KeyVault/vaults/%s/secrets/%s", s.subscription, s.group, s.vault, s.name)
}

// reference is the app setting's value, which App Service replaces by the secret's. Source: "Use Key Vault references as app
// settings", learn.microsoft.com/azure/app-service/app-service-key-vault-references.
func (s secret) reference() string {
	uri := "https://" + s.vault + ".vault.azure.net/secrets/" + s.name
	if s.version != "" {
		uri += "/" + s.version
	}
	return "@Microsoft.KeyVault(SecretUri=" + uri + ")"
}

// label tells secrets apart in names: resource ids mean the same in capitals.
func (s secret) label() string {
	sum := sha256.Sum256([]byte(strings.ToLower(s.scope())))
	return "secret-" + hex.EncodeToString(sum[:4])
}

// secretsOf reads the stack's references, by variable. Those that are wrong have been refused by the audit.
func secretsOf(s settings.Settings) (map[string]secret, error) {
	out := map[string]secret{}
	for _, variable := range slices.Sorted(maps.Keys(s.Secrets)) {
		reference, err := parseSecret(s.Secrets[variable][name])
		if err != nil {
			return nil, fmt.Errorf("polygate:secrets.%s.azure %w", variable, err)
		}
		out[variable] = reference
	}
	return out, nil
}
