package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"polygate.example/infra/settings"
	"polygate.example/tools/internal/localcloud"
	"polygate.example/tools/internal/localcloud/fault"
)

func (a *app) faultsCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "faults",
		Short:   "List what is broken on purpose, and the alarms of web tests that it set off",
		Example: "  polygate local faults",
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.cloudClient(cmd.Context())
			if err != nil {
				return err
			}
			o, err := c.Overview(cmd.Context())
			if err != nil {
				return err
			}
			if len(o.Faults) == 0 {
				a.result("nothing is broken\n")
			}
			for _, f := range o.Faults {
				a.result("%-24s %-19s for %s%s\n", f.Target, f.Kind, time.Since(f.Since).Round(time.Second), leased(f))
			}
			for _, id := range slices.Sorted(maps.Keys(o.Alarms)) {
				if alarm := o.Alarms[id]; alarm.On {
					a.result("alarm %s: %d of %d places, %s\n", path.Base(id), alarm.Failing, alarm.Of, alarm.Why)
				}
			}
			return nil
		},
	}
}

func (a *app) failCommand() *cobra.Command {
	f := fault.Fault{}
	var kind string
	c := &cobra.Command{
		Use:   "fail <provider>[/<region>] | <manager>",
		Short: "Break a region, a whole provider, or a traffic manager",
		Example: `  polygate local fail aws/us-east-1
  polygate local fail route53
  polygate local fail gcp --kind slow --delay 3s
  polygate local fail azure --kind errors --rate 0.5 --spares-health
  polygate local fail aws/us-east-1 --kind blackhole --lease 90s
  polygate local fail route53 --kind stale
  polygate local fail aws --kind control-plane
  polygate local fail cloudflare --kind control-plane
  polygate local fail azure/eastus --kind certificate-expired`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeTargets,
		RunE: func(cmd *cobra.Command, args []string) error {
			f.Target, f.Kind = args[0], fault.Kind(kind)
			for flag, of := range map[string]fault.Kind{"delay": fault.Slow, "rate": fault.Errors, "spares-health": fault.Errors} {
				if cmd.Flags().Changed(flag) && f.Kind != of {
					return usageError{fmt.Errorf("--%s has no meaning with --kind %s: it goes with --kind %s", flag, f.Kind, of)}
				}
			}
			if cmd.Flags().Changed("lease") && f.Lease <= 0 {
				return usageError{fmt.Errorf("--lease is %s: want a time above 0, or leave it out for a fault that stays until it is healed", f.Lease)}
			}
			c, err := a.cloudClient(cmd.Context())
			if err != nil {
				return err
			}
			if f.Kind != fault.Slow {
				f.Delay = 0
			}
			if f.Kind != fault.Errors {
				f.Rate = 0
			}
			if err := c.Inject(cmd.Context(), f); err != nil {
				return refused(err)
			}
			f.Left = f.Lease
			a.result("%s: %s%s\n", f.Target, f.Kind, leased(f))
			return nil
		},
	}
	c.Flags().StringVar(&kind, "kind", string(fault.Down), "what to break: "+settings.List(faultKinds()))
	c.Flags().DurationVar(&f.Delay, "delay", 5*time.Second, "with --kind slow: delay of each answer in cloud time; a client waits this divided by localClouds.speed")
	c.Flags().Float64Var(&f.Rate, "rate", 1, "with --kind errors: share of requests answered 503")
	c.Flags().BoolVar(&f.SparesHealth, "spares-health", false, "with --kind errors: health checks are answered as ever")
	c.Flags().DurationVar(&f.Lease, "lease", 0, "cloud time after which it ends by itself; it lasts this divided by localClouds.speed (default: until it is healed)")
	completeKinds(c)
	return c
}

func (a *app) healCommand() *cobra.Command {
	var kind string
	c := &cobra.Command{
		Use:     "heal [<provider>[/<region>] | <manager>]",
		Short:   "Mend a region, a provider, a traffic manager, or everything",
		Example: "  polygate local heal\n  polygate local heal aws/us-east-1\n  polygate local heal aws/us-east-1 --kind slow",
		Args:    cobra.MaximumNArgs(1),

		ValidArgsFunction: a.completeTargets,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := a.cloudClient(cmd.Context())
			if err != nil {
				return err
			}
			cure := fault.Cure{Target: strings.Join(args, ""), Kind: fault.Kind(kind)}
			n, err := c.Cure(cmd.Context(), cure)
			if err != nil {
				return refused(err)
			}
			a.result("%s\n", healed(n))
			return a.stillBroken(cmd.Context(), c, cure)
		},
	}
	c.Flags().StringVar(&kind, "kind", "", "what to mend, of "+settings.List(faultKinds())+" (default: everything)")
	completeKinds(c)
	return c
}

// leased says in words how long a fault stays by itself, and whose it is.
func leased(f fault.Fault) string {
	var out string
	if f.Lease > 0 {
		out = fmt.Sprintf(", ends by itself in %s of cloud time", f.Left.Round(time.Second))
	}
	if f.Drill != "" {
		out += fmt.Sprintf(", by the drill %s with token %d", f.Drill, f.Token)
	}
	return out
}

// healed says in words how many faults have been healed.
func healed(n int) string {
	if n == 0 {
		return "nothing was broken"
	}
	return settings.Count(n, "fault") + " healed"
}

// stillBroken says which fault of its provider keeps a region from being well.
func (a *app) stillBroken(ctx context.Context, c *localcloud.Client, cure fault.Cure) error {
	region := cure.Target
	provider, _, ok := strings.Cut(region, "/")
	if !ok {
		return nil
	}
	o, err := c.Overview(ctx)
	if err != nil {
		return err
	}
	for _, f := range o.Faults {
		if f.Target == provider && (cure.Kind == "" || f.Kind == cure.Kind) {
			a.result("%s is still %s with the whole of %s: `polygate local heal %s` mends that\n", region, f.Kind, provider, provider)
		}
	}
	return nil
}

// refused makes a request that the clouds would not take the caller's to mend.
func refused(err error) error {
	if errors.Is(err, localcloud.ErrRefused) {
		return usageError{err}
	}
	return err
}
