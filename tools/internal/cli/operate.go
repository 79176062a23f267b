package cli

import (
	"errors"

	"github.com/spf13/cobra"

	"polygate.example/tools/internal/operate"
)

// moving are the flags that all verbs share which move traffic.
type moving struct {
	order           operate.Order
	purpose         string // the verb, for which the lock is held
	dry, yes, asOne bool   // --dry-run, --yes, --json
	ramp            ramping
}

func (m *moving) flags(c *cobra.Command, mode string) {
	m.purpose = c.Name()
	c.Flags().BoolVar(&m.dry, "dry-run", false, "print what would be done and what comes of it, and do nothing")
	c.Flags().BoolVarP(&m.yes, "yes", "y", false, "do it without asking")
	c.Flags().BoolVar(&m.asOne, "json", false, "print JSON")
	c.Flags().StringVar(&m.order.Mode, "mode", mode, operate.Graceful+": from a steady state to another; "+operate.Ungraceful+": whatever is not well stays behind")
	c.Flags().IntVar(&m.order.Least, "at-least", 1, "regions that have to be well and in traffic afterwards")
	_ = c.RegisterFlagCompletionFunc("mode", cobra.FixedCompletions([]string{operate.Graceful, operate.Ungraceful}, cobra.ShellCompDirectiveNoFileComp))
}

func (a *app) failoverCommand() *cobra.Command {
	var m moving
	c := &cobra.Command{
		Use:   "failover --from <region or provider> [--to <region or provider>]",
		Short: "Take a region or provider out of traffic, and see the others take over",
		Long: `failover has the traffic manager take a region, or all of a provider, out of traffic by its own API, and asks as clients would until
nobody is answered there any more. Nothing comes back by itself: see failback. It needs neither Pulumi nor the provider that is lost.

A graceful failover begins from a steady state and ends in one; an ungraceful one leaves behind whatever is not well.`,
		Example: "  polygate failover --from aws/us-east-1 --dry-run\n  polygate failover --from aws --to gcp --mode ungraceful --yes",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if len(m.order.From) == 0 {
				return usageError{errors.New("--from is missing: want a region or a provider")}
			}
			return a.move(cmd.Context(), m)
		},
	}
	c.Flags().StringSliceVar(&m.order.From, "from", nil, "what is to have no traffic")
	c.Flags().StringSliceVar(&m.order.To, "to", nil, "what alone is to serve; whoever comes next unless said")
	m.flags(c, operate.Graceful)
	for _, name := range []string{"from", "to"} {
		_ = c.RegisterFlagCompletionFunc(name, a.completeRegions) // it fails only for a flag that is not there
	}
	return c
}

func (a *app) failbackCommand() *cobra.Command {
	var m moving
	c := &cobra.Command{
		Use:   "failback [<region or provider>...]",
		Short: "Give regions their traffic back that were taken out of it; all of them unless named",
		Long: `failback gives regions their traffic back, and asks as clients would until they have it.

With --ramp it does so in steps of percent of their share, by the weights that the traffic manager has: patterns active-active and
multi-region with the steering weighted. Each step is watched from the clients' seat and by the regions' own names; one in which requests are
lost, or that nobody is led by, takes everything back, asks as clients would until they have left again, and ends with 1.`,
		Example:           "  polygate failback\n  polygate failback aws --dry-run\n  polygate failback aws/us-east-1 --ramp 5,25,50,100",
		Args:              cobra.ArbitraryArgs,
		ValidArgsFunction: a.completeRegions,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := m.ramp.check(cmd.Flags().Changed); err != nil {
				return err
			}
			m.order.Back = args
			return a.move(cmd.Context(), m)
		},
	}
	m.flags(c, operate.Graceful)
	m.ramp.flags(c)
	return c
}

func (a *app) drainCommand() *cobra.Command {
	return a.movingCommand(&cobra.Command{
		Use:     "drain <region or provider>...",
		Short:   "Take regions out of traffic, whatever their health",
		Example: "  polygate drain gcp/us-central1",
		Args:    cobra.MinimumNArgs(1),
	}, operate.Ungraceful, func(o *operate.Order, regions []string) { o.From = regions })
}

func (a *app) undrainCommand() *cobra.Command {
	return a.movingCommand(&cobra.Command{
		Use:     "undrain <region or provider>...",
		Short:   "Give regions their traffic back",
		Example: "  polygate undrain gcp/us-central1",
		Args:    cobra.MinimumNArgs(1),
	}, operate.Graceful, func(o *operate.Order, regions []string) { o.Back = regions })
}

// movingCommand completes a verb that names regions; order says what becomes of them.
func (a *app) movingCommand(c *cobra.Command, mode string, order func(*operate.Order, []string)) *cobra.Command {
	var m moving
	c.ValidArgsFunction = a.completeRegions
	c.RunE = func(cmd *cobra.Command, args []string) error {
		order(&m.order, args)
		return a.move(cmd.Context(), m)
	}
	m.flags(c, mode)
	return c
}
