package azure

import "strings"

// Built-in roles a stack of this kind grants, by the GUID of their definition.
// Source: learn.microsoft.com/azure/role-based-access-control/built-in-roles.
const (
	RoleOwner                       = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635"
	RoleContributor                 = "b24988ac-6180-42a0-ab88-20f7382dd24c"
	RoleReader                      = "acdd72a7-3385-48ef-bd42-f606fba81ae7"
	RoleStorageBlobDataOwner        = "b7e6dc6d-f1e8-4753-8033-0f276bb0955b"
	RoleStorageBlobDataContributor  = "ba92f5b4-2d11-453d-a403-e96b0029c9fe"
	RoleStorageBlobDataReader       = "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1"
	RoleStorageQueueDataContributor = "974c5e8b-45b9-4653-ba55-5f855dd0fb88"
	RoleStorageTableDataContributor = "0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3"
	RoleMonitoringMetricsPublisher  = "3913510d-42f4-4e42-8a64-420c390055eb"
	RoleKeyVaultSecretsUser         = "4633458b-17de-408a-b874-0445c86b69e6"
)

// role is a built-in role: its name, and whether it lets its holder read the data of blobs, and secrets. Owner, Contributor and
// Reader are control-plane roles: they do not.
type role struct {
	name        string
	readsBlob   bool
	readsSecret bool
}

var roles = map[string]role{
	RoleOwner:                       {name: "Owner"},
	RoleContributor:                 {name: "Contributor"},
	RoleReader:                      {name: "Reader"},
	RoleStorageBlobDataOwner:        {name: "Storage Blob Data Owner", readsBlob: true},
	RoleStorageBlobDataContributor:  {name: "Storage Blob Data Contributor", readsBlob: true},
	RoleStorageBlobDataReader:       {name: "Storage Blob Data Reader", readsBlob: true},
	RoleStorageQueueDataContributor: {name: "Storage Queue Data Contributor"},
	RoleStorageTableDataContributor: {name: "Storage Table Data Contributor"},
	RoleMonitoringMetricsPublisher:  {name: "Monitoring Metrics Publisher"},
	RoleKeyVaultSecretsUser:         {name: "Key Vault Secrets User", readsSecret: true},
}

// builtin finds a role by its definition id, with or without the subscription in front.
func builtin(definitionID string) (role, bool) {
	const marker = "/providers/microsoft.authorization/roledefinitions/"
	_, guid, ok := strings.Cut(strings.ToLower(definitionID), marker)
	if !ok {
		return role{}, false
	}
	r, ok := roles[guid]
	return r, ok
}
