package permission

import "strings"

// crud are the operations on a type of Azure Resource Manager.
func crud(types ...string) []string {
	var out []string
	for _, t := range types {
		out = append(out, t+"/read", t+"/write", t+"/delete")
	}
	return out
}

// azure are the operations that Pulumi's provider performs to create, read, update and delete each type, and those that go
// with them: keys to upload the package with, identities that are assigned, plans that are joined. Source: "Azure permissions",
// learn.microsoft.com/azure/role-based-access-control/resource-provider-operations.
var azure = map[string]Need{
	"azure-native:applicationinsights:Component":        {Actions: crud("Microsoft.Insights/components")},
	"azure-native:applicationinsights:WebTest":          {Dial: "alarms", Actions: crud("Microsoft.Insights/webtests")},
	"azure-native:authorization:RoleAssignment":         {Actions: crud("Microsoft.Authorization/roleAssignments")},
	"azure-native:consumption:Budget":                   {Dial: "budget", Actions: crud("Microsoft.Consumption/budgets")},
	"azure-native:dns:RecordSet":                        {Actions: append(crud("Microsoft.Network/dnsZones/A", "Microsoft.Network/dnsZones/CAA", "Microsoft.Network/dnsZones/CNAME", "Microsoft.Network/dnsZones/TXT"), "Microsoft.Network/dnsZones/read")},
	"azure-native:managedidentity:UserAssignedIdentity": {Actions: append(crud("Microsoft.ManagedIdentity/userAssignedIdentities"), "Microsoft.ManagedIdentity/userAssignedIdentities/assign/action")},
	"azure-native:monitor:ActionGroup":                  {Dial: "alarms", Actions: crud("Microsoft.Insights/actionGroups")},
	"azure-native:monitor:MetricAlert":                  {Dial: "alarms", Actions: crud("Microsoft.Insights/metricAlerts")},
	"azure-native:monitor:ScheduledQueryRule":           {Dial: "alarms", Actions: append(crud("Microsoft.Insights/scheduledQueryRules"), "Microsoft.OperationalInsights/workspaces/query/read")},
	"azure-native:operationalinsights:Workspace":        {Actions: append(crud("Microsoft.OperationalInsights/workspaces"), "Microsoft.OperationalInsights/workspaces/sharedKeys/action")},
	"azure-native:resources:Deployment":                 {Actions: append(crud("Microsoft.Resources/deployments"), "Microsoft.Resources/deployments/operationstatuses/read", "Microsoft.Web/sites/extensions/read", "Microsoft.Web/sites/extensions/write")},
	"azure-native:resources:ResourceGroup":              {Actions: crud("Microsoft.Resources/subscriptions/resourceGroups")},
	"azure-native:storage:Blob":                         {Actions: []string{"Microsoft.Storage/storageAccounts/listKeys/action", "Microsoft.Storage/storageAccounts/read"}},
	"azure-native:storage:BlobContainer":                {Actions: append(crud("Microsoft.Storage/storageAccounts/blobServices/containers"), "Microsoft.Storage/storageAccounts/blobServices/read")},
	"azure-native:storage:StorageAccount":               {Actions: append(crud("Microsoft.Storage/storageAccounts"), "Microsoft.Storage/storageAccounts/blobServices/read", "Microsoft.Storage/storageAccounts/blobServices/write")},
	"azure-native:trafficmanager:Profile":               {Actions: append(crud("Microsoft.Network/trafficManagerProfiles"), "Microsoft.Network/checkTrafficManagerNameAvailability/action")},
	"azure-native:web:AppServicePlan":                   {Actions: append(crud("Microsoft.Web/serverfarms"), "Microsoft.Web/serverfarms/join/action")},
	"azure-native:web:SiteCertificate":                  {Actions: crud("Microsoft.Web/sites/certificates", "Microsoft.Web/certificates")},
	"azure-native:web:WebApp":                           {Actions: append(crud("Microsoft.Web/sites"), "Microsoft.Web/sites/config/read", "Microsoft.Web/sites/config/write", "Microsoft.Web/sites/config/list/action")},
	"azure-native:web:WebAppFtpAllowed":                 {Actions: []string{"Microsoft.Web/sites/basicPublishingCredentialsPolicies/read", "Microsoft.Web/sites/basicPublishingCredentialsPolicies/write"}},
	"azure-native:web:WebAppHostNameBinding":            {Actions: crud("Microsoft.Web/sites/hostNameBindings")},
	"azure-native:web:WebAppScmAllowed":                 {Actions: []string{"Microsoft.Web/sites/basicPublishingCredentialsPolicies/read", "Microsoft.Web/sites/basicPublishingCredentialsPolicies/write"}},
}

// azureLookup is what `polygate doctor` asks, and what is registered where a subscription has never had such a resource.
var azureLookup = []string{
	"Microsoft.Resources/subscriptions/read", "Microsoft.Resources/subscriptions/providers/read", "Microsoft.Resources/subscriptions/locations/read",
	"Microsoft.Web/geoRegions/read", "Microsoft.Web/locations/usages/read",
}

// assigned are the definitions of the built-in roles that a stack assigns to its functions' identities. A test compares them with what
// the program declares. Source: "Azure built-in roles", learn.microsoft.com/azure/role-based-access-control/built-in-roles.
var assigned = []string{
	"3913510d-42f4-4e42-8a64-420c390055eb", // Monitoring Metrics Publisher
	"4633458b-17de-408a-b874-0445c86b69e6", // Key Vault Secrets User
	"b7e6dc6d-f1e8-4753-8033-0f276bb0955b", // Storage Blob Data Owner
}

// Assigned lists the ids of the role definitions that a stack assigns on Azure, in alphabetical order.
func Assigned() []string { return assigned }

// AssignCondition is the condition, of version 2.0, under which the deployer has its role: it assigns the roles of Assigned, and takes
// them away, and no others. Writing and deleting are told apart, because what is asked for is an attribute of the request, and what is
// there one of the resource. Source: "Examples to delegate Azure role assignment management with conditions", Constrain roles,
// learn.microsoft.com/azure/role-based-access-control/delegate-role-assignments-examples.
func AssignCondition() string {
	only := func(action, attribute string) string {
		return "((!(ActionMatches{'Microsoft.Authorization/roleAssignments/" + action + "'})) OR (@" + attribute +
			"[Microsoft.Authorization/roleAssignments:RoleDefinitionId] ForAnyOfAnyValues:GuidEquals {" + strings.Join(assigned, ", ") + "}))"
	}
	return only("write", "Request") + " AND " + only("delete", "Resource")
}

// Role is the custom role of the deployer on an Azure subscription, as JSON for `az role definition create`.
func Role() (string, error) {
	return text(struct {
		Name             string
		IsCustom         bool
		Description      string
		Actions          []string
		NotActions       []string
		AssignableScopes []string
	}{
		Name: "polygate deployer", IsCustom: true, Description: "Deploys stacks of polygate",
		Actions:    union(map[string]Need{"": {Actions: azureLookup}, "types": {Actions: union(azure, func(n Need) []string { return n.Actions })}}, func(n Need) []string { return n.Actions }),
		NotActions: []string{}, AssignableScopes: []string{"/subscriptions/<subscription>"},
	})
}

// cloudflare are permission groups of an API token. Source: "API token permissions", developers.cloudflare.com/fundamentals/
// api/reference/permissions.
var cloudflare = map[string]Need{
	"cloudflare:index/dnsRecord:DnsRecord":                     {Groups: []string{"Zone: DNS Write", "Zone: Zone Read"}},
	"cloudflare:index/loadBalancer:LoadBalancer":               {Groups: []string{"Zone: Load Balancers Write"}},
	"cloudflare:index/loadBalancerMonitor:LoadBalancerMonitor": {Groups: []string{"Account: Load Balancing: Monitors and Pools Write"}},
	"cloudflare:index/loadBalancerPool:LoadBalancerPool":       {Groups: []string{"Account: Load Balancing: Monitors and Pools Write"}},
	"cloudflare:index/ruleset:Ruleset":                         {Groups: []string{"Zone: Config Settings Write", "Zone: Zone Transform Rules Write"}},
	"cloudflare:index/zoneSetting:ZoneSetting":                 {Groups: []string{"Zone: Zone Settings Write"}, Policy: ByCountries},
}

// Groups lists the permission groups of Cloudflare's API token.
func Groups() []string { return union(cloudflare, func(n Need) []string { return n.Groups }) }
