package azure

import (
	"context"

	"polygate.example/tools/internal/localcloud/resource"
)

// Tokens of the policies of basic authentication.
const (
	tokenSCM = "azure-native:web:WebAppScmAllowed"
	tokenFTP = "azure-native:web:WebAppFtpAllowed"
)

// scmAllowed and ftpAllowed say whether the passwords that App Service makes for each app open its SCM site, and FTP. Each app
// has one of each from its beginning: to create one is to change it, and to delete it is to let it be as it was. Source:
// "Disable basic authentication in App Service deployments", learn.microsoft.com/azure/app-service/configure-basic-auth-disable.
// The local Azure serves neither SCM nor FTP.
func scmAllowed() *resource.Type { return passwords(tokenSCM, "scm") }

func ftpAllowed() *resource.Type { return passwords(tokenFTP, "ftp") }

func passwords(token, policy string) *resource.Type {
	t := arm(token, "Microsoft.Web/sites/basicPublishingCredentialsPolicies", "name",
		resource.Property{Name: "name", Kind: resource.String, Required: true, Immutable: true, Fold: true}, // of the site
		resource.Property{Name: "allow", Kind: resource.Bool, Required: true},
	)
	t.Unmodelled = []string{"kind"}
	t.Create = func(_ context.Context, env *resource.Env, in resource.Props) (string, resource.Props, error) {
		app, err := appIn(env.View(), in.Str("resourceGroupName"), in.Str("name"))
		if err != nil {
			return "", nil, err
		}
		id, err := ParseID(app.ID + "/basicPublishingCredentialsPolicies/" + policy)
		if err != nil {
			return "", nil, err
		}
		return id.String(), made(id, "2024-11-01"), nil
	}
	return t
}
