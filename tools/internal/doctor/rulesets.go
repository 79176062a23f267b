package doctor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// rulesets looks whether the phases are free of which a stack behind Cloudflare's proxy makes the zone's ruleset. A zone has one of a
// phase, and Cloudflare refuses a second half-way through `up`. Source: "exceeded maximum number of zone rulesets for phase", code 20217,
// cloudflare/terraform-provider-cloudflare issue 6273.
func (d *doctor) rulesets(ctx context.Context, c Cloudflare) Finding {
	if len(d.Phases) == 0 {
		return Skip("the stack is not behind Cloudflare's proxy, and makes none")
	}
	if d.Deployed != nil && d.Deployed.Details["proxied"] == "true" {
		return OK("deployed behind the proxy: those of %s are the stack's own", strings.Join(d.Phases, ", "))
	}
	z, err := c.Zone(ctx, d.Settings.Zone)
	switch {
	case errors.Is(err, ErrNoZone):
		return Skip("there is no zone")
	case err != nil:
		return refused(loginCloudflare, "to read the zone "+d.Settings.Zone, err)
	}
	all, err := c.Rulesets(ctx, z.ID)
	if err != nil {
		// Source: "View rulesets", Required API token permissions, developers.cloudflare.com/ruleset-engine/basic-operations/view-rulesets.
		text, _, _ := strings.Cut(err.Error(), "\n")
		return Warn("give the token Zone: Config Settings and Zone: Zone Transform Rules, which `up` writes (infra/FIRST-DEPLOY.md)",
			"whether %s are taken could not be read: %s", strings.Join(d.Phases, " and "), text)
	}
	var taken, remedies []string
	for _, r := range all {
		if !slices.Contains(d.Phases, r.Phase) {
			continue
		}
		taken = append(taken, fmt.Sprintf("%s, by %q", r.Phase, r.Name))
		remedies = append(remedies, vacate(z.ID, r))
	}
	if len(taken) > 0 {
		return Bad(strings.Join(remedies, "\n"), "a zone has one ruleset of a phase, the stack makes its own, and taken are %s", strings.Join(taken, "; "))
	}
	return OK("free: %s", strings.Join(d.Phases, ", "))
}

// vacate is how the stack comes by a phase. Without its rules a ruleset stays, and takes the phase as before: it has to be deleted.
// Source: cloudflare/terraform-provider-cloudflare issue 2004. What is imported is given the stack's rule for its own, below the component
// that the engine knows from the `up` that stopped. Sources: "pulumi import", --parent, www.pulumi.com/docs/iac/cli/commands/pulumi_import;
// "Import", www.pulumi.com/registry/packages/cloudflare/api-docs/ruleset.
func vacate(zone string, r Ruleset) string {
	return fmt.Sprintf("%s: take its rules out, and then itself: `curl -X DELETE -H \"Authorization: Bearer $CLOUDFLARE_API_TOKEN\" https://api.cloudflare.com/client/v4/zones/%s/rulesets/%s`; "+
		"or import it, which ends its rules: `polygate up` stops at the ruleset and names it, then `pulumi import --protect=false --parent parent=<the URN of its component> "+
		"cloudflare:index/ruleset:Ruleset <its name> zones/%s/%s`, and `polygate up` again", r.Phase, zone, r.ID, zone, r.ID)
}
