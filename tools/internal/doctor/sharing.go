package doctor

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// Constraints of organisation policies that say whom anything may be granted to. Each refuses for itself, so that leave by one is none by
// the other. Source: "Restrict identities with domain-restricted sharing", docs.cloud.google.com/organization-policy/restrict-domains.
const (
	memberDomains  = "iam.allowedPolicyMemberDomains"
	managedMembers = "iam.managed.allowedPolicyMembers"
)

// sharingConstraints are all of them: which API tells of each, and the rule that exempts a project. Unconfirmed: whether `allUsers` can be
// among those that the managed one allows. It is turned off for the project, which does in any case.
var sharingConstraints = []struct{ name, api, exempt string }{
	{memberDomains, "cloudresourcemanager.googleapis.com", "allowAll: true"},
	{managedMembers, "orgpolicy.googleapis.com", "enforce: false"},
}

// sharing looks whether everybody may be granted something: a load balancer calls a function without an identity.
func (d *doctor) sharing(ctx context.Context, g Google, project string) Finding {
	var set, unread, exempt, allow []string
	for _, c := range sharingConstraints {
		restricted, err := g.Restricted(ctx, project, c.name)
		switch {
		case err != nil:
			text, _, _ := strings.Cut(err.Error(), "\n")
			unread = append(unread, fmt.Sprintf("whether %s is set could not be read: %s", c.name, text))
			allow = append(allow, readable(err, project, c.name, c.api))
		case restricted:
			set = append(set, c.name)
			exempt = append(exempt, fmt.Sprintf(`printf 'name: projects/%s/policies/%s\nspec: {rules: [{%s}]}\n' > policy.yaml && gcloud org-policies set-policy policy.yaml`, project, c.name, c.exempt))
		}
	}
	if len(set) > 0 {
		said := "the organisation restricts sharing by " + strings.Join(set, " and by ") + ", and refuses the grant that lets a load balancer call a function"
		return Bad(strings.Join(slices.Concat([]string{"have who administers its policies exempt the project (infra/FIRST-DEPLOY.md):"}, exempt, allow), "\n"),
			"%s", strings.Join(append([]string{said}, unread...), "; "))
	}
	if len(unread) > 0 {
		return Warn(strings.Join(allow, "\n"), "%s", strings.Join(unread, "; "))
	}
	return OK("everybody may be granted something")
}

// readable is how a policy comes to be read that could not be. An API is enabled in the project that its callers are counted on, which is
// a service account's own, and a person's where one is set. Source: "Set the quota project", docs.cloud.google.com/docs/quotas/set-quota-project.
func readable(err error, project, constraint, api string) string {
	if disabled(err) {
		return fmt.Sprintf("gcloud services enable --project %s %s, in the project that the answer names where that is another; logged in as a person, "+
			"`gcloud auth application-default set-quota-project %s` before", project, api, project)
	}
	return "allow the deployer orgpolicy.policy.get (roles/orgpolicy.policyViewer), or ask who administers the organisation's policies whether " + constraint + " is set for the project"
}
