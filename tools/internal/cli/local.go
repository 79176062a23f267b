package cli

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"polygate.example/tools/internal/localcloud"
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
