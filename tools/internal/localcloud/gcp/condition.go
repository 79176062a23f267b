package gcp

import (
	"regexp"
	"slices"
	"strings"

	"polygate.example/tools/internal/localcloud/resource"
)

// condition restricts a grant to some resources. Of the expressions there are, those are modelled that compare the start
// of resource.name, joined by ||; a grant with another is refused, because whom it lets in could not be said.
// Source: "Attribute reference for IAM Conditions" (resource.name, startsWith) and "Overview of IAM Conditions",
// cloud.google.com/iam/docs/conditions-overview.
var condition = resource.Property{Name: "condition", Kind: resource.Object, Immutable: true, Fields: []resource.Property{
	{Name: "title", Kind: resource.String, Required: true, Min: resource.At(1), Max: resource.At(100)},
	{Name: "expression", Kind: resource.String, Required: true, Min: resource.At(1)},
	{Name: "description", Kind: resource.String, Max: resource.At(256)},
}}

// mostOperators is how many logical operators an expression may hold. Source: "IAM quotas and limits", logical operators
// in a role binding's condition expression, cloud.google.com/iam/quotas.
const mostOperators = 12

var startsWith = regexp.MustCompile(`^resource\.name\.startsWith\("([^"\\\\]+)"\)$`)

// nameStarts reads an expression.
func nameStarts(expression string) ([]string, error) {
	clauses := strings.Split(expression, "||")
	if len(clauses)-1 > mostOperators {
		return nil, apiError(400, ReasonBad, "The condition expression has %d logical operators, more than the allowed %d.", len(clauses)-1, mostOperators)
	}
	out := make([]string, len(clauses))
	for i, c := range clauses {
		m := startsWith.FindStringSubmatch(strings.TrimSpace(c))
		if m == nil {
			return nil, apiError(400, ReasonBad, "Invalid condition expression %q. (The local Google Cloud knows resource.name.startsWith(\"...\"), joined by ||)", strings.TrimSpace(c))
		}
		out[i] = m[1]
	}
	return out, nil
}

// basicRoles take no condition. Source: "Overview of IAM Conditions", limitations.
var basicRoles = []string{"roles/owner", "roles/editor", "roles/viewer"}

// checkCondition refuses a condition that IAM would not take.
func checkCondition(in resource.Props) error {
	if !in.Has("condition") {
		return nil
	}
	if role := in.Str("role"); slices.Contains(basicRoles, role) {
		return apiError(400, ReasonBad, "Conditions can't be set on policy bindings of the basic role %s.", role)
	}
	_, err := nameStarts(in.Object("condition").Str("expression"))
	return err
}

// nameless is the name of a resource of which conditions see none. No prefix fits it, so that a grant with a condition on
// resource.name is never good for such a resource. Of what a build needs, only objects of Cloud Storage have a name there. Artifact Registry is not among
// the services that know resource attributes, and of Cloud Logging only log buckets and log views do, to which no entry is
// written. Source: "Resource attributes for IAM Conditions" ("other services and resource types do not recognize resource
// attributes"), cloud.google.com/iam/docs/conditions-resource-attributes.
const nameless = ""

// covers reports whether a grant holds for a resource, by its full name as conditions see it.
func covers(grant resource.Props, name string) bool {
	if !grant.Has("condition") {
		return true
	}
	starts, err := nameStarts(grant.Object("condition").Str("expression"))
	return err == nil && slices.ContainsFunc(starts, func(p string) bool { return strings.HasPrefix(name, p) })
}
