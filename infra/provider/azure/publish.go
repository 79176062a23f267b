package azure

import (
	"maps"

	"github.com/pulumi/pulumi-azure-native-sdk/resources/v3"
	"github.com/pulumi/pulumi-azure-native-sdk/web/v3"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"polygate.example/infra/provider"
)

// closePublishing takes the passwords away that App Service makes for each app's SCM site and for FTP: whoever knew one could
// change what the app runs. OneDeploy comes by Resource Manager, as an identity of Microsoft Entra. Source: "Disable basic
// authentication in App Service deployments", learn.microsoft.com/azure/app-service/configure-basic-auth-disable.
func (r *region) closePublishing(app *web.WebApp) (pulumi.Resource, error) {
	scm, err := web.NewWebAppScmAllowed(r.ctx, r.name+"-scm-passwords", &web.WebAppScmAllowedArgs{
		ResourceGroupName: r.group.Name, Name: app.Name, Allow: pulumi.Bool(false),
	}, r.parent)
	if err != nil {
		return nil, r.failed("SCM passwords", err)
	}
	ftp, err := web.NewWebAppFtpAllowed(r.ctx, r.name+"-ftp-passwords", &web.WebAppFtpAllowedArgs{
		ResourceGroupName: r.group.Name, Name: app.Name, Allow: pulumi.Bool(false),
	}, r.parent, pulumi.DependsOn([]pulumi.Resource{scm})) // one change of a site at a time
	if err != nil {
		return nil, r.failed("FTP passwords", err)
	}
	return ftp, nil
}

// publish brings the package live by OneDeploy. There is no typed resource for it, so that a deployment carries the
// one template resource; it stays inside `pulumi up` and fails it when the package cannot be fetched. The digest is in
// the deployment's tags: the package's address never changes, and without it a new package would not be published.
// Source: "Deployment technologies in Azure Functions" (one deploy), learn.microsoft.com/azure/azure-functions/
// functions-deployment-technologies; template reference of Microsoft.Web/sites/extensions.
func (r *region) publish(app *web.WebApp, store *store, after []pulumi.Resource) (pulumi.Resource, error) {
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
	}, r.parent, provider.Replaceable(), pulumi.DependsOn(after), r.account.propagation.patient(len(r.account.secrets) > 0))
	if err != nil {
		return nil, r.failed("publication", err)
	}
	return published, nil
}
