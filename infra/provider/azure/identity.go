package azure

import (
	"maps"
	"slices"
	"strings"

	"github.com/google/uuid"
	"github.com/pulumi/pulumi-azure-native-sdk/applicationinsights/v3"
	"github.com/pulumi/pulumi-azure-native-sdk/authorization/v3"
	"github.com/pulumi/pulumi-azure-native-sdk/managedidentity/v3"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"polygate.example/infra/provider"
)

// Built-in roles. Source: "Azure built-in roles", learn.microsoft.com/azure/role-based-access-control/built-in-roles.
const (
	blobDataOwner    = "b7e6dc6d-f1e8-4753-8033-0f276bb0955b" // Storage Blob Data Owner
	metricsPublisher = "3913510d-42f4-4e42-8a64-420c390055eb" // Monitoring Metrics Publisher
	secretsUser      = "4633458b-17de-408a-b874-0445c86b69e6" // Key Vault Secrets User
)

// granted are the role assignments of one app's identity.
type granted struct {
	host    []pulumi.Resource // without which the host neither starts nor reports
	secrets []pulumi.Resource // without which references to secrets stay unresolved
}

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
//
// Secrets: "Key Vault Secrets User" on exactly the secrets that the stack file names. Source: "Provide access to Key Vault
// keys, certificates, and secrets with Azure role-based access control", learn.microsoft.com/azure/key-vault/general/rbac-guide.
func (r *region) grant(who *managedidentity.UserAssignedIdentity, store *store, logs *applicationinsights.Component) (granted, error) {
	var out granted
	storageKey := "storage"
	if r.account.args.Settings.ZoneRedundant { // another account: an assignment's scope cannot be changed
		storageKey = "zone-redundant storage"
	}
	for _, g := range []struct {
		name, key, role string
		scope           pulumi.IDOutput
		opts            []pulumi.ResourceOption
	}{
		{"storage", storageKey, blobDataOwner, store.account.ID(), []pulumi.ResourceOption{provider.Replaceable()}}, // with its account
		{"telemetry", "telemetry", metricsPublisher, logs.ID(), nil},
	} {
		assignment, err := r.assign(g.name, g.key, g.role, g.scope.ToStringOutput(), who, g.opts...)
		if err != nil {
			return out, err
		}
		out.host = append(out.host, assignment)
	}
	seen := map[string]bool{}
	for _, variable := range slices.Sorted(maps.Keys(r.account.secrets)) {
		secret := r.account.secrets[variable]
		if seen[secret.label()] { // several variables of one secret, or versions of it
			continue
		}
		seen[secret.label()] = true
		// A secret that is no longer referred to must not stay readable, also under protect.
		assignment, err := r.assign(secret.label(), secret.label(), secretsUser, pulumi.String(secret.scope()).ToStringOutput(), who, provider.Replaceable())
		if err != nil {
			return out, err
		}
		out.secrets = append(out.secrets, assignment)
	}
	return out, nil
}

// assign gives the identity one role in one place.
func (r *region) assign(
	name, key, role string, scope pulumi.StringOutput, who *managedidentity.UserAssignedIdentity, opts ...pulumi.ResourceOption,
) (pulumi.Resource, error) {
	assignment, err := authorization.NewRoleAssignment(r.ctx, r.name+"-"+name+"-role", &authorization.RoleAssignmentArgs{
		RoleAssignmentName: pulumi.String(r.assignmentName(key, role)),
		Scope:              scope,
		PrincipalId:        who.PrincipalId,
		PrincipalType:      pulumi.String(string(authorization.PrincipalTypeServicePrincipal)),
		RoleDefinitionId: pulumi.String("/subscriptions/" + r.account.subscription +
			"/providers/Microsoft.Authorization/roleDefinitions/" + role),
	}, append(opts, r.parent)...)
	if err != nil {
		return nil, r.failed("role for "+name, err)
	}
	return assignment, nil
}

// assignmentName is a role assignment's GUID: unique in the tenant and the same each time, as it is derived from what
// is granted to whom and where. Source: "Role assignment name", learn.microsoft.com/azure/role-based-access-control/
// role-assignments; RFC 9562, section 5.5 (version 5).
func (r *region) assignmentName(scope, role string) string {
	seed := strings.Join([]string{r.account.subscription, r.appName(), scope, r.stem, role}, "/")
	return uuid.NewSHA1(uuid.NameSpaceURL, []byte(seed)).String()
}
