package azure

import (
	"maps"
	"slices"

	"github.com/pulumi/pulumi-azure-native-sdk/applicationinsights/v3"
	"github.com/pulumi/pulumi-azure-native-sdk/managedidentity/v3"
	"github.com/pulumi/pulumi-azure-native-sdk/resources/v3"
	"github.com/pulumi/pulumi-azure-native-sdk/web/v3"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"polygate.example/infra/provider"
)

// maxInstances bounds one region's app; Flex Consumption takes 1 to 1000. Source: "Flex Consumption plan",
// learn.microsoft.com/azure/azure-functions/flex-consumption-plan.
const maxInstances = 100

// kind of a function app on Linux.
const kind = "functionapp,linux"

// app declares the plan and the function app. All of the runtime is in functionAppConfig: Flex Consumption refuses
// FUNCTIONS_WORKER_RUNTIME and WEBSITE_RUN_FROM_PACKAGE. Source: "Flex Consumption plan deprecations",
// learn.microsoft.com/azure/azure-functions/functions-app-settings. Without a package nothing in it needs the grants yet.
func (r *region) app(who *managedidentity.UserAssignedIdentity, store *store, logs *applicationinsights.Component) (*web.WebApp, *web.AppServicePlan, error) {
	plan, err := web.NewAppServicePlan(r.ctx, r.name+"-plan", &web.AppServicePlanArgs{
		ResourceGroupName: r.group.Name,
		Name:              pulumi.String(r.stem),
		Location:          r.in,
		Kind:              pulumi.String("functionapp"),
		Reserved:          pulumi.Bool(true), // Linux
		Sku:               web.SkuDescriptionArgs{Name: pulumi.String("FC1"), Tier: pulumi.String("FlexConsumption")},
		Tags:              r.tags,
	}, r.parent)
	if err != nil {
		return nil, nil, r.failed("plan", err)
	}
	app, err := web.NewWebApp(r.ctx, r.name+"-app", &web.WebAppArgs{
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
			Runtime: web.FunctionsRuntimeArgs{Name: pulumi.String(r.args.Artefact.Runtime), Version: pulumi.String("1.0")},
			ScaleAndConcurrency: web.FunctionsScaleAndConcurrencyArgs{
				InstanceMemoryMB:     pulumi.Int(r.account.args.Settings.Memory),
				MaximumInstanceCount: pulumi.Int(maxInstances),
			},
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
			AppSettings:   r.appSettings(who, store, logs),
			MinTlsVersion: pulumi.String(string(web.SupportedTlsVersions_1_2)),
		},
		Tags: r.tags,
	}, r.parent, withoutNetFramework())
	if err != nil {
		return nil, nil, r.failed("function app", err)
	}
	return app, plan, nil
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
	var out web.NameValuePairArray
	for _, name := range slices.Sorted(maps.Keys(values)) { // a list: its order must not change from run to run
		out = append(out, web.NameValuePairArgs{Name: pulumi.String(name), Value: values[name].ToStringOutput()})
	}
	return out
}

// publish brings the package live by OneDeploy. There is no typed resource for it, so that a deployment carries the
// one template resource; it stays inside `pulumi up` and fails it when the package cannot be fetched. The digest is in
// the deployment's tags: the package's address never changes, and without it a new package would not be published.
// Source: "Deployment technologies in Azure Functions" (one deploy), learn.microsoft.com/azure/azure-functions/
// functions-deployment-technologies; template reference of Microsoft.Web/sites/extensions.
func (r *region) publish(app *web.WebApp, store *store, grants []pulumi.Resource) (pulumi.Resource, error) {
	tags := maps.Clone(r.tags)
	tags["polygate-artefact"] = pulumi.String(r.args.Artefact.Digest())
	template := pulumi.Map{
		"$schema":        pulumi.String("https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"),
		"contentVersion": pulumi.String("1.0.0.0"),
		"resources": pulumi.Array{pulumi.Map{
			"type":       pulumi.String("Microsoft.Web/sites/extensions"),
			"apiVersion": pulumi.String("2024-04-01"),
			"name":       pulumi.Sprintf("%s/onedeploy", app.Name),
			"properties": pulumi.Map{"packageUri": store.blob.Url, "remoteBuild": pulumi.Bool(false)},
		}},
	}
	published, err := resources.NewDeployment(r.ctx, r.name+"-publish", &resources.DeploymentArgs{
		ResourceGroupName: r.group.Name,
		DeploymentName:    pulumi.String(r.stem + "-publish"),
		Properties: resources.DeploymentPropertiesArgs{
			Mode: resources.DeploymentModeIncremental, Template: template,
		},
		Tags: tags,
	}, r.parent, provider.Replaceable(), pulumi.DependsOn(grants), r.account.propagation.patient())
	if err != nil {
		return nil, r.failed("publication", err)
	}
	return published, nil
}
