package azure

import (
	"github.com/pulumi/pulumi-azure-native-sdk/applicationinsights/v3"
	"github.com/pulumi/pulumi-azure-native-sdk/operationalinsights/v3"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// logs declares where the app's telemetry goes. Local authentication is off: only an identity that has been given the
// role may write to it, and nobody can by knowing the connection string.
func (r *region) logs() (*applicationinsights.Component, error) {
	workspace, err := operationalinsights.NewWorkspace(r.ctx, r.name+"-logs", &operationalinsights.WorkspaceArgs{
		ResourceGroupName: r.group.Name,
		WorkspaceName:     pulumi.String(r.stem),
		Location:          r.in,
		Sku:               operationalinsights.WorkspaceSkuArgs{Name: pulumi.String("PerGB2018")},
		RetentionInDays:   pulumi.Int(r.account.args.Settings.LogRetentionDays),
		Tags:              r.tags,
	}, r.parent)
	if err != nil {
		return nil, r.failed("log workspace", err)
	}
	component, err := applicationinsights.NewComponent(r.ctx, r.name+"-insights", &applicationinsights.ComponentArgs{
		ResourceGroupName:   r.group.Name,
		ResourceName:        pulumi.String(r.stem),
		Location:            r.in,
		Kind:                pulumi.String("web"),
		ApplicationType:     pulumi.String("web"),
		IngestionMode:       pulumi.String("LogAnalytics"),
		WorkspaceResourceId: workspace.ID(),
		DisableLocalAuth:    pulumi.Bool(true),
		Tags:                r.tags,
	}, r.parent)
	if err != nil {
		return nil, r.failed("application insights", err)
	}
	return component, nil
}
