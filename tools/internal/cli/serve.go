package cli

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"polygate.example/infra"
	"polygate.example/infra/settings"
	"polygate.example/tools/internal/localcloud"
	"polygate.example/tools/internal/process"
)

// serveCommand is the local clouds themselves, in the foreground; `local start` runs it in the background.
func (a *app) serveCommand() *cobra.Command {
	var vendor bool
	c := &cobra.Command{
		Use:     "serve",
		Short:   "Run the local clouds in the foreground",
		Example: "  polygate local serve",
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := a.localSettings()
			if err != nil {
				return err
			}
			opts, err := a.cloudOptions(s)
			if err != nil {
				return err
			}
			opts.Vendor = vendor
			opts.Dials = withVendor(opts.Dials, vendor)
			clouds, end, err := a.serveClouds(cmd.Context(), opts)
			if err != nil {
				return err
			}
			defer end()
			a.step("the local clouds of %s are up", a.stack)
			clouds.Wait(cmd.Context())
			return clouds.Close()
		},
	}
	vendorFlag(c, &vendor)
	return c
}

func vendorFlag(c *cobra.Command, to *bool) {
	c.Flags().BoolVar(to, "vendor-hosts", false, "run functions on aws-lambda-rie and Azure's func where they are on PATH")
}

// serveClouds starts the local clouds, with a folder for what the functions and their builds leave of temporary files. It goes
// with them; that of clouds which were killed goes now, when nobody else can have the clouds' folder.
func (a *app) serveClouds(ctx context.Context, opts localcloud.Options) (*localcloud.Clouds, func(), error) {
	if err := os.MkdirAll(opts.Dir, 0o700); err != nil {
		return nil, nil, fmt.Errorf("make room for the local clouds: %w", err)
	}
	tmp, err := os.MkdirTemp(opts.Dir, "tmp-")
	if err != nil {
		return nil, nil, fmt.Errorf("make room for temporary files: %w", err)
	}
	end, err := tempDir(tmp)
	if err != nil {
		return nil, nil, err
	}
	clouds, err := localcloud.Start(ctx, opts)
	if err != nil {
		end()
		return nil, nil, err
	}
	left, _ := filepath.Glob(filepath.Join(opts.Dir, "tmp-*")) // the pattern is well formed
	for _, dir := range left {
		if dir != tmp {
			_ = os.RemoveAll(dir) // the next start tries again
		}
	}
	return clouds, end, nil
}

// vendorDial marks clouds that run functions on the vendors' own hosts.
const vendorDial = " --vendor-hosts"

func withVendor(dials string, vendor bool) string {
	if vendor {
		return dials + vendorDial
	}
	return dials
}

// localSettings reads the stack file and insists that the environment has local clouds.
func (a *app) localSettings() (settings.Settings, error) {
	s, err := a.settings()
	if err != nil {
		return s, err
	}
	return s, a.local(s, true)
}

// cloudOptions turns the stack's dials into where and how its local clouds run.
func (a *app) cloudOptions(s settings.Settings) (localcloud.Options, error) {
	l := s.LocalClouds
	opts := localcloud.Options{Dir: a.cloudDir(), Speed: l.Speed, Log: a.step}
	for _, manager := range []string{s.Manager, s.Spare} {
		if manager != "" {
			opts.Zones = append(opts.Zones, localcloud.Zone{Name: s.Zone, Manager: manager, Group: zoneGroup(s, manager),
				AcceleratedRecovery: manager == "route53" && s.Route53.AcceleratedRecovery})
		}
	}
	for _, f := range []struct {
		to   *netip.AddrPort
		text string
	}{{&opts.DNS, l.DNS}, {&opts.Edge, l.Edge}, {&opts.Origin, l.Origin}} {
		ap, err := netip.ParseAddrPort(f.text)
		if err != nil {
			return opts, usageError{err}
		}
		*f.to = ap
	}
	network, err := netip.ParseAddr(l.Network)
	if err != nil {
		return opts, usageError{err}
	}
	opts.Network = network
	opts.Dials, err = dials(l, opts.Zones)
	if err != nil {
		return opts, err
	}
	if c := s.Certificate; c != nil {
		names, err := infra.CertificateNames(s)
		if err != nil {
			return opts, err
		}
		if len(names) > 0 {
			opts.PFX = &localcloud.PFX{File: a.path(c.PFX), PasswordFile: a.path(c.PasswordFile), Names: names, Authority: c.Authority}
		}
	}
	return opts, nil
}

// zoneGroup is the resource group of a manager's zone, "" where there are none.
func zoneGroup(s settings.Settings, manager string) string {
	if manager != "trafficmanager" {
		return ""
	}
	return s.TrafficManager.ZoneGroup
}

// dials says what local clouds are started with: the stack file's dials, the zones made by hand, and the polygate that runs them.
func dials(l *settings.LocalClouds, zones []localcloud.Zone) (string, error) {
	self, err := process.Self()
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%+v %+v polygate %s", *l, zones, self), nil
}

// path resolves a stack file's path against the project folder.
func (a *app) path(p string) string {
	if filepath.IsAbs(p) {
		return p
	}
	return filepath.Join(a.root, p)
}

// startClouds starts the local clouds in a process of their own, unless they run already, and waits until they are ready.
// Clouds on the vendors' hosts do for whoever does not ask for those, and stay so when they are started anew.
func (a *app) startClouds(ctx context.Context, s settings.Settings, vendor bool) (localcloud.State, error) {
	opts, err := a.cloudOptions(s)
	if err != nil {
		return localcloud.State{}, err
	}
	unlock, err := a.cloudLock(ctx)
	if err != nil {
		return localcloud.State{}, err
	}
	defer unlock()
	st, err := localcloud.ReadState(ctx, a.cloudDir())
	switch {
	case err == nil && (st.Dials == opts.Dials+vendorDial || st.Dials == opts.Dials && !vendor):
		if opts.PFX != nil {
			err = localcloud.NewClient(st).BringCertificate(ctx, *opts.PFX)
		}
		return st, err
	case err == nil:
		a.step("the local clouds run with other dials or an older polygate: starting them anew (faults in force end, resources stay)")
		vendor = vendor || strings.HasSuffix(st.Dials, vendorDial)
		if err := a.stopRunning(ctx); err != nil {
			return st, err
		}
	case !errors.Is(err, localcloud.ErrNotRunning):
		return st, err
	}
	if err := a.addressesFree(opts); err != nil {
		return st, err
	}
	return a.launchClouds(ctx, vendor)
}

// launchClouds starts the process and waits until the clouds are ready. It ends the process when it is not to wait any longer.
func (a *app) launchClouds(ctx context.Context, vendor bool) (localcloud.State, error) {
	var st localcloud.State
	logFile := filepath.Join(a.cloudDir(), "clouds.log")
	log, err := os.OpenFile(logFile, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return st, fmt.Errorf("open the local clouds' log: %w", err)
	}
	defer log.Close()
	self, err := os.Executable()
	if err != nil {
		return st, fmt.Errorf("find polygate itself: %w", err)
	}
	args := []string{"-C", a.root, "-s", a.stack, "local", "serve"} // holder knows them by it
	if vendor {
		args = append(args, "--vendor-hosts")
	}
	cmd := exec.Command(self, args...)
	cmd.Dir = a.root
	cmd.Stdout, cmd.Stderr = log, log
	detach(cmd)
	if err := cmd.Start(); err != nil {
		return st, fmt.Errorf("start the local clouds: %w", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	a.step("starting the local clouds (process %d)", cmd.Process.Pid)
	defer a.heartbeat(func() string { return "still starting the local clouds: see " + logFile })()
	for {
		if st, err := localcloud.ReadState(ctx, a.cloudDir()); err == nil && st.PID == cmd.Process.Pid {
			return st, nil
		}
		select {
		case ended := <-ended:
			b, err := os.ReadFile(logFile)
			if err != nil {
				return st, fmt.Errorf("the local clouds ended at once: %w", errors.Join(ended, err))
			}
			return st, fmt.Errorf("the local clouds did not start:\n%s", strings.TrimSpace(string(b)))
		case <-ctx.Done():
			return st, errors.Join(ctx.Err(), endProcess(cmd.Process, ended))
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// endProcess asks a process to end in order and, when it takes too long over it, ends it.
func endProcess(p *os.Process, ended <-chan error) error {
	if err := p.Signal(os.Interrupt); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case err := <-ended:
		if errors.As(err, new(*exec.ExitError)) {
			return nil // however it ended, it has
		}
		return err
	case <-time.After(10 * time.Second):
		return p.Kill()
	}
}
