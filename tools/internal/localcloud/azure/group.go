package azure

import (
	"context"
	"strings"

	"polygate.example/tools/internal/localcloud/resource"
)

const tokenGroup = "azure-native:resources:ResourceGroup"

// resourceGroup: names are case-insensitive within a subscription; what is in a group goes with it.
// Source: "Naming rules and restrictions for Azure resources", learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules;
// "Azure Resource Manager resource group and resource deletion".
func resourceGroup() *resource.Type {
	name := named("resourceGroupName", `^[-\w._()]{1,90}$`)
	name.Complain = func(v any) string {
		if strings.HasSuffix(v.(string), ".") {
			return refuse(400, "InvalidResourceGroup", "The provided resource group name '%s' ends with a period, which is not allowed.", v).Error()
		}
		return ""
	}
	where := location
	where.Required = true
	return &resource.Type{
		Token: tokenGroup, Label: "Microsoft.Resources/resourceGroups",
		Properties: []resource.Property{name, where, tags},
		Unmodelled: []string{"managedBy"},
		Computed:   []string{"azureApiVersion", "name", "type", "properties"},
		Unique:     []string{"resourceGroupName"},
		AutoName:   autoName("resourceGroupName", 90),
		Conflict:   func(in resource.Props) error { return exists("/resourceGroups/" + in.Str("resourceGroupName")) },
		Create: func(_ context.Context, env *resource.Env, in resource.Props) (string, resource.Props, error) {
			id := ID{Subscription: subscription(env), Group: in.Str("resourceGroupName")}
			return id.String(), made(id, "2024-03-01").With(resource.Props{
				"location": normal(in.Str("location")), "properties": resource.Props{"provisioningState": "Succeeded"},
			}), nil
		},
		Delete: removeChildren,
	}
}
