package azure

import (
	"fmt"
	"strings"
)

// ID is a parsed Azure Resource Manager id of something in a resource group:
//
//	/subscriptions/<guid>/resourceGroups/<name>/providers/<namespace>/<type>/<name>[/<type>/<name>...]
//
// Without a namespace it is the group itself. Ids are case-insensitive.
// Source: learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules.
type ID struct {
	Subscription string
	Group        string
	Namespace    string   // "Microsoft.Web", "" for the group
	Path         []string // type, name, type, name ...
}

// ParseID reads an id; it does not know whether the resource exists.
func ParseID(s string) (ID, error) {
	bad := func(why string) (ID, error) {
		return ID{}, refuse(400, CodeInvalidID, "Property id '%s' is invalid: %s. Expect fully qualified resource Id that start with '/subscriptions/{subscriptionId}'.", s, why)
	}
	parts := strings.Split(strings.Trim(s, "/"), "/")
	if len(parts) < 4 || !strings.EqualFold(parts[0], "subscriptions") || !strings.EqualFold(parts[2], "resourceGroups") {
		return bad("it does not name a subscription and a resource group")
	}
	for _, p := range parts {
		if p == "" {
			return bad("it has an empty segment")
		}
	}
	id := ID{Subscription: parts[1], Group: parts[3]}
	if len(parts) == 4 {
		return id, nil
	}
	if len(parts) < 8 || len(parts)%2 != 0 || !strings.EqualFold(parts[4], "providers") {
		return bad("it does not name a provider, a type and a name")
	}
	id.Namespace, id.Path = parts[5], parts[6:]
	return id, nil
}

// String spells the id as Resource Manager does.
func (id ID) String() string {
	s := fmt.Sprintf("/subscriptions/%s/resourceGroups/%s", id.Subscription, id.Group)
	if id.Namespace == "" {
		return s
	}
	return s + "/providers/" + id.Namespace + "/" + strings.Join(id.Path, "/")
}

// Name is the last name in the id.
func (id ID) Name() string {
	if len(id.Path) == 0 {
		return id.Group
	}
	return id.Path[len(id.Path)-1]
}

// Type is the resource type without the names: "Microsoft.Web/sites/certificates".
func (id ID) Type() string {
	if id.Namespace == "" {
		return "Microsoft.Resources/resourceGroups"
	}
	t := id.Namespace
	for i := 0; i < len(id.Path); i += 2 {
		t += "/" + id.Path[i]
	}
	return t
}

// Equal reports whether two spellings name one resource.
func Equal(a, b string) bool {
	return strings.EqualFold(strings.TrimRight(a, "/"), strings.TrimRight(b, "/"))
}

// Covers reports whether something granted at scope holds for the resource id: at itself or anything above it.
func Covers(scope, id string) bool {
	scope, id = strings.ToLower(strings.TrimRight(scope, "/")), strings.ToLower(strings.TrimRight(id, "/"))
	return scope == id || strings.HasPrefix(id, scope+"/")
}
