package azure

import (
	"maps"
	"slices"

	"github.com/pulumi/pulumi-azure-native-sdk/applicationinsights/v3"
	"github.com/pulumi/pulumi-azure-native-sdk/managedidentity/v3"
	"github.com/pulumi/pulumi-azure-native-sdk/web/v3"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"polygate.example/infra/provider"
)

// kind of a function app on Linux.
const kind = "functionapp,linux"

// app declares the function app. All of the runtime is in functionAppConfig: Flex Consumption refuses
// FUNCTIONS_WORKER_RUNTIME and WEBSITE_RUN_FROM_PACKAGE. Source: "Flex Consumption plan deprecations",
// learn.microsoft.com/azure/azure-functions/functions-app-settings. Without a package nothing in it needs the grants yet.
func (r *region) app(plan *web.AppServicePlan, who *managedidentity.UserAssignedIdentity, store *store, logs *applicationinsights.Component, grants granted) (*web.WebApp, error) {
	args := &web.WebAppArgs{
		ResourceGroupName: r.group.Name,
		Name:              pulumi.String(r.appName()),
		Location:          r.in,
		Kind:              pulumi.String(kind),
		ServerFarmId:      plan.ID(),
		Reserved:          pulumi.Bool(true),
		HttpsOnly:         pulumi.Bool(true),
		Identity: web.ManagedServiceIdentityArgs{
			Type:                   web.ManagedServiceIdentityTypeUserAssigned,
			UserAssignedIdentities: pulumi.StringArray{who.ID()},
		},
		FunctionAppConfig: web.FunctionAppConfigArgs{
			Runtime:             web.FunctionsRuntimeArgs{Name: pulumi.String(r.args.Artefact.Runtime), Version: pulumi.String("1.0")},
			ScaleAndConcurrency: r.scale(),
			Deployment: web.FunctionsDeploymentArgs{Storage: web.FunctionsDeploymentStorageArgs{
				Type:  pulumi.String(string(web.FunctionsDeploymentStorageTypeBlobContainer)),
				Value: pulumi.Sprintf("%s%s", store.account.PrimaryEndpoints.Blob(), store.container.Name),
				Authentication: web.FunctionsDeploymentAuthenticationArgs{
					Type:                           pulumi.String(string(web.AuthenticationTypeUserAssignedIdentity)),
					UserAssignedIdentityResourceId: who.ID(),
				},
			}},
		},
		SiteConfig: web.SiteConfigArgs{
			AppSettings:      r.appSettings(who, store, logs),
			MinTlsVersion:    pulumi.String(string(web.SupportedTlsVersions_1_2)),
			ScmMinTlsVersion: pulumi.String(string(web.SupportedTlsVersions_1_2)),
		},
		Tags: r.tags,
	}
	opts := []pulumi.ResourceOption{r.parent, withoutNetFramework()}
	if len(grants.secrets) > 0 {
		args.KeyVaultReferenceIdentity = who.ID()
		opts = append(opts, pulumi.DependsOn(append(slices.Clone(grants.host), grants.secrets...)), r.account.propagation.resolved())
	}
	if r.account.args.Settings.ZoneRedundant { // another account may be taking the place of the old one: see storage
		opts = append(opts, pulumi.DependsOn(append(slices.Clone(grants.host), store.blob)))
	}
	app, err := web.NewWebApp(r.ctx, r.name+"-app", args, opts...)
	if err != nil {
		return nil, r.failed("function app", err)
	}
	return app, nil
}

// withoutNetFramework takes the version of .NET out again that the SDK puts into every site's configuration and that cannot be
// left out otherwise: "The following site configuration property (Site.SiteConfig.NetFrameworkVersion) for Flex
// Consumption sites is invalid", Azure answers in some of its regions (pulumi/pulumi-azure-native issue #4168).
func withoutNetFramework() pulumi.ResourceOption {
	return pulumi.Transformations([]pulumi.ResourceTransformation{func(r *pulumi.ResourceTransformationArgs) *pulumi.ResourceTransformationResult {
		args, ok := r.Props.(*web.WebAppArgs)
		if !ok {
			return nil
		}
		args.SiteConfig = args.SiteConfig.ToSiteConfigPtrOutput().ApplyT(func(c *web.SiteConfig) *web.SiteConfig {
			without := *c
			without.NetFrameworkVersion = nil
			return &without
		}).(web.SiteConfigPtrOutput)
		return &pulumi.ResourceTransformationResult{Props: args, Opts: r.Opts}
	}})
}

// appSettings are the app's environment: who it is, and how the host reaches its storage and telemetry without a key.
// Source: "App settings reference", learn.microsoft.com/azure/azure-functions/functions-app-settings.
func (r *region) appSettings(who *managedidentity.UserAssignedIdentity, store *store, logs *applicationinsights.Component) web.NameValuePairArray {
	values := map[string]pulumi.StringInput{
		// The host's own page would take "/" from the gateway.
		"AzureWebJobsDisableHomepage":               pulumi.String("true"),
		"AzureWebJobsStorage__accountName":          store.account.Name,
		"AzureWebJobsStorage__credential":           pulumi.String("managedidentity"),
		"AzureWebJobsStorage__clientId":             who.ClientId,
		"APPLICATIONINSIGHTS_CONNECTION_STRING":     logs.ConnectionString,
		"APPLICATIONINSIGHTS_AUTHENTICATION_STRING": pulumi.Sprintf("ClientId=%s;Authorization=AAD", who.ClientId),
	}
	for name, value := range provider.Environment(r.account.args, r.args) {
		values[name] = pulumi.String(value)
	}
	for name, secret := range r.account.secrets {
		values[name] = pulumi.String(secret.reference())
	}
	var out web.NameValuePairArray
	for _, name := range slices.Sorted(maps.Keys(values)) { // a list: its order must not change from run to run
		out = append(out, web.NameValuePairArgs{Name: pulumi.String(name), Value: values[name].ToStringOutput()})
	}
	return out
}
