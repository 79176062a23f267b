package cli

import (
	"fmt"
	"maps"
	"slices"

	"github.com/spf13/cobra"

	"polygate.example/tools/internal/localcloud"
)

// controlCommand switches routing controls, which is the data plane's: in production the cluster's endpoints take the same by
// `aws route53-recovery-cluster update-routing-control-states`.
func (a *app) controlCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "control <provider>/<region>... on|off",
		Short: "Switch routing controls of regions, all of them or none",
		Long: `control switches the Application Recovery Controller routing controls of regions, which a stack has with
polygate:route53 {routingControls: true}. A region has traffic while its control is on and it is healthy. A new control is off; with all
of them off every region counts as healthy. The safety rule refuses a change that would leave too few on.`,
		Example: "  polygate local control aws/us-east-1 gcp/us-central1 on\n  polygate local control aws/us-east-1 off",
		Args:    cobra.MinimumNArgs(2),
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			return a.completeControls(args), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			regions, state := args[:len(args)-1], args[len(args)-1]
			if state != "on" && state != "off" {
				return usageError{fmt.Errorf("%q is no state: want regions, and then on or off", state)}
			}
			s := localcloud.Switches{}
			for _, r := range regions {
				s[r] = state == "on"
			}
			c, err := a.cloudClient(cmd.Context())
			if err != nil {
				return err
			}
			all, err := c.Switch(cmd.Context(), s)
			if err != nil {
				return refused(err)
			}
			for _, name := range slices.Sorted(maps.Keys(all)) {
				a.result("%-24s %s\n", name, map[bool]string{true: "on", false: "off"}[all[name]])
			}
			return nil
		},
	}
}

// completeControls are the regions that are not named yet, and the states behind the first of them.
func (a *app) completeControls(args []string) []string {
	if a.locate() != nil {
		return nil
	}
	s, err := a.settings()
	if err != nil || slices.Contains(args, "on") || slices.Contains(args, "off") {
		return nil
	}
	var out []string
	for _, r := range s.Regions {
		if !slices.Contains(args, r.String()) {
			out = append(out, r.String())
		}
	}
	if len(args) > 0 {
		out = append(out, "on", "off")
	}
	return out
}

// delegateCommand changes where clients of the zone are led: what in production is done at the registrar, or in the zone above.
func (a *app) delegateCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "delegate <manager>",
		Short: "Lead the clients of the zone to a manager's DNS servers",
		Long: `delegate has the zone above the stack's name the DNS servers of another manager: of the one in polygate:manager, or of the one in
polygate:spare. Here it takes effect at once; in production resolvers remember the servers before for the TTL of the delegation, often two
days.`,
		Example: "  polygate local fail route53\n  polygate local delegate cloudflare",
		Args:    cobra.ExactArgs(1),
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) > 0 || a.locate() != nil {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			s, err := a.settings()
			if err != nil {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return slices.DeleteFunc([]string{s.Manager, s.Spare}, func(m string) bool { return m == "" }), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := a.localSettings()
			if err != nil {
				return err
			}
			c, err := a.cloudClient(cmd.Context())
			if err != nil {
				return err
			}
			if err := c.Delegate(cmd.Context(), localcloud.Delegation{Zone: s.Zone, Manager: args[0]}); err != nil {
				return refused(err)
			}
			a.result("%s is delegated to %s\n", s.Zone, args[0])
			if t, ok := a.unchanged(); ok && t.Manager != args[0] && t.Spare != args[0] {
				a.step("%s is not deployed with %s: its clients have no answer until it is", a.stack, args[0])
			}
			return nil
		},
	}
}
