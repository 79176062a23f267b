package azure

import (
	"strings"

	"github.com/google/uuid"
	"github.com/pulumi/pulumi-azure-native-sdk/applicationinsights/v3"
	"github.com/pulumi/pulumi-azure-native-sdk/authorization/v3"
	"github.com/pulumi/pulumi-azure-native-sdk/managedidentity/v3"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// Built-in roles. Source: "Azure built-in roles", learn.microsoft.com/azure/role-based-access-control/built-in-roles.
const (
	blobDataOwner    = "b7e6dc6d-f1e8-4753-8033-0f276bb0955b" // Storage Blob Data Owner
	metricsPublisher = "3913510d-42f4-4e42-8a64-420c390055eb" // Monitoring Metrics Publisher
)

// identity declares who the app is.
func (r *region) identity() (*managedidentity.UserAssignedIdentity, error) {
	who, err := managedidentity.NewUserAssignedIdentity(r.ctx, r.name+"-identity", &managedidentity.UserAssignedIdentityArgs{
		ResourceGroupName: r.group.Name, ResourceName: pulumi.String(r.stem), Location: r.in, Tags: r.tags,
	}, r.parent)
	if err != nil {
		return nil, r.failed("identity", err)
	}
	return who, nil
}

// grant gives the identity what it needs and no more.
//
// Storage: the Functions host keeps its own state in the account and OneDeploy writes the package there, both as this
// identity; "Storage Blob Data Owner" is the least role the vendor documents for host storage. The account holds
// nothing else. Source: "Connecting to host storage with an identity", learn.microsoft.com/azure/azure-functions/
// functions-reference.
//
// Telemetry: "Monitoring Metrics Publisher" on the region's own component. Source: "Microsoft Entra authentication for
// Application Insights", learn.microsoft.com/azure/azure-monitor/app/azure-ad-authentication.
func (r *region) grant(who *managedidentity.UserAssignedIdentity, store *store, logs *applicationinsights.Component) ([]pulumi.Resource, error) {
	var grants []pulumi.Resource
	for _, g := range []struct {
		key, role string
		scope     pulumi.IDOutput
	}{
		{"storage", blobDataOwner, store.account.ID()},
		{"telemetry", metricsPublisher, logs.ID()},
	} {
		assignment, err := authorization.NewRoleAssignment(r.ctx, r.name+"-"+g.key+"-role", &authorization.RoleAssignmentArgs{
			RoleAssignmentName: pulumi.String(r.assignmentName(g.key, g.role)),
			Scope:              g.scope,
			PrincipalId:        who.PrincipalId,
			PrincipalType:      pulumi.String(string(authorization.PrincipalTypeServicePrincipal)),
			RoleDefinitionId: pulumi.String("/subscriptions/" + r.account.subscription +
				"/providers/Microsoft.Authorization/roleDefinitions/" + g.role),
		}, r.parent)
		if err != nil {
			return nil, r.failed("role for "+g.key, err)
		}
		grants = append(grants, assignment)
	}
	return grants, nil
}

// assignmentName is a role assignment's GUID: unique in the tenant and the same each time, as it is derived from what
// is granted to whom and where. Source: "Role assignment name", learn.microsoft.com/azure/role-based-access-control/
// role-assignments; RFC 9562, section 5.5 (version 5).
func (r *region) assignmentName(scope, role string) string {
	seed := strings.Join([]string{r.account.subscription, r.appName(), scope, r.stem, role}, "/")
	return uuid.NewSHA1(uuid.NameSpaceURL, []byte(seed)).String()
}
