package azure

import (
	"context"
	"net/http"
	"strings"
	"time"

	"polygate.example/tools/internal/localcloud/resource"
)

// Tokens of the identity types.
const (
	tokenIdentity = "azure-native:managedidentity:UserAssignedIdentity"
	tokenRole     = "azure-native:authorization:RoleAssignment"
)

// identity: Source: Microsoft.ManagedIdentity/userAssignedIdentities in "Naming rules and restrictions".
func identity() *resource.Type {
	t := arm(tokenIdentity, "Microsoft.ManagedIdentity/userAssignedIdentities", "resourceName",
		named("resourceName", `^[A-Za-z0-9][A-Za-z0-9_-]{2,127}$`), location, tags)
	t.Computed = append(t.Computed, "clientId", "principalId", "tenantId")
	t.AutoName = autoName("resourceName", 128)
	t.Create = func(_ context.Context, env *resource.Env, in resource.Props) (string, resource.Props, error) {
		id, g, err := place(env, in, "Microsoft.ManagedIdentity", "userAssignedIdentities", in.Str("resourceName"))
		if err != nil {
			return "", nil, err
		}
		return id.String(), made(id, "2023-01-31").With(resource.Props{
			"location": at(in, g), "clientId": derived("client", id.String()), "principalId": derived("principal", id.String()), "tenantId": Tenant,
		}), nil
	}
	return t
}

// principalTypes: Source: Microsoft.Authorization/roleAssignments template reference.
var principalTypes = []string{"User", "Group", "ServicePrincipal", "ForeignGroup", "Device"}

// roleAssignment: Source: "Understand Azure role assignments" and "Troubleshoot Azure RBAC",
// learn.microsoft.com/azure/role-based-access-control (the name is a GUID; equal role, principal and scope exist once).
func roleAssignment() *resource.Type {
	fold := func(o, n any) bool { return Equal(text(o), text(n)) }
	principalType := choice("principalType", principalTypes...)
	principalType.Default, principalType.Immutable = "User", true
	return &resource.Type{
		Token: tokenRole, Label: "Microsoft.Authorization/roleAssignments",
		Properties: []resource.Property{
			{Name: "roleAssignmentName", Kind: resource.String, Immutable: true, Fold: true, Complain: func(v any) string {
				if !guid.MatchString(v.(string)) {
					return refuse(http.StatusBadRequest, "InvalidRoleAssignmentId", "The role assignment ID '%s' is not valid. The role assignment ID must be a GUID.", v).Error()
				}
				return ""
			}},
			{Name: "scope", Kind: resource.String, Required: true, Immutable: true, Same: fold},
			{Name: "roleDefinitionId", Kind: resource.String, Required: true, Immutable: true, Same: fold},
			{Name: "principalId", Kind: resource.String, Required: true, Immutable: true, Fold: true},
			principalType,
			{Name: "description", Kind: resource.String},
		},
		Unmodelled: []string{"condition", "conditionVersion", "delegatedManagedIdentityResourceId"},
		Computed:   []string{"azureApiVersion", "name", "type", "createdOn", "updatedOn"},
		Unique:     []string{"scope", "roleAssignmentName"},
		Conflict: func(resource.Props) error {
			return refuse(http.StatusConflict, CodeRoleExists, "The role assignment already exists.")
		},
		Create: assignRole,
	}
}

func assignRole(_ context.Context, env *resource.Env, in resource.Props) (string, resource.Props, error) {
	v, scope := env.View(), "/"+strings.Trim(in.Str("scope"), "/")
	if err := checkScope(v, scope); err != nil {
		return "", nil, err
	}
	if _, ok := builtin(in.Str("roleDefinitionId")); !ok {
		return "", nil, refuse(http.StatusBadRequest, CodeRoleUnknown, "The specified role definition with ID '%s' does not exist.", afterLast(in.Str("roleDefinitionId")))
	}
	who, ok := principal(v, in.Str("principalId"))
	if !ok {
		return "", nil, refuse(http.StatusBadRequest, CodeNoPrincipal, "Principal %s does not exist in the directory %s. Check that you have the correct principal ID.",
			strings.ReplaceAll(in.Str("principalId"), "-", ""), Tenant)
	}
	if in.Str("principalType") != "ServicePrincipal" {
		return "", nil, refuse(http.StatusBadRequest, "UnmatchedPrincipalType", "The PrincipalId '%s' has type 'ServicePrincipal', which is different from specified PrincipalType '%s' (%s).",
			in.Str("principalId"), in.Str("principalType"), who.ID)
	}
	for _, r := range v.List(tokenRole) {
		if Equal(r.Inputs.Str("scope"), scope) && strings.EqualFold(r.Inputs.Str("principalId"), in.Str("principalId")) && sameRole(r.Inputs.Str("roleDefinitionId"), in.Str("roleDefinitionId")) {
			return "", nil, refuse(http.StatusConflict, CodeRoleExists, "The role assignment already exists. The ID of the existing role assignment is %s.",
				strings.ReplaceAll(afterLast(r.ID), "-", ""))
		}
	}
	name := in.Str("roleAssignmentName")
	if name == "" {
		name = derived("assignment", scope, in.Str("principalId"), in.Str("roleDefinitionId"))
	}
	now := env.Now().Format(time.RFC3339)
	return scope + "/providers/Microsoft.Authorization/roleAssignments/" + name, resource.Props{
		"azureApiVersion": "2022-04-01", "name": name, "type": "Microsoft.Authorization/roleAssignments", "createdOn": now, "updatedOn": now,
	}, nil
}

func afterLast(s string) string { return s[strings.LastIndex(s, "/")+1:] }

func sameRole(a, b string) bool { return strings.EqualFold(afterLast(a), afterLast(b)) }

// checkScope refuses a scope below a subscription that does not exist.
func checkScope(v resource.View, scope string) error {
	// Vaults and their groups are the user's own, made beside the stack. Roles are given in a vault there is, also on a secret
	// that is yet to come.
	if vault := vaultOf(scope); vault != "" {
		if vaultExists(v, vault) {
			return nil
		}
		id, err := ParseID(vault)
		if err != nil {
			return err
		}
		return notFound(id)
	}
	id, err := ParseID(scope)
	if err != nil {
		if parts := strings.Split(strings.Trim(scope, "/"), "/"); len(parts) == 2 && strings.EqualFold(parts[0], "subscriptions") {
			return nil
		}
		return err
	}
	if _, ok := groupOf(v, id.Group); !ok {
		return groupNotFound(id.Group)
	}
	if id.Namespace == "" {
		return nil
	}
	for _, r := range v.All() {
		if r.Provider == "azure" && Equal(r.ID, scope) {
			return nil
		}
	}
	return notFound(id)
}

// principal finds the managed identity with an object id.
func principal(v resource.View, objectID string) (resource.Record, bool) {
	for _, r := range v.List(tokenIdentity) {
		if strings.EqualFold(r.Computed.Str("principalId"), objectID) {
			return r, true
		}
	}
	for _, r := range v.List(tokenApp) {
		if strings.EqualFold(r.Computed.Object("identity").Str("principalId"), objectID) {
			return r, true
		}
	}
	return resource.Record{}, false
}

// GrantDelay is how long a role assignment takes to act, in cloud time. Azure promises no more than ten minutes and is
// mostly far quicker: this is short enough to live with, and too long for a publication that does not wait.
// Source: "Troubleshoot Azure RBAC", role assignment changes are not being detected, learn.microsoft.com/azure/
// role-based-access-control/troubleshooting.
const GrantDelay = 30 * time.Second

// acts reports whether a role assignment is old enough to act. One from the future was made before a restart, as cloud
// time runs ahead of the wall clock and starts from it again.
func acts(assignment resource.Record, now time.Time) bool {
	age := now.Sub(assignment.Created)
	return age < 0 || age >= GrantDelay
}

// readsBlobs reports whether a principal may read blobs of a container now: by a data role at it or above it.
func readsBlobs(v resource.View, principalID, container string, now time.Time) bool {
	for _, r := range v.List(tokenRole) {
		b, ok := builtin(r.Inputs.Str("roleDefinitionId"))
		if ok && b.readsBlob && acts(r, now) && strings.EqualFold(r.Inputs.Str("principalId"), principalID) && Covers(r.Inputs.Str("scope"), container) {
			return true
		}
	}
	return false
}
