package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"polygate.example/infra/settings"
	"polygate.example/tools/internal/localcloud"
	"polygate.example/tools/internal/localcloud/fault"
	"polygate.example/tools/internal/process"
)

func (a *app) localCommand() *cobra.Command {
	c := &cobra.Command{
		Use:     "local",
		Short:   "Run the local clouds, and break them",
		Example: "  polygate local fail aws\n  polygate local heal",
		RunE:    helpOrUnknown,
		Args:    cobra.ArbitraryArgs,
	}
	c.AddCommand(a.startCommand(), a.stopCommand(), a.serveCommand(), a.envCommand(), a.faultsCommand(), a.failCommand(), a.healCommand(), a.placesCommand(), a.secretCommand(), a.controlCommand(), a.delegateCommand())
	return c
}

func (a *app) startCommand() *cobra.Command {
	var vendor bool
	c := &cobra.Command{
		Use:     "start",
		Short:   "Start the local clouds in the background",
		Example: "  polygate local start",
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := a.localSettings()
			if err != nil {
				return err
			}
			st, err := a.startClouds(cmd.Context(), s, vendor)
			if err != nil {
				return err
			}
			a.result("dns     %s (UDP and TCP)\nedge    %s (HTTPS)\norigin  %s (HTTP)\nca      %s\n", st.DNS, st.Edge, st.Origin, st.CA)
			return nil
		},
	}
	vendorFlag(c, &vendor)
	return c
}

func (a *app) stopCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "stop",
		Short:   "Stop the local clouds; what is deployed there comes back with the next start",
		Example: "  polygate local stop",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := a.hasLocalClouds(); err != nil {
				return err
			}
			return a.stopClouds(cmd.Context())
		},
	}
}

func (a *app) envCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "env",
		Short: "Print what a plain `pulumi` needs to use the local clouds",
		Example: `  eval "$(polygate local env)"
  pulumi stack select --create local && pulumi up`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := a.hasLocalClouds(); err != nil { // `pulumi config set` mends a stack file that is not valid
				return err
			}
			st, err := a.cloudState(cmd.Context())
			if err != nil {
				return err
			}
			env, err := a.localEnv(st)
			if err != nil {
				return err
			}
			for _, k := range localEnvNames {
				a.result("export %s=%s\n", k, shellQuote(env[k]))
			}
			return nil
		},
	}
}

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
				a.result("%-24s %-14s for %s\n", f.Target, f.Kind, time.Since(f.Since).Round(time.Second))
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
  polygate local fail azure --kind errors --rate 0.5
  polygate local fail aws --kind control-plane
  polygate local fail cloudflare --kind control-plane
  polygate local fail azure/eastus --kind certificate-expired`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeTargets,
		RunE: func(cmd *cobra.Command, args []string) error {
			f.Target, f.Kind = args[0], fault.Kind(kind)
			for flag, of := range map[string]fault.Kind{"delay": fault.Slow, "rate": fault.Errors} {
				if cmd.Flags().Changed(flag) && f.Kind != of {
					return usageError{fmt.Errorf("--%s has no meaning with --kind %s: it goes with --kind %s", flag, f.Kind, of)}
				}
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
			a.result("%s: %s\n", f.Target, f.Kind)
			return nil
		},
	}
	c.Flags().StringVar(&kind, "kind", string(fault.Down), "what to break: "+settings.List(faultKinds()))
	c.Flags().DurationVar(&f.Delay, "delay", 5*time.Second, "with --kind slow: delay of each answer in cloud time; a client waits this divided by localClouds.speed")
	c.Flags().Float64Var(&f.Rate, "rate", 1, "with --kind errors: share of requests answered 503")
	completeKinds(c)
	return c
}

func (a *app) healCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "heal [<provider>[/<region>] | <manager>]",
		Short:   "Mend a region, a provider, a traffic manager, or everything",
		Example: "  polygate local heal\n  polygate local heal aws/us-east-1",
		Args:    cobra.MaximumNArgs(1),

		ValidArgsFunction: a.completeTargets,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := a.cloudClient(cmd.Context())
			if err != nil {
				return err
			}
			n, err := c.Heal(cmd.Context(), strings.Join(args, ""))
			if err != nil {
				return refused(err)
			}
			a.result("%s\n", healed(n))
			return a.stillBroken(cmd.Context(), c, strings.Join(args, ""))
		},
	}
}

// healed says in words how many faults have been healed.
func healed(n int) string {
	if n == 0 {
		return "nothing was broken"
	}
	return settings.Count(n, "fault") + " healed"
}

// stillBroken says which fault of its provider keeps a region from being well.
func (a *app) stillBroken(ctx context.Context, c *localcloud.Client, region string) error {
	provider, _, ok := strings.Cut(region, "/")
	if !ok {
		return nil
	}
	o, err := c.Overview(ctx)
	if err != nil {
		return err
	}
	for _, f := range o.Faults {
		if f.Target == provider {
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

func (a *app) cloudClient(ctx context.Context) (*localcloud.Client, error) {
	if err := a.hasLocalClouds(); err != nil {
		return nil, err
	}
	st, err := a.cloudState(ctx)
	if err != nil {
		return nil, err
	}
	return localcloud.NewClient(st), nil
}

func (a *app) cloudState(ctx context.Context) (localcloud.State, error) {
	st, err := localcloud.ReadState(ctx, a.cloudDir())
	if errors.Is(err, localcloud.ErrNotRunning) {
		return st, fmt.Errorf("%w for %q: run `polygate local start -s %s`", err, a.stack, a.stack)
	}
	return st, err
}

// cloudDir is what the local clouds keep: their resources, packages, certificates and log.
func (a *app) cloudDir() string { return filepath.Join(a.workDir(), "clouds") }

// localPassphrase encrypts the secrets of a stack on local clouds. It is no secret: the salt in the stack file belongs to
// it, and all it guards is the key of a certificate that only the local authority signed.
const localPassphrase = "polygate-local"

// localEnvNames are the variables of localEnv, sorted.
var localEnvNames = []string{
	"PULUMI_BACKEND_URL", "PULUMI_CONFIG_PASSPHRASE", "PULUMI_DEBUG_PROVIDERS", "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION",
	"PULUMI_HOME", "PULUMI_SKIP_UPDATE_CHECK",
}

// localEnv is what a Pulumi CLI needs to deploy to running local clouds.
func (a *app) localEnv(st localcloud.State) (map[string]string, error) {
	backend := filepath.Join(a.workDir(), "state")
	home := filepath.Join(a.workDir(), "pulumi-home")
	for _, dir := range []string{backend, home} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return nil, fmt.Errorf("make room for Pulumi's state: %w", err)
		}
	}
	return map[string]string{
		"PULUMI_BACKEND_URL":                          (&url.URL{Scheme: "file", Path: filepath.ToSlash(backend)}).String(),
		"PULUMI_HOME":                                 home,
		"PULUMI_CONFIG_PASSPHRASE":                    localPassphrase,
		"PULUMI_DEBUG_PROVIDERS":                      st.DebugProviders(),
		"PULUMI_SKIP_UPDATE_CHECK":                    "true",
		"PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
	}, nil
}

// stopClouds asks running clouds to end and waits until they have. Clouds that are just being started are waited for.
func (a *app) stopClouds(ctx context.Context) error {
	unlock, err := a.cloudLock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	return a.stopRunning(ctx)
}

// cloudLock lets one run at a time start or stop the local clouds, and the others wait for it.
func (a *app) cloudLock(ctx context.Context) (unlock func(), err error) {
	if err := os.MkdirAll(a.cloudDir(), 0o700); err != nil {
		return nil, fmt.Errorf("make room for the local clouds: %w", err)
	}
	return process.Lock(ctx, filepath.Join(a.workDir(), "clouds.lock"), func() { a.step("another polygate is starting or stopping the local clouds: waiting for it") })
}

func (a *app) stopRunning(ctx context.Context) error {
	st, err := localcloud.ReadState(ctx, a.cloudDir())
	switch {
	case errors.Is(err, localcloud.ErrNotRunning):
		pid, ok := a.strayClouds()
		if !ok {
			a.step("the local clouds of %s are not running", a.stack)
			return nil
		}
		a.step("the local clouds of %s run, though their folder is gone: ending process %d", a.stack, pid)
		stray, err := os.FindProcess(pid)
		if err == nil {
			err = stray.Signal(os.Interrupt)
		}
		if err != nil && !errors.Is(err, os.ErrProcessDone) {
			return fmt.Errorf("end process %d: %w", pid, err)
		}
		st.PID = pid
	case err != nil:
		return err
	default:
		if err := localcloud.NewClient(st).Stop(ctx); err != nil {
			return err
		}
	}
	deadline := time.Now().Add(30 * time.Second)
	for time.Now().Before(deadline) {
		if !process.Alive(st.PID) {
			a.step("the local clouds of %s have stopped", a.stack)
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
	return fmt.Errorf("the local clouds (process %d) did not stop within 30 s: see %s", st.PID, filepath.Join(a.cloudDir(), "clouds.log"))
}

// removeClouds stops the local clouds and removes all the environment kept on this machine, its packages included.
func (a *app) removeClouds(ctx context.Context) error {
	if err := a.stopClouds(ctx); err != nil {
		return err
	}
	for _, dir := range []string{a.workDir(), a.dist()} {
		if err := os.RemoveAll(dir); err != nil {
			return fmt.Errorf("remove %s: %w", dir, err)
		}
	}
	return nil
}
